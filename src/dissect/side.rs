//! One direction of a connection: which codec its bytes go through, and what that says.

use super::carried::{Carried, Kind};
use super::{Asked, Layer, Protocol, Shared, Unit, Upgrade, Violation, words};
use crate::limits::{self, DISSECT_MESSAGE_BYTES_MAX, DISSECT_UNIT_BYTES_MAX};
use crate::wire::body::{self, Body};
use crate::wire::chunked;
use crate::wire::cursor::Parse;
use crate::wire::field::Content;
use crate::wire::head::{self, Head, Method, Scan};
use crate::wire::response::{self, Answer, Answered};
use crate::wire::span::{Recorder, Span, Tape};
use crate::wire::ws_frame::{self, Role};
use crate::wire::ws_message::Assembler;

/// What one side has sent.
#[derive(Debug)]
pub(super) struct Side {
    from: Role,
    pub(super) stage: Stage,
    /// What has come and is in no unit yet.
    bytes: Vec<u8>,
    /// How much of it the codec has taken.
    taken: usize,
    tape: Tape,
    /// Bytes that are in units.
    offset: u64,
    carried: Carried,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Stage {
    /// A head.
    Head(Scan),
    /// Content of which the end is known, or comes as a chunk.
    Body(Body),
    /// Content up to the end of the connection.
    UntilClose,
    /// Frames, unless the upgrade is refused.
    Held,
    /// Frames.
    Frames(Assembler),
    /// Nothing that anybody could understand.
    Lost,
}

impl Side {
    pub(super) fn new(from: Role, protocol: Protocol) -> Self {
        let body = |content| Body::new(content, usize::MAX).map_or(Stage::UntilClose, Stage::Body);
        let (stage, carries) = match protocol {
            Protocol::Http => (Stage::Head(Scan::default()), Kind::Opaque),
            Protocol::Chunked => (body(Content::Chunked), Kind::Unknown),
            Protocol::EventStream => (Stage::UntilClose, Kind::EventStream),
            Protocol::WebSocket => (Stage::Frames(Assembler::new(from)), Kind::Opaque),
        };
        Self {
            from,
            stage,
            bytes: Vec::new(),
            taken: 0,
            tape: Tape::default(),
            offset: 0,
            carried: Carried::new(carries),
        }
    }

    /// Goes on with content of this kind.
    pub(super) fn join(&mut self, body: Option<Body>, content_type: &str) {
        self.stage = body.map_or(Stage::UntilClose, Stage::Body);
        self.carried = Carried::new(Kind::of(Some(content_type)));
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) const fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// What was announced and has not come, when all that came is in units.
    pub(super) fn awaits(&self) -> Option<&'static str> {
        match &self.stage {
            Stage::Body(_) => Some("content"),
            Stage::Frames(assembler) if assembler.heap_bytes() > 0 => Some("a message"),
            _ => self.carried.awaits(),
        }
    }

    /// Tells what can be told of what has come.
    pub(super) fn advance(&mut self, shared: &mut Shared, units: &mut Vec<Unit>) {
        loop {
            let upgrade = shared.upgrade;
            let before = (self.bytes.len(), self.taken, std::mem::discriminant(&self.stage));
            match &self.stage {
                Stage::Head(_) if self.from == Role::Client => self.request(shared, units),
                Stage::Head(_) => self.answer(shared, units),
                Stage::Body(_) => self.body(units),
                Stage::UntilClose => self.until_close(units),
                Stage::Held => self.held(shared),
                Stage::Frames(_) => self.frames(units),
                Stage::Lost => self.lost(units),
            }
            let after = (self.bytes.len(), self.taken, std::mem::discriminant(&self.stage));
            if self.bytes.is_empty() || before == after || upgrade != shared.upgrade {
                return;
            }
        }
    }

    /// Nothing more comes: what is there is unfinished.
    pub(super) fn end(&mut self, units: &mut Vec<Unit>) {
        let left = self.bytes.len() - self.tape.bytes().min(self.bytes.len());
        self.tape.skip(left, &words::UNFINISHED);
        let spans = self.tape.end();
        self.tell(spans, None, units);
        self.stage = Stage::Lost;
    }

