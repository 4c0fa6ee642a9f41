//! WebSocket frames: the head, the mask, and what a Close frame carries (RFC 6455 §5, §7.4).

use std::fmt;

use crate::wire::cursor::Parse;
use crate::wire::span::{Recorder, Silent};

pub mod fields;
mod mask;

pub use mask::mask;
pub(super) use mask::{WORD_BYTES, unmask, unmasked};

/// The head of a frame: everything in front of its payload.
///
/// Wire:
///
/// | bits | field | here |
/// |---|---|---|
/// | 1 | FIN | `fin` |
/// | 3 | RSV1, RSV2, RSV3 | always 0 |
/// | 4 | opcode | `opcode` |
/// | 1 | MASK | whether there is a `masking_key` |
/// | 7, 7 + 16 or 7 + 64 | payload length | `length`, in as few bytes as it needs |
/// | 0 or 32 | masking-key | `masking_key` |
///
/// Clause: RFC 6455 §5.2.
/// Cost: 2, 4 or 10 bytes, and 4 more for a key.
/// Departs: no extension is ever negotiated, so a reserved bit or opcode is always an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHead {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// What the payload is.
    pub opcode: Opcode,
    /// What the payload is XORed with; clients always have one, servers never.
    pub masking_key: Option<[u8; 4]>,
    /// Payload bytes that follow the head; the top bit is never set.
    pub length: u64,
}

/// Parses the head of a frame sent `from` one side; the payload stays where it is.
///
/// An error is raised at the first byte that makes it certain, however little has arrived.
///
/// Clause: RFC 6455 §5.1, §5.2, §5.5.
///
/// ```
/// use pushscope::wire::cursor::Parse;
/// use pushscope::wire::ws_frame::{FrameHead, Opcode, Role, parse};
///
/// let frame = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
/// let head = FrameHead {
///     fin: true,
///     opcode: Opcode::Text,
///     masking_key: Some([0x37, 0xfa, 0x21, 0x3d]),
///     length: 5,
/// };
/// assert_eq!(parse(frame, Role::Client), Ok(Parse::Complete(head, 6)));
/// assert_eq!(parse(&frame[..5], Role::Client), Ok(Parse::Partial));
/// ```
#[inline]
pub fn parse(bytes: &[u8], from: Role) -> Result<Parse<FrameHead>, FrameError> {
    parse_recorded(bytes, from, &mut Silent)
}

/// The same, said to a recorder: the frame is entered and its head is told; after an error, as far
/// as the field that is wrong. An unfinished head is not told.
#[inline]
pub fn parse_recorded(
    bytes: &[u8],
    from: Role,
    rec: &mut impl Recorder,
) -> Result<Parse<FrameHead>, FrameError> {
    let mark = rec.mark();
    let parsed = parse_head(bytes, from, rec);
    if matches!(parsed, Ok(Parse::Partial)) {
        rec.rewind(mark);
    }
    parsed
}

#[inline]
fn parse_head(
    bytes: &[u8],
    from: Role,
    rec: &mut impl Recorder,
) -> Result<Parse<FrameHead>, FrameError> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(Parse::Partial) };
    rec.enter(&fields::FRAME);
    rec.bits(1, &fields::FIN);
    rec.bits(3, &fields::RSV);
    // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
    if first & RSV_BITS != 0 {
        return Err(rare(FrameError::ReservedBitSet));
    }
    // "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
    // Connection_."
    rec.bits(4, &fields::OPCODE);
    let Some(opcode) = Opcode::from_bits(first & OPCODE_BITS) else {
        return Err(rare(FrameError::OpcodeReserved));
    };
    if opcode.is_control() {
        rec.is_control();
    }
    let fin = first & FIN_BIT != 0;
    // "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be
    // fragmented."
    if opcode.is_control() && !fin {
        return Err(rare(FrameError::ControlFragmented));
    }

    let Some((second, rest)) = rest.split_first() else { return Ok(Parse::Partial) };
    rec.bits(1, &fields::MASK);
    match (from, second & MASK_BIT != 0) {
        // "The server MUST close the connection upon receiving a frame that is not masked."
        (Role::Client, false) => return Err(rare(FrameError::MaskMissing)),
        // "A client MUST close a connection if it detects a masked frame."
        (Role::Server, true) => return Err(rare(FrameError::MaskPresent)),
        (Role::Client, true) | (Role::Server, false) => {}
    }
    let short = second & LENGTH_BITS;
    rec.bits(7, &fields::LENGTH);
    let length = match short {
        0..LENGTH_IN_2 => Some((u64::from(short), rest)),
        _ if opcode.is_control() => return Err(rare(FrameError::ControlTooLong)),
        LENGTH_IN_2 => parse_length_in_2(rest, rec)?,
        _ => parse_length_in_8(rest, rec)?,
    };
    let Some((length, rest)) = length else { return Ok(Parse::Partial) };

    let (masking_key, rest) = match (from, rest.split_first_chunk()) {
        (Role::Server, _) => (None, rest),
        (Role::Client, Some((key, rest))) => {
            rec.take(4, &fields::MASKING_KEY);
            (Some(*key), rest)
        }
        (Role::Client, None) => return Ok(Parse::Partial),
    };
    let head = FrameHead { fin, opcode, masking_key, length };
    Ok(Parse::Complete(head, bytes.len() - rest.len()))
}

