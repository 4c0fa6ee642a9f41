//! Bytes that somebody has kept, explained: what stands in a file, in a dump or in a capture, told
//! unit by unit by the codecs that serve.
//!
//! Bytes are pushed, cut anywhere; what they are is told to an [`Audience`] as soon as it is known,
//! and then forgotten, so that a file may be longer than the memory.
//!
//! ```text
//!   hex dump ─▶ bytes ─┬──────────────────────────▶ conversation ─▶ dissector ─▶ audience
//!                      ├─ recording ─ pieces ─────▶      │                        text
//!                      └─ capture ─ packets ─ TCP ▶      └ one per connection     JSON
//!                                                                                 page
//! ```

mod capture;
mod conversation;
mod hex;
pub mod html;
mod source;
pub mod text;

use std::fmt;
use std::io;

use crate::cost::Bytes;
use crate::dissect::{Dissector, Layer, Remedy, UNREAD, Unit, Violation};
use crate::limits::EXPLAIN_SLICE_BYTES;
use crate::prose::number;
use crate::wire::span::{Part, Severity, Span};
use crate::wire::ws_frame::Role;

pub use hex::HexError;
pub use source::{Explainer, Settings};

/// Whoever is told what the bytes are.
pub trait Audience {
    /// Tells it the next thing.
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()>;
}

/// What can be told.
#[derive(Clone, Copy, Debug)]
pub enum Told<'t> {
    /// A connection begins, or goes on behind another one; only a capture has several.
    Connection(Ends<'t>),
    /// A unit of it.
    Unit {
        /// Units in front of it, over all connections, and itself.
        number: u64,
        /// The number of its connection, from 1 on.
        connection: u32,
        /// The unit.
        unit: &'t Unit,
    },
    /// What else there is to say about a connection: a hole, an end within something.
    Note {
        /// The number of the connection; 0 for what belongs to none.
        connection: u32,
        /// A sentence.
        words: &'t str,
    },
}

/// The ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'t> {
    /// Its number, from 1 on.
    pub number: u32,
    /// The address and the port of whoever asked for it.
    pub client: &'t str,
    /// The address and the port of whoever accepted it.
    pub server: &'t str,
    /// Whether it was told of before, and others since.
    pub is_back: bool,
}

/// What was found in the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Findings {
    /// Units that were told.
    pub units: u64,
    /// Their bytes, on the wire.
    pub bytes: u64,
    /// Bytes that are in no unit, as nobody can read them: notes have said so.
    pub unread: u64,
    /// Bytes of a capture that were put in order: all of them are in a unit, or unread.
    pub joined: u64,
    /// The first rule that is broken.
    pub broken: Option<Broken>,
    /// What was not read on, though no rule is broken: a bound of pushscope forbids it.
    pub bound: Option<Broken>,
}

/// A rule that is broken, or a bound that is met, and where.
#[derive(Clone, Copy, Debug)]
pub struct Broken {
    /// The number of the unit.
    pub unit: u64,
    /// The number of its connection.
    pub connection: u32,
    /// Who has broken it.
    pub from: Role,
    /// Bytes of that direction in front of what is wrong.
    pub offset: u64,
    /// The name of what is wrong: the innermost field that is to blame.
    pub field: &'static str,
    /// The rule.
    pub violation: Violation,
}

