//! Obligations about the end: of the server, of a channel.

use pushscope::cost::Kernel;
use pushscope::id::Kind;
use pushscope::statement::{Account, Statement};

use crate::ledger::get;
use crate::support::{Client, Seen, World, address, answers, request};

pub(crate) fn drain(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    world.drain();
    let seen = client.hear(&mut world).seen.clone();
    match kind {
        Kind::Poll => panic!("answers at once"),
        Kind::LongPoll => {
            let answer = client.answer(&world);
            assert_eq!((answer.status, answer.reason().as_str()), (503, "draining"));
            assert_eq!(answer.field("Retry-After"), Some("3"));
            assert_eq!(answer.field("Connection"), Some("close"));
        }
        Kind::Iframe => assert_eq!(seen, [end("drain"), end("last chunk")]),
        Kind::XhrStream => {
            assert_eq!(seen, [end("drain"), end("last chunk")]);
            let said = String::from_utf8_lossy(world.said(&client.name)).into_owned();
            assert!(said.contains(r#"{"end":"drain","retry":3000}"#));
        }
        Kind::Sse => assert_eq!(seen, [end("retry: 3000")]),
        Kind::WebSocket => {
            assert_eq!(seen, [end("1001")]);
            assert!(!world.is_over(&client.name), "the peer's half of the handshake is awaited");
            world.tell(&client.name, [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
        }
    }
    assert!(world.is_over(&client.name));
    assert_eq!(world.subscribers("news"), 0);
    world.sweep_all();
}

/// Who has no cursor of its own is told one.
#[test]
fn everybody_is_told_where_to_resume() {
    let mut world = World::new();
    world.tell("bare", request(Kind::WebSocket, "/c/news/ws"));
    world.tell("echo", request(Kind::WebSocket, "/echo"));
    let id = world.publish("news", "x").id();
    world.tell("poll", request(Kind::LongPoll, "/c/news/longpoll"));
    world.tell("article", request(Kind::LongPoll, "/polling/watch/news"));
    world.drain();
    for name in ["poll", "article"] {
        let answer = answers(world.said(name)).remove(0);
        assert_eq!(answer.status, 503);
        assert_eq!(answer.field("ETag"), Some(&*format!("\"{id}\"")), "{name}");
    }
    let words = format!("\u{3}\u{fffd}the server is restarting; since={id}");
    assert!(String::from_utf8_lossy(world.said("bare")).ends_with(&words));
    assert!(world.said("echo").ends_with(b"the server is restarting"));
}

pub(crate) fn deleted(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    client.hear(&mut world);
    let answer = world.ask("DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((answer.status, answer.json()["deleted"].as_bool()), (200, Some(true)));
    let last = client.hear(&mut world).seen.clone();
    match kind {
        Kind::Poll => panic!("answers at once"),
        Kind::LongPoll => {
            let gone = answers(world.said(&client.name)).pop().expect("an answer");
            assert_eq!((gone.status, gone.reason().as_str()), (410, "channel_deleted"));
            assert!(!world.is_over(&client.name));
        }
        Kind::Iframe | Kind::XhrStream => assert_eq!(last, [end("deleted"), end("last chunk")]),
        Kind::Sse => assert_eq!(last, [end("the channel was deleted")]),
        Kind::WebSocket => assert_eq!(last, [end("1000")]),
    }
    assert_eq!(world.get("/c/news").json()["messages"], 0);
    let again = world.ask("DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((again.status, again.reason().as_str()), (404, "channel_unknown"));
    assert_eq!(world.online(kind), u64::from(kind == Kind::WebSocket), "a WebSocket is closing");
    world.advance(10_000_000);
    assert_eq!(world.online(kind), 0);
}

pub(crate) fn refuses_while_draining(kind: Kind) {
    let mut world = World::new();
    world.drain();
    let answer = world.ask(request(kind, &address(kind, "news")));
    assert_eq!((answer.status, answer.reason().as_str()), (503, "draining"));
    assert_eq!(answer.field("Retry-After"), Some("3"));
    assert_eq!(answer.field("Connection"), Some("close"));
}

#[test]
fn what_is_under_way_is_answered_and_says_that_the_connection_ends() {
    let mut world = World::new();
    world.tell("content", "POST /message/read/c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    world.tell("head", "GET /c/news HTTP/1.1\r\nHost: h\r\n");
    world.tell("idle", "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    world.drain();
    assert!(world.is_over("idle") && !world.is_over("content") && !world.is_over("head"));
    world.tell("content", "bc");
    world.tell("head", "\r\n");
    for name in ["content", "head"] {
        let answer = answers(world.said(name)).remove(0);
        assert_eq!((answer.status, answer.field("Connection")), (200, Some("close")), "{name}");
        assert!(world.is_over(name), "{name}");
    }
    assert_eq!(world.get("/livez").status, 200);
    assert_eq!(world.get("/readyz").status, 503);
}

#[test]
fn the_kernel_is_asked_although_the_server_is_told_to_leave_meanwhile() {
    let mut world = World::new();
    world.enter("asking");
    let token = world.token("asking");
    // Of one turn: the question, the end, and the kernel's word.
    world.give(token, get("/ledger?kernel=1").as_bytes());
    world.engine.drain();
    assert!(world.engine.inquires(), "it is answered without the kernel");
    world.engine.witness_open(token, Kernel { sockets: 1, ..Kernel::default() }, None);
    world.turn();
    let answer = answers(world.said("asking")).remove(0);
    assert_eq!((answer.status, answer.field("Connection")), (200, Some("close")));
    let statement: Statement = serde_json::from_slice(&answer.content).unwrap();
    let sockets = |account: &Account| account.kernel_open.map(|kernel| kernel.sockets);
    assert_eq!(statement.account("request").and_then(sockets), Some(1), "{statement:?}");
}

/// Nobody would hear it: who said goodbye to its subscribers does not acknowledge a message.
#[test]
fn nothing_is_acknowledged_behind_the_goodbyes() {
    let mut world = World::new();
    world.tell("content", "POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    world.drain();
    world.tell("content", "bc");
    for answer in [answers(world.said("content")).remove(0), world.publish("news", "abc")] {
        assert_eq!((answer.status, answer.reason().as_str()), (503, "draining"));
        assert_eq!(answer.field("Retry-After"), Some("3"));
    }
    assert_eq!(world.get("/c/news").json()["messages"], 0);
}

fn end(reason: &str) -> Seen {
    Seen::End(reason.to_owned())
}
