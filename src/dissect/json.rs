//! JSON and scripts: what of them is ours, and wraps a message, and what anybody may have said.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{self, Words};
use crate::id::Id;
use crate::wire::script;
use crate::wire::span::{Field, Recorder, Tape};
use crate::wire::ws_frame::Role;

/// Tells an object that wraps a message of ours, or says something of a stream; none when it is
/// anything else. Whoever asks knows that such an object stands here: nobody's text is judged by
/// what it looks like.
pub(super) fn envelope(bytes: &[u8]) -> Option<Tape> {
    let members = Members::parse(bytes)?;
    let ours = members.ours()?;
    let mut tape = Tape::default();
    record_object(bytes, &members, ours, &mut tape);
    Some(tape)
}

/// Tells an object that anybody may have said; none when the bytes are something else.
pub(super) fn object(bytes: &[u8]) -> Option<Tape> {
    let members = Members::parse(bytes)?;
    let mut tape = Tape::default();
    record_object(bytes, &members, How::Plain, &mut tape);
    Some(tape)
}

/// Tells a JSON text, and the white space in front of it.
pub(super) fn record_text(bytes: &[u8], from: Role, tape: &mut Tape) {
    let text = bytes.trim_ascii_start();
    tape.take(bytes.len() - text.len(), fields::ANYBODYS.white);
    if let Some(members) = Members::parse(text) {
        let how = match from {
            Role::Server if members.is_batch() => How::Batch,
            Role::Server if members.is_message() => How::Message,
            Role::Server | Role::Client => How::Plain,
        };
        return record_object(text, &members, how, tape);
    }
    match str::from_utf8(text).ok().and_then(|text| serde_json::from_str(text).ok()) {
        Some(items) => record_items(text, items, How::Plain, tape),
        None => tape.take(text.len(), &fields::NO_JSON),
    }
}

/// Tells a line of JSON, its end included.
pub(super) fn record_line(line: &[u8], from: Role, tape: &mut Tape) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let members = Members::parse(text);
    let ours = members.as_ref().and_then(Members::ours).filter(|_| from == Role::Server);
    tape.enter(&fields::LINE);
    match (&members, ours) {
        (Some(members), Some(How::Notice)) => {
            record_object(text, members, How::Notice, tape);
            tape.is_control();
        }
        (Some(members), ours) => record_object(text, members, ours.unwrap_or(How::Plain), tape),
        (None, _) => tape.take(text.len(), &fields::NO_OBJECT),
    }
    tape.take(line.len() - text.len(), &fields::LINE_END);
    if ours == Some(How::Notice) {
        tape.is_control();
    }
    tape.leave();
}

/// Tells a line of a document, its end included: a script of ours, or whatever a document has.
pub(super) fn record_line_of_document(line: &[u8], tape: &mut Tape) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let Some(call) = script::parse(text) else {
        return record_document(line, text, tape);
    };
    let object = script::START.len() - fields::START_TAG_BYTES;
    let end_tag = script::END.len() - 1;
    tape.enter(&fields::SCRIPT);
    tape.take(fields::START_TAG_BYTES, &fields::START_TAG);
    tape.take(object, &fields::OBJECT_OF_PAGE);
    tape.take(call.name.len(), &fields::FUNCTION);
    tape.take(1, &fields::PARENTHESIS);
    let members = Members::parse(call.argument);
    match members.as_ref().and_then(|members| Some((members, members.ours()?))) {
        Some((members, ours)) => record_object(call.argument, members, ours, tape),
        None => tape.take(call.argument.len(), &fields::ARGUMENT),
    }
    tape.take(1, &fields::PARENTHESIS);
    tape.take(end_tag, &fields::END_TAG);
    tape.take(line.len() - text.len(), &fields::DOCUMENT_LINE_END);
    if call.name != b"message" {
        tape.is_control();
    }
    tape.leave();
}

