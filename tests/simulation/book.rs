//! The naive server against which the real one is held: every channel is a list of messages that
//! never forgets, known by what everybody is told of it. Whoever is told something must be told
//! the same as everybody else, in order, once, and of what is lost how many.

use std::collections::{BTreeMap, HashMap};

use pushscope::limits::Limits;

use super::reader::Place;

/// A channel's number in the plan, and which server's it was: a restart begins anew.
pub(crate) type Topic = (usize, u32);

/// All that was published and told.
#[derive(Debug)]
pub(crate) struct Book {
    limits: Limits,
    published: Vec<Published>,
    by_payload: HashMap<Vec<u8>, usize>,
    /// Who is known to stand where.
    log: BTreeMap<(Topic, Place), Entry>,
    /// When an offset was first there, by the wall clock, in milliseconds.
    appended: HashMap<Topic, Vec<Growth>>,
    losses: Vec<Loss>,
    parted: Vec<(Topic, Place, usize)>,
    /// The latest that the wall clock has shown, in milliseconds.
    wall_max_ms: u64,
    /// Whether payloads may come from somebody who is not in the book.
    pub(crate) is_open: bool,
}

/// A message that somebody wants published.
#[derive(Debug)]
struct Published {
    /// By whose socket: what goes by another may overtake it.
    by: usize,
    topic: usize,
    /// Whether the server has it for certain.
    is_certain: bool,
    place: Option<(Topic, Place)>,
}

#[derive(Debug)]
struct Entry {
    payload: Vec<u8>,
    told: u32,
}

#[derive(Clone, Copy, Debug)]
struct Growth {
    newest: Place,
    at_ms: u64,
}

/// Messages that a reader is told are lost, up to this one.
#[derive(Clone, Copy, Debug)]
struct Loss {
    topic: Topic,
    upto: Place,
    newest: u64,
    wall_max_ms: u64,
    by: usize,
}

