//! What a subscriber has heard, held against the order of the log.
//!
//! Whatever has happened: on one subscription the messages stand in the order of their offsets,
//! none twice, and none is missing but those that a gap has announced, by their number. One message
//! is the same for everybody.

use std::collections::HashMap;

use serde_json::Value;

use crate::event::{Gap, Payload};
use crate::id::{Id, Kind};
use crate::wire::ws_frame::Role;
use crate::wire::ws_message::{Assembler, Message};
use crate::wire::{chunked, event_stream, json, script};

/// Every message that anybody was told, by its id.
pub(super) type Known = HashMap<Id, Payload>;

/// The mechanism by which a request of ours subscribes to the channel, if what it is told can be
/// followed: it carries cursors.
pub(super) fn kind_of(phrase: &str) -> Option<Kind> {
    const FOLLOWED: [(&str, Kind); 4] = [
        ("GET /c/n/iframe?", Kind::Iframe),
        ("GET /c/n/stream?", Kind::XhrStream),
        ("GET /c/n/sse?", Kind::Sse),
        ("GET /c/n/ws?envelope=json", Kind::WebSocket),
    ];
    FOLLOWED.into_iter().find(|(begins, _)| phrase.starts_with(begins)).map(|(_, kind)| kind)
}

/// Checks all that a connection was told whose first request was such a one; returns where in the
/// log it stands, if it is known.
pub(super) fn check(kind: Kind, heard: &[u8], known: &mut Known) -> Option<Id> {
    let (mut at, mut is_over) = (None, false);
    for said in said(kind, heard)? {
        assert!(!is_over, "something comes behind the end");
        match said {
            // It comes back with its cursor: nothing more is owed to it here.
            Said::End => is_over = true,
            Said::Next(id) => {
                assert!(at.is_none_or(|at| at == id), "it stands at {at:?}, and is told {id:?}");
                at = Some(id);
            }
            // Of another log nothing is known but where it goes on.
            Said::Gap(Gap { epoch_changed: true, .. }) => at = None,
            Said::Gap(Gap { missed, .. }) => at = at.map(|id| after(id, missed)),
            Said::Message(id, payload) => {
                let next = at.map(|at| after(at, 1));
                assert!(next.is_none_or(|next| next == id), "{next:?} is next, and {id:?} comes");
                let first = known.entry(id).or_insert_with(|| payload.clone());
                assert_eq!(first, &payload, "{id:?} is not the same for everybody");
                at = Some(id);
            }
        }
    }
    at.filter(|_| !is_over)
}

/// What a subscriber is told of the log.
enum Said {
    /// It stands behind this message.
    Next(Id),
    /// So many were not kept for it.
    Gap(Gap),
    /// The next one.
    Message(Id, Payload),
    /// That nothing more comes, before the connection ends: a Close frame.
    End,
}

/// What was told, unless it was no subscription.
fn said(kind: Kind, heard: &[u8]) -> Option<Vec<Said>> {
    let end = memchr::memmem::find(heard, b"\r\n\r\n")?;
    let (head, stream) = heard.split_at_checked(end + 4)?;
    let begins: &[u8] = if kind == Kind::WebSocket { b"HTTP/1.1 101 " } else { b"HTTP/1.1 200 " };
    if !head.starts_with(begins) {
        return None;
    }
    Some(match kind {
        Kind::Sse => said_by_events(stream),
        Kind::WebSocket => said_by_frames(stream),
        Kind::Iframe => said_by_lines(&unchunked(head, stream), |line| {
            let call = script::parse(line)?;
            said_in_json(call.argument).or_else(|| word(call.argument))
        }),
        _ => said_by_lines(&unchunked(head, stream), said_in_json),
    })
}

fn said_by_events(stream: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    // Where a stream stands is told by an id without an event, which no client is told of.
    let first = stream.strip_prefix(b"id: ").unwrap_or_default();
    let alone = memchr::memmem::find(first, b"\n\n").and_then(|end| first.get(..end));
    said.extend(alone.and_then(id_in).map(Said::Next));
    let (mut decoder, mut events) = (event_stream::Decoder::new(1 << 20), Vec::new());
    assert_eq!(decoder.receive(stream, &mut events), Ok(()));
    for event in events {
        let id = Id::parse(&event.last_event_id);
        match event.name.as_str() {
            "gap" => {
                said.extend(said_in_json(event.data.as_bytes()));
                said.extend(id.map(Said::Next));
            }
            "envelope" => said.extend(said_in_json(event.data.as_bytes())),
            "end" => {}
            _ => said.extend(id.map(|id| Said::Message(id, Payload::Text(event.data.into())))),
        }
    }
    said
}

