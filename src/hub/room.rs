//! Which channels a loop keeps: made when they are named, forgotten when nobody needs them.

use std::sync::Arc;

use super::{Channel, Hub, HubError, INSPECTOR};
use crate::clock::{Instant, Now};
use crate::commons::{Share, Tally};
use crate::history::History;
use crate::id::ChannelKey;
use crate::limits;
use crate::order::Standing;

impl Hub {
    pub(super) fn make(&mut self, name: &str, now: Now) -> Result<ChannelKey, HubError> {
        self.room_for_one()?;
        let name: Arc<str> = Arc::from(name);
        let Some(seat) = &mut self.seat else {
            let epoch = now.unix_ms().max(self.epoch_min);
            return self.insert(name, History::new(epoch), 0, None, now);
        };
        let standing = seat.join(&name, now.unix_ms());
        // What is heard now may make it.
        self.act(now);
        self.find(&name).map_or_else(|| self.insert_replica(name, standing, now), Ok)
    }

    /// A replica of a log that stands like this; what is in it was before.
    pub(super) fn insert_replica(
        &mut self,
        name: Arc<str>,
        standing: Standing,
        now: Now,
    ) -> Result<ChannelKey, HubError> {
        let Standing { epoch, newest, read, tally } = standing;
        // Whether anybody looks is asked by loops that have no such channel yet.
        let viewers = self.seat.as_ref().and_then(|seat| {
            let at = INSPECTOR.iter().position(|inspector| **inspector == *name)?;
            seat.commons().viewers().get(at).cloned()
        });
        let tally = viewers.unwrap_or(tally);
        self.insert(name, History::resumed(epoch, newest), read.min(newest), Some(tally), now)
    }

    fn insert(
        &mut self,
        name: Arc<str>,
        log: History,
        read: u64,
        tally: Option<Arc<Tally>>,
        now: Now,
    ) -> Result<ChannelKey, HubError> {
        let slot = self.channels.insert(Channel {
            name: Arc::clone(&name),
            log,
            subscribers: Vec::new(),
            census: Share::default(),
            tally,
            recounted: false,
            read,
            pending: 0,
            dirty: false,
            deleted: false,
            used: now.at,
            armed: None,
            unarmed: true,
        });
        let key = ChannelKey(u32::try_from(slot).map_err(|_| HubError::Full)?);
        self.by_name.insert(name, key);
        self.unarmed.push(key);
        Ok(key)
    }

    pub(super) fn room_for_one(&mut self) -> Result<(), HubError> {
        let is_full = self.channels.len() >= self.limits.channels_max;
        if is_full && !self.make_room() { Err(HubError::Full) } else { Ok(()) }
    }

    /// Deletes a channel, on every loop: its name is free at once. Its subscribers are to be told:
    /// see [`Hub::next_deleted`].
    pub fn delete(&mut self, key: ChannelKey, now: Now) -> Result<(), HubError> {
        let Some(channel) = self.channel(key) else { return Ok(()) };
        let (name, epoch) = (Arc::clone(&channel.name), channel.log.cursor().epoch);
        match &mut self.seat {
            Some(seat) => seat.delete(&name, epoch)?,
            None => self.detach(key),
        }
        self.act(now);
        Ok(())
    }

    /// A channel's name is free; the channel waits for its subscribers to be told.
    pub(super) fn detach(&mut self, key: ChannelKey) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        channel.deleted = true;
        self.by_name.remove(&channel.name);
        self.epoch_min = self.epoch_min.max(channel.log.cursor().epoch + 1);
        self.deleted.push_back(key);
    }

    /// The next channel that was deleted, and whose subscribers are to be told. Ends with
    /// [`Hub::bury`].
    pub fn next_deleted(&mut self) -> Option<ChannelKey> {
        self.deleted.pop_front()
    }

    /// The subscribers of a deleted channel have been told, and struck off.
    pub fn bury(&mut self, key: ChannelKey) {
        if let Some(channel) = self.channels.try_remove(key.0 as usize) {
            self.bytes -= channel.log.bytes();
        }
    }

    /// Forgets a channel that nobody is subscribed to.
    pub(super) fn remove(&mut self, key: ChannelKey) {
        let of = |channel: &Channel| channel.subscribers.is_empty() && !channel.deleted;
        if !self.channel(key).is_some_and(of) {
            return;
        }
        let mut channel = self.channels.remove(key.0 as usize);
        channel.tell_counts();
        let epoch = channel.log.cursor().epoch;
        self.by_name.remove(&channel.name);
        self.bytes -= channel.log.bytes();
        self.epoch_min = self.epoch_min.max(epoch + 1);
        if let Some(seat) = &mut self.seat {
            seat.leave(&channel.name, epoch);
        }
    }

    /// Forgets channels without subscribers, those that were only ever named first, then the
    /// longest idle; many at once, so that the search is paid once for thousands of new names.
    fn make_room(&mut self) -> bool {
        let mut idle: Vec<(bool, Instant, ChannelKey)> = self
            .keyed()
            .filter(|(_, channel)| {
                channel.subscribers.is_empty() && !channel.dirty && !channel.deleted
            })
            .map(|(key, channel)| (!channel.is_forgettable(), channel.used, key))
            .collect();
        idle.sort_unstable();
        idle.truncate((self.limits.channels_max / limits::ROOM_PARTS).max(1));
        for (_, _, key) in &idle {
            self.remove(*key);
        }
        !idle.is_empty()
    }

    /// Lets the longest idle logs forget their messages until all logs fit, with room to spare.
    pub(super) fn forget_idlest(&mut self, but: ChannelKey) {
        let mut idle: Vec<(Instant, ChannelKey)> = self
            .keyed()
            .filter(|(key, channel)| *key != but && !channel.dirty && !channel.log.is_empty())
            .map(|(key, channel)| (channel.used, key))
            .collect();
        idle.sort_unstable();
        let all_max = self.limits.history_all_bytes_max;
        for (_, key) in idle {
            if self.bytes <= all_max - all_max / limits::ROOM_PARTS {
                return;
            }
            if let Some(channel) = self.channels.get_mut(key.0 as usize) {
                self.bytes -= channel.log.bytes();
                channel.log.forget();
            }
        }
    }

    fn keyed(&self) -> impl Iterator<Item = (ChannelKey, &Channel)> {
        let keyed = self.channels.iter();
        keyed.filter_map(|(slot, channel)| Some((ChannelKey(u32::try_from(slot).ok()?), channel)))
    }
}
