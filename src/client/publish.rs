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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connection::tests::{answer, serve};

    #[test]
    fn a_publisher_opens_anew_what_the_server_has_closed() {
        let content = r#"{"id":"7-1","channel":"c","bytes":0,"subscribers":{"sse":2}}"#;
        let taken = answer("201 Created", content);
        let refused = r#"{"error":{"reason":"cursor_refused","message":"No cursor."}}"#;
        let refused = answer("400 Bad Request", refused);
        let first = vec![taken.clone(), taken.clone()];
        let (address, server) = serve(vec![first, vec![taken, refused]]);
        let mut connection = Connection::open(&address).unwrap();
        let options = PublishOptions { event: Some("a b"), content_type: None };
        for asked in 0..3 {
            // What is on its way to us could not be seen: the third question awaits the end.
            while asked == 2 && connection.is_open() {
                std::thread::yield_now();
            }
            let published = publish(&mut connection, "c", b"", &options).unwrap();
            assert_eq!(published.id.to_string(), "7-1");
            assert_eq!(published.subscribers.get("sse"), Some(&2));
        }
        let error = publish(&mut connection, "c", b"", &options).unwrap_err();
        assert!(error.to_string().contains("cursor_refused"), "{error}");
        let split = PublishOptions { event: None, content_type: Some("a\r\nb: c") };
        let refused = publish(&mut connection, "c", b"", &split);
        assert!(matches!(refused, Err(ClientError::ContentTypeInvalid)));
        let asked = server.join().unwrap();
        assert_eq!(asked, ["POST /c/c?event=a%20b HTTP/1.1"; 4]);
    }
}
