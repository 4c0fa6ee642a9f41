//! A short conversation by each mechanism: asked, answered, told, kept alive, ended.
//!
//! Nobody has made it up for the lessons: it is the golden exchange of the mechanism. Its bytes are
//! recorded from the server by `tests/golden/exchange.rs`, and compared with what the server says
//! now; a teacher's words stand between them. Only what each byte is for is found out here, by the
//! parsers that serve.

use super::doc::{Block, paragraphs};
use super::golden::{Line, LineError, halves};
use crate::cost::Bytes;
use crate::dissect::{Dissector, Unit};
use crate::id::{Id, Kind};
use crate::wire::ws_frame::Role;

/// A conversation.
#[derive(Debug, Default)]
pub struct Exchange<'a> {
    /// What is to be said before it begins.
    pub introduction: Vec<Block>,
    /// What happens, in order.
    pub turns: Vec<Turn<'a>>,
}

/// Something happens, and something is said then, or nothing.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What happens.
    pub title: &'a str,
    /// When, in seconds from the beginning: `4.322`.
    pub at: &'a str,
    /// What it means.
    pub told: Vec<Block>,
    /// What is said by both sides, in order.
    pub units: Vec<Unit>,
}

impl Exchange<'static> {
    /// The conversation by this mechanism.
    pub fn of(kind: Kind) -> Self {
        // They all can be read: a test has done it.
        Self::parse(golden(kind)).unwrap_or_default()
    }
}

impl<'a> Exchange<'a> {
    /// Reads the golden file of a conversation. Comments within a turn are told at its beginning.
    pub fn parse(text: &'a str) -> Result<Self, LineError> {
        let mut reader = Reader::default();
        for line in halves(text).0.lines() {
            reader.take(Line::parse(line)?);
        }
        Ok(reader.end())
    }

    /// The channel that it is about: the request's target names it.
    pub fn channel(&self) -> Option<&str> {
        let request = str::from_utf8(self.units().next()?.bytes()).ok()?;
        let (_, behind) = request.split_once(" /c/")?;
        Some(behind.split_once('/')?.0)
    }

    /// The id of a message of it; none when its messages go without.
    pub fn id(&self) -> Option<String> {
        let is_id = |word: &&str| Id::parse(word).is_some_and(|id| id.offset > 0);
        self.units().filter(|unit| unit.from == Role::Server).find_map(|unit| {
            let text = String::from_utf8_lossy(unit.bytes());
            let mut words = text.split(|char: char| !char.is_ascii_digit() && char != '-');
            words.find(is_id).map(str::to_owned)
        })
    }

    fn units(&self) -> impl Iterator<Item = &Unit> {
        self.turns.iter().flat_map(|turn| &turn.units)
    }
}

impl Turn<'_> {
    /// What the server says in it, by what it is for.
    pub fn made(&self) -> Bytes {
        let said = self.units.iter().filter(|unit| unit.from == Role::Server);
        said.fold(Bytes::ZERO, |sum, unit| sum + unit.books())
    }
}

/// What has been read of a golden file.
#[derive(Default)]
struct Reader<'a> {
    read: Exchange<'a>,
    dissector: Dissector,
    /// A comment that goes on.
    comment: Vec<&'a str>,
    /// Bytes that go on.
    piece: Option<(Role, Vec<u8>)>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, line: Line<'a>) {
        match line {
            Line::Bytes(from, bytes) => match &mut self.piece {
                Some((by, piece)) if *by == from => piece.extend_from_slice(&bytes),
                _ => {
                    self.settle();
                    self.piece = Some((from, bytes));
                }
            },
            Line::Heading(heading) => {
                self.settle();
                let (title, at) = heading.rsplit_once(", at ").unwrap_or((heading, ""));
                let at = at.trim_end_matches(" s");
                let turn = Turn { title, at, told: Vec::new(), units: Vec::new() };
                self.read.turns.push(turn);
            }
            Line::Comment(text) => {
                if self.piece.is_some() {
                    self.settle();
                }
                self.comment.push(text);
            }
            Line::Begin(_) | Line::Empty => self.settle(),
        }
    }

    /// What went on has ended: it is of the last turn, or of none.
    fn settle(&mut self) {
        let blocks = paragraphs(std::mem::take(&mut self.comment).into_iter());
        let mut nowhere = Vec::new();
        let (told, units) = match self.read.turns.last_mut() {
            Some(turn) => (&mut turn.told, &mut turn.units),
            None => (&mut self.read.introduction, &mut nowhere),
        };
        told.extend(blocks);
        if let Some((from, bytes)) = self.piece.take() {
            self.dissector.receive(from, &bytes, units);
        }
    }

    fn end(mut self) -> Exchange<'a> {
        self.settle();
        if let Some(turn) = self.read.turns.last_mut() {
            self.dissector.end(Role::Client, &mut turn.units);
            self.dissector.end(Role::Server, &mut turn.units);
        }
        self.read
    }
}

/// The golden exchange of a mechanism.
pub const fn golden(kind: Kind) -> &'static str {
    match kind {
        Kind::Poll => include_str!("../../../tests/golden/exchange/poll.txt"),
        Kind::LongPoll => include_str!("../../../tests/golden/exchange/long_poll.txt"),
        Kind::Iframe => include_str!("../../../tests/golden/exchange/iframe.txt"),
        Kind::XhrStream => include_str!("../../../tests/golden/exchange/xhr_stream.txt"),
        Kind::Sse => include_str!("../../../tests/golden/exchange/sse.txt"),
        Kind::WebSocket => include_str!("../../../tests/golden/exchange/websocket.txt"),
    }
}
