//! Questions for the ledger, and for all that are connected.
//!
//! A loop that is alone answers at once, or at the end of the turn if the kernel is to be asked
//! first. One of several asks them all, itself included: see [`crate::board`].

use std::collections::HashMap;
use std::slice;
use std::sync::Arc;

use serde_json::json;

use super::Engine;
use crate::answer::{Answer, Manner};
use crate::board::{Board, Part, Summons};
use crate::clock::Instant;
use crate::conn::{Asked, State};
use crate::cost::{Kernel, Owner, Phase};
use crate::fault::Fault;
use crate::id::{Id, Token};
use crate::inspect::Peer;
use crate::ledger::{self, Snapshot};
use crate::limits;
use crate::metrics;
use crate::order::Seat;
use crate::route::{Reading, Witness};
use crate::statement::{Receipt, Statement};
use crate::timer::Waiter;

/// Questions that wait for an answer, and what the kernel is asked for them.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    /// Where other loops ask, and are asked; none if there are none.
    board: Option<Arc<Board>>,
    askers: Vec<(Witness, Token)>,
    /// Those whose questions are on the board.
    awaiting: Vec<(Witness, Token)>,
    /// Rounds on the board for which the kernel is to be asked first.
    owed: Vec<Summons>,
    /// Whether somebody wants to know who the peers are.
    wants_peers: bool,
    /// Who they are.
    peers: HashMap<Token, Peer>,
    /// What the kernel has said in this turn.
    witnessed: Option<Box<Witnessed>>,
    /// Until then it is not asked again.
    from: Instant,
}

/// What the kernel knows of all open connections.
#[derive(Debug, Default)]
struct Witnessed {
    rows: [Kernel; Owner::COUNT],
    /// Of those that have not asked for anything yet.
    unasked: Kernel,
}

impl Inquiries {
    /// Nobody asks; others may by this board.
    pub(super) fn new(board: Option<Arc<Board>>) -> Self {
        Self { board, ..Self::default() }
    }

    /// Whether the next turn has something to ask.
    pub(super) fn is_waiting(&self) -> bool {
        self.board.is_some() && self.askers.iter().any(|(witness, _)| !self.awaits(*witness))
    }

    /// Whether such a round is on the board.
    fn awaits(&self, witness: Witness) -> bool {
        self.awaiting.iter().any(|(of, _)| *of == witness)
    }

    /// Somebody has waited for too long, and is answered otherwise.
    pub(super) fn forget(&mut self, token: Token) {
        self.askers.retain(|(_, asker)| *asker != token);
        // The round goes on, or the next one of its kind could not be told from it.
        let awaiting = self.awaiting.iter_mut().filter(|(_, asker)| *asker == token);
        awaiting.for_each(|(_, asker)| *asker = NOBODY);
    }
}

impl Engine {
    /// Whether the kernel is to be asked, on somebody's behalf, what it knows of open connections.
    pub fn inquires(&self) -> bool {
        let Inquiries { board, askers, owed, from, .. } = &self.inquiries;
        let asks = if board.is_some() { !owed.is_empty() } else { !askers.is_empty() };
        asks && self.turn.now.at >= *from
    }

    /// Whether somebody wants to know who is at the other ends, too.
    pub fn inquires_peers(&self) -> bool {
        self.inquiries.wants_peers
    }

    /// What the kernel says about an open connection.
    pub fn witness_open(&mut self, token: Token, kernel: Kernel, peer: Option<Peer>) {
        let Some(conn) = self.conn(token) else { return };
        let owner = conn.owner;
        let witnessed = self.inquiries.witnessed.get_or_insert_default();
        match owner {
            Some(owner) => witnessed.rows[owner.place()] += kernel,
            None => witnessed.unasked += kernel,
        }
        self.inquiries.peers.extend(peer.map(|peer| (token, peer)));
    }

    /// Answers a question about costs; one for the kernel or for other loops has to wait.
    pub(super) fn read_ledger(&mut self, index: u32, reading: Reading, manner: &Manner) {
        if !ledger::ON {
            return self.refuse(index, manner, Fault::LedgerAbsent.into());
        }
        if let Reading::Statement { since: Some(since), .. } = reading
            && !self.keeps(since)
        {
            // It may get that name while this one waits: of books that are newer than its answer.
            return self.refuse(index, manner, Fault::SnapshotUnknown.into());
        }
        if self.inquiries.board.is_some() || reading.witness() == Witness::Kernel {
            return self.inquire(index, reading, manner);
        }
        let part = self.part(slice::from_ref(&reading), None);
        let answer = self.tell(&reading, &part, manner);
        self.answer_or_refuse(index, answer, manner);
    }

