//! What clients said where nobody publishes it: the newest texts, for whoever asks.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::clock::Now;
use crate::event::Payload;
use crate::limits;

/// All of it.
#[derive(Debug, Default)]
pub struct ReceivedTable {
    rows: VecDeque<Received>,
}

/// One message that a client sent.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// Whose client it was.
    #[serde(skip)]
    pub channel: Arc<str>,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// How many bytes it had.
    pub bytes: usize,
    /// The text, or its beginning; binary data is only counted.
    pub text: String,
}

impl ReceivedTable {
    /// Enters what a client said; the oldest entry gives way.
    pub fn enter(&mut self, received: Received) {
        if self.rows.len() == limits::RECEIVED_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back(received);
    }

    /// What clients of one user have said, oldest first.
    pub fn of(&self, channel: &str) -> Vec<&Received> {
        self.rows.iter().filter(|row| &*row.channel == channel).collect()
    }
}

impl Received {
    /// What is kept of a message.
    pub fn new(channel: &Arc<str>, payload: &Payload, now: Now) -> Self {
        let text = match payload {
            Payload::Text(text) => beginning(text),
            Payload::Binary(_) => "",
        };
        let (channel, bytes) = (Arc::clone(channel), payload.bytes().len());
        Self { channel, time: now.unix_ms(), bytes, text: text.to_owned() }
    }
}

fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(limits::RECEIVED_BYTES_MAX)).unwrap_or_default()
}
