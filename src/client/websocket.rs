//! The client of WebSocket: a connection that is frames after its opening handshake.
//!
//! It asks for envelopes, because a bare payload has no cursor, unless bare messages are wanted.
//! Pings are answered, and a close frame is; everything that it sends is masked.
//!
//! Read beside it: `mech/websocket.rs`, which answers; `sse.rs`, which has lines.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::client::error::ClientError;
use crate::client::mould::{Ask, Mechanism, Out, Then};
use crate::client::poll::keep;
use crate::limits::CLIENT_CONTENT_BYTES_MAX as CONTENT_BYTES_MAX;
use crate::mech::mould::Dress;
use crate::wire::response::Answer;
use crate::wire::ws_frame::{self, CloseCode, FrameHead, Opcode, Role};
use crate::wire::ws_handshake;
use crate::wire::ws_message::{Assembler, Message};

/// A WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    key: String,
    assembler: Assembler,
    /// The unfinished head of a frame.
    tail: Vec<u8>,
    dress: Dress,
}

impl Mechanism for WebSocket {
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>) {
        // RFC 6455 §4.1: "The nonce MUST be selected randomly for each connection."
        let [first, second] = [random(), random()];
        let key = STANDARD.encode([first.to_ne_bytes(), second.to_ne_bytes()].concat());
        let envelope = if ask.dress == Dress::Envelope { "&envelope=json" } else { "" };
        let target = ask.target("ws", envelope);
        let host = ask.address.authority();
        let credentials = ask.address.credentials().map(|value| ("Authorization", value));
        let question =
            ws_handshake::encode_request(host, &target, &key, None, credentials.as_slice());
        let assembler = Assembler::new(Role::Server);
        (Self { key, assembler, tail: Vec::new(), dress: ask.dress }, question)
    }

    fn open(&mut self, answer: &Answer<'_, '_>, _out: &mut Out) -> Result<(), ClientError> {
        if answer.status != 101 {
            return Err(ClientError::StatusUnexpected(answer.status));
        }
        Ok(ws_handshake::check_answer(answer, &self.key)?)
    }

    fn receive(&mut self, content: &[u8], out: &mut Out) -> Result<(), ClientError> {
        keep(content, &mut self.tail)?;
        let bytes = std::mem::take(&mut self.tail);
        let mut rest = bytes.as_slice();
        loop {
            let received = self.assembler.receive(rest, CONTENT_BYTES_MAX)?;
            rest = rest.get(received.taken..).unwrap_or_default();
            let Some(message) = received.message else { break };
            take(message, self.dress, out)?;
        }
        self.tail = rest.to_vec();
        Ok(())
    }

    fn end(&mut self, _out: &mut Out) -> Result<Then, ClientError> {
        Ok(Then::Lost(None))
    }

    fn farewell(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_masked(Opcode::Close, &CloseCode::NORMAL.as_u16().to_be_bytes(), &mut bytes);
        bytes
    }
}

fn take(message: Message, dress: Dress, out: &mut Out) -> Result<(), ClientError> {
    match message {
        Message::Text(text) if dress == Dress::Bare => {
            out.bare(text.into_bytes());
            Ok(())
        }
        Message::Binary(bytes) if dress == Dress::Bare => {
            out.bare(bytes);
            Ok(())
        }
        Message::Text(text) => out.json(text.as_bytes()).map(|_| ()),
        // Envelopes are text, and a pong is an answer to nothing that was asked.
        Message::Binary(_) | Message::Pong(_) => Ok(()),
        // RFC 6455 §5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in
        // response, unless it already received a Close frame."
        Message::Ping(data) => {
            encode_masked(Opcode::Pong, data.as_slice(), &mut out.reply);
            Ok(())
        }
        Message::Close(close) => {
            let code = close.map(|(code, _)| code);
            let reason = close.map(|(_, reason)| reason).unwrap_or_default();
            let reason = String::from_utf8_lossy(reason.as_slice()).into_owned();
            // RFC 6455 §5.5.1: "If an endpoint receives a Close frame and did not previously send
            // a Close frame, the endpoint MUST send a Close frame in response."
            let echo = code.map(|code| code.as_u16().to_be_bytes());
            let echo = echo.as_ref().map_or(&[][..], |code| code);
            encode_masked(Opcode::Close, echo, &mut out.reply);
            if code != Some(CloseCode::NORMAL) {
                return Err(ClientError::Closed { code, reason });
            }
            out.end(reason);
            Ok(())
        }
    }
}

/// Appends a whole control frame as a client sends it.
fn encode_masked(opcode: Opcode, payload: &[u8], into: &mut Vec<u8>) {
    let [a, b, c, d, ..] = random().to_ne_bytes();
    let key = [a, b, c, d];
    let length = payload.len() as u64;
    ws_frame::encode(FrameHead { fin: true, opcode, masking_key: Some(key), length }, into);
    let at = into.len();
    into.extend_from_slice(payload);
    ws_frame::mask(into.get_mut(at..).unwrap_or_default(), key, 0);
}

