//! One scene: a server, its subscribers, and the ledger between the stages.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::{Ledger, StatementOptions};
use crate::cost::{Kernel, Owner};
use crate::id::Kind;
use crate::lab::LabError;
use crate::lab::crowd::{Asking, Crowd, Topic, Traffic};
use crate::lab::experiment::{Pace, Refused, Settings};
use crate::lab::figures::{
    Effort, Gain, MESSAGE, Reading, real, refusal_of_bytes, refusal_of_delays,
    refusal_of_deliveries,
};
use crate::lab::payload::Payloads;
use crate::lab::report::Column;
use crate::lab::run::interval;
use crate::lab::server::Server;
use crate::limits;
use crate::statement::Statement;
use crate::sys;

/// A server with its subscribers.
#[derive(Debug)]
pub(super) struct Scene {
    // Sockets are closed before their server ends.
    crowd: Crowd,
    ledger: Ledger,
    server: Server,
    kinds: Vec<Kind>,
    before: Before,
    /// When the stage began that is being played, and the thread's CPU time then.
    begun: Option<(Instant, u64)>,
    heap_counted: bool,
}

/// What is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Subscribers come: *open*.
    Come,
    /// The same, and nobody counts.
    Gather,
    /// Nothing is published: *quiet*.
    Wait,
    /// Messages are published: *message*.
    Hear,
    /// Subscribers leave: *close*.
    Leave,
}

/// What the experiment has found about a mechanism: a reading for each run.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) open: Vec<Reading>,
    pub(super) quiet: Vec<Reading>,
    pub(super) message: Vec<Reading>,
    pub(super) close: Vec<Reading>,
    /// On the account of publishing, while messages were published.
    pub(super) publish: Vec<Reading>,
    /// On the account of the loop, meanwhile.
    pub(super) r#loop: Vec<Reading>,
    pub(super) refused: Vec<Refused>,
}

/// What was there when the stage began.
#[derive(Debug)]
struct Before {
    snapshot: String,
    kernel: [Kernel; Kind::ALL.len()],
    traffic: [Traffic; Kind::ALL.len()],
    private_bytes: Option<u64>,
}

impl Scene {
    /// Starts a server at that pace, and has it do what it does only once.
    pub(super) fn set(
        program: &Path,
        kinds: Vec<Kind>,
        pace: Pace,
        settings: &Settings,
    ) -> Result<Self, LabError> {
        let server = Server::start(program, &arguments(pace, settings))?;
        warm(&server, &kinds, settings.size_bytes)?;
        let mut ledger = Ledger::open(server.address()).map_err(LabError::Ledger)?;
        let statement = open_books(&mut ledger, &kinds)?;
        let crowd = Crowd::new(topic(&server, CHANNEL, settings))?;
        let before = Before {
            snapshot: statement.snapshot,
            kernel: Default::default(),
            traffic: crowd.traffic(),
            private_bytes: server.private_bytes(),
        };
        let heap_counted = statement.heap_counted;
        Ok(Self { crowd, ledger, server, kinds, before, begun: None, heap_counted })
    }

    /// The mechanisms that play.
    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Whether the server's allocator counts.
    pub(super) const fn heap_counted(&self) -> bool {
        self.heap_counted
    }

    /// For how long the stage has been played, in microseconds.
    pub(super) fn played_us(&self) -> u64 {
        let played = self.begun.map(|(begun, _)| begun.elapsed()).unwrap_or_default();
        u64::try_from(played.as_micros()).unwrap_or(u64::MAX)
    }

