//! Whom the listener lets in, without a socket and without a clock.
//!
//! The reactor, or a simulator, begins a turn with [`Admission::turn`], does what
//! [`Admission::next`] says until that is to rest, and says what came of it.
//!
//! ```text
//!   Idle   ── the listener has an event ─────────────────▶ Ready
//!   Ready  ── nobody else waits ─────────────────────────▶ Idle
//!   Ready  ── as many as may be, and nobody is idle ─────▶ Full
//!   Ready  ── nothing can be done for whoever is next ───▶ Paused
//!   Full   ── somebody left, or fell idle ───────────────▶ Ready
//!   Paused ── somebody left, or the pause is over ───────▶ Ready
//! ```
//!
//! An edge-triggered listener speaks once: whoever waits when the loop turns to others is
//! remembered here as `Ready`, `Full` or `Paused`, and the loop neither spins nor forgets them.

mod addresses;

pub use addresses::{AddressFull, AddressKey, Addresses, PeerAddress, PublishRateExceeded};

use crate::clock::Instant;
use crate::id::Token;
use crate::limits;

/// What is known of those who wait at the listener.
#[derive(Debug)]
pub struct Admission {
    connections_max: usize,
    state: State,
    now: Instant,
    /// Attempts that are left to this turn.
    attempts: usize,
    /// What the want of descriptors has come to in this turn.
    want: Want,
}

/// What the listener is worth at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nobody waits: its next event tells. Call: announced. Next: `Ready`.
    Idle,
    /// Somebody may wait. Call: anything. Next: any.
    Ready,
    /// There is no room before somebody leaves or falls idle. Call: left, idled. Next: `Ready`.
    Full,
    /// Nothing comes of an attempt before this moment, or before somebody leaves. Call: turn, left.
    /// Next: `Ready`.
    Paused(Instant),
}

/// What the want of descriptors has come to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Want {
    /// There was none.
    Nothing,
    /// An idle connection has given way.
    Relieved,
    /// Somebody was turned away.
    TurnedAway,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Accept the next one.
    Accept,
    /// Accept the next one; if there is one who may enter, this idle connection gives way.
    Replace(Token),
    /// Nothing more in this turn.
    Rest,
}

/// What is to be done when no descriptor is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relief {
    /// Close this idle connection, and go on.
    GiveWay(Token),
    /// Tell one of those who wait that there is no room, with the descriptor held in reserve, and
    /// go on; it is [`Admission::starved`] if that fails, too.
    TurnAway,
}

impl Admission {
    /// A listener of which nothing is known: somebody may wait. So many connections may be there.
    pub const fn new(connections_max: usize) -> Self {
        Self {
            connections_max,
            state: State::Ready,
            now: Instant::ZERO,
            attempts: 0,
            want: Want::Nothing,
        }
    }

    /// A turn begins.
    pub fn turn(&mut self, now: Instant) {
        self.now = now;
        self.attempts = limits::ACCEPTS_PER_TURN;
        self.want = Want::Nothing;
        if self.deadline().is_some_and(|until| until <= now) {
            self.state = State::Ready;
        }
    }

    /// The listener has an event.
    pub const fn announced(&mut self) {
        self.state = State::Ready;
    }

    /// What is to be done while so many are connected, of whom `idlest` would give way.
    pub fn next(&mut self, connections: usize, idlest: Option<Token>) -> Step {
        if self.state != State::Ready {
            return Step::Rest;
        }
        if self.attempts == 0 {
            if self.want == Want::TurnedAway {
                // They would all be told at once that there is no room, and all be back at once.
                self.starved();
            }
            return Step::Rest;
        }
        self.attempts -= 1;
        match idlest {
            _ if self.has_room(connections) => Step::Accept,
            Some(token) => Step::Replace(token),
            None => {
                self.state = State::Full;
                Step::Rest
            }
        }
    }

    /// Nobody else waits.
    pub const fn drained(&mut self) {
        self.state = State::Idle;
    }

    /// No descriptor is left for the next one. One idle connection a turn gives way: where the
    /// limit was lowered below what is open, no number of them would help.
    pub fn exhausted(&mut self, idlest: Option<Token>) -> Relief {
        match idlest {
            Some(token) if self.want == Want::Nothing => {
                self.want = Want::Relieved;
                Relief::GiveWay(token)
            }
            _ => {
                self.want = Want::TurnedAway;
                Relief::TurnAway
            }
        }
    }

    /// Nothing can be done for whoever is next: they wait.
    pub const fn starved(&mut self) {
        self.state = State::Paused(self.now.after(limits::ACCEPT_PAUSE_US));
    }

