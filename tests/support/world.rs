//! The engine as the reactor drives it, without a socket, a clock or a thread.

use std::collections::BTreeMap;
use std::io::IoSlice;

use pushscope::admission::PeerAddress;
use pushscope::clock::{Instant, Now, SECOND_US};
use pushscope::conn::State;
use pushscope::cost::Syscall;
use pushscope::engine::{Config, Engine, Farewell, Next, Swept};
use pushscope::id::{Kind, Token};
use pushscope::ledger::Row;
use pushscope::limits::{self, Limits};

use super::witness::{Answer, answers};

/// An engine, and everybody who is connected to it, by name.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    /// What the wall clock showed when it began.
    begun_unix_us: u64,
    now_us: u64,
    peers: BTreeMap<String, Peer>,
    asked: usize,
    /// Bytes that all sockets have given, and that they have taken.
    given: u64,
    taken: u64,
}

/// The far end of a connection, and the kernel between.
struct Peer {
    token: Token,
    /// What the kernel holds and the engine has not read.
    unread: Vec<u8>,
    /// Whether the peer will say nothing more.
    ended: bool,
    /// Whether the kernel has reported something since the engine last read.
    edge: bool,
    said: Vec<u8>,
    /// Bytes that the socket still takes before it blocks.
    room: usize,
    /// Calls in which the socket has taken something.
    sends: u64,
    shut: bool,
    swept: Option<Farewell>,
}

impl World {
    /// With the bounds of every server.
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    /// With these bounds.
    pub(crate) fn with(limits: Limits) -> Self {
        Self::configured(Config { limits, ..Config::default() })
    }

    /// Set to this.
    pub(crate) fn configured(config: Config) -> Self {
        Self::begun(EPOCH_S * SECOND_US, config)
    }

    /// Set to this, and begun at this time of the wall clock.
    pub(crate) fn begun(unix_us: u64, config: Config) -> Self {
        let limits = config.limits;
        Self {
            engine: Engine::new(config, Now { at: Instant::from_us(0), unix_us }),
            limits,
            begun_unix_us: unix_us,
            now_us: 0,
            peers: BTreeMap::new(),
            asked: 0,
            given: 0,
            taken: 0,
        }
    }

    /// The wall clock, in seconds.
    pub(crate) fn unix_s(&self) -> u64 {
        self.now().unix_s()
    }

    /// Microseconds since the world began.
    pub(crate) fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Somebody connects.
    pub(crate) fn enter(&mut self, name: &str) {
        self.engine.begin(self.now());
        let token = self.engine.open().expect("a slab has room");
        self.engine.book(token, Syscall::Accept);
        self.engine.book(token, Syscall::EpollCtl);
        let peer = Peer {
            token,
            unread: Vec::new(),
            ended: false,
            edge: false,
            said: Vec::new(),
            room: usize::MAX,
            sends: 0,
            shut: false,
            swept: None,
        };
        assert!(self.peers.insert(name.to_owned(), peer).is_none(), "{name} is here already");
    }