    fn inquire(&mut self, index: u32, reading: Reading, manner: &Manner) {
        let at = self.turn.now.at;
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let (witness, is_alone) = (reading.witness(), self.inquiries.board.is_none());
        self.inquiries.wants_peers |= is_alone && reading == Reading::Connections;
        let asked = Asked { at, reading, manner: manner.clone(), ended: false };
        conn.state = State::Asking(Box::new(asked));
        let token = Token { index, generation: conn.generation };
        self.inquiries.askers.push((witness, token));
        if is_alone && at < self.inquiries.from {
            self.timers.arm(self.inquiries.from, Waiter::Inquiry);
        }
    }

    /// Answers whoever has asked what a turn alone could not tell.
    pub(super) fn answer_inquiries(&mut self) {
        if let Some(board) = self.inquiries.board.clone() {
            return self.confer(&board);
        }
        if !self.inquires() {
            return;
        }
        self.ledger.enter(Phase::Receive, Some(Owner::Request));
        let askers = std::mem::take(&mut self.inquiries.askers);
        let readings: Vec<Reading> =
            askers.iter().filter_map(|(_, asker)| self.reading(*asker)).collect();
        let witnessed = self.inquiries.witnessed.take();
        let part = self.part(&readings, witnessed.as_deref());
        self.witnessed();
        askers.into_iter().for_each(|(_, asker)| self.answer_asker(asker, &part));
    }

    /// Adds this loop's part to what others ask, asks the others, and answers when all have added
    /// theirs.
    fn confer(&mut self, board: &Board) {
        let (number, _) = self.hub.seat().map_or((0, 1), Seat::number);
        if self.inquires() {
            let owed = std::mem::take(&mut self.inquiries.owed);
            self.contribute(board, number, &owed);
            self.witnessed();
        }
        self.ask_all(board, number);
        while let Some(seen) = board.look(number) {
            let (for_kernel, at_once): (Vec<_>, Vec<_>) =
                seen.summons.into_iter().partition(|one| one.witness == Witness::Kernel);
            self.contribute(board, number, &at_once);
            self.owe(for_kernel);
            for (witness, part) in seen.answered {
                self.ledger.enter(Phase::Receive, Some(Owner::Request));
                let of = |(of, _): &mut (Witness, Token)| *of == witness;
                let askers: Vec<_> = self.inquiries.awaiting.extract_if(.., of).collect();
                askers.into_iter().for_each(|(_, asker)| self.answer_asker(asker, &part));
            }
        }
    }

    /// Puts on the board what clients of this loop ask, unless such a round is there.
    fn ask_all(&mut self, board: &Board, asker: usize) {
        for witness in [Witness::Ledger, Witness::Kernel] {
            if self.inquiries.awaits(witness) {
                continue;
            }
            let mut readings: Vec<Reading> = Vec::new();
            let mut askers = std::mem::take(&mut self.inquiries.askers);
            askers.retain(|(of, token)| {
                if *of != witness || readings.len() == limits::READINGS_PER_ROUND {
                    return true;
                }
                let reading = self.reading(*token);
                // Who has left meanwhile wants to know nothing.
                if let Some(reading) = reading {
                    self.inquiries.awaiting.push((witness, *token));
                    if !readings.contains(&reading) {
                        readings.push(reading);
                    }
                }
                false
            });
            self.inquiries.askers = askers;
            if !readings.is_empty() {
                let calls = board.ask(Summons { asker, witness, readings: readings.into() });
                self.call_loops(calls);
            }
        }
    }

    /// The kernel is to be asked before this loop can add its part.
    fn owe(&mut self, summons: Vec<Summons>) {
        if summons.is_empty() {
            return;
        }
        let mut readings = summons.iter().flat_map(|one| one.readings.iter());
        self.inquiries.wants_peers |= readings.any(|reading| *reading == Reading::Connections);
        self.inquiries.owed.extend(summons);
        if self.turn.now.at < self.inquiries.from {
            self.timers.arm(self.inquiries.from, Waiter::Inquiry);
        }
    }

    fn contribute(&mut self, board: &Board, number: usize, summons: &[Summons]) {
        if summons.is_empty() {
            return;
        }
        self.ledger.enter(Phase::Receive, Some(Owner::Request));
        let witnessed = self.inquiries.witnessed.take();
        for one in summons {
            let part = self.part(&one.readings, witnessed.as_deref());
            let calls = board.add(number, one, part);
            self.call_loops(calls);
        }
    }

    /// Leaves its books to the other loops: it is asked no more.
    pub(super) fn leave_books(&mut self) {
        let Some(board) = self.inquiries.board.clone() else { return };
        let (number, _) = self.hub.seat().map_or((0, 1), Seat::number);
        let books = self.snapshot();
        let calls = board.leave(number, &books);
        self.call_loops(calls);
    }

