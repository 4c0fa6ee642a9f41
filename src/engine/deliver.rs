//! From a log to its subscribers, and what becomes of a connection then.

use super::slow::Feed;
use super::{Engine, Farewell, Leave};
use crate::api::Mode;
use crate::conn::State;
use crate::cost::{Owner, Phase};
use crate::event::{Batch, Payload};
use crate::fault::Fault;
use crate::frame::{Frame, Frames};
use crate::hub::{Draft, HubError, Pending, Subscriber};
use crate::id::{ChannelKey, Id, Token};
use crate::limits;
use crate::mech::mould::{Act, Why};
use crate::slow::Lag;

impl Engine {
    /// Hands a channel's news to its subscribers, mechanism by mechanism.
    pub(super) fn deliver(&mut self, key: ChannelKey) {
        let before = self.ledger.run();
        let mut frames = Frames::default();
        let now = self.turn.now;
        let Some(Pending { batch, subscribers, census }) = self.hub.pending(key, now) else {
            return;
        };
        let batch = Batch { course: self.ledger.course(&batch), ..batch };
        // What many in a row were handed, and how many: it is booked for all of them at once.
        let mut alike: Option<(Frame, u32)> = None;
        for (kind, _) in census.present() {
            self.ledger.enter(Phase::Deliver, Some(Owner::Mech(kind)));
            for Subscriber { token, .. } in subscribers.iter().filter(|one| one.kind == kind) {
                let Some(conn) = self.conns.get_mut(token.index as usize) else { continue };
                // Only a socket that would take no more shows a reader that does not read.
                if conn.is_blocked() || conn.lag != Lag::Level {
                    match Feed::of(conn, &batch, &self.turn.limits) {
                        Feed::Give => {}
                        Feed::Long => self.leaving.push((token.index, Leave::Long)),
                        Feed::Pass => continue,
                        Feed::Close => {
                            self.leaving.push((token.index, Leave::Slow));
                            continue;
                        }
                    }
                }
                let State::Mech(mech) = &mut conn.state else { continue };
                let mut out = self.turn.out(&mut conn.queue, &mut conn.account);
                mech.deliver(&batch, &mut frames, &mut out);
                if let Some(frame) = conn.queue.newest(batch.course) {
                    match &mut alike {
                        Some((last, times)) if last.is(frame) => *times += 1,
                        _ => self.ledger.queued(alike.replace((frame.clone(), 1))),
                    }
                }
                for act in self.turn.acts.drain(..) {
                    let leave = if act == Act::Done { Leave::Done } else { Leave::Close };
                    self.leaving.push((token.index, leave));
                }
                self.crowded |= conn.queue.bytes() > limits::QUEUE_BYTES_PAUSE as u64;
                if !conn.dirty && !conn.queue.is_empty() {
                    conn.dirty = true;
                    self.dirty.push(*token);
                }
            }
            self.ledger.queued(alike.take());
        }
        self.hub.handed_over(key, now);
        self.leave();
        self.ledger.enter(before.phase, before.owner);
    }

    /// Lets those go that a fan-out has finished with.
    fn leave(&mut self) {
        let mut leaving = std::mem::take(&mut self.leaving);
        for (index, leave) in leaving.drain(..) {
            match leave {
                Leave::Done => self.done(index),
                Leave::Close => self.close(index),
                Leave::Slow => self.end_slow(index, Fault::QueueFull),
                Leave::Long => self.note_long(index),
            }
        }
        self.leaving = leaving;
    }