    fn request(&mut self, shared: &mut Shared, units: &mut Vec<Unit>) {
        let Stage::Head(scan) = &mut self.stage else { return };
        let mut room = head::room();
        match head::parse_recorded(&self.bytes, scan, &mut room, &mut self.tape) {
            Ok(Parse::Partial) => {}
            Ok(Parse::Complete(head, _)) => {
                let is_upgrade = head.upgrade_websocket;
                shared.asked.push_back(Asked { method: head.method, is_upgrade });
                shared.asked.truncate(limits::DISSECT_ASKED_MAX);
                let (stage, carries) = behind_request(&head);
                shared.upgrade = Upgrade::Open;
                self.tell_head(stage, carries, units);
            }
            Err(error) => {
                let violation = words::of_request(error);
                self.refuse_head(violation, words::culprit(error), units);
            }
        }
    }

    fn answer(&mut self, shared: &mut Shared, units: &mut Vec<Unit>) {
        let Stage::Head(scan) = &mut self.stage else { return };
        let mut room = head::room();
        let asked = shared.asked.front().copied();
        let method = asked.map_or(Method::Get, |asked| asked.method);
        match response::parse_recorded(&self.bytes, method, scan, &mut room, &mut self.tape) {
            Ok(Parse::Partial) => {}
            Ok(Parse::Complete(answer, _)) => {
                let is_final = answer.status >= 200 || answer.status == 101;
                if is_final {
                    shared.asked.pop_front();
                }
                if answer.status == 101 {
                    shared.upgrade = Upgrade::Agreed;
                } else if is_final && asked.is_some_and(|asked| asked.is_upgrade) {
                    shared.upgrade = Upgrade::Refused;
                }
                let (stage, carries) = behind_answer(&answer);
                self.tell_head(stage, carries, units);
            }
            Err(error) => {
                let culprit = match error {
                    response::AnswerError::Field(error) => words::culprit_field(error),
                    _ => None,
                };
                self.refuse_head(words::of_answer(error), culprit, units);
            }
        }
    }

    fn tell_head(&mut self, stage: Stage, carries: Kind, units: &mut Vec<Unit>) {
        for spans in self.tape.split_whole() {
            self.tell(spans, None, units);
        }
        self.stage = stage;
        self.carried = Carried::new(carries);
    }

    /// A head breaks a rule: in a line that was not told, or by what its lines say together.
    fn refuse_head(&mut self, violation: Violation, culprit: Option<&str>, units: &mut Vec<Unit>) {
        let is_told = culprit.is_some_and(|name| self.tape.blame_group(name));
        if !is_told && self.tape.is_whole() && !self.tape.is_empty() {
            // Each line is right: what is missing is missed at the end.
            self.tape.blame();
        } else if !is_told {
            let rest = self.bytes.get(self.tape.bytes()..).unwrap_or_default();
            let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            self.tape.take(line, &words::LINE);
            self.tape.blame();
        }
        self.refuse(violation, units);
    }

    /// What breaks a rule was blamed: nothing behind it is read.
    fn refuse(&mut self, violation: Violation, units: &mut Vec<Unit>) {
        for spans in self.tape.split_before_last() {
            self.tell(spans, None, units);
        }
        let kept = self.bytes.len().saturating_sub(self.tape.bytes());
        self.tape.skip(kept, &words::UNREAD);
        let spans = self.tape.end();
        self.tell(spans, Some(violation), units);
        self.stage = Stage::Lost;
    }

    fn body(&mut self, units: &mut Vec<Unit>) {
        let Stage::Body(body) = &mut self.stage else { return };
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let mut content = Vec::new();
        match body.receive_recorded(rest, &mut content, &mut self.tape) {
            Ok(step) => {
                self.taken += step.taken;
                if step.done {
                    self.stage = Stage::Head(Scan::default());
                }
                self.tell_whole(step.done, units);
            }
            Err(error) => {
                self.tape.blame();
                self.refuse(words::of_content(error, self.from), units);
            }
        }
    }

    fn until_close(&mut self, units: &mut Vec<Unit>) {
        self.tape.take(self.bytes.len() - self.taken, &body::CONTENT);
        self.taken = self.bytes.len();
        self.tell_whole(true, units);
    }

