//! One end of a connection, which counts every byte that it says and hears.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pushscope::cost::Kernel;
use pushscope::sys;
use socket2::{Domain, SockRef, Socket, Type};

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    /// What was heard and not taken yet.
    ahead: Vec<u8>,
    tally: Tally,
}

/// Bytes in both directions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) said: u64,
    pub(crate) heard: u64,
}

/// A response, read whole.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) content: Vec<u8>,
}

impl Response {
    /// A field's value.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Line {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    /// Connects with a receive buffer so small that the server soon meets its end.
    pub(crate) fn connect_narrow(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::new(socket.into())
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, ahead: Vec::new(), tally: Tally::default() }
    }

    /// What was said and heard so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Says bytes.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.tally.said += bytes.len() as u64;
    }

    /// Asks for an address.
    pub(crate) fn get(&mut self, target: &str) {
        self.say(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    }

    /// Asks for an address and reads the response.
    pub(crate) fn ask(&mut self, target: &str) -> Response {
        self.get(target);
        self.response()
    }

    /// Reads a response with its content, as Content-Length announces it.
    pub(crate) fn response(&mut self) -> Response {
        let head = String::from_utf8(self.until(b"\r\n\r\n")).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response { status, head, content: Vec::new() };
        if !matches!(status, 100..200 | 204 | 304) {
            let length = response.field("Content-Length").unwrap().parse().unwrap();
            response.content = self.take(length);
        }
        response
    }

    /// Reads up to and with a pattern.
    pub(crate) fn until(&mut self, pattern: &[u8]) -> Vec<u8> {
        let mut from = 0;
        loop {
            let seen = self.ahead.get(from..).unwrap_or_default();
            if let Some(at) = memchr::memmem::find(seen, pattern) {
                return self.take(from + at + pattern.len());
            }
            from = (self.ahead.len() + 1).saturating_sub(pattern.len());
            assert_ne!(self.fill(), 0, "ended before {:?}", pattern.escape_ascii().to_string());
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            assert_ne!(self.fill(), 0, "ended after {} of {length} bytes", self.ahead.len());
        }
        let rest = self.ahead.split_off(length);
        std::mem::replace(&mut self.ahead, rest)
    }

    fn fill(&mut self) -> usize {
        let mut buffer = [0xa5; 64 * 1024];
        let count = self.stream.read(&mut buffer).unwrap();
        self.ahead.extend_from_slice(buffer.get(..count).unwrap());
        self.tally.heard += count as u64;
        count
    }

    /// Whether something has arrived that was not read.
    pub(crate) fn has_arrived(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let arrived = self.stream.peek(&mut [0; 1]).is_ok();
        self.stream.set_nonblocking(false).unwrap();
        arrived
    }

    /// Says nothing more, reads to the end, and asks the kernel what it has counted.
    pub(crate) fn finish(mut self) -> (Tally, Kernel) {
        self.stream.shutdown(Shutdown::Write).unwrap();
        while self.fill() > 0 {}
        (self.tally, sys::kernel_counts(&self.stream).unwrap())
    }

    /// Leaves by an RST, in the middle of whatever it is.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Reads until the server has thrown the connection away.
    pub(crate) fn until_thrown_away(mut self) {
        let mut rest = Vec::new();
        // Either way it is over: by a FIN, or by an RST, which is an error here.
        let _ = self.stream.read_to_end(&mut rest);
    }
}

/// Asks again and again, each time of the server itself, until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
    }
}

/// How long a test waits for what is to happen: far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
