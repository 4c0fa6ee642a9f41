//! The trial as a page: one file, no script, of the family of the report's.

use super::text::{NO_VERDICT, WANTED};
use super::{Cell, Column, Evidence, Finding, Line, Trial, Verdict};
use crate::lab::experiment::Spread;
use crate::lab::report::plot::{Bar, Plot, Shape};
use crate::lab::report::{counted, escaped};

/// The trial as HTML.
pub fn html(trial: &Trial) -> String {
    let findings: String = trial.findings.iter().map(section).collect();
    head(trial) + &findings + FOOT
}

fn head(trial: &Trial) -> String {
    let machine = &trial.machine;
    let cores = counted(machine.cores as u64, "core");
    let facts: String = [
        ("Command", format!("<code>{}</code>", escaped(&trial.command))),
        ("Machine", escaped(&format!("{}, {cores}", machine.processor))),
        ("Kernel", escaped(&machine.kernel)),
        ("Version", escaped(&machine.version)),
        ("Date", escaped(&machine.date)),
    ]
    .iter()
    .map(|(name, words)| format!("<dt>{name}</dt><dd>{words}</dd>\n"))
    .collect();
    let links: String = trial.findings.iter().map(link).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Claims about push on trial · pushscope</title>\n\
         <style>\n{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n<header class=\"top\">\n\
         <p class=\"brand\">pushscope</p>\n</header>\n<main>\n\
         <h1>Claims about push, on trial</h1>\n\
         <p class=\"lede\">What articles say about push techniques, what was measured, and the \
         verdict that follows from the figures by a rule. {}</p>\n\
         <dl class=\"facts\">\n{facts}</dl>\n\
         <nav aria-label=\"Claims\">\n<ol class=\"claims\">\n{links}</ol>\n</nav>\n",
        coded(WANTED),
    )
}

fn link(finding: &Finding) -> String {
    let Finding { number, claim, .. } = finding;
    format!(
        "<li value=\"{number}\"><a href=\"#claim-{number}\">{}</a> {}</li>\n",
        escaped(claim),
        verdict(finding),
    )
}

fn verdict(finding: &Finding) -> String {
    let word = finding.verdict.map_or(NO_VERDICT, Verdict::word);
    format!("<strong class=\"verdict\">{word}</strong>")
}

/// A claim: what was said, what was found, how to check it.
fn section(finding: &Finding) -> String {
    let Finding { number, claim, rule, reason, .. } = finding;
    let commands: String = finding
        .commands
        .iter()
        .map(|command| format!("<pre><code>{}</code></pre>\n", escaped(command)))
        .collect();
    let evidence = finding.evidence.as_ref().map(|it| answer(*number, it)).unwrap_or_default();
    format!(
        "<section id=\"claim-{number}\" aria-labelledby=\"claim-{number}-title\">\n\
         <h2 id=\"claim-{number}-title\">{number}. “{}”</h2>\n\
         <p class=\"lede\">{} {}</p>\n{evidence}\
         <p class=\"remark\">Rule: {}</p>\n{commands}</section>\n",
        escaped(claim),
        verdict(finding),
        coded(reason),
        coded(rule),
    )
}

fn answer(number: u8, evidence: &Evidence) -> String {
    let plots: String =
        (0..).zip(&evidence.drawn).filter_map(|(at, it)| plot(number, evidence, at, it)).collect();
    let plots = match plots.as_str() {
        "" => String::new(),
        plots => format!("<div class=\"plots\">\n{plots}</div>\n"),
    };
    format!("<div class=\"answer\">\n{}{plots}</div>\n", grid(number, evidence))
}

