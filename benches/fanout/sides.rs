//! The two that hand over: ours, and the least there is to do.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use pushscope::engine::Config;
use pushscope::listener::{Accepted, Listener};
use pushscope::reactor::Reactor;
use pushscope::sys;

use crate::across::talk::{connect, drain};
use crate::crowd::Crowd;
use crate::{Case, number};

/// Something that can be told to hand over.
pub(crate) trait FanOut {
    /// Hands over once.
    fn fan_out(&mut self) -> Spent;
    /// Its readers.
    fn crowd(&mut self) -> &mut Crowd;
}

/// What a fan-out has taken of this process, in nanoseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    cpu: u64,
    wall: u64,
}

impl Spent {
    fn by(work: impl FnOnce()) -> Self {
        let (began, before) = (Instant::now(), sys::process_cpu_ns());
        work();
        let cpu = sys::process_cpu_ns() - before;
        Self { cpu, wall: u64::try_from(began.elapsed().as_nanos()).unwrap() }
    }
}

/// Says how many bytes a subscriber gets at a time, then works as it is told.
pub(crate) fn play(mut side: impl FanOut) {
    // With the first of them comes what is said at the beginning.
    side.fan_out();
    side.crowd().read();
    side.fan_out();
    println!("{}", side.crowd().read());
    for line in std::io::stdin().lines() {
        let mut all = Spent::default();
        for _ in 0..number(&line.unwrap()) {
            let spent = side.fan_out();
            all = Spent { cpu: all.cpu + spent.cpu, wall: all.wall + spent.wall };
            side.crowd().read();
        }
        println!("{}\n{}", all.cpu, all.wall);
    }
}

/// The server under test, driven turn by turn on this thread.
pub(crate) struct Ours {
    reactor: Reactor,
    publisher: std::net::TcpStream,
    requests: Vec<u8>,
    crowd: Crowd,
}

impl Ours {
    pub(crate) fn open(case: &Case, core: usize) -> Self {
        let mut reactor = Reactor::bind(anywhere(), Config::default()).unwrap();
        let address = reactor.address().unwrap();
        let crowd = Crowd::gather(address, case, core, || turn(&mut reactor));
        let publisher = connect(address);
        publisher.set_nonblocking(true).unwrap();
        turn(&mut reactor);
        let (length, message) = (case.bytes, "x".repeat(case.bytes));
        let request =
            format!("POST /c/x HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{message}");
        Self { reactor, publisher, requests: request.repeat(case.in_flight).into_bytes(), crowd }
    }
}

impl FanOut for Ours {
    fn fan_out(&mut self) -> Spent {
        self.publisher.write_all(&self.requests).unwrap();
        let spent = Spent::by(|| turn(&mut self.reactor));
        assert!(drain(&mut self.publisher) > 0, "the publisher was not answered in this turn");
        spent
    }

    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }
}

fn turn(reactor: &mut Reactor) {
    reactor.turn(Some(PATIENCE)).unwrap();
}

/// The least there is to do: one `send` per subscriber, on sockets like ours.
pub(crate) struct Limit {
    frames: Vec<u8>,
    sockets: Vec<TcpStream>,
    crowd: Crowd,
    /// It watches them, as ours is watched; nobody asks it.
    _poll: Poll,
}

impl Limit {
    pub(crate) fn open(case: &Case, core: usize, frames_bytes: usize) -> Self {
        let mut listener = Listener::bind(anywhere()).unwrap();
        let address = listener.address().unwrap();
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(1_024));
        poll.registry().register(listener.source(), LISTENER, Interest::READABLE).unwrap();
        let mut sockets: Vec<TcpStream> = Vec::new();
        let crowd = Crowd::gather(address, case, core, || {
            poll.poll(&mut events, Some(PATIENCE)).unwrap();
            while let Accepted::Stream(mut socket, _) = listener.accept() {
                let interest = Interest::READABLE | Interest::WRITABLE;
                let token = Token(sockets.len());
                poll.registry().register(&mut socket, token, interest).unwrap();
                sockets.push(socket);
            }
            for event in events.iter().filter(|event| event.is_readable()) {
                if let Some(socket) = sockets.get_mut(event.token().0) {
                    answer(socket);
                }
            }
        });
        Self { frames: vec![b'x'; frames_bytes], sockets, crowd, _poll: poll }
    }
}

impl FanOut for Limit {
    fn fan_out(&mut self) -> Spent {
        Spent::by(|| {
            // Ours takes them from a stack: memory that a fan-out has left in the cache is found
            // there by whoever goes the other way.
            for socket in self.sockets.iter_mut().rev() {
                assert_eq!(socket.write(&self.frames).unwrap(), self.frames.len());
            }
        })
    }

    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }
}

/// Reads a request, whatever it asks for.
fn answer(socket: &mut TcpStream) {
    assert!(socket.read(&mut [0xa5; 4 * 1024]).unwrap() > 0, "a connection was closed");
    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
}

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

const LISTENER: Token = Token(usize::MAX);
/// How long a turn awaits an event.
const PATIENCE: Duration = Duration::from_millis(10);
