//! The engine under a script of bytes: who comes, what they say, how it is cut, what their sockets
//! take, and how time passes.

use std::io::IoSlice;
use std::sync::Arc;

use crate::clock::{Instant, Now, SECOND_US};
use crate::conn::State;
use crate::cost::{Kernel, Syscall};
use crate::engine::{Config, Engine, Next, Swept};
use crate::event::Payload;
use crate::fuzz::books::{self, Spent};
use crate::fuzz::gauge;
use crate::hub::Draft;
use crate::id::Token;
use crate::ledger::Snapshot;
use crate::limits::{self, Limits};

/// Plays a script: the invariants hold after every turn, and in the end everybody is swept.
pub fn engine(data: &[u8]) {
    let mut world = World::new();
    let mut script = Script { rest: data };
    while let Some(op) = script.u8() {
        world.step(op, &mut script);
    }
    world.end();
}

/// Bytes that say what happens.
struct Script<'s> {
    rest: &'s [u8],
}

impl<'s> Script<'s> {
    fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> usize {
        usize::from(self.u8().unwrap_or_default())
    }

    fn bytes(&mut self, count: usize) -> &'s [u8] {
        let (bytes, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        bytes
    }
}

/// The engine, and the far ends of its connections.
struct World {
    engine: Engine,
    limits: Limits,
    now_us: u64,
    peers: Vec<Peer>,
    spent: Spent,
    /// From when differences are counted.
    earlier: Snapshot,
}

