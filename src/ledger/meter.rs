//! Where the loop's time goes, by runs: consecutive work of one phase for one owner.
//!
//! The thread's CPU clock is a system call, so it is not asked at every event, nor at every turn:
//! a run is measured on the monotonic clock, which costs no call, and once in a while what the
//! CPU clock says is spread over the runs since the last time. What they do not explain is the
//! loop's own: waiting, and the calls around it. When the kernel ran something else in between,
//! the runs explain more than there is, and all are told shorter in proportion. Either way the
//! rows add up to the thread's CPU time exactly.

use crate::clock::Instant;
use crate::cost::{Heap, Owner, Phase};
use crate::limits;

/// The clocks of a loop, as values: whoever has none gives some that stand still.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// A monotonic clock, in nanoseconds.
    pub time_ns: fn() -> u64,
    /// CPU time of the loop's thread, in nanoseconds.
    pub cpu_ns: fn() -> u64,
    /// What the allocator was asked for on the loop's thread.
    pub heap: fn() -> Heap,
}

impl Gauge {
    /// Clocks that stand still.
    pub const STILL: Self = Self { time_ns: || 0, cpu_ns: || 0, heap: Heap::default };
}

/// What the loop is doing, and for whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// What it is doing.
    pub phase: Phase,
    /// For whom, once that is known.
    pub owner: Option<Owner>,
}

/// A run that is over.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// For whom it was.
    pub owner: Owner,
    /// How long it was, in nanoseconds of the monotonic clock.
    pub ns: u64,
    /// What the allocator was asked for in it.
    pub heap: Heap,
}

/// Which turn of a loop begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// The first: the CPU clock was asked.
    First,
    /// Another.
    Next,
}

/// The stopwatch of a loop.
#[derive(Debug)]
pub struct Meter {
    gauge: Gauge,
    run: Run,
    /// When the run began; none between two turns.
    since_ns: Option<u64>,
    heap: Heap,
    /// Where in somebody's run work began of which nobody knows yet for whom it is.
    unclaimed: Option<Unclaimed>,
    /// Whether such work of this turn was claimed by another than had the run.
    is_mixed: bool,
    /// When this turn began, on both clocks.
    turn: (Instant, u64),
    /// Runs since the CPU clock was last asked, in nanoseconds of the monotonic clock.
    spent_ns: [[u64; Phase::ALL.len()]; Owner::COUNT],
    spent_all_ns: u64,
    /// What the CPU clock said then.
    cpu_ns: Option<u64>,
}

impl Meter {
    /// A stopwatch that has not begun.
    pub fn new(gauge: Gauge) -> Self {
        Self {
            gauge,
            run: TURN,
            since_ns: None,
            heap: Heap::default(),
            unclaimed: None,
            is_mixed: false,
            turn: (Instant::ZERO, 0),
            spent_ns: Default::default(),
            spent_all_ns: 0,
            cpu_ns: None,
        }
    }

    /// A turn begins, now. The first one begins the count, on the thread that runs the loop.
    pub fn begin(&mut self, now: Instant) -> Turn {
        let turn = if self.cpu_ns.is_none() { Turn::First } else { Turn::Next };
        if turn == Turn::First {
            self.cpu_ns = Some((self.gauge.cpu_ns)());
        }
        let ns = (self.gauge.time_ns)();
        self.turn = (now, ns);
        self.is_mixed = false;
        self.unclaimed = None;
        self.run = TURN;
        self.since_ns = Some(ns);
        self.heap = (self.gauge.heap)();
        turn
    }

    /// The time now, on the clock of deadlines.
    pub fn now(&self) -> Instant {
        let (at, ns) = self.turn;
        at.after((self.gauge.time_ns)().saturating_sub(ns) / 1_000)
    }

    /// Whether the allocator counts: nobody gets as far as this without a block.
    pub fn heap_counted(&self) -> bool {
        (self.gauge.heap)().allocations > 0
    }

    /// The run that is going on.
    pub const fn run(&self) -> Run {
        self.run
    }

    /// Whether this is what the run that is going on is, as far as can be known: work for nobody
    /// yet goes on in a run of its phase, until it is claimed.
    pub fn is_in(&self, phase: Phase, owner: Option<Owner>) -> bool {
        self.run.phase == phase && (owner.is_none() || self.run.owner == owner)
    }

    /// The run that is going on is for this owner.
    pub const fn name(&mut self, owner: Owner) {
        self.run.owner = Some(owner);
    }

    /// The next run begins.
    pub const fn enter(&mut self, phase: Phase, owner: Option<Owner>) {
        self.run = Run { phase, owner };
    }

    /// What follows is for nobody yet, though it is in somebody's run.
    ///
    /// Only in a turn in which owners change is the clock asked for it: a loop that parses one kind
    /// of requests asks it once.
    pub fn unclaim(&mut self) {
        if self.since_ns.is_some() && self.run.owner.is_some() {
            let ns = self.is_mixed.then(|| (self.gauge.time_ns)());
            self.unclaimed = Some(Unclaimed { ns, heap: (self.gauge.heap)() });
        }
    }

    /// Whether there is work that nobody has claimed.
    pub const fn is_unclaimed(&self) -> bool {
        self.unclaimed.is_some()
    }