/// Tells a line of a document in which no script of ours stands.
fn record_document(line: &[u8], text: &[u8], tape: &mut Tape) {
    let document = if text.starts_with(PADDED) { PADDED.len() - COMMENT.len() } else { 0 };
    if document == 0 && text != HEARTBEAT {
        return tape.take(line.len(), &fields::DOCUMENT);
    }
    tape.take(document, &fields::DOCUMENT_OF_SCRIPTS);
    tape.take(text.len() - document, &fields::PADDING);
    tape.take(line.len() - text.len(), &fields::PADDING_END);
}

/// Where a JSON text ends, found as its bytes come.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Bytes that were looked at.
    at: usize,
    /// Braces and brackets that are open.
    depth: usize,
    is_string: bool,
    is_escaped: bool,
}

/// What a scan has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// An object or an array ends there.
    End(usize),
    /// More must come.
    Nothing,
    /// It is neither an object nor an array.
    Other,
}

impl Scan {
    /// Looks at what has come since: the same bytes again, and more.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Found {
        for byte in bytes.get(self.at..).unwrap_or_default() {
            self.at += 1;
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_string => self.is_escaped = true,
                b'"' if self.depth > 0 => self.is_string = !self.is_string,
                _ if self.is_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Found::End(self.at);
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.depth > 0 => {}
                _ => return Found::Other,
            }
        }
        Found::Nothing
    }

    /// Whether a text has begun and not ended.
    pub(super) const fn is_within(&self) -> bool {
        self.depth > 0
    }
}

/// What an object is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// Anybody's.
    Plain,
    /// A message in our envelope.
    Message,
    /// Something about the stream: a place in it, a gap, a heartbeat, its end.
    Notice,
    /// Messages of ours.
    Batch,
}

impl How {
    const fn words(self) -> &'static Words {
        match self {
            Self::Plain => &fields::ANYBODYS,
            Self::Message | Self::Notice | Self::Batch => &fields::OURS,
        }
    }
}

/// The members of an object, as they stand.
struct Members<'b>(Vec<(&'b RawValue, &'b RawValue)>);

impl<'b> Members<'b> {
    fn parse(bytes: &'b [u8]) -> Option<Self> {
        if bytes.first() != Some(&b'{') {
            return None;
        }
        serde_json::from_slice(bytes).ok()
    }

    /// What it is where an object of ours stands.
    fn ours(&self) -> Option<How> {
        let is_notice = !self.0.is_empty() && self.are_among(&NOTICE);
        match self.is_message() {
            true => Some(How::Message),
            false => is_notice.then_some(How::Notice),
        }
    }

    fn is_message(&self) -> bool {
        let payloads = ["data", "base64"].map(|name| self.value(name));
        let is_one = matches!(payloads, [Some(text), None] | [None, Some(text)]
            if text.starts_with('"'));
        is_one
            && self.are_among(&MESSAGE)
            && ["time", "channel"].iter().all(|name| self.value(name).is_some())
            && self.value("id").and_then(|id| Id::parse(id.trim_matches('"'))).is_some()
    }

    fn is_batch(&self) -> bool {
        let items = self.value("messages").map(serde_json::from_str::<Vec<&RawValue>>);
        let Some(Ok(items)) = items else { return false };
        self.are_among(&BATCH)
            && self.value("next").is_some()
            && items.iter().all(|item| {
                Members::parse(item.get().as_bytes()).is_some_and(|item| item.is_message())
            })
    }

