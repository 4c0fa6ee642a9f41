//! Why a client does not get what it asks for.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use serde::Deserialize;

use crate::client::address::AddressError;
use crate::wire::body::BodyError;
use crate::wire::event_stream::EventStreamError;
use crate::wire::json::JsonError;
use crate::wire::response::{AnswerError, reason};
use crate::wire::ws_frame::CloseCode;
use crate::wire::ws_handshake::HandshakeError;
use crate::wire::ws_message::MessageError;

/// Why a client does not get what it asks for; it reads as a sentence.
#[derive(Debug)]
pub enum ClientError {
    /// The address is wrong.
    Address(AddressError),
    /// `since` is no cursor.
    SinceInvalid,
    /// The content type has a control character, which would split the head. RFC 9110 §5.5.
    ContentTypeInvalid,
    /// No connection to this authority could be made.
    Connect(String, io::Error),
    /// The connection has failed.
    Io(io::Error),
    /// The connection was closed in the middle of an answer. RFC 9112 §8.
    Cut,
    /// The answer did not come in time.
    Late,
    /// The stream is over, but not the channel: the client is to come back.
    Over {
        /// After so long, if the server says so.
        retry: Option<Duration>,
    },
    /// The server has closed the WebSocket. RFC 6455 §7.1.5, §7.1.6.
    Closed {
        /// The close code, if there was one.
        code: Option<CloseCode>,
        /// The server's reason.
        reason: String,
    },
    /// The server refuses.
    Refused(Box<Refused>),
    /// The answer has a status that nobody has asked for.
    StatusUnexpected(u16),
    /// The answer's media type is not the mechanism's.
    TypeUnexpected(String),
    /// The answer has no cursor to come back with.
    CursorMissing,
    /// An answer, or a line of it, is longer than accepted.
    ContentTooLong,
    /// A document holds something else than our scripts.
    ScriptUnknown,
    /// The head of the answer is wrong.
    Head(AnswerError),
    /// The framing of the content is wrong.
    Body(BodyError),
    /// The answer opens no WebSocket.
    Handshake(HandshakeError),
    /// What comes over the WebSocket is wrong.
    Message(MessageError),
    /// The event stream is wrong.
    EventStream(EventStreamError),
    /// The JSON is wrong.
    Json(JsonError),
}

impl ClientError {
    /// Whether the same question may be answered later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect(..)
            | Self::Io(_)
            | Self::Cut
            | Self::Late
            | Self::Over { .. }
            | Self::Closed { .. } => true,
            Self::Refused(refused) => matches!(refused.status, 408 | 429 | 500..=599),
            _ => false,
        }
    }

    /// After how long the server wants to be asked again.
    pub fn retry(&self) -> Option<Duration> {
        match self {
            Self::Over { retry } => *retry,
            Self::Refused(refused) => refused.retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => write!(f, "the address is wrong: {error}"),
            Self::SinceInvalid => f.write_str(
                "since is no cursor: it takes an id, `all`, `latest`, a duration (10m) or a Unix \
                 time",
            ),
            Self::ContentTypeInvalid => f.write_str("the content type has a control character"),
            Self::Connect(authority, error) => write!(f, "no connection to {authority}: {error}"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Cut => f.write_str("the connection was closed in the middle of an answer"),
            Self::Late => f.write_str("the answer did not come in time"),
            Self::Over { .. } => f.write_str("the server has ended the stream"),
            Self::Closed { code: Some(code), reason } if !reason.is_empty() => {
                write!(f, "the server has closed the WebSocket: {code}, {reason}")
            }
            Self::Closed { code: Some(code), .. } => {
                write!(f, "the server has closed the WebSocket: {code}")
            }
            Self::Closed { code: None, .. } => f.write_str("the server has closed the WebSocket"),
            Self::Refused(refused) => write!(f, "the server refuses: {refused}"),
            Self::StatusUnexpected(status) => {
                write!(f, "the answer has status {status}: is this another server?")
            }
            Self::TypeUnexpected(media_type) => {
                write!(f, "the answer has type {media_type:?}: is this another server?")
            }
            Self::CursorMissing => f.write_str("the answer has no cursor to come back with"),
            Self::ContentTooLong => f.write_str("the answer is longer than this client accepts"),
            Self::ScriptUnknown => f.write_str("the document holds something else than scripts"),
            Self::Head(error) => write!(f, "the head of the answer is wrong: {error:?}"),
            Self::Body(error) => write!(f, "the framing of the answer is wrong: {error:?}"),
            Self::Handshake(error) => write!(f, "the answer opens no WebSocket: {error:?}"),
            Self::Message(error) => write!(f, "the server breaks RFC 6455: {error:?}"),
            Self::EventStream(error) => write!(f, "the event stream is wrong: {error:?}"),
            Self::Json(error) => write!(f, "the server's JSON is wrong: {error:?}"),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Connect(_, error) | Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AddressError> for ClientError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<AnswerError> for ClientError {
    fn from(error: AnswerError) -> Self {
        Self::Head(error)
    }
}

impl From<BodyError> for ClientError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<HandshakeError> for ClientError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<MessageError> for ClientError {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

impl From<EventStreamError> for ClientError {
    fn from(error: EventStreamError) -> Self {
        Self::EventStream(error)
    }
}

impl From<JsonError> for ClientError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// A refusal, as the server words it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The name of the reason; empty if the server gives none.
    pub reason: String,
    /// What a person reads; the reason phrase if the server gives nothing.
    pub message: String,
    /// After how long it may be asked again.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// Reads `{"error":{"reason","message"}}`; other servers refuse in other words.
    pub(super) fn parse(status: u16, retry_after: Option<Duration>, content: &[u8]) -> Self {
        let (reason, message) = match serde_json::from_slice(content) {
            Ok(RefusedIn { error: ReasonIn { reason, message } }) => (reason, message),
            Err(_) => (String::new(), reason(status).to_owned()),
        };
        Self { status, reason, message, retry_after }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => write!(f, "{} {}", self.status, self.message),
            reason => write!(f, "{} ({reason}) {}", self.status, self.message),
        }
    }
}

#[derive(Deserialize)]
struct RefusedIn {
    error: ReasonIn,
}

#[derive(Deserialize)]
struct ReasonIn {
    reason: String,
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let content = br#"{"error":{"code":413,"reason":"too_long","clause":"","message":"No."}}"#;
        let refused = Refused::parse(413, None, content);
        let error = ClientError::Refused(Box::new(refused));
        assert_eq!(error.to_string(), "the server refuses: 413 (too_long) No.");
        assert!(!error.is_passing());
    }

    #[test]
    fn a_refusal_without_words_has_its_status() {
        let retry = Some(Duration::from_secs(3));
        let error = ClientError::Refused(Box::new(Refused::parse(503, retry, b"<h1>")));
        assert_eq!(error.to_string(), "the server refuses: 503 Service Unavailable");
        assert!(error.is_passing());
        assert_eq!(error.retry(), retry);
    }
}
