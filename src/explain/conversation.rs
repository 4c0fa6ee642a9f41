//! Both directions of one connection, from its first byte to the end of what was kept of it.

use std::io;

use super::{Audience, Telling, Unread};
use crate::dissect::shape::role;
use crate::dissect::{Dissector, Protocol};
use crate::limits::EXPLAIN_GUESS_BYTES;
use crate::prose::counted;
use crate::wire::ws_frame::Role;

/// A connection of which bytes come in order.
#[derive(Debug)]
pub(super) struct Conversation {
    number: u32,
    stage: Stage,
    /// Bytes that nobody can read.
    unread: Unread,
    /// Bytes of a side are missing: what follows them cannot be read.
    is_torn: [bool; 2],
    has_ended: [bool; 2],
}

/// How much is known about it.
#[derive(Debug)]
enum Stage {
    /// Too little came to guess what it is.
    Open(Vec<(Role, Vec<u8>)>),
    /// What it is is known.
    Read(Box<Dissector>),
    /// It looks like nothing that is known, but perhaps like this.
    Unknown(&'static str),
}

impl Conversation {
    /// One that begins with this, or with what its first bytes look like.
    pub(super) fn new(number: u32, protocol: Option<Protocol>) -> Self {
        let read = |protocol| Stage::Read(Box::new(Dissector::beginning(protocol)));
        Self::of(number, protocol.map_or(Stage::Open(Vec::new()), read))
    }

    /// One of which only one side was kept.
    pub(super) fn alone(protocol: Protocol) -> Self {
        Self::of(1, Stage::Read(Box::new(Dissector::alone(protocol))))
    }

    fn of(number: u32, stage: Stage) -> Self {
        let unread = Unread::default();
        Self { number, stage, unread, is_torn: [false; 2], has_ended: [false; 2] }
    }

    /// Takes bytes of a side.
    pub(super) fn receive<A: Audience>(
        &mut self,
        from: Role,
        bytes: &[u8],
        telling: &mut Telling<A>,
    ) -> io::Result<()> {
        if self.is_torn(from) {
            self.unread.count(from, bytes.len() as u64);
            return Ok(());
        }
        match &mut self.stage {
            Stage::Unknown(_) => self.unread.count(from, bytes.len() as u64),
            Stage::Read(dissector) => {
                let unread = telling.dissect(self.number, dissector, from, bytes)?;
                self.unread.add(unread);
            }
            Stage::Open(early) => {
                match early.last_mut() {
                    Some((last, kept)) if *last == from => kept.extend_from_slice(bytes),
                    _ => early.push((from, bytes.to_vec())),
                }
                self.guess(telling)?;
            }
        }
        Ok(())
    }

    /// So many bytes of a side are missing here.
    pub(super) fn hole<A: Audience>(
        &mut self,
        from: Role,
        missing: u64,
        telling: &mut Telling<A>,
    ) -> io::Result<()> {
        if self.is_torn(from) {
            return Ok(());
        }
        let side = role(from);
        let missing = counted(missing, "byte");
        telling.note(
            self.number,
            &format!("{missing} of the {side} are missing here: nothing behind them can be read"),
        )?;
        self.end(from, telling)?;
        if let Some(torn) = self.is_torn.get_mut(index(from)) {
            *torn = true;
        }
        Ok(())
    }

    /// A side sends nothing more.
    pub(super) fn end<A: Audience>(
        &mut self,
        from: Role,
        telling: &mut Telling<A>,
    ) -> io::Result<()> {
        match self.has_ended.get_mut(index(from)) {
            Some(ended) if !*ended => *ended = true,
            _ => return Ok(()),
        }
        if matches!(self.stage, Stage::Open(_)) {
            self.settle(telling)?;
        }
        let Stage::Read(dissector) = &mut self.stage else { return Ok(()) };
        let awaits = dissector.awaits(from);
        dissector.end(from, &mut telling.units);
        let unread = telling.tell_units(self.number)?;
        self.unread.add(unread);
        let Some(what) = awaits else { return Ok(()) };
        let side = role(from);
        let words = format!("unfinished: the bytes of the {side} end within {what}");
        telling.note(self.number, &words)
    }

    /// Both sides send nothing more; what its bytes look like if they could not be read.
    pub(super) fn close<A: Audience>(
        &mut self,
        telling: &mut Telling<A>,
    ) -> io::Result<Option<&'static str>> {
        for from in SIDES {
            self.end(from, telling)?;
        }
        let unknown = match self.stage {
            Stage::Unknown(looks) => Some(looks),
            Stage::Open(_) | Stage::Read(_) => None,
        };
        for from in SIDES {
            let bytes = self.unread.of(from);
            telling.findings.unread += bytes;
            if bytes > 0 {
                let why = unknown.unwrap_or("what stands before them is wrong or missing");
                let (bytes, side) = (counted(bytes, "byte"), role(from));
                telling.note(self.number, &format!("{bytes} of the {side} are not read: {why}"))?;
            }
        }
        self.unread = Unread::default();
        Ok(unknown)
    }

    /// Decides what it is, if its first bytes say so by now.
    fn guess<A: Audience>(&mut self, telling: &mut Telling<A>) -> io::Result<()> {
        let Stage::Open(early) = &self.stage else { return Ok(()) };
        let bytes = early.first().map_or(&[][..], |(_, bytes)| bytes);
        let is_enough = Protocol::guess(bytes).is_some() || early.len() > 1;
        if is_enough || bytes.len() >= EXPLAIN_GUESS_BYTES { self.settle(telling) } else { Ok(()) }
    }

    /// Decides what it is, by what has come.
    fn settle<A: Audience>(&mut self, telling: &mut Telling<A>) -> io::Result<()> {
        let Stage::Open(early) = &mut self.stage else { return Ok(()) };
        let early = std::mem::take(early);
        let guess = early.iter().find_map(|(_, bytes)| Protocol::guess(bytes));
        self.stage = match guess {
            Some((protocol, _)) => Stage::Read(Box::new(Dissector::beginning(protocol))),
            None => Stage::Unknown(looks(&early)),
        };
        early.into_iter().try_for_each(|(from, bytes)| self.receive(from, &bytes, telling))
    }

    fn is_torn(&self, from: Role) -> bool {
        self.is_torn.get(index(from)).copied().unwrap_or_default()
    }
}

/// What bytes look like that look like nothing that is known.
fn looks(early: &[(Role, Vec<u8>)]) -> &'static str {
    if early.iter().any(|(_, bytes)| is_tls(bytes)) { ENCRYPTED } else { UNKNOWN }
}

/// Whether bytes begin as a record of TLS does, of whatever version (RFC 8446 §5.1).
pub(super) const fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, ..] | [20..=23, 3])
}

const fn index(from: Role) -> usize {
    match from {
        Role::Client => 0,
        Role::Server => 1,
    }
}

const SIDES: [Role; 2] = [Role::Client, Role::Server];
const ENCRYPTED: &str = "they are encrypted with TLS, and only whoever has the keys can read them";
const UNKNOWN: &str = "they look like no protocol that is known, or are encrypted";