    /// Somebody connects from this host of a network.
    pub(crate) fn come(&mut self, name: &str, host: u8) {
        self.enter(name);
        let token = self.token(name);
        // Of TEST-NET-1 (RFC 5737), as IPv6 writes it.
        let address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, host];
        self.engine.locate(token, PeerAddress::new(address));
        if self.engine.take_crowded() {
            self.flush_all();
            self.sweep();
        }
    }

    /// Somebody turns out to sit at the server's machine.
    pub(crate) fn seat(&mut self, name: &str) {
        let token = self.token(name);
        self.engine.mark_local(token);
    }

    /// Somebody says something, and connects first if need be; a turn has still to hear it.
    pub(crate) fn say(&mut self, name: &str, bytes: impl AsRef<[u8]>) {
        if !self.peers.contains_key(name) {
            self.enter(name);
        }
        let peer = self.peer(name);
        peer.unread.extend_from_slice(bytes.as_ref());
        peer.edge = true;
    }

    /// Somebody says something, and is heard.
    pub(crate) fn tell(&mut self, name: &str, bytes: impl AsRef<[u8]>) {
        self.say(name, bytes);
        self.turn();
    }

    /// Somebody will say nothing more, but still listens.
    pub(crate) fn end(&mut self, name: &str) {
        let peer = self.peer(name);
        peer.ended = true;
        peer.edge = true;
        self.turn();
    }

    /// Somebody's connection breaks.
    pub(crate) fn break_off(&mut self, name: &str) {
        let token = self.peer(name).token;
        self.engine.begin(self.now());
        self.engine.broken(token);
        self.turn();
    }

    /// Somebody's socket takes so many bytes more, and then none.
    pub(crate) fn narrow(&mut self, name: &str, room: usize) {
        self.peer(name).room = room;
    }

    /// Somebody reads: the socket takes so many bytes more.
    pub(crate) fn widen(&mut self, name: &str, room: usize) {
        let peer = self.peer(name);
        peer.room = peer.room.saturating_add(room);
        let token = peer.token;
        self.engine.begin(self.now());
        self.engine.writable(token);
        self.turn();
    }

    /// What somebody was told so far.
    pub(crate) fn said(&self, name: &str) -> &[u8] {
        &self.peers.get(name).expect("somebody of that name").said
    }

    /// In how many calls somebody's socket has taken something so far.
    pub(crate) fn sends(&self, name: &str) -> u64 {
        self.peers.get(name).expect("somebody of that name").sends
    }

    /// Everything that everybody was told.
    pub(crate) fn all_said(&self) -> BTreeMap<String, Vec<u8>> {
        self.peers.iter().map(|(name, peer)| (name.clone(), peer.said.clone())).collect()
    }

    /// Whether somebody has been told that nothing more comes.
    pub(crate) fn is_over(&self, name: &str) -> bool {
        let peer = self.peers.get(name).expect("somebody of that name");
        peer.shut || peer.swept.is_some()
    }

    /// How somebody's connection was closed, if it was.
    pub(crate) fn farewell(&self, name: &str) -> Option<Farewell> {
        self.peers.get(name).expect("somebody of that name").swept
    }

    /// Whether somebody has said what the engine left in the kernel.
    pub(crate) fn is_unread(&self, name: &str) -> bool {
        !self.peers.get(name).expect("somebody of that name").unread.is_empty()
    }

    /// Somebody's end in the engine.
    pub(crate) fn conn(&self, name: &str) -> Option<&pushscope::conn::Conn> {
        self.engine.conn(self.peers.get(name)?.token)
    }

    /// The name that somebody's connection has in the engine.
    pub(crate) fn token(&self, name: &str) -> Token {
        self.peers.get(name).expect("somebody of that name").token
    }

    /// One turn of the loop, and those that follow it without a sleep.
    pub(crate) fn turn(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn_once();
            if !self.engine.is_busy() {
                return self.check();
            }
        }
        panic!("the loop spins");
    }

    /// Time passes: every deadline on the way is kept.
    pub(crate) fn advance(&mut self, us: u64) {
        let target = self.now_us + us;
        for _ in 0..TURNS_MAX {
            let next = self.engine.deadline().map_or(u64::MAX, Instant::us);
            if next > target {
                self.now_us = target;
                return self.turn();
            }
            self.now_us = next.max(self.now_us);
            self.turn();
        }
        panic!("a deadline comes again and again");
    }

    /// The server is about to leave.
    pub(crate) fn drain(&mut self) {
        self.engine.begin(self.now());
        self.engine.drain();
        self.turn();
    }

    /// Everybody leaves: after this the engine must be empty.
    pub(crate) fn sweep_all(&mut self) {
        let names: Vec<String> = self.peers.keys().cloned().collect();
        for name in names {
            self.peer(&name).room = usize::MAX;
            self.widen(&name, 0);
            self.end(&name);
        }
        self.advance(limits::LINGER_US_MAX + limits::STALL_US_MAX + SECOND_US);
        assert!(self.engine.is_empty(), "{} connections are never swept", self.engine.len());
    }

    /// Asks on a connection of its own, and returns the answer.
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.asked += 1;
        let name = format!("asker {}", self.asked);
        self.tell(&name, request);
        let answer = answers(self.said(&name)).into_iter().find(|answer| answer.status >= 200);
        if self.farewell(&name).is_none() {
            self.end(&name);
        }
        self.peers.remove(&name);
        answer.expect("an answer")
    }

    /// Asks for an address.
    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"))
    }

    /// Publishes text.
    pub(crate) fn publish(&mut self, channel: &str, text: &str) -> Answer {
        self.post(&format!("/c/{channel}"), "text/plain", text.as_bytes())
    }

    /// Posts content of some type.
    pub(crate) fn post(&mut self, target: &str, content_type: &str, content: &[u8]) -> Answer {
        self.ask(post(target, content_type, content))
    }

    /// Publishes all of these within one turn.
    pub(crate) fn publish_burst(&mut self, channel: &str, texts: &[String]) {
        let target = format!("/c/{channel}");
        let requests = texts.iter().flat_map(|text| post(&target, "text/plain", text.as_bytes()));
        let burst: Vec<u8> = requests.collect();
        let answer = self.ask(burst);
        assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    }

    /// How many are connected by this mechanism.
    pub(crate) fn online(&mut self, kind: Kind) -> u64 {
        self.get("/online").json()["by"][kind.name()].as_u64().unwrap_or(0)
    }

    /// How many are subscribed to the channel.
    pub(crate) fn subscribers(&self, channel: &str) -> u32 {
        let hub = self.engine.hub();
        let found = hub.find(channel).and_then(|key| hub.channel(key));
        found.map_or(0, |channel| channel.census().total())
    }

    fn now(&self) -> Now {
        let at = Instant::from_us(self.now_us);
        Now { at, unix_us: self.begun_unix_us + self.now_us }
    }

    fn peer(&mut self, name: &str) -> &mut Peer {
        self.peers.get_mut(name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    fn turn_once(&mut self) {
        self.engine.begin(self.now());
        let edges: Vec<String> = self.peers.iter_mut().filter_map(edge).collect();
        edges.iter().for_each(|name| self.read(name));
        while let Some(token) = self.engine.next_unpaused() {
            if let Some(name) = self.name_of(token) {
                self.read(&name);
            }
        }
        self.engine.tick();
        self.engine.settle();
        self.flush_all();
        self.sweep();
    }

    fn sweep(&mut self) {
        while let Some(Swept { token, farewell, .. }) = self.engine.sweep() {
            if let Some(name) = self.name_of(token) {
                let peer = self.peer(&name);
                assert_eq!(peer.swept, None, "{name} is swept twice");
                peer.swept = Some(farewell);
            }
        }
    }

    /// Hands these bytes to the engine, as read.
    pub(crate) fn give(&mut self, token: Token, bytes: &[u8]) {
        self.given += bytes.len() as u64;
        self.engine.receive(token, bytes);
        self.engine.book(token, Syscall::Read);
    }

    /// Reads what the kernel holds, until the engine wants no more of it.
    fn read(&mut self, name: &str) {
        loop {
            let Some(peer) = self.peers.get_mut(name) else { return };
            let token = peer.token;
            if !self.engine.is_reading(token) {
                return;
            }
            if peer.unread.is_empty() {
                if peer.ended {
                    self.engine.ended(token);
                }
                return;
            }
            let count = peer.unread.len().min(limits::READ_BUFFER_BYTES);
            let bytes: Vec<u8> = peer.unread.drain(..count).collect();
            self.give(token, &bytes);
            if self.engine.take_crowded() {
                self.flush_all();
            }
        }
    }

    fn flush_all(&mut self) {
        while let Some(token) = self.engine.next_dirty() {
            self.flush(token);
        }
    }

    fn flush(&mut self, token: Token) {
        let Some(name) = self.name_of(token) else { return };
        let mut budget = limits::WRITE_BYTES_PER_TURN;
        loop {
            let mut slices = [IoSlice::new(&[]); limits::GATHER_MAX];
            let count = self.engine.gather(token, &mut slices);
            let offered: Vec<u8> =
                slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            if offered.is_empty() {
                break;
            }
            let peer = self.peers.get_mut(&name).expect("a connection has a peer");
            assert!(!peer.shut, "{name} is written to after its FIN");
            let taken = offered.len().min(peer.room);
            if taken == 0 {
                break;
            }
            peer.room -= if peer.room == usize::MAX { 0 } else { taken };
            peer.said.extend_from_slice(&offered[..taken]);
            peer.sends += 1;
            self.taken += taken as u64;
            self.engine.book(token, Syscall::Send);
            self.engine.sent(token, taken);
            if taken < offered.len() {
                break;
            }
            budget = budget.saturating_sub(taken);
            if budget == 0 {
                self.engine.writable(token);
                break;
            }
        }
        if self.engine.flushed(token) == Next::ShutDown {
            self.peer(&name).shut = true;
        }
    }

    /// The invariants that hold after every turn.
    fn check(&mut self) {
        let snapshot = self.engine.snapshot();
        let sum = |of: fn(&Row) -> u64| snapshot.rows().map(|(_, row)| of(row)).sum::<u64>();
        assert!(snapshot.balances(), "{snapshot:?}");
        // Who has not asked for anything yet is on nobody's account.
        let conns = self.engine.tokens().into_iter().filter_map(|token| self.engine.conn(token));
        let unasked = conns.filter(|conn| conn.owner.is_none());
        let given = self.given - unasked.map(|conn| conn.account.received()).sum::<u64>();
        assert_eq!((sum(|row| row.read), sum(|row| row.taken)), (given, self.taken));
        assert_eq!(sum(|row| row.brought), sum(|row| row.carried));
        for (name, peer) in &self.peers {
            let Some(conn) = self.engine.conn(peer.token) else {
                assert!(peer.swept.is_some(), "{name} is gone without a farewell");
                continue;
            };
            let queued = conn.queue.bytes();
            assert!(conn.account.balances(queued), "{name}: {:?}, {queued} queued", conn.account);
            assert!(conn.is_parsed(), "{name}: {:?}", conn.account);
            assert!(queued <= QUEUE_BYTES_BOUND, "{name}: {queued} bytes are queued");
            let tail = conn.tail.len();
            let bound = limits::PIPELINE_BYTES_MAX + limits::READ_BUFFER_BYTES;
            assert!(tail < bound, "{name}: {tail} bytes are kept unparsed");
            let deadline = conn.deadline(&self.limits);
            let silent = self.limits.heartbeat_us == 0 || self.limits.ping_us == 0;
            let may_wait = silent && matches!(conn.state, State::Mech(_));
            assert!(deadline < Instant::NEVER || may_wait, "{name}: no deadline: {:?}", conn.state);
            assert!(conn.armed <= deadline, "{name}: armed {:?}, due {deadline:?}", conn.armed);
            assert!(deadline.us() >= self.now_us, "{name}: overdue {deadline:?}");
        }
    }

    fn name_of(&self, token: Token) -> Option<String> {
        let found = self.peers.iter().find(|(_, peer)| peer.token == token);
        found.map(|(name, _)| name.clone())
    }
}

fn edge((name, peer): (&String, &mut Peer)) -> Option<String> {
    std::mem::take(&mut peer.edge).then(|| name.clone())
}

fn post(target: &str, content_type: &str, content: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        content.len()
    )
    .into_bytes();
    request.extend_from_slice(content);
    request
}

/// A client's frame: first byte and payload are given, the mask is not zero.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..126), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.into_iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// When worlds begin, if nothing else is said: 2023-11-14T22:13:20Z.
const EPOCH_S: u64 = 1_700_000_000;
/// Turns without a sleep, or deadlines within one step of time, that only a defect exceeds.
const TURNS_MAX: usize = 100_000;
/// What is queued for one connection at most: the limit, and one batch whose every byte needs an
/// escape of six.
const QUEUE_BYTES_BOUND: u64 =
    (limits::QUEUE_BYTES_MAX + 6 * limits::HISTORY_BYTES_MAX) as u64 + 65_536;
