//! Where the log goes: one line per record, to the standard error.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use log::{LevelFilter, Log, Metadata, Record};
use pushscope::wire::date;
use serde::Serialize;

use super::text;

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Level {
    /// Nothing.
    Off,
    /// What the server could not do.
    Error,
    /// What somebody should look at.
    Warn,
    /// What somebody may want to know.
    Info,
    /// What helps to find a defect.
    Debug,
}

/// What a line looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    /// For people: the time of day in UTC, the level, where, what.
    Text,
    /// For programs: time in milliseconds since 1970, level, target and message.
    Json,
}

/// Has the log written from now on.
pub(super) fn install(level: Level, format: Format) {
    let sink = match format {
        Format::Text => &TEXT,
        Format::Json => &JSON,
    };
    // Only a second call could fail, and there is none.
    if log::set_logger(sink).is_ok() {
        log::set_max_level(match level {
            Level::Off => LevelFilter::Off,
            Level::Error => LevelFilter::Error,
            Level::Warn => LevelFilter::Warn,
            Level::Info => LevelFilter::Info,
            Level::Debug => LevelFilter::Debug,
        });
    }
}

/// The standard error, one line per record.
#[derive(Debug)]
struct Sink {
    format: Format,
}

impl Log for Sink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = encode(self.format, now, record);
        // One write per line, so that lines of several threads stay whole. A log that nobody
        // reads any more is no reason to stop serving.
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

fn encode(format: Format, now: Duration, record: &Record<'_>) -> String {
    let level = record.level().as_str().to_ascii_lowercase();
    let message = record.args().to_string();
    if format == Format::Json {
        let target = record.target();
        let line = Line { time: now.as_millis(), level: &level, target, message: &message };
        return text::ascii_json(&serde_json::to_string(&line).unwrap_or_default()) + "\n";
    }
    let clock = date::time_of_day(now.as_secs());
    let clock = String::from_utf8_lossy(&clock);
    let (millis, target) = (now.subsec_millis(), text::ascii(record.target()));
    format!("{clock}.{millis:03} {level:5} {target}: {}\n", text::ascii(&message))
}

/// A line in JSON.
#[derive(Serialize)]
struct Line<'r> {
    time: u128,
    level: &'r str,
    target: &'r str,
    message: &'r str,
}

static TEXT: Sink = Sink { format: Format::Text };
static JSON: Sink = Sink { format: Format::Json };

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: Format, message: &str) -> String {
        let arguments = format_args!("{message}");
        let mut record = Record::builder();
        record.level(log::Level::Warn).target("pushscope::api").args(arguments);
        encode(format, Duration::from_millis(3_723_004), &record.build())
    }

    #[test]
    fn no_escape_sequence_reaches_the_log() {
        assert_eq!(
            line(Format::Text, "a\u{1b}[31m\nb\u{7f}é"),
            "01:02:03.004 warn  pushscope::api: a\\u{1b}[31m\\nb\\u{7f}\\u{e9}\n"
        );
    }

    #[test]
    fn a_line_for_programs_is_json_in_ascii() {
        let line = line(Format::Json, "a\u{1b}\n\"é\u{7f}");
        assert!(line.strip_suffix('\n').unwrap().bytes().all(|byte| byte.is_ascii_graphic()));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "a\u{1b}\n\"é\u{7f}");
        assert_eq!((&value["time"], &value["level"]), (&3_723_004.into(), &"warn".into()));
    }
}
