//! What the ledger is told about connections, and what it tells about them.

use std::collections::HashMap;

use serde_json::json;

use super::Engine;
use crate::answer::{Answer, Manner};
use crate::clock::Instant;
use crate::conn::{Asked, Question, State};
use crate::cost::{Bytes, Calls, Kernel, Owner, Phase, Syscall};
use crate::fault::Fault;
use crate::id::{Id, Token};
use crate::inspect::Peer;
use crate::ledger::{self, Snapshot};
use crate::limits;
use crate::metrics;
use crate::route::{Reading, Witness};
use crate::slow::Lag;
use crate::statement::{Receipt, Statement};
use crate::timer::Waiter;

/// Questions that only the kernel can answer.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    askers: Vec<Token>,
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

impl Engine {
    /// A system call was made for a connection.
    pub fn book(&mut self, token: Token, call: Syscall) {
        let Some(conn) = self.conns.get_mut(token.index as usize) else { return };
        if conn.generation == token.generation {
            self.ledger.book_for(&mut conn.account, conn.owner, call);
        }
    }

    /// A system call was made for somebody who has no connection, or none any more.
    pub fn book_for(&mut self, owner: Owner, call: Syscall) {
        self.ledger.book(owner, call);
    }

    /// So were these.
    pub fn book_all(&mut self, owner: Owner, calls: &Calls) {
        self.ledger.book_all(owner, calls);
    }

    /// What follows is spent on accepting.
    pub fn enter_accept(&mut self) {
        self.ledger.enter(Phase::Accept, Some(Owner::Loop));
    }

    /// What follows is the loop's own.
    pub fn enter_loop(&mut self) {
        self.ledger.enter(Phase::Turn, Some(Owner::Loop));
    }

    /// What follows is spent on reading from this connection; whether its input may be read now.
    pub fn enter_receive(&mut self, token: Token) -> bool {
        let Some(conn) = self.conn(token) else { return false };
        let (reader, is_reading) = (conn.reader(), !conn.is_paused());
        self.ledger.enter(Phase::Receive, reader);
        is_reading
    }

    /// The socket took so many bytes.
    pub fn sent(&mut self, token: Token, bytes: usize) {
        let now = self.turn.now.at;
        let Some(conn) = self.conns.get_mut(token.index as usize) else { return };
        if conn.generation != token.generation {
            return;
        }
        self.viewing.said(token, conn, bytes);
        let (was_full, was_paused) = (conn.is_full(), conn.is_paused());
        conn.sent(bytes, now, &mut self.done);
        if was_full && !conn.is_full() {
            conn.resume(now);
            if !conn.tail.is_empty() {
                self.ready.push(token);
            }
        }
        if matches!(conn.lag, Lag::Long(_))
            && conn.queue.weight() < self.turn.limits.queue_soft_bytes as u64
        {
            conn.lag = Lag::Level;
        }
        if was_paused && !conn.is_paused() {
            self.unpaused.push(token);
        }
        self.ledger.wrote();
        conn.writes = conn.writes.saturating_add(1);
        if !self.done.is_empty() {
            self.ledger.delivered(conn.writes, &self.done);
        }
        if !self.done.is_empty() || conn.queue.is_empty() {
            conn.writes = 0;
        }
        self.done.clear();
    }

