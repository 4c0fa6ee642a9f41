//! The client of server-sent events: an answer that never ends, read event by event.
//!
//! It asks for envelopes, so that every message has its time, its name and its exact bytes, unless
//! bare messages are wanted, as `EventSource` wants them.
//! `EventSource` would send the cursor as `Last-Event-ID`; `?since=` says the same.
//!
//! Read beside it: `mech/sse.rs`, which answers; `websocket.rs`, which has frames.

use std::time::Duration;

use crate::client::error::ClientError;
use crate::client::mould::{Ask, Mechanism, Out, Then, expect};
use crate::id::Id;
use crate::limits::CLIENT_CONTENT_BYTES_MAX as CONTENT_BYTES_MAX;
use crate::mech::mould::Dress;
use crate::wire::event_stream::{Decoder, StreamEvent};
use crate::wire::json::{self, JsonError};
use crate::wire::response::Answer;

/// An event stream.
#[derive(Debug)]
pub struct Sse {
    decoder: Decoder,
    events: Vec<StreamEvent>,
    dress: Dress,
}

impl Mechanism for Sse {
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>) {
        let (dress, decoder) = (ask.dress, Decoder::new(CONTENT_BYTES_MAX));
        let client = Self { decoder, events: Vec::new(), dress };
        let envelope = if dress == Dress::Envelope { "&envelope=json" } else { "" };
        (client, ask.get("sse", envelope, EVENT_STREAM))
    }

    fn open(&mut self, answer: &Answer<'_, '_>, _out: &mut Out) -> Result<(), ClientError> {
        expect(answer, 200, EVENT_STREAM)
    }

    fn receive(&mut self, content: &[u8], out: &mut Out) -> Result<(), ClientError> {
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            self.decoder.receive(line, &mut self.events)?;
            for StreamEvent { name, data, .. } in self.events.drain(..) {
                match name.as_str() {
                    "envelope" => out.message(json::parse_message(data.as_bytes())?),
                    "gap" => out.gap(json::parse_gap(data.as_bytes())?),
                    "end" => out.end(data),
                    _ if self.dress == Dress::Bare => out.bare(data.into_bytes()),
                    // A name of its own belongs to a bare message, which nobody has asked for.
                    _ => return Err(ClientError::TypeUnexpected(name)),
                }
            }
            // An id alone dispatches nothing, and still is where the stream stands.
            let id = self.decoder.last_event_id();
            if !id.is_empty() {
                out.stand(Id::parse(id).ok_or(JsonError::IdWrong)?);
            }
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Out) -> Result<Then, ClientError> {
        Ok(Then::Lost(self.decoder.retry_ms().map(Duration::from_millis)))
    }
}

const EVENT_STREAM: &str = "text/event-stream";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::address::Address;
    use crate::client::mould::tests::{ask, read};

    const HEAD: &str = "200 OK\r\nContent-Type: text/event-stream";

    #[test]
    fn an_event_is_a_message_or_a_notice() {
        let content = b"id: 7-1\n\n:\n\n\
            id: 7-2\nevent: gap\ndata: {\"gap\":1}\n\n\
            id: 7-3\nevent: envelope\n\
            data: {\"id\":\"7-3\",\"time\":1,\"channel\":\"c\",\"data\":\"a\\nb\"}\n\n\
            id: 7-4\nevent: envelope\ndata: {";
        let read = read::<Sse>(Some("all"), HEAD, content);
        assert_eq!(read.items, ["open at 7-1", "1 missed", r"7-3 a\nb"]);

        assert_eq!((&*read.since, &*read.then), ("7-3", "Lost(None)"));
    }

    #[test]
    fn a_stream_may_begin_with_a_gap() {
        let content = b"id: 7-2\nevent: gap\ndata: {\"gap\":1}\n\n";
        let read = read::<Sse>(Some("7-0"), HEAD, content);
        assert_eq!(read.items, ["1 missed", "open at 7-2"]);
        assert_eq!(read.since, "7-2");
    }

    #[test]
    fn a_bare_message_is_its_data() {
        let address = Address::parse("h").unwrap();
        let bare = Ask { dress: Dress::Bare, ..ask(&address, "latest") };
        let (mut client, question) = Sse::ask(&bare);
        assert!(question.starts_with(b"GET /c/a%2Fb/sse?since=latest HTTP/1.1\r\n"));
        let mut out = Out::new(None);
        let content = b"id: 7-1\ndata: a\ndata: b\n\nid: 7-2\nevent: price\ndata: 4\n\n";
        client.receive(content, &mut out).unwrap();
        assert_eq!(out.bare, [b"a\nb".to_vec(), b"4".to_vec()]);
        assert_eq!(out.since(), "7-2");
    }

    #[test]
    fn a_stream_ends_for_a_while_or_for_good() {
        let read_then = |content| read::<Sse>(None, HEAD, content).then;
        assert_eq!(read_then(b"retry: 3000\n\n"), "Lost(Some(3s))");
        assert_eq!(read_then(b"event: end\ndata: the channel was deleted\n\n"), DELETED);
    }

    #[test]
    fn other_streams_are_refused() {
        let cases: [(&[u8], &str); 3] = [
            (b"data: hello\n\n", "TypeUnexpected(\"message\")"),
            (b"id: x\n\n", "Json(IdWrong)"),
            (b"event: envelope\ndata: {}\n\n", "Json(MemberWrong)"),
        ];
        for (content, then) in cases {
            assert_eq!(read::<Sse>(None, HEAD, content).then, then);
        }
    }

    const DELETED: &str = "End(the channel was deleted)";
}
