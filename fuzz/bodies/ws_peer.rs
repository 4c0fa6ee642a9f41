//! Frames as tungstenite reads and writes them: an implementation that shares no line with ours.
//!
//! The same bytes give the same messages, or both refuse at the same frame. Where ours differs on
//! purpose the clause is said:
//!
//! - It refuses at the first byte that is wrong; tungstenite waits for the whole frame. So a frame
//!   that ours has refused is completed before tungstenite is asked about it.
//! - A length that is not written as shortly as it can be is refused (RFC 6455 §5.2: "the minimal
//!   number of bytes MUST be used to encode the length"); tungstenite takes it. So it takes a ping
//!   whose length stands where only that of a longer frame may, which is too long for ours.
//! - A close code that must not be sent fails the connection (§7.4.1 and §7.4.2); tungstenite says
//!   1002 in its stead. Of those codes it takes 1014 to be one; the IANA registry has it.
//! - A message has a bound of fragments; tungstenite has none, and none is set here.

use std::io::{self, ErrorKind, Read, Write};

use pushscope::wire::ws_frame::{FrameError, FrameHead, Opcode, Role, encode, encode_frame};
use pushscope::wire::ws_message::{Assembler, Bounds, Message, MessageError};
use tungstenite::protocol::{Role as PeerRole, WebSocketConfig};
use tungstenite::{Error as PeerError, Message as PeerMessage, WebSocket as Peer};

/// What a client sends is read alike, and what either side writes is read by the other.
pub(crate) fn ws_peer(data: &[u8]) {
    check_reading(data);
    check_writing(data);
}

/// One reading of a client's frames, and the other.
fn check_reading(data: &[u8]) {
    let (said, ended) = ours(Role::Client, data);
    let (mut heard, refused) = theirs(PeerRole::Server, data);
    let Err(error) = ended else {
        assert!(!refused, "they refuse what ours takes: {said:?}, {heard:?}");
        return assert_eq!(heard, said);
    };
    if let MessageError::Frame(FrameError::LengthNotMinimal | FrameError::ControlTooLong) = error {
        return assert!(heard.starts_with(&said), "{heard:?} does not begin with {said:?}");
    }
    let mut refused = refused;
    if !refused && heard == said {
        let whole = [data, &[FILLER; 2 * MESSAGE_BYTES_MAX]].concat();
        (heard, refused) = theirs(PeerRole::Server, &whole);
    }
    let is_said = error == MessageError::Frame(FrameError::CloseCodeReserved)
        && heard.pop_if(|last| *last == Said::Close(Some(violation()))).is_some();
    assert!(is_said || refused, "they take what ours refuses: {error:?}, {heard:?}");
    assert_eq!(heard, said, "{error:?}");
}

/// What ours writes as a server they read, and the other way around.
fn check_writing(data: &[u8]) {
    let messages: Vec<Said> = data.chunks(97).map(message).collect();
    let (mut bytes, mut in_parts) = (Vec::new(), Vec::new());
    for message in &messages {
        write(message, &mut bytes);
        write_in_two(message, &mut in_parts);
    }
    assert_eq!(theirs(PeerRole::Client, &bytes), (messages.clone(), false));
    assert_eq!(theirs(PeerRole::Client, &in_parts), (messages.clone(), false));
    let mut peer = Peer::from_raw_socket(Pipe::default(), PeerRole::Server, Some(config()));
    for message in messages.iter().cloned() {
        assert!(peer.send(message.into()).is_ok());
    }
    assert_eq!(peer.get_ref().written, bytes, "the same frames, byte for byte");
    assert_eq!(ours(Role::Server, &bytes), (messages, Ok(())));
}

/// A message of any kind but the last: the first byte says which.
fn message(bytes: &[u8]) -> Said {
    let payload = bytes.get(1..).unwrap_or_default().to_vec();
    match bytes.first().map(|kind| kind % 4) {
        Some(0) => Said::Text(String::from_utf8_lossy(&payload).into_owned()),
        Some(1) => Said::Ping(payload),
        Some(2) => Said::Pong(payload),
        _ => Said::Binary(payload),
    }
}

fn write(message: &Said, into: &mut Vec<u8>) {
    encode_frame(message.opcode(), message.payload(), into);
}

