//! A subscription: one loop over all clients, which comes back when its connection is lost.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::address::Address;
use crate::client::connection::{CONNECT_TIME_MAX, Connection, Framing, Progress};
use crate::client::error::ClientError;
use crate::client::mech::Mech;
use crate::client::mould::{Ask, Item, Loss, Out, Then};
use crate::id::{Kind, Since};
use crate::limits;
use crate::mech::mould::Dress;
use crate::wire::head::room;

/// A subscription to one channel by one mechanism.
///
/// It hands out every message behind its cursor once and in order, over as many connections as
/// that takes: a lost connection is followed by another one after 0.25 s, then twice as long up to
/// 8 s, or when the server says. What the log has forgotten meanwhile is told as a gap.
#[derive(Debug)]
pub struct Subscription {
    address: Address,
    channel: String,
    kind: Kind,
    options: SubscribeOptions,
    out: Out,
    state: State,
    /// What has failed, and is told when everything before it has been handed out.
    failed: Option<ClientError>,
    /// The next wait after a loss.
    backoff: Duration,
    /// When the last connection was made.
    connected: Instant,
    /// Content in hand.
    content: Vec<u8>,
}

/// How a subscription behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscribeOptions {
    /// Time between two questions of short polling.
    pub interval: Duration,
    /// Whether it comes back after a loss.
    pub resume: Resume,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), resume: Resume::Always }
    }
}

/// What a subscription does when its connection is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resume {
    /// It comes back until the channel is over.
    Always,
    /// It fails with the reason.
    Never,
}

/// Where a subscription stands.
#[derive(Debug)]
enum State {
    /// No question is out. Call: next. Next: `Asked`, at that moment.
    Waiting(Instant, Option<Connection>),
    /// The head of an answer is awaited. Call: next. Next: `Reading`, or `Waiting` if it is lost.
    Asked(Connection, Mech),
    /// Content arrives. Call: next. Next: `Waiting` or `Over`.
    Reading(Connection, Mech, Framing),
    /// The channel is over, for this reason. Call: next. Next: the same.
    Over(String),
}

/// What a step has come to.
enum Step {
    /// Somewhere else.
    On(State),
    /// Nowhere: the deadline came first.
    Late(State),
}

impl Subscription {
    /// Connects and asks.
    ///
    /// `since` takes an id, `all`, `latest`, a duration (`10m`) or a Unix time; without it, only
    /// what comes from now on is handed out.
    ///
    /// # Errors
    /// [`ClientError::SinceInvalid`], and what keeps the first connection from being made; the
    /// server's answer, a refusal included, comes with [`Subscription::next`].
    pub fn open(
        address: &Address,
        channel: &str,
        kind: Kind,
        since: Option<&str>,
        options: SubscribeOptions,
    ) -> Result<Self, ClientError> {
        if since.is_some_and(|since| Since::parse(since).is_none()) {
            return Err(ClientError::SinceInvalid);
        }
        let connection = Connection::open(address)?;
        let now = Instant::now();
        let mut subscription = Self {
            address: address.clone(),
            channel: channel.to_owned(),
            kind,
            options,
            out: Out::new(since),
            state: State::Waiting(now, None),
            failed: None,
            backoff: BACKOFF_MIN,
            connected: now,
            content: Vec::new(),
        };
        subscription.state = subscription.ask(connection)?;
        Ok(subscription)
    }

    /// The next item; `None` when the deadline comes first. Without a deadline it waits.
    ///
    /// The deadline may pass unnoticed while the host's name is looked up, or while a connection
    /// is made anew that was kept. After [`Item::End`] every call answers the same.
    ///
    /// # Errors
    /// What will not go away by itself, such as a refusal; with [`Resume::Never`], every loss. The
    /// next call begins with a new connection, at the same cursor.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Option<Item>, ClientError> {
        loop {
            if let Some(item) = self.out.items.pop_front() {
                return Ok(Some(item));
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            let idle = State::Waiting(Instant::now(), None);
            let state = mem::replace(&mut self.state, idle);
            match self.step(state, deadline) {
                Ok(Step::On(state)) => self.state = state,
                Ok(Step::Late(state)) => {
                    self.state = state;
                    return Ok(None);
                }
                Err(error) => self.lose(error),
            }
        }
    }

    fn step(&mut self, state: State, deadline: Option<Instant>) -> Result<Step, ClientError> {
        match state {
            State::Waiting(until, connection) => self.wait(until, connection, deadline),
            State::Asked(connection, mech) => self.await_head(connection, mech, deadline),
            State::Reading(connection, mech, framing) => {
                self.read(connection, mech, framing, deadline)
            }
            State::Over(reason) => {
                self.out.items.push_back(Item::End(reason.clone()));
                Ok(Step::On(State::Over(reason)))
            }
        }
    }

