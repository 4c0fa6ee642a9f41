//! Receipts: what each of the newest messages has cost, mechanism by mechanism.
//!
//! Messages that are handed over together share a receipt, and it is told in equal parts: k
//! messages that leave in one `writev` cost a call together. A poll's answer is booked on the
//! receipts of the messages in it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Instant;
use crate::cost::{Bytes, Heap};
use crate::event::{Batch, Course};
use crate::frame::Frame;
use crate::id::{Id, Kind};
use crate::ledger::meter::Cut;
use crate::limits;

/// The newest receipts.
#[derive(Debug, Default)]
pub struct Receipts {
    ring: VecDeque<Page>,
    /// The number of the oldest.
    first: u64,
    /// Receipts that the run in hand works for, and with which weight.
    touched: Vec<(u64, Kind, u32)>,
}

/// One receipt: a batch that was handed over at once.
#[derive(Debug)]
struct Page {
    channel: Arc<str>,
    first: Id,
    time_ms: u64,
    /// Bytes of each message's payload.
    sizes: Vec<u64>,
    shares: [Share; Kind::ALL.len()],
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
    /// What the allocator was asked for.
    pub heap: Heap,
    /// Time of the runs that worked for it, in nanoseconds.
    pub cpu_ns: u64,
    /// Delays, in microseconds: the least.
    pub delay_us_min: u64,
    /// Their sum.
    pub delay_us_sum: u64,
    /// The most.
    pub delay_us_max: u64,
}

/// One message's part of a receipt.
#[derive(Debug)]
pub struct Receipt<'a> {
    /// When its batch was handed over, in milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: u64,
    /// Bytes of its payload.
    pub bytes: u64,
    /// Messages of the batch.
    pub batch: u64,
    /// By mechanism.
    pub shares: &'a [Share; Kind::ALL.len()],
}

impl Receipts {
    /// Begins a receipt for a batch that is handed over; returns its number.
    pub fn open(&mut self, batch: &Batch<'_>) -> Option<u64> {
        let first = batch.events.first()?;
        let mut sizes = Vec::new();
        if self.ring.len() == limits::RECEIPTS_MAX {
            let oldest = self.ring.pop_front();
            self.first += 1;
            sizes = oldest.map(|page| page.sizes).unwrap_or_default();
            sizes.clear();
        }
        sizes.extend(batch.events.iter().map(|event| event.payload.bytes().len() as u64));
        self.ring.push_back(Page {
            channel: Arc::clone(&first.channel),
            first: first.id,
            time_ms: first.time_ms,
            sizes,
            shares: Default::default(),
        });
        Some(self.first + self.ring.len() as u64 - 1)
    }

    /// The batch was queued for so many subscribers of a mechanism, in this run.
    pub fn queued(&mut self, number: u64, kind: Kind, subscribers: u32) {
        let Some(page) = self.page(number) else { return };
        page.shares[kind as usize].queued += u64::from(subscribers) * page.sizes.len() as u64;
        self.touch(number, kind);
    }

    /// A reader came back for these messages: the run in hand works for them.
    pub fn caught_up(&mut self, kind: Kind, batch: &Batch<'_>) {
        for event in batch.events.iter().rev().take(limits::RECEIPTS_PER_ANSWER) {
            let Some(place) = self.place(&event.channel, event.id) else { return };
            self.touch(self.first + place as u64, kind);
        }
    }

    /// A call that took `messages` messages to their last byte took these.
    pub fn delivered(&mut self, frame: &Frame, kind: Kind, messages: u32, now: Instant) {
        let count = frame.messages().count();
        let calls = f64::from(count) / f64::from(messages.max(1));
        match frame.messages().course {
            Course::Live(number) => {
                let Some(page) = self.page(number) else { return };
                let share = &mut page.shares[kind as usize];
                share.carry(frame.made(), 1.0, calls);
                for (at, count) in frame.messages().published() {
                    share.deliver(now.since(*at), u64::from(*count));
                }
                self.touch(number, kind);
            }
            Course::CaughtUp => self.catch_up(frame, kind, calls, now),
            Course::Replayed => {}
        }
    }

