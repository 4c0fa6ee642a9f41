//! A server, and somebody who talks with it in every way, with sockets of the standard library.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pushscope::wire::ws_frame::Role;

use crate::support::{UPGRADE, masked};

/// `pushscope serve`, which does not outlive its test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Requests beside the conversations, which are conversations too.
    asked: RefCell<Vec<Line>>,
}

/// A conversation, as its client has had it.
pub(crate) struct Line {
    pub(crate) name: String,
    /// The client's port.
    pub(crate) port: u16,
    pub(crate) said: Vec<(Role, Vec<u8>)>,
    stream: TcpStream,
}

/// A conversation in each way; each comes to its end.
pub(crate) fn all(server: &Server) -> Vec<Line> {
    let mut lines = vec![poll(server), long_poll(server)];
    lines.push(stream(server, "iframe", "pushscope.open(", "\r\n8\r\n<!---->\n"));
    lines.push(stream(server, "stream", "\"next\"", "{\"heartbeat\":true}"));
    lines.push(stream(server, "sse", "id: ", "\n:\n\n"));
    lines.push(websocket(server));
    lines.append(&mut server.asked.borrow_mut());
    lines
}

fn poll(server: &Server) -> Line {
    let mut line = server.line("poll");
    line.get("/c/poll/poll?since=latest", "");
    let head = line.until(b"\r\n\r\n");
    let (_, tag) = head.split_once("ETag: \"").expect("a cursor");
    let cursor = tag.split('"').next().unwrap().to_owned();
    server.ask("POST", "/c/poll", "hello");
    line.get(&format!("/c/poll/poll?since={cursor}"), "Connection: close\r\n");
    line.finish();
    line
}

fn long_poll(server: &Server) -> Line {
    let mut line = server.line("longpoll");
    let first = String::from_utf8(server.ask("POST", "/c/longpoll", "first")).unwrap();
    let (_, id) = first.split_once("\"id\":\"").expect("an id");
    let id = id.split('"').next().unwrap();
    line.get(&format!("/c/longpoll/longpoll?since={id}"), "");
    server.ask("POST", "/c/longpoll", "second");
    line.until(b"second");
    line.get("/c/longpoll/longpoll?since=latest", "Connection: close\r\n");
    line.finish();
    line
}

fn stream(server: &Server, name: &str, begin: &str, heartbeat: &str) -> Line {
    let mut line = server.line(name);
    line.get(&format!("/c/{name}/{name}"), "");
    line.until(begin.as_bytes());
    server.ask("POST", &format!("/c/{name}"), "hello, \"world\"");
    line.until(b"world");
    line.until(heartbeat.as_bytes());
    server.ask("DELETE", &format!("/c/{name}"), "");
    line.finish();
    line
}

fn websocket(server: &Server) -> Line {
    let mut line = server.line("websocket");
    line.get("/c/socket/ws", UPGRADE);
    line.until(b"\r\n\r\n");
    for (payload, head) in [
        (b"hi".to_vec(), &b"\x81\x02"[..]),
        (vec![b'x'; 300], b"\x81\x7e\x01\x2c"),
        (vec![b'y'; 70_000], b"\x81\x7f\0\0\0\0\0\x01\x11\x70"),
    ] {
        line.say(&masked(0x81, &payload));
        line.until(&[head, &payload].concat());
    }
    line.say(&[masked(0x01, b"frag"), masked(0x00, b"men"), masked(0x80, b"ted")].concat());
    line.until(b"\x81\x0afragmented");
    line.until(b"\x89\x00");
    line.say(&masked(0x8a, b""));
    line.say(&masked(0x88, b"\x03\xe8bye"));
    line.finish();
    line
}

impl Server {
    /// On a port of its own; what it says by the clock it says each second.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pushscope"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error"])
            .args(["--heartbeat-s", "1", "--ping-s", "1", "--park-s", "1"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("pushscope listens on http://").unwrap();
        let address = address.trim_end_matches('/').parse().unwrap();
        Self { child, address, asked: RefCell::new(Vec::new()) }
    }

    /// Asks on a connection of its own, and returns the answer.
    pub(crate) fn ask(&self, method: &str, target: &str, content: &str) -> Vec<u8> {
        let mut line = self.line(method);
        let length = match content {
            "" => String::new(),
            _ => format!("Content-Length: {}\r\n", content.len()),
        };
        let host = self.address;
        line.say(
            format!(
                "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}\r\n\
                 {content}"
            )
            .as_bytes(),
        );
        line.finish();
        let answer = line.bytes(Role::Server);
        self.asked.borrow_mut().push(line);
        answer
    }

    fn line(&self, name: &str) -> Line {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let port = stream.local_addr().unwrap().port();
        Line { name: name.to_owned(), port, said: Vec::new(), stream }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Line {
    /// All that one side has said.
    pub(crate) fn bytes(&self, from: Role) -> Vec<u8> {
        let said = self.said.iter().filter(|(by, _)| *by == from);
        said.flat_map(|(_, bytes)| bytes).copied().collect()
    }

    fn get(&mut self, target: &str, fields: &str) {
        let host = self.stream.peer_addr().unwrap();
        self.say(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n").as_bytes());
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.said.push((Role::Client, bytes.to_vec()));
    }

    /// Reads until the server has said this; returns what it has said until then.
    fn until(&mut self, end: &[u8]) -> String {
        let mut said = Vec::new();
        while !said.windows(end.len()).any(|window| window == end) {
            let count = self.read();
            assert!(count > 0, "{} ends before {}", self.name, end.escape_ascii());
            said = self.since_said();
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    fn finish(&mut self) {
        while self.read() > 0 {}
    }

    /// What the server has said since the client did.
    fn since_said(&self) -> Vec<u8> {
        let news = self.said.iter().rev().take_while(|(by, _)| *by == Role::Server);
        let pieces: Vec<&Vec<u8>> = news.map(|(_, bytes)| bytes).collect();
        pieces.into_iter().rev().flatten().copied().collect()
    }

    fn read(&mut self) -> usize {
        let mut bytes = [0; 65_536];
        let count = self.stream.read(&mut bytes).unwrap_or_else(|error| {
            panic!("{}: {error}; so far: {}", self.name, self.since_said().escape_ascii())
        });
        if count > 0 {
            self.said.push((Role::Server, bytes[..count].to_vec()));
        }
        count
    }
}

/// For how long something that must come is awaited.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