    /// What was unclaimed is for whom the run is.
    pub const fn keep(&mut self) {
        self.unclaimed = None;
    }

    /// Ends the run that is going on; another one of its kind begins.
    pub fn cut(&mut self) -> Option<Cut> {
        self.unclaimed = None;
        self.cut_at((self.gauge.time_ns)(), (self.gauge.heap)())
    }

    /// Ends the run where the unclaimed work began, which is another's.
    pub fn cut_unclaimed(&mut self) -> Option<Cut> {
        self.is_mixed = true;
        match self.unclaimed.take() {
            Some(Unclaimed { ns: Some(ns), heap }) => self.cut_at(ns, heap),
            Some(Unclaimed { ns: None, heap }) => self.cut_at((self.gauge.time_ns)(), heap),
            None => self.cut(),
        }
    }

    fn cut_at(&mut self, ns: u64, heap: Heap) -> Option<Cut> {
        let since_ns = self.since_ns?;
        let owner = self.run.owner.unwrap_or(Owner::Request);
        let cut = Cut { owner, ns: ns.saturating_sub(since_ns), heap: heap - self.heap };
        (self.since_ns, self.heap) = (Some(ns), heap);
        self.spent_ns[owner.place()][self.run.phase as usize] += cut.ns;
        self.spent_all_ns += cut.ns;
        Some(cut)
    }

    /// The turn is over: what follows is sleep.
    pub const fn pause(&mut self) {
        self.since_ns = None;
    }

    /// Whether so much was spent that the CPU clock is worth its call.
    pub const fn is_due(&self) -> bool {
        self.spent_all_ns >= limits::METER_NS
    }

    /// Asks the CPU clock, and spreads what it says: nanoseconds by owner and phase.
    pub fn settle(&mut self) -> [[u64; Phase::ALL.len()]; Owner::COUNT] {
        let mut spent_ns = std::mem::take(&mut self.spent_ns);
        let whole_ns = std::mem::take(&mut self.spent_all_ns);
        let Some(before_ns) = self.cpu_ns else { return spent_ns };
        let now_ns = (self.gauge.cpu_ns)();
        self.cpu_ns = Some(now_ns);
        let there_ns = now_ns.saturating_sub(before_ns);
        let mut left_ns = there_ns;
        for ns in spent_ns.as_flattened_mut() {
            *ns = scaled(*ns, there_ns, whole_ns).min(left_ns);
            left_ns -= *ns;
        }
        spent_ns[Owner::Loop.place()][Phase::Turn as usize] += left_ns;
        spent_ns
    }
}

/// A moment of a run.
#[derive(Clone, Copy, Debug)]
struct Unclaimed {
    ns: Option<u64>,
    heap: Heap,
}

/// `part` of `whole`, when there is only `there` of it.
fn scaled(part: u64, there: u64, whole: u64) -> u64 {
    if whole <= there {
        return part;
    }
    let scaled = u128::from(part) * u128::from(there) / u128::from(whole);
    u64::try_from(scaled).unwrap_or(part)
}

/// What a turn is between all that has a name.
const TURN: Run = Run { phase: Phase::Turn, owner: Some(Owner::Loop) };

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::id::Kind;

    thread_local! {
        static TIME_NS: Cell<u64> = const { Cell::new(0) };
        static CPU_NS: Cell<u64> = const { Cell::new(0) };
    }

    const SSE: Option<Owner> = Some(Owner::Mech(Kind::Sse));

    /// A meter that has seen a run of 300 ns for SSE and one of 100 ns for the loop.
    fn run_for_400_ns() -> Meter {
        TIME_NS.set(1_000);
        CPU_NS.set(50_000);
        let gauge = Gauge { time_ns: || TIME_NS.get(), cpu_ns: || CPU_NS.get(), ..Gauge::STILL };
        let mut meter = Meter::new(gauge);
        meter.begin(Instant::ZERO);
        TIME_NS.set(1_100);
        assert_eq!(meter.cut().unwrap().ns, 100);
        meter.enter(Phase::Flush, SSE);
        TIME_NS.set(1_400);
        assert_eq!(meter.cut().unwrap().ns, 300);
        meter.pause();
        assert!(meter.cut().is_none(), "sleep is nobody's");
        meter
    }

    /// What is told of SSE's writing and of the loop's turn, when the CPU clock says this.
    fn settled(mut meter: Meter, cpu_ns: u64) -> (u64, u64) {
        CPU_NS.set(50_000 + cpu_ns);
        let spent_ns = meter.settle();
        assert_eq!(spent_ns.as_flattened().iter().sum::<u64>(), cpu_ns);
        let of = |owner: Owner, phase| spent_ns[owner.place()][phase as usize];
        (of(Owner::Mech(Kind::Sse), Phase::Flush), of(Owner::Loop, Phase::Turn))
    }

    #[test]
    fn what_the_runs_do_not_explain_is_the_loops() {
        assert_eq!(settled(run_for_400_ns(), 450), (300, 150));
    }

    #[test]
    fn whoever_was_interrupted_is_told_shorter() {
        assert_eq!(settled(run_for_400_ns(), 200), (150, 50));
    }
}
