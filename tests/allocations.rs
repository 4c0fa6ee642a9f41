//! What a delivery takes from the heap, and what an idle connection owns of it.
#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test that cannot run must stop")]
#![allow(clippy::print_stdout, reason = "what is found is told with --nocapture")]

use std::io::IoSlice;
use std::sync::Arc;

use pushscope::access::{Access, Tokens};
use pushscope::clock::{Instant, Now};
use pushscope::engine::{Config, Engine};
use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::id::Kind;
use pushscope::origin::Origins;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SUBSCRIBERS: usize = 1_000;
/// Connections that do nothing.
const IDLE: usize = 200;

/// Both figures in one test: the counter counts what the whole process does.
#[test]
fn a_delivery_allocates_nothing_and_an_idle_connection_owns_nothing() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for kind in Kind::ALL {
        let request = REQUESTS[kind as usize];
        let mut engine = Engine::new(Config::default(), at(0));
        let name = kind.name();
        if !matches!(kind, Kind::Poll | Kind::LongPoll) {
            deliver(&mut engine, name, request);
        }
        own_nothing(&mut engine, name, request);
        // Nor if a page of another origin has opened it, nor if it has shown a token.
        let mut token = Tokens::default();
        token.add("long-enough");
        let access = Access::new(token.clone(), token);
        let origins = Origins::new(vec!["*".to_owned()]);
        let config = Config { access, origins, ..Config::default() };
        let mut engine = Engine::new(config, at(0));
        let fields = "Host: x\r\nOrigin: http://page.example\r\n\
                      Authorization: Bearer long-enough\r\n";
        own_nothing(&mut engine, name, &request.replace("Host: x\r\n", fields));
    }
}

/// A message to all of them takes from the heap what it takes for one.
fn deliver(engine: &mut Engine, name: &str, request: &str) {
    subscribe(engine, SUBSCRIBERS, request);
    for warm in 0..300 {
        fan_out(engine, warm);
    }
    let before = dhat::HeapStats::get();
    for turn in 0..100 {
        fan_out(engine, 300 + turn);
    }
    let after = dhat::HeapStats::get();
    let per_message = (after.total_blocks - before.total_blocks) as f64 / 100.0;
    println!("{per_message} allocations per message to {SUBSCRIBERS} by {name}");
    assert!(per_message <= 16.0, "{name}: {per_message} allocations per message");
}

/// Twice as many connections own as many blocks: those of the slab, of the list of subscribers
/// and of the deadlines, which are one each, however many there are.
fn own_nothing(engine: &mut Engine, name: &str, request: &str) {
    subscribe(engine, IDLE, request);
    let before = dhat::HeapStats::get().curr_blocks;
    subscribe(engine, IDLE, request);
    let more = dhat::HeapStats::get().curr_blocks.saturating_sub(before);
    println!("{more} blocks belong to {IDLE} connections by {name}");
    assert_eq!(more, 0, "blocks belong to idle connections by {name}");
}

fn subscribe(engine: &mut Engine, count: usize, request: &str) {
    for _ in 0..count {
        let token = engine.open().unwrap();
        engine.receive(token, request.as_bytes());
    }
    engine.settle();
    flush(engine);
}

fn fan_out(engine: &mut Engine, turn: u64) {
    engine.begin(at(turn));
    let payload = Payload::Text(Arc::from("a message of some bytes"));
    let receipt = engine.publish("x", Draft { name: None, payload }).unwrap();
    assert_eq!(receipt.subscribers.total() as usize, SUBSCRIBERS);
    engine.settle();
    assert_eq!(flush(engine), SUBSCRIBERS);
}

/// Takes everything that is queued; returns from how many connections.
fn flush(engine: &mut Engine) -> usize {
    let mut count = 0;
    while let Some(token) = engine.next_dirty() {
        let mut slices = [IoSlice::new(&[]); 8];
        let set = engine.gather(token, &mut slices);
        let bytes = slices[..set].iter().map(|slice| slice.len()).sum();
        engine.sent(token, bytes);
        engine.flushed(token);
        count += 1;
    }
    count
}

fn at(us: u64) -> Now {
    Now { at: Instant::from_us(us), unix_us: 1_763_712_345_000_000 + us }
}

/// In the order of [`Kind::ALL`].
const REQUESTS: [&str; Kind::ALL.len()] = [
    "GET /c/x/poll HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /c/x/longpoll HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /c/x/iframe HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /c/x/stream HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /c/x/sse HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /c/x/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
];
