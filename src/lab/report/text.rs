//! The experiment as text, for a terminal of 110 columns.

use super::beside::HEADING;
use super::number::{Format, Precision, counted, seconds};
use super::table::{Cell, Line, Table};
use super::why::{FUNCTIONS, explanations, grouped_size};
use super::{Column, Question};
use crate::id::Kind;
use crate::lab::experiment::{Experiment, Settings};
use crate::mech::mould::LEGEND;

/// The experiment as text: where it ran, a table per question, and why it costs what it costs.
pub fn text(experiment: &Experiment) -> String {
    let mut text = front(experiment);
    let mut shown: Vec<Column> = Vec::new();
    for question in Question::ALL {
        let table = Table::of(experiment, question);
        text.push('\n');
        text.push_str(&answer(&table));
        shown.extend(table.columns.iter().map(|(column, _)| column));
    }
    text.push_str("\nColumns\n\n");
    for column in Column::ALL.into_iter().filter(|column| shown.contains(column)) {
        text.push_str(&entry(column.title(), column.meaning()));
    }
    text.push_str("\nWhy it costs what it costs\n");
    for explanation in explanations(experiment) {
        let heading = format!("\n{} ({})\n", explanation.title, explanation.mechanism);
        text.push_str(&heading);
        text.push_str(&wrapped(&explanation.text, "  ", "  "));
    }
    text.push('\n');
    for (name, meaning) in LEGEND.into_iter().chain(FUNCTIONS) {
        text.push_str(&entry(name, meaning));
    }
    text
}

/// What was asked, in words that the page shares.
pub(super) fn asked(settings: &Settings) -> String {
    let order = if settings.together { "all of them at once" } else { "one after another" };
    let runs = match settings.runs {
        0 | 1 => "One run.".to_owned(),
        runs => format!(
            "Medians of {runs} runs, with their range (least–most) where the runs differ in what \
             is written."
        ),
    };
    let quiet = match settings.quiet_us {
        0 => String::new(),
        us => format!(" nothing is published for {} s;", seconds(us)),
    };
    let asks = if settings.kinds.contains(&Kind::Poll) {
        format!(" Short polling asks every {} s.", seconds(settings.interval_us))
    } else {
        String::new()
    };
    format!(
        "{} per mechanism over loopback, {order}: they open;{quiet} {} of {} are published, {} per \
         second; they close.{asks} {runs}",
        counted(settings.subscribers.into(), "subscriber"),
        counted(settings.messages.into(), "message"),
        grouped_size(settings.size_bytes),
        rate(settings.rate_per_s),
    )
}

fn rate(per_s: f64) -> String {
    Precision::UpTo(2).format([per_s]).words(per_s)
}

fn front(experiment: &Experiment) -> String {
    let machine = &experiment.machine;
    let processor = format!("{}, {}", machine.processor, counted(machine.cores as u64, "core"));
    [
        ("command", experiment.settings.command.as_str()),
        ("machine", &processor),
        ("kernel", &machine.kernel),
        ("version", &machine.version),
        ("allocator", &machine.allocator),
        ("date", &machine.date),
        ("asked", &asked(&experiment.settings)),
    ]
    .iter()
    .map(|(name, words)| entry(name, words))
    .collect()
}

fn entry(name: &str, words: &str) -> String {
    wrapped(words, &format!("  {name:<11}"), "             ")
}

/// One question with its tables and notes.
fn answer(table: &Table<'_>) -> String {
    let mut text = format!("{}\n", table.question.sentence());
    match &table.remark {
        Some(remark) if !table.columns.is_empty() => text.push_str(&wrapped(remark, "", "")),
        _ => {}
    }
    if table.columns.is_empty() {
        let nothing = if table.notes.is_empty() { "measured" } else { "published" };
        text.push_str(&format!("\nNothing is {nothing} here.\n"));
    }
    for places in stacks(table) {
        text.push('\n');
        text.push_str(&drawn(table, &places));
    }
    if !table.beside.is_empty() {
        text.push('\n');
        text.push_str(&wrapped(HEADING, "", ""));
    }
    let names = names_width(table);
    for (name, words) in &table.beside {
        text.push_str(&wrapped(words, &format!("  {name:<names$}  "), &" ".repeat(names + 4)));
    }
    if !table.notes.is_empty() {
        text.push('\n');
    }
    for (at, note) in table.notes.iter().enumerate() {
        let mark = format!("{} ", superscript(at + 1));
        let words = format!("{}: {}", note.mechanism, note.reason);
        text.push_str(&wrapped(&words, &mark, &" ".repeat(width(&mark))));
    }
    text
}

/// The columns of each of the tables that are stacked because one would be too wide.
fn stacks(table: &Table<'_>) -> Vec<Vec<usize>> {
    let mut stacks: Vec<Vec<usize>> = Vec::new();
    for group in table.groups() {
        match stacks.last_mut() {
            Some(stack) if total(table, &[stack.as_slice(), &group].concat()) <= COLUMNS_MAX => {
                stack.extend(group);
            }
            _ => stacks.push(group),
        }
    }
    stacks
}

