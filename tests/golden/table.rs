//! What the dissector says, as a table to be read.
//!
//! ```text
//! > frame, 8 bytes from 0 (6 framing, 2 payload): text hi
//!   WebSocket
//!   0000                 frame             RFC 6455 §5.2  The unit of the WebSocket wire: …
//!   0000  1... ....        FIN = 1         RFC 6455 §5.2  1 says that this frame is the last …
//!   0002  37 fa 21 3d      Masking-key     RFC 6455 §5.3  Byte i of the payload is XORed …
//!   payload
//!   0000  68 69            Payload Data = "hi"            …
//! ```

use pushscope::cost::Bytes;
use pushscope::dissect::shape::remedy;
use pushscope::dissect::{Layer, Unit};
use pushscope::wire::span::{Reading, Severity, Span};

use crate::page::mark;

/// A field: where it is, its bytes in rows, what it is, its clause, and what it is for.
struct Row {
    is_right: bool,
    offset: usize,
    hex: Vec<String>,
    label: String,
    clause: &'static str,
    meaning: &'static str,
}

/// All of it.
pub(crate) fn tell(units: &[Unit]) -> String {
    let spans = units.iter().flat_map(|unit| &unit.layers).flat_map(rows);
    let widths = spans.fold(Widths::default(), |widths, row| widths.with(&row));
    let mut text = String::new();
    for unit in units {
        if !text.is_empty() {
            text.push('\n');
        }
        let (name, offset, bytes) = (unit.name, unit.offset, unit.bytes().len());
        let count = if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
        let parts = parts(unit.books());
        let headline = format!("{} {name}, {count} from {offset} ({parts})", mark(unit.from));
        line(&mut text, &format!("{headline}: {}", unit.summary));
        for layer in &unit.layers {
            line(&mut text, &format!("  {}", layer.name));
            for row in rows(layer) {
                widths.write(&row, &mut text);
            }
        }
        if let Some(violation) = unit.violation {
            let clause = if violation.clause.is_empty() { "our bound" } else { violation.clause };
            line(&mut text, &format!("! {}, {clause}: {}", violation.name, violation.message));
            line(&mut text, &format!("! {}", remedy(violation.answer)));
        }
    }
    text
}

/// The kinds of bytes that a unit has.
fn parts(books: Bytes) -> String {
    let Bytes { head, framing, payload, control } = books;
    let parts = [(head, "head"), (framing, "framing"), (payload, "payload"), (control, "control")];
    let there = parts.iter().filter(|(bytes, _)| *bytes > 0);
    let words: Vec<String> = there.map(|(bytes, name)| format!("{bytes} {name}")).collect();
    words.join(", ")
}

fn rows(layer: &Layer) -> Vec<Row> {
    layer.spans.iter().map(|span| row(layer, span)).collect()
}

fn row(layer: &Layer, span: &Span) -> Row {
    let indent = 2 * usize::from(span.depth);
    let field = span.field;
    let value = match field.reading {
        _ if span.is_group || span.severity == Severity::Open => String::new(),
        Reading::Hex | Reading::Fixed => String::new(),
        Reading::Text => format!(" = {}", quoted(&layer.value(span))),
        Reading::Unsigned | Reading::Named(_) => format!(" = {}", layer.value(span)),
    };
    let hex = match span.bits {
        _ if span.is_group => Vec::new(),
        Some(bits) => vec![bits.drawn(layer.of(span), '.')],
        None => hex(layer.of(span)),
    };
    Row {
        is_right: span.severity != Severity::Wrong,
        offset: span.start,
        hex,
        label: format!("{:indent$}{}{value}", "", field.name),
        clause: field.clause,
        meaning: field.meaning,
    }
}

/// How wide the columns are.
#[derive(Clone, Copy, Default)]
struct Widths {
    hex: usize,
    label: usize,
    clause: usize,
}

impl Widths {
    fn with(self, row: &Row) -> Self {
        let chars = |text: &str| text.chars().count();
        Self {
            hex: self.hex.max(row.hex.iter().map(|hex| chars(hex)).max().unwrap_or(0)),
            label: self.label.max(chars(&row.label)),
            clause: self.clause.max(chars(row.clause)),
        }
    }

    fn write(self, row: &Row, text: &mut String) {
        let mark = if row.is_right { ' ' } else { '!' };
        let Self { hex, label, clause } = self;
        let first = row.hex.first().map_or("", String::as_str);
        let told = format!(
            "{mark} {:04x}  {first:<hex$}  {:<label$}  {:<clause$}  {}",
            row.offset, row.label, row.clause, row.meaning
        );
        line(text, &told);
        for (count, more) in row.hex.iter().enumerate().skip(1) {
            line(text, &format!("  {:04x}  {more}", row.offset + count * ROW_BYTES));
        }
    }
}

/// Bytes, eight a row; of many only the first.
fn hex(bytes: &[u8]) -> Vec<String> {
    let row = |row: &[u8]| {
        let bytes: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(" ")
    };
    let mut rows: Vec<String> = bytes.chunks(ROW_BYTES).take(ROWS_MAX).map(row).collect();
    if bytes.len() > ROW_BYTES * ROWS_MAX
        && let Some(last) = rows.last_mut()
    {
        last.push_str(" …");
    }
    rows
}

fn quoted(value: &str) -> String {
    let shown: String = value.chars().take(VALUE_CHARS).flat_map(char::escape_debug).collect();
    let more = if value.chars().nth(VALUE_CHARS).is_some() { "…" } else { "" };
    format!("\"{shown}{more}\"").replace("\\'", "'")
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

const ROW_BYTES: usize = 8;
/// Rows of bytes that are shown of one field.
const ROWS_MAX: usize = 2;
/// Characters of a value that are shown.
const VALUE_CHARS: usize = 40;
