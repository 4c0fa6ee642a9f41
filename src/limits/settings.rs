//! The bounds that a flag may set: one row each, from which flags, help and lists are made.

use Measure::{Bytes, Count, Time};

use super as limits;
use crate::clock::SECOND_US;

/// The bounds of one server; see the constants of the same names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the rows of SETTINGS say what each is")]
pub struct Limits {
    pub head_bytes_max: usize,
    pub target_bytes_max: usize,
    pub fields_max: usize,
    pub body_bytes_max: usize,
    pub message_bytes_max: usize,
    pub frame_bytes_max: usize,
    pub fragments_max: usize,
    pub head_us_max: u64,
    pub body_pause_us_max: u64,
    pub body_bytes_per_s_min: usize,
    pub keep_alive_us_max: u64,
    pub requests_max: usize,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub publishes_per_s_max: usize,
    pub channels_max: usize,
    pub channel_bytes_max: usize,
    pub history_messages_max: usize,
    pub history_bytes_max: usize,
    pub history_us_max: u64,
    pub history_all_bytes_max: usize,
    pub park_us: u64,
    pub park_us_max: u64,
    pub heartbeat_us: u64,
    pub ping_us: u64,
    pub pong_us_max: u64,
    pub close_us_max: u64,
    pub queue_soft_bytes: usize,
    pub queue_soft_us_max: u64,
    pub queue_bytes_max: usize,
    pub queue_all_bytes_max: usize,
    pub stall_us_max: u64,
    pub drain_us_max: u64,
}

/// One bound that a flag may set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name, unit included: the field of [`Limits`], the line of `--print-limits`, and, with
    /// `_s` for `_us`, the flag.
    pub name: &'static str,
    /// Its unit, and where it stands.
    pub measure: Measure,
    /// The least that it may be, in its unit.
    pub least: u64,
    /// The most that it may be.
    pub most: u64,
    /// What it bounds, and what is answered beyond.
    pub help: &'static str,
}

/// A unit, and where a bound of that unit stands.
#[derive(Clone, Copy, Debug)]
pub enum Measure {
    /// Bytes.
    Bytes(fn(&mut Limits) -> &mut usize),
    /// How many.
    Count(fn(&mut Limits) -> &mut usize),
    /// Microseconds; a flag has seconds.
    Time(fn(&mut Limits) -> &mut u64),
}

impl Setting {
    /// Its value, in its unit.
    pub fn get(&self, limits: &Limits) -> u64 {
        let mut limits = *limits;
        match self.measure {
            Bytes(place) | Count(place) => *place(&mut limits) as u64,
            Time(place) => *place(&mut limits),
        }
    }

    /// Sets it; whoever does has looked at [`Setting::least`] and [`Setting::most`].
    pub fn set(&self, limits: &mut Limits, value: u64) {
        match self.measure {
            Bytes(place) | Count(place) => {
                *place(limits) = usize::try_from(value).unwrap_or(usize::MAX);
            }
            Time(place) => *place(limits) = value,
        }
    }
}

impl Limits {
    /// Bytes of a request's content: as many as a message may have, unless said otherwise.
    pub const fn content_bytes_max(&self) -> usize {
        if self.body_bytes_max == 0 { self.message_bytes_max } else { self.body_bytes_max }
    }

    /// Payload bytes of a frame: as many as a message may have, unless said otherwise.
    pub const fn payload_bytes_max(&self) -> usize {
        if self.frame_bytes_max == 0 { self.message_bytes_max } else { self.frame_bytes_max }
    }

    /// Bytes queued for one connection beyond which no message is added: one message of any size
    /// may wait, two of the largest may not.
    pub const fn hard_bytes_max(&self) -> u64 {
        let (queue, message) = (self.queue_bytes_max as u64, self.message_bytes_max as u64);
        if message > queue { message } else { queue }
    }

    /// Whether anything is bounded that an address may.
    pub const fn bound_addresses(&self) -> bool {
        self.connections_per_address_max != 0 || self.publishes_per_s_max != 0
    }

