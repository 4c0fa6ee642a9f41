//! The statement of account: the shape in which the ledger is read, by people and by programs.
//!
//! ```text
//! {"snapshot":"7","since":null,"time":1763712350000,"span_us":12000000,"heap_counted":false,
//!  "balances":true,"accounts":[{"owner":"sse", … }, … ,{"owner":"loop", … }],"unasked":{ … },
//!  "faults":{"idle":3,"not_found":1}}
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Now;
use crate::cost::{Bytes, Calls, Heap, Kernel, Owner, Phase};
use crate::fault::Counts;
use crate::id::{Id, Kind};
use crate::ledger::{self, Row, Snapshot, receipts};

/// What the ledger says at one moment, or of the time between two.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// Its name: `?since=` with it asks for what has come since.
    pub snapshot: String,
    /// The snapshot that was subtracted, if one was.
    pub since: Option<String>,
    /// When it was made, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// The time it covers, in microseconds: since the loop began, or since that snapshot.
    pub span_us: u64,
    /// Whether the allocator counts in this build (the feature `heap`).
    pub heap_counted: bool,
    /// Whether every account balances.
    pub balances: bool,
    /// An account for every owner: the mechanisms, `publish`, `request`, `loop`.
    pub accounts: Vec<Account>,
    /// Connections that are on nobody's account yet, as they are now.
    pub unasked: Unasked,
    /// Who was refused or closed, by reason: as often as it has happened, and only what has.
    pub faults: BTreeMap<String, u64>,
}

impl Statement {
    /// What a snapshot says, since the loop began. It has no name yet.
    pub fn of(snapshot: &Snapshot, now: Now) -> Self {
        Self {
            snapshot: String::new(),
            since: None,
            time: now.unix_ms(),
            span_us: snapshot.at.us(),
            heap_counted: snapshot.heap_counted(),
            balances: snapshot.balances(),
            accounts: snapshot.rows().map(|(owner, row)| Account::of(owner, row)).collect(),
            unasked: Unasked::of(snapshot.unasked()),
            faults: faults(snapshot.faults()),
        }
    }

    /// The account of an owner, by its name.
    pub fn account(&self, owner: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.owner == owner)
    }
}

/// The account of one owner.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Account {
    /// A mechanism, `publish`, `request` or `loop`.
    pub owner: String,
    /// Times that it was opened: every poll is one.
    pub opened: u64,
    /// How many are open now: parked polls, streams, sockets.
    pub open: u64,
    /// Time for which they were open, summed over all of them, in microseconds.
    pub open_us: u64,
    /// Messages whose last byte the kernel took, summed over all subscribers.
    pub deliveries: u64,
    /// Messages that were dropped because their readers were slow, who were told so.
    #[serde(default)]
    pub missed: u64,
    /// Deadlines that have passed: heartbeats, pings, parks that are over.
    pub ticks: u64,
    /// Bytes to the peers: `brought + made = taken + queued + dropped + carried`.
    pub sent: Sent,
    /// Bytes from the peers: `read = parsed + waiting`.
    pub received: Received,
    /// System calls by name.
    pub calls: BTreeMap<String, u64>,
    /// What the allocator was asked for on its behalf.
    pub heap: Heap,
    /// Memory that its open connections hold, in bytes: struct, queue, tail, subscription, timer.
    pub held_bytes: u64,
    /// CPU time by phase, in nanoseconds.
    pub cpu_ns: BTreeMap<String, u64>,
    /// From the publishing of a message until the kernel had taken its last byte.
    pub delay_us: Delay,
    /// The kernel's own count, of connections that are closed.
    pub kernel: Kernel,
    /// The kernel's own count, of connections that are open; with `?kernel=1` only.
    pub kernel_open: Option<Kernel>,
}

impl Account {
    fn of(owner: Owner, row: &Row) -> Self {
        let phases = Phase::ALL.into_iter().zip(row.cpu_ns);
        Self {
            owner: owner.name().to_owned(),
            opened: row.opened,
            open: row.open,
            open_us: row.open_us,
            deliveries: row.deliveries,
            missed: row.missed,
            ticks: row.ticks,
            sent: Sent {
                made: row.made,
                brought: row.brought,
                taken: row.taken,
                queued: row.queued,
                dropped: row.dropped,
                carried: row.carried,
            },
            received: Received { parsed: row.parsed, read: row.read, waiting: row.waiting },
            calls: by_name(&row.calls),
            heap: row.heap,
            held_bytes: row.held_bytes,
            cpu_ns: phases.map(|(phase, ns)| (phase.name().to_owned(), ns)).collect(),
            delay_us: Delay::of(row),
            kernel: row.kernel,
            kernel_open: row.kernel_open,
        }
    }

    /// All its system calls.
    pub fn calls_total(&self) -> u64 {
        self.calls.values().sum()
    }

    /// All its CPU time, in nanoseconds.
    pub fn cpu_ns_total(&self) -> u64 {
        self.cpu_ns.values().sum()
    }
}

/// Open connections that have not asked for anything yet: what they have cost will be on the
/// account of whatever they ask for first, or on that of `request` if they leave before.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Unasked {
    /// How many.
    pub connections: u64,
    /// System calls by name.
    pub calls: BTreeMap<String, u64>,
    /// Bytes that were read: unfinished heads.
    pub read: u64,
    /// Memory that they hold, in bytes.
    pub held_bytes: u64,
    /// The kernel's own count; with `?kernel=1` only.
    pub kernel_open: Option<Kernel>,
}

