//! What is carried, in the words of its specification: the fields that no codec has.

use crate::wire::span::Part::{Control, Framing, Payload};
use crate::wire::span::{Field, Reading};

/// The fields of JSON, by whose it is.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) object: &'static Field,
    pub(super) name: &'static Field,
    pub(super) structural: &'static Field,
    pub(super) white: &'static Field,
    pub(super) value: &'static Field,
}

/// What wraps a message of ours.
pub(super) static OURS: Words = Words {
    object: &Field::text(Framing, OBJECT, "RFC 8259 §4", OBJECT_MEANS).read(Reading::Fixed),
    name: &Field::text(Framing, NAME, "RFC 8259 §4", NAME_MEANS),
    structural: &Field::text(Framing, STRUCTURAL, "RFC 8259 §2", STRUCTURAL_MEANS)
        .read(Reading::Fixed),
    white: &Field::text(Framing, WHITE, "RFC 8259 §2", WHITE_MEANS).read(Reading::Fixed),
    value: &Field::text(Framing, VALUE, "RFC 8259 §3", VALUE_MEANS),
};

/// What anybody may have said: all of it is content.
pub(super) static ANYBODYS: Words = Words {
    object: &Field::text(Payload, OBJECT, "RFC 8259 §4", OBJECT_MEANS).read(Reading::Fixed),
    name: &Field::text(Payload, NAME, "RFC 8259 §4", NAME_MEANS),
    structural: &Field::text(Payload, STRUCTURAL, "RFC 8259 §2", STRUCTURAL_MEANS)
        .read(Reading::Fixed),
    white: &Field::text(Payload, WHITE, "RFC 8259 §2", WHITE_MEANS).read(Reading::Fixed),
    value: &Field::text(Payload, VALUE, "RFC 8259 §3", VALUE_MEANS),
};

const OBJECT: &str = "object";
const OBJECT_MEANS: &str = "Names and values, in any order.";
const NAME: &str = "name";
const NAME_MEANS: &str = "The name of a member: a string.";
const STRUCTURAL: &str = "structural characters";
const STRUCTURAL_MEANS: &str = "Braces, brackets, colons and commas between names and values.";
const WHITE: &str = "white space";
const WHITE_MEANS: &str = "May stand around structural characters, and means nothing.";
const VALUE: &str = "value";
const VALUE_MEANS: &str = "A value: an object, an array, a string, a number, or a literal name.";

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
pub(super) static CURSOR: Field = Field::text(
    Framing,
    "cursor",
    "README, Channels",
    "A place in the channel's log, the same by every mechanism: whoever tells it goes on there.",
);
pub(super) static TIME: Field = Field::text(
    Framing,
    "time",
    "README, Channels",
    "When it was published, in milliseconds since 1970.",
);
pub(super) static CHANNEL: Field =
    Field::text(Framing, "channel", "README, Channels", "The channel that it was published to.");
pub(super) static EVENT: Field =
    Field::text(Framing, "event", "README, Channels", "The event type that its publisher gave it.");
pub(super) static GAP: Field =
    Field::text(Framing, "gap", "README, Channels", "How many messages the log no longer has.");
/// Bytes where JSON should stand.
pub(super) static NO_JSON: Field = Field::text(
    Payload,
    "no JSON",
    "RFC 8259 §2",
    "This is no JSON text, though it begins as one.",
);

/// A line of JSON.
pub(super) static LINE: Field =
    Field::text(Framing, "line", "NDJSON §3.1", "A JSON text, and the LF behind it.")
        .read(Reading::Fixed);
pub(super) static LINE_END: Field = Field::text(
    Framing,
    "LF",
    "NDJSON §3.1",
    "Ends the line: whoever reads waits for it, and need not look for the end of the JSON text.",
)
.read(Reading::Fixed);
/// A line that is no object.
pub(super) static NO_OBJECT: Field = Field::text(
    Payload,
    "no object",
    "NDJSON §3.1",
    "A line that is no object: another JSON text, or none.",
);
/// A line of which more came than is kept.
pub(super) static LONG_LINE: Field = Field::text(
    Payload,
    "a line that is too long",
    "",
    "A line of which more has come than is kept until it is whole: it is told in pieces.",
);
/// An event of which more came than is kept.
pub(super) static LONG_EVENT: Field = Field::text(
    Payload,
    "an event that is too long",
    "",
    "Lines of which more has come than is kept until they are whole: they are told in pieces.",
);

