//! The experiment as a page: one file, no script, plots drawn here; it reads and prints offline.

use super::beside::HEADING;
use super::number::{Format, counted};
use super::plot::{Bar, Plot, Shape};
use super::table::{Cell, Line, Note, Table};
use super::text::asked;
use super::why::{FUNCTIONS, explanations};
use super::{Column, Question};
use crate::lab::experiment::Experiment;
use crate::mech::mould::LEGEND;

pub(in crate::lab) use crate::prose::escaped;

/// The experiment as HTML.
pub fn html(experiment: &Experiment) -> String {
    let tables = Question::ALL.map(|question| Table::of(experiment, question));
    let mut html = head(experiment);
    for table in &tables {
        html.push_str(&section(table));
    }
    html.push_str(&columns(&tables));
    html.push_str(&why(experiment));
    html + FOOT
}

fn head(experiment: &Experiment) -> String {
    let machine = &experiment.machine;
    let cores = counted(machine.cores as u64, "core");
    let facts: String = [
        ("Command", format!("<code>{}</code>", escaped(&experiment.settings.command))),
        ("Machine", escaped(&format!("{}, {cores}", machine.processor))),
        ("Kernel", escaped(&machine.kernel)),
        ("Version", escaped(&machine.version)),
        ("Allocator", escaped(&machine.allocator)),
        ("Date", escaped(&machine.date)),
    ]
    .iter()
    .map(|(name, words)| format!("<dt>{name}</dt><dd>{words}</dd>\n"))
    .collect();
    let links: String = Question::ALL
        .iter()
        .map(|question| format!("<a href=\"#{}\">{}</a>\n", question.name(), link(*question)))
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>What a subscriber costs · pushscope</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header class=\"top\">\n<p class=\"brand\">pushscope</p>\n\
         <nav aria-label=\"Questions\">\n{links}<a href=\"#why\">Why</a>\n</nav>\n</header>\n\
         <main>\n<h1>What does a subscriber cost?</h1>\n<p class=\"lede\">{}</p>\n\
         <dl class=\"facts\">\n{facts}</dl>\n",
        escaped(&asked(&experiment.settings)),
    )
}

/// A question in a word, where there is no room for a sentence.
const fn link(question: Question) -> &'static str {
    match question {
        Question::Open => "To open",
        Question::Quiet => "Per quiet minute",
        Question::Message => "Per message",
        Question::Close => "To close",
    }
}

/// A question: its table, its notes, its plots.
fn section(table: &Table<'_>) -> String {
    let name = table.question.name();
    let plots: String =
        charts(table.question).iter().filter_map(|chart| plot(table, chart)).collect();
    let plots = match plots.as_str() {
        "" => String::new(),
        plots => format!("<div class=\"plots\">\n{plots}</div>\n"),
    };
    let remark = match &table.remark {
        Some(remark) if !table.columns.is_empty() => {
            format!("<p class=\"remark\">{}</p>\n", escaped(remark))
        }
        _ => String::new(),
    };
    format!(
        "<section id=\"{name}\" aria-labelledby=\"{name}-title\">\n\
         <h2 id=\"{name}-title\">{}</h2>\n{remark}<div class=\"answer\">\n<div>\n{}{}{}</div>\n\
         {plots}</div>\n</section>\n",
        escaped(table.question.sentence()),
        grid(table),
        beside(table),
        notes(table),
    )
}

fn grid(table: &Table<'_>) -> String {
    let name = table.question.name();
    if table.columns.is_empty() {
        let nothing = if table.notes.is_empty() { "measured" } else { "published" };
        return format!("<p>Nothing is {nothing} here.</p>\n");
    }
    let mut html = format!(
        "<div class=\"sideways\" role=\"region\" aria-labelledby=\"{name}-caption\" \
         tabindex=\"0\">\n<table>\n<caption id=\"{name}-caption\">Figures {}</caption>\n\
         <thead><tr><th scope=\"col\">Mechanism</th>",
        table.question.per(),
    );
    for (column, _) in &table.columns {
        let unit = match column.unit() {
            "" => String::new(),
            unit => format!(" <span class=\"unit\">{unit}</span>"),
        };
        html.push_str(&format!("<th scope=\"col\">{}{unit}</th>", column.title()));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for line in &table.lines {
        html.push_str(&row(table, line));
    }
    html + "</tbody>\n</table>\n</div>\n"
}

fn row(table: &Table<'_>, line: &Line<'_>) -> String {
    let mut html = format!("<tr><th scope=\"row\"><code>{}</code></th>", escaped(line.mechanism));
    for (cell, (_, format)) in line.cells.iter().zip(&table.columns) {
        let median = cell.median(*format);
        let words = match cell {
            Cell::Figure(_) => match cell.range(*format) {
                Some(range) => {
                    format!("{} <span class=\"range\">{}</span>", escaped(&median), escaped(&range))
                }
                None => escaped(&median),
            },
            Cell::Refused(notes) => {
                let marks: String = notes.iter().map(|note| mark(table.question, *note)).collect();
                format!("<span class=\"refused\">{median}{marks}</span>")
            }
            Cell::Unmeasured => String::new(),
        };
        html.push_str(&format!("<td>{words}</td>"));
    }
    html + "</tr>\n"
}

fn mark(question: Question, note: usize) -> String {
    let name = question.name();
    format!(
        "<sup><a href=\"#{name}-note-{note}\" aria-label=\"refused, see note {note}\">{note}</a>\
         </sup>"
    )
}

fn beside(table: &Table<'_>) -> String {
    if table.beside.is_empty() {
        return String::new();
    }
    let item = |(name, words): &(&str, String)| {
        format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(words))
    };
    let items: String = table.beside.iter().map(item).collect();
    format!("<p class=\"remark\">{}</p>\n<dl class=\"facts\">\n{items}</dl>\n", escaped(HEADING))
}