fn grid(number: u8, evidence: &Evidence) -> String {
    let heading = |column: &Column| {
        format!(
            "<th scope=\"col\">{} <span class=\"unit\">{}</span></th>",
            escaped(&column.name),
            escaped(&column.unit),
        )
    };
    let headings: String = evidence.columns.iter().map(heading).collect();
    let mut html = format!(
        "<div class=\"sideways\" role=\"region\" aria-labelledby=\"claim-{number}-caption\" \
         tabindex=\"0\">\n<table>\n<caption id=\"claim-{number}-caption\">{}</caption>\n\
         <thead><tr><th scope=\"col\">{}</th>{headings}</tr></thead>\n<tbody>\n",
        escaped(&evidence.title),
        escaped(&evidence.lines_are),
    );
    for line in &evidence.lines {
        let cells = line.cells.iter().map(|cell| format!("<td>{}</td>", escaped(&cell.words())));
        let cells: String = cells.collect();
        let name = escaped(&line.name);
        html.push_str(&format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n"));
    }
    html + "</tbody>\n</table>\n</div>\n"
}

/// Columns as bars, of the lines that have figures there; ratios between lines are none of them.
fn plot(number: u8, evidence: &Evidence, at: usize, places: &[usize]) -> Option<String> {
    let columns = places.iter().map(|place| evidence.columns.get(*place));
    let columns: Vec<&Column> = columns.collect::<Option<_>>()?;
    let series: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let unit = &columns.first()?.unit;
    let title = match &series[..] {
        [name] => format!("{name}, {unit}"),
        _ => format!("{}, {unit}", evidence.title),
    };
    let lines = evidence.lines.iter().filter(|line| !line.name.contains('÷'));
    let bar = |line| bar(line, places);
    let (id, bars) = (format!("claim-{number}-plot-{at}"), lines.filter_map(bar).collect());
    let plot = Plot { id: &id, title: &title, series: &series, shape: Shape::Grouped, bars };
    Some(plot.figure())
}

fn bar<'l>(line: &'l Line, places: &[usize]) -> Option<Bar<'l>> {
    let cells: Vec<&Cell> = places.iter().filter_map(|place| line.cells.get(*place)).collect();
    let spread =
        |cell: &&Cell| cell.figure().map(|median| Spread { median, min: median, max: median });
    let figures: Vec<Option<Spread>> = cells.iter().map(spread).collect();
    let words: Vec<String> = cells.iter().map(|cell| cell.words()).collect();
    let is_told = figures.iter().any(Option::is_some);
    is_told.then(|| Bar { label: &line.name, figures, words: words.join(" · ") })
}

/// Words with what stands between back quotes as code.
fn coded(words: &str) -> String {
    let part = |(at, part): (usize, &str)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    words.split('`').enumerate().map(part).collect()
}

const STYLE: &str = include_str!("../report/style.css");
const OWN_STYLE: &str = "
.claims { margin-top: 1.5rem; padding-left: 1.5em; }
.claims li { margin-top: .35rem; }
.verdict {
  display: inline-block;
  padding: 0 .5em;
  border: 2px solid var(--ink);
  border-radius: .25em;
  font: 600 .8125rem/1.6 var(--sans);
  letter-spacing: .06em;
  text-transform: uppercase;
  white-space: nowrap;
}
.answer { margin-bottom: 1rem; }
pre { margin: .5rem 0 0; padding: .6rem .8rem; background: var(--sheet);
  border: 1px solid var(--rule); border-radius: .25em;
  white-space: pre-wrap; overflow-wrap: anywhere; }
";
const FOOT: &str = "</main>\n<footer>\n<p>Bars begin at zero. Where the figures of a plot differ \
                    more than a hundredfold there are dots on a scale of powers of ten instead, \
                    which says so.</p>\n</footer>\n</body>\n</html>\n";

#[cfg(test)]
mod tests {
    use super::super::text::tests::trial;
    use super::*;

    #[test]
    fn every_tag_is_closed_and_nothing_is_unescaped() {
        let page = html(&trial());
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
        assert!(page.contains("it &lt;may&gt; read") && page.contains("?a=1&amp;b=2"));
    }

    #[test]
    fn figures_are_drawn_and_verdicts_are_words() {
        let page = html(&trial());
        assert!(page.contains("<svg") && page.contains("id=\"claim-1-plot-0-title\""));
        assert!(page.contains("<strong class=\"verdict\">depends</strong> Some do."));
        assert!(page.contains("<strong class=\"verdict\">no verdict</strong> 3 of 20"));
        for word in ["<script", "<link", "url(", "@import", "style=\""] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
