//! JSON and scripts, as far as they wrap a message.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::script;
use crate::wire::span::Part::{Framing, Payload};
use crate::wire::span::{Field, Reading, Recorder, Tape};

/// Tells a whole object; none when the bytes are something else.
pub(super) fn object(bytes: &[u8]) -> Option<Tape> {
    let mut tape = Tape::default();
    let members = Members::parse(bytes)?;
    record_object(bytes, &members, &mut tape);
    Some(tape)
}

/// Tells an object, if the bytes are a whole one by now.
pub(super) fn record(bytes: &[u8], tape: &mut Tape) {
    if let Some(members) = Members::parse(bytes) {
        record_object(bytes, &members, tape);
    }
}

/// Tells a line, its end included: an object, a script, or a part of a document.
pub(super) fn record_line(line: &[u8], tape: &mut Tape) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    if let Some(members) = Members::parse(text) {
        record_object(text, &members, tape);
        return tape.take(line.len() - text.len(), &LINE_END);
    }
    let Some(call) = script::parse(text) else {
        return tape.take(line.len(), &DOCUMENT);
    };
    tape.enter(&SCRIPT);
    tape.take(script::START.len(), &SCRIPT_START);
    tape.take(call.name.len(), &FUNCTION);
    tape.take(1, &PUNCTUATION);
    match Members::parse(call.argument) {
        Some(members) => record_object(call.argument, &members, tape),
        None => tape.take(call.argument.len(), &VALUE),
    }
    tape.take(script::END.len(), &SCRIPT_END);
    tape.take(line.len() - text.len(), &LINE_END);
    tape.leave();
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

fn record_object(bytes: &[u8], members: &Members<'_>, tape: &mut Tape) {
    let begin = tape.bytes();
    tape.enter(&OBJECT);
    for (name, value) in &members.0 {
        skip_to(begin, bytes, name.get(), tape);
        tape.take(name.get().len(), &NAME);
        skip_to(begin, bytes, value.get(), tape);
        record_member(name.get().trim_matches('"'), value.get(), tape);
    }
    tape.take((begin + bytes.len()).saturating_sub(tape.bytes()), &PUNCTUATION);
    tape.leave();
}

fn record_member(name: &str, value: &str, tape: &mut Tape) {
    match name {
        "data" | "base64" if value.starts_with('"') => {
            tape.take(1, &QUOTE);
            tape.take(value.len() - 2, if name == "data" { &DATA } else { &BASE64 });
            tape.take(1, &QUOTE);
        }
        "messages" => record_array(value, tape),
        "id" | "next" => tape.take(value.len(), &CURSOR),
        "time" => tape.take(value.len(), &TIME),
        "channel" => tape.take(value.len(), &CHANNEL),
        "event" => tape.take(value.len(), &EVENT),
        "gap" => tape.take(value.len(), &GAP),
        _ => tape.take(value.len(), &VALUE),
    }
}

fn record_array(text: &str, tape: &mut Tape) {
    let begin = tape.bytes();
    let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    for item in items {
        skip_to(begin, text.as_bytes(), item.get(), tape);
        match Members::parse(item.get().as_bytes()) {
            Some(members) => record_object(item.get().as_bytes(), &members, tape),
            None => tape.take(item.get().len(), &VALUE),
        }
    }
    tape.take((begin + text.len()).saturating_sub(tape.bytes()), &PUNCTUATION);
}

/// What stands between what was told last and `inner`, which is a part of `bytes`.
fn skip_to(begin: usize, bytes: &[u8], inner: &str, tape: &mut Tape) {
    let at = inner.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
    tape.take((begin + at).saturating_sub(tape.bytes()), &PUNCTUATION);
}

static OBJECT: Field =
    Field::text(Framing, "object", "RFC 8259 §4", "Names and values, in any order.")
        .read(Reading::Fixed);
/// The name of a member.
pub(super) static NAME: Field =
    Field::text(Framing, "name", "RFC 8259 §4", "The name of a member: a string.");
