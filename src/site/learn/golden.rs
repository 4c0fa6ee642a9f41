//! Golden files: bytes as a person teaches them, which tests hold against the server and against
//! the dissector.
//!
//! ```text
//! # What it shows, and why that is so.
//! ## A message, at 4.322 s                  a heading: what happens, in a conversation
//! as websocket                              what the bytes begin with; `http` when nothing is said
//! > 81 82 37 fa 21 3d 5f 93  |..7.!=_.|     from the client; what stands behind `|` is not read
//! < 81 7e 01 2c 61 …300      |.~.,a…|       from the server; `…300`: 300 times the byte before it
//! ---
//! what the dissector says
//! ```

use crate::wire::ws_frame::Role;

/// A line of what stands above `---`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line<'a> {
    /// What happens next.
    Heading(&'a str),
    /// A line of a comment; an empty one ends a paragraph.
    Comment(&'a str),
    /// What the bytes begin with.
    Begin(&'a str),
    /// A row of bytes, and who has sent them.
    Bytes(Role, Vec<u8>),
    /// Nothing: what comes behind it comes later.
    Empty,
}

/// Why a line is none of a golden file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum LineError {
    /// It is neither a comment nor bytes.
    Unknown,
    /// A word is no byte in two hexadecimal digits.
    NotHex,
    /// A byte is to be repeated, and there is none, or it is not said how often.
    NotRepeated,
}

impl<'a> Line<'a> {
    /// Reads a line.
    ///
    /// ```
    /// use pushscope::site::learn::golden::{Line, LineError};
    /// use pushscope::wire::ws_frame::Role;
    /// assert_eq!(Line::parse("# why"), Ok(Line::Comment("why")));
    /// let row = Line::Bytes(Role::Server, b"hi...".into());
    /// assert_eq!(Line::parse("< 68 69 2e …3  |hi…|"), Ok(row));
    /// assert_eq!(Line::parse("> 6"), Err(LineError::NotHex));
    /// ```
    pub fn parse(line: &'a str) -> Result<Self, LineError> {
        if line.is_empty() {
            return Ok(Self::Empty);
        }
        if let Some(heading) = line.strip_prefix("## ") {
            return Ok(Self::Heading(heading));
        }
        if let Some(comment) = line.strip_prefix('#') {
            return Ok(Self::Comment(comment.strip_prefix(' ').unwrap_or(comment)));
        }
        if let Some(name) = line.strip_prefix("as ") {
            return Ok(Self::Begin(name));
        }
        let sides = [('>', Role::Client), ('<', Role::Server)];
        let row = sides.iter().find_map(|(mark, from)| Some((*from, line.strip_prefix(*mark)?)));
        let (from, row) = row.ok_or(LineError::Unknown)?;
        Ok(Self::Bytes(from, bytes(row)?))
    }
}

/// What of a golden file a person has written, and what the dissector says of it.
pub fn halves(text: &str) -> (&str, &str) {
    text.split_once("\n---\n").unwrap_or((text.trim_end(), ""))
}

fn bytes(row: &str) -> Result<Vec<u8>, LineError> {
    let hex = row.split('|').next().unwrap_or_default();
    let mut bytes = Vec::new();
    for word in hex.split_whitespace() {
        if let Some(times) = word.strip_prefix('…') {
            let times: usize = times.parse().map_err(|_| LineError::NotRepeated)?;
            let byte = *bytes.last().ok_or(LineError::NotRepeated)?;
            bytes.extend(std::iter::repeat_n(byte, times.saturating_sub(1)));
            continue;
        }
        let is_byte = word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(word, 16).ok().filter(|_| is_byte);
        bytes.push(byte.ok_or(LineError::NotHex)?);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let cases = [
            ("", Line::Empty),
            ("#", Line::Comment("")),
            ("#  a", Line::Comment(" a")),
            ("## A message", Line::Heading("A message")),
            ("as http", Line::Begin("http")),
            (">", Line::Bytes(Role::Client, Vec::new())),
            ("> 0a |00", Line::Bytes(Role::Client, vec![10])),
            ("<0a 0A …1", Line::Bytes(Role::Server, vec![10, 10])),
        ];
        for (text, line) in cases {
            assert_eq!(Line::parse(text), Ok(line), "{text:?}");
        }
        let refused = [
            ("a comment", LineError::Unknown),
            (" # x", LineError::Unknown),
            ("> 0", LineError::NotHex),
            ("> 0x", LineError::NotHex),
            ("> +1", LineError::NotHex),
            ("> 000", LineError::NotHex),
            ("> …3", LineError::NotRepeated),
            ("> 00 …", LineError::NotRepeated),
        ];
        for (text, error) in refused {
            assert_eq!(Line::parse(text), Err(error), "{text:?}");
        }
    }
}
