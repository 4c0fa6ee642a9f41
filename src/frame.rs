//! Encoded bytes that many connections share: each message is encoded once per encoding.

use std::rc::Rc;
use std::sync::Arc;

use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::{Batch, Course};
use crate::id::{Id, Kind};

/// Encoded messages, shared by reference count, with what their bytes are for.
#[derive(Clone, Debug)]
pub struct Frame(Rc<Encoded>);

#[derive(Debug)]
struct Encoded {
    kind: Kind,
    bytes: Vec<u8>,
    made: Bytes,
    messages: Messages,
}

/// Which messages a frame carries, and since when they have been under way.
#[derive(Clone, Debug)]
pub struct Messages {
    /// The channel and the first of them; none when it only tells of a change.
    pub first: Option<(Arc<str>, Id)>,
    /// How they come to their reader.
    pub course: Course,
    /// How many there are.
    count: u32,
    /// How many were published at which moment, oldest first.
    published: Vec<(Instant, u32)>,
}

impl Messages {
    fn of(batch: &Batch<'_>) -> Self {
        let mut published: Vec<(Instant, u32)> = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            match published.last_mut() {
                Some((at, count)) if *at == event.at => *count += 1,
                _ => published.push((event.at, 1)),
            }
        }
        let first = batch.events.first().map(|event| (Arc::clone(&event.channel), event.id));
        // Each delivery asks how many there are.
        let count = published.iter().map(|(_, count)| count).sum();
        Self { first, course: batch.course, count, published }
    }

    /// How many were published at which moment, oldest first.
    pub fn published(&self) -> &[(Instant, u32)] {
        &self.published
    }

    /// How many there are.
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl Frame {
    /// Takes over what a mechanism's encoder wrote for a batch. All of it must be booked in `made`.
    pub fn new(kind: Kind, bytes: Vec<u8>, made: Bytes, batch: &Batch<'_>) -> Self {
        debug_assert_eq!(bytes.len() as u64, made.total());
        let messages = Messages::of(batch);
        Self(Rc::new(Encoded { kind, bytes, made, messages }))
    }

    /// The mechanism that carries it.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The bytes as they stand on the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The same bytes, booked.
    pub fn made(&self) -> Bytes {
        self.0.made
    }

    /// Whether this is that very frame.
    pub fn is(&self, that: &Self) -> bool {
        Rc::ptr_eq(&self.0, &that.0)
    }

    /// How many refer to it.
    pub(crate) fn holders(&self) -> usize {
        Rc::strong_count(&self.0)
    }

    /// What it carries.
    pub fn messages(&self) -> &Messages {
        &self.0.messages
    }
}

/// Every form in which a batch may stand on the wire. One batch is encoded at most once in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// SSE events.
    EventStream,
    /// SSE events, each payload in its JSON envelope.
    EventStreamEnvelope,
    /// SSE events of an order, without cursors.
    EventStreamOrder,
    /// WebSocket frames, bare payloads.
    WebSocket,
    /// WebSocket text frames, each payload in its JSON envelope.
    WebSocketEnvelope,
    /// Chunks of one NDJSON line each.
    LinesChunked,
    /// NDJSON lines for a peer that knows no chunks.
    Lines,
    /// Chunks of one script each.
    ScriptsChunked,
    /// Scripts for a peer that knows no chunks.
    Scripts,
    /// A chunk with the script that sets clock and count.
    ClockChunked,
    /// The script that sets clock and count, for a peer that knows no chunks.
    Clock,
    /// A whole answer to a long poll.
    Answer,
    /// A whole answer to a long poll of the reference articles.
    AnswerNewest,
}

impl Encoding {
    const COUNT: usize = Self::AnswerNewest as usize + 1;
}

/// The encodings of one batch that somebody has asked for so far.
#[derive(Debug, Default)]
pub struct Frames {
    made: [Option<Frame>; Encoding::COUNT],
}

impl Frames {
    /// The batch in this encoding; `encode` runs for the first to ask.
    pub fn shared(&mut self, encoding: Encoding, encode: impl FnOnce() -> Frame) -> &Frame {
        self.made[encoding as usize].get_or_insert_with(encode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_encoded_once_per_encoding() {
        let mut frames = Frames::default();
        let mut times = 0;
        for _ in 0..3 {
            let frame = frames.shared(Encoding::Lines, || {
                times += 1;
                Frame::new(Kind::XhrStream, b"{}\n".to_vec(), Bytes::framing(3), &Batch::none(0))
            });
            assert_eq!(frame.bytes(), b"{}\n");
        }
        assert_eq!(times, 1);
    }
}
