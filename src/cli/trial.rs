//! `pushscope trial`: what articles say about push techniques, put to the test.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use pushscope::lab::LabError;
use pushscope::lab::trial::{self, Claim, Trier};

use super::cost::{Progress, html_flag, interruption};
use super::page::Page;
use super::{Failure, printed};

/// Puts what articles say about push techniques to the test: figures, and a verdict on each claim
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Trial {
    /// Numbers of claims, a list or repeated; without it, all of them
    #[arg(long, value_name = "NUMBER", env = "PUSHSCOPE_CLAIMS", hide_env = true)]
    #[arg(value_parser = claim, value_delimiter = ',')]
    claims: Vec<Claim>,
    /// Prints the claims, and tries none
    #[arg(long, conflicts_with_all = ["json", "html"])]
    list: bool,
    /// Prints JSON
    #[arg(long, conflicts_with = "html")]
    json: bool,
    /// Writes a page with tables and plots, too
    #[arg(long, value_name = "FILE", env = "PUSHSCOPE_HTML", hide_env = true)]
    html: Option<PathBuf>,
}

impl Trial {
    /// Tries the claims, and prints what was found.
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.list {
            return printed(io::stdout().write_all(trial::list().as_bytes()));
        }
        let program = env::current_exe()
            .map_err(|error| Failure::Failed(format!("the server cannot be found: {error}")))?;
        let interrupted = interruption()?;
        let mut trier = Trier::new(program, self.command(), self.claims()).map_err(failed)?;
        let page = self.html.as_deref().map(Page::open).transpose()?;
        let progress = Progress::new();
        while let Some(step) = trier.step() {
            progress.advance(&step);
            if interrupted.load(Ordering::Relaxed) {
                // The servers, which are processes of ours, end with the trial.
                return Err(Failure::Failed("interrupted: nothing was found".to_owned()));
            }
        }
        progress.end();
        let trial = trier.finish();
        let printed = self.print(&trial);
        // A page and a table do not wait for each other.
        if let Some(page) = page {
            page.write(&trial::html(&trial))?;
        }
        printed?;
        match without_verdict(&trial) {
            None => Ok(()),
            Some(why) => Err(Failure::Failed(why)),
        }
    }

    fn print(&self, trial: &trial::Trial) -> Result<(), Failure> {
        let text = if self.json { trial::json(trial) } else { trial::text(trial) };
        printed(io::stdout().write_all(text.as_bytes()))
    }

    fn claims(&self) -> &[Claim] {
        if self.claims.is_empty() { &Claim::ALL } else { &self.claims }
    }

    /// The command line, with the flag that decides on the findings.
    fn command(&self) -> String {
        let numbers: Vec<String> =
            self.claims.iter().map(|claim| claim.number().to_string()).collect();
        let command = match numbers.is_empty() {
            true => "pushscope trial".to_owned(),
            false => format!("pushscope trial --claims {}", numbers.join(",")),
        };
        command + &html_flag(self.html.as_deref())
    }
}

fn claim(text: &str) -> Result<Claim, String> {
    let claim = text.parse().ok().and_then(Claim::numbered);
    claim.ok_or_else(|| format!("a number from 1 to {}, as --list tells them", Claim::ALL.len()))
}

/// Which claims have no verdict.
fn without_verdict(trial: &trial::Trial) -> Option<String> {
    let without = trial.findings.iter().filter(|finding| finding.verdict.is_none());
    let told: Vec<String> =
        without.map(|finding| format!("claim {}: {}", finding.number, finding.reason)).collect();
    (!told.is_empty()).then(|| format!("there is no verdict: {}", told.join("; ")))
}

fn failed(error: LabError) -> Failure {
    match error {
        LabError::Settings(why) => Failure::Usage(why),
        error => Failure::Failed(error.to_string()),
    }
}

const EXAMPLE: &str = "\
It starts servers of its own, and measures over loopback. Each verdict follows from the figures by a
rule that is told with it. Where a Chromium is found, its EventSource is measured, too. A claim that
cannot be measured has no verdict; the exit code is 1 then.

Example:
  pushscope trial --list
  pushscope trial --claims 1,4
  pushscope trial --html trial.html";