/// The same message as a fragment and its continuation, where that may be.
fn write_in_two(message: &Said, into: &mut Vec<u8>) {
    if message.opcode().is_control() {
        return write(message, into);
    }
    let (first, last) = message.payload().split_at(message.payload().len() / 2);
    let parts = [(false, message.opcode(), first), (true, Opcode::Continuation, last)];
    for (fin, opcode, part) in parts {
        encode(FrameHead { fin, opcode, masking_key: None, length: part.len() as u64 }, into);
        into.extend_from_slice(part);
    }
}

/// What ours reads, up to a close frame, and whether it refuses.
fn ours(from: Role, bytes: &[u8]) -> (Vec<Said>, Result<(), MessageError>) {
    let bounds = Bounds {
        message_bytes: MESSAGE_BYTES_MAX,
        frame_bytes: MESSAGE_BYTES_MAX,
        fragments: usize::MAX,
    };
    let (mut assembler, mut said, mut rest) = (Assembler::new(from), Vec::new(), bytes);
    loop {
        match assembler.receive(rest, bounds) {
            Ok(received) => {
                rest = rest.get(received.taken..).unwrap_or_default();
                let Some(message) = received.message else { return (said, Ok(())) };
                said.push(message.into());
            }
            Err(error) => return (said, Err(error)),
        }
        if let Some(Said::Close(close)) = said.last_mut() {
            if close.as_ref().is_some_and(|(code, _)| *code == BAD_GATEWAY) {
                *close = Some(violation());
            }
            return (said, Ok(()));
        }
    }
}

/// What they read, up to a close frame, and whether they refuse.
fn theirs(role: PeerRole, bytes: &[u8]) -> (Vec<Said>, bool) {
    let pipe = Pipe { unread: bytes, written: Vec::new() };
    let (mut peer, mut heard) = (Peer::from_raw_socket(pipe, role, Some(config())), Vec::new());
    loop {
        match peer.read() {
            Ok(message) => heard.push(message.into()),
            Err(PeerError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                return (heard, false);
            }
            Err(_) => return (heard, true),
        }
        if matches!(heard.last(), Some(Said::Close(_))) {
            return (heard, false);
        }
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(MESSAGE_BYTES_MAX)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// A message, whoever has read it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl Said {
    const fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
            Self::Ping(_) => Opcode::Ping,
            Self::Pong(_) => Opcode::Pong,
            Self::Close(_) => Opcode::Close,
        }
    }

    fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
            Self::Close(_) => &[],
        }
    }
}

impl From<Message> for Said {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
            Message::Ping(data) => Self::Ping(data.as_slice().to_vec()),
            Message::Pong(data) => Self::Pong(data.as_slice().to_vec()),
            Message::Close(close) => Self::Close(close.map(|(code, reason)| {
                (code.as_u16(), String::from_utf8_lossy(reason.as_slice()).into_owned())
            })),
        }
    }
}

impl From<PeerMessage> for Said {
    fn from(message: PeerMessage) -> Self {
        match message {
            PeerMessage::Text(text) => Self::Text(text.as_str().to_owned()),
            PeerMessage::Binary(bytes) => Self::Binary(bytes.to_vec()),
            PeerMessage::Ping(data) => Self::Ping(data.to_vec()),
            PeerMessage::Pong(data) => Self::Pong(data.to_vec()),
            PeerMessage::Close(close) => Self::Close(
                close.map(|close| (close.code.into(), close.reason.as_str().to_owned())),
            ),
            PeerMessage::Frame(_) => unreachable!("it is never read"),
        }
    }
}

impl From<Said> for PeerMessage {
    fn from(said: Said) -> Self {
        match said {
            Said::Text(text) => Self::Text(text.into()),
            Said::Binary(bytes) => Self::Binary(bytes.into()),
            Said::Ping(data) => Self::Ping(data.into()),
            Said::Pong(data) => Self::Pong(data.into()),
            Said::Close(_) => Self::Close(None),
        }
    }
}

/// A socket that gives what is there, takes everything, and never ends.
#[derive(Default)]
struct Pipe<'b> {
    unread: &'b [u8],
    written: Vec<u8>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.unread.read(into)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What they say in the place of a close code that must not be sent.
fn violation() -> (u16, String) {
    (1002, "Protocol violation".to_owned())
}

/// 1014, of the IANA registry.
const BAD_GATEWAY: u16 = 1014;
/// Twice this byte is the head of a masked pong of ten bytes, and any number of them is a row of
/// pongs, wherever the first begins: what completes a frame, and breaks no rule behind it.
const FILLER: u8 = 0x8a;
const MESSAGE_BYTES_MAX: usize = 1024;
