//! The fields of a frame, in the words of RFC 6455.

use crate::wire::span::Part::{Control, Framing, Payload};
use crate::wire::span::{Field, Reading};

/// A frame: a head of 2 to 14 bytes, and its payload.
pub static FRAME: Field = Field::text(
    Framing,
    "frame",
    "RFC 6455 §5.2",
    "The unit of the WebSocket wire: a head of 2 to 14 bytes, then the payload data.",
)
.read(Reading::Fixed);

/// Whether the frame ends its message.
pub static FIN: Field = Field::text(
    Framing,
    "FIN",
    "RFC 6455 §5.2",
    "1 says that this frame is the last of its message, and 0 that continuations follow.",
)
.read(Reading::Unsigned);

/// The reserved bits.
pub static RSV: Field = Field::text(
    Framing,
    "RSV1, RSV2, RSV3",
    "RFC 6455 §5.2",
    "Reserved for extensions; 0 as long as none is negotiated, and pushscope negotiates none.",
)
.read(Reading::Unsigned);

/// What the payload is.
pub static OPCODE: Field = Field::text(
    Framing,
    "opcode",
    "RFC 6455 §5.2",
    "Says what the payload is: data (0 to 2), or a control frame (8 to 10).",
)
.read(Reading::Named(opcode));

/// Whether the payload is masked.
pub static MASK: Field = Field::text(
    Framing,
    "MASK",
    "RFC 6455 §5.1",
    "1 says that the payload is XORed with a key: always from a client, never from a server.",
)
.read(Reading::Unsigned);

/// The payload length, or where it stands.
pub static LENGTH: Field = Field::text(
    Framing,
    "Payload len",
    "RFC 6455 §5.2",
    "The length of the payload up to 125; 126 and 127 say that it follows in 2 or 8 bytes.",
)
.read(Reading::Named(length));

/// The payload length when it is 126 or more.
pub static LENGTH_16: Field = Field::text(
    Framing,
    "Extended payload length (16)",
    "RFC 6455 §5.2",
    "The length of a payload of 126 to 65,535 bytes, in network order.",
)
.read(Reading::Unsigned);

/// The payload length when it needs more than 16 bits.
pub static LENGTH_64: Field = Field::text(
    Framing,
    "Extended payload length (64)",
    "RFC 6455 §5.2",
    "The length of a payload of 65,536 bytes or more, in network order; its top bit is 0.",
)
.read(Reading::Unsigned);

/// What the payload is XORed with.
pub static MASKING_KEY: Field = Field::text(
    Framing,
    "Masking-key",
    "RFC 6455 §5.3",
    "Byte i of the payload is XORed with byte i mod 4 of this key, which is new in each frame.",
)
.read(Reading::Hex);

/// The payload as a client sends it.
pub static MASKED: Field = Field::text(
    Payload,
    "Payload Data, masked",
    "RFC 6455 §5.3",
    "What is sent, XORed with the key, so that no proxy can be made to take it for HTTP.",
)
.read(Reading::Hex);

/// The payload as it is.
pub static PAYLOAD: Field = Field::text(
    Payload,
    "Payload Data",
    "RFC 6455 §5.2",
    "What is sent, as it is: the length has said where it ends.",
);

/// The number that a Close frame begins with.
pub static STATUS_CODE: Field = Field::text(
    Control,
    "Status code",
    "RFC 6455 §7.4",
    "Why the connection is closed, as a number of four digits in two bytes.",
)
.read(Reading::Named(status_code));

/// What follows the number.
pub static REASON: Field = Field::text(
    Control,
    "Reason",
    "RFC 6455 §5.5.1",
    "Why the connection is closed, in UTF-8; for whoever debugs it, not for users.",
);

/// The payload of a ping or of a pong.
pub static APPLICATION_DATA: Field = Field::text(
    Control,
    "Application data",
    "RFC 6455 §5.5.2",
    "Up to 125 bytes that a pong must repeat as they were in the ping.",
)
.read(Reading::Hex);

const fn opcode(number: u64) -> &'static str {
    match number {
        0x0 => "continuation",
        0x1 => "text",
        0x2 => "binary",
        0x8 => "close",
        0x9 => "ping",
        0xa => "pong",
        _ => "reserved",
    }
}

const fn length(number: u64) -> &'static str {
    match number {
        126 => "in the next 2 bytes",
        127 => "in the next 8 bytes",
        _ => "",
    }
}

const fn status_code(number: u64) -> &'static str {
    match number {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1007 => "invalid payload data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "mandatory extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        3000..=3999 => "registered",
        4000..=4999 => "private use",
        _ => "must not be sent",
    }
}
