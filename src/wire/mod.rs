//! Pure codecs: bytes in, values out, and back. No socket, no clock, no state beyond their own.
#![deny(clippy::indexing_slicing)]

pub mod cursor;
