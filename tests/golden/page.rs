//! A golden file.
//!
//! ```text
//! # What it shows, and why that is so.
//! as websocket                              what the bytes begin with; `http` when nothing is said
//! > 81 82 37 fa 21 3d 5f 93  |..7.!=_.|     from the client; what stands behind `|` is not read
//! < 81 7e 01 2c 61 …300      |.~.,a…|       from the server; `…300`: 300 times the byte before it
//! ---
//! what the dissector says
//! ```

use std::fmt;

use pushscope::dissect::{Dissector, Protocol, Unit};
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
    /// A comment, an empty line, or what the bytes begin with.
    Text(String),
    /// Bytes that come at once.
    Piece(Role, Vec<u8>, Vec<String>),
}

impl Page {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (above, told) = text.split_once("\n---\n").unwrap_or((text.trim_end(), ""));
        let mut page = Self {
            protocol: Begin::Protocol(Protocol::Http),
            lines: Vec::new(),
            told: told.to_owned(),
        };
        for line in above.lines() {
            let from = match line.as_bytes() {
                [b'>', ..] => Role::Client,
                [b'<', ..] => Role::Server,
                _ => {
                    if let Some(name) = line.strip_prefix("as ") {
                        page.protocol = begin(name).ok_or_else(|| format!("what is {name:?}?"))?;
                    } else if !line.is_empty() && !line.starts_with('#') {
                        return Err(format!("neither a comment nor bytes: {line:?}"));
                    }
                    page.lines.push(Line::Text(line.to_owned()));
                    continue;
                }
            };
            let bytes = bytes(line.get(1..).unwrap_or_default())?;
            match page.lines.last_mut() {
                Some(Line::Piece(by, piece, rows)) if *by == from => {
                    piece.extend_from_slice(&bytes);
                    rows.push(line.to_owned());
                }
                _ => page.lines.push(Line::Piece(from, bytes, vec![line.to_owned()])),
            }
        }
        Ok(page)
    }

    /// Puts what was recorded in the place of what is written, piece by piece.
    pub(crate) fn replace(&mut self, recorded: &[(Role, Vec<u8>)]) {
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

/// Bytes in rows: at most 16, and no further than the end of a line of text.
fn written_rows(from: Role, bytes: &[u8]) -> Vec<String> {
    let is_text = bytes.iter().all(|byte| (9..127).contains(byte));
    let lines = bytes.split_inclusive(|byte| is_text && *byte == b'\n');
    let rows = lines.flat_map(|line| line.chunks(ROW_BYTES));
    rows.map(|row| {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let seen = |byte: &u8| if (32..127).contains(byte) { char::from(*byte) } else { '.' };
        let text: String = row.iter().map(seen).collect();
        format!("{} {:<width$}  |{text}|", mark(from), hex.join(" "), width = 3 * ROW_BYTES - 1)
    })
    .collect()
}

/// What stands in front of the bytes of a side.
pub(crate) const fn mark(from: Role) -> char {
    match from {
        Role::Client => '>',
        Role::Server => '<',
    }
}

fn bytes(row: &str) -> Result<Vec<u8>, String> {
    let hex = row.split('|').next().unwrap_or_default();
    let mut bytes: Vec<u8> = Vec::new();
    for word in hex.split_whitespace() {
        let error = |_| format!("no byte: {word:?} in {row:?}");
        if let Some(times) = word.strip_prefix('…') {
            let times: usize = times.parse().map_err(error)?;
            let byte = *bytes.last().ok_or_else(|| format!("no byte before {word:?}"))?;
            bytes.extend(std::iter::repeat_n(byte, times.saturating_sub(1)));
        } else {
            bytes.push(u8::from_str_radix(word, 16).map_err(error)?);
        }
    }
    Ok(bytes)
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

fn sides(recorded: &[(Role, Vec<u8>)]) -> Vec<String> {
    let side =
        |(from, bytes): &(Role, Vec<u8>)| format!("{} {}", mark(*from), bytes.escape_ascii());
    recorded.iter().map(side).collect()
}

const ROW_BYTES: usize = 16;
