//! The answer to one question as a table, before it is text or a page.

use super::Question;
use super::beside;
use super::column::{Column, Group};
use super::number::Format;
use crate::lab::experiment::{Experiment, Refused, Row, Spread};

/// The answer to one question: columns that say something, a line per mechanism, and notes.
pub(super) struct Table<'a> {
    /// What was asked.
    pub(super) question: Question,
    /// What one must know to understand the figures.
    pub(super) remark: Option<String>,
    /// The columns, each with the format of its figures.
    pub(super) columns: Vec<(Column, Format)>,
    /// A line per mechanism.
    pub(super) lines: Vec<Line<'a>>,
    /// What was spent beside these figures: a name and a line each.
    pub(super) beside: Vec<(&'a str, String)>,
    /// Why figures are not published, in the order in which cells refer to them.
    pub(super) notes: Vec<Note<'a>>,
}

/// The answers of one mechanism.
pub(super) struct Line<'a> {
    /// Its name.
    pub(super) mechanism: &'a str,
    /// A cell for each column of the table.
    pub(super) cells: Vec<Cell>,
}

/// One answer.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Cell {
    /// It was measured.
    Figure(Spread),
    /// It is not published; the notes of this number, counted from 1, say why.
    Refused(Vec<usize>),
    /// It was not measured.
    Unmeasured,
}

/// Why figures of a mechanism are not published.
pub(super) struct Note<'a> {
    /// The mechanism's name.
    pub(super) mechanism: &'a str,
    /// A sentence.
    pub(super) reason: &'a str,
}

impl<'a> Table<'a> {
    /// The answer that an experiment gives.
    pub(super) fn of(experiment: &'a Experiment, question: Question) -> Self {
        let rows = &experiment.rows;
        let shown: Vec<Column> = Column::ALL
            .into_iter()
            .filter(|column| rows.iter().any(|row| is_told(row, question, *column)))
            .collect();
        let mut notes = Vec::new();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let first = notes.len() + 1;
            notes.extend(refusals(row, question).map(|refused| Note {
                mechanism: row.mechanism.as_str(),
                reason: refused.reason.as_str(),
            }));
            let cells = shown.iter().map(|column| cell(row, question, *column, first)).collect();
            lines.push(Line { mechanism: &row.mechanism, cells });
        }
        let format = |at, column: Column| column.precision().format(written(&lines, at));
        let columns =
            shown.iter().enumerate().map(|(at, column)| (*column, format(at, *column))).collect();
        let remark = question.remark(&experiment.settings);
        let beside = match question {
            Question::Message => beside::told(experiment),
            Question::Open | Question::Quiet | Question::Close => Vec::new(),
        };
        Self { question, remark, columns, lines, beside, notes }
    }

    /// The cells of one column, with the mechanisms they belong to.
    pub(super) fn column(&self, column: Column) -> Option<(Format, Vec<&Cell>)> {
        let at = self.columns.iter().position(|(shown, _)| *shown == column)?;
        let (_, format) = self.columns.get(at)?;
        Some((*format, self.lines.iter().filter_map(|line| line.cells.get(at)).collect()))
    }

    /// The places of the columns, in runs that belong together.
    pub(super) fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<(Group, Vec<usize>)> = Vec::new();
        for (at, (column, _)) in self.columns.iter().enumerate() {
            match groups.last_mut() {
                Some((group, places)) if *group == column.group() => places.push(at),
                _ => groups.push((column.group(), vec![at])),
            }
        }
        groups.into_iter().map(|(_, places)| places).collect()
    }
}

impl Cell {
    /// The median in words; what is refused is a dash, what was not measured is nothing.
    pub(super) fn median(&self, format: Format) -> String {
        match self {
            Self::Figure(spread) => format.words(spread.median),
            Self::Refused(_) => "–".to_owned(),
            Self::Unmeasured => String::new(),
        }
    }

