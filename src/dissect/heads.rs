//! What heads say of what follows them.

use super::carried::{Carrier, text};
use super::content::{Carried, Kind};
use super::side::Stage;
use super::{Leads, Shared, Upgrade, fields};
use crate::wire::body::Body;
use crate::wire::field::Content;
use crate::wire::head::{Head, Method, Scan};
use crate::wire::response::{Answer, Answered};
use crate::wire::target::Target;
use crate::wire::ws_frame::Role;
use crate::wire::ws_message::Assembler;

/// What a request asks for besides an answer.
pub(super) fn leads(head: &Head<'_, '_>) -> Leads {
    match head.method {
        Method::Connect => Leads::Tunnel,
        _ if head.upgrade_websocket => Leads::WebSocket,
        _ => Leads::On,
    }
}

/// Whether a request asks for messages in our envelope.
pub(super) fn wants_envelopes(head: &Head<'_, '_>) -> bool {
    let target = Target::parse(head.target).ok();
    let dress = target.and_then(|target| target.query("envelope").ok().flatten());
    dress.is_some_and(|dress| dress == "json")
}

pub(super) fn behind_request(head: &Head<'_, '_>, leads: Leads) -> (Stage, Carried) {
    let carried = carried(Role::Client, head.text("content-type"), head.text("content-encoding"));
    if leads != Leads::On {
        return (Stage::Held(leads), carried);
    }
    if head.content.is_empty() {
        return (Stage::Head(Scan::default()), carried);
    }
    // What is too long for a server is dissected all the same.
    (Body::new(head.content, usize::MAX).map_or(Stage::Lost, Stage::Body), carried)
}

/// What an answer says to a request for an upgrade; none when it leaves that open, or was not
/// asked.
pub(super) fn upgrade(answer: &Answer<'_, '_>, leads: Leads) -> Option<Upgrade> {
    let is_other = answer.field("upgrade").is_some() && !answer.lists("upgrade", "websocket");
    match (answer.status, leads) {
        (101, _) if is_other => Some(Upgrade::Other(&fields::UPGRADED)),
        (101, _) => Some(Upgrade::Frames),
        (200..=299, Leads::Tunnel) => Some(Upgrade::Other(&fields::TUNNEL)),
        (200.., Leads::Tunnel | Leads::WebSocket) => Some(Upgrade::Refused),
        _ => None,
    }
}

/// Whether the subprotocol is our envelope.
pub(super) fn is_enveloped(answer: &Answer<'_, '_>) -> bool {
    answer.status == 101 && answer.field("sec-websocket-protocol") == Some(ENVELOPES)
}

pub(super) fn behind_answer(answer: &Answer<'_, '_>, shared: &Shared) -> (Stage, Carrier) {
    let from = Role::Server;
    let carried = carried(from, answer.text("content-type"), answer.text("content-encoding"));
    if let Upgrade::Other(field) = shared.upgrade {
        return (Stage::Other(field), Carrier::of(carried));
    }
    if answer.status == 101 {
        let stage = Stage::Frames(Assembler::keeping_nothing(from));
        return (stage, Carrier::frames(carried, shared.is_enveloped));
    }
    let content = match answer.content {
        Answered::None | Answered::Length(0) => {
            return (Stage::Head(Scan::default()), Carrier::of(carried));
        }
        Answered::UntilClose => return (Stage::UntilClose, Carrier::of(carried)),
        Answered::Length(length) => Content::Length(length),
        Answered::Chunked => Content::Chunked,
    };
    let stage = Body::new(content, usize::MAX).map_or(Stage::Lost, Stage::Body);
    (stage, Carrier::of(carried))
}

/// What a head says of its content.
fn carried(from: Role, content_type: Option<&str>, coding: Option<&str>) -> Carried {
    match coding.map(str::trim) {
        // RFC 9110 §8.4: what is left is the coded form; `identity` is none (§12.5.3).
        Some(coding) if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") => {
            let coding = text(coding.as_bytes());
            Carried::unread(from, format!("in {coding}, which is not read here"))
        }
        _ => Carried::new(from, Kind::of(content_type)),
    }
}

/// Content in chunks.
pub(super) fn chunks() -> Stage {
    Body::new(Content::Chunked, usize::MAX).map_or(Stage::Lost, Stage::Body)
}

/// The same head with a status that exists, if its own is one that does not.
///
/// RFC 9110 §15: "A client that receives a response with an invalid status code SHOULD process the
/// response as if it had a 5xx (Server Error) status code."
pub(super) fn as_server_error(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.get(STATUS_AT..STATUS_AT + 3)? {
        [b'6'..=b'9', b'0'..=b'9', b'0'..=b'9'] => {}
        _ => return None,
    }
    let mut bytes = bytes.to_vec();
    *bytes.get_mut(STATUS_AT)? = b'5';
    Some(bytes)
}

/// The subprotocol in which our text is in envelopes.
const ENVELOPES: &[u8] = b"pushscope.json";
/// Where the status stands in a response.
const STATUS_AT: usize = "HTTP/1.1 ".len();
