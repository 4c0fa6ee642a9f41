//! The mould of the clients: a question, and the way its answer is read.
//!
//! A client of a mechanism asks, is handed the head of the answer and then its content as it
//! arrives, and leaves [`Item`]s on its [`Out`]. It never touches a socket, and it keeps no
//! cursor: [`Out`] does, so that whichever client asks next knows where to go on.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::time::Duration;

use serde::Deserialize;

use crate::client::address::Address;
use crate::client::connection;
use crate::client::error::ClientError;
use crate::event::Gap;
use crate::id::Id;
use crate::mech::mould::Dress;
use crate::wire::head::Method;
use crate::wire::json::{self, JsonError, Message};
use crate::wire::response::Answer;
use crate::wire::target::encode_segment;

/// The client's side of one way of pushing.
pub trait Mechanism: Sized {
    /// A client, and the question that it sends.
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>);

    /// The head of the answer has come; it is no refusal.
    fn open(&mut self, answer: &Answer<'_, '_>, out: &mut Out) -> Result<(), ClientError>;

    /// A part of the content has come, cut anywhere.
    fn receive(&mut self, content: &[u8], out: &mut Out) -> Result<(), ClientError>;

    /// The content is over.
    fn end(&mut self, out: &mut Out) -> Result<Then, ClientError>;

    /// Last words to a server that would go on.
    fn farewell(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// What there is to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Whom.
    pub address: &'a Address,
    /// For the messages of which channel.
    pub channel: &'a str,
    /// From where on, as `?since=` takes it.
    pub since: &'a str,
    /// Time between two questions, where a client has to ask again and again.
    pub interval: Duration,
    /// How messages are wanted where there is a choice: by SSE and WebSocket.
    pub dress: Dress,
}

impl Ask<'_> {
    /// The request target of one of the channel's addresses; `query` begins with `&` or is empty.
    pub fn target(&self, place: &str, query: &str) -> String {
        let mut path = String::from("/c/");
        encode_segment(self.channel, &mut path);
        path.push('/');
        path.push_str(place);
        path.push_str("?since=");
        encode_segment(self.since, &mut path);
        path.push_str(query);
        self.address.target(&path)
    }

    /// A GET of one of the channel's addresses.
    pub fn get(&self, place: &str, query: &str, accept: &str) -> Vec<u8> {
        let target = self.target(place, query);
        let fields = [("Accept", accept)];
        connection::encode_request(Method::Get, self.address, &target, &fields, None)
    }
}

/// What follows an answer that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// The next question, after so long, on the same connection.
    Ask(Duration),
    /// The answer should not have ended: the connection is lost. The server may have said after
    /// how long it wants to be asked again.
    Lost(Option<Duration>),
}

/// What a subscription brings.
#[derive(Debug)]
pub enum Item {
    /// A message.
    Message(Message),
    /// Messages were lost before the next one.
    Gap(Gap),
    /// The connection stands, at this place of the log: what follows comes behind it.
    Open(Id),
    /// The connection is lost: the subscription comes back after so long, and goes on where it
    /// was.
    Lost(ClientError, Duration),
    /// The channel is over, in the server's words. Nothing follows.
    End(String),
}

/// Where a client leaves what it has read.
#[derive(Debug)]
pub struct Out {
    /// What was read, oldest first.
    pub items: VecDeque<Item>,
    /// Messages that have come without an envelope, where they were asked for so, oldest first.
    pub bare: VecDeque<Vec<u8>>,
    /// What the server is to be answered at once.
    pub reply: Vec<u8>,
    /// Where the next question begins.
    since: String,
    open: bool,
    /// Whether this connection has brought a message.
    fruitful: bool,
    ended: Option<String>,
}

/// What a lost connection was worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// It has brought a message.
    Fruitful,
    /// It has brought none.
    Barren,
}

