//! The client of short polling: it asks, pauses, and asks again.
//!
//! Read beside it: `mech/poll.rs`, which answers; `long_poll.rs`, which does not pause.

use std::time::Duration;

use crate::client::error::ClientError;
use crate::client::mould::{Ask, Mechanism, Out, Then, expect};
use crate::limits::CLIENT_CONTENT_BYTES_MAX as CONTENT_BYTES_MAX;
use crate::wire::response::Answer;

/// One question of short polling.
#[derive(Debug)]
pub struct Poll {
    interval: Duration,
    content: Vec<u8>,
}

impl Mechanism for Poll {
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>) {
        let client = Self { interval: ask.interval, content: Vec::new() };
        (client, ask.get("poll", "", JSON))
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
        Ok(Then::Ask(self.interval))
    }
}

/// Keeps a part of an answer that is read when it is whole.
pub(super) fn keep(part: &[u8], content: &mut Vec<u8>) -> Result<(), ClientError> {
    if content.len() + part.len() > CONTENT_BYTES_MAX {
        return Err(ClientError::ContentTooLong);
    }
    content.extend_from_slice(part);
    Ok(())
}

/// The media type of the answers.
pub(super) const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::address::Address;
    use crate::client::mould::tests::{ask, read};

    #[test]
    fn it_asks_with_its_cursor() {
        let (_, question) = Poll::ask(&ask(&Address::parse("h:7").unwrap(), "7-1"));
        assert_eq!(
            question.escape_ascii().to_string(),
            "GET /c/a%2Fb/poll?since=7-1 HTTP/1.1\\r\\nHost: h:7\\r\\n\
             Accept: application/json\\r\\n\\r\\n"
        );
    }

    #[test]
    fn an_answer_is_messages_and_the_next_cursor() {
        let content = br#"{"messages":[{"id":"7-3","time":1,"channel":"c","data":"a\nb"},
            {"id":"7-4","time":2,"channel":"c","event":"e","base64":"AP8="}],
            "next":"7-4","gap":2}"#;
        let read = read::<Poll>(Some("7-0"), "200 OK\r\nContent-Type: application/json", content);
        assert_eq!(read.items, ["2 missed", "open at 7-2", r"7-3 a\nb", r"7-4 e \x00\xff"]);
        assert_eq!((&*read.since, &*read.then), ("7-4", "Ask(1s)"));
    }

    #[test]
    fn nothing_new_is_a_cursor_all_the_same() {
        let read = read::<Poll>(None, "304 Not Modified\r\nETag: \"7-4\"", b"");
        assert_eq!(read.items, ["open at 7-4"]);
        assert_eq!((&*read.since, &*read.then), ("7-4", "Ask(1s)"));
    }

    #[test]
    fn other_answers_are_refused() {
        let cases: [(&str, &[u8], &str); 4] = [
            ("200 OK\r\nContent-Type: text/html", b"", "TypeUnexpected(\"text/html\")"),
            ("302 Found", b"", "StatusUnexpected(302)"),
            ("304 Not Modified", b"", "CursorMissing"),
            ("200 OK\r\nContent-Type: application/json", b"{}", "Json(MemberWrong)"),
        ];
        for (head, content, then) in cases {
            assert_eq!(read::<Poll>(None, head, content).then, then, "{head}");
        }
    }
}
