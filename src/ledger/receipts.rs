//! Receipts: what each of the newest messages has cost, mechanism by mechanism.
//!
//! Messages that are handed over together share a receipt, and it is told in equal parts: k
//! messages that leave in one `writev` cost a call together. A poll's answer is booked on the
//! receipts of the messages in it.
//!
//! Time is booked by runs: a receipt has that part of a run that it has of the run's writes.

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::sync::Arc;

use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::{Batch, Course};
use crate::frame::{Frame, Messages};
use crate::id::{Id, Kind};
use crate::ledger::meter::Cut;
use crate::limits;

/// The newest receipts.
#[derive(Debug, Default)]
pub struct Receipts {
    ring: VecDeque<Page>,
    /// The number of the oldest.
    first: u64,
    /// What all of them tell apart.
    apart: usize,
    /// What the run in hand works for, and how much of it.
    touched: Vec<Touch>,
    /// Writes and questions of the run in hand, with messages or without.
    works: u32,
}

/// One receipt: a batch that was handed over at once.
#[derive(Debug)]
struct Page {
    channel: Arc<str>,
    first: Id,
    time_ms: u64,
    /// Bytes of each message's payload.
    sizes: Vec<u64>,
    /// What all of it has cost together.
    shares: [Share; Kind::ALL.len()],
    /// What single messages have cost apart from the others, by their places: by polls above all.
    apart: Vec<(usize, Kind, Share)>,
}

/// A receipt that a run works for.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Touch {
    number: u64,
    /// The message, when it is not for the whole batch.
    place: Option<usize>,
    kind: Kind,
    weight: f64,
}

/// What a batch has cost by one mechanism.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// Messages, summed over the subscribers that they were queued for.
    pub queued: u64,
    /// Messages, summed over subscribers, whose last byte the kernel took.
    pub delivered: u64,
    /// Bytes of heads that were delivered.
    pub head: f64,
    /// Bytes of framing.
    pub framing: f64,
    /// Bytes of payload.
    pub payload: f64,
    /// System calls that wrote it.
    pub calls: f64,
    /// Blocks that the allocator handed out.
    pub allocations: f64,
    /// Bytes of those blocks.
    pub allocated_bytes: f64,
    /// Time of the runs that worked for it, in nanoseconds.
    pub cpu_ns: f64,
    /// Deliveries that have a delay.
    pub delays: u64,
    /// Their delays, in microseconds: the least.
    pub delay_us_min: u64,
    /// Their sum.
    pub delay_us_sum: u64,
    /// The most.
    pub delay_us_max: u64,
}

/// What one message has cost.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// When its batch was handed over, in milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: u64,
    /// Bytes of its payload.
    pub bytes: u64,
    /// Messages of the batch.
    pub batch: u64,
    /// By the mechanisms that it was queued for.
    pub parts: Vec<(Kind, Part)>,
}

/// What one message has cost by one mechanism: its equal part of what its batch has cost, and what
/// it has cost apart from the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// Subscribers that it was queued for; with polls, answers.
    pub subscribers: u64,
    /// Those whose socket took its last byte.
    pub delivered: u64,
    /// Bytes of heads.
    pub head: f64,
    /// Bytes of framing.
    pub framing: f64,
    /// Bytes of payload.
    pub payload: f64,
    /// System calls that wrote it.
    pub calls: f64,
    /// Blocks that the allocator handed out.
    pub allocations: f64,
    /// Bytes of those blocks.
    pub allocated_bytes: f64,
    /// Time of the runs that worked for it, in nanoseconds.
    pub cpu_ns: f64,
    /// Deliveries that have a delay.
    pub delays: u64,
    /// The least delay, in microseconds.
    pub delay_us_min: u64,
    /// The mean delay.
    pub delay_us_mean: f64,
    /// The greatest delay.
    pub delay_us_max: u64,
}

impl AddAssign<&Self> for Receipt {
    /// What the same message has cost on another loop. That may have handed it over together with
    /// others than this one.
    fn add_assign(&mut self, more: &Self) {
        self.time_ms = self.time_ms.max(more.time_ms);
        self.batch = self.batch.max(more.batch);
        for (kind, more) in &more.parts {
            match self.parts.iter_mut().find(|(of, _)| of == kind) {
                Some((_, part)) => *part += more,
                None => self.parts.push((*kind, *more)),
            }
        }
        self.parts.sort_unstable_by_key(|(kind, _)| *kind as usize);
    }
}