impl Out {
    /// Nothing was read yet; without a place to begin with, only what comes from now on is wanted.
    pub fn new(since: Option<&str>) -> Self {
        Self {
            items: VecDeque::new(),
            bare: VecDeque::new(),
            reply: Vec::new(),
            since: since.unwrap_or(LATEST).to_owned(),
            open: false,
            fruitful: false,
            ended: None,
        }
    }

    /// Where the next question begins, as `?since=` takes it.
    pub fn since(&self) -> &str {
        &self.since
    }

    /// The stream has come to this place of the log: whoever goes on there misses nothing.
    ///
    /// The first time on a connection it is news.
    pub fn stand(&mut self, place: Id) {
        self.since = place.to_string();
        if !mem::replace(&mut self.open, true) {
            self.items.push_back(Item::Open(place));
        }
    }

    /// A message was read.
    pub fn message(&mut self, message: Message) {
        if !self.open {
            let offset = message.id.offset.saturating_sub(1);
            self.stand(Id { offset, ..message.id });
        }
        self.since = message.id.to_string();
        self.fruitful = true;
        self.items.push_back(Item::Message(message));
    }

    /// A message was read that has nothing but its payload.
    pub fn bare(&mut self, payload: Vec<u8>) {
        self.fruitful = true;
        self.bare.push_back(payload);
    }

    /// A gap was announced; the place behind it, or a message, follows.
    pub fn gap(&mut self, gap: Gap) {
        self.items.push_back(Item::Gap(gap));
    }

    /// The channel is over.
    pub fn end(&mut self, reason: String) {
        self.ended = Some(reason);
    }

    /// Why the channel is over, if it is.
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// The connection is lost.
    pub fn lose(&mut self) -> Loss {
        self.open = false;
        self.reply.clear();
        if mem::take(&mut self.fruitful) { Loss::Fruitful } else { Loss::Barren }
    }

    /// A line or a frame in JSON: a message, or what the server says about the stream itself.
    pub fn json(&mut self, text: &[u8]) -> Result<Notice, ClientError> {
        if text.starts_with(b"{\"id\":") {
            self.message(json::parse_message(text)?);
            return Ok(Notice::default());
        }
        let notice: Notice = serde_json::from_slice(text).map_err(|_| JsonError::NotJson)?;
        if notice.gap.is_some() {
            self.gap(json::parse_gap(text)?);
        }
        if let Some(next) = &notice.next {
            self.stand(Id::parse(next).ok_or(JsonError::IdWrong)?);
        }
        Ok(notice)
    }

    /// The answer to a poll.
    pub fn batch(&mut self, text: &[u8]) -> Result<(), ClientError> {
        let batch = json::parse_batch(text)?;
        if let Some(gap) = batch.gap {
            self.gap(gap);
        }
        for message in batch.messages {
            self.message(message);
        }
        self.stand(batch.next);
        Ok(())
    }

    /// The answer to a poll that brings nothing but a cursor (RFC 9110 §15.4.5).
    pub fn unchanged(&mut self, answer: &Answer<'_, '_>) -> Result<(), ClientError> {
        let tag = answer.text("ETag").map(|tag| tag.trim_matches('"'));
        self.stand(tag.and_then(Id::parse).ok_or(ClientError::CursorMissing)?);
        Ok(())
    }
}

/// What a server says about a stream within the stream.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Notice {
    /// Where its log stands.
    next: Option<String>,
    /// How many messages were lost.
    gap: Option<u64>,
    /// Why the stream ends.
    pub end: Option<String>,
    /// After how many milliseconds the client may come back.
    pub retry: Option<u64>,
}

/// Checks that an answer is what a mechanism opens with.
pub fn expect(answer: &Answer<'_, '_>, status: u16, media_type: &str) -> Result<(), ClientError> {
    if answer.status != status {
        return Err(ClientError::StatusUnexpected(answer.status));
    }
    let announced = answer.text("Content-Type").unwrap_or_default();
    let essence = announced.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(media_type) {
        Ok(())
    } else {
        Err(ClientError::TypeUnexpected(announced.to_owned()))
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => write!(f, "message {}", message.id),
            Self::Gap(Gap { missed, epoch_changed: false }) => write!(f, "{missed} missed"),
            Self::Gap(Gap { missed, .. }) => write!(f, "{missed} or more missed: a new log"),
            Self::Open(at) => write!(f, "open at {at}"),
            Self::Lost(why, wait) => write!(f, "{why}; back in {} ms", wait.as_millis()),
            Self::End(reason) => write!(f, "over: {reason}"),
        }
    }
}

