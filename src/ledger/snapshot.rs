//! What the ledger said at one moment, kept for a while to be subtracted from what it says later.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::AddAssign;

use crate::clock::Instant;
use crate::cost::{Account, Calls, Kernel, Owner, Phase};
use crate::fault::Counts;
use crate::id::Id;
use crate::ledger::Row;
use crate::limits;

/// Every row at one moment, what is open included.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The moment.
    pub at: Instant,
    pub(super) rows: Vec<Row>,
    /// Whether the allocator counts in this build.
    pub(super) heap_counted: bool,
    pub(super) unasked: Unasked,
    pub(super) faults: Counts,
}

/// Open connections that are on nobody's account yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unasked {
    /// How many.
    pub connections: u64,
    /// Their system calls.
    pub calls: Calls,
    /// Bytes that were read from them.
    pub read: u64,
    /// Memory that they hold, in bytes.
    pub held_bytes: u64,
    /// The kernel's own count, when it was asked.
    pub kernel_open: Option<Kernel>,
}

impl Unasked {
    /// Adds one of them: its books, and what it holds.
    pub fn add(&mut self, account: &Account, held_bytes: u64) {
        self.connections += 1;
        self.calls.add_own(&account.calls);
        self.read += account.received();
        self.held_bytes += held_bytes;
    }
}

impl Snapshot {
    /// Every row with its owner.
    pub fn rows(&self) -> impl Iterator<Item = (Owner, &Row)> {
        Owner::all().zip(&self.rows)
    }

    /// The row of an owner.
    pub fn row(&mut self, owner: Owner) -> &mut Row {
        &mut self.rows[owner.place()]
    }

    /// Those who are on no row.
    pub const fn unasked(&self) -> &Unasked {
        &self.unasked
    }

    /// The same, to be added to.
    pub const fn unasked_mut(&mut self) -> &mut Unasked {
        &mut self.unasked
    }

    /// How often each reason was given.
    pub const fn faults(&self) -> &Counts {
        &self.faults
    }

    /// Whether the allocator counts in this build.
    pub const fn heap_counted(&self) -> bool {
        self.heap_counted
    }

    /// Whether every account balances.
    pub fn balances(&self) -> bool {
        self.rows.iter().all(Row::balances)
    }

    /// What has come since an earlier snapshot of the same ledger. What is open, queued, waiting,
    /// held or unasked is told as it is now.
    pub fn since(mut self, earlier: &Self) -> Self {
        for (row, before) in self.rows.iter_mut().zip(&earlier.rows) {
            row.subtract(before);
        }
        self.faults = self.faults.since(&earlier.faults);
        self
    }
}

impl AddAssign<&Self> for Snapshot {
    /// What two loops have cost.
    fn add_assign(&mut self, more: &Self) {
        self.at = self.at.max(more.at);
        for (row, more) in self.rows.iter_mut().zip(&more.rows) {
            *row += more;
        }
        self.heap_counted &= more.heap_counted;
        self.unasked += &more.unasked;
        self.faults += &more.faults;
    }
}

impl AddAssign<&Self> for Unasked {
    fn add_assign(&mut self, more: &Self) {
        self.connections += more.connections;
        self.calls.add(&more.calls);
        self.read += more.read;
        self.held_bytes += more.held_bytes;
        add_kernel(&mut self.kernel_open, more.kernel_open);
    }
}

impl AddAssign<&Self> for Row {
    fn add_assign(&mut self, more: &Self) {
        self.opened += more.opened;
        self.open += more.open;
        self.open_us += more.open_us;
        self.open_until = self.open_until.max(more.open_until);
        self.deliveries += more.deliveries;
        self.missed += more.missed;
        self.ticks += more.ticks;
        self.brought += more.brought;
        self.made += more.made;
        self.taken += more.taken;
        self.queued += more.queued;
        self.dropped += more.dropped;
        self.carried += more.carried;
        self.parsed += more.parsed;
        self.read += more.read;
        self.waiting += more.waiting;
        self.calls.add(&more.calls);
        self.heap += more.heap;
        self.held_bytes += more.held_bytes;
        for (ns, more) in self.cpu_ns.iter_mut().zip(more.cpu_ns) {
            *ns += more;
        }
        // A histogram that grows by itself takes every value.
        let _ = self.delays.add(&more.delays);
        self.kernel += more.kernel;
        add_kernel(&mut self.kernel_open, more.kernel_open);
    }
}

