//! Why a mechanism costs what it costs: its card's formula, and its own figures, in sentences.

use super::number::{grouped, seconds};
use super::table::{Cell, cell};
use super::{Column, Question};
use crate::id::Kind;
use crate::lab::experiment::{Experiment, Row, Settings};
use crate::mech::CARDS;
use crate::mech::mould::{Card, Cost};

/// One mechanism, explained.
pub(super) struct Explanation<'a> {
    /// The mechanism's name.
    pub(super) mechanism: &'a str,
    /// What people call it.
    pub(super) title: &'static str,
    /// Why, in sentences; formulae stand between back quotes, and spaces that must not break a
    /// line are U+00A0.
    pub(super) text: String,
}

/// An explanation of every mechanism that took part.
pub(super) fn explanations(experiment: &Experiment) -> Vec<Explanation<'_>> {
    let explain = |row| explanation(row, &experiment.settings);
    experiment.rows.iter().filter_map(explain).collect()
}

fn explanation<'a>(row: &'a Row, settings: &Settings) -> Option<Explanation<'a>> {
    let card = CARDS.iter().find(|card| card.kind.name() == row.mechanism)?;
    let sentences = [
        nature(card.kind).to_owned(),
        message(row, card, settings),
        open(row, card),
        quiet(row, card, settings),
        close(row, card.kind),
    ];
    let text = unbroken(sentences.join(" ").trim_end());
    Some(Explanation { mechanism: &row.mechanism, title: card.title, text })
}

/// What a message pays, and what it does not.
const fn nature(kind: Kind) -> &'static str {
    match kind {
        Kind::Poll => {
            "Question and answer have a head each, and most questions find nothing: \
             they are counted with the messages that they did not bring."
        }
        Kind::LongPoll => {
            "A question is parked until there is something to answer. The answer ends it, so a \
             message pays for two heads: the answer's, and the next question's."
        }
        Kind::Iframe => {
            "One document that never ends: the heads are paid once, and a message is a script \
             in a chunk of it."
        }
        Kind::XhrStream => {
            "One answer that never ends: the heads are paid once, and a message is a line of \
             JSON in a chunk of it."
        }
        Kind::Sse => {
            "One answer that never ends, without chunks: the heads are paid once, and a message \
             is a few lines of text."
        }
        Kind::WebSocket => {
            "After one handshake there are frames instead of HTTP: the heads are paid once, and \
             a message has a few bytes in front of it."
        }
    }
}

fn message(row: &Row, card: &Card, settings: &Settings) -> String {
    let of = |column| words(row, Question::Message, column);
    let factor = of(Column::OverheadFactor).map(|factor| format!("{factor} × the payload"));
    let cpu = of(Column::Cpu).map(|cpu| format!("{cpu} µs of CPU"));
    let more = [factor, cpu].into_iter().flatten().collect();
    let formula = formula(&card.costs.message);
    let size = grouped_size(settings.size_bytes);
    format!(
        "A message costs {formula}{}.",
        measured(&format!(" (of {size}: "), row, Question::Message, more)
    )
}

fn open(row: &Row, card: &Card) -> String {
    let (kind, opens_with) = (card.kind, card.opens_with);
    let formula = match kind {
        Kind::Poll => "costs the connection and a first question".to_owned(),
        Kind::LongPoll => format!(
            "costs {}, the connection, and a first question that catches up",
            formula(&card.costs.open)
        ),
        Kind::Iframe | Kind::XhrStream | Kind::Sse | Kind::WebSocket => {
            format!("costs {}, and the connection", formula(&card.costs.open))
        }
    };
    let figures = measured(" (", row, Question::Open, Vec::new());
    format!("To open ({opens_with}) {formula}{figures}.")
}

fn quiet(row: &Row, card: &Card, settings: &Settings) -> String {
    let every = seconds(card.costs.quiet_us.unwrap_or(settings.interval_us));
    let round = match card.kind {
        Kind::Poll => "a question that finds nothing",
        Kind::LongPoll => "a park that is over, and the next question,",
        Kind::Iframe | Kind::XhrStream | Kind::Sse => "a heartbeat",
        Kind::WebSocket => "a ping with its pong",
    };
    let formula = formula(&card.costs.quiet);
    let figures = measured(" (a minute: ", row, Question::Quiet, Vec::new());
    format!("While nothing happens, {round} costs {formula}, every {every} s{figures}.")
}

fn close(row: &Row, kind: Kind) -> String {
    let goodbye = match kind {
        Kind::WebSocket => "with a closing handshake",
        Kind::Poll | Kind::LongPoll | Kind::Iframe | Kind::XhrStream | Kind::Sse => {
            "without a word from the client"
        }
    };
    match measured("", row, Question::Close, Vec::new()) {
        figures if figures.is_empty() => figures,
        figures => format!("To close, {goodbye}: {}.", figures.trim_end_matches(')')),
    }
}

