//! Claim 3: iframe streaming is a load for the server.

use super::evidence::{Cell, Evidence, Outcome, figure, written};
use super::{Brief, Mistrial, Verdict};
use crate::id::Kind;
use crate::lab::experiment::Experiment;
use crate::lab::report::{Column, Question};

pub(super) const BRIEF: Brief = Brief {
    sentence: "Iframe streaming causes significant server load.",
    rule: "CPU time, system calls and bytes, of a message and of a quiet minute, are set against \
           those of server-sent events in the same run; more than twice as much is significant: \
           true when all six are, false when none is.",
    commands: &["pushscope cost --mechanisms iframe,sse,websocket --together --runs 3"],
    us: 0,
};

/// What each of the three streams costs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Measured {
    iframe: [f64; FIGURES.len()],
    sse: [f64; FIGURES.len()],
    websocket: [f64; FIGURES.len()],
}

impl Measured {
    /// Reads the experiment.
    pub(super) fn of(experiment: &Experiment) -> Result<Self, Mistrial> {
        let of = |kind| -> Result<[f64; FIGURES.len()], Mistrial> {
            let mut found = [0.0; FIGURES.len()];
            for (place, (question, column, ..)) in found.iter_mut().zip(FIGURES) {
                *place = figure(experiment, kind, question, column)?;
            }
            Ok(found)
        };
        let (iframe, sse) = (of(Kind::Iframe)?, of(Kind::Sse)?);
        Ok(Self { iframe, sse, websocket: of(Kind::WebSocket)? })
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns = FIGURES.map(|(_, _, name, unit)| (name, unit));
        let title = "An iframe beside the other streams, all on one server";
        let to_sse = ratios(&self.iframe, &self.sse);
        let cells = |figures: &[f64; FIGURES.len()]| figures.map(Cell::from);
        let evidence = Evidence::new(title, "stream", &columns)
            .drawing(&[&[0], &[2], &[3], &[5]])
            .line("iframe", cells(&self.iframe))
            .line("sse", cells(&self.sse))
            .line("websocket", cells(&self.websocket))
            .line("iframe ÷ sse", to_sse.map(Cell::from))
            .line("iframe ÷ websocket", ratios(&self.iframe, &self.websocket).map(Cell::from));
        let told = FIGURES.iter().zip(to_sse).filter_map(|((.., name, _), ratio)| {
            let ratio = ratio?;
            Some((format!("{name} ({}×)", written(ratio)), ratio))
        });
        let (heavy, light): (Vec<_>, Vec<_>) = told.partition(|(_, ratio)| *ratio > SIGNIFICANT);
        let verdict = Verdict::of(heavy.len(), heavy.len() + light.len());
        let most = to_sse.into_iter().flatten().fold(0.0, f64::max);
        let most = written(most);
        let reason = match verdict {
            Verdict::True => {
                format!("Everything takes more than twice as much, up to {most} times.")
            }
            Verdict::False => format!(
                "Nothing takes more than {most} times what server-sent events take: for the \
                 server it is one more answer that does not end, with a few more bytes around \
                 each message."
            ),
            Verdict::Depends => format!(
                "More than twice what server-sent events take is spent on {}; not so on {}.",
                named(&heavy),
                named(&light)
            ),
        };
        Outcome { evidence, verdict, reason }
    }
}

/// "bytes/message (2.01×), calls/message (1×)".
fn named(told: &[(String, f64)]) -> String {
    told.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// How many times as much; none where the other is nothing.
fn ratios(ours: &[f64; 6], theirs: &[f64; 6]) -> [Option<f64>; 6] {
    let mut ratios = [None; 6];
    for (ratio, (ours, theirs)) in ratios.iter_mut().zip(ours.iter().zip(theirs)) {
        *ratio = (*theirs > 0.0).then(|| ours / theirs);
    }
    ratios
}

const SIGNIFICANT: f64 = 2.0;
/// What is compared.
const FIGURES: [(Question, Column, &str, &str); 6] = [
    (Question::Message, Column::Cpu, "CPU/message", "µs"),
    (Question::Message, Column::Calls, "calls/message", "count"),
    (Question::Message, Column::DownBytes, "bytes/message", "B"),
    (Question::Quiet, Column::Cpu, "CPU/minute", "µs"),
    (Question::Quiet, Column::Calls, "calls/minute", "count"),
    (Question::Quiet, Column::DownBytes, "bytes/minute", "B"),
];

#[cfg(test)]
mod tests {
    use super::super::evidence::tests::experiment;
    use super::*;

    /// The verdict when an iframe's message and quiet minute cost so many times those of SSE.
    fn verdict(message: [f64; 3], quiet: [f64; 3]) -> Verdict {
        let rows = [
            (Kind::Iframe, message, quiet),
            (Kind::Sse, [1.0; 3], [1.0; 3]),
            (Kind::WebSocket, [1.0; 3], [1.0; 3]),
        ];
        let outcome = Measured::of(&experiment(&rows)).unwrap().outcome();
        assert_eq!(outcome.evidence.lines.len(), 5);
        outcome.verdict
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        assert_eq!(verdict([1.9; 3], [2.0; 3]), Verdict::False);
        assert_eq!(verdict([1.9, 1.0, 2.1], [2.0; 3]), Verdict::Depends);
        assert_eq!(verdict([2.1; 3], [9.0; 3]), Verdict::True);
    }

    #[test]
    fn without_a_stream_there_is_no_verdict() {
        let experiment = experiment(&[(Kind::Sse, [1.0; 3], [1.0; 3])]);
        let mistrial = Measured::of(&experiment).unwrap_err();
        assert_eq!(mistrial.to_string(), "cpu_us of iframe was not measured");
    }
}
