//! What a loop is told by others, and what it tells them.

use super::{Channel, ChannelKey, Hub, HubError};
use crate::clock::Now;
use crate::event::{Event, Payload};
use crate::id::Id;
use crate::order::{News, Seat};
use crate::received::{Received, ReceivedTable};

impl Hub {
    /// Where the loop stands among others; none if it is alone.
    pub const fn seat(&self) -> Option<&Seat> {
        self.seat.as_ref()
    }

    /// The same, to be asked whom it calls.
    pub const fn seat_mut(&mut self) -> Option<&mut Seat> {
        self.seat.as_mut()
    }

    /// Takes in what other loops have said so far, to be heard.
    pub fn take_in(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.take_in();
        }
    }

    /// The server leaves: nothing more is published, on whichever loop. What was is there to be
    /// heard.
    pub fn close_logs(&mut self) {
        match &mut self.seat {
            Some(seat) => seat.close_logs(),
            None => self.closed = true,
        }
    }

    /// Hears what was taken in, up to what should be handed over at once: whether there was
    /// anything.
    pub fn hear(&mut self, now: Now) -> bool {
        let mut heard = false;
        while self.urgent.is_none()
            && let Some(news) = self.seat.as_mut().and_then(Seat::next_heard)
        {
            self.act_upon(news, now);
            heard = true;
        }
        heard
    }

    /// A channel has other subscribers than before.
    pub(super) fn note_recount(&mut self, key: ChannelKey) {
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        if channel.tally.is_some() && !channel.recounted {
            channel.recounted = true;
            self.recounted.push(key);
        }
    }

    /// Tells other loops how many subscribers there are here.
    pub fn tell_counts(&mut self) {
        while let Some(key) = self.recounted.pop() {
            let Some(channel) = self.channels.get_mut(key.0 as usize) else { continue };
            channel.tell_counts();
        }
    }

    /// What clients have said that nobody publishes.
    pub const fn received(&self) -> &ReceivedTable {
        &self.received
    }

    /// A client of this channel says something that nobody publishes.
    pub fn receive(
        &mut self,
        key: ChannelKey,
        payload: &Payload,
        now: Now,
    ) -> Result<(), HubError> {
        let Some(channel) = self.channel(key) else { return Ok(()) };
        let received = Received::new(&channel.name, payload, now);
        log::info!(
            "received {} bytes for {:?}: {:?}",
            received.bytes,
            received.channel,
            received.text
        );
        match &mut self.seat {
            Some(seat) => seat.receive(received)?,
            None => self.received.enter(received),
        }
        self.act(now);
        Ok(())
    }

    /// Hears all that was taken in: this loop has said the last of it.
    pub(super) fn act(&mut self, now: Now) {
        while let Some(news) = self.seat.as_mut().and_then(Seat::next_heard) {
            self.act_upon(news, now);
        }
    }

    fn act_upon(&mut self, news: News, now: Now) {
        match news {
            News::Published(event) => self.enter(event, now),
            News::Read(name, mark) => {
                if let Some(key) = self.find_log(&name, mark.epoch) {
                    self.advance(key, mark);
                }
            }
            News::Deleted(name, epoch) => {
                if let Some(key) = self.find_log(&name, epoch) {
                    self.detach(key);
                }
            }
            News::Received(received) => self.received.enter(received),
        }
    }

    /// Appends a message to the replica of its log.
    fn enter(&mut self, event: Event, now: Now) {
        let Some(key) = self.replica(&event, now) else { return };
        let next = self.channel(key).map(|channel| channel.log.next_id());
        debug_assert_eq!(next, Some(event.id), "a message in the order of its log");
        if next == Some(event.id) {
            self.append(key, event, now);
        }
    }

    /// The replica of a message's log. Where there is none nobody is subscribed: it begins with
    /// this message, unless the log is gone already or there is no room.
    fn replica(&mut self, event: &Event, now: Now) -> Option<ChannelKey> {
        let Id { epoch, offset } = event.id;
        if let Some(key) = self.find_log(&event.channel, epoch) {
            return Some(key);
        }
        let room = self.room_for_one();
        let seat = self.seat.as_mut()?;
        if room.is_err() {
            // Whoever has published is taken to have one: it would stand for ever.
            seat.leave(&event.channel, epoch);
            return None;
        }
        let mut standing = seat.rejoin(&event.channel, epoch)?;
        standing.newest = offset.saturating_sub(1);
        self.insert_replica(event.channel.clone(), standing, now).ok()
    }

    /// The channel of that name, if its log is of that epoch.
    fn find_log(&self, name: &str, epoch: u64) -> Option<ChannelKey> {
        let is_it = |key: &ChannelKey| {
            self.channel(*key).is_some_and(|channel| channel.log.cursor().epoch == epoch)
        };
        self.find(name).filter(is_it)
    }
}

impl Channel {
    /// Whoever is told by nobody else is told when the channel goes.
    pub(super) fn tell_counts(&mut self) {
        self.recounted = false;
        if let Some(tally) = &self.tally {
            self.census.tell(tally);
        }
    }
}
