//! The ledger: an account for every owner, so that nothing that the loop does is unattributed.
//!
//! A connection keeps its own account. When the connection closes, or when another owner takes it
//! over, the account is folded into the owner's row; a snapshot adds those that are still open.
//! What no connection can know — CPU time, heap, delays — is booked in the rows directly, by runs
//! of the same owner: see [`meter`].
//!
//! Without the feature `ledger` all of it compiles to nothing but the books of each connection.

pub mod meter;
pub mod receipts;
mod snapshot;

pub use snapshot::{Gain, Snapshot, Snapshots, Unasked};

use hdrhistogram::Histogram;

use crate::clock::{Instant, Now};
use crate::cost::{Account, Bytes, Calls, Heap, Kernel, Owner, Phase, Syscall};
use crate::event::{Batch, Course, Gap};
use crate::fault::{self, Counts};
use crate::frame::Frame;
use crate::id::{Id, Kind};
use crate::ledger::meter::{Cut, Gauge, Meter, Run, Turn};
use crate::ledger::receipts::Receipts;

/// Whether this build keeps a ledger.
pub const ON: bool = cfg!(feature = "ledger");

/// An account for every owner, and a receipt for every message.
#[derive(Debug)]
pub struct Ledger {
    rows: Vec<Row>,
    meter: Meter,
    receipts: Receipts,
    faults: Counts,
}

/// The account of one owner.
#[derive(Clone, Debug)]
pub struct Row {
    /// Times that it was opened.
    pub opened: u64,
    /// How many are open.
    pub open: u64,
    /// Time for which they were open, summed over all of them, in microseconds.
    pub open_us: u64,
    /// Until when that is known.
    open_until: Instant,
    /// Messages whose last byte the kernel took.
    pub deliveries: u64,
    /// Messages that slow readers were told they have missed.
    pub missed: u64,
    /// Deadlines that have passed.
    pub ticks: u64,
    /// Bytes that were queued when it took connections over.
    pub brought: u64,
    /// Bytes that the codecs made.
    pub made: Bytes,
    /// Bytes that the sockets took.
    pub taken: u64,
    /// Bytes that wait for a socket; known in a snapshot.
    pub queued: u64,
    /// Bytes that were thrown away unsent.
    pub dropped: u64,
    /// Bytes that were queued when another owner took connections over.
    pub carried: u64,
    /// Bytes that the codecs parsed.
    pub parsed: Bytes,
    /// Bytes that the sockets gave.
    pub read: u64,
    /// Bytes that wait for a parser; known in a snapshot.
    pub waiting: u64,
    /// System calls.
    pub calls: Calls,
    /// What the allocator was asked for.
    pub heap: Heap,
    /// Memory that open connections hold, in bytes; known in a snapshot.
    pub held_bytes: u64,
    /// CPU time by phase, in nanoseconds.
    pub cpu_ns: [u64; Phase::ALL.len()],
    /// From publishing until the kernel had the last byte, in microseconds.
    pub delays: Histogram<u64>,
    /// The kernel's own count of closed connections.
    pub kernel: Kernel,
    /// The kernel's own count of open connections; known in a snapshot that asked for it.
    pub kernel_open: Option<Kernel>,
}

impl Ledger {
    /// An empty ledger, whose clocks are those of `gauge`.
    pub fn new(gauge: Gauge) -> Self {
        Self {
            rows: Owner::all().map(|_| Row::new()).collect(),
            meter: Meter::new(gauge),
            receipts: Receipts::default(),
            faults: Counts::default(),
        }
    }

    /// The account of an owner, without what open connections hold.
    fn row(&mut self, owner: Owner) -> &mut Row {
        // There is a row for every owner: `Owner::place` numbers them.
        &mut self.rows[owner.place()]
    }

    /// A turn begins, now.
    pub fn begin(&mut self, now: Now) {
        if self.meter.begin(now.at) == Turn::First {
            self.book(Owner::Loop, Syscall::CpuClock);
        }
    }

    /// The time now, on the clock of deadlines: later than that of the turn.
    pub fn now(&self, turn: Now) -> Now {
        if ON { Now { at: self.meter.now(), ..turn } } else { turn }
    }

    /// A turn ends: the loop may sleep. Now and then the time that was spent is booked.
    pub fn pause(&mut self) {
        if !ON {
            return;
        }
        self.cut();
        // In the turn still: what is looked at behind it would be nobody's.
        if self.meter.is_due() {
            self.settle();
        }
        self.meter.pause();
    }

