//! From what the ledger says to figures; and which of them cannot be trusted.
//!
//! A phase is the difference of two statements. What the mechanism's account gained in it is
//! divided by what it was spent on: by subscribers for *open* and *close*, by deliveries for
//! *message*, and by rounds for *quiet*.

use crate::cost::{Kernel, Phase};
use crate::id::Kind;
use crate::lab::experiment::{Figures, Pace, Refused, Settings, Spread};
use crate::lab::report::{self, Column};
use crate::limits;
use crate::statement::Account;

/// What one phase has brought for one mechanism.
#[derive(Clone, Copy, Debug)]
pub struct Gain<'s> {
    /// What its account gained.
    pub account: &'s Account,
    /// What the loop's own account gained, when no other mechanism was there: the time of accepting
    /// is spent for a mechanism that nobody knows yet, and belongs to *open* then.
    pub lobby: Option<&'s Account>,
    /// What the kernel said before about the connections that were open then.
    pub kernel_before: Kernel,
    /// Whether the server's allocator counts.
    pub heap_counted: bool,
}

/// One run's figures of one question.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Reading {
    values: [Option<f64>; Column::ALL.len()],
}

impl Gain<'_> {
    /// What a subscriber costs to open: the gain by subscriber, its memory included.
    ///
    /// `private_bytes` is what the memory of the server's process grew by; it grows by pages, so
    /// with few subscribers it is coarse.
    pub fn open(&self, subscribers: f64, private_bytes: Option<f64>) -> Reading {
        let kernel = self.account.kernel_open.map(|kernel| real(kernel.memory_bytes));
        let accepting = self.lobby.and_then(|lobby| lobby.cpu_ns.get(Phase::Accept.name()));
        let cpu_ns = self.account.cpu_ns_total() + accepting.copied().unwrap_or_default();
        self.total()
            .with(Column::Cpu, Some(real(cpu_ns) / 1_000.0))
            .with(Column::Held, Some(real(self.account.held_bytes)))
            .over(subscribers)
            .with(Column::UserMemory, private_bytes.map(|bytes| bytes / subscribers))
            .with(Column::KernelMemory, kernel.map(|bytes| bytes / subscribers))
    }

    /// What a subscriber costs in a minute in which nothing is published.
    ///
    /// The phase is short, so the server that it is measured on has a quick pace. A round - a
    /// heartbeat, a ping and its pong, a park that is over and the question behind it - costs the
    /// same at any pace: the gain by round is told for as many rounds as a minute has at the
    /// server's default pace. A round of short polling is a question, and its pace is the
    /// client's. Without a round, what was measured is told by time.
    pub fn quiet(&self, kind: Kind, settings: &Settings, span_us: u64) -> Reading {
        let rounds = match kind {
            Kind::Poll => self.account.opened,
            _ => self.account.ticks,
        };
        if rounds == 0 {
            let minutes = real(span_us) / MINUTE_US;
            return self.total().over(minutes * f64::from(settings.subscribers));
        }
        let period_us = period_us(kind, settings.pace_default, settings.interval_us);
        self.total().over(real(rounds) * real(period_us) / MINUTE_US)
    }

    /// What a message costs for each subscriber: the gain by delivery.
    ///
    /// Long polling includes the question that follows each answer, and short polling every
    /// question that was answered with nothing: that is what it costs to hear of messages so.
    pub fn message(&self, settings: &Settings) -> Reading {
        let deliveries = f64::from(settings.messages) * f64::from(settings.subscribers);
        let total = self.total();
        let bytes = real(self.account.sent.taken + self.account.received.read);
        let payload = deliveries * real(settings.size_bytes as u64);
        let delay = &self.account.delay_us;
        let delays = |quantile: u64| (delay.count > 0).then(|| real(quantile));
        total
            .over(deliveries)
            .with(Column::OverheadFactor, (payload > 0.0).then(|| bytes / payload))
            .with(Column::DelayP50, delays(delay.p50))
            .with(Column::DelayP99, delays(delay.p99))
    }

    /// What a message costs on an account that is no mechanism's: the gain by message.
    pub fn beside(&self, messages: u32) -> Reading {
        let total = self.total();
        Reading::default()
            .with(Column::Calls, total.of(Column::Calls))
            .with(Column::Cpu, total.of(Column::Cpu))
            .over(f64::from(messages))
    }

    /// What a subscriber costs to close: the gain by subscriber.
    ///
    /// The kernel is asked before the server closes its half: of the segments of a goodbye, the
    /// server's own last ones are not among these.
    pub fn close(&self, subscribers: f64) -> Reading {
        self.total().over(subscribers)
    }

    /// All that was gained.
    fn total(&self) -> Reading {
        let account = self.account;
        let heap = self.heap_counted.then(|| real(account.heap.allocations));
        Reading::default()
            .with(Column::DownBytes, Some(real(account.sent.taken)))
            .with(Column::UpBytes, Some(real(account.received.read)))
            .with(Column::Segments, self.segments().map(real))
            .with(Column::Calls, Some(real(account.calls_total())))
            .with(Column::Allocations, heap)
            .with(Column::Cpu, Some(real(account.cpu_ns_total()) / 1_000.0))
    }

    /// Segments of the connections that are open and of those that were closed, but for those
    /// that were told before.
    fn segments(&self) -> Option<u64> {
        let open = self.account.kernel_open?;
        let closed = self.account.kernel;
        let count = |kernel: Kernel| kernel.segments_in + kernel.segments_out;
        (count(open) + count(closed)).checked_sub(count(self.kernel_before))
    }
}

