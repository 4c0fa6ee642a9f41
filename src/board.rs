//! What only all loops together can answer, and what they have answered so far.
//!
//! ```text
//!   loop 1: ask ──▶ round ── calls 2 and 3 ── its own part ─┐          ┌─▶ adds them up, answers
//!   loop 2:           └─▶ look ── part ──────────────────────┼─▶ all ──┘ called by the last
//!   loop 3:           └─▶ look ── part ──────────────────────┘
//! ```
//!
//! A loop has one round at a time for what the ledger knows, and one for what the kernel is to be
//! asked for, too: whoever asks meanwhile waits for the next. Each loop answers in a turn of its
//! own; no part is older than the question.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::Id;
use crate::inspect::Connection;
use crate::ledger::receipts::Receipt;
use crate::ledger::{Snapshot, Snapshots};
use crate::order::{self, Seat};
use crate::route::{Reading, Witness};

/// Where the loops of a server meet.
#[derive(Debug)]
pub struct Board {
    /// Loops that have something to look at, a bit for each: set and cleared under the lock.
    called: AtomicU64,
    rounds: Mutex<Rounds>,
    snapshots: Mutex<Snapshots>,
}

#[derive(Debug)]
struct Rounds {
    open: Vec<Round>,
    /// Loops that have not left, a bit for each.
    present: u64,
    /// The books of those that have.
    left: Option<Snapshot>,
}

/// What a loop has asked, and the parts of its answer.
#[derive(Debug)]
struct Round {
    summons: Summons,
    /// Loops that have not seen it.
    unseen: u64,
    /// Loops whose part is missing.
    missing: u64,
    parts: Vec<(usize, Part)>,
}

/// What a loop wants to know of every loop.
#[derive(Clone, Debug)]
pub struct Summons {
    /// The loop that asks.
    pub asker: usize,
    /// Whether the kernel is to be asked.
    pub witness: Witness,
    /// What its clients want to read.
    pub readings: Arc<[Reading]>,
}

/// What there is for a loop to see.
#[derive(Debug)]
pub struct Seen {
    /// Rounds in which its part is missing; each is shown once.
    pub summons: Vec<Summons>,
    /// Its own rounds to which all have added their parts, added up.
    pub answered: Vec<(Witness, Part)>,
}

/// What a loop knows of what is asked; or all of them, when their parts are added up.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// What everybody has cost, if that is asked.
    pub snapshot: Option<Snapshot>,
    /// Who is connected, if that is asked.
    pub connections: Vec<Connection>,
    /// What messages have cost that are asked for, by channel and id.
    pub receipts: Vec<(String, Id, Receipt)>,
}

/// A loop among others: its place in the order of messages, and the board.
#[derive(Debug)]
pub struct Member {
    /// Where it hears what others publish.
    pub seat: Seat,
    /// Where it is asked.
    pub board: Arc<Board>,
}

/// So many loops of one server, which begins at this Unix time.
pub fn members(count: usize, unix_ms: u64) -> Vec<Member> {
    let seats = order::seats(count);
    let present = u64::MAX >> (u64::BITS as usize - seats.len());
    let board = Arc::new(Board {
        called: AtomicU64::new(0),
        rounds: Mutex::new(Rounds { open: Vec::new(), present, left: None }),
        snapshots: Mutex::new(Snapshots::new(unix_ms)),
    });
    seats.into_iter().map(|seat| Member { seat, board: Arc::clone(&board) }).collect()
}

impl Board {
    /// Asks every loop, the asking one included. Returns those that are to look, a bit for each.
    pub fn ask(&self, summons: Summons) -> u64 {
        let mut rounds = self.rounds();
        let present = rounds.present;
        let left = rounds.left.clone().filter(|_| summons.wants_books());
        let left = left.map(|books| (usize::MAX, Part::of(books)));
        let parts = left.into_iter().collect();
        rounds.open.push(Round { summons, unseen: present, missing: present, parts });
        self.call(present)
    }

