//! From bytes to what they ask for: how far a connection gets with its input.

use super::slow::opening;
use super::{Engine, Farewell, Step};
use crate::answer::{Answer, Manner};
use crate::api::{Api, Mode};
use crate::conn::{Incoming, State};
use crate::cost::{Bytes, Owner};
use crate::event::Batch;
use crate::fault::Fault;
use crate::id::Kind;
use crate::mech::Mech;
use crate::mech::mould::{Address, Door, Why};
use crate::route::{Ask, Call, Refusal, Subscription};
use crate::site::Page;
use crate::slow::{Lag, Policy};
use crate::wire::body::Body;
use crate::wire::cursor::Parse;
use crate::wire::head::{self, Head};
use crate::wire::span::Silent;
use crate::wire::ws_handshake::HandshakeError;

impl Engine {
    /// Parses as much of `bytes` as the connection's state allows; returns how much that was.
    pub(super) fn advance(&mut self, index: u32, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty()
            && let Step::Took(step) = self.step(index, rest)
        {
            rest = rest.get(step..).unwrap_or_default();
        }
        bytes.len() - rest.len()
    }

    fn step(&mut self, index: u32, bytes: &[u8]) -> Step {
        let Some(conn) = self.conns.get_mut(index as usize) else { return Step::Wait };
        let is_full = conn.is_full();
        match &mut conn.state {
            State::Asking(_) => Step::Wait,
            State::Head { .. } if is_full => Step::Wait,
            State::Head { .. } => self.step_head(index, bytes),
            State::Body(_) => self.step_body(index, bytes),
            State::Mech(_) => self.step_mech(index, bytes),
            State::Lingering { budget, .. } => {
                *budget = budget.saturating_sub(bytes.len() as u64);
                // What was said to it leaves first: how much was read is a matter of how it came.
                if *budget == 0 && conn.queue.is_empty() {
                    self.cut_off(index, Farewell::Close, Fault::LingerInput);
                }
                self.parsed(index, Bytes::control(bytes.len()));
                Step::Took(bytes.len())
            }
            State::Gone => {
                self.parsed(index, Bytes::control(bytes.len()));
                Step::Took(bytes.len())
            }
        }
    }