/// A number that nobody can foresee: std seeds its hashers from the system, and a keyed hash of a
/// counter tells nothing about the next one.
fn random() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::address::Address;
    use crate::client::mould::tests::ask;
    use crate::wire::cursor::Parse;
    use crate::wire::head::{self, Method, Scan};
    use crate::wire::response;

    /// A server's frames, read in pieces of a size: items, what the client replies, the outcome.
    fn read(frames: &[u8], size: usize) -> (Vec<String>, Vec<Message>, Result<(), ClientError>) {
        let (mut client, _) = WebSocket::ask(&ask(&Address::parse("h").unwrap(), "latest"));
        let mut out = Out::new(None);
        let outcome = frames.chunks(size).try_for_each(|piece| client.receive(piece, &mut out));
        let mut replies = Vec::new();
        let (mut assembler, mut rest) = (Assembler::new(Role::Client), &out.reply[..]);
        while !rest.is_empty() {
            let received = assembler.receive(rest, 1024).unwrap();
            rest = &rest[received.taken..];
            replies.extend(received.message);
        }
        let mut items: Vec<String> = out.items.iter().map(ToString::to_string).collect();
        items.extend(out.ended().map(|reason| format!("End({reason})")));
        (items, replies, outcome)
    }

    fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ws_frame::encode_frame(opcode, payload, &mut bytes);
        bytes
    }

    #[test]
    fn a_bare_message_is_its_payload() {
        let address = Address::parse("h").unwrap();
        let bare = Ask { dress: Dress::Bare, ..ask(&address, "latest") };
        let (mut client, question) = WebSocket::ask(&bare);
        assert!(question.starts_with(b"GET /c/a%2Fb/ws?since=latest HTTP/1.1\r\n"));
        let mut out = Out::new(None);
        let frames = [frame(Opcode::Text, b"{}"), frame(Opcode::Binary, b"\xff")].concat();
        client.receive(&frames, &mut out).unwrap();
        assert_eq!(out.bare, [b"{}".to_vec(), b"\xff".to_vec()]);
    }

    #[test]
    fn it_accepts_the_answer_to_its_own_key_only() {
        let (mut client, question) = WebSocket::ask(&ask(&Address::parse("h").unwrap(), "7-1"));
        let mut room = head::room();
        let parsed = head::parse(&question, &mut Scan::default(), &mut room);
        let Ok(Parse::Complete(request, _)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(request.target, "/c/a%2Fb/ws?since=7-1&envelope=json");
        let handshake = ws_handshake::check(&request).unwrap();
        let answer = ws_handshake::encode_answer(&handshake, None, &[]);
        let mut room = head::room();
        let parsed = response::parse(&answer, Method::Get, &mut Scan::default(), &mut room);
        let Ok(Parse::Complete(answer, _)) = parsed else { panic!("{parsed:?}") };
        assert!(client.open(&answer, &mut Out::new(None)).is_ok());
        let (mut other, _) = WebSocket::ask(&ask(&Address::parse("h").unwrap(), "7-1"));
        assert!(matches!(
            other.open(&answer, &mut Out::new(None)),
            Err(ClientError::Handshake(ws_handshake::HandshakeError::AcceptWrong))
        ));
    }

    #[test]
    fn a_frame_is_a_message_or_a_notice_and_a_ping_is_answered() {
        let mut frames = frame(Opcode::Text, b"{\"next\":\"7-1\"}");
        frames.extend(frame(Opcode::Ping, b"x"));
        let message = b"{\"id\":\"7-2\",\"time\":1,\"channel\":\"c\",\"data\":\"hello\"}";
        frames.extend(frame(Opcode::Text, message));
        for size in [1, 2, 3, frames.len()] {
            let (items, replies, outcome) = read(&frames, size);
            assert_eq!(items, ["open at 7-1", "message 7-2"], "pieces of {size}");
            let [Message::Pong(data)] = &replies[..] else { panic!("{replies:?}") };
            assert_eq!(data.as_slice(), b"x");
            assert!(outcome.is_ok());
        }
    }

    #[test]
    fn a_close_frame_is_answered_and_is_the_end_or_a_loss() {
        let mut bytes = Vec::new();
        ws_frame::encode_close(CloseCode::NORMAL, "deleted", &mut bytes);
        let (items, replies, outcome) = read(&bytes, 1);
        assert_eq!(items, ["End(deleted)"]);
        assert!(matches!(&replies[..], [Message::Close(Some((CloseCode::NORMAL, _)))]));
        assert!(outcome.is_ok());

        let mut bytes = Vec::new();
        ws_frame::encode_close(CloseCode::GOING_AWAY, "", &mut bytes);
        let (items, replies, outcome) = read(&bytes, 1);
        assert!(items.is_empty());
        assert!(matches!(&replies[..], [Message::Close(Some((CloseCode::GOING_AWAY, _)))]));
        assert!(outcome.is_err_and(|error| error.is_passing()));
    }

    #[test]
    fn no_two_numbers_are_alike() {
        assert_ne!(random(), random());
    }
}
