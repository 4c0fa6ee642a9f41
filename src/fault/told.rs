//! What is told of a fault, by protocol.

use std::fmt;

use super::{Ends, Fault, Row};
use crate::id::Kind;
use crate::wire::ws_frame::CloseCode;

/// By what somebody may be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// The answer to a request, whatever it asked for: to be pushed to, or anything else.
    Http,
    /// A mechanism that is open already.
    Push(Kind),
}

impl Protocol {
    /// Every one, in the order of tables. A short poll is never open: its request is answered.
    pub const ALL: [Self; 6] = [
        Self::Http,
        Self::Push(Kind::WebSocket),
        Self::Push(Kind::Sse),
        Self::Push(Kind::XhrStream),
        Self::Push(Kind::Iframe),
        Self::Push(Kind::LongPoll),
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Push(kind) => kind.name(),
        }
    }
}

/// How a fault is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Nobody is told by this protocol: it cannot meet this fault.
    Nothing,
    /// By the status of its answer.
    Status(u16),
    /// By a close frame with this code, and the fault's name.
    Close(CloseCode),
    /// In these words, behind which the stream ends as it should.
    Words(&'static str),
    /// By its silence: the answer ends where no answer may end, or, where it has no end of its
    /// own, the connection does.
    Cut,
}

impl fmt::Display for Told {
    /// In a word or two; nothing for nothing. Lines of what is said stay lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Status(status) => write!(f, "{status}"),
            Self::Close(code) => write!(f, "{}", code.as_u16()),
            Self::Words(words) => f.write_str(words),
            Self::Cut => f.write_str("cut short"),
        }
    }
}

impl Row {
    /// What is told of it by this protocol.
    pub const fn told(&self, by: Protocol) -> Told {
        match (self.fault.ends(), by) {
            (Ends::Request, Protocol::Http) => Told::Status(self.status),
            // A server that drains takes no new subscribers.
            (Ends::Stream, Protocol::Http) if matches!(self.fault, Fault::Draining) => {
                Told::Status(self.status)
            }
            (Ends::WebSocket, Protocol::Push(Kind::WebSocket)) => Told::Close(self.close),
            (Ends::Request, Protocol::Push(kind)) => self.told_later(kind),
            (Ends::Stream, Protocol::Push(kind)) => self.told_by_stream(kind),
            _ => Told::Nothing,
        }
    }

    /// What whoever was let in is told of what requests are refused for.
    const fn told_later(&self, kind: Kind) -> Told {
        match (self.fault, kind) {
            // Every message of a WebSocket publishes, as a request does.
            (Fault::PublishRate | Fault::TokenMissing, Kind::WebSocket) => Told::Close(self.close),
            // When the tokens are others, each that was shown is looked at anew.
            (Fault::TokenRefused, _) => self.told_by_stream(kind),
            _ => Told::Nothing,
        }
    }

    const fn told_by_stream(&self, kind: Kind) -> Told {
        match (self.fault, kind) {
            (_, Kind::Poll)
            | (Fault::PongMissing, Kind::Iframe | Kind::XhrStream | Kind::Sse | Kind::LongPoll)
            | (Fault::StreamInput, Kind::WebSocket | Kind::LongPoll) => Told::Nothing,
            (_, Kind::WebSocket) => Told::Close(self.close),
            // It has nothing queued unless the answers before it are not read.
            (Fault::QueueFull, Kind::LongPoll) => Told::Cut,
            (_, Kind::LongPoll) => Told::Status(self.status),
            (Fault::Draining, Kind::Sse) => Told::Words("retry: 3000"),
            (Fault::Draining, Kind::Iframe) => Told::Words("end(\"drain\")"),
            (Fault::Draining, Kind::XhrStream) => Told::Words("{\"end\":\"drain\",\"retry\":3000}"),
            (Fault::ChannelDeleted, Kind::Sse) => {
                Told::Words("event: end\ndata: the channel was deleted")
            }
            (Fault::ChannelDeleted, Kind::Iframe) => Told::Words("end(\"deleted\")"),
            (Fault::ChannelDeleted, Kind::XhrStream) => Told::Words("{\"end\":\"deleted\"}"),
            _ => Told::Cut,
        }
    }
}
