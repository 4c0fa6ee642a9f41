//! What lies between the clients and the server: sockets, chance, and time.

use std::collections::VecDeque;

use super::book::Book;
use super::dice::Dice;
use super::plan::{Class, Plan};
use super::reader::Place;
use super::socket::Socket;
use super::trail::Trail;

/// Everything that is neither a client nor the server.
pub(crate) struct Scene {
    pub(crate) sockets: Vec<Socket>,
    /// Whose they are.
    pub(crate) owners: Vec<usize>,
    /// Those whom the server has not accepted.
    pub(crate) backlog: VecDeque<usize>,
    pub(crate) book: Book,
    pub(crate) trail: Trail,
    pub(crate) chance: Chance,
    pub(crate) now_us: u64,
    pub(crate) step: u64,
    /// How many servers there have been before this one.
    pub(crate) life: u32,
    /// Whether somebody listens.
    pub(crate) is_listening: bool,
    /// Whether somebody has come since the server last looked.
    pub(crate) has_callers: bool,
    /// Where each channel stood when the server began to drain.
    pub(crate) drained: Vec<Option<Place>>,
    /// Whether all queues together may have little.
    pub(crate) is_tight: bool,
}

impl Scene {
    /// Somebody connects; a socket whose buffers hold `room` bytes.
    pub(crate) fn connect(&mut self, who: usize, room: usize) -> Option<usize> {
        if !self.is_listening {
            return None;
        }
        let number = self.sockets.len();
        self.sockets.push(Socket::new(room));
        self.owners.push(who);
        self.backlog.push_back(number);
        self.has_callers = true;
        self.trail.mix(number as u64, who as u64);
        self.trail.tell(|| format!("client {who} connects by socket {number}, room for {room}"));
        Some(number)
    }
}

/// Which faults strike when.
pub(crate) struct Chance {
    rates: [u32; Class::ALL.len()],
    dice: [Dice; Class::ALL.len()],
    /// Without faults nothing strikes.
    pub(crate) is_quiet: bool,
    /// How often each class has struck.
    pub(crate) struck: [u64; Class::ALL.len()],
}

impl Chance {
    pub(crate) fn of(plan: &Plan) -> Self {
        let dice = Dice::new(plan.seed);
        Self {
            rates: Class::ALL.map(|class| plan.rate(class)),
            dice: Class::ALL.map(|class| dice.apart(100 + class as u64)),
            is_quiet: false,
            // These are in the cast, or in the bounds, from the beginning.
            struck: Class::ALL.map(|class| {
                let is_cast = matches!(class, Class::Hostile | Class::Deletion | Class::Crowded);
                u64::from(is_cast && plan.rate(class) > 0)
            }),
        }
    }

    /// Whether it strikes here.
    pub(crate) fn strikes(&mut self, class: Class) -> bool {
        let place = class as usize;
        let strikes = !self.is_quiet && self.dice[place].odds(self.rates[place]);
        self.struck[place] += u64::from(strikes);
        strikes
    }

    /// How hard it does.
    pub(crate) fn dice(&mut self, class: Class) -> &mut Dice {
        &mut self.dice[class as usize]
    }
}
