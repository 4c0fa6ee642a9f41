//! The bounded log of one channel: what was published last, and what a cursor has missed.

use std::collections::VecDeque;

use crate::event::{Event, Gap};
use crate::id::{Id, Since};
use crate::limits::Limits;

/// A channel's messages, oldest first, with consecutive offsets.
#[derive(Debug)]
pub struct History {
    epoch: u64,
    newest: u64,
    log: VecDeque<Event>,
    bytes: usize,
}

impl History {
    /// The empty log of `epoch`.
    pub const fn new(epoch: u64) -> Self {
        Self { epoch, newest: 0, log: VecDeque::new(), bytes: 0 }
    }

    /// The log of `epoch`, of which everything up to the message `newest` is forgotten.
    pub const fn resumed(epoch: u64, newest: u64) -> Self {
        Self { epoch, newest, log: VecDeque::new(), bytes: 0 }
    }

    /// The id that the next message gets.
    pub const fn next_id(&self) -> Id {
        Id { epoch: self.epoch, offset: self.newest + 1 }
    }

    /// The cursor of whoever has read everything.
    pub const fn cursor(&self) -> Id {
        Id { epoch: self.epoch, offset: self.newest }
    }

    /// The oldest message that is kept.
    pub fn oldest(&self) -> Option<&Event> {
        self.log.front()
    }

    /// Messages that are kept.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether no message is kept.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Payload bytes that are kept.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a message whose id is [`History::next_id`].
    pub fn append(&mut self, event: Event) {
        debug_assert_eq!(event.id, self.next_id());
        self.newest = event.id.offset;
        self.bytes += event.payload.bytes().len();
        self.log.push_back(event);
    }

    /// Forgets what is over the limits or too old; the newest message stays whatever its size.
    pub fn trim(&mut self, limits: &Limits, unix_ms: u64) {
        let expired_ms = unix_ms.saturating_sub(limits.history_us_max / 1_000);
        while let Some(oldest) = self.log.front() {
            let over = self.log.len() > limits.history_messages_max
                || (self.bytes > limits.history_bytes_max && self.log.len() > 1);
            if !over && oldest.time_ms >= expired_ms {
                break;
            }
            self.bytes -= oldest.payload.bytes().len();
            self.log.pop_front();
        }
        if self.log.is_empty() {
            self.log.shrink_to_fit();
        }
    }

    /// Forgets every message, but not that there were some.
    pub fn forget(&mut self) {
        self.log = VecDeque::new();
        self.bytes = 0;
    }

    /// The last `count` messages, as one slice.
    pub fn last(&mut self, count: usize) -> &[Event] {
        let from = self.log.len().saturating_sub(count);
        self.log.make_contiguous().get(from..).unwrap_or_default()
    }

    /// What a reader with this cursor has not read, and what it can no longer read.
    pub fn after(&mut self, since: Since, unix_ms: u64) -> (Option<Gap>, &[Event]) {
        let gap = self.gap(since);
        let first = match since {
            Since::Latest => self.newest + 1,
            Since::All => 0,
            Since::Id(id) if id.epoch == self.epoch => id.offset.saturating_add(1),
            Since::Id(_) => 0,
            Since::Ago(us) => self.first_at(unix_ms.saturating_sub(us / 1_000)),
            Since::Time(ms) => self.first_at(ms),
        };
        let kept_from = self.newest + 1 - self.log.len() as u64;
        let skip = usize::try_from(first.saturating_sub(kept_from)).unwrap_or(usize::MAX);
        (gap, self.log.make_contiguous().get(skip..).unwrap_or_default())
    }

    /// Only a cursor can have missed something: who asks for a time takes what there is.
    fn gap(&self, since: Since) -> Option<Gap> {
        let Since::Id(id) = since else { return None };
        let lost_until = self.newest - self.log.len() as u64;
        if id.epoch != self.epoch {
            return Some(Gap { missed: lost_until, epoch_changed: true });
        }
        let missed = lost_until.saturating_sub(id.offset);
        (missed > 0).then_some(Gap { missed, epoch_changed: false })
    }

    fn first_at(&self, unix_ms: u64) -> u64 {
        let later = self.log.iter().find(|event| event.time_ms >= unix_ms);
        later.map_or(self.newest + 1, |event| event.id.offset)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Instant;
    use crate::event::Payload;

    fn log_of(count: u64) -> History {
        let mut history = History::new(7);
        for n in 1..=count {
            history.append(Event {
                id: history.next_id(),
                time_ms: n * 1_000,
                at: Instant::ZERO,
                channel: Arc::from("c"),
                name: None,
                payload: Payload::Text(Arc::from(n.to_string())),
            });
        }
        history
    }

    fn trimmed(count: u64, keep: usize) -> History {
        let mut history = log_of(count);
        history.trim(&Limits { history_messages_max: keep, ..Limits::default() }, 0);
        history
    }

    fn offsets(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.id.offset).collect()
    }

    #[test]
    fn every_cursor_is_answered_with_the_rest_or_a_counted_gap() {
        for keep in 0..=5 {
            let mut history = trimmed(5, keep);
            for read in 0..=5 {
                let (gap, events) = history.after(Since::Id(Id { epoch: 7, offset: read }), 0);
                let missed = gap.map_or(0, |gap| gap.missed);
                assert_eq!(read + missed + events.len() as u64, 5, "keep {keep}, read {read}");
            }
        }
    }

    #[test]
    fn a_cursor_from_the_future_is_read_as_the_latest() {
        let mut history = log_of(3);
        let (gap, events) = history.after(Since::Id(Id { epoch: 7, offset: u64::MAX }), 0);
        assert_eq!((gap, events.len()), (None, 0));
    }

    #[test]
    fn another_epoch_is_a_gap_and_the_whole_log() {
        let mut history = trimmed(5, 2);
        let (gap, events) = history.after(Since::Id(Id { epoch: 6, offset: 9 }), 0);
        assert_eq!(gap, Some(Gap { missed: 3, epoch_changed: true }));
        assert_eq!(offsets(events), [4, 5]);
    }

    #[test]
    fn since_a_time_takes_what_there_is() {
        let mut history = log_of(5);
        assert_eq!(offsets(history.after(Since::Time(4_000), 0).1), [4, 5]);
        assert_eq!(offsets(history.after(Since::Ago(1_000_000), 5_000).1), [4, 5]);
        assert!(history.after(Since::Latest, 0).1.is_empty());
        assert_eq!(offsets(history.after(Since::All, 0).1), [1, 2, 3, 4, 5]);
        assert_eq!(offsets(history.last(2)), [4, 5]);
    }

    #[test]
    fn bytes_and_age_bound_the_log_and_the_newest_stays() {
        let mut history = log_of(5);
        history.trim(&Limits { history_bytes_max: 2, ..Limits::default() }, 0);
        assert_eq!((history.len(), history.bytes()), (2, 2));
        history.trim(&Limits { history_bytes_max: 0, ..Limits::default() }, 0);
        assert_eq!(history.len(), 1);
        history.trim(&Limits { history_us_max: 0, ..Limits::default() }, 6_000);
        assert_eq!((history.len(), history.bytes(), history.cursor().offset), (0, 0, 5));
    }
}
