//! Time as an argument: what the loop reads once a turn and hands down.

/// A moment on the loop's monotonic clock, in microseconds since the loop began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Instant {
    us: u64,
}

impl Instant {
    /// The loop's beginning.
    pub const ZERO: Self = Self { us: 0 };

    /// The deadline of whatever waits for nothing.
    pub const NEVER: Self = Self { us: u64::MAX };

    /// The moment `us` microseconds after the loop's beginning.
    pub const fn from_us(us: u64) -> Self {
        Self { us }
    }

    /// Microseconds since the loop's beginning.
    pub const fn us(self) -> u64 {
        self.us
    }

    /// The moment `us` microseconds later.
    pub const fn after(self, us: u64) -> Self {
        Self { us: self.us.saturating_add(us) }
    }

    /// Microseconds that passed since `earlier`; 0 when it lies ahead.
    pub const fn since(self, earlier: Self) -> u64 {
        self.us.saturating_sub(earlier.us)
    }

    /// The last multiple of `grain_us`, so that many near deadlines share one wake-up.
    pub const fn round_down(self, grain_us: u64) -> Self {
        Self { us: self.us - self.us % grain_us }
    }
}

/// Both clocks, read together once a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// The monotonic clock: every deadline is measured on it.
    pub at: Instant,
    /// The wall clock, in microseconds since 1970-01-01T00:00:00Z: it only labels messages.
    pub unix_us: u64,
}

impl Now {
    /// The wall clock in milliseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_ms(self) -> u64 {
        self.unix_us / 1_000
    }

    /// The wall clock in seconds since 1970-01-01T00:00:00Z.
    pub const fn unix_s(self) -> u64 {
        self.unix_us / 1_000_000
    }
}

/// One second in the unit of every deadline.
pub const SECOND_US: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_deadlines_share_a_wake_up() {
        let grain = SECOND_US;
        assert_eq!(Instant::from_us(grain - 1).round_down(grain), Instant::ZERO);
        assert_eq!(Instant::from_us(grain).round_down(grain), Instant::from_us(grain));
        assert_eq!(Instant::from_us(2 * grain - 1).round_down(grain), Instant::from_us(grain));
    }

    #[test]
    fn time_never_runs_backwards() {
        assert_eq!(Instant::from_us(5).since(Instant::from_us(9)), 0);
        assert_eq!(Instant::from_us(u64::MAX).after(1), Instant::from_us(u64::MAX));
    }
}
