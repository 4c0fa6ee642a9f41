//! What a client makes of what it reads: RFC 9112, RFC 6455, HTML §9.2 and our own few lines of
//! JSON, read by code that shares nothing with the codecs that wrote them.

mod frames;
mod text;

use serde_json::Value;

use super::plan::Way;
use frames::Frames;
pub(crate) use text::poll;

/// A message's place, as a client reads it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct Place {
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (epoch, offset) = text.split_once('-')?;
        Some(Self { epoch: epoch.parse().ok()?, offset: offset.parse().ok()? })
    }

    pub(crate) fn text(self) -> String {
        format!("{}-{}", self.epoch, self.offset)
    }
}

/// Something that the server has said.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Said {
    /// A whole answer.
    Answer(Answer),
    /// A stream has begun; its head may tell of a gap.
    Opened {
        gap: Option<u64>,
    },
    /// Where the stream stands.
    Stands(Place),
    /// So many messages are lost.
    Gap {
        missed: u64,
        epoch_changed: bool,
    },
    /// A message; a bare WebSocket does not say where it stands.
    Message {
        place: Option<Place>,
        payload: Vec<u8>,
    },
    /// The server's last word on this stream.
    Goodbye(Parting),
    /// Something that shows that the server lives.
    Beat,
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
    /// The stream's own end.
    Over,
}

/// Why a stream ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parting {
    Drained,
    Deleted,
}

/// A whole answer.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.content).expect("JSON")
    }

    /// Whether the connection is over with this answer.
    pub(crate) fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads one connection.
#[derive(Debug)]
pub(crate) struct Reader {
    way: Way,
    rest: Vec<u8>,
    /// Bytes of `rest` in which no line ends.
    scanned: usize,
    state: State,
    framing: Framing,
    flow: Flow,
    /// Content that is no whole unit yet.
    content: Vec<u8>,
    content_scanned: usize,
    frames: Frames,
    event: text::EventStream,
    answer: Option<Answer>,
    /// Whether chunks have carried the last word: then a last chunk follows.
    is_told_end: bool,
    /// Answers that have a head only.
    pub(crate) bodiless: std::collections::VecDeque<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Head,
    Content,
    Frames,
    Over,
}

/// Where content ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    Length(usize),
    ChunkSize,
    ChunkData(usize),
    ChunkEnd,
    LastChunk,
    UntilClose,
}

/// What content is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    Whole,
    Events,
    Lines,
    Scripts,
}

type Told = Result<(), String>;

impl Reader {
    pub(crate) fn new(way: Way) -> Self {
        Self {
            way,
            rest: Vec::new(),
            scanned: 0,
            state: State::Head,
            framing: Framing::Length(0),
            flow: Flow::Whole,
            content: Vec::new(),
            content_scanned: 0,
            frames: Frames::default(),
            event: text::EventStream::default(),
            answer: None,
            is_told_end: false,
            bodiless: std::collections::VecDeque::new(),
        }
    }

    /// Reads on; what is wrong is told as an error.
    pub(crate) fn hear(&mut self, bytes: &[u8], into: &mut Vec<Said>) -> Told {
        self.rest.extend_from_slice(bytes);
        while self.step(into)? {}
        Ok(())
    }

    /// Whether the connection may end here, by a FIN, with nothing torn.
    pub(crate) fn is_at_boundary(&self) -> bool {
        if !self.rest.is_empty() || !self.content.is_empty() {
            return false;
        }
        match self.state {
            // What is left of a frame is in `rest`.
            State::Head | State::Over | State::Frames => true,
            State::Content => {
                !self.is_told_end
                    && matches!(self.framing, Framing::ChunkSize | Framing::UntilClose)
                    && self.event.is_at_boundary()
            }
        }
    }

    /// What has come of the next unit, to be shown.
    pub(crate) fn torn(&self) -> String {
        let (rest, content) = (self.rest.escape_ascii(), self.content.escape_ascii());
        format!("{:?}, {:?}, {:?}: {rest} {content}", self.state, self.framing, self.flow)
    }

    /// Whether a stream has begun.
    pub(crate) fn is_streaming(&self) -> bool {
        self.state == State::Frames || (self.state == State::Content && self.flow != Flow::Whole)
    }

    fn step(&mut self, into: &mut Vec<Said>) -> Result<bool, String> {
        match self.state {
            State::Head => self.head(into),
            State::Content => self.content(into),
            State::Frames => self.frames.hear(&mut self.rest, self.way, into),
            State::Over if self.rest.is_empty() => Ok(false),
            State::Over => Err("something is said behind the end".into()),
        }
    }

