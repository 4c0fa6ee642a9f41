//! What messages cost beside the mechanisms' own accounts, in words.

use super::Question;
use super::column::Column;
use super::table::{Cell, covers, refusals};
use crate::lab::experiment::{Beside, Experiment, Row, Spent, Spread};

/// The accounts of [`Beside`], by their names in the ledger.
pub(super) const ACCOUNTS: [&str; 2] = ["publish", "loop"];
/// The columns of an account.
pub(super) const COLUMNS: [Column; 2] = [Column::Calls, Column::Cpu];
/// What the lines below it are.
pub(super) const HEADING: &str = "Beside these figures, on accounts of their own, one message took \
                                  for all subscribers together: its publisher's request \
                                  (publish), and waiting, accepting and housekeeping (loop).";

/// A name and a line for each mechanism; a single one for all of them when they came together.
pub(super) fn told(experiment: &Experiment) -> Vec<(&str, String)> {
    let rows = experiment.rows.iter().map(|row| (row.mechanism.as_str(), words(row)));
    let mut told: Vec<(&str, String)> = rows.filter(|(_, words)| !words.is_empty()).collect();
    if experiment.settings.together {
        told.truncate(1);
        told.iter_mut().for_each(|(name, _)| *name = "all");
    }
    told
}

/// What may be told of a mechanism: a column that is refused of its messages is refused here.
pub(super) fn published(row: &Row) -> Beside {
    let is_refused =
        |column| refusals(row, Question::Message).any(|refused| covers(refused, column));
    let published = |spent: Spent| Spent {
        calls: spent.calls.filter(|_| !is_refused(Column::Calls)),
        cpu_us: spent.cpu_us.filter(|_| !is_refused(Column::Cpu)),
    };
    let Beside { publish, r#loop } = row.beside;
    Beside { publish: published(publish), r#loop: published(r#loop) }
}

/// The figures of both accounts, in the order of [`ACCOUNTS`] and [`COLUMNS`].
pub(super) const fn figures(beside: Beside) -> [[Option<Spread>; 2]; 2] {
    let Beside { publish, r#loop } = beside;
    [[publish.calls, publish.cpu_us], [r#loop.calls, r#loop.cpu_us]]
}

/// "publish: calls 2, CPU 26.9 µs · loop: calls 1.10, CPU 9.8 µs".
fn words(row: &Row) -> String {
    let account = |(name, figures): (&str, [Option<Spread>; 2])| {
        let figures = COLUMNS.into_iter().zip(figures);
        let told = figures.filter_map(|(column, spread)| Some(figure(column, spread?)));
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| format!("{name}: {}", told.join(", ")))
    };
    let accounts = ACCOUNTS.into_iter().zip(figures(published(row)));
    accounts.filter_map(account).collect::<Vec<_>>().join(" · ")
}

/// "CPU 26.9 µs (20.0–30.1)".
fn figure(column: Column, spread: Spread) -> String {
    let format = column.precision().format([spread.median, spread.min, spread.max]);
    let cell = Cell::Figure(spread);
    let unit = match column {
        Column::Cpu => "\u{a0}µs",
        _ => "",
    };
    let range = cell.range(format).map(|range| format!(" {range}")).unwrap_or_default();
    format!("{} {}{unit}{range}", column.title(), cell.median(format))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn one_after_another_each_has_its_own() {
        let experiment = sample::experiment();
        let told = told(&experiment);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], ("long_poll", "publish: calls 2 · loop: calls 1.10".to_owned()));
        let sse =
            "publish: calls 2, CPU 26.9\u{a0}µs (25.0–30.1) · loop: calls 1.10, CPU 9.8\u{a0}µs";
        assert_eq!(told[1], ("sse", sse.to_owned()));
    }

    #[test]
    fn together_they_have_one() {
        let mut experiment = sample::experiment();
        experiment.settings.together = true;
        let told = told(&experiment);
        assert_eq!(told.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["all"]);
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        let mut experiment = sample::experiment();
        experiment.rows.iter_mut().for_each(|row| row.beside = Beside::default());
        assert_eq!(told(&experiment), []);
    }
}
