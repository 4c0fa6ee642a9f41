//! Claim 7: short polling presses on a server that has nothing to say.

use super::evidence::{Cell, Evidence, Outcome, figure, written};
use super::{Brief, Mistrial, Verdict};
use crate::id::Kind;
use crate::lab::experiment::Experiment;
use crate::lab::report::{Column, Question};

pub(super) const BRIEF: Brief = Brief {
    sentence: "Short polling exerts significant pressure on the server while nothing changes.",
    rule: "Bytes, system calls and CPU time of a quiet minute, asking every second, are set \
           against those of a parked event stream; ten times as much is significant: true when \
           all three are, false when none is.",
    commands: &["pushscope cost --mechanisms poll,sse --interval 1"],
    us: 0,
};

/// What a quiet minute costs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Measured {
    poll: [f64; 3],
    sse: [f64; 3],
}

impl Measured {
    /// Reads the experiment.
    pub(super) fn of(experiment: &Experiment) -> Result<Self, Mistrial> {
        let of = |kind| -> Result<[f64; 3], Mistrial> {
            let quiet = |column| figure(experiment, kind, Question::Quiet, column);
            let bytes = quiet(Column::DownBytes)? + quiet(Column::UpBytes)?;
            Ok([bytes, quiet(Column::Calls)?, quiet(Column::Cpu)?])
        };
        Ok(Self { poll: of(Kind::Poll)?, sse: of(Kind::Sse)? })
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns = [("bytes, both ways", "B"), ("system calls", "count"), ("CPU", "µs")];
        let mut ratios = [f64::INFINITY; 3];
        for (ratio, (poll, sse)) in ratios.iter_mut().zip(self.poll.iter().zip(self.sse)) {
            if sse > 0.0 {
                *ratio = poll / sse;
            }
        }
        let cells = ratios.map(|ratio| Cell::from(ratio.is_finite().then_some(ratio)));
        let evidence = Evidence::new("A subscriber in a quiet minute", "mechanism", &columns)
            .line("poll, every second", self.poll.map(Cell::from))
            .line("sse, parked", self.sse.map(Cell::from))
            .line("poll ÷ sse", cells)
            .drawing(&[&[0], &[1], &[2]]);
        let heavy = ratios.iter().filter(|ratio| **ratio >= SIGNIFICANT).count();
        let verdict = Verdict::of(heavy, ratios.len());
        let [bytes, calls, cpu] = ratios.map(written);
        let times = format!("{bytes} times the bytes, {calls} the calls and {cpu} the CPU time");
        let [_, _, cpu_us] = self.poll;
        let share = written(cpu_us * 1_000.0 / MINUTE_US * 100.0);
        let reason = match verdict {
            Verdict::True => format!(
                "It takes {times} of a stream that waits, to learn that there is nothing. What \
                 that is to a machine is another question: a thousand such subscribers take \
                 {share} % of a core."
            ),
            Verdict::False => format!("It takes {times} of a stream that waits: not ten times."),
            Verdict::Depends => {
                format!("It takes {times} of a stream that waits: only some are ten times as much.")
            }
        };
        Outcome { evidence, verdict, reason }
    }
}

const SIGNIFICANT: f64 = 10.0;
const MINUTE_US: f64 = 60_000_000.0;

#[cfg(test)]
mod tests {
    use super::super::evidence::tests::experiment;
    use super::*;

    fn verdict(poll: [f64; 3]) -> Verdict {
        let rows = [(Kind::Poll, [0.0; 3], poll), (Kind::Sse, [0.0; 3], [1.0; 3])];
        Measured::of(&experiment(&rows)).unwrap().outcome().verdict
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        assert_eq!(verdict([10.0, 12.0, 99.0]), Verdict::True);
        assert_eq!(verdict([10.0, 12.0, 9.0]), Verdict::Depends);
        assert_eq!(verdict([9.0; 3]), Verdict::False);
    }

    #[test]
    fn what_was_not_measured_has_no_verdict() {
        assert!(Measured::of(&experiment(&[])).is_err());
    }
}
