//! A reactor that is turned by hand, and real sockets at its other end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use pushscope::engine::Config;
use pushscope::id::Kind;
use pushscope::limits::Limits;
use pushscope::reactor::Reactor;
use pushscope::statement::Statement;

use crate::support::{Answer, address, answers, masked, request};

/// A server, a channel with some messages, and a connection for everything else.
pub(crate) struct House {
    reactor: Reactor,
    address: SocketAddr,
    asking: TcpStream,
    /// The newest message's id.
    id: String,
}

/// A subscriber to the channel.
pub(crate) struct Subscriber {
    kind: Kind,
    stream: TcpStream,
    /// What its address ends with.
    query: &'static str,
}

impl House {
    pub(crate) fn new(limits: Limits) -> Self {
        let config = Config { limits, ..Config::default() };
        let reactor = Reactor::bind("127.0.0.1:0".parse().unwrap(), config).unwrap();
        let address = reactor.address().unwrap();
        let asking = connect(address);
        let mut house = Self { reactor, address, asking, id: String::new() };
        // From here on an id has two digits behind its epoch.
        (0..HISTORY).for_each(|_| house.publish("x"));
        house
    }

    /// Publishes text.
    pub(crate) fn publish(&mut self, text: &str) {
        let length = text.len();
        let head = format!("POST /c/{CHANNEL} HTTP/1.1\r\nHost: h\r\n");
        let answer = self.ask(&format!("{head}Content-Length: {length}\r\n\r\n{text}"));
        self.id = answer.id();
    }

    /// What the ledger says once everything that was said to the server has been heard.
    pub(crate) fn statement(&mut self) -> Statement {
        // Whoever came before this is let in by its turn, and heard by the next; what that has
        // produced is written when the turn is over.
        self.get("/livez");
        self.get("/livez");
        let statement: Statement = serde_json::from_slice(&self.get("/ledger").content).unwrap();
        assert!(statement.balances && statement.heap_counted);
        statement
    }

    fn get(&mut self, target: &str) -> Answer {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"))
    }

    fn ask(&mut self, request: &str) -> Answer {
        self.asking.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        for _ in 0..TURNS_MAX {
            self.turn();
            drain(&mut self.asking, &mut bytes);
            if let Some(answer) = answers(&bytes).pop().filter(|answer| answer.whole) {
                return answer;
            }
        }
        panic!("no answer to {request}");
    }

    fn turn(&mut self) {
        self.reactor.turn(Some(PATIENCE)).unwrap();
    }

    /// Somebody comes, and subscribes to what comes after the newest message.
    pub(crate) fn subscribe(&mut self, kind: Kind, query: &'static str) -> Subscriber {
        let mut subscriber = Subscriber { kind, stream: connect(self.address), query };
        self.ask_again(&mut subscriber);
        subscriber
    }

    /// The subscriber asks, for the first time or anew; only a long poll is not answered at once.
    pub(crate) fn ask_again(&mut self, subscriber: &mut Subscriber) {
        subscriber.ask(&self.id);
        if subscriber.kind != Kind::LongPoll {
            self.wait_for(subscriber, b"\r\n\r\n");
        }
    }

    /// A message is published and comes to the subscriber; a short poll asks for it, a long poll
    /// for the next one.
    pub(crate) fn deliver(&mut self, subscriber: &mut Subscriber, text: &str) {
        let since = self.id.clone();
        self.publish(text);
        if subscriber.kind == Kind::Poll {
            subscriber.ask(&since);
        }
        self.wait_for(subscriber, text.as_bytes());
        if subscriber.kind == Kind::LongPoll {
            self.ask_again(subscriber);
        }
    }

    /// Something must be said to the subscriber, who says what that makes necessary.
    pub(crate) fn wait_for_tick(&mut self, subscriber: &mut Subscriber) {
        self.wait_for(subscriber, b"");
        match subscriber.kind {
            Kind::LongPoll => self.ask_again(subscriber),
            Kind::WebSocket => subscriber.stream.write_all(&masked(PONG, b"")).unwrap(),
            Kind::Poll | Kind::Iframe | Kind::XhrStream | Kind::Sse => {}
        }
    }

    /// The subscriber leaves: a WebSocket says so, and awaits the answer.
    pub(crate) fn leave(&mut self, mut subscriber: Subscriber) {
        if subscriber.kind == Kind::WebSocket {
            subscriber.stream.write_all(&masked(CLOSE, &GOING_AWAY)).unwrap();
            self.wait_for(&mut subscriber, &GOING_AWAY);
        }
    }

    /// Turns until the subscriber has read something that contains these bytes.
    fn wait_for(&mut self, subscriber: &mut Subscriber, expected: &[u8]) {
        let mut bytes = Vec::new();
        for _ in 0..TURNS_MAX {
            drain(&mut subscriber.stream, &mut bytes);
            if !bytes.is_empty() && contains(&bytes, expected) {
                return;
            }
            self.turn();
        }
        panic!("{:?} waits for {:?}", subscriber.kind, expected.escape_ascii().to_string());
    }
}

impl Subscriber {
    fn ask(&mut self, since: &str) {
        let target = format!("{}?since={since}{}", address(self.kind, CHANNEL), self.query);
        self.stream.write_all(request(self.kind, &target).as_bytes()).unwrap();
    }
}

fn contains(bytes: &[u8], expected: &[u8]) -> bool {
    expected.is_empty() || bytes.windows(expected.len()).any(|found| found == expected)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads what is there.
fn drain(stream: &mut TcpStream, into: &mut Vec<u8>) {
    match stream.read_to_end(into) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => panic!("{error}"),
    }
}

/// The channel of all budgets.
pub(crate) const CHANNEL: &str = "news";
/// Messages that are there before anything is measured.
pub(crate) const HISTORY: usize = 10;
/// How long a turn may sleep: it is not told of deadlines.
const PATIENCE: Duration = Duration::from_millis(5);
/// Turns after which what is awaited will not come any more.
const TURNS_MAX: usize = 4_000;
/// First bytes of a client's frames: FIN and the opcode.
pub(crate) const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;
/// Status code 1001.
const GOING_AWAY: [u8; 2] = [0x03, 0xe9];
