//! What bytes look like, what units say, and what was broken, in words.

use super::{Protocol, Remedy, Violation};
use crate::fault::Fault;
use crate::wire::body::BodyError;
use crate::wire::field::FieldError;
use crate::wire::head::HeadError;
use crate::wire::response::AnswerError;
use crate::wire::span::{Field, Part};
use crate::wire::ws_frame::{FrameError, Role};
use crate::wire::ws_message::MessageError;

/// Bytes that are not read: what stands before them is wrong, or they are.
pub(super) static UNREAD: Field = Field::text(
    Part::Control,
    "not read",
    "",
    "What stands before it is wrong, so nobody can know what this is.",
);

/// Bytes of something of which the rest has not come.
pub(super) static UNFINISHED: Field = Field::text(
    Part::Control,
    "unfinished",
    "",
    "What begins here does not end: the bytes stop too early.",
);

/// A line that breaks a rule.
pub(super) static LINE: Field = Field::text(
    Part::Head,
    "line",
    "RFC 9112 §2.1",
    "A line that breaks a rule: nothing of it is used.",
);

/// What the first bytes look like.
pub(super) fn guess(bytes: &[u8]) -> Option<(Protocol, Role)> {
    if bytes.starts_with(b"HTTP/") {
        return Some((Protocol::Http, Role::Server));
    }
    let is_method = |bytes: &[u8]| {
        let token = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
        (1..=20).contains(&token.len())
            && token.len() < bytes.len()
            && token.iter().all(u8::is_ascii_uppercase)
    };
    if is_method(bytes) {
        return Some((Protocol::Http, Role::Client));
    }
    const NAMES: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if NAMES.iter().any(|name| text.starts_with(name)) {
        return Some((Protocol::EventStream, Role::Server));
    }
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if (1..=15).contains(&digits) && matches!(bytes.get(digits), Some(b'\r' | b';')) {
        return Some((Protocol::Chunked, Role::Server));
    }
    let [first, second, ..] = bytes else { return None };
    let is_frame = matches!(first & 0x7f, 0x0..=0x2 | 0x8..=0xa);
    let from = if second & 0x80 == 0 { Role::Server } else { Role::Client };
    is_frame.then_some((Protocol::WebSocket, from))
}

/// What a fault of a client means.
pub(super) fn violation(fault: Fault, remedy: fn(&crate::fault::Row) -> Remedy) -> Violation {
    let row = fault.row();
    Violation { name: row.name, clause: row.clause, message: row.message, answer: remedy(row) }
}

/// What is wrong with a request.
pub(super) fn of_request(error: HeadError) -> Violation {
    violation(error.into(), |row| Remedy::Status(row.status))
}

/// What is wrong with content.
pub(super) fn of_content(error: BodyError, from: Role) -> Violation {
    match from {
        Role::Client => violation(error.into(), |row| Remedy::Status(row.status)),
        Role::Server => violation(error.into(), |_| Remedy::Hang),
    }
}

/// What is wrong with a frame or with a message.
pub(super) fn of_message(error: MessageError) -> Violation {
    violation(error.into(), |row| Remedy::Close(row.close.as_u16()))
}

/// What is wrong with an answer.
pub(super) fn of_answer(error: AnswerError) -> Violation {
    let (name, clause, message) = match error {
        AnswerError::Field(error) => {
            return violation(HeadError::Field(error).into(), |_| Remedy::Hang);
        }
        AnswerError::VersionInvalid => {
            ("version_invalid", "RFC 9112 §4", "The first bytes are no HTTP version.")
        }
        AnswerError::VersionUnsupported => {
            ("version_unsupported", "RFC 9112 §2.3", "It is neither HTTP/1.1 nor HTTP/1.0.")
        }
        AnswerError::StatusInvalid => {
            ("status_invalid", "RFC 9110 §15", "The status is not three digits from 100 to 599.")
        }
        AnswerError::ReasonInvalid => {
            ("reason_invalid", "RFC 9112 §4", "The reason phrase has a control character.")
        }
    };
    Violation { name, clause, message, answer: Remedy::Hang }
}

/// The field line that a head is refused for when its lines are right one by one.
pub(super) const fn culprit(error: HeadError) -> Option<&'static str> {
    match error {
        HeadError::HostRepeated | HeadError::HostInvalid => Some("Host"),
        HeadError::ExpectationUnknown => Some("Expect"),
        HeadError::Field(error) => culprit_field(error),
        _ => None,
    }
}

/// The fields that a frame is refused for, of which the first that it has is to blame; none when it
/// is the last one that was told.
pub(super) const fn culprits_message(error: MessageError) -> &'static [&'static str] {
    match error {
        MessageError::Frame(FrameError::ControlFragmented) => &["FIN"],
        MessageError::ContinuationUnexpected
        | MessageError::MessageInterrupted
        | MessageError::FragmentsTooMany => &["opcode"],
        MessageError::MessageTooLong => {
            &["Extended payload length (64)", "Extended payload length (16)", "Payload len"]
        }
        _ => &[],
    }
}

/// The same for what frames the content.
pub(super) const fn culprit_field(error: FieldError) -> Option<&'static str> {
    match error {
        FieldError::LengthInvalid | FieldError::LengthRepeated => Some("Content-Length"),
        FieldError::LengthBesideEncoding
        | FieldError::EncodingInHttp10
        | FieldError::EncodingRepeated
        | FieldError::EncodingNotChunked
        | FieldError::CodingUnknown => Some("Transfer-Encoding"),
        _ => None,
    }
}