    /// What there is for this loop to see, unless there is nothing.
    pub fn look(&self, number: usize) -> Option<Seen> {
        let bit = 1 << number;
        if self.called.load(Ordering::Acquire) & bit == 0 {
            return None;
        }
        let mut rounds = self.rounds();
        self.called.fetch_and(!bit, Ordering::AcqRel);
        let unseen = rounds.open.iter_mut().filter(|round| round.unseen & bit != 0);
        let summons = unseen.map(|round| {
            round.unseen &= !bit;
            round.summons.clone()
        });
        let summons = summons.collect();
        let is_answered = |round: &mut Round| round.summons.asker == number && round.missing == 0;
        let answered: Vec<Round> = rounds.open.extract_if(.., is_answered).collect();
        drop(rounds);
        let answered = answered.into_iter().map(|round| (round.summons.witness, round.sum()));
        Some(Seen { summons, answered: answered.collect() })
    }

    /// Adds a loop's part. Returns those that are to look: the one that has asked, when no other
    /// part is missing.
    pub fn add(&self, number: usize, to: &Summons, part: Part) -> u64 {
        let mut rounds = self.rounds();
        let of = |round: &&mut Round| {
            (round.summons.asker, round.summons.witness) == (to.asker, to.witness)
        };
        let Some(round) = rounds.open.iter_mut().find(of) else { return 0 };
        let calls = round.add(number, part);
        self.call(calls)
    }

    /// A loop leaves with these books, and is asked no more. Returns those that are to look.
    pub fn leave(&self, number: usize, books: &Snapshot) -> u64 {
        let mut rounds = self.rounds();
        rounds.present &= !(1 << number);
        let mut calls = 0;
        for round in &mut rounds.open {
            if round.missing & (1 << number) != 0 {
                let wanted = round.summons.wants_books();
                let part = if wanted { Part::of(books.clone()) } else { Part::default() };
                calls |= round.add(number, part);
            }
        }
        match &mut rounds.left {
            Some(left) => *left += books,
            left => *left = Some(books.clone()),
        }
        self.call(calls)
    }

    /// The snapshots that clients of all loops subtract.
    pub fn snapshots(&self) -> MutexGuard<'_, Snapshots> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, loops: u64) -> u64 {
        self.called.fetch_or(loops, Ordering::AcqRel);
        loops
    }

    fn rounds(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round {
    fn add(&mut self, number: usize, part: Part) -> u64 {
        self.parts.push((number, part));
        self.missing &= !(1 << number);
        if self.missing == 0 { 1 << self.summons.asker } else { 0 }
    }

    /// All parts together, in the order of the loops.
    fn sum(mut self) -> Part {
        self.parts.sort_unstable_by_key(|(number, _)| *number);
        let mut sum = Part::default();
        self.parts.into_iter().for_each(|(_, part)| sum += part);
        sum
    }
}

impl Summons {
    /// Whether it wants to know what everybody has cost.
    pub fn wants_books(&self) -> bool {
        self.readings.iter().any(Reading::wants_books)
    }
}

impl Part {
    fn of(books: Snapshot) -> Self {
        Self { snapshot: Some(books), ..Self::default() }
    }

    /// What a message has cost, if a loop knows.
    pub fn receipt(&self, channel: &str, id: Id) -> Option<&Receipt> {
        let mut receipts = self.receipts.iter();
        receipts.find(|(name, of, _)| name == channel && *of == id).map(|(_, _, receipt)| receipt)
    }
}

impl AddAssign for Part {
    fn add_assign(&mut self, more: Self) {
        match (&mut self.snapshot, more.snapshot) {
            (Some(snapshot), Some(more)) => *snapshot += &more,
            (snapshot, more) => *snapshot = snapshot.take().or(more),
        }
        self.connections.extend(more.connections);
        for (channel, id, receipt) in more.receipts {
            let mut known = self.receipts.iter_mut();
            match known.find(|(name, of, _)| *name == channel && *of == id) {
                Some((_, _, known)) => *known += &receipt,
                None => self.receipts.push((channel, id, receipt)),
            }
        }
    }
}
