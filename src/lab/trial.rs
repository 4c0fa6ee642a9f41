//! The trial: what articles say about push techniques, each put to the test.
//!
//! A [`Claim`] has a sentence, a rule that decides on it, and commands with which anybody can
//! check it. [`Trier`] measures, and what comes out is a [`Finding`] per claim: figures, and the
//! verdict to which they lead by that rule. Other figures would lead to another verdict. Where
//! something could not be measured there is none, and the finding says why.

mod evidence;
mod heads;
mod html;
mod iframe;
mod long_poll;
mod low_overhead;
mod mistrial;
mod origin;
mod parked;
mod reconnection;
mod returning;
mod session;
mod short_poll;
mod text;
mod wire;

use std::collections::VecDeque;
use std::path::PathBuf;

use serde::Serialize;

use crate::clock::SECOND_US;
use crate::id::Kind;
use crate::lab::experiment::{Experiment, Machine, Pace, Settings};
use crate::lab::{Experimenter, LabError, Step};
use crate::sys;
use evidence::Outcome;

pub use evidence::{Cell, Column, Evidence, Line};
pub use html::html;
pub use mistrial::Mistrial;
pub use text::{list, text};

/// What the trial has found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Trial {
    /// The command line, as it could be typed again.
    pub command: String,
    /// Where it took place.
    pub machine: Machine,
    /// A finding per claim.
    pub findings: Vec<Finding>,
}

/// The trial in JSON, as its shapes are, indented.
pub fn json(trial: &Trial) -> String {
    serde_json::to_string_pretty(trial).unwrap_or_default() + "\n"
}

/// What was found about a claim.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Finding {
    /// The claim's number.
    pub number: u8,
    /// The claim, as articles put it.
    pub claim: String,
    /// By which rule the verdict follows from the figures.
    pub rule: String,
    /// What anybody can type to check it.
    pub commands: Vec<String>,
    /// The figures; none when they could not be had.
    pub evidence: Option<Evidence>,
    /// The verdict; none when something could not be measured.
    pub verdict: Option<Verdict>,
    /// Why it is this verdict, or why there is none.
    pub reason: String,
}

/// What becomes of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The figures bear it out.
    True,
    /// They contradict it.
    False,
    /// Some do, some do not.
    Depends,
}

impl Verdict {
    /// The verdict in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Depends => "depends",
        }
    }

    /// The verdict on what is claimed of all, when it holds for so many of them.
    const fn of(holding: usize, all: usize) -> Self {
        match holding {
            0 => Self::False,
            _ if holding == all => Self::True,
            _ => Self::Depends,
        }
    }
}

/// What articles say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Claim {
    /// Heads are long, and what they carry is short.
    Heads,
    /// Long polling connects anew for every message.
    LongPoll,
    /// Iframe streaming is a load for the server.
    Iframe,
    /// Server-sent events stay within an origin.
    Origin,
    /// Server-sent events come back after three seconds.
    Reconnection,
    /// A WebSocket adds little.
    LowOverhead,
    /// Short polling presses on a server that has nothing to say.
    ShortPoll,
    /// Requests that wait waste what the server has.
    Parked,
}

impl Claim {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Heads,
        Self::LongPoll,
        Self::Iframe,
        Self::Origin,
        Self::Reconnection,
        Self::LowOverhead,
        Self::ShortPoll,
        Self::Parked,
    ];

    /// The claim of that number.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.number() == number)
    }

    /// Its number, from 1.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// What is claimed, as articles put it.
    pub const fn sentence(self) -> &'static str {
        self.brief().sentence
    }

    const fn brief(self) -> &'static Brief {
        match self {
            Self::Heads => &heads::BRIEF,
            Self::LongPoll => &long_poll::BRIEF,
            Self::Iframe => &iframe::BRIEF,
            Self::Origin => &origin::BRIEF,
            Self::Reconnection => &reconnection::BRIEF,
            Self::LowOverhead => &low_overhead::BRIEF,
            Self::ShortPoll => &short_poll::BRIEF,
            Self::Parked => &parked::BRIEF,
        }
    }

    /// Whether its figures, or some of them, are those of the experiment.
    const fn needs_experiment(self) -> bool {
        matches!(self, Self::Iframe | Self::ShortPoll | Self::Parked)
    }
}

