//! Iframe streaming: a document that never ends, one script per message.
//!
//! ```text
//! GET /c/news/iframe HTTP/1.1                  the src of a hidden iframe
//! Host: localhost:7777
//!
//! HTTP/1.1 200 OK
//! Content-Type: text/html; charset=utf-8
//! Transfer-Encoding: chunked
//!
//! 87f                                          the first chunk: a document, padded for browsers
//! <!doctype html>…<title>pushscope</title>…    that wait for 1 KiB, and where it stands
//! <script>parent.pushscope.open("1763712345678-0")</script>
//!
//! 79                                           a chunk per message: the browser runs the script
//! <script>parent.pushscope.message({"id":"1763712345678-1",…,"data":"hello"})</script>
//!
//! 0                                            the last chunk: the document has loaded at last
//! ```
//!
//! Cost: a message is `j + 48 + hex(j + 44)` bytes and one `send`: its JSON, which is j bytes
//! (`p + e + i + c + t + 40`), in 44 bytes of script, in a chunk, which is 4 bytes and the
//! hexadecimal digits of its length. A document is asked for with `h` bytes and begins with
//! `i + 2488`, padding included, for a `read + writev`. The heartbeat is `13` bytes and a `send`,
//! every 15 s.
//!
//! It cannot be closed without a trace: the browser shows a page that loads for ever, and keeps
//! every script. `<`, `>`, `&`, U+2028 and U+2029 are escaped, so no payload can leave its script.
//!
//! Read beside it: `xhr_stream.rs`, the same chunks without a document.

use std::fmt::Display;
use std::io::Write;

use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::Batch;
use crate::fault::Fault;
use crate::frame::{Encoding, Frame, Frames};
use crate::id::Kind;
use crate::limits;
use crate::mech::mould::{
    Act, Address, Card, Coding, Cost, Costs, Door, Ignored, Mechanism, Out, Why,
};
use crate::wire::{date, json, script};

/// A document that is still loading.
#[derive(Debug)]
pub struct Iframe {
    coding: Coding,
    style: Style,
    ignored: Ignored,
    deadline: Instant,
}

/// What the scripts do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Hand each message to `parent.pushscope`.
    Messages,
    /// Set the parent's elements `clock` and `count`, as in the reference articles.
    Clock,
}

impl Iframe {
    /// Whether it can be told of a gap: a clock tells that something came, not what.
    pub fn announces(&self) -> bool {
        self.style == Style::Messages
    }

    /// How its parts are told apart.
    pub const fn coding(&self) -> Coding {
        self.coding
    }
}

impl Mechanism for Iframe {
    const CARD: Card = Card {
        kind: Kind::Iframe,
        title: "Iframe streaming",
        address: "/c/{channel}/iframe",
        opens_with: "200 text/html, chunked",
        direction: "server to client",
        costs: Costs {
            open: Cost::of("i + 2488", "h", "read + writev"),
            message: Cost::of("j + 48 + hex(j + 44)", "0", "send"),
            quiet: Cost::of("13", "0", "send"),
            quiet_us: Some(limits::HEARTBEAT_US),
        },
        client: "an iframe",
        reconnects: "by the page",
        cannot: "stop looking like a page that loads",
        source: "src/mech/iframe.rs",
    };

