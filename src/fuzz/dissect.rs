//! The dissector under whatever comes, and what our own encoders make of any payload.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pieces;
use crate::clock::Instant;
use crate::dissect::shape::UnitShape;
use crate::dissect::{Dissector, Joining, Layer, Protocol, Unit};
use crate::event::{Batch, Course, Event, Payload};
use crate::id::Id;
use crate::wire::date::Date;
use crate::wire::response::ResponseHead;
use crate::wire::span::{Severity, untiled};
use crate::wire::ws_frame::{FrameHead, Opcode, Role, encode, encode_frame, mask};
use crate::wire::{chunked, event_stream, json, script};

/// Whatever two sides say is told once and tiled, and means the same however it is cut.
///
/// The first byte says what they begin with. Then come pieces: a byte whose top bit says whose it
/// is and whose other bits how long it is, and so many bytes.
pub fn dissect(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let [protocol, is_alone] = [first & 3, first >> 2 & 1];
    let protocol = Protocol::ALL.get(usize::from(protocol)).copied().unwrap_or(Protocol::Http);
    let mut said = Vec::new();
    while let Some((head, behind)) = rest.split_first() {
        let from = if head & 0x80 == 0 { Role::Client } else { Role::Server };
        let (piece, more) = behind.split_at(usize::from(head & 0x7f).min(behind.len()));
        said.push((from, piece));
        rest = more;
    }
    let begin = || match is_alone {
        0 => Dissector::beginning(protocol),
        _ => Dissector::alone(protocol),
    };
    let whole = told(begin(), &said, |piece| vec![piece]);
    let bytewise = told(begin(), &said, |piece| piece.chunks(1).collect());
    assert_eq!(bytewise, whole, "byte by byte");
    assert_eq!(told(begin(), &said, |piece| pieces(piece).collect()), whole, "cut");
}

/// What our encoders write breaks no rule, and its payload is found in it.
pub fn encoded(data: &[u8]) {
    frames(data);
    content(data);
    let payload = match str::from_utf8(data) {
        Ok(text) => Payload::Text(text.into()),
        Err(_) => Payload::Binary(data.into()),
    };
    if let Payload::Text(text) = &payload {
        events(text);
    }
    let name = str::from_utf8(data).ok().map(Arc::from);
    let id = Id { epoch: 17, offset: data.len() as u64 };
    objects(&Event { id, time_ms: 0, at: Instant::ZERO, channel: "c".into(), name, payload });
}

/// A run of one side: what it is, where it begins and ends, and the first byte of it that is wrong.
type Run = (Role, String, u64, u64, Option<usize>);