    /// Books a run that is over on the receipts that it worked for.
    pub fn share(&mut self, cut: &Cut) {
        let weights: u64 = self.touched.iter().map(|(_, _, weight)| u64::from(*weight)).sum();
        let mut touched = std::mem::take(&mut self.touched);
        for (number, kind, weight) in touched.drain(..) {
            let Some(page) = self.page(number) else { continue };
            let share = &mut page.shares[kind as usize];
            let part = |whole: u64| whole * u64::from(weight) / weights.max(1);
            share.cpu_ns += part(cut.ns);
            share.heap.allocations += part(cut.heap.allocations);
            share.heap.allocated_bytes += part(cut.heap.allocated_bytes);
        }
        self.touched = touched;
    }

    /// One message's part, if its receipt has not given way.
    pub fn find(&self, channel: &str, id: Id) -> Option<Receipt<'_>> {
        let page = self.ring.get(self.place(channel, id)?)?;
        let place = usize::try_from(id.offset - page.first.offset).ok()?;
        Some(Receipt {
            time_ms: page.time_ms,
            bytes: *page.sizes.get(place)?,
            batch: page.sizes.len() as u64,
            shares: &page.shares,
        })
    }

    /// A poll's answer: an equal part of it for each of its messages.
    fn catch_up(&mut self, frame: &Frame, kind: Kind, calls: f64, now: Instant) {
        let Some((channel, first)) = &frame.messages().first else { return };
        let part = 1.0 / f64::from(frame.messages().count().max(1));
        let published = frame.messages().published().iter().rev();
        let each = published.flat_map(|(at, count)| std::iter::repeat_n(*at, *count as usize));
        let behind = first.offset + u64::from(frame.messages().count());
        for (offset, at) in (first.offset..behind).rev().zip(each).take(limits::RECEIPTS_PER_ANSWER)
        {
            let id = Id { offset, ..*first };
            let Some(place) = self.place(channel, id) else { return };
            self.touch(self.first + place as u64, kind);
            let Some(page) = self.ring.get_mut(place) else { continue };
            let share = &mut page.shares[kind as usize];
            share.queued += 1;
            share.carry(frame.made(), part, calls * part);
            share.deliver(now.since(at), 1);
        }
    }

    /// Where in the ring the receipt of a message is; messages that are asked for are new.
    fn place(&self, channel: &str, id: Id) -> Option<usize> {
        self.ring.iter().rposition(|page| page.holds(channel, id))
    }

    /// The run in hand works for a receipt, once more.
    fn touch(&mut self, number: u64, kind: Kind) {
        let room = limits::RECEIPTS_TOUCHED_MAX.saturating_sub(self.touched.len());
        match self.touched.last_mut() {
            Some((last, of, weight)) if (*last, *of) == (number, kind) => *weight += 1,
            _ if room > 0 => self.touched.push((number, kind, 1)),
            _ => {}
        }
    }

    fn page(&mut self, number: u64) -> Option<&mut Page> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.ring.get_mut(place)
    }
}

impl Page {
    fn holds(&self, channel: &str, id: Id) -> bool {
        let place = id.offset.checked_sub(self.first.offset);
        self.first.epoch == id.epoch
            && place.is_some_and(|place| place < self.sizes.len() as u64)
            && *self.channel == *channel
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

    fn deliver(&mut self, delay_us: u64, count: u64) {
        let is_first = self.delivered == 0;
        self.delivered += count;
        self.delay_us_sum += delay_us * count;
        self.delay_us_max = self.delay_us_max.max(delay_us);
        self.delay_us_min = if is_first { delay_us } else { self.delay_us_min.min(delay_us) };
    }
}
