//! Several loops that share one order of messages, driven by hand: no thread, no socket, no clock.
//!
//! The interleavings are random, and each failure names its seed: `SEED=<n> cargo test --test
//! loops` plays it alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "loops/moments.rs"]
mod moments;
#[path = "loops/questions.rs"]
mod questions;
mod support;
#[path = "loops/town.rs"]
mod town;

use town::Town;

#[test]
fn every_subscriber_of_every_loop_hears_each_log_in_order_whole_and_once() {
    let one = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = one.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        Town::new(seed).play(STEPS);
    }
}

const SEEDS: u64 = 24;
const STEPS: usize = 120;
