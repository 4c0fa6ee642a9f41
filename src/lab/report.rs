//! How an experiment is told: as text, CSV, JSON, and a page that needs nothing but itself.
//!
//! All four tell the same. A figure that is refused is told by none of them; text and page say
//! in a note why, CSV says it in the figure's own line.

mod beside;
mod column;
mod csv;
mod html;
mod number;
pub mod plot;
#[cfg(test)]
mod sample;
mod table;
mod text;
mod why;

use crate::id::Kind;
use crate::lab::experiment::{Experiment, Figures, Pace, Row, Settings};
use number::seconds;
use table::{covers, refusals};

pub use column::Column;
pub use csv::csv;
pub(super) use html::escaped;
pub use html::html;
pub(super) use number::{counted, grouped};
pub use text::text;
pub(super) use text::wrapped;

/// The experiment in JSON, as its shapes are, indented. A figure that is refused is null.
pub fn json(experiment: &Experiment) -> String {
    let mut told = experiment.clone();
    for (row, told) in experiment.rows.iter().zip(&mut told.rows) {
        told.beside = beside::published(row);
        for question in Question::ALL {
            for refused in refusals(row, question) {
                let columns = Column::ALL.into_iter().filter(|column| covers(refused, *column));
                columns.for_each(|column| *column.place(question.place(told)) = None);
            }
        }
    }
    serde_json::to_string_pretty(&told).unwrap_or_default() + "\n"
}

/// What is asked of every mechanism. A table answers one question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Question {
    /// What opening costs, per subscriber.
    Open,
    /// What waiting costs, per subscriber and minute.
    Quiet,
    /// What a message costs, per message and subscriber.
    Message,
    /// What closing costs, per subscriber.
    Close,
}

impl Question {
    /// Every question, in the order in which a subscriber meets them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Quiet, Self::Message, Self::Close];

    /// Its name in [`Refused`](crate::lab::experiment::Refused), in CSV and in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Quiet => "quiet",
            Self::Message => "message",
            Self::Close => "close",
        }
    }

    /// The question, as it is asked.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Open => "What does a subscriber cost to open?",
            Self::Quiet => "What does a subscriber cost while nothing happens, per minute?",
            Self::Message => "What does a subscriber cost per message?",
            Self::Close => "What does a subscriber cost to close?",
        }
    }

    /// What its figures are divided by.
    pub const fn per(self) -> &'static str {
        match self {
            Self::Open | Self::Close => "per subscriber",
            Self::Quiet => "per subscriber and minute",
            Self::Message => "per message and subscriber",
        }
    }

    /// What one must know to understand its figures; spaces that must not break are U+00A0.
    pub fn remark(self, settings: &Settings) -> Option<String> {
        match self {
            Self::Open if settings.together => Some(
                "All mechanisms came at once: the CPU time of accepting is on the loop's account, \
                 and not in these figures. One after another, it is in them."
                    .to_owned(),
            ),
            Self::Open | Self::Close => None,
            Self::Quiet if settings.quiet_us == 0 => None,
            Self::Quiet => Some(format!(
                "Measured for {} s at a quick pace ({}), and scaled to the server's own ({}).",
                seconds(settings.quiet_us),
                pace(&settings.pace),
                pace(&settings.pace_default),
            )),
            Self::Message => {
                let told = [
                    (Kind::Poll, "Short polling: with all its questions, with news or without."),
                    (Kind::LongPoll, "Long polling: with the question that follows a message."),
                ];
                let took_part = told.iter().filter(|(kind, _)| settings.kinds.contains(kind));
                let mut told: Vec<&str> = took_part.map(|(_, words)| *words).collect();
                if settings.size_bytes == 0 {
                    told.push(UNNUMBERED);
                }
                (!told.is_empty()).then(|| told.join(" "))
            }
        }
    }

    /// The answer of one mechanism.
    pub const fn figures(self, row: &Row) -> &Figures {
        match self {
            Self::Open => &row.open,
            Self::Quiet => &row.quiet,
            Self::Message => &row.message,
            Self::Close => &row.close,
        }
    }

    /// The place of that answer.
    const fn place(self, row: &mut Row) -> &mut Figures {
        match self {
            Self::Open => &mut row.open,
            Self::Quiet => &mut row.quiet,
            Self::Message => &mut row.message,
            Self::Close => &mut row.close,
        }
    }
}

/// "heartbeat 15 s, ping 25 s, park 25 s".
fn pace(pace: &Pace) -> String {
    let [heartbeat, ping, park] = [pace.heartbeat_us, pace.ping_us, pace.park_us].map(seconds);
    format!("heartbeat {heartbeat}\u{a0}s, ping {ping}\u{a0}s, park {park}\u{a0}s")
}

/// What size 0 leaves open.
const UNNUMBERED: &str = "Messages without a byte have no number: whether one came twice, or \
                          behind a later one, cannot be told.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_settings_leave_open_is_remarked() {
        let settings = sample::experiment().settings;
        assert_eq!(Question::Open.remark(&settings), None);
        let remark = |question: Question, settings: Settings| question.remark(&settings).unwrap();
        let together = Settings { together: true, ..settings.clone() };
        assert!(remark(Question::Open, together).contains("the loop's account"));
        assert!(!remark(Question::Message, settings.clone()).contains(UNNUMBERED));
        let empty = Settings { size_bytes: 0, kinds: vec![Kind::Sse], ..settings };
        assert_eq!(remark(Question::Message, empty), UNNUMBERED);
    }

    #[test]
    fn json_is_the_experiment() {
        let told: serde_json::Value = serde_json::from_str(&json(&sample::experiment())).unwrap();
        assert_eq!(told["settings"]["subscribers"], 50);
        for question in Question::ALL {
            assert!(told["rows"][0][question.name()].is_object(), "{question:?}");
        }
        assert_eq!(told["rows"][1]["message"]["down_bytes"]["median"], 92.0);
        assert!(told["rows"][0]["open"]["cpu_us"].is_object());
        assert!(told["rows"][0]["message"]["cpu_us"].is_null(), "it is refused");
        assert!(told["rows"][0]["beside"]["loop"]["cpu_us"].is_null(), "so is this");
        assert_eq!(told["rows"][1]["beside"]["publish"]["cpu_us"]["median"], 26.9);
    }
}
