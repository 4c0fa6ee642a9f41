//! What does a WebSocket frame cost us, and what does it cost those who do little else?
//!
//! Unit: time per message, and bytes of payload per second.
//!
//! - Read: from a stream in memory that never ends, as from a connection that has lived for a
//!   while; nothing is set up while the clock runs. All three copy what they read, in place of the
//!   kernel, unmask a text, check it as UTF-8, and hand over a message. Each reads as it does in
//!   life: ours into one buffer of 64 KiB, which all connections of a reactor share, and copies the
//!   text out of it while it unmasks; tungstenite (128 KiB at once) and fastwebsockets (what it has
//!   room for) into a buffer per connection, of which they cut the message, unmasked in place.
//!   fastwebsockets reads as a future, which is always ready here, and polled without a runtime; it
//!   checks with simdutf8, as it is shipped, the others with the standard library.
//! - Write: the same text as a frame that is not masked, into a buffer that has room.
//! - Parts: the head alone, and unmasking alone, where a peer shows them.
//!
//! ```text
//! cargo bench --manifest-path benches/peers/Cargo.toml
//! ```
//!
//! Found, by the least times of alternated rounds: a text of 16 bytes is read in 68 ns
//! (fastwebsockets 116), one of 4 KiB in 0.36 µs (0.39), one of 64 KiB in 6.1 µs (3.9). The two
//! longer ones took 0.52 and 8.5 while the payload was copied first and unmasked where it lay: it
//! is unmasked on its way now, in words whose halves the compiler joins to vectors (as words of 128
//! bits it did not, which gained nothing). 64 KiB lie across two reads, so that a second copy puts
//! them together; of what is left a third is copies and a third the check, which fastwebsockets
//! leaves to simdutf8. Longer ago it took 32 µs: in a buffer that grew to twice its length, whose
//! pages the kernel cleared for each message. Tungstenite reads in 77 ns, 0.77 µs and 11.8 µs, by
//! an older run. To write is the same work for all: 12 ns, 99 ns and 1.8 µs (11 and 7, 103 and 92,
//! 1.9 and 1.7). A frame's head takes 2.5 to 3.4 ns (14 with tungstenite).
#![allow(missing_docs, reason = "criterion's macros define items without")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use std::future::Future;
use std::hint::black_box;
use std::io::{self, Cursor, Read, Write};
use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pushscope::limits::{MESSAGE_BYTES_MAX, READ_BUFFER_BYTES};
use pushscope::wire::ws_frame::{self, FrameHead, Opcode, Role};
use pushscope::wire::ws_message::{Assembler, Message};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::Bytes;
use tungstenite::protocol::WebSocket;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("read a masked text");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        let mut ours = Ours::of(Endless::of(frames(size)));
        group.bench_function(BenchmarkId::new("ours", size), |b| {
            b.iter(|| assert!(matches!(black_box(ours.read()), Message::Text(_))));
        });
        let role = tungstenite::protocol::Role::Server;
        let mut peer = WebSocket::from_raw_socket(Endless::of(frames(size)), role, None);
        group.bench_function(BenchmarkId::new("tungstenite", size), |b| {
            b.iter(|| assert!(black_box(peer.read().unwrap()).is_text()));
        });
        let role = fastwebsockets::Role::Server;
        let stream = Endless::of(frames(size));
        let mut peer = fastwebsockets::WebSocket::after_handshake(stream, role);
        group.bench_function(BenchmarkId::new("fastwebsockets", size), |b| {
            b.iter(|| {
                let frame = at_once(peer.read_frame()).unwrap();
                assert!(black_box(frame).opcode == fastwebsockets::OpCode::Text);
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
            b.iter(|| {
                // Looked at where it lies: see `benches/codecs.rs`.
                let parsed = ws_frame::parse(black_box(&bytes), Role::Client);
                black_box(&parsed);
            });
        });
        group.bench_function(BenchmarkId::new("tungstenite", size), |b| {
            b.iter(|| {
                let parsed = FrameHeader::parse(&mut Cursor::new(black_box(&bytes)));
                black_box(&parsed);
            });
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

/// What the reactor and a connection do when they read.
struct Ours {
    stream: Endless,
    buffer: Vec<u8>,
    /// What of the buffer is filled, and not taken.
    waiting: Range<usize>,
    assembler: Assembler,
}

impl Ours {
    fn of(stream: Endless) -> Self {
        let assembler = Assembler::new(Role::Client);
        Self { stream, buffer: vec![0; READ_BUFFER_BYTES], waiting: 0..0, assembler }
    }

    fn read(&mut self) -> Message {
        loop {
            let bytes = &self.buffer[self.waiting.clone()];
            let received = self.assembler.receive(bytes, MESSAGE_BYTES_MAX).unwrap();
            self.waiting.start += received.taken;
            if let Some(message) = received.message {
                return message;
            }
            // It is at most the head of a frame, cut.
            self.buffer.copy_within(self.waiting.clone(), 0);
            let kept = self.waiting.len();
            let read = self.stream.read(&mut self.buffer[kept..]).unwrap();
            self.waiting = 0..kept + read;
        }
    }
}

/// A stream that brings the same bytes again and again, and takes whatever it is given.
struct Endless {
    bytes: Vec<u8>,
    at: usize,
}

impl Endless {
    const fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next bytes, at most so many; the last of them come by themselves.
    fn next(&mut self, bytes_max: usize) -> &[u8] {
        let end = self.bytes.len().min(self.at + bytes_max);
        let begin = std::mem::replace(&mut self.at, end % self.bytes.len());
        &self.bytes[begin..end]
    }
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(into.len());
        into[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        into.put_slice(self.next(into.remaining()));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Masked text frames of one size, one behind the other: more than anybody reads at once.
fn frames(size: usize) -> Vec<u8> {
    let mut payload = "x".repeat(size).into_bytes();
    ws_frame::mask(&mut payload, KEY, 0);
    let head =
        FrameHead { fin: true, opcode: Opcode::Text, masking_key: Some(KEY), length: size as u64 };
    let mut frame = Vec::new();
    ws_frame::encode(head, &mut frame);
    frame.extend_from_slice(&payload);
    frame.repeat(STREAM_BYTES.div_ceil(frame.len()))
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
const STREAM_BYTES: usize = 256 * 1024;
const PAGE_BYTES: usize = 4 * 1024;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

criterion_group!(benches, reading, writing, parts);
criterion_main!(benches);
