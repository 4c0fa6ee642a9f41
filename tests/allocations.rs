//! What a delivery and an idle connection take from the heap.
#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test that cannot run must stop")]

use std::io::IoSlice;
use std::sync::Arc;

use pushscope::clock::{Instant, Now};
use pushscope::engine::{Config, Engine};
use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::id::Token;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SUBSCRIBERS: usize = 1_000;

/// Both figures in one test: the counter counts what the whole process does.
#[test]
fn a_delivery_allocates_nothing_and_an_idle_connection_owns_nothing() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for request in REQUESTS {
        let mut engine = Engine::new(Config::default(), at(0));
        let tokens = subscribe(&mut engine, request);
        for warm in 0..300 {
            fan_out(&mut engine, warm);
        }
        let before = dhat::HeapStats::get();
        for turn in 0..100 {
            fan_out(&mut engine, 300 + turn);
        }
        let after = dhat::HeapStats::get();
        let per_message = (after.total_blocks - before.total_blocks) as f64 / 100.0;
        println!("{per_message} allocations per message to {SUBSCRIBERS} of {request:?}");
        assert!(per_message <= 16.0, "{per_message} allocations per message");

        for token in &tokens {
            engine.broken(*token);
        }
        while engine.sweep().is_some() {}
        let freed = after.curr_blocks.saturating_sub(dhat::HeapStats::get().curr_blocks);
        println!("{freed} blocks belonged to {SUBSCRIBERS} connections");
        // The channel's list is freed with its last subscriber; no connection owned a block.
        assert!(freed <= 2, "{freed} blocks belonged to idle connections");
    }
}

fn subscribe(engine: &mut Engine, request: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let token = engine.open().unwrap();
        engine.receive(token, request.as_bytes());
        tokens.push(token);
    }
    engine.settle();
    assert!(flush(engine) > 0);
    tokens
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

const REQUESTS: [&str; 3] = [
    "GET /c/x/sse HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /c/x/stream HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /c/x/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
];