fn notes(table: &Table<'_>) -> String {
    if table.notes.is_empty() {
        return String::new();
    }
    let name = table.question.name();
    let item = |(at, note): (usize, &Note<'_>)| {
        format!(
            "<li id=\"{name}-note-{}\"><code>{}</code>: {}</li>\n",
            at + 1,
            escaped(note.mechanism),
            escaped(note.reason),
        )
    };
    let items: String = table.notes.iter().enumerate().map(item).collect();
    format!("<ol class=\"notes\" aria-label=\"Why figures are refused\">\n{items}</ol>\n")
}

/// What is drawn of an answer.
struct Chart {
    name: &'static str,
    title: String,
    shape: Shape,
    series: &'static [(Column, &'static str)],
}

fn charts(question: Question) -> [Chart; 5] {
    let per = question.per();
    let chart = |name, title: String, shape, series| Chart { name, title, shape, series };
    let delay = "Delay from publishing to the kernel, µs".to_owned();
    [
        chart("bytes", format!("Bytes {per}"), Shape::Stacked, BYTES),
        chart("calls", format!("System calls {per}"), Shape::Grouped, CALLS),
        chart("memory", format!("Memory {per}, B"), Shape::Grouped, MEMORY),
        chart("cpu", format!("CPU time {per}, µs"), Shape::Grouped, CPU),
        chart("delay", delay, Shape::Grouped, DELAY),
    ]
}

/// A plot of columns that the table has; it says what the table says, and in its words.
fn plot(table: &Table<'_>, chart: &Chart) -> Option<String> {
    let columns: Vec<(Format, Vec<&Cell>)> =
        chart.series.iter().filter_map(|(column, _)| table.column(*column)).collect();
    if !columns.iter().flat_map(|(_, cells)| cells).any(|cell| cell.spread().is_some()) {
        return None;
    }
    let series: Vec<&str> = chart
        .series
        .iter()
        .filter(|(column, _)| table.column(*column).is_some())
        .map(|(_, name)| *name)
        .collect();
    let joint = if chart.shape == Shape::Stacked { " + " } else { " · " };
    let bars = table.lines.iter().enumerate().map(|(at, line)| {
        let cells: Vec<(Format, &Cell)> =
            columns.iter().filter_map(|(format, cells)| Some((*format, *cells.get(at)?))).collect();
        let mut words: Vec<String> =
            cells.iter().map(|(format, cell)| words(cell, *format)).collect();
        if cells.iter().all(|(_, cell)| cell.spread().is_none()) {
            words.dedup();
        }
        Bar {
            label: line.mechanism,
            figures: cells.iter().map(|(_, cell)| cell.spread()).collect(),
            words: words.join(joint),
        }
    });
    let id = format!("{}-{}", table.question.name(), chart.name);
    let plot = Plot {
        id: &id,
        title: &chart.title,
        series: &series,
        shape: chart.shape,
        bars: bars.collect(),
    };
    Some(plot.figure())
}

fn words(cell: &Cell, format: Format) -> String {
    match cell {
        Cell::Figure(_) => cell.median(format),
        Cell::Refused(_) => "refused".to_owned(),
        Cell::Unmeasured => "–".to_owned(),
    }
}

