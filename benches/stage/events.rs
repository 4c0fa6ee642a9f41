//! Something that happens in a turn of its own, while everybody else is idle.

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::id::Token;
use pushscope::ledger::meter::Gauge;

use super::{LONG_POLL, MESSAGE, POLL, SSE, Server, WEBSOCKET, masked};

/// What happens, again and again, once it is prepared.
pub(crate) type Event = Box<dyn FnMut(&mut Server)>;

/// How it is prepared: on a server, with its idle connections.
pub(crate) type Prepare = fn(&mut Server, &[Token]) -> Event;

/// A server with so many idle connections: WebSockets that await their next ping.
pub(crate) fn idle(count: usize, gauge: Gauge) -> (Server, Vec<Token>) {
    let mut config = Config::default();
    // Deadlines that are there, and do not come up.
    config.limits.ping_us = 10 * YEAR_US;
    config.limits.heartbeat_us = 10 * YEAR_US;
    let mut server = Server::new(config, gauge);
    let idle = server.crowd(count, &WEBSOCKET.replace("/c/x/", "/c/idle/"));
    (server, idle)
}

/// Nothing.
pub(crate) fn nothing(_: &mut Server, _: &[Token]) -> Event {
    Box::new(|server| assert_eq!(server.pass(1), 0))
}

/// A message to one subscriber.
pub(crate) fn message(server: &mut Server, _: &[Token]) -> Event {
    server.connect(SSE);
    Box::new(|server| assert!(server.publish("x", MESSAGE, 1) > MESSAGE.len()))
}

/// A ping, each time of the same peer.
pub(crate) fn ping(server: &mut Server, _: &[Token]) -> Event {
    let peer = server.connect(WEBSOCKET);
    let ping = masked(9, b"now");
    Box::new(move |server| assert_eq!(server.hear(peer, &ping), 5))
}

/// A ping, each time of another peer: what it touches was not touched for as long as it takes all
/// others to speak.
pub(crate) fn ping_of_another(_: &mut Server, idle: &[Token]) -> Event {
    let ping = masked(9, b"now");
    let idle = idle.to_vec();
    let mut next = 0;
    Box::new(move |server| {
        // A prime: neighbours in memory do not speak one after the other.
        next = (next + 7_919) % idle.len();
        assert_eq!(server.hear(idle[next], &ping), 5);
    })
}

/// A short poll that finds nothing new.
pub(crate) fn poll(server: &mut Server, _: &[Token]) -> Event {
    let peer = server.connect(POLL);
    Box::new(move |server| assert!(server.hear(peer, POLL.as_bytes()) > 0))
}

/// A long poll, parked until its deadline.
pub(crate) fn park(server: &mut Server, _: &[Token]) -> Event {
    let request = LONG_POLL.replace("longpoll", "longpoll?timeout=1");
    let peer = server.connect(&request);
    Box::new(move |server| {
        assert!(server.pass(SECOND_US) > 0);
        assert_eq!(server.hear(peer, request.as_bytes()), 0);
    })
}

/// A connection that asks once, from its opening to its close.
pub(crate) fn connection(_: &mut Server, _: &[Token]) -> Event {
    Box::new(|server| {
        let peer = server.connect(POLL);
        server.leave(peer);
    })
}

const YEAR_US: u64 = 365 * 24 * 3_600 * SECOND_US;