    fn wait(
        &mut self,
        until: Instant,
        connection: Option<Connection>,
        deadline: Option<Instant>,
    ) -> Result<Step, ClientError> {
        let first = deadline.map_or(until, |deadline| deadline.min(until));
        loop {
            let left = first.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        if first < until {
            return Ok(Step::Late(State::Waiting(until, connection)));
        }
        if let Some(connection) = connection {
            return self.ask(connection).map(Step::On);
        }
        let patience = Instant::now() + CONNECT_TIME_MAX;
        let by = deadline.map_or(patience, |deadline| deadline.min(patience));
        match Connection::open_by(&self.address, by) {
            Ok(connection) => {
                self.connected = Instant::now();
                self.ask(connection).map(Step::On)
            }
            Err(_) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                Ok(Step::Late(State::Waiting(until, None)))
            }
            Err(error) => Err(error),
        }
    }

    fn ask(&self, mut connection: Connection) -> Result<State, ClientError> {
        let ask = Ask {
            address: &self.address,
            channel: &self.channel,
            since: self.out.since(),
            interval: self.options.interval,
            // Without an envelope a message has no cursor to come back with.
            dress: Dress::Envelope,
        };
        let (mech, question) = Mech::ask(self.kind, &ask);
        connection.ask(&question)?;
        Ok(State::Asked(connection, mech))
    }

    fn await_head(
        &mut self,
        mut connection: Connection,
        mut mech: Mech,
        deadline: Option<Instant>,
    ) -> Result<Step, ClientError> {
        let Some(head) = connection.head(deadline)? else {
            return Ok(Step::Late(State::Asked(connection, mech)));
        };
        let mut room = room();
        let answer = head.parse(&mut room)?;
        if answer.status >= 400 {
            let refusal = connection.refusal(&answer);
            let ClientError::Refused(refused) = refusal else { return Err(refusal) };
            if refused.reason != CHANNEL_DELETED {
                return Err(ClientError::Refused(refused));
            }
            return Ok(Step::On(State::Over(refused.message)));
        }
        mech.open(&answer, &mut self.out)?;
        let framing = connection.framing(&answer)?;
        Ok(Step::On(State::Reading(connection, mech, framing)))
    }

    fn read(
        &mut self,
        mut connection: Connection,
        mut mech: Mech,
        mut framing: Framing,
        deadline: Option<Instant>,
    ) -> Result<Step, ClientError> {
        self.content.clear();
        let progress = connection.content(&mut framing, deadline, &mut self.content)?;
        if progress == Progress::Late {
            return Ok(Step::Late(State::Reading(connection, mech, framing)));
        }
        let received = mech.receive(&self.content, &mut self.out);
        // What a server is told that has said goodbye, it need not stay to hear.
        let sent = connection.send(&mem::take(&mut self.out.reply));
        received.and(sent)?;
        if let Some(reason) = self.out.ended() {
            return Ok(Step::On(State::Over(reason.to_owned())));
        }
        match progress {
            Progress::Part | Progress::Late => {
                Ok(Step::On(State::Reading(connection, mech, framing)))
            }
            Progress::Whole => match mech.end(&mut self.out)? {
                Then::Ask(wait) => {
                    Ok(Step::On(State::Waiting(Instant::now() + wait, Some(connection))))
                }
                Then::Lost(retry) => Err(ClientError::Over { retry }),
            },
        }
    }

    /// Tells of a loss, and waits; or fails.
    fn lose(&mut self, error: ClientError) {
        let lasted = self.connected.elapsed() >= BACKOFF_MAX;
        if self.out.lose() == Loss::Fruitful || lasted {
            self.backoff = BACKOFF_MIN;
        }
        if !error.is_passing() || self.options.resume == Resume::Never {
            self.failed = Some(error);
            return;
        }
        let wait = error.retry().map_or(self.backoff, |retry| retry.max(self.backoff));
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        self.state = State::Waiting(Instant::now() + wait, None);
        self.out.items.push_back(Item::Lost(error, wait));
    }
}

impl Drop for Subscription {
    /// Says goodbye where the mechanism has words for it.
    fn drop(&mut self) {
        if let State::Reading(connection, mech, _) = &mut self.state {
            // Whoever does not hear it sees the connection close all the same.
            let _ = connection.send(&mech.farewell());
        }
    }
}

/// The first wait after a loss; it doubles with each one that follows without a message between.
const BACKOFF_MIN: Duration = Duration::from_micros(limits::CLIENT_BACKOFF_US_MIN);
/// The longest wait; a connection that has lasted as long was no failure.
const BACKOFF_MAX: Duration = Duration::from_micros(limits::CLIENT_BACKOFF_US_MAX);
/// The reason with which a parked poll of a deleted channel is refused.
const CHANNEL_DELETED: &str = "channel_deleted";

#[cfg(test)]
mod tests;