    /// What does not fit together: a sentence for each, in the names of the flags.
    pub fn contradictions(&self) -> Vec<&'static str> {
        let rules = [
            (
                self.target_bytes_max < self.head_bytes_max,
                "--target-bytes-max must be less than --head-bytes-max: a target stands in a head",
            ),
            (
                self.content_bytes_max() <= self.message_bytes_max,
                "--body-bytes-max must not be more than --message-bytes-max: it would be refused",
            ),
            (
                self.payload_bytes_max() <= self.message_bytes_max,
                "--frame-bytes-max must not be more than --message-bytes-max: it would be refused",
            ),
            (
                self.history_bytes_max <= self.history_all_bytes_max,
                "--history-bytes-max must not be more than --history-all-bytes-max",
            ),
            (self.park_us <= self.park_us_max, "--park-s must not be more than --park-s-max"),
            (
                self.queue_soft_bytes <= self.queue_bytes_max,
                "--queue-soft-bytes must not be more than --queue-bytes-max",
            ),
            (
                self.message_bytes_max <= self.queue_all_bytes_max,
                "--message-bytes-max must not be more than --queue-all-bytes-max: it would wait",
            ),
            (
                self.queue_bytes_max <= self.queue_all_bytes_max,
                "--queue-bytes-max must not be more than --queue-all-bytes-max",
            ),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, sentence)| sentence).collect()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: limits::HEAD_BYTES_MAX,
            target_bytes_max: limits::TARGET_BYTES_MAX,
            fields_max: limits::FIELDS_MAX,
            body_bytes_max: 0,
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
            frame_bytes_max: 0,
            fragments_max: limits::FRAGMENTS_MAX,
            head_us_max: limits::HEAD_US_MAX,
            body_pause_us_max: limits::BODY_PAUSE_US_MAX,
            body_bytes_per_s_min: limits::BODY_BYTES_PER_S_MIN,
            keep_alive_us_max: limits::KEEP_ALIVE_US_MAX,
            requests_max: 0,
            connections_max: 0,
            connections_per_address_max: 0,
            publishes_per_s_max: 0,
            channels_max: limits::CHANNELS_MAX,
            channel_bytes_max: limits::CHANNEL_BYTES_MAX,
            history_messages_max: limits::HISTORY_MESSAGES_MAX,
            history_bytes_max: limits::HISTORY_BYTES_MAX,
            history_us_max: limits::HISTORY_US_MAX,
            history_all_bytes_max: limits::HISTORY_ALL_BYTES_MAX,
            park_us: limits::PARK_US,
            park_us_max: limits::PARK_US_MAX,
            heartbeat_us: limits::HEARTBEAT_US,
            ping_us: limits::PING_US,
            pong_us_max: limits::PONG_US_MAX,
            close_us_max: limits::CLOSE_US_MAX,
            queue_soft_bytes: limits::QUEUE_SOFT_BYTES,
            queue_soft_us_max: limits::QUEUE_SOFT_US_MAX,
            queue_bytes_max: limits::QUEUE_BYTES_MAX,
            queue_all_bytes_max: limits::QUEUE_ALL_BYTES_MAX,
            stall_us_max: limits::STALL_US_MAX,
            drain_us_max: limits::DRAIN_US_MAX,
        }
    }
}

