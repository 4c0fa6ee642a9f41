//! The record of what was counted, and the verdict on what is counted now.

use std::collections::BTreeMap;
use std::fmt;

/// Instructions per operation by case, and with what they were counted.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Record {
    /// The compiler, the counter and the processor.
    pub(crate) with: String,
    /// The counts.
    pub(crate) counts: BTreeMap<String, f64>,
}

impl Record {
    /// Reads what [`Record`] is displayed as.
    pub(crate) fn parse(text: &str) -> Self {
        let mut record = Self::default();
        for line in text.lines() {
            if let Some(with) = line.strip_prefix(WITH) {
                record.with = with.to_owned();
            }
            let counted = line.rsplit_once(' ').filter(|_| !line.starts_with('#'));
            if let Some((name, count)) = counted
                && let Ok(count) = count.parse()
            {
                record.counts.insert(name.trim_end().to_owned(), count);
            }
        }
        record
    }

    /// By how much a count may differ, as a part of it.
    pub(crate) fn tolerance(&self, now: &Self) -> f64 {
        if self.with == now.with { TOLERANCE } else { TOLERANCE_ELSEWHERE }
    }

    /// By which part of what is recorded a case costs more now; none if it is not recorded.
    pub(crate) fn change(&self, name: &str, count: f64) -> Option<f64> {
        self.counts.get(name).map(|recorded| count / recorded - 1.0)
    }

    /// What is said about the counts now: a line for each that differs by too much.
    pub(crate) fn judge(&self, now: &Self) -> Vec<String> {
        let tolerance = self.tolerance(now);
        let mut findings = Vec::new();
        for (name, count) in &now.counts {
            match self.change(name, *count) {
                None => findings.push(format!("{name}: not in the record")),
                Some(change) if change > tolerance => {
                    findings.push(format!("{name}: {:.1} % dearer", 100.0 * change));
                }
                Some(change) if change < -tolerance => {
                    let part = -100.0 * change;
                    findings.push(format!("{name}: {part:.1} % cheaper, and the record is old"));
                }
                Some(_) => {}
            }
        }
        findings
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Instructions per operation, renewed by benches/count --renew")?;
        writeln!(f, "{WITH}{}", self.with)?;
        let width = self.counts.keys().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, count) in &self.counts {
            writeln!(f, "{name:width$} {count:>10.1}")?;
        }
        Ok(())
    }
}

/// What must fail does, and nothing else.
pub(crate) fn rehearse() {
    let record = |with: &str, count| {
        let counts = BTreeMap::from([("a case, 64 B".to_owned(), count)]);
        Record { with: with.to_owned(), counts }
    };
    let recorded = record("rustc 1", 1_000.0);
    assert_eq!(Record::parse(&recorded.to_string()), recorded);
    for (with, count, fails) in [
        ("rustc 1", 1_000.0, false),
        ("rustc 1", 1_019.0, false),
        ("rustc 1", 1_021.0, true),
        ("rustc 1", 979.0, true),
        ("rustc 2", 1_149.0, false),
        ("rustc 2", 1_151.0, true),
        ("rustc 2", 849.0, true),
    ] {
        let findings = recorded.judge(&record(with, count));
        assert_eq!(!findings.is_empty(), fails, "{with} {count}: {findings:?}");
    }
    assert!(!Record::default().judge(&recorded).is_empty(), "it is not in the record");
}

/// With the same compiler, counter and processor.
const TOLERANCE: f64 = 0.02;
/// With others, which make other instructions of the same program.
const TOLERANCE_ELSEWHERE: f64 = 0.15;
const WITH: &str = "# with ";