    /// Plays on for a while; whether the stage is over, and its figures are found.
    pub(super) fn play(
        &mut self,
        stage: Stage,
        settings: &Settings,
        found: &mut [(Kind, Found)],
    ) -> Result<bool, LabError> {
        let pause = Instant::now() + SLICE;
        let (begun, cpu_ns) = match self.begun {
            Some(begun) => begun,
            None => self.begin(stage, settings)?,
        };
        loop {
            if matches!(stage, Stage::Come | Stage::Gather) {
                self.check_coming(begun)?;
            }
            if self.is_over(stage, begun, settings) {
                break;
            }
            if Instant::now() >= pause {
                return Ok(false);
            }
            self.crowd.turn(pause)?;
        }
        let effort = Effort {
            cpu_ns: sys::thread_cpu_ns() - cpu_ns,
            wall_ns: u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX),
            late: self.crowd.late(),
        };
        self.end(stage, effort, settings, found)?;
        self.begun = None;
        Ok(true)
    }

    fn begin(&mut self, stage: Stage, settings: &Settings) -> Result<(Instant, u64), LabError> {
        let begun = (Instant::now(), sys::thread_cpu_ns());
        self.begun = Some(begun);
        match stage {
            Stage::Come | Stage::Gather => {
                for kind in &self.kinds {
                    self.crowd.invite(*kind, settings.subscribers);
                }
            }
            Stage::Wait => {}
            Stage::Hear => self.crowd.publish(settings.messages, interval(settings))?,
            Stage::Leave => self.crowd.leave(),
        }
        Ok(begun)
    }

    fn is_over(&self, stage: Stage, begun: Instant, settings: &Settings) -> bool {
        let played = begun.elapsed();
        match stage {
            Stage::Come | Stage::Gather => self.crowd.is_settled(),
            Stage::Wait => played >= Duration::from_micros(settings.quiet_us),
            Stage::Hear => {
                let all_heard =
                    self.crowd.has_published() && self.crowd.has_heard(settings.messages);
                all_heard || played >= self.hearing_max(settings)
            }
            Stage::Leave => self.crowd.is_empty() || played >= LEAVE_MAX,
        }
    }

    /// How long the busy phase may take: what is missing then is missing.
    fn hearing_max(&self, settings: &Settings) -> Duration {
        let publishing = interval(settings).saturating_mul(settings.messages);
        let asking = match self.kinds.contains(&Kind::Poll) {
            true => Duration::from_micros(settings.interval_us),
            false => Duration::ZERO,
        };
        publishing.saturating_add(asking + MISSING_MAX)
    }

    fn check_coming(&mut self, begun: Instant) -> Result<(), LabError> {
        if let Some((kind, error)) = self.crowd.take_fault() {
            return Err(LabError::Subscriber(kind, error));
        }
        match self.crowd.unsettled() {
            Some(kind) if begun.elapsed() >= COME_MAX => Err(LabError::Late(kind)),
            _ => Ok(()),
        }
    }

    /// The stage is over: the ledger is read, and what it says is turned into figures.
    fn end(
        &mut self,
        stage: Stage,
        effort: Effort,
        settings: &Settings,
        found: &mut [(Kind, Found)],
    ) -> Result<(), LabError> {
        let statement = self.state()?;
        let traffic = self.crowd.traffic();
        let private_bytes = self.server.private_bytes();
        let fault = self.crowd.take_fault();
        if let Some(question) = stage.question() {
            for (kind, found) in found.iter_mut().filter(|(kind, _)| self.kinds.contains(kind)) {
                let told = Told { kind: *kind, statement: &statement, traffic: &traffic, settings };
                self.judge(&told, question, &mut found.refused);
                if let Some((_, error)) = fault.as_ref().filter(|(lost, _)| lost == kind) {
                    let reason = format!("a subscriber was lost: {error}");
                    found.refused.push(Refused::all(question, reason));
                }
                if stage == Stage::Hear {
                    found.refused.extend(self.refusal_of_hearing(&told, effort));
                }
                let grown = private_bytes.zip(self.before.private_bytes);
                let grown = grown.map(|(now, before)| real(now.saturating_sub(before)));
                self.read(&told, stage, grown.filter(|_| self.is_alone()), found);
            }
        }
        self.before = Before {
            kernel: Kind::ALL.map(|kind| kernel_open(&statement, kind)),
            snapshot: statement.snapshot,
            traffic,
            private_bytes,
        };
        Ok(())
    }

    /// Asks for a statement when nothing is under way: when both witnesses have counted the same,
    /// and every connection of ours is one of the server's.
    ///
    /// What does not agree in the end is for the caller to judge.
    fn state(&mut self) -> Result<Statement, LabError> {
        self.crowd.set_asking(Asking::Held);
        let patience = Instant::now() + MISSING_MAX;
        while !self.crowd.is_settled() && Instant::now() < patience {
            self.crowd.turn(patience)?;
        }
        // Acknowledgements may be this late.
        self.crowd.drive(Instant::now() + DELAYED_ACK)?;
        for _ in 0..STATEMENTS_MAX {
            let before = self.crowd.traffic();
            let statement = self.ask()?;
            self.crowd.turn(Instant::now())?;
            if before == self.crowd.traffic() && self.agrees(&statement) {
                self.crowd.set_asking(Asking::Freely);
                return Ok(statement);
            }
            self.crowd.drive(Instant::now() + DELAYED_ACK)?;
        }
        self.crowd.set_asking(Asking::Freely);
        self.ask()
    }

    fn ask(&mut self) -> Result<Statement, LabError> {
        let since = Some(self.before.snapshot.as_str());
        let options = StatementOptions { since, kernel_open: true };
        self.ledger.statement(options).map_err(LabError::Ledger)
    }

    fn agrees(&self, statement: &Statement) -> bool {
        let traffic = self.crowd.traffic();
        self.kinds.iter().all(|kind| {
            let gained = gained(traffic, self.before.traffic, *kind);
            statement.account(kind.name()).is_some_and(|account| {
                account.sent.taken == gained.received && account.received.read == gained.sent
            }) && kernel_open(statement, *kind).sockets == self.crowd.present(*kind)
        })
    }

    /// Whether one mechanism plays alone: what the process and the loop gained is on its behalf.
    fn is_alone(&self) -> bool {
        self.kinds.len() == 1
    }

    /// Refuses what the witnesses do not agree on.
    fn judge(&self, told: &Told<'_>, question: &str, refused: &mut Vec<Refused>) {
        let Told { kind, statement, traffic, .. } = told;
        let Some(account) = statement.account(kind.name()) else {
            let reason = "the server's ledger has no account of it".to_owned();
            return refused.push(Refused::all(question, reason));
        };
        if !statement.balances {
            let reason = "the server's ledger does not balance".to_owned();
            refused.push(Refused::all(question, reason));
        }
        let gained = gained(**traffic, self.before.traffic, *kind);
        refused.extend(refusal_of_bytes(question, account, gained.received, gained.sent));
    }

    fn refusal_of_hearing(&self, told: &Told<'_>, effort: Effort) -> impl Iterator<Item = Refused> {
        let Told { kind, statement, settings, .. } = told;
        let expected = u64::from(settings.messages) * u64::from(settings.subscribers);
        let (mut heard, mut doubled) = (0, 0);
        for one in self.crowd.heard(*kind) {
            heard += one.messages;
            doubled += one.doubled;
        }
        let mut late = effort.refusal(settings.messages);
        if let (Some(refused), false) = (&mut late, self.heap_counted) {
            refused.columns.retain(|name| name != Column::Allocations.name());
        }
        let timed = statement.account(kind.name()).map(|account| account.delay_us.count);
        let untimed = timed.and_then(|timed| refusal_of_delays(expected, timed));
        let undelivered = refusal_of_deliveries(expected, heard, doubled);
        [undelivered, untimed, late].into_iter().flatten()
    }

    fn read(&self, told: &Told<'_>, stage: Stage, grown: Option<f64>, found: &mut Found) {
        let Told { kind, statement, settings, .. } = told;
        let Some(account) = statement.account(kind.name()) else { return };
        let lobby = statement.account(Owner::Loop.name()).filter(|_| self.is_alone());
        let kernel_before = self.before.kernel[*kind as usize];
        let gain = Gain { account, lobby, kernel_before, heap_counted: self.heap_counted };
        let subscribers = f64::from(settings.subscribers);
        match stage {
            Stage::Come => found.open.push(gain.open(subscribers, grown)),
            Stage::Gather => {}
            Stage::Wait => found.quiet.push(gain.quiet(*kind, settings, statement.span_us)),
            Stage::Hear => {
                found.message.push(gain.message(settings));
                let beside = |owner: Owner| {
                    let account = statement.account(owner.name())?;
                    Some(Gain { account, ..gain }.beside(settings.messages))
                };
                found.publish.extend(beside(Owner::Publish));
                found.r#loop.extend(beside(Owner::Loop));
            }
            Stage::Leave => found.close.push(gain.close(subscribers)),
        }
    }
}