    fn held(&mut self, shared: &Shared) {
        let is_guessed = shared.is_alone || self.bytes.len() > DISSECT_UNIT_BYTES_MAX;
        match shared.upgrade {
            Upgrade::Refused => self.stage = Stage::Head(Scan::default()),
            Upgrade::Open if !is_guessed => {}
            _ => self.stage = Stage::Frames(Assembler::new(self.from)),
        }
    }

    fn frames(&mut self, units: &mut Vec<Unit>) {
        let Stage::Frames(assembler) = &mut self.stage else { return };
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        match assembler.receive_recorded(rest, DISSECT_MESSAGE_BYTES_MAX, &mut self.tape) {
            Ok(received) => {
                self.taken += received.taken;
                self.tell_whole(false, units);
            }
            Err(error) => {
                let mut culprits = words::culprits_message(error).iter();
                if !culprits.any(|name| self.tape.blame_group(name)) {
                    self.tape.blame();
                }
                self.refuse(words::of_message(error), units);
            }
        }
    }

    fn lost(&mut self, units: &mut Vec<Unit>) {
        self.tape.skip(self.bytes.len(), &words::UNREAD);
        let spans = self.tape.end();
        self.tell(spans, None, units);
    }

    /// Tells the units that are whole, and what is too long to be kept until it is.
    fn tell_whole(&mut self, is_all: bool, units: &mut Vec<Unit>) {
        for spans in self.tape.split_whole() {
            self.tell(spans, None, units);
        }
        let told = self.tape.bytes();
        if told > 0 && (is_all || told > DISSECT_UNIT_BYTES_MAX) {
            let spans = self.tape.cut();
            self.tell(spans, None, units);
        }
    }

    fn tell(&mut self, spans: Vec<Span>, violation: Option<Violation>, units: &mut Vec<Unit>) {
        let Some(end) = spans.iter().map(|span| span.end).max() else { return };
        let bytes: Vec<u8> = self.bytes.drain(..end.min(self.bytes.len())).collect();
        self.taken = self.taken.saturating_sub(end);
        let name = spans.first().map_or("", |span| span.field.name);
        let wire = Layer { name: layer_name(&spans), bytes, spans };
        let mut layers = vec![wire];
        let summary = self.carried.carry(&mut layers);
        let (from, offset) = (self.from, self.offset);
        self.offset += end as u64;
        units.push(Unit { from, offset, name, summary, layers, violation });
    }
}

fn behind_request(head: &Head<'_, '_>) -> (Stage, Kind) {
    let carries = Kind::of(head.text("content-type"));
    if head.upgrade_websocket {
        return (Stage::Held, Kind::Opaque);
    }
    if head.content.is_empty() {
        return (Stage::Head(Scan::default()), Kind::Opaque);
    }
    // What is too long for a server is dissected all the same.
    let stage = Body::new(head.content, usize::MAX).map_or(Stage::Lost, Stage::Body);
    (stage, carries)
}

fn behind_answer(answer: &Answer<'_, '_>) -> (Stage, Kind) {
    if answer.status == 101 {
        return (Stage::Frames(Assembler::new(Role::Server)), Kind::Opaque);
    }
    let content = match answer.content {
        Answered::None | Answered::Length(0) => {
            return (Stage::Head(Scan::default()), Kind::Opaque);
        }
        Answered::UntilClose => return (Stage::UntilClose, Kind::of(answer.text("content-type"))),
        Answered::Length(length) => Content::Length(length),
        Answered::Chunked => Content::Chunked,
    };
    let stage = Body::new(content, usize::MAX).map_or(Stage::Lost, Stage::Body);
    (stage, Kind::of(answer.text("content-type")))
}

/// What kind of bytes these are on the wire.
fn layer_name(spans: &[Span]) -> &'static str {
    let first = spans.first().map(|span| span.field);
    match first {
        Some(field) if std::ptr::eq(field, &ws_frame::fields::FRAME) => "WebSocket",
        Some(field) if std::ptr::eq(field, &chunked::fields::CHUNK) => "chunked",
        _ => "HTTP",
    }
}
