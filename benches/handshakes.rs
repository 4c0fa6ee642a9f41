//! What does it cost the server to take a connection in, to answer its first request and to let
//! it go; and when has the client the first byte?
//!
//! Unit: CPU time of the server per connection, 50 at a time, and so how many it could take in a
//! second of one core; then, one connection after the other, the time from `connect` until the
//! first byte is read. `http` is `GET /healthz` with `Connection: close`, beside nginx;
//! `websocket` is the opening handshake, after which the client is gone, beside uWebSockets
//! (`benches/echo.rs` says how it is installed).
//!
//! ```text
//! cargo bench --bench handshakes
//! ```
//!
//! Found by `strace -c`: a connection is `accept4`, `epoll_ctl`, `recv`, `send`, and at its end
//! `recv`, `getsockopt` and `close`; when we closed, `shutdown` before them, and a wait for the
//! peer's end. Whoever has asked for the end sends nothing more (RFC 9112 §9.6), so that no RST can
//! overtake the answer: without `shutdown` and its `recv` a connection costs 0.68 of what it did.
//! `getsockopt`, the kernel's last word for the ledger, remains; it does not know our FIN then. Of
//! our own 22,000 instructions (callgrind) 9,000 were the search for the route, as in
//! `benches/requests.rs`. `http` against nginx is 0.88 to 0.92, `websocket` against uWebSockets
//! 0.91 to 1.02; the first byte comes as soon from either.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench")]

mod across;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use across::{Load, Server, compare, connect, is_measured, stand_aside};

fn main() {
    stand_aside();
    let (ours, former) = (Server::ours(), Server::former());
    let nginx = is_measured().then(|| Server::nginx("", LOCATION)).flatten();
    let uws = is_measured().then(Server::uws).flatten();
    for (name, request, peer) in [("http", HTTP, &nginx), ("websocket", WEBSOCKET, &uws)] {
        let servers = [Some(&ours), former.as_ref(), peer.as_ref()].into_iter().flatten();
        let openings = |server: &Server| Openings { address: server.address, request };
        let mut sides: Vec<_> = servers.map(|server| (server, openings(server))).collect();
        for (server, cpu_ns) in compare(name, &mut sides) {
            println!("{name:<25} {server:<24} {:>9.0} per CPU second", 1e9 / cpu_ns);
        }
        for (server, openings) in &sides {
            let [half, most] = openings.first_byte_us();
            let server = server.name;
            println!("{name:<25} {server:<24} {half:>9.0} µs to the first byte, p99 {most:.0}");
        }
    }
}

/// Connections that come, ask, and go.
struct Openings {
    address: SocketAddr,
    request: &'static [u8],
}

impl Openings {
    fn open(&self) -> TcpStream {
        let mut connection = connect(self.address);
        connection.write_all(self.request).unwrap();
        connection
    }

    /// Median and 99th percentile, in microseconds.
    fn first_byte_us(&self) -> [f64; 2] {
        let tries = if is_measured() { 2_000 } else { 10 };
        let mut times: Vec<u128> = Vec::new();
        for _ in 0..tries {
            let began = Instant::now();
            let mut connection = self.open();
            connection.read_exact(&mut [0xa5]).unwrap();
            times.push(began.elapsed().as_nanos());
            finish(&mut connection);
        }
        times.sort_unstable();
        [50, 99].map(|percent| times[(times.len() - 1) * percent / 100] as f64 / 1_000.0)
    }
}

impl Load for Openings {
    fn round(&mut self) -> u64 {
        let mut connections: Vec<TcpStream> = (0..AT_ONCE).map(|_| self.open()).collect();
        connections.iter_mut().for_each(finish);
        AT_ONCE
    }
}

/// Reads what is answered: up to the end of the stream, or of the handshake.
fn finish(connection: &mut TcpStream) {
    let (mut bytes, mut count) = ([0xa5; 1_024], 0);
    loop {
        let read = connection.read(&mut bytes[count..]).unwrap();
        count += read;
        let is_open = bytes[..count].ends_with(b"\r\n\r\n");
        if read == 0 || is_open {
            assert!(count > 0, "no answer");
            return;
        }
    }
}

/// Connections that are there at once.
const AT_ONCE: u64 = 50;
const LOCATION: &str = "location = /healthz { add_header Cache-Control 'no-store'; \
                        add_header X-Content-Type-Options 'nosniff'; return 200 'ok\n'; }";
const HTTP: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const WEBSOCKET: &[u8] = b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                           Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
