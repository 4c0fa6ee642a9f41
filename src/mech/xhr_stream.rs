//! XHR and fetch streaming: an answer that never ends, one line of JSON per message.
//!
//! ```text
//! GET /c/news/stream HTTP/1.1
//! Host: localhost:7777
//!
//! HTTP/1.1 200 OK
//! Content-Type: application/x-ndjson
//! Transfer-Encoding: chunked
//!
//! 828                                          the first chunk: where the stream stands, and
//! {"next":"1763712345678-0","padding":"…"}     padding for browsers that wait for 1 KiB
//!
//! 4e                                           a chunk per message, a line per chunk
//! {"id":"1763712345678-1","time":1763712350000,"channel":"news","data":"hello"}
//!
//! 13
//! {"heartbeat":true}                           the heartbeat
//!
//! 0                                            the last chunk: the stream is over
//! ```
//!
//! Cost: a message is `j + 5 + hex(j + 1)` bytes and one `send`: a line of JSON, which is j bytes
//! (`p + e + i + c + t + 40`) and a newline, in a chunk, which is 4 bytes and the hexadecimal
//! digits of its length. A stream is asked for with `h` bytes and begins with `i + 2300`, padding
//! included, for a `read + writev`. The heartbeat is `25` bytes and a `send`, every 15 s.
//!
//! It cannot be read by `XMLHttpRequest` without keeping all that came before it: `responseText`
//! only grows. `fetch` reads it piece by piece.
//!
//! Read beside it: `sse.rs`, which lets the browser do the parsing, and `iframe.rs`.

use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::Batch;
use crate::fault::Fault;
use crate::frame::{Encoding, Frame, Frames};
use crate::id::Kind;
use crate::limits;
use crate::mech::mould::{Act, Card, Coding, Cost, Costs, Door, Ignored, Mechanism, Out, Why};
use crate::wire::json;

/// A subscriber to a stream of lines.
#[derive(Debug)]
pub struct XhrStream {
    coding: Coding,
    ignored: Ignored,
    deadline: Instant,
}

impl XhrStream {
    /// How its parts are told apart.
    pub const fn coding(&self) -> Coding {
        self.coding
    }
}

impl Mechanism for XhrStream {
    const CARD: Card = Card {
        kind: Kind::XhrStream,
        title: "XHR / fetch streaming",
        address: "/c/{channel}/stream",
        opens_with: "200 application/x-ndjson, chunked",
        direction: "server to client",
        costs: Costs {
            open: Cost::of("i + 2300", "h", "read + writev"),
            message: Cost::of("j + 5 + hex(j + 1)", "0", "send"),
            quiet: Cost::of("25", "0", "send"),
            quiet_us: Some(limits::HEARTBEAT_US),
        },
        client: "fetch with a reader, XMLHttpRequest",
        reconnects: "by the page",
        cannot: "forget: responseText only grows",
        source: "src/mech/xhr_stream.rs",
    };

    fn open(door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault> {
        let coding = Coding::of(door.manner);
        out.send_head(coding.head(door.manner, out.date, "application/x-ndjson").end());
        coding.send_control(first_line(door).as_bytes(), out);
        if !door.replay.is_silent() {
            let frame = encode(&door.replay, coding);
            out.share(&frame);
        }
        out.act(door.channel.map_or(Act::Close, Act::Subscribe));
        Ok(Self { coding, ignored: Ignored::default(), deadline: out.heartbeat_at() })
    }

    fn receive(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<usize, Fault> {
        self.ignored.receive(bytes, out)
    }

    fn deliver(&mut self, batch: &Batch<'_>, frames: &mut Frames, out: &mut Out<'_>) {
        if batch.is_silent() {
            return;
        }
        let encoding = match self.coding {
            Coding::Chunked => Encoding::LinesChunked,
            Coding::UntilClose => Encoding::Lines,
        };
        out.share(frames.shared(encoding, || encode(batch, self.coding)));
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
        match why {
            Why::Drain(_) => {
                let line = format!("{{\"end\":\"drain\",\"retry\":{}}}\n", limits::RETRY_MS);
                self.coding.send_control(line.as_bytes(), out);
            }
            Why::Deleted => self.coding.send_control(b"{\"end\":\"deleted\"}\n", out),
            // A stream that is cut short must not look whole (RFC 9112 §8).
            Why::Fault(_) => return out.act(Act::Close),
        }
        self.coding.end(out);
    }
}

/// One line per message, and a line with the gap before them when something was lost.
pub fn encode(batch: &Batch<'_>, coding: Coding) -> Frame {
    let mut bytes = Vec::with_capacity(batch.room());
    let mut made = Bytes::default();
    let mut line = Vec::with_capacity(batch.room());
    if let Some(gap) = batch.gap {
        json::encode_gap(gap, &mut line);
        // Behind the gap: who is cut off between the two comes back with its old cursor.
        line.extend(format!("\n{{\"next\":\"{}\"}}\n", batch.start()).bytes());
        made += coding.wrap(&line, &mut bytes, 0).as_control();
    }
    for event in batch.events {
        line.clear();
        let payload = json::encode_message(event, &mut line).payload;
        line.push(b'\n');
        made += coding.wrap(&line, &mut bytes, payload);
    }
    Frame::new(Kind::XhrStream, bytes, made, batch)
}

/// Where the stream stands, and padding for browsers that hold back the first bytes.
fn first_line(door: &Door<'_>) -> String {
    let mut line = match door.replay.gap {
        Some(_) => String::from("{\"padding\":\""),
        None => format!("{{\"next\":\"{}\",\"padding\":\"", door.replay.start()),
    };
    line.extend(std::iter::repeat_n('.', limits::PADDING_BYTES));
    line.push_str("\"}\n");
    line
}

const HEARTBEAT: &[u8] = b"{\"heartbeat\":true}\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Gap, Payload};
    use crate::mech::mould::stage::{CHANNEL, SIZES, Stage, batch, event, text};

    const REQUEST: &str = "GET /c/c/stream HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn opens() {
        let mut stage = Stage::new();
        stage.open::<XhrStream>(REQUEST).unwrap();
        let padding = ".".repeat(limits::PADDING_BYTES);
        assert_eq!(
            stage.said().replace('\\', ""),
            format!(
                "HTTP/1.1 200 OK\n\
                 Date: Thu, 01 Jan 1970 00:00:00 GMT\n\
                 Connection: close\n\
                 Content-Type: application/x-ndjson\n\
                 Cache-Control: no-store\n\
                 X-Accel-Buffering: no\n\
                 X-Content-Type-Options: nosniff\n\
                 Transfer-Encoding: chunked\n\n\
                 81c\n{{\"next\":\"7-9\",\"padding\":\"{padding}\"}}\n\n"
            )
        );
        assert_eq!(stage.left(), [Act::Subscribe(CHANNEL)]);
    }

