//! Explained bytes as text, for people at a terminal or in front of a file.
//!
//! ```text
//! #7 client → server  frame: text hi
//!    8 bytes at 157: 6 framing, 2 payload
//!   WebSocket
//!   0000009d  81  1... ....                                    FIN 1
//!             1 says that this frame is the last of its message, …  RFC 6455 §5.2
//! ```

use std::io::{self, Write};

use super::{
    Audience, Broken, Ends, Findings, OUR_BOUND, Told, direction, is_bound, shares, value,
};
use crate::dissect::shape::remedy;
use crate::dissect::{Layer, Unit};
use crate::prose::{self, counted};
use crate::wire::span::{Field, Part, Reading, Severity, Span, hex};

/// Writes text as it is told.
#[derive(Debug)]
pub struct Text<W> {
    into: W,
    paint: Paint,
}

/// Whether there are colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// There are: it is a terminal that has them.
    Colours,
    /// There are none.
    Bare,
}

impl<W: Write> Text<W> {
    /// Text to there.
    pub const fn new(into: W, paint: Paint) -> Self {
        Self { into, paint }
    }

    /// Says in the end what was found.
    pub fn end(&mut self, findings: &Findings) -> io::Result<()> {
        let all =
            format!("{}, {}", counted(findings.units, "unit"), counted(findings.bytes, "byte"));
        match (findings.broken, findings.bound) {
            (Some(broken), _) => self.broken(&all, &broken)?,
            (None, Some(bound)) => {
                let (place, message) = (place(&bound), bound.violation.message);
                let words = format!("Not read on from {place}: {message}");
                let words = self.painted(OPEN, &words);
                writeln!(self.into, "\n{all}; no rule is broken.\n{words} It is {OUR_BOUND}.")?;
            }
            (None, None) => writeln!(self.into, "\n{all}; no rule is broken.")?,
        }
        self.into.flush()
    }

    /// The first violation: where, which rule, what must be answered.
    fn broken(&mut self, all: &str, broken: &Broken) -> io::Result<()> {
        let violation = broken.violation;
        let title = self.painted(WRONG, "The first violation");
        writeln!(self.into, "\n{all}.\n{title} is in {}", place(broken))?;
        for line in [
            format!("rule    {} ({})", violation.name, violation.clause),
            format!("says    {}", violation.message),
            format!("answer  {}", remedy(violation.answer)),
        ] {
            writeln!(self.into, "  {line}")?;
        }
        Ok(())
    }

    /// Writes what is kept of it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }

    fn connection(&mut self, ends: Ends<'_>) -> io::Result<()> {
        let Ends { number, client, server, is_back } = ends;
        let more = if is_back { ", continued" } else { "" };
        let line = format!("connection {number}{more}: client {client}, server {server}");
        writeln!(self.into, "\n{}", self.painted(BOLD, &line))
    }

    fn unit(&mut self, number: u64, unit: &Unit) -> io::Result<()> {
        let what = match unit.summary.as_str() {
            "" => unit.name.to_owned(),
            summary => format!("{}: {}", unit.name, shown(summary)),
        };
        let title = self.painted(BOLD, &format!("#{number} {}  {what}", direction(unit.from)));
        let bytes = counted(unit.bytes().len() as u64, "byte");
        let offset = prose::number(unit.offset);
        writeln!(self.into, "\n{title}\n   {bytes} at {offset}: {}", shares(unit))?;
        let mut known = Vec::new();
        for (nested, layer) in unit.layers.iter().enumerate() {
            let indent = " ".repeat(2 + 2 * nested.min(NESTED_MAX));
            let carries = match nested {
                0 => String::new(),
                _ => format!(" within it, {}", counted(layer.bytes.len() as u64, "byte")),
            };
            writeln!(self.into, "{indent}{}{carries}", self.painted(BOLD, layer.name))?;
            // What a layer carries is counted from its own first byte.
            let begin = if nested == 0 { unit.offset } else { 0 };
            for span in &layer.spans {
                self.field(&indent, begin, layer, span)?;
                self.meaning(&indent, span.field, &mut known)?;
            }
        }
        if let Some(violation) = unit.violation {
            let (colour, what) =
                if is_bound(violation) { (OPEN, "not read on") } else { (WRONG, "violation") };
            let line = format!("{what}: {} ({})", violation.name, violation.message);
            writeln!(self.into, "   {}", self.painted(colour, &line))?;
        }
        Ok(())
    }

