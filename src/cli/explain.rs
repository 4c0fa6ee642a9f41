//! `pushscope explain`: what each byte of a file, a dump or a capture is for.
//!
//! A line of `--json` is one of these; the last one is always the findings, unless the bytes cannot
//! be read, which exit code 2 says.
//!
//! ```text
//! {"connection":1,"client":"127.0.0.1:50000","server":"127.0.0.1:7777"}        of a capture
//! {"connection":1,"number":1,"from":"client","offset":0,"name":…,"layers":[…]} a unit
//! {"connection":1,"note":"unfinished: the bytes of the server end within …"}
//! {"findings":{"units":1,"bytes":4,"unread":0,"violation":{"number":1,"connection":1,
//!  "from":"client","offset":1,"field":"MASK","name":"mask_missing","clause":"RFC 6455 §5.1",
//!  "message":…,"answer":…},"bound":null}}
//! ```

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pushscope::dissect::Protocol;
use pushscope::dissect::shape::{self, UnitShape};
use pushscope::explain::html::Page as Html;
use pushscope::explain::text::{Paint, Text};
use pushscope::explain::{Audience, Broken, ExplainError, Explainer, Findings, Settings, Told};
use pushscope::wire::ws_frame::Role;
use serde::Serialize;

use super::page::Page;
use super::text::{ascii_json, wants_bare};
use super::{Failure, printed};

/// Says what each byte is for: of a file, a hex dump, a recording or a pcap
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Explain {
    /// What to read; - is the standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// It is hex text: a dump, digits, or an array or a literal of C, Rust or Python
    #[arg(long)]
    hex: bool,
    /// What it begins with; without it, that is guessed
    #[arg(long = "as", value_name = "PROTOCOL", value_enum)]
    protocol: Option<Begins>,
    /// Who has sent it; without it, that is guessed
    #[arg(long, value_name = "SIDE", value_enum)]
    from: Option<Side>,
    /// The server's port, in a capture; without it, that is guessed
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Prints JSON: a line for each unit, and what was found in the last one
    #[arg(long, conflicts_with = "html")]
    json: bool,
    /// Writes a page instead of text
    #[arg(long, value_name = "FILE", env = "PUSHSCOPE_HTML", hide_env = true)]
    html: Option<PathBuf>,
}

/// What bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Begins {
    /// A head
    Http,
    /// A chunk
    Chunked,
    /// An event stream
    Sse,
    /// A frame
    #[value(alias = "ws")]
    Websocket,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Side {
    /// Who asked for the connection
    Client,
    /// Who accepted it
    Server,
}

impl Explain {
    /// Reads, and says what it is.
    pub(super) fn run(self) -> Result<(), Failure> {
        // Exit code 1 says that a violation was found, and nothing else.
        self.explained().map_err(|failure| match failure {
            Failure::Failed(why) => Failure::Usage(why),
            failure => failure,
        })
    }

    fn explained(&self) -> Result<(), Failure> {
        let page = self.html.as_deref().map(Page::open).transpose()?;
        let file = self.open()?;
        let out = BufWriter::new(io::stdout().lock());
        let findings = match page {
            Some(page) => self.write(file, page, out)?,
            None if self.json => {
                let (findings, mut json) = self.explain(file, Json(out));
                let ended = match &findings {
                    Ok(findings) => json.end(findings),
                    Err(_) => json.0.flush(),
                };
                let findings = findings.map_err(failed)?;
                printed(ended)?;
                findings
            }
            None => {
                let is_bare = wants_bare() || !io::stdout().is_terminal();
                let paint = if is_bare { Paint::Bare } else { Paint::Colours };
                let (findings, mut text) = self.explain(file, Text::new(out, paint));
                let ended = match &findings {
                    Ok(findings) => text.end(findings),
                    Err(_) => text.flush(),
                };
                let findings = findings.map_err(failed)?;
                printed(ended)?;
                findings
            }
        };
        findings.broken.map_or(Ok(()), |_| Err(Failure::Told))
    }

