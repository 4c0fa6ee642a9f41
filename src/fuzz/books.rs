//! What the ledger must say, whatever has happened to the engine.

use crate::cost::{Calls, Syscall};
use crate::engine::Engine;
use crate::fuzz::gauge;
use crate::ledger::{self, Row, Snapshot};

/// What a script has spent, counted where it was spent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    /// Bytes that all sockets have given.
    pub(super) given: u64,
    /// Bytes that all sockets have taken.
    pub(super) taken: u64,
    /// System calls that a reactor would have made.
    pub(super) calls: u64,
    /// Blocks that were handed out in turns.
    pub(super) allocations: u64,
}

/// All that was spent is on somebody's account, and no more.
pub(super) fn check_sums(snapshot: &Snapshot, engine: &Engine, spent: &Spent) {
    let sum = |of: fn(&Row) -> u64| snapshot.rows().map(|(_, row)| of(row)).sum::<u64>();
    assert!(snapshot.balances(), "{snapshot:?}");
    // Who has not asked for anything yet is on nobody's account.
    let (mut given, mut unasked) = (spent.given, Calls::default());
    let conns = engine.tokens().into_iter().filter_map(|token| engine.conn(token));
    for conn in conns.filter(|conn| conn.owner.is_none()) {
        given -= conn.account.received();
        unasked.add_own(&conn.account.calls);
    }
    assert_eq!((sum(|row| row.read), sum(|row| row.taken)), (given, spent.taken));
    assert_eq!(sum(|row| row.brought), sum(|row| row.carried));
    if !ledger::ON {
        return;
    }
    let clocks = gauge::clocks();
    let calls = spent.calls - unasked.total() + clocks.cpu_looks;
    assert_eq!(sum(|row| row.calls.total()), calls, "calls");
    assert_eq!(sum(|row| row.calls.of(Syscall::CpuClock)), clocks.cpu_looks, "looks");
    assert_eq!(sum(|row| row.cpu_ns.iter().sum()), clocks.cpu_seen_ns(), "CPU time");
    assert_eq!(sum(|row| row.heap.allocations), spent.allocations, "heap");
}

/// What has come between two snapshots balances, and is what makes the later one of the earlier:
/// no counter has fallen.
pub(super) fn check_gain(earlier: &Snapshot, later: &Snapshot) {
    let gain = later.clone().since(earlier);
    let blamed = earlier.faults().total() + gain.faults().total();
    assert_eq!(blamed, later.faults().total(), "{gain:?}");
    assert!(gain.balances(), "{gain:?}");
    let rows = earlier.rows().zip(gain.rows()).zip(later.rows());
    for (((owner, before), (_, more)), (_, after)) in rows {
        let sum = counters(before).into_iter().zip(counters(more)).map(|(one, two)| one + two);
        assert!(sum.eq(counters(after)), "{owner:?}: {before:?} and {more:?} are not {after:?}");
        // What was queued, and what waited, stands in both: it was brought forward.
        assert_eq!(before.brought + more.brought, after.brought + before.queued, "{owner:?}");
        assert_eq!(before.read + more.read, after.read + before.waiting, "{owner:?}");
    }
}

/// What only grows in a row.
fn counters(row: &Row) -> [u64; 21] {
    let (made, parsed) = (row.made, row.parsed);
    [
        row.opened,
        row.open_us,
        row.deliveries,
        row.missed,
        row.ticks,
        made.head,
        made.framing,
        made.payload,
        made.control,
        row.taken,
        row.dropped,
        row.carried,
        parsed.head,
        parsed.framing,
        parsed.payload,
        parsed.control,
        row.calls.total(),
        row.heap.allocations,
        row.cpu_ns.iter().sum(),
        row.delays.len(),
        row.kernel.sockets,
    ]
}