    /// Books all time that was spent so far: the rows add up to the thread's CPU time then.
    pub fn settle(&mut self) {
        if !ON {
            return;
        }
        self.cut();
        self.row(Owner::Loop).calls.book(Syscall::CpuClock);
        for (row, spent_ns) in self.rows.iter_mut().zip(self.meter.settle()) {
            for (ns, more) in row.cpu_ns.iter_mut().zip(spent_ns) {
                *ns += more;
            }
        }
    }

    /// What follows is this phase, for this owner; nobody knows yet for whom when it is none.
    pub fn enter(&mut self, phase: Phase, owner: Option<Owner>) {
        if !ON {
            return;
        }
        if !self.meter.is_in(phase, owner) {
            self.cut();
            self.meter.enter(phase, owner);
        }
        match owner {
            Some(_) => self.meter.keep(),
            None => self.meter.unclaim(),
        }
    }

    /// A request begins, of which nobody knows yet for whom it is.
    pub fn unclaim(&mut self) {
        if ON && !self.meter.is_unclaimed() {
            self.meter.unclaim();
        }
    }

    /// The run that is going on, to come back to.
    pub const fn run(&self) -> Run {
        self.meter.run()
    }

    /// The run that is going on turns out to be for this owner.
    pub fn claim(&mut self, owner: Owner) {
        if !ON {
            return;
        }
        let run = self.meter.run();
        match run.owner {
            None => self.meter.name(owner),
            Some(former) if former == owner => self.meter.keep(),
            Some(_) => {
                let cut = self.meter.cut_unclaimed();
                self.share(cut);
                self.meter.enter(run.phase, Some(owner));
            }
        }
    }

    /// Ends the run that is going on, and books it.
    fn cut(&mut self) {
        let cut = self.meter.cut();
        self.share(cut);
    }

    fn share(&mut self, cut: Option<Cut>) {
        let Some(cut) = cut else { return };
        self.row(cut.owner).heap += cut.heap;
        self.receipts.share(&cut);
    }

    /// Books a system call that no connection has made.
    pub fn book(&mut self, owner: Owner, call: Syscall) {
        if ON {
            self.row(owner).calls.book(call);
        }
    }

    /// Books system calls that no connection has made.
    pub fn book_all(&mut self, owner: Owner, calls: &Calls) {
        if ON {
            self.row(owner).calls.add(calls);
        }
    }

    /// Books a system call of a connection.
    pub fn book_for(&mut self, account: &mut Account, owner: Option<Owner>, call: Syscall) {
        if ON && !account.calls.book(call) {
            // It cannot count this one, or no further: its owner does.
            self.row(owner.unwrap_or(Owner::Request)).calls.book(call);
        }
    }

    /// A deadline has passed.
    pub fn tick(&mut self, owner: Owner) {
        self.row(owner).ticks += 1;
    }

    /// A mechanism was opened.
    pub fn opened(&mut self, kind: Kind, now: Instant) {
        let row = self.row(Owner::Mech(kind));
        row.pass(now);
        row.opened += 1;
        row.open += 1;
    }

    /// A mechanism was closed.
    pub fn closed(&mut self, kind: Kind, now: Instant) {
        let row = self.row(Owner::Mech(kind));
        row.pass(now);
        row.open = row.open.saturating_sub(1);
    }

    /// Folds an account into its owner's row. `queued` bytes go with the connection to the next
    /// owner, whose account begins with them.
    pub fn fold(&mut self, owner: Owner, account: &mut Account, queued: u64) {
        let row = self.row(owner);
        row.add(account);
        row.carried += queued;
        *account = Account::forward(queued, account.waiting());
    }

    /// Somebody was refused or closed for this reason; returns how often that has happened.
    pub const fn blame(&mut self, reason: &fault::Row) -> u64 {
        self.faults.book(reason)
    }

    /// The kernel's own count of a connection that is about to be closed.
    pub fn witness(&mut self, owner: Owner, kernel: Kernel) {
        self.row(owner).kernel += kernel;
    }

    /// How a batch is handed over that was just published: with a receipt, whose number marks its
    /// frames.
    pub fn course(&mut self, batch: &Batch<'_>) -> Course {
        let number = if ON { self.receipts.open(batch) } else { None };
        number.map_or(Course::Replayed, Course::Live)
    }

    /// A frame, if there is one, was queued for so many subscribers, in this run.
    pub fn queued(&mut self, frame: Option<(Frame, u32)>) {
        if let Some((frame, times)) = frame.filter(|_| ON) {
            self.receipts.queued(&frame, times);
        }
    }

