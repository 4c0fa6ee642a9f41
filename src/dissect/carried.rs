//! What heads, chunks and frames carry: the layers above the wire.

use super::{Layer, json};
use crate::limits::DISSECT_UNIT_BYTES_MAX;
use crate::wire::event_stream::Decoder;
use crate::wire::span::{Bits, Field, Part, Reading, Recorder, Span, Tape};
use crate::wire::ws_frame::{self, mask, parse_close_recorded};
use crate::wire::{body, chunked, field};

/// What content is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Nothing that is read.
    Opaque,
    /// What its first bytes look like.
    Unknown,
    /// An event stream.
    EventStream,
    /// Lines of JSON, or a document with a script in each line.
    Lines,
    /// JSON.
    Json,
}

impl Kind {
    /// What a media type says.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "text/event-stream" => Self::EventStream,
            "application/x-ndjson" | "text/html" => Self::Lines,
            "application/json" => Self::Json,
            _ => Self::Opaque,
        }
    }

    fn guess(content: &[u8]) -> Self {
        match content {
            [b'{' | b'<', ..] => Self::Lines,
            [b':', ..] => Self::EventStream,
            _ if [&b"data"[..], b"id", b"event", b"retry"]
                .iter()
                .any(|name| content.starts_with(name)) =>
            {
                Self::EventStream
            }
            _ => Self::Opaque,
        }
    }
}

/// What one direction carries, across its units.
#[derive(Debug)]
pub(super) struct Carried {
    kind: Kind,
    /// Content that has come and is in no layer yet: the beginning of a line.
    bytes: Vec<u8>,
    decoder: Decoder,
    tape: Tape,
    /// The frame of which more is to come: its key, and bytes of its payload so far.
    frame: Option<(Option<[u8; 4]>, u64, usize)>,
}

impl Carried {
    pub(super) fn new(kind: Kind) -> Self {
        let (bytes, decoder) = (Vec::new(), Decoder::new(DISSECT_UNIT_BYTES_MAX));
        Self { kind, bytes, decoder, tape: Tape::default(), frame: None }
    }

    /// Adds what the wire's layer carries, and says in a few words what that is.
    pub(super) fn carry(&mut self, layers: &mut Vec<Layer>) -> String {
        let Some(wire) = layers.first() else { return String::new() };
        let group = wire.spans.first().map(|span| span.field);
        let is = |field: &'static Field| group.is_some_and(|group| std::ptr::eq(group, field));
        if is(&ws_frame::fields::FRAME) {
            let (summary, payload) = self.frame(wire);
            layers.extend(payload);
            return summary;
        }
        if is(&field::fields::REQUEST) {
            let [method, target] =
                [&field::fields::METHOD, &field::fields::TARGET].map(|part| said(wire, part));
            return format!("{method} {target}");
        }
        if is(&field::fields::RESPONSE) {
            let [status, reason] =
                [&field::fields::STATUS, &field::fields::REASON].map(|part| said(wire, part));
            return format!("{status} {reason}");
        }
        let content = content(wire);
        let bytes = content.len();
        let is_end = find(wire, &chunked::fields::TRAILER_END).is_some();
        self.content(&content, layers);
        match layers.get(1..) {
            Some([_, objects @ ..]) if !objects.is_empty() => {
                let said: Vec<String> = objects.iter().map(words).collect();
                said.join(" ")
            }
            Some([layer, ..]) => words(layer),
            _ if is_end => "the end".to_owned(),
            _ => format!("{bytes} bytes"),
        }
    }

