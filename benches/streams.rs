//! What does a message to those who listen cost the server, beside nginx with nchan and beside
//! uWebSockets?
//!
//! Unit: CPU time of the server per delivery. 1,000 listen, or 9,000, which is what 20,000
//! descriptors of a process allow to both sides together; a numbered message of 64 bytes, 1 KiB or
//! 16 KiB is published and its publisher answered; the server is asked for something else, twice,
//! so that the message has left before; only then everybody reads: a delivery wakes nobody.
//! `SSE` is beside nchan, `WebSocket` beside uWebSockets and its own topics (`benches/echo.rs` says
//! how it is built). `benches/fanout.rs` asks the same beside the least there is to do.
//!
//! ```text
//! cargo bench --bench streams
//! ```
//!
//! Found: beside nchan SSE takes 0.69 to 0.73 of the CPU time, and 0.41 to 0.47 with 16 KiB. Beside
//! uWebSockets a WebSocket takes 0.81 to 0.96; with 1,000 who listen to short messages the
//! quartiles lie between 0.7 and 1.3.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench")]

mod across;

use std::io::{Read, Write};
use std::net::TcpStream;

use across::cores::stand_aside;
use across::server::Server;
use across::talk::{KEY, LAST, answer, connect, frame, get, handshake, read_head};
use across::{Load, compare, crowds, is_measured};
use pushscope::sys;
use pushscope::wire::ws_frame::Opcode;

fn main() {
    stand_aside();
    sys::raise_descriptor_limit().unwrap();
    let ours = Server::ours();
    let nchan = is_measured().then(Server::nchan).flatten();
    let uws = is_measured().then(Server::uws).flatten();
    for (name, peer) in [("SSE", &nchan), ("WebSocket", &uws)] {
        for (count, size) in crowds() {
            // A channel, or a server, for each: nobody else listens.
            let channel = format!("{name}-{count}-{size}");
            let servers = [Some(&ours), peer.as_ref()].into_iter().flatten();
            let listening = servers.map(|server| {
                let way = Way::to(server, name, &channel);
                (server, Listeners::gather(way, server, count, size))
            });
            let question = format!("{name}, {count} × {size}");
            compare(&question, &mut listening.collect::<Vec<_>>());
        }
    }
}

/// How one publishes to a server, and hears.
struct Way {
    /// The request of a subscriber.
    subscribe: String,
    publish: Publish,
}

enum Publish {
    /// By a request to this path.
    Http(String),
    /// By a message on a WebSocket.
    Frames,
}

impl Way {
    fn to(server: &Server, mechanism: &str, channel: &str) -> Self {
        let (subscribe, publish) = match (server.name, mechanism) {
            ("uWebSockets", _) => (handshake("/subscribe"), Publish::Frames),
            ("nginx", _) => (
                get(&format!("/events/{channel}")).replace("\r\n\r\n", ACCEPT),
                Publish::Http(format!("/pub/{channel}")),
            ),
            (_, "SSE") => (
                get(&format!("/c/{channel}/sse")).replace("\r\n\r\n", ACCEPT),
                Publish::Http(format!("/c/{channel}")),
            ),
            _ => (handshake(&format!("/c/{channel}/ws")), Publish::Http(format!("/c/{channel}"))),
        };
        Self { subscribe, publish }
    }
}

/// Those who listen, and somebody who publishes.
struct Listeners {
    listeners: Vec<TcpStream>,
    publisher: TcpStream,
    /// Asks for something else.
    asking: TcpStream,
    publish: Publish,
    size: usize,
    /// Messages so far: each ends with its number.
    published: u64,
}

impl Listeners {
    fn gather(way: Way, server: &Server, count: usize, size: usize) -> Self {
        let open = |request: &str| {
            let mut connection = connect(server.address);
            connection.write_all(request.as_bytes()).unwrap();
            let head = read_head(&mut connection);
            let accepted = ["HTTP/1.1 200", "HTTP/1.1 101"].map(|begin| head.starts_with(begin));
            assert!(accepted.contains(&true), "{}: {head}", server.name);
            connection
        };
        let listeners = (0..count).map(|_| open(&way.subscribe)).collect();
        let [publisher, asking] = match way.publish {
            Publish::Http(_) => [connect(server.address), connect(server.address)],
            Publish::Frames => ["/publish", "/echo"].map(|path| open(&handshake(path))),
        };
        let publish = way.publish;
        let mut side = Self { listeners, publisher, asking, publish, size, published: 0 };
        // Who is connected and silent is not waited for as long as the other side takes to come.
        side.round();
        side
    }

    /// Publishes the next message; returns with what it ends, and no other does.
    fn publish(&mut self) -> String {
        let size = self.size;
        self.published += 1;
        let number = format!("#{}#", self.published);
        let message = format!("{number:x>size$}");
        match &self.publish {
            Publish::Http(path) => {
                let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
                let request = format!("{head}Content-Length: {size}\r\n\r\n{message}");
                self.publisher.write_all(request.as_bytes()).unwrap();
                answer(&mut self.publisher);
            }
            Publish::Frames => echo(&mut self.publisher, &message),
        }
        number
    }

    /// Returns when all that was begun before is done.
    fn settle(&mut self) {
        for _ in 0..2 {
            match self.publish {
                Publish::Http(_) => {
                    self.asking.write_all(LAST).unwrap();
                    answer(&mut self.asking);
                }
                Publish::Frames => echo(&mut self.asking, "and now?"),
            }
        }
    }
}

impl Load for Listeners {
    fn round(&mut self) -> u64 {
        let number = self.publish();
        self.settle();
        for listener in &mut self.listeners {
            read_up_to(listener, number.as_bytes());
        }
        self.listeners.len() as u64
    }
}

/// Reads until this stands near the end of what has come: behind it are line ends at most.
fn read_up_to(listener: &mut TcpStream, end: &[u8]) {
    let (mut heard, mut bytes) = (Vec::new(), [0xa5; 32 * 1024]);
    while !heard[heard.len().saturating_sub(NEAR)..].windows(end.len()).any(|part| part == end) {
        let count = listener.read(&mut bytes).unwrap();
        assert!(count > 0, "a connection was closed");
        heard.extend_from_slice(&bytes[..count]);
    }
}

/// Sends a message, and reads the same.
fn echo(connection: &mut TcpStream, message: &str) {
    let text = message.as_bytes();
    connection.write_all(&frame(Opcode::Text, text, KEY)).unwrap();
    let expected = frame(Opcode::Text, text, None);
    let mut echoed = vec![0xa5; expected.len()];
    connection.read_exact(&mut echoed).unwrap();
    assert!(echoed == expected, "it is not sent back");
}

/// The end of a request's head.
const ACCEPT: &str = "\r\nAccept: text/event-stream\r\n\r\n";
/// Bytes at the end of what has come among which the number stands.
const NEAR: usize = 64;
