//! What the ledger said at one moment, kept for a while to be subtracted from what it says later.

use std::collections::VecDeque;

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
        self.read += account.received;
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

impl Snapshots {
    /// None yet, of a ledger that begins at this Unix time, in milliseconds.
    pub const fn new(epoch: u64) -> Self {
        Self { kept: VecDeque::new(), next: Id { epoch, offset: 1 } }
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
