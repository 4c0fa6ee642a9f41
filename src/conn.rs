//! One connection: what it is doing, what it has not parsed, what it has not sent.

use std::rc::Rc;

use crate::access::Pass;
use crate::admission::AddressKey;
use crate::answer::Manner;
use crate::clock::{Instant, SECOND_US};
use crate::cost::{Account, Bytes, Owner};
use crate::frame::Frame;
use crate::hub::{Edge, Subscriber};
use crate::limits::{self, Limits};
use crate::mech::Mech;
use crate::queue::Queue;
use crate::route::{Call, Reading};
use crate::slow::{Lag, Policy};
use crate::wire::body::Body;
use crate::wire::head::Scan;

/// One connection.
#[derive(Debug)]
pub struct Conn {
    /// Which tenant of its slot it is.
    pub generation: u32,
    /// What it is doing.
    pub state: State,
    /// What has arrived and could not be parsed yet.
    pub tail: Tail,
    /// What is on its way to the socket.
    pub queue: Queue,
    /// What it costs, on behalf of its owner.
    pub account: Account,
    /// For whom it works; nobody knows before its first request.
    pub owner: Option<Owner>,
    /// Its place in a channel's list.
    pub edge: Option<Edge>,
    /// Where it comes from, if what an address may do is bounded.
    pub address: Option<AddressKey>,
    /// Requests so far.
    pub requests: u16,
    /// Writes since the last that took a message to its last byte, or left nothing queued.
    pub writes: u16,
    /// Bytes that the socket has yet to take before its mechanism may speak: its answer's head.
    pub unopened: u32,
    /// Whether the request in hand leaves the connection open.
    pub keep_alive: bool,
    /// Whether the peer has promised that nothing comes behind the request in hand.
    pub asks_no_more: bool,
    /// Whether the peer has said anything yet.
    pub heard: bool,
    /// Whether the peer is on this machine.
    pub is_local: bool,
    /// When it was accepted, in seconds since the loop began.
    pub opened_s: u32,
    /// What is done if its reader is slow.
    pub policy: Policy,
    /// What its last request was let in with, as long as anything needs a token.
    pub pass: Option<Rc<Pass>>,
    /// Whether it is on the list of those to be flushed.
    pub dirty: bool,
    /// How its reader keeps up.
    pub lag: Lag,
    /// Bytes of its queue that are counted among those of all queues.
    pub counted: u32,
    /// Whether the socket would take no more; set to when it last did.
    pub blocked: Instant,
    /// The deadline that is armed for it.
    pub armed: Instant,
}

/// What has arrived and could not be parsed yet: most connections have nothing.
#[derive(Debug, Default)]
pub struct Tail(
    #[allow(clippy::box_collection, reason = "8 bytes of every idle connection instead of 24")]
    Option<Box<Vec<u8>>>,
);

/// What a connection is doing.
#[derive(Debug)]
pub enum State {
    /// Awaits a request head, since then. Call: receive, tick. Next: any.
    Head {
        /// Since when.
        since: Instant,
        /// Whether part of it has come.
        begun: bool,
        /// Where the search for its end stands.
        scan: Scan,
    },
    /// Takes the content of a request. Call: receive, tick. Next: `Head` or `Lingering`.
    Body(Box<Incoming>),
    /// A mechanism has it. Call: receive, deliver, tick, end. Next: `Head` or `Lingering`.
    Mech(Mech),
    /// Has asked what the kernel or the other loops know, and is answered at the end of a turn.
    /// Call: tick. Next: `Head` or `Lingering`.
    Asking(Box<Asked>),
    /// Sends what is queued, drops what arrives, and is closed then. Next: `Gone`.
    Lingering {
        /// Bytes that may still arrive.
        budget: u64,
        /// Until when they may; never, as long as something is queued.
        until: Instant,
    },
    /// Awaits the sweep. Call: nothing.
    Gone,
}

/// A request whose content is arriving.
#[derive(Debug)]
pub struct Incoming {
    /// What is to be answered.
    pub call: Call,
    /// How.
    pub manner: Manner,
    /// The content's framing.
    pub body: Body,
    /// The content so far.
    pub content: Vec<u8>,
    /// When the head was complete.
    pub since: Instant,
    /// When something last arrived.
    pub last: Instant,
}

