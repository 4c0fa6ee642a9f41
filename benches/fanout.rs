//! What does it cost the server to hand one message to 1,000 subscribers, beside the least that
//! this kernel allows?
//!
//! Unit: CPU time of the process per fan-out, in which only the server's side works: the clients'
//! sockets are read between the measurements. `limit` encodes the frame once and calls `send` once
//! per subscriber, and does nothing else. `1` is one message in flight, `16` are sixteen that
//! arrive together: the limit for those is one `send` of sixteen frames per subscriber.
//!
//! ```text
//! cargo bench --bench fanout
//! ```
#![allow(missing_docs, reason = "criterion's macros define items without")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot run must stop")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pushscope::engine::Config;
use pushscope::reactor::Reactor;
use pushscope::sys;

/// Subscribers of each server.
const SUBSCRIBERS: usize = 1_000;
const MESSAGE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn fanout(c: &mut Criterion) {
    let mut group = c.benchmark_group("fanout to 1,000");
    group.sample_size(30).measurement_time(Duration::from_secs(6));
    for in_flight in [1, 16] {
        group.throughput(Throughput::Elements((SUBSCRIBERS * in_flight) as u64));
        for (name, request) in [("sse", SSE), ("websocket", WEBSOCKET)] {
            let mut limit = Limit::open(name, in_flight);
            group.bench_function(BenchmarkId::new(format!("limit {name}"), in_flight), |b| {
                b.iter_custom(|times| (0..times).map(|_| limit.fan_out()).sum());
            });
            let mut ours = Ours::open(request);
            group.bench_function(BenchmarkId::new(name, in_flight), |b| {
                b.iter_custom(|times| (0..times).map(|_| ours.fan_out(in_flight)).sum());
            });
        }
    }
    group.finish();
}

/// The server under test, driven turn by turn on this thread, and its clients.
struct Ours {
    reactor: Reactor,
    publisher: TcpStream,
    subscribers: Vec<TcpStream>,
}

impl Ours {
    fn open(request: &str) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        let mut reactor = Reactor::bind(address, Config::default()).unwrap();
        let address = reactor.address().unwrap();
        let mut subscribers = Vec::new();
        for _ in 0..SUBSCRIBERS {
            let mut subscriber = connect(address);
            subscriber.write_all(request.as_bytes()).unwrap();
            while drain(&mut subscriber) == 0 {
                turn(&mut reactor);
            }
            subscribers.push(subscriber);
        }
        let publisher = connect(address);
        turn(&mut reactor);
        Self { reactor, publisher, subscribers }
    }

    fn fan_out(&mut self, in_flight: usize) -> Duration {
        let length = MESSAGE.len();
        let request =
            format!("POST /c/x HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{MESSAGE}");
        self.publisher.write_all(request.repeat(in_flight).as_bytes()).unwrap();
        let before = sys::process_cpu_ns();
        turn(&mut self.reactor);
        let spent = sys::process_cpu_ns() - before;
        assert!(drain(&mut self.publisher) > 0, "the publisher was not answered in this turn");
        for subscriber in &mut self.subscribers {
            assert!(drain(subscriber) >= in_flight * length, "a delivery is missing");
        }
        Duration::from_nanos(spent)
    }
}

/// The least there is to do: one `send` per subscriber.
struct Limit {
    frames: Vec<u8>,
    sockets: Vec<TcpStream>,
    subscribers: Vec<TcpStream>,
}

impl Limit {
    fn open(name: &str, in_flight: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut limit = Self { frames: Vec::new(), sockets: Vec::new(), subscribers: Vec::new() };
        for _ in 0..SUBSCRIBERS {
            limit.subscribers.push(connect(address));
            let (socket, _) = listener.accept().unwrap();
            socket.set_nodelay(true).unwrap();
            limit.sockets.push(socket);
        }
        for _ in 0..in_flight {
            match name {
                "sse" => write!(limit.frames, "id: 1763712345678-1\ndata: {MESSAGE}\n\n").unwrap(),
                _ => write!(limit.frames, "\u{1}\u{40}{MESSAGE}").unwrap(),
            }
        }
        limit
    }

    fn fan_out(&mut self) -> Duration {
        let before = sys::process_cpu_ns();
        for socket in &mut self.sockets {
            assert_eq!(socket.write(&self.frames).unwrap(), self.frames.len());
        }
        let spent = sys::process_cpu_ns() - before;
        for subscriber in &mut self.subscribers {
            assert_eq!(drain(subscriber), self.frames.len());
        }
        Duration::from_nanos(spent)
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn turn(reactor: &mut Reactor) {
    reactor.turn(Some(Duration::from_millis(100))).unwrap();
}

/// Reads what is there; returns how much that was.
fn drain(stream: &mut TcpStream) -> usize {
    let mut bytes = [0xa5; 16 * 1024];
    let mut total = 0;
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => panic!("a connection was closed"),
            Ok(count) => total += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return total,
            Err(error) => panic!("{error}"),
        }
    }
}

const SSE: &str = "GET /c/x/sse HTTP/1.1\r\nHost: x\r\n\r\n";
const WEBSOCKET: &str = "GET /c/x/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

criterion_group!(benches, fanout);
criterion_main!(benches);