    /// Explains on a page, and says in a few lines what was found.
    fn write(
        &self,
        file: Box<dyn Read>,
        page: Page,
        out: BufWriter<StdoutLock<'_>>,
    ) -> Result<Findings, Failure> {
        let (findings, html) = self.explain(file, Html::new());
        let findings = findings.map_err(failed)?;
        let name = match self.is_stdin() {
            true => "Standard input".to_owned(),
            false => self.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        page.write(&html.end(&name, &findings))?;
        printed(Text::new(out, Paint::Bare).end(&findings))?;
        Ok(findings)
    }

    fn explain<A: Audience>(
        &self,
        mut file: Box<dyn Read>,
        audience: A,
    ) -> (Result<Findings, ExplainError>, A) {
        let mut explainer = Explainer::new(self.settings(), audience);
        let read = self.read(&mut file, &mut explainer);
        // What was told before a failure is part of the answer.
        let (findings, audience) = explainer.end();
        (read.and(findings), audience)
    }

    /// Reads to the end, or as far as anybody can tell what it is.
    fn read<A: Audience>(
        &self,
        file: &mut dyn Read,
        explainer: &mut Explainer<A>,
    ) -> Result<(), ExplainError> {
        let mut piece = vec![0; PIECE_BYTES];
        while !explainer.is_over() {
            let bytes = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(bytes) => piece.get(..bytes).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ExplainError::Source(error)),
            };
            explainer.receive(bytes)?;
        }
        Ok(())
    }

    fn open(&self) -> Result<Box<dyn Read>, Failure> {
        if self.is_stdin() {
            return Ok(Box::new(io::stdin().lock()));
        }
        let file = File::open(&self.file).map_err(|error| {
            Failure::Failed(format!("{} cannot be read: {error}", self.file.display()))
        })?;
        Ok(Box::new(file))
    }

    fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    fn settings(&self) -> Settings {
        let protocol = self.protocol.map(|protocol| match protocol {
            Begins::Http => Protocol::Http,
            Begins::Chunked => Protocol::Chunked,
            Begins::Sse => Protocol::EventStream,
            Begins::Websocket => Protocol::WebSocket,
        });
        let from = self.from.map(|side| match side {
            Side::Client => Role::Client,
            Side::Server => Role::Server,
        });
        Settings { is_hex: self.hex, protocol, from, port: self.port }
    }
}

/// JSON, a line for each thing that is told.
struct Json<W>(W);

/// A line of it.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'t> {
    Connection {
        connection: u32,
        client: &'t str,
        server: &'t str,
    },
    Unit {
        connection: u32,
        number: u64,
        #[serde(flatten)]
        unit: Box<UnitShape>,
    },
    Note {
        connection: u32,
        note: &'t str,
    },
    Findings {
        findings: Box<Found>,
    },
}

/// What was found, told in the last line.
#[derive(Serialize)]
struct Found {
    units: u64,
    bytes: u64,
    /// Bytes that notes have said cannot be read.
    unread: u64,
    /// The first rule that is broken.
    violation: Option<Place>,
    /// What was not read on for a bound of ours, though no rule is broken.
    bound: Option<Place>,
}

/// What was refused, and where.
#[derive(Serialize)]
struct Place {
    /// The number of the unit.
    number: u64,
    connection: u32,
    from: &'static str,
    /// Bytes of that side in front of it.
    offset: u64,
    field: &'static str,
    name: &'static str,
    clause: &'static str,
    message: &'static str,
    answer: String,
}

impl Place {
    fn of(broken: &Broken) -> Self {
        let Broken { unit, connection, from, offset, field, violation } = *broken;
        let (name, clause, message) = (violation.name, violation.clause, violation.message);
        let (from, answer) = (shape::role(from), shape::remedy(violation.answer));
        Self { number: unit, connection, from, offset, field, name, clause, message, answer }
    }
}

impl<W: Write> Json<W> {
    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        let line = serde_json::to_string(line).map_err(io::Error::other)?;
        writeln!(self.0, "{}", ascii_json(&line))
    }

    /// Says in the end what was found.
    fn end(&mut self, findings: &Findings) -> io::Result<()> {
        let found = Found {
            units: findings.units,
            bytes: findings.bytes,
            unread: findings.unread,
            violation: findings.broken.as_ref().map(Place::of),
            bound: findings.bound.as_ref().map(Place::of),
        };
        self.line(&Line::Findings { findings: Box::new(found) })?;
        self.0.flush()
    }
}

impl<W: Write> Audience for Json<W> {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        let line = match *told {
            Told::Connection(ends) => {
                let (client, server) = (ends.client, ends.server);
                Line::Connection { connection: ends.number, client, server }
            }
            Told::Unit { number, connection, unit } => {
                Line::Unit { connection, number, unit: Box::new(UnitShape::of(unit)) }
            }
            Told::Note { connection, words } => Line::Note { connection, note: words },
        };
        self.line(&line)
    }
}

fn failed(error: ExplainError) -> Failure {
    match error {
        ExplainError::Audience(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            Failure::Unread
        }
        error => Failure::Failed(error.to_string()),
    }
}

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;
const EXAMPLE: &str = "\
It ends with the first rule that is broken, its clause, and what must be answered. The exit code is
0 when no rule is broken, 1 when one is, and 2 when the bytes cannot be read. Captures are pcap and
pcapng.

A line of --json has \"client\" and \"server\", the ends of a connection; or \"layers\", a unit; or
\"note\", a sentence. The last one has \"findings\": \"units\", \"bytes\", \"unread\" (bytes in no
unit), \"violation\" and \"bound\" (what pushscope itself reads no further), each null or with
\"connection\", \"number\" of its unit, \"from\", \"offset\", \"field\", \"name\", \"clause\",
\"message\" and \"answer\".

Example:
  pushscope explain capture.pcap --port 7777
  curl -sN http://127.0.0.1:7777/c/10086/sse | pushscope explain
  echo '81 85 37 fa 21 3d 7f 9f 4d 51 58' | pushscope explain --hex
  pushscope explain recording.json --html recording.html";
