//! What content is, as far as it can be told by now: events, lines, a document, JSON.

use super::json::{self, Found, Scan};
use super::{Layer, fields};
use crate::limits::{DISSECT_CARRIED_BYTES_MAX, DISSECT_UNIT_BYTES_MAX};
use crate::wire::event_stream::{self, Decoder, StreamEvent};
use crate::wire::span::{Field, Recorder, Span, Tape};
use crate::wire::ws_frame::Role;

/// What content is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Nothing that is read.
    Opaque,
    /// What its first bytes look like.
    Unknown,
    /// An event stream.
    EventStream,
    /// Lines of JSON.
    Lines,
    /// A document, which may have a script in each line.
    Document,
    /// JSON.
    Json,
}

impl Kind {
    /// What a media type says.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "text/event-stream" => Self::EventStream,
            "application/x-ndjson" => Self::Lines,
            "text/html" => Self::Document,
            "application/json" => Self::Json,
            _ => Self::Opaque,
        }
    }

    fn guess(content: &[u8]) -> Self {
        match content {
            [b'{', ..] => Self::Lines,
            [b'<', ..] => Self::Document,
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

/// The content of one message, across its units.
#[derive(Debug)]
pub(super) struct Carried {
    from: Role,
    kind: Kind,
    /// Why nobody reads it, where somebody could.
    pub(super) why: Option<String>,
    /// Content that has come and is in no layer yet: the beginning of a line, or of a text.
    bytes: Vec<u8>,
    tape: Tape,
    decoder: Decoder,
    /// What is too long to be kept is told as it comes, up to its end.
    long: Option<Long>,
    scan: Scan,
}

impl Carried {
    pub(super) fn new(from: Role, kind: Kind) -> Self {
        Self {
            from,
            kind,
            why: None,
            bytes: Vec::new(),
            tape: Tape::default(),
            decoder: Decoder::new(kept_max(from)),
            long: None,
            scan: Scan::default(),
        }
    }

    /// Content that nobody reads, and why.
    pub(super) fn unread(from: Role, why: String) -> Self {
        Self { why: Some(why), ..Self::new(from, Kind::Opaque) }
    }

    /// Takes more of it, and tells what is whole with that.
    pub(super) fn receive(&mut self, content: &[u8], layers: &mut Vec<Layer>) {
        if self.kind == Kind::Unknown && !content.is_empty() {
            self.kind = Kind::guess(content);
        }
        let mut events = Vec::new();
        match self.kind {
            Kind::Opaque | Kind::Unknown => return,
            Kind::EventStream => self.events(content, &mut events),
            Kind::Lines | Kind::Document => self.lines(content),
            Kind::Json => self.json(content),
        }
        layers.extend(self.layer());
        // What an event stream cannot carry as it is comes in an envelope.
        let envelopes = events.into_iter().filter(|event| event.name == "envelope");
        layers.extend(envelopes.filter_map(|event| {
            let tape = json::envelope(event.data.as_bytes())?;
            Some(finish("JSON", event.data.into_bytes(), tape))
        }));
    }

    /// The message has ended: what is left of it is all that there is.
    pub(super) fn end(&mut self, layers: &mut Vec<Layer>) {
        let left = self.bytes.get(self.tape.bytes()..).unwrap_or_default();
        match self.kind {
            _ if left.is_empty() => {}
            Kind::Lines => json::record_line(left, self.from, &mut self.tape),
            Kind::Document => json::record_line_of_document(left, &mut self.tape),
            Kind::Json if left.trim_ascii().is_empty() => {
                self.tape.take(left.len(), fields::ANYBODYS.white);
            }
            Kind::Json | Kind::EventStream => self.tape.skip(left.len(), &fields::UNFINISHED),
            Kind::Opaque | Kind::Unknown => {}
        }
        match (layers.get_mut(1), self.layer()) {
            (Some(layer), Some(rest)) => append(layer, rest),
            (None, Some(rest)) => layers.push(rest),
            (_, None) => {}
        }
        *self = Self::new(self.from, Kind::Opaque);
    }

    /// What has begun and not ended, where its end does not come with the connection's.
    pub(super) fn awaits(&self) -> Option<&'static str> {
        match self.kind {
            Kind::EventStream if !self.bytes.is_empty() || !self.tape.is_whole() => {
                Some("an event")
            }
            Kind::Lines if !self.bytes.is_empty() || self.long.is_some() => Some("a line"),
            Kind::Json if self.scan.is_within() => Some("a JSON text"),
            _ => None,
        }
    }

    fn events(&mut self, content: &[u8], events: &mut Vec<StreamEvent>) {
        let mut at = self.bytes.len();
        self.bytes.extend_from_slice(content);
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some(long) = &mut self.long {
                let end = long.end(rest);
                self.tape.take(end.unwrap_or(rest.len()), &fields::LONG_EVENT);
                at += end.unwrap_or(rest.len());
                if end.is_some() {
                    self.tape.leave();
                    self.long = None;
                    // A new stream would begin with a byte order mark; this one goes on.
                    self.decoder = Decoder::new(kept_max(self.from));
                    let last = self.bytes.get(at - 1..at).unwrap_or_default();
                    let _ = self.decoder.receive(last, events);
                }
            } else if self.decoder.receive_recorded(rest, events, &mut self.tape).is_ok() {
                return;
            } else {
                at = self.tape.bytes();
                if self.tape.is_whole() {
                    self.tape.enter(&event_stream::fields::EVENT);
                }
                let last = at.checked_sub(1).and_then(|last| self.bytes.get(last));
                self.long = Some(Long::behind(last.copied()));
            }
        }
    }

    fn lines(&mut self, content: &[u8]) {
        let mut at = self.bytes.len();
        self.bytes.extend_from_slice(content);
        let mut start = 0;
        while let Some(distance) = memchr::memchr(b'\n', self.bytes.get(at..).unwrap_or_default()) {
            at += distance + 1;
            let line = self.bytes.get(start..at).unwrap_or_default();
            match (self.long.take(), self.kind) {
                (Some(_), _) => self.tape.take(line.len(), self.long_line()),
                (None, Kind::Document) => json::record_line_of_document(line, &mut self.tape),
                (None, _) => json::record_line(line, self.from, &mut self.tape),
            }
            start = at;
        }
        let left = self.bytes.len() - start;
        if self.long.is_some() || left > kept_max(self.from) {
            self.tape.take(left, self.long_line());
            self.long = Some(Long::default());
        }
    }

    const fn long_line(&self) -> &'static Field {
        match self.kind {
            Kind::Document => &fields::DOCUMENT,
            _ => &fields::LONG_LINE,
        }
    }

    fn json(&mut self, content: &[u8]) {
        self.bytes.extend_from_slice(content);
        loop {
            let rest = self.bytes.get(self.tape.bytes()..).unwrap_or_default();
            match self.scan.advance(rest) {
                Found::End(end) => {
                    let text = rest.get(..end).unwrap_or(rest);
                    json::record_text(text, self.from, &mut self.tape);
                    self.scan = Scan::default();
                }
                Found::Nothing if rest.len() > kept_max(self.from) => {
                    self.why = Some("JSON that is too long to be read".to_owned());
                    break;
                }
                Found::Nothing => return,
                Found::Other => break,
            }
        }
        // What was told before stands.
        self.kind = Kind::Opaque;
        self.bytes.truncate(self.tape.bytes());
    }

    fn layer(&mut self) -> Option<Layer> {
        let told = self.tape.bytes();
        let name = match self.kind {
            Kind::EventStream => "event stream",
            Kind::Lines | Kind::Document => "lines",
            Kind::Json | Kind::Opaque | Kind::Unknown => "JSON",
        };
        if told == 0 {
            if self.kind == Kind::Opaque {
                self.bytes = Vec::new();
            }
            return None;
        }
        let spans = self.tape.cut();
        let bytes: Vec<u8> = self.bytes.drain(..told.min(self.bytes.len())).collect();
        Some(Layer { name, bytes, spans })
    }
}

