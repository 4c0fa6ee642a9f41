//! The experiment: who comes, who speaks, who leaves, and when the ledger is read.
//!
//! Each mechanism, or all of them together, has two scenes, and each scene a server of its own:
//!
//! - *live*, with a server at its defaults: subscribers come (*open*), messages are published
//!   (*message*), subscribers leave (*close*);
//! - *quiet*, with a server whose heartbeats, pings and parks are quick: subscribers come, and
//!   nothing is published (*quiet*).
//!
//! Before anything is counted, one subscriber of each mechanism comes, hears a message and leaves:
//! what a server does only once in its life is nobody's cost.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use crate::id::Kind;
use crate::lab::LabError;
use crate::lab::experiment::{
    Beside, Experiment, Figures, Machine, Pace, Refused, Row, Settings, Spent,
};
use crate::lab::figures::{MESSAGE, Reading};
use crate::lab::report::Column;
use crate::lab::scene::{Found, Scene, Stage};
use crate::limits;
use crate::sys;

/// An experiment in the making: whoever drives it takes step after step, and may look on.
#[derive(Debug)]
pub struct Experimenter {
    program: PathBuf,
    settings: Settings,
    plan: VecDeque<Task>,
    /// The scene that is being played.
    scene: Option<Scene>,
    found: Vec<(Kind, Found)>,
    heap_counted: bool,
    done_us: u64,
    all_us: u64,
}

/// What there is to be done in one go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    /// A server starts, for this mechanism or for all, at this pace.
    Set(Option<Kind>, Pace),
    /// A part of the scene is played.
    Play(Stage),
    /// The server ends.
    Strike,
}

/// How far an experiment has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What is being done.
    pub doing: String,
    /// How much is done, in microseconds.
    pub done_us: u64,
    /// How long all of it takes, in microseconds, as far as is known.
    pub all_us: u64,
}

impl Experimenter {
    /// An experiment with servers that `program` is.
    ///
    /// # Errors
    /// [`LabError::Settings`], and [`LabError::Descriptors`] when so many cannot come.
    pub fn new(program: PathBuf, settings: Settings) -> Result<Self, LabError> {
        check(&settings)?;
        let there = sys::raise_descriptor_limit()?;
        let groups = if settings.together { settings.kinds.len() } else { 1 };
        let needed = u64::from(settings.subscribers) * groups as u64 + limits::DESCRIPTORS_SPARE;
        if needed > there {
            return Err(LabError::Descriptors { needed, there });
        }
        let plan = plan(&settings);
        let all_us = plan.iter().map(|task| task.us(&settings)).sum();
        Ok(Self {
            program,
            plan,
            scene: None,
            found: settings.kinds.iter().map(|kind| (*kind, Found::default())).collect(),
            heap_counted: false,
            done_us: 0,
            all_us,
            settings,
        })
    }

    /// Goes on for a tenth of a second or so; none when nothing is left to be done.
    ///
    /// # Errors
    /// What keeps it from going on. The next call would go on all the same: there is no use in it.
    pub fn step(&mut self) -> Result<Option<Step>, LabError> {
        let Some(task) = self.plan.front().copied() else { return Ok(None) };
        let is_done = match task {
            Task::Set(kind, pace) => {
                let kinds = kind.map_or_else(|| self.settings.kinds.clone(), |kind| vec![kind]);
                let scene = Scene::set(&self.program, kinds, pace, &self.settings)?;
                self.heap_counted = scene.heap_counted();
                self.scene = Some(scene);
                true
            }
            Task::Play(stage) => match &mut self.scene {
                Some(scene) => scene.play(stage, &self.settings, &mut self.found)?,
                None => true,
            },
            Task::Strike => {
                self.scene = None;
                true
            }
        };
        let within_us = self.scene.as_ref().map_or(0, Scene::played_us);
        let mut done_us = self.done_us + within_us.min(task.us(&self.settings));
        let doing = self.doing(task);
        if is_done {
            self.plan.pop_front();
            self.done_us += task.us(&self.settings);
            done_us = self.done_us;
        }
        Ok(Some(Step { doing, done_us, all_us: self.all_us }))
    }

    /// What was found, as far as it went.
    pub fn finish(self) -> Experiment {
        let rows = self.found.into_iter().map(|(kind, found)| row(kind, found)).collect();
        Experiment { settings: self.settings, machine: Machine::here(self.heap_counted), rows }
    }