static PUNCTUATION: Field = Field::text(
    Framing,
    "structural characters",
    "RFC 8259 §2",
    "Braces, brackets, colons and commas between names and values.",
)
.read(Reading::Fixed);
pub(super) static QUOTE: Field =
    Field::text(Framing, "quotation mark", "RFC 8259 §7", "Begins or ends a string.")
        .read(Reading::Fixed);
pub(super) static DATA: Field = Field::text(
    Payload,
    "data",
    "RFC 8259 §7",
    "What was published; what JSON cannot carry as it is, is escaped.",
);
pub(super) static BASE64: Field = Field::text(
    Payload,
    "base64",
    "RFC 4648 §4",
    "What was published, as text: three bytes become four characters.",
);
static CURSOR: Field = Field::text(
    Framing,
    "cursor",
    "README, Channels",
    "A place in the channel's log, the same by every mechanism: whoever tells it goes on there.",
);
static TIME: Field = Field::text(
    Framing,
    "time",
    "README, Channels",
    "When it was published, in milliseconds since 1970.",
);
static CHANNEL: Field =
    Field::text(Framing, "channel", "README, Channels", "The channel that it was published to.");
static EVENT: Field =
    Field::text(Framing, "event", "README, Channels", "The event type that its publisher gave it.");
static GAP: Field =
    Field::text(Framing, "gap", "README, Channels", "How many messages the log no longer has.");
static VALUE: Field = Field::text(Framing, "value", "RFC 8259 §3", "The value of a member.");
static LINE_END: Field = Field::text(
    Framing,
    "LF",
    "NDJSON §3.1",
    "Ends the line, and with it the message: JSON has no other.",
)
.read(Reading::Fixed);
pub(super) static DOCUMENT: Field = Field::text(
    Framing,
    "document",
    "HTML §13.1",
    "Part of a document that a browser shows, or of the comment that pads it.",
);
static SCRIPT: Field = Field::text(
    Framing,
    "script element",
    "HTML §4.12.1",
    "A browser runs it as soon as its end has come, though the document goes on.",
)
.read(Reading::Fixed);
static SCRIPT_START: Field = Field::text(
    Framing,
    "start tag",
    "HTML §4.12.1",
    "Begins the script, which calls a function of the page around the frame.",
);
pub(super) static FUNCTION: Field = Field::text(
    Framing,
    "function",
    "mech/iframe.rs",
    "What is called: `message` for a message, `open` for a place, `gap` for a loss.",
);
static SCRIPT_END: Field =
    Field::text(Framing, "end tag", "HTML §4.12.1", "Ends the call and the script: now it runs.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::span::untiled;

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
    fn an_object_is_told_member_by_member() {
        let bytes = br#"{"id":"7-1", "data":"a\"b","x":[1]}"#;
        let tape = object(bytes).unwrap();
        let said = said(bytes, &tape);
        assert!(said.contains(&("data", r#"a\"b"#.to_owned())), "{said:?}");
        assert!(said.contains(&("cursor", r#""7-1""#.to_owned())), "{said:?}");
        assert!(object(b"{\"a\":1").is_none() && object(b"[1]").is_none());
    }

    #[test]
    fn a_batch_holds_messages() {
        let bytes =
            br#"{"messages":[{"id":"7-1","data":"a"},{"id":"7-2","data":"b"}],"next":"7-2"}"#;
        let tape = object(bytes).unwrap();
        let payload = said(bytes, &tape).into_iter().filter(|(name, _)| *name == "data");
        assert_eq!(payload.map(|(_, text)| text).collect::<String>(), "ab");
    }

    #[test]
    fn a_line_is_an_object_or_a_script_or_a_document() {
        for (line, first) in [
            (&b"{\"gap\":3}\n"[..], "structural characters"),
            (b"<script>parent.pushscope.open(\"7-1\")</script>\n", "start tag"),
            (b"<script>parent.pushscope.message({\"id\":\"7-1\"})</script>\n", "start tag"),
            (b"<!doctype html>\n", "document"),
        ] {
            let mut tape = Tape::default();
            record_line(line, &mut tape);
            assert_eq!(said(line, &tape)[0].0, first);
        }
    }
}
