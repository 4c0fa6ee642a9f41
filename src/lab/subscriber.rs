//! One subscriber: what it says, and what it makes of what it hears. It touches no socket.

use std::mem;
use std::time::Duration;

use crate::client::ClientError;
use crate::client::mech::Mech;
use crate::client::mould::{Ask, Item, Out, Then};
use crate::id::{Id, Kind};
use crate::lab::payload::{Heard, Payloads};
use crate::wire::body::Body;
use crate::wire::cursor::Parse;
use crate::wire::field::Content;
use crate::wire::head::{Method, Scan, room};
use crate::wire::response::{self, Answer, Answered};

/// A subscriber by some mechanism, as a browser is one: SSE and WebSocket bring it bare messages.
#[derive(Debug)]
pub(super) struct Subscriber {
    kind: Kind,
    mech: Mech,
    out: Out,
    state: State,
    /// What has arrived of a head.
    unread: Vec<u8>,
    content: Vec<u8>,
    /// What is to be sent.
    pub(super) unsent: Vec<u8>,
    pub(super) heard: Heard,
}

/// Where its question stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It is asked: the head of the answer is awaited. Call: receive. Next: `Reading`, `Resting`.
    Asked(Scan),
    /// Content arrives by length or by chunks. Call: receive. Next: `Resting` behind its end.
    Reading(Body),
    /// Everything that arrives is content. Call: receive.
    Streaming,
    /// It is answered. Call: ask. Next: `Asked`.
    Resting,
}

impl Subscriber {
    /// One that wants what comes from now on, whatever the question says; it is to be sent.
    pub(super) fn new(kind: Kind, ask: &Ask<'_>) -> Self {
        let out = Out::new(None);
        let (mech, unsent) = Mech::ask(kind, &Ask { since: out.since(), ..*ask });
        Self {
            kind,
            mech,
            out,
            state: State::Asked(Scan::default()),
            unread: Vec::new(),
            content: Vec::new(),
            unsent,
            heard: Heard::default(),
        }
    }

    /// The mechanism.
    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Asks again; the place to begin is its own.
    pub(super) fn ask(&mut self, ask: &Ask<'_>) {
        let ask = Ask { since: self.out.since(), ..*ask };
        let (mech, question) = Mech::ask(self.kind, &ask);
        self.mech = mech;
        self.unsent.extend_from_slice(&question);
        self.state = State::Asked(Scan::default());
    }

    /// Whether it has come in, and nothing that it has asked for is under way: a stream streams, a
    /// short poll is answered, a long poll is parked behind its first answer.
    pub(super) fn is_settled(&self) -> bool {
        let quiet = match self.kind {
            Kind::Poll => self.state == State::Resting,
            Kind::LongPoll => {
                let parked = matches!(self.state, State::Asked(_)) && self.unread.is_empty();
                parked && Id::parse(self.out.since()).is_some()
            }
            _ => matches!(self.state, State::Streaming | State::Reading(_)),
        };
        quiet && self.unsent.is_empty()
    }

    /// Its half of a goodbye that has words; empty when closing the connection says it.
    pub(super) fn farewell(&self) -> Vec<u8> {
        self.mech.farewell()
    }

    /// Something has arrived. When it is to ask again, it says after how long.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        payloads: Payloads,
    ) -> Result<Option<Duration>, ClientError> {
        let mut rest = bytes;
        loop {
            match self.state {
                State::Asked(scan) => match self.receive_head(rest, scan)? {
                    Some(taken) => rest = rest.get(taken..).unwrap_or_default(),
                    None => return Ok(None),
                },
                State::Reading(mut body) => {
                    self.content.clear();
                    let step = body.receive(rest, &mut self.content)?;
                    self.state = State::Reading(body);
                    self.hear(payloads)?;
                    if !step.done {
                        return Ok(None);
                    }
                    self.state = State::Resting;
                    return match self.mech.end(&mut self.out)? {
                        Then::Ask(wait) => self.take(payloads).map(|()| Some(wait)),
                        Then::Lost(retry) => Err(ClientError::Over { retry }),
                    };
                }
                State::Streaming => {
                    self.content.clear();
                    self.content.extend_from_slice(rest);
                    return self.hear(payloads).map(|()| None);
                }
                // Nobody has asked for this.
                State::Resting => return Err(ClientError::Cut),
            }
        }
    }

    /// Reads a head on; how many of these bytes belong to it, once it is whole.
    fn receive_head(&mut self, bytes: &[u8], mut scan: Scan) -> Result<Option<usize>, ClientError> {
        let before = self.unread.len();
        self.unread.extend_from_slice(bytes);
        let unread = mem::take(&mut self.unread);
        let mut room = room();
        match response::parse(&unread, Method::Get, &mut scan, &mut room)? {
            Parse::Partial => {
                self.unread = unread;
                self.state = State::Asked(scan);
                Ok(None)
            }
            Parse::Complete(answer, taken) => {
                if answer.status >= 400 {
                    return Err(ClientError::StatusUnexpected(answer.status));
                }
                self.mech.open(&answer, &mut self.out)?;
                self.state = framing(&answer)?;
                Ok(Some(taken - before))
            }
        }
    }

    /// Has the mechanism read the content in hand.
    fn hear(&mut self, payloads: Payloads) -> Result<(), ClientError> {
        self.mech.receive(&self.content, &mut self.out)?;
        self.unsent.append(&mut self.out.reply);
        self.take(payloads)
    }

    /// Takes what the mechanism has read.
    fn take(&mut self, payloads: Payloads) -> Result<(), ClientError> {
        for item in self.out.items.drain(..) {
            if let Item::Message(message) = item {
                self.heard.hear(payloads, message.payload.bytes());
            }
        }
        for message in self.out.bare.drain(..) {
            self.heard.hear(payloads, &message);
        }
        match self.out.ended() {
            Some(_) => Err(ClientError::Over { retry: None }),
            None => Ok(()),
        }
    }
}

