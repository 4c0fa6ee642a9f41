//! The columns of the tables: one for each field of the figures.

use super::number::Precision;
use crate::lab::experiment::{Figures, Spread};

/// A column of the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Column {
    /// See [`Figures::down_bytes`].
    DownBytes,
    /// See [`Figures::up_bytes`].
    UpBytes,
    /// See [`Figures::overhead_factor`].
    OverheadFactor,
    /// See [`Figures::segments`].
    Segments,
    /// See [`Figures::calls`].
    Calls,
    /// See [`Figures::allocations`].
    Allocations,
    /// See [`Figures::held_bytes`].
    Held,
    /// See [`Figures::user_memory_bytes`].
    UserMemory,
    /// See [`Figures::kernel_memory_bytes`].
    KernelMemory,
    /// See [`Figures::cpu_us`].
    Cpu,
    /// See [`Figures::delay_p50_us`].
    DelayP50,
    /// See [`Figures::delay_p99_us`].
    DelayP99,
}

impl Column {
    /// Every column, in the order of tables.
    pub const ALL: [Self; 12] = [
        Self::DownBytes,
        Self::UpBytes,
        Self::OverheadFactor,
        Self::Segments,
        Self::Calls,
        Self::Allocations,
        Self::Held,
        Self::UserMemory,
        Self::KernelMemory,
        Self::Cpu,
        Self::DelayP50,
        Self::DelayP99,
    ];