/// A length, and what follows it; none if it is not all there.
type Length<'b> = Option<(u64, &'b [u8])>;

#[inline]
fn parse_length_in_2<'b>(
    bytes: &'b [u8],
    rec: &mut impl Recorder,
) -> Result<Length<'b>, FrameError> {
    let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    rec.take(2, &fields::LENGTH_16);
    match u16::from_be_bytes(*length) {
        // "Note that in all cases, the minimal number of bytes MUST be used to encode the length."
        0..=0x7d => Err(rare(FrameError::LengthNotMinimal)),
        length => Ok(Some((u64::from(length), rest))),
    }
}

#[inline]
fn parse_length_in_8<'b>(
    bytes: &'b [u8],
    rec: &mut impl Recorder,
) -> Result<Length<'b>, FrameError> {
    rec.take(bytes.len().min(8), &fields::LENGTH_64);
    let Some((length, rest)) = bytes.split_first_chunk() else {
        // What is wrong may be certain before all of it is there.
        return match bytes {
            [0x80..=0xff, ..] => Err(rare(FrameError::LengthTopBitSet)),
            [0, 0, 0, 0, 0, 0, ..] => Err(rare(FrameError::LengthNotMinimal)),
            _ => Ok(None),
        };
    };
    match u64::from_be_bytes(*length) {
        // Two bytes would have done.
        0..=0xffff => Err(rare(FrameError::LengthNotMinimal)),
        // "(the most significant bit MUST be 0)"
        0x8000_0000_0000_0000.. => Err(rare(FrameError::LengthTopBitSet)),
        length => Ok(Some((length, rest))),
    }
}

/// Hardly any frame is wrong: what is right runs straight on.
#[cold]
#[inline(never)]
const fn rare(error: FrameError) -> FrameError {
    error
}

/// Appends the head alone, its length in as few bytes as it needs.
///
/// Clause: RFC 6455 §5.2.
///
/// ```
/// use pushscope::wire::ws_frame::{FrameHead, Opcode, encode};
///
/// let mut bytes = Vec::new();
/// let opcode = Opcode::Binary;
/// encode(FrameHead { fin: true, opcode, masking_key: None, length: 256 }, &mut bytes);
/// assert_eq!(bytes, [0x82, 0x7e, 0x01, 0x00]);
/// ```
pub fn encode(head: FrameHead, into: &mut Vec<u8>) {
    debug_assert!(head.length >> 63 == 0, "a length has 63 bits");
    debug_assert!(!head.opcode.is_control() || head.fin, "a control frame is never fragmented");
    let fin = if head.fin { FIN_BIT } else { 0 };
    let mask = if head.masking_key.is_some() { MASK_BIT } else { 0 };
    let first = fin | head.opcode.bits();
    match (u8::try_from(head.length), u16::try_from(head.length)) {
        (Ok(length @ 0..LENGTH_IN_2), _) => into.extend_from_slice(&[first, mask | length]),
        (_, Ok(length)) => {
            let [high, low] = length.to_be_bytes();
            into.extend_from_slice(&[first, mask | LENGTH_IN_2, high, low]);
        }
        _ => {
            into.extend_from_slice(&[first, mask | LENGTH_IN_8]);
            into.extend_from_slice(&head.length.to_be_bytes());
        }
    }
    if let Some(key) = &head.masking_key {
        into.extend_from_slice(key);
    }
}