    fn open(door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault> {
        let coding = Coding::of(door.manner);
        let style = match door.address {
            Address::Article => Style::Clock,
            _ => Style::Messages,
        };
        let head = coding.head(door.manner, out.date, "text/html; charset=utf-8");
        out.send_head(head.field("Content-Security-Policy", POLICY).end());
        coding.send_control(&document(door, style), out);
        if style == Style::Clock || !door.replay.is_silent() {
            let frame = encode(&door.replay, style, coding);
            out.share(&frame);
        }
        out.act(door.channel.map_or(Act::Close, Act::Subscribe));
        Ok(Self { coding, style, ignored: Ignored::default(), deadline: out.heartbeat_at() })
    }

    fn receive(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<usize, Fault> {
        self.ignored.receive(bytes, out)
    }

    fn deliver(&mut self, batch: &Batch<'_>, frames: &mut Frames, out: &mut Out<'_>) {
        // The count changes when messages are read, too.
        if batch.is_silent() && self.style == Style::Messages {
            return;
        }
        let encoding = match (self.style, self.coding) {
            (Style::Messages, Coding::Chunked) => Encoding::ScriptsChunked,
            (Style::Messages, Coding::UntilClose) => Encoding::Scripts,
            (Style::Clock, Coding::Chunked) => Encoding::ClockChunked,
            (Style::Clock, Coding::UntilClose) => Encoding::Clock,
        };
        out.share(frames.shared(encoding, || encode(batch, self.style, self.coding)));
        self.deadline = out.heartbeat_at();
    }

    fn tick(&mut self, out: &mut Out<'_>) -> Result<(), Fault> {
        self.coding.send_control(HEARTBEAT, out);
        self.deadline = out.heartbeat_at();
        Ok(())
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn end(&mut self, why: Why, out: &mut Out<'_>) {
        let reason = match why {
            Why::Drain(_) => "drain",
            Why::Deleted => "deleted",
            // A document that is cut short must not look whole (RFC 9112 §8).
            Why::Fault(_) => return out.act(Act::Close),
        };
        if self.style == Style::Messages {
            let mut script = Vec::new();
            word_script("end", reason, &mut script);
            self.coding.send_control(&script, out);
        }
        self.coding.end(out);
    }
}

/// One script per message, or one that sets clock and count.
pub fn encode(batch: &Batch<'_>, style: Style, coding: Coding) -> Frame {
    let mut bytes = Vec::with_capacity(batch.room());
    let mut made = Bytes::default();
    if style == Style::Clock {
        made += coding.wrap(clock_script(batch).as_bytes(), &mut bytes, 0);
        // It tells that something came, not what.
        return Frame::new(Kind::Iframe, bytes, made, &Batch { events: &[], ..*batch });
    }
    let mut script = Vec::with_capacity(batch.room());
    if let Some(gap) = batch.gap {
        script::encode("gap", &mut script, |json| json::encode_gap(gap, json));
        // Behind the gap: who is cut off between the two comes back with its old cursor.
        open_script(batch, &mut script);
        made += coding.wrap(&script, &mut bytes, 0).as_control();
    }
    for event in batch.events {
        script.clear();
        let made_json = script::encode("message", &mut script, |json| {
            json::encode_message_for_script(event, json)
        });
        made += coding.wrap(&script, &mut bytes, made_json.payload);
    }
    Frame::new(Kind::Iframe, bytes, made, batch)
}

/// The script of the reference articles: the time of the change, and how many are unread.
fn clock_script(batch: &Batch<'_>) -> String {
    let time = date::time_of_day(batch.time_ms / 1_000);
    let time = String::from_utf8_lossy(&time);
    format!(
        "<script>parent.document.getElementById('clock').textContent = \"{time}\";\
         parent.document.getElementById('count').textContent = \"{}\";</script>\n",
        batch.unread
    )
}

/// The script that says where the stream stands.
fn open_script(batch: &Batch<'_>, into: &mut Vec<u8>) {
    word_script("open", batch.start(), into);
}

/// A script that passes on a word of ours, which needs no escapes.
fn word_script(name: &str, word: impl Display, into: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    script::encode(name, into, |json| write!(json, "\"{word}\"").unwrap_or_default());
}

/// The document's beginning: padded, because browsers hold back the first bytes to sniff.
fn document(door: &Door<'_>, style: Style) -> Vec<u8> {
    const BEGIN: &[u8] = b"<!doctype html><meta charset=\"utf-8\"><title>pushscope</title><!--";
    let mut document = Vec::with_capacity(BEGIN.len() + limits::PADDING_BYTES + 128);
    document.extend_from_slice(BEGIN);
    document.extend(std::iter::repeat_n(b'.', limits::PADDING_BYTES));
    document.extend_from_slice(b"-->\n");
    if style == Style::Messages && door.replay.gap.is_none() {
        open_script(&door.replay, &mut document);
    }
    document
}

/// Only its own scripts run, and only pages of the same origin may frame it.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; frame-ancestors 'self'";
/// A comment in HTML.
const HEARTBEAT: &[u8] = b"<!---->\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Gap;
    use crate::mech::mould::stage::{CHANNEL, SIZES, Stage, batch, text};

    const REQUEST: &str = "GET /c/c/iframe HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn opens() {
        let mut stage = Stage::new();
        stage.open::<Iframe>(REQUEST).unwrap();
        let padding = ".".repeat(limits::PADDING_BYTES);
        assert_eq!(
            stage.said().replace('\\', ""),
            format!(
                "HTTP/1.1 200 OK\n\
                 Date: Thu, 01 Jan 1970 00:00:00 GMT\n\
                 Connection: close\n\
                 Content-Type: text/html; charset=utf-8\n\
                 Cache-Control: no-store\n\
                 X-Accel-Buffering: no\n\
                 X-Content-Type-Options: nosniff\n\
                 Transfer-Encoding: chunked\n\
                 Content-Security-Policy: {}\n\n\
                 873\n<!doctype html><meta charset=\"utf-8\"><title>pushscope</title>\
                 <!--{padding}-->\n\
                 <script>parent.pushscope.open(\"7-9\")</script>\n\n",
                POLICY
            )
        );
        assert_eq!(stage.left(), [Act::Subscribe(CHANNEL)]);
    }

    #[test]
    fn opens_after_a_gap() {
        let mut stage = Stage::new();
        stage.gap = Some(Gap { missed: 3, epoch_changed: false });
        stage.open::<Iframe>(&REQUEST.replace("1.1", "1.0")).unwrap();
        let said = stage.said().replace('\\', "");
        assert!(!said.contains("chunked"), "HTTP/1.0 knows no chunks");
        let end = "<script>parent.pushscope.gap({\"gap\":3})</script>\n\
                   <script>parent.pushscope.open(\"7-9\")</script>\n";
        assert!(said.ends_with(end), "{said}");
    }

    #[test]
    fn receives() {
        let mut stage = Stage::new();
        let mut iframe = stage.open::<Iframe>(REQUEST).unwrap();
        let most = vec![b'x'; limits::STREAM_INPUT_BYTES_MAX];
        assert_eq!(iframe.receive(&most, &mut stage.out()), Ok(most.len()));
        assert_eq!(iframe.receive(b"x", &mut stage.out()), Err(Fault::StreamInput));
    }

    #[test]
    fn delivers() {
        let events = [text(1, "</script>\u{2028}")];
        let frame = encode(&batch(&events, None), Style::Messages, Coding::UntilClose);
        assert_eq!(
            str::from_utf8(frame.bytes()).unwrap(),
            "<script>parent.pushscope.message({\"id\":\"7-1\",\"time\":1000,\"channel\":\"c\",\
             \"data\":\"\\u003c/script\\u003e\\u2028\"})</script>\n"
        );
        let frame = encode(&batch(&events, None), Style::Clock, Coding::UntilClose);
        assert_eq!(
            str::from_utf8(frame.bytes()).unwrap(),
            "<script>parent.document.getElementById('clock').textContent = \"00:00:01\";\
             parent.document.getElementById('count').textContent = \"4\";</script>\n"
        );
    }

    #[test]
    fn costs() {
        for size in SIZES {
            let events = [text(1, &"x".repeat(size))];
            let frame = encode(&batch(&events, None), Style::Messages, Coding::Chunked);
            let envelope = "{\"id\":\"7-1\",\"time\":1000,\"channel\":\"c\",\"data\":\"\"}".len();
            let script = "<script>parent.pushscope.message(".len() + ")</script>\n".len();
            let chunk = format!("{:x}", script + envelope + size).len() + 4;
            assert_eq!(frame.made().payload, size as u64);
            assert_eq!(frame.made().framing, (script + envelope + chunk) as u64);
        }
    }

    #[test]
    fn ticks() {
        let mut stage = Stage::new();
        let mut iframe = stage.open::<Iframe>(REQUEST).unwrap();
        stage.said();
        stage.tick(&mut iframe).unwrap();
        assert_eq!(stage.said_bytes(), b"8\r\n<!---->\n\r\n");
        assert_eq!(iframe.deadline().us(), 2 * limits::HEARTBEAT_US);
    }

    #[test]
    fn ends() {
        let script = b"2f\r\n<script>parent.pushscope.end(\"drain\")</script>\n\r\n0\r\n\r\n";
        for (why, words) in [(Why::Drain(None), &script[..]), (Why::Fault(Fault::QueueFull), b"")] {
            let mut stage = Stage::new();
            let mut iframe = stage.open::<Iframe>(REQUEST).unwrap();
            stage.clear();
            iframe.end(why, &mut stage.out());
            assert_eq!(
                stage.said_bytes().escape_ascii().to_string(),
                words.escape_ascii().to_string()
            );
            assert_eq!(stage.left(), [Act::Close]);
        }
    }
}