/// What the columns mean that occur.
fn columns(tables: &[Table<'_>]) -> String {
    let occurs = |column: &Column| tables.iter().any(|table| table.column(*column).is_some());
    let entries: String = Column::ALL
        .into_iter()
        .filter(occurs)
        .map(|column| format!("<dt>{}</dt><dd>{}</dd>\n", column.title(), column.meaning()))
        .collect();
    format!(
        "<section id=\"columns\" aria-labelledby=\"columns-title\">\n\
         <h2 id=\"columns-title\">The columns</h2>\n<dl class=\"facts\">\n{entries}</dl>\n\
         </section>\n"
    )
}

fn why(experiment: &Experiment) -> String {
    let articles: String = explanations(experiment)
        .iter()
        .map(|explanation| {
            format!(
                "<article>\n<h3>{} <code>{}</code></h3>\n<p>{}</p>\n</article>\n",
                escaped(explanation.title),
                escaped(explanation.mechanism),
                coded(&explanation.text),
            )
        })
        .collect();
    let names: String = LEGEND
        .into_iter()
        .chain(FUNCTIONS)
        .map(|(name, meaning)| {
            format!("<dt><code>{}</code></dt><dd>{}</dd>\n", escaped(name), escaped(meaning))
        })
        .collect();
    format!(
        "<section id=\"why\" aria-labelledby=\"why-title\">\n\
         <h2 id=\"why-title\">Why it costs what it costs</h2>\n<div class=\"why\">\n{articles}\
         </div>\n<dl class=\"facts\">\n{names}</dl>\n</section>\n"
    )
}

/// Words with what stands between back quotes as code.
fn coded(words: &str) -> String {
    let part = |(at, part): (usize, &str)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    words.split('`').enumerate().map(part).collect()
}

const BYTES: &[(Column, &str)] = &[(Column::DownBytes, "down"), (Column::UpBytes, "up")];
const CALLS: &[(Column, &str)] = &[(Column::Calls, "calls")];
const MEMORY: &[(Column, &str)] =
    &[(Column::Held, "held"), (Column::UserMemory, "growth of the process")];
const CPU: &[(Column, &str)] = &[(Column::Cpu, "CPU")];
const DELAY: &[(Column, &str)] = &[(Column::DelayP50, "p50"), (Column::DelayP99, "p99")];

const STYLE: &str = include_str!("style.css");

const FOOT: &str = "</main>\n<footer>\n<p>Bars begin at zero. Where the figures of a plot differ \
                    more than a hundredfold there are dots on a scale of powers of ten instead, \
                    which says so. Check them: bytes and segments with \
                    <code>ss -tin</code>, system calls with <code>strace -f -c</code>.</p>\n\
                    </footer>\n</body>\n</html>\n";

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_tag_is_closed_and_every_attribute_quoted() {
        let page = html(&sample::experiment());
        let body = page.replace(STYLE, "");
        let mut open: Vec<&str> = Vec::new();
        for tag in body.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("a tag ends");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split_whitespace().next().unwrap();
            if let Some(name) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
            } else if !tag.ends_with('/') && !["!doctype", "meta"].contains(&name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn nothing_from_outside_is_unescaped() {
        let page = html(&sample::experiment());
        assert!(page.contains("A &lt;b&gt;processor&lt;/b&gt; &amp; &quot;more&quot;, 2 cores"));
        assert!(page.contains("of at most 85 % &lt;allowed&gt;."));
        assert!(!page.contains("<b>") && !page.contains("<allowed>"));
    }

    #[test]
    fn a_refused_figure_has_its_reason_and_no_number() {
        let page = html(&sample::experiment());
        assert!(page.contains("href=\"#message-note-1\""));
        assert!(page.contains("<li id=\"message-note-1\"><code>long_poll</code>: The client was"));
        assert!(page.contains("61\u{a0}µs · refused"), "the plot says it too");
        assert!(!page.contains("1,204"));
    }

    #[test]
    fn what_was_spent_beside_is_told_below_its_table() {
        let page = html(&sample::experiment());
        assert!(page.contains("<dt>sse</dt><dd>publish: calls 2, CPU 26.9\u{a0}µs"));
        assert_eq!(page.matches(&escaped(HEADING)).count(), 1);
    }

    #[test]
    fn identifiers_are_there_once_and_what_refers_to_them_finds_them() {
        let page = html(&sample::experiment());
        let after = |mark: &str| -> Vec<String> {
            let ends = page.split(mark).skip(1).map(|rest| rest.split('"').next().unwrap());
            ends.flat_map(|ids| ids.split(' ').map(str::to_owned)).collect()
        };
        let mut ids = after(" id=\"");
        ids.sort();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
        for id in after("href=\"#").into_iter().chain(after("aria-labelledby=\"")) {
            assert!(ids.contains(&id), "{id}");
        }
    }

    #[test]
    fn the_page_needs_nothing_but_itself() {
        let page = html(&sample::experiment());
        for word in ["<script", "<link", "http:", "https:", "url(", "@import", "style=\""] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn the_colours_are_those_of_the_pages() {
        let site = include_str!("../../site/style.css");
        for line in STYLE.lines().filter(|line| line.trim_start().starts_with("--")) {
            assert!(site.contains(line.trim_start()), "{line}");
        }
    }
}
