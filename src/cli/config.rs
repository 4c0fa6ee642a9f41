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
    let content = fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    let mut command = Cli::command();
    for setting in settings(path, &content)? {
        command = setting.apply(path, command)?;
    }
    Ok(Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
}

/// One name of the file, with all values that it is given.
#[derive(PartialEq, Eq, Debug)]
struct Setting {
    name: String,
    /// The line of each, counted from 1, and what it says.
    values: Vec<(usize, String)>,
}

fn settings(path: &Path, content: &str) -> Result<Vec<Setting>, Failure> {
    let mut settings: Vec<Setting> = Vec::new();
    for (line, text) in (1..).zip(content.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((name, value)) = text.split_once('=') else {
            return Err(refused(path, line, "there is no `name = value`"));
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
    Ok(settings)
}

impl Setting {
    /// Makes it the default of the flags that have its name, of whichever command.
    fn apply(self, path: &Path, mut command: Command) -> Result<Command, Failure> {
        let commands: Vec<String> = command
            .get_subcommands()
            .filter(|command| command.get_arguments().any(|flag| self.names(flag)))
            .map(|command| command.get_name().to_owned())
            .collect();
        if let (true, Some((line, _))) = (commands.is_empty(), self.values.first()) {
            let why = format!("no flag with a value is named `{}`", self.name);
            return Err(refused(path, *line, &why));
        }
        // The default of a flag must live as long as the command, which is as long as we do.
        let values: Vec<&'static str> =
            self.values.iter().map(|(_, value)| &*value.clone().leak()).collect();
        for name in commands {
            let Some(flag) = command
                .find_subcommand(&name)
                .and_then(|command| command.get_arguments().find(|flag| self.names(flag)).cloned())
            else {
                continue;
            };
            self.check(path, &flag)?;
            let flag = flag.default_values(values.iter().copied());
            command = command.mut_subcommand(name, |command| {
                let id = flag.get_id().clone();
                command.mut_arg(id, |_| flag)
            });
        }
        Ok(command)
    }

    /// What has no variable is no setting either.
    fn names(&self, flag: &Arg) -> bool {
        flag.get_long() == Some(&self.name)
            && flag.get_action().takes_values()
            && flag.get_env().is_some()
    }

    /// Has the flag read each value as if it stood on a command line.
    fn check(&self, path: &Path, flag: &Arg) -> Result<(), Failure> {
        if let [_, (line, _), ..] = &self.values[..]
            && !matches!(flag.get_action(), ArgAction::Append)
        {
            return Err(refused(path, *line, &format!("`{}` stands there twice", self.name)));
        }
        for (line, value) in &self.values {
            let trial = Command::new("").no_binary_name(true).arg(flag.clone());
            if let Err(error) = trial.try_get_matches_from([format!("--{}={value}", self.name)]) {
                let why = error.to_string();
                let why = why.lines().next().unwrap_or_default();
                return Err(refused(path, *line, why.trim_start_matches("error: ")));
            }
        }
        Ok(())
    }
}

fn refused(path: &Path, line: usize, why: &str) -> Failure {
    Failure::Usage(format!("{}:{line}: {}", path.display(), text::escaped(why)))
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
            settings(Path::new("f"), content).unwrap(),
            [
                setting("listen", &[(3, "127.0.0.1:1")]),
                setting("origin", &[(4, "http://a"), (5, "http://b=c")]),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("\nlisten\n", "f:2: there is no `name = value`"),
            ("other = 1", "f:1: no flag with a value is named `other`"),
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
            let path = Path::new("f");
            let applied = settings(path, content).and_then(|settings| {
                settings
                    .into_iter()
                    .try_fold(Cli::command(), |command, setting| setting.apply(path, command))
            });
            let Err(Failure::Usage(why)) = applied else { panic!("{content}") };
            assert_eq!(why, expected);
        }
    }

    const BAD_ORIGIN: &str = "f:2: invalid value 'x' for '--origin <ORIGIN>': `*`, or http or \
        https, a host and perhaps a port: https://h:8443";
}
