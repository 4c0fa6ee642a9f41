//! What is done about readers that do not keep up: see [`crate::slow`].

use super::{Engine, Farewell};
use crate::conn::{Conn, State};
use crate::cost::{Owner, Phase};
use crate::event::{Batch, Event, Gap};
use crate::fault::Fault;
use crate::frame::Frames;
use crate::id::{Id, Since};
use crate::limits::{self, Limits};
use crate::mech::mould::Why;
use crate::slow::{Lag, Policy};

/// What is done about one reader when something is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Feed {
    /// It gets it, as everybody.
    Give,
    /// It gets it, and its queue is long from now on.
    Long,
    /// It is behind: the log keeps it.
    Pass,
    /// It is closed.
    Close,
}

impl Feed {
    /// Judges a reader whose socket would take no more, or who is behind.
    pub(super) fn of(conn: &mut Conn, batch: &Batch<'_>, limits: &Limits) -> Self {
        if conn.lag.fed_to().is_some() {
            return Self::Pass;
        }
        let bytes = conn.queue.weight();
        if batch.is_silent() {
            // Something was marked as read: the next time tells that, too.
            return if bytes < limits.hard_bytes_max() { Self::Give } else { Self::Pass };
        }
        if bytes >= conn.policy.fed_bytes_max(limits) {
            if conn.policy == Policy::Close {
                return Self::Close;
            }
            conn.lag = Lag::Behind(batch.start().offset);
            return Self::Pass;
        }
        let is_long = bytes >= limits.queue_soft_bytes as u64 && conn.lag == Lag::Level;
        if is_long { Self::Long } else { Self::Give }
    }
}

impl Engine {
    /// Feeds readers that were behind and have read all that was queued: from the log.
    pub(super) fn feed_hungry(&mut self) {
        for token in std::mem::take(&mut self.hungry) {
            if self.conn(token).is_some_and(|conn| conn.queue.is_empty()) {
                self.catch_up(token.index);
            }
        }
    }

    fn catch_up(&mut self, index: u32) {
        let Some(conn) = self.conns.get(index as usize) else { return };
        let policy = match conn.lag {
            Lag::Opening(_) if conn.policy != Policy::Close => Policy::Oldest,
            _ => conn.policy,
        };
        self.feed_from_log(index, policy);
    }

    /// Tells a reader that is behind how far: there will be no other time. What it has missed would
    /// be as long as the log, for each of thousands at once.
    pub(super) fn tell_behind(&mut self, index: u32) {
        self.feed_from_log(index, Policy::Newest);
    }

    fn feed_from_log(&mut self, index: u32, policy: Policy) {
        let Some(conn) = self.conns.get(index as usize) else { return };
        let (Some(offset), Some(edge)) = (conn.lag.fed_to(), conn.edge) else { return };
        if self.hub.is_dirty(edge.channel) {
            // Who is behind is passed over; then all that is new stands in the log alone.
            self.deliver(edge.channel);
        }
        let Some(epoch) = self.hub.channel(edge.channel).map(|one| one.log().cursor().epoch) else {
            return;
        };
        let before = self.ledger.run();
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let State::Mech(mech) = &mut conn.state else { return };
        let kind = mech.kind();
        self.ledger.enter(Phase::Deliver, Some(Owner::Mech(kind)));
        let from = Id { epoch, offset };
        let Some(missed) = self.hub.replay(edge.channel, Since::Id(from), self.turn.now) else {
            return;
        };
        let (batch, lag) = portion(&missed, from, policy, limits::QUEUE_BYTES_PAUSE);
        if batch.gap.is_some() && policy == Policy::Close {
            // It was behind from its opening on, and the log does not wait for it any longer.
            self.ledger.enter(before.phase, before.owner);
            return self.end_slow(index, Fault::QueueFull);
        }
        conn.lag = match (conn.lag, lag) {
            (Lag::Opening(_), Lag::Behind(offset)) => Lag::Opening(offset),
            (_, lag) => lag,
        };
        let mut out = self.turn.out(&mut conn.queue, &mut conn.account);
        mech.deliver(&batch, &mut Frames::default(), &mut out);
        self.ledger.missed(kind, batch.gap);
        self.ledger.caught_up(kind, &batch);
        self.soil(index);
        self.settle_acts(index);
        self.arm(index);
        self.ledger.enter(before.phase, before.owner);
    }

