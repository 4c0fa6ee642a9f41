//! One connection on which every byte is seen: heads as others send them, answers as they arrive.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Mistrial;
use crate::client::Address;
use crate::wire::cursor::Parse;
use crate::wire::head::{Method, Scan, room};
use crate::wire::response::{self, Answered};

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// The head of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media_type: Option<String>,
    /// `Access-Control-Allow-Origin`.
    pub(super) allowed_origin: Option<String>,
    pub(super) head_bytes: usize,
    /// Bytes of the content, where the head says how many there are.
    pub(super) content_bytes: Option<usize>,
}

impl Wire {
    /// Connects to a server.
    pub(super) fn open(address: &Address) -> Result<Self, Mistrial> {
        let stream = TcpStream::connect((address.host(), address.port()))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Mistrial> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Asks, and reads the whole answer.
    pub(super) fn exchange(&mut self, question: &[u8]) -> Result<Answer, Mistrial> {
        let answer = self.ask(question)?;
        let Some(content_bytes) = answer.content_bytes else {
            return Err(Mistrial::new("an answer does not say how long it is"));
        };
        while self.unread.len() < content_bytes {
            self.read()?;
        }
        self.unread.drain(..content_bytes);
        Ok(answer)
    }

    /// Asks, and reads the head of the answer.
    pub(super) fn ask(&mut self, question: &[u8]) -> Result<Answer, Mistrial> {
        self.send(question)?;
        loop {
            if let Some(answer) = parse(&self.unread)? {
                self.unread.drain(..answer.head_bytes);
                return Ok(answer);
            }
            self.read()?;
        }
    }

    /// Everything that comes behind a head, until these bytes are among it.
    pub(super) fn content_until(&mut self, end: &[u8]) -> Result<&[u8], Mistrial> {
        while !self.unread.windows(end.len()).any(|window| window == end) {
            self.read()?;
        }
        Ok(&self.unread)
    }

    /// Everything that comes until the server closes.
    pub(super) fn rest(mut self) -> Result<Vec<u8>, Mistrial> {
        self.stream.read_to_end(&mut self.unread)?;
        Ok(self.unread)
    }

    fn read(&mut self) -> Result<(), Mistrial> {
        let mut buffer = [0; 4_096];
        match self.stream.read(&mut buffer)? {
            0 => Err(Mistrial::new("the server closed a connection too early")),
            count => {
                self.unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
                Ok(())
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<Answer>, Mistrial> {
    let (mut scan, mut room) = (Scan::default(), room());
    let parsed = response::parse(bytes, Method::Get, &mut scan, &mut room)
        .map_err(|error| Mistrial::new(format!("an answer is not HTTP: {error:?}")))?;
    let Parse::Complete(answer, head_bytes) = parsed else { return Ok(None) };
    let content_bytes = match answer.content {
        Answered::None => Some(0),
        Answered::Length(length) => usize::try_from(length).ok(),
        Answered::Chunked | Answered::UntilClose => None,
    };
    Ok(Some(Answer {
        status: answer.status,
        media_type: answer.text("Content-Type").map(str::to_owned),
        allowed_origin: answer.text("Access-Control-Allow-Origin").map(str::to_owned),
        head_bytes,
        content_bytes,
    }))
}

/// Time for an answer to begin, and for each of its parts.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_measured_when_it_is_whole() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\nokHTTP";
        assert_eq!(parse(&bytes[..40]), Ok(None));
        let answer = parse(bytes).unwrap().unwrap();
        assert_eq!((answer.status, answer.head_bytes), (200, bytes.len() - 6));
        assert_eq!((answer.content_bytes, answer.media_type.as_deref()), (Some(2), Some("a/b")));
        assert_eq!(answer.allowed_origin, None);
        assert!(parse(b"SSH-2.0-x\r\n\r\n").is_err());
    }
}