    fn value(&self, name: &str) -> Option<&'b str> {
        let found = self.0.iter().find(|(this, _)| unquoted(this) == name);
        found.map(|(_, value)| value.get())
    }

    fn are_among(&self, names: &[&str]) -> bool {
        self.0.iter().all(|(name, _)| names.contains(&unquoted(name)))
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Members<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn unquoted(name: &RawValue) -> &str {
    name.get().trim_matches('"')
}

fn record_object(bytes: &[u8], members: &Members<'_>, how: How, tape: &mut Tape) {
    let (begin, words) = (tape.bytes(), how.words());
    tape.enter(words.object);
    for (name, value) in &members.0 {
        skip_to(begin, bytes, name.get(), words, tape);
        tape.take(name.get().len(), words.name);
        skip_to(begin, bytes, value.get(), words, tape);
        record_member(unquoted(name), value.get(), how, tape);
    }
    let end = bytes.get(tape.bytes() - begin..).unwrap_or_default();
    record_between(end, words, tape);
    if how == How::Notice {
        tape.is_control();
    }
    tape.leave();
}

fn record_member(name: &str, value: &str, how: How, tape: &mut Tape) {
    let field: &'static Field = match (how, name) {
        (How::Plain, _) => fields::ANYBODYS.value,
        (How::Message, "data" | "base64") => {
            tape.take(1, &fields::QUOTE);
            let field = if name == "data" { &fields::DATA } else { &fields::BASE64 };
            tape.take(value.len().saturating_sub(2), field);
            return tape.take(1, &fields::QUOTE);
        }
        (How::Batch, "messages") => {
            let items = serde_json::from_str(value).unwrap_or_default();
            return record_items(value.as_bytes(), items, How::Message, tape);
        }
        (_, "id" | "next") => &fields::CURSOR,
        (_, "time") => &fields::TIME,
        (_, "channel") => &fields::CHANNEL,
        (_, "event") => &fields::EVENT,
        (_, "gap") => &fields::GAP,
        _ => fields::OURS.value,
    };
    tape.take(value.len(), field);
}

/// Tells an array, of which each item is taken for this.
fn record_items(bytes: &[u8], items: Vec<&RawValue>, how: How, tape: &mut Tape) {
    let (begin, words) = (tape.bytes(), how.words());
    for item in items {
        skip_to(begin, bytes, item.get(), words, tape);
        match Members::parse(item.get().as_bytes()).filter(|_| how == How::Message) {
            Some(members) => record_object(item.get().as_bytes(), &members, how, tape),
            None => tape.take(item.get().len(), words.value),
        }
    }
    let end = bytes.get(tape.bytes() - begin..).unwrap_or_default();
    record_between(end, words, tape);
}

/// What stands between what was told last and `inner`, which is a part of `bytes`.
fn skip_to(begin: usize, bytes: &[u8], inner: &str, words: &Words, tape: &mut Tape) {
    let at = inner.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
    let between = bytes.get(tape.bytes() - begin..at).unwrap_or_default();
    record_between(between, words, tape);
}

/// Structural characters, and white space around them.
fn record_between(bytes: &[u8], words: &Words, tape: &mut Tape) {
    for byte in bytes {
        let is_white = byte.is_ascii_whitespace();
        tape.take(1, if is_white { words.white } else { words.structural });
    }
}

