//! What bytes look like, what units say, and what was broken, in words.

use super::{Protocol, Remedy, Violation};
use crate::fault::Fault;
use crate::wire::body::BodyError;
use crate::wire::chunked::ChunkedError;
use crate::wire::field::FieldError;
use crate::wire::head::HeadError;
use crate::wire::response::AnswerError;
use crate::wire::ws_frame::{FrameError, Role};
use crate::wire::ws_message::MessageError;

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

/// What a fault means. What only meets a bound of ours breaks no rule: it has no clause.
pub(super) fn violation(fault: Fault, remedy: fn(&crate::fault::Row) -> Remedy) -> Violation {
    let row = fault.row();
    let clause = if is_bound(fault) { "" } else { row.clause };
    Violation { name: row.name, clause, message: row.message, answer: remedy(row) }
}

/// Whether no rule is broken, but more comes than is read here.
const fn is_bound(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Head(
            HeadError::MethodTooLong
                | HeadError::TargetTooLong
                | HeadError::Field(FieldError::LinesTooMany | FieldError::HeadTooLong)
        ) | Fault::Body(
            BodyError::TooLong
                | BodyError::Chunked(
                    ChunkedError::SizeTooLong
                        | ChunkedError::ContentTooLong
                        | ChunkedError::OverheadTooLong
                        | ChunkedError::TrailerTooLong
                        | ChunkedError::TrailerLinesTooMany
                )
        )
    )
}

/// The same of what a server has said: there is nobody to be told.
fn of_server(fault: Fault) -> Violation {
    let violation = violation(fault, |_| Remedy::Hang);
    match violation.clause {
        "" => Violation {
            message: "It is longer, or has more parts, than is read here.",
            ..violation
        },
        _ => violation,
    }
}

/// What is wrong with a request.
pub(super) fn of_request(error: HeadError) -> Violation {
    violation(error.into(), |row| Remedy::Status(row.status))
}

/// What is wrong with content.
pub(super) fn of_content(error: BodyError, from: Role) -> Violation {
    match from {
        Role::Client => violation(error.into(), |row| Remedy::Status(row.status)),
        Role::Server => of_server(error.into()),
    }
}

/// What is wrong with a frame or with a message.
pub(super) fn of_message(error: MessageError) -> Violation {
    violation(error.into(), |row| match row.fault {
        // RFC 6455 §5.1: "In this case, a server MAY send a Close frame with a status code of 1002
        // (protocol error)"; of a client it says the same.
        Fault::Message(MessageError::Frame(FrameError::MaskMissing | FrameError::MaskPresent)) => {
            Remedy::MayClose(row.close.as_u16())
        }
        _ => Remedy::Close(row.close.as_u16()),
    })
}

/// What is wrong with an answer.
pub(super) fn of_answer(error: AnswerError) -> Violation {
    let (name, clause, message) = match error {
        AnswerError::Field(error) => {
            return of_server(HeadError::Field(error).into());
        }
        AnswerError::VersionInvalid => {
            ("version_invalid", "RFC 9112 §4", "The first bytes are no HTTP version.")
        }
        AnswerError::VersionUnsupported => {
            ("version_unsupported", "RFC 9112 §2.3", "It is neither HTTP/1.1 nor HTTP/1.0.")
        }
        AnswerError::StatusInvalid => {
            ("status_invalid", "RFC 9110 §15", "The status is not three digits, or less than 100.")
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
        MessageError::ContinuationUnexpected | MessageError::MessageInterrupted => &["opcode"],
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