/// What is known of a claim before anything is measured.
struct Brief {
    sentence: &'static str,
    rule: &'static str,
    commands: &'static [&'static str],
    /// How long it takes to measure, about, in microseconds.
    us: u64,
}

/// A trial in progress: whoever drives it takes step after step, and may look on.
#[derive(Debug)]
pub struct Trier {
    program: PathBuf,
    command: String,
    plan: VecDeque<Task>,
    experimenter: Option<Experimenter>,
    experiment: Result<Experiment, Mistrial>,
    findings: Vec<Finding>,
    done_us: u64,
    all_us: u64,
}

/// What there is to be done in one go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    /// The experiment that several claims read.
    Experiment,
    /// A claim is tried.
    Try(Claim),
}

impl Trier {
    /// A trial of these claims with servers that `program` is; `command` is what was typed.
    ///
    /// # Errors
    /// [`LabError::Settings`] without a claim, and [`LabError::Descriptors`].
    pub fn new(program: PathBuf, command: String, claims: &[Claim]) -> Result<Self, LabError> {
        if claims.is_empty() {
            return Err(LabError::Settings("a trial needs a claim".to_owned()));
        }
        let there = sys::raise_descriptor_limit()?;
        if there < DESCRIPTORS_MIN {
            return Err(LabError::Descriptors { needed: DESCRIPTORS_MIN, there });
        }
        let is_needed = claims.iter().any(|claim| claim.needs_experiment());
        let first = is_needed.then_some(Task::Experiment);
        let tried = Claim::ALL.into_iter().filter(|claim| claims.contains(claim)).map(Task::Try);
        let plan: VecDeque<Task> = first.into_iter().chain(tried).collect();
        let all_us = plan.iter().map(|task| task.us()).sum();
        let experiment = Err(Mistrial::new("the experiment was not made"));
        let (experimenter, findings) = (None, Vec::new());
        Ok(Self { program, command, plan, experimenter, experiment, findings, done_us: 0, all_us })
    }

    /// Goes on for a while; none when nothing is left to be done.
    ///
    /// What goes wrong with a claim is told in its finding.
    pub fn step(&mut self) -> Option<Step> {
        let task = self.plan.front().copied()?;
        let doing = match task {
            Task::Experiment => {
                if let Some(Step { doing, done_us, .. }) = self.experiment_step() {
                    let done_us = done_us.min(task.us());
                    return Some(Step { doing, done_us, all_us: self.all_us });
                }
                "the experiment is made".to_owned()
            }
            Task::Try(claim) => {
                let finding = self.finding(claim);
                self.findings.push(finding);
                format!("claim {} is tried", claim.number())
            }
        };
        self.plan.pop_front();
        self.done_us += task.us();
        Some(Step { doing, done_us: self.done_us, all_us: self.all_us })
    }

    /// What was found, as far as it went.
    pub fn finish(self) -> Trial {
        let machine = Machine::here(sys::heap_is_counted());
        Trial { command: self.command, machine, findings: self.findings }
    }

    /// Goes on with the experiment; none when it is made, or cannot be.
    fn experiment_step(&mut self) -> Option<Step> {
        let experimenter = match &mut self.experimenter {
            Some(experimenter) => experimenter,
            None => match Experimenter::new(self.program.clone(), settings()) {
                Ok(experimenter) => self.experimenter.insert(experimenter),
                Err(error) => {
                    self.experiment = Err(error.into());
                    return None;
                }
            },
        };
        let stepped = experimenter.step();
        if let Ok(Some(step)) = stepped {
            return Some(step);
        }
        let experimenter = self.experimenter.take()?;
        self.experiment = match stepped {
            Ok(_) => Ok(experimenter.finish()),
            Err(error) => Err(error.into()),
        };
        None
    }

