//! The mechanisms: a closed list, and the cards from which every table is made.

pub mod iframe;
pub mod long_poll;
pub mod mould;
pub mod poll;
pub mod sse;
pub mod websocket;
pub mod xhr_stream;

use crate::clock::Instant;
use crate::event::Batch;
use crate::fault::Fault;
use crate::frame::Frames;
use crate::id::Kind;
use iframe::Iframe;
use long_poll::LongPoll;
use mould::{Card, Door, Mechanism, Out, Why};
use poll::Poll;
use sse::Sse;
use websocket::WebSocket;
use xhr_stream::XhrStream;

/// Every mechanism, in the order of [`Kind::ALL`].
pub const CARDS: [Card; Kind::ALL.len()] =
    [Poll::CARD, LongPoll::CARD, Iframe::CARD, XhrStream::CARD, Sse::CARD, WebSocket::CARD];

/// An open mechanism. Adding one breaks every table that must learn of it.
#[derive(Debug)]
pub enum Mech {
    /// Short polling.
    Poll(Poll),
    /// Long polling.
    LongPoll(LongPoll),
    /// Iframe streaming.
    Iframe(Iframe),
    /// XHR and fetch streaming.
    XhrStream(XhrStream),
    /// Server-sent events.
    Sse(Sse),
    /// WebSocket.
    WebSocket(WebSocket),
}

impl Mech {
    /// Opens a mechanism of this kind.
    pub fn open(kind: Kind, door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault> {
        Ok(match kind {
            Kind::Poll => Self::Poll(Poll::open(door, out)?),
            Kind::LongPoll => Self::LongPoll(LongPoll::open(door, out)?),
            Kind::Iframe => Self::Iframe(Iframe::open(door, out)?),
            Kind::XhrStream => Self::XhrStream(XhrStream::open(door, out)?),
            Kind::Sse => Self::Sse(Sse::open(door, out)?),
            Kind::WebSocket => Self::WebSocket(WebSocket::open(door, out)?),
        })
    }

    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Poll(_) => Kind::Poll,
            Self::LongPoll(_) => Kind::LongPoll,
            Self::Iframe(_) => Kind::Iframe,
            Self::XhrStream(_) => Kind::XhrStream,
            Self::Sse(_) => Kind::Sse,
            Self::WebSocket(_) => Kind::WebSocket,
        }
    }

    /// See [`Mechanism::receive`].
    pub fn receive(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<usize, Fault> {
        match self {
            Self::Poll(mech) => mech.receive(bytes, out),
            Self::LongPoll(mech) => mech.receive(bytes, out),
            Self::Iframe(mech) => mech.receive(bytes, out),
            Self::XhrStream(mech) => mech.receive(bytes, out),
            Self::Sse(mech) => mech.receive(bytes, out),
            Self::WebSocket(mech) => mech.receive(bytes, out),
        }
    }

    /// See [`Mechanism::deliver`].
    pub fn deliver(&mut self, batch: &Batch<'_>, frames: &mut Frames, out: &mut Out<'_>) {
        match self {
            Self::Poll(mech) => mech.deliver(batch, frames, out),
            Self::LongPoll(mech) => mech.deliver(batch, frames, out),
            Self::Iframe(mech) => mech.deliver(batch, frames, out),
            Self::XhrStream(mech) => mech.deliver(batch, frames, out),
            Self::Sse(mech) => mech.deliver(batch, frames, out),
            Self::WebSocket(mech) => mech.deliver(batch, frames, out),
        }
    }

    /// See [`Mechanism::tick`].
    pub fn tick(&mut self, out: &mut Out<'_>) -> Result<(), Fault> {
        match self {
            Self::Poll(mech) => mech.tick(out),
            Self::LongPoll(mech) => mech.tick(out),
            Self::Iframe(mech) => mech.tick(out),
            Self::XhrStream(mech) => mech.tick(out),
            Self::Sse(mech) => mech.tick(out),
            Self::WebSocket(mech) => mech.tick(out),
        }
    }

    /// See [`Mechanism::deadline`].
    pub fn deadline(&self) -> Instant {
        match self {
            Self::Poll(mech) => mech.deadline(),
            Self::LongPoll(mech) => mech.deadline(),
            Self::Iframe(mech) => mech.deadline(),
            Self::XhrStream(mech) => mech.deadline(),
            Self::Sse(mech) => mech.deadline(),
            Self::WebSocket(mech) => mech.deadline(),
        }
    }

    /// Bytes of heap that it owns: an unfinished message.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::WebSocket(mech) => mech.heap_bytes(),
            Self::Poll(_)
            | Self::LongPoll(_)
            | Self::Iframe(_)
            | Self::XhrStream(_)
            | Self::Sse(_) => 0,
        }
    }

    /// Whether its client can be told, in the midst of it, of messages that were dropped.
    pub fn announces(&self) -> bool {
        match self {
            Self::WebSocket(mech) => mech.announces(),
            Self::Iframe(mech) => mech.announces(),
            Self::Sse(mech) => mech.announces(),
            Self::Poll(_) | Self::LongPoll(_) => false,
            Self::XhrStream(_) => true,
        }
    }

    /// See [`Mechanism::end`].
    pub fn end(&mut self, why: Why, out: &mut Out<'_>) {
        match self {
            Self::Poll(mech) => mech.end(why, out),
            Self::LongPoll(mech) => mech.end(why, out),
            Self::Iframe(mech) => mech.end(why, out),
            Self::XhrStream(mech) => mech.end(why, out),
            Self::Sse(mech) => mech.end(why, out),
            Self::WebSocket(mech) => mech.end(why, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mechanism_is_small() {
        assert!(size_of::<Mech>() <= 56, "{} bytes, once per connection", size_of::<Mech>());
        assert!(size_of::<WebSocket>() <= 56, "{} bytes", size_of::<WebSocket>());
    }

    #[test]
    fn cards_stand_in_the_order_of_kinds_and_name_their_files() {
        for (kind, card) in Kind::ALL.into_iter().zip(CARDS) {
            assert_eq!(card.kind, kind);
            assert_eq!(card.source, format!("src/mech/{}.rs", kind.name()));
        }
    }
}