impl Reading {
    /// The value of a column.
    pub const fn of(&self, column: Column) -> Option<f64> {
        self.values[column as usize]
    }

    const fn with(mut self, column: Column, value: Option<f64>) -> Self {
        self.values[column as usize] = value;
        self
    }

    fn over(self, count: f64) -> Self {
        Self { values: self.values.map(|value| value.map(|value| value / count)) }
    }
}

impl Figures {
    /// The figures of all runs, but for the columns that are refused.
    pub fn of(readings: &[Reading], is_refused: impl Fn(Column) -> bool) -> Self {
        let spread = |column| {
            let found = readings.iter().filter_map(|reading| reading.of(column)).collect();
            if is_refused(column) { None } else { Spread::of(found) }
        };
        Self {
            down_bytes: spread(Column::DownBytes),
            up_bytes: spread(Column::UpBytes),
            overhead_factor: spread(Column::OverheadFactor),
            segments: spread(Column::Segments),
            calls: spread(Column::Calls),
            allocations: spread(Column::Allocations),
            held_bytes: spread(Column::Held),
            user_memory_bytes: spread(Column::UserMemory),
            kernel_memory_bytes: spread(Column::KernelMemory),
            cpu_us: spread(Column::Cpu),
            delay_p50_us: spread(Column::DelayP50),
            delay_p99_us: spread(Column::DelayP99),
        }
    }
}

impl Refused {
    /// Refuses all columns of a question.
    pub fn all(question: &str, reason: String) -> Self {
        Self { question: question.to_owned(), columns: Vec::new(), reason }
    }

    /// Whether it refuses a column of a question.
    pub fn covers(&self, question: &str, column: Column) -> bool {
        let named = |name: &String| name == column.name();
        self.question == question && (self.columns.is_empty() || self.columns.iter().any(named))
    }
}

impl Pace {
    /// The pace of a server that nobody has told otherwise.
    pub const DEFAULT: Self = Self {
        heartbeat_us: limits::HEARTBEAT_US,
        ping_us: limits::PING_US,
        park_us: limits::PARK_US,
    };

    /// A pace at which three rounds fit into a phase, or as many as the grain allows.
    pub fn quick(phase_us: u64) -> Self {
        let park_us = (phase_us / ROUNDS).clamp(PARK_US_MIN, limits::PARK_US_MAX);
        let grain_us = limits::HEARTBEAT_GRAIN_US;
        let silence_us = (phase_us / ROUNDS / grain_us).max(1) * grain_us;
        Self { heartbeat_us: silence_us, ping_us: silence_us, park_us }
    }
}

/// What the client did in a busy phase: whether it kept up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effort {
    /// CPU time of its thread, in nanoseconds.
    pub cpu_ns: u64,
    /// How long the phase took, in nanoseconds.
    pub wall_ns: u64,
    /// Messages that were published more than one interval after their time.
    pub late: u64,
}