fn said_by_frames(stream: &[u8]) -> Vec<Said> {
    let (mut assembler, mut said, mut rest) = (Assembler::new(Role::Server), Vec::new(), stream);
    while let Ok(received) = assembler.receive(rest, 1 << 20) {
        rest = rest.get(received.taken..).unwrap_or_default();
        match received.message {
            Some(Message::Text(text)) => said.extend(said_in_json(text.as_bytes())),
            Some(Message::Close(_)) => said.push(Said::End),
            Some(_) => {}
            None => break,
        }
    }
    said
}

/// Lines that have come whole.
fn said_by_lines(stream: &[u8], read: impl Fn(&[u8]) -> Option<Said>) -> Vec<Said> {
    let whole = memchr::memrchr(b'\n', stream).and_then(|end| stream.get(..end));
    whole.unwrap_or_default().split(|byte| *byte == b'\n').filter_map(read).collect()
}

fn said_in_json(text: &[u8]) -> Option<Said> {
    if let Ok(message) = json::parse_message(text) {
        return Some(Said::Message(message.id, message.payload));
    }
    if let Ok(gap) = json::parse_gap(text) {
        return Some(Said::Gap(gap));
    }
    let value: Value = serde_json::from_slice(text).ok()?;
    value.get("next")?.as_str().and_then(Id::parse).map(Said::Next)
}

/// An id alone, in quotation marks.
fn word(text: &[u8]) -> Option<Said> {
    id_in(text.strip_prefix(b"\"")?.strip_suffix(b"\"")?).map(Said::Next)
}

fn id_in(text: &[u8]) -> Option<Id> {
    Id::parse(str::from_utf8(text).ok()?)
}

fn unchunked(head: &[u8], stream: &[u8]) -> Vec<u8> {
    if memchr::memmem::find(head, b"Transfer-Encoding: chunked").is_none() {
        return stream.to_vec();
    }
    let mut content = Vec::new();
    let taken = chunked::Decoder::new(1 << 24).receive(stream, &mut content);
    assert!(taken.is_ok(), "{taken:?}");
    content
}

const fn after(id: Id, count: u64) -> Id {
    Id { epoch: id.epoch, offset: id.offset + count }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.1 200 OK\r\n\r\n";
    const MESSAGE: &str = "\"time\":1,\"channel\":\"n\",\"data\":";

    fn at(kind: Kind, stream: &str) -> Option<Id> {
        check(kind, format!("{HEAD}{stream}").as_bytes(), &mut Known::new())
    }

    fn is_caught(kind: Kind, stream: &'static str) -> bool {
        std::panic::catch_unwind(|| at(kind, stream)).is_err()
    }

    #[test]
    fn what_is_in_order_is_followed() {
        let events = "id: 7-1\n\nid: 7-2\ndata: a\n\nevent: gap\nid: 7-5\ndata: {\"gap\":3}\n\n\
                      id: 7-6\ndata: b\n\n";
        assert_eq!(at(Kind::Sse, events), Some(Id { epoch: 7, offset: 6 }));
        let lines = format!(
            "{{\"next\":\"7-1\",\"padding\":\"\"}}\n{{\"heartbeat\":true}}\n\
             {{\"id\":\"7-2\",{MESSAGE}\"a\"}}\n{{\"gap\":1}}\n{{\"next\":\"7-3\"}}\n{{\"id\":\"7-"
        );
        assert_eq!(at(Kind::XhrStream, &lines), Some(Id { epoch: 7, offset: 3 }));
        let scripts = "<script>parent.pushscope.open(\"7-1\")</script>\n<script>x";
        assert_eq!(at(Kind::Iframe, scripts), Some(Id { epoch: 7, offset: 1 }));
        let changed = "id: 7-1\n\nevent: gap\nid: 9-3\ndata: {\"gap\":1,\"epoch_changed\":true}\n\n\
                       id: 9-4\ndata: a\n\n";
        assert_eq!(at(Kind::Sse, changed), Some(Id { epoch: 9, offset: 4 }));
    }

    #[test]
    fn what_is_lost_doubled_or_out_of_order_is_found() {
        assert!(is_caught(Kind::Sse, "id: 7-1\n\nid: 7-3\ndata: a\n\n"), "lost");
        assert!(is_caught(Kind::Sse, "id: 7-1\ndata: a\n\nid: 7-1\ndata: a\n\n"), "doubled");
        assert!(is_caught(Kind::Sse, "id: 7-2\ndata: a\n\nid: 7-1\ndata: b\n\n"), "reversed");
        let gap = "id: 7-1\n\nevent: gap\nid: 7-5\ndata: {\"gap\":2}\n\nid: 7-6\ndata: a\n\n";
        assert!(is_caught(Kind::Sse, gap), "a gap of another size");
        let mut known = Known::new();
        check(Kind::Sse, format!("{HEAD}id: 7-1\ndata: a\n\n").as_bytes(), &mut known);
        let other = format!("{HEAD}id: 7-1\ndata: b\n\n");
        let told_otherwise = std::panic::catch_unwind(move || {
            check(Kind::Sse, other.as_bytes(), &mut known);
        });
        assert!(told_otherwise.is_err(), "another payload");
    }
}