fn framing(answer: &Answer<'_, '_>) -> Result<State, ClientError> {
    let content = match answer.content {
        _ if answer.status == SWITCHING_PROTOCOLS => return Ok(State::Streaming),
        Answered::UntilClose => return Ok(State::Streaming),
        Answered::None => Content::None,
        Answered::Length(length) => Content::Length(length),
        Answered::Chunked => Content::Chunked,
    };
    Ok(State::Reading(Body::new(content, usize::MAX)?))
}

/// RFC 9110 §15.2.2.
const SWITCHING_PROTOCOLS: u16 = 101;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Address;
    use crate::mech::mould::Dress;

    const PAYLOADS: Payloads = Payloads::new(4);

    fn with(kind: Kind, run: impl Fn(&mut Subscriber, &Ask<'_>)) {
        let address = Address::parse("h").unwrap();
        let (interval, dress) = (Duration::from_secs(1), Dress::Bare);
        let ask = Ask { address: &address, channel: "c", since: "", interval, dress };
        let mut subscriber = Subscriber::new(kind, &ask);
        assert!(!subscriber.is_settled());
        subscriber.unsent.clear();
        run(&mut subscriber, &ask);
    }

    /// Feeds it whole, then to another one byte by byte.
    fn feed(kind: Kind, answer: &[u8], check: impl Fn(&Subscriber, Option<Duration>)) {
        for size in [answer.len(), 1] {
            with(kind, |subscriber, _| {
                let mut wait = None;
                for piece in answer.chunks(size) {
                    wait = subscriber.receive(piece, PAYLOADS).unwrap();
                }
                check(subscriber, wait);
            });
        }
    }

    #[test]
    fn a_stream_is_settled_behind_its_head() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
            Transfer-Encoding: chunked\r\n\r\n\
            b\r\nid: 7-0\n\n:\n\r\n1c\r\nid: 7-1\ndata: 0000\n\nid: 7-2\n\r\na\r\ndata: 0001\r\n\
            2\r\n\n\n\r\n";
        feed(Kind::Sse, answer, |subscriber, wait| {
            assert!(subscriber.is_settled() && wait.is_none());
            assert_eq!((subscriber.heard.messages, subscriber.heard.doubled), (2, 0));
        });
    }

    #[test]
    fn a_long_poll_is_settled_when_it_has_a_cursor_and_is_parked() {
        let answer = b"HTTP/1.1 304 Not Modified\r\nETag: \"7-0\"\r\n\r\n";
        feed(Kind::LongPoll, answer, |subscriber, wait| {
            assert_eq!(wait, Some(Duration::ZERO));
            assert!(!subscriber.is_settled());
        });
        with(Kind::LongPoll, |subscriber, ask| {
            subscriber.receive(answer, PAYLOADS).unwrap();
            subscriber.ask(ask);
            assert!(subscriber.unsent.starts_with(b"GET /c/c/longpoll?since=7-0 HTTP/1.1\r\n"));
            subscriber.unsent.clear();
            assert!(subscriber.is_settled());
        });
    }

    #[test]
    fn a_poll_hears_and_rests() {
        let content = "{\"messages\":[{\"id\":\"7-1\",\"time\":1,\"channel\":\"c\",\
            \"data\":\"0000\"}],\"next\":\"7-1\"}";
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n\
             {content}",
            content.len()
        );
        feed(Kind::Poll, answer.as_bytes(), |subscriber, wait| {
            assert_eq!(wait, Some(Duration::from_secs(1)));
            assert!(subscriber.is_settled());
            assert_eq!(subscriber.heard.messages, 1);
        });
    }

    #[test]
    fn a_refusal_is_an_error() {
        with(Kind::Sse, |subscriber, _| {
            let refused = subscriber.receive(b"HTTP/1.1 503 Busy\r\n\r\n", PAYLOADS);
            assert!(matches!(refused, Err(ClientError::StatusUnexpected(503))));
        });
    }
}
