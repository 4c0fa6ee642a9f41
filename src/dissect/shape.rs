//! The shapes in which what was dissected is told to programs and to pages, and in which a recorded
//! conversation is kept.
//!
//! ```text
//! {"from":"client","offset":0,"name":"frame","summary":"text hi","share":{"head":0, … },
//!  "layers":[{"name":"WebSocket","hex":"8182…","spans":[{"name":"FIN","start":0, … }, … ]},
//!            {"name":"payload","hex":"6869","spans":[ … ]}],
//!  "violation":null}
//! ```

use serde::{Deserialize, Serialize};

use super::{Layer, Remedy, Unit};
use crate::cost::Bytes;
use crate::wire::response::reason;
use crate::wire::span;
use crate::wire::ws_frame::Role;

/// A unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UnitShape {
    /// `client` or `server`.
    pub from: String,
    /// Bytes of that direction in front of it.
    pub offset: u64,
    /// What it is: `request head`, `chunk`, `frame` …
    pub name: String,
    /// What it says, in a few words.
    pub summary: String,
    /// Its bytes on the wire, by what they are for.
    pub share: Bytes,
    /// The wire first, then what it carries.
    pub layers: Vec<LayerShape>,
    /// The rule that it breaks.
    pub violation: Option<ViolationShape>,
}

/// A layer of a unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LayerShape {
    /// What kind of bytes: `HTTP`, `chunked`, `WebSocket`, `event stream`, `payload` …
    pub name: String,
    /// The bytes, two digits each; live, the first of them.
    pub hex: String,
    /// What they are: groups in front of what they hold, leaves that tile the bytes.
    pub spans: Vec<SpanShape>,
}

/// What a run of bytes is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SpanShape {
    /// The field's name, in the specification's words.
    pub name: String,
    /// Where the specification says so.
    pub clause: String,
    /// What it is for, in one sentence.
    pub meaning: String,
    /// `head`, `framing`, `payload` or `control`.
    pub part: String,
    /// `right`, `open` or `wrong`.
    pub severity: String,
    /// The first of its bytes in the layer.
    pub start: usize,
    /// Behind the last of them.
    pub end: usize,
    /// Of one byte, the bits in front of it, and how many it has.
    pub bits: Option<(u8, u8)>,
    /// How many groups it is in.
    pub depth: u8,
    /// Whether it holds others.
    pub group: bool,
    /// What it says, cut where it is long.
    pub value: String,
}

/// A broken rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ViolationShape {
    /// Its name in the reason table.
    pub name: String,
    /// The clause that is broken; empty where the bound is ours.
    pub clause: String,
    /// What a person reads.
    pub message: String,
    /// What must be answered, in words.
    pub answer: String,
}

/// A conversation as it was recorded: it can be dissected again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recording {
    /// Always [`FORMAT`].
    pub format: String,
    /// What came, in order.
    pub pieces: Vec<Piece>,
}

/// Bytes that came at once.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Piece {
    /// `client` or `server`.
    pub from: String,
    /// When, in microseconds since 1970-01-01T00:00:00Z; 0 when nobody knows.
    pub time_us: u64,
    /// The bytes, two digits each.
    pub hex: String,
}

/// What a recording says that it is.
pub const FORMAT: &str = "pushscope recording 1";

impl UnitShape {
    /// Tells a unit.
    pub fn of(unit: &Unit) -> Self {
        Self {
            from: role(unit.from).to_owned(),
            offset: unit.offset,
            name: unit.name.to_owned(),
            summary: unit.summary.clone(),
            share: unit.books(),
            layers: unit.layers.iter().map(LayerShape::of).collect(),
            violation: unit.violation.map(|violation| ViolationShape {
                name: violation.name.to_owned(),
                clause: violation.clause.to_owned(),
                message: violation.message.to_owned(),
                answer: remedy(violation.answer),
            }),
        }
    }

    /// The same with so many bytes of each layer at most, told from the first on; all of its bytes
    /// have their share.
    pub fn beginning(unit: &mut Unit, bytes_max: usize) -> Self {
        let share = unit.books();
        unit.layers.iter_mut().for_each(|layer| cut(layer, bytes_max));
        Self { share, ..Self::of(unit) }
    }
}

fn cut(layer: &mut Layer, bytes_max: usize) {
    let end = layer.bytes.len().min(bytes_max);
    layer.bytes.truncate(end);
    layer.spans.retain(|span| span.start < end);
    layer.spans.iter_mut().for_each(|span| span.end = span.end.min(end));
}

impl LayerShape {
    fn of(layer: &Layer) -> Self {
        let spans = layer.spans.iter().map(|span| SpanShape {
            name: span.field.name.to_owned(),
            clause: span.field.clause.to_owned(),
            meaning: span.field.meaning.to_owned(),
            part: span.part.name().to_owned(),
            severity: span.severity.name().to_owned(),
            start: span.start,
            end: span.end,
            bits: span.bits.map(|bits| (bits.from, bits.count)),
            depth: span.depth,
            group: span.is_group,
            value: shown(layer, span),
        });
        Self {
            name: layer.name.to_owned(),
            hex: span::hex(&layer.bytes).replace(' ', ""),
            spans: spans.collect(),
        }
    }
}

/// The name of a side.
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// The side of that name.
pub fn role_named(name: &str) -> Option<Role> {
    [Role::Client, Role::Server].into_iter().find(|side| role(*side) == name)
}

/// What must be answered, in words.
pub fn remedy(remedy: Remedy) -> String {
    match remedy {
        Remedy::Status(status) => {
            format!("The server answers {status} {} and closes.", reason(status))
        }
        Remedy::Close(code) => {
            format!(
                "Whoever receives it MUST close the connection, and SHOULD send a Close frame with \
                 {code} first (RFC 6455 §7.1.7)."
            )
        }
        Remedy::MayClose(code) => {
            format!(
                "Whoever receives it MUST close the connection, and MAY send a Close frame with \
                 {code} first (RFC 6455 §5.1)."
            )
        }
        Remedy::Hang => "The client closes the connection.".to_owned(),
    }
}

/// The value of a span, cut where it is long.
fn shown(layer: &super::Layer, span: &span::Span) -> String {
    let bytes = layer.of(span);
    let head = bytes.get(..VALUE_BYTES).unwrap_or(bytes);
    let value = span.field.reading.value(head, span.bits);
    if head.len() < bytes.len() { format!("{value}…") } else { value }
}

/// Bytes of a value that are shown.
const VALUE_BYTES: usize = 256;
