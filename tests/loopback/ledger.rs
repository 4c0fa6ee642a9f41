//! The ledger of a real loop: the kernel is asked at the end of a turn, and whoever waits for that
//! wakes the loop by itself.

use std::time::Duration;

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::limits::Limits;
use pushscope::reactor::Reactor;
use pushscope::statement::{Account, Statement};

use crate::peer::{Peer, Response};
use crate::server::Server;

#[test]
fn questions_for_the_kernel_wait_for_nobody_else() {
    let server = Server::with(patient());
    for count in 1..=3 {
        let mut keeping = Peer::connect(server.address);
        keeping.say(get(KERNEL).repeat(count).as_bytes());
        let mut ending = Peer::connect(server.address);
        ending.say(get(KERNEL).repeat(count).as_bytes());
        ending.close_half();
        for peer in [&mut keeping, &mut ending] {
            for _ in 0..count {
                assert!(statement(&peer.response()).balances);
            }
        }
        assert_eq!(ending.rest(), b"", "an end behind {count} questions");
        assert_eq!(keeping.ask("/livez").text(), "ok\n");
    }
}

#[test]
fn a_question_for_the_kernel_behind_a_parked_one_wakes_the_loop() {
    let server = Server::with(patient());
    let mut peer = Peer::connect(server.address);
    peer.say((get("/c/parked/longpoll?timeout=1") + &get(KERNEL)).as_bytes());
    assert_eq!(peer.response().status, 304);
    assert!(sockets(&statement(&peer.response())).is_some_and(|sockets| sockets > 0));
}

#[test]
fn the_kernels_figures_are_for_those_who_ask_for_them() {
    let mut reactor = reactor();
    let address = reactor.address().unwrap();
    let mut peers = [Peer::connect(address), Peer::connect(address)];
    let _silent = Peer::connect(address);
    let _kept = Peer::connect(address);
    turn(&mut reactor);
    for asking in [0, 1, 0] {
        peers[asking].get(KERNEL);
        peers[1 - asking].get("/ledger");
        turn(&mut reactor);
        let told = statement(&peers[asking].response());
        let unasked = told.unasked.kernel_open.map_or(0, |kernel| kernel.sockets);
        assert_eq!(sockets(&told).map(|sockets| sockets + unasked), Some(4), "{told:?}");
        assert_eq!(unasked, told.unasked.connections);
        let plain = statement(&peers[1 - asking].response());
        assert!(plain.accounts.iter().all(|account| account.kernel_open.is_none()), "{plain:?}");
    }
}

#[test]
fn the_calls_of_a_connection_are_its_first_owners() {
    let mut reactor = reactor();
    let address = reactor.address().unwrap();
    let mut asking = Peer::connect(address);
    let mut coming = Peer::connect(address);
    turn(&mut reactor);
    let mut before = ask(&mut reactor, &mut asking, "/ledger");
    assert_eq!(sum(&before, "accept"), 1, "who has not asked yet is on nobody's account");
    assert_eq!(sum(&before, "epoll_ctl"), 1, "{before:?}");
    for (owner, text, expected) in [
        ("sse", &b"GET /c/calls/sse HTTP/1.1\r\nHo"[..], [0, 0, 0, 0]),
        ("sse", b"st: localhost\r\n\r\n", [1, 1, 2, 1]),
        ("sse", b"what a stream ignores", [0, 0, 1, 0]),
    ] {
        coming.say(text);
        turn(&mut reactor);
        let gain = ask(&mut reactor, &mut asking, &format!("/ledger?since={}", before.snapshot));
        let names = ["accept", "epoll_ctl", "read", "writev"];
        let account = gain.account(owner).unwrap();
        assert_eq!(names.map(|name| call(account, name)), expected, "{account:?}");
        let others = |account: &&Account| ![owner, "request", "loop"].contains(&&*account.owner);
        for other in gain.accounts.iter().filter(others) {
            assert_eq!(other.calls_total(), 0, "{other:?}");
        }
        before = gain;
    }
}

/// No deadline of a connection wakes the loop while a test waits for it.
fn patient() -> Limits {
    let us = 3_600 * SECOND_US;
    Limits { head_us_max: us, keep_alive_us_max: us, ..Limits::default() }
}

fn reactor() -> Reactor {
    let config = Config { limits: patient(), ..Config::default() };
    Reactor::bind("127.0.0.1:0".parse().unwrap(), config).unwrap()
}

/// One turn, for which there is something to do.
fn turn(reactor: &mut Reactor) {
    reactor.turn(Some(LONG)).unwrap();
}

fn ask(reactor: &mut Reactor, peer: &mut Peer, target: &str) -> Statement {
    peer.get(target);
    turn(reactor);
    statement(&peer.response())
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn statement(response: &Response) -> Statement {
    serde_json::from_slice(&response.content)
        .unwrap_or_else(|error| panic!("{error}: {response:?}"))
}

/// How many sockets the kernel was asked about, if it was.
fn sockets(statement: &Statement) -> Option<u64> {
    let kernels = statement.accounts.iter().map(|account| account.kernel_open);
    kernels.map(|kernel| kernel.map(|kernel| kernel.sockets)).sum()
}

fn sum(statement: &Statement, name: &str) -> u64 {
    statement.accounts.iter().map(|account| call(account, name)).sum()
}

fn call(account: &Account, name: &str) -> u64 {
    account.calls.get(name).copied().unwrap_or(0)
}

/// A statement that takes the kernel's word, too.
const KERNEL: &str = "/ledger?kernel=1";
/// How long a turn may sleep that has something to do.
const LONG: Duration = Duration::from_secs(10);
