//! What a seed decides before anything happens: which faults there are and how often, the bounds
//! of the server, and who takes part.

use pushscope::clock::SECOND_US;
use pushscope::limits::{Limits, QUEUE_ALL_BYTES_MAX as QUEUES};

use super::dice::Dice;

/// A run, before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Steps with faults; quiet ones follow.
    pub(crate) steps: u64,
    /// How often each class of faults strikes, in a million.
    pub(crate) rates: [u32; Class::ALL.len()],
    pub(crate) limits: Limits,
    /// Connections that the server may have at a time.
    pub(crate) connections_max: usize,
    pub(crate) channels: usize,
    pub(crate) cast: Vec<Part>,
    /// Places of the cast whose player does not come.
    pub(crate) absent: Vec<usize>,
}

/// Somebody who takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Listens.
    Subscriber(Way),
    /// Publishes by requests on a connection that is kept.
    Publisher,
    /// Asks all kinds of things, several at once.
    Asker,
    /// Says what nobody should.
    Hostile,
    /// Deletes channels.
    Deleter,
    /// Does not come.
    Absent,
}

/// A way to listen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Poll,
    LongPoll,
    Iframe,
    IframeOld,
    Stream,
    StreamOld,
    Sse,
    SseEnvelope,
    Ws,
    WsEnvelope,
}

impl Way {
    pub(crate) const ALL: [Self; 10] = [
        Self::Poll,
        Self::LongPoll,
        Self::Iframe,
        Self::IframeOld,
        Self::Stream,
        Self::StreamOld,
        Self::Sse,
        Self::SseEnvelope,
        Self::Ws,
        Self::WsEnvelope,
    ];

    /// Whether every answer is followed by another question.
    pub(crate) const fn asks_again(self) -> bool {
        matches!(self, Self::Poll | Self::LongPoll)
    }

    pub(crate) const fn is_ws(self) -> bool {
        matches!(self, Self::Ws | Self::WsEnvelope)
    }
}

/// A class of faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Class {
    /// What a client says arrives in pieces, over several steps.
    Cut,
    /// A socket takes a part of what it is offered, and then nothing for some steps.
    Block,
    /// Readiness is told, and there is none.
    Spurious,
    /// Readiness is told late.
    Withheld,
    /// Readiness of a connection that is closed.
    Stale,
    /// A connection is reset, at whatever byte it is.
    Reset,
    /// A client says that it will say nothing more, at whatever byte it is.
    HalfClose,
    /// A client is gone, and nobody tells.
    Vanish,
    /// Clients do not read.
    Mute,
    /// Clients read a few bytes at a time.
    Slow,
    /// Clients say a byte at a time.
    Trickle,
    /// A socket's buffers are small.
    Narrow,
    /// Clients say what nobody should.
    Hostile,
    /// The loop is held up: time passes, and it sees nothing of it.
    HeldUp,
    /// The wall clock is set back.
    WallBack,
    /// No descriptor is left for whoever comes.
    Exhausted,
    /// Channels are deleted.
    Deletion,
    /// The server drains, and another takes its place.
    Drain,
    /// Some clients neither read nor write for a while.
    Clog,
    /// The server may have few connections.
    Crowded,
}

impl Class {
    pub(crate) const ALL: [Self; 20] = [
        Self::Cut,
        Self::Block,
        Self::Spurious,
        Self::Withheld,
        Self::Stale,
        Self::Reset,
        Self::HalfClose,
        Self::Vanish,
        Self::Mute,
        Self::Slow,
        Self::Trickle,
        Self::Narrow,
        Self::Hostile,
        Self::HeldUp,
        Self::WallBack,
        Self::Exhausted,
        Self::Deletion,
        Self::Drain,
        Self::Clog,
        Self::Crowded,
    ];

    /// The most often that it strikes where it may, in a million.
    const fn rate_max(self) -> u32 {
        match self {
            Self::Cut => 500_000,
            Self::Block => 300_000,
            Self::Mute | Self::Slow | Self::Trickle | Self::Narrow => 300_000,
            Self::Hostile | Self::Deletion | Self::Drain | Self::Crowded => 1_000_000,
            Self::Spurious => 50_000,
            Self::Withheld | Self::Stale | Self::HalfClose | Self::Vanish => 20_000,
            Self::Reset | Self::Exhausted | Self::Clog | Self::HeldUp => 10_000,
            Self::WallBack => 2_000,
        }
    }
}

