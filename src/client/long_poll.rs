//! The client of long polling: it asks, and asks again as soon as it is answered.
//!
//! Its first question is not parked (`timeout=0`) unless it has a cursor: it only learns where the
//! log stands. Otherwise what is published between the first two questions would be lost.
//!
//! Read beside it: `mech/long_poll.rs`, which answers; `poll.rs`, which pauses.

use std::time::Duration;

use crate::client::error::ClientError;
use crate::client::mould::{Ask, Mechanism, Out, Then, expect};
use crate::client::poll::{JSON, keep};
use crate::id::Id;
use crate::wire::response::Answer;

/// One question of long polling.
#[derive(Debug)]
pub struct LongPoll {
    content: Vec<u8>,
}

impl Mechanism for LongPoll {
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>) {
        let patience = if Id::parse(ask.since).is_some() { "" } else { "&timeout=0" };
        (Self { content: Vec::new() }, ask.get("longpoll", patience, JSON))
    }

    fn open(&mut self, answer: &Answer<'_, '_>, out: &mut Out) -> Result<(), ClientError> {
        match answer.status {
            304 => out.unchanged(answer),
            _ => expect(answer, 200, JSON),
        }
    }

    fn receive(&mut self, content: &[u8], _out: &mut Out) -> Result<(), ClientError> {
        keep(content, &mut self.content)
    }

    fn end(&mut self, out: &mut Out) -> Result<Then, ClientError> {
        if !self.content.is_empty() {
            out.batch(&self.content)?;
        }
        Ok(Then::Ask(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::address::Address;
    use crate::client::mould::tests::{ask, read};

    #[test]
    fn only_a_question_with_a_cursor_is_parked() {
        let address = Address::parse("h").unwrap();
        for (since, target) in [
            ("latest", "GET /c/a%2Fb/longpoll?since=latest&timeout=0 HTTP/1.1\r\n"),
            ("7-1", "GET /c/a%2Fb/longpoll?since=7-1 HTTP/1.1\r\n"),
        ] {
            let (_, question) = LongPoll::ask(&ask(&address, since));
            assert!(question.starts_with(target.as_bytes()), "{}", question.escape_ascii());
        }
    }

    #[test]
    fn an_answer_is_messages_and_the_next_cursor() {
        let content = br#"{"messages":[{"id":"7-3","time":1,"channel":"c","data":"x"}],
            "next":"7-3","gap":1,"epoch_changed":true}"#;
        let head = "200 OK\r\nContent-Type: application/json";
        let read = read::<LongPoll>(Some("7-0"), head, content);
        assert_eq!(read.items, ["1 or more missed: a new log", "open at 7-2", "7-3 x"]);
        assert_eq!((&*read.since, &*read.then), ("7-3", "Ask(0ns)"));
    }

    #[test]
    fn a_park_that_is_over_is_a_cursor_all_the_same() {
        let read = read::<LongPoll>(None, "304 Not Modified\r\nETag: \"7-4\"", b"");
        assert_eq!(read.items, ["open at 7-4"]);
        assert_eq!((&*read.since, &*read.then), ("7-4", "Ask(0ns)"));
    }
}
