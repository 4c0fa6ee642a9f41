//! What a unit is for, byte by byte, through all of its layers: as the ledger books it.

use super::{Layer, Unit, json};
use crate::cost::Bytes;
use crate::wire::chunked::fields::CHUNK;
use crate::wire::event_stream::fields as stream;
use crate::wire::span::{Field, Part, Span};

/// What content says.
#[derive(Clone, Copy)]
enum Says {
    /// Messages, with so many bytes of their own.
    Messages(u64),
    /// Something about the stream: a place in it, a gap, a heartbeat, its end.
    Control,
    /// Something that is not ours to know.
    Anything,
}

/// The bytes of a unit. What wraps a message is framing in whichever layer it stands, and what
/// carries no message at all is control; where that cannot be told, it is as on the wire.
pub(super) fn books(unit: &Unit) -> Bytes {
    let share = |part| unit.share(part) as u64;
    let wire = Bytes {
        head: share(Part::Head),
        framing: share(Part::Framing),
        payload: share(Part::Payload),
        control: share(Part::Control),
    };
    let is_chunk = unit
        .layers
        .first()
        .and_then(|layer| layer.spans.first())
        .is_some_and(|span| is(span, &CHUNK));
    if wire.payload == 0 {
        return if is_chunk { wire.as_control() } else { wire };
    }
    let Some((carried, behind)) = unit.layers.get(1..).and_then(<[Layer]>::split_first) else {
        return wire;
    };
    if carried.bytes.len() as u64 != wire.payload {
        // Part of it is told with another unit.
        return wire;
    }
    if carried.name == "event stream" {
        let told = events(carried, behind);
        return Bytes { framing: told.framing + wire.framing, head: wire.head, ..told };
    }
    match says(carried) {
        Says::Messages(payload) => {
            let framing = wire.framing + wire.payload.saturating_sub(payload);
            Bytes { framing, payload, ..wire }
        }
        Says::Control => wire.as_control(),
        Says::Anything => wire,
    }
}

/// The events of a stream, one by one: some carry messages, some do not.
fn events(layer: &Layer, envelopes: &[Layer]) -> Bytes {
    let mut sum = Bytes::ZERO;
    let mut envelopes = envelopes.iter().peekable();
    let mut told = 0;
    for group in layer.spans.iter().filter(|span| span.is_group && is(span, &stream::EVENT)) {
        let within = |span: &&Span| group.start <= span.start && span.end <= group.end;
        let leaves = || layer.spans.iter().filter(|span| !span.is_group).filter(within);
        let lines = leaves().filter(|span| is(span, &stream::DATA_NAME)).count();
        let data = leaves().filter(|span| is(span, &stream::DATA));
        let bytes: usize = data.map(|span| span.end - span.start).sum();
        // The line ends within the data were published; the last is the stream's own.
        let bytes = bytes + lines.saturating_sub(1);
        let named = |name: &[u8]| leaves().any(|span| layer.of(span) == name);
        let envelope = envelopes.next_if(|envelope| envelope.bytes.len() == bytes);
        let payload = match envelope.map(says) {
            _ if lines == 0 || named(b"gap") || named(b"end") => None,
            Some(Says::Messages(payload)) if named(b"envelope") => Some(payload),
            _ => Some(bytes as u64),
        };
        let whole = group.end - group.start;
        told += whole;
        sum += match payload {
            Some(payload) => {
                let framing = (whole as u64).saturating_sub(payload);
                Bytes { framing, payload, ..Bytes::ZERO }
            }
            None => Bytes::control(whole),
        };
    }
    // A byte order mark, and the second half of a line end.
    sum + Bytes::framing(layer.bytes.len().saturating_sub(told))
}

fn says(layer: &Layer) -> Says {
    let (mut payload, mut is_control) = (None, false);
    for span in layer.spans.iter().filter(|span| !span.is_group) {
        let bytes = layer.of(span);
        if is(span, &json::DATA) {
            payload = Some(payload.unwrap_or(0) + unescaped(bytes));
        } else if is(span, &json::BASE64) {
            payload = Some(payload.unwrap_or(0) + decoded(bytes));
        } else if is(span, &json::QUOTE) || (is(span, &json::NAME) && bytes == b"\"messages\"") {
            // A message may be empty, and so may a batch.
            payload = payload.or(Some(0));
        } else if is(span, &json::NAME) {
            is_control |= CONTROL.contains(&bytes);
        } else if is(span, &json::FUNCTION) {
            is_control = true;
        } else if is(span, &json::DOCUMENT) {
            // A comment pads the document, or is a heartbeat.
            is_control |= bytes.ends_with(b"-->\n");
        }
    }
    match payload {
        Some(payload) => Says::Messages(payload),
        None if is_control => Says::Control,
        None => Says::Anything,
    }
}

/// Bytes of a string before JSON has escaped them.
fn unescaped(bytes: &[u8]) -> u64 {
    let quoted = [b"\"", bytes, b"\""].concat();
    let text: Result<String, _> = serde_json::from_slice(&quoted);
    text.map_or(bytes.len(), |text| text.len()) as u64
}

/// Bytes before base64 has made text of them.
fn decoded(bytes: &[u8]) -> u64 {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    ((bytes.len() - padding) * 3 / 4) as u64
}

fn is(span: &Span, field: &'static Field) -> bool {
    std::ptr::eq(span.field, field)
}

/// Names of members that say something about the stream.
const CONTROL: [&[u8]; 5] = [b"\"gap\"", b"\"next\"", b"\"end\"", b"\"heartbeat\"", b"\"padding\""];
