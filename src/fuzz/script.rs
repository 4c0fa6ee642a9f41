//! The engine under a script of bytes: who comes, what they say, how it is cut, what their sockets
//! take, and how time passes.

use std::io::IoSlice;
use std::sync::Arc;

use crate::clock::{Instant, Now, SECOND_US};
use crate::conn::State;
use crate::engine::{Config, Engine, Next, Swept};
use crate::event::Payload;
use crate::hub::Draft;
use crate::id::Token;
use crate::ledger::Row;
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
    /// Bytes that all sockets have given, and that they have taken.
    given: u64,
    taken: u64,
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
        let engine = Engine::new(config, now(0));
        Self { engine, limits, now_us: 0, peers: Vec::new(), given: 0, taken: 0 }
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
            10 if script.u8() == Some(0xff) => self.engine.drain(),
            10 => self.turn(),
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
        let (unread, ended, edge) = (Vec::new(), false, false);
        let room = usize::MAX;
        self.peers.push(Peer { token, unread, ended, edge, room, is_swept: false });
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
        self.engine.settle();
        while let Some(token) = self.engine.next_dirty() {
            self.flush(token);
        }
        while let Some(Swept { token, .. }) = self.engine.sweep() {
            let index = self.index(token);
            if let Some(peer) = index.and_then(|index| self.peers.get_mut(index)) {
                assert!(!peer.is_swept, "swept twice");
                peer.is_swept = true;
            }
        }
    }

    fn read(&mut self, index: usize) {
        while let Some(peer) = self.peers.get_mut(index) {
            if !self.engine.is_reading(peer.token) {
                return;
            }
            if peer.unread.is_empty() {
                if peer.ended {
                    self.engine.ended(peer.token);
                }
                return;
            }
            let count = peer.unread.len().min(limits::READ_BUFFER_BYTES);
            let bytes: Vec<u8> = peer.unread.drain(..count).collect();
            self.given += bytes.len() as u64;
            self.engine.receive(peer.token, &bytes);
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
            peer.room -= if peer.room == usize::MAX { 0 } else { taken };
            self.taken += taken as u64;
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
        let sum = |of: fn(&Row) -> u64| snapshot.rows().map(|(_, row)| of(row)).sum::<u64>();
        assert!(snapshot.balances(), "{snapshot:?}");
        // Who has not asked for anything yet is on nobody's account.
        let conns = self.engine.tokens().into_iter().filter_map(|token| self.engine.conn(token));
        let unasked = conns.filter(|conn| conn.owner.is_none());
        let given = self.given - unasked.map(|conn| conn.account.received).sum::<u64>();
        assert_eq!((sum(|row| row.read), sum(|row| row.taken)), (given, self.taken));
        assert_eq!(sum(|row| row.brought), sum(|row| row.carried));
        for peer in &self.peers {
            let Some(conn) = self.engine.conn(peer.token) else {
                assert!(peer.is_swept, "gone without a farewell");
                continue;
            };
            let queued = conn.queue.bytes();
            assert!(conn.account.balances(queued), "{:?}, {queued} queued", conn.account);
            assert!(conn.is_parsed(), "{:?}", conn.account);
            assert!(queued <= limits::QUEUE_BYTES_MAX + QUEUE_BYTES_SPARE, "{queued} queued");
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
];
/// Connections of one script.
const PEERS_MAX: usize = 16;
/// Turns without a sleep that only a defect exceeds.
const TURNS_MAX: usize = 10_000;
/// What one batch, one answer or one page may add to a queue that is not full yet.
const QUEUE_BYTES_SPARE: u64 = 1024 * 1024;