    fn doing(&self, task: Task) -> String {
        let kinds = self.scene.as_ref().map_or(&[][..], Scene::kinds);
        let who = match kinds {
            [kind] => kind.name(),
            _ => "all",
        };
        match task {
            Task::Set(..) => format!("{who}: a server starts"),
            Task::Play(Stage::Come | Stage::Gather) => format!("{who}: subscribers come"),
            Task::Play(Stage::Wait) => format!("{who}: nothing happens"),
            Task::Play(Stage::Hear) => format!("{who}: messages are published"),
            Task::Play(Stage::Leave) => format!("{who}: subscribers leave"),
            Task::Strike => "the server ends".to_owned(),
        }
    }
}

impl Task {
    /// How long it takes, in microseconds, as far as is known.
    fn us(self, settings: &Settings) -> u64 {
        match self {
            Self::Set(..) => 100_000,
            Self::Play(Stage::Come | Stage::Gather | Stage::Leave) => 150_000,
            Self::Play(Stage::Wait) => settings.quiet_us,
            Self::Play(Stage::Hear) => {
                let publishing = interval(settings).saturating_mul(settings.messages);
                u64::try_from(publishing.as_micros()).unwrap_or(u64::MAX)
            }
            Self::Strike => 0,
        }
    }
}

fn plan(settings: &Settings) -> VecDeque<Task> {
    let alone = || settings.kinds.iter().map(|kind| Some(*kind)).collect();
    let groups: Vec<Option<Kind>> = if settings.together { vec![None] } else { alone() };
    let mut plan = VecDeque::new();
    for _ in 0..settings.runs {
        for group in &groups {
            plan.push_back(Task::Set(*group, settings.pace_default));
            for stage in [Stage::Come, Stage::Hear, Stage::Leave] {
                plan.push_back(Task::Play(stage));
            }
            plan.push_back(Task::Strike);
            if settings.quiet_us > 0 {
                plan.push_back(Task::Set(*group, settings.pace));
                for stage in [Stage::Gather, Stage::Wait] {
                    plan.push_back(Task::Play(stage));
                }
                plan.push_back(Task::Strike);
            }
        }
    }
    plan
}

/// Refuses what makes no sense, or would never end.
fn check(settings: &Settings) -> Result<(), LabError> {
    let refused = |why: &str| Err(LabError::Settings(why.to_owned()));
    let Settings { kinds, subscribers, messages, runs, rate_per_s, .. } = settings;
    if kinds.is_empty() || *subscribers == 0 || *messages == 0 || *runs == 0 {
        return refused("an experiment needs a mechanism, a subscriber, a message and a run");
    }
    if !(rate_per_s.is_finite() && *rate_per_s > 0.0) || *rate_per_s > RATE_PER_S_MAX {
        return refused("the rate is a number of messages per second, at most 10,000");
    }
    if settings.size_bytes > limits::MESSAGE_BYTES_MAX {
        return refused("a message has at most 1 MiB");
    }
    if !INTERVAL_US.contains(&settings.interval_us) {
        return refused("the interval of short polling is a time from 0.01 to 30 seconds");
    }
    if kinds.contains(&Kind::Poll)
        && settings.quiet_us > 0
        && settings.quiet_us < 2 * settings.interval_us
    {
        return refused("the quiet phase has no room for two short polls: a longer --quiet");
    }
    let phase_us =
        u128::from(settings.quiet_us).max(interval(settings).as_micros() * u128::from(*messages));
    if phase_us > PHASE_US_MAX {
        return refused("a phase lasts at most ten minutes: fewer messages, or a higher rate");
    }
    Ok(())
}

/// The time between two messages.
pub(super) fn interval(settings: &Settings) -> Duration {
    Duration::try_from_secs_f64(1.0 / settings.rate_per_s).unwrap_or(Duration::MAX)
}

fn row(kind: Kind, found: Found) -> Row {
    let Found { open, quiet, message, close, publish, r#loop, refused } = found;
    let figures = |question: &str, readings: &[Reading]| {
        let covers = |column: Column| move |refused: &Refused| refused.covers(question, column);
        Figures::of(readings, |column| refused.iter().any(covers(column)))
    };
    // What cannot be told of the messages cannot be told of what was spent beside them.
    let spent = |readings: &[Reading]| {
        let Figures { calls, cpu_us, .. } = figures(MESSAGE, readings);
        Spent { calls, cpu_us }
    };
    Row {
        mechanism: kind.name().to_owned(),
        open: figures("open", &open),
        quiet: figures("quiet", &quiet),
        message: figures(MESSAGE, &message),
        beside: Beside { publish: spent(&publish), r#loop: spent(&r#loop) },
        close: figures("close", &close),
        refused,
    }
}

const RATE_PER_S_MAX: f64 = 10_000.0;
const INTERVAL_US: std::ops::RangeInclusive<u64> = 10_000..=30_000_000;
const PHASE_US_MAX: u128 = 600_000_000;
