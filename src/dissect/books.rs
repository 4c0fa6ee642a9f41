//! What a unit is for, byte by byte, through all of its layers: as the ledger books it.

use super::{Layer, Unit, fields};
use crate::cost::Bytes;
use crate::wire::chunked::fields::CHUNK;
use crate::wire::event_stream::fields as stream;
use crate::wire::field::fields as head;
use crate::wire::span::{Field, Part, Span};

/// The bytes of a unit. What wraps a message is framing in whichever layer it stands, and what
/// carries no message at all is control. Only fields count that say whose bytes they are: what
/// anybody may have published is payload, whatever it looks like.
pub(super) fn books(unit: &Unit) -> Bytes {
    let Some(first) = unit.layers.first() else { return Bytes::ZERO };
    let share = |part| first.share(part) as u64;
    let wire = Bytes {
        head: share(Part::Head),
        framing: share(Part::Framing),
        payload: share(Part::Payload),
        control: share(Part::Control),
    };
    if has_no_news(unit) {
        return wire.as_control();
    }
    let is_chunk = first.spans.first().is_some_and(|span| is(span, &CHUNK));
    if wire.payload == 0 {
        return if is_chunk { wire.as_control() } else { wire };
    }
    let Some((carried, behind)) = unit.layers.get(1..).and_then(<[Layer]>::split_first) else {
        return wire;
    };
    let told = match carried.name {
        "event stream" => events(carried, behind),
        _ => said(carried),
    };
    if told.control > 0 && told.payload + told.framing == 0 && told.control >= wire.payload {
        return wire.as_control();
    }
    // What of it came with other units, or is told with them, is taken for payload.
    let control = told.control.min(wire.payload);
    let framing = told.framing.min(wire.payload - control);
    Bytes {
        head: wire.head,
        framing: wire.framing + framing,
        payload: wire.payload - control - framing,
        control: wire.control + control,
    }
}

/// Whether it is a head that says that there is nothing to say.
fn has_no_news(unit: &Unit) -> bool {
    let Some(layer) = unit.layers.first() else { return false };
    let status = layer.spans.iter().find(|span| is(span, &head::STATUS));
    status.is_some_and(|span| matches!(layer.of(span), b"204" | b"304"))
}

/// The events of a stream, one by one: some carry messages, some do not.
fn events(layer: &Layer, envelopes: &[Layer]) -> Bytes {
    let mut sum = Bytes::ZERO;
    let mut envelopes = envelopes.iter().peekable();
    let mut told = 0;
    let mut spans = layer.spans.iter().peekable();
    while let Some(group) = spans.next() {
        if !is(group, &stream::EVENT) {
            continue;
        }
        let mut event = Event::default();
        while let Some(leaf) = spans.next_if(|span| span.start < group.end) {
            event.add(leaf, layer);
        }
        let bytes = event.payload();
        let envelope = envelopes.next_if(|envelope| event.is_envelope(envelope));
        let whole = group.end - group.start;
        told += whole;
        sum += if group.part == Part::Control || event.is_control() {
            Bytes::control(whole)
        } else {
            let payload = envelope.map_or(bytes, |envelope| said(envelope).payload);
            let framing = (whole as u64).saturating_sub(payload);
            Bytes { framing, payload, ..Bytes::ZERO }
        };
    }
    // A byte order mark, and the second half of a line end.
    let rest = layer.bytes.len().saturating_sub(told);
    if sum.payload + sum.framing == 0 {
        sum + Bytes::control(rest)
    } else {
        sum + Bytes::framing(rest)
    }
}

/// What was found in an event.
#[derive(Default)]
struct Event<'l> {
    lines: u64,
    data: u64,
    /// Bytes that were told in pieces.
    long: u64,
    name: &'l [u8],
    is_name: bool,
}

impl<'l> Event<'l> {
    fn add(&mut self, leaf: &Span, layer: &'l Layer) {
        let bytes = leaf.end - leaf.start;
        if is(leaf, &stream::DATA_NAME) {
            self.lines += 1;
        } else if is(leaf, &stream::DATA) {
            self.data += bytes as u64;
        } else if is(leaf, &fields::LONG_EVENT) {
            self.long += bytes as u64;
        } else if is(leaf, &stream::VALUE) && self.is_name {
            self.name = layer.of(leaf);
        }
        let is_within_name = is(leaf, &stream::COLON) || is(leaf, &stream::SPACE);
        self.is_name = is(leaf, &stream::EVENT_NAME) || self.is_name && is_within_name;
    }

    /// The line ends within the data were published; the last is the stream's own.
    const fn payload(&self) -> u64 {
        self.data + self.lines.saturating_sub(1) + self.long
    }

    /// Whether it says something about the stream: nobody else may use these names.
    fn is_control(&self) -> bool {
        matches!(self.name, b"gap" | b"end")
    }

    fn is_envelope(&self, layer: &Layer) -> bool {
        self.name == b"envelope" && layer.bytes.len() as u64 == self.payload()
    }
}

/// What anything but an event stream says.
fn said(layer: &Layer) -> Bytes {
    let mut sum = Bytes::ZERO;
    for span in layer.spans.iter().filter(|span| !span.is_group) {
        let bytes = span.end - span.start;
        let payload = match span.part {
            _ if is(span, &fields::DATA) => unescaped(layer.of(span)),
            _ if is(span, &fields::BASE64) => decoded(layer.of(span)),
            Part::Payload => bytes as u64,
            Part::Head | Part::Framing | Part::Control => 0,
        };
        sum += match span.part {
            Part::Control => Bytes::control(bytes),
            _ => Bytes { framing: bytes as u64 - payload, payload, ..Bytes::ZERO },
        };
    }
    sum
}

/// Bytes of a string before JSON has escaped them.
fn unescaped(bytes: &[u8]) -> u64 {
    let quoted = [b"\"", bytes, b"\""].concat();
    let text: Result<String, _> = serde_json::from_slice(&quoted);
    text.map_or(bytes.len(), |text| text.len().min(bytes.len())) as u64
}

/// Bytes before base64 has made text of them.
fn decoded(bytes: &[u8]) -> u64 {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    ((bytes.len() - padding) * 3 / 4) as u64
}

fn is(span: &Span, field: &'static Field) -> bool {
    fields::is(span.field, field)
}