impl Effort {
    /// Refuses what only a client that keeps up can measure: times, and when it publishes at
    /// another rate, what depends on how many messages leave together.
    pub fn refusal(&self, messages: u32) -> Option<Refused> {
        let busy = real(self.cpu_ns) / real(self.wall_ns.max(1));
        let late = real(self.late) > f64::from(messages) * PUBLISHED_LATE_MAX;
        let (reason, columns) = if late {
            let (late, messages) = (grouped(self.late), grouped(messages.into()));
            (format!("{late} of {messages} messages were published late"), RATED)
        } else if busy >= CLIENT_BUSY_MAX {
            (format!("it used {:.0} % of its core", busy * 100.0), TIMED)
        } else {
            return None;
        };
        let reason = format!("the client was the bottleneck: {reason}");
        Some(Refused { question: MESSAGE.to_owned(), columns: names(columns), reason })
    }
}

/// Refuses a busy phase in which a delivery is missing, or came twice.
pub fn refusal_of_deliveries(expected: u64, heard: u64, doubled: u64) -> Option<Refused> {
    let of = |count, what| {
        let (count, expected) = (grouped(count), grouped(expected));
        Refused::all(MESSAGE, format!("{count} of {expected} deliveries {what}"))
    };
    if heard < expected {
        return Some(of(expected - heard, "are missing"));
    }
    (doubled > 0).then(|| of(doubled, "came twice or out of order"))
}

/// Refuses the delays of a phase in which the ledger has timed more or fewer deliveries.
pub fn refusal_of_delays(expected: u64, timed: u64) -> Option<Refused> {
    (timed != expected).then(|| {
        let (timed, expected) = (grouped(timed), grouped(expected));
        let reason = format!("the ledger has timed {timed} deliveries, and there were {expected}");
        Refused { question: MESSAGE.to_owned(), columns: names(DELAYS), reason }
    })
}

/// Refuses a phase in which the ledger and the client have counted different bytes.
pub fn refusal_of_bytes(question: &str, account: &Account, down: u64, up: u64) -> Option<Refused> {
    let (taken, read) = (account.sent.taken, account.received.read);
    let reason = if taken != down {
        let (taken, down) = (grouped(taken), grouped(down));
        format!("the ledger says that {taken} bytes were sent, and the client received {down}")
    } else if read != up {
        let (read, up) = (grouped(read), grouped(up));
        format!("the ledger says that {read} bytes were received, and the client sent {up}")
    } else {
        return None;
    };
    Some(Refused::all(question, reason))
}

fn names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name().to_owned()).collect()
}

/// The time between two rounds of a mechanism. Heartbeats and pings fall on a grain.
const fn period_us(kind: Kind, pace: Pace, interval_us: u64) -> u64 {
    match kind {
        Kind::Poll => interval_us,
        Kind::LongPoll => pace.park_us,
        Kind::WebSocket => on_grain(pace.ping_us),
        Kind::Iframe | Kind::XhrStream | Kind::Sse => on_grain(pace.heartbeat_us),
    }
}

const fn on_grain(us: u64) -> u64 {
    let grain_us = limits::HEARTBEAT_GRAIN_US;
    if us < grain_us { us } else { us - us % grain_us }
}

/// A count as a number that can be divided.
#[allow(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^53")]
pub(super) const fn real(count: u64) -> f64 {
    count as f64
}

/// A count with its thousands apart.
fn grouped(count: u64) -> String {
    report::grouped(real(count), 0)
}

