//! What does a request on a connection that stays cost the server, beside nginx answering the same
//! from its memory?
//!
//! Unit: CPU time of the server per answer, with 100 connections that ask in rounds. `healthz` is
//! the least that is ever asked; `poll` is a short poll that finds a message of 64 bytes, `poll
//! again` one that finds nothing new. nginx returns what the server has answered, the same fields
//! and the same content, written into its configuration. `16 pipelined` are sixteen requests in
//! one piece.
//!
//! ```text
//! cargo bench --bench requests
//! ```
//!
//! Found by callgrind: of 14,500 instructions around a `/healthz`, 9,000 went into finding its
//! route: each path of the table was split anew for each request, by characters. Now a path is
//! compared from its front, and most differ there: how many are left, and how many of them are for
//! the heads, stands in `benches/instructions.txt`. `strace -c` finds one `recv` and one `send` for
//! an answer, and one `epoll_wait` for those that come together; nginx writes each pipelined answer
//! by itself.
//!
//! Against nginx: `healthz` 0.81, `16 pipelined` 0.17, `poll` 0.91, `poll again` 0.86.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench")]

mod across;

use std::io::{Read, Write};

use across::cores::stand_aside;
use across::server::Server;
use across::talk::{connect, field, get, read_head};
use across::{Expected, Lockstep, compare, is_measured};

fn main() {
    stand_aside();
    let (ours, former) = (Server::ours(), Server::former());
    let (cases, former_cases) = (cases(&ours), former.as_ref().map(cases));
    let nginx = is_measured().then(|| {
        let locations = cases.iter().filter(|case| case.depth == 1).map(Case::location);
        Server::nginx("", &locations.collect::<String>())
    });
    let nginx = nginx.flatten();
    for (place, case) in cases.iter().enumerate() {
        let mut sides = vec![(&ours, case.load(&ours))];
        if let Some((server, cases)) = former.as_ref().zip(former_cases.as_ref()) {
            sides.push((server, cases[place].load(server)));
        }
        sides.extend(nginx.as_ref().map(|server| (server, case.load(server))));
        compare(case.name, &mut sides);
    }
}

/// What is asked of a server of ours: it has published one message, to one of two channels.
fn cases(server: &Server) -> [Case; 4] {
    let begin = ["x", "y"].map(|channel| cursor(server, channel));
    let length = MESSAGE.len();
    let head = format!("POST /c/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}");
    let (head, _) = exchange(server, &format!("{head}\r\n\r\n{MESSAGE}"));
    assert_eq!(status(&head), "202", "nobody listens, and it is kept: {head}");
    let [news, nothing] = begin.map(|cursor| format!("?since={cursor}"));
    [
        Case::of(server, "healthz", "/healthz", 1, [OK, "ok\n"]),
        Case::of(server, "healthz, 16 pipelined", "/healthz", 16, [OK, "ok\n"]),
        Case::of(server, "poll", &format!("/c/x/poll{news}"), 1, [OK, MESSAGE]),
        Case::of(server, "poll again", &format!("/c/y/poll{nothing}"), 1, [NOTHING_NEW, ""]),
    ]
}

/// Something that is asked, and what our server answers.
struct Case {
    name: &'static str,
    path: String,
    request: String,
    head: String,
    content: String,
    /// Requests in one piece.
    depth: usize,
}

impl Case {
    /// The answer is to be this: a status, and what is in its content.
    fn of(
        server: &Server,
        name: &'static str,
        target: &str,
        depth: usize,
        [status, told]: [&str; 2],
    ) -> Self {
        let request = get(target);
        let (head, content) = exchange(server, &request);
        assert!(head.starts_with(status) && content.contains(told), "{name}: {head}{content}");
        let path = target.split('?').next().unwrap().to_owned();
        Self { name, path, request, head, content, depth }
    }

    /// The same answer, as nginx is told to give it. Date and Content-Length are its own affair.
    fn location(&self) -> String {
        let status = status(&self.head);
        let kept = ["ETag", "Cache-Control", "X-Content-Type-Options"].into_iter();
        let kept = kept.filter_map(|name| field(&self.head, name).map(|value| (name, value)));
        let fields = kept.map(|(name, value)| format!("add_header {name} '{value}'; "));
        let (path, content) = (&self.path, &self.content);
        let media_type = field(&self.head, "Content-Type").unwrap_or("text/plain");
        let mut location = format!("location = {path} {{ default_type '{media_type}'; ");
        location.extend(fields);
        location.push_str(&format!("return {status}"));
        if status == "200" {
            location.push_str(&format!(" '{content}'"));
        }
        location + "; }\n"
    }

    /// Connections on which it is asked again and again.
    fn load(&self, server: &Server) -> Lockstep {
        let (head, content) = exchange(server, &self.request);
        let begin = head.lines().next().unwrap();
        let same = status(begin) == status(&self.head) && content == self.content;
        assert!(same, "{} answers otherwise: {head}{content}", server.name);
        Lockstep {
            connections: (0..CONNECTIONS).map(|_| connect(server.address)).collect(),
            requests: self.request.repeat(self.depth).into_bytes(),
            answers: self.depth,
            answer: Expected {
                bytes: head.len() + content.len(),
                begin: begin.as_bytes().to_vec(),
                end: format!("\r\n\r\n{content}").into_bytes(),
            },
        }
    }
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

/// Where a channel stands.
fn cursor(server: &Server, channel: &str) -> String {
    let (head, _) = exchange(server, &get(&format!("/c/{channel}/poll")));
    field(&head, "ETag").unwrap().trim_matches('"').to_owned()
}

/// Asks once; returns head and content of the answer.
fn exchange(server: &Server, request: &str) -> (String, String) {
    let mut connection = connect(server.address);
    connection.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut connection);
    let length = field(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
    let mut content = vec![0xa5; length];
    connection.read_exact(&mut content).unwrap();
    (head, String::from_utf8(content).unwrap())
}

/// Connections that ask in rounds.
const CONNECTIONS: usize = 100;
const OK: &str = "HTTP/1.1 200 ";
const NOTHING_NEW: &str = "HTTP/1.1 304 ";
const MESSAGE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
