//! Publishing, one request per message.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::client::connection::{Connection, encode_request};
use crate::client::error::{ClientError, Refused};
use crate::id::Id;
use crate::wire::head::Method;
use crate::wire::json::JsonError;
use crate::wire::target::encode_segment;

/// What may be said about a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PublishOptions<'a> {
    /// The event type under which SSE delivers it.
    pub event: Option<&'a str>,
    /// The media type that decides whether it is text or binary; without it, the bytes do.
    pub content_type: Option<&'a str>,
}

/// What the server says about a message that it has taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// The message's place in the log.
    pub id: Id,
    /// The message's own bytes.
    pub bytes: u64,
    /// Who was subscribed when it was published: how many of each mechanism.
    pub subscribers: BTreeMap<String, u64>,
}

/// Publishes one message; the connection is kept for the next one.
///
/// # Errors
/// [`ClientError::Refused`] with the server's reason. After [`ClientError::Cut`] and
/// [`ClientError::Late`] nobody knows whether the message was taken.
pub fn publish(
    connection: &mut Connection,
    channel: &str,
    message: &[u8],
    options: &PublishOptions<'_>,
) -> Result<Published, ClientError> {
    let question = encode(connection, channel, message, options)?;
    let answer = connection.exchange(&question)?;
    match answer.status {
        // 201 if somebody was there, 202 if nobody was.
        201 | 202 => parse(&answer.content),
        status @ 400.. => {
            let refused = Refused::parse(status, answer.retry_after, &answer.content);
            Err(ClientError::Refused(Box::new(refused)))
        }
        status => Err(ClientError::StatusUnexpected(status)),
    }
}

fn encode(
    connection: &Connection,
    channel: &str,
    message: &[u8],
    options: &PublishOptions<'_>,
) -> Result<Vec<u8>, ClientError> {
    let mut path = String::from("/c/");
    encode_segment(channel, &mut path);
    if let Some(event) = options.event {
        path.push_str("?event=");
        encode_segment(event, &mut path);
    }
    if options.content_type.is_some_and(|value| value.contains(char::is_control)) {
        return Err(ClientError::ContentTypeInvalid);
    }
    let fields = options.content_type.map(|value| ("Content-Type", value));
    let address = connection.address();
    let target = address.target(&path);
    Ok(encode_request(Method::Post, address, &target, fields.as_slice(), Some(message)))
}

fn parse(content: &[u8]) -> Result<Published, ClientError> {
    let PublishedIn { id, bytes, subscribers } =
        serde_json::from_slice(content).map_err(|_| JsonError::MemberWrong)?;
    let id = Id::parse(&id).ok_or(JsonError::IdWrong)?;
    Ok(Published { id, bytes, subscribers })
}

#[derive(Deserialize)]
struct PublishedIn {
    id: String,
    bytes: u64,
    subscribers: BTreeMap<String, u64>,
}
