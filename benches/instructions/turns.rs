//! The cases of the engine: one operation is a delivery, a request or an echo, in a turn of the
//! loop, whose sockets take everything.

use std::sync::atomic::{AtomicU64, Ordering};

use pushscope::engine::Config;
use pushscope::ledger::meter::Gauge;
use pushscope::sys;

use crate::stage::events::{self, Prepare};
use crate::stage::{IFRAME, LONG_POLL, MESSAGE, SSE, Server, WEBSOCKET, XHR_STREAM, masked};
use crate::{Case, Operation};

/// Every case.
pub(crate) const CASES: &[Case] = &[
    Case::of("connection, opened and closed, 10 idle", || among(10, events::connection)),
    Case::of("connection, opened and closed, 10000 idle", || among(MANY, events::connection)),
    Case::of("echo, websocket, 16 B", || echo(16)),
    Case::of("echo, websocket, 16 KiB", || echo(16 * 1024)),
    Case::fan_out("fan-out, iframe", 1, || fan_out(IFRAME, 1)),
    Case::fan_out("fan-out, long poll, and the next question", 1, fan_out_to_long_polls),
    Case::fan_out("fan-out, poll: a question each", 1, fan_out_to_polls),
    Case::fan_out("fan-out, sse", 1, || fan_out(SSE, 1)),
    Case::fan_out("fan-out, sse, sixteen at once", 16, || fan_out(SSE, 16)),
    Case::fan_out("fan-out, websocket", 1, || fan_out(WEBSOCKET, 1)),
    Case::fan_out("fan-out, websocket, sixteen at once", 16, || fan_out(WEBSOCKET, 16)),
    Case::fan_out("fan-out, xhr stream", 1, || fan_out(XHR_STREAM, 1)),
    Case::of("long poll, until its deadline, 10 idle", || among(10, events::park)),
    Case::of("long poll, until its deadline, 10000 idle", || among(MANY, events::park)),
    Case::of("message to one, 10 idle", || among(10, events::message)),
    Case::of("message to one, 10000 idle", || among(MANY, events::message)),
    Case::of("ping, 10 idle", || among(10, events::ping)),
    Case::of("ping, 10000 idle", || among(MANY, events::ping)),
    Case::of("publish, over HTTP, to nobody", publish),
    Case::of("request, GET /healthz", || request(HEALTH)),
    Case::of("request, GET /healthz, sixteen pipelined", || request_pipelined(HEALTH)),
    Case::of("short poll, 10 idle", || among(10, events::poll)),
    Case::of("short poll, 10000 idle", || among(MANY, events::poll)),
    Case::of("turn of nothing", || among(10, events::nothing)),
];

/// Subscribers of a fan-out.
pub(crate) const SUBSCRIBERS: usize = 1_000;

fn fan_out(request: &str, in_flight: usize) -> Operation {
    let mut server = server();
    server.crowd(SUBSCRIBERS, request);
    Box::new(move || {
        let taken = server.publish("x", MESSAGE, in_flight);
        assert!(taken > SUBSCRIBERS * in_flight * MESSAGE.len());
    })
}

fn fan_out_to_long_polls() -> Operation {
    let mut server = server();
    let askers = server.crowd(SUBSCRIBERS, LONG_POLL);
    Box::new(move || {
        assert!(server.publish("x", MESSAGE, 1) > SUBSCRIBERS * MESSAGE.len());
        assert_eq!(server.hear_all(&askers, LONG_POLL.as_bytes()), 0);
    })
}

fn fan_out_to_polls() -> Operation {
    let mut server = server();
    server.publish("x", MESSAGE, 1);
    let askers = server.crowd(SUBSCRIBERS, POLL_ALL);
    Box::new(move || {
        let taken = server.hear_all(&askers, POLL_ALL.as_bytes());
        assert!(taken > SUBSCRIBERS * MESSAGE.len());
    })
}

/// What is to cost the same, whoever else is there.
fn among(count: usize, prepare: Prepare) -> Operation {
    let (mut server, idle) = events::idle(count, CLOCKS);
    let mut event = prepare(&mut server, &idle);
    Box::new(move || event(&mut server))
}

fn echo(bytes: usize) -> Operation {
    let mut server = server();
    let peer = server.connect(&WEBSOCKET.replace("/c/x/ws", "/echo"));
    let frame = masked(2, &vec![b'x'; bytes]);
    // What the reactor reads at once is no more than that.
    Box::new(move || assert!(server.hear(peer, &frame) > bytes))
}

fn request(request: &'static str) -> Operation {
    let mut server = server();
    let peer = server.connect(request);
    Box::new(move || assert!(server.hear(peer, request.as_bytes()) > 0))
}

fn request_pipelined(request: &str) -> Operation {
    let mut server = server();
    let peer = server.connect(request);
    let requests = request.repeat(16);
    Box::new(move || assert!(server.hear(peer, requests.as_bytes()) > 0))
}

fn publish() -> Operation {
    let length = MESSAGE.len();
    let request =
        format!("POST /c/x HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{MESSAGE}");
    let mut server = server();
    let peer = server.connect(&request);
    Box::new(move || assert!(server.hear(peer, request.as_bytes()) > 0))
}

fn server() -> Server {
    Server::new(Config::default(), CLOCKS)
}

/// Clocks that tell the same in every run: each look takes a tenth of a microsecond.
const CLOCKS: Gauge = Gauge { time_ns: look, cpu_ns: look, heap: sys::heap };

static NS: AtomicU64 = AtomicU64::new(0);

fn look() -> u64 {
    NS.fetch_add(100, Ordering::Relaxed)
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
/// Who is idle where it must not matter.
const MANY: usize = 10_000;
const POLL_ALL: &str = "GET /c/x/poll?since=all HTTP/1.1\r\nHost: x\r\n\r\n";
