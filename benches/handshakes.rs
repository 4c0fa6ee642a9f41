//! What does it cost the server to take a connection in, to answer its first request and to let
//! it go; and when has the client the first byte?
//!
//! Unit: CPU time of the server per connection, 50 at a time, and its inverse; then, one connection
//! after the other, the time from `connect` until the first byte is read. It is not how many a
//! core could take in a second: over loopback SYN, its answer, and the making of the accepted
//! socket are the work of the client's core, for either server; over a network they are the
//! server's. `http` is `GET /healthz` with `Connection: close`, beside nginx;
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
//! `benches/requests.rs`. `http` against nginx is 0.88 to 1.00, `websocket` against uWebSockets
//! 0.91 to 1.02; the first byte comes as soon from either.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench")]

mod across;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use across::cores::stand_aside;
use across::server::Server;
use across::talk::{connect, handshake};
use across::{Load, compare, is_measured};

fn main() {
    stand_aside();
    let (ours, former) = (Server::ours(), Server::former());
    let nginx = is_measured().then(|| Server::nginx("", LOCATION)).flatten();
    let uws = is_measured().then(Server::uws).flatten();
    let http = Exchange {
        request: "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(),
        begin: "HTTP/1.1 200 ",
        end: "\r\n\r\nok\n",
        ends: End::Server,
    };
    let websocket = Exchange {
        request: handshake("/echo"),
        begin: "HTTP/1.1 101 ",
        end: "\r\n\r\n",
        ends: End::Client,
    };
    for (name, exchange, peer) in [("http", &http, &nginx), ("websocket", &websocket, &uws)] {
        let servers = [Some(&ours), former.as_ref(), peer.as_ref()].into_iter().flatten();
        let openings = |server: &Server| Openings { address: server.address, exchange };
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

/// What is asked on a connection, and answered.
struct Exchange {
    request: String,
    /// How the answer begins and ends.
    begin: &'static str,
    end: &'static str,
    /// Who ends the connection behind it.
    ends: End,
}

enum End {
    Server,
    Client,
}

/// Connections that come, ask, and go.
struct Openings<'e> {
    address: SocketAddr,
    exchange: &'e Exchange,
}

impl Openings<'_> {
    fn open(&self) -> TcpStream {
        let mut connection = connect(self.address);
        connection.write_all(self.exchange.request.as_bytes()).unwrap();
        connection
    }

    /// Reads what is answered: up to the end of the stream, or of the handshake.
    fn finish(&self, connection: &mut TcpStream, before: &[u8]) {
        let Exchange { begin, end, ends, .. } = self.exchange;
        let mut heard = before.to_vec();
        let mut bytes = [0xa5; 1_024];
        loop {
            let count = connection.read(&mut bytes).unwrap();
            heard.extend_from_slice(&bytes[..count]);
            let is_whole = heard.starts_with(begin.as_bytes()) && heard.ends_with(end.as_bytes());
            if count == 0 || (is_whole && matches!(ends, End::Client)) {
                assert!(is_whole, "{:?}", String::from_utf8_lossy(&heard));
                return;
            }
        }
    }

    /// Median and 99th percentile, in microseconds.
    fn first_byte_us(&self) -> [f64; 2] {
        let tries = if is_measured() { 2_000 } else { 10 };
        let mut times: Vec<u128> = Vec::new();
        for _ in 0..tries {
            let began = Instant::now();
            let mut connection = self.open();
            let mut first = [0xa5];
            connection.read_exact(&mut first).unwrap();
            times.push(began.elapsed().as_nanos());
            self.finish(&mut connection, &first);
        }
        times.sort_unstable();
        [50, 99].map(|percent| times[(times.len() - 1) * percent / 100] as f64 / 1_000.0)
    }
}

impl Load for Openings<'_> {
    fn round(&mut self) -> u64 {
        let mut connections: Vec<TcpStream> = (0..AT_ONCE).map(|_| self.open()).collect();
        connections.iter_mut().for_each(|connection| self.finish(connection, &[]));
        drop(connections);
        // Who comes behind them is answered when they have gone: their ends are of this round.
        self.finish(&mut self.open(), &[]);
        AT_ONCE + 1
    }
}

/// Connections that are there at once.
const AT_ONCE: u64 = 50;
const LOCATION: &str = "location = /healthz { add_header Cache-Control 'no-store'; \
                        add_header X-Content-Type-Options 'nosniff'; return 200 'ok\n'; }";
