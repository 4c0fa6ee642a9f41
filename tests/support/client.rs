//! One client for every mechanism: it opens, hears, and comes back with its cursor.

use pushscope::event::Payload;
use pushscope::id::{Id, Kind};
use pushscope::mech::CARDS;
use pushscope::wire::target::encode_segment;

use super::witness::{Answer, Heard, Message, Seen, answers, hear};
use super::world::World;

/// A subscriber to one channel.
pub(crate) struct Client {
    pub(crate) kind: Kind,
    /// The name of its connection in the world.
    pub(crate) name: String,
    channel: String,
    dress: Dress,
    heard: Heard,
    /// Answers that have been heard already; only polls are answered more than once.
    answered: usize,
}

/// Whether a WebSocket is asked for envelopes, which carry cursors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dress {
    Bare,
    Envelope,
}

impl Client {
    /// Opens at a cursor, or where the mechanism begins by default if that is empty.
    pub(crate) fn open(world: &mut World, kind: Kind, channel: &str, since: &str) -> Self {
        Self::dressed(world, kind, channel, since, Dress::Envelope)
    }

    /// Opens, with or without envelopes where there is a choice.
    pub(crate) fn dressed(
        world: &mut World,
        kind: Kind,
        channel: &str,
        since: &str,
        dress: Dress,
    ) -> Self {
        let name = fresh(world, kind.name());
        let client = Self {
            kind,
            name,
            channel: channel.to_owned(),
            dress,
            heard: Heard { cursor: Id::parse(since).map(|id| id.to_string()), ..Heard::default() },
            answered: 0,
        };
        let request = client.request(since);
        world.tell(&client.name, request);
        client
    }

    /// Hears all there is. A poll asks until nothing is new; a long poll parks again.
    pub(crate) fn hear(&mut self, world: &mut World) -> &Heard {
        match self.kind {
            Kind::Poll => {
                self.take_answers(world);
                self.ask_again(world);
                while self.take_answers(world) == Some(200) && !world.is_over(&self.name) {
                    self.ask_again(world);
                }
            }
            Kind::LongPoll => {
                while self.take_answers(world) == Some(200) && !world.is_over(&self.name) {
                    self.ask_again(world);
                }
            }
            Kind::Iframe | Kind::XhrStream | Kind::Sse | Kind::WebSocket => {
                self.heard = hear(self.kind, world.said(&self.name));
            }
        }
        &self.heard
    }

    /// The messages that were heard.
    pub(crate) fn messages(&mut self, world: &mut World) -> Vec<Message> {
        let heard = self.hear(world).seen.iter();
        let messages = heard.filter_map(|seen| match seen {
            Seen::Message(message) => Some(message.clone()),
            _ => None,
        });
        messages.collect()
    }

    /// The same, their text alone.
    pub(crate) fn texts(&mut self, world: &mut World) -> Vec<String> {
        let text = |message: Message| match message.payload {
            Payload::Text(text) => text.to_string(),
            Payload::Binary(bytes) => panic!("binary: {bytes:?}"),
        };
        self.messages(world).into_iter().map(text).collect()
    }

    /// The cursor to come back with.
    pub(crate) fn cursor(&mut self, world: &mut World) -> String {
        self.hear(world).cursor.clone().expect("a cursor")
    }

    /// The first answer, or the head of the stream.
    pub(crate) fn answer(&self, world: &World) -> Answer {
        answers(world.said(&self.name)).into_iter().next().expect("an answer")
    }

    /// Leaves, as a client that closes its page does.
    pub(crate) fn leave(&mut self, world: &mut World) {
        world.end(&self.name);
    }

    /// Takes the answers that have come since; returns the status of the last.
    fn take_answers(&mut self, world: &World) -> Option<u16> {
        let found: Vec<Answer> = answers(world.said(&self.name));
        let news = found.get(self.answered..).unwrap_or_default();
        for answer in news {
            let heard = hear(self.kind, &raw(answer));
            self.heard.seen.extend(heard.seen);
            self.heard.cursor = heard.cursor.or(self.heard.cursor.take());
        }
        self.answered = found.len();
        news.last().map(|answer| answer.status)
    }

    fn ask_again(&mut self, world: &mut World) {
        let cursor = self.heard.cursor.clone().unwrap_or_default();
        let request = self.request(&cursor);
        world.tell(&self.name, request);
    }

    fn request(&self, since: &str) -> String {
        let since = if since.is_empty() { String::new() } else { format!("since={since}&") };
        let dress = match (self.kind, self.dress) {
            (Kind::WebSocket, Dress::Envelope) => "envelope=json&",
            _ => "",
        };
        request(self.kind, &format!("{}?{since}{dress}", address(self.kind, &self.channel)))
    }
}

/// The canonical address of a mechanism, from its card.
pub(crate) fn address(kind: Kind, channel: &str) -> String {
    let card = CARDS.iter().find(|card| card.kind == kind).expect("every mechanism has a card");
    let mut segment = String::new();
    encode_segment(channel, &mut segment);
    card.address.replace("{channel}", &segment)
}

/// The request that opens a mechanism at an address.
pub(crate) fn request(kind: Kind, target: &str) -> String {
    let upgrade = match kind {
        Kind::WebSocket => UPGRADE,
        _ => "",
    };
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n")
}

/// An answer as it was, so that it can be heard alone.
fn raw(answer: &Answer) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} …\r\n", answer.status);
    for (name, value) in &answer.fields {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    bytes.push_str("\r\n");
    [bytes.as_bytes(), &answer.content].concat()
}

fn fresh(world: &World, name: &str) -> String {
    let taken = |number: &usize| world.all_said().contains_key(&format!("{name} {number}"));
    let number = (1..).find(|number| !taken(number)).unwrap_or_default();
    format!("{name} {number}")
}

/// What a WebSocket handshake has besides the rest.
pub(crate) const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
