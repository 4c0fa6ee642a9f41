//! `pushscope pub`: publishes a message, or one for each line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pushscope::client::{ClientError, Connection, PublishOptions, Published, publish};
use serde::Serialize;

use super::value::{Aim, Server};
use super::{Failure, printed};

/// Publishes a message to a channel, and says who was there
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = EXAMPLE)]
pub(super) struct Publish {
    #[arg(required = true, num_args = 1..=3, value_name = "CHANNEL", hide = true)]
    words: Vec<String>,
    #[command(flatten)]
    server: Server,
    /// Publishes each line of the input as a message of its own
    #[arg(short, long)]
    lines: bool,
    /// Reads the input from a file
    #[arg(long, value_name = "FILE", env = "PUSHSCOPE_FILE", hide_env = true)]
    file: Option<PathBuf>,
    /// The event type, which SSE delivers it as
    #[arg(long, value_name = "NAME", env = "PUSHSCOPE_EVENT", hide_env = true)]
    event: Option<String>,
    /// The media type: text/… must be UTF-8, others are binary; without it, UTF-8 is text
    #[arg(long, value_name = "TYPE", env = "PUSHSCOPE_CONTENT_TYPE", hide_env = true)]
    content_type: Option<String>,
    /// Prints a line of JSON per message
    #[arg(long)]
    json: bool,
}

impl Publish {
    /// Publishes what there is.
    pub(super) fn run(self) -> Result<(), Failure> {
        let aim = Aim::parse(self.words.clone(), &self.server.to)?;
        let address = self.server.show(aim.address)?;
        let message = match &aim.rest[..] {
            [] => None,
            [message] if !self.lines && self.file.is_none() => Some(message.as_bytes().to_vec()),
            [_] => return Err(usage("a message, or --lines or --file")),
            _ => return Err(usage("one message; quote it if it has spaces")),
        };
        let mut publisher = Publisher {
            connection: Connection::open(&address)?,
            channel: aim.channel,
            options: PublishOptions {
                event: self.event.as_deref(),
                content_type: self.content_type.as_deref(),
            },
            json: self.json,
            progress: Progress::new(),
        };
        match message {
            Some(message) => publisher.publish(&message),
            None if self.lines => publisher.publish_lines(self.input()?),
            None => {
                let mut message = Vec::new();
                self.input()?.read_to_end(&mut message).map_err(unreadable)?;
                publisher.publish(&message)
            }
        }
    }

    fn input(&self) -> Result<Box<dyn BufRead>, Failure> {
        Ok(match &self.file {
            None => Box::new(io::stdin().lock()),
            Some(path) => {
                let file = File::open(path).map_err(|error| {
                    Failure::Failed(format!("{} cannot be read: {error}", path.display()))
                })?;
                Box::new(BufReader::new(file))
            }
        })
    }
}

/// One connection, and what is said about every message.
struct Publisher<'a> {
    connection: Connection,
    channel: String,
    options: PublishOptions<'a>,
    json: bool,
    progress: Progress,
}

impl Publisher<'_> {
    /// Publishes one message.
    fn publish(&mut self, message: &[u8]) -> Result<(), Failure> {
        let published = publish(&mut self.connection, &self.channel, message, &self.options)?;
        self.print(&published)
    }

    /// Publishes each line without its LF; all other bytes stay what they are.
    fn publish_lines(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        let mut line = Vec::new();
        for count in 1_u64.. {
            line.clear();
            if input.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            let message = line.strip_suffix(b"\n").unwrap_or(&line);
            let published = publish(&mut self.connection, &self.channel, message, &self.options)
                .map_err(|error: ClientError| Failure::Failed(format!("line {count}: {error}")))?;
            self.progress.advance(count);
            self.print(&published)?;
        }
        self.progress.end();
        Ok(())
    }

    fn print(&self, published: &Published) -> Result<(), Failure> {
        let line = if self.json { encode(&self.channel, published) } else { describe(published) };
        self.progress.aside(|| printed(io::stdout().write_all(line.as_bytes())))
    }
}

/// A bar on the standard error, for whoever waits there.
struct Progress {
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new() -> Self {
        Self { begun: Instant::now(), bar: None }
    }

    /// So many messages are published by now.
    fn advance(&mut self, count: u64) {
        if self.bar.is_none() {
            if self.begun.elapsed() < PROGRESS_DELAY || !io::stderr().is_terminal() {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{pos} messages, {elapsed_precise}") {
                bar.set_style(style);
            }
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(count);
        }
    }

    /// Prints without tearing the bar.
    fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) if io::stdout().is_terminal() => bar.suspend(print),
            _ => print(),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `7-1  2 subscribers: sse 1, websocket 1`
fn describe(published: &Published) -> String {
    let by: Vec<String> =
        published.subscribers.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let subscribers = match published.subscribers.values().sum::<u64>() {
        0 => "no subscribers".to_owned(),
        1 => format!("1 subscriber: {}", by.join(", ")),
        count => format!("{count} subscribers: {}", by.join(", ")),
    };
    format!("{}  {subscribers}\n", published.id)
}

/// The server's own answer.
fn encode(channel: &str, published: &Published) -> String {
    let line = Line {
        id: published.id.to_string(),
        channel,
        bytes: published.bytes,
        subscribers: &published.subscribers,
    };
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

/// A line in JSON.
#[derive(Serialize)]
struct Line<'p> {
    id: String,
    channel: &'p str,
    bytes: u64,
    subscribers: &'p BTreeMap<String, u64>,
}

fn usage(wanted: &str) -> Failure {
    Failure::Usage(format!("pub takes {wanted}: see pushscope pub --help"))
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Failed(format!("the input cannot be read: {error}"))
}

/// Shorter work needs no bar.
const PROGRESS_DELAY: Duration = Duration::from_millis(100);
const USAGE: &str = "pushscope pub [OPTIONS] [URL] <CHANNEL> [MESSAGE]";
const EXAMPLE: &str = "\
Arguments:
  URL      http://host:port of the server, or of the channel: http://host:port/c/CHANNEL
  CHANNEL  the channel's name
  MESSAGE  the message; without it, the standard input is the message

Example:
  pushscope pub 10086 hello
  seq 1000 | pushscope pub --lines --json http://127.0.0.1:7777/c/numbers";

#[cfg(test)]
mod tests {
    use pushscope::id::Id;

    use super::*;

    #[test]
    fn a_publisher_is_told_who_was_there() {
        let published = |subscribers: &[(&str, u64)]| Published {
            id: Id { epoch: 7, offset: 1 },
            bytes: 5,
            subscribers: subscribers.iter().map(|(kind, count)| ((*kind).into(), *count)).collect(),
        };
        assert_eq!(describe(&published(&[])), "7-1  no subscribers\n");
        assert_eq!(describe(&published(&[("sse", 1)])), "7-1  1 subscriber: sse 1\n");
        let two = published(&[("sse", 2), ("websocket", 1)]);
        assert_eq!(describe(&two), "7-1  3 subscribers: sse 2, websocket 1\n");
        assert_eq!(
            encode("a\nb", &two),
            "{\"id\":\"7-1\",\"channel\":\"a\\nb\",\"bytes\":5,\
             \"subscribers\":{\"sse\":2,\"websocket\":1}}\n"
        );
    }
}
