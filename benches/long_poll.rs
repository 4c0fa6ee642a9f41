//! What does a message to a parked long poll cost the server, beside nginx with nchan?
//!
//! Unit: CPU time of the server per delivery, with all that belongs to one: the answer that carries
//! the message, and the request that parks the connection again. 1,000 polls are parked, or 9,000,
//! which is what 20,000 descriptors of a process allow to both sides together; a numbered message
//! of 64 bytes, 1 KiB or 16 KiB is published; every answer is read, and is to hold that number;
//! every poll is asked anew with the cursor of its answer, and what is asked last is answered when
//! all are parked: a round holds the whole work of its deliveries. The sides take turns, and what
//! is told is the median of the ratios of neighbours.
//!
//! The answers are not the same: ours is JSON, in which a message stands with id, time and channel;
//! nchan's is the bare message. With 64 bytes ours has 366 and nchan's 274; what the next request
//! states of the last are 34 and 68. nginx serves as its one process (`master_process off`).
//!
//! ```text
//! apt-get install nginx libnginx-mod-nchan
//! cargo bench --bench long_poll
//! ```
//!
//! Found by `strace -c`: either side makes one `recv` and one `send` per delivery, and nothing else
//! that counts; of what a delivery takes, four fifths are the kernel's (`/proc/PID/stat`), about
//! 15 µs with either. What is left to us, 3.6 µs beside nginx's 9, is what the ratio can tell: 0.70
//! to 0.72 with 1,000 polls, 0.69 to 0.75 with 9,000; 0.72 to 0.84 while another program runs.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench")]

mod across;

use std::io::Write;
use std::net::TcpStream;

use pushscope::sys;

use across::cores::stand_aside;
use across::server::Server;
use across::talk::{LAST, answer, connect, field};
use across::{Load, compare, crowds, is_measured};

fn main() {
    stand_aside();
    sys::raise_descriptor_limit().unwrap();
    let ours = Server::ours();
    let nchan = is_measured().then(Server::nchan).flatten();
    for (count, size) in crowds() {
        let servers = [Some(&ours), nchan.as_ref()].into_iter().flatten();
        let parked = servers.map(|server| (server, Polls::park(server, count, size)));
        compare(&format!("{count} polls, {size} bytes"), &mut parked.collect::<Vec<_>>());
    }
}

/// Connections that are parked, and somebody who publishes.
struct Polls {
    parked: Vec<TcpStream>,
    publisher: TcpStream,
    server: &'static str,
    channel: String,
    size: usize,
    /// Messages so far: each begins with its number.
    published: u64,
}

impl Polls {
    fn park(server: &Server, count: usize, size: usize) -> Self {
        let parked = (0..count).map(|_| connect(server.address)).collect();
        let publisher = connect(server.address);
        let (server, channel) = (server.name, format!("{count}-{size}"));
        let mut polls = Self { parked, publisher, server, channel, size, published: 0 };
        polls.ask("");
        polls
    }

    /// Parks every connection, with these fields; returns when all are.
    fn ask(&mut self, fields: &str) {
        let path = match self.server {
            "nginx" => format!("/sub/{}", self.channel),
            _ => format!("/c/{}/longpoll", self.channel),
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        for poll in &mut self.parked {
            poll.write_all(request.as_bytes()).unwrap();
        }
        // What is asked last, twice, is answered in a turn after theirs.
        for _ in 0..2 {
            self.publisher.write_all(LAST).unwrap();
            answer(&mut self.publisher);
        }
    }

    /// Publishes the next message; returns what stands in it, and in no other.
    fn publish(&mut self) -> String {
        let path = match self.server {
            "nginx" => format!("/pub/{}", self.channel),
            _ => format!("/c/{}", self.channel),
        };
        let size = self.size;
        self.published += 1;
        let number = format!("#{}#", self.published);
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n");
        let publication = head + "\r\n" + &format!("{number:x<size$}");
        self.publisher.write_all(publication.as_bytes()).unwrap();
        answer(&mut self.publisher);
        number
    }
}

impl Load for Polls {
    fn round(&mut self) -> u64 {
        let number = self.publish();
        let mut cursor = None;
        for poll in &mut self.parked {
            let (head, content) = answer(poll);
            let is_it = content.windows(number.len()).any(|part| part == number.as_bytes());
            assert!(is_it, "{} delivers another message: {head}", self.server);
            cursor.get_or_insert_with(|| fields(&head));
        }
        self.ask(&cursor.unwrap_or_default());
        self.parked.len() as u64
    }
}

/// With which fields the next poll is asked, after an answer that has this head.
fn fields(head: &str) -> String {
    let sent = [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")];
    let sent = sent
        .into_iter()
        .filter_map(|(is, asked)| field(head, is).map(|value| format!("{asked}: {value}\r\n")));
    sent.collect()
}