    fn finding(&self, claim: Claim) -> Finding {
        let brief = claim.brief();
        let (evidence, verdict, reason) = match self.outcome(claim) {
            Ok(Outcome { evidence, verdict, reason }) => (Some(evidence), Some(verdict), reason),
            Err(mistrial) => (None, None, mistrial.to_string()),
        };
        Finding {
            number: claim.number(),
            claim: brief.sentence.to_owned(),
            rule: brief.rule.to_owned(),
            commands: brief.commands.iter().map(|command| (*command).to_owned()).collect(),
            evidence,
            verdict,
            reason,
        }
    }

    fn outcome(&self, claim: Claim) -> Result<Outcome, Mistrial> {
        let program = &self.program;
        match claim {
            Claim::Heads => Ok(heads::Measured::of(program)?.outcome()),
            Claim::LongPoll => Ok(long_poll::Measured::of(program)?.outcome()),
            Claim::Iframe => Ok(iframe::Measured::of(self.experiment()?)?.outcome()),
            Claim::Origin => Ok(origin::Measured::of(program)?.outcome()),
            Claim::Reconnection => Ok(reconnection::Measured::of()?.outcome()),
            Claim::LowOverhead => Ok(low_overhead::Measured::of(program)?.outcome()),
            Claim::ShortPoll => Ok(short_poll::Measured::of(self.experiment()?)?.outcome()),
            Claim::Parked => Ok(parked::Measured::of(program, self.experiment()?)?.outcome()),
        }
    }

    fn experiment(&self) -> Result<&Experiment, Mistrial> {
        self.experiment.as_ref().map_err(Mistrial::clone)
    }
}

impl Task {
    /// How long it takes, in microseconds, about.
    const fn us(self) -> u64 {
        match self {
            Self::Experiment => RUNS as u64 * (QUIET_US + 3 * SECOND_US),
            Self::Try(claim) => claim.brief().us,
        }
    }
}

/// The experiment that several claims read: everybody at once on one server.
fn settings() -> Settings {
    Settings {
        command: "pushscope cost --together".to_owned(),
        kinds: vec![Kind::Poll, Kind::LongPoll, Kind::Iframe, Kind::Sse, Kind::WebSocket],
        subscribers: 50,
        messages: 50,
        size_bytes: 64,
        rate_per_s: 50.0,
        runs: RUNS,
        together: true,
        quiet_us: QUIET_US,
        pace: Pace::quick(QUIET_US),
        pace_default: Pace::DEFAULT,
        interval_us: SECOND_US,
    }
}

const RUNS: u32 = 2;
const QUIET_US: u64 = 3 * SECOND_US;
/// For the most subscribers that are there at once, and some more.
const DESCRIPTORS_MIN: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_numbered_and_told_once() {
        for (number, claim) in (1..).zip(Claim::ALL) {
            assert_eq!(claim.number(), number);
            assert_eq!(Claim::numbered(number), Some(claim));
            assert!(!claim.brief().rule.is_empty() && !claim.brief().commands.is_empty());
        }
        assert_eq!(Claim::numbered(0), None);
        assert_eq!(Claim::numbered(9), None);
    }

    #[test]
    fn a_verdict_follows_from_how_many_bear_it_out() {
        let verdicts = [0, 1, 2].map(|holding| Verdict::of(holding, 2));
        assert_eq!(verdicts, [Verdict::False, Verdict::Depends, Verdict::True]);
    }

    #[test]
    fn what_cannot_be_measured_has_no_verdict_but_a_reason() {
        let claims = [Claim::Heads, Claim::Iframe];
        let program = PathBuf::from("/nowhere/pushscope");
        let mut trier = Trier::new(program, "pushscope trial".to_owned(), &claims).unwrap();
        while trier.step().is_some() {}
        let trial = trier.finish();
        assert_eq!(trial.findings.len(), 2);
        for finding in trial.findings {
            assert_eq!((finding.verdict, finding.evidence), (None, None));
            assert!(finding.reason.starts_with("the server does not start"), "{}", finding.reason);
        }
        assert!(Trier::new(PathBuf::new(), String::new(), &[]).is_err());
    }
}