/// Only what comes from now on.
const LATEST: &str = "latest";

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::cursor::Parse;
    use crate::wire::head::{Scan, room};
    use crate::wire::response;

    /// What a client makes of an answer: whole, byte by byte, and as the same items in a line.
    pub(in crate::client) fn read<M: Mechanism>(
        since: Option<&str>,
        head: &str,
        content: &[u8],
    ) -> Read {
        let whole = read_in_pieces::<M>(since, head, content.chunks(usize::MAX));
        let cut = read_in_pieces::<M>(since, head, content.chunks(1));
        assert_eq!(whole, cut, "byte by byte");
        whole
    }

    /// What there is to see of a client that has read an answer.
    #[derive(PartialEq, Eq, Debug)]
    pub(in crate::client) struct Read {
        pub(in crate::client) items: Vec<String>,
        /// Where the next question begins.
        pub(in crate::client) since: String,
        /// What follows, or what is wrong.
        pub(in crate::client) then: String,
    }

    fn read_in_pieces<'c, M: Mechanism>(
        since: Option<&str>,
        head: &str,
        pieces: impl Iterator<Item = &'c [u8]>,
    ) -> Read {
        let mut out = Out::new(since);
        let (mut client, _) = M::ask(&ask(&Address::parse("h").unwrap(), out.since()));
        let head = format!("HTTP/1.1 {head}\r\n\r\n");
        let mut room = room();
        let parsed = response::parse(head.as_bytes(), Method::Get, &mut Scan::default(), &mut room);
        let Ok(Parse::Complete(answer, _)) = parsed else { panic!("{parsed:?}") };
        let mut then = client.open(&answer, &mut out);
        for piece in pieces {
            then = then.and_then(|()| client.receive(piece, &mut out));
        }
        let then = then.and_then(|()| client.end(&mut out));
        Read {
            items: out.items.iter().map(told).collect(),
            since: out.since().to_owned(),
            then: match (out.ended(), then) {
                (Some(reason), _) => format!("End({reason})"),
                (None, Ok(then)) => format!("{then:?}"),
                (None, Err(error)) => format!("{error:?}"),
            },
        }
    }

    pub(in crate::client) fn ask<'a>(address: &'a Address, since: &'a str) -> Ask<'a> {
        let (interval, dress) = (Duration::from_secs(1), Dress::Envelope);
        Ask { address, channel: "a/b", since, interval, dress }
    }

    fn told(item: &Item) -> String {
        let Item::Message(Message { id, event, payload, .. }) = item else {
            return item.to_string();
        };
        let event = event.as_ref().map(|event| format!(" {event}")).unwrap_or_default();
        format!("{id}{event} {}", payload.bytes().escape_ascii())
    }

    #[test]
    fn a_place_is_a_cursor_and_the_first_one_is_news() {
        let place = |offset| Id { epoch: 7, offset };
        let mut out = Out::new(Some("all"));
        for offset in [2, 3] {
            out.stand(place(offset));
        }
        assert_eq!(out.since(), "7-3");
        assert_eq!(out.items.iter().map(told).collect::<Vec<_>>(), ["open at 7-2"]);
        assert_eq!(out.lose(), Loss::Barren);
        out.stand(place(3));
        assert_eq!(out.items.len(), 2, "another connection");
    }

    #[test]
    fn a_channels_name_stays_one_segment() {
        let address = Address::parse("http://h/base").unwrap();
        let target = ask(&address, "10m&x").target("sse", "&envelope=json");
        assert_eq!(target, "/base/c/a%2Fb/sse?since=10m%26x&envelope=json");
    }
}
