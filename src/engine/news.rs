//! One loop among others: what they tell it, and whom it calls.

use super::Engine;
use crate::order::Seat;

impl Engine {
    /// Hears what other loops have said, and tells the subscribers of what they have deleted.
    pub(super) fn hear(&mut self) {
        self.take_in();
        while self.hear_on() {}
    }

    /// Takes in what other loops have said so far, to be heard.
    pub fn take_in(&mut self) {
        self.hub.take_in();
    }

    /// Hears on, up to what should be handed over together: whether there was anything. A queue
    /// that is long then should leave before more is heard.
    pub fn hear_on(&mut self) -> bool {
        if self.hub.seat().is_none() {
            return false;
        }
        self.deliver_urgent();
        let heard = self.hub.hear(self.turn.now);
        self.deliver_urgent();
        self.end_deleted();
        heard
    }

    /// Tells other loops who is connected here, before anybody who is hears that they are, and
    /// again when the last of the turn have left.
    pub(super) fn tell_counts(&mut self) {
        self.hub.tell_counts();
        self.online.tell(self.commons.online());
    }

    /// The loop was called, and looks.
    pub fn called(&mut self) {
        if let Some(seat) = self.hub.seat() {
            seat.answer();
        }
    }

    /// The loops that were told something and are to be woken, a bit for each: asks once.
    pub fn take_calls(&mut self) -> u64 {
        self.hub.seat_mut().map_or(0, Seat::take_calls)
    }

    /// Whether no other loop is there, or all have left.
    pub fn is_alone(&self) -> bool {
        self.hub.seat().is_none_or(Seat::is_alone)
    }

    /// Whether another loop has so much to take in that no client should be read for a while.
    pub fn is_held_up(&self) -> bool {
        self.hub.seat().is_some_and(Seat::is_behind)
    }
}
