//! The slab of connections, and everything that happens to them, without a socket.
//!
//! The reactor calls [`Engine::open`], [`Engine::receive`], [`Engine::ended`] and [`Engine::tick`]
//! as things happen, [`Engine::settle`] at the end of a turn, then flushes every dirty connection
//! ([`Engine::gather`], [`Engine::sent`]) and closes what [`Engine::sweep`] names. A test, a
//! fuzzer or a simulator calls the same.

mod books;
mod config;
mod deadline;
mod deliver;
mod entry;
mod flush;
mod inquiries;
mod lens;
mod news;
mod reasons;
mod request;
mod rights;
mod slow;

pub use config::Config;

use std::collections::VecDeque;
use std::sync::Arc;

use slab::Slab;

use inquiries::Inquiries;
use lens::Viewing;
use rights::Permits;

use crate::answer::Manner;
use crate::api::Mode;
use crate::board::Member;
use crate::clock::{Instant, Now};
use crate::commons::{Commons, Share};
use crate::conn::{Conn, State};
use crate::cost::{Account, Owner, Phase};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::hub::{Draft, Hub, HubError, Receipt};
use crate::id::Token;
use crate::ledger::meter::Gauge;
use crate::ledger::{Ledger, Snapshots};
use crate::limits::{self, Limits};
use crate::mech::Mech;
use crate::mech::mould::{Act, Out};
use crate::order::Seat;
use crate::queue::Queue;
use crate::slow::Policies;
use crate::timer::{Timers, Waiter};
use crate::wire::date::Date;
use crate::wire::head;

/// All connections of a loop.
#[derive(Debug)]
pub struct Engine {
    conns: Slab<Conn>,
    hub: Hub,
    turn: Turn,
    timers: Timers,
    permits: Permits,
    /// What all loops count together.
    commons: Arc<Commons>,
    /// Connections of this one that are counted there.
    counted: usize,
    /// How many there were of all loops when they were counted last.
    reached: usize,
    /// Open mechanisms of this one.
    online: Share,
    /// What everything costs.
    ledger: Ledger,
    snapshots: Snapshots,
    /// Questions for the ledger that cannot be answered at once.
    inquiries: Inquiries,
    /// Whoever looks at what is said here.
    viewing: Viewing,
    /// Messages that the call in hand took to their last byte; empty between calls.
    done: Vec<Frame>,
    /// Whether so much was handed over that it should leave before more is read.
    crowded: bool,
    /// Whether a connection has fallen idle.
    idled: bool,
    /// Who has fallen idle, since when; who is idle no longer may stand there still.
    idle: VecDeque<(Instant, Token)>,
    /// Who was let in only to be told that they may not enter.
    unwelcome: VecDeque<Token>,
    generation: u32,
    /// Between two of them: how many loops there are, so that no two connections have one name
    /// until these have been used up.
    generations: u32,
    mode: Mode,
    /// Connections with something to send.
    dirty: Vec<Token>,
    /// Connections whose remainder may be parsed on.
    ready: Vec<Token>,
    /// Connections whose input was left in the kernel and may be read on.
    unpaused: Vec<Token>,
    /// Connections to be closed.
    gone: Vec<(Token, Farewell)>,
    /// What the mechanisms of a fan-out want done; empty between fan-outs.
    leaving: Vec<(u32, Leave)>,
    /// What is done about slow readers.
    policies: Policies,
    /// Bytes that all queues have, as last counted.
    queued_bytes: u64,
    /// Bytes that were queued since it was last looked at what of that is there once.
    queued_since: u64,
    /// Readers that are behind and have read what they were fed.
    hungry: Vec<Token>,
}

/// What every call into a mechanism is given in this turn.
#[derive(Debug)]
struct Turn {
    now: Now,
    date: Date,
    limits: Limits,
    /// How much a request head may be.
    bounds: head::Bounds,
    /// What the mechanism in hand wants done; empty between calls.
    acts: Vec<Act>,
}

