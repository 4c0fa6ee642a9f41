//! What the experiment finds: the question, the machine, and a row of figures per mechanism.

use serde::Serialize;

use crate::id::Kind;

/// One whole experiment: what was asked, where, and what came out.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Experiment {
    /// What was asked.
    pub settings: Settings,
    /// Where it ran.
    pub machine: Machine,
    /// A row per mechanism, in the order of the comparison.
    pub rows: Vec<Row>,
}

/// What is asked: how many subscribers, how many messages, how long, how often.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Settings {
    /// The command line, as it could be typed again.
    pub command: String,
    /// The mechanisms, in the order of the comparison.
    #[serde(skip)]
    pub kinds: Vec<Kind>,
    /// Subscribers per mechanism.
    pub subscribers: u32,
    /// Messages that are published in the busy phase.
    pub messages: u32,
    /// Bytes of each message.
    pub size_bytes: usize,
    /// Messages published per second.
    pub rate_per_s: f64,
    /// How often the whole is done; figures are medians, with their ranges.
    pub runs: u32,
    /// Whether all mechanisms are there at once, rather than one after another.
    pub together: bool,
    /// How long nothing is published, in microseconds; 0 leaves that phase out.
    pub quiet_us: u64,
    /// The pace of the server to which nothing is published: quick, so that some rounds fit.
    pub pace: Pace,
    /// The pace that the figures of that phase are scaled to: the server's default.
    pub pace_default: Pace,
    /// The time between two questions of short polling, in microseconds.
    pub interval_us: u64,
}

/// How often a server speaks without having anything to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Pace {
    /// Silence of a stream before a heartbeat, in microseconds.
    pub heartbeat_us: u64,
    /// Silence of a WebSocket before a ping, in microseconds.
    pub ping_us: u64,
    /// Time for which a long poll is parked, in microseconds.
    pub park_us: u64,
}

/// Where it ran.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Machine {
    /// The processor, as the kernel names it.
    pub processor: String,
    /// How many of them this process may use.
    pub cores: usize,
    /// The kernel and its release.
    pub kernel: String,
    /// The version of this program, and its commit where that is known.
    pub version: String,
    /// Who hands out memory, and whether it is counted.
    pub allocator: String,
    /// When it began, as an HTTP date.
    pub date: String,
}

/// What one mechanism costs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// The mechanism's name.
    pub mechanism: String,
    /// To open, per subscriber.
    pub open: Figures,
    /// While nothing happens, per subscriber and minute.
    pub quiet: Figures,
    /// Per message and subscriber.
    pub message: Figures,
    /// What its messages cost beside its own account, per message.
    pub beside: Beside,
    /// To close, per subscriber.
    pub close: Figures,
    /// Why some of its figures are not published; empty when all are.
    pub refused: Vec<Refused>,
}

/// What the server spent while messages were published on accounts that are no mechanism's, per
/// message and for all subscribers together. With all mechanisms at once it is the same for each.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Beside {
    /// The publisher's request.
    pub publish: Spent,
    /// The loop: waiting for readiness, accepting, housekeeping.
    pub r#loop: Spent,
}

/// What one account of [`Beside`] has spent. What is not published is none.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Spent {
    /// System calls of the server.
    pub calls: Option<Spread>,
    /// CPU time of the server, in microseconds.
    pub cpu_us: Option<Spread>,
}

/// A figure that is not published, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refused {
    /// The question: `open`, `quiet`, `message` or `close`.
    pub question: String,
    /// The columns, by their names in [`Figures`]; empty for all of them.
    pub columns: Vec<String>,
    /// A sentence that a person understands.
    pub reason: String,
}

/// The columns of a table. What was not measured, or is not published, is none.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Figures {
    /// Bytes that the server sent.
    pub down_bytes: Option<Spread>,
    /// Bytes that the client sent.
    pub up_bytes: Option<Spread>,
    /// Bytes in both directions per byte of payload.
    pub overhead_factor: Option<Spread>,
    /// TCP segments in both directions.
    pub segments: Option<Spread>,
    /// System calls of the server on the mechanism's account.
    pub calls: Option<Spread>,
    /// Blocks that the server's allocator handed out.
    pub allocations: Option<Spread>,
    /// Memory that the ledger knows a subscriber to hold, in bytes: its connection, queue, place
    /// in the channel's list and deadline.
    pub held_bytes: Option<Spread>,
    /// What the private memory of the server's process has grown by, per subscriber, in bytes. It
    /// grows by pages and by doubling tables: with few subscribers it is coarse.
    pub user_memory_bytes: Option<Spread>,
    /// Memory of the kernel's socket queues that a subscriber holds, in bytes.
    pub kernel_memory_bytes: Option<Spread>,
    /// CPU time of the server on the mechanism's account, in microseconds.
    pub cpu_us: Option<Spread>,
    /// From publishing until the kernel had it: half of them took no longer, in microseconds.
    pub delay_p50_us: Option<Spread>,
    /// The same: all but a hundredth took no longer, in microseconds.
    pub delay_p99_us: Option<Spread>,
}

/// A figure over all runs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Spread {
    /// Half of the runs found less.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// The spread of what the runs have found; none when nothing was found.
    pub fn of(mut found: Vec<f64>) -> Option<Self> {
        found.sort_by(f64::total_cmp);
        let (min, max) = (*found.first()?, *found.last()?);
        let (low, high) = (found.get((found.len() - 1) / 2)?, found.get(found.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 8.0]);
        assert_eq!(spread, Some(Spread { median: 3.0, min: 1.0, max: 8.0 }));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
