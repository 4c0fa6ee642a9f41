//! Server-sent events: an answer that never ends, one `data` block per message.
//!
//! ```text
//! GET /c/news/sse HTTP/1.1                     the request: a GET like any other
//! Host: localhost:7777
//!
//! HTTP/1.1 200 OK                              the answer begins …
//! Content-Type: text/event-stream
//! Cache-Control: no-cache, no-transform
//! Connection: close                            … and lasts as long as the connection
//!
//! id: 1763712345678-0                          a cursor without an event, before any message:
//!                                              who reconnects now has missed nothing
//! id: 1763712345678-1                          the cursor, which the browser sends back as
//! data: first line                             Last-Event-ID when it reconnects by itself
//! data: second line                            a newline in the payload is a new data line
//!                                              the blank line dispatches the event
//! :                                            a comment: the heartbeat
//! ```
//!
//! Cost: a message is `p + i + 7 + 6·n` bytes and one `send`: an id line around its id of i bytes,
//! `data: ` in front of each of its n lines, and two line ends. An event type is a line more. A
//! stream is asked for with `h` bytes and begins with `i + 209`, for a `read + writev`. The
//! heartbeat is `3` bytes and a `send`, every 15 s.
//!
//! It cannot carry a carriage return or binary data bare: the decoder turns CR and CRLF into LF.
//! Such a payload comes as an event named `envelope`, whose data is the message in JSON.
//!
//! Read beside it: `websocket.rs`, which has frames where this has lines.

use std::fmt::Write;

use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::{Batch, Event, Payload};
use crate::fault::Fault;
use crate::frame::{Encoding, Frame, Frames};
use crate::id::Kind;
use crate::limits;
use crate::mech::mould::{
    Act, Address, Card, Cost, Costs, Door, Dress, Ignored, Mechanism, Out, Why,
};
use crate::wire::{event_stream, json};

/// A subscriber to an event stream.
#[derive(Debug)]
pub struct Sse {
    style: Style,
    ignored: Ignored,
    deadline: Instant,
}

/// What the events of a stream look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// The payload as data.
    Bare,
    /// The message in JSON as data.
    Envelope,
    /// The payload as data, without cursors, for as long as an order is awaited.
    Order,
}

impl Mechanism for Sse {
    const CARD: Card = Card {
        kind: Kind::Sse,
        title: "Server-sent events",
        address: "/c/{channel}/sse",
        opens_with: "200 text/event-stream",
        direction: "server to client",
        costs: Costs {
            open: Cost::of("i + 209", "h", "read + writev"),
            message: Cost::of("p + i + 7 + 6·n", "0", "send"),
            quiet: Cost::of("3", "0", "send"),
            quiet_us: Some(limits::HEARTBEAT_US),
        },
        client: "EventSource",
        reconnects: "by itself, with Last-Event-ID",
        cannot: "carry binary data or CR bare; send",
        source: "src/mech/sse.rs",
    };