    /// The range in words, where the runs do not agree on what is written.
    pub(super) fn range(&self, format: Format) -> Option<String> {
        let Self::Figure(spread) = self else { return None };
        let Spread { min, max, .. } = *spread;
        let differ = format.words(min) != format.words(max);
        differ.then(|| format!("({})", format.range(min, max)))
    }

    /// The figure, where it is published.
    pub(super) const fn spread(&self) -> Option<Spread> {
        match self {
            Self::Figure(spread) => Some(*spread),
            Self::Refused(_) | Self::Unmeasured => None,
        }
    }
}

/// The answer to one question in one column; the row's notes are numbered from `first`.
pub(super) fn cell(row: &Row, question: Question, column: Column, first: usize) -> Cell {
    let notes: Vec<usize> = refusals(row, question)
        .enumerate()
        .filter(|(_, refused)| covers(refused, column))
        .map(|(at, _)| first + at)
        .collect();
    match column.of(question.figures(row)) {
        // Whatever was measured: what is refused is told by nobody.
        _ if !notes.is_empty() => Cell::Refused(notes),
        Some(spread) => Cell::Figure(spread),
        None => Cell::Unmeasured,
    }
}

/// What is refused of a mechanism's answer.
pub(super) fn refusals(row: &Row, question: Question) -> impl Iterator<Item = &Refused> {
    row.refused.iter().filter(move |refused| refused.question == question.name())
}

/// Whether a refusal is about a column.
pub(super) fn covers(refused: &Refused, column: Column) -> bool {
    refused.columns.is_empty() || refused.columns.iter().any(|name| name == column.name())
}

/// The numbers that are written in a column.
fn written(lines: &[Line<'_>], at: usize) -> impl Iterator<Item = f64> {
    let spreads = lines.iter().filter_map(move |line| line.cells.get(at)?.spread());
    spreads.flat_map(|spread| [spread.median, spread.min, spread.max])
}

/// Whether a mechanism has something to say in a column: a figure, or that it refuses this one.
fn is_told(row: &Row, question: Question, column: Column) -> bool {
    let is_named = |refused: &Refused| refused.columns.iter().any(|name| name == column.name());
    column.of(question.figures(row)).is_some() || refusals(row, question).any(is_named)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_column_that_says_nothing_is_left_out() {
        let experiment = sample::experiment();
        let shown = |question| -> Vec<&str> {
            let table = Table::of(&experiment, question);
            table.columns.iter().map(|(column, _)| column.name()).collect()
        };
        assert_eq!(shown(Question::Close), ["down_bytes", "up_bytes", "calls"]);
        assert!(shown(Question::Message).contains(&"delay_p99_us"));
        assert!(!shown(Question::Open).contains(&"delay_p99_us"));
    }

    #[test]
    fn a_refused_figure_is_not_told_even_if_it_was_measured() {
        let experiment = sample::experiment();
        let row = &experiment.rows[0];
        assert!(Column::Cpu.of(&row.message).is_some());
        assert_eq!(cell(row, Question::Message, Column::Cpu, 3), Cell::Refused(vec![3]));
        assert!(matches!(cell(row, Question::Open, Column::Cpu, 3), Cell::Figure(_)));
        assert!(matches!(cell(row, Question::Message, Column::Calls, 3), Cell::Figure(_)));
    }

    #[test]
    fn what_is_refused_as_a_whole_is_refused_in_every_column() {
        let mut experiment = sample::experiment();
        experiment.rows[1].refused.push(Refused {
            question: "message".to_owned(),
            columns: Vec::new(),
            reason: "3 of 5,000 deliveries are missing.".to_owned(),
        });
        let table = Table::of(&experiment, Question::Message);
        assert_eq!(table.notes.len(), 2);
        assert!(table.lines[1].cells.iter().all(|cell| *cell == Cell::Refused(vec![2])));
    }

    #[test]
    fn groups_tile_the_columns() {
        let experiment = sample::experiment();
        let table = Table::of(&experiment, Question::Message);
        let places: Vec<usize> = table.groups().concat();
        assert_eq!(places, (0..table.columns.len()).collect::<Vec<_>>());
        assert_eq!(table.groups().len(), 3);
    }
}
