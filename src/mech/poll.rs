//! Short polling: the client asks again and again, and the server answers at once.
//!
//! ```text
//! GET /c/news/poll?since=1763712345678-1 HTTP/1.1   what came after this message?
//! Host: localhost:7777
//!
//! HTTP/1.1 304 Not Modified                         nothing; ask again later
//! ETag: "1763712345678-1"
//!
//! HTTP/1.1 200 OK                                   … or what there is, and the next cursor
//! Content-Type: application/json
//! ETag: "1763712345678-2"
//! Content-Length: 117
//!
//! {"messages":[{"id":"1763712345678-2","time":1763712350000,"channel":"news","data":"hello"}],
//!  "next":"1763712345678-2"}
//! ```
//!
//! Cost: a question is `h` bytes and its answer `i + 101` when nothing is new, for a `read + send`,
//! as often as the client asks. A message is `j + 2·i + 199 + dec(j + i + 25)` bytes instead: the
//! answer of a long poll. It waits half an interval on average.
//!
//! It cannot tell a client anything that the client does not ask for.
//!
//! Read beside it: `long_poll.rs`, which answers the same question when there is an answer.

use crate::clock::Instant;
use crate::event::Batch;
use crate::fault::Fault;
use crate::frame::{Frame, Frames};
use crate::id::Kind;
use crate::mech::long_poll;
use crate::mech::mould::{Act, Brought, Card, Cost, Costs, Door, Mechanism, Out, Why};

/// A question that is answered while it is asked: it is over as soon as it is open.
#[derive(Debug)]
pub struct Poll;

impl Mechanism for Poll {
    const CARD: Card = Card {
        kind: Kind::Poll,
        title: "Short polling",
        address: "/c/{channel}/poll",
        opens_with: "200 application/json, or 304",
        direction: "server to client, when asked",
        costs: Costs {
            open: Cost::NOTHING,
            message: Cost::of("j + 2·i + 199 + dec(j + i + 25)", "h", "read + send"),
            quiet: Cost::of("i + 101", "h", "read + send"),
            quiet_us: None,
        },
        client: "fetch, XMLHttpRequest",
        reconnects: "every question is a new request",
        cannot: "push",
        source: "src/mech/poll.rs",
    };

    fn open(door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault> {
        if door.replay.is_silent() && door.cursor == Brought::Cursor {
            out.answer(long_poll::encode_unchanged(door.manner, door.replay.cursor, out.date));
        } else {
            let answer = long_poll::encode_answer(&door.replay, door.manner, out.date);
            out.share(&Frame::new(Kind::Poll, answer.bytes, answer.made, &door.replay));
        }
        out.act(Act::Done);
        Ok(Self)
    }

    fn receive(&mut self, _bytes: &[u8], _out: &mut Out<'_>) -> Result<usize, Fault> {
        Ok(0)
    }

    fn deliver(&mut self, _batch: &Batch<'_>, _frames: &mut Frames, _out: &mut Out<'_>) {}

    fn tick(&mut self, _out: &mut Out<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::NEVER
    }

    fn end(&mut self, _why: Why, out: &mut Out<'_>) {
        out.act(Act::Close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Gap;
    use crate::mech::mould::stage::{SIZES, Stage, batch, text};

    const REQUEST: &str = "GET /c/c/poll?since=7-9 HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn opens() {
        let mut stage = Stage::new();
        stage.open::<Poll>(REQUEST).unwrap();
        assert_eq!(
            stage.said().replace('\\', ""),
            "HTTP/1.1 304 Not Modified\n\
             Date: Thu, 01 Jan 1970 00:00:00 GMT\n\
             ETag: \"7-9\"\n\
             Cache-Control: no-store\n\n"
        );
        assert_eq!(stage.left(), [Act::Done]);
    }

    #[test]
    fn opens_after_a_gap() {
        let mut stage = Stage::new();
        stage.gap = Some(Gap { missed: 3, epoch_changed: false });
        stage.missed = vec![text(5, "hi")];
        stage.open::<Poll>(REQUEST).unwrap();
        assert_eq!(
            stage.said().replace('\\', ""),
            "HTTP/1.1 200 OK\n\
             Date: Thu, 01 Jan 1970 00:00:00 GMT\n\
             Content-Type: application/json\n\
             ETag: \"7-5\"\n\
             Cache-Control: no-store\n\
             X-Content-Type-Options: nosniff\n\
             Pushscope-Gap: 3\n\
             Content-Length: 86\n\n\
             {\"messages\":[{\"id\":\"7-5\",\"time\":1000,\"channel\":\"c\",\"data\":\"hi\"}],\
             \"next\":\"7-5\",\"gap\":3}"
        );
        assert_eq!(stage.left(), [Act::Done]);
    }

    #[test]
    fn receives() {
        let mut stage = Stage::new();
        let mut poll = stage.open::<Poll>(REQUEST).unwrap();
        assert_eq!(poll.receive(b"GET / HTTP/1.1\r\n", &mut stage.out()), Ok(0));
    }

    #[test]
    fn delivers() {
        let mut stage = Stage::new();
        let mut poll = stage.open::<Poll>(REQUEST).unwrap();
        stage.said();
        stage.deliver(&mut poll, &[text(1, "nobody asked")]);
        assert_eq!(stage.said(), "");
    }

    #[test]
    fn costs() {
        for size in SIZES {
            let date = crate::wire::date::Date::at(0);
            let events = [text(1, &"x".repeat(size))];
            let manner = crate::answer::Manner::COMMON;
            let answer = long_poll::encode_answer(&batch(&events, None), &manner, &date);
            assert_eq!(answer.made.payload, size as u64);
            assert_eq!(answer.made.framing, 76);
        }
    }

    #[test]
    fn ticks() {
        let mut stage = Stage::new();
        let poll = stage.open::<Poll>(REQUEST).unwrap();
        assert_eq!(poll.deadline(), Instant::NEVER);
    }

    #[test]
    fn ends() {
        let mut stage = Stage::new();
        let mut poll = stage.open::<Poll>(REQUEST).unwrap();
        stage.clear();
        poll.end(Why::Drain(None), &mut stage.out());
        assert_eq!((stage.said().as_str(), stage.left()), ("", vec![Act::Close]));
    }
}