    fn step_head(&mut self, index: u32, bytes: &[u8]) -> Step {
        let now = self.turn.now.at;
        self.ledger.unclaim();
        let Some(conn) = self.conns.get_mut(index as usize) else { return Step::Wait };
        let State::Head { since, begun, scan } = &mut conn.state else { return Step::Wait };
        // RFC 9112 §2.2: empty lines before a request are none.
        if !*begun && bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
            *begun = true;
            *since = now;
        }
        let mut room = head::room();
        match head::parse_within(bytes, &self.turn.bounds, scan, &mut room, &mut Silent) {
            Ok(Parse::Partial) => Step::Wait,
            Ok(Parse::Complete(head, length)) => {
                self.request(index, &head, length);
                Step::Took(length)
            }
            Err(error) => {
                self.parsed(index, Bytes::control(bytes.len()));
                self.refuse(index, &Manner::LOST, Fault::from(error).into());
                Step::Took(bytes.len())
            }
        }
    }

    fn step_body(&mut self, index: u32, bytes: &[u8]) -> Step {
        let now = self.turn.now.at;
        let Some(conn) = self.conns.get_mut(index as usize) else { return Step::Wait };
        let State::Body(incoming) = &mut conn.state else { return Step::Wait };
        incoming.last = now;
        let before = incoming.content.len();
        match incoming.body.receive(bytes, &mut incoming.content) {
            Ok(step) => {
                let payload = incoming.content.len() - before;
                conn.account.book_parsed(Bytes::wrapped(step.taken, payload));
                if step.done {
                    self.complete(index);
                } else if step.taken == 0 {
                    return Step::Wait;
                }
                Step::Took(step.taken)
            }
            Err(error) => {
                conn.account.book_parsed(Bytes::control(bytes.len()));
                let manner = Manner { keep_alive: false, ..incoming.manner.clone() };
                self.refuse(index, &manner, Fault::from(error).into());
                Step::Took(bytes.len())
            }
        }
    }

    /// A request head of so many bytes is complete.
    fn request(&mut self, index: u32, head: &Head<'_, '_>, length: usize) {
        let mut manner = Manner::new(head, self.permits.origin(head));
        if let Some(conn) = self.conns.get_mut(index as usize) {
            conn.asks_no_more = !head.keep_alive && head.content.is_empty();
        }
        if self.is_last(index) || self.mode == Mode::Draining {
            manner.keep_alive = false;
        }
        let permitted = self.permitted(index, head);
        let ask = match permitted.and_then(|ask| self.within_rate(index, ask)) {
            Ok(ask) => ask,
            Err(refusal) => {
                self.claim(index, Owner::Request);
                self.parsed(index, Bytes::head(length));
                // Where content follows that nobody takes, the next request could not be found.
                manner.keep_alive &= head.content.is_empty();
                return self.refuse(index, &manner, refusal);
            }
        };
        self.asks(index, ask.is_viewers());
        self.claim(index, ask.owner());
        let head_bytes = Bytes::head(length);
        self.parsed(index, if ask.repeats() { head_bytes.as_control() } else { head_bytes });
        match ask {
            Ask::Call(call) => self.await_content(index, call, manner, head),
            Ask::Page(page) => self.send_page(index, page, &manner),
            Ask::Options(allow) => self.send_options(index, allow, &manner),
            Ask::Subscribe(subscription) => {
                if let Err(fault) = self.open_mech(index, &subscription, &manner, head) {
                    self.refuse(index, &manner, fault.into());
                }
            }
        }
    }

    fn await_content(&mut self, index: u32, call: Call, manner: Manner, head: &Head<'_, '_>) {
        let body = match Body::new(head.content, self.turn.limits.content_bytes_max()) {
            Ok(body) => body,
            Err(error) => {
                let manner = Manner { keep_alive: false, ..manner };
                return self.refuse(index, &manner, Fault::from(error).into());
            }
        };
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        conn.keep_alive = manner.keep_alive;
        if body.is_empty() {
            return self.call(index, call, &manner, Vec::new());
        }
        let now = self.turn.now.at;
        let content = Vec::new();
        let incoming = Incoming { call, manner, body, content, since: now, last: now };
        conn.state = State::Body(Box::new(incoming));
        if head.expect_continue {
            // RFC 9110 §10.1.1; sent also when the content is here already, which is allowed.
            self.turn.out(&mut conn.queue, &mut conn.account).send_control(CONTINUE);
            self.soil(index);
        }
    }

    fn complete(&mut self, index: u32) {
        let now = self.turn.now.at;
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let state = std::mem::replace(&mut conn.state, State::Gone);
        conn.await_head(now);
        let State::Body(incoming) = state else { return };
        let Incoming { call, manner, content, .. } = *incoming;
        self.call(index, call, &manner, content);
    }

    fn call(&mut self, index: u32, call: Call, manner: &Manner, content: Vec<u8>) {
        if let Call::Read(reading) = call {
            return self.read_ledger(index, reading, manner);
        }
        let mut api = Api {
            hub: &mut self.hub,
            online: self.online.all(self.commons.online()),
            now: self.ledger.now(self.turn.now),
            date: &self.turn.date,
            mode: self.mode,
        };
        let answer = api.answer(call, content, manner);
        self.end_deleted();
        self.answer_or_refuse(index, answer, manner);
        self.deliver_urgent();
    }

    fn open_mech(
        &mut self,
        index: u32,
        subscription: &Subscription,
        manner: &Manner,
        head: &Head<'_, '_>,
    ) -> Result<(), Fault> {
        if manner.head_only && subscription.kind == Kind::WebSocket {
            return Err(HandshakeError::UpgradeMissing.into());
        }
        if manner.head_only {
            self.send_stream_head(index, subscription, manner);
            return Ok(());
        }
        let channel = match (subscription.address, &subscription.channel) {
            (Address::Inspector { shows_own }, _) => Some(self.look(index, shows_own)?),
            (_, Some(name)) => Some(self.hub.channel_named(name, self.turn.now)?),
            (_, None) => None,
        };
        if let Some(key) = channel.filter(|key| self.hub.is_dirty(*key)) {
            // Who comes now is not to be handed what was published before.
            self.deliver(key);
        }
        let replay =
            channel.and_then(|key| self.hub.replay(key, subscription.since, self.turn.now));
        let replay = replay.unwrap_or(Batch::none(self.turn.now.unix_ms()));
        let (replay, lag) = match (subscription.kind, subscription.address) {
            // The one tells all of it at once, or the count alone.
            (Kind::Poll | Kind::LongPoll, _) | (Kind::Iframe, Address::Article) => {
                (replay, Lag::Level)
            }
            _ => opening(replay),
        };
        let is_chat = subscription.address == Address::Chat;
        let door = Door {
            head,
            manner,
            address: subscription.address,
            dress: subscription.dress,
            channel,
            replay,
            cursor: subscription.cursor,
            park_us: subscription.park_us,
            slow: subscription.slow,
            session: if is_chat { self.commons.next_session() } else { 0 },
        };
        let Some(conn) = self.conns.get_mut(index as usize) else { return Ok(()) };
        let mut out = self.turn.out(&mut conn.queue, &mut conn.account);
        let mech = Mech::open(subscription.kind, &door, &mut out)?;
        self.online.enter(mech.kind());
        self.ledger.opened(mech.kind(), self.turn.now.at);
        conn.keep_alive = manner.keep_alive;
        // Frames are no requests: none was promised away.
        conn.asks_no_more &= subscription.kind != Kind::WebSocket;
        conn.unopened = u32::try_from(conn.queue.bytes()).unwrap_or(u32::MAX);
        self.ledger.caught_up(subscription.kind, &door.replay);
        let policy = subscription.slow.unwrap_or(self.policies.of(mech.kind()));
        // What nobody can be told of is not dropped.
        conn.policy = if mech.announces() { policy } else { Policy::Close };
        conn.lag = lag;
        conn.state = State::Mech(mech);
        self.soil(index);
        self.settle_acts(index);
        Ok(())
    }

    fn step_mech(&mut self, index: u32, bytes: &[u8]) -> Step {
        let Some((mech, mut out)) = self.mech(index) else { return Step::Wait };
        let taken = mech.receive(bytes, &mut out);
        self.soil(index);
        self.settle_acts(index);
        match taken {
            Ok(0) => Step::Wait,
            Ok(taken) => Step::Took(taken),
            Err(fault) => {
                self.parsed(index, Bytes::control(bytes.len()));
                self.end(index, Why::Fault(fault));
                Step::Took(bytes.len())
            }
        }
    }

    /// Answers with the reason why not. Where framing is in doubt the manner says to close.
    pub(super) fn refuse(&mut self, index: u32, manner: &Manner, refusal: Refusal) {
        let answer = manner.refusal(refusal.fault, &self.turn.date, refusal.allow);
        if self.conns.get(index as usize).is_some_and(|conn| conn.owner.is_none()) {
            self.claim(index, Owner::Request);
        }
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        conn.keep_alive = manner.keep_alive;
        self.refused(index, refusal.fault);
        self.answer(index, answer);
    }

    /// Answers, or says why not.
    pub(super) fn answer_or_refuse(
        &mut self,
        index: u32,
        answer: Result<Answer, Fault>,
        manner: &Manner,
    ) {
        match answer {
            Ok(answer) => self.answer(index, answer),
            Err(fault) => self.refuse(index, manner, fault.into()),
        }
    }

    /// Queues a whole answer; the request is done with.
    pub(super) fn answer(&mut self, index: u32, answer: Answer) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        self.turn.out(&mut conn.queue, &mut conn.account).answer(answer);
        self.soil(index);
        self.done(index);
    }

    fn send_page(&mut self, index: u32, page: &Page, manner: &Manner) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        conn.keep_alive = manner.keep_alive;
        let answer = page.answer(manner, &self.turn.date);
        self.answer(index, answer);
    }

    /// What an address takes, and what pages of other origins may send there.
    fn send_options(&mut self, index: u32, allow: &str, manner: &Manner) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        conn.keep_alive = manner.keep_alive;
        let mut head = manner.head(204, &self.turn.date).field("Allow", allow);
        if manner.origin.is_some() {
            head = head
                .field("Access-Control-Allow-Methods", allow)
                .field("Access-Control-Allow-Headers", CORS_FIELDS)
                .field("Access-Control-Max-Age", "86400");
        }
        self.answer(index, Answer::bare(head.end()));
    }

    /// The head that a stream would begin with, and no stream (RFC 9110 §9.3.2).
    fn send_stream_head(&mut self, index: u32, subscription: &Subscription, manner: &Manner) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        conn.keep_alive = manner.keep_alive;
        let head = manner
            .head(200, &self.turn.date)
            .field("Content-Type", subscription.media_type())
            .field("Cache-Control", subscription.cache_control())
            .field("X-Content-Type-Options", "nosniff");
        self.answer(index, Answer::bare(head.end()));
    }

    pub(super) fn deliver_urgent(&mut self) {
        if let Some(key) = self.hub.take_urgent() {
            self.deliver(key);
        }
    }
}

/// RFC 9110 §15.2.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// What a client may send across origins besides what every page may.
const CORS_FIELDS: &str = "Authorization, Content-Type, Last-Event-ID, If-None-Match";
