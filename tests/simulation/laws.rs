//! What is true after every turn, whatever has happened.

use pushscope::clock::Instant;
use pushscope::conn::{Conn, State};
use pushscope::ledger::Row;
use pushscope::limits;
use pushscope::slow::streams;

use super::client::CHANNELS;
use super::world::World;

impl World {
    /// The books balance, queues and logs keep their bounds, everybody has a deadline.
    pub(super) fn check(&mut self) {
        let mut subscribed = 0;
        for token in self.engine.tokens() {
            let conn = self.engine.conn(token).expect("a token of a connection");
            self.check_conn(conn);
            let socket = self.slots.get(token.index as usize).copied().flatten();
            assert!(socket.is_some(), "{token:?} has no socket");
            subscribed += u32::from(conn.edge.is_some());
        }
        let hub = self.engine.hub();
        let mut listed = 0;
        let names = CHANNELS.iter().map(|(name, _)| *name).chain(["zz"]);
        for name in names {
            let Some(channel) = hub.find(name).and_then(|key| hub.channel(key)) else { continue };
            listed += channel.census().total();
            let (log, limits) = (channel.log(), &self.plan.limits);
            assert!(log.len() <= limits.history_messages_max, "{name} keeps {}", log.len());
            let is_small = log.bytes() <= limits.history_bytes_max || log.len() == 1;
            assert!(is_small, "{name} keeps {} bytes", log.bytes());
        }
        // Somebody hostile may listen to a channel of any name.
        if !self.scene.book.is_open {
            assert_eq!(subscribed, listed, "who has a place in a list, and who is listed");
        }
        self.check_full();
        if self.scene.step.is_multiple_of(64) {
            self.settle_accounts();
        }
    }

    /// A stream that is full and takes nothing grows by no message, before its last words: these
    /// bring all that it has missed.
    fn check_full(&mut self) {
        for (token, before) in &self.full {
            let Some(conn) = self.engine.conn(*token) else { continue };
            if !conn.is_blocked() || conn.edge.is_none() || !self.scene.is_listening {
                continue;
            }
            let queued = conn.queue.bytes();
            let most = before + CONTROL_BYTES_MAX;
            assert!(queued <= most, "{token:?} had {before} bytes queued, and has {queued}");
        }
        let hard_bytes_max = self.plan.limits.hard_bytes_max();
        let streams = self.engine.tokens().into_iter().filter_map(|token| {
            let conn = self.engine.conn(token)?;
            let is_full = conn.is_blocked() && conn.queue.bytes() >= hard_bytes_max;
            let is_stream = matches!(&conn.state, State::Mech(mech) if streams(mech.kind()));
            (is_full && is_stream).then_some((token, conn.queue.bytes()))
        });
        self.full = streams.collect();
    }

    fn check_conn(&self, conn: &Conn) {
        let queued = conn.queue.bytes();
        assert!(conn.account.balances(queued), "{:?}, {queued} queued", conn.account);
        assert!(conn.is_parsed(), "{:?}", conn.account);
        assert!(queued <= self.queue_bytes_bound(), "{queued} bytes are queued");
        assert!(queued > 0 || !conn.is_blocked(), "blocked, and nothing is queued");
        let tail = conn.tail.len();
        let tail_bytes_max = limits::PIPELINE_BYTES_MAX + limits::READ_BUFFER_BYTES;
        assert!(tail < tail_bytes_max, "{tail} bytes are kept unparsed");
        assert!(!matches!(conn.state, State::Gone), "gone, and not swept");
        let deadline = conn.deadline(&self.plan.limits);
        let is_quiet = self.plan.limits.heartbeat_us == 0 || self.plan.limits.ping_us == 0;
        let may_wait = is_quiet && matches!(conn.state, State::Mech(_));
        assert!(deadline < Instant::NEVER || may_wait, "no deadline: {:?}", conn.state);
        assert!(conn.armed <= deadline, "armed for {:?}, due {deadline:?}", conn.armed);
        assert!(deadline.us() >= self.scene.now_us, "overdue: {deadline:?}, {:?}", conn.state);
    }

    /// What one connection may have queued: the limit, and the batch or the replay that exceeds it,
    /// of which every byte may need an escape of six.
    fn queue_bytes_bound(&self) -> u64 {
        let limits = &self.plan.limits;
        let batch = limits.history_bytes_max.max(limits::PENDING_BYTES_MAX * 4);
        limits.hard_bytes_max() + 6 * (batch + limits.message_bytes_max) as u64 + 65_536
    }

    /// The ledger has all that sockets gave and took, and it adds up.
    pub(super) fn settle_accounts(&mut self) {
        let snapshot = self.engine.snapshot();
        assert!(snapshot.balances(), "{snapshot:?}");
        let sum = |of: fn(&Row) -> u64| snapshot.rows().map(|(_, row)| of(row)).sum::<u64>();
        let conns = self.engine.tokens().into_iter().filter_map(|token| self.engine.conn(token));
        let unasked = conns.filter(|conn| conn.owner.is_none());
        if self.scene.life == 0 {
            let tally = &self.scene.trail.tally;
            let given = tally.given - unasked.map(|conn| conn.account.received()).sum::<u64>();
            assert_eq!((sum(|row| row.read), sum(|row| row.taken)), (given, tally.taken));
        }
        assert_eq!(sum(|row| row.brought), sum(|row| row.carried));
    }
}

/// What may be said of a full stream's own in one turn: heartbeats, pongs, last words.
const CONTROL_BYTES_MAX: u64 = 1_024;