/// A document, or a part of one.
pub(super) static DOCUMENT: Field =
    Field::text(Payload, "document", "HTML §13.1", "Part of a document that a browser shows.");
/// The document of ours that scripts stand in.
pub(super) static DOCUMENT_OF_SCRIPTS: Field = Field::text(
    Control,
    "document",
    "HTML §13.1",
    "The beginning of the document that the scripts stand in: nothing of it is seen.",
);
pub(super) static PADDING: Field = Field::text(
    Control,
    "padding",
    "HTML §13.1.6",
    "A comment, which nobody sees: it fills buffers that hold back the first bytes, or keeps an \
     idle connection alive.",
);
pub(super) static DOCUMENT_LINE_END: Field =
    Field::text(Framing, "LF", "HTML §13.1.2", LF_MEANS).read(Reading::Fixed);
pub(super) static PADDING_END: Field =
    Field::text(Control, "LF", "HTML §13.1.2", LF_MEANS).read(Reading::Fixed);
const LF_MEANS: &str = "White space between elements: it means nothing.";
pub(super) static SCRIPT: Field = Field::text(
    Framing,
    "script element",
    "HTML §4.12.1",
    "A browser runs it as soon as its end has come, though the document goes on.",
)
.read(Reading::Fixed);
pub(super) static START_TAG: Field =
    Field::text(Framing, "start tag", "HTML §13.1.2.1", "Begins the script.").read(Reading::Fixed);
pub(super) static OBJECT_OF_PAGE: Field = Field::text(
    Framing,
    "object",
    "ECMA-262 §13.3",
    "The object `pushscope` of the page around the frame, whose function is called.",
)
.read(Reading::Fixed);
pub(super) static FUNCTION: Field = Field::text(
    Framing,
    "function",
    "mech/iframe.rs",
    "What is called: `message` for a message, `open` for a place, `gap` for a loss, `end` at last.",
);
pub(super) static PARENTHESIS: Field = Field::text(
    Framing,
    "parenthesis",
    "ECMA-262 §13.3",
    "Stands around what the function is given.",
)
.read(Reading::Fixed);
pub(super) static ARGUMENT: Field =
    Field::text(Framing, "argument", "ECMA-262 §13.3", "What the function is given.");
pub(super) static END_TAG: Field =
    Field::text(Framing, "end tag", "HTML §13.1.2.2", "Ends the script: now it runs.")
        .read(Reading::Fixed);
/// Bytes of `<script>`.
pub(super) const START_TAG_BYTES: usize = "<script>".len();

/// Bytes that are not read: what stands before them is wrong, or they are.
pub(crate) static UNREAD: Field = Field::text(
    Control,
    "not read",
    "",
    "What stands before it is wrong, or longer than is read here: nobody can know what this is.",
);
/// Bytes of something of which the rest has not come.
pub(super) static UNFINISHED: Field = Field::text(
    Control,
    "unfinished",
    "",
    "What begins here does not end: the bytes stop too early.",
);
/// A line that breaks a rule.
pub(super) static WRONG_LINE: Field = Field::text(
    crate::wire::span::Part::Head,
    "line",
    "RFC 9112 §2.1",
    "A line that breaks a rule, or goes beyond a bound: nothing of it is used.",
);

/// What goes through a tunnel.
pub(super) static TUNNEL: Field = Field::text(
    Payload,
    "tunnel",
    "RFC 9110 §9.3.6",
    "Bytes that a CONNECT has made way for: whatever they are, HTTP has no part in them.",
);
/// What follows an upgrade to something that is not read here.
pub(super) static UPGRADED: Field = Field::text(
    Payload,
    "other protocol",
    "RFC 9110 §7.8",
    "Both sides have agreed to speak another protocol, which is not read here.",
);
/// HTTP/2.
pub(super) static HTTP2: Field = Field::text(
    Payload,
    "HTTP/2",
    "RFC 9113 §3.4",
    "From its preface on, this connection speaks HTTP/2: binary frames, which are not read here.",
);
/// What an HTTP/2 connection begins with, as far as it tells it from every other.
pub(super) const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether a field is this one.
pub(super) fn is(field: &'static Field, other: &'static Field) -> bool {
    std::ptr::eq(field, other)
}
