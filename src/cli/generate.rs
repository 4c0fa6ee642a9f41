//! `pushscope generate`: a table of the server's own, for documents and for other programs.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use pushscope::fault::{Ends, FAULTS, Protocol, Row, Told};
use serde_json::{Map, Value, json};

use super::{Failure, printed};

/// Prints a table that the server itself answers by
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Generate {
    #[arg(value_enum, value_name = "TABLE", hide_possible_values = true)]
    #[arg(
        help = "Which: faults, every reason for which a request is refused or a connection closed"
    )]
    table: Table,
    #[arg(long, value_name = "FORMAT", env = "PUSHSCOPE_FORMAT", hide_env = true)]
    #[arg(value_enum, default_value_t = Format::Text, hide_possible_values = true)]
    #[arg(help = "What it looks like: text, markdown or json")]
    format: Format,
}

/// A table that can be printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Table {
    /// The reason table.
    Faults,
}

/// What a table looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// A paragraph for each line, for people.
    Text,
    /// A table for a document.
    Markdown,
    /// For programs.
    Json,
}

impl Generate {
    /// Prints it.
    pub(super) fn run(self) -> Result<(), Failure> {
        let text = match (self.table, self.format) {
            (Table::Faults, Format::Text) => text(),
            (Table::Faults, Format::Markdown) => markdown(),
            (Table::Faults, Format::Json) => json(),
        };
        printed(io::stdout().write_all(text.as_bytes()))
    }
}

/// Each reason, and below it what it means, who says so, and what is told.
fn text() -> String {
    let mut text = String::new();
    for row in FAULTS {
        let clause = if row.clause.is_empty() { "a bound of this server" } else { row.clause };
        let whose = row.culprit.name();
        text.push_str(&format!("{}  ({whose}, {clause})\n    {}\n", row.name, row.message));
        let told: Vec<String> = told(row).map(|(by, told)| format!("{by}: {told}")).collect();
        let told = if told.is_empty() { untold(row).to_owned() } else { told.join(" | ") };
        text.push_str(&format!("    {}\n", told.replace('\n', ", ")));
    }
    text
}

fn markdown() -> String {
    let mut text = String::from("| Reason | What it means | Whose fault | Clause |");
    for by in Protocol::ALL {
        text.push_str(&format!(" {} |", by.name()));
    }
    text.push_str(&format!("\n|{}\n", " --- |".repeat(4 + Protocol::ALL.len())));
    for row in FAULTS {
        let (name, message, whose) = (row.name, row.message, row.culprit.name());
        let clause = if row.clause.is_empty() { "–" } else { row.clause };
        text.push_str(&format!("| `{name}` | {message} | {whose} | {clause} |"));
        for by in Protocol::ALL {
            let told = row.told(by);
            text.push_str(&match told {
                Told::Nothing => " |".to_owned(),
                Told::Words(words) => format!(" `{}` |", words.replace('\n', "` `")),
                Told::Status(_) | Told::Close(_) | Told::Cut => format!(" {told} |"),
            });
        }
        text.push('\n');
    }
    text
}

fn json() -> String {
    let rows: Vec<Value> = FAULTS.iter().map(row_json).collect();
    let text = serde_json::to_string_pretty(&rows).unwrap_or_default();
    text + "\n"
}

fn row_json(row: &Row) -> Value {
    let told: Map<String, Value> =
        told(row).map(|(by, told)| (by.to_owned(), told.to_string().into())).collect();
    json!({
        "reason": row.name,
        "culprit": row.culprit.name(),
        "ends": row.fault.ends().name(),
        "clause": (!row.clause.is_empty()).then_some(row.clause),
        "told": told,
        "message": row.message,
    })
}

/// By which protocols it is told, and how.
fn told(row: &Row) -> impl Iterator<Item = (&'static str, Told)> {
    let all = Protocol::ALL.into_iter().map(|by| (by.name(), row.told(by)));
    all.filter(|(_, told)| *told != Told::Nothing)
}

/// Why nobody is told.
const fn untold(row: &Row) -> &'static str {
    match row.fault.ends() {
        Ends::Answer => "only a client meets it, and gives up",
        _ => "the connection closes without a word",
    }
}

const EXAMPLE: &str = "\
What stands behind a protocol's name is an HTTP status, a WebSocket close code, what a stream says
before it ends, or that it is cut short, so that no client takes it for whole.

Example:
  pushscope generate faults
  pushscope generate faults --format markdown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_every_reason() {
        for text in [text(), markdown(), json()] {
            assert!(FAULTS.iter().all(|row| text.contains(row.name)), "{text}");
        }
    }

    #[test]
    fn a_reason_is_printed_with_all_that_is_told() {
        let paragraph = "\
draining  (server, RFC 9110 §15.6.4)
    The server is restarting; try again.
    http: 503 | websocket: 1001 | sse: retry: 3000 | \
         xhr_stream: {\"end\":\"drain\",\"retry\":3000} | iframe: end(\"drain\") | long_poll: 503
";
        assert!(text().contains(paragraph), "{}", text());
        let line = "| `not_found` | Nothing is at this address. | client | RFC 9110 §15.5.5 | 404 |\
                    \x20| | | | |\n";
        assert!(markdown().contains(line), "{}", markdown());
        let rows: Vec<Value> = serde_json::from_str(&json()).unwrap();
        let idle = rows.iter().find(|row| row["reason"] == "idle").unwrap();
        assert_eq!((&idle["told"], &idle["ends"]), (&json!({}), &"connection".into()));
    }

    /// A cell that held a bar would be two.
    #[test]
    fn every_line_of_markdown_has_as_many_cells_as_its_head() {
        let text = markdown();
        let cells = |line: &str| line.matches('|').count();
        let head = text.lines().next().map(cells);
        assert!(text.lines().all(|line| Some(cells(line)) == head), "{text}");
    }
}
