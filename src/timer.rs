//! Deadlines: a heap with one entry for each thing that waits.
//!
//! A deadline that moves away, as a heartbeat does with every message, costs nothing: its entry
//! comes up at the old time, and is put back for the new one. Only a deadline that moves nearer
//! adds an entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Instant;
use crate::id::{ChannelKey, Token};

/// Who waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Waiter {
    /// A connection.
    Conn(Token),
    /// A channel, for its messages to age or itself to be forgotten.
    Channel(ChannelKey),
    /// Viewers who are to be told of their own connections.
    Viewers,
    /// Whoever wants to know what the kernel knows.
    Inquiry,
}

/// All deadlines of a loop.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Waiter)>>,
}

impl Timers {
    /// Wakes `waiter` at `at`, besides what it waits for already.
    pub fn arm(&mut self, at: Instant, waiter: Waiter) {
        self.heap.push(Reverse((at, waiter)));
    }

    /// When the next entry comes up.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next waiter whose entry has come up by `now`, and when it was armed for.
    pub fn due(&mut self, now: Instant) -> Option<(Instant, Waiter)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Keeps the entries for which `lives` says so: those of the departed only cost memory.
    pub fn retain(&mut self, lives: impl Fn(Instant, Waiter) -> bool) {
        self.heap.retain(|Reverse((at, waiter))| lives(*at, *waiter));
    }

    /// Gives back the memory of entries that are gone.
    pub fn shrink(&mut self) {
        self.heap.shrink_to_fit();
    }

    /// Entries in the heap.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_up_in_order_and_not_before_their_time() {
        let mut timers = Timers::default();
        let waiter = |key| Waiter::Channel(ChannelKey(key));
        timers.arm(Instant::from_us(30), waiter(3));
        timers.arm(Instant::from_us(10), waiter(1));
        timers.arm(Instant::from_us(20), waiter(2));
        assert_eq!(timers.due(Instant::from_us(9)), None);
        assert_eq!(timers.due(Instant::from_us(25)), Some((Instant::from_us(10), waiter(1))));
        assert_eq!(timers.due(Instant::from_us(25)), Some((Instant::from_us(20), waiter(2))));
        assert_eq!(timers.due(Instant::from_us(25)), None);
        assert_eq!(timers.next(), Some(Instant::from_us(30)));
    }
}
