//! Pure codecs: bytes in, values out, and back. No socket, no clock, no state beyond their own.
#![deny(clippy::indexing_slicing)]

pub mod body;
pub mod chunked;
pub mod cursor;
pub mod date;
mod digits;
pub mod event_stream;
pub mod field;
pub mod head;
pub mod json;
pub mod method;
pub mod response;
pub mod script;
pub mod short;
pub mod span;
pub mod target;
pub mod utf8;
pub mod ws_frame;
pub mod ws_handshake;
pub mod ws_message;