/// An event that is too long: where it ends is found without keeping it.
#[derive(Debug, Default)]
struct Long {
    is_line_empty: bool,
    is_behind_cr: bool,
}

impl Long {
    /// One of which the bytes up to this one were told.
    const fn behind(last: Option<u8>) -> Self {
        let is_line_empty = matches!(last, Some(b'\r' | b'\n'));
        Self { is_line_empty, is_behind_cr: matches!(last, Some(b'\r')) }
    }

    /// Behind which of these bytes the empty line ends.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            let is_second_half = std::mem::take(&mut self.is_behind_cr) && *byte == b'\n';
            match byte {
                _ if is_second_half => {}
                b'\r' | b'\n' if self.is_line_empty => return Some(at + 1),
                b'\r' | b'\n' => {
                    self.is_line_empty = true;
                    self.is_behind_cr = *byte == b'\r';
                }
                _ => self.is_line_empty = false,
            }
        }
        None
    }
}

/// A layer of which all is told; what is not, is not read.
pub(super) fn finish(name: &'static str, bytes: Vec<u8>, mut tape: Tape) -> Layer {
    let left = bytes.len().saturating_sub(tape.bytes());
    tape.skip(left, &fields::UNREAD);
    Layer { name, bytes, spans: tape.end() }
}

/// Goes on with a layer.
fn append(layer: &mut Layer, rest: Layer) {
    let begin = layer.bytes.len();
    layer.bytes.extend(rest.bytes);
    let moved = |span: Span| Span { start: span.start + begin, end: span.end + begin, ..span };
    layer.spans.extend(rest.spans.into_iter().map(moved));
}

/// Bytes of an event, a line or a text that are kept until it is whole.
const fn kept_max(from: Role) -> usize {
    match from {
        Role::Client => DISSECT_UNIT_BYTES_MAX,
        Role::Server => DISSECT_CARRIED_BYTES_MAX,
    }
}
