//! Clocks that move whenever somebody looks, in the same way in every run.

use std::cell::Cell;

use crate::cost::Heap;
use crate::ledger::meter::Gauge;

/// Clocks of a loop that has something to do. In some stretches of time the kernel gives it less
/// CPU time than its runs take, and in others more.
pub(super) const MOVING: Gauge = Gauge { time_ns, cpu_ns, heap };

/// Where the clocks of this thread stand, and what has been seen of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    looks: u64,
    time_ns: u64,
    cpu_ns: u64,
    /// What the CPU clock said first.
    cpu_first_ns: Option<u64>,
    /// What it said last.
    cpu_last_ns: u64,
    /// How often it was asked.
    pub(super) cpu_looks: u64,
    /// Blocks that the allocator has handed out.
    pub(super) allocations: u64,
}

impl Clocks {
    const STOPPED: Self = Self {
        looks: 0,
        time_ns: 0,
        cpu_ns: 0,
        cpu_first_ns: None,
        cpu_last_ns: 0,
        cpu_looks: 0,
        allocations: 0,
    };

    /// CPU time from the first look at its clock to the last.
    pub(super) fn cpu_seen_ns(&self) -> u64 {
        self.cpu_last_ns - self.cpu_first_ns.unwrap_or(self.cpu_last_ns)
    }
}

/// Sets them to their beginning.
pub(super) fn reset() {
    CLOCKS.set(Clocks::STOPPED);
}

/// Where they stand: this look moves nothing.
pub(super) fn clocks() -> Clocks {
    CLOCKS.get()
}

fn time_ns() -> u64 {
    let mut clocks = CLOCKS.get();
    clocks.looks += 1;
    let step_ns = 1 + clocks.looks * STEP % STEP_NS_MAX;
    clocks.time_ns += step_ns;
    let is_starved = clocks.time_ns / STRETCH_NS % 2 == 1;
    clocks.cpu_ns += if is_starved { step_ns / 2 } else { step_ns * 2 };
    CLOCKS.set(clocks);
    clocks.time_ns
}

fn cpu_ns() -> u64 {
    let mut clocks = CLOCKS.get();
    clocks.cpu_looks += 1;
    clocks.cpu_first_ns.get_or_insert(clocks.cpu_ns);
    clocks.cpu_last_ns = clocks.cpu_ns;
    CLOCKS.set(clocks);
    clocks.cpu_ns
}

fn heap() -> Heap {
    let mut clocks = CLOCKS.get();
    clocks.allocations += 1;
    CLOCKS.set(clocks);
    let allocated_bytes = clocks.allocations * BLOCK_BYTES;
    Heap { allocations: clocks.allocations, allocated_bytes, ..Heap::default() }
}

thread_local! {
    static CLOCKS: Cell<Clocks> = const { Cell::new(Clocks::STOPPED) };
}

/// A prime, so that one step is not like the next.
const STEP: u64 = 7_919;
/// Some forty looks are worth a look at the CPU clock.
const STEP_NS_MAX: u64 = 50_000;
const STRETCH_NS: u64 = 4_000_000;
const BLOCK_BYTES: u64 = 10;
