//! The trial as text.

use super::{Claim, Evidence, Finding, Trial};
use crate::lab::report::{counted, wrapped};

/// The trial as text, for a terminal of 108 columns.
pub fn text(trial: &Trial) -> String {
    let machine = &trial.machine;
    let cores = counted(machine.cores as u64, "core");
    let mut text = wrapped(&trial.command, "  command  ", "           ");
    text.push_str(&wrapped(&format!("{}, {cores}", machine.processor), "  machine  ", INDENT));
    text.push_str(&wrapped(&machine.kernel, "  kernel   ", INDENT));
    text.push_str(&wrapped(&machine.version, "  version  ", INDENT));
    text.push_str(&wrapped(&machine.date, "  date     ", INDENT));
    text.push('\n');
    text.push_str(&wrapped(WANTED, "", ""));
    for finding in &trial.findings {
        text.push('\n');
        text.push_str(&told(finding));
    }
    text
}

/// The claims, a line each.
pub fn list() -> String {
    let line = |claim: Claim| format!("{}  {}\n", claim.number(), claim.sentence());
    Claim::ALL.map(line).concat()
}

fn told(finding: &Finding) -> String {
    let number = format!("{}. ", finding.number);
    let mut text = wrapped(&format!("“{}”", finding.claim), &number, INDENT_CLAIM);
    for command in &finding.commands {
        // Not broken: it is to be copied.
        text.push_str(&format!("{INDENT_CLAIM}$ {command}\n"));
    }
    if let Some(evidence) = &finding.evidence {
        text.push('\n');
        text.push_str(&drawn(evidence));
    }
    text.push('\n');
    let verdict = finding.verdict.map_or(NO_VERDICT, super::Verdict::word).to_uppercase();
    text.push_str(&wrapped(&finding.reason, &format!("{INDENT_CLAIM}{verdict}: "), INDENT_CLAIM));
    text.push_str(&wrapped(&finding.rule, &format!("{INDENT_CLAIM}Rule: "), INDENT_CLAIM));
    text
}

/// A table: what is compared to the left, figures to the right.
fn drawn(evidence: &Evidence) -> String {
    let names = evidence.lines.iter().map(|line| width(&line.name));
    let names = names.max().unwrap_or_default().max(width(&evidence.lines_are));
    let mut titles = format!("{:<names$}", evidence.lines_are);
    let mut units = " ".repeat(names);
    let mut rows: Vec<String> =
        evidence.lines.iter().map(|line| format!("{:<names$}", line.name)).collect();
    for (at, column) in evidence.columns.iter().enumerate() {
        let cells = evidence.lines.iter().map(|line| line.cells.get(at));
        let cells: Vec<String> =
            cells.map(|cell| cell.map(super::Cell::words).unwrap_or_default()).collect();
        let heads = [&column.name, &column.unit];
        let size = cells.iter().chain(heads).map(|cell| width(cell)).max().unwrap_or_default();
        titles.push_str(&format!("  {:>size$}", column.name));
        units.push_str(&format!("  {:>size$}", column.unit));
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.push_str(&format!("  {cell:>size$}"));
        }
    }
    let rule = "─".repeat(width(&titles));
    let mut text = format!("{INDENT_CLAIM}{}\n", evidence.title);
    for line in [titles, units].into_iter().filter(|line| !line.trim().is_empty()) {
        text.push_str(&format!("{INDENT_CLAIM}{}\n", line.trim_end()));
    }
    text.push_str(&format!("{INDENT_CLAIM}{rule}\n"));
    for row in rows {
        text.push_str(&format!("{INDENT_CLAIM}{}\n", row.trim_end()));
    }
    text
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// What the commands need that name the default port.
pub(super) const WANTED: &str = "Where a command names port 7777, `pushscope serve` is to run in \
                                 another terminal.";
/// What is said in place of a verdict.
pub(super) const NO_VERDICT: &str = "no verdict";
const INDENT: &str = "           ";
const INDENT_CLAIM: &str = "   ";

#[cfg(test)]
pub(super) mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::lab::experiment::Machine;
    use crate::lab::trial::Cell;

    /// A trial of two claims, of which one has no verdict.
    pub(in super::super) fn trial() -> Trial {
        let columns = [("down", "B"), ("it <may> read", "")];
        let evidence = Evidence::new("Bytes & more", "mechanism", &columns)
            .line("long_poll", [Cell::from(1_234.0), Cell::from("yes")])
            .line("sse", [Cell::from(12.25), Cell::Nothing])
            .drawing(&[&[0]]);
        let finding = Finding {
            number: 1,
            claim: "It costs.".to_owned(),
            rule: "True when it does.".to_owned(),
            commands: vec!["curl 'http://h/?a=1&b=2'".to_owned()],
            evidence: Some(evidence),
            verdict: Some(Verdict::Depends),
            reason: "Some do.".to_owned(),
        };
        let none = Finding {
            number: 2,
            evidence: None,
            verdict: None,
            reason: "3 of 20 deliveries are missing".to_owned(),
            ..finding.clone()
        };
        let machine = Machine {
            processor: "A processor".to_owned(),
            cores: 2,
            kernel: "Linux 6".to_owned(),
            version: "0.1.0".to_owned(),
            allocator: String::new(),
            date: "Sun, 06 Nov 1994 08:49:37 GMT".to_owned(),
        };
        let command = "pushscope trial --claims 1,2".to_owned();
        Trial { command, machine, findings: vec![finding, none] }
    }

    #[test]
    fn a_trial_is_told_whole() {
        let expected = "  command  pushscope trial --claims 1,2
  machine  A processor, 2 cores
  kernel   Linux 6
  version  0.1.0
  date     Sun, 06 Nov 1994 08:49:37 GMT

Where a command names port 7777, `pushscope serve` is to run in another terminal.

1. “It costs.”
   $ curl 'http://h/?a=1&b=2'

   Bytes & more
   mechanism   down  it <may> read
                  B
   ───────────────────────────────
   long_poll  1,234            yes
   sse         12.2              –

   DEPENDS: Some do.
   Rule: True when it does.

2. “It costs.”
   $ curl 'http://h/?a=1&b=2'

   NO VERDICT: 3 of 20 deliveries are missing
   Rule: True when it does.
";
        assert_eq!(text(&trial()), expected);
    }

    #[test]
    fn claims_are_listed_by_number() {
        let list = list();
        assert_eq!(list.lines().count(), Claim::ALL.len());
        assert!(list.ends_with("8  Parked requests waste the server's resources.\n"), "{list}");
    }
}
