//! `pushscope sub`: prints what is published to a channel.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use pushscope::client::{Item, SubscribeOptions, Subscription};
use pushscope::clock;
use pushscope::event::{Event, Gap, Payload};
use pushscope::id::Kind;
use pushscope::wire::date;
use pushscope::wire::json::{self, Message};

use super::value::{self, Aim, Seconds, Server};
use super::{Failure, printed, tell, text};

/// Subscribes to a channel by any mechanism, and prints its messages
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = EXAMPLE)]
pub(super) struct Subscribe {
    #[arg(required = true, num_args = 1..=2, value_name = "CHANNEL", hide = true)]
    words: Vec<String>,
    #[command(flatten)]
    server: Server,
    /// The mechanism: poll, long_poll, iframe, xhr_stream, sse or websocket
    #[arg(long = "as", value_name = "MECHANISM", env = "PUSHSCOPE_AS", hide_env = true)]
    #[arg(value_parser = value::kind, default_value = "sse")]
    kind: Kind,
    /// Where to begin: an id, all, latest, a duration (90s, 10m) or a Unix time
    #[arg(long, value_name = "CURSOR", env = "PUSHSCOPE_SINCE", hide_env = true)]
    #[arg(value_parser = value::since, default_value = "latest")]
    since: String,
    /// Ends after so many messages
    #[arg(short = 'C', long, value_name = "N", env = "PUSHSCOPE_COUNT", hide_env = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Ends after so long, with exit code 124
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_TIMEOUT", hide_env = true)]
    #[arg(value_parser = Seconds::parse)]
    timeout: Option<Seconds>,
    /// Time between two questions of short polling
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_INTERVAL", hide_env = true)]
    #[arg(value_parser = Seconds::parse, default_value = "1")]
    interval: Seconds,
    /// Prints a line of JSON per message, and {"gap":n} per gap
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// Prints the bytes of each message and nothing else, not even a line end
    #[arg(long)]
    raw: bool,
}

impl Subscribe {
    /// Prints until there is nothing more to come.
    pub(super) fn run(self) -> Result<(), Failure> {
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout.duration());
        let aim = Aim::parse(self.words, &self.server.to)?;
        if !aim.rest.is_empty() {
            return Err(Failure::Usage("sub takes one channel: see pushscope sub --help".into()));
        }
        let address = self.server.show(aim.address)?;
        let style = Style::of(self.json, self.raw);
        let options =
            SubscribeOptions { interval: self.interval.duration(), ..SubscribeOptions::default() };
        let since = Some(self.since.as_str());
        let mut subscription =
            Subscription::open(&address, &aim.channel, self.kind, since, options)?;
        let mut left = self.count;
        let mut lost = false;
        while let Some(item) = subscription.next(deadline)? {
            match item {
                Item::Message(message) => {
                    style.print(&message)?;
                    left = left.map(|left| left - 1);
                    if left == Some(0) {
                        return Ok(());
                    }
                }
                Item::Gap(gap) => style.print_gap(gap)?,
                Item::Lost(why, wait) => {
                    lost = true;
                    tell(&format!("{why}; trying again in {} ms", wait.as_millis()));
                }
                Item::Open(_) if std::mem::take(&mut lost) => tell("connected again"),
                Item::Open(_) => {}
                Item::End(reason) => {
                    tell(&format!("the channel is over: {reason}"));
                    return Ok(());
                }
            }
        }
        Err(Failure::TimedOut)
    }
}

/// How a message is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    /// As the server's JSON.
    Json,
    /// As its bytes.
    Raw,
    /// As its text, for another program.
    Text,
    /// On a terminal, with what belongs to it.
    Plain,
    /// The same, with what belongs to it in the background.
    Dimmed,
}

impl Style {
    fn of(json: bool, raw: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        match (json, raw) {
            (true, _) => Self::Json,
            (_, true) => Self::Raw,
            _ if !terminal => Self::Text,
            _ if text::wants_bare() => Self::Plain,
            _ => Self::Dimmed,
        }
    }

    fn print(self, message: &Message) -> Result<(), Failure> {
        if self == Self::Text && matches!(message.payload, Payload::Binary(_)) {
            let bytes = message.payload.bytes().len();
            tell(&format!("{} is binary: {bytes} bytes, printed in base64", message.id));
        }
        let bytes = self.encode(message);
        let mut out = io::stdout().lock();
        printed(out.write_all(&bytes).and_then(|()| out.flush()))
    }