struct Peer {
    token: Token,
    /// What the kernel holds.
    unread: Vec<u8>,
    ended: bool,
    edge: bool,
    /// What the socket still takes.
    room: usize,
    is_swept: bool,
    /// What it has heard; in tests only.
    heard: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            history_messages_max: 4,
            history_bytes_max: 1024,
            message_bytes_max: 4 * 1024,
            ..Limits::default()
        };
        let config = Config { limits, ..Config::default() };
        gauge::reset();
        let mut engine = Engine::gauged(config, now(0), gauge::MOVING);
        // The first turn begins the count.
        engine.begin(now(0));
        let before = gauge::clocks().allocations;
        engine.pause();
        let allocations = gauge::clocks().allocations - before;
        let spent = Spent { allocations, ..Spent::default() };
        let earlier = engine.snapshot();
        Self { engine, limits, now_us: 0, peers: Vec::new(), spent, earlier }
    }

    fn step(&mut self, op: u8, script: &mut Script<'_>) {
        match op % 12 {
            0 => self.enter(),
            1 => {
                let (peer, count) = (script.number(), script.number());
                let bytes = script.bytes(count);
                self.say(peer, bytes);
            }
            2 => {
                let (peer, which) = (script.number(), script.number());
                let phrase = PHRASES.get(which % PHRASES.len()).copied().unwrap_or_default();
                self.say(peer, phrase.as_bytes());
            }
            3 => {
                let (peer, first, count) = (script.number(), script.u8(), script.number());
                let frame = masked(first.unwrap_or_default(), script.bytes(count % 126));
                self.say(peer, &frame);
            }
            4 => {
                let (peer, times) = (script.number(), script.number());
                self.say(peer, &vec![b'x'; times * 1024]);
            }
            5 => {
                let (peer, room) = (script.number(), script.number());
                if let Some(peer) = self.peer(peer) {
                    peer.room = room;
                }
            }
            6 => {
                let (peer, room) = (script.number(), script.number());
                self.widen(peer, room * room);
            }
            7 => {
                let peer = script.number();
                if let Some(peer) = self.peer(peer) {
                    (peer.ended, peer.edge) = (true, true);
                }
            }
            8 => {
                let peer = script.number();
                if let Some(token) = self.peer(peer).map(|peer| peer.token) {
                    self.engine.broken(token);
                }
            }
            9 => {
                let text = String::from_utf8_lossy(script.bytes(8)).into_owned();
                let draft = Draft { name: None, payload: Payload::Text(Arc::from(text)) };
                let published = self.engine.publish("n", draft);
                assert!(published.is_ok(), "{published:?}");
            }
            10 => match script.u8() {
                Some(0xff) => self.engine.drain(),
                Some(0xfe) => self.earlier = self.engine.snapshot(),
                _ => self.turn(),
            },
            _ => {
                let us = u64::try_from(script.number()).unwrap_or_default();
                self.advance(us * us * SECOND_US / 100);
            }
        }
    }

    fn enter(&mut self) {
        if self.peers.len() == PEERS_MAX {
            return;
        }
        let Some(token) = self.engine.open() else { return };
        self.book(token, Syscall::Accept);
        self.engine.mark_local(token);
        let (unread, heard, room) = (Vec::new(), Vec::new(), usize::MAX);
        let (ended, edge, is_swept) = (false, false, false);
        self.peers.push(Peer { token, unread, ended, edge, room, is_swept, heard });
    }

    fn say(&mut self, peer: usize, bytes: &[u8]) {
        if let Some(peer) = self.peer(peer).filter(|peer| !peer.ended) {
            peer.unread.extend_from_slice(bytes);
            peer.edge = true;
        }
    }

    fn widen(&mut self, peer: usize, room: usize) {
        let Some(peer) = self.peer(peer) else { return };
        peer.room = peer.room.saturating_add(room);
        let token = peer.token;
        self.engine.writable(token);
    }

    /// Time passes: each deadline on the way is kept.
    fn advance(&mut self, us: u64) {
        let target = self.now_us + us;
        while let Some(next) = self.engine.deadline().map(Instant::us).filter(|at| *at <= target) {
            self.now_us = next.max(self.now_us);
            self.turn();
        }
        self.now_us = target;
        self.turn();
    }

    /// Everybody reads and leaves.
    fn end(&mut self) {
        for peer in 0..self.peers.len() {
            self.widen(peer, usize::MAX);
            if let Some(peer) = self.peers.get_mut(peer) {
                (peer.ended, peer.edge) = (true, true);
            }
        }
        // Behind a parked request that has more behind it than is read, an end is seen late.
        self.advance(limits::PARK_US_MAX + limits::KEEP_ALIVE_US_MAX);
        assert!(self.engine.is_empty(), "{} are never swept", self.engine.len());
    }

    fn turn(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn_once();
            if !self.engine.is_busy() {
                return self.check();
            }
        }
        assert!(!self.engine.is_busy(), "the loop spins");
    }

    fn turn_once(&mut self) {
        self.engine.begin(now(self.now_us));
        let before = gauge::clocks().allocations;
        for index in 0..self.peers.len() {
            let peer = self.peers.get_mut(index);
            if peer.is_some_and(|peer| std::mem::take(&mut peer.edge)) {
                self.read(index);
            }
        }
        while let Some(token) = self.engine.next_unpaused() {
            if let Some(index) = self.index(token) {
                self.read(index);
            }
        }
        self.engine.tick();
        self.witness();
        self.engine.settle();
        while let Some(token) = self.engine.next_dirty() {
            self.flush(token);
        }
        while let Some(Swept { token, owner, .. }) = self.engine.sweep() {
            self.engine.book_for(owner, Syscall::Close);
            self.engine.witness_closed(owner, KERNEL);
            self.spent.calls += 1;
            let index = self.index(token);
            if let Some(peer) = index.and_then(|index| self.peers.get_mut(index)) {
                assert!(!peer.is_swept, "swept twice");
                peer.is_swept = true;
            }
        }
        self.engine.pause();
        self.spent.allocations += gauge::clocks().allocations - before;
    }

    fn book(&mut self, token: Token, call: Syscall) {
        self.engine.book(token, call);
        self.spent.calls += 1;
    }

    /// What the kernel says, when somebody wants to know.
    fn witness(&mut self) {
        if !self.engine.inquires() {
            return;
        }
        self.engine.enter_loop();
        for token in self.engine.tokens() {
            let peer = self.engine.inquires_peers().then(Default::default);
            self.engine.witness_open(token, KERNEL, peer);
        }
    }

    fn read(&mut self, index: usize) {
        while let Some(peer) = self.peers.get_mut(index) {
            let token = peer.token;
            if !self.engine.enter_receive(token) {
                return;
            }
            if peer.unread.is_empty() {
                if peer.ended {
                    self.book(token, Syscall::Read);
                    self.engine.ended(token);
                }
                return;
            }
            let count = peer.unread.len().min(limits::READ_BUFFER_BYTES);
            let bytes: Vec<u8> = peer.unread.drain(..count).collect();
            self.spent.given += bytes.len() as u64;
            self.engine.receive(token, &bytes);
            self.book(token, Syscall::Read);
        }
    }

    fn flush(&mut self, token: Token) {
        let Some(index) = self.index(token) else { return };
        let Some(peer) = self.peers.get_mut(index) else { return };
        loop {
            let mut slices = [IoSlice::new(&[]); limits::GATHER_MAX];
            let count = self.engine.gather(token, &mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            let taken = offered.min(peer.room);
            if taken == 0 {
                break;
            }
            if cfg!(test) {
                peer.heard.extend(slices.iter().flat_map(|slice| slice.iter()).take(taken));
            }
            peer.room -= if peer.room == usize::MAX { 0 } else { taken };
            self.spent.taken += taken as u64;
            let is_whole = taken == offered;
            self.engine.book(token, if is_whole { Syscall::Send } else { Syscall::SendShort });
            self.spent.calls += 1;
            self.engine.sent(token, taken);
            if taken < offered {
                break;
            }
        }
        if self.engine.flushed(token) == Next::ShutDown {
            let empty = self.engine.conn(token).is_some_and(|conn| conn.queue.is_empty());
            assert!(empty, "a FIN stands behind all that was said");
        }
    }

    fn check(&mut self) {
        let snapshot = self.engine.snapshot();
        books::check_sums(&snapshot, &self.engine, &self.spent);
        books::check_gain(&self.earlier, &snapshot);
        for peer in &self.peers {
            let Some(conn) = self.engine.conn(peer.token) else {
                assert!(peer.is_swept, "gone without a farewell");
                continue;
            };
            let queued = conn.queue.bytes();
            assert!(conn.account.balances(queued), "{:?}, {queued} queued", conn.account);
            assert!(conn.is_parsed(), "{:?}", conn.account);
            assert!(
                queued <= limits::QUEUE_BYTES_MAX as u64 + QUEUE_BYTES_SPARE,
                "{queued} queued"
            );
            assert!(conn.tail.len() < limits::PIPELINE_BYTES_MAX + limits::READ_BUFFER_BYTES);
            let deadline = conn.deadline(&self.limits);
            assert!(deadline < Instant::NEVER, "no deadline: {:?}", conn.state);
            assert!(deadline.us() >= self.now_us && conn.armed <= deadline, "{:?}", conn.state);
            assert!(!matches!(conn.state, State::Gone), "not swept");
        }
    }

    fn peer(&mut self, number: usize) -> Option<&mut Peer> {
        let count = self.peers.len();
        self.peers.get_mut(number.checked_rem(count)?)
    }

    fn index(&self, token: Token) -> Option<usize> {
        self.peers.iter().position(|peer| peer.token == token)
    }
}

