//! Claim 8: requests that wait waste what the server has.

use std::path::Path;

use super::evidence::{Cell, Evidence, Outcome, figure, written};
use super::session::{Session, settle};
use super::{Brief, Mistrial, Verdict};
use crate::clock::SECOND_US;
use crate::id::Kind;
use crate::lab::experiment::Experiment;
use crate::lab::figures::real;
use crate::lab::report::{Column, Question};

pub(super) const BRIEF: Brief = Brief {
    sentence: "Parked requests waste the server's resources.",
    rule: "A mechanism wastes if a parked connection of it holds more than 16 KiB of the server's \
           memory, or takes more than 0.01 % of a core, or if threads come with it: true when \
           every mechanism does, false when none does.",
    commands: &[
        "pushscope cost --mechanisms long_poll,sse,websocket --subscribers 300 --messages 10 \
         --rate 5",
        "grep Threads /proc/$(pgrep -nx pushscope)/status",
    ],
    us: 2 * SECOND_US,
};

/// What parked connections hold and take, by mechanism.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Measured {
    parked: Vec<Parked>,
}

#[derive(Clone, PartialEq, Debug)]
struct Parked {
    mechanism: &'static str,
    /// By the ledger, for each connection.
    held_bytes: f64,
    /// By which the process grew, for each connection.
    private_bytes: f64,
    /// In the kernel's queues, for each connection.
    kernel_bytes: f64,
    /// For each connection, in a minute.
    cpu_us: f64,
    /// Of the server: before they came, and then.
    threads: [f64; 2],
}

impl Measured {
    /// Has connections parked, and reads from the experiment what they cost while they are.
    pub(super) fn of(program: &Path, experiment: &Experiment) -> Result<Self, Mistrial> {
        let mut parked = Vec::new();
        for kind in KINDS {
            let cpu_us = figure(experiment, kind, Question::Quiet, Column::Cpu)?;
            parked.push(Parked::of(program, kind, cpu_us)?);
        }
        Ok(Self { parked })
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns = [
            ("held, by the ledger", "B"),
            ("process grew by", "B"),
            ("kernel queues", "B"),
            ("CPU/minute", "µs"),
            ("threads before", "count"),
            ("threads then", "count"),
        ];
        let title = format!("A parked connection, of {SUBSCRIBERS}");
        let mut evidence = Evidence::new(title, "mechanism", &columns).drawing(&[&[0, 1], &[3]]);
        for parked in &self.parked {
            let [before, then] = parked.threads;
            let figures = [
                parked.held_bytes,
                parked.private_bytes,
                parked.kernel_bytes,
                parked.cpu_us,
                before,
                then,
            ];
            evidence = evidence.line(parked.mechanism, figures.map(Cell::from));
        }
        let wasteful: Vec<&str> =
            self.parked.iter().filter(|it| it.wastes()).map(|it| it.mechanism).collect();
        let verdict = Verdict::of(wasteful.len(), self.parked.len());
        let most = |of: fn(&Parked) -> f64| written(self.parked.iter().map(of).fold(0.0, f64::max));
        let (bytes, cpu) = (most(|it| it.private_bytes), most(|it| it.cpu_us));
        let threads = match most(|it| it.threads[1]).as_str() {
            "1" => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        let reason = match verdict {
            Verdict::False => format!(
                "A parked connection holds at most {bytes} bytes of the process and takes at most \
                 {cpu} µs of CPU time in a minute; with {SUBSCRIBERS} of them the server has \
                 {threads}. Who spends a thread on each request holds that thread."
            ),
            Verdict::True => format!(
                "Up to {bytes} bytes, {cpu} µs of CPU time in a minute and {threads} for \
                 {SUBSCRIBERS} connections are more than they should be for every mechanism."
            ),
            Verdict::Depends => {
                format!("It is more than it should be for {}.", wasteful.join(", "))
            }
        };
        Outcome { evidence, verdict, reason }
    }
}

impl Parked {
    /// Parks connections on a server of their own.
    ///
    /// The first one comes before anything is counted: what a server does only once in its life
    /// is nobody's cost.
    fn of(program: &Path, kind: Kind, cpu_us: f64) -> Result<Self, Mistrial> {
        let mut session = Session::start(program, &[])?;
        let mut crowd = session.crowd("parked", 1)?;
        let nothing = crowd.traffic();
        crowd.invite(kind, 1);
        settle(&mut crowd)?;
        session.gained(&mut crowd, nothing, &[kind])?;
        let before = (session.private_bytes()?, session.threads()?, crowd.traffic());
        let (private_before, threads_before, traffic_before) = before;
        crowd.invite(kind, SUBSCRIBERS);
        settle(&mut crowd)?;
        let statement = session.gained(&mut crowd, traffic_before, &[kind])?;
        let account = statement.account(kind.name()).ok_or_else(|| {
            Mistrial::new(format!("the ledger has no account of {}", kind.name()))
        })?;
        let all = real(account.open);
        if account.open != u64::from(SUBSCRIBERS) + 1 {
            return Err(Mistrial::new(format!("{all} connections are parked: not all of them")));
        }
        let kernel = account.kernel_open.unwrap_or_default();
        let grown = session.private_bytes()?.saturating_sub(private_before);
        Ok(Self {
            mechanism: kind.name(),
            held_bytes: real(account.held_bytes) / all,
            private_bytes: real(grown) / f64::from(SUBSCRIBERS),
            kernel_bytes: real(kernel.memory_bytes) / all,
            cpu_us,
            threads: [real(threads_before), real(session.threads()?)],
        })
    }

    fn wastes(&self) -> bool {
        let [before, then] = self.threads;
        let is_large = self.held_bytes.max(self.private_bytes) > HELD_BYTES_MAX;
        is_large || self.cpu_us > CPU_US_MAX || then > before
    }
}

const KINDS: [Kind; 3] = [Kind::LongPoll, Kind::Sse, Kind::WebSocket];
const SUBSCRIBERS: u32 = 300;
const HELD_BYTES_MAX: f64 = 16.0 * 1_024.0;
/// In a minute: 0.01 % of a core.
const CPU_US_MAX: f64 = 6_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn parked(private_bytes: f64, cpu_us: f64, threads: f64) -> Parked {
        Parked {
            mechanism: "sse",
            held_bytes: 1_000.0,
            private_bytes,
            kernel_bytes: 0.0,
            cpu_us,
            threads: [1.0, threads],
        }
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        let little = || parked(1_400.0, 200.0, 1.0);
        let verdict = |one: Parked, other: Parked| {
            let outcome = Measured { parked: vec![one, other] }.outcome();
            assert_eq!(outcome.evidence.lines.len(), 2);
            outcome.verdict
        };
        assert_eq!(verdict(little(), little()), Verdict::False);
        assert_eq!(verdict(little(), parked(20_000.0, 200.0, 1.0)), Verdict::Depends);
        assert_eq!(verdict(little(), parked(1_400.0, 7_000.0, 1.0)), Verdict::Depends);
        let threaded = || parked(1_400.0, 200.0, 301.0);
        assert_eq!(verdict(threaded(), threaded()), Verdict::True);
    }
}
