//! Encoded bytes that many connections share: each message is encoded once per encoding.

use std::rc::Rc;

use crate::cost::Bytes;

/// Encoded bytes, shared by reference count, with what they are for.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The bytes as they stand on the wire.
    pub bytes: Rc<[u8]>,
    /// The same bytes, booked.
    pub made: Bytes,
}

impl Frame {
    /// Takes over what an encoder wrote. All of it must be booked in `made`.
    pub fn new(bytes: Vec<u8>, made: Bytes) -> Self {
        debug_assert_eq!(bytes.len() as u64, made.total());
        Self { bytes: bytes.into(), made }
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
                Frame::new(b"{}\n".to_vec(), Bytes::framing(3))
            });
            assert_eq!(&*frame.bytes, b"{}\n");
        }
        assert_eq!(times, 1);
    }
}
