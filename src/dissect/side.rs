//! One direction of a connection: which codec its bytes go through, and what that says.

use super::carried::{Carrier, OTHERS, Place, text};
use super::content::{Carried, Kind};
use super::heads::{as_server_error, behind_answer, behind_request, chunks};
use super::heads::{is_enveloped, leads, upgrade, wants_envelopes};
use super::{Asked, Layer, Leads, Protocol, Shared, Unit, Upgrade, Violation, fields, words};
use crate::limits::{self, DISSECT_UNIT_BYTES_MAX};
use crate::wire::body::{self, Body};
use crate::wire::chunked;
use crate::wire::cursor::Parse;
use crate::wire::field::fields as lines;
use crate::wire::field::{Content, FieldError};
use crate::wire::head::{self, HeadError, Method, Scan};
use crate::wire::response::{self, AnswerError};
use crate::wire::span::{Field, Recorder, Severity, Span, Tape};
use crate::wire::ws_frame::{self, Role};
use crate::wire::ws_message::Assembler;

/// What one side has sent.
#[derive(Debug)]
pub(super) struct Side {
    from: Role,
    pub(super) stage: Stage,
    /// What has come; what is in units goes when all that can be told is told.
    bytes: Vec<u8>,
    /// How much of it is in units.
    told: usize,
    /// How much behind that the codec has taken.
    taken: usize,
    tape: Tape,
    /// Bytes that are in units, of all that ever came.
    offset: u64,
    carried: Carrier,
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
    /// What a request for an upgrade leads to, unless it is refused.
    Held(Leads),
    /// Frames.
    Frames(Assembler),
    /// What is not read here.
    Other(&'static Field),
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
            Protocol::WebSocket => (Stage::Frames(Assembler::keeping_nothing(from)), Kind::Opaque),
        };
        Self {
            from,
            stage,
            bytes: Vec::new(),
            told: 0,
            taken: 0,
            tape: Tape::default(),
            offset: 0,
            carried: Carrier::of(Carried::new(from, carries)),
        }
    }

    /// Goes on with content of this kind.
    pub(super) fn join(&mut self, body: Option<Body>, content_type: &str) {
        self.stage = body.map_or(Stage::UntilClose, Stage::Body);
        self.carried = Carrier::of(Carried::new(self.from, Kind::of(Some(content_type))));
    }

    /// Goes on with frames, of which text is in envelopes.
    pub(super) fn join_envelopes(&mut self) {
        self.carried = Carrier::frames(Carried::new(self.from, Kind::Opaque), true);
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) const fn waiting(&self) -> usize {
        self.bytes.len() - self.told
    }

    /// What was begun, or announced, and has not come to its end.
    pub(super) fn awaits(&self) -> Option<&'static str> {
        let is_client = self.from == Role::Client;
        let is_waiting = self.waiting() > 0;
        match &self.stage {
            Stage::Head(_) if !is_waiting => None,
            Stage::Head(_) if is_client => Some("the head of a request"),
            Stage::Head(_) => Some("the head of a response"),
            Stage::Body(Body::Chunked(_)) if is_waiting => Some("a chunk"),
            Stage::Body(_) if is_client => Some("the content of a request"),
            Stage::Body(_) => Some("the content of a response"),
            Stage::Frames(assembler) if is_waiting || assembler.is_within_frame() => {
                Some("a frame")
            }
            Stage::Frames(assembler) if assembler.heap_bytes() > 0 => Some("a fragmented message"),
            Stage::Frames(_) | Stage::UntilClose => self.carried.awaits(),
            Stage::Held(_) if is_waiting => Some("an upgrade that nobody has answered"),
            Stage::Held(_) | Stage::Other(_) | Stage::Lost => None,
        }
    }

    /// Tells what can be told of what has come.
    pub(super) fn advance(&mut self, shared: &mut Shared, units: &mut Vec<Unit>) {
        let upgrade = std::mem::discriminant(&shared.upgrade);
        loop {
            let before = self.place();
            match &self.stage {
                Stage::Head(_) if self.tape.is_empty() && is_other(shared) => self.held(shared),
                Stage::Head(_) if self.from == Role::Client => self.request(shared, units),
                Stage::Head(_) => self.answer(shared, units),
                Stage::Body(_) => self.body(units),
                Stage::UntilClose => self.opaque(&body::CONTENT_UNTIL_CLOSE, units),
                Stage::Held(_) => self.held(shared),
                Stage::Frames(_) => self.frames(units),
                Stage::Other(field) => self.opaque(field, units),
                Stage::Lost => self.lost(units),
            }
            let is_news = upgrade != std::mem::discriminant(&shared.upgrade);
            if self.waiting() == 0 || before == self.place() || is_news {
                break;
            }
        }
        self.bytes.drain(..self.told);
        self.told = 0;
    }

    fn place(&self) -> (usize, usize, std::mem::Discriminant<Stage>) {
        (self.told, self.taken, std::mem::discriminant(&self.stage))
    }

    /// Nothing more comes: what is there is unfinished.
    pub(super) fn end(&mut self, units: &mut Vec<Unit>) {
        let left = self.waiting().saturating_sub(self.tape.bytes());
        self.tape.skip(left, &fields::UNFINISHED);
        let spans = self.tape.end();
        self.tell(spans, None, units);
        self.stage = Stage::Lost;
    }

    fn request(&mut self, shared: &mut Shared, units: &mut Vec<Unit>) {
        let Stage::Head(scan) = &mut self.stage else { return };
        let rest = self.bytes.get(self.told..).unwrap_or_default();
        if rest.starts_with(fields::HTTP2_PREFACE) {
            shared.upgrade = Upgrade::Other(&fields::HTTP2);
            return self.stage = Stage::Other(&fields::HTTP2);
        }
        if fields::HTTP2_PREFACE.starts_with(rest) {
            return;
        }
        let mut room = head::room();
        match head::parse_recorded(rest, scan, &mut room, &mut self.tape) {
            Ok(Parse::Partial) => {}
            Ok(Parse::Complete(head, _)) => {
                let leads = leads(&head);
                shared.asked.push_back(Asked { method: head.method, leads });
                shared.asked.truncate(limits::DISSECT_ASKED_MAX);
                shared.upgrade = Upgrade::Open;
                shared.is_enveloped = wants_envelopes(&head);
                let (stage, carried) = behind_request(&head, leads);
                self.tell_head(stage, Carrier::of(carried), units);
            }
            Err(HeadError::Field(FieldError::CodingUnknown)) => {
                let method = match self.said(&lines::METHOD) {
                    b"HEAD" => Method::Head,
                    _ => Method::Get,
                };
                shared.asked.push_back(Asked { method, leads: Leads::On });
                shared.asked.truncate(limits::DISSECT_ASKED_MAX);
                let (stage, carried) = (chunks(), self.coded());
                self.tell_head(stage, Carrier::of(carried), units);
            }
            Err(error) => {
                let violation = words::of_request(error);
                self.refuse_head(violation, words::culprit(error), units);
            }
        }
    }

    fn answer(&mut self, shared: &mut Shared, units: &mut Vec<Unit>) {
        let Stage::Head(scan) = &mut self.stage else { return };
        let rest = self.bytes.get(self.told..).unwrap_or_default();
        let (mut room, mut other_room) = (head::room(), head::room());
        let asked = shared.asked.front().copied();
        let method = asked.map_or(Method::Get, |asked| asked.method);
        let mut answer = response::parse_recorded(rest, method, scan, &mut room, &mut self.tape);
        let patched;
        if answer == Err(AnswerError::StatusInvalid)
            && let Some(bytes) = as_server_error(rest)
        {
            patched = bytes;
            let tape = &mut self.tape;
            answer = response::parse_recorded(&patched, method, scan, &mut other_room, tape);
        }
        match answer {
            Ok(Parse::Partial) => {}
            Ok(Parse::Complete(answer, _)) => {
                let is_final = answer.status >= 200 || answer.status == 101;
                if is_final {
                    shared.asked.pop_front();
                }
                let leads = asked.map_or(Leads::On, |asked| asked.leads);
                if let Some(upgrade) = upgrade(&answer, leads) {
                    shared.upgrade = upgrade;
                }
                shared.is_enveloped |= is_enveloped(&answer);
                let (stage, carried) = behind_answer(&answer, shared);
                self.tell_head(stage, carried, units);
            }
            Err(AnswerError::Field(
                error @ (FieldError::CodingUnknown | FieldError::EncodingNotChunked),
            )) => {
                // RFC 9112 §6.3: "If a Transfer-Encoding header field is present in a response and
                // the chunked transfer coding is not the final encoding, the message body length is
                // determined by reading the connection until it is closed by the server."
                let is_chunked = error == FieldError::CodingUnknown;
                let is_empty = matches!(self.said(&lines::STATUS), b"204" | b"304" | [b'1', ..]);
                if !matches!(self.said(&lines::STATUS), [b'1', ..]) {
                    shared.asked.pop_front();
                }
                let stage = match is_empty || method == Method::Head {
                    true => Stage::Head(Scan::default()),
                    false if is_chunked => chunks(),
                    false => Stage::UntilClose,
                };
                let carried = self.coded();
                self.tell_head(stage, Carrier::of(carried), units);
            }
            Err(error) => {
                let culprit = match error {
                    AnswerError::Field(error) => words::culprit_field(error),
                    _ => None,
                };
                self.refuse_head(words::of_answer(error), culprit, units);
            }
        }
    }

    /// The bytes of a field of the head in hand.
    fn said(&self, field: &'static Field) -> &[u8] {
        let found = self.tape.spans().iter().find(|span| fields::is(span.field, field));
        let bytes = self.bytes.get(self.told..).unwrap_or_default();
        found.and_then(|span| bytes.get(span.start..span.end)).unwrap_or_default()
    }

    /// Content in transfer codings that are not read here.
    fn coded(&self) -> Carried {
        let spans = self.tape.spans();
        let line = spans.iter().position(|span| span.field.name == "Transfer-Encoding");
        let lines = line.and_then(|line| spans.get(line..)).unwrap_or_default();
        let value = lines.iter().find(|span| fields::is(span.field, &lines::VALUE));
        let bytes = self.bytes.get(self.told..).unwrap_or_default();
        let value = value.and_then(|value| bytes.get(value.start..value.end)).unwrap_or_default();
        Carried::unread(self.from, format!("in {}, which is not read here", text(value)))
    }

    fn tell_head(&mut self, stage: Stage, carried: Carrier, units: &mut Vec<Unit>) {
        for spans in self.tape.split_whole() {
            self.tell(spans, None, units);
        }
        self.stage = stage;
        self.carried = carried;
    }

    /// A head breaks a rule: in a line that was not told, or by what its lines say together.
    fn refuse_head(&mut self, violation: Violation, culprit: Option<&str>, units: &mut Vec<Unit>) {
        let is_told = culprit.is_some_and(|name| self.tape.blame_group(name));
        if !is_told && self.tape.is_whole() && !self.tape.is_empty() {
            // Each line is right: what is missing is missed at the end.
            self.tape.blame();
        } else if !is_told {
            let rest = self.bytes.get(self.told + self.tape.bytes()..).unwrap_or_default();
            let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            self.tape.take(line, &fields::WRONG_LINE);
            self.tape.blame();
        }
        self.refuse(violation, units);
    }

    /// What breaks a rule was blamed: nothing behind it is read.
    fn refuse(&mut self, violation: Violation, units: &mut Vec<Unit>) {
        for spans in self.tape.split_before_last() {
            self.tell(spans, None, units);
        }
        let kept = self.waiting().saturating_sub(self.tape.bytes());
        self.tape.skip(kept, &fields::UNREAD);
        let mut spans = self.tape.end();
        if violation.clause.is_empty() {
            // Nobody is to blame for a bound of ours.
            let blamed = spans.iter_mut().filter(|span| span.severity == Severity::Wrong);
            blamed.for_each(|span| span.severity = Severity::Open);
        }
        self.tell(spans, Some(violation), units);
        self.stage = Stage::Lost;
    }

    fn body(&mut self, units: &mut Vec<Unit>) {
        let Stage::Body(body) = &mut self.stage else { return };
        let rest = self.bytes.get(self.told + self.taken..).unwrap_or_default();
        let mut content = Vec::new();
        match body.receive_recorded(rest, &mut content, &mut self.tape) {
            Ok(step) => {
                self.taken += step.taken;
                self.tell_whole(if step.done { Cut::End } else { Cut::Long }, units);
                if step.done {
                    self.stage = Stage::Head(Scan::default());
                }
            }
            Err(error) => {
                self.tape.blame();
                self.refuse(words::of_content(error, self.from), units);
            }
        }
    }

    /// All that has come is this, and so is all that will.
    fn opaque(&mut self, field: &'static Field, units: &mut Vec<Unit>) {
        self.tape.take(self.waiting() - self.taken, field);
        self.taken = self.waiting();
        self.tell_whole(Cut::All, units);
    }

    fn held(&mut self, shared: &Shared) {
        let leads = match &self.stage {
            Stage::Held(leads) => *leads,
            _ => Leads::On,
        };
        let is_guessed = shared.is_alone || self.waiting() > DISSECT_UNIT_BYTES_MAX;
        self.stage = match (shared.upgrade, leads) {
            (Upgrade::Refused, _) => Stage::Head(Scan::default()),
            (Upgrade::Other(field), _) => Stage::Other(field),
            (Upgrade::Open, _) if !is_guessed => return,
            (Upgrade::Open, Leads::Tunnel) => Stage::Other(&fields::TUNNEL),
            _ => Stage::Frames(Assembler::keeping_nothing(self.from)),
        };
    }

    fn frames(&mut self, units: &mut Vec<Unit>) {
        let Stage::Frames(assembler) = &mut self.stage else { return };
        let rest = self.bytes.get(self.told + self.taken..).unwrap_or_default();
        match assembler.receive_recorded(rest, usize::MAX, &mut self.tape) {
            Ok(received) => {
                self.taken += received.taken;
                self.tell_whole(Cut::Long, units);
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
        self.tape.skip(self.waiting(), &fields::UNREAD);
        let spans = self.tape.end();
        self.tell(spans, None, units);
    }

    /// Tells the units that are whole, and of the last one what must not wait.
    fn tell_whole(&mut self, cut: Cut, units: &mut Vec<Unit>) {
        let whole = self.tape.split_whole();
        let told = self.tape.bytes();
        let rest = match cut {
            Cut::Long if told <= DISSECT_UNIT_BYTES_MAX => Vec::new(),
            _ if told == 0 => Vec::new(),
            _ => self.tape.cut(),
        };
        let mut all = whole.into_iter().chain([rest]).filter(|spans| !spans.is_empty()).peekable();
        while let Some(spans) = all.next() {
            let is_last = cut == Cut::End && all.peek().is_none();
            let place = if is_last { Place::Last } else { Place::Within };
            self.tell_at(place, spans, None, units);
        }
    }

    fn tell(&mut self, spans: Vec<Span>, violation: Option<Violation>, units: &mut Vec<Unit>) {
        self.tell_at(Place::Within, spans, violation, units);
    }

    fn tell_at(
        &mut self,
        place: Place,
        spans: Vec<Span>,
        violation: Option<Violation>,
        units: &mut Vec<Unit>,
    ) {
        let Some(end) = spans.iter().map(|span| span.end).max() else { return };
        let bytes = self.bytes.get(self.told..).unwrap_or_default();
        let bytes = bytes.get(..end).unwrap_or(bytes).to_vec();
        self.told += bytes.len();
        self.taken = self.taken.saturating_sub(end);
        let name = spans.first().map_or("", |span| span.field.name);
        let wire = Layer { name: layer_name(&spans), bytes, spans };
        let mut layers = vec![wire];
        let summary = self.carried.carry(&mut layers, place);
        let (from, offset) = (self.from, self.offset);
        self.offset += end as u64;
        units.push(Unit { from, offset, name, summary, layers, violation });
    }
}

/// What is told of a unit that is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// All of it, if it is too long to be kept.
    Long,
    /// All of it.
    All,
    /// All of it: the message ends there.
    End,
}

/// Whether both sides speak what is not read here.
const fn is_other(shared: &Shared) -> bool {
    matches!(shared.upgrade, Upgrade::Other(_))
}

/// What kind of bytes these are on the wire.
fn layer_name(spans: &[Span]) -> &'static str {
    let first = spans.first().map(|span| span.field);
    match first {
        Some(field) if fields::is(field, &ws_frame::fields::FRAME) => "WebSocket",
        Some(field) if fields::is(field, &chunked::fields::CHUNK) => "chunked",
        Some(field) if OTHERS.iter().any(|other| fields::is(field, other)) => "TCP",
        _ => "HTTP",
    }
}
