//! The client of iframe streaming: a document that never ends, of which it reads the scripts.
//!
//! A browser runs the scripts; this client has no JavaScript, and takes exactly what our server
//! writes: a line per script, each a call of `parent.pushscope` with one JSON value.
//!
//! Read beside it: `mech/iframe.rs`, which answers; `xhr_stream.rs`, whose lines are bare.

use crate::client::error::ClientError;
use crate::client::lines::Lines;
use crate::client::mould::{Ask, Mechanism, Out, Then, expect};
use crate::client::xhr_stream::DRAIN;
use crate::id::Id;
use crate::wire::json::{self, JsonError};
use crate::wire::response::Answer;
use crate::wire::script::{self, Call};

/// A document that is still loading.
#[derive(Debug)]
pub struct Iframe {
    lines: Lines,
}

impl Mechanism for Iframe {
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>) {
        (Self { lines: Lines::default() }, ask.get("iframe", "", HTML))
    }

    fn open(&mut self, answer: &Answer<'_, '_>, _out: &mut Out) -> Result<(), ClientError> {
        expect(answer, 200, HTML)
    }

    fn receive(&mut self, content: &[u8], out: &mut Out) -> Result<(), ClientError> {
        self.lines.receive(content)?;
        while let Some(line) = self.lines.next() {
            if line.starts_with(DOCTYPE) || is_comment(line) {
                continue;
            }
            let Call { name, argument } = script::parse(line).ok_or(ClientError::ScriptUnknown)?;
            match name {
                b"message" => out.message(json::parse_message(argument)?),
                b"gap" => out.gap(json::parse_gap(argument)?),
                b"open" => out.stand(Id::parse(&text(argument)?).ok_or(JsonError::IdWrong)?),
                b"end" => match text(argument)? {
                    reason if reason == DRAIN => {}
                    reason => out.end(reason),
                },
                _ => return Err(ClientError::ScriptUnknown),
            }
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Out) -> Result<Then, ClientError> {
        Ok(Then::Lost(None))
    }
}

fn is_comment(line: &[u8]) -> bool {
    line.starts_with(b"<!--") && line.ends_with(b"-->")
}

fn text(argument: &[u8]) -> Result<String, ClientError> {
    Ok(serde_json::from_slice(argument).map_err(|_| JsonError::NotJson)?)
}

const HTML: &str = "text/html";
/// How the first line begins; the padding follows in a comment.
const DOCTYPE: &[u8] = b"<!doctype html>";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::mould::tests::read;

    const HEAD: &str = "200 OK\r\nContent-Type: text/html; charset=utf-8";

    #[test]
    fn a_script_is_a_message_or_a_notice() {
        let content = b"<!doctype html><meta charset=\"utf-8\"><title>t</title><!--....-->\n\
            <script>parent.pushscope.gap({\"gap\":2})</script>\n\
            <script>parent.pushscope.open(\"7-2\")</script>\n\
            <script>parent.pushscope.message({\"id\":\"7-3\",\"time\":1,\"channel\":\"c\",\
            \"data\":\"\\u003c/script\\u003e)\"})</script>\n\
            <!---->\n\
            <script>parent.pushscope.message({\"id\":\"7-4\"";
        let read = read::<Iframe>(None, HEAD, content);
        assert_eq!(read.items, ["2 missed", "open at 7-2", "7-3 </script>)"]);
        assert_eq!((&*read.since, &*read.then), ("7-3", "Lost(None)"));
    }

    #[test]
    fn a_document_ends_for_a_while_or_for_good() {
        let read_then = |content| read::<Iframe>(None, HEAD, content).then;
        let drain = b"<script>parent.pushscope.end(\"drain\")</script>\n";
        assert_eq!(read_then(drain), "Lost(None)");
        let deleted = b"<script>parent.pushscope.end(\"deleted\")</script>\n";
        assert_eq!(read_then(deleted), "End(deleted)");
    }

    #[test]
    fn other_documents_are_refused() {
        for line in [
            "<p>hello</p>",
            "<script>alert(1)</script>",
            "<script>parent.pushscope.other(1)</script>",
            "<script>parent.pushscope.message</script>",
            "",
        ] {
            let content = format!("{line}\n");
            let read = read::<Iframe>(None, HEAD, content.as_bytes());
            assert_eq!(read.then, "ScriptUnknown", "{line}");
        }
        let both = b"<script>parent.pushscope.open(\"7-1\");alert(1)</script>\n";
        assert_eq!(read::<Iframe>(None, HEAD, both).then, "Json(NotJson)");
    }
}
