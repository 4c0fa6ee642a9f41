//! `pushscope serve --check`: whether a server can be made of what was said, without making one.
//!
//! Everything that is wrong is told, not only the first of it: arguments and variables are read
//! again and again, each time without what was wrong the time before.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, Error, FromArgMatches};

use super::config::{self, sentence};
use super::{Cli, Failure};

/// Whether these arguments only want to know; behind `--` stand a command's own words.
pub(super) fn is_asked(arguments: &[OsString]) -> bool {
    let flags = arguments.iter().take_while(|argument| *argument != "--");
    let mut behind = flags.skip_while(|argument| *argument != "serve");
    behind.any(|argument| argument == "--check")
}

/// Checks everything that a server is made of, and tells what it has come to.
pub(super) fn run(arguments: &[OsString], command: Command) -> Result<(), Failure> {
    let (matches, mut wrong) = read(command.clone(), arguments.to_vec())?;
    let Some(path) = Cli::from_arg_matches(&matches)?.config else { return told(&matches, wrong) };
    let (command, found) = config::configured(command, &path);
    wrong.extend(found);
    let (matches, _) = read(command, arguments.to_vec())?;
    told(&matches, wrong)
}

fn told(matches: &ArgMatches, wrong: Vec<String>) -> Result<(), Failure> {
    match Cli::from_arg_matches(matches)?.command {
        super::Command::Serve(serve) => serve.check(wrong),
        _ => Err(Failure::Usage("--check is for serve".to_owned())),
    }
}

/// What arguments and variables say, without what is wrong, and a sentence for each that is.
fn read(
    mut command: Command,
    mut arguments: Vec<OsString>,
) -> Result<(ArgMatches, Vec<String>), Failure> {
    let mut wrong = Vec::new();
    loop {
        let error = match command.clone().try_get_matches_from(&arguments) {
            Ok(matches) => return Ok((matches, wrong)),
            Err(error) => error,
        };
        match without(&error, command, &mut arguments) {
            Some(rest) => command = rest,
            None => return Err(error.into()),
        }
        wrong.push(sentence(&error));
    }
}

/// The command and its arguments without what is wrong: an argument, or else a variable. None if
/// that is neither.
fn without(error: &Error, command: Command, arguments: &mut Vec<OsString>) -> Option<Command> {
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else { return None };
    let name = shown.split([' ', '=']).next().unwrap_or_default();
    let long = name.trim_start_matches('-');
    let serve = command.find_subcommand("serve");
    let flag = serve.and_then(|serve| serve.get_arguments().find(|flag| is(flag, long))).cloned();
    let aliases = flag.iter().flat_map(|flag| flag.get_all_aliases().unwrap_or_default());
    let names: Vec<String> =
        aliases.map(|alias| format!("--{alias}")).chain([name.to_owned()]).collect();
    let says = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        names.contains(&argument.split('=').next().unwrap_or_default().to_owned())
    };
    if let Some(at) = arguments.iter().position(says) {
        let argument = arguments.remove(at).to_string_lossy().into_owned();
        let has_value = matches!(error.kind(), ErrorKind::ValueValidation)
            || matches!(error.get(ContextKind::InvalidValue),
                Some(ContextValue::String(value)) if !value.is_empty());
        if has_value && !argument.contains('=') && at < arguments.len() {
            arguments.remove(at);
        }
        return Some(command);
    }
    let flag = flag.filter(|flag| flag.get_env().is_some())?;
    let unset = |serve: Command| serve.mut_arg(flag.get_id(), |flag| flag.env(None::<&str>));
    Some(command.mut_subcommand("serve", unset))
}

fn is(flag: &Arg, long: &str) -> bool {
    flag.get_long() == Some(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_is_checked() {
        let cases: [(&[&str], bool); 6] = [
            (&["p", "serve", "--check"], true),
            (&["p", "--config", "f", "serve", "--log", "off", "--check"], true),
            (&["p", "serve"], false),
            (&["p", "pub", "c", "--check"], false),
            (&["p", "pub", "c", "--", "--check"], false),
            (&["p", "pub", "serve", "--", "--check"], false),
        ];
        for (arguments, asked) in cases {
            let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(is_asked(&words), asked, "{arguments:?}");
        }
    }
}
