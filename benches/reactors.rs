//! What do two loops deliver beside one?
//!
//! Unit: deliveries in the same time, as a ratio: 2.00 would be twice as many. `apart` is what this
//! machine allows: two servers of one loop each, with half of the subscribers each, that share
//! nothing but the machine.
//!
//! *Engines* are loops without sockets, each a thread on a core of its own. One publishes, message
//! after message, and publishes the next when all have handed over the last; `apart`, each
//! publishes the same to its own subscribers, at the same pace. They do not sleep: what is measured
//! is what loops do to each other's memory.
//!
//! *Servers* are processes. Their clients compete with them for the cores, and therefore do nothing
//! while time is taken: a message is published and answered; then each loop is asked for
//! `/healthz`, twice, for what is asked in a later turn is answered when the deliveries of the
//! earlier one have left. Only then, off the clock, everybody reads. Beside the time stands the CPU
//! time of all threads of the server per delivery (`schedstat`), which nobody competes for.
//!
//! The sides take turns, and what is told is the median of the ratios of neighbours, with the
//! quartiles.
//!
//! Found: two loops deliver as much as two servers that share nothing. On two cores of a virtual
//! machine, by two runs, engines hand over to 10,000 by SSE 1.89 to 1.92 times as much (apart 1.85
//! to 1.88), by WebSocket 1.81 to 1.94 (1.80 to 1.85), by long poll 1.62 to 1.78 (1.68 to 1.82); to
//! 1,000 1.60 to 1.74 (1.73 to 1.87). Servers with 4,000 subscribers are 1.68 to 1.81 times as fast
//! (apart 1.73 to 1.82), with 1,000 subscribers 1.62 to 1.75 (1.55 to 1.65), where the wake of the
//! second loop and its uneven share still show; a delivery takes as much CPU time of two loops as
//! of one (0.95 to 1.06). No line of memory is written by both loops for a delivery: how many are
//! subscribed is told once a turn.
//!
//! ```text
//! cargo bench --bench reactors                 # all of it: some minutes
//! cargo bench --bench reactors -- engines      # or servers
//! ```
#![allow(clippy::unwrap_used, reason = "a bench that cannot run must stop")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]

mod across;
#[path = "reactors/engines.rs"]
mod engines;
#[path = "reactors/servers.rs"]
mod servers;
mod stage;

use std::{env, thread};

fn main() {
    if thread::available_parallelism().map_or(1, usize::from) < LOOPS {
        return println!("there is one core: two loops would share it");
    }
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let is_asked = |part: &str| {
        let parts = ["engines", "servers"];
        !arguments.iter().any(|word| parts.contains(&word.as_str()))
            || arguments.iter().any(|word| word == part)
    };
    println!(
        "                          subscribers    time of one    two: times as many (quartiles)"
    );
    if is_asked("engines") {
        engines::compare();
    }
    if is_asked("servers") {
        servers::compare();
    }
}

/// Prints how many times as much a side has done in the same time as the first one, whose time per
/// delivery is this.
fn tell(part: &str, subscribers: usize, first_ns: &[f64], name: &str, side_ns: &[f64]) {
    let pairs = first_ns.iter().zip(side_ns);
    let ratios: Vec<f64> = pairs.map(|(first, side)| first / side).collect();
    let [low, middle, high] = [1, 2, 3].map(|quarter| across::quartile(&ratios, quarter));
    let one_us = across::quartile(first_ns, 2) / 1_000.0;
    println!(
        "{part:<25} {subscribers:>11} {one_us:>11.3} µs    {name:<8} {middle:>6.2} \
         ({low:.2}–{high:.2})"
    );
}

/// Loops that are compared with one.
const LOOPS: usize = 2;