    /// Ends a connection whose reader does not read: what has begun to leave is finished, the rest
    /// is dropped, so that its last words are next.
    pub(super) fn end_slow(&mut self, index: u32, fault: Fault) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        if conn.unopened > 0 || !matches!(conn.state, State::Mech(_)) {
            // Last words would stand where a head is expected, or in the midst of an answer.
            return self.cut_off(index, Farewell::Reset, fault);
        }
        conn.drop_unbegun();
        self.end(index, Why::Fault(fault));
    }

    /// Counts what a connection has queued among what all have; too much of it costs the longest
    /// queues their connections.
    pub(super) fn count_queue(&mut self, index: u32) {
        self.recount_queue(index);
        let all_max = self.turn.limits.queue_all_bytes_max as u64;
        let part = all_max / limits::ROOM_PARTS as u64;
        // What many share is counted for each of them. Looking at every piece tells how much there
        // is in truth; it is paid for by as much that was queued since the last look.
        if self.queued_bytes > all_max && self.queued_since > part {
            self.queued_since = 0;
            let bytes: u64 = self.conns.iter().map(|(_, conn)| conn.queue.share_bytes()).sum();
            if bytes > all_max {
                self.end_longest(bytes - (all_max - part));
            }
        }
    }

    fn recount_queue(&mut self, index: u32) {
        let Some(conn) = self.conns.get_mut(index as usize) else { return };
        let before = u64::from(conn.counted);
        conn.counted = u32::try_from(conn.queue.weight()).unwrap_or(u32::MAX);
        let now = u64::from(conn.counted);
        self.queued_since = self.queued_since.saturating_add(now.saturating_sub(before));
        self.queued_bytes = self.queued_bytes - before + now;
    }

    /// Ends those with the longest queues, until so many bytes are given back.
    fn end_longest(&mut self, bytes: u64) {
        let conns = self.conns.iter().filter(|(_, conn)| conn.counted > 0);
        let mut longest: Vec<(u32, u32)> =
            conns.filter_map(|(at, conn)| Some((conn.counted, u32::try_from(at).ok()?))).collect();
        longest.sort_unstable();
        let mut given_back = 0;
        while given_back < bytes
            && let Some((_, index)) = longest.pop()
        {
            let conn = self.conns.get(index as usize);
            given_back += conn.map_or(0, |conn| conn.queue.sole_bytes());
            // Last words would wait behind what has begun, which is what there is too much of.
            self.cut_off(index, Farewell::Reset, Fault::QueuesFull);
            self.recount_queue(index);
        }
    }

    /// A connection is no more, and neither is its queue.
    pub(super) const fn uncount_queue(&mut self, conn: &Conn) {
        self.queued_bytes -= conn.counted as u64;
    }
}

/// What of all that a reader asks for when it opens it is fed at once, and how it keeps up then: a
/// log is longer than a queue may be.
pub(super) fn opening(replay: Batch<'_>) -> (Batch<'_>, Lag) {
    let events = fitting(replay.events, limits::QUEUE_BYTES_PAUSE);
    match events.last() {
        Some(last) if events.len() < replay.events.len() => {
            (Batch { events, cursor: last.id, ..replay }, Lag::Opening(last.id.offset))
        }
        _ => (replay, Lag::Level),
    }
}

/// The first of these, until there are so many bytes of them.
fn fitting(events: &[Event], bytes_max: usize) -> &[Event] {
    let mut bytes = 0;
    let fitting = events.iter().take_while(|event| {
        let fits = bytes < bytes_max;
        bytes += event.payload.bytes().len().max(1);
        fits
    });
    events.get(..fitting.count()).unwrap_or_default()
}

/// What of all that a reader has missed since `from` it is fed now, and how it keeps up then.
fn portion<'a>(missed: &Batch<'a>, from: Id, policy: Policy, bytes_max: usize) -> (Batch<'a>, Lag) {
    let events = match policy {
        Policy::Close | Policy::Oldest => fitting(missed.events, bytes_max),
        Policy::Newest => &[],
        Policy::Latest => missed.events.last_chunk::<1>().map_or(&[][..], |last| last),
    };
    let is_partial =
        matches!(policy, Policy::Close | Policy::Oldest) && events.len() < missed.events.len();
    let cursor = match events.last() {
        Some(last) if is_partial => last.id,
        _ => missed.cursor,
    };
    let batch = Batch { events, cursor, gap: None, ..*missed };
    let lost = batch.start().offset.saturating_sub(from.offset);
    let gap = (lost > 0).then_some(Gap { missed: lost, epoch_changed: false });
    let lag = if is_partial { Lag::Behind(cursor.offset) } else { Lag::Level };
    (Batch { gap, ..batch }, lag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mech::mould::stage::{batch, text};

    #[test]
    fn each_policy_drops_what_its_name_says() {
        let id = |offset| Id { epoch: 7, offset };
        let events = [text(4, "four"), text(5, "five!"), text(6, "six")];
        let missed = Batch { cursor: id(6), ..batch(&events, None) };
        // The log has forgotten 3, and the reader has read up to 2.
        let cases: [(Policy, usize, &[u64], u64, Lag); 5] = [
            (Policy::Oldest, 100, &[4, 5, 6], 1, Lag::Level),
            (Policy::Oldest, 5, &[4, 5], 1, Lag::Behind(5)),
            (Policy::Oldest, 1, &[4], 1, Lag::Behind(4)),
            (Policy::Newest, 1, &[], 4, Lag::Level),
            (Policy::Latest, 1, &[6], 3, Lag::Level),
        ];
        for (policy, bytes_max, offsets, lost, lag) in cases {
            let (batch, left) = portion(&missed, id(2), policy, bytes_max);
            let fed: Vec<u64> = batch.events.iter().map(|event| event.id.offset).collect();
            assert_eq!((&fed[..], left), (offsets, lag), "{policy:?}");
            assert_eq!(batch.gap.map(|gap| gap.missed), Some(lost), "{policy:?}");
        }
        let (batch, _) = portion(&missed, id(3), Policy::Oldest, 100);
        assert_eq!(batch.gap, None, "nothing is lost");
    }
}