    pub(super) fn call_loops(&mut self, loops: u64) {
        if let Some(seat) = self.hub.seat_mut() {
            seat.call(loops);
        }
    }

    /// The kernel has been asked, and is not to be asked again for a while.
    fn witnessed(&mut self) {
        let many = self.conns.len().saturating_sub(limits::WITNESS_FEW);
        let pause_us = limits::WITNESS_US_EACH * many as u64;
        let inquiries = &mut self.inquiries;
        inquiries.from = self.turn.now.at.after(pause_us);
        inquiries.wants_peers = false;
        inquiries.peers = HashMap::new();
    }

    /// What this loop knows of all that, with the kernel's word where it was asked.
    fn part(&mut self, readings: &[Reading], witnessed: Option<&Witnessed>) -> Part {
        let mut part = Part::default();
        if readings.iter().any(Reading::wants_books) {
            let mut snapshot = self.snapshot();
            if let Some(witnessed) = witnessed {
                for (owner, kernel) in Owner::all().zip(witnessed.rows) {
                    snapshot.row(owner).kernel_open = Some(kernel);
                }
                snapshot.unasked_mut().kernel_open = Some(witnessed.unasked);
            }
            part.snapshot = Some(snapshot);
        }
        if readings.contains(&Reading::Connections) {
            part.connections = self.connections(|token| self.inquiries.peers.get(&token).cloned());
        }
        let receipts = readings.iter().filter_map(|reading| {
            let Reading::Receipt { channel, id } = reading else { return None };
            Some((channel.clone(), *id, self.ledger.receipt(channel, *id)?))
        });
        part.receipts.extend(receipts);
        part
    }

    /// What somebody has asked who waits for the answer.
    fn reading(&self, token: Token) -> Option<Reading> {
        let State::Asking(asked) = &self.conn(token)?.state else { return None };
        Some(asked.reading.clone())
    }

    fn answer_asker(&mut self, token: Token, part: &Part) {
        let Some(conn) = self.conn(token) else { return };
        let State::Asking(asked) = &conn.state else { return };
        let (reading, ended, manner) = (asked.reading.clone(), asked.ended, asked.manner.clone());
        let answer = self.tell(&reading, part, &manner);
        self.answer_or_refuse(token.index, answer, &manner);
        if ended {
            // The end of its stream is behind what it has asked, and is to be read again.
            self.unpaused.push(token);
        }
    }

    /// What is told of all that to whoever has asked for this.
    fn tell(&mut self, reading: &Reading, part: &Part, manner: &Manner) -> Result<Answer, Fault> {
        let (now, date) = (self.turn.now, &self.turn.date);
        match (reading, &part.snapshot) {
            (Reading::Statement { since, .. }, Some(snapshot)) => {
                self.state(snapshot, *since, manner)
            }
            (Reading::Metrics, Some(snapshot)) => {
                let text = metrics::encode(&Statement::of(snapshot, now));
                Ok(manner.whole(200, date, metrics::CONTENT_TYPE, text.as_bytes()))
            }
            (Reading::Connections, _) => {
                let told = json!({ "time": now.unix_ms(), "connections": part.connections });
                Ok(manner.json(200, date, &told))
            }
            (Reading::Receipt { channel, id }, _) => {
                let receipt = part.receipt(channel, *id).ok_or(Fault::ReceiptUnknown)?;
                Ok(manner.json(200, date, &Receipt::of(channel, *id, receipt)))
            }
            (Reading::Statement { .. } | Reading::Metrics, None) => Err(Fault::LoopBehind),
        }
    }

    /// Whether there is a snapshot of that name.
    fn keeps(&self, name: Id) -> bool {
        match &self.inquiries.board {
            Some(board) => board.snapshots().has(name),
            None => self.snapshots.has(name),
        }
    }

    /// A statement of account, which is kept to be subtracted from later ones.
    fn state(
        &mut self,
        snapshot: &Snapshot,
        since: Option<Id>,
        manner: &Manner,
    ) -> Result<Answer, Fault> {
        let gain = match &self.inquiries.board {
            Some(board) => board.snapshots().gain(snapshot, since),
            None => self.snapshots.gain(snapshot, since),
        };
        let gain = gain.ok_or(Fault::SnapshotUnknown)?;
        let statement = Statement {
            snapshot: gain.name.to_string(),
            since: since.map(|since| since.to_string()),
            span_us: gain.span_us,
            ..Statement::of(&gain.snapshot, self.turn.now)
        };
        Ok(manner.json(200, &self.turn.date, &statement))
    }
}

/// No connection: its slot is never taken.
const NOBODY: Token = Token { index: u32::MAX, generation: 0 };