/// Every bound that a flag may set.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("head_bytes_max", Bytes(|limits| &mut limits.head_bytes_max), KIB, HEAD_MOST, "Bytes of a request head; beyond: 431"),
    setting("target_bytes_max", Bytes(|limits| &mut limits.target_bytes_max), 64, HEAD_MOST, "Bytes of a request target; beyond: 414"),
    setting("fields_max", Count(|limits| &mut limits.fields_max), 8, limits::FIELDS_MAX as u64, "Field lines of a request head; beyond: 431"),
    setting("body_bytes_max", Bytes(|limits| &mut limits.body_bytes_max), 0, GIB, "Bytes of a request's content; beyond: 413; 0 is as many as a message may have"),
    setting("message_bytes_max", Bytes(|limits| &mut limits.message_bytes_max), 1, GIB, "Bytes of the longest message; beyond: 413, or close code 1009"),
    setting("frame_bytes_max", Bytes(|limits| &mut limits.frame_bytes_max), 0, GIB, "Payload bytes of a WebSocket frame; beyond: 1009; 0 is as many as a message may have"),
    setting("fragments_max", Count(|limits| &mut limits.fragments_max), 1, MANY, "Fragments of a WebSocket message; beyond: 1008"),
    setting("head_us_max", Time(|limits| &mut limits.head_us_max), 1, DAY_US, "Time for a whole request head; beyond: 408"),
    setting("body_pause_us_max", Time(|limits| &mut limits.body_pause_us_max), 1, DAY_US, "Time between two pieces of a request's content; beyond: 408"),
    setting("body_bytes_per_s_min", Bytes(|limits| &mut limits.body_bytes_per_s_min), 1, GIB, "Bytes a second that content must bring after that time; slower: 408"),
    setting("keep_alive_us_max", Time(|limits| &mut limits.keep_alive_us_max), 1, DAY_US, "Time for which a kept-alive connection may stay silent"),
    setting("requests_max", Count(|limits| &mut limits.requests_max), 0, u16::MAX as u64, "Requests of one connection, of which the last is told so; 0 is no bound"),
    setting("connections_max", Count(|limits| &mut limits.connections_max), 0, MANY, "Connections in all; beyond, idle ones give way, else who comes waits; 0 is 64 below the limit of descriptors"),
    setting("connections_per_address_max", Count(|limits| &mut limits.connections_per_address_max), 0, MANY, "Connections of one IP address; beyond: 429; 0 is no bound"),
    setting("publishes_per_s_max", Count(|limits| &mut limits.publishes_per_s_max), 0, MANY, "Messages a second that one IP address may publish; beyond: 429, or 1008; 0 is no bound"),
    setting("channels_max", Count(|limits| &mut limits.channels_max), 1, MANY, "Channels; beyond, the longest idle one without subscribers is forgotten, else 503"),
    setting("channel_bytes_max", Bytes(|limits| &mut limits.channel_bytes_max), 1, KIB, "Bytes of a channel's name; beyond: 400"),
    setting("history_messages_max", Count(|limits| &mut limits.history_messages_max), 0, MANY, "Messages kept per channel"),
    setting("history_bytes_max", Bytes(|limits| &mut limits.history_bytes_max), 0, GIB, "Bytes of messages kept per channel; the newest is kept whatever its size"),
    setting("history_us_max", Time(|limits| &mut limits.history_us_max), 0, YEARS_US, "For how long a message is kept"),
    setting("history_all_bytes_max", Bytes(|limits| &mut limits.history_all_bytes_max), 0, 64 * GIB, "Bytes of messages kept in all channels; beyond, the longest idle channel forgets first"),
    setting("park_us", Time(|limits| &mut limits.park_us), 0, DAY_US, "Time for which a long poll is parked, unless it asks otherwise"),
    setting("park_us_max", Time(|limits| &mut limits.park_us_max), 0, DAY_US, "The longest park that `?timeout=` may ask for"),
    setting("heartbeat_us", Time(|limits| &mut limits.heartbeat_us), 0, DAY_US, "Silence of a stream before a heartbeat; 0 is never"),
    setting("ping_us", Time(|limits| &mut limits.ping_us), 0, DAY_US, "Silence of a WebSocket before a ping; 0 is never"),
    setting("pong_us_max", Time(|limits| &mut limits.pong_us_max), 1, DAY_US, "Time for an answer to a ping, from the first that has none; beyond: 1011"),
    setting("close_us_max", Time(|limits| &mut limits.close_us_max), 1, DAY_US, "Time for the peer's half of a WebSocket's closing handshake"),
    setting("queue_soft_bytes", Bytes(|limits| &mut limits.queue_soft_bytes), 1, GIB, "Bytes queued for one connection that make a slow reader of it, after the time of --queue-soft-s-max"),
    setting("queue_soft_us_max", Time(|limits| &mut limits.queue_soft_us_max), 0, DAY_US, "Time for which so much may be queued before a slow reader is closed"),
    setting("queue_bytes_max", Bytes(|limits| &mut limits.queue_bytes_max), 1, GIB, "Bytes queued for one connection that make a slow reader of it at once"),
    setting("queue_all_bytes_max", Bytes(|limits| &mut limits.queue_all_bytes_max), 1, 64 * GIB, "Bytes queued for all connections; beyond, the longest queue is closed"),
    setting("stall_us_max", Time(|limits| &mut limits.stall_us_max), 1, DAY_US, "Time in which queued bytes must make some progress; beyond: closed"),
    setting("drain_us_max", Time(|limits| &mut limits.drain_us_max), 0, DAY_US, "Time for clients to leave after SIGTERM; a second one does not wait"),
];

const fn setting(
    name: &'static str,
    measure: Measure,
    least: u64,
    most: u64,
    help: &'static str,
) -> Setting {
    Setting { name, measure, least, most, help }
}

const KIB: u64 = 1024;
const GIB: u64 = 1024 * 1024 * 1024;
/// What a parser keeps behind a parked request must hold a head.
const HEAD_MOST: u64 = limits::PIPELINE_BYTES_MAX as u64;
const MANY: u64 = 1_000_000_000;
const DAY_US: u64 = 24 * 3_600 * SECOND_US;
const YEARS_US: u64 = 3_650 * DAY_US;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_sets_its_own_field_and_begins_within_its_range() {
        let mut names = HashSet::new();
        for setting in SETTINGS {
            let mut limits = Limits::default();
            let value = setting.get(&limits);
            assert!((setting.least..=setting.most).contains(&value), "{}", setting.name);
            setting.set(&mut limits, setting.most - 1);
            assert_eq!(setting.get(&limits), setting.most - 1);
            let changed =
                SETTINGS.iter().filter(|one| one.get(&limits) != one.get(&Limits::default()));
            let changed: Vec<&str> = changed.map(|one| one.name).collect();
            assert_eq!(changed, [setting.name]);
            let field = format!("{}: {}", setting.name, setting.most - 1);
            assert!(format!("{limits:?}").contains(&field), "{field}");
            assert!(names.insert(setting.name), "{} stands twice", setting.name);
        }
        assert_eq!(size_of::<Limits>(), 8 * SETTINGS.len(), "a field has no row");
    }

    #[test]
    fn the_defaults_fit_together() {
        assert_eq!(Limits::default().contradictions(), [""; 0]);
        let limits = Limits { queue_bytes_max: 1, park_us: DAY_US, ..Limits::default() };
        assert_eq!(limits.contradictions().len(), 2);
    }
}
