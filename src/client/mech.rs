//! The clients: a closed list. Adding a mechanism breaks this table until it has one.

use crate::client::error::ClientError;
use crate::client::iframe::Iframe;
use crate::client::long_poll::LongPoll;
use crate::client::mould::{Ask, Mechanism, Out, Then};
use crate::client::poll::Poll;
use crate::client::sse::Sse;
use crate::client::websocket::WebSocket;
use crate::client::xhr_stream::XhrStream;
use crate::id::Kind;
use crate::wire::response::Answer;

/// A client of some mechanism, with a question that is not done with.
#[derive(Debug)]
pub(crate) enum Mech {
    Poll(Poll),
    LongPoll(LongPoll),
    Iframe(Iframe),
    XhrStream(XhrStream),
    Sse(Sse),
    WebSocket(WebSocket),
}

impl Mech {
    /// See [`Mechanism::ask`].
    pub(crate) fn ask(kind: Kind, ask: &Ask<'_>) -> (Self, Vec<u8>) {
        match kind {
            Kind::Poll => map(Poll::ask(ask), Self::Poll),
            Kind::LongPoll => map(LongPoll::ask(ask), Self::LongPoll),
            Kind::Iframe => map(Iframe::ask(ask), Self::Iframe),
            Kind::XhrStream => map(XhrStream::ask(ask), Self::XhrStream),
            Kind::Sse => map(Sse::ask(ask), Self::Sse),
            Kind::WebSocket => map(WebSocket::ask(ask), Self::WebSocket),
        }
    }

    /// See [`Mechanism::open`].
    pub(crate) fn open(
        &mut self,
        answer: &Answer<'_, '_>,
        out: &mut Out,
    ) -> Result<(), ClientError> {
        match self {
            Self::Poll(client) => client.open(answer, out),
            Self::LongPoll(client) => client.open(answer, out),
            Self::Iframe(client) => client.open(answer, out),
            Self::XhrStream(client) => client.open(answer, out),
            Self::Sse(client) => client.open(answer, out),
            Self::WebSocket(client) => client.open(answer, out),
        }
    }

    /// See [`Mechanism::receive`].
    pub(crate) fn receive(&mut self, content: &[u8], out: &mut Out) -> Result<(), ClientError> {
        match self {
            Self::Poll(client) => client.receive(content, out),
            Self::LongPoll(client) => client.receive(content, out),
            Self::Iframe(client) => client.receive(content, out),
            Self::XhrStream(client) => client.receive(content, out),
            Self::Sse(client) => client.receive(content, out),
            Self::WebSocket(client) => client.receive(content, out),
        }
    }

    /// See [`Mechanism::end`].
    pub(crate) fn end(&mut self, out: &mut Out) -> Result<Then, ClientError> {
        match self {
            Self::Poll(client) => client.end(out),
            Self::LongPoll(client) => client.end(out),
            Self::Iframe(client) => client.end(out),
            Self::XhrStream(client) => client.end(out),
            Self::Sse(client) => client.end(out),
            Self::WebSocket(client) => client.end(out),
        }
    }

    /// See [`Mechanism::farewell`].
    pub(crate) fn farewell(&self) -> Vec<u8> {
        match self {
            Self::Poll(client) => client.farewell(),
            Self::LongPoll(client) => client.farewell(),
            Self::Iframe(client) => client.farewell(),
            Self::XhrStream(client) => client.farewell(),
            Self::Sse(client) => client.farewell(),
            Self::WebSocket(client) => client.farewell(),
        }
    }
}

fn map<C>((client, question): (C, Vec<u8>), mech: impl FnOnce(C) -> Mech) -> (Mech, Vec<u8>) {
    (mech(client), question)
}
