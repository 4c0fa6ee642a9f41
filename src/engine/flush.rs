//! From queues to sockets: what is to be written, and what becomes of a connection then.

use std::io::IoSlice;

use super::{Engine, Farewell, Next};
use crate::clock::Instant;
use crate::conn::State;
use crate::cost::Phase;
use crate::fault::Fault;
use crate::id::Token;
use crate::limits;
use crate::slow::Lag;

impl Engine {
    /// The next connection with something to send.
    pub fn next_dirty(&mut self) -> Option<Token> {
        while let Some(token) = self.dirty.pop() {
            if let Some(conn) = self.conn_mut(token) {
                conn.dirty = false;
                let owner = conn.owner;
                self.ledger.enter(Phase::Flush, owner);
                return Some(token);
            }
        }
        None
    }

    /// What a connection has to send next, if it is one piece or nothing.
    pub fn sole(&self, token: Token) -> Option<&[u8]> {
        self.conn(token).map_or(Some(&[]), |conn| conn.queue.sole())
    }

    /// What a connection has to send next; returns how many slices it set.
    pub fn gather<'e>(&'e self, token: Token, slices: &mut [IoSlice<'e>]) -> usize {
        self.conn(token).map_or(0, |conn| conn.queue.gather(slices))
    }

    /// A connection has been flushed as far as its socket would go.
    pub fn flushed(&mut self, token: Token) -> Next {
        let now = self.turn.now.at;
        let Some(conn) = self.conns.get_mut(token.index as usize) else { return Next::Keep };
        if conn.generation != token.generation {
            return Next::Keep;
        }
        let mut next = Next::Keep;
        match &mut conn.state {
            State::Lingering { .. } if !conn.queue.is_empty() => {}
            State::Lingering { budget: 0, .. } => {
                self.cut_off(token.index, Farewell::Close, Fault::LingerInput);
                return Next::Keep;
            }
            // "A client that sends a "close" connection option MUST NOT send further requests on
            // that connection" (RFC 9112 §9.6), nor does one that does not persist (§9.3):
            // nothing comes that an RST could answer.
            State::Lingering { .. } if conn.asks_no_more => {
                self.vanish(token.index, Farewell::Close);
                return Next::Keep;
            }
            State::Lingering { until, .. } if *until == Instant::NEVER => {
                *until = now.after(limits::LINGER_US_MAX);
                next = Next::ShutDown;
            }
            _ => {}
        }
        if !conn.queue.is_empty() && conn.blocked == Instant::NEVER {
            conn.blocked = now;
        }
        // Nothing waits for most of them: this is looked at once per delivery.
        if conn.lag != Lag::Level && conn.queue.is_empty() {
            // In the next turn: the others have theirs.
            self.hungry.push(token);
        }
        if conn.counted > 0 || !conn.queue.is_empty() {
            self.count_queue(token.index);
        }
        self.note_idle(token);
        self.arm(token.index);
        next
    }

    /// The socket takes more again: whether there is more.
    pub fn writable(&mut self, token: Token) {
        if self.has_output(token) {
            self.soil(token.index);
        }
    }

    /// Whether the connection has something to send.
    pub fn has_output(&self, token: Token) -> bool {
        self.conn(token).is_some_and(|conn| !conn.queue.is_empty())
    }

    /// Has the connection flushed at the end of the turn.
    pub(super) fn soil(&mut self, index: u32) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(Token { index, generation: conn.generation });
        }
    }
}