/// Names of the members of a message.
const MESSAGE: [&str; 6] = ["id", "time", "channel", "event", "data", "base64"];
/// Names of members that say something about the stream.
const NOTICE: [&str; 7] = ["gap", "epoch_changed", "next", "padding", "heartbeat", "end", "retry"];
/// Names of the members of the answer to a poll.
const BATCH: [&str; 4] = ["messages", "next", "gap", "epoch_changed"];
/// What a document of ours begins with, up to the comment that pads it.
const PADDED: &[u8] = b"<!doctype html><meta charset=\"utf-8\"><title>pushscope</title><!--";
/// What a comment begins with.
const COMMENT: &[u8] = b"<!--";
/// What an idle document of ours says.
const HEARTBEAT: &[u8] = b"<!---->";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::span::{Part, untiled};

    fn said(bytes: &[u8], tape: &Tape) -> Vec<(&'static str, String)> {
        assert_eq!(untiled(tape.spans(), bytes.len()), None);
        let leaves = tape.spans().iter().filter(|span| !span.is_group);
        leaves
            .map(|span| {
                let text = String::from_utf8_lossy(&bytes[span.start..span.end]).into_owned();
                (span.field.name, text)
            })
            .collect()
    }

    #[test]
    fn a_message_is_told_member_by_member() {
        let bytes = br#"{"id":"7-1", "time":1,"channel":"c","data":"a\"b"}"#;
        let tape = envelope(bytes).unwrap();
        let said = said(bytes, &tape);
        assert!(said.contains(&("data", r#"a\"b"#.to_owned())), "{said:?}");
        assert!(said.contains(&("cursor", r#""7-1""#.to_owned())), "{said:?}");
        assert!(said.contains(&("white space", " ".to_owned())), "{said:?}");
    }

    #[test]
    fn what_is_not_ours_is_never_taken_for_it() {
        for bytes in [
            &br#"{"data":"abc"}"#[..],
            br#"{"gap":1,"user":"x"}"#,
            br#"{"id":"7-1","time":1,"channel":"c","data":7}"#,
            br#"{"id":"7-1","time":1,"channel":"c","data":"a","base64":"YQ=="}"#,
            b"{}",
            b"[1]",
            b"{\"a\":1",
        ] {
            assert!(envelope(bytes).is_none(), "{}", bytes.escape_ascii());
        }
        let bytes = br#"{"gap": 1}"#;
        let tape = object(bytes).unwrap();
        assert!(tape.spans().iter().all(|span| span.part == Part::Payload));
        assert_eq!(said(bytes, &tape)[1], ("name", "\"gap\"".to_owned()));
        assert!(object(b"{\"a\":1").is_none() && object(b"[1]").is_none());
    }

    #[test]
    fn a_batch_holds_messages() {
        let bytes = br#"{"messages":[{"id":"7-1","time":1,"channel":"c","data":"a"},
            {"id":"7-2","time":1,"channel":"c","data":"b"}],"next":"7-2"}"#;
        for (from, payload) in [(Role::Server, "ab"), (Role::Client, "")] {
            let mut tape = Tape::default();
            record_text(bytes, from, &mut tape);
            let found = said(bytes, &tape).into_iter().filter(|(name, _)| *name == "data");
            assert_eq!(found.map(|(_, text)| text).collect::<String>(), payload);
        }
    }

    #[test]
    fn a_text_ends_where_its_braces_do() {
        for (text, found) in [
            ("{\"a\":\"}\\\"}\"} ", Found::End(12)),
            (" [1,{}]x", Found::End(7)),
            ("{\"a\":[", Found::Nothing),
            (" \n", Found::Nothing),
            (" 1", Found::Other),
            ("]", Found::Other),
        ] {
            assert_eq!(Scan::default().advance(text.as_bytes()), found, "{text}");
            let mut scan = Scan::default();
            let mut bytewise = (1..=text.len()).map(|end| scan.advance(&text.as_bytes()[..end]));
            let first = bytewise.find(|found| *found != Found::Nothing);
            assert_eq!(first.unwrap_or(Found::Nothing), found, "{text}, byte by byte");
        }
    }

    #[test]
    fn a_line_is_what_it_is_where_it_stands() {
        for (line, from, first, part) in [
            (&b"{\"gap\":3}\n"[..], Role::Server, "structural characters", Part::Control),
            (b"{\"gap\":3}\n", Role::Client, "structural characters", Part::Payload),
            (b"[1]\n", Role::Server, "no object", Part::Payload),
        ] {
            let mut tape = Tape::default();
            record_line(line, from, &mut tape);
            assert_eq!(said(line, &tape)[0].0, first);
            assert_eq!(tape.spans()[1].part, part);
        }
        for (line, first, part) in [
            (&b"<script>parent.pushscope.open(\"7-1\")</script>\n"[..], "start tag", Part::Control),
            (b"<script>parent.pushscope.gap({\"gap\":1})</script>\n", "start tag", Part::Control),
            (b"<!---->\n", "padding", Part::Control),
            (b"<!doctype html><!-- -->\n", "document", Part::Payload),
            (b"{\"gap\":3}\n", "document", Part::Payload),
        ] {
            let mut tape = Tape::default();
            record_line_of_document(line, &mut tape);
            assert_eq!(said(line, &tape)[0].0, first);
            assert_eq!(tape.spans()[0].part, part);
        }
    }
}