/// Bytes of the head in front of `length` payload bytes that are not masked: 2, 4 or 10.
///
/// Clause: RFC 6455 §5.2.
///
/// ```
/// use pushscope::wire::ws_frame::head_bytes;
/// assert_eq!([125, 126, 65_535, 65_536].map(head_bytes), [2, 4, 4, 10]);
/// ```
pub const fn head_bytes(length: usize) -> usize {
    match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// Appends a whole message, or a control frame, as one final frame that is not masked.
///
/// Clause: RFC 6455 §5.2, §5.6.
/// Cost: [`head_bytes`].
///
/// ```
/// use pushscope::wire::ws_frame::{Opcode, encode_frame};
///
/// let mut bytes = Vec::new();
/// encode_frame(Opcode::Text, b"Hello", &mut bytes);
/// assert_eq!(bytes, b"\x81\x05Hello");
/// ```
pub fn encode_frame(opcode: Opcode, payload: &[u8], into: &mut Vec<u8>) {
    debug_assert!(!opcode.is_control() || payload.len() <= CONTROL_BYTES_MAX);
    into.reserve(head_bytes(payload.len()) + payload.len());
    encode(FrameHead { fin: true, opcode, masking_key: None, length: payload.len() as u64 }, into);
    into.extend_from_slice(payload);
}

/// Parses the payload of a Close frame, already unmasked; an empty one gives no reason.
///
/// Wire: nothing, or a 2-byte status code and a reason in UTF-8.
/// Clause: RFC 6455 §5.5.1, §7.4.
/// Departs: codes that no specification defines (1016–2999) are refused with those that must
/// never be sent.
///
/// ```
/// use pushscope::wire::ws_frame::{CloseCode, parse_close};
/// assert_eq!(parse_close(b"\x03\xe9bye"), Ok(Some((CloseCode::GOING_AWAY, "bye"))));
/// ```
pub fn parse_close(payload: &[u8]) -> Result<Option<(CloseCode, &str)>, FrameError> {
    parse_close_recorded(payload, &mut Silent)
}

/// The same, said to a recorder.
pub fn parse_close_recorded<'b>(
    payload: &'b [u8],
    rec: &mut impl Recorder,
) -> Result<Option<(CloseCode, &'b str)>, FrameError> {
    rec.take(payload.len().min(2), &fields::STATUS_CODE);
    // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer (in
    // network byte order) representing a status code."
    let (code, reason) = match payload.split_first_chunk() {
        Some((code, reason)) => (u16::from_be_bytes(*code), reason),
        None if payload.is_empty() => return Ok(None),
        None => return Err(FrameError::CloseCodeCutOff),
    };
    let code = CloseCode::received(code).ok_or(FrameError::CloseCodeReserved)?;
    rec.take(reason.len(), &fields::REASON);
    let reason = str::from_utf8(reason).map_err(|_| FrameError::CloseReasonNotUtf8)?;
    Ok(Some((code, reason)))
}

/// Appends a whole Close frame that is not masked; a longer reason is cut between two characters.
///
/// Clause: RFC 6455 §5.5.1.
/// Cost: 4 bytes and the reason, of which at most 123 are sent.
///
/// ```
/// use pushscope::wire::ws_frame::{CloseCode, encode_close};
///
/// let mut bytes = Vec::new();
/// encode_close(CloseCode::NORMAL, "bye", &mut bytes);
/// assert_eq!(bytes, b"\x88\x05\x03\xe8bye");
/// ```
pub fn encode_close(code: CloseCode, reason: &str, into: &mut Vec<u8>) {
    let mut payload = Vec::with_capacity(CONTROL_BYTES_MAX);
    payload.extend_from_slice(&code.as_u16().to_be_bytes());
    let longest = CONTROL_BYTES_MAX - payload.len();
    let reason = (0..=longest.min(reason.len())).rev().find_map(|end| reason.get(..end));
    payload.extend_from_slice(reason.unwrap_or_default().as_bytes());
    encode_frame(Opcode::Close, &payload, into);
}

