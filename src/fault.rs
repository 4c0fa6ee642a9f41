//! The reason table: every refusal and every close, and what each protocol says about it.
//!
//! Codecs and mechanisms only name what the peer did. What it is answered, which clause it has
//! broken and what a person reads about it stands here, once; so does how often it has happened.
//!
//! What ends as it should is no fault: an answer behind which the connection is not kept, a peer
//! that closes when it has heard all, a park that is over, an order's stream without a payment.

mod counts;
mod table;
mod told;

pub use counts::Counts;
pub use table::FAULTS;
pub use told::{Protocol, Told};

use log::Level;

use crate::admission::{AddressFull, PublishRateExceeded};
use crate::hub::HubError;
use crate::order::Unsaid;
use crate::wire::body::BodyError;
use crate::wire::head::HeadError;
use crate::wire::target::TargetError;
use crate::wire::ws_frame::{CloseCode, FrameError};
use crate::wire::ws_handshake::HandshakeError;
use crate::wire::ws_message::MessageError;

/// Something that a request or a connection is refused or closed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Fault {
    /// The request head is wrong.
    Head(HeadError),
    /// The request target is wrong.
    Target(TargetError),
    /// The content's framing is wrong.
    Body(BodyError),
    /// It is no WebSocket handshake.
    Handshake(HandshakeError),
    /// What comes over a WebSocket is wrong.
    Message(MessageError),
    /// The chat is for text, and this is none.
    ChatBinary,
    /// Nothing is at this address.
    NotFound,
    /// The address does not take this method.
    MethodRefused,
    /// Nobody takes this method.
    MethodUnknown,
    /// Content came where none is taken.
    ContentRefused,
    /// The content's type has a charset other than UTF-8.
    ContentTypeRefused,
    /// Text was announced and is not UTF-8.
    TextNotUtf8,
    /// The name can be no channel's.
    ChannelRefused,
    /// Nobody has named this channel yet.
    ChannelUnknown,
    /// The channel was deleted while somebody waited.
    ChannelDeleted,
    /// There are as many channels as there may be.
    ChannelsFull,
    /// Another loop of the server has so much to take in that it cannot be told.
    LoopBehind,
    /// `since` or `upto` is no cursor.
    CursorRefused,
    /// This server was built without a ledger.
    LedgerAbsent,
    /// No snapshot of the ledger has this name, or it has given way to newer ones.
    SnapshotUnknown,
    /// `kernel` is neither 0 nor 1.
    WitnessRefused,
    /// There were too many connections to ask the kernel about all of them in time.
    WitnessSlow,
    /// The message is not there, or its receipt has given way to newer ones.
    ReceiptUnknown,
    /// The log does not have this message, or no longer.
    MessageUnknown,
    /// A message is too long to be shown in all its envelopes.
    EnvelopesRefused,
    /// The inspector is asked by whom it is not for.
    InspectRefused,
    /// `timeout` is no number of seconds.
    TimeoutRefused,
    /// `envelope` is neither `json` nor `none`.
    EnvelopeRefused,
    /// `event` can be no event type.
    EventNameRefused,
    /// `event` is an event type that the server itself uses.
    EventNameReserved,
    /// A parameter is missing.
    ParameterMissing,
    /// A page of a foreign origin asks for something that only own pages may.
    OriginRefused,
    /// What is asked for needs a token, and none was shown.
    TokenMissing,
    /// The token that was shown does not let do this.
    TokenRefused,
    /// More than one token was shown.
    TokenRepeated,
    /// The server is called by a name that is not its own.
    HostUnknown,
    /// The head did not come in time.
    HeadSlow,
    /// The content did not come in time.
    BodySlow,
    /// The peer closed in the middle of a request.
    RequestCut,
    /// A peer that is only to listen sends too much.
    StreamInput,
    /// `slow` is no policy, or a poll asks for one.
    SlowRefused,
    /// A reader wants messages dropped, and cannot be told of it.
    SlowUntold,
    /// The peer does not read what it has asked for.
    QueueFull,
    /// So much waits for all sockets together that the longest queue gives way.
    QueuesFull,
    /// The peer has not answered its pings.
    PongMissing,
    /// The peer has not answered our close frame.
    CloseMissing,
    /// The peer takes nothing of what is queued for it.
    Stalled,
    /// The peer was let in, and has said nothing.
    Silent,
    /// The peer has nothing to ask any more, and does not close.
    Idle,
    /// The peer has had its last answer, and does not close.
    LingerSlow,
    /// The peer has had its last answer, and goes on sending.
    LingerInput,
    /// The connection broke.
    PeerLost,
    /// An idle peer's place was needed for a new one.
    GaveWay,
    /// The kernel would not tell what happens on this connection.
    WatchRefused,
    /// The server is about to leave.
    Draining,
    /// The server leaves: the time for it is over.
    DrainOver,
    /// There are as many connections as there may be.
    ConnectionsFull,
    /// The address has as many connections as it may have.
    AddressFull,
    /// The address publishes faster than it may.
    PublishRate,
}

/// Whose fault it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Culprit {
    /// The peer's.
    Client,
    /// Ours, or nobody's.
    Server,
}

impl Culprit {
    /// Its name in JSON, and on pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// What a fault ends, and so who is told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// A request, whatever it asked for: it is answered with the status.
    Request,
    /// A WebSocket: it is told by a close frame.
    WebSocket,
    /// What is pushed, by any mechanism that can meet it: [`Row::told`] says how it tells it.
    Stream,
    /// A connection on which nobody waits for an answer, or would hear one: nobody is told.
    Connection,
    /// What a server has said: only a client, or whoever dissects a conversation, meets it.
    Answer,
}

