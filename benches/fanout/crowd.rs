//! The subscribers of one side, in a process of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::across::cores;
use crate::across::talk::{connect, drain, get, handshake};
use crate::{Bound, Case, number};

/// They, seen from the server.
pub(crate) struct Crowd {
    _subscribers: Bound,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Crowd {
    /// Has everybody come, while the server does what lets them in.
    pub(crate) fn gather(
        address: SocketAddr,
        case: &Case,
        core: usize,
        mut serve: impl FnMut(),
    ) -> Self {
        let mut command = cores::this_program_on(core);
        command.arg("crowd").arg(address.to_string()).args(case.words());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut subscribers = Bound(child);
        let orders = subscribers.0.stdin.take().unwrap();
        let lines = BufReader::new(subscribers.0.stdout.take().unwrap()).lines();
        let (sender, answers) = mpsc::channel();
        // It ends with its orders.
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        while answers.try_recv().is_err() {
            serve();
        }
        Self { _subscribers: subscribers, orders, answers }
    }

    /// Has everybody read what has come; returns how many bytes the last of them has read.
    pub(crate) fn read(&mut self) -> usize {
        writeln!(self.orders).unwrap();
        number(&self.answers.recv().unwrap())
    }
}

/// The subscribers themselves: they come, and read when they are told to.
pub(crate) fn read(address: SocketAddr, case: &Case) {
    let request = match case.mechanism {
        "websocket" => handshake("/c/x/ws"),
        "sse" => get("/c/x/sse"),
        "xhr_stream" => get("/c/x/stream"),
        name => get(&format!("/c/x/{name}")),
    };
    let mut subscribers: Vec<TcpStream> =
        (0..case.subscribers).map(|_| subscribe(address, &request)).collect();
    println!("here");
    for _ in std::io::stdin().lines() {
        let mut last = 0;
        for subscriber in &mut subscribers {
            last = drain(subscriber);
            assert!(last >= case.bytes * case.in_flight, "a delivery is missing");
        }
        println!("{last}");
    }
}

fn subscribe(address: SocketAddr, request: &str) -> TcpStream {
    let mut subscriber = connect(address);
    subscriber.write_all(request.as_bytes()).unwrap();
    let mut status = [0xa5; 12];
    subscriber.read_exact(&mut status).unwrap();
    let accepted: [&[u8]; 2] = [b"HTTP/1.1 200", b"HTTP/1.1 101"];
    assert!(accepted.contains(&status.as_slice()), "{}", String::from_utf8_lossy(&status));
    subscriber.set_nonblocking(true).unwrap();
    subscriber
}
