//! What does the server's own code add to a delivery, beside the kernel's part?
//!
//! Unit: time per fan-out to 1,000 without sockets: a message is published, encoded, queued for
//! every subscriber, gathered, booked as one `send` each, and taken. Clocks and allocator are read
//! as the reactor has them read. `benches/ledger` runs it with the ledger and without it.
//!
//! ```text
//! cargo bench --bench engine
//! ```
//!
//! Found: by instructions (`benches/count`, SSE, a message alone in its turn) a delivery is 916. Of
//! those 250 hand it over: the list of subscribers, the mechanism, the queue and its books; 240
//! find who has something to write, and arm their deadlines; 425 book what the socket took: 110 on
//! the message's receipt, another 110 in the row and its histogram of delays, 45 in the queue.
//! What was queued for many in a row is booked for all of them at once, and what a frame carries
//! is counted when it is made: both were done for each, and were 120 more. A delay is each
//! subscriber's own, and so is a clock that is read for it: what remains is flat.
#![allow(missing_docs, reason = "criterion's macros define items without")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

mod stage;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pushscope::engine::Config;

use stage::{MESSAGE, SSE, Server, WEBSOCKET, clocks};

/// Subscribers of the channel.
const SUBSCRIBERS: usize = 1_000;

fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine, fan-out to 1,000");
    group.sample_size(30).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(SUBSCRIBERS as u64));
    for (name, request) in [("sse", SSE), ("websocket", WEBSOCKET)] {
        let mut server = Server::new(Config::default(), clocks());
        server.crowd(SUBSCRIBERS, request);
        group.bench_function(name, |b| b.iter(|| server.publish("x", MESSAGE, 1)));
    }
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
