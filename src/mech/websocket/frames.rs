//! What a WebSocket sends to one client alone: echoes and control frames.

use crate::cost::Bytes;
use crate::event::{Batch, Gap};
use crate::limits;
use crate::mech::mould::Out;
use crate::wire::json;
use crate::wire::ws_frame::{self, CloseCode, FrameHead, Opcode, encode_frame};

/// The same message back: a long one's buffer becomes the payload of our frame, uncopied.
pub(super) fn echo(opcode: Opcode, payload: Vec<u8>, out: &mut Out<'_>) {
    let length = payload.len();
    let mut bytes =
        Vec::with_capacity(ws_frame::head_bytes(length) + length.min(limits::ECHO_BYTES_COPIED));
    let head = FrameHead { fin: true, opcode, masking_key: None, length: length as u64 };
    ws_frame::encode(head, &mut bytes);
    out.account.book_made(Bytes::framing(bytes.len()) + Bytes::wrapped(length, length));
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

pub(super) fn send_close(code: CloseCode, reason: &str, out: &mut Out<'_>) {
    let mut bytes = Vec::new();
    ws_frame::encode_close(code, reason, &mut bytes);
    out.send_control(bytes);
}

/// What was lost before a batch, and then where the stream stands: who is cut off between the two
/// comes back with its old cursor.
pub(super) fn send_gap(gap: Gap, batch: &Batch<'_>, out: &mut Out<'_>) {
    let mut text = Vec::new();
    json::encode_gap(gap, &mut text);
    send_control(Opcode::Text, &text, out);
    send_next(batch, out);
}

/// Where the stream stands.
pub(super) fn send_next(batch: &Batch<'_>, out: &mut Out<'_>) {
    let next = format!("{{\"next\":\"{}\"}}", batch.start());
    send_control(Opcode::Text, next.as_bytes(), out);
}
