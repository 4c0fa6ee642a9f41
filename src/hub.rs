//! Channels: one log each, and a dense list of subscribers to fan out to.
//!
//! A loop that is alone gives each message its place itself. One of several has replicas of the
//! logs, in the order that all of them share: see [`crate::order`].

mod news;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use slab::Slab;

use crate::clock::{Instant, Now};
use crate::commons::{Share, Tally};
use crate::event::{Batch, Course, Event, Payload};
use crate::history::History;
use crate::id::{Census, ChannelKey, Id, Kind, Since, Token};
use crate::limits::{self, Limits};
use crate::order::{Seat, Unsaid};
use crate::received::ReceivedTable;

/// What somebody wants published.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The event type (the `event` field of SSE).
    pub name: Option<Arc<str>>,
    /// The message.
    pub payload: Payload,
}

/// What a publisher is told.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    /// The message's place in the log.
    pub id: Id,
    /// The message's own bytes.
    pub bytes: usize,
    /// Who was subscribed when it was published.
    pub subscribers: Census,
}

/// Where a subscription stands: in which channel's list, and at which place of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// The channel.
    pub channel: ChannelKey,
    /// The place in its dense list, counted from 1, so that leaving costs no search.
    pub place: NonZeroU32,
}

/// One entry of a channel's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscriber {
    /// The connection.
    pub token: Token,
    /// Its mechanism.
    pub kind: Kind,
}

/// What is to be handed over, and to whom.
#[derive(Debug)]
pub struct Pending<'a> {
    /// The messages.
    pub batch: Batch<'a>,
    /// The channel's list.
    pub subscribers: &'a [Subscriber],
    /// The same by mechanism.
    pub census: Census,
}

/// How far a user has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upto {
    /// Everything.
    Newest,
    /// Up to this message.
    Id(Id),
    /// Up to the message with this offset.
    Offset(u64),
}

/// Why a channel cannot be had, or nothing can be published to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HubError {
    /// The name is empty, too long, or has control characters.
    NameRefused,
    /// Every channel has subscribers and there are as many as there may be.
    Full,
    /// It was deleted.
    Deleted,
    /// Why it cannot be said to the other loops, or by anybody.
    Unsaid(Unsaid),
}

impl From<Unsaid> for HubError {
    fn from(unsaid: Unsaid) -> Self {
        Self::Unsaid(unsaid)
    }
}

/// The name of a channel that is no name: a control character cannot stand in one.
const INSPECTOR: [&str; 2] = ["\u{1}inspector", "\u{1}inspector of itself"];

/// One channel.
#[derive(Debug)]
pub struct Channel {
    name: Arc<str>,
    log: History,
    subscribers: Vec<Subscriber>,
    census: Share,
    /// Its subscribers on all loops, if there are several.
    tally: Option<Arc<Tally>>,
    /// The offset up to which the user has read.
    read: u64,
    /// Messages at the end of the log that the subscribers have not been handed yet.
    pending: usize,
    /// Whether it is on the list of those of whose subscribers other loops are to be told.
    recounted: bool,
    /// Whether it is on the list of channels with something to hand over.
    dirty: bool,
    /// Whether it is on the list of those that were deleted: its name is free.
    deleted: bool,
    used: Instant,
    /// The deadline that is armed for it.
    armed: Option<Instant>,
    /// Whether it is on the list of channels that need one.
    unarmed: bool,
}

impl Channel {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its log.
    pub const fn log(&self) -> &History {
        &self.log
    }

    /// Its subscribers by mechanism, on all loops.
    pub fn census(&self) -> Census {
        self.tally.as_ref().map_or(self.census.own(), |tally| self.census.all(tally))
    }

    /// Messages behind the read mark.
    pub const fn unread(&self) -> u64 {
        self.log.cursor().offset - self.read
    }

