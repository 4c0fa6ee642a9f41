//! One order of messages for several loops.
//!
//! Every loop has a replica of every log; the payloads are there once. Who publishes takes the
//! message's place under a lock that is held for that alone, and tells it to every loop before the
//! lock is given back:
//!
//! ```text
//!   loop 1: publish ──▶ lock ── next offset ── news to 2 and 3 ── unlock ──▶ its own log
//!   loop 2:                                        └─▶ take in ──▶ its log ──▶ its subscribers
//!   loop 3:                                        └─▶ take in ──▶ its log ──▶ its subscribers
//! ```
//!
//! - *One order.* News are told under the lock only, so that every loop hears them in one order. A
//!   loop that publishes takes in what it was told, under the same lock, before its own message.
//! - *All or none.* Only who has the lock tells news: that every loop has room stays true until all
//!   are told. Where one has none, the publisher is refused, and nothing has happened.
//! - *An end.* When the server leaves, the logs are closed under the lock: who publishes later is
//!   refused on every loop, so that what was acknowledged is heard before the last goodbye.
//! - *Cause before effect.* A message is with every loop before its publisher has its id. A loop
//!   takes in what it was told before it does what a client says: nobody knows more than it does.
//!
//! No thread and no clock is here: a test drives as many loops as it likes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use crate::clock::Now;
use crate::commons::{Commons, Tally};
use crate::event::{Event, Payload};
use crate::id::Id;
use crate::limits;
use crate::received::Received;

/// What a loop is told.
#[derive(Clone, Debug)]
pub enum News {
    /// A message was published.
    Published(Event),
    /// A channel was read up to this message.
    Read(Arc<str>, Id),
    /// A channel's log of this epoch was deleted.
    Deleted(Arc<str>, u64),
    /// A client said something that nobody publishes.
    Received(Received),
}

impl News {
    /// Bytes that are kept until it is heard.
    fn bytes(&self) -> usize {
        match self {
            Self::Published(event) => event.payload.bytes().len(),
            Self::Received(received) => received.text.len(),
            Self::Read(..) | Self::Deleted(..) => 0,
        }
    }
}

/// Why nothing can be said. Nothing has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsaid {
    /// A loop has so many news to take in that it is told no more.
    Congested,
    /// The server leaves: there are no more messages.
    Closed,
}

/// A channel's log as all loops agree on it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which log of that name it is.
    pub epoch: u64,
    /// The offset of its newest message.
    pub newest: u64,
    /// The offset up to which its user has read.
    pub read: u64,
    /// Who is subscribed, on all loops.
    pub tally: Arc<Tally>,
}

/// A loop's place among the others.
#[derive(Debug)]
pub struct Seat {
    order: Arc<Order>,
    number: usize,
    news: Receiver<News>,
    /// News that were taken in, in their order, and are to be acted upon.
    heard: VecDeque<News>,
    /// Loops that have news and sleep, perhaps: a bit for each.
    calls: u64,
}

/// What the loops share.
#[derive(Debug)]
struct Order {
    places: Mutex<Places>,
    inboxes: Vec<Inbox>,
    commons: Arc<Commons>,
}

/// Where one loop is told news.
#[derive(Debug)]
struct Inbox {
    sender: Sender<News>,
    /// Payload bytes of the news in it.
    bytes: AtomicUsize,
    /// Whether somebody has seen to it that the loop will look.
    called: AtomicBool,
}

/// All logs of which some loop has a replica.
#[derive(Debug, Default)]
struct Places {
    by_name: HashMap<Arc<str>, Place>,
    /// Loops that have left the server, a bit for each: they are told nothing more.
    left: u64,
    /// Whether the server leaves, and no log goes on.
    closed: bool,
    /// Epochs are the time, but never the same twice for one name.
    epoch_min: u64,
}

#[derive(Debug)]
struct Place {
    standing: Standing,
    /// When its newest message was published: a log's times do not go back.
    time_ms: u64,
    /// Loops that have a replica, a bit for each.
    loops: u64,
}

/// Seats for so many loops, of which there are [`limits::LOOPS_MAX`] at most.
pub fn seats(count: usize) -> Vec<Seat> {
    let count = count.clamp(1, limits::LOOPS_MAX);
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..count).map(|_| crossbeam_channel::bounded(limits::NEWS_MAX)).unzip();
    let inboxes = senders.into_iter().map(|sender| Inbox {
        sender,
        bytes: AtomicUsize::new(0),
        called: AtomicBool::new(false),
    });
    let (places, commons) = (Mutex::default(), Arc::default());
    let order = Arc::new(Order { places, inboxes: inboxes.collect(), commons });
    let seats = receivers.into_iter().enumerate().map(|(number, news)| Seat {
        order: Arc::clone(&order),
        number,
        news,
        heard: VecDeque::new(),
        calls: 0,
    });
    seats.collect()
}

