//! What the load says to a server, and hears.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use pushscope::wire::ws_frame::{self, FrameHead, Opcode};

/// A request.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The opening handshake of a WebSocket.
pub(crate) fn handshake(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// A message as one frame.
pub(crate) fn frame(opcode: Opcode, payload: &[u8], masking_key: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length = payload.len() as u64;
    ws_frame::encode(FrameHead { fin: true, opcode, masking_key, length }, &mut bytes);
    let head_bytes = bytes.len();
    bytes.extend_from_slice(payload);
    ws_frame::mask(&mut bytes[head_bytes..], masking_key.unwrap_or_default(), 0);
    bytes
}

/// Reads up to the end of a head.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0xa5];
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap()
}

/// Reads an answer that is a success; returns its head and its content.
pub(crate) fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = read_head(stream);
    let length = field(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
    let mut content = vec![0xa5; length];
    stream.read_exact(&mut content).unwrap();
    assert!(head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{head}");
    (head, content)
}

/// Reads what is there, from a socket that does not block; returns how much that was.
pub(crate) fn drain(stream: &mut TcpStream) -> usize {
    let mut bytes = [0xa5; 16 * 1024];
    let mut total = 0;
    loop {
        match stream.read(&mut bytes) {
            Ok(count) => {
                assert!(count > 0, "a connection was closed");
                total += count;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                return total;
            }
        }
    }
}

/// The value of a field in a head.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(this, value)| this.eq_ignore_ascii_case(name).then_some(value))
}

/// An address at which nobody listens.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// With which frames are masked.
pub(crate) const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);
/// What is asked to hear that everything before it is done.
pub(crate) const LAST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
