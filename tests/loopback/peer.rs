//! A client that is nothing but a socket: it says bytes, and looks at what comes back.
//!
//! It shares no code with the server: it is a second witness.
#![allow(dead_code, reason = "two tests use it, each its own part")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockFilter, SockRef, Socket, Type};

/// One side of a connection.
pub(crate) struct Peer {
    stream: TcpStream,
    /// What was read and not taken yet.
    read: Vec<u8>,
}

/// A response, read whole.
#[derive(Debug)]
pub(crate) struct Response {
    /// Its status.
    pub(crate) status: u16,
    /// Its head.
    pub(crate) head: String,
    /// Its content.
    pub(crate) content: Vec<u8>,
}

impl Response {
    /// The content as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.content).unwrap()
    }

    /// A field's value.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Peer {
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

    /// Connects from 127.0.0.`host`: when there are thousands of one address, the kernel searches
    /// for a free port for longer than it connects.
    pub(crate) fn connect_from(host: u8, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, host], 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::new(socket.into())
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends bytes, if the server has not thrown the connection away.
    pub(crate) fn try_say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Has the kernel drop whatever the server sends from now on, acknowledgements included, as if
    /// the cable were cut: a filter of one instruction, which lets nothing through (bpf(4)).
    pub(crate) fn vanish(&self) {
        let nothing = SockFilter::new(RETURN, 0, 0, 0);
        SockRef::from(&self.stream).attach_filter(&[nothing]).unwrap();
    }

    /// Sends as much as the server takes; returns how much that was.
    pub(crate) fn say_until_blocked(&mut self, bytes: &[u8]) -> usize {
        self.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => taken += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.stream.set_write_timeout(None).unwrap();
        taken
    }

    /// The other end of the same socket, to say something while this one reads.
    pub(crate) fn mouth(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Sends a GET.
    pub(crate) fn get(&mut self, target: &str) {
        self.say(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    }

    /// Sends a GET and reads the response.
    pub(crate) fn ask(&mut self, target: &str) -> Response {
        self.get(target);
        self.response()
    }

    /// Sends a GET and reads the response; none if the server has left.
    pub(crate) fn ask_if_open(&mut self, target: &str) -> Option<Response> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.exchange_if_open(request.as_bytes())
    }

    /// Sends a request and reads the response; none if the server has left.
    pub(crate) fn exchange_if_open(&mut self, request: &[u8]) -> Option<Response> {
        if !self.send_if_open(request) {
            return None;
        }
        let mut buffer = [0xa5; 64 * 1024];
        while memchr::memmem::find(&self.read, b"\r\n\r\n").is_none() {
            let count = self.stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
            self.read.extend_from_slice(buffer.get(..count)?);
        }
        Some(self.response())
    }

    /// Sends bytes, unless the server has left.
    pub(crate) fn send_if_open(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Publishes.
    pub(crate) fn publish(&mut self, channel: &str, message: &[u8]) -> Response {
        let length = message.len();
        let head = format!("POST /c/{channel} HTTP/1.1\r\nHost: localhost\r\n");
        self.say(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
        self.say(message);
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
            let seen = self.read.get(from..).unwrap_or_default();
            if let Some(at) = memchr::memmem::find(seen, pattern) {
                return self.take(from + at + pattern.len());
            }
            from = self.read.len().saturating_sub(pattern.len());
            assert_ne!(self.fill(), 0, "ended before {:?}", String::from_utf8_lossy(pattern));
        }
    }

    /// Reads so many bytes.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert_ne!(self.fill(), 0, "ended after {} of {length} bytes", self.read.len());
        }
        let rest = self.read.split_off(length);
        std::mem::replace(&mut self.read, rest)
    }

    /// Reads to the end, which must be a FIN: an RST would have thrown away what came before.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.read)
    }

    /// Reads to the end, or nothing if the server has thrown the connection away.
    pub(crate) fn rest_or_reset(&mut self) -> Option<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.read);
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => Some(rest),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn fill(&mut self) -> usize {
        let mut buffer = [0xa5; 64 * 1024];
        let count = self.stream.read(&mut buffer).unwrap();
        self.read.extend_from_slice(buffer.get(..count).unwrap());
        count
    }

    /// Watches for a while that nothing comes.
    pub(crate) fn hears_nothing_for(&mut self, time: Duration) {
        assert!(self.read.is_empty(), "{:?}", String::from_utf8_lossy(&self.read));
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0xa5; 256];
        let heard = self.stream.read(&mut buffer);
        assert!(heard.as_ref().is_err_and(|e| e.kind() == ErrorKind::WouldBlock), "{heard:?}");
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// Says that nothing more will be said.
    pub(crate) fn close_half(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Leaves by an RST, in the middle of whatever it is.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Whether the server has thrown the connection away, seen without reading.
    pub(crate) fn was_reset(&self) -> bool {
        self.stream.take_error().unwrap().is_some()
    }

    /// Becomes a WebSocket; returns the head of the answer.
    pub(crate) fn upgrade(&mut self, target: &str) -> String {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n");
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let rest = format!("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{key}\r\n\r\n");
        self.say((head + &rest).as_bytes());
        let answer = String::from_utf8(self.until(b"\r\n\r\n")).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        answer
    }

    /// Reads a frame: its first byte, and its payload.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        assert_eq!(head[1] & 0x80, 0, "a server must not mask");
        let length = match head[1] {
            126 => usize::from(u16::from_be_bytes(self.take(2).try_into().unwrap())),
            127 => usize::try_from(u64::from_be_bytes(self.take(8).try_into().unwrap())).unwrap(),
            short => usize::from(short),
        };
        (head[0], self.take(length))
    }
}

/// A masked frame, as a client sends it.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            bytes.push(0xff);
            bytes.extend_from_slice(&u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(&KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Asks again and again, each time of the server itself, until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
    }
}

/// `BPF_RET | BPF_K`: so many bytes of the packet are let through.
const RETURN: u16 = 0x06;
/// How long a test waits for what is to happen: far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
