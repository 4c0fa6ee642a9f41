//! The flags of the bounds: one for each row of [`SETTINGS`], so that none is forgotten.

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use pushscope::limits::{FIXED, Limits, Measure, Row, SETTINGS, Setting};

use super::value::{Bytes, Seconds, count};

/// Bounds as the flags set them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds(pub(super) Limits);

impl Args for Bounds {
    fn augment_args(command: Command) -> Command {
        command.next_help_heading(HEADING).args(SETTINGS.iter().map(flag)).next_help_heading(None)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Bounds {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut bounds = Self(Limits::default());
        bounds.update_from_arg_matches(matches)?;
        Ok(bounds)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            if let Some(value) = matches.get_one::<u64>(setting.name) {
                setting.set(&mut self.0, *value);
            }
        }
        Ok(())
    }
}

/// The lines of `--print-limits`: what a flag may set first, then what holds always.
pub(super) fn lines(limits: &Limits) -> String {
    let set = SETTINGS.iter().map(|setting| (setting.name, setting.get(limits)));
    let fixed = FIXED.iter().map(|Row { name, value }| (*name, *value));
    set.chain(fixed).map(|(name, value)| format!("{name:28} {value}\n")).collect()
}

/// `--name value` of each bound that is not what it is by default.
pub(super) fn changed(limits: &Limits) -> Vec<String> {
    let is_changed = |setting: &&Setting| setting.get(limits) != setting.get(&Limits::default());
    let changed = SETTINGS.iter().filter(is_changed);
    changed.map(|one| format!("--{} {}", name(one), shown(one, one.get(limits)))).collect()
}

fn flag(setting: &Setting) -> Arg {
    let value_name = match setting.measure {
        Measure::Bytes(_) => "BYTES",
        Measure::Count(_) => "COUNT",
        Measure::Time(_) => "SECONDS",
    };
    let name = name(setting);
    let variable = format!("PUSHSCOPE_{}", name.replace('-', "_").to_uppercase());
    Arg::new(setting.name)
        .long(name)
        .value_name(value_name)
        .env(variable)
        .hide_env(true)
        .value_parser(reader(*setting))
        .default_value(shown(setting, setting.get(&Limits::default())))
        .help(setting.help)
}

/// The flag's name: that of the bound, in seconds where it is in microseconds.
fn name(setting: &Setting) -> String {
    let name = match setting.measure {
        Measure::Time(_) => setting.name.replace("_us", "_s"),
        Measure::Bytes(_) | Measure::Count(_) => setting.name.to_owned(),
    };
    name.replace('_', "-")
}

fn shown(setting: &Setting, value: u64) -> String {
    match setting.measure {
        Measure::Bytes(_) => Bytes(usize::try_from(value).unwrap_or(usize::MAX)).to_string(),
        Measure::Count(_) => value.to_string(),
        Measure::Time(_) => Seconds::from_us(value).to_string(),
    }
}

/// Reads a value in the flag's unit, and holds it against the least and the most.
fn reader(setting: Setting) -> ValueParser {
    let read = move |text: &str| {
        let value = match setting.measure {
            Measure::Bytes(_) => Bytes::parse(text)?.0 as u64,
            Measure::Count(_) => count(text)?,
            Measure::Time(_) => Seconds::parse(text)?.us,
        };
        match value {
            value if value < setting.least => {
                Err(format!("at least {}", shown(&setting, setting.least)))
            }
            value if value > setting.most => {
                Err(format!("at most {}", shown(&setting, setting.most)))
            }
            value => Ok(value),
        }
    };
    ValueParser::from(read)
}

const HEADING: &str = "Bounds";
