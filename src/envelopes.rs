//! One message in all its envelopes: what every mechanism makes of it, byte by byte.
//!
//! The bytes are made by the encoders that serve, and dissected by the codecs that read them.

use serde::Serialize;

use crate::answer::Manner;
use crate::dissect::shape::UnitShape;
use crate::dissect::{Dissector, Joining};
use crate::event::{Batch, Course, Event};
use crate::id::Kind;
use crate::limits::LENS_UNIT_BYTES_MAX;
use crate::mech::mould::{Coding, Dress};
use crate::mech::{iframe, long_poll, sse, websocket, xhr_stream};
use crate::wire::body::Body;
use crate::wire::date::Date;
use crate::wire::field::Content;
use crate::wire::ws_frame::Role;

/// The answer of `GET /c/{channel}/envelopes/{id}`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Envelopes {
    /// The message.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// The payload's own bytes.
    pub bytes: usize,
    /// By mechanism.
    pub mechanisms: Vec<Envelope>,
}

/// What one mechanism makes of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Envelope {
    /// The mechanism.
    pub mechanism: &'static str,
    /// Its bytes.
    pub units: Vec<UnitShape>,
}

impl Envelopes {
    /// A message, as a common client of each mechanism gets it.
    pub fn of(event: &Event, date: &Date) -> Self {
        let batch = Batch {
            events: std::slice::from_ref(event),
            gap: None,
            cursor: event.id,
            unread: 1,
            time_ms: event.time_ms,
            course: Course::Replayed,
        };
        let envelope = |kind: Kind| Envelope {
            mechanism: kind.name(),
            units: dissected(&encoded(kind, &batch, date), joining(kind)),
        };
        Self {
            id: event.id.to_string(),
            channel: event.channel.to_string(),
            bytes: event.payload.bytes().len(),
            mechanisms: Kind::ALL.into_iter().map(envelope).collect(),
        }
    }
}

fn encoded(kind: Kind, batch: &Batch<'_>, date: &Date) -> Vec<u8> {
    let frame = match kind {
        Kind::Poll | Kind::LongPoll => {
            return long_poll::encode_answer(batch, &Manner::COMMON, date).bytes;
        }
        Kind::Iframe => iframe::encode(batch, iframe::Style::Messages, Coding::Chunked),
        Kind::XhrStream => xhr_stream::encode(batch, Coding::Chunked),
        Kind::Sse => sse::encode(batch, sse::Style::Bare),
        Kind::WebSocket => websocket::encode(batch, Dress::Bare),
    };
    frame.bytes().to_vec()
}

/// Where a client is that is sent a message.
fn joining(kind: Kind) -> Joining<'static> {
    let chunked = Body::new(Content::Chunked, usize::MAX).ok();
    match kind {
        Kind::Poll | Kind::LongPoll => Joining::Asked,
        Kind::Iframe => Joining::Stream { content_type: "text/html", body: chunked },
        Kind::XhrStream => Joining::Stream { content_type: "application/x-ndjson", body: chunked },
        Kind::Sse => Joining::Stream { content_type: "text/event-stream", body: None },
        Kind::WebSocket => Joining::Frames,
    }
}

fn dissected(bytes: &[u8], joining: Joining<'_>) -> Vec<UnitShape> {
    let mut units = Vec::new();
    Dissector::joining(joining).receive(Role::Server, bytes, &mut units);
    units.iter_mut().map(|unit| UnitShape::beginning(unit, LENS_UNIT_BYTES_MAX)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Instant;
    use crate::event::Payload;
    use crate::id::Id;

    #[test]
    fn every_envelope_carries_the_message_and_nothing_is_untold() {
        let event = Event {
            id: Id { epoch: 7, offset: 1 },
            time_ms: 1_000,
            at: Instant::ZERO,
            channel: Arc::from("news"),
            name: None,
            payload: Payload::Text("hello".into()),
        };
        let envelopes = Envelopes::of(&event, &Date::at(0));
        assert_eq!(envelopes.mechanisms.len(), Kind::ALL.len());
        for envelope in &envelopes.mechanisms {
            let spans = envelope.units.iter().flat_map(|unit| unit.layers.iter());
            let spans: Vec<_> = spans.flat_map(|layer| layer.spans.iter()).collect();
            let carries = spans.iter().any(|span| span.part == "payload" && span.value == "hello");
            assert!(carries, "{}: {envelope:?}", envelope.mechanism);
            assert!(spans.iter().all(|span| span.severity == "right"), "{envelope:?}");
        }
    }
}
