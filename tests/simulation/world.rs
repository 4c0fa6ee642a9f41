//! A run: the plan's cast against a server, step by step, and what must be true at its end.

use pushscope::admission::Admission;
use pushscope::clock::{Instant, Now, SECOND_US};
use pushscope::engine::{Config, Engine};
use pushscope::limits;

use super::book::Book;
use super::client::{CHANNELS, Client, Habit, auditor, habit};
use super::dice::Dice;
use super::plan::{Class, Part, Plan, Way};
use super::reader::Place;
use super::scene::{Chance, Scene};
use super::trail::{Tally, Trail};

/// A server, and everybody who has to do with it.
pub(crate) struct World {
    pub(super) plan: Plan,
    pub(super) engine: Engine,
    pub(crate) scene: Scene,
    pub(super) clients: Vec<Client>,
    dice: Dice,
    /// How far the wall clock is ahead of the time since the beginning.
    wall_us: u64,
    /// The socket of each slot.
    pub(super) slots: Vec<Option<usize>>,
    pub(super) carry: Vec<pushscope::id::Token>,
    pub(super) unwritten: Vec<pushscope::id::Token>,
    pub(super) admission: Admission,
    /// Streams that are full and take nothing, and what they had queued.
    pub(super) full: Vec<(pushscope::id::Token, u64)>,
    /// Tokens of connections that are closed.
    pub(super) ghosts: Vec<pushscope::id::Token>,
    /// Until this step there is no descriptor.
    pub(super) exhausted_until: u64,
    /// Whether a signal waits to be taken.
    wants_drain: bool,
    leaving_us: Option<u64>,
}

impl World {
    pub(crate) fn new(plan: &Plan, is_told: bool) -> Self {
        let mut scene = Scene {
            sockets: Vec::new(),
            owners: Vec::new(),
            backlog: std::collections::VecDeque::new(),
            book: Book::new(plan.limits),
            trail: Trail::new(is_told),
            chance: Chance::of(plan),
            now_us: 0,
            step: 0,
            life: 0,
            is_listening: true,
            has_callers: false,
            drained: Vec::new(),
            is_tight: plan.limits.queue_all_bytes_max < limits::QUEUE_ALL_BYTES_MAX,
        };
        let dice = Dice::new(plan.seed).apart(5);
        let wall_us = EPOCH_S * SECOND_US;
        let clients = cast(plan, &mut scene, &dice);
        scene.book.is_open = plan.rate(Class::Hostile) > 0;
        Self {
            plan: plan.clone(),
            engine: engine(plan, 0, wall_us),
            scene,
            clients,
            dice,
            wall_us,
            slots: Vec::new(),
            carry: Vec::new(),
            unwritten: Vec::new(),
            admission: admission(plan),
            full: Vec::new(),
            ghosts: Vec::new(),
            exhausted_until: 0,
            wants_drain: false,
            leaving_us: None,
        }
    }

    /// Plays it to its end; what is wrong panics.
    pub(crate) fn play(&mut self) -> Tally {
        for _ in 0..self.plan.channels {
            self.clients[..self.plan.channels]
                .iter_mut()
                .for_each(|client| client.act(&mut self.scene, 0));
        }
        self.turn();
        let drains = self.scene.chance.strikes(Class::Drain);
        let drain_at = drains.then(|| self.dice.between(1, self.plan.steps));
        for step in 1..=self.plan.steps {
            self.scene.step = step;
            if drain_at == Some(step) {
                self.drain();
            }
            self.trouble();
            self.step();
            self.pass();
            self.restart_if_left();
        }
        self.calm();
        self.part();
        let (published, told) = self.scene.book.totals();
        let tally = &mut self.scene.trail.tally;
        tally.runs = 1;
        tally.connections = self.scene.sockets.len() as u64;
        tally.published = tally.published.max(published as u64);
        tally.delivered = tally.delivered.max(told);
        tally.virtual_s = self.scene.now_us / SECOND_US;
        *tally
    }

    /// Everybody does something, in some order, and the server has its turn.
    fn step(&mut self) {
        let mut order: Vec<usize> = (0..self.clients.len()).collect();
        self.dice.shuffle(&mut order);
        for number in order {
            let client = &mut self.clients[number];
            client.act(&mut self.scene, self.plan.channels);
            if self.dice.odds(20_000) {
                // Some things happen within what others do.
                self.turn();
            }
        }
        self.turn();
    }

    /// Time passes; every deadline on the way is kept, unless the loop is held up.
    fn pass(&mut self) {
        if self.scene.chance.strikes(Class::HeldUp) {
            let dice = self.scene.chance.dice(Class::HeldUp);
            let us = dice.between_by_size(SECOND_US, 3_600 * SECOND_US);
            self.scene.trail.tell(|| format!("the loop is held up for {us} us"));
            self.scene.now_us += us;
            for socket in &mut self.scene.sockets {
                socket.is_troubled = true;
            }
            return self.turn();
        }
        if self.scene.chance.strikes(Class::WallBack) {
            let us = self.scene.chance.dice(Class::WallBack).between_by_size(1, 7_200 * SECOND_US);
            self.scene.trail.tell(|| format!("the wall clock is set back by {us} us"));
            self.wall_us -= us;
        }
        let us = match self.dice.below(100) {
            0..70 => self.dice.between(0, 5_000),
            70..95 => self.dice.between(0, SECOND_US / 5),
            _ => self.dice.between_by_size(SECOND_US / 4, 8 * SECOND_US),
        };
        self.pass_for(us);
    }