impl Seat {
    /// Which of the loops it is, from 0, and of how many.
    pub fn number(&self) -> (usize, usize) {
        (self.number, self.order.inboxes.len())
    }

    /// Whether all other loops have left the server.
    pub fn is_alone(&self) -> bool {
        let all = u64::MAX >> (u64::BITS as usize - self.order.inboxes.len());
        (self.order.places().left | (1 << self.number)) == all
    }

    /// What the loops count together.
    pub fn commons(&self) -> &Arc<Commons> {
        &self.order.commons
    }

    /// No log goes on, on whichever loop: the server leaves. Everything that was published is there
    /// to be heard.
    pub fn close_logs(&mut self) {
        self.turn().places.closed = true;
    }

    /// A message gets its place in its channel's log, and every loop is told.
    pub fn publish(
        &mut self,
        channel: &Arc<str>,
        name: Option<Arc<str>>,
        payload: Payload,
        now: Now,
    ) -> Result<Id, Unsaid> {
        let mut turn = self.turn();
        if turn.places.closed {
            return Err(Unsaid::Closed);
        }
        turn.room()?;
        let bit = turn.bit;
        let place = turn.places.named(channel, now.unix_ms());
        place.standing.newest += 1;
        place.time_ms = place.time_ms.max(now.unix_ms());
        place.loops |= bit;
        let id = Id { epoch: place.standing.epoch, offset: place.standing.newest };
        let (time_ms, channel) = (place.time_ms, Arc::clone(channel));
        turn.tell(News::Published(Event { id, time_ms, at: now.at, channel, name, payload }));
        Ok(id)
    }

    /// A channel was read up to this message, and every loop is told.
    pub fn read(&mut self, channel: &Arc<str>, mark: Id) -> Result<(), Unsaid> {
        let mut turn = self.turn();
        turn.room()?;
        if let Some(place) = turn.places.of(channel, mark.epoch) {
            place.standing.read = place.standing.read.max(mark.offset);
            turn.tell(News::Read(Arc::clone(channel), mark));
        }
        Ok(())
    }

    /// A channel's log is no more, and every loop is told.
    pub fn delete(&mut self, channel: &Arc<str>, epoch: u64) -> Result<(), Unsaid> {
        let mut turn = self.turn();
        turn.room()?;
        if turn.places.of(channel, epoch).is_some() {
            turn.places.remove(channel);
            turn.tell(News::Deleted(Arc::clone(channel), epoch));
        }
        Ok(())
    }

    /// A client said something that nobody publishes, and every loop is told.
    pub fn receive(&mut self, received: Received) -> Result<(), Unsaid> {
        let mut turn = self.turn();
        turn.room()?;
        turn.tell(News::Received(received));
        Ok(())
    }

    /// Whether there is a log of that name, on whichever loop.
    pub fn knows(&self, channel: &str) -> bool {
        self.order.places().by_name.contains_key(channel)
    }

    /// The loop is to have a replica of the log of that name: how it will stand when the loop has
    /// heard all that was taken in now.
    pub fn join(&mut self, channel: &Arc<str>, unix_ms: u64) -> Standing {
        let mut turn = self.turn();
        let bit = turn.bit;
        let place = turn.places.named(channel, unix_ms);
        place.loops |= bit;
        place.standing.clone()
    }

    /// The loop is to have a replica of the log of this epoch, if there still is one.
    pub fn rejoin(&mut self, channel: &Arc<str>, epoch: u64) -> Option<Standing> {
        let mut places = self.order.places();
        let place = places.of(channel, epoch)?;
        place.loops |= 1 << self.number;
        Some(place.standing.clone())
    }

    /// The loop has no replica any more; where none has, the log is forgotten.
    pub fn leave(&mut self, channel: &Arc<str>, epoch: u64) {
        let mut places = self.order.places();
        let Some(place) = places.of(channel, epoch) else { return };
        place.loops &= !(1 << self.number);
        if place.loops == 0 {
            places.remove(channel);
        }
    }

    /// Takes in what there is to be heard.
    pub fn take_in(&mut self) {
        let Self { order, number, news, heard, .. } = self;
        order.take_in(*number, news, heard);
    }

    /// The next of what was taken in.
    pub fn next_heard(&mut self) -> Option<News> {
        let next = self.heard.pop_front();
        if next.is_none() && self.heard.capacity() > limits::NEWS_SPARE {
            self.heard.shrink_to(limits::NEWS_SPARE);
        }
        next
    }

    /// The loop looks: who tells it something from now on calls it anew.
    pub fn answer(&self) {
        self.order.inboxes[self.number].called.swap(false, Ordering::AcqRel);
    }

    /// These loops have something to look at besides news, a bit for each.
    pub fn call(&mut self, loops: u64) {
        for (number, inbox) in self.order.inboxes.iter().enumerate() {
            let bit = loops & (1 << number);
            if number != self.number && bit != 0 && !inbox.called.swap(true, Ordering::AcqRel) {
                self.calls |= bit;
            }
        }
    }