    /// When something of it expires: its oldest message, or the name that nobody ever used.
    fn deadline(&self, limits: &Limits, now: Now) -> Option<Instant> {
        if let Some(oldest) = self.log.oldest() {
            let age_us = now.unix_ms().saturating_sub(oldest.time_ms).saturating_mul(1_000);
            let left_us = limits.history_us_max.saturating_sub(age_us);
            return Some(now.at.after(left_us).after(limits::HEARTBEAT_GRAIN_US));
        }
        self.is_forgettable().then(|| self.used.after(limits::CHANNEL_IDLE_US))
    }

    /// A name that was only ever mentioned. A log that has begun is kept, so that its cursors
    /// keep their meaning, until room is needed.
    fn is_forgettable(&self) -> bool {
        self.subscribers.is_empty() && self.log.cursor().offset == 0
    }
}

/// All channels of a loop.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    channels: Slab<Channel>,
    by_name: HashMap<Arc<str>, ChannelKey>,
    /// Where the loop stands among others; none if it is alone.
    seat: Option<Seat>,
    /// Whether the server leaves, and no log of this loop, which is alone, goes on.
    closed: bool,
    /// What clients have said that nobody publishes.
    received: ReceivedTable,
    /// Channels that were deleted, and whose subscribers are to be told.
    deleted: VecDeque<ChannelKey>,
    /// Channels with something to hand over.
    dirty: Vec<ChannelKey>,
    /// The channel that should not wait for the end of the turn.
    urgent: Option<ChannelKey>,
    /// Channels that need a deadline.
    unarmed: Vec<ChannelKey>,
    /// Channels of whose subscribers other loops are to be told.
    recounted: Vec<ChannelKey>,
    /// Epochs are the time, but never the same twice for one name.
    epoch_min: u64,
    /// Payload bytes in all logs.
    bytes: usize,
}

impl Hub {
    /// No channels, of a loop that is alone.
    pub fn new(limits: Limits) -> Self {
        Self::seated(limits, None)
    }

    /// No channels, of a loop that has this place among others.
    pub fn seated(limits: Limits, seat: Option<Seat>) -> Self {
        Self {
            limits,
            channels: Slab::new(),
            by_name: HashMap::new(),
            seat,
            closed: false,
            received: ReceivedTable::default(),
            deleted: VecDeque::new(),
            dirty: Vec::new(),
            urgent: None,
            unarmed: Vec::new(),
            recounted: Vec::new(),
            epoch_min: 0,
            bytes: 0,
        }
    }

    /// Whether `name` may name a channel: not empty, no longer than that, no control characters.
    pub fn may_name(name: &str, bytes_max: usize) -> bool {
        !name.is_empty() && name.len() <= bytes_max && !name.chars().any(char::is_control)
    }

    /// The channel of that name, if anybody has named it before to this loop.
    pub fn find(&self, name: &str) -> Option<ChannelKey> {
        self.by_name.get(name).copied()
    }

    /// The channel behind a key.
    pub fn channel(&self, key: ChannelKey) -> Option<&Channel> {
        self.channels.get(key.0 as usize)
    }

    /// The channel of that name, made if need be.
    pub fn channel_named(&mut self, name: &str, now: Now) -> Result<ChannelKey, HubError> {
        if let Some(key) = self.find(name) {
            return Ok(key);
        }
        if !Self::may_name(name, self.limits.channel_bytes_max) {
            return Err(HubError::NameRefused);
        }
        self.make(name, now)
    }

    /// The channel of that name, if anybody has named it before, to whichever loop.
    ///
    /// # Errors
    /// There is one elsewhere, and no room for a replica of it here.
    pub fn known(&mut self, name: &str, now: Now) -> Result<Option<ChannelKey>, HubError> {
        let found = self.find(name);
        if found.is_none() && self.seat.as_ref().is_some_and(|seat| seat.knows(name)) {
            return self.make(name, now).map(Some);
        }
        Ok(found)
    }

    /// The channel in which viewers are told what others say and hear, or also what they do
    /// themselves: no address can name it.
    pub fn channel_of_inspector(
        &mut self,
        shows_own: bool,
        now: Now,
    ) -> Result<ChannelKey, HubError> {
        let name = INSPECTOR[usize::from(shows_own)];
        self.find(name).map_or_else(|| self.make(name, now), Ok)
    }

