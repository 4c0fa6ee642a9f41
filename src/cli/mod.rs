//! The command line: the only code that prints and exits.

mod access;
mod bounds;
mod check;
mod config;
mod cost;
mod explain;
mod generate;
mod ledger;
mod page;
mod publish;
mod serve;
mod sink;
mod statement;
mod subscribe;
mod table;
mod text;
mod trial;
mod value;

use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use pushscope::client::ClientError;

/// Every way a server can push to a browser or a device, and a client of each
#[derive(Debug, Parser)]
#[command(name = "pushscope", version, disable_help_subcommand = true, after_help = EXAMPLE)]
struct Cli {
    /// A file of settings, one `name = value` a line, named as the flags
    #[arg(long, global = true, value_name = "FILE", env = "PUSHSCOPE_CONFIG")]
    #[arg(hide_env = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// What it does.
#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Pub(publish::Publish),
    Sub(subscribe::Subscribe),
    Ledger(ledger::Read),
    Cost(cost::Cost),
    Explain(explain::Explain),
    Generate(generate::Generate),
    Trial(trial::Trial),
}

/// Runs the command line; the exit code is 0 for fine, 1 for failed, 2 for usage, 124 for a
/// timeout.
pub(crate) fn main() -> ExitCode {
    let arguments = with_command(env::args_os().collect());
    if check::is_asked(&arguments) {
        let done = check::run(&arguments, Cli::command());
        return done.map_or_else(Failure::report, |()| ExitCode::SUCCESS);
    }
    let done = config::parse(&arguments).and_then(|cli| match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Pub(publish) => publish.run(),
        Command::Sub(subscribe) => subscribe.run(),
        Command::Ledger(read) => read.run(),
        Command::Cost(cost) => cost.run(),
        Command::Explain(explain) => explain.run(),
        Command::Generate(generate) => generate.run(),
        Command::Trial(trial) => trial.run(),
    });
    done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

/// The arguments, with `serve` in front of them when they name no command.
fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let flags = arguments.get(1..).unwrap_or_default();
    let says = |words: &[&str]| flags.iter().any(|flag| words.iter().any(|word| flag == word));
    let has_flags_only = flags.first().is_none_or(|first| first.to_string_lossy().starts_with('-'));
    if has_flags_only && !says(&COMMANDS) && !says(&ABOUT) {
        arguments.insert(arguments.len().min(1), OsString::from("serve"));
    }
    arguments
}

/// Why a command has not done what it was to do.
#[derive(Debug)]
enum Failure {
    /// The arguments are wrong, or ask for help.
    Arguments(clap::Error),
    /// So are they, in other words.
    Usage(String),
    /// So are several of them.
    Usages(Vec<String>),
    /// It was tried, and failed.
    Failed(String),
    /// The time is over.
    TimedOut,
    /// It was done, and what was found is no success; it was told.
    Told,
    /// Nobody reads what it prints any more.
    Unread,
}

impl Failure {
    /// Says why on the standard error, where somebody should know, and gives the exit code.
    fn report(self) -> ExitCode {
        match self {
            Self::Arguments(error) => {
                // A closed terminal must not keep it from ending.
                let _ = error.print();
                u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
            }
            Self::Usage(why) => {
                tell(&why);
                ExitCode::from(2)
            }
            Self::Usages(all) => {
                all.iter().for_each(|why| tell(why));
                ExitCode::from(2)
            }
            Self::Failed(why) => {
                tell(&why);
                ExitCode::FAILURE
            }
            Self::TimedOut => {
                tell("the time is over");
                ExitCode::from(124)
            }
            Self::Told => ExitCode::FAILURE,
            Self::Unread => ExitCode::SUCCESS,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(error)
    }
}

/// A sentence for whoever watches, on the standard error.
fn tell(sentence: &str) {
    let line = format!("pushscope: {}\n", text::escaped(sentence));
    // There is nobody else to tell.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// What has become of writing to the standard output.
fn printed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::Unread),
        Err(error) => Err(Failure::Failed(format!("the output cannot be written: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// The commands.
const COMMANDS: [&str; 8] =
    ["serve", "pub", "sub", "ledger", "cost", "explain", "generate", "trial"];
/// Questions about the command itself.
const ABOUT: [&str; 4] = ["-h", "--help", "-V", "--version"];
const EXAMPLE: &str = "\
Without a command it serves. A flag goes before its variable (PUSHSCOPE_LISTEN is --listen), that
before the file of --config, that before the default.

Example:
  pushscope serve
  pushscope sub 10086 --as websocket
  pushscope pub 10086 hello
  pushscope ledger
  pushscope cost
  pushscope explain capture.pcap
  pushscope generate faults
  pushscope trial";

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked once, and is no setting.
    const QUESTIONS: [(&str, &str); 5] = [
        ("ledger", "since"),
        ("ledger", "receipt"),
        ("explain", "protocol"),
        ("explain", "from"),
        ("explain", "port"),
    ];

    #[test]
    fn clap_finds_no_fault() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_with_a_value_has_its_variable_unless_it_is_a_question() {
        for command in Cli::command().get_subcommands() {
            for flag in command.get_arguments().filter(|flag| flag.get_long().is_some()) {
                if QUESTIONS.contains(&(command.get_name(), flag.get_id().as_str())) {
                    assert_eq!(flag.get_env(), None, "{flag}");
                    continue;
                }
                let name = flag.get_long().unwrap().replace('-', "_").to_uppercase();
                let variable = flag.get_env().map(|name| name.to_string_lossy().into_owned());
                let expected =
                    flag.get_action().takes_values().then(|| format!("PUSHSCOPE_{name}"));
                assert_eq!(variable, expected, "{} {name}", command.get_name());
            }
        }
    }

    #[test]
    fn without_a_command_it_serves() {
        let cases: [(&[&str], &[&str]); 7] = [
            (&["p"], &["p", "serve"]),
            (&["p", "--log", "off"], &["p", "serve", "--log", "off"]),
            (&["p", "--config", "f", "sub", "c"], &["p", "--config", "f", "sub", "c"]),
            (&["p", "serve"], &["p", "serve"]),
            (&["p", "--help"], &["p", "--help"]),
            (&["p", "-V"], &["p", "-V"]),
            (&["p", "other"], &["p", "other"]),
        ];
        for (given, expected) in cases {
            let given = given.iter().map(OsString::from).collect();
            assert_eq!(with_command(given), expected);
        }
    }
}
