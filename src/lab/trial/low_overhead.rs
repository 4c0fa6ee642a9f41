//! Claim 6: a WebSocket adds little.

use std::path::Path;
use std::time::Duration;

use super::evidence::{Cell, Evidence, Outcome, written};
use super::session::{Session, hear, settle};
use super::wire::Wire;
use super::{Brief, Mistrial, Verdict};
use crate::client::mech::Mech;
use crate::client::mould::Ask;
use crate::client::{Address, Connection, PublishOptions, publish};
use crate::clock::SECOND_US;
use crate::id::Kind;
use crate::lab::figures::real;
use crate::mech::mould::Dress;
use crate::statement::{Account, Statement};
use crate::wire::ws_frame::{self, FrameHead, Opcode};

pub(super) const BRIEF: Brief = Brief {
    sentence: "WebSocket has low overhead.",
    rule: "Low is, for every payload, at most a tenth of what a short poll adds to it; and an \
           opening that is earned back, against polls, within ten messages: true when both hold, \
           false when neither does.",
    commands: &[
        "pushscope cost --mechanisms sse,websocket --size 125 --messages 20 --quiet 0",
        "pushscope cost --mechanisms sse,websocket --size 126 --messages 20 --quiet 0",
    ],
    us: SECOND_US,
};

/// What is added to payloads, and what the openings cost.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Measured {
    websocket_open: Ways,
    sse_open: Ways,
    sizes: Vec<Added>,
}

/// Bytes in both directions.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Ways {
    down: f64,
    up: f64,
}

/// Bytes around one payload.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Added {
    size: usize,
    websocket: Ways,
    sse_down: f64,
    /// A short poll that brings it: question and answer.
    poll: f64,
}

impl Measured {
    /// Has payloads brought by each, and sends them by WebSocket too.
    pub(super) fn of(program: &Path) -> Result<Self, Mistrial> {
        let (websocket_open, sse_open) = openings(program)?;
        let mut sizes = Vec::new();
        for size in SIZES {
            let (down, sse_down) = brought(program, size)?;
            let (up, poll) = (sent(program, size)?, polled(program, size)?);
            sizes.push(Added { size, websocket: Ways { down, up }, sse_down, poll });
        }
        Ok(Self { websocket_open, sse_open, sizes })
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns = [
            ("websocket down", "B"),
            ("websocket up", "B"),
            ("sse down", "B"),
            ("sse up", "B"),
            ("poll, both ways", "B"),
        ];
        let title = "Bytes around a payload, and of an opening";
        let mut evidence = Evidence::new(title, "payload", &columns).drawing(&[&[0, 2], &[4]]);
        for added in &self.sizes {
            let Ways { down, up } = added.websocket;
            let cells = [down.into(), up.into(), added.sse_down.into(), Cell::Nothing];
            let name = format!("{} bytes", written(real(added.size as u64)));
            evidence = evidence.line(name, [&cells[..], &[added.poll.into()]].concat());
        }
        let (websocket, sse) = (self.websocket_open, self.sse_open);
        let opening = [websocket.down, websocket.up, sse.down, sse.up].map(Cell::from);
        evidence = evidence.line("opening", [&opening[..], &[Cell::Nothing]].concat());
        let added = || self.sizes.iter().map(|added| added.websocket.down.max(added.websocket.up));
        let shares = added().zip(&self.sizes).map(|(bytes, added)| bytes / added.poll);
        let is_little = shares.fold(0.0, f64::max) <= LITTLE;
        let even = self.sizes.iter().map(|added| self.even(added)).fold(0.0, f64::max);
        let is_soon = even <= SOON;
        let holding = usize::from(is_little) + usize::from(is_soon);
        let least = self.sizes.iter().map(|added| added.websocket.down.min(added.websocket.up));
        let least = written(least.fold(f64::INFINITY, f64::min));
        let most = written(added().fold(0.0, f64::max));
        let little = if is_little { "at most" } else { "more than" };
        let earned = match even {
            1.0 => "by one message".to_owned(),
            messages if messages.is_finite() => format!("by {} messages", written(messages)),
            _ => "by no number of messages".to_owned(),
        };
        let opening = written(websocket.down + websocket.up);
        let reason = format!(
            "A frame adds from {least} to {most} bytes, {little} a tenth of what a poll adds. Its \
             opening of {opening} bytes is earned back, against polls, {earned}."
        );
        Outcome { evidence, verdict: Verdict::of(holding, 2), reason }
    }

    /// How many messages of a size it takes until polls for them would have cost more.
    fn even(&self, added: &Added) -> f64 {
        let saved = added.poll - added.websocket.down;
        if saved <= 0.0 {
            return f64::INFINITY;
        }
        ((self.websocket_open.down + self.websocket_open.up) / saved).ceil()
    }
}

/// The bytes of an opening by WebSocket and by SSE.
fn openings(program: &Path) -> Result<(Ways, Ways), Mistrial> {
    let mut session = Session::start(program, &[])?;
    let mut crowd = session.crowd(CHANNEL, 1)?;
    let before = crowd.traffic();
    STREAMS.iter().for_each(|kind| crowd.invite(*kind, 1));
    settle(&mut crowd)?;
    let statement = session.gained(&mut crowd, before, &STREAMS)?;
    let ways = |kind| -> Result<Ways, Mistrial> {
        let account = account(&statement, kind)?;
        Ok(Ways { down: real(account.sent.taken), up: real(account.received.read) })
    };
    Ok((ways(Kind::WebSocket)?, ways(Kind::Sse)?))
}