    fn open(door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault> {
        let style = match (door.address, door.dress) {
            (Address::Order, _) => Style::Order,
            (_, Dress::Envelope) => Style::Envelope,
            (_, Dress::Bare) => Style::Bare,
        };
        let mut manner = door.manner.clone();
        manner.keep_alive = false;
        let head = manner
            .head(200, out.date)
            .field("Content-Type", "text/event-stream")
            .field("Cache-Control", "no-cache, no-transform")
            .field("X-Accel-Buffering", "no")
            .field("X-Content-Type-Options", "nosniff");
        out.send_head(head.end());
        let mut sse = Self { style, ignored: Ignored::default(), deadline: Instant::ZERO };
        sse.greet(door, out);
        if !door.replay.is_silent() {
            let frame = encode(&door.replay, style);
            out.share(&frame);
        }
        sse.deadline = sse.next_deadline(out);
        out.act(door.channel.map_or(Act::Close, Act::Subscribe));
        Ok(sse)
    }

    fn receive(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<usize, Fault> {
        self.ignored.receive(bytes, out)
    }

    fn deliver(&mut self, batch: &Batch<'_>, frames: &mut Frames, out: &mut Out<'_>) {
        if batch.is_silent() {
            return;
        }
        out.share(frames.shared(self.style.encoding(), || encode(batch, self.style)));
        self.deadline = self.next_deadline(out);
    }

    fn tick(&mut self, out: &mut Out<'_>) -> Result<(), Fault> {
        if self.style == Style::Order {
            out.act(Act::Close);
            self.deadline = Instant::NEVER;
            return Ok(());
        }
        out.send_control(event_stream::HEARTBEAT);
        self.deadline = self.next_deadline(out);
        Ok(())
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn end(&mut self, why: Why, out: &mut Out<'_>) {
        match why {
            Why::Drain(_) => {
                let mut bytes = Vec::new();
                event_stream::encode_retry(limits::RETRY_MS, &mut bytes);
                out.send_control(bytes);
            }
            Why::Deleted => out.send_control(b"event: end\ndata: the channel was deleted\n\n"),
            Why::Fault(_) => {}
        }
        out.act(Act::Close);
    }
}

impl Sse {
    /// Whether it can be told of a gap: the stream of an order has no cursors.
    pub fn announces(&self) -> bool {
        self.style != Style::Order
    }

    /// The first bytes of the stream: where it stands, or what the articles say first.
    fn greet(&self, door: &Door<'_>, out: &mut Out<'_>) {
        if self.style == Style::Order {
            return out.send_control(b"retry: 1000\ndata: Connection succeeded\n\n");
        }
        if door.replay.is_silent() {
            out.send_control(format!("id: {}\n\n", door.replay.cursor).into_bytes());
        }
    }

    fn next_deadline(&self, out: &Out<'_>) -> Instant {
        match self.style {
            Style::Order => out.now.at.after(limits::ORDER_US),
            Style::Bare | Style::Envelope => out.heartbeat_at(),
        }
    }
}

impl Style {
    const fn encoding(self) -> Encoding {
        match self {
            Self::Bare => Encoding::EventStream,
            Self::Envelope => Encoding::EventStreamEnvelope,
            Self::Order => Encoding::EventStreamOrder,
        }
    }
}

/// One event per message, and an event named `gap` before them when something was lost.
pub fn encode(batch: &Batch<'_>, style: Style) -> Frame {
    let mut bytes = Vec::with_capacity(batch.room());
    let mut made = Bytes::default();
    let mut id = String::new();
    if let Some(gap) = batch.gap {
        let mut data = Vec::new();
        json::encode_gap(gap, &mut data);
        // Whoever reconnects after this has been told of the gap already.
        let _ = write!(id, "{}", batch.start());
        let data = String::from_utf8_lossy(&data);
        let told = event_stream::encode(Some(&id), Some("gap"), &data, &mut bytes);
        made += told.map_or_else(|_| Bytes::default(), |told| told.as_control());
    }
    for event in batch.events {
        id.clear();
        let _ = write!(id, "{}", event.id);
        made += encode_event(event, &id, style, &mut bytes);
    }
    Frame::new(Kind::Sse, bytes, made, batch)
}

fn encode_event(event: &Event, id: &str, style: Style, bytes: &mut Vec<u8>) -> Bytes {
    let name = event.name.as_deref();
    let id = match style {
        Style::Order if name == Some(ORDER_FINISH) => Some(ORDER_FINISH_ID),
        Style::Order => None,
        Style::Bare | Style::Envelope => Some(id),
    };
    if let (Payload::Text(text), Style::Bare | Style::Order) = (&event.payload, style)
        && let Ok(made) = event_stream::encode(id, name, text, bytes)
    {
        return made;
    }
    let mut data = Vec::new();
    let payload = json::encode_message(event, &mut data).payload;
    let data = String::from_utf8_lossy(&data);
    let total = event_stream::encode(id, Some("envelope"), &data, bytes);
    let total = total.map_or(0, |made| made.total());
    Bytes { framing: total.saturating_sub(payload), payload, ..Bytes::default() }
}

/// The event with which an order's stream is over, and the id that the articles give it.
pub const ORDER_FINISH: &str = "finish";
const ORDER_FINISH_ID: &str = "6666";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Gap;
    use crate::mech::mould::stage::{CHANNEL, SIZES, Stage, batch, event, text};

    const REQUEST: &str = "GET /c/c/sse HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn opens() {
        let mut stage = Stage::new();
        stage.open::<Sse>(REQUEST).unwrap();
        assert_eq!(
            stage.said(),
            "HTTP/1.1 200 OK\n\
             Date: Thu, 01 Jan 1970 00:00:00 GMT\n\
             Connection: close\n\
             Content-Type: text/event-stream\n\
             Cache-Control: no-cache, no-transform\n\
             X-Accel-Buffering: no\n\
             X-Content-Type-Options: nosniff\n\n\
             id: 7-9\n\n"
        );
        assert_eq!(stage.left(), [Act::Subscribe(CHANNEL)]);
    }

    #[test]
    fn opens_after_a_gap() {
        let mut stage = Stage::new();
        stage.gap = Some(Gap { missed: 3, epoch_changed: false });
        stage.missed = vec![text(5, "a\nb")];
        stage.open::<Sse>(REQUEST).unwrap();
        let said = stage.said().replace('\\', "");
        let (_, stream) = said.split_once("\n\n").unwrap();
        assert_eq!(
            stream,
            "id: 7-4\nevent: gap\ndata: {\"gap\":3}\n\nid: 7-5\ndata: a\ndata: b\n\n"
        );
    }

    #[test]
    fn receives() {
        let mut stage = Stage::new();
        let mut sse = stage.open::<Sse>(REQUEST).unwrap();
        let most = vec![b'x'; limits::STREAM_INPUT_BYTES_MAX];
        assert_eq!(sse.receive(&most, &mut stage.out()), Ok(most.len()));
        assert_eq!(sse.receive(b"x", &mut stage.out()), Err(Fault::StreamInput));
    }

    #[test]
    fn delivers() {
        let binary = event(3, Payload::Binary([0xff, 0x00][..].into()));
        let frame = encode(&batch(&[text(1, "hi"), text(2, "a\rb"), binary], None), Style::Bare);
        assert_eq!(
            frame.bytes().escape_ascii().to_string().replace("\\n", "\n"),
            "id: 7-1\ndata: hi\n\n\
             id: 7-2\nevent: envelope\n\
             data: {\\\"id\\\":\\\"7-2\\\",\\\"time\\\":1000,\\\"channel\\\":\\\"c\\\",\
             \\\"data\\\":\\\"a\\\\rb\\\"}\n\n\
             id: 7-3\nevent: envelope\n\
             data: {\\\"id\\\":\\\"7-3\\\",\\\"time\\\":1000,\\\"channel\\\":\\\"c\\\",\
             \\\"base64\\\":\\\"/wA=\\\"}\n\n"
        );
    }

    #[test]
    fn costs() {
        for size in SIZES {
            let frame = encode(&batch(&[text(1, &"x".repeat(size))], None), Style::Bare);
            let id_bytes = "7-1".len() as u64;
            assert_eq!(frame.made().payload, size as u64);
            assert_eq!(frame.made().framing, (4 + id_bytes + 1) + (6 + 1) + 1);
        }
    }

    #[test]
    fn ticks() {
        let mut stage = Stage::new();
        let mut sse = stage.open::<Sse>(REQUEST).unwrap();
        stage.said();
        assert_eq!(sse.deadline().us(), limits::HEARTBEAT_US);
        stage.tick(&mut sse).unwrap();
        assert_eq!(stage.said(), ":\n\n");
        assert_eq!(sse.deadline().us(), 2 * limits::HEARTBEAT_US);
    }

    #[test]
    fn ends() {
        for (why, words) in [
            (Why::Drain(None), "retry: 3000\n\n"),
            (Why::Deleted, "event: end\ndata: the channel was deleted\n\n"),
            (Why::Fault(Fault::QueueFull), ""),
        ] {
            let mut stage = Stage::new();
            let mut sse = stage.open::<Sse>(REQUEST).unwrap();
            stage.clear();
            sse.end(why, &mut stage.out());
            assert_eq!((stage.said().as_str(), stage.left()), (words, vec![Act::Close]));
        }
    }
}
