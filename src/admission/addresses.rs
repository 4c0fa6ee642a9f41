//! Where peers come from: how many connections an address has, and how fast it publishes.
//!
//! A connection keeps a key of four bytes. An entry goes with its last connection, unless it has
//! published faster than its rate: then it stays until it has paid for that, or whoever comes back
//! at once would begin anew.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;

use slab::Slab;

use crate::clock::{Instant, SECOND_US};
use crate::limits::{self, Limits};

/// Every address that is bounded; none where no bound is set.
#[derive(Debug, Default)]
pub struct Addresses {
    entries: Slab<Entry>,
    keys: HashMap<PeerAddress, AddressKey>,
    /// Entries without a connection that have still to pay, in the order in which they were left.
    owing: VecDeque<AddressKey>,
}

/// The address of a peer, as far as it tells peers apart.
///
/// An IPv4 address is written as IPv6 does (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2), however it
/// came. Of an IPv6 address the first 64 bits count: the rest is its owner's to choose (§2.5.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct PeerAddress(u128);

/// An entry of [`Addresses`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct AddressKey(NonZeroU32);

/// The address has as many connections as it may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressFull;

/// The address publishes faster than it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublishRateExceeded;

#[derive(Debug)]
struct Entry {
    address: PeerAddress,
    connections: u32,
    /// What it has published and not paid for at `at`, in millionths of a message: at `n` messages
    /// a second, each microsecond pays for `n` of them.
    debt: u64,
    at: Instant,
    /// Whether it is on the list of those that owe.
    is_listed: bool,
}

impl Addresses {
    /// A connection comes from `address`.
    pub fn enter(
        &mut self,
        address: PeerAddress,
        limits: &Limits,
        now: Instant,
    ) -> Result<AddressKey, AddressFull> {
        self.forget(limits, now);
        if self.is_full(address, limits) {
            return Err(AddressFull);
        }
        let key = match self.keys.get(&address) {
            Some(key) => *key,
            None => self.insert(address, now)?,
        };
        if let Some(entry) = self.entries.get_mut(key.slot()) {
            entry.connections += 1;
        }
        Ok(key)
    }

    /// Whether another connection from there would be one too many.
    pub fn is_full(&self, address: PeerAddress, limits: &Limits) -> bool {
        let key = self.keys.get(&address);
        let connections = key.and_then(|key| self.entries.get(key.slot()));
        let connections = connections.map_or(0, |entry| entry.connections as usize);
        limits.connections_per_address_max != 0 && connections >= limits.connections_per_address_max
    }

    /// A connection has left.
    pub fn leave(&mut self, key: AddressKey, limits: &Limits, now: Instant) {
        let Some(entry) = self.entries.get_mut(key.slot()) else { return };
        entry.connections = entry.connections.saturating_sub(1);
        if entry.connections > 0 {
            return;
        }
        entry.pay(limits, now);
        if entry.debt > 0 && !entry.is_listed {
            entry.is_listed = true;
            self.owing.push_back(key);
        }
        self.remove_if_free(key);
        self.forget(limits, now);
    }

    /// A message comes from there. At most as many come at once as may come in a second.
    pub fn publish(
        &mut self,
        key: AddressKey,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), PublishRateExceeded> {
        let Some(entry) = self.entries.get_mut(key.slot()) else { return Ok(()) };
        if limits.publishes_per_s_max == 0 {
            return Ok(());
        }
        entry.pay(limits, now);
        let debt = entry.debt + MESSAGE;
        if debt > (limits.publishes_per_s_max as u64).saturating_mul(MESSAGE) {
            return Err(PublishRateExceeded);
        }
        entry.debt = debt;
        Ok(())
    }

    /// Entries that there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn insert(&mut self, address: PeerAddress, now: Instant) -> Result<AddressKey, AddressFull> {
        let key = AddressKey::of(self.entries.vacant_key()).ok_or(AddressFull)?;
        let entry = Entry { address, connections: 0, debt: 0, at: now, is_listed: false };
        self.entries.insert(entry);
        self.keys.insert(address, key);
        Ok(key)
    }

    /// Forgets those who have paid, and the oldest who have not when there are too many: whoever
    /// has so many addresses gains nothing by another.
    fn forget(&mut self, limits: &Limits, now: Instant) {
        while let Some(key) = self.owing.front().copied() {
            let Some(entry) = self.entries.get_mut(key.slot()) else { return };
            entry.pay(limits, now);
            let may_wait = self.owing.len() <= limits::ADDRESSES_OWING_MAX;
            if entry.connections == 0 && entry.debt > 0 && may_wait {
                return;
            }
            self.owing.pop_front();
            entry.is_listed = false;
            if entry.connections == 0 {
                entry.debt = 0;
            }
            self.remove_if_free(key);
        }
    }

    fn remove_if_free(&mut self, key: AddressKey) {
        let Some(entry) = self.entries.get(key.slot()) else { return };
        if entry.connections > 0 || entry.is_listed {
            return;
        }
        self.keys.remove(&entry.address);
        self.entries.remove(key.slot());
    }
}

