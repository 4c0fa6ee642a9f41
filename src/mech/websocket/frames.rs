//! What a WebSocket sends: a frame for each message, its own or an echo, and control frames.

use crate::cost::Bytes;
use crate::event::{Batch, Payload};
use crate::frame::Frame;
use crate::id::Kind;
use crate::limits;
use crate::mech::mould::{Dress, Out};
use crate::wire::json;
use crate::wire::ws_frame::{self, FrameHead, Opcode, encode_frame};

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

/// The same message back: a long one's buffer becomes the payload of our frame, uncopied.
pub(super) fn echo(opcode: Opcode, payload: Vec<u8>, out: &mut Out<'_>) {
    let length = payload.len();
    let mut bytes =
        Vec::with_capacity(ws_frame::head_bytes(length) + length.min(limits::ECHO_BYTES_COPIED));
    let head = FrameHead { fin: true, opcode, masking_key: None, length: length as u64 };
    ws_frame::encode(head, &mut bytes);
    out.account.made += Bytes::framing(bytes.len()) + Bytes::wrapped(length, length);
    if length <= limits::ECHO_BYTES_COPIED {
        bytes.extend_from_slice(&payload);
        return out.queue.push(bytes.into());
    }
    out.queue.push(bytes.into());
    out.queue.push(payload.into());
}

pub(super) fn send_control(opcode: Opcode, payload: &[u8], out: &mut Out<'_>) {
    let mut bytes = Vec::with_capacity(ws_frame::head_bytes(payload.len()) + payload.len());
    encode_frame(opcode, payload, &mut bytes);
    out.send_control(bytes);
}
