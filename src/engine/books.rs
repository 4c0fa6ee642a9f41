//! What the ledger is told about connections, and what it tells about them.

use super::Engine;
use crate::cost::{Bytes, Calls, Kernel, Owner, Phase, Syscall};
use crate::id::Token;
use crate::ledger::Snapshot;
use crate::slow::Lag;

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
            conn.account.book_parsed(bytes);
        }
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
            let (queued, held_bytes) = (conn.queue.bytes(), conn.held_bytes());
            snapshot.row(owner).add_open(&conn.account, queued, held_bytes);
        }
        snapshot
    }
}