fn now(us: u64) -> Now {
    Now { at: Instant::from_us(us), unix_us: 1_700_000_000 * SECOND_US + us }
}

/// A client's frame of at most 125 bytes, masked with ones.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or_default();
    let mut frame = vec![first, 0x80 | length, 1, 1, 1, 1];
    frame.extend(payload.iter().map(|byte| byte ^ 1));
    frame
}

/// What opens mechanisms and what calls, so that a script need not spell it.
const PHRASES: &[&str] = &[
    "GET /c/n/poll?since=all HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/longpoll HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/iframe?since=all HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/stream?since=1-1 HTTP/1.0\r\n\r\n",
    "GET /c/n/sse?since=all HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/ws?envelope=json HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "GET /ws/asset HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "POST /c/n HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST /c/n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "0\r\n\r\n",
    "POST /c/n HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n",
    "DELETE /c/n HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /c/n/sse HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /iframe/message/n HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /polling/watch/n HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "GET /orderpay?payid=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /payback?payid=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /message/read/n HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    // Names are of the first channel, the first message, and the first statement, at time 0.
    "GET /ledger HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /ledger?kernel=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /ledger?since=1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /ledger?kernel=1&since=1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/receipts/1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/poll?since=1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/longpoll?since=1700000000000-1&timeout=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/envelopes/1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /inspect/connections HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /inspect/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /inspect/events?own=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
];
/// What the kernel says of every socket here.
const KERNEL: Kernel = Kernel {
    sockets: 1,
    bytes_sent: 0,
    bytes_retransmitted: 0,
    bytes_acked: 0,
    bytes_received: 0,
    segments_out: 0,
    segments_in: 0,
    segments_retransmitted: 0,
    memory_bytes: 0,
};
/// Connections of one script.
const PEERS_MAX: usize = 16;
/// Turns without a sleep that only a defect exceeds.
const TURNS_MAX: usize = 10_000;
/// What one batch, one answer or one page may add to a queue that is not full yet.
const QUEUE_BYTES_SPARE: u64 = 1024 * 1024;

#[cfg(test)]
#[cfg(feature = "ledger")]
mod tests {
    use super::*;

    /// A phrase that is refused would prove nothing.
    #[test]
    fn every_phrase_about_costs_is_answered() {
        let mut world = World::new();
        world.enter();
        // A message, so that it has a receipt.
        world.step(9, &mut Script { rest: b"message!" });
        let about = ["/ledger", "/metrics", "/receipts/", "poll?since=1700000000000-1"];
        let costs = PHRASES.iter().filter(|phrase| about.iter().any(|one| phrase.contains(one)));
        for phrase in costs.clone() {
            world.say(0, phrase.as_bytes());
            world.turn();
            world.advance(SECOND_US);
            let heard = std::mem::take(&mut world.peers.first_mut().unwrap().heard);
            let heard = String::from_utf8_lossy(&heard);
            let status = heard.split(' ').nth(1).unwrap_or_default();
            assert!(matches!(status, "200" | "304"), "{phrase}{heard}");
        }
        assert_eq!(costs.count(), 8);
        world.end();
    }
}
