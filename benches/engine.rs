//! What does the server's own code add to a delivery, beside the kernel's part?
//!
//! Unit: time per fan-out to 1,000 without sockets: a message is published, encoded, queued for
//! every subscriber, gathered, booked as one `send` each, and taken. Clocks and allocator are read
//! as the reactor has them read. `benches/ledger` runs it with the ledger and without it.
//!
//! ```text
//! cargo bench --bench engine
//! ```
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