impl Ends {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::WebSocket => "websocket",
            Self::Stream => "stream",
            Self::Connection => "connection",
            Self::Answer => "answer",
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is about.
    pub fault: Fault,
    /// Its name in JSON, logs and metrics.
    pub name: &'static str,
    /// Whose fault it is.
    pub culprit: Culprit,
    /// The clause that says so; empty where the bound is ours.
    pub clause: &'static str,
    /// The HTTP status; 0 where no request could be answered with one.
    pub status: u16,
    /// The WebSocket close code (RFC 6455 §7.4), where somebody is told by one.
    pub close: CloseCode,
    /// What a person reads.
    pub message: &'static str,
    /// Its place in the table.
    place: usize,
}

impl Fault {
    /// Its line of the table.
    pub fn row(self) -> &'static Row {
        FAULTS.iter().find(|row| row.fault == self).unwrap_or(&table::UNNAMED)
    }

    /// What it ends.
    pub const fn ends(self) -> Ends {
        match self {
            Self::Handshake(
                HandshakeError::StatusNot101
                | HandshakeError::AcceptWrong
                | HandshakeError::ExtensionUnasked,
            )
            | Self::Message(MessageError::Frame(FrameError::MaskPresent)) => Ends::Answer,
            Self::Message(_) | Self::ChatBinary => Ends::WebSocket,
            Self::StreamInput
            | Self::QueueFull
            | Self::PongMissing
            | Self::ChannelDeleted
            | Self::Draining => Ends::Stream,
            Self::CloseMissing
            | Self::Stalled
            | Self::Silent
            | Self::Idle
            | Self::LingerSlow
            | Self::LingerInput
            | Self::PeerLost
            | Self::GaveWay
            | Self::QueuesFull
            | Self::WatchRefused
            | Self::DrainOver => Ends::Connection,
            _ => Ends::Request,
        }
    }
}

impl Row {
    /// How loud it is in the log. What happens all day whispers; a client that was pushed to and is
    /// cut off is worth a line; where only whoever runs the server can help, it warns.
    pub const fn level(&self) -> Level {
        match self.fault {
            Fault::ChannelsFull
            | Fault::LoopBehind
            | Fault::ConnectionsFull
            | Fault::QueuesFull
            | Fault::GaveWay
            | Fault::WatchRefused
            | Fault::WitnessSlow
            | Fault::DrainOver => Level::Warn,
            // That the server drains, or that somebody has deleted a channel, is known already.
            Fault::Draining | Fault::ChannelDeleted => Level::Debug,
            Fault::Stalled | Fault::CloseMissing => Level::Info,
            fault => match fault.ends() {
                Ends::WebSocket | Ends::Stream => Level::Info,
                Ends::Request | Ends::Connection | Ends::Answer => Level::Debug,
            },
        }
    }
}

impl From<HeadError> for Fault {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<TargetError> for Fault {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<HandshakeError> for Fault {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<MessageError> for Fault {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

impl From<HubError> for Fault {
    fn from(error: HubError) -> Self {
        match error {
            HubError::NameRefused => Self::ChannelRefused,
            HubError::Full => Self::ChannelsFull,
            HubError::Deleted => Self::ChannelUnknown,
            HubError::Unsaid(Unsaid::Congested) => Self::LoopBehind,
            HubError::Unsaid(Unsaid::Closed) => Self::Draining,
        }
    }
}

impl From<AddressFull> for Fault {
    fn from(AddressFull: AddressFull) -> Self {
        Self::AddressFull
    }
}

impl From<PublishRateExceeded> for Fault {
    fn from(PublishRateExceeded: PublishRateExceeded) -> Self {
        Self::PublishRate
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::wire::chunked::ChunkedError;
    use crate::wire::field::FieldError;

    #[test]
    fn every_error_of_every_codec_has_a_line() {
        let named = |fault: Fault| assert_ne!(fault.row().name, table::UNNAMED.name, "{fault:?}");
        HeadError::ALL.iter().for_each(|error| named((*error).into()));
        FieldError::ALL.iter().for_each(|error| named(HeadError::Field(*error).into()));
        TargetError::ALL.iter().for_each(|error| named((*error).into()));
        BodyError::ALL.iter().for_each(|error| named((*error).into()));
        ChunkedError::ALL.iter().for_each(|error| named(BodyError::Chunked(*error).into()));
        HandshakeError::ALL.iter().for_each(|error| named((*error).into()));
        MessageError::ALL.iter().for_each(|error| named((*error).into()));
        FrameError::ALL.iter().for_each(|error| named(MessageError::Frame(*error).into()));
    }

    #[test]
    fn names_are_unique_and_every_line_can_be_answered() {
        let mut names = HashSet::new();
        for row in FAULTS {
            assert!(names.insert(row.name), "{} stands twice", row.name);
            let is_said = row.fault.ends() != Ends::Connection;
            assert_eq!((400..=505).contains(&row.status), is_said, "{}", row.name);
            assert!((1000..=1013).contains(&row.close.as_u16()), "{}", row.name);
            assert!(row.message.ends_with('.'), "{}", row.name);
            assert_eq!(row.fault.row().name, row.name);
        }
    }

    /// A line that is missing would be found out when somebody is refused for it.
    #[test]
    fn every_fault_of_our_own_has_a_line() {
        let table = include_str!("fault/table.rs");
        let listed =
            include_str!("fault.rs").lines().skip_while(|line| *line != "pub enum Fault {");
        let variants = listed.take_while(|line| *line != "}").filter_map(|line| {
            line.trim().strip_suffix(',').filter(|name| !name.contains(['(', ' ']))
        });
        let missing: Vec<&str> =
            variants.filter(|name| !table.contains(&format!("Fault::{name},"))).collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn a_line_knows_its_place() {
        assert!(FAULTS.iter().enumerate().all(|(place, row)| row.place == place));
    }
}
