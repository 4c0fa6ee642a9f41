//! What happens when nothing happens: deadlines of connections and channels.

use super::{Engine, Farewell};
use crate::answer::Manner;
use crate::clock::Instant;
use crate::conn::State;
use crate::cost::{Owner, Phase};
use crate::fault::Fault;
use crate::id::Token;
use crate::mech::mould::Why;
use crate::route::Witness;
use crate::timer::Waiter;

impl Engine {
    /// When the next deadline passes.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Ticks whatever has a deadline that has passed.
    pub fn tick(&mut self) {
        while let Some((at, waiter)) = self.timers.due(self.turn.now.at) {
            match waiter {
                Waiter::Conn(token) => self.tick_conn(token, at),
                Waiter::Channel(key) if self.hub.awaits(key, at) => {
                    self.hub.tick(key, self.turn.now)
                }
                Waiter::Viewers => self.tell_own(),
                // The turn that it has woken asks.
                Waiter::Channel(_) | Waiter::Inquiry => {}
            }
        }
    }

    /// Arms the connection's deadline, unless it will be looked at before.
    pub(super) fn arm(&mut self, index: u32) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let deadline = conn.deadline(&self.turn.limits);
        if deadline < conn.armed {
            conn.armed = deadline;
            let token = Token { index, generation: conn.generation };
            self.timers.arm(deadline, Waiter::Conn(token));
        }
    }

    fn tick_conn(&mut self, token: Token, at: Instant) {
        let (now, limits) = (self.turn.now.at, self.turn.limits);
        let Some(conn) = self.conn_mut(token) else { return };
        if conn.armed != at {
            return;
        }
        conn.armed = Instant::NEVER;
        if conn.stall_deadline(&limits) <= now {
            return self.cut_off(token.index, Farewell::Reset, Fault::Stalled);
        }
        if conn.lag_deadline(&limits) <= now {
            return self.end_slow(token.index, Fault::QueueFull);
        }
        if conn.deadline(&limits) <= now {
            self.expire(token.index);
        }
        self.arm(token.index);
    }

    /// A deadline of the connection's own has passed.
    fn expire(&mut self, index: u32) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let owner = conn.owner.unwrap_or(Owner::Request);
        self.ledger.enter(Phase::Tick, Some(owner));
        match &conn.state {
            State::Head { begun: true, .. } => {
                self.refuse(index, &Manner::LOST, Fault::HeadSlow.into());
            }
            State::Body(_) => self.refuse(index, &Manner::LOST, Fault::BodySlow.into()),
            State::Head { .. } => {
                let fault = if conn.heard { Fault::Idle } else { Fault::Silent };
                self.close_for(index, fault);
            }
            State::Lingering { .. } => self.cut_off(index, Farewell::Close, Fault::LingerSlow),
            State::Mech(_) => self.tick_mech(index),
            State::Asking(asked) => {
                let manner = asked.manner.clone();
                let fault = match asked.reading.witness() {
                    Witness::Kernel => Fault::WitnessSlow,
                    Witness::Ledger => Fault::LoopBehind,
                };
                self.inquiries.forget(Token { index, generation: conn.generation });
                self.refuse(index, &manner, fault.into());
            }
            State::Gone => {}
        }
    }

    fn tick_mech(&mut self, index: u32) {
        let Some((mech, mut out)) = self.mech(index) else { return };
        let kind = mech.kind();
        let ticked = mech.tick(&mut out);
        self.ledger.tick(Owner::Mech(kind));
        self.soil(index);
        self.settle_acts(index);
        if let Err(fault) = ticked {
            self.end(index, Why::Fault(fault));
        }
    }
}
