//! `pushscope cost`: what each mechanism costs, found out by experiment.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pushscope::clock::SECOND_US;
use pushscope::id::Kind;
use pushscope::lab::experiment::{Experiment, Pace, Settings};
use pushscope::lab::{Experimenter, LabError, Step, report};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::page::Page;
use super::value::{self, Bytes, Seconds};
use super::{Failure, printed, text};

/// Finds out by experiment what each mechanism costs, and prints a table per question
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Cost {
    /// Subscribers of each mechanism
    #[arg(long, value_name = "COUNT", env = "PUSHSCOPE_SUBSCRIBERS", hide_env = true)]
    #[arg(default_value_t = 50)]
    subscribers: u32,
    /// Messages that are published
    #[arg(long, value_name = "COUNT", env = "PUSHSCOPE_MESSAGES", hide_env = true)]
    #[arg(default_value_t = 100)]
    messages: u32,
    /// The size of a message
    #[arg(long, value_name = "BYTES", env = "PUSHSCOPE_SIZE", hide_env = true)]
    #[arg(value_parser = Bytes::parse, default_value_t = Bytes(64))]
    size: Bytes,
    /// Messages that are published per second
    #[arg(long, value_name = "PER_S", env = "PUSHSCOPE_RATE", hide_env = true)]
    #[arg(default_value_t = 50.0)]
    rate: f64,
    /// How often all of it is done; the figures are medians, and their ranges
    #[arg(long, value_name = "COUNT", env = "PUSHSCOPE_RUNS", hide_env = true)]
    #[arg(default_value_t = 1)]
    runs: u32,
    /// Mechanisms, a list or repeated; without it, all of them
    #[arg(long, value_name = "NAME", env = "PUSHSCOPE_MECHANISMS", hide_env = true)]
    #[arg(value_parser = value::kind, value_delimiter = ',')]
    mechanisms: Vec<Kind>,
    /// Has all mechanisms at once on one server, rather than one after another
    #[arg(long)]
    together: bool,
    /// How long nothing is published; 0 leaves that question out
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_QUIET", hide_env = true)]
    #[arg(value_parser = Seconds::parse, default_value_t = Seconds::from_us(4 * SECOND_US))]
    quiet: Seconds,
    /// Time between two questions of short polling
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_INTERVAL", hide_env = true)]
    #[arg(value_parser = Seconds::parse, default_value_t = Seconds::from_us(SECOND_US))]
    interval: Seconds,
    /// Prints JSON
    #[arg(long, conflicts_with_all = ["csv", "html"])]
    json: bool,
    /// Prints a line of CSV per figure
    #[arg(long, conflicts_with = "html")]
    csv: bool,
    /// Writes a page with tables and plots, too
    #[arg(long, value_name = "FILE", env = "PUSHSCOPE_HTML", hide_env = true)]
    html: Option<PathBuf>,
}

impl Cost {
    /// Does the experiment, and prints what it has found.
    pub(super) fn run(self) -> Result<(), Failure> {
        let program = env::current_exe()
            .map_err(|error| Failure::Failed(format!("the server cannot be found: {error}")))?;
        let interrupted = interruption()?;
        let mut experimenter = Experimenter::new(program, self.settings()).map_err(failed)?;
        let page = self.html.as_deref().map(Page::open).transpose()?;
        let progress = Progress::new();
        while let Some(step) = experimenter.step().map_err(failed)? {
            progress.advance(&step);
            if interrupted.load(Ordering::Relaxed) {
                // The server, which is a process of ours, ends with the experimenter.
                return Err(Failure::Failed("interrupted: nothing was found".to_owned()));
            }
        }
        progress.end();
        let experiment = experimenter.finish();
        let printed = self.print(&experiment);
        // A page and a table do not wait for each other.
        if let Some(page) = page {
            page.write(&report::html(&experiment))?;
        }
        printed?;
        match refusals(&experiment) {
            None => Ok(()),
            Some(why) => Err(Failure::Failed(why)),
        }
    }