impl Turn {
    fn out<'a>(&'a mut self, queue: &'a mut Queue, account: &'a mut Account) -> Out<'a> {
        Out {
            now: self.now,
            date: &self.date,
            limits: &self.limits,
            queue,
            account,
            acts: &mut self.acts,
        }
    }
}

/// A connection that is no more; its socket is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Swept {
    /// Which one it was.
    pub token: Token,
    /// For whom it worked last: on whose account the closing is.
    pub owner: Owner,
    /// How it is closed.
    pub farewell: Farewell,
}

/// How a socket is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Farewell {
    /// What is in the kernel still leaves.
    Close,
    /// What is in the kernel is thrown away with it: its reader does not read.
    Reset,
}

/// What the reactor is to do with a connection after it was flushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing.
    Keep,
    /// Tell the peer that nothing more comes (a FIN), and go on dropping what it says.
    ShutDown,
}

/// How a mechanism leaves a fan-out.
#[derive(Clone, Copy, Debug)]
enum Leave {
    /// Its request is answered.
    Done,
    /// It has nothing more to say.
    Close,
    /// Its reader does not read.
    Slow,
    /// Its reader may not read: its queue is long since now.
    Long,
}

/// How far a connection has got with its input.
enum Step {
    /// So many bytes are done with; there may be more to do.
    Took(usize),
    /// Nothing can be done before more arrives, or something else happens.
    Wait,
}

impl Engine {
    /// An engine without connections, whose clocks stand still.
    pub fn new(config: Config, now: Now) -> Self {
        Self::gauged(config, now, Gauge::STILL)
    }

    /// An engine without connections.
    pub fn gauged(config: Config, now: Now, gauge: Gauge) -> Self {
        Self::seated(config, now, gauge, None)
    }

    /// An engine without connections, that of a loop with this place among others.
    pub fn seated(config: Config, now: Now, gauge: Gauge, member: Option<Member>) -> Self {
        let (seat, board) = member.map(|one| (one.seat, one.board)).unzip();
        let commons = seat.as_ref().map(|seat| Arc::clone(seat.commons())).unwrap_or_default();
        let (number, count) = seat.as_ref().map_or((0, 1), Seat::number);
        Self {
            conns: Slab::new(),
            hub: Hub::seated(config.limits, seat),
            turn: Turn {
                now,
                date: Date::at(now.unix_s()),
                limits: config.limits,
                bounds: head::Bounds::from(&config.limits),
                acts: Vec::new(),
            },
            permits: Permits::new(config.hosts, config.origins, config.access),
            timers: Timers::default(),
            commons,
            counted: 0,
            reached: 0,
            online: Share::default(),
            ledger: Ledger::new(gauge),
            snapshots: Snapshots::new(now.unix_ms()),
            inquiries: Inquiries::new(board),
            viewing: Viewing::new(config.inspect_token),
            done: Vec::new(),
            crowded: false,
            idled: false,
            idle: VecDeque::with_capacity(2 * limits::TIMERS_SPARE),
            unwelcome: VecDeque::new(),
            generation: u32::try_from(number).unwrap_or_default(),
            generations: u32::try_from(count).unwrap_or(1),
            mode: Mode::Serving,
            dirty: Vec::new(),
            ready: Vec::new(),
            unpaused: Vec::new(),
            gone: Vec::new(),
            leaving: Vec::new(),
            policies: config.slow,
            queued_bytes: 0,
            queued_since: 0,
            hungry: Vec::new(),
        }
    }

    /// A turn begins: this is the time of everything in it.
    pub fn begin(&mut self, now: Now) {
        self.turn.now = now;
        self.turn.date.refresh(now.unix_s());
        self.ledger.begin(now);
        self.look_for_others();
    }

    /// A turn ends: the loop may sleep.
    pub fn pause(&mut self) {
        self.tell_counts();
        self.forget_crowd();
        self.ledger.pause();
    }