    fn head(&mut self, into: &mut Vec<Said>) -> Result<bool, String> {
        let from = self.scanned.saturating_sub(3);
        let found = memchr::memmem::find(&self.rest[from..], b"\r\n\r\n");
        let Some(end) = found.map(|at| from + at) else {
            self.scanned = self.rest.len();
            return Ok(false);
        };
        let head: Vec<u8> = self.rest.drain(..end + 4).collect();
        self.scanned = 0;
        let text = str::from_utf8(&head[..end]).map_err(|_| "a head is ASCII")?;
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status: u16 = status.ok_or_else(|| format!("no status line: {line:?}"))?;
        let mut fields = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("field: {line:?}"))?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return Err(format!("no field name: {name:?}"));
            }
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        self.begin(status, fields, into)
    }

    fn begin(
        &mut self,
        status: u16,
        fields: Vec<(String, String)>,
        into: &mut Vec<Said>,
    ) -> Result<bool, String> {
        let gap = match find(&fields, "pushscope-gap") {
            Some(missed) => Some(missed.parse().map_err(|_| format!("a gap of {missed:?}"))?),
            None => None,
        };
        if status == 100 {
            return Ok(true);
        }
        if status == 101 {
            self.state = State::Frames;
            into.push(Said::Opened { gap });
            return Ok(true);
        }
        let length = find(&fields, "content-length").map(str::parse::<usize>).transpose();
        let length = length.map_err(|_| "a length is a number")?;
        let chunked = find(&fields, "transfer-encoding") == Some("chunked");
        let media_type = find(&fields, "content-type").unwrap_or_default();
        let is_endless = length.is_none() && status == 200;
        self.flow = match media_type {
            "text/event-stream" if is_endless => Flow::Events,
            "application/x-ndjson" if is_endless => Flow::Lines,
            _ if media_type.starts_with("text/html") && is_endless => Flow::Scripts,
            _ => Flow::Whole,
        };
        // Of a head that did not come whole the server does not know that it was a HEAD.
        let is_unknown = matches!(status, 400 | 408);
        let is_head = self.bodiless.pop_front().unwrap_or_default() && !is_unknown;
        let is_bare = is_head || matches!(status, 204 | 304);
        self.framing = match length {
            _ if is_bare => Framing::Length(0),
            Some(length) if !chunked => Framing::Length(length),
            Some(_) => return Err("a length and chunks".into()),
            None if chunked => Framing::ChunkSize,
            None => Framing::UntilClose,
        };
        if is_bare {
            self.flow = Flow::Whole;
        }
        if self.flow == Flow::Whole {
            self.answer = Some(Answer { status, fields, content: Vec::new() });
        } else {
            into.push(Said::Opened { gap });
        }
        self.state = State::Content;
        Ok(true)
    }

    fn content(&mut self, into: &mut Vec<Said>) -> Result<bool, String> {
        match self.framing {
            Framing::Length(0) => {
                self.state = State::Head;
                self.end(into)?;
                Ok(true)
            }
            Framing::Length(left) | Framing::ChunkData(left) => {
                let count = left.min(self.rest.len());
                self.content.extend_from_slice(&self.rest[..count]);
                self.rest.drain(..count);
                let left = left - count;
                self.framing = match self.framing {
                    Framing::ChunkData(_) if left == 0 => Framing::ChunkEnd,
                    Framing::ChunkData(_) => Framing::ChunkData(left),
                    _ => Framing::Length(left),
                };
                self.flow(into)?;
                Ok(left == 0)
            }
            Framing::UntilClose => {
                self.content.append(&mut self.rest);
                self.flow(into)?;
                Ok(false)
            }
            Framing::ChunkSize => {
                let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') else {
                    return Ok(false);
                };
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let size = str::from_utf8(&line).ok().and_then(|line| line.strip_suffix("\r\n"));
                let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
                let size = size.ok_or_else(|| format!("a chunk of {:?}", line.escape_ascii()))?;
                self.framing = match size {
                    0 => Framing::LastChunk,
                    _ => Framing::ChunkData(size),
                };
                Ok(true)
            }
            Framing::ChunkEnd | Framing::LastChunk => {
                if self.rest.len() < 2 {
                    return Ok(false);
                }
                if !self.rest.starts_with(b"\r\n") {
                    return Err("a chunk is longer than it says".into());
                }
                self.rest.drain(..2);
                if self.framing == Framing::LastChunk {
                    self.state = State::Over;
                    self.end(into)?;
                    into.push(Said::Over);
                } else {
                    self.framing = Framing::ChunkSize;
                }
                Ok(true)
            }
        }
    }

    /// Content has come.
    fn flow(&mut self, into: &mut Vec<Said>) -> Told {
        if self.flow == Flow::Whole {
            return Ok(());
        }
        let mut begun = 0;
        let mut from = self.content_scanned;
        while let Some(at) = memchr::memchr(b'\n', &self.content[from..]) {
            let line = &self.content[begun..from + at];
            let line = str::from_utf8(line).map_err(|_| "a line is UTF-8")?;
            match self.flow {
                Flow::Events => self.event.line(line, into)?,
                Flow::Lines => text::ndjson(line, into)?,
                Flow::Scripts => text::script(line, into)?,
                Flow::Whole => {}
            }
            from += at + 1;
            begun = from;
        }
        let is_chunked = self.framing != Framing::UntilClose;
        let parts = into.iter().any(|said| matches!(said, Said::Goodbye(_)));
        self.is_told_end |= is_chunked && parts;
        self.content.drain(..begun);
        self.content_scanned = self.content.len();
        Ok(())
    }

    /// Content is at its end.
    fn end(&mut self, into: &mut Vec<Said>) -> Told {
        if let Some(mut answer) = self.answer.take() {
            answer.content = std::mem::take(&mut self.content);
            into.push(Said::Answer(answer));
        }
        Ok(())
    }
}

fn find<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
