//! Who comes, from where, what an address may, and who must make room.

use super::{Engine, Farewell};
use crate::admission::{Admission, PeerAddress};
use crate::answer::{Answer, Manner};
use crate::clock::Instant;
use crate::conn::State;
use crate::cost::{Account, Bytes, Owner};
use crate::fault::Fault;
use crate::id::Token;
use crate::limits;
use crate::route::{Ask, Refusal};

impl Engine {
    /// Connections that count, of all loops: those that are refused at the door do not.
    pub fn admitted(&self) -> usize {
        self.commons.connections()
    }

    /// There are more or fewer of them here.
    pub(super) fn recount(&mut self) {
        let now = self.conns.len().saturating_sub(self.unwelcome.len());
        let before = std::mem::replace(&mut self.counted, now);
        self.reached = self.commons.recount(before, now);
    }

    /// How many all loops had when whoever came last came here.
    pub const fn reached(&self) -> usize {
        self.reached
    }

    /// Whether one more connection from there would be refused.
    pub fn would_refuse(&self, address: PeerAddress) -> bool {
        self.commons.is_full(address, &self.turn.limits)
    }

    /// The peer's address is known: what it may do is counted there. One connection too many is
    /// told so, and lingers until it has heard it; where too many do, the oldest goes.
    pub fn locate(&mut self, token: Token, address: PeerAddress) {
        let Some(conn) = self.conns.get_mut(token.index as usize) else { return };
        if conn.generation != token.generation {
            return;
        }
        match self.commons.enter(address, &self.turn.limits, self.turn.now.at) {
            Ok(key) => conn.address = key,
            Err(full) => {
                if self.unwelcome.len() >= limits::REFUSED_MAX
                    && let Some(oldest) = self.unwelcome.pop_front()
                {
                    self.vanish(oldest.index, Farewell::Close);
                }
                self.unwelcome.push_back(token);
                self.recount();
                // Those who wait for the end of the turn would make room for each other unheard.
                self.crowded |= self.unwelcome.len() >= limits::REFUSED_MAX;
                self.refuse(token.index, &Manner::LOST, Fault::from(full).into());
            }
        }
    }

    /// A connection is gone from its address.
    pub(super) fn depart(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token.index as usize) else { return };
        if let Some(key) = conn.address.take() {
            self.commons.leave(key, &self.turn.limits, self.turn.now.at);
        }
        // They are few.
        self.unwelcome.retain(|one| *one != token);
    }

    /// What somebody is told for whom no descriptor is left, so that there is no connection.
    pub fn turn_away(&self) -> Answer {
        Manner::LOST.refusal(Fault::ConnectionsFull, &self.turn.date, "")
    }

    /// They were told so many bytes of it, and so many of theirs were read and dropped.
    pub fn turned_away(&mut self, answer: &Answer, taken: usize, received: usize) {
        let mut account = Account::default();
        account.book_made(answer.made);
        account.book_taken(taken);
        account.book_dropped(answer.made.total().saturating_sub(taken as u64));
        account.book_received(received);
        account.book_parsed(Bytes::control(received));
        debug_assert!(account.balances(0), "{account:?}");
        self.ledger.fold(Owner::Request, &mut account, 0);
    }

    /// The longest idle connection that is only kept for a next request: it may give way to a new
    /// one. Who was let in and has not spoken yet is not idle.
    pub fn idlest(&mut self) -> Option<Token> {
        while let Some((since, token)) = self.idle.front().copied() {
            if self.idle_since(token) == Some(since) {
                return Some(token);
            }
            self.idle.pop_front();
        }
        None
    }

    /// Somebody waits who cannot be let in, and nobody is idle here: perhaps on another loop.
    pub fn await_room(&mut self) {
        self.commons.wait(self.number());
        self.call_loops(u64::MAX);
    }

    /// Whoever waited here has room, or does not wait: nobody needs to give way.
    pub fn stop_waiting(&mut self) {
        self.commons.stop_waiting(self.number());
    }

    /// Who gives way to somebody who waits at another loop, as long as there is no room.
    pub fn idlest_for_others(&mut self, admission: &Admission) -> Option<Token> {
        if !self.commons.is_waited() || admission.has_room(self.admitted()) {
            return None;
        }
        self.idlest().filter(|_| self.commons.take_wait())
    }

    /// A connection may have fallen idle.
    pub(super) fn note_idle(&mut self, token: Token) {
        if let Some(since) = self.idle_since(token) {
            self.idled = true;
            self.idle.push_back((since, token));
        }
    }

    /// Forgets who is not idle any more, when they are more than those who are there, and gives
    /// back what a crowd has taken that has left.
    pub(super) fn forget_crowd(&mut self) {
        if self.idle.len() > 2 * self.conns.len() + limits::TIMERS_SPARE {
            let mut idle = std::mem::take(&mut self.idle);
            idle.retain(|(since, token)| self.idle_since(*token) == Some(*since));
            self.idle = idle;
        }
        let slots = self.conns.capacity();
        if slots > limits::SLOTS_SPARE && self.conns.len() < slots / 8 {
            // Up to the last slot that is taken, which may stay as long as it likes.
            self.conns.shrink_to_fit();
            if self.conns.capacity() < slots {
                self.idle.shrink_to(2 * limits::TIMERS_SPARE);
                self.timers.shrink();
            }
        }
    }

    /// Which of the loops it is.
    fn number(&self) -> usize {
        self.hub.seat().map_or(0, |seat| seat.number().0)
    }

    fn idle_since(&self, token: Token) -> Option<Instant> {
        let conn = self.conn(token)?;
        match conn.state {
            State::Head { since, begun: false, .. } if conn.queue.is_empty() && conn.heard => {
                Some(since)
            }
            _ => None,
        }
    }

    /// Counts a request; whether its connection is to be closed behind it.
    pub(super) fn is_last(&mut self, index: u32) -> bool {
        let requests_max = self.turn.limits.requests_max;
        let Some(conn) = self.conns.get_mut(index as usize) else { return true };
        conn.requests = conn.requests.saturating_add(1);
        requests_max != 0 && usize::from(conn.requests) >= requests_max
    }

    /// What is asked for, if it publishes no faster than its address may.
    pub(super) fn within_rate(&mut self, index: u32, ask: Ask) -> Result<Ask, Refusal> {
        if ask.owner() == Owner::Publish {
            self.count_publish(index)?;
        }
        Ok(ask)
    }

    /// Counts a message that the connection's address publishes, if it may.
    pub(super) fn count_publish(&mut self, index: u32) -> Result<(), Fault> {
        match self.conns.get(index as usize).and_then(|conn| conn.address) {
            Some(key) => Ok(self.commons.publish(key, &self.turn.limits, self.turn.now.at)?),
            None => Ok(()),
        }
    }
}