/// What is added to a payload that is brought by WebSocket, and by SSE.
fn brought(program: &Path, size: usize) -> Result<(f64, f64), Mistrial> {
    let mut session = Session::start(program, &[])?;
    let mut crowd = session.crowd(CHANNEL, size)?;
    let before = crowd.traffic();
    STREAMS.iter().for_each(|kind| crowd.invite(*kind, 1));
    settle(&mut crowd)?;
    session.gained(&mut crowd, before, &STREAMS)?;
    let before = crowd.traffic();
    hear(&mut crowd, &STREAMS, MESSAGES, INTERVAL)?;
    let statement = session.gained(&mut crowd, before, &STREAMS)?;
    let added = |kind| -> Result<f64, Mistrial> {
        let taken = real(account(&statement, kind)?.sent.taken);
        Ok(taken / f64::from(MESSAGES) - real(size as u64))
    };
    Ok((added(Kind::WebSocket)?, added(Kind::Sse)?))
}

/// What is added to a payload that is sent by WebSocket: what the ledger calls anything else.
fn sent(program: &Path, size: usize) -> Result<f64, Mistrial> {
    let mut session = Session::start(program, &[])?;
    let mut wire = Wire::open(session.address())?;
    let question = Mech::ask(Kind::WebSocket, &ask(session.address(), "latest")).1;
    if wire.ask(&question)?.status != SWITCHING_PROTOCOLS {
        return Err(Mistrial::new("a WebSocket was not opened"));
    }
    let frame = masked(size);
    wire.send(&frame)?;
    let seen = (question.len() + frame.len()) as u64;
    let statement = session.gained_when(|statement| {
        let account = account(statement, Kind::WebSocket);
        account.is_ok_and(|account| account.received.read == seen)
    })?;
    let parsed = account(&statement, Kind::WebSocket)?.received.parsed;
    if parsed.payload != size as u64 {
        return Err(Mistrial::new("a payload was sent, and another one was received"));
    }
    Ok(real(parsed.framing))
}

/// What is added to a payload that a short poll brings, question and answer.
fn polled(program: &Path, size: usize) -> Result<f64, Mistrial> {
    let session = Session::start(program, &[])?;
    let address = session.address();
    let mut publisher = Connection::open(address)?;
    let payload = vec![b'x'; size];
    let mut published = || {
        publish(&mut publisher, CHANNEL, &payload, &PublishOptions::default())
            .map(|published| published.id.to_string())
    };
    let since = published()?;
    published()?;
    let question = Mech::ask(Kind::Poll, &ask(address, &since)).1;
    let answer = Wire::open(address)?.exchange(&question)?;
    match (answer.status, answer.content_bytes) {
        (200, Some(content)) => {
            Ok(real((question.len() + answer.head_bytes + content) as u64) - real(size as u64))
        }
        _ => Err(Mistrial::new("a poll was not answered as it should be")),
    }
}

fn account(statement: &Statement, kind: Kind) -> Result<&Account, Mistrial> {
    let missing = || Mistrial::new(format!("the ledger has no account of {}", kind.name()));
    statement.account(kind.name()).ok_or_else(missing)
}

/// A text of that size as a client sends it.
fn masked(size: usize) -> Vec<u8> {
    let mut payload = vec![b'x'; size];
    ws_frame::mask(&mut payload, KEY, 0);
    let length = payload.len() as u64;
    let mut frame = Vec::new();
    let head = FrameHead { fin: true, opcode: Opcode::Text, masking_key: Some(KEY), length };
    ws_frame::encode(head, &mut frame);
    frame.append(&mut payload);
    frame
}

const fn ask<'a>(address: &'a Address, since: &'a str) -> Ask<'a> {
    let interval = Duration::from_secs(1);
    Ask { address, channel: CHANNEL, since, interval, dress: Dress::Bare }
}

/// Of what a poll adds.
const LITTLE: f64 = 0.1;
/// Messages.
const SOON: f64 = 10.0;
const SIZES: [usize; 4] = [10, 125, 126, 1_024];
const STREAMS: [Kind; 2] = [Kind::Sse, Kind::WebSocket];
const CHANNEL: &str = "bytes";
const MESSAGES: u32 = 5;
const INTERVAL: Duration = Duration::from_millis(10);
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// RFC 9110 §15.2.2.
const SWITCHING_PROTOCOLS: u16 = 101;

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(down: f64, opening: f64, poll: f64) -> Verdict {
        let websocket = Ways { down, up: down };
        let added = Added { size: 10, websocket, sse_down: 28.0, poll };
        let open = Ways { down: opening, up: opening };
        let measured = Measured { websocket_open: open, sse_open: open, sizes: vec![added] };
        measured.outcome().verdict
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        assert_eq!(verdict(2.0, 200.0, 400.0), Verdict::True);
        assert_eq!(verdict(41.0, 200.0, 400.0), Verdict::Depends);
        assert_eq!(verdict(2.0, 2_000.0, 400.0), Verdict::Depends);
        assert_eq!(verdict(399.0, 200.0, 400.0), Verdict::False);
        assert_eq!(verdict(400.0, 200.0, 400.0), Verdict::False);
    }

    #[test]
    fn a_client_masks_what_it_sends() {
        let frame = masked(10);
        assert_eq!(frame[..6], [0x81, 0x8a, 0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(frame.len(), 16);
        assert_eq!(masked(126).len(), 126 + 8);
    }
}