    #[test]
    fn opens_after_a_gap() {
        let mut stage = Stage::new();
        stage.gap = Some(Gap { missed: 3, epoch_changed: false });
        stage.open::<XhrStream>(&REQUEST.replace("1.1", "1.0")).unwrap();
        let said = stage.said().replace('\\', "");
        assert!(!said.contains("chunked"), "HTTP/1.0 knows no chunks");
        assert!(said.ends_with(".\"}\n{\"gap\":3}\n{\"next\":\"7-9\"}\n"), "{said}");
    }

    #[test]
    fn receives() {
        let mut stage = Stage::new();
        let mut stream = stage.open::<XhrStream>(REQUEST).unwrap();
        let most = vec![b'x'; limits::STREAM_INPUT_BYTES_MAX];
        assert_eq!(stream.receive(&most, &mut stage.out()), Ok(most.len()));
        assert_eq!(stream.receive(b"x", &mut stage.out()), Err(Fault::StreamInput));
    }

    #[test]
    fn delivers() {
        let binary = event(2, Payload::Binary([0xff, 0x00][..].into()));
        let frame = encode(&batch(&[text(1, "hi"), binary], None), Coding::Chunked);
        assert_eq!(
            frame.bytes(),
            b"33\r\n{\"id\":\"7-1\",\"time\":1000,\"channel\":\"c\",\"data\":\"hi\"}\n\r\n\
              37\r\n{\"id\":\"7-2\",\"time\":1000,\"channel\":\"c\",\"base64\":\"/wA=\"}\n\r\n",
            "{}",
            frame.bytes().escape_ascii()
        );
    }

    #[test]
    fn costs() {
        for size in SIZES {
            let frame = encode(&batch(&[text(1, &"x".repeat(size))], None), Coding::Chunked);
            let envelope = "{\"id\":\"7-1\",\"time\":1000,\"channel\":\"c\",\"data\":\"\"}\n".len();
            let chunk = format!("{:x}", envelope + size).len() + 4;
            assert_eq!(frame.made().payload, size as u64);
            assert_eq!(frame.made().framing, (envelope + chunk) as u64);
        }
    }

    #[test]
    fn ticks() {
        let mut stage = Stage::new();
        let mut stream = stage.open::<XhrStream>(REQUEST).unwrap();
        stage.said();
        stage.tick(&mut stream).unwrap();
        assert_eq!(stage.said_bytes(), b"13\r\n{\"heartbeat\":true}\n\r\n");
        assert_eq!(stream.deadline().us(), 2 * limits::HEARTBEAT_US);
    }

    #[test]
    fn ends() {
        for (why, words) in [
            (Why::Drain(None), &b"1d\r\n{\"end\":\"drain\",\"retry\":3000}\n\r\n0\r\n\r\n"[..]),
            (Why::Deleted, &b"12\r\n{\"end\":\"deleted\"}\n\r\n0\r\n\r\n"[..]),
            (Why::Fault(Fault::QueueFull), &b""[..]),
        ] {
            let mut stage = Stage::new();
            let mut stream = stage.open::<XhrStream>(REQUEST).unwrap();
            stage.clear();
            stream.end(why, &mut stage.out());
            assert_eq!(
                stage.said_bytes().escape_ascii().to_string(),
                words.escape_ascii().to_string()
            );
            assert_eq!(stage.left(), [Act::Close]);
        }
    }
}
