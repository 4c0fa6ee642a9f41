//! A subscriber of every mechanism, over a counted line.

use std::net::SocketAddr;

use pushscope::cost::Kernel;
use pushscope::id::Kind;
use pushscope::mech::CARDS;

use crate::line::{Line, Response, Tally};

/// Somebody who is subscribed to a channel.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) kind: Kind,
    line: Line,
    /// Where its channel is.
    target: String,
    /// Where a poll stands.
    cursor: String,
}

/// What a subscriber has counted, and what its kernel has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) kind: Kind,
    pub(crate) tally: Tally,
    pub(crate) kernel: Kernel,
}

impl Subscriber {
    /// Subscribes; whatever is published from now on will be heard.
    pub(crate) fn open(address: SocketAddr, kind: Kind, channel: &str) -> Self {
        Self::on(Line::connect(address), kind, channel)
    }

    /// Subscribes over a line, and hears that it is subscribed.
    pub(crate) fn on(line: Line, kind: Kind, channel: &str) -> Self {
        let card = CARDS.iter().find(|card| card.kind == kind).unwrap();
        let target = card.address.replace("{channel}", channel);
        let mut subscriber = Self { kind, line, target, cursor: "latest".to_owned() };
        match kind {
            Kind::Poll => subscriber.ask_at_once(""),
            Kind::LongPoll => {
                subscriber.ask_at_once("&timeout=0");
                subscriber.park();
            }
            Kind::Iframe | Kind::XhrStream | Kind::Sse => {
                subscriber.line.get(&subscriber.target);
                assert!(subscriber.line.until(b"\r\n\r\n").starts_with(b"HTTP/1.1 200 "));
            }
            Kind::WebSocket => {
                let target = &subscriber.target;
                let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n");
                subscriber.line.say(request.as_bytes());
                assert!(subscriber.line.until(b"\r\n\r\n").starts_with(b"HTTP/1.1 101 "));
            }
        }
        subscriber
    }

    /// Hears everything up to a text; a poll asks until it comes.
    pub(crate) fn hear(&mut self, text: &str) {
        match self.kind {
            Kind::Poll => loop {
                self.line.get(&format!("{}?since={}", self.target, self.cursor));
                if self.take_answer(text) {
                    return;
                }
            },
            Kind::LongPoll => loop {
                let found = self.take_answer(text);
                self.park();
                if found {
                    return;
                }
            },
            Kind::Iframe | Kind::XhrStream | Kind::Sse | Kind::WebSocket => {
                self.line.until(text.as_bytes());
            }
        }
    }

    /// Hears what a mechanism says when there is nothing to say. A poll asks once more.
    pub(crate) fn hear_silence(&mut self) {
        match self.kind {
            Kind::Poll => self.ask_at_once(""),
            Kind::LongPoll => {
                let answer = self.line.response();
                assert_eq!(answer.status, 304, "{}", answer.head);
                self.park();
            }
            Kind::Iframe => self.hear("<!---->\n"),
            Kind::XhrStream => self.hear("{\"heartbeat\":true}\n"),
            Kind::Sse => self.hear("\n:\n\n"),
            Kind::WebSocket => {
                self.line.until(b"\x89\x00");
                self.line.say(&frame(0x8a, b""));
            }
        }
    }

    /// Says a text to the channel, which only a WebSocket can.
    pub(crate) fn say(&mut self, text: &str) {
        assert_eq!(self.kind, Kind::WebSocket);
        self.line.say(&frame(0x81, text.as_bytes()));
    }

    /// Leaves as it should, and counts.
    pub(crate) fn leave(mut self) -> Count {
        if self.kind == Kind::WebSocket {
            self.line.say(&frame(0x88, &1000_u16.to_be_bytes()));
            self.line.until(b"\x88\x02\x03\xe8");
        }
        let (tally, kernel) = self.line.finish();
        Count { kind: self.kind, tally, kernel }
    }

    /// Its line, to do with it as one likes.
    pub(crate) fn into_line(self) -> Line {
        self.line
    }

    fn ask_at_once(&mut self, rest: &str) {
        self.line.get(&format!("{}?since={}{rest}", self.target, self.cursor));
        let answer = self.line.response();
        assert_eq!(answer.status, 304, "{}", answer.head);
        self.keep_cursor(&answer);
    }

    fn park(&mut self) {
        self.line.get(&format!("{}?since={}", self.target, self.cursor));
    }

    /// Whether the answer that comes has the text in it.
    fn take_answer(&mut self, text: &str) -> bool {
        let answer = self.line.response();
        self.keep_cursor(&answer);
        memchr::memmem::find(&answer.content, text.as_bytes()).is_some()
    }

    fn keep_cursor(&mut self, answer: &Response) {
        let tag = answer.field("ETag").unwrap();
        self.cursor = tag.trim_matches('"').to_owned();
    }
}

/// A masked frame of a short payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    let masked = payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key);
    [first, 0x80 | length].into_iter().chain(KEY).chain(masked).collect()
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a WebSocket handshake has besides the rest.
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
