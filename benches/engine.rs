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

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pushscope::clock::{Instant, Now};
use pushscope::cost::Syscall;
use pushscope::engine::{Config, Engine};
use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::ledger::meter::Gauge;
use pushscope::sys;

/// Subscribers of the channel.
const SUBSCRIBERS: u64 = 1_000;

fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine, fan-out to 1,000");
    group.sample_size(30).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(SUBSCRIBERS));
    for (name, request) in [("sse", SSE), ("websocket", WEBSOCKET)] {
        let mut server = Server::open(request);
        group.bench_function(name, |b| b.iter(|| server.fan_out()));
    }
    group.finish();
}

struct Server {
    engine: Engine,
    at_us: u64,
}

impl Server {
    fn open(request: &str) -> Self {
        let (time_ns, cpu_ns, heap) = (sys::monotonic_ns, sys::thread_cpu_ns, sys::heap);
        let gauge = Gauge { time_ns, cpu_ns, heap };
        let engine = Engine::gauged(Config::default(), at(0), gauge);
        let mut server = Self { engine, at_us: 0 };
        server.engine.begin(at(0));
        for _ in 0..SUBSCRIBERS {
            let token = server.engine.open().unwrap();
            server.engine.receive(token, request.as_bytes());
        }
        server.flush();
        server
    }

    fn fan_out(&mut self) {
        self.at_us += 1;
        self.engine.begin(at(self.at_us));
        let payload = Payload::Text(Arc::from(MESSAGE));
        self.engine.publish("x", Draft { name: None, payload }).unwrap();
        self.flush();
    }

    /// What the reactor does at the end of a turn; every socket takes everything.
    fn flush(&mut self) {
        self.engine.settle();
        while let Some(token) = self.engine.next_dirty() {
            let mut slices = [IoSlice::new(&[]); 8];
            let set = self.engine.gather(token, &mut slices);
            let bytes = slices[..set].iter().map(|slice| slice.len()).sum();
            self.engine.book(token, Syscall::Send);
            self.engine.sent(token, bytes);
            self.engine.flushed(token);
        }
        self.engine.pause();
    }
}

fn at(us: u64) -> Now {
    Now { at: Instant::from_us(us), unix_us: 1_763_712_345_000_000 + us }
}

const MESSAGE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SSE: &str = "GET /c/x/sse HTTP/1.1\r\nHost: x\r\n\r\n";
const WEBSOCKET: &str = "GET /c/x/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

criterion_group!(benches, engine);
criterion_main!(benches);