    /// A connection was closed: its place is free, and so is its descriptor.
    pub fn left(&mut self) {
        if self.state != State::Idle {
            self.state = State::Ready;
        }
    }

    /// A connection has fallen idle, and would give way.
    pub fn idled(&mut self) {
        if self.state == State::Full {
            self.state = State::Ready;
        }
    }

    /// Whether the loop must not sleep, for somebody may wait.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether there are fewer connections than there may be.
    pub const fn has_room(&self, connections: usize) -> bool {
        connections < self.connections_max
    }

    /// Whether there are more connections than there may be: other loops have let in some, too.
    pub const fn is_over(&self, connections: usize) -> bool {
        connections > self.connections_max
    }

    /// Whether there is no room: what other loops give back nobody announces, so that it is looked
    /// for after a pause.
    pub fn is_full(&self) -> bool {
        self.state == State::Full
    }

    /// When a pause is over.
    pub const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Paused(until) => Some(until),
            State::Idle | State::Ready | State::Full => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEBODY: Option<Token> = Some(Token { index: 3, generation: 7 });

    fn in_state(state: State) -> Admission {
        let mut admission = Admission::new(2);
        admission.turn(NOW);
        admission.state = state;
        admission
    }

    #[test]
    fn every_word_leads_from_every_state_to_the_one_it_should() {
        let all = [State::Idle, State::Ready, State::Full, PAUSED];
        for from in all {
            let after = |word: fn(&mut Admission)| {
                let mut admission = in_state(from);
                word(&mut admission);
                admission.state
            };
            assert_eq!(after(Admission::announced), State::Ready, "{from:?}");
            assert_eq!(after(Admission::drained), State::Idle, "{from:?}");
            assert_eq!(after(Admission::starved), PAUSED, "{from:?}");
            let freed = if from == State::Idle { State::Idle } else { State::Ready };
            assert_eq!(after(Admission::left), freed, "{from:?}");
            let idled = if from == State::Full { State::Ready } else { from };
            assert_eq!(after(Admission::idled), idled, "{from:?}");
            assert_eq!(after(|one| one.turn(NOW)), from, "{from:?}");
            let later = if from == PAUSED { State::Ready } else { from };
            assert_eq!(after(|one| one.turn(NOW.after(limits::ACCEPT_PAUSE_US))), later);
            assert_eq!(in_state(from).is_ready(), from == State::Ready);
        }
    }

    #[test]
    fn there_is_room_up_to_the_bound_and_then_for_one_who_gives_way() {
        let mut admission = in_state(State::Ready);
        assert_eq!(admission.next(0, SOMEBODY), Step::Accept);
        assert_eq!(admission.next(1, None), Step::Accept);
        assert_eq!(SOMEBODY.map(Step::Replace), Some(admission.next(2, SOMEBODY)));
        assert_eq!(admission.next(2, None), Step::Rest);
        assert_eq!(admission.next(0, None), Step::Rest, "nobody has left");
        admission.left();
        assert_eq!(admission.next(1, None), Step::Accept);
    }

    #[test]
    fn a_turn_accepts_so_many_and_leaves_the_rest_to_the_next() {
        let mut admission = in_state(State::Ready);
        for _ in 0..limits::ACCEPTS_PER_TURN {
            assert_eq!(admission.next(0, None), Step::Accept);
        }
        assert_eq!(admission.next(0, None), Step::Rest);
        assert!(admission.is_ready(), "the loop would sleep on those who wait");
        admission.turn(NOW);
        assert_eq!(admission.next(0, None), Step::Accept);
    }

    #[test]
    fn without_descriptors_one_gives_way_and_the_others_are_told_but_not_all_at_once() {
        let mut admission = in_state(State::Ready);
        let mut told = 0;
        while admission.next(1, SOMEBODY) != Step::Rest {
            match admission.exhausted(SOMEBODY) {
                Relief::GiveWay(_) => assert_eq!(told, 0),
                Relief::TurnAway => told += 1,
            }
        }
        assert_eq!(told, limits::ACCEPTS_PER_TURN - 1);
        assert_eq!(admission.deadline(), Some(NOW.after(limits::ACCEPT_PAUSE_US)));
        admission.turn(NOW.after(limits::ACCEPT_PAUSE_US));
        assert_eq!(admission.next(1, None), Step::Accept);
        assert_eq!(admission.exhausted(None), Relief::TurnAway, "nobody is idle");
    }

    const NOW: Instant = Instant::from_us(1_000);
    const PAUSED: State = State::Paused(NOW.after(limits::ACCEPT_PAUSE_US));
}