impl AddAssign<&Self> for Part {
    #[allow(clippy::cast_precision_loss, reason = "costs of one message: far below 2^53")]
    fn add_assign(&mut self, more: &Self) {
        self.subscribers += more.subscribers;
        self.delivered += more.delivered;
        self.head += more.head;
        self.framing += more.framing;
        self.payload += more.payload;
        self.calls += more.calls;
        self.allocations += more.allocations;
        self.allocated_bytes += more.allocated_bytes;
        self.cpu_ns += more.cpu_ns;
        self.delay_us_min = match (self.delays, more.delays) {
            (_, 0) => self.delay_us_min,
            (0, _) => more.delay_us_min,
            _ => self.delay_us_min.min(more.delay_us_min),
        };
        self.delay_us_max = self.delay_us_max.max(more.delay_us_max);
        let sum_us = |part: &Self| part.delay_us_mean * part.delays as f64;
        let (sum_us, delays) = (sum_us(self) + sum_us(more), self.delays + more.delays);
        self.delay_us_mean = sum_us / delays.max(1) as f64;
        self.delays = delays;
    }
}

impl Receipts {
    /// Begins a receipt for a batch that is handed over; returns its number.
    pub fn open(&mut self, batch: &Batch<'_>) -> Option<u64> {
        let first = batch.events.first()?;
        let mut sizes = Vec::new();
        while self.ring.len() >= limits::RECEIPTS_MAX || self.is_crowded() {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.first += 1;
            self.apart -= oldest.apart.len();
            sizes = oldest.sizes;
            sizes.clear();
        }
        sizes.extend(batch.events.iter().map(|event| event.payload.bytes().len() as u64));
        self.ring.push_back(Page {
            channel: Arc::clone(&first.channel),
            first: first.id,
            time_ms: first.time_ms,
            sizes,
            shares: Default::default(),
            apart: Vec::new(),
        });
        Some(self.first + self.ring.len() as u64 - 1)
    }

    /// A frame was queued for so many subscribers, in this run. It may carry all of its batch, or
    /// the newest of it alone, or only say that something came.
    pub fn queued(&mut self, frame: &Frame, times: u32) {
        let (kind, messages) = (frame.kind(), frame.messages());
        let (Course::Live(number), Some((_, first))) = (messages.course, &messages.first) else {
            return;
        };
        let Some(page) = self.page(number) else { return };
        if page.carries_all(messages) {
            page.shares[kind as usize].queued += page.sizes.len() as u64 * u64::from(times);
            return self.touch(Touch { number, place: None, kind, weight: times.into() });
        }
        let weight = f64::from(times) / f64::from(messages.count().max(1));
        for offset in (first.offset..).take(messages.count() as usize) {
            let Some(page) = self.page(number) else { return };
            let Some(place) = page.offset(offset) else { return };
            if let Some(share) = self.apart(number, place, kind) {
                share.queued += u64::from(times);
            }
            self.touch(Touch { number, place: Some(place), kind, weight });
        }
    }

    /// The run in hand has done another piece of work, for messages or not.
    pub const fn work(&mut self) {
        self.works = self.works.saturating_add(1);
    }

    /// A reader came back for these messages: the run in hand works for them.
    pub fn caught_up(&mut self, kind: Kind, batch: &Batch<'_>) {
        let Some(weight) =
            u32::try_from(batch.events.len()).ok().map(|count| 1.0 / f64::from(count))
        else {
            return;
        };
        for event in batch.events.iter().rev().take(limits::RECEIPTS_PER_ANSWER) {
            let Some((at, place)) = self.find_page(&event.channel, event.id) else { return };
            let number = self.first + at as u64;
            self.touch(Touch { number, place: Some(place), kind, weight });
        }
    }

