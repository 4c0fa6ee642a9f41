//! What does a message to a parked long poll cost the server, beside nginx with nchan?
//!
//! Unit: CPU time of the server per delivery, with all that belongs to one: the answer that carries
//! the message, and the request that parks the connection again. 1,000 polls are parked; a message
//! of 64 bytes, 1 KiB or 16 KiB is published; every answer is read, every poll is asked anew with
//! the cursor of its answer; then the next message. The sides take turns, and what is told is the
//! median of the ratios of neighbours.
//!
//! ```text
//! apt-get install nginx libnginx-mod-nchan
//! cargo bench --bench long_poll
//! ```
//!
//! Found by `strace -c`: either side makes one `recv` and one `send` per delivery, and nothing else
//! that counts; of what a delivery takes, four fifths are the kernel's (`/proc/PID/stat`), about
//! 15 µs with either. What is left to us, 3.6 µs beside nginx's 9, is what the ratio can tell: 0.68
//! to 0.71 on a quiet machine, 0.72 to 0.84 while another program runs.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench")]

mod across;

use std::io::Write;
use std::net::TcpStream;

use across::{Load, Server, answer, compare, connect, field, is_measured, stand_aside};

fn main() {
    stand_aside();
    let ours = Server::ours();
    let nchan = is_measured().then(|| Server::nginx(NCHAN, LOCATIONS)).flatten();
    for size in [64, 1_024, 16_384] {
        let servers = [Some(&ours), nchan.as_ref()].into_iter().flatten();
        let mut sides: Vec<_> = servers.map(|server| (server, Polls::park(server, size))).collect();
        compare(&format!("long poll of {size} bytes"), &mut sides);
    }
}

/// Connections that are parked, and somebody who publishes.
struct Polls {
    parked: Vec<TcpStream>,
    publisher: TcpStream,
    publication: Vec<u8>,
    path: String,
}

impl Polls {
    fn park(server: &Server, size: usize) -> Self {
        let (publish, path) = match server.name {
            "nginx" => (format!("/pub/{size}"), format!("/sub/{size}")),
            _ => (format!("/c/{size}"), format!("/c/{size}/longpoll")),
        };
        let head = format!("POST {publish} HTTP/1.1\r\nHost: localhost\r\n");
        let head = head + &format!("Content-Length: {size}\r\n\r\n");
        let publication = (head + &"x".repeat(size)).into_bytes();
        let subscribers = if is_measured() { SUBSCRIBERS } else { 10 };
        let parked = (0..subscribers).map(|_| connect(server.address)).collect();
        let mut polls = Self { parked, publisher: connect(server.address), publication, path };
        let request = polls.request("");
        for poll in &mut polls.parked {
            poll.write_all(request.as_bytes()).unwrap();
        }
        polls
    }

    fn request(&self, fields: &str) -> String {
        format!("GET {} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n", self.path)
    }
}

impl Load for Polls {
    fn round(&mut self) -> u64 {
        // What is asked last is answered when all are parked.
        self.publisher.write_all(LAST).unwrap();
        answer(&mut self.publisher);
        self.publisher.write_all(&self.publication).unwrap();
        answer(&mut self.publisher);
        let mut requests = Vec::new();
        for poll in &mut self.parked {
            let (head, _) = answer(poll);
            if requests.is_empty() {
                let sent = [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")];
                let sent = sent.into_iter().filter_map(|(is, asked)| {
                    field(&head, is).map(|value| format!("{asked}: {value}\r\n"))
                });
                requests.push(sent.collect::<String>());
            }
        }
        let request = self.request(&requests.concat());
        for poll in &mut self.parked {
            poll.write_all(request.as_bytes()).unwrap();
        }
        self.parked.len() as u64
    }
}

const LAST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SUBSCRIBERS: usize = 1_000;
const NCHAN: &str = "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;";
const LOCATIONS: &str = "\
location = /healthz { return 200 ok; }
location ~ ^/pub/(.+)$ {
    nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 1000;
    client_body_buffer_size 128k;
}
location ~ ^/sub/(.+)$ {
    nchan_subscriber longpoll; nchan_channel_id $1; nchan_subscriber_first_message newest;
}";