/// The words with spaces that do not break a line inside of formulae and before units.
fn unbroken(words: &str) -> String {
    let part = |(at, part): (usize, &str)| match at % 2 {
        0 => part.to_owned(),
        _ => part.replace(' ', "\u{a0}"),
    };
    let parts: Vec<String> = words.split('`').enumerate().map(part).collect();
    parts
        .join("`")
        .replace(" B", "\u{a0}B")
        .replace(" µs", "\u{a0}µs")
        .replace(" × ", "\u{a0}×\u{a0}")
}

/// "`i + 209` B down and `h` B up, for `read + send`".
fn formula(cost: &Cost) -> String {
    let bytes = match (cost.down, cost.up) {
        ("0", up) => format!("`{up}` B up"),
        (down, "0") => format!("`{down}` B down"),
        (down, up) => format!("`{down}` B down and `{up}` B up"),
    };
    format!("{bytes}, for `{}`", cost.calls)
}

/// The figures that belong to a formula, in parentheses that `opening` opens; nothing when there
/// are none.
fn measured(opening: &str, row: &Row, question: Question, more: Vec<String>) -> String {
    let figures: Vec<String> =
        [traffic(row, question), calls(row, question)].into_iter().flatten().chain(more).collect();
    if figures.is_empty() { String::new() } else { format!("{opening}{})", figures.join(", ")) }
}

/// "92 B down and 14 B up".
fn traffic(row: &Row, question: Question) -> Option<String> {
    let bytes = |column| {
        let words = words(row, question, column)?;
        Some(if words == "0" { "nothing".to_owned() } else { format!("{words} B") })
    };
    match (bytes(Column::DownBytes), bytes(Column::UpBytes)) {
        (Some(down), Some(up)) if down == up && down == "nothing" => Some("no bytes".to_owned()),
        (Some(down), Some(up)) => Some(format!("{down} down and {up} up")),
        (Some(down), None) => Some(format!("{down} down")),
        (None, Some(up)) => Some(format!("{up} up")),
        (None, None) => None,
    }
}

/// "1 system call".
fn calls(row: &Row, question: Question) -> Option<String> {
    let words = words(row, question, Column::Calls)?;
    let plural = if words == "1" { "" } else { "s" };
    Some(format!("{words} system call{plural}"))
}

/// A figure that is published, with the digits it needs by itself.
fn words(row: &Row, question: Question, column: Column) -> Option<String> {
    match cell(row, question, column, 1) {
        Cell::Figure(spread) => {
            Some(column.precision().format([spread.median]).words(spread.median))
        }
        Cell::Refused(_) | Cell::Unmeasured => None,
    }
}

/// A number of bytes that was asked for.
pub(super) fn grouped_size(bytes: usize) -> String {
    u32::try_from(bytes).map_or_else(|_| bytes.to_string(), |b| grouped(f64::from(b), 0)) + " B"
}

/// What stands in formulae beside the names of [`LEGEND`](crate::mech::mould::LEGEND).
pub(super) const FUNCTIONS: [(&str, &str); 3] = [
    ("hex(x)", "digits of x in base 16"),
    ("dec(x)", "digits of x in base 10"),
    ("[x > y]", "1 where that is true, else 0"),
];

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_figures_are_the_rows_own() {
        let experiment = sample::experiment();
        let [long_poll, sse] = explanations(&experiment).try_into().ok().unwrap();
        assert_eq!((sse.mechanism, sse.title), ("sse", "Server-sent events"));
        let figures = [
            "(of 64 B: 92 B down and nothing up, 1 system call, 1.44 × the payload, 3.4 µs of CPU)",
            "(181 B down and 98 B up, 4 system calls)",
            "(a minute: 8 B down and nothing up, 4 system calls)",
            "To close, without a word from the client: no bytes, 2 system calls.",
        ];
        let text = sse.text.replace('\u{a0}', " ");
        for figures in figures {
            assert!(text.contains(figures), "{figures}: {text}");
        }
        // Its CPU time is refused.
        assert!(!long_poll.text.contains("µs"), "{}", long_poll.text);
    }

    #[test]
    fn every_card_is_explained_with_its_formulae() {
        let mut experiment = sample::experiment();
        for card in CARDS {
            experiment.rows[0].mechanism = card.kind.name().to_owned();
            let explained = explanations(&experiment);
            let text = explained[0].text.replace('\u{a0}', " ");
            for formula in [card.costs.message.down, card.costs.message.calls, card.costs.quiet.up]
            {
                assert!(formula == "0" || text.contains(&format!("`{formula}`")), "{text}");
            }
            assert_eq!(text.matches('`').count() % 2, 0, "{text}");
        }
        experiment.rows[0].mechanism = "carrier_pigeon".to_owned();
        assert_eq!(explanations(&experiment).len(), 1);
    }

    #[test]
    fn without_figures_the_formulae_remain() {
        let mut experiment = sample::experiment();
        let row = &mut experiment.rows[1];
        for figures in [&mut row.open, &mut row.quiet, &mut row.message, &mut row.close] {
            *figures = Default::default();
        }
        let text = &explanations(&experiment)[1].text;
        assert!(text.ends_with("for `send`, every 15 s."), "{text}");
    }
}