    fn print(&self, experiment: &Experiment) -> Result<(), Failure> {
        let text = match (self.json, self.csv) {
            (true, _) => report::json(experiment),
            (_, true) => report::csv(experiment),
            _ => report::text(experiment),
        };
        printed(io::stdout().write_all(text.as_bytes()))
    }

    fn settings(&self) -> Settings {
        let named = |kind: &Kind| self.mechanisms.is_empty() || self.mechanisms.contains(kind);
        Settings {
            command: self.command(),
            kinds: Kind::ALL.into_iter().filter(named).collect(),
            subscribers: self.subscribers,
            messages: self.messages,
            size_bytes: self.size.0,
            rate_per_s: self.rate,
            runs: self.runs,
            together: self.together,
            quiet_us: self.quiet.us,
            pace: Pace::quick(self.quiet.us),
            pace_default: Pace::DEFAULT,
            interval_us: self.interval.us,
        }
    }

    /// The command line, with every flag that decides on the figures.
    fn command(&self) -> String {
        let mut command = format!(
            "pushscope cost --subscribers {} --messages {} --size {} --rate {} --runs {} \
             --quiet {} --interval {}",
            self.subscribers,
            self.messages,
            self.size,
            self.rate,
            self.runs,
            self.quiet,
            self.interval
        );
        if !self.mechanisms.is_empty() {
            let names: Vec<&str> = self.mechanisms.iter().map(|kind| kind.name()).collect();
            command.push_str(" --mechanisms ");
            command.push_str(&names.join(","));
        }
        if self.together {
            command.push_str(" --together");
        }
        command + &html_flag(self.html.as_deref())
    }
}

/// What a command line says of its page, as a shell would take it.
pub(super) fn html_flag(path: Option<&Path>) -> String {
    let Some(path) = path else { return String::new() };
    let path = text::escaped(&path.to_string_lossy());
    let is_plain = |it: char| it.is_alphanumeric() || matches!(it, '.' | '/' | '-' | '_');
    match path.chars().all(is_plain) {
        true => format!(" --html {path}"),
        false => format!(" --html '{}'", path.replace('\'', r"'\''")),
    }
}

/// A bar on the standard error, for whoever waits there.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self { bar: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{percent:>3} % [{bar:30}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar: Some(bar) }
    }

    pub(super) fn advance(&self, step: &Step) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(step.all_us);
        bar.set_position(step.done_us);
        bar.set_message(step.doing.clone());
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Becomes true when somebody wants the experiment to end.
pub(super) fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(|error| Failure::Failed(format!("signals cannot be taken: {error}")))?;
    }
    Ok(interrupted)
}

/// Which mechanisms have figures that are not published.
fn refusals(experiment: &Experiment) -> Option<String> {
    let refused: Vec<String> = experiment
        .rows
        .iter()
        .flat_map(|row| row.refused.iter().map(move |refused| (row, refused)))
        .map(|(row, refused)| {
            format!("{}, {}: {}", row.mechanism, refused.question, refused.reason)
        })
        .collect();
    (!refused.is_empty()).then(|| format!("some figures are refused: {}", refused.join("; ")))
}

fn failed(error: LabError) -> Failure {
    match error {
        LabError::Settings(why) => Failure::Usage(why),
        error => Failure::Failed(error.to_string()),
    }
}

const EXAMPLE: &str = "\
It starts servers of its own, has real subscribers come over loopback, waits, publishes, and has
them leave: the figures are the difference of the server's ledger before and after. What a quiet
minute costs is measured at a quick pace, and scaled to the default heartbeats, pings and parks. A
figure that cannot be trusted is not told, but why; the exit code is 1 then.

Example:
  pushscope cost
  pushscope cost --subscribers 500 --mechanisms sse,websocket --runs 5 --html costs.html";