    /// Connections that there are.
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    /// The connection behind a token, unless its tenant has left.
    pub fn conn(&self, token: Token) -> Option<&Conn> {
        self.conns.get(token.index as usize).filter(|conn| conn.generation == token.generation)
    }

    /// Every connection.
    pub fn tokens(&self) -> Vec<Token> {
        let conns = self.conns.iter();
        conns
            .filter_map(|(index, conn)| {
                let index = u32::try_from(index).ok()?;
                Some(Token { index, generation: conn.generation })
            })
            .collect()
    }

    /// The channels.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// A connection was accepted.
    pub fn open(&mut self) -> Option<Token> {
        self.generation = self.generation.wrapping_add(self.generations);
        let generation = self.generation;
        let index = u32::try_from(self.conns.vacant_key()).ok()?;
        self.conns.insert(Conn::new(generation, self.turn.now.at));
        self.recount();
        self.arm(index);
        let token = Token { index, generation };
        self.viewing.entered(token);
        Some(token)
    }

    /// Bytes have arrived.
    pub fn receive(&mut self, token: Token, bytes: &[u8]) {
        // Whatever it has heard elsewhere is known here before it is answered.
        self.hear();
        self.viewing.heard(token, bytes);
        let Some(conn) = self.conn_mut(token) else { return };
        conn.heard |= !bytes.is_empty();
        conn.account.book_received(bytes.len());
        let (reader, was_paused) = (conn.reader(), conn.is_paused());
        self.ledger.enter(Phase::Receive, reader);
        let Some(conn) = self.conn_mut(token) else { return };
        if conn.tail.is_empty() {
            let taken = self.advance(token.index, bytes);
            self.keep(token.index, bytes.get(taken..).unwrap_or_default().to_vec());
        } else {
            let mut joined = conn.tail.take();
            joined.extend_from_slice(bytes);
            let taken = self.advance(token.index, &joined);
            joined.drain(..taken);
            self.keep(token.index, joined);
        }
        debug_assert!(self.conn(token).is_none_or(Conn::is_parsed), "{:?}", self.conn(token));
        if was_paused && self.is_reading(token) {
            self.unpaused.push(token);
        }
        self.crowded |= self.conn(token).is_some_and(Conn::is_warm);
        self.arm(token.index);
    }

    /// The peer will send nothing more.
    pub fn ended(&mut self, token: Token) {
        self.receive(token, &[]);
        let Some(conn) = self.conn_mut(token) else { return };
        if conn.is_paused() && !conn.tail.is_empty() {
            // Requests wait for their answers to be read; the end will be read again after them.
            return;
        }
        match &mut conn.state {
            State::Head { begun: true, .. } | State::Body(_) => {
                self.refuse(token.index, &Manner::LOST, Fault::RequestCut.into());
            }
            State::Gone => {}
            State::Asking(asked) => asked.ended = true,
            // A peer that has closed its half may still read what it has asked for.
            _ if !conn.queue.is_empty() => self.close(token.index),
            // A parked peer that has nothing more to say is taken as gone.
            _ => self.vanish(token.index, Farewell::Close),
        }
    }

    /// The socket is of no use any more.
    pub fn broken(&mut self, token: Token) {
        match self.conn(token).map(|conn| &conn.state) {
            // Everything is said: how its peer leaves is its own affair.
            Some(State::Lingering { .. }) => self.vanish(token.index, Farewell::Close),
            Some(_) => self.cut_off(token.index, Farewell::Close, Fault::PeerLost),
            None => {}
        }
    }

    /// Ends the turn: answers what only its end can, hands over what was published, and parses on
    /// what had to wait for it.
    pub fn settle(&mut self) {
        self.hear();
        self.answer_inquiries();
        self.hand_over();
        self.enter_loop();
        self.tell_counts();
        while let Some((key, at)) = self.hub.next_unarmed(self.turn.now) {
            self.timers.arm(at, Waiter::Channel(key));
        }
        if self.timers.len() > 2 * (self.conns.len() + self.hub.len()) + limits::TIMERS_SPARE {
            let (conns, hub) = (&self.conns, &self.hub);
            self.timers.retain(|at, waiter| match waiter {
                Waiter::Conn(token) => conns
                    .get(token.index as usize)
                    .is_some_and(|conn| conn.generation == token.generation && conn.armed == at),
                Waiter::Channel(key) => hub.awaits(key, at),
                Waiter::Inquiry | Waiter::Viewers => true,
            });
        }
    }