/// Why something cannot be explained, or not to its end.
#[derive(Debug)]
pub enum ExplainError {
    /// A dump is none.
    Hex(HexError),
    /// There is not one byte.
    Empty,
    /// The bytes look like nothing that is known; what they may be instead, in words.
    Unknown(&'static str),
    /// A recording cannot be read: where, and why.
    Recording(String),
    /// A capture cannot be read: at which byte, and why.
    Capture(u64, &'static str),
    /// All packets of a capture are of a link type that is not known.
    Link(u32),
    /// A capture has no connection that could be explained.
    Nothing(String),
    /// The bytes cannot be read.
    Source(io::Error),
    /// Whoever is told does not listen any more.
    Audience(io::Error),
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hex(error) => error.fmt(f),
            Self::Empty => f.write_str("there is nothing to explain: not one byte"),
            Self::Unknown(hint) => write!(
                f,
                "it is unfinished, or looks like nothing that is known: neither HTTP, chunks, an \
                 event stream or WebSocket frames, nor a capture or a recording; {hint}"
            ),
            Self::Recording(why) => write!(f, "the recording cannot be read: {why}"),
            Self::Capture(at, why) => {
                write!(f, "the capture cannot be read on from byte {}: {why}", number(*at))
            }
            Self::Link(link) => write!(
                f,
                "the capture cannot be read: its packets are of link type {link}, and known are \
                 only {LINKS}"
            ),
            Self::Nothing(why) => write!(f, "the capture has nothing to explain: {why}"),
            Self::Source(error) => write!(f, "it cannot be read: {error}"),
            Self::Audience(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for ExplainError {}

impl From<io::Error> for ExplainError {
    fn from(error: io::Error) -> Self {
        Self::Audience(error)
    }
}

impl From<HexError> for ExplainError {
    fn from(error: HexError) -> Self {
        Self::Hex(error)
    }
}

/// An audience, and what it was told so far.
#[derive(Debug)]
struct Telling<A> {
    audience: A,
    findings: Findings,
    units: Vec<Unit>,
}

impl<A: Audience> Telling<A> {
    const fn new(audience: A) -> Self {
        let findings =
            Findings { units: 0, bytes: 0, unread: 0, joined: 0, broken: None, bound: None };
        Self { audience, findings, units: Vec::new() }
    }

    /// Has bytes dissected, and tells what they are. Many small units are told in several parts.
    fn dissect(
        &mut self,
        connection: u32,
        dissector: &mut Dissector,
        from: Role,
        bytes: &[u8],
    ) -> io::Result<Unread> {
        let mut unread = Unread::default();
        for slice in bytes.chunks(EXPLAIN_SLICE_BYTES) {
            dissector.receive(from, slice, &mut self.units);
            unread.add(self.tell_units(connection)?);
        }
        Ok(unread)
    }

    /// Tells the units that are there; gives what nobody can read for what is wrong before it.
    fn tell_units(&mut self, connection: u32) -> io::Result<Unread> {
        let mut unread = Unread::default();
        for unit in self.units.drain(..) {
            let bytes = unit.bytes().len() as u64;
            if is_unread(&unit) {
                unread.count(unit.from, bytes);
                continue;
            }
            self.findings.units += 1;
            self.findings.bytes += bytes;
            let number = self.findings.units;
            if let Some(violation) = unit.violation {
                let Findings { broken, bound, .. } = &mut self.findings;
                let first = if is_bound(violation) { bound } else { broken };
                first.get_or_insert_with(|| broken_at(connection, number, &unit, violation));
            }
            self.audience.tell(&Told::Unit { number, connection, unit: &unit })?;
        }
        Ok(unread)
    }

    fn note(&mut self, connection: u32, words: &str) -> io::Result<()> {
        self.audience.tell(&Told::Note { connection, words })
    }
}

/// Bytes of each side that nobody can read.
#[derive(Clone, Copy, Debug, Default)]
struct Unread {
    client: u64,
    server: u64,
}

impl Unread {
    fn count(&mut self, from: Role, bytes: u64) {
        match from {
            Role::Client => self.client += bytes,
            Role::Server => self.server += bytes,
        }
    }

    fn add(&mut self, other: Self) {
        self.client += other.client;
        self.server += other.server;
    }

    const fn of(self, from: Role) -> u64 {
        match from {
            Role::Client => self.client,
            Role::Server => self.server,
        }
    }
}

fn is_unread(unit: &Unit) -> bool {
    let first = unit.layers.first().and_then(|layer| layer.spans.first());
    unit.violation.is_none() && first.is_some_and(|span| std::ptr::eq(span.field, &UNREAD))
}

/// Whether what was refused breaks no rule: it is too long for pushscope, or unknown to it, and a
/// clause lets whoever receives it say so.
fn is_bound(violation: Violation) -> bool {
    let is_too_long = BOUNDS.contains(&violation.clause);
    is_too_long || matches!(violation.answer, Remedy::Status(414 | 501))
}

fn broken_at(connection: u32, number: u64, unit: &Unit, violation: Violation) -> Broken {
    let spans = unit.layers.first().map_or(&[][..], |layer| &layer.spans);
    let wrong = spans.iter().rfind(|span| span.severity == Severity::Wrong);
    Broken {
        unit: number,
        connection,
        from: unit.from,
        offset: unit.offset + wrong.map_or(0, |span| span.start as u64),
        field: wrong.map_or(unit.name, |span| span.field.name),
        violation,
    }
}

/// The value of a field, cut where it is longer than so many bytes.
fn value(layer: &Layer, span: &Span, bytes_max: usize) -> String {
    let bytes = layer.of(span);
    let head = bytes.get(..bytes_max).unwrap_or(bytes);
    let value = span.field.reading.value(head, span.bits);
    if head.len() == bytes.len() {
        return value;
    }
    // A character may have been cut, too.
    format!("{}…", value.trim_end_matches(char::REPLACEMENT_CHARACTER))
}

/// Where bytes are for: in a few words, without what is not there.
fn shares(unit: &Unit) -> String {
    let Bytes { head, framing, payload, control } = unit.books();
    let shares = [
        (head, Part::Head),
        (framing, Part::Framing),
        (payload, Part::Payload),
        (control, Part::Control),
    ];
    let there = shares.into_iter().filter(|(bytes, _)| *bytes > 0);
    let told: Vec<String> =
        there.map(|(bytes, part)| format!("{} {}", number(bytes), part.name())).collect();
    told.join(", ")
}

/// Where they go.
const fn direction(from: Role) -> &'static str {
    match from {
        Role::Client => "client → server",
        Role::Server => "server → client",
    }
}

/// Clauses that let a receiver refuse what is too long for it: 431, 413, 1009; none is ours alone.
const BOUNDS: [&str; 4] = ["", "RFC 6585 §5", "RFC 9110 §15.5.14", "RFC 6455 §10.4"];
/// Link types that are known, in words.
const LINKS: &str = "Ethernet, Linux cooked, loopback and raw IP";
/// What is said instead of a clause where there is none.
const OUR_BOUND: &str = "a bound of pushscope";
