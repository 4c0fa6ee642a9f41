//! How one peer is answered: what its request head asked of every answer, and answers in JSON.

use std::rc::Rc;

use serde::Serialize;

use crate::cost::Bytes;
use crate::fault::Fault;
use crate::id::{Census, Id};
use crate::limits;
use crate::wire::date::Date;
use crate::wire::head::{Head, Method, Version};
use crate::wire::response::ResponseHead;

/// A whole answer, booked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Head and content.
    pub bytes: Vec<u8>,
    /// The same bytes, by what they are for.
    pub made: Bytes,
}

impl Answer {
    /// An answer that is nothing but a head.
    pub fn bare(bytes: Vec<u8>) -> Self {
        let made = Bytes::head(bytes.len());
        Self { bytes, made }
    }

    /// The same answer, its content booked as what it carries.
    pub fn carrying(self, content: Bytes) -> Self {
        if self.made.control == 0 {
            return self;
        }
        debug_assert_eq!(self.made.control, content.total());
        Self { made: Bytes { control: 0, ..self.made } + content, ..self }
    }
}

/// What a request head asks of the answer to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manner {
    /// The peer's version: HTTP/1.0 knows neither chunks nor persistence by default.
    pub version: Version,
    /// Whether the connection is to be used again (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Whether only the head of the answer is wanted (RFC 9110 §9.3.2).
    pub head_only: bool,
    /// The origin whose pages may read the answer (Fetch, CORS protocol).
    pub origin: Option<Rc<String>>,
}

impl Manner {
    /// Reads it from a head; `origin` has been checked.
    pub fn new(head: &Head<'_, '_>, origin: Option<Rc<String>>) -> Self {
        Self {
            version: head.version,
            keep_alive: head.keep_alive,
            head_only: head.method == Method::Head,
            origin,
        }
    }

    /// A peer that asks for nothing special.
    pub const COMMON: Self =
        Self { version: Version::Http11, keep_alive: true, head_only: false, origin: None };

    /// A peer whose request could not be understood: nothing it says next can be, either.
    pub const LOST: Self =
        Self { version: Version::Http11, keep_alive: false, head_only: false, origin: None };

    /// Whether the answer may be one that was encoded for everybody.
    pub const fn is_common(&self) -> bool {
        matches!(self.version, Version::Http11)
            && self.keep_alive
            && !self.head_only
            && self.origin.is_none()
    }

    /// The beginning of an answer: status line, Date, persistence, CORS.
    pub fn head(&self, status: u16, date: &Date) -> ResponseHead {
        let mut head = ResponseHead::new(status, date);
        match (self.version, self.keep_alive) {
            (Version::Http11, true) => {}
            (Version::Http10, true) => head = head.field("Connection", "keep-alive"),
            (_, false) => head = head.field("Connection", "close"),
        }
        if let Some(origin) = &self.origin {
            head = head
                .field("Access-Control-Allow-Origin", origin)
                .field("Access-Control-Expose-Headers", "ETag, Pushscope-Gap, Retry-After")
                .field("Vary", "Origin");
        }
        head
    }

    /// Ends an answer with its content, or with what says how long the content would be.
    pub fn end(&self, head: ResponseHead, content: &[u8]) -> Answer {
        if self.head_only {
            return Answer::bare(head.number("Content-Length", content.len() as u64).end());
        }
        let bytes = head.end_with(content);
        let made = Bytes::head(bytes.len() - content.len()) + Bytes::control(content.len());
        Answer { bytes, made }
    }

    /// A whole answer that is not to be kept.
    pub fn whole(&self, status: u16, date: &Date, content_type: &str, content: &[u8]) -> Answer {
        let head = self
            .head(status, date)
            .field("Content-Type", content_type)
            .field("Cache-Control", "no-store")
            .field("X-Content-Type-Options", "nosniff");
        self.end(head, content)
    }

    /// A whole answer in JSON.
    pub fn json(&self, status: u16, date: &Date, value: &impl Serialize) -> Answer {
        let content = serde_json::to_vec(value).unwrap_or_default();
        self.whole(status, date, JSON, &content)
    }

    /// A refusal, with its reason in the shape that all errors have.
    pub fn refusal(&self, fault: Fault, date: &Date, allow: &str) -> Answer {
        self.refusal_at(None, fault, date, allow)
    }

    /// The same to somebody who stands at this cursor, and is to come back with it.
    pub fn refusal_at(&self, cursor: Option<Id>, fault: Fault, date: &Date, allow: &str) -> Answer {
        let row = fault.row();
        let error = Error {
            error: Reason {
                code: row.status,
                reason: row.name,
                clause: row.clause,
                message: row.message,
            },
        };
        let mut head = self
            .head(row.status, date)
            .field("Content-Type", JSON)
            .field("Cache-Control", "no-store")
            .field("X-Content-Type-Options", "nosniff");
        match row.status {
            // RFC 9110 §15.5.2: "MUST send a WWW-Authenticate header field"; RFC 6750 §3: with no
            // code of an error where no token was shown.
            401 => head = head.field("WWW-Authenticate", "Bearer realm=\"pushscope\""),
            405 => head = head.field("Allow", allow),
            426 => {
                // RFC 9110 §7.8: "A sender of Upgrade MUST also send an "Upgrade" connection
                // option in the Connection header field".
                head = head
                    .field("Connection", "Upgrade")
                    .field("Upgrade", "websocket")
                    .field("Sec-WebSocket-Version", "13");
            }
            429 | 503 => head = head.number("Retry-After", limits::RETRY_AFTER_S),
            _ => {}
        }
        if let Some(cursor) = cursor {
            head = head.etag(cursor);
        }
        let content = serde_json::to_vec(&error).unwrap_or_default();
        self.end(head, &content)
    }
}

/// `{"error":{"code","reason","clause","message"}}`.
#[derive(Serialize)]
struct Error {
    error: Reason,
}

#[derive(Serialize)]
struct Reason {
    code: u16,
    reason: &'static str,
    clause: &'static str,
    message: &'static str,
}

/// A census as JSON: `{"sse":3,"websocket":1}`.
pub fn census_json(census: &Census) -> serde_json::Map<String, serde_json::Value> {
    census.present().map(|(kind, count)| (kind.name().to_owned(), count.into())).collect()
}

/// The media type of JSON answers.
pub const JSON: &str = "application/json";
/// The media type of plain text answers.
pub const TEXT: &str = "text/plain; charset=utf-8";