/// What is told about a mechanism at the end of a stage.
struct Told<'s> {
    kind: Kind,
    statement: &'s Statement,
    traffic: &'s [Traffic; Kind::ALL.len()],
    settings: &'s Settings,
}

impl Stage {
    const fn question(self) -> Option<&'static str> {
        match self {
            Self::Come => Some("open"),
            Self::Gather => None,
            Self::Wait => Some("quiet"),
            Self::Hear => Some(MESSAGE),
            Self::Leave => Some("close"),
        }
    }
}

/// The flags of a server: its pace, and a log that forgets nothing of the experiment.
fn arguments(pace: Pace, settings: &Settings) -> Vec<String> {
    let messages = usize::try_from(settings.messages).unwrap_or(usize::MAX);
    let bytes = messages.saturating_mul(settings.size_bytes).min(HISTORY_BYTES_MAX);
    let flags = [
        ("--heartbeat-s", seconds(pace.heartbeat_us)),
        ("--ping-s", seconds(pace.ping_us)),
        ("--park-s", seconds(pace.park_us)),
        ("--history-messages-max", messages.max(limits::HISTORY_MESSAGES_MAX).to_string()),
        ("--history-bytes-max", bytes.max(limits::HISTORY_BYTES_MAX).to_string()),
    ];
    flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

fn topic(server: &Server, channel: &str, settings: &Settings) -> Topic {
    Topic {
        address: server.address().clone(),
        channel: channel.to_owned(),
        interval: Duration::from_micros(settings.interval_us),
        payloads: Payloads::new(settings.size_bytes),
    }
}

/// One subscriber of each mechanism comes, hears a message, and leaves.
fn warm(server: &Server, kinds: &[Kind], size_bytes: usize) -> Result<(), LabError> {
    let address = server.address().clone();
    let (channel, payloads) = (WARM_CHANNEL.to_owned(), Payloads::new(size_bytes));
    let mut crowd = Crowd::new(Topic { address, channel, interval: WARM_INTERVAL, payloads })?;
    for kind in kinds {
        crowd.invite(*kind, 1);
    }
    let patience = Instant::now() + COME_MAX;
    let late = |crowd: &Crowd| match crowd.unsettled() {
        Some(kind) if Instant::now() >= patience => Err(LabError::Late(kind)),
        _ => Ok(()),
    };
    while !crowd.is_settled() {
        crowd.turn(Instant::now() + SLICE)?;
        if let Some((kind, error)) = crowd.take_fault() {
            return Err(LabError::Subscriber(kind, error));
        }
        late(&crowd)?;
    }
    crowd.publish(1, WARM_INTERVAL)?;
    while !(crowd.has_published() && crowd.has_heard(1)) && Instant::now() < patience {
        crowd.turn(Instant::now() + SLICE)?;
    }
    crowd.leave();
    while !crowd.is_empty() && Instant::now() < patience {
        crowd.turn(Instant::now() + SLICE)?;
    }
    Ok(())
}

/// Asks for statements until the server has nothing to allocate for them any more, and until
/// whoever has left is gone.
fn open_books(ledger: &mut Ledger, kinds: &[Kind]) -> Result<Statement, LabError> {
    let options = StatementOptions { since: None, kernel_open: true };
    let mut asked = 0;
    loop {
        let statement = ledger.statement(options).map_err(LabError::Ledger)?;
        asked += 1;
        let is_empty = kinds.iter().all(|kind| kernel_open(&statement, *kind).sockets == 0);
        if asked > limits::SNAPSHOTS_MAX && is_empty || asked > WARM_STATEMENTS_MAX {
            return Ok(statement);
        }
    }
}

/// What the kernel says about the open connections of a mechanism.
fn kernel_open(statement: &Statement, kind: Kind) -> Kernel {
    statement.account(kind.name()).and_then(|account| account.kernel_open).unwrap_or_default()
}

fn gained<const N: usize>(now: [Traffic; N], before: [Traffic; N], kind: Kind) -> Traffic {
    let (now, before) = (now[kind as usize], before[kind as usize]);
    Traffic { sent: now.sent - before.sent, received: now.received - before.received }
}

/// Where the experiment takes place.
const CHANNEL: &str = "cost";
const WARM_CHANNEL: &str = "warm";
const WARM_INTERVAL: Duration = Duration::from_millis(10);
/// Work between two looks at the clock of whoever drives the experiment.
const SLICE: Duration = Duration::from_millis(100);
/// Time for all subscribers to come.
const COME_MAX: Duration = Duration::from_secs(30);
/// Time for all of them to leave.
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// Time that is given to what is missing.
const MISSING_MAX: Duration = Duration::from_secs(2);
/// How late Linux may acknowledge what has arrived (`TCP_DELACK_MIN` is 40 ms), and some more.
const DELAYED_ACK: Duration = Duration::from_millis(60);
/// Statements that are asked for until the witnesses agree: fewer than the server keeps snapshots.
const STATEMENTS_MAX: usize = limits::SNAPSHOTS_MAX / 2;
const WARM_STATEMENTS_MAX: usize = 1_000;
/// The most that `--history-bytes-max` takes.
const HISTORY_BYTES_MAX: usize = 1024 * 1024 * 1024;
