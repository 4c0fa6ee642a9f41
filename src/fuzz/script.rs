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
use crate::fuzz::follow::{self, Known};
use crate::fuzz::gauge;
use crate::fuzz::phrases::{PHRASES, asks_for_figures, masked};
use crate::hub::Draft;
use crate::id::{Kind, Token};
use crate::ledger::Snapshot;
use crate::limits::{self, Limits};

/// Plays a script: the invariants hold after every turn, every subscriber hears the log in its
/// order, and in the end everybody is swept. Played once more, with all that is said cut smaller,
/// it tells everybody the same.
pub fn engine(data: &[u8]) {
    let told = play(data, limits::READ_BUFFER_BYTES);
    let piece_bytes = PIECES[data.len() % PIECES.len()];
    let told_in_pieces = play(data, piece_bytes);
    // What was measured depends on how often the clocks were looked at. By what was said: a narrow
    // socket need not hear of it.
    if !told.iter().any(|peer| asks_for_figures(&peer.said)) {
        for (peer, (whole, cut)) in told.iter().zip(&told_in_pieces).enumerate() {
            let (whole, cut) = (whole.heard.escape_ascii(), cut.heard.escape_ascii());
            assert!(
                whole.clone().eq(cut.clone()),
                "peer {peer} hears, in pieces of {piece_bytes}:\n{cut}\nand whole:\n{whole}"
            );
        }
    }
}

/// Plays a script in which bytes arrive in pieces of at most that many; returns who took part.
fn play(data: &[u8], piece_bytes: usize) -> Vec<Peer> {
    let mut world = World::new(piece_bytes);
    let mut script = Script { rest: data };
    while let Some(op) = script.u8() {
        world.step(op, &mut script);
    }
    world.end();
    world.peers
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
    /// Whether the server leaves: nobody publishes any more.
    leaves: bool,
    peers: Vec<Peer>,
    spent: Spent,
    /// From when differences are counted.
    earlier: Snapshot,
    /// In what pieces bytes arrive.
    piece_bytes: usize,
    /// What anybody was told by a subscription that is followed.
    known: Known,
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
    /// What it has heard.
    heard: Vec<u8>,
    /// What it has said.
    said: Vec<u8>,
    /// How it has subscribed, if what it hears can be followed.
    follows: Option<Kind>,
}

impl World {
    fn new(piece_bytes: usize) -> Self {
        let limits = Limits {
            history_messages_max: 4,
            history_bytes_max: 1024,
            message_bytes_max: 4 * 1024,
            // A few messages make a slow reader of whoever does not read.
            queue_soft_bytes: 256,
            queue_bytes_max: 8 * 1024,
            queue_all_bytes_max: 256 * 1024,
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
        let (peers, known) = (Vec::new(), Known::new());
        Self { engine, limits, now_us: 0, leaves: false, peers, spent, earlier, piece_bytes, known }
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
                if let Some(peer) =
                    self.peer(peer).filter(|peer| peer.said.is_empty() && !peer.ended)
                {
                    peer.follows = follow::kind_of(phrase);
                }
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
                assert_eq!(published.is_err(), self.leaves, "{published:?}");
            }
            10 => match script.u8() {
                Some(0xff) => {
                    self.leaves = true;
                    self.engine.drain();
                }
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
        let (unread, heard, said, room) = (Vec::new(), Vec::new(), Vec::new(), usize::MAX);
        let (ended, edge, is_swept, follows) = (false, false, false, None);
        let peer = Peer { token, unread, ended, edge, room, is_swept, heard, said, follows };
        self.peers.push(peer);
    }

    fn say(&mut self, peer: usize, bytes: &[u8]) {
        if let Some(peer) = self.peer(peer).filter(|peer| !peer.ended) {
            peer.unread.extend_from_slice(bytes);
            peer.edge = true;
            peer.said.extend_from_slice(bytes);
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
        (0..self.peers.len()).for_each(|peer| self.widen(peer, usize::MAX));
        self.turn();
        self.check_followers();
        for peer in 0..self.peers.len() {
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
            if !self.engine.is_busy() && !self.peers.iter().any(|peer| peer.edge) {
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
            self.engine.witness_closed(owner, kernel());
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
            self.engine.witness_open(token, kernel(), peer);
        }
    }

    fn read(&mut self, index: usize) {
        let mut budget = limits::READ_BYTES_PER_TURN;
        while let Some(peer) = self.peers.get_mut(index) {
            let token = peer.token;
            if !self.engine.enter_receive(token) {
                return;
            }
            if budget == 0 {
                // What has been answered so far leaves before more is read.
                return peer.edge = true;
            }
            budget = budget.saturating_sub(limits::READ_BUFFER_BYTES);
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
            for piece in bytes.chunks(self.piece_bytes) {
                self.engine.receive(token, piece);
            }
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
            peer.heard.extend(slices.iter().flat_map(|slice| slice.iter()).take(taken));
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

    /// What subscribers have heard is the log in its order; who is still there has heard it all.
    fn check_followers(&mut self) {
        let newest = self.engine.hub().find("n").and_then(|key| self.engine.hub().channel(key));
        let newest = newest.map(|channel| channel.log().cursor());
        for peer in &self.peers {
            let Some(kind) = peer.follows else { continue };
            let at = follow::check(kind, &peer.heard, &mut self.known);
            let is_subscribed =
                self.engine.conn(peer.token).is_some_and(|conn| conn.edge.is_some());
            if is_subscribed && at.is_some() {
                assert_eq!(at, newest, "{kind:?} has not heard all");
            }
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

/// What the kernel says of every socket here.
fn kernel() -> Kernel {
    Kernel { sockets: 1, ..Kernel::default() }
}

fn now(us: u64) -> Now {
    Now { at: Instant::from_us(us), unix_us: 1_700_000_000 * SECOND_US + us }
}

/// In what pieces bytes arrive the second time.
const PIECES: [usize; 4] = [1, 2, 7, 100];
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

    /// A law about gaps proves nothing where there are none.
    #[test]
    fn slow_readers_are_told_of_gaps_and_followed_across_them() {
        let which = PHRASES.iter().position(|phrase| phrase.contains("slow=")).unwrap();
        let mut script = vec![0, 0, 0, 0];
        for peer in 0..4 {
            script.extend([2, peer, u8::try_from(which).unwrap() + peer]);
        }
        script.extend([10, 0, 5, 0, 0, 5, 1, 0, 5, 2, 0, 5, 3, 0]);
        for _ in 0..20 {
            script.extend(b"\x09one more\x0a\0");
        }
        script.extend([6, 0, 255, 6, 1, 255, 6, 2, 255, 6, 3, 255, 10, 0]);
        script.extend(b"\x09the last");
        for (peer, Peer { heard, .. }) in play(&script, 1).iter().enumerate() {
            assert!(
                memchr::memmem::find(heard, b"gap").is_some(),
                "{peer}: {}",
                heard.escape_ascii()
            );
            assert!(memchr::memmem::find(heard, b"the last").is_some(), "{peer}");
        }
    }

    /// A phrase that is refused would prove nothing.
    #[test]
    fn every_phrase_about_costs_is_answered() {
        let mut world = World::new(limits::READ_BUFFER_BYTES);
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