    /// A system call took `messages` messages to their last byte; these are among them. So many
    /// calls before it took part of these `alone`.
    pub fn delivered(&mut self, frame: &Frame, alone: f64, messages: u32, now: Instant) {
        let count = frame.messages().count();
        let part = f64::from(count) / f64::from(messages.max(1));
        if let Course::Live(number) = frame.messages().course
            && let Some(page) = self.page(number)
            && page.carries_all(frame.messages())
        {
            let share = &mut page.shares[frame.kind() as usize];
            share.carry(frame.made(), 1.0, alone + part);
            for (at, count) in frame.messages().published() {
                share.deliver(now.since(*at), u64::from(*count));
            }
            let kind = frame.kind();
            return self.touch(Touch { number, place: None, kind, weight: part });
        }
        self.delivered_apart(frame, alone, part, now);
    }

    /// A frame with other messages than those of one batch: each has its equal part of the frame.
    fn delivered_apart(&mut self, frame: &Frame, alone: f64, last: f64, now: Instant) {
        let (kind, messages) = (frame.kind(), frame.messages());
        let Some((channel, first)) = &messages.first else { return };
        let part = 1.0 / f64::from(messages.count().max(1));
        let published = messages.published().iter().rev();
        let each = published.flat_map(|(at, count)| std::iter::repeat_n(*at, *count as usize));
        let behind = first.offset + u64::from(messages.count());
        let newest = (first.offset..behind).rev().zip(each).take(limits::RECEIPTS_PER_ANSWER);
        for (offset, at) in newest {
            let found = self.find_page(channel, Id { offset, ..*first });
            let Some((index, place)) = found else { return };
            let number = self.first + index as u64;
            self.touch(Touch { number, place: Some(place), kind, weight: last * part });
            let Some(share) = self.apart(number, place, kind) else { continue };
            share.carry(frame.made(), part, (alone + last) * part);
            match messages.course {
                Course::Live(_) => share.deliver(now.since(at), 1),
                Course::CaughtUp => {
                    share.queued += 1;
                    share.deliver(now.since(at), 1);
                }
                Course::Replayed => {
                    share.queued += 1;
                    share.delivered += 1;
                }
            }
        }
    }

    /// Books a run that is over on the receipts that it worked for.
    pub fn share(&mut self, cut: &Cut) {
        let works = std::mem::take(&mut self.works);
        if self.touched.is_empty() {
            return;
        }
        let weights: f64 = self.touched.iter().map(|touch| touch.weight).sum();
        let whole = weights.max(works.into());
        let mut touched = std::mem::take(&mut self.touched);
        for touch in touched.drain(..) {
            let share = match touch.place {
                Some(place) => self.apart(touch.number, place, touch.kind),
                None => self.page(touch.number).map(|page| &mut page.shares[touch.kind as usize]),
            };
            if let Some(share) = share {
                share.spend(cut, touch.weight / whole);
            }
        }
        self.touched = touched;
    }

    /// What one message has cost, if its receipt has not given way.
    pub fn find(&self, channel: &str, id: Id) -> Option<Receipt> {
        let (index, place) = self.find_page(channel, id)?;
        let page = self.ring.get(index)?;
        let parts = Kind::ALL.into_iter().map(|kind| (kind, page.part(place, kind)));
        Some(Receipt {
            time_ms: page.time_ms,
            bytes: *page.sizes.get(place)?,
            batch: page.sizes.len() as u64,
            parts: parts.filter(|(_, part)| part.subscribers + part.delivered > 0).collect(),
        })
    }

    /// Where in the ring the receipt of a message is, and the message's place on it. Messages that
    /// are asked for are new, so the search begins there.
    fn find_page(&self, channel: &str, id: Id) -> Option<(usize, usize)> {
        let found = self.ring.iter().enumerate().rev();
        let mut places = found.filter_map(|(at, page)| Some((at, page.place(channel, id)?)));
        places.next()
    }

    /// The run in hand works for a receipt, once more.
    fn touch(&mut self, touch: Touch) {
        let room = limits::RECEIPTS_TOUCHED_MAX.saturating_sub(self.touched.len());
        let of = |touch: &Touch| (touch.number, touch.place, touch.kind);
        match self.touched.last_mut() {
            Some(last) if of(last) == of(&touch) => last.weight += touch.weight,
            _ if room > 0 => self.touched.push(touch),
            _ => {}
        }
    }

    /// Whether so much is told apart that nothing more can be.
    const fn is_crowded(&self) -> bool {
        self.apart >= limits::RECEIPTS_APART_MAX
    }