    fn pass_for(&mut self, us: u64) {
        let until = self.scene.now_us + us;
        for woken in 0.. {
            let next = self.deadline_us().filter(|at| *at <= until);
            let Some(next) = next else { break };
            assert!(woken < WAKES_MAX, "a deadline comes again and again: {next} us");
            self.scene.now_us = next.max(self.scene.now_us);
            self.turn();
            self.restart_if_left();
            for client in &mut self.clients {
                client.heed(&mut self.scene);
            }
        }
        self.scene.now_us = until;
    }

    fn deadline_us(&self) -> Option<u64> {
        let paused = self.admission.deadline().map(Instant::us);
        let next = self.engine.deadline().map(Instant::us);
        [next, paused, self.leaving_us].into_iter().flatten().min()
    }

    pub(super) fn now(&self) -> Now {
        let at = Instant::from_us(self.scene.now_us);
        Now { at, unix_us: self.wall_us + self.scene.now_us }
    }

    /// What befalls connections and clients.
    fn trouble(&mut self) {
        for number in 0..self.clients.len() {
            let client = &mut self.clients[number];
            if client.line().habit.is_auditor {
                continue;
            }
            let chance = &mut self.scene.chance;
            if chance.strikes(Class::Clog) {
                let steps = chance.dice(Class::Clog).between(1, 100);
                client.line().clogged_until = self.scene.step + steps;
            }
            let Some(socket) = client.socket() else { continue };
            let socket = &mut self.scene.sockets[socket];
            if chance.strikes(Class::Reset) {
                self.scene.trail.tell(|| format!("client {number} is reset"));
                self.scene.trail.tally.resets += 1;
                socket.is_troubled = true;
                socket.reset();
            } else if chance.strikes(Class::HalfClose) {
                self.scene.trail.tell(|| format!("client {number} closes its half"));
                socket.is_troubled = true;
                socket.finish();
            } else if chance.strikes(Class::Vanish) && socket.vanished_us.is_none() {
                self.scene.trail.tell(|| format!("client {number} vanishes"));
                socket.is_troubled = true;
                socket.vanished_us = Some(self.scene.now_us);
            }
        }
        if self.scene.chance.strikes(Class::Exhausted) {
            let steps = self.scene.chance.dice(Class::Exhausted).between_by_size(1, 500);
            self.exhausted_until = self.scene.step + steps;
            self.scene.trail.tell(|| format!("no descriptor for {steps} steps"));
        }
    }

    fn drain(&mut self) {
        if self.leaving_us.is_some() {
            return;
        }
        // Whatever is said last is said in the turn in which the signal comes.
        for client in &mut self.clients {
            client.act(&mut self.scene, self.plan.channels);
        }
        self.wants_drain = true;
        self.turn();
    }

    /// The signal comes in the middle of a turn.
    pub(super) fn take_signal(&mut self) {
        if !std::mem::take(&mut self.wants_drain) {
            return;
        }
        self.scene.trail.tell(|| "the server drains".into());
        self.scene.is_listening = false;
        for socket in std::mem::take(&mut self.scene.backlog) {
            self.scene.sockets[socket].close(pushscope::engine::Farewell::Reset);
        }
        self.admission.drained();
        self.scene.drained = (0..CHANNELS.len()).map(|channel| self.newest(channel)).collect();
        self.engine.drain();
        self.leaving_us = Some(self.scene.now_us + self.engine.drain_us_max());
    }

    /// A server that has drained is followed by another, which knows nothing.
    fn restart_if_left(&mut self) {
        let Some(leaving_us) = self.leaving_us else { return };
        if !self.engine.is_empty() && self.scene.now_us < leaving_us {
            return;
        }
        self.scene.trail.tell(|| "another server takes its place".into());
        self.leaving_us = None;
        for client in &mut self.clients {
            client.cut_off(&mut self.scene);
        }
        self.slots.clear();
        self.carry.clear();
        self.unwritten.clear();
        self.full.clear();
        self.ghosts.clear();
        for socket in &mut self.scene.sockets {
            socket.token = None;
        }
        self.scene.now_us += SECOND_US;
        self.scene.life += 1;
        self.scene.trail.tally.restarts += 1;
        self.engine = engine(&self.plan, self.scene.now_us, self.wall_us);
        self.scene.is_listening = true;
        self.admission = admission(&self.plan);
    }

