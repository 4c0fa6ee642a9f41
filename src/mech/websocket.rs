//! WebSocket (RFC 6455): a request that turns the connection into frames, both ways.
//!
//! ```text
//! GET /c/news/ws HTTP/1.1                      the request: a GET that asks for another protocol
//! Host: localhost:7777
//! Upgrade: websocket
//! Connection: Upgrade
//! Sec-WebSocket-Version: 13
//! Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==  16 random bytes
//!
//! HTTP/1.1 101 Switching Protocols             HTTP ends here
//! Upgrade: websocket
//! Connection: Upgrade
//! Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//!
//! 81 05 68 65 6c 6c 6f                         FIN + text, 5 bytes, "hello": a message
//! 81 85 37 fa 21 3d 5f 9f 4d 51 58             the client's frames are masked: "hello" again
//! 89 00                                        ping: the heartbeat
//! 8a 80 12 34 56 78                            the client's pong
//! 88 02 03 e8                                  close, 1000
//! ```
//!
//! Cost: a message is `p + 2 + 2·[p > 125] + 6·[p > 65535]` bytes and one `send`; the client's
//! frames carry 4 bytes more. The handshake is `h` bytes, `129` back, and a `read + send`; a ping
//! of `2` bytes and its pong of `6` are a `send + read`, every 25 s.
//!
//! It cannot reconnect by itself, and a bare payload has no cursor: `?envelope=json` adds one.
//!
//! Read beside it: `sse.rs`, which has lines where this has frames.

mod frames;

use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::{Batch, Payload};
use crate::fault::Fault;
use crate::frame::{Encoding, Frame, Frames};
use crate::id::{ChannelKey, Kind};
use crate::limits;
use crate::mech::mould::{Act, Address, Card, Cost, Costs, Door, Dress, Mechanism, Out, Why};
use crate::slow::Policy;
use crate::wire::ws_frame::{CloseCode, Opcode, Role, encode_frame};
use crate::wire::ws_message::{Assembler, Message};
use crate::wire::{json, ws_handshake};
use frames::{echo, send_close, send_control, send_gap, send_next};

/// A WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    assembler: Assembler,
    /// How messages are sent to this client.
    pub dress: Dress,
    state: State,
    then: Use,
    /// When the first ping left that nothing has answered; never, if there is none.
    unanswered: Instant,
    deadline: Instant,
}

/// Where the closing handshake stands (RFC 6455 §7.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Call: anything. Next: `Closing` when we close, or the end when the peer does.
    Open,
    /// Our close frame is out; only the peer's is awaited. Call: receive, tick. Next: the end.
    Closing,
}

/// What becomes of the messages that the client sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Use {
    /// They are published to the channel.
    Publish(ChannelKey),
    /// They are entered into the table of received texts.
    Receive(ChannelKey),
    /// They are published to everybody in the chat, with the number of the session.
    Chat(ChannelKey, u64),
    /// They are sent back.
    Echo,
}

impl Mechanism for WebSocket {
    const CARD: Card = Card {
        kind: Kind::WebSocket,
        title: "WebSocket",
        address: "/c/{channel}/ws",
        opens_with: "101 Upgrade: websocket",
        direction: "both ways",
        costs: Costs {
            open: Cost::of("129", "h", "read + send"),
            message: Cost::of("p + 2 + 2·[p > 125] + 6·[p > 65535]", "0", "send"),
            quiet: Cost::of("2", "6", "send + read"),
            quiet_us: Some(limits::PING_US),
        },
        client: "WebSocket",
        reconnects: "by the page",
        cannot: "resume by itself; tell a script of a gap without ?envelope=json",
        source: "src/mech/websocket.rs",
    };