    /// From now on its queue may be long for so long, and no longer.
    fn note_long(&mut self, index: u32) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        conn.lag = Lag::Long(self.turn.now.at);
        self.arm(index);
    }

    /// Tells every subscriber of a channel that was deleted that it is no more.
    pub(super) fn end_deleted(&mut self) {
        while let Some(key) = self.hub.next_deleted() {
            if self.hub.is_dirty(key) {
                self.deliver(key);
            }
            let subscribers = self.hub.subscribers(key).to_vec();
            for Subscriber { token, .. } in subscribers {
                self.end(token.index, Why::Deleted);
                self.unsubscribe(token.index);
            }
            self.hub.bury(key);
        }
    }

    /// The cursor of whoever has read all that its channel has.
    fn newest(&self, index: u32) -> Option<Id> {
        let edge = self.conns.get(index as usize)?.edge?;
        Some(self.hub.channel(edge.channel)?.log().cursor())
    }

    /// Lets a mechanism say its last words.
    pub(super) fn end(&mut self, index: u32, why: Why) {
        if matches!(why, Why::Drain(_) | Why::Deleted) {
            self.tell_behind(index);
        }
        let Some((mech, mut out)) = self.mech(index) else { return };
        mech.end(why, &mut out);
        self.closed(index, why.fault());
        self.soil(index);
        self.settle_acts(index);
        self.arm(index);
    }

    /// Does what a mechanism has left to be done.
    pub(super) fn settle_acts(&mut self, index: u32) {
        let mut acts = std::mem::take(&mut self.turn.acts);
        for act in acts.drain(..) {
            if matches!(act, Act::Publish(..) | Act::Receive(..))
                && let Err(fault) = self.may_say(index)
            {
                self.end(index, Why::Fault(fault));
                continue;
            }
            match act {
                Act::Subscribe(key) => self.subscribe(index, key),
                Act::Publish(key, payload) => self.publish_for(index, key, payload),
                Act::Receive(key, payload) => {
                    let received = self.hub.receive(key, &payload, self.turn.now);
                    self.end_unheard(index, received);
                }
                Act::Done => self.done(index),
                Act::Close => self.close(index),
            }
        }
        self.turn.acts = acts;
    }

    fn subscribe(&mut self, index: u32, key: ChannelKey) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let State::Mech(mech) = &conn.state else { return };
        let token = Token { index, generation: conn.generation };
        conn.edge = self.hub.subscribe(key, Subscriber { token, kind: mech.kind() });
    }

    fn unsubscribe(&mut self, index: u32) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let Some(edge) = conn.edge.take() else { return };
        let Some(moved) = self.hub.unsubscribe(edge, self.turn.now.at) else { return };
        if let Some(moved) = self.conns.get_mut(moved.token.index as usize) {
            moved.edge = Some(edge);
        }
    }

    fn publish_for(&mut self, index: u32, key: ChannelKey, payload: Payload) {
        let now = self.ledger.now(self.turn.now);
        let published = self.hub.publish(key, Draft { name: None, payload }, now).map(|_| ());
        self.end_unheard(index, published);
        self.deliver_urgent();
    }

    /// What a mechanism's peer has said could not be taken: that was its last word, for no answer
    /// would tell which of its messages are lost.
    fn end_unheard(&mut self, index: u32, said: Result<(), HubError>) {
        if let Err(unsaid @ HubError::Unsaid(_)) = said {
            self.end(index, Why::Fault(unsaid.into()));
        }
    }

    /// The request in hand is answered: the connection is free for the next, or done with.
    pub(super) fn done(&mut self, index: u32) {
        self.close_mech(index);
        let now = self.turn.now.at;
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if !conn.keep_alive {
            return self.close(index);
        }
        conn.await_head(now);
        if !conn.tail.is_empty() {
            self.ready.push(Token { index, generation: conn.generation });
        }
        self.arm(index);
    }

    /// Closes the connection when what is queued has left.
    pub(super) fn close(&mut self, index: u32) {
        self.close_mech(index);
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if matches!(conn.state, State::Gone) {
            return;
        }
        let was_paused = conn.is_paused();
        conn.linger();
        if was_paused && !conn.is_paused() {
            // What it still sends is read and dropped, or its end would be an RST.
            self.unpaused.push(Token { index, generation: conn.generation });
        }
        self.soil(index);
    }

    /// Closes the connection now; what is queued is dropped.
    pub(super) fn vanish(&mut self, index: u32, farewell: Farewell) {
        self.close_mech(index);
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if matches!(conn.state, State::Gone) {
            return;
        }
        conn.vanish();
        self.gone.push((Token { index, generation: conn.generation }, farewell));
    }

    /// A connection that has a mechanism has it no longer.
    fn close_mech(&mut self, index: u32) {
        self.unsubscribe(index);
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if let State::Mech(mech) = &conn.state {
            self.online.leave(mech.kind());
            self.ledger.closed(mech.kind(), self.turn.now.at);
            conn.lag = Lag::Level;
            conn.await_head(self.turn.now.at);
        }
    }

    /// How long clients have to leave when the server drains, in microseconds.
    pub const fn drain_us_max(&self) -> u64 {
        self.turn.limits.drain_us_max
    }

    /// The server is about to leave: every mechanism says goodbye, everybody else is closed as
    /// soon as what they asked for is answered. Who publishes from now on is refused: nobody could
    /// hear it any more.
    pub fn drain(&mut self) {
        // Whoever asks waits for the end of the turn: the kernel is asked right before.
        self.tell_viewers();
        self.hub.close_logs();
        // What other loops have acknowledged until then leaves before the goodbye, too.
        self.hear();
        self.hand_over();
        self.mode = Mode::Draining;
        let all: Vec<u32> =
            self.conns.iter().filter_map(|(index, _)| u32::try_from(index).ok()).collect();
        for index in all {
            let Some(conn) = self.conns.get_mut(index as usize) else { continue };
            conn.keep_alive = false;
            match &mut conn.state {
                // RFC 9112 §9.6: the last answer of a connection says that it is the last.
                State::Body(incoming) => incoming.manner.keep_alive = false,
                // It is answered at the end of the turn, or of one to come.
                State::Asking(asked) => asked.manner.keep_alive = false,
                State::Mech(_) => {
                    let newest = self.newest(index);
                    self.end(index, Why::Drain(newest));
                }
                State::Head { begun: false, .. } => self.close_for(index, Fault::Draining),
                State::Head { .. } | State::Lingering { .. } | State::Gone => {}
            }
        }
    }
}