    /// Nothing goes wrong any more: within its time everybody must have everything.
    fn calm(&mut self) {
        if self.leaving_us.is_some() {
            self.pass_for(limits::DRAIN_US_MAX);
            self.restart_if_left();
        }
        self.scene.trail.tell(|| "calm".into());
        self.scene.chance.is_quiet = true;
        self.plan.connections_max = usize::MAX;
        self.admission = admission(&self.plan);
        self.exhausted_until = 0;
        for socket in &mut self.scene.sockets {
            socket.blocked_until = 0;
            socket.room = socket.room.max(ROOM_CALM);
        }
        self.clients.iter_mut().for_each(|client| client.mend(ROOM_CALM));
        self.calm_steps(40, SECOND_US);
        let clients = self.clients.iter();
        let publisher = clients.filter(|client| client.part == Part::Publisher).map(|c| c.number);
        let publisher = publisher.max().expect("somebody publishes");
        for channel in 0..self.plan.channels {
            self.clients[publisher].publish_last(&mut self.scene, channel);
        }
        self.calm_steps(40, SECOND_US / 4);
        self.clients.iter_mut().for_each(|client| client.heed(&mut self.scene));
        for client in &self.clients {
            assert!(client.is_content(), "client {}: is never answered", client.number);
            let Some(channel) = client.channel() else { continue };
            let newest = self.newest(channel).expect("a channel that somebody listens to");
            assert_eq!(
                client.place(),
                Some(newest),
                "client {}: has not heard the last of channel {channel}",
                client.number
            );
        }
        self.settle_accounts();
        self.scene.book.check_losses();
        self.scene.book.check_order();
        self.scene.book.check_parted();
        let forgets = [Class::Deletion, Class::Drain];
        let keeps = forgets.iter().all(|class| self.plan.rate(*class) == 0);
        let takes_all = self.plan.limits.publishes_per_s_max == 0;
        if keeps && takes_all && !self.scene.is_tight {
            self.scene.book.check_kept();
        }
    }

    fn calm_steps(&mut self, steps: u64, us: u64) {
        for _ in 0..steps {
            self.scene.step += 1;
            self.step();
            self.pass_for(us);
        }
    }

    /// Everybody leaves: what remains is what a new server has.
    fn part(&mut self) {
        for client in &mut self.clients {
            client.leave(&mut self.scene);
        }
        self.scene.step += 1;
        self.turn();
        let longest = [limits::PARK_US_MAX, limits::KEEP_ALIVE_US_MAX, limits::BODY_PAUSE_US_MAX];
        for us in longest.into_iter().chain([90 * SECOND_US]) {
            self.pass_for(us);
            self.turn();
        }
        assert!(self.engine.is_empty(), "{} connections remain", self.engine.len());
        self.settle_accounts();
        for (name, _) in CHANNELS {
            let hub = self.engine.hub();
            let Some(found) = hub.find(name).and_then(|key| hub.channel(key)) else { continue };
            assert_eq!(found.census().total(), 0, "{name} has subscribers that are gone");
        }
        self.pass_for(3 * 3_600 * SECOND_US);
        assert_eq!(self.engine.deadline(), None, "nobody is there, and something is awaited");
    }

    /// Where a channel stands.
    pub(super) fn newest(&self, channel: usize) -> Option<Place> {
        let hub = self.engine.hub();
        let cursor = hub.channel(hub.find(CHANNELS[channel].0)?)?.log().cursor();
        Some(Place { epoch: cursor.epoch, offset: cursor.offset })
    }
}

fn admission(plan: &Plan) -> Admission {
    Admission::new(plan.connections_max.saturating_add(plan.channels))
}

fn engine(plan: &Plan, now_us: u64, wall_us: u64) -> Engine {
    let now = Now { at: Instant::from_us(now_us), unix_us: wall_us + now_us };
    Engine::new(Config { limits: plan.limits, ..Config::default() }, now)
}

/// Auditors first, one for each channel, and whoever the plan names.
fn cast(plan: &Plan, scene: &mut Scene, dice: &Dice) -> Vec<Client> {
    let mut clients = Vec::new();
    let auditors = (0..plan.channels).map(|_| Part::Subscriber(Way::SseEnvelope));
    for (number, part) in auditors.chain(plan.cast.iter().copied()).enumerate() {
        let place = number.checked_sub(plan.channels);
        let is_absent = place.is_some_and(|place| plan.absent.contains(&place));
        let mut dice = dice.apart(1_000 + number as u64);
        let is_auditor = number < plan.channels;
        let channel = if is_auditor { number } else { dice.below(plan.channels) };
        let habit: Habit = if is_auditor { auditor() } else { habit(scene) };
        let part = if is_absent { Part::Absent } else { part };
        clients.push(Client::new(number, part, habit, channel, dice));
    }
    clients
}

/// When runs begin: 2023-11-14T22:13:20Z.
const EPOCH_S: u64 = 1_700_000_000;
/// Deadlines within one step of time that only a defect exceeds.
const WAKES_MAX: u64 = 200_000;
/// What every socket holds when nothing goes wrong.
const ROOM_CALM: usize = 4 * 1024 * 1024;
