//! The experiment as CSV: a line for every question, mechanism and column.
//!
//! ```text
//! question,mechanism,column,unit,median,min,max,refused
//! message,sse,down_bytes,bytes,92,92,92,
//! message,sse,cpu_us,microseconds,,,,The client was busy for 91 % of the time.
//! ```
//!
//! Every experiment has the same lines; what was not measured has no numbers, and what is refused
//! has a reason in their place. Numbers have all their digits and a point. Clause: RFC 4180 §2.

use super::table::{Cell, cell, covers, refusals};
use super::{Column, Question};
use crate::lab::experiment::{Experiment, Row};

/// The experiment in CSV, its lines ended by CRLF.
pub fn csv(experiment: &Experiment) -> String {
    let mut csv = String::from("question,mechanism,column,unit,median,min,max,refused\r\n");
    for question in Question::ALL {
        for row in &experiment.rows {
            for column in Column::ALL {
                csv.push_str(&line(row, question, column));
            }
        }
    }
    csv
}

fn line(row: &Row, question: Question, column: Column) -> String {
    let numbers = match cell(row, question, column, 1) {
        Cell::Figure(spread) => format!("{},{},{}", spread.median, spread.min, spread.max),
        Cell::Refused(_) | Cell::Unmeasured => ",,".to_owned(),
    };
    let reasons: Vec<&str> = refusals(row, question)
        .filter(|refused| covers(refused, column))
        .map(|refused| refused.reason.as_str())
        .collect();
    format!(
        "{},{},{},{},{numbers},{}\r\n",
        question.name(),
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
        assert_eq!(csv.split_terminator("\r\n").count(), 1 + 4 * 2 * Column::ALL.len());
        for line in [
            "question,mechanism,column,unit,median,min,max,refused",
            "open,long_poll,down_bytes,bytes,,,,",
            "open,sse,user_memory_bytes,bytes,1310.4,1228.8,1392,",
            "message,sse,overhead_factor,factor,1.4375,1.4375,1.4375,",
            "message,long_poll,calls,count,2.02,2,2.51,",
            "message,long_poll,cpu_us,microseconds,,,,\
             \"The client was busy for 91 % of the time, of at most 85 % <allowed>.\"",
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