    fn print_gap(self, gap: Gap) -> Result<(), Failure> {
        let more = if gap.epoch_changed { " or more: the log is a new one" } else { "" };
        tell(&format!("messages missed: {}{more}", gap.missed));
        if self != Self::Json {
            return Ok(());
        }
        let mut line = Vec::new();
        json::encode_gap(gap, &mut line);
        line.push(b'\n');
        printed(io::stdout().write_all(&line))
    }

    fn encode(self, message: &Message) -> Vec<u8> {
        let text = match &message.payload {
            Payload::Text(text) => text.to_string(),
            Payload::Binary(bytes) => STANDARD.encode(bytes),
        };
        match self {
            Self::Json => encode_json(message),
            Self::Raw => message.payload.bytes().to_vec(),
            Self::Text => (text + "\n").into_bytes(),
            Self::Plain => describe(message, &text, "", "").into_bytes(),
            Self::Dimmed => describe(message, &text, "\u{1b}[2m", "\u{1b}[0m").into_bytes(),
        }
    }
}

/// The server's own JSON.
fn encode_json(message: &Message) -> Vec<u8> {
    let event = Event {
        id: message.id,
        time_ms: message.time,
        at: clock::Instant::ZERO,
        channel: Arc::from(message.channel.as_str()),
        name: message.event.as_deref().map(Arc::from),
        payload: message.payload.clone(),
    };
    let mut line = Vec::new();
    json::encode_message(&event, &mut line);
    line.push(b'\n');
    line
}

/// One line for a terminal: `08:10:00  7-1  price  42`.
fn describe(message: &Message, content: &str, dim: &str, bright: &str) -> String {
    let clock = date::time_of_day(Duration::from_millis(message.time).as_secs());
    let clock = String::from_utf8_lossy(&clock);
    let event = message.event.as_deref().map(|event| format!("{}  ", text::escaped(event)));
    let event = event.unwrap_or_default();
    let note = match &message.payload {
        Payload::Text(_) => String::new(),
        Payload::Binary(bytes) => format!("{} bytes in base64  ", bytes.len()),
    };
    let content = text::escaped(content);
    format!("{dim}{clock}  {}  {event}{note}{bright}{content}\n", message.id)
}

const USAGE: &str = "pushscope sub [OPTIONS] [URL] <CHANNEL>";
const EXAMPLE: &str = "\
Arguments:
  URL      http://host:port of the server, or of the channel: http://host:port/c/CHANNEL
  CHANNEL  the channel's name

A terminal is shown time (UTC), id, event and text, control characters escaped; a pipe is given the
text alone. Gaps and lost connections are told on the standard error.

Example:
  pushscope sub 10086 --as websocket --since 10m
  pushscope sub http://127.0.0.1:7777/c/numbers -C 3 --json --timeout 30";

#[cfg(test)]
mod tests {
    use pushscope::id::Id;

    use super::*;

    fn message(payload: Payload) -> Message {
        Message {
            id: Id { epoch: 7, offset: 1 },
            time: 3_723_004,
            channel: "c".to_owned(),
            event: Some("e\u{1b}".to_owned()),
            payload,
        }
    }

    #[test]
    fn a_message_is_printed_for_its_reader() {
        let text = message(Payload::Text("a\n\u{1b}é".into()));
        let binary = message(Payload::Binary([0x00, 0xff].into()));
        let cases = [
            (Style::Plain, &text, "01:02:03  7-1  e\\u{1b}  a\\n\\u{1b}é\n"),
            (Style::Dimmed, &text, "\u{1b}[2m01:02:03  7-1  e\\u{1b}  \u{1b}[0ma\\n\\u{1b}é\n"),
            (Style::Plain, &binary, "01:02:03  7-1  e\\u{1b}  2 bytes in base64  AP8=\n"),
            (Style::Text, &text, "a\n\u{1b}é\n"),
            (Style::Text, &binary, "AP8=\n"),
            (Style::Raw, &text, "a\n\u{1b}é"),
        ];
        for (style, message, expected) in cases {
            assert_eq!(String::from_utf8(style.encode(message)).unwrap(), expected, "{style:?}");
        }
        assert_eq!(Style::Raw.encode(&binary), [0x00, 0xff]);
        let json = Style::Json.encode(&text);
        let (line_end, json) = json.split_last().unwrap();
        assert_eq!((json::parse_message(json), *line_end), (Ok(text), b'\n'));
    }
}
