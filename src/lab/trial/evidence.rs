//! The figures of a claim as a table, and where they come from.

use serde::Serialize;

use super::{Mistrial, Verdict};
use crate::id::Kind;
use crate::lab::experiment::{Experiment, Row};
use crate::lab::report::{self, Question, grouped};

/// The figures of a claim: a small table, and which of its columns plots show.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Evidence {
    /// What the figures are about.
    pub title: String,
    /// What the lines are.
    pub lines_are: String,
    /// What is said of each line.
    pub columns: Vec<Column>,
    /// A line for each of the things that are compared.
    pub lines: Vec<Line>,
    /// What is drawn: for each plot, the places of one column or two.
    #[serde(skip)]
    pub drawn: Vec<&'static [usize]>,
}

/// A column of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Column {
    /// What it tells.
    pub name: String,
    /// In which unit; empty for words.
    pub unit: String,
}

/// A line of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Line {
    /// Whose figures these are.
    pub name: String,
    /// A cell per column.
    pub cells: Vec<Cell>,
}

/// What stands in a column.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// A figure.
    Figure(f64),
    /// Words, where no figure can say it.
    Words(String),
    /// Nothing: there is none.
    Nothing,
}

/// What a claim that was tried has come to.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Outcome {
    pub(super) evidence: Evidence,
    pub(super) verdict: Verdict,
    pub(super) reason: String,
}

impl Evidence {
    /// A table without lines yet; a column is a name and a unit.
    pub(super) fn new(title: impl Into<String>, lines_are: &str, columns: &[(&str, &str)]) -> Self {
        let column = |(name, unit): &(&str, &str)| Column {
            name: (*name).to_owned(),
            unit: (*unit).to_owned(),
        };
        Self {
            title: title.into(),
            lines_are: lines_are.to_owned(),
            columns: columns.iter().map(column).collect(),
            lines: Vec::new(),
            drawn: Vec::new(),
        }
    }

    /// One line more.
    pub(super) fn line(mut self, name: impl Into<String>, cells: impl Into<Vec<Cell>>) -> Self {
        self.lines.push(Line { name: name.into(), cells: cells.into() });
        self
    }

    /// Has these columns drawn, one or two in each plot.
    pub(super) fn drawing(mut self, plots: &[&'static [usize]]) -> Self {
        self.drawn = plots.to_vec();
        self
    }
}

impl Cell {
    /// The figure, if it is one.
    pub(super) const fn figure(&self) -> Option<f64> {
        match self {
            Self::Figure(figure) => Some(*figure),
            Self::Words(_) | Self::Nothing => None,
        }
    }

    /// What is written.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Figure(figure) => written(*figure),
            Self::Words(words) => words.clone(),
            Self::Nothing => "–".to_owned(),
        }
    }
}

impl From<f64> for Cell {
    fn from(figure: f64) -> Self {
        Self::Figure(figure)
    }
}

impl From<&str> for Cell {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

impl From<Option<f64>> for Cell {
    fn from(figure: Option<f64>) -> Self {
        figure.map_or(Self::Nothing, Self::Figure)
    }
}

/// A figure with about three digits that mean something, and none behind the point of a whole one.
pub(super) fn written(figure: f64) -> String {
    let digits = match figure.abs() {
        _ if (figure - figure.round()).abs() < 1e-6 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    grouped(figure, digits)
}

/// The figure of a mechanism that answers a question of the experiment.
///
/// # Errors
/// Why it is refused, or that it was not measured.
pub(super) fn figure(
    experiment: &Experiment,
    kind: Kind,
    question: Question,
    column: report::Column,
) -> Result<f64, Mistrial> {
    let unmeasured =
        || Mistrial::new(format!("{} of {} was not measured", column.name(), kind.name()));
    let is_its = |row: &&Row| row.mechanism == kind.name();
    let row = experiment.rows.iter().find(is_its).ok_or_else(unmeasured)?;
    if let Some(refused) = row.refused.iter().find(|it| it.covers(question.name(), column)) {
        return Err(Mistrial::new(format!("{}: {}", kind.name(), refused.reason)));
    }
    column.of(question.figures(row)).map(|spread| spread.median).ok_or_else(unmeasured)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::lab::experiment::{Beside, Figures, Machine, Refused, Spread};

    /// An experiment in which each of these mechanisms has such figures: bytes down, calls and
    /// CPU, of a message and of a quiet minute.
    pub(in super::super) fn experiment(rows: &[(Kind, [f64; 3], [f64; 3])]) -> Experiment {
        let spread = |median| Some(Spread { median, min: median, max: median });
        let figures = |[down, calls, cpu]: [f64; 3]| Figures {
            down_bytes: spread(down),
            up_bytes: spread(0.0),
            calls: spread(calls),
            cpu_us: spread(cpu),
            ..Figures::default()
        };
        let row = |(kind, message, quiet): &(Kind, [f64; 3], [f64; 3])| Row {
            mechanism: kind.name().to_owned(),
            open: Figures::default(),
            quiet: figures(*quiet),
            message: figures(*message),
            beside: Beside::default(),
            close: Figures::default(),
            refused: Vec::new(),
        };
        let rows = rows.iter().map(row).collect();
        Experiment { settings: super::super::settings(), machine: Machine::here(false), rows }
    }

    #[test]
    fn a_figure_is_as_fine_as_it_has_to_be() {
        let cases = [(3.0, "3"), (1_234.5, "1,234"), (12.34, "12.3"), (0.126, "0.13")];
        for (figure, words) in cases {
            assert_eq!(written(figure), words);
        }
        assert_eq!(Cell::Nothing.words(), "–");
        assert_eq!(Cell::from("a").words(), "a");
    }

    #[test]
    fn what_is_refused_is_no_figure() {
        let mut experiment = experiment(&[(Kind::Sse, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0])]);
        let cpu = |experiment: &Experiment, kind| {
            figure(experiment, kind, Question::Message, report::Column::Cpu)
        };
        assert_eq!(cpu(&experiment, Kind::Sse), Ok(3.0));
        assert!(cpu(&experiment, Kind::Poll).is_err());
        experiment.rows[0].refused.push(Refused::all("message", "3 are missing".to_owned()));
        assert_eq!(cpu(&experiment, Kind::Sse), Err(Mistrial::new("sse: 3 are missing")));
        let quiet = figure(&experiment, Kind::Sse, Question::Quiet, report::Column::Calls);
        assert_eq!(quiet, Ok(5.0));
    }
}