impl Unasked {
    fn of(unasked: &ledger::Unasked) -> Self {
        Self {
            connections: unasked.connections,
            calls: by_name(&unasked.calls),
            read: unasked.read,
            held_bytes: unasked.held_bytes,
            kernel_open: unasked.kernel_open,
        }
    }
}

fn faults(counts: &Counts) -> BTreeMap<String, u64> {
    let given = counts.by_reason().filter(|(_, count)| *count > 0);
    given.map(|(row, count)| (row.name.to_owned(), count)).collect()
}

fn by_name(calls: &Calls) -> BTreeMap<String, u64> {
    calls.by_name().map(|(call, count)| (call.name().to_owned(), count)).collect()
}

/// Bytes to the peers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sent {
    /// What the codecs made: the fields `head`, `framing`, `payload` and `control`.
    #[serde(flatten)]
    pub made: Bytes,
    /// Made by an earlier owner of the same connection, and queued when this one took it over.
    pub brought: u64,
    /// Taken by the sockets.
    pub taken: u64,
    /// Still queued.
    pub queued: u64,
    /// Thrown away unsent.
    pub dropped: u64,
    /// Queued when a later owner took the connection over.
    pub carried: u64,
}

impl Sent {
    /// Whether every byte is accounted for.
    pub const fn balances(&self) -> bool {
        self.brought + self.made.total() == self.taken + self.queued + self.dropped + self.carried
    }
}

/// Bytes from the peers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Received {
    /// What the codecs parsed: the fields `head`, `framing`, `payload` and `control`.
    #[serde(flatten)]
    pub parsed: Bytes,
    /// Read from the sockets. What was read and not parsed is the next owner's when a connection
    /// changes hands.
    pub read: u64,
    /// Not parsed yet.
    pub waiting: u64,
}

impl Received {
    /// Whether every byte is accounted for.
    pub const fn balances(&self) -> bool {
        self.read == self.parsed.total() + self.waiting
    }
}

/// A distribution of times, in microseconds; 0 everywhere when nothing was delivered.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Delay {
    /// How many deliveries.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them took no longer.
    pub p50: u64,
    /// Nine tenths took no longer.
    pub p90: u64,
    /// All but a hundredth took no longer.
    pub p99: u64,
    /// None took longer.
    pub max: u64,
}

impl Delay {
    fn of(row: &Row) -> Self {
        if row.delays.is_empty() {
            return Self::default();
        }
        Self {
            count: row.delays.len(),
            mean: row.delays.mean(),
            p50: row.delays.value_at_quantile(0.5),
            p90: row.delays.value_at_quantile(0.9),
            p99: row.delays.value_at_quantile(0.99),
            max: row.delays.max(),
        }
    }
}

/// What one message has cost, mechanism by mechanism: the answer of
/// `GET /c/{channel}/receipts/{id}`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The message.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// When it was published, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// The payload's own bytes.
    pub bytes: u64,
    /// Messages that were handed over together with it: what they share is told in equal parts.
    pub batch: u64,
    /// Every mechanism by which it has left so far.
    pub mechanisms: Vec<Share>,
}

impl Receipt {
    /// What the ledger says of one message.
    pub fn of(channel: &str, id: Id, receipt: &receipts::Receipt) -> Self {
        Self {
            id: id.to_string(),
            channel: channel.to_owned(),
            time: receipt.time_ms,
            bytes: receipt.bytes,
            batch: receipt.batch,
            mechanisms: receipt.parts.iter().map(|(kind, part)| Share::of(*kind, part)).collect(),
        }
    }
}

/// What one message has cost by one mechanism, summed over its subscribers.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Share {
    /// The mechanism.
    pub mechanism: String,
    /// Subscribers that it was queued for; by polls, answers that brought it.
    pub subscribers: u64,
    /// Those whose socket has taken its last byte.
    pub delivered: u64,
    /// Bytes of heads.
    pub head: f64,
    /// Bytes of framing.
    pub framing: f64,
    /// Bytes of payload: the payload's own, once per subscriber.
    pub payload: f64,
    /// System calls that wrote it, those that took only part of it included: a call that takes k
    /// messages to their last byte counts 1/k for each.
    pub calls: f64,
    /// Blocks that the allocator handed out to encode and queue it.
    pub allocations: f64,
    /// Bytes of those blocks.
    pub allocated_bytes: f64,
    /// Time that encoding, queueing and writing it took, in nanoseconds.
    pub cpu_ns: f64,
    /// From its publishing until the kernel had taken its last byte: the quickest, in microseconds.
    pub delay_us_min: u64,
    /// The same: the mean.
    pub delay_us_mean: f64,
    /// The same: the slowest.
    pub delay_us_max: u64,
}

impl Share {
    fn of(kind: Kind, part: &receipts::Part) -> Self {
        Self {
            mechanism: kind.name().to_owned(),
            subscribers: part.subscribers,
            delivered: part.delivered,
            head: part.head,
            framing: part.framing,
            payload: part.payload,
            calls: part.calls,
            allocations: part.allocations,
            allocated_bytes: part.allocated_bytes,
            cpu_ns: part.cpu_ns,
            delay_us_min: part.delay_us_min,
            delay_us_mean: part.delay_us_mean,
            delay_us_max: part.delay_us_max,
        }
    }
}