fn total(table: &Table<'_>, places: &[usize]) -> usize {
    let columns = places.iter().map(|at| GAP + Layout::of(table, *at).width());
    names_width(table) + columns.sum::<usize>()
}

/// One table of the columns at these places.
fn drawn(table: &Table<'_>, places: &[usize]) -> String {
    let names = names_width(table);
    let layouts: Vec<(usize, Layout)> =
        places.iter().map(|at| (*at, Layout::of(table, *at))).collect();
    let mut titles = format!("{:<names$}", "mechanism");
    let mut units = " ".repeat(names);
    for (_, layout) in &layouts {
        titles.push_str(&" ".repeat(GAP));
        titles.push_str(&layout.heading(layout.column.title()));
        units.push_str(&" ".repeat(GAP));
        units.push_str(&layout.heading(layout.column.unit()));
    }
    let rule = "─".repeat(width(&titles));
    let mut text = String::new();
    for line in [titles, units, rule] {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for line in &table.lines {
        let mut row = format!("{:<names$}", line.mechanism);
        for (at, layout) in &layouts {
            row.push_str(&" ".repeat(GAP));
            row.push_str(&layout.cell(line, *at));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text.replace('\u{a0}', " ")
}

fn names_width(table: &Table<'_>) -> usize {
    let longest = table.lines.iter().map(|line| width(line.mechanism)).max();
    longest.unwrap_or(0).max("mechanism".len())
}

/// How a column is laid out: medians end in one column, and what stands behind them starts there.
struct Layout {
    column: Column,
    format: Format,
    median: usize,
    behind: usize,
}

impl Layout {
    fn of(table: &Table<'_>, at: usize) -> Self {
        let nothing = (Column::Calls, Format::Places(0));
        let (column, format) = table.columns.get(at).copied().unwrap_or(nothing);
        let cells = || table.lines.iter().filter_map(|line| line.cells.get(at));
        let median = cells().map(|cell| width(&cell.median(format))).max().unwrap_or(0);
        let behind = cells().map(|cell| width(&behind(cell, format))).max().unwrap_or(0);
        let heading = width(column.title()).max(width(column.unit()));
        Self { column, format, median: median.max(heading), behind }
    }

    const fn width(&self) -> usize {
        self.median + self.behind
    }

    /// Headings end where the medians end.
    fn heading(&self, words: &str) -> String {
        let (median, behind) = (self.median, self.behind);
        format!("{words:>median$}{:behind$}", "")
    }

    fn cell(&self, line: &Line<'_>, at: usize) -> String {
        let Some(cell) = line.cells.get(at) else { return " ".repeat(self.width()) };
        let (median, after) = (self.median, self.behind);
        format!("{:>median$}{:<after$}", cell.median(self.format), behind(cell, self.format))
    }
}

/// What stands behind a median: its range, or the marks of its notes.
fn behind(cell: &Cell, format: Format) -> String {
    match cell {
        Cell::Figure(_) => cell.range(format).map(|range| format!(" {range}")).unwrap_or_default(),
        Cell::Refused(notes) => {
            notes.iter().map(|note| superscript(*note)).collect::<Vec<_>>().join(" ")
        }
        Cell::Unmeasured => String::new(),
    }
}

/// The words in lines, the first behind `first`, the others behind `rest`.
pub(in crate::lab) fn wrapped(words: &str, first: &str, rest: &str) -> String {
    let mut text = String::new();
    let mut line = String::from(first);
    let mut is_fresh = true;
    for word in words.split([' ', '\n']).filter(|word| !word.is_empty()) {
        if !is_fresh && width(&line) + 1 + width(word) > COLUMNS_MAX {
            text.push_str(line.trim_end());
            text.push('\n');
            line = String::from(rest);
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    (text + line.trim_end() + "\n").replace('\u{a0}', " ")
}

/// A small number, as it marks a note.
fn superscript(number: usize) -> String {
    let raise = |digit| match digit {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    };
    number.to_string().chars().map(raise).collect()
}

/// The columns that a text takes on a terminal; all that we write takes one each.
fn width(text: &str) -> usize {
    text.chars().count()
}

const COLUMNS_MAX: usize = 108;
const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn an_experiment_is_told_whole() {
        let told = text(&sample::experiment());
        assert_eq!(told, WHOLE, "{told}");
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let mut experiment = sample::experiment();
        let all = experiment.rows[1].message.cpu_us;
        experiment.rows[1].message.segments = all;
        experiment.rows[1].message.allocations = all;
        experiment.rows[1].message.user_memory_bytes = all;
        experiment.rows[1].message.kernel_memory_bytes = all;
        for line in text(&experiment).lines() {
            assert!(width(line) <= COLUMNS_MAX, "{line}");
        }
    }

    #[test]
    fn nothing_but_refusals_is_said() {
        let mut experiment = sample::experiment();
        for row in &mut experiment.rows {
            row.close = Default::default();
        }
        assert!(text(&experiment).contains("to close?\n\nNothing is measured here.\n"));
    }

    /// A file of its own, since it is as wide as a terminal.
    const WHOLE: &str = include_str!("sample.txt");
}