    /// A field: where it is, its bytes, its name and what it says.
    fn field(&mut self, indent: &str, begin: u64, layer: &Layer, span: &Span) -> io::Result<()> {
        let name = "  ".repeat(usize::from(span.depth)) + &shown(span.field.name);
        if span.is_group {
            let name = self.painted(colour(span), &name);
            return writeln!(self.into, "{indent}{:59}{name}", "");
        }
        let bytes = layer.of(span);
        // What means nothing alone stands there as bytes already.
        let value = match span.field.reading {
            Reading::Hex => String::new(),
            _ => cut(shown(&value(layer, span, VALUE_BYTES))),
        };
        let word = match span.severity {
            Severity::Wrong => " ← wrong",
            _ => "",
        };
        let told = self.painted(colour(span), &name) + " " + &value + &self.painted(WRONG, word);
        for (row, at) in bytes.chunks(ROW_BYTES).take(ROWS_MAX).zip((0..).step_by(ROW_BYTES)) {
            let offset = begin + span.start as u64 + at;
            let digits = match span.bits {
                Some(bits) => format!("{}  {}", hex(row), bits.drawn(row, '.')),
                None => hex(row),
            };
            let digits = self.painted(colour(span), &format!("{digits:47}"));
            let told = if at == 0 { told.trim_end() } else { "" };
            writeln!(
                self.into,
                "{}",
                format!("{indent}{offset:08x}  {digits}  {told}").trim_end()
            )?;
        }
        match bytes.len().saturating_sub(ROW_BYTES * ROWS_MAX) {
            0 => Ok(()),
            more => {
                writeln!(self.into, "{indent}{:10}… and {} more", "", prose::number(more as u64))
            }
        }
    }

    /// What a field is for, unless this unit has said so.
    fn meaning(
        &mut self,
        indent: &str,
        field: &'static Field,
        known: &mut Vec<&'static Field>,
    ) -> io::Result<()> {
        if known.iter().any(|other| std::ptr::eq(*other, field)) {
            return Ok(());
        }
        known.push(field);
        // A clause is not broken.
        let words = field.meaning.split_whitespace().chain([field.clause]);
        for line in wrapped(words, COLUMNS - MARGIN - indent.len()) {
            writeln!(self.into, "{indent}{:MARGIN$}{}", "", self.painted(FAINT, &line))?;
        }
        Ok(())
    }

    fn painted(&self, colour: &str, words: &str) -> String {
        match self.paint {
            Paint::Colours if !words.is_empty() => format!("\x1b[{colour}m{words}\x1b[m"),
            _ => words.to_owned(),
        }
    }
}

impl<W: Write> Audience for Text<W> {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        match *told {
            Told::Connection(ends) => self.connection(ends),
            Told::Unit { number, unit, .. } => self.unit(number, unit),
            Told::Note { words, .. } => {
                writeln!(self.into, "\n{}", self.painted(OPEN, &format!("— {words}")))
            }
        }
    }
}

/// Where something is wrong.
fn place(broken: &Broken) -> String {
    let (from, offset) = (direction(broken.from), prose::number(broken.offset));
    format!("#{}, {from}, byte {offset}: {}", broken.unit, shown(broken.field))
}

/// Text on one line that no terminal obeys: what controls it or turns its direction is escaped.
pub(super) fn shown(text: &str) -> String {
    let is_plain = |character: char| {
        !character.is_control()
            && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
            && !matches!(character, '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            match u8::try_from(character) {
                Ok(byte) if byte.is_ascii() => shown.push_str(&byte.escape_ascii().to_string()),
                _ => shown.extend(character.escape_unicode()),
            }
        }
    }
    shown
}

/// Text that is cut where it is longer than a line has room for.
fn cut(text: String) -> String {
    match text.char_indices().nth(VALUE_BYTES) {
        Some((end, _)) if text.chars().count() > VALUE_BYTES + 1 => {
            text.get(..end).unwrap_or_default().trim_end_matches('…').to_owned() + "…"
        }
        _ => text,
    }
}

/// Words in lines of at most so many characters.
fn wrapped<'w>(words: impl Iterator<Item = &'w str>, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

const fn colour(span: &Span) -> &'static str {
    match (span.severity, span.part) {
        (Severity::Wrong, _) => WRONG,
        (Severity::Open, _) => OPEN,
        (_, Part::Head) => "34",
        (_, Part::Framing) => "36",
        (_, Part::Payload) => "32",
        (_, Part::Control) => "35",
    }
}

/// Bytes in a row.
const ROW_BYTES: usize = 16;
/// Rows of a field that are shown.
const ROWS_MAX: usize = 4;
/// Bytes of a value that are shown.
const VALUE_BYTES: usize = 48;
/// Columns of a line of prose.
const COLUMNS: usize = 100;
/// Columns in front of it.
const MARGIN: usize = 10;
/// Layers that are indented, each more than the one before.
const NESTED_MAX: usize = 4;
const BOLD: &str = "1";
const FAINT: &str = "2";
const WRONG: &str = "1;31";
const OPEN: &str = "33";