    /// What one message of a receipt has cost apart from the others, if there is room to tell it.
    fn apart(&mut self, number: u64, place: usize, kind: Kind) -> Option<&mut Share> {
        let is_crowded = self.is_crowded();
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let page = self.ring.get_mut(at)?;
        let found = page.apart.iter().position(|(at, of, _)| (*at, *of) == (place, kind));
        let index = found.unwrap_or(page.apart.len());
        if found.is_none() {
            if is_crowded {
                return None;
            }
            page.apart.push((place, kind, Share::default()));
            self.apart += 1;
        }
        page.apart.get_mut(index).map(|(_, _, share)| share)
    }

    fn page(&mut self, number: u64) -> Option<&mut Page> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.ring.get_mut(place)
    }
}

impl Page {
    /// The place of a message on it.
    fn place(&self, channel: &str, id: Id) -> Option<usize> {
        let is_here = self.first.epoch == id.epoch && *self.channel == *channel;
        if is_here { self.offset(id.offset) } else { None }
    }

    /// The same of a message of its channel.
    fn offset(&self, offset: u64) -> Option<usize> {
        let place = usize::try_from(offset.checked_sub(self.first.offset)?).ok()?;
        (place < self.sizes.len()).then_some(place)
    }

    /// Whether these are all of its messages.
    fn carries_all(&self, messages: &Messages) -> bool {
        self.sizes.len() == messages.count() as usize
    }

    /// What one of its messages has cost by a mechanism.
    #[allow(clippy::cast_precision_loss, reason = "costs of one message: far below 2^53")]
    fn part(&self, place: usize, kind: Kind) -> Part {
        let batch = self.sizes.len() as u64;
        let all = &self.shares[kind as usize];
        let found = self.apart.iter().find(|(at, of, _)| (*at, *of) == (place, kind));
        let own = found.map(|(_, _, share)| *share).unwrap_or_default();
        let sum = |of: fn(&Share) -> f64| of(all) / batch as f64 + of(&own);
        let together = all.delivered / batch;
        let size = self.sizes.get(place).copied().unwrap_or_default();
        let delays = (all.delays, own.delays);
        Part {
            subscribers: all.queued / batch + own.queued,
            delivered: together + own.delivered,
            head: sum(|share| share.head),
            framing: sum(|share| share.framing),
            payload: (size * together) as f64 + own.payload,
            calls: sum(|share| share.calls),
            allocations: sum(|share| share.allocations),
            allocated_bytes: sum(|share| share.allocated_bytes),
            cpu_ns: sum(|share| share.cpu_ns),
            delays: all.delays + own.delays,
            delay_us_min: match delays {
                (0, _) => own.delay_us_min,
                (_, 0) => all.delay_us_min,
                _ => all.delay_us_min.min(own.delay_us_min),
            },
            delay_us_mean: (all.delay_us_sum + own.delay_us_sum) as f64
                / (all.delays + own.delays).max(1) as f64,
            delay_us_max: all.delay_us_max.max(own.delay_us_max),
        }
    }
}

impl Share {
    /// Books `part` of the bytes of a frame, and its part of the call that wrote it.
    #[allow(clippy::cast_precision_loss, reason = "bytes of a frame: far below 2^53")]
    fn carry(&mut self, made: Bytes, part: f64, calls: f64) {
        self.head += made.head as f64 * part;
        self.framing += made.framing as f64 * part;
        self.payload += made.payload as f64 * part;
        self.calls += calls;
    }

    /// Books `part` of a run.
    #[allow(clippy::cast_precision_loss, reason = "costs of one run: far below 2^53")]
    fn spend(&mut self, cut: &Cut, part: f64) {
        self.cpu_ns += cut.ns as f64 * part;
        self.allocations += cut.heap.allocations as f64 * part;
        self.allocated_bytes += cut.heap.allocated_bytes as f64 * part;
    }

    fn deliver(&mut self, delay_us: u64, count: u64) {
        let is_first = self.delays == 0;
        self.delivered += count;
        self.delays += count;
        self.delay_us_sum += delay_us * count;
        self.delay_us_max = self.delay_us_max.max(delay_us);
        self.delay_us_min = if is_first { delay_us } else { self.delay_us_min.min(delay_us) };
    }
}
