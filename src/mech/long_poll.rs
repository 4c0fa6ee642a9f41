//! Long polling: the client asks, and the server answers when there is an answer.
//!
//! ```text
//! GET /c/news/longpoll?since=1763712345678-1 HTTP/1.1   what came after this message?
//! Host: localhost:7777
//!
//!                                                       … parked: nothing is sent …
//!
//! HTTP/1.1 200 OK                                       a message has come
//! Content-Type: application/json
//! ETag: "1763712345678-2"
//! Content-Length: 117
//!
//! {"messages":[{"id":"1763712345678-2","time":1763712350000,"channel":"news","data":"hello"}],
//!  "next":"1763712345678-2"}
//!
//! HTTP/1.1 304 Not Modified                             … or the park is over: ask again
//! ETag: "1763712345678-1"
//! ```
//!
//! Cost: a question is `h` bytes and a `read`. A message is `j + 2·i + 199 + dec(j + i + 25)` bytes
//! and makes the next question necessary, for a `send + read`: its JSON is j bytes
//! (`p + e + i + c + t + 40`), the JSON around all messages 25 + i, the head 174 + i and the digits
//! of its Content-Length. A park without a message is `i + 101` bytes and the next question, every
//! 25 s. The connection is the same: only the request is made anew.
//!
//! It cannot answer twice. What is published between two questions waits in the log, which is why
//! the question carries a cursor.
//!
//! Read beside it: `poll.rs`, the same question without the patience.

use crate::answer::{Answer, JSON, Manner, TEXT};
use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::{Batch, Payload};
use crate::fault::Fault;
use crate::frame::{Encoding, Frame, Frames};
use crate::id::{Id, Kind};
use crate::limits;
use crate::mech::mould::{Act, Address, Card, Cost, Costs, Door, Mechanism, Out, Why};
use crate::wire::date::Date;
use crate::wire::json;
use crate::wire::response::ResponseHead;

/// A parked question.
#[derive(Debug)]
pub struct LongPoll {
    style: Style,
    /// What sets this peer's answer apart from everybody's.
    manner: Manner,
    cursor: Id,
    deadline: Instant,
}

/// What an answer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// All messages, in JSON.
    Messages,
    /// The newest message alone, as it was published.
    Newest,
}

impl Mechanism for LongPoll {
    const CARD: Card = Card {
        kind: Kind::LongPoll,
        title: "Long polling",
        address: "/c/{channel}/longpoll",
        opens_with: "200 application/json, or 304 after the park",
        direction: "server to client, once per request",
        costs: Costs {
            open: Cost::of("0", "h", "read"),
            message: Cost::of("j + 2·i + 199 + dec(j + i + 25)", "h", "send + read"),
            quiet: Cost::of("i + 101", "h", "send + read"),
            quiet_us: Some(limits::PARK_US),
        },
        client: "fetch, XMLHttpRequest",
        reconnects: "every answer is followed by a new request",
        cannot: "answer twice",
        source: "src/mech/long_poll.rs",
    };

