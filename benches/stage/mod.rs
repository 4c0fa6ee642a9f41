//! A loop without sockets: the reactor's turn, in which every socket takes all that it is given.
//!
//! The engine is called as `src/reactor.rs` calls it, and is told of the same system calls.
#![allow(dead_code, reason = "each bench asks about a part of it")]

pub(crate) mod events;

use std::io::IoSlice;
use std::sync::Arc;

use pushscope::board::Member;
use pushscope::clock::{Instant, Now};
use pushscope::cost::{Owner, Syscall};
use pushscope::engine::{Config, Engine};
use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::id::Token;
use pushscope::ledger::meter::Gauge;
use pushscope::limits::GATHER_MAX;
use pushscope::sys;

/// An engine, and the time of its turns.
pub(crate) struct Server {
    engine: Engine,
    at_us: u64,
    /// Bytes that the sockets took in this turn.
    taken: usize,
}

impl Server {
    /// Nobody is connected.
    pub(crate) fn new(config: Config, gauge: Gauge) -> Self {
        Self::seated(config, gauge, None)
    }

    /// The same with a place among the loops of a server, which are not woken: they do not sleep.
    pub(crate) fn seated(config: Config, gauge: Gauge, member: Option<Member>) -> Self {
        Self { engine: Engine::seated(config, at(0), gauge, member), at_us: 0, taken: 0 }
    }

    /// Somebody comes and asks this, in a turn of its own.
    pub(crate) fn connect(&mut self, request: &str) -> Token {
        self.begin(1);
        let token = self.enter(request);
        self.end();
        token
    }

    /// So many come and ask this, a hundred in a turn: they leave time for no deadline.
    pub(crate) fn crowd(&mut self, count: usize, request: &str) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(count);
        while tokens.len() < count {
            self.begin(1);
            tokens.extend((tokens.len()..count).take(100).map(|_| self.enter(request)));
            self.end();
        }
        tokens
    }

    /// A turn in which one peer says this; returns how many bytes the sockets took.
    pub(crate) fn hear(&mut self, token: Token, bytes: &[u8]) -> usize {
        self.begin(1);
        self.receive(token, bytes);
        self.end()
    }

    /// A turn in which all of these say the same.
    pub(crate) fn hear_all(&mut self, tokens: &[Token], bytes: &[u8]) -> usize {
        self.begin(1);
        tokens.iter().for_each(|token| self.receive(*token, bytes));
        self.end()
    }

    /// A turn in which so many messages are published to a channel.
    pub(crate) fn publish(&mut self, channel: &str, text: &str, count: usize) -> usize {
        self.begin(1);
        for _ in 0..count {
            let payload = Payload::Text(Arc::from(text));
            self.engine.publish(channel, Draft { name: None, payload }).unwrap();
        }
        self.end()
    }

    /// A turn so many microseconds later, in which nothing happens but deadlines.
    pub(crate) fn pass(&mut self, us: u64) -> usize {
        self.begin(us);
        self.end()
    }

    /// A turn in which a peer sends its end.
    pub(crate) fn leave(&mut self, token: Token) {
        self.begin(1);
        self.engine.enter_receive(token);
        self.engine.ended(token);
        self.engine.book(token, Syscall::Read);
        self.end();
    }

    fn begin(&mut self, us: u64) {
        self.at_us += us;
        self.taken = 0;
        self.engine.begin(at(self.at_us));
        self.engine.book_for(Owner::Loop, Syscall::EpollWait);
    }

    fn enter(&mut self, request: &str) -> Token {
        self.engine.enter_accept();
        let token = self.engine.open().unwrap();
        self.receive(token, request.as_bytes());
        token
    }

    fn receive(&mut self, token: Token, bytes: &[u8]) {
        self.engine.enter_receive(token);
        self.engine.receive(token, bytes);
        self.engine.book(token, Syscall::Read);
        if self.engine.take_crowded() {
            self.flush();
        }
    }

    fn end(&mut self) -> usize {
        self.engine.tick();
        self.engine.settle();
        self.flush();
        self.engine.take_idled();
        while let Some(swept) = self.engine.sweep() {
            self.engine.book_for(swept.owner, Syscall::Close);
        }
        self.engine.pause();
        self.taken
    }

    fn flush(&mut self) {
        while let Some(token) = self.engine.next_dirty() {
            loop {
                let (bytes, call) = match self.engine.sole(token) {
                    Some([]) => break,
                    Some(bytes) => (bytes.len(), Syscall::Send),
                    None => (gathered(&self.engine, token), Syscall::Writev),
                };
                self.engine.book(token, call);
                self.engine.sent(token, bytes);
                self.taken += bytes;
                if !self.engine.has_output(token) {
                    break;
                }
            }
            self.engine.flushed(token);
        }
    }
}

/// Bytes that are offered in several pieces.
#[inline(never)]
fn gathered(engine: &Engine, token: Token) -> usize {
    let mut slices = [IoSlice::new(&[]); GATHER_MAX];
    let count = engine.gather(token, &mut slices);
    slices[..count].iter().map(|slice| slice.len()).sum()
}

/// The clocks and the allocator's books, as the reactor has them read.
pub(crate) fn clocks() -> Gauge {
    Gauge { time_ns: sys::monotonic_ns, cpu_ns: sys::thread_cpu_ns, heap: sys::heap }
}

/// A frame of a client, masked; its payload is shorter than 64 KiB.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(length @ 0..=125) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

fn at(us: u64) -> Now {
    Now { at: Instant::from_us(us), unix_us: 1_763_712_345_000_000 + us }
}

/// 64 bytes.
pub(crate) const MESSAGE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Requests of every mechanism, for the channel `x`.
pub(crate) const SSE: &str = "GET /c/x/sse HTTP/1.1\r\nHost: x\r\n\r\n";
pub(crate) const XHR_STREAM: &str = "GET /c/x/stream HTTP/1.1\r\nHost: x\r\n\r\n";
pub(crate) const IFRAME: &str = "GET /c/x/iframe HTTP/1.1\r\nHost: x\r\n\r\n";
pub(crate) const LONG_POLL: &str = "GET /c/x/longpoll HTTP/1.1\r\nHost: x\r\n\r\n";
pub(crate) const POLL: &str = "GET /c/x/poll?since=latest HTTP/1.1\r\nHost: x\r\n\r\n";
pub(crate) const WEBSOCKET: &str = "GET /c/x/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
                             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
