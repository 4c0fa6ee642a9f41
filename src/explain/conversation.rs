//! Both directions of one connection, from its first byte to the end of what was kept of it.

use std::io;

use super::{Audience, Telling, UNFINISHED, Unread, counted};
use crate::dissect::shape::role;
use crate::dissect::{Dissector, Protocol};
use crate::limits::EXPLAIN_GUESS_BYTES;
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
    /// It looks like nothing that is known.
    Unknown,
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
            Stage::Unknown => self.unread.count(from, bytes.len() as u64),
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
        let (is_within, awaits) = (dissector.waiting(from) > 0, dissector.awaits(from));
        dissector.end(from, &mut telling.units);
        let last = telling.units.iter().rfind(|unit| unit.from == from);
        let within = last.filter(|_| is_within).map(|unit| unit.name);
        let unread = telling.tell_units(self.number)?;
        self.unread.add(unread);
        let side = role(from);
        let words = match (within, awaits) {
            // Bytes that are only unfinished have no name that says of what.
            (Some(UNFINISHED), _) => format!("unfinished: the bytes of the {side} stop too early"),
            (Some(name), _) => {
                format!("unfinished: the bytes of the {side} end within a {name}")
            }
            (None, Some(what)) => {
                format!("unfinished: the bytes of the {side} end within {what}")
            }
            (None, None) => return Ok(()),
        };
        telling.note(self.number, &words)
    }

    /// Both sides send nothing more; whether anything could be read.
    pub(super) fn close<A: Audience>(&mut self, telling: &mut Telling<A>) -> io::Result<bool> {
        for from in SIDES {
            self.end(from, telling)?;
        }
        let is_known = matches!(self.stage, Stage::Read(_));
        for from in SIDES {
            let bytes = self.unread.of(from);
            let why =
                if is_known { "what stands before them is wrong or missing" } else { UNKNOWN };
            if bytes > 0 {
                let bytes = counted(bytes, "byte");
                let side = role(from);
                telling.note(self.number, &format!("{bytes} of the {side} are not read: {why}"))?;
            }
        }
        Ok(is_known)
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
            None => Stage::Unknown,
        };
        early.into_iter().try_for_each(|(from, bytes)| self.receive(from, &bytes, telling))
    }

    fn is_torn(&self, from: Role) -> bool {
        self.is_torn.get(index(from)).copied().unwrap_or_default()
    }
}

const fn index(from: Role) -> usize {
    match from {
        Role::Client => 0,
        Role::Server => 1,
    }
}

const SIDES: [Role; 2] = [Role::Client, Role::Server];
const UNKNOWN: &str = "they look like nothing that is known, or are encrypted";
