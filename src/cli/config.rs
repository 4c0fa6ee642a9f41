//! Settings from a file: they become the defaults of the flags that they are named as.
//!
//! So the order is the same for every flag: what was said on the command line goes before the
//! variable, that before the file, and that before the default.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use super::{Cli, Failure, text};

/// Reads the command line, and the file that it names.
pub(super) fn parse(arguments: &[OsString]) -> Result<Cli, Failure> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let Some(path) = &cli.config else { return Ok(cli) };
    let (command, wrong) = configured(Cli::command(), path);
    if !wrong.is_empty() {
        return Err(Failure::Usages(wrong));
    }
    Ok(Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
}

/// The command with what a file says as its defaults, and a sentence for each thing in the file
/// that is wrong.
pub(super) fn configured(command: Command, path: &Path) -> (Command, Vec<String>) {
    match fs::read_to_string(path) {
        Ok(content) => configured_by(command, path, &content),
        Err(error) => (command, vec![format!("{}: {error}", path.display())]),
    }
}

fn configured_by(mut command: Command, path: &Path, content: &str) -> (Command, Vec<String>) {
    let (settings, mut wrong) = settings(content);
    for setting in settings {
        match setting.faults(&command) {
            faults if faults.is_empty() => command = setting.apply(command),
            faults => wrong.extend(faults),
        }
    }
    wrong.sort_by_key(|(line, _)| *line);
    let told = wrong
        .into_iter()
        .map(|(line, why)| format!("{}:{line}: {}", path.display(), text::escaped(&why)));
    (command, told.collect())
}

/// What is wrong with an argument or a value, in one sentence.
pub(super) fn sentence(error: &clap::Error) -> String {
    let why = error.to_string();
    let why = why.lines().next().unwrap_or_default();
    why.trim_start_matches("error: ").to_owned()
}

/// One name of the file, with all values that it is given.
#[derive(PartialEq, Eq, Debug)]
struct Setting {
    name: String,
    /// The line of each, counted from 1, and what it says.
    values: Vec<(usize, String)>,
}

/// A line of the file, and what is wrong with it.
type Wrong = (usize, String);

fn settings(content: &str) -> (Vec<Setting>, Vec<Wrong>) {
    let (mut settings, mut wrong) = (Vec::<Setting>::new(), Vec::new());
    for (line, text) in (1..).zip(content.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((name, value)) = text.split_once('=') else {
            wrong.push((line, "there is no `name = value`".to_owned()));
            continue;
        };
        let (name, value) = (name.trim(), value.trim().to_owned());
        match settings.iter_mut().find(|setting| setting.name == name) {
            Some(setting) => setting.values.push((line, value)),
            None => {
                let name = name.to_owned();
                settings.push(Setting { name, values: vec![(line, value)] });
            }
        }
    }
    (settings, wrong)
}

impl Setting {
    /// Everything that is wrong with it.
    fn faults(&self, command: &Command) -> Vec<Wrong> {
        let flags = command.get_subcommands().flat_map(Command::get_arguments);
        let flags: Vec<&Arg> = flags.filter(|flag| self.names(flag)).collect();
        if let ([], Some((line, _))) = (&flags[..], self.values.first()) {
            return vec![(*line, format!("no flag with a value is named `{}`", self.name))];
        }
        let mut wrong: Vec<Wrong> = flags.iter().flat_map(|flag| self.faults_of(flag)).collect();
        wrong.dedup();
        wrong
    }

    /// Has a flag read each value as if it stood on a command line.
    fn faults_of(&self, flag: &Arg) -> Vec<Wrong> {
        if let [_, (line, _), ..] = &self.values[..]
            && !matches!(flag.get_action(), ArgAction::Append)
        {
            return vec![(*line, format!("`{}` stands there twice", self.name))];
        }
        let values = self.values.iter().filter_map(|(line, value)| {
            let trial = Command::new("").no_binary_name(true).arg(flag.clone());
            let tried = trial.try_get_matches_from([format!("--{}={value}", self.name)]);
            tried.err().map(|error| (*line, sentence(&error)))
        });
        values.collect()
    }

    /// Makes it the default of the flags that have its name, of whichever command.
    fn apply(&self, mut command: Command) -> Command {
        // The default of a flag must live as long as the command, which is as long as we do.
        let values: Vec<&'static str> =
            self.values.iter().map(|(_, value)| &*value.clone().leak()).collect();
        let names: Vec<String> =
            command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        for name in names {
            let Some(flag) = command
                .find_subcommand(&name)
                .and_then(|command| command.get_arguments().find(|flag| self.names(flag)).cloned())
            else {
                continue;
            };
            let flag = flag.default_values(values.iter().copied());
            command = command.mut_subcommand(name, |command| {
                let id = flag.get_id().clone();
                command.mut_arg(id, |_| flag)
            });
        }
        command
    }

    /// What has no variable is no setting either.
    fn names(&self, flag: &Arg) -> bool {
        let aliases = flag.get_all_aliases().unwrap_or_default();
        let is_named = flag.get_long() == Some(&self.name) || aliases.contains(&&*self.name);
        is_named && flag.get_action().takes_values() && flag.get_env().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_and_a_value() {
        let content = "# comment\n\n listen = 127.0.0.1:1 \norigin=http://a\norigin = http://b=c\n";
        let setting = |name: &str, values: &[(usize, &str)]| Setting {
            name: name.to_owned(),
            values: values.iter().map(|(line, value)| (*line, (*value).to_owned())).collect(),
        };
        assert_eq!(
            settings(content),
            (
                vec![
                    setting("listen", &[(3, "127.0.0.1:1")]),
                    setting("origin", &[(4, "http://a"), (5, "http://b=c")]),
                ],
                vec![]
            )
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("\nlisten\n", "f:2: there is no `name = value`"),
            ("other = 1", "f:1: no flag with a value is named `other`"),
            ("cors-origin = *\ncors-origin = x\ncors-origin = *", BAD_ORIGIN),
            ("origin = *\norigin = x\norigin = *", BAD_ORIGIN),
            ("json = true", "f:1: no flag with a value is named `json`"),
            ("listen = 127.0.0.1:1\nlisten = 127.0.0.1:2", "f:2: `listen` stands there twice"),
            (
                "# \nheartbeat-s = soon",
                "f:2: invalid value 'soon' for '--heartbeat-s <SECONDS>': a time in seconds, such \
                 as 15 or 0.25",
            ),
        ];
        for (content, expected) in cases {
            let (_, wrong) = configured_by(Cli::command(), Path::new("f"), content);
            assert_eq!(wrong, [expected]);
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_in_the_order_of_its_lines() {
        let content = "other = 1\nheartbeat-s = soon\nlisten\nping-s = 1\nfields-max = 999\n";
        let (command, wrong) = configured_by(Cli::command(), Path::new("f"), content);
        let lines: Vec<&str> = wrong.iter().filter_map(|why| why.split(": ").next()).collect();
        assert_eq!(lines, ["f:1", "f:2", "f:3", "f:5"]);
        let serve = command.find_subcommand("serve").unwrap();
        let ping = serve.get_arguments().find(|flag| flag.get_long() == Some("ping-s")).unwrap();
        assert_eq!(ping.get_default_values(), ["1"]);
    }

    const BAD_ORIGIN: &str = "f:2: invalid value 'x' for '--cors-origin <ORIGIN>': `*`, or http or \
        https, a host and perhaps a port: https://h:8443";
}