/// A question that the kernel or the other loops have to be asked, too.
#[derive(Debug)]
pub struct Asked {
    /// When it was asked.
    pub at: Instant,
    /// What.
    pub reading: Reading,
    /// Whether the peer will say nothing more.
    pub ended: bool,
    /// How it is to be answered.
    pub manner: Manner,
}

impl Conn {
    /// A connection that was just accepted.
    pub fn new(generation: u32, now: Instant) -> Self {
        Self {
            generation,
            state: State::Head { since: now, begun: false, scan: Scan::default() },
            tail: Tail::default(),
            queue: Queue::default(),
            account: Account::default(),
            owner: None,
            edge: None,
            address: None,
            requests: 0,
            writes: 0,
            unopened: 0,
            keep_alive: true,
            asks_no_more: false,
            heard: false,
            is_local: false,
            opened_s: u32::try_from(now.us() / SECOND_US).unwrap_or(u32::MAX),
            policy: Policy::Close,
            pass: None,
            dirty: false,
            lag: Lag::Level,
            counted: 0,
            blocked: Instant::NEVER,
            armed: Instant::NEVER,
        }
    }

    /// When something must have happened. Every state has a deadline; a mechanism names its own.
    pub fn deadline(&self, limits: &Limits) -> Instant {
        let own = match &self.state {
            // We do not parse before the peer has read: what it sent meanwhile is not late.
            State::Head { .. } | State::Body(_) if self.is_full() => Instant::NEVER,
            State::Head { since, begun: true, .. } => since.after(limits.head_us_max),
            // What was accepted and says nothing is no better than a slow head.
            State::Head { since, .. } if !self.heard => since.after(limits.head_us_max),
            State::Head { since, .. } => since.after(limits.keep_alive_us_max),
            State::Body(incoming) => incoming.deadline(limits),
            State::Mech(mech) => mech.deadline(),
            State::Lingering { until, .. } => *until,
            State::Asking(asked) => asked.at.after(limits.head_us_max),
            State::Gone => Instant::NEVER,
        };
        own.min(self.stall_deadline(limits)).min(self.lag_deadline(limits))
    }

    /// When queued bytes must have made some progress.
    pub fn stall_deadline(&self, limits: &Limits) -> Instant {
        self.blocked.after(limits.stall_us_max)
    }

    /// When its queue has been long for too long.
    pub const fn lag_deadline(&self, limits: &Limits) -> Instant {
        match self.lag {
            Lag::Long(since) => since.after(limits.queue_soft_us_max),
            Lag::Level | Lag::Opening(_) | Lag::Behind(_) => Instant::NEVER,
        }
    }

    /// Whether so much waits for the socket that nothing should be added by parsing on.
    pub const fn is_full(&self) -> bool {
        self.queue.bytes() > limits::QUEUE_BYTES_PAUSE as u64
    }

    /// Whether its input is left in the kernel for now: unsent answers, or requests that wait
    /// behind a parked one, must not pile up; and of what comes behind its last answer, so much is
    /// read and no more.
    pub fn is_paused(&self) -> bool {
        let is_spent = matches!(self.state, State::Lingering { budget: 0, .. });
        is_spent || self.is_full() || self.tail.len() >= limits::PIPELINE_BYTES_MAX
    }

    /// Books that the socket took `bytes` bytes; adds the messages that it has taken to their last
    /// byte to `done`.
    pub fn sent(&mut self, bytes: usize, now: Instant, done: &mut Vec<Frame>) {
        self.queue.sent(bytes, done);
        self.unopened = self.unopened.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.account.book_taken(bytes);
        self.blocked = if self.queue.is_empty() { Instant::NEVER } else { now };
        debug_assert!(self.account.balances(self.queue.bytes()), "{:?}", self.account);
    }

    /// Throws away what has not begun to leave; with nothing left, its socket blocks nothing.
    pub fn drop_unbegun(&mut self) {
        self.account.book_dropped(self.queue.keep_begun());
        if self.queue.is_empty() {
            self.blocked = Instant::NEVER;
        }
    }

    /// Ready for the next request.
    pub fn await_head(&mut self, now: Instant) {
        let begun = self.tail.bytes().iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
        self.pass = None;
        self.state = State::Head { since: now, begun, scan: Scan::default() };
    }

    /// What was not parsed for want of room in the queue is parsed on: its time begins now.
    pub fn resume(&mut self, now: Instant) {
        match &mut self.state {
            State::Head { since, .. } => *since = now,
            State::Body(incoming) => incoming.last = now,
            State::Mech(_) | State::Asking(_) | State::Lingering { .. } | State::Gone => {}
        }
    }

