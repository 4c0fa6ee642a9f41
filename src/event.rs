//! A message of a log, and a run of messages on its way to a mechanism.

use std::sync::Arc;

use crate::clock::Instant;
use crate::id::Id;

/// What was published, unchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// UTF-8 text.
    Text(Arc<str>),
    /// Any bytes.
    Binary(Arc<[u8]>),
}

impl Payload {
    /// The message's own bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// One message of a channel's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its place in the log: the cursor of whoever has read it.
    pub id: Id,
    /// When it was published, in milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: u64,
    /// The same on the loop's own clock, from which its delay is measured.
    pub at: Instant,
    /// The channel it belongs to.
    pub channel: Arc<str>,
    /// The event type that its publisher gave it (the `event` field of SSE).
    pub name: Option<Arc<str>>,
    /// What was published.
    pub payload: Payload,
}

/// Messages that a reader asked for and the log no longer has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// How many are known to be lost.
    pub missed: u64,
    /// The cursor belongs to another log of that name: more may be lost than can be counted.
    pub epoch_changed: bool,
}

/// A run of consecutive messages of one channel, handed to a mechanism at once.
///
/// It may be empty: then only the unread count has changed, or nothing is new.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The messages, oldest first.
    pub events: &'a [Event],
    /// What was lost before the first of them.
    pub gap: Option<Gap>,
    /// The cursor of whoever has read this batch.
    pub cursor: Id,
    /// How many messages of the channel lie behind its read mark.
    pub unread: u64,
    /// When the batch is handed over, in milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: u64,
    /// How it comes to be handed over.
    pub course: Course,
}

/// How messages come to a reader: what their delay means depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    /// As they were published; the receipt of that number tells what it costs.
    Live(u64),
    /// The reader came back for them with its cursor: they are as late as they are.
    CaughtUp,
    /// The reader asked for what was there before it came: that is not a delay.
    Replayed,
}

impl Batch<'_> {
    /// No message, of no channel.
    pub const fn none(time_ms: u64) -> Self {
        let (cursor, course) = (Id { epoch: 0, offset: 0 }, Course::Replayed);
        Self { events: &[], gap: None, cursor, unread: 0, time_ms, course }
    }

    /// Whether there is nothing to tell: no message, and no gap.
    pub const fn is_silent(&self) -> bool {
        self.events.is_empty() && self.gap.is_none()
    }

    /// Bytes in which the batch fits in most encodings: a buffer made so large need not grow.
    pub fn room(&self) -> usize {
        let payloads = self.events.iter().map(|event| event.payload.bytes().len());
        payloads.map(|bytes| bytes + ENVELOPE_ROOM_BYTES).sum()
    }

    /// The cursor of whoever has read everything before this batch, or was told that it is lost.
    pub fn start(&self) -> Id {
        match self.events.first() {
            Some(first) => Id { offset: first.id.offset.saturating_sub(1), ..first.id },
            None => self.cursor,
        }
    }
}

/// What an envelope takes with a short channel's name, and the script, chunk or frame around it.
const ENVELOPE_ROOM_BYTES: usize = 192;