    /// Its name: that of the field of [`Figures`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::DownBytes => "down_bytes",
            Self::UpBytes => "up_bytes",
            Self::OverheadFactor => "overhead_factor",
            Self::Segments => "segments",
            Self::Calls => "calls",
            Self::Allocations => "allocations",
            Self::Held => "held_bytes",
            Self::UserMemory => "user_memory_bytes",
            Self::KernelMemory => "kernel_memory_bytes",
            Self::Cpu => "cpu_us",
            Self::DelayP50 => "delay_p50_us",
            Self::DelayP99 => "delay_p99_us",
        }
    }

    /// Its heading for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::DownBytes => "down",
            Self::UpBytes => "up",
            Self::OverheadFactor => "overhead",
            Self::Segments => "segments",
            Self::Calls => "calls",
            Self::Allocations => "allocs",
            Self::Held => "held",
            Self::UserMemory => "memory",
            Self::KernelMemory => "kernel",
            Self::Cpu => "CPU",
            Self::DelayP50 => "delay p50",
            Self::DelayP99 => "delay p99",
        }
    }

    /// Its unit as people write it; nothing where each figure has its own.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::DownBytes
            | Self::UpBytes
            | Self::Held
            | Self::UserMemory
            | Self::KernelMemory => "B",
            Self::OverheadFactor => "×",
            Self::Segments | Self::Calls | Self::Allocations => "count",
            Self::Cpu => "µs",
            Self::DelayP50 | Self::DelayP99 => "",
        }
    }

    /// Its unit as programs read it.
    pub const fn unit_name(self) -> &'static str {
        match self {
            Self::DownBytes
            | Self::UpBytes
            | Self::Held
            | Self::UserMemory
            | Self::KernelMemory => "bytes",
            Self::OverheadFactor => "factor",
            Self::Segments | Self::Calls | Self::Allocations => "count",
            Self::Cpu | Self::DelayP50 | Self::DelayP99 => "microseconds",
        }
    }

    /// What it counts.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::DownBytes => "bytes that the server sent",
            Self::UpBytes => "bytes that the client sent",
            Self::OverheadFactor => "bytes in both directions per byte of payload",
            Self::Segments => "TCP segments in both directions, bare acknowledgements included",
            Self::Calls => {
                "system calls on the mechanism's account; one that served several is shared"
            }
            Self::Allocations => "blocks that the server's allocator handed out",
            Self::Held => "memory of its connection, queue, place in the list and deadline",
            Self::UserMemory => "growth of the server's process per subscriber, in whole pages",
            Self::KernelMemory => "memory of the kernel's socket queues that a subscriber holds",
            Self::Cpu => "CPU time on the mechanism's account, in user code and in the kernel",
            Self::DelayP50 => {
                "publishing to the kernel's taking it, to two digits: half took no longer"
            }
            Self::DelayP99 => "the same: all but a hundredth took no longer",
        }
    }

    /// Which table it moves to when all columns are too many for one.
    pub(super) const fn group(self) -> Group {
        match self {
            Self::DownBytes | Self::UpBytes | Self::OverheadFactor => Group::Bytes,
            Self::Segments | Self::Calls | Self::Allocations => Group::Counts,
            Self::Held | Self::UserMemory | Self::KernelMemory => Group::Memory,
            Self::Cpu | Self::DelayP50 | Self::DelayP99 => Group::Time,
        }
    }

    /// How precisely it is written.
    pub(super) const fn precision(self) -> Precision {
        match self {
            Self::DownBytes | Self::UpBytes => Precision::UpTo(1),
            Self::Segments | Self::Calls | Self::Allocations => Precision::UpTo(2),
            Self::Held | Self::UserMemory | Self::KernelMemory => Precision::UpTo(0),
            Self::OverheadFactor => Precision::Always(2),
            Self::Cpu => Precision::Always(1),
            Self::DelayP50 | Self::DelayP99 => Precision::Time,
        }
    }

    /// Its figure, where there is one.
    pub(in crate::lab) fn of(self, figures: &Figures) -> Option<Spread> {
        let found = match self {
            Self::DownBytes => figures.down_bytes,
            Self::UpBytes => figures.up_bytes,
            Self::OverheadFactor => figures.overhead_factor,
            Self::Segments => figures.segments,
            Self::Calls => figures.calls,
            Self::Allocations => figures.allocations,
            Self::Held => figures.held_bytes,
            Self::UserMemory => figures.user_memory_bytes,
            Self::KernelMemory => figures.kernel_memory_bytes,
            Self::Cpu => figures.cpu_us,
            Self::DelayP50 => figures.delay_p50_us,
            Self::DelayP99 => figures.delay_p99_us,
        };
        // A quotient of nothing is no figure.
        found.filter(|s| s.median.is_finite() && s.min.is_finite() && s.max.is_finite())
    }

    /// The place of its figure.
    pub(super) const fn place(self, figures: &mut Figures) -> &mut Option<Spread> {
        match self {
            Self::DownBytes => &mut figures.down_bytes,
            Self::UpBytes => &mut figures.up_bytes,
            Self::OverheadFactor => &mut figures.overhead_factor,
            Self::Segments => &mut figures.segments,
            Self::Calls => &mut figures.calls,
            Self::Allocations => &mut figures.allocations,
            Self::Held => &mut figures.held_bytes,
            Self::UserMemory => &mut figures.user_memory_bytes,
            Self::KernelMemory => &mut figures.kernel_memory_bytes,
            Self::Cpu => &mut figures.cpu_us,
            Self::DelayP50 => &mut figures.delay_p50_us,
            Self::DelayP99 => &mut figures.delay_p99_us,
        }
    }
}

/// Columns that stay together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Group {
    Bytes,
    Counts,
    Memory,
    Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_fields_of_the_figures() {
        let one = Some(Spread { median: 1.0, min: 1.0, max: 1.0 });
        let value = serde_json::to_value(Figures::default()).unwrap();
        let mut fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let mut columns: Vec<&str> = Column::ALL.map(Column::name).to_vec();
        fields.sort_unstable();
        columns.sort_unstable();
        assert_eq!(columns, fields);
        for column in Column::ALL {
            let figures = figures_with(column, one);
            let found: Vec<&str> = Column::ALL
                .into_iter()
                .filter(|column| column.of(&figures).is_some())
                .map(Column::name)
                .collect();
            assert_eq!(found, [column.name()]);
        }
    }

    #[test]
    fn a_quotient_of_nothing_is_no_figure() {
        let spread = Spread { median: 1.0, min: 1.0, max: f64::INFINITY };
        assert_eq!(
            Column::OverheadFactor.of(&figures_with(Column::OverheadFactor, Some(spread))),
            None
        );
    }

    fn figures_with(column: Column, spread: Option<Spread>) -> Figures {
        let mut figures = Figures::default();
        *column.place(&mut figures) = spread;
        figures
    }
}