    /// A mechanism is opened with these messages: the run in hand works for them.
    pub fn caught_up(&mut self, kind: Kind, batch: &Batch<'_>) {
        if ON {
            self.receipts.work();
            self.receipts.caught_up(kind, batch);
        }
    }

    /// A slow reader is told that so many messages were dropped.
    pub fn missed(&mut self, kind: Kind, gap: Option<Gap>) {
        self.row(Owner::Mech(kind)).missed += gap.map_or(0, |gap| gap.missed);
    }

    /// A system call has taken bytes of a connection.
    pub const fn wrote(&mut self) {
        if ON {
            self.receipts.work();
        }
    }

    /// So many system calls have taken these frames to their last byte.
    pub fn delivered(&mut self, calls: u16, frames: &[Frame]) {
        if !ON {
            return;
        }
        let now = self.meter.now();
        let messages: u32 = frames.iter().map(|frame| frame.messages().count()).sum();
        // All but the last took part of the first one, and nothing of those behind it.
        let mut alone = f64::from(calls.saturating_sub(1));
        for frame in frames {
            self.rows[Owner::Mech(frame.kind()).place()].deliver(frame, now);
            self.receipts.delivered(frame, std::mem::take(&mut alone), messages, now);
        }
    }

    /// What a message has cost so far, if its receipt is still there.
    pub fn receipt(&self, channel: &str, id: Id) -> Option<receipts::Receipt> {
        self.receipts.find(channel, id)
    }

    /// The rows as they are now, to which the caller adds what is open.
    pub fn snapshot(&mut self, now: Instant) -> Snapshot {
        self.settle();
        for row in &mut self.rows {
            row.pass(now);
        }
        Snapshot {
            at: now,
            rows: self.rows.clone(),
            heap_counted: self.meter.heap_counted(),
            unasked: Unasked::default(),
            faults: self.faults,
        }
    }
}

impl Row {
    fn new() -> Self {
        Self {
            opened: 0,
            open: 0,
            open_us: 0,
            open_until: Instant::ZERO,
            deliveries: 0,
            missed: 0,
            ticks: 0,
            brought: 0,
            made: Bytes::ZERO,
            taken: 0,
            queued: 0,
            dropped: 0,
            carried: 0,
            parsed: Bytes::ZERO,
            read: 0,
            waiting: 0,
            calls: Calls::default(),
            heap: Heap::default(),
            held_bytes: 0,
            cpu_ns: [0; Phase::ALL.len()],
            delays: delays(),
            kernel: Kernel::default(),
            kernel_open: None,
        }
    }

    /// Adds the books of a connection, but for what it has not parsed.
    fn add(&mut self, account: &Account) {
        let parsed = account.parsed();
        self.brought += account.brought();
        self.made += account.made();
        self.taken += account.taken();
        self.dropped += account.dropped();
        self.parsed += parsed;
        self.read += parsed.total();
        self.calls.add_own(&account.calls);
    }

    /// Adds a connection that is open: its books, and what it holds.
    pub fn add_open(&mut self, account: &Account, queued: u64, held_bytes: u64) {
        let waiting = account.waiting();
        self.add(account);
        self.queued += queued;
        self.read += waiting;
        self.waiting += waiting;
        self.held_bytes += held_bytes;
    }

    /// Whether every byte is accounted for.
    pub fn balances(&self) -> bool {
        self.brought + self.made.total() == self.taken + self.queued + self.dropped + self.carried
            && self.read == self.parsed.total() + self.waiting
    }

    /// Books that those who are open have been so until now.
    fn pass(&mut self, now: Instant) {
        self.open_us += self.open * now.since(self.open_until);
        self.open_until = now;
    }

    fn deliver(&mut self, frame: &Frame, now: Instant) {
        let messages = frame.messages();
        self.deliveries += u64::from(messages.count());
        if messages.course == Course::Replayed {
            return;
        }
        for (at, count) in messages.published() {
            // A histogram that grows by itself takes every value.
            let _ = self.delays.record_n(now.since(*at), u64::from(*count));
        }
    }
}

/// Two significant digits, and as long as it needs to be.
fn delays() -> Histogram<u64> {
    #[allow(clippy::expect_used, reason = "a constant that the crate takes: 0 to 5 digits")]
    Histogram::new(2).expect("two digits")
}

#[cfg(test)]
#[cfg(feature = "ledger")]
mod tests;