fn told<'b>(
    mut dissector: Dissector,
    said: &[(Role, &'b [u8])],
    cut: impl Fn(&'b [u8]) -> Vec<&'b [u8]>,
) -> Vec<Run> {
    let mut units = Vec::new();
    for (from, bytes) in said {
        for piece in cut(bytes) {
            dissector.receive(*from, piece, &mut units);
        }
    }
    let sides = [Role::Client, Role::Server];
    sides.iter().for_each(|side| dissector.end(*side, &mut units));
    assert_eq!(sides.map(|side| dissector.waiting(side)), [0, 0], "nothing is kept");
    let mut runs = Vec::new();
    for side in sides {
        let of_side: Vec<&Unit> = units.iter().filter(|unit| unit.from == side).collect();
        check(side, &of_side, said);
        runs.extend(joined(&of_side));
    }
    runs
}

/// Every layer is tiled, and the units are all that this side has said.
fn check(side: Role, units: &[&Unit], said: &[(Role, &[u8])]) {
    let bytes = said.iter().filter(|(from, _)| *from == side).flat_map(|(_, bytes)| *bytes);
    let bytes: Vec<u8> = bytes.copied().collect();
    let (mut told, mut kept) = (Vec::new(), 0);
    for unit in units {
        assert_eq!(unit.offset, told.len() as u64, "{}", unit.name);
        told.extend_from_slice(unit.bytes());
        for layer in &unit.layers {
            assert_eq!(untiled(&layer.spans, layer.bytes.len()), None, "{layer:?}");
            assert!(layer.spans.iter().all(|span| span.end <= layer.bytes.len()), "{layer:?}");
            kept += layer.bytes.len();
        }
        assert_eq!(unit.books().total(), unit.bytes().len() as u64, "each byte is booked once");
        let _ = UnitShape::of(unit);
    }
    assert_eq!(told, bytes, "each byte is told once");
    assert!(kept <= LAYERS_MAX * bytes.len(), "{kept} bytes are kept of {}", bytes.len());
}

/// The units as far as they do not depend on how their bytes came: content that ends with the
/// connection comes in pieces, and so does what is not read.
fn joined(units: &[&Unit]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for unit in units {
        let (from, end) = (unit.from, unit.offset + unit.bytes().len() as u64);
        match runs.last_mut() {
            // Behind what is wrong nothing is read.
            Some((_, _, _, last, Some(_))) => *last = end,
            Some((_, name, _, last, None)) if name == unit.name && CUT.contains(&unit.name) => {
                *last = end;
            }
            _ => {
                let wrong = unit.violation.map(|violation| (violation.name, wrong_start(unit)));
                let name = wrong.map_or(unit.name, |(name, _)| name).to_owned();
                runs.push((from, name, unit.offset, end, wrong.map(|(_, start)| start)));
            }
        }
    }
    runs
}

/// The first byte that is blamed; how far the line goes on may not be known yet.
fn wrong_start(unit: &Unit) -> usize {
    let spans = unit.layers.first().map_or(&[][..], |layer| &layer.spans);
    let wrong = spans.iter().filter(|span| !span.is_group && span.severity == Severity::Wrong);
    wrong.map(|span| span.start).min().unwrap_or(0)
}

fn frames(data: &[u8]) {
    let opcode = if str::from_utf8(data).is_ok() { Opcode::Text } else { Opcode::Binary };
    let mut bytes = Vec::new();
    encode_frame(opcode, data, &mut bytes);
    let units = right(Protocol::WebSocket, Role::Server, &bytes);
    assert_eq!(leaves(&units, 0, "Payload Data"), data, "from a server");

    let key = data.first_chunk().copied().unwrap_or_default();
    let length = data.len() as u64;
    let mut bytes = Vec::new();
    encode(FrameHead { fin: true, opcode, masking_key: Some(key), length }, &mut bytes);
    let mut masked = data.to_vec();
    mask(&mut masked, key, 0);
    bytes.extend_from_slice(&masked);
    let units = right(Protocol::WebSocket, Role::Client, &bytes);
    assert_eq!(leaves(&units, 0, "Payload Data, masked"), masked, "from a client");
    let unmasked = units.iter().flat_map(|unit| &unit.layers).nth(1);
    assert_eq!(unmasked.map_or(&[][..], |layer| &layer.bytes), data, "unmasked");
}

fn content(data: &[u8]) {
    let mut bytes = Vec::new();
    pieces(data).for_each(|piece| chunked::encode(piece, &mut bytes));
    bytes.extend_from_slice(chunked::LAST_CHUNK);
    let units = right(Protocol::Chunked, Role::Server, &bytes);
    assert_eq!(leaves(&units, 0, "chunk-data"), data, "chunks");

    let text = String::from_utf8_lossy(data);
    let head = ResponseHead::new(200, &Date::at(0)).field("X-Any", &text);
    let bytes = head.field(&text, "any").end_with(data);
    let units = right(Protocol::Http, Role::Server, &bytes);
    assert_eq!(leaves(&units, 0, "content"), data, "content");
}

fn events(text: &str) {
    let (name, text) =
        text.split_once('\u{2}').map_or((None, text), |(name, text)| (Some(name), text));
    let mut bytes = Vec::new();
    if event_stream::encode(Some("7-1"), name, text, &mut bytes).is_err() {
        return;
    }
    let units = right(Protocol::EventStream, Role::Server, &bytes);
    let spans = units.iter().filter_map(|unit| unit.layers.get(1)).flat_map(|layer| {
        let data = layer.spans.iter().filter(|span| span.field.name == "data");
        data.map(|span| layer.of(span))
    });
    let lines: Vec<&[u8]> = spans.collect();
    // A line that is empty has no value to be told.
    let expected = text.split('\n').filter(|line| !line.is_empty()).map(str::as_bytes);
    assert!(lines.iter().copied().eq(expected), "{text:?}: {lines:?}");
}

fn objects(event: &Event) {
    let mut object = Vec::new();
    json::encode_message(event, &mut object);
    let mut bytes = Vec::new();
    encode_frame(Opcode::Text, &object, &mut bytes);
    let dissector = Dissector::joining(Joining::Envelopes);
    carries(&right_of(dissector, Role::Server, &bytes), event);

    let mut bytes = of_type("text/html");
    bytes.extend_from_slice(script::START);
    bytes.extend_from_slice(b"message(");
    json::encode_message_for_script(event, &mut bytes);
    bytes.extend_from_slice(script::END);
    bytes.push(b'\n');
    carries(&right(Protocol::Http, Role::Server, &bytes), event);

    let (events, cursor) = (std::slice::from_ref(event), event.id);
    let batch =
        Batch { events, gap: None, cursor, unread: 1, time_ms: 0, course: Course::Replayed };
    let mut bytes = of_type("application/json");
    json::encode_batch(&batch, &mut bytes);
    carries(&right(Protocol::Http, Role::Server, &bytes), event);
}

/// The payload is in the innermost layer, escaped.
fn carries(units: &[Unit], event: &Event) {
    let (name, found) = match &event.payload {
        Payload::Text(_) => ("data", leaves(units, 1, "data")),
        Payload::Binary(_) => ("base64", leaves(units, 1, "base64")),
    };
    let quoted = [&b"\""[..], &found, b"\""].concat();
    let text: Result<String, _> = serde_json::from_slice(&quoted);
    let expected = match &event.payload {
        Payload::Text(text) => text.to_string(),
        Payload::Binary(bytes) => STANDARD.encode(bytes),
    };
    assert_eq!(text.ok(), Some(expected), "{name}");
}

/// Units in which nothing is wrong.
fn right(protocol: Protocol, from: Role, bytes: &[u8]) -> Vec<Unit> {
    right_of(Dissector::alone(protocol), from, bytes)
}

fn right_of(mut dissector: Dissector, from: Role, bytes: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    dissector.receive(from, bytes, &mut units);
    dissector.end(from, &mut units);
    for unit in &units {
        assert!(unit.violation.is_none(), "{unit:?}");
        for layer in &unit.layers {
            assert_eq!(untiled(&layer.spans, layer.bytes.len()), None, "{layer:?}");
            assert!(layer.spans.iter().all(|span| span.severity != Severity::Wrong), "{layer:?}");
        }
    }
    units
}

/// The bytes of all leaves of this name in the layers of this depth.
fn leaves(units: &[Unit], depth: usize, name: &str) -> Vec<u8> {
    let layers = units.iter().filter_map(|unit| unit.layers.get(depth));
    let bytes = |layer: &Layer| -> Vec<u8> {
        let spans = layer.spans.iter().filter(|span| !span.is_group && span.field.name == name);
        spans.flat_map(|span| layer.of(span)).copied().collect()
    };
    layers.flat_map(bytes).collect()
}

/// The head of an answer that lasts as long as its connection.
fn of_type(media_type: &str) -> Vec<u8> {
    ResponseHead::new(200, &Date::at(0)).field("Content-Type", media_type).end()
}

/// Units that come in as many pieces as their bytes.
const CUT: [&str; 6] = ["content", "not read", "unfinished", "tunnel", "HTTP/2", "other protocol"];
/// How often a byte may be kept: on the wire, in what that carries, and in what that carries.
const LAYERS_MAX: usize = 3;
