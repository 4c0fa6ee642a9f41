//! The client of XHR and fetch streaming: an answer that never ends, read line by line.
//!
//! Read beside it: `mech/xhr_stream.rs`, which answers; `iframe.rs`, whose lines are scripts.

use std::time::Duration;

use crate::client::error::ClientError;
use crate::client::lines::Lines;
use crate::client::mould::{Ask, Mechanism, Out, Then, expect};
use crate::wire::response::Answer;

/// A stream of lines.
#[derive(Debug)]
pub struct XhrStream {
    lines: Lines,
    retry: Option<Duration>,
}

impl Mechanism for XhrStream {
    fn ask(ask: &Ask<'_>) -> (Self, Vec<u8>) {
        let client = Self { lines: Lines::default(), retry: None };
        (client, ask.get("stream", "", NDJSON))
    }

    fn open(&mut self, answer: &Answer<'_, '_>, _out: &mut Out) -> Result<(), ClientError> {
        expect(answer, 200, NDJSON)
    }

    fn receive(&mut self, content: &[u8], out: &mut Out) -> Result<(), ClientError> {
        self.lines.receive(content)?;
        while let Some(line) = self.lines.next() {
            let notice = out.json(line)?;
            self.retry = notice.retry.map(Duration::from_millis).or(self.retry);
            match notice.end {
                Some(reason) if reason != DRAIN => out.end(reason),
                _ => {}
            }
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Out) -> Result<Then, ClientError> {
        Ok(Then::Lost(self.retry))
    }
}

/// The end of a stream whose server comes back: the channel is not over.
pub(super) const DRAIN: &str = "drain";
/// JSON, one value a line.
const NDJSON: &str = "application/x-ndjson";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::mould::tests::read;

    const HEAD: &str = "200 OK\r\nContent-Type: application/x-ndjson";

    #[test]
    fn a_line_is_a_message_or_a_notice() {
        let content = b"{\"padding\":\"....\"}\n\
            {\"gap\":2}\n{\"next\":\"7-2\"}\n\
            {\"id\":\"7-3\",\"time\":1,\"channel\":\"c\",\"data\":\"a\\nb\"}\n\
            {\"heartbeat\":true}\n\
            {\"id\":\"7-4\",\"time\":2,\"channel\":\"c\",\"event\":\"e\",\"base64\":\"AP8=\"}\n\
            {\"id\":\"7-5\",\"time\":2";
        let read = read::<XhrStream>(None, HEAD, content);
        assert_eq!(read.items, ["2 missed", "open at 7-2", r"7-3 a\nb", r"7-4 e \x00\xff"]);
        assert_eq!((&*read.since, &*read.then), ("7-4", "Lost(None)"));
    }

    #[test]
    fn a_stream_ends_for_a_while_or_for_good() {
        let read_then = |content| read::<XhrStream>(None, HEAD, content).then;
        assert_eq!(read_then(b"{\"end\":\"drain\",\"retry\":3000}\n"), "Lost(Some(3s))");
        assert_eq!(read_then(b"{\"end\":\"deleted\"}\n"), "End(deleted)");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert_eq!(read::<XhrStream>(None, HEAD, b"hello\n").then, "Json(NotJson)");
        let cut = b"{\"id\":\"7-3\",\"time\":1}\n";
        assert_eq!(read::<XhrStream>(None, HEAD, cut).then, "Json(MemberWrong)");
    }
}