/// A loop without connections has nothing to ask the kernel for.
fn add_kernel(sum: &mut Option<Kernel>, more: Option<Kernel>) {
    match (sum, more) {
        (Some(sum), Some(more)) => *sum += more,
        (sum @ None, more) => *sum = more,
        (Some(_), None) => {}
    }
}

impl Row {
    fn subtract(&mut self, before: &Self) {
        self.opened -= before.opened;
        self.open_us -= before.open_us;
        self.deliveries -= before.deliveries;
        self.missed -= before.missed;
        self.ticks -= before.ticks;
        // What was queued then is brought forward from then.
        self.brought = self.brought - before.brought + before.queued;
        self.made = self.made - before.made;
        self.taken -= before.taken;
        self.dropped -= before.dropped;
        self.carried -= before.carried;
        self.parsed = self.parsed - before.parsed;
        self.read = self.read + before.waiting - before.read;
        self.calls = self.calls - before.calls;
        self.heap = self.heap - before.heap;
        for (ns, before) in self.cpu_ns.iter_mut().zip(before.cpu_ns) {
            *ns -= before;
        }
        // The earlier one counted no value that the later one does not.
        let _ = self.delays.subtract(&before.delays);
        self.kernel = self.kernel - before.kernel;
    }
}

/// Snapshots by their names: those that were made or asked for last.
///
/// A name is that of a place in a log, `<epoch>-<number>`, so that another process, or the next one
/// at the same address, does not know it.
#[derive(Debug)]
pub struct Snapshots {
    kept: VecDeque<(Id, Snapshot)>,
    /// The name of the next.
    next: Id,
}

/// What a snapshot says of the time since an earlier one.
#[derive(Debug)]
pub struct Gain<'a> {
    /// The name under which the snapshot itself is kept.
    pub name: Id,
    /// The time since the earlier one, or since the loop began, in microseconds.
    pub span_us: u64,
    /// What has come since then.
    pub snapshot: Cow<'a, Snapshot>,
}

impl Snapshots {
    /// None yet, of a ledger that begins at this Unix time, in milliseconds.
    pub const fn new(epoch: u64) -> Self {
        Self { kept: VecDeque::new(), next: Id { epoch, offset: 1 } }
    }

    /// Keeps a snapshot, and subtracts the earlier one of that name; none if that has given way.
    pub fn gain<'a>(&mut self, snapshot: &'a Snapshot, since: Option<Id>) -> Option<Gain<'a>> {
        let (from, gained) = match since {
            Some(name) => {
                let earlier = self.find(name)?;
                (earlier.at, Cow::Owned(snapshot.clone().since(earlier)))
            }
            None => (Instant::ZERO, Cow::Borrowed(snapshot)),
        };
        let name = self.keep(snapshot.clone());
        Some(Gain { name, span_us: snapshot.at.since(from), snapshot: gained })
    }

    /// Keeps a snapshot; the one that nobody has asked for the longest gives way. Returns its name.
    pub fn keep(&mut self, snapshot: Snapshot) -> Id {
        if self.kept.len() == limits::SNAPSHOTS_MAX {
            self.kept.pop_front();
        }
        let name = self.next;
        self.next.offset += 1;
        self.kept.push_back((name, snapshot));
        name
    }

    /// Whether there is a snapshot of that name.
    pub fn has(&self, name: Id) -> bool {
        self.kept.iter().any(|(of, _)| *of == name)
    }

    /// The snapshot of that name, unless it has given way. Who counts from it again and again
    /// keeps it, however many others are made meanwhile.
    pub fn find(&mut self, name: Id) -> Option<&Snapshot> {
        let place = self.kept.iter().position(|(of, _)| *of == name)?;
        let found = self.kept.remove(place)?;
        self.kept.push_back(found);
        self.kept.back().map(|(_, snapshot)| snapshot)
    }
}

const _: () = assert!(Phase::ALL.len() == Phase::Turn as usize + 1);
