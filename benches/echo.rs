//! What does it cost the server to send a WebSocket message back, beside the fastest server that
//! can be installed, and beside a loop that reads and writes as many bytes and looks at none?
//!
//! Unit: CPU time of the server per echo, with 100 connections that have one message each under
//! way. 16 bytes are all overhead; 16 KiB show how often a payload is copied, and whether it is
//! still in the cache when it leaves. Messages are binary: nobody looks for UTF-8.
//!
//! The peer is uWebSockets as PyPI's `socketify` ships it, called by `benches/peers/uws_echo.c`.
//!
//! ```text
//! pip download --no-deps -d target/uws socketify==0.0.31
//! unzip -o -d target/uws target/uws/socketify-*.whl
//! gcc -O2 -o target/uws/echo benches/peers/uws_echo.c target/uws/socketify/*_linux_amd64.so
//! cargo bench --bench echo
//! ```
//!
//! Found by `strace -c`: an echo is one `recv` and one `writev`, and at 16 KiB it used to be 1.3
//! `brk` besides. All echoes of a turn lay on the heap until its end, 1.6 MB of them; the allocator
//! gave that back to the kernel and asked for it again in every turn, and the kernel cleared each
//! page of it anew. Now an answer that is long leaves before others are read
//! (`limits::QUEUE_BYTES_WARM`): its buffer is in the cache still, and is the next one's, too: 0.38
//! of what it was. How many instructions of our own are around an echo stands in
//! `benches/instructions.txt`; two allocations are among them.
//!
//! | | against uWebSockets | against the limit |
//! |---|---|---|
//! | 16 bytes | 0.78–1.09 | 0.87–1.05 |
//! | 16 KiB | 1.02–1.12 | 1.17–1.42 |
//!
//! What remains: the payload is copied once out of the read buffer, which all connections share,
//! and unmasked in the copy; uWebSockets unmasks where it has read and sends from there. The copy
//! is what lets a message wait for a slow reader without a second path.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench")]

mod across;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use across::cores::{pinned, stand_aside};
use across::server::Server;
use across::talk::{KEY, connect, frame, free, handshake, read_head};
use across::{Expected, Lockstep, compare, is_measured};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use pushscope::wire::ws_frame::Opcode;

fn main() {
    if let Some(address) = std::env::args().skip_while(|argument| argument != "--limit").nth(1) {
        return limit(address.parse().unwrap());
    }
    stand_aside();
    let (ours, former) = (Server::ours(), Server::former());
    let address = free();
    let mut command = pinned(std::env::current_exe().unwrap());
    command.args(["--limit", &address.to_string()]);
    let least = Server::peer("limit", command, address);
    let uws = is_measured().then(Server::uws).flatten();
    for size in [16, 16 * 1024] {
        let servers =
            [Some(&ours), former.as_ref(), uws.as_ref(), least.as_ref()].into_iter().flatten();
        let mut sides: Vec<_> = servers.map(|server| (server, load(server, size))).collect();
        compare(&format!("echo of {size} bytes"), &mut sides);
    }
}

/// Connections that have every message echoed; the limit knows no handshake, and no frames.
fn load(server: &Server, size: usize) -> Lockstep {
    let payload = vec![b'x'; size];
    let request = frame(Opcode::Binary, &payload, KEY);
    let answer = if server.name == "limit" {
        request.clone()
    } else {
        frame(Opcode::Binary, &payload, None)
    };
    let open = || {
        let mut connection = connect(server.address);
        if server.name != "limit" {
            connection.write_all(handshake("/echo").as_bytes()).unwrap();
            assert!(read_head(&mut connection).starts_with("HTTP/1.1 101"));
        }
        connection
    };
    let mut connections: Vec<TcpStream> = (0..CONNECTIONS).map(|_| open()).collect();
    let mut echoed = vec![0xa5; answer.len()];
    connections[0].write_all(&request).unwrap();
    connections[0].read_exact(&mut echoed).unwrap();
    assert!(echoed == answer, "{} says something else", server.name);
    let answer = Expected { bytes: answer.len(), end: Vec::new(), begin: answer };
    Lockstep { connections, requests: request, answers: 1, answer }
}

/// The least there is to do: what comes is sent back, whatever it is.
fn limit(address: SocketAddr) {
    let mut poll = Poll::new().unwrap();
    let mut listener = TcpListener::bind(address).unwrap();
    poll.registry().register(&mut listener, Token(usize::MAX), Interest::READABLE).unwrap();
    let (mut events, mut streams) = (Events::with_capacity(1_024), Vec::new());
    let mut bytes = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None).unwrap();
        while let Ok((mut stream, _)) = listener.accept() {
            let token = Token(streams.len());
            poll.registry().register(&mut stream, token, Interest::READABLE).unwrap();
            streams.push(stream);
        }
        for event in &events {
            let Some(stream) = streams.get_mut(event.token().0) else { continue };
            match stream.read(&mut bytes) {
                Ok(count) => stream.write_all(&bytes[..count]).unwrap(),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }
}

/// Connections that have a message under way.
const CONNECTIONS: usize = 100;