impl Book {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            published: Vec::new(),
            by_payload: HashMap::new(),
            log: BTreeMap::new(),
            appended: HashMap::new(),
            losses: Vec::new(),
            parted: Vec::new(),
            wall_max_ms: 0,
            is_open: false,
        }
    }

    /// The longest message that the server takes.
    pub(crate) const fn message_bytes_max(&self) -> usize {
        self.limits.message_bytes_max
    }

    /// Whether only so much may be published in a second.
    pub(crate) const fn is_rated(&self) -> bool {
        self.limits.publishes_per_s_max > 0
    }

    /// Somebody is about to publish by this socket; returns the number of what.
    pub(crate) fn publish(&mut self, by: usize, topic: usize, payload: &[u8]) -> usize {
        let number = self.published.len();
        self.published.push(Published { by, topic, is_certain: false, place: None });
        let before = self.by_payload.insert(payload.to_vec(), number);
        assert_eq!(before, None, "payloads are told apart");
        number
    }

    /// The server has it for certain.
    pub(crate) fn is_certain(&mut self, number: usize) {
        self.published[number].is_certain = true;
    }

    /// A publisher is told where its message stands.
    pub(crate) fn acknowledge(&mut self, number: usize, topic: Topic, place: Place) {
        self.published[number].is_certain = true;
        self.enter(number, topic, place);
    }

    /// The wall clock shows this.
    pub(crate) fn pass(&mut self, at_ms: u64) {
        self.wall_max_ms = self.wall_max_ms.max(at_ms);
    }

    /// A channel has grown up to here, by what the server shows of it.
    pub(crate) fn grow(&mut self, topic: Topic, newest: Place, at_ms: u64) {
        let growth = self.appended.entry(topic).or_default();
        if growth.last().is_none_or(|last| last.newest != newest) {
            if let Some(last) = growth.last()
                && last.newest.epoch == newest.epoch
            {
                assert!(last.newest.offset < newest.offset, "{topic:?} shrinks to {newest:?}");
            }
            growth.push(Growth { newest, at_ms });
        }
    }

    /// The newest message that a log of a channel has had.
    pub(crate) fn newest(&self, topic: Topic, epoch: u64) -> Option<Place> {
        let mut growth = self.appended.get(&topic)?.iter().rev().map(|growth| growth.newest);
        growth.find(|newest| newest.epoch == epoch)
    }

    /// A reader is told a message.
    pub(crate) fn learn(&mut self, topic: Topic, place: Place, payload: &[u8], by: usize) {
        if let Some(entry) = self.log.get_mut(&(topic, place)) {
            let (is, told) = (payload.escape_ascii(), entry.payload.escape_ascii());
            assert!(entry.payload == payload, "{by}: {place:?} is {is} here, {told} elsewhere");
            entry.told += 1;
            return;
        }
        let number = self.by_payload.get(payload).copied();
        if let Some(number) = number {
            self.enter(number, topic, place);
        } else {
            assert!(self.is_open, "{by}: nobody has published {}", payload.escape_ascii());
        }
        let entry = Entry { payload: payload.to_vec(), told: 1 };
        self.log.insert((topic, place), entry);
    }

    fn enter(&mut self, number: usize, topic: Topic, place: Place) {
        let published = &mut self.published[number];
        assert_eq!(published.topic, topic.0, "{number} is told on another channel");
        match published.place {
            Some(before) => assert_eq!(before, (topic, place), "{number} stands at two places"),
            None => published.place = Some((topic, place)),
        }
    }

    /// A reader is told that it has lost everything up to here.
    pub(crate) fn lose(&mut self, topic: Topic, upto: Place, newest: u64, by: usize) {
        if upto.offset > 0 {
            let wall_max_ms = self.wall_max_ms;
            self.losses.push(Loss { topic, upto, newest, wall_max_ms, by });
        }
    }

    /// What is lost had to be forgotten: a log keeps what its bounds let it keep.
    pub(crate) fn check_losses(&self) {
        for loss in &self.losses {
            let Loss { topic, upto, newest, by, .. } = *loss;
            let behind = newest - upto.offset;
            let is_long = behind as u128 >= self.limits.history_messages_max as u128;
            let is_old = self.appended_ms(topic, upto).is_none_or(|at_ms| {
                loss.wall_max_ms.saturating_sub(at_ms) > self.limits.history_us_max / 1_000
            });
            // A payload that nobody was told of may have had any size.
            let offsets = upto.offset..=newest;
            let sizes = offsets.map(|offset| self.log.get(&(topic, Place { offset, ..upto })));
            let bytes: Option<usize> =
                sizes.map(|entry| entry.map(|entry| entry.payload.len())).sum();
            let is_large =
                bytes.is_none_or(|bytes| bytes > self.limits.history_bytes_max && behind > 0);
            assert!(
                is_long || is_old || is_large,
                "{by} is told that {upto:?} of channel {topic:?} is lost, \
                 and the log has only grown to {newest} since"
            );
        }
    }

    /// A reader that has kept up is told that its channel is no more: nothing came after this.
    pub(crate) fn part(&mut self, topic: Topic, at: Place, by: usize) {
        self.parted.push((topic, at, by));
    }

    /// Who was told the end had been told all.
    pub(crate) fn check_parted(&self) {
        for (topic, at, by) in &self.parted {
            let placed = self.published.iter().filter_map(|published| published.place);
            let mut later = placed.filter(|(other, place)| other == topic && place > at);
            let later = later.find(|(_, place)| place.epoch == at.epoch);
            assert_eq!(later, None, "client {by}: told the end at {at:?}");
        }
    }

    /// What the server had for certain stands somewhere, and in the order in which it was said.
    pub(crate) fn check_order(&self) {
        let mut last: HashMap<(usize, Topic, u64), u64> = HashMap::new();
        for (number, published) in self.published.iter().enumerate() {
            let Some((topic, place)) = published.place else { continue };
            let before = last.insert((published.by, topic, place.epoch), place.offset);
            assert!(
                before.is_none_or(|before| before < place.offset),
                "{number} of {} stands at {place:?}, before what it has said before",
                published.by
            );
        }
    }

    /// All that the server had for certain was told to somebody who has heard everything.
    pub(crate) fn check_kept(&self) {
        for (number, published) in self.published.iter().enumerate() {
            let is_known = !published.is_certain || published.place.is_some();
            let payload = self.by_payload.iter().find(|(_, known)| **known == number);
            let payload = || payload.map(|(payload, _)| payload.escape_ascii().to_string());
            assert!(
                is_known,
                "socket {}: what it has said was taken, and nobody is told of it: {:?}",
                published.by,
                payload()
            );
        }
    }

    /// Where a reader that comes now and asks for all may be told to begin: when this was there.
    fn appended_ms(&self, topic: Topic, place: Place) -> Option<u64> {
        let growth = self.appended.get(&topic)?.iter();
        let mut growth = growth.filter(|growth| growth.newest.epoch == place.epoch);
        growth.find(|growth| growth.newest.offset >= place.offset).map(|growth| growth.at_ms)
    }

    /// Messages that somebody wanted published, and how often somebody was told one.
    pub(crate) fn totals(&self) -> (usize, u64) {
        (self.published.len(), self.log.values().map(|entry| u64::from(entry.told)).sum())
    }
}
