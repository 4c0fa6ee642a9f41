//! `pushscope ledger`: what each mechanism has cost, as tables.

use std::io::{self, IsTerminal, Write};
use std::thread;

use clap::Args;
use pushscope::client::{Address, ClientError, Ledger, StatementOptions, ledger};
use pushscope::id::Id;
use pushscope::statement::{Receipt, Statement};

use super::statement::{describe, describe_receipt};
use super::table::Screen;
use super::value::{Seconds, Server};
use super::{Failure, printed, tell, text};

/// Prints what each mechanism has cost: bytes, system calls, CPU, time, memory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Read {
    /// The server: http://host:port
    #[arg(value_name = "URL", value_parser = Address::parse)]
    url: Option<Address>,
    #[command(flatten)]
    server: Server,
    /// Only what has come since this snapshot, as an earlier statement named it
    #[arg(long, value_name = "SNAPSHOT")]
    since: Option<String>,
    /// Asks the kernel about every open connection too
    #[arg(long)]
    kernel: bool,
    /// Prints again and again what has come meanwhile
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_WATCH", hide_env = true)]
    #[arg(value_parser = Seconds::parse)]
    watch: Option<Seconds>,
    /// What this one message has cost instead
    #[arg(long, num_args = 2, value_names = ["CHANNEL", "ID"])]
    #[arg(conflicts_with_all = ["since", "kernel", "watch"])]
    receipt: Option<Vec<String>>,
    /// Prints the server's own JSON, on one line
    #[arg(long)]
    json: bool,
}

impl Read {
    /// Prints what was asked for.
    pub(super) fn run(self) -> Result<(), Failure> {
        let address = self.url.as_ref().unwrap_or(&self.server.to);
        let address = &self.server.show(address.clone())?;
        match (&self.receipt, self.watch) {
            (Some(words), _) => self.print_receipt(address, words),
            (None, Some(Seconds { us: 0 })) => {
                Err(Failure::Usage("--watch takes a time of more than 0 seconds".to_owned()))
            }
            (None, Some(interval)) => self.watch(address, interval),
            (None, None) => {
                let mut ledger = Ledger::open(address)?;
                let (statement, json) = self.ask(&mut ledger, self.since.as_deref())?;
                let footer = next(&statement, address);
                self.print(&json, || describe(&statement, address, screen()) + &footer)
            }
        }
    }

    /// Prints what there is, and then what has come since the last time, until it is interrupted.
    fn watch(&self, address: &Address, interval: Seconds) -> Result<(), Failure> {
        let mut ledger = Ledger::open(address)?;
        let mut since = self.since.clone();
        let clear = if screen() == Screen::Terminal { CLEAR } else { "" };
        loop {
            let (statement, json) = match self.ask(&mut ledger, since.as_deref()) {
                Err(ClientError::Refused(refused))
                    if refused.reason == SNAPSHOT_UNKNOWN
                        && since.is_some()
                        && since != self.since =>
                {
                    tell("the last snapshot has given way to others: all since the server began");
                    since = None;
                    continue;
                }
                asked => asked?,
            };
            self.print(&json, || format!("{clear}{}\n", describe(&statement, address, screen())))?;
            since = Some(statement.snapshot);
            thread::sleep(interval.duration());
        }
    }

    fn print_receipt(&self, address: &Address, words: &[String]) -> Result<(), Failure> {
        let [channel, id] = words else {
            return Err(Failure::Usage("--receipt takes a channel and an id".to_owned()));
        };
        let id = Id::parse(id).ok_or_else(|| {
            Failure::Usage(format!("{id} is no message's id: pub prints it, such as 7-1"))
        })?;
        let json = Ledger::open(address)?.receipt_json(channel, id)?;
        let receipt: Receipt = ledger::parse(&json)?;
        self.print(&json, || describe_receipt(&receipt, screen()))
    }

    fn ask(
        &self,
        ledger: &mut Ledger,
        since: Option<&str>,
    ) -> Result<(Statement, String), ClientError> {
        let json = ledger.statement_json(StatementOptions { since, kernel_open: self.kernel })?;
        Ok((ledger::parse(&json)?, json))
    }

    fn print(&self, json: &str, describe: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = if self.json { text::json_line(json) } else { describe() };
        let mut out = io::stdout().lock();
        printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    }
}

/// What stands at the other end of the standard output.
fn screen() -> Screen {
    if io::stdout().is_terminal() && !text::wants_bare() { Screen::Terminal } else { Screen::Bare }
}

/// How to go on from here.
fn next(statement: &Statement, address: &Address) -> String {
    let name = &statement.snapshot;
    // Nobody shall paste what a stranger's server writes into a shell.
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return String::new();
    }
    format!(
        "This is snapshot {name}. What comes after it: pushscope ledger {address} --since {name}\n"
    )
}

/// The cursor goes to the corner, and everything behind it away.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";
/// The server's word for a snapshot that it does not have.
const SNAPSHOT_UNKNOWN: &str = "snapshot_unknown";
const EXAMPLE: &str = "\
Rows are the mechanisms, publishing, all other requests, and the loop itself. A build of the server
without the feature ledger has nothing to tell.

Example:
  pushscope ledger
  pushscope ledger --watch 2 --kernel
  pushscope ledger http://127.0.0.1:7777 --receipt 10086 7-1";