    /// What content has begun and not ended.
    pub(super) fn awaits(&self) -> Option<&'static str> {
        match self.kind {
            _ if self.bytes.is_empty() && self.tape.is_whole() => None,
            Kind::EventStream => Some("an event"),
            Kind::Lines => Some("a line"),
            Kind::Json => Some("a JSON text"),
            Kind::Opaque | Kind::Unknown => None,
        }
    }

    /// What content is, as far as it can be told by now.
    fn content(&mut self, content: &[u8], layers: &mut Vec<Layer>) {
        if self.kind == Kind::Unknown && !content.is_empty() {
            self.kind = Kind::guess(content);
        }
        let mut events = Vec::new();
        match self.kind {
            Kind::Opaque | Kind::Unknown => return,
            Kind::EventStream => {
                self.bytes.extend_from_slice(content);
                if self.decoder.receive_recorded(content, &mut events, &mut self.tape).is_err() {
                    layers.extend(self.layer());
                    *self = Self::new(Kind::Opaque);
                    return;
                }
            }
            Kind::Lines => {
                self.bytes.extend_from_slice(content);
                let end = memchr::memrchr(b'\n', &self.bytes).map_or(0, |at| at + 1);
                let lines = self.bytes.get(self.tape.bytes()..end).unwrap_or_default();
                lines.split_inclusive(|byte| *byte == b'\n').for_each(|line| {
                    json::record_line(line, &mut self.tape);
                });
            }
            Kind::Json => {
                self.bytes.extend_from_slice(content);
                json::record(&self.bytes, &mut self.tape);
            }
        }
        layers.extend(self.layer());
        // What an event stream cannot carry as it is comes in an envelope.
        let envelopes = events.into_iter().map(|event| event.data.into_bytes());
        layers.extend(envelopes.filter_map(|data| {
            let tape = json::object(&data)?;
            Some(finish("JSON", data, tape))
        }));
    }

    fn layer(&mut self) -> Option<Layer> {
        let name = match self.kind {
            Kind::EventStream => "event stream",
            Kind::Lines => "lines",
            _ => "JSON",
        };
        let told = self.tape.bytes();
        if told == 0 {
            if self.bytes.len() > DISSECT_UNIT_BYTES_MAX {
                self.kind = Kind::Opaque;
                self.bytes.clear();
            }
            return None;
        }
        let spans = self.tape.cut();
        let bytes: Vec<u8> = self.bytes.drain(..told.min(self.bytes.len())).collect();
        Some(Layer { name, bytes, spans })
    }

    /// What a frame carries, unmasked, and in a few words.
    fn frame(&mut self, wire: &Layer) -> (String, Option<Layer>) {
        let number = |field| number(wire, field);
        let fields = &ws_frame::fields::FRAME;
        let begins = wire.spans.iter().any(|span| std::ptr::eq(span.field, &ws_frame::fields::FIN));
        if begins {
            let key = find(wire, &ws_frame::fields::MASKING_KEY)
                .and_then(|span| wire.of(span).try_into().ok());
            self.frame = number(&ws_frame::fields::OPCODE).map(|opcode| (key, opcode, 0));
        }
        let Some((key, opcode, at)) = &mut self.frame else {
            return (format!("{} that is not read", fields.name), None);
        };
        let payload = find(wire, &ws_frame::fields::MASKED)
            .or_else(|| find(wire, &ws_frame::fields::PAYLOAD));
        let masked = payload.map_or(&[][..], |span| wire.of(span));
        let mut bytes = masked.to_vec();
        mask(&mut bytes, key.unwrap_or_default(), *at);
        *at += bytes.len();
        let opcode = *opcode;
        let is_masked = key.is_some();
        let name = Reading::value(ws_frame::fields::OPCODE.reading, &[opcode_byte(opcode)], LOW);
        let name = name.split_once(' ').map_or("frame", |(_, name)| name).to_owned();
        let summary = match opcode {
            CLOSE if !bytes.is_empty() => {
                let mut tape = Tape::default();
                let _ = parse_close_recorded(&bytes, &mut tape);
                let layer = finish(PAYLOAD, bytes, tape);
                return (format!("{name} {}", words(&layer)), Some(layer));
            }
            TEXT | CONTINUATION => format!("{name} {}", text(&bytes)),
            _ => format!("{name}, {} bytes", bytes.len()),
        };
        let envelope = (opcode == TEXT).then(|| json::object(&bytes)).flatten();
        let layer = match envelope {
            Some(tape) => Some(finish("JSON", bytes, tape)),
            None if is_masked && !bytes.is_empty() => {
                let mut tape = Tape::default();
                tape.take(bytes.len(), plain(opcode));
                Some(finish(PAYLOAD, bytes, tape))
            }
            None => None,
        };
        (summary, layer)
    }
}

/// A layer of which all is told; what is not, is not read.
fn finish(name: &'static str, bytes: Vec<u8>, mut tape: Tape) -> Layer {
    let left = bytes.len().saturating_sub(tape.bytes());
    tape.skip(left, &super::words::UNREAD);
    Layer { name, bytes, spans: tape.end() }
}

/// The content that a chunk or a run of content carries.
fn content(wire: &Layer) -> Vec<u8> {
    let carries = |span: &&Span| {
        std::ptr::eq(span.field, &chunked::fields::CHUNK_DATA)
            || std::ptr::eq(span.field, &body::CONTENT)
    };
    wire.spans.iter().filter(carries).flat_map(|span| wire.of(span)).copied().collect()
}

fn find<'l>(layer: &'l Layer, field: &'static Field) -> Option<&'l Span> {
    layer.spans.iter().find(|span| std::ptr::eq(span.field, field))
}

fn said(layer: &Layer, field: &'static Field) -> String {
    find(layer, field).map(|span| layer.value(span)).unwrap_or_default()
}

fn number(layer: &Layer, field: &'static Field) -> Option<u64> {
    let span = find(layer, field)?;
    Some(span.bits?.of(layer.of(span)))
}

/// What a layer says, in a few words: its payload, or what else has a value.
fn words(layer: &Layer) -> String {
    let leaves = || layer.spans.iter().filter(|span| !span.is_group);
    let payload = leaves().filter(|span| span.part == Part::Payload);
    let said: Vec<String> = payload.map(|span| text(layer.of(span))).collect();
    if !said.is_empty() {
        return said.join(" ");
    }
    let values = leaves().filter(|span| !std::ptr::eq(span.field, &json::NAME));
    let values = values.map(|span| layer.value(span)).filter(|value| !value.is_empty());
    let words = values.take(4).map(|value| text(value.trim_matches('"').as_bytes()));
    let values: Vec<String> = words.collect();
    if values.is_empty() { "heartbeat".to_owned() } else { values.join(" ") }
}

/// The beginning of a text, fit for a line.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::new();
    for character in text.chars().take(WORDS_CHARS) {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    if text.chars().nth(WORDS_CHARS).is_some() { format!("{shown}…") } else { shown }
}

/// What an unmasked payload is.
const fn plain(opcode: u64) -> &'static Field {
    match opcode {
        PING | PONG => &ws_frame::fields::APPLICATION_DATA,
        _ => &ws_frame::fields::PAYLOAD,
    }
}

fn opcode_byte(opcode: u64) -> u8 {
    u8::try_from(opcode).unwrap_or_default()
}

const CONTINUATION: u64 = 0x0;
const TEXT: u64 = 0x1;
const CLOSE: u64 = 0x8;
const PING: u64 = 0x9;
const PONG: u64 = 0xa;
const LOW: Option<Bits> = Some(Bits { from: 4, count: 4 });
const PAYLOAD: &str = "payload";
/// Characters of a text that a summary shows.
const WORDS_CHARS: usize = 60;
