//! A golden file ([`pushscope::site::learn::golden`]), to be read, dissected and written anew.

use std::fmt;

use pushscope::dissect::{Dissector, Protocol, Unit};
use pushscope::site::learn::golden::{self, halves};
use pushscope::wire::ws_frame::Role;

/// A golden file, read.
pub(crate) struct Page {
    protocol: Begin,
    lines: Vec<Line>,
    /// What stands behind `---`.
    pub(crate) told: String,
}

/// What the bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Begin {
    Protocol(Protocol),
    /// Content of this media type, without the head in front of it.
    Content(&'static str),
}

enum Line {
    /// A comment, a heading, an empty line, or what the bytes begin with.
    Text(String),
    /// Bytes that come at once.
    Piece(Role, Vec<u8>, Vec<String>),
}

impl Page {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (above, told) = halves(text);
        let mut page = Self {
            protocol: Begin::Protocol(Protocol::Http),
            lines: Vec::new(),
            told: told.to_owned(),
        };
        for line in above.lines() {
            let read = golden::Line::parse(line).map_err(|error| format!("{line:?}: {error:?}"))?;
            if let golden::Line::Bytes(from, bytes) = read {
                page.add(from, &bytes, line);
                continue;
            }
            if let golden::Line::Begin(name) = read {
                page.protocol = begin(name).ok_or_else(|| format!("what is {name:?}?"))?;
            }
            page.lines.push(Line::Text(line.to_owned()));
        }
        Ok(page)
    }

    /// Adds a row to the piece that it goes on with, or begins one.
    fn add(&mut self, from: Role, bytes: &[u8], row: &str) {
        match self.lines.last_mut() {
            Some(Line::Piece(by, piece, rows)) if *by == from => {
                piece.extend_from_slice(bytes);
                rows.push(row.to_owned());
            }
            _ => self.lines.push(Line::Piece(from, bytes.to_vec(), vec![row.to_owned()])),
        }
    }

    /// Puts what was recorded in the place of what is written, piece by piece.
    pub(crate) fn replace(&mut self, recorded: &[&(Role, Vec<u8>)]) {
        let places = self.lines.iter_mut().filter_map(|line| match line {
            Line::Piece(from, bytes, rows) => Some((from, bytes, rows)),
            Line::Text(_) => None,
        });
        let places: Vec<_> = places.collect();
        let (written, said) = (places.len(), recorded.len());
        assert_eq!(written, said, "pieces are written, and said: {:?}", sides(recorded));
        for ((from, bytes, rows), (by, said)) in places.into_iter().zip(recorded) {
            assert_eq!(*from, *by, "{}", said.escape_ascii());
            if bytes != said {
                bytes.clone_from(said);
                *rows = written_rows(*by, said);
            }
        }
    }

    /// What its bytes are.
    pub(crate) fn dissect(&self) -> Vec<Unit> {
        let is_whole = [Role::Client, Role::Server]
            .iter()
            .all(|side| self.pieces().any(|(from, _)| from == *side));
        let mut units = Vec::new();
        let mut dissector = match self.protocol {
            Begin::Protocol(protocol) if is_whole => Dissector::beginning(protocol),
            Begin::Protocol(protocol) => Dissector::alone(protocol),
            Begin::Content(_) => Dissector::alone(Protocol::Http),
        };
        if let Begin::Content(media_type) = self.protocol {
            let length: usize = self.pieces().map(|(_, bytes)| bytes.len()).sum();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
            );
            dissector.receive(Role::Server, head.as_bytes(), &mut units);
            units.clear();
            for (from, bytes) in self.pieces() {
                dissector.receive(from, bytes, &mut units);
            }
            for unit in &mut units {
                unit.offset -= head.len() as u64;
            }
            return units;
        }
        for (from, bytes) in self.pieces() {
            dissector.receive(from, bytes, &mut units);
        }
        dissector.end(Role::Client, &mut units);
        dissector.end(Role::Server, &mut units);
        units
    }

    /// All bytes of one side, escaped.
    pub(crate) fn said(&self, side: Role) -> String {
        let pieces = self.pieces().filter(|(from, _)| *from == side);
        pieces.map(|(_, bytes)| bytes.escape_ascii().to_string()).collect()
    }

    fn pieces(&self) -> impl Iterator<Item = (Role, &[u8])> {
        self.lines.iter().filter_map(|line| match line {
            Line::Piece(from, bytes, _) => Some((*from, &bytes[..])),
            Line::Text(_) => None,
        })
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            match line {
                Line::Text(text) => writeln!(f, "{text}")?,
                Line::Piece(_, _, rows) => writeln!(f, "{}", rows.join("\n"))?,
            }
        }
        write!(f, "---\n{}", self.told)
    }
}

/// Bytes in rows: at most 16, and no further than the end of a line of text. A long run of the same
/// byte has a row of its own.
fn written_rows(from: Role, bytes: &[u8]) -> Vec<String> {
    let is_plain = |char: char| !char.is_control() || "\t\r\n".contains(char);
    let is_text = str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_plain));
    let mut rows = Vec::new();
    for line in bytes.split_inclusive(|byte| is_text && *byte == b'\n') {
        let mut plain = Vec::new();
        for run in line.chunk_by(|one, next| one == next) {
            if run.len() < RUN_BYTES_MIN {
                plain.extend_from_slice(run);
                continue;
            }
            rows.extend(plain.chunks(ROW_BYTES).map(|row| written(from, row, row.len())));
            rows.extend(run.get(..1).map(|byte| written(from, byte, run.len())));
            plain.clear();
        }
        rows.extend(plain.chunks(ROW_BYTES).map(|row| written(from, row, row.len())));
    }
    rows
}

/// A row; of more bytes than it has, the last is there as often as is missing.
fn written(from: Role, row: &[u8], count: usize) -> String {
    let mut hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
    let seen = |byte: &u8| if (32..127).contains(byte) { char::from(*byte) } else { '.' };
    let mut text: String = row.iter().map(seen).collect();
    if count > row.len() {
        hex.push(format!("…{}", count - row.len() + 1));
        text.push('…');
    }
    format!("{} {:<width$}  |{text}|", mark(from), hex.join(" "), width = 3 * ROW_BYTES - 1)
}

/// What stands in front of the bytes of a side.
pub(crate) const fn mark(from: Role) -> char {
    match from {
        Role::Client => '>',
        Role::Server => '<',
    }
}

fn begin(name: &str) -> Option<Begin> {
    let content = match name {
        "json" => "application/json",
        "ndjson" => "application/x-ndjson",
        "script" => "text/html",
        _ => {
            let found = Protocol::ALL.into_iter().find(|protocol| protocol.name() == name);
            return found.map(Begin::Protocol);
        }
    };
    Some(Begin::Content(content))
}

fn sides(recorded: &[&(Role, Vec<u8>)]) -> Vec<String> {
    let side =
        |(from, bytes): &&(Role, Vec<u8>)| format!("{} {}", mark(*from), bytes.escape_ascii());
    recorded.iter().map(side).collect()
}

const ROW_BYTES: usize = 16;
/// As many equal bytes are not written one by one.
const RUN_BYTES_MIN: usize = 256;