    /// The loops that have news from this one and may sleep, a bit for each: asks once.
    pub const fn take_calls(&mut self) -> u64 {
        std::mem::replace(&mut self.calls, 0)
    }

    /// Whether a loop has so much to take in that no more should be read from clients for a while.
    pub fn is_behind(&self) -> bool {
        let is_behind =
            |inbox: &Inbox| inbox.is_over(limits::NEWS_BEHIND_MAX, limits::NEWS_BEHIND_BYTES_MAX);
        self.order.inboxes.iter().any(is_behind)
    }

    /// Has the lock until what it returns is dropped; everything said before is taken in then.
    fn turn(&mut self) -> Turn<'_> {
        let Self { order, number, news, heard, calls } = self;
        let places = order.places();
        order.take_in(*number, news, heard);
        Turn { order, places, bit: 1 << *number, heard, calls }
    }
}

impl Drop for Seat {
    /// Whoever leaves has taken in all that was said, and is told no more: nobody waits for it.
    fn drop(&mut self) {
        let mut turn = self.turn();
        turn.places.left |= turn.bit;
    }
}

/// A loop's turn to speak.
struct Turn<'a> {
    order: &'a Order,
    places: MutexGuard<'a, Places>,
    bit: u64,
    heard: &'a mut VecDeque<News>,
    calls: &'a mut u64,
}

impl Turn<'_> {
    /// Whether every other loop can be told something.
    fn room(&self) -> Result<(), Unsaid> {
        let is_full =
            |(_, inbox): (u64, &Inbox)| inbox.is_over(limits::NEWS_MAX - 1, limits::NEWS_BYTES_MAX);
        if self.others().any(is_full) { Err(Unsaid::Congested) } else { Ok(()) }
    }

    /// Tells every loop, this one included, behind what it was told before.
    fn tell(&mut self, news: News) {
        let mut calls = 0;
        for (bit, inbox) in self.others() {
            inbox.bytes.fetch_add(news.bytes(), Ordering::Relaxed);
            let is_told = inbox.sender.try_send(news.clone()).is_ok();
            debug_assert!(is_told, "there was room for all of them");
            // Set when the news are in, cleared before they are taken in: none is left behind.
            if is_told && !inbox.called.swap(true, Ordering::AcqRel) {
                calls |= bit;
            }
        }
        *self.calls |= calls;
        self.heard.push_back(news);
    }

    fn others(&self) -> impl Iterator<Item = (u64, &Inbox)> {
        let deaf = self.places.left | self.bit;
        let numbered = self.order.inboxes.iter().enumerate();
        numbered.map(|(number, inbox)| (1 << number, inbox)).filter(move |(bit, _)| bit & deaf == 0)
    }
}

impl Order {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, number: usize, news: &Receiver<News>, heard: &mut VecDeque<News>) {
        let inbox = &self.inboxes[number];
        // As much as there is now: others may speak as fast as this one hears.
        for _ in 0..news.len() {
            let Ok(news) = news.try_recv() else { return };
            inbox.bytes.fetch_sub(news.bytes(), Ordering::Relaxed);
            heard.push_back(news);
        }
    }
}

impl Inbox {
    /// Whether there are more news in it than so many, or more than so many bytes of them.
    fn is_over(&self, count_max: usize, bytes_max: usize) -> bool {
        self.sender.len() > count_max || self.bytes.load(Ordering::Relaxed) > bytes_max
    }
}

impl Places {
    /// The log of that name, begun if there is none.
    fn named(&mut self, name: &Arc<str>, unix_ms: u64) -> &mut Place {
        let epoch = unix_ms.max(self.epoch_min);
        self.by_name.entry(Arc::clone(name)).or_insert_with(|| Place {
            standing: Standing { epoch, newest: 0, read: 0, tally: Arc::default() },
            time_ms: 0,
            loops: 0,
        })
    }

    /// The log of that name, if it is of that epoch.
    fn of(&mut self, name: &str, epoch: u64) -> Option<&mut Place> {
        self.by_name.get_mut(name).filter(|place| place.standing.epoch == epoch)
    }

    fn remove(&mut self, name: &str) {
        if let Some(place) = self.by_name.remove(name) {
            self.epoch_min = self.epoch_min.max(place.standing.epoch + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Instant;

    #[test]
    fn a_burst_that_was_heard_leaves_little_room_behind() {
        let mut seats = seats(2);
        let now = Now { at: Instant::ZERO, unix_us: 0 };
        let channel = Arc::from("c");
        for _ in 0..limits::NEWS_MAX {
            seats[0].publish(&channel, None, Payload::Text("x".into()), now).unwrap();
        }
        for seat in &mut seats {
            seat.take_in();
            assert_eq!(std::iter::from_fn(|| seat.next_heard()).count(), limits::NEWS_MAX);
            assert!(seat.heard.capacity() <= limits::NEWS_SPARE, "{}", seat.heard.capacity());
        }
    }
}
