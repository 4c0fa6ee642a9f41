//! Double entry: whatever happens, and whenever somebody asks, every account balances.

use pushscope::id::Kind;

use crate::auditor::{Auditor, account};
use crate::line::{Line, eventually};
use crate::server::Server;
use crate::story::{self, Publisher, is_stream};
use crate::subscriber::Subscriber;

/// The auditor checks every statement that it is given.
#[test]
fn every_account_balances_at_every_moment() {
    let server = Server::start(story::limits());
    let mut auditor = Auditor::connect(server.address);
    let mut earlier = auditor.statement();
    let mut hesitant = Auditor::connect(server.address);
    // Who has never asked for anything is on nobody's account.
    hesitant.statement();
    let streams: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| is_stream(*kind)).collect();
    let slow: Vec<Subscriber> = streams
        .iter()
        .map(|kind| Subscriber::on(Line::connect_narrow(server.address), *kind, "flood"))
        .collect();
    let mut publisher = Publisher::connect(server.address);

    // Their queues fill up, until each of them is thrown away with what is in it.
    let large = "x".repeat(48 * 1024);
    eventually("slow readers are thrown away", || {
        publisher.publish("flood", &large);
        let statement = auditor.statement();
        let since = auditor.since(&earlier);
        assert_eq!(since.since.as_ref(), Some(&earlier.snapshot));
        let gone = |kind: &Kind| account(&statement, kind.name()).open == 0;
        let is_over = streams.iter().all(gone);
        earlier = statement;
        is_over
    });
    for kind in &streams {
        let sent = &account(&earlier, kind.name()).sent;
        assert!(sent.dropped > 0, "{}: {sent:?}", kind.name());
    }
    slow.into_iter().for_each(|one| one.into_line().until_thrown_away());

    // Some go in the middle of it, and others in the middle of a request.
    for kind in Kind::ALL {
        let one = Subscriber::open(server.address, kind, "room");
        auditor.since(&earlier);
        one.into_line().reset();
        auditor.statement();
    }
    let mut half = Line::connect(server.address);
    half.say(b"POST /c/room HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
    eventually("everybody has left", || {
        let statement = auditor.statement();
        Kind::ALL.iter().all(|kind| account(&statement, kind.name()).open == 0)
    });
    half.reset();

    // Everybody is told goodbye, but for who is in the middle of a question.
    let staying = Kind::ALL.map(|kind| Subscriber::open(server.address, kind, "room"));
    hesitant.hesitate();
    eventually("the hesitant one is heard", || {
        account(&auditor.statement(), "request").received.waiting > 0
    });
    server.drain();
    let mut staying: Vec<Subscriber> = staying.into();
    let told = staying.iter_mut().find(|one| one.kind == Kind::Sse).unwrap();
    told.hear("retry: 3000\n\n");
    hesitant.go_on();
    staying.into_iter().for_each(|one| one.into_line().until_thrown_away());
}