    fn open(door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault> {
        let style = match door.address {
            Address::Article => Style::Newest,
            _ => Style::Messages,
        };
        let mut poll = Self {
            style,
            manner: door.manner.clone(),
            cursor: door.replay.cursor,
            deadline: out.now.at.after(door.park_us),
        };
        match door.channel {
            Some(channel) if door.replay.is_silent() => out.act(Act::Subscribe(channel)),
            _ => poll.deliver(&door.replay, &mut Frames::default(), out),
        }
        Ok(poll)
    }

    fn receive(&mut self, _bytes: &[u8], _out: &mut Out<'_>) -> Result<usize, Fault> {
        // RFC 9112 §9.3.2: what is pipelined behind this request is answered after it.
        Ok(0)
    }

    fn deliver(&mut self, batch: &Batch<'_>, frames: &mut Frames, out: &mut Out<'_>) {
        if batch.is_silent() {
            return;
        }
        let date = out.date;
        let frame = || self.style.frame(encode(batch, self.style, &self.manner, date), batch);
        if self.manner.is_common() {
            out.share(frames.shared(self.style.encoding(), frame));
        } else {
            out.share(&frame());
        }
        out.act(Act::Done);
    }

    fn tick(&mut self, out: &mut Out<'_>) -> Result<(), Fault> {
        out.answer(encode_unchanged(&self.manner, self.cursor, out.date));
        out.act(Act::Done);
        Ok(())
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn end(&mut self, why: Why, out: &mut Out<'_>) {
        let mut manner = self.manner.clone();
        if why != Why::Deleted {
            manner.keep_alive = false;
        }
        // Who asks without a cursor of its own learns here where to begin the next time.
        let cursor = (why != Why::Deleted).then_some(self.cursor);
        out.answer(manner.refusal_at(cursor, why.fault(), out.date, ""));
        out.act(if manner.keep_alive { Act::Done } else { Act::Close });
    }
}

impl Style {
    fn frame(self, answer: Answer, batch: &Batch<'_>) -> Frame {
        let carried = match self {
            Self::Messages => batch.events,
            Self::Newest => batch.events.rchunks(1).next().unwrap_or_default(),
        };
        Frame::new(Kind::LongPoll, answer.bytes, answer.made, &Batch { events: carried, ..*batch })
    }

    const fn encoding(self) -> Encoding {
        match self {
            Self::Messages => Encoding::Answer,
            Self::Newest => Encoding::AnswerNewest,
        }
    }
}

/// A whole answer, in either style.
pub fn encode(batch: &Batch<'_>, style: Style, manner: &Manner, date: &Date) -> Answer {
    match style {
        Style::Messages => encode_answer(batch, manner, date),
        Style::Newest => encode_newest(batch, manner, date),
    }
}

/// An answer with messages: what short and long polls have in common.
pub fn encode_answer(batch: &Batch<'_>, manner: &Manner, date: &Date) -> Answer {
    let mut content = Vec::with_capacity(batch.room());
    let made = json::encode_batch(batch, &mut content);
    manner.end(head(batch, manner, date, JSON), &content).carrying(made)
}

/// The answer of the reference articles: the newest message, bare.
fn encode_newest(batch: &Batch<'_>, manner: &Manner, date: &Date) -> Answer {
    let (content_type, content) = match batch.events.last().map(|event| &event.payload) {
        Some(Payload::Text(text)) => (TEXT, text.as_bytes()),
        Some(Payload::Binary(bytes)) => ("application/octet-stream", &**bytes),
        None => (TEXT, &b""[..]),
    };
    let made = Bytes::wrapped(content.len(), content.len());
    manner.end(head(batch, manner, date, content_type), content).carrying(made)
}

/// Nothing is new: the cursor stays what it is.
pub fn encode_unchanged(manner: &Manner, cursor: Id, date: &Date) -> Answer {
    let head = manner.head(304, date).etag(cursor);
    let bytes = head.field("Cache-Control", "no-store").end();
    let made = Bytes::control(bytes.len());
    Answer { bytes, made }
}

fn head(batch: &Batch<'_>, manner: &Manner, date: &Date, content_type: &str) -> ResponseHead {
    let mut head = manner
        .head(200, date)
        .field("Content-Type", content_type)
        .etag(batch.cursor)
        .field("Cache-Control", "no-store")
        .field("X-Content-Type-Options", "nosniff");
    if let Some(gap) = batch.gap {
        head = head.number("Pushscope-Gap", gap.missed);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Gap;
    use crate::mech::mould::stage::{CHANNEL, SIZES, Stage, batch, event, text};

    const REQUEST: &str = "GET /c/c/longpoll?since=7-9 HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn opens() {
        let mut stage = Stage::new();
        stage.open::<LongPoll>(REQUEST).unwrap();
        assert_eq!((stage.said().as_str(), stage.left()), ("", vec![Act::Subscribe(CHANNEL)]));
    }

    #[test]
    fn opens_after_a_gap() {
        let mut stage = Stage::new();
        stage.gap = Some(Gap { missed: 3, epoch_changed: true });
        stage.missed = vec![text(5, "hi")];
        stage.open::<LongPoll>(REQUEST).unwrap();
        assert_eq!(
            stage.said().replace('\\', ""),
            "HTTP/1.1 200 OK\n\
             Date: Thu, 01 Jan 1970 00:00:00 GMT\n\
             Content-Type: application/json\n\
             ETag: \"7-5\"\n\
             Cache-Control: no-store\n\
             X-Content-Type-Options: nosniff\n\
             Pushscope-Gap: 3\n\
             Content-Length: 107\n\n\
             {\"messages\":[{\"id\":\"7-5\",\"time\":1000,\"channel\":\"c\",\"data\":\"hi\"}],\
             \"next\":\"7-5\",\"gap\":3,\"epoch_changed\":true}"
        );
        assert_eq!(stage.left(), [Act::Done]);
    }

    #[test]
    fn receives() {
        let mut stage = Stage::new();
        let mut poll = stage.open::<LongPoll>(REQUEST).unwrap();
        assert_eq!(poll.receive(b"GET / HTTP/1.1\r\n", &mut stage.out()), Ok(0));
    }

    #[test]
    fn delivers() {
        let mut stage = Stage::new();
        stage.address = Address::Article;
        let mut poll = stage.open::<LongPoll>(REQUEST).unwrap();
        stage.left();
        let binary = event(2, Payload::Binary([0xff, 0x00][..].into()));
        stage.deliver(&mut poll, &[text(1, "old"), binary]);
        let said = stage.said();
        let (head, content) = said.split_once("\n\n").unwrap();
        assert!(head.contains("Content-Type: application/octet-stream\n"), "{head}");
        assert_eq!((content, stage.left()), ("\\xff\\x00", vec![Act::Done]));
    }

    #[test]
    fn costs() {
        for size in SIZES {
            let events = [text(1, &"x".repeat(size))];
            let batch = batch(&events, None);
            let answer = encode(&batch, Style::Newest, &Manner::COMMON, &Date::at(0));
            let digits = size.max(1).ilog10() as u64 + 1;
            assert_eq!((answer.made.payload, answer.made.framing), (size as u64, 0));
            assert_eq!(answer.made.head, 186 + digits);
        }
    }

    #[test]
    fn ticks() {
        let mut stage = Stage::new();
        let mut poll = stage.open::<LongPoll>(REQUEST).unwrap();
        assert_eq!(poll.deadline().us(), limits::PARK_US);
        stage.left();
        stage.tick(&mut poll).unwrap();
        assert!(stage.said().starts_with("HTTP/1.1 304 Not Modified\n"));
        assert_eq!(stage.left(), [Act::Done]);
    }

    #[test]
    fn ends() {
        for (why, status, act) in [
            (Why::Drain(None), "HTTP/1.1 503 Service Unavailable", Act::Close),
            (Why::Deleted, "HTTP/1.1 410 Gone", Act::Done),
        ] {
            let mut stage = Stage::new();
            let mut poll = stage.open::<LongPoll>(REQUEST).unwrap();
            stage.left();
            poll.end(why, &mut stage.out());
            let said = stage.said();
            assert_eq!((said.split('\n').next(), stage.left()), (Some(status), vec![act]));
            assert_eq!(said.contains("\nRetry-After: 3\n"), why != Why::Deleted);
            assert_eq!(said.contains("\nETag: "), why != Why::Deleted);
        }
    }
}
