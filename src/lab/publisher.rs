//! Publishing by a schedule: it waits for nothing else, not even for answers.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::client::connection::encode_request;
use crate::client::{Address, ClientError};
use crate::lab::payload::Payloads;
use crate::wire::body::Body;
use crate::wire::cursor::Parse;
use crate::wire::field::Content;
use crate::wire::head::{Method, Scan, room};
use crate::wire::response::{self, Answered};
use crate::wire::target::encode_segment;

/// Messages that are published one after another at a steady rate, over one connection.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) stream: TcpStream,
    schedule: Schedule,
    published: u64,
    late: u64,
    answers: Answers,
    unsent: Vec<u8>,
}

/// What is published, and when.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) address: Address,
    pub(super) channel: String,
    pub(super) payloads: Payloads,
    pub(super) messages: u64,
    /// When the first message is due.
    pub(super) begin: Instant,
    /// The time between two messages.
    pub(super) interval: Duration,
}

impl Publisher {
    /// One that has a connection.
    pub(super) fn new(stream: TcpStream, schedule: Schedule) -> Self {
        let answers = Answers::default();
        Self { stream, schedule, published: 0, late: 0, answers, unsent: Vec::new() }
    }

    /// When the next message is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let Schedule { messages, begin, interval, .. } = &self.schedule;
        (self.published < *messages).then(|| begin_of(*begin, *interval, self.published))
    }

    /// Whether every message is published and answered.
    pub(super) const fn is_done(&self) -> bool {
        self.answers.count == self.schedule.messages
    }

    /// Messages that were published more than one interval after their time.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }

    /// Publishes what is due.
    pub(super) fn publish(&mut self, now: Instant) -> Result<(), ClientError> {
        while let Some(due) = self.due()
            && due <= now
        {
            if now - due > self.schedule.interval {
                self.late += 1;
            }
            let message = self.schedule.payloads.encode(self.published);
            let mut path = String::from("/c/");
            encode_segment(&self.schedule.channel, &mut path);
            let (address, fields) = (&self.schedule.address, [("Content-Type", "text/plain")]);
            let target = address.target(&path);
            let request = encode_request(Method::Post, address, &target, &fields, Some(&message));
            self.unsent.extend_from_slice(&request);
            self.published += 1;
        }
        self.write()
    }

    /// Its socket is ready: reads answers, and writes what it could not.
    pub(super) fn ready(&mut self, buffer: &mut [u8]) -> Result<(), ClientError> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(ClientError::Cut),
                Ok(count) => self.answers.receive(buffer.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_patient(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), ClientError> {
        Ok(write(&mut self.stream, &mut self.unsent).map(|_| ())?)
    }
}

/// Answers to what was published: only their status is of interest.
#[derive(Debug, Default)]
struct Answers {
    unread: Vec<u8>,
    scan: Scan,
    body: Option<Body>,
    content: Vec<u8>,
    count: u64,
}

impl Answers {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.unread.extend_from_slice(bytes);
        loop {
            let Some(body) = &mut self.body else {
                let mut room = room();
                let parsed =
                    response::parse(&self.unread, Method::Post, &mut self.scan, &mut room)?;
                let Parse::Complete(answer, taken) = parsed else { return Ok(()) };
                let content = match answer.content {
                    _ if answer.status >= 300 => {
                        return Err(ClientError::StatusUnexpected(answer.status));
                    }
                    Answered::Length(length) => Content::Length(length),
                    Answered::Chunked => Content::Chunked,
                    Answered::None | Answered::UntilClose => Content::None,
                };
                self.body = Some(Body::new(content, usize::MAX)?);
                self.scan = Scan::default();
                self.unread.drain(..taken);
                continue;
            };
            self.content.clear();
            let step = body.receive(&self.unread, &mut self.content)?;
            self.unread.drain(..step.taken);
            if !step.done {
                return Ok(());
            }
            self.body = None;
            self.count += 1;
        }
    }
}

/// Writes as much as the kernel takes; returns how much that was.
pub(super) fn write(stream: &mut TcpStream, unsent: &mut Vec<u8>) -> io::Result<usize> {
    let mut written = 0;
    while let Some(rest) = unsent.get(written..)
        && !rest.is_empty()
    {
        match stream.write(rest) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_patient(&error) => break,
            Err(error) => return Err(error),
        }
    }
    unsent.drain(..written);
    Ok(written)
}

/// Whether the socket only wants to be asked again: it is busy, or not connected yet.
pub(super) fn is_patient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

fn begin_of(begin: Instant, interval: Duration, number: u64) -> Instant {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    begin + interval.saturating_mul(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_however_they_arrive() {
        let answers = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}".repeat(3);
        for size in [1, 7, answers.len()] {
            let mut read = Answers::default();
            for piece in answers.chunks(size) {
                read.receive(piece).unwrap();
            }
            assert_eq!(read.count, 3, "pieces of {size}");
        }
        let refused = Answers::default().receive(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
        assert!(matches!(refused, Err(ClientError::StatusUnexpected(413))));
    }
}
