//! The client of server-sent events: an answer that never ends, read event by event.
//!
//! It asks for envelopes, so that every message has its time, its name and its exact bytes.
//! `EventSource` would send the cursor as `Last-Event-ID`; `?since=` says the same.
//!
//! Read beside it: `mech/sse.rs`, which answers; `websocket.rs`, which has frames.

use std::time::Duration;

use crate::client::error::ClientError;
use crate::client::mould::{Ask, Mechanism, Out, Then, expect};
use crate::id::Id;
use crate::limits::CLIENT_CONTENT_BYTES_MAX as CONTENT_BYTES_MAX;
use crate::wire::event_stream::{Decoder, StreamEvent};
use crate::wire::json::{self, JsonError};
use crate::wire::response::Answer;

/// An event stream.
#[derive(Debug)]
pub struct Sse {
    decoder: Decoder,
    events: Vec<StreamEvent>,
}

impl Mechanism for Sse {
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>) {
        let client = Self { decoder: Decoder::new(CONTENT_BYTES_MAX), events: Vec::new() };
        (client, ask.get("sse", "&envelope=json", EVENT_STREAM))
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
    use crate::client::mould::tests::read;

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