    /// Appends a message to a channel's log; its subscribers get it when the turn is settled.
    pub fn publish(
        &mut self,
        key: ChannelKey,
        draft: Draft,
        now: Now,
    ) -> Result<Receipt, HubError> {
        let Draft { name, payload } = draft;
        let channel = self.channels.get(key.0 as usize).filter(|channel| !channel.deleted);
        let channel = channel.ok_or(HubError::Deleted)?;
        let (bytes, subscribers) = (payload.bytes().len(), channel.census());
        let id = match &mut self.seat {
            Some(seat) => seat.publish(&channel.name, name, payload, now)?,
            None if self.closed => return Err(Unsaid::Closed.into()),
            None => {
                let (id, channel) = (channel.log.next_id(), Arc::clone(&channel.name));
                let time_ms = now.unix_ms();
                self.append(key, Event { id, time_ms, at: now.at, channel, name, payload }, now);
                return Ok(Receipt { id, bytes, subscribers });
            }
        };
        self.act(now);
        Ok(Receipt { id, bytes, subscribers })
    }

    fn append(&mut self, key: ChannelKey, event: Event, now: Now) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        let bytes = event.payload.bytes().len();
        channel.used = now.at;
        channel.pending += 1;
        channel.log.append(event);
        self.bytes += bytes;
        if channel.pending >= limits::PENDING_MAX || bytes > limits::PENDING_BYTES_MAX {
            self.urgent = Some(key);
        }
        self.soil(key);
        self.arm(key);
        if self.bytes > self.limits.history_all_bytes_max {
            self.forget_idlest(key);
        }
    }

    /// A channel of which so much waits to be handed over that it should not wait any longer.
    pub fn take_urgent(&mut self) -> Option<ChannelKey> {
        self.urgent.take()
    }

    /// Moves the read mark up to `upto`, never back; returns what is unread then.
    pub fn mark_read(&mut self, key: ChannelKey, upto: Upto, now: Now) -> Result<u64, HubError> {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return Ok(0) };
        let newest = channel.log.cursor();
        let upto = match upto {
            Upto::Newest => newest.offset,
            Upto::Offset(offset) => offset,
            Upto::Id(id) if id.epoch == newest.epoch => id.offset,
            // Of another log of that name nothing is left to be read.
            Upto::Id(_) => 0,
        };
        let mark = Id { offset: upto.min(newest.offset), ..newest };
        if mark.offset > channel.read {
            match &mut self.seat {
                Some(seat) => seat.read(&channel.name, mark)?,
                None => self.advance(key, mark),
            }
            self.act(now);
        }
        Ok(self.channel(key).map_or(0, Channel::unread))
    }

    /// The log was read up to this message of it.
    fn advance(&mut self, key: ChannelKey, mark: Id) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        let mark = mark.offset.min(channel.log.cursor().offset);
        if mark > channel.read {
            channel.read = mark;
            self.soil(key);
        }
    }

    /// Enters a connection into a channel's list.
    pub fn subscribe(&mut self, key: ChannelKey, subscriber: Subscriber) -> Option<Edge> {
        let channel = self.channels.get_mut(key.0 as usize)?;
        let place = NonZeroU32::new(u32::try_from(channel.subscribers.len() + 1).ok()?)?;
        channel.subscribers.push(subscriber);
        channel.census.enter(subscriber.kind);
        self.note_recount(key);
        Some(Edge { channel: key, place })
    }

    /// Strikes a connection off. Whoever moved into its place is returned, to learn its new slot.
    pub fn unsubscribe(&mut self, edge: Edge, now: Instant) -> Option<Subscriber> {
        let channel = self.channels.get_mut(edge.channel.0 as usize)?;
        let slot = edge.place.get() as usize - 1;
        if slot >= channel.subscribers.len() {
            return None;
        }
        let left = channel.subscribers.swap_remove(slot);
        channel.census.leave(left.kind);
        channel.used = now;
        let moved = channel.subscribers.get(slot).copied();
        if channel.subscribers.is_empty() {
            channel.subscribers = Vec::new();
            self.arm(edge.channel);
        }
        self.note_recount(edge.channel);
        moved
    }

    /// What a reader with this cursor is to be handed now.
    pub fn replay(&mut self, key: ChannelKey, since: Since, now: Now) -> Option<Batch<'_>> {
        let channel = self.channels.get_mut(key.0 as usize)?;
        channel.used = now.at;
        let before = channel.log.bytes();
        channel.log.trim(&self.limits, now.unix_ms());
        self.bytes -= before - channel.log.bytes();
        let (cursor, unread) = (channel.log.cursor(), channel.unread());
        let (gap, events) = channel.log.after(since, now.unix_ms());
        let course = match since {
            Since::Id(_) => Course::CaughtUp,
            _ => Course::Replayed,
        };
        Some(Batch { events, gap, cursor, unread, time_ms: now.unix_ms(), course })
    }

    /// The next channel with something to hand over.
    pub fn next_dirty(&mut self) -> Option<ChannelKey> {
        self.dirty.pop()
    }

    /// What a channel has to hand over, and to whom; the ledger says with which receipt. Ends with
    /// [`Hub::handed_over`].
    pub fn pending(&mut self, key: ChannelKey, now: Now) -> Option<Pending<'_>> {
        let channel = self.channels.get_mut(key.0 as usize)?;
        let (cursor, unread) = (channel.log.cursor(), channel.unread());
        let events = channel.log.last(channel.pending);
        let (time_ms, course) = (now.unix_ms(), Course::Replayed);
        let batch = Batch { events, gap: None, cursor, unread, time_ms, course };
        Some(Pending { batch, subscribers: &channel.subscribers, census: channel.census.own() })
    }

    /// Whether the channel has something that its subscribers have not been handed.
    pub fn is_dirty(&self, key: ChannelKey) -> bool {
        self.channel(key).is_some_and(|channel| channel.dirty)
    }

    /// All of it has been handed over: now the log may forget what is over its limits.
    pub fn handed_over(&mut self, key: ChannelKey, now: Now) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        channel.pending = 0;
        channel.dirty = false;
        let before = channel.log.bytes();
        channel.log.trim(&self.limits, now.unix_ms());
        self.bytes -= before - channel.log.bytes();
    }

    /// The subscribers of a channel, for its end.
    pub fn subscribers(&self, key: ChannelKey) -> &[Subscriber] {
        self.channel(key).map_or(&[], |channel| &channel.subscribers)
    }

    /// The next channel that needs a deadline, and the deadline.
    pub fn next_unarmed(&mut self, now: Now) -> Option<(ChannelKey, Instant)> {
        while let Some(key) = self.unarmed.pop() {
            let Some(channel) = self.channels.get_mut(key.0 as usize) else { continue };
            // The list may name who has left, and whoever has the slot now.
            if !std::mem::replace(&mut channel.unarmed, false) {
                continue;
            }
            channel.armed = channel.deadline(&self.limits, now);
            if let Some(at) = channel.armed {
                return Some((key, at));
            }
        }
        None
    }

    /// Whether this deadline is the one armed for the channel, not that of an earlier tenant.
    pub fn awaits(&self, key: ChannelKey, at: Instant) -> bool {
        self.channel(key).is_some_and(|channel| channel.armed == Some(at))
    }

    /// A channel's deadline has passed: forgets what has expired, and asks for the next one.
    pub fn tick(&mut self, key: ChannelKey, now: Now) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        channel.armed = None;
        let idle = now.at.since(channel.used) >= limits::CHANNEL_IDLE_US;
        if channel.is_forgettable() && idle {
            return self.remove(key);
        }
        if !channel.dirty {
            self.handed_over(key, now);
        }
        self.arm(key);
    }

    /// Channels that there are.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    fn soil(&mut self, key: ChannelKey) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        if !channel.dirty {
            channel.dirty = true;
            self.dirty.push(key);
        }
    }

    fn arm(&mut self, key: ChannelKey) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        if channel.armed.is_none() && !channel.unarmed {
            channel.unarmed = true;
            self.unarmed.push(key);
        }
    }
}