/// The question of the busy phase.
pub(super) const MESSAGE: &str = "message";
/// Rounds that a quiet phase should have.
const ROUNDS: u64 = 3;
/// Shorter parks than this are short polls.
const PARK_US_MIN: u64 = limits::HEARTBEAT_GRAIN_US / 4;
/// What depends on when messages are published.
const RATED: &[Column] = &[
    Column::Segments,
    Column::Calls,
    Column::Allocations,
    Column::Cpu,
    Column::DelayP50,
    Column::DelayP99,
];
/// What depends on how quickly the client reads, which shares a machine with the server.
const TIMED: &[Column] = &[Column::Cpu, Column::DelayP50, Column::DelayP99];
/// What the ledger's clock tells of deliveries.
const DELAYS: &[Column] = &[Column::DelayP50, Column::DelayP99];
const MINUTE_US: f64 = 60_000_000.0;
/// Of its core: beyond, the client may not have kept up.
const CLIENT_BUSY_MAX: f64 = 0.85;
/// Of all messages: more of them published late is another rate than was asked for.
const PUBLISHED_LATE_MAX: f64 = 0.05;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::SECOND_US;
    use crate::statement::{Delay, Received, Sent};

    fn settings() -> Settings {
        let pace = |us| Pace { heartbeat_us: us, ping_us: us, park_us: us };
        Settings {
            command: String::new(),
            kinds: vec![Kind::Sse],
            subscribers: 10,
            messages: 20,
            size_bytes: 50,
            rate_per_s: 10.0,
            runs: 1,
            together: false,
            quiet_us: 4 * SECOND_US,
            pace: pace(SECOND_US / 2),
            pace_default: pace(15 * SECOND_US),
            interval_us: 2 * SECOND_US,
        }
    }

    fn account() -> Account {
        let calls = [("read", 100), ("send", 200)];
        Account {
            opened: 40,
            ticks: 30,
            sent: Sent { taken: 16_000, ..Sent::default() },
            received: Received { read: 4_000, ..Received::default() },
            calls: calls.map(|(name, count)| (name.to_owned(), count)).into(),
            cpu_ns: BTreeMap::from([
                ("receive".to_owned(), 300_000),
                ("flush".to_owned(), 500_000),
            ]),
            delay_us: Delay { count: 200, p50: 40, p99: 90, ..Delay::default() },
            kernel: Kernel { segments_in: 5, ..Kernel::default() },
            kernel_open: Some(kernel(10, 200, 200)),
            ..Account::default()
        }
    }

    fn kernel(sockets: u64, segments_in: u64, segments_out: u64) -> Kernel {
        Kernel { sockets, segments_in, segments_out, memory_bytes: 640, ..Kernel::default() }
    }

    fn read(take: impl Fn(&Gain<'_>) -> Reading) -> Reading {
        let lobby = Account {
            cpu_ns: BTreeMap::from([("accept".to_owned(), 200_000), ("turn".to_owned(), 999)]),
            ..Account::default()
        };
        let account = account();
        let kernel_before = kernel(10, 3, 2);
        take(&Gain { account: &account, lobby: Some(&lobby), kernel_before, heap_counted: false })
    }

    #[test]
    fn opening_is_told_by_subscriber() {
        let reading = read(|gain| gain.open(10.0, Some(40_960.0)));
        let expected = [
            (Column::DownBytes, Some(1_600.0)),
            (Column::UpBytes, Some(400.0)),
            (Column::OverheadFactor, None),
            (Column::Segments, Some(40.0)),
            (Column::Calls, Some(30.0)),
            (Column::Allocations, None),
            (Column::UserMemory, Some(4_096.0)),
            (Column::KernelMemory, Some(64.0)),
            (Column::Cpu, Some(100.0)),
            (Column::DelayP50, None),
            (Column::DelayP99, None),
        ];
        assert_eq!(expected.map(|(column, _)| (column, reading.of(column))), expected);
        assert_eq!(read(|gain| gain.close(20.0)).of(Column::DownBytes), Some(800.0));
    }

    #[test]
    fn a_message_is_told_by_delivery() {
        let reading = read(|gain| gain.message(&settings()));
        assert_eq!(reading.of(Column::DownBytes), Some(80.0));
        assert_eq!(reading.of(Column::OverheadFactor), Some(2.0));
        assert_eq!(reading.of(Column::DelayP50), Some(40.0));
        assert_eq!(reading.of(Column::DelayP99), Some(90.0));
        let empty = Settings { size_bytes: 0, ..settings() };
        assert_eq!(read(|gain| gain.message(&empty)).of(Column::OverheadFactor), None);
    }

    #[test]
    fn what_is_beside_is_told_by_message() {
        let reading = read(|gain| gain.beside(20));
        assert_eq!(reading.of(Column::Calls), Some(15.0));
        assert_eq!(reading.of(Column::Cpu), Some(40.0));
        assert_eq!(reading.of(Column::DownBytes), None);
    }

    #[test]
    fn what_is_quiet_is_scaled_to_the_default_pace() {
        let quiet = |kind| read(|gain| gain.quiet(kind, &settings(), 4 * SECOND_US));
        // 16,000 bytes in 30 rounds; a minute has 4 of them.
        for kind in [Kind::Sse, Kind::WebSocket, Kind::LongPoll] {
            let down = quiet(kind).of(Column::DownBytes).unwrap();
            assert!((down - 16_000.0 / 30.0 * 4.0).abs() < 1e-9, "{kind:?}: {down}");
        }
        // 40 questions; a minute has 30 of them.
        assert_eq!(quiet(Kind::Poll).of(Column::DownBytes), Some(12_000.0));
    }

    #[test]
    fn without_a_round_what_is_quiet_is_told_by_time() {
        let account = Account { ticks: 0, opened: 0, ..account() };
        let gain = Gain {
            account: &account,
            lobby: None,
            kernel_before: Kernel::default(),
            heap_counted: true,
        };
        let reading = gain.quiet(Kind::Sse, &settings(), 6 * SECOND_US);
        assert_eq!(reading.of(Column::DownBytes), Some(16_000.0));
        assert_eq!(reading.of(Column::Allocations), Some(0.0));
    }

    #[test]
    fn a_quick_pace_has_rounds_that_fit() {
        let quick = Pace::quick(4 * SECOND_US);
        assert_eq!((quick.heartbeat_us, quick.park_us), (SECOND_US, 4 * SECOND_US / 3));
        assert_eq!(period_us(Kind::Sse, quick, 0), SECOND_US);
        let slower = Pace::quick(10 * SECOND_US);
        assert_eq!(period_us(Kind::WebSocket, slower, 0), 3 * SECOND_US);
        assert_eq!(period_us(Kind::Sse, Pace::DEFAULT, 0), 15 * SECOND_US);
    }

    #[test]
    fn a_refused_column_has_no_figure() {
        let readings = [1.0, 3.0].map(|value| {
            let reading = Reading::default().with(Column::Cpu, Some(value));
            reading.with(Column::Calls, Some(value))
        });
        let effort = Effort { cpu_ns: 90, wall_ns: 100, late: 0 };
        let refused = effort.refusal(10).unwrap();
        let figures = Figures::of(&readings, |column| refused.covers(MESSAGE, column));
        assert_eq!(figures.cpu_us, None);
        assert_eq!(figures.calls, Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert!(!refused.covers("open", Column::Cpu));
    }

    #[test]
    fn figures_are_refused_with_a_sentence() {
        let effort = |cpu_ns, late| Effort { cpu_ns, wall_ns: 1_000, late }.refusal(1_000);
        assert_eq!(effort(849, 50), None);
        let reason = |refused: Option<Refused>| refused.unwrap().reason;
        let bottleneck = "the client was the bottleneck: it used 85 % of its core";
        assert_eq!(reason(effort(850, 0)), bottleneck);
        let late = "the client was the bottleneck: 51 of 1,000 messages were published late";
        assert_eq!(reason(effort(0, 51)), late);
        assert_eq!(refusal_of_deliveries(2_000, 2_000, 0), None);
        let missing = reason(refusal_of_deliveries(2_000, 1_997, 5));
        assert_eq!(missing, "3 of 2,000 deliveries are missing");
        let doubled = reason(refusal_of_deliveries(2_000, 2_000, 1));
        assert_eq!(doubled, "1 of 2,000 deliveries came twice or out of order");
        assert_eq!(refusal_of_delays(2_000, 2_000), None);
        for timed in [1_999, 2_001] {
            let refused = refusal_of_delays(2_000, timed).unwrap();
            assert!(refused.covers(MESSAGE, Column::DelayP99), "{refused:?}");
            assert!(!refused.covers(MESSAGE, Column::Cpu), "{refused:?}");
        }
        let untimed = reason(refusal_of_delays(2_000, 0));
        assert_eq!(untimed, "the ledger has timed 0 deliveries, and there were 2,000");
        assert_eq!(refusal_of_bytes("open", &account(), 16_000, 4_000), None);
        let unequal = reason(refusal_of_bytes("open", &account(), 16_000, 3_999));
        assert_eq!(
            unequal,
            "the ledger says that 4,000 bytes were received, and the client sent 3,999"
        );
    }
}