/// What a frame's payload is.
///
/// Clause: RFC 6455 §5.2, §11.8.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// 0x0: the next part of a fragmented message.
    Continuation = 0x0,
    /// 0x1: a message in UTF-8, or the first part of one.
    Text = 0x1,
    /// 0x2: a message of any bytes, or the first part of one.
    Binary = 0x2,
    /// 0x8: one half of the closing handshake.
    Close = 0x8,
    /// 0x9: asks for a pong with the same payload.
    Ping = 0x9,
    /// 0xA: answers a ping, or comes unasked.
    Pong = 0xa,
}

impl Opcode {
    /// Whether it is the opcode of a control frame (§5.5): at most 125 bytes, never fragmented.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// The four bits that stand on the wire.
    pub const fn bits(self) -> u8 {
        self as u8
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xa => Some(Self::Pong),
            _ => None,
        }
    }
}

/// The side that sent a frame: a client's frames are masked, a server's are not.
///
/// Clause: RFC 6455 §5.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// The side that asked for the connection.
    Client,
    /// The side that accepted it.
    Server,
}

/// The status code of a Close frame; there is none that must not be sent.
///
/// Clause: RFC 6455 §7.4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the connection has done what it was opened for.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the peer sent a kind of data that cannot be accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: the peer sent text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: the peer broke a rule that has no code of its own.
    pub const POLICY: Self = Self(1008);
    /// 1009: the peer's message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: the server met a condition that it did not expect.
    pub const INTERNAL: Self = Self(1011);
    /// 1013: the server is overloaded; the peer may come back later (IANA registry).
    pub const TRY_AGAIN: Self = Self(1013);

    /// The number on the wire.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// A code that a peer may send; 1012–1014 are later entries of the IANA registry.
    const fn received(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            // 1005, 1006 and 1015: "MUST NOT be set as a status code in a Close control frame by
            // an endpoint."
            _ => None,
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a peer did wrong within one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FrameError {
    /// A reserved bit is set, and no extension gives it a meaning (RFC 6455 §5.2).
    ReservedBitSet,
    /// The opcode is 0x3–0x7 or 0xB–0xF (RFC 6455 §5.2).
    OpcodeReserved,
    /// A control frame is not final (RFC 6455 §5.5).
    ControlFragmented,
    /// A control frame announces more than 125 bytes (RFC 6455 §5.5).
    ControlTooLong,
    /// A client's frame is not masked (RFC 6455 §5.1).
    MaskMissing,
    /// A server's frame is masked (RFC 6455 §5.1).
    MaskPresent,
    /// The length fits into fewer bytes (RFC 6455 §5.2).
    LengthNotMinimal,
    /// A 64-bit length has its top bit set (RFC 6455 §5.2).
    LengthTopBitSet,
    /// A Close frame has a payload of one byte (RFC 6455 §5.5.1).
    CloseCodeCutOff,
    /// A Close frame carries a code that must not be sent (RFC 6455 §7.4).
    CloseCodeReserved,
    /// The reason of a Close frame is not UTF-8 (RFC 6455 §5.5.1).
    CloseReasonNotUtf8,
}

impl FrameError {
    /// All of them, in the order of their declaration.
    pub const ALL: &[Self] = &[
        Self::ReservedBitSet,
        Self::OpcodeReserved,
        Self::ControlFragmented,
        Self::ControlTooLong,
        Self::MaskMissing,
        Self::MaskPresent,
        Self::LengthNotMinimal,
        Self::LengthTopBitSet,
        Self::CloseCodeCutOff,
        Self::CloseCodeReserved,
        Self::CloseReasonNotUtf8,
    ];
}

/// Payload bytes of a control frame, at most (RFC 6455 §5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

const FIN_BIT: u8 = 0b1000_0000;
const RSV_BITS: u8 = 0b0111_0000;
const OPCODE_BITS: u8 = 0b0000_1111;
const MASK_BIT: u8 = 0b1000_0000;
const LENGTH_BITS: u8 = 0b0111_1111;
/// The 7-bit length that says: the next 2 bytes are the length.
const LENGTH_IN_2: u8 = 126;
/// The 7-bit length that says: the next 8 bytes are the length.
const LENGTH_IN_8: u8 = 127;

#[cfg(test)]
mod tests;