    /// Hands over what was published, and parses on what had to wait for it.
    fn hand_over(&mut self) {
        self.tell_viewers();
        self.feed_hungry();
        loop {
            while let Some(key) = self.hub.next_dirty() {
                if self.hub.is_dirty(key) {
                    self.deliver(key);
                }
            }
            self.end_deleted();
            let Some(token) = self.ready.pop() else { break };
            self.receive(token, &[]);
        }
    }

    /// Whether the connection's input may be read now.
    pub fn is_reading(&self, token: Token) -> bool {
        self.conn(token).is_some_and(|conn| !conn.is_paused())
    }

    /// Whether so much was handed over that it should leave before more is read: asks once.
    pub fn take_crowded(&mut self) -> bool {
        let crowded = std::mem::replace(&mut self.crowded, false);
        if crowded {
            // What leaves now may tell somebody that it is connected.
            self.tell_counts();
        }
        crowded
    }

    /// Whether a connection has fallen idle, and could give way to a new one: asks once.
    pub const fn take_idled(&mut self) -> bool {
        std::mem::replace(&mut self.idled, false)
    }

    /// The next connection whose input may be read on.
    pub fn next_unpaused(&mut self) -> Option<Token> {
        self.unpaused.pop()
    }

    /// Whether something waits for this very turn to go on.
    pub fn is_busy(&self) -> bool {
        let lists = [&self.ready, &self.dirty, &self.unpaused, &self.hungry];
        let asks = self.inquires() || self.inquiries.is_waiting();
        asks || self.viewing.is_waiting() || lists.iter().any(|list| !list.is_empty())
    }

    /// Removes the next connection that is to be closed.
    pub fn sweep(&mut self) -> Option<Swept> {
        let (token, farewell) = self.gone.pop()?;
        self.forget(token);
        self.depart(token);
        let mut conn = self.conns.try_remove(token.index as usize)?;
        self.recount();
        let owner = conn.owner.unwrap_or(Owner::Request);
        self.ledger.enter(Phase::Close, Some(owner));
        self.ledger.fold(owner, &mut conn.account, 0);
        self.uncount_queue(&conn);
        Some(Swept { token, owner, farewell })
    }

    /// Publishes on behalf of somebody inside this process.
    pub fn publish(&mut self, channel: &str, draft: Draft) -> Result<Receipt, HubError> {
        let key = self.hub.channel_named(channel, self.turn.now)?;
        self.ledger.enter(Phase::Receive, Some(Owner::Publish));
        let now = self.ledger.now(self.turn.now);
        let receipt = self.hub.publish(key, draft, now)?;
        self.deliver_urgent();
        Ok(receipt)
    }

    fn conn_mut(&mut self, token: Token) -> Option<&mut Conn> {
        let conn = self.conns.get_mut(token.index as usize)?;
        (conn.generation == token.generation).then_some(conn)
    }

    /// The mechanism that has this connection, and where it speaks. What it leaves there is
    /// settled with [`Engine::settle_acts`].
    fn mech(&mut self, index: u32) -> Option<(&mut Mech, Out<'_>)> {
        let conn = self.conns.get_mut(index as usize)?;
        let State::Mech(mech) = &mut conn.state else { return None };
        Some((mech, self.turn.out(&mut conn.queue, &mut conn.account)))
    }

    /// Keeps what could not be parsed yet.
    fn keep(&mut self, index: u32, rest: Vec<u8>) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if !matches!(conn.state, State::Lingering { .. } | State::Gone) {
            conn.tail.put(rest);
        }
    }
}
