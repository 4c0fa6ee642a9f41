//! What all loops of a server count together: who is connected, from where, and by which mechanism.
//!
//! A loop that is alone has one of its own. Nothing here is looked at for a delivery.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::admission::{AddressFull, AddressKey, Addresses, PeerAddress, PublishRateExceeded};
use crate::clock::Instant;
use crate::id::{Census, Kind};
use crate::limits::Limits;

/// What the loops of one server have in common, besides the order of messages.
#[derive(Debug, Default)]
pub struct Commons {
    /// Open mechanisms.
    online: Tally,
    /// Whoever is told by the inspector what others do, and whoever also what they do themselves.
    viewers: [Arc<Tally>; 2],
    /// Connections that count among those that there may be.
    connections: AtomicUsize,
    /// Loops at which somebody waits while nobody is idle there, a bit for each.
    waits: AtomicU64,
    /// Sessions of the chat so far.
    sessions: AtomicU64,
    /// Where everybody comes from, if what an address may is bounded.
    addresses: Mutex<Addresses>,
}

impl Commons {
    /// Open mechanisms.
    pub const fn online(&self) -> &Tally {
        &self.online
    }

    /// The viewers of the inspector: those who see what others do, and those who also see what they
    /// do themselves.
    pub const fn viewers(&self) -> &[Arc<Tally>; 2] {
        &self.viewers
    }

    /// Whether there is a viewer on any loop.
    pub fn is_viewed(&self) -> bool {
        self.viewers.iter().any(|tally| tally.census().total() > 0)
    }

    /// Connections that there are.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// A loop that had so many connections has so many now; returns how many all have then. Who
    /// comes at the same time to another loop is told another number.
    pub fn recount(&self, before: usize, now: usize) -> usize {
        if now >= before {
            // Behind the word that nobody waits: who sees no room left knows who has taken it.
            self.connections.fetch_add(now - before, Ordering::AcqRel) + (now - before)
        } else {
            self.connections.fetch_sub(before - now, Ordering::AcqRel) - (before - now)
        }
    }

    /// Somebody waits at this loop, and nobody is idle there: whoever is on another gives way.
    pub fn wait(&self, number: usize) {
        self.waits.fetch_or(1 << number, Ordering::Relaxed);
    }

    /// Nobody waits at this loop any more, before whoever did is counted.
    pub fn stop_waiting(&self, number: usize) {
        if self.waits.load(Ordering::Relaxed) & (1 << number) != 0 {
            self.waits.fetch_and(!(1 << number), Ordering::Relaxed);
        }
    }

    /// Whether somebody waits at any loop.
    pub fn is_waited(&self) -> bool {
        self.waits.load(Ordering::Relaxed) != 0
    }

    /// One gives way, for one loop that waits: whether other loops have not been faster.
    pub fn take_wait(&self) -> bool {
        let but_one = |waits: u64| Some(waits & waits.checked_sub(1)?);
        self.waits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, but_one).is_ok()
    }

    /// The number of a new session of the chat.
    pub fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A connection comes from `address`; none is counted where nothing is bounded.
    pub fn enter(
        &self,
        address: PeerAddress,
        limits: &Limits,
        now: Instant,
    ) -> Result<Option<AddressKey>, AddressFull> {
        if !limits.bound_addresses() {
            return Ok(None);
        }
        self.addresses().enter(address, limits, now).map(Some)
    }

    /// Whether another connection from there would be one too many.
    pub fn is_full(&self, address: PeerAddress, limits: &Limits) -> bool {
        limits.bound_addresses() && self.addresses().is_full(address, limits)
    }

    /// A connection has left.
    pub fn leave(&self, key: AddressKey, limits: &Limits, now: Instant) {
        self.addresses().leave(key, limits, now);
    }

    /// A message comes from there.
    pub fn publish(
        &self,
        key: AddressKey,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), PublishRateExceeded> {
        self.addresses().publish(key, limits, now)
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of each mechanism, on all loops.
#[derive(Debug, Default)]
pub struct Tally {
    counts: [AtomicU32; Kind::ALL.len()],
}

impl Tally {
    /// How many there are, as far as loops have told.
    pub fn census(&self) -> Census {
        Census::of(Kind::ALL.map(|kind| self.counts[kind as usize].load(Ordering::Relaxed)))
    }
}

/// A loop's share of a tally. It is told once a turn: a line of memory that all loops write for
/// every poll that they answer would be waited for each time.
#[derive(Debug, Default)]
pub struct Share {
    own: Census,
    told: Census,
}

impl Share {
    /// One more.
    pub const fn enter(&mut self, kind: Kind) {
        self.own.enter(kind);
    }

    /// One less.
    pub const fn leave(&mut self, kind: Kind) {
        self.own.leave(kind);
    }

    /// How many there are on this loop.
    pub const fn own(&self) -> Census {
        self.own
    }

    /// How many there are on all loops: of this one, those of which nobody was told yet, too.
    pub fn all(&self, tally: &Tally) -> Census {
        tally.census().without(self.told).and(self.own)
    }

    /// Tells the tally.
    pub fn tell(&mut self, tally: &Tally) {
        let Self { own, told } = self;
        // Every turn asks this, and in most nobody has come or gone.
        if own == told {
            return;
        }
        for (count, (own, told)) in tally.counts.iter().zip(own.counts().zip(told.counts())) {
            if own != told {
                count.fetch_add(own.wrapping_sub(told), Ordering::Relaxed);
            }
        }
        *told = *own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_whether_they_were_told_or_not() {
        let (tally, mut one, mut other) = (Tally::default(), Share::default(), Share::default());
        one.enter(Kind::Sse);
        one.enter(Kind::Sse);
        other.enter(Kind::Sse);
        assert_eq!([one.all(&tally), other.all(&tally)].map(|all| all.total()), [2, 1]);
        one.tell(&tally);
        other.tell(&tally);
        assert_eq!([one.all(&tally), other.all(&tally), tally.census()], [tally.census(); 3]);
        assert_eq!(tally.census().total(), 3);
        // Below what was told: the tally is told the difference.
        one.leave(Kind::Sse);
        one.leave(Kind::Sse);
        assert_eq!((one.all(&tally).total(), other.all(&tally).total()), (1, 3));
        one.tell(&tally);
        one.tell(&tally);
        assert_eq!((tally.census(), one.own().total()), (other.own(), 0));
    }

    #[test]
    fn of_two_who_come_at_once_for_one_place_one_is_too_many() {
        let commons = Commons::default();
        assert_eq!([commons.recount(0, 1), commons.recount(0, 1)], [1, 2]);
        assert_eq!((commons.recount(1, 0), commons.connections()), (1, 1));
    }

    #[test]
    fn where_nothing_is_bounded_nothing_is_counted() {
        let (commons, limits) = (Commons::default(), Limits::default());
        let address = PeerAddress::new([1; 16]);
        assert_eq!(commons.enter(address, &limits, Instant::ZERO), Ok(None));
        assert!(commons.addresses().is_empty());
    }
}