    /// The connection works for this owner from now on: what it has cost so far is another's.
    pub(super) fn claim(&mut self, index: u32, owner: Owner) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if let Some(former) = conn.owner.filter(|former| *former != owner) {
            self.ledger.fold(former, &mut conn.account, conn.queue.bytes());
        }
        conn.owner = Some(owner);
        self.ledger.claim(owner);
    }

    /// Books what bytes of the peer's were.
    pub(super) fn parsed(&mut self, index: u32, bytes: Bytes) {
        if let Some(conn) = self.conns.get_mut(index as usize) {
            conn.account.parsed += bytes;
        }
    }

    /// Whether the kernel is to be asked, on somebody's behalf, what it knows of open connections.
    pub fn inquires(&self) -> bool {
        !self.inquiries.askers.is_empty() && self.turn.now.at >= self.inquiries.from
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

    /// What the kernel says about a connection that is about to be closed.
    pub fn witness_closed(&mut self, owner: Owner, kernel: Kernel) {
        self.ledger.witness(owner, kernel);
    }

    /// Everything that everybody has cost so far. Who was let in and has not asked for anything yet
    /// is beside the accounts: nobody knows on whose it will be.
    pub fn snapshot(&mut self) -> Snapshot {
        let mut snapshot = self.ledger.snapshot(self.turn.now.at);
        for (_, conn) in &self.conns {
            let Some(owner) = conn.owner else {
                snapshot.unasked_mut().add(&conn.account, conn.held_bytes());
                continue;
            };
            let waiting = conn.account.received - conn.account.parsed.total();
            let (queued, held_bytes) = (conn.queue.bytes(), conn.held_bytes());
            snapshot.row(owner).add_open(&conn.account, queued, waiting, held_bytes);
        }
        snapshot
    }

    /// Answers a question about costs; one that the kernel is to be asked for waits for the end of
    /// the turn.
    pub(super) fn read_ledger(&mut self, index: u32, reading: Reading, manner: &Manner) {
        let answer = match reading {
            _ if !ledger::ON => Err(Fault::LedgerAbsent),
            Reading::Statement { since, witness: Witness::Kernel } => {
                return self.inquire(index, Question::Statement { since }, manner);
            }
            Reading::Statement { since, witness: Witness::Ledger } => {
                let snapshot = self.snapshot();
                self.state(snapshot, since, manner)
            }
            Reading::Connections => {
                return self.inquire(index, Question::Connections, manner);
            }
            Reading::Metrics => {
                let statement = Statement::of(&self.snapshot(), self.turn.now);
                let text = metrics::encode(&statement);
                Ok(manner.whole(200, &self.turn.date, metrics::CONTENT_TYPE, text.as_bytes()))
            }
            Reading::Receipt { channel, id } => {
                let receipt = self.ledger.receipt(&channel, id);
                let receipt = receipt.map(|receipt| Receipt::of(&channel, id, &receipt));
                let json = |receipt| manner.json(200, &self.turn.date, &receipt);
                receipt.map(json).ok_or(Fault::ReceiptUnknown)
            }
        };
        self.answer_or_refuse(index, answer, manner);
    }

    /// Answers whoever has asked for what the kernel knows: all of them the same.
    pub(super) fn answer_inquiries(&mut self) {
        if !self.inquires() {
            return;
        }
        self.ledger.enter(Phase::Receive, Some(Owner::Request));
        let mut snapshot = self.snapshot();
        if let Some(witnessed) = self.inquiries.witnessed.take() {
            for (owner, kernel) in Owner::all().zip(witnessed.rows) {
                snapshot.row(owner).kernel_open = Some(kernel);
            }
            snapshot.unasked_mut().kernel_open = Some(witnessed.unasked);
        }
        let many = self.conns.len().saturating_sub(limits::WITNESS_FEW);
        let pause_us = limits::WITNESS_US_EACH * many as u64;
        self.inquiries.from = self.turn.now.at.after(pause_us);
        for token in std::mem::take(&mut self.inquiries.askers) {
            let Some(conn) = self.conn(token) else { continue };
            let State::Asking(asked) = &conn.state else { continue };
            let (question, ended, manner) = (asked.question, asked.ended, asked.manner.clone());
            let answer = match question {
                Question::Statement { since } => self.state(snapshot.clone(), since, &manner),
                Question::Connections => Ok(self.tell_connections(&manner)),
            };
            self.answer_or_refuse(token.index, answer, &manner);
            if ended {
                // The end of its stream is behind what it has asked, and is to be read again.
                self.unpaused.push(token);
            }
        }
        self.inquiries.wants_peers = false;
        self.inquiries.peers = HashMap::new();
    }

    /// Every connection, for viewers.
    fn tell_connections(&self, manner: &Manner) -> Answer {
        let connections = self.connections(|token| self.inquiries.peers.get(&token).cloned());
        let told = json!({ "time": self.turn.now.unix_ms(), "connections": connections });
        manner.json(200, &self.turn.date, &told)
    }

    fn inquire(&mut self, index: u32, question: Question, manner: &Manner) {
        let at = self.turn.now.at;
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let asked = Asked { at, question, manner: manner.clone(), ended: false };
        self.inquiries.wants_peers |= question == Question::Connections;
        conn.state = State::Asking(Box::new(asked));
        self.inquiries.askers.push(Token { index, generation: conn.generation });
        if at < self.inquiries.from {
            self.timers.arm(self.inquiries.from, Waiter::Inquiry);
        }
    }

    /// A statement of account, which is kept to be subtracted from later ones.
    fn state(
        &mut self,
        snapshot: Snapshot,
        since: Option<Id>,
        manner: &Manner,
    ) -> Result<Answer, Fault> {
        let earlier = match since {
            Some(name) => Some(self.snapshots.find(name).ok_or(Fault::SnapshotUnknown)?.clone()),
            None => None,
        };
        let name = self.snapshots.keep(snapshot.clone());
        let span_us = snapshot.at.since(earlier.as_ref().map_or(Instant::ZERO, |one| one.at));
        let snapshot = match &earlier {
            Some(earlier) => snapshot.since(earlier),
            None => snapshot,
        };
        let statement = Statement {
            snapshot: name.to_string(),
            since: since.map(|since| since.to_string()),
            span_us,
            ..Statement::of(&snapshot, self.turn.now)
        };
        Ok(manner.json(200, &self.turn.date, &statement))
    }
}
