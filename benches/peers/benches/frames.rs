//! What does a WebSocket frame cost us, and what does it cost those who do little else?
//!
//! Unit: time per frame. All three read the same masked text frame from memory, unmask and check it
//! as UTF-8, and hand over a message; all three write the same text as a frame that is not masked.
//! Each is used as its documentation says: tungstenite reads a stream into a buffer of its own,
//! fastwebsockets does so as a future, which is always ready here and polled without a runtime, and
//! ours is handed the bytes. Where a peer shows a part alone, the parts are compared as well.
//!
//! ```text
//! cargo bench --manifest-path benches/peers/Cargo.toml
//! ```
#![allow(missing_docs, reason = "criterion's macros define items without")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use std::future::Future;
use std::hint::black_box;
use std::io::Cursor;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pushscope::wire::ws_frame::{self, FrameHead, Opcode, Role};
use pushscope::wire::ws_message::{Assembler, Message};
use tungstenite::Bytes;
use tungstenite::protocol::WebSocket;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("read a masked text");
    for size in SIZES {
        let bytes = frames(size);
        group.throughput(Throughput::Bytes((size * FRAMES) as u64));
        group.bench_function(BenchmarkId::new("ours", size), |b| {
            b.iter(|| {
                let mut assembler = Assembler::new(Role::Client);
                let mut rest = black_box(bytes.as_slice());
                while !rest.is_empty() {
                    let received = assembler.receive(rest, 1 << 20).unwrap();
                    assert!(matches!(black_box(received.message), Some(Message::Text(_))));
                    rest = &rest[received.taken..];
                }
            });
        });
        group.bench_function(BenchmarkId::new("tungstenite", size), |b| {
            let role = tungstenite::protocol::Role::Server;
            b.iter(|| {
                let stream = Cursor::new(black_box(bytes.clone()));
                let mut peer = WebSocket::from_raw_socket(stream, role, None);
                for _ in 0..FRAMES {
                    assert!(black_box(peer.read().unwrap()).is_text());
                }
            });
        });
        group.bench_function(BenchmarkId::new("fastwebsockets", size), |b| {
            let role = fastwebsockets::Role::Server;
            b.iter(|| {
                let stream = Cursor::new(black_box(bytes.clone()));
                let mut peer = fastwebsockets::WebSocket::after_handshake(stream, role);
                for _ in 0..FRAMES {
                    let frame = at_once(peer.read_frame()).unwrap();
                    assert!(black_box(frame).opcode == fastwebsockets::OpCode::Text);
                }
            });
        });
    }
    group.finish();
}

fn writing(c: &mut Criterion) {
    let mut group = c.benchmark_group("write a text");
    for size in SIZES {
        let mut into: Vec<u8> = Vec::with_capacity(2 * size + 64);
        let text = apart_from(&into, size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ours", size), |b| {
            b.iter(|| {
                into.clear();
                ws_frame::encode_frame(Opcode::Text, black_box(&text), &mut into);
                black_box(&into);
            });
        });
        group.bench_function(BenchmarkId::new("tungstenite", size), |b| {
            b.iter(|| {
                into.clear();
                let payload = black_box(&text).clone();
                let frame = Frame::message(payload, OpCode::Data(Data::Text), true);
                frame.format(&mut into).unwrap();
                black_box(&into);
            });
        });
        group.bench_function(BenchmarkId::new("fastwebsockets", size), |b| {
            b.iter(|| {
                let payload = fastwebsockets::Payload::Borrowed(black_box(&text));
                black_box(fastwebsockets::Frame::text(payload).write(&mut into));
            });
        });
    }
    group.finish();
}

fn parts(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame head");
    for size in SIZES {
        let bytes = frames(size);
        group.bench_function(BenchmarkId::new("ours", size), |b| {
            b.iter(|| ws_frame::parse(black_box(&bytes), Role::Client));
        });
        group.bench_function(BenchmarkId::new("tungstenite", size), |b| {
            b.iter(|| FrameHeader::parse(&mut Cursor::new(black_box(&bytes))).unwrap());
        });
    }
    group.finish();
    let mut group = c.benchmark_group("unmask");
    for size in SIZES {
        let mut payload = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ours", size), |b| {
            b.iter(|| ws_frame::mask(black_box(&mut payload), black_box(KEY), 0));
        });
        group.bench_function(BenchmarkId::new("fastwebsockets", size), |b| {
            b.iter(|| fastwebsockets::unmask(black_box(&mut payload), black_box(KEY)));
        });
    }
    group.finish();
}

/// So many masked text frames of one size, one behind the other: what a connection costs to begin
/// is shared by them.
fn frames(size: usize) -> Vec<u8> {
    let mut payload = "x".repeat(size).into_bytes();
    ws_frame::mask(&mut payload, KEY, 0);
    let head =
        FrameHead { fin: true, opcode: Opcode::Text, masking_key: Some(KEY), length: size as u64 };
    let mut frame = Vec::new();
    ws_frame::encode(head, &mut frame);
    frame.extend_from_slice(&payload);
    frame.repeat(FRAMES)
}

/// So much text, half a page apart from where it will be written: where the low bits of both
/// addresses nearly agree, a copy takes ten times as long, and chance would decide the bench.
fn apart_from(into: &[u8], size: usize) -> Bytes {
    let text = Bytes::from("x".repeat(size + PAGE_BYTES));
    let apart =
        into.as_ptr().addr() + PAGE_BYTES / 2 + PAGE_BYTES - text.as_ptr().addr() % PAGE_BYTES;
    let from = apart % PAGE_BYTES;
    text.slice(from..from + size)
}

/// What a future answers that never has to wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("memory is always ready"),
    }
}

const SIZES: [usize; 3] = [16, 4 * 1024, 64 * 1024];
const FRAMES: usize = 64;
const PAGE_BYTES: usize = 4 * 1024;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

criterion_group!(benches, reading, writing, parts);
criterion_main!(benches);