impl Plan {
    /// What the seed decides.
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let mut swarm = dice.apart(1);
        let rates = Class::ALL.map(|class| {
            let most = u64::from(class.rate_max());
            let rate = swarm.between_by_size(most / 100, most);
            // Drains end what is going on: there are fewer of them.
            let is_on = swarm.odds(if class == Class::Drain { 250_000 } else { 500_000 });
            if is_on { u32::try_from(rate).expect("below a million") } else { 0 }
        });
        let mut shape = dice.apart(2);
        let mut plan = Self {
            seed,
            steps: shape.between_by_size(12, 128),
            rates,
            limits: limits(&mut dice.apart(3)),
            connections_max: usize::MAX,
            channels: 1 + shape.below(3),
            cast: Vec::new(),
            absent: Vec::new(),
        };
        plan.cast = plan.people(&mut dice.apart(4));
        if plan.rate(Class::Crowded) > 0 {
            plan.connections_max = 2 + shape.below(plan.cast.len());
        }
        plan
    }

    fn people(&self, dice: &mut Dice) -> Vec<Part> {
        let subscribers = 1 + dice.below(10);
        let mut cast: Vec<Part> =
            (0..subscribers).map(|_| Part::Subscriber(dice.pick(&Way::ALL))).collect();
        cast.extend((0..1 + dice.below(3)).map(|_| Part::Publisher));
        cast.extend((0..dice.below(3)).map(|_| Part::Asker));
        let hostile = 1 + dice.below(3);
        if self.rate(Class::Hostile) > 0 {
            cast.extend((0..hostile).map(|_| Part::Hostile));
        }
        if self.rate(Class::Deletion) > 0 {
            cast.push(Part::Deleter);
        }
        cast
    }

    /// How often it strikes, in a million.
    pub(crate) const fn rate(&self, class: Class) -> u32 {
        self.rates[class as usize]
    }

    /// The same without this class.
    pub(crate) fn without(&self, class: Class) -> Self {
        let mut plan = self.clone();
        plan.rates[class as usize] = 0;
        let part = match class {
            Class::Hostile => Part::Hostile,
            Class::Deletion => Part::Deleter,
            Class::Crowded => {
                plan.connections_max = usize::MAX;
                return plan;
            }
            _ => return plan,
        };
        let places = plan.cast.iter().enumerate().filter(|(_, one)| **one == part);
        plan.absent.extend(places.map(|(place, _)| place));
        plan
    }

    /// The same without somebody.
    pub(crate) fn without_part(&self, place: usize) -> Self {
        let mut plan = self.clone();
        plan.absent.push(place);
        plan
    }

    /// Whether somebody publishes.
    pub(crate) fn can_be_played(&self) -> bool {
        let mut cast = self.cast.iter().enumerate();
        cast.any(|(place, part)| *part == Part::Publisher && !self.absent.contains(&place))
    }

    /// Classes that strike.
    pub(crate) fn classes(&self) -> Vec<Class> {
        Class::ALL.into_iter().filter(|class| self.rate(*class) > 0).collect()
    }
}

/// Bounds of every size: edges are met often where they are near.
fn limits(dice: &mut Dice) -> Limits {
    let second = SECOND_US;
    let queue_bytes_max = dice.pick(&[1, 1_024, 16_384, 131_072, 1_048_576]);
    Limits {
        head_bytes_max: dice.pick(&[1_024, 16_384]),
        target_bytes_max: dice.pick(&[512, 1_000]),
        message_bytes_max: dice.pick(&[200, 4_096, 70_000, 300_000]),
        head_us_max: dice.pick(&[second, 10 * second]),
        body_pause_us_max: dice.pick(&[second, 10 * second]),
        body_bytes_per_s_min: dice.pick(&[1, 4_096]),
        keep_alive_us_max: dice.pick(&[second, 10 * second, 60 * second]),
        requests_max: dice.pick(&[0, 0, 3, 20]),
        connections_per_address_max: dice.pick(&[0, 0, 1, 3]),
        publishes_per_s_max: dice.pick(&[0, 0, 0, 10]),
        channels_max: dice.pick(&[4, 100_000]),
        history_messages_max: dice.pick(&[0, 1, 2, 3, 8, 16, 64, 256]),
        history_bytes_max: dice.pick(&[0, 100, 4_096, 65_536, 1_048_576]),
        history_us_max: dice.pick(&[second, 60 * second, 3_600 * second]),
        park_us: dice.pick(&[0, second / 10, 2 * second, 25 * second]),
        heartbeat_us: dice.pick(&[0, second, 5 * second, 15 * second]),
        ping_us: dice.pick(&[0, 2 * second, 10 * second, 25 * second]),
        pong_us_max: dice.pick(&[second, 20 * second]),
        close_us_max: dice.pick(&[second / 10, 2 * second]),
        queue_soft_bytes: queue_bytes_max / dice.pick(&[1, 4, 16]),
        queue_soft_us_max: dice.pick(&[second / 10, 10 * second]),
        queue_bytes_max,
        queue_all_bytes_max: dice.pick(&[QUEUES, QUEUES, 2 * queue_bytes_max]),
        stall_us_max: dice.pick(&[second, 15 * second]),
        drain_us_max: dice.pick(&[0, second, 10 * second]),
        ..Limits::default()
    }
}