    /// Whether the socket would take no more.
    pub fn is_blocked(&self) -> bool {
        self.blocked != Instant::NEVER
    }

    /// Whether so much is queued that it is better written before the cache has forgotten it.
    pub fn is_warm(&self) -> bool {
        !self.is_blocked() && self.queue.bytes() >= limits::QUEUE_BYTES_WARM as u64
    }

    /// Nothing more will be said: what is queued leaves, what arrives is dropped (RFC 9112 §9.6).
    pub fn linger(&mut self) {
        self.drop_tail();
        self.state = State::Lingering { budget: limits::LINGER_BYTES_MAX, until: Instant::NEVER };
    }

    /// For whom its input is read, as far as is known: between two requests it is not.
    pub const fn reader(&self) -> Option<Owner> {
        match self.state {
            State::Head { .. } => None,
            _ => self.owner,
        }
    }

    /// Whether every byte that has come is parsed, or waits to be.
    pub fn is_parsed(&self) -> bool {
        self.account.balances_received(self.tail.len())
    }

    /// What was not parsed never will be.
    fn drop_tail(&mut self) {
        self.account.book_parsed(Bytes::control(self.tail.take().len()));
    }

    /// Memory that it holds, in bytes: its place in the slab and in its channel's list, its
    /// socket and its deadline, its queue and its tail, and what has come of an unfinished message.
    pub fn held_bytes(&self) -> u64 {
        let places = size_of::<Self>() + HANDLES_BYTES;
        let edge = if self.edge.is_some() { size_of::<Subscriber>() } else { 0 };
        let state = match &self.state {
            State::Body(incoming) => size_of::<Incoming>() + incoming.content.capacity(),
            State::Mech(mech) => mech.heap_bytes(),
            State::Asking(_) => size_of::<Asked>(),
            State::Head { .. } | State::Lingering { .. } | State::Gone => 0,
        };
        let heap = self.queue.heap_bytes() + self.tail.heap_bytes() + self.account.heap_bytes();
        (places + edge + state + heap) as u64
    }

    /// Throws away what is queued, and awaits the sweep.
    pub fn vanish(&mut self) {
        self.account.book_dropped(self.queue.clear());
        self.drop_tail();
        self.blocked = Instant::NEVER;
        self.state = State::Gone;
    }
}

impl Tail {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bytes| bytes)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These are the bytes from now on.
    pub fn put(&mut self, bytes: Vec<u8>) {
        self.0 = (!bytes.is_empty()).then(|| Box::new(bytes));
    }

    /// Takes the bytes out.
    pub fn take(&mut self) -> Vec<u8> {
        self.0.take().map_or_else(Vec::new, |bytes| *bytes)
    }

    /// Bytes of heap that it owns.
    pub fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |bytes| size_of::<Vec<u8>>() + bytes.capacity())
    }
}

impl Incoming {
    /// The nearer of two: a pause that is too long, or a pace that is too slow. A trickle would
    /// hold a buffer for hours otherwise.
    fn deadline(&self, limits: &Limits) -> Instant {
        let earned_us = (self.content.len() as u64)
            .saturating_mul(SECOND_US)
            .saturating_div(limits.body_bytes_per_s_min.max(1) as u64);
        let pace = self.since.after(limits.body_pause_us_max).after(earned_us);
        self.last.after(limits.body_pause_us_max).min(pace)
    }
}

/// A socket's descriptor, and an entry in the heap of deadlines.
const HANDLES_BYTES: usize = 4 + 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small() {
        // With its socket, its deadline and its place in a channel's list it is 300 bytes, where
        // `benches/idle.rs` finds no more: a field that makes it larger is paid for by everybody
        // who does nothing. What few connections have goes into a box.
        assert!(size_of::<Conn>() <= 256, "{} bytes", size_of::<Conn>());
    }

    #[test]
    fn silence_and_slowness_have_deadlines() {
        let limits = Limits::default();
        let mut conn = Conn::new(1, Instant::ZERO);
        assert_eq!(conn.deadline(&limits).us(), limits.head_us_max);
        conn.heard = true;
        assert_eq!(conn.deadline(&limits).us(), limits.keep_alive_us_max);
        conn.blocked = Instant::from_us(3);
        assert_eq!(conn.deadline(&limits).us(), limits.stall_us_max + 3);
    }
}