    fn open(door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault> {
        let handshake = ws_handshake::check(door.head)?;
        let protocol = handshake.protocol(&[ENVELOPE_PROTOCOL, BARE_PROTOCOL]);
        let dress = if protocol == Some(ENVELOPE_PROTOCOL) { Dress::Envelope } else { door.dress };
        if dress == Dress::Bare && door.slow.is_some_and(|policy| policy != Policy::Close) {
            return Err(Fault::SlowUntold);
        }
        let missed = door.replay.gap.map(|gap| gap.missed.to_string());
        let extra = missed.as_deref().map(|missed| ("Pushscope-Gap", missed));
        out.send_head(ws_handshake::encode_answer(&handshake, protocol, extra.as_slice()));
        let then = match (door.address, door.channel) {
            (Address::Chat, Some(channel)) => Use::Chat(channel, door.session),
            (Address::Article, Some(channel)) => Use::Receive(channel),
            (_, Some(channel)) => Use::Publish(channel),
            (_, None) => Use::Echo,
        };
        let (assembler, deadline) = (Assembler::new(Role::Client), out.ping_at());
        let unanswered = Instant::NEVER;
        let socket = Self { assembler, dress, state: State::Open, then, unanswered, deadline };
        socket.greet(door, out);
        if !door.replay.events.is_empty() {
            out.share(&encode(&door.replay, dress));
        }
        out.acts.extend(door.channel.map(Act::Subscribe));
        Ok(socket)
    }

    fn receive(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<usize, Fault> {
        let received = self.assembler.receive(bytes, out.limits)?;
        let is_chat = matches!(self.then, Use::Chat(..)) && self.state == State::Open;
        if is_chat && matches!(received.message, Some(Message::Binary(_))) {
            return Err(Fault::ChatBinary);
        }
        out.parsed(received.parsed);
        if self.state == State::Open {
            // Whatever arrives shows that the peer lives.
            self.unanswered = Instant::NEVER;
            self.deadline = out.ping_at();
        }
        match received.message {
            Some(Message::Close(close)) => self.answer_close(close.map(|(code, _)| code), out),
            Some(message) if self.state == State::Open => self.message(message, out),
            _ => {}
        }
        Ok(received.taken)
    }

    fn deliver(&mut self, batch: &Batch<'_>, frames: &mut Frames, out: &mut Out<'_>) {
        if self.state == State::Closing {
            return;
        }
        self.tell_gap(batch, out);
        if batch.events.is_empty() {
            return;
        }
        let encoding = match self.dress {
            Dress::Bare => Encoding::WebSocket,
            Dress::Envelope => Encoding::WebSocketEnvelope,
        };
        out.share(frames.shared(encoding, || encode(batch, self.dress)));
    }

    fn tick(&mut self, out: &mut Out<'_>) -> Result<(), Fault> {
        if self.state == State::Closing {
            return Err(Fault::CloseMissing);
        }
        // Behind what is not read yet a ping would only wait: the stall deadline judges that.
        if out.queue.is_empty() {
            if self.unanswered.after(out.limits.pong_us_max) <= out.now.at {
                return Err(Fault::PongMissing);
            }
            self.unanswered = self.unanswered.min(out.now.at);
            send_control(Opcode::Ping, b"", out);
        }
        // Between the last ping that is waited for and the end of waiting none is of use.
        let (next, late) = (out.ping_at(), self.unanswered.after(out.limits.pong_us_max));
        let is_last = late > out.now.at && late <= next.after(limits::HEARTBEAT_GRAIN_US);
        self.deadline = if is_last { late } else { next };
        Ok(())
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn end(&mut self, why: Why, out: &mut Out<'_>) {
        if self.state == State::Closing {
            return out.act(Act::Close);
        }
        match why {
            Why::Drain(cursor) => {
                // A bare payload has no cursor: these words are the only place for one.
                let since = cursor.map_or_else(String::new, |id| format!("; since={id}"));
                self.close(CloseCode::GOING_AWAY, &format!("the server is restarting{since}"), out);
            }
            Why::Deleted => self.close(CloseCode::NORMAL, "the channel was deleted", out),
            Why::Fault(fault) => {
                self.close(fault.row().close, fault.row().name, out);
                // RFC 6455 §7.1.7: who fails the connection reads no further.
                out.act(Act::Close);
            }
        }
    }
}

impl WebSocket {
    /// Bytes of heap that it owns: an unfinished message.
    pub fn heap_bytes(&self) -> usize {
        self.assembler.heap_bytes()
    }

    /// Tells a client that wants envelopes where the stream stands, and what it has missed.
    fn greet(&self, door: &Door<'_>, out: &mut Out<'_>) {
        match door.replay.gap {
            _ if !self.announces() || door.channel.is_none() => {}
            Some(_) => self.tell_gap(&door.replay, out),
            None => send_next(&door.replay, out),
        }
    }

    /// Whether it can be told of a gap: among bare payloads nothing says so.
    pub fn announces(&self) -> bool {
        self.dress == Dress::Envelope
    }

    fn tell_gap(&self, batch: &Batch<'_>, out: &mut Out<'_>) {
        if let Some(gap) = batch.gap.filter(|_| self.announces()) {
            send_gap(gap, batch, out);
        }
    }

    fn message(&mut self, message: Message, out: &mut Out<'_>) {
        let echoes = self.then == Use::Echo;
        let payload = match message {
            Message::Text(text) if echoes => return echo(Opcode::Text, text.into_bytes(), out),
            Message::Binary(bytes) if echoes => return echo(Opcode::Binary, bytes, out),
            Message::Text(text) => Payload::Text(text.into()),
            Message::Binary(bytes) => Payload::Binary(bytes.into()),
            // RFC 6455 §5.5.3: with the same application data.
            Message::Ping(data) => return send_control(Opcode::Pong, data.as_slice(), out),
            Message::Pong(_) | Message::Close(_) => return,
        };
        match (self.then, payload) {
            (Use::Publish(channel), payload) => out.act(Act::Publish(channel, payload)),
            (Use::Receive(channel), payload) => out.act(Act::Receive(channel, payload)),
            (Use::Chat(channel, session), Payload::Text(text)) => {
                let text = format!("{text} (From Server,Session ID={session})");
                out.act(Act::Publish(channel, Payload::Text(text.into())));
            }
            // A chat's binary data was refused; an echo has returned above.
            (Use::Chat(..) | Use::Echo, _) => {}
        }
    }

    /// Sends our close frame and waits for the peer's (RFC 6455 §7.1.2).
    fn close(&mut self, code: CloseCode, reason: &str, out: &mut Out<'_>) {
        send_close(code, reason, out);
        self.state = State::Closing;
        self.deadline = out.now.at.after(out.limits.close_us_max);
    }

    /// The peer's close frame: echo its code, unless ours is out already, and close.
    fn answer_close(&mut self, code: Option<CloseCode>, out: &mut Out<'_>) {
        match code {
            _ if self.state == State::Closing => {}
            Some(code) => self.close(code, "", out),
            None => send_control(Opcode::Close, b"", out),
        }
        self.state = State::Closing;
        // RFC 6455 §7.1.1: the server closes the TCP connection first.
        out.act(Act::Close);
    }
}

/// One frame per message.
pub fn encode(batch: &Batch<'_>, dress: Dress) -> Frame {
    let mut bytes = Vec::with_capacity(batch.room());
    let mut made = Bytes::default();
    for event in batch.events {
        let (before, payload) = (bytes.len(), event.payload.bytes());
        match (dress, &event.payload) {
            (Dress::Bare, Payload::Text(_)) => encode_frame(Opcode::Text, payload, &mut bytes),
            (Dress::Bare, Payload::Binary(_)) => encode_frame(Opcode::Binary, payload, &mut bytes),
            (Dress::Envelope, _) => {
                let mut message = Vec::new();
                json::encode_message(event, &mut message);
                encode_frame(Opcode::Text, &message, &mut bytes);
            }
        }
        made += Bytes::wrapped(bytes.len() - before, payload.len());
    }
    Frame::new(Kind::WebSocket, bytes, made, batch)
}

/// Messages in their JSON envelope, as with `?envelope=json`.
pub const ENVELOPE_PROTOCOL: &str = "pushscope.json";
/// Bare payloads.
pub const BARE_PROTOCOL: &str = "pushscope.raw";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Gap;
    use crate::id::Id;
    use crate::mech::mould::stage::{CHANNEL, SIZES, Stage, batch, event, text};

    const REQUEST: &str = "GET /c/c/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
                           Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    #[test]
    fn opens() {
        let mut stage = Stage::new();
        stage.open::<WebSocket>(REQUEST).unwrap();
        assert_eq!(
            stage.said(),
            "HTTP/1.1 101 Switching Protocols\n\
             Upgrade: websocket\n\
             Connection: Upgrade\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\n"
        );
        assert_eq!(stage.left(), [Act::Subscribe(CHANNEL)]);
    }

    #[test]
    fn opens_after_a_gap() {
        let mut stage = Stage::new();
        stage.gap = Some(Gap { missed: 3, epoch_changed: false });
        stage.missed = vec![text(5, "hi")];
        stage.open::<WebSocket>(REQUEST).unwrap();
        let said = stage.said();
        let (head, frames) = said.split_once("\n\n").unwrap();
        assert!(head.ends_with("Pushscope-Gap: 3"), "{head}");
        assert_eq!(frames, "\\x81\\x02hi");
    }

    #[test]
    fn receives() {
        let mut stage = Stage::new();
        let mut socket = stage.open::<WebSocket>(REQUEST).unwrap();
        stage.clear();
        let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(socket.receive(hello, &mut stage.out()), Ok(hello.len()));
        let payload = Payload::Text("Hello".into());
        assert_eq!(stage.left(), [Act::Publish(CHANNEL, payload)]);
        assert!(socket.receive(b"\x81\x05hello", &mut stage.out()).is_err());
    }

    #[test]
    fn delivers() {
        let binary = event(2, Payload::Binary([0xff, 0x00][..].into()));
        let events = [text(1, "hi"), binary];
        assert_eq!(
            encode(&batch(&events, None), Dress::Bare).bytes(),
            b"\x81\x02hi\x82\x02\xff\x00"
        );
        let envelope = encode(&batch(&events[..1], None), Dress::Envelope);
        let message = b"\x81\x32{\"id\":\"7-1\",\"time\":1000,\"channel\":\"c\",\"data\":\"hi\"}";
        assert_eq!(envelope.bytes(), &message[..], "{}", envelope.bytes().escape_ascii());
    }

    #[test]
    fn costs() {
        for size in SIZES {
            let frame = encode(&batch(&[text(1, &"x".repeat(size))], None), Dress::Bare);
            let framing = match size {
                0..=125 => 2,
                126..=65_535 => 4,
                _ => 10,
            };
            assert_eq!((frame.made().payload, frame.made().framing), (size as u64, framing));
        }
    }

    #[test]
    fn ticks() {
        let mut stage = Stage::new();
        let mut socket = stage.open::<WebSocket>(REQUEST).unwrap();
        stage.said();
        for _ in 0..limits::PONG_US_MAX / limits::PING_US {
            stage.tick(&mut socket).unwrap();
            assert_eq!(stage.said(), "\\x89\\x00");
        }
        assert_eq!(stage.tick(&mut socket), Err(Fault::PongMissing));
    }

    #[test]
    fn ends() {
        for (why, words) in [
            (Why::Drain(None), "\\x88\\x1a\\x03\\xe9the server is restarting"),
            (
                Why::Drain(Some(Id { epoch: 7, offset: 9 })),
                "\\x88%\\x03\\xe9the server is restarting; since=7-9",
            ),
            (Why::Deleted, "\\x88\\x19\\x03\\xe8the channel was deleted"),
            (Why::Fault(Fault::QueueFull), "\\x88\\x0c\\x03\\xf5queue_full"),
        ] {
            let mut stage = Stage::new();
            let mut socket = stage.open::<WebSocket>(REQUEST).unwrap();
            stage.clear();
            socket.end(why, &mut stage.out());
            assert_eq!(stage.said(), words);
        }
    }
}
