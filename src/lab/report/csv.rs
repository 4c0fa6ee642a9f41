//! The experiment as CSV: a line for every question, mechanism and column.
//!
//! ```text
//! question,mechanism,column,unit,median,min,max,refused
//! message,sse,down_bytes,bytes,92,92,92,
//! message,sse,cpu_us,microseconds,,,,The client was busy for 91 % of the time.
//! ```
//!
//! Behind the questions stands what a message took on accounts that are no mechanism's, as
//! `message_publish` and `message_loop`.
//!
//! Every experiment has the same lines; what was not measured has no numbers, and what is refused
//! has a reason in their place. Numbers have all their digits and a point; delays, which are
//! known to two digits, have zeros behind these. Clause: RFC 4180 §2.

use super::beside::{ACCOUNTS, COLUMNS, figures, published};
use super::number::{Precision, two_digits};
use super::table::{Cell, cell, covers, refusals};
use super::{Column, Question};
use crate::lab::experiment::{Experiment, Row, Spread};

/// The experiment in CSV, its lines ended by CRLF.
pub fn csv(experiment: &Experiment) -> String {
    let mut csv = String::from("question,mechanism,column,unit,median,min,max,refused\r\n");
    for question in Question::ALL {
        for row in &experiment.rows {
            for column in Column::ALL {
                let spread = match cell(row, question, column, 1) {
                    Cell::Figure(spread) => Some(spread),
                    Cell::Refused(_) | Cell::Unmeasured => None,
                };
                csv.push_str(&line(question.name(), row, question, column, spread));
            }
        }
    }
    for row in &experiment.rows {
        for (account, figures) in ACCOUNTS.into_iter().zip(figures(published(row))) {
            let name = format!("message_{account}");
            for (column, spread) in COLUMNS.into_iter().zip(figures) {
                csv.push_str(&line(&name, row, Question::Message, column, spread));
            }
        }
    }
    csv
}

/// A line; what is refused of `question` is refused in it.
fn line(
    name: &str,
    row: &Row,
    question: Question,
    column: Column,
    spread: Option<Spread>,
) -> String {
    let known = |number| match column.precision() {
        Precision::Time => two_digits(number),
        Precision::Always(_) | Precision::UpTo(_) => number,
    };
    let numbers = match spread {
        Some(Spread { median, min, max }) => {
            format!("{},{},{}", known(median), known(min), known(max))
        }
        None => ",,".to_owned(),
    };
    let reasons: Vec<&str> = refusals(row, question)
        .filter(|refused| covers(refused, column))
        .map(|refused| refused.reason.as_str())
        .collect();
    format!(
        "{name},{},{},{},{numbers},{}\r\n",
        quoted(&row.mechanism),
        column.name(),
        column.unit_name(),
        quoted(&reasons.join(" ")),
    )
}

/// A field; in quotes where it has to be.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_question_mechanism_and_column_has_a_line() {
        let experiment = sample::experiment();
        let csv = csv(&experiment);
        assert_eq!(csv.split_terminator("\r\n").count(), 1 + 4 * 2 * Column::ALL.len() + 2 * 4);
        for line in [
            "question,mechanism,column,unit,median,min,max,refused",
            "open,long_poll,down_bytes,bytes,,,,",
            "open,sse,user_memory_bytes,bytes,1310.4,1228.8,1392,",
            "message,sse,overhead_factor,factor,1.4375,1.4375,1.4375,",
            "message,long_poll,calls,count,2.02,2,2.51,",
            "message,long_poll,cpu_us,microseconds,,,,\
             \"The client was busy for 91 % of the time, of at most 85 % <allowed>.\"",
            "message,sse,delay_p99_us,microseconds,110,99,160,",
            "message_publish,sse,cpu_us,microseconds,26.9,25,30.1,",
            "message_loop,sse,calls,count,1.1,1.1,1.1,",
        ] {
            assert!(csv.split_terminator("\r\n").any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn a_field_is_quoted_where_it_has_to_be() {
        assert_eq!(quoted("plain <text>"), "plain <text>");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a \"b\"\n"), "\"a \"\"b\"\"\n\"");
    }
}
