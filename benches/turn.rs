//! Does an event cost more, the more connections are idle?
//!
//! Unit: time per event, alone in its turn, without sockets: what the engine adds to what the
//! kernel does. Idle are WebSockets that await their next ping, so that each has a deadline.
//!
//! ```text
//! cargo bench --bench turn
//! ```
//!
//! Found: it does not. By instructions (`benches/count`) a ping and a message to one cost the same
//! with 10 idle and with 10,000; a poll, a park and a connection 3 to 4 % more, for a deadline
//! finds its place among the others'. By the clock, in one run, a short poll took 2.7 µs with 1,000
//! and 2.0 with 100,000, a park 3.6 and 3.3, a connection 2.9 and 3.2: the run's noise. Pings that
//! each come on another connection take a quarter more with 100,000, whose memory the cache does
//! not hold.
//!
//! What an event alone in its turn pays for is the turn: of a ping's 2,647 instructions 520 are
//! those of a turn in which nothing happens, with one run that is booked, and 390 book the other
//! three (reading, the loop's, writing), each with a look at the clock and at the allocator's
//! books. Events of one turn share both.
#![allow(missing_docs, reason = "criterion's macros define items without")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

mod stage;

use std::env;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

use stage::clocks;
use stage::events::{self, Prepare};

fn turn(c: &mut Criterion) {
    let mut group = c.benchmark_group("turn");
    group.sample_size(20).warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    // As a test each runs once, and many connections would take long to come.
    let is_test = !env::args().any(|arg| arg == "--bench");
    for count in if is_test { &[10][..] } else { &[10, 1_000, 100_000] } {
        let (mut server, idle) = events::idle(*count, clocks());
        for (name, prepare) in EVENTS {
            let mut event = prepare(&mut server, &idle);
            group.bench_function(BenchmarkId::new(*name, count), |b| {
                b.iter(|| event(&mut server));
            });
        }
    }
    group.finish();
}

const EVENTS: &[(&str, Prepare)] = &[
    ("nothing", events::nothing),
    ("a message to one", events::message),
    ("a ping", events::ping),
    ("a ping, each time another's", events::ping_of_another),
    ("a short poll", events::poll),
    ("a long poll, parked until its deadline", events::park),
    ("a connection, opened and closed", events::connection),
];

criterion_group!(benches, turn);
criterion_main!(benches);