impl Entry {
    fn pay(&mut self, limits: &Limits, now: Instant) {
        let paid = now.since(self.at).saturating_mul(limits.publishes_per_s_max as u64);
        self.debt = self.debt.saturating_sub(paid);
        // Another loop may have paid for a turn that began later.
        self.at = self.at.max(now);
    }
}

impl AddressKey {
    /// Counted from 1, so that none takes no room.
    fn of(slot: usize) -> Option<Self> {
        NonZeroU32::new(u32::try_from(slot).ok()?.checked_add(1)?).map(Self)
    }

    const fn slot(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl PeerAddress {
    /// From the sixteen bytes of an IPv6 address, in which IPv4 is mapped.
    pub const fn new(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        if bits >> 32 == MAPPED { Self(bits) } else { Self(bits >> 64 << 64) }
    }
}

/// A message, in what debts are counted in.
const MESSAGE: u64 = SECOND_US;
/// What an IPv4 address has in front of it when it is written as an IPv6 address.
const MAPPED: u128 = 0xffff;

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> PeerAddress {
        PeerAddress::new([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last])
    }

    #[test]
    fn an_address_is_the_network_that_a_peer_may_choose_its_own_within() {
        let v6 = |net: u8, host: u8| {
            PeerAddress::new([0x20, 1, 0xd, 0xb8, 0, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, host])
        };
        assert_eq!(v6(1, 1), v6(1, 2));
        assert_ne!(v6(1, 1), v6(2, 1));
        assert_ne!(v4(1), v4(2));
    }

    #[test]
    fn so_many_connections_come_from_an_address_and_no_more() {
        let mut addresses = Addresses::default();
        let first = addresses.enter(v4(1), &limits(), at(0)).unwrap();
        assert_eq!(addresses.enter(v4(1), &limits(), at(0)), Ok(first));
        assert_eq!(addresses.enter(v4(1), &limits(), at(0)), Err(AddressFull));
        assert!(addresses.enter(v4(2), &limits(), at(0)).is_ok(), "another address");
        addresses.leave(first, &limits(), at(0));
        assert!(!addresses.is_full(v4(1), &limits()));
        assert_eq!(addresses.enter(v4(1), &limits(), at(0)), Ok(first));
    }

    #[test]
    fn a_seconds_worth_may_come_at_once_and_then_one_by_one() {
        let mut addresses = Addresses::default();
        let key = addresses.enter(v4(1), &limits(), at(0)).unwrap();
        let mut publish = |us| addresses.publish(key, &limits(), at(us)).is_ok();
        assert_eq!([0, 0, 0, 0].map(&mut publish), [true, true, true, false]);
        assert_eq!([333_333, 333_334, 333_334].map(&mut publish), [false, true, false]);
        // A long silence earns no more than a second's worth, however long it was.
        assert_eq!([1 << 60; 4].map(&mut publish), [true, true, true, false]);
    }

    #[test]
    fn who_comes_back_at_once_has_not_paid() {
        let mut addresses = Addresses::default();
        for _ in 0..3 {
            let key = addresses.enter(v4(1), &limits(), at(0)).unwrap();
            addresses.publish(key, &limits(), at(0)).unwrap();
            addresses.leave(key, &limits(), at(0));
        }
        let key = addresses.enter(v4(1), &limits(), at(0)).unwrap();
        assert_eq!(addresses.publish(key, &limits(), at(0)), Err(PublishRateExceeded));
        addresses.leave(key, &limits(), at(0));
        assert_eq!(addresses.len(), 1);
        // Somebody else who comes and goes finds that it has paid.
        let other = addresses.enter(v4(2), &limits(), at(SECOND_US)).unwrap();
        addresses.leave(other, &limits(), at(SECOND_US));
        assert!(addresses.is_empty() && addresses.keys.is_empty() && addresses.owing.is_empty());
    }

    #[test]
    fn those_who_owe_are_no_more_than_so_many() {
        let mut addresses = Addresses::default();
        for host in 0..2 * limits::ADDRESSES_OWING_MAX {
            let address = PeerAddress(u128::try_from(host).unwrap() << 64);
            let key = addresses.enter(address, &limits(), at(0)).unwrap();
            addresses.publish(key, &limits(), at(0)).unwrap();
            addresses.leave(key, &limits(), at(0));
            assert!(addresses.len() <= limits::ADDRESSES_OWING_MAX + 1);
            assert_eq!(addresses.len(), addresses.keys.len());
        }
    }

    fn limits() -> Limits {
        Limits { connections_per_address_max: 2, publishes_per_s_max: 3, ..Limits::default() }
    }

    fn at(us: u64) -> Instant {
        Instant::from_us(us)
    }
}
