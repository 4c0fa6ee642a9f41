//! What only all loops together can answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use pushscope::id::{Id, Kind};
use pushscope::limits;
use pushscope::statement::{Account, Receipt, Statement};
use serde_json::Value;

use crate::support::{Answer, Client, World, answers, masked, request};
use crate::town::Town;

/// Asks a loop, and lets all of them go on until it has answered.
fn asked(town: &mut Town, number: usize, target: &str) -> Answer {
    let name = ask(&mut town.worlds[number], target);
    for _ in 0..ROUNDS {
        town.settle();
    }
    answer(&town.worlds[number], &name).unwrap_or_else(|| panic!("{target} is not answered"))
}

fn ask(world: &mut World, target: &str) -> String {
    let name = format!("somebody {}", ASKED.fetch_add(1, Ordering::Relaxed));
    world.enter(&name);
    world.seat(&name);
    world.tell(&name, format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    name
}

fn answer(world: &World, name: &str) -> Option<Answer> {
    answers(world.said(name)).pop()
}

fn statement(town: &mut Town, number: usize, target: &str) -> Statement {
    let answer = asked(town, number, target);
    assert_eq!(answer.status, 200, "{answer:?}");
    let statement: Statement = serde_json::from_value(answer.json()).unwrap();
    assert!(statement.balances, "{statement:?}");
    for account in &statement.accounts {
        assert!(account.sent.balances() && account.received.balances(), "{account:?}");
    }
    statement
}

/// What a loop alone has cost.
fn books(world: &mut World) -> Statement {
    let snapshot = world.engine.snapshot();
    Statement::of(&snapshot, pushscope::clock::Now { at: snapshot.at, unix_us: 0 })
}

/// What must add up, of an owner on whose account no question is.
fn figures(account: &Account) -> Vec<u64> {
    let (sent, received) = (&account.sent, &account.received);
    let counts = [account.opened, account.open, account.deliveries, account.ticks];
    let bytes = [sent.made.total(), sent.taken, sent.queued, received.read, received.waiting];
    let calls = account.calls.values().copied();
    let delays = [account.delay_us.count, account.held_bytes];
    counts.into_iter().chain(bytes).chain(calls).chain(delays).collect()
}

#[test]
fn every_loop_states_the_sum_of_all_books() {
    for seed in 0..6 {
        let mut town = Town::new(seed);
        town.play(60);
        let mut sums: Vec<(String, Vec<u64>)> = Vec::new();
        for world in &mut town.worlds {
            // Whoever asks is on the one account, and who looks at the clock for it on the other.
            let is_asked = |one: &&Account| !["request", "loop"].contains(&&*one.owner);
            for account in books(world).accounts.iter().filter(is_asked) {
                match sums.iter_mut().find(|(owner, _)| *owner == account.owner) {
                    Some((_, sum)) => {
                        sum.iter_mut().zip(figures(account)).for_each(|(sum, more)| *sum += more);
                    }
                    None => sums.push((account.owner.clone(), figures(account))),
                }
            }
        }
        for number in 0..town.worlds.len() {
            let statement = statement(&mut town, number, "/ledger");
            for (owner, sum) in &sums {
                assert_eq!(&figures(statement.account(owner).unwrap()), sum, "{seed}: {owner}");
            }
            let metrics = asked(&mut town, number, "/metrics");
            let text = String::from_utf8(metrics.content).unwrap();
            let deliveries = statement.account("sse").unwrap().deliveries;
            let line = format!("pushscope_deliveries_total{{owner=\"sse\"}} {deliveries}\n");
            assert!(text.contains(&line), "{text}");
        }
    }
}

#[test]
fn a_snapshot_that_one_loop_has_made_is_subtracted_by_every_other() {
    let mut town = Town::of(3);
    for world in &mut town.worlds {
        Client::open(world, Kind::Sse, "c", "");
    }
    let mut before = statement(&mut town, 0, "/ledger");
    for round in 0..6 {
        town.worlds[round % 3].publish("c", "hello");
        town.settle();
        let target = format!("/ledger?since={}", before.snapshot);
        let gain = statement(&mut town, (round + 1) % 3, &target);
        assert_eq!(gain.since.as_ref(), Some(&before.snapshot));
        assert_eq!(gain.account("sse").unwrap().deliveries, 3, "{gain:?}");
        assert_eq!((gain.account("sse").unwrap().open, gain.accounts.len()), (3, 9));
        before = gain;
    }
    assert_eq!(asked(&mut town, 1, "/ledger?since=1-1").status, 404);
}

#[test]
fn nothing_is_subtracted_that_is_newer_than_the_question() {
    let mut town = Town::of(3);
    let known = Id::parse(&statement(&mut town, 0, "/ledger").snapshot).unwrap();
    // Which name comes next is no secret; who gets it answers while the other still waits.
    let next = Id { offset: known.offset + 1, ..known };
    let early = ask(&mut town.worlds[0], &format!("/ledger?since={next}"));
    let late = ask(&mut town.worlds[1], "/ledger");
    Client::open(&mut town.worlds[0], Kind::Sse, "c", "");
    town.worlds[2].turn();
    town.worlds[1].turn();
    assert_eq!(answer(&town.worlds[1], &late).unwrap().json()["snapshot"], next.to_string());
    town.worlds[0].turn();
    let answer = answer(&town.worlds[0], &early).unwrap();
    assert_eq!((answer.status, answer.reason()), (404, "snapshot_unknown".into()));
}

#[test]
fn a_receipt_is_of_what_a_message_has_cost_on_all_loops() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    Client::open(here, Kind::Sse, "c", "");
    Client::open(there, Kind::Sse, "c", "");
    Client::open(there, Kind::WebSocket, "c", "");
    let id = here.publish("c", "hello").id();
    town.settle();
    for number in [0, 1] {
        let answer = asked(&mut town, number, &format!("/c/c/receipts/{id}"));
        let receipt: Receipt = serde_json::from_value(answer.json()).unwrap();
        let counted = receipt.mechanisms.iter();
        let counted: Vec<(&str, u64, u64)> =
            counted.map(|one| (&*one.mechanism, one.subscribers, one.delivered)).collect();
        assert_eq!(counted, [("sse", 2, 2), ("websocket", 1, 1)], "{receipt:?}");
        assert_eq!((receipt.bytes, receipt.batch), (5, 1));
    }
    assert_eq!(asked(&mut town, 0, "/c/c/receipts/7-7").status, 404);
}

#[test]
fn a_viewer_sees_the_connections_of_every_loop_and_what_is_said_there() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    there.tell("before", request(Kind::Sse, "/c/c/sse"));
    let viewer = ask(here, "/inspect/events");
    there.tell("chat", request(Kind::WebSocket, "/ws/asset"));
    there.tell("chat", masked(0x81, b"hi"));
    there.publish("c", "to who was there before");
    town.settle();
    let said = String::from_utf8_lossy(town.worlds[0].said(&viewer)).into_owned();
    for summary in ["GET /ws/asset", "101 Switching Protocols", "text hi", "who was there before"] {
        assert!(said.contains(summary), "{summary} is not in {said}");
    }
    let answer = asked(&mut town, 0, "/inspect/connections").json();
    let connections = answer["connections"].as_array().unwrap();
    let watched = connections.iter().filter(|one| one["watched"] == Value::Bool(true));
    assert!(watched.count() >= 3, "{answer:#}");
    // Whoever has looked is gone: the other loop takes nothing down any more.
    town.worlds[0].end(&viewer);
    town.settle();
    let answer = asked(&mut town, 1, "/inspect/connections").json();
    let connections = answer["connections"].as_array().unwrap();
    assert!(connections.iter().all(|one| one["watched"] == Value::Bool(false)), "{answer:#}");
}

#[test]
fn who_asks_while_another_loop_is_behind_is_told_so_and_asks_again() {
    let mut town = Town::of(2);
    let here = &mut town.worlds[0];
    let late = ask(here, "/ledger");
    assert!(answer(here, &late).is_none(), "a loop has answered for another");
    here.advance(limits::HEAD_US_MAX);
    let refused = answer(here, &late).unwrap();
    assert_eq!((refused.status, refused.reason()), (503, "loop_behind".into()));
    here.tell(&late, "GET /c/c HTTP/1.1\r\nHost: localhost\r\n\r\n");
    here.tell(&late, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for _ in 0..ROUNDS {
        town.settle();
    }
    let heard = answers(town.worlds[0].said(&late));
    let heard: Vec<u16> = heard.iter().map(|answer| answer.status).collect();
    assert_eq!(heard, [503, 200, 200]);
    statement(&mut town, 0, "/ledger?kernel=1");
}

#[test]
fn many_questions_are_answered_in_as_few_rounds_as_there_may_be() {
    let mut town = Town::of(2);
    let count = limits::READINGS_PER_ROUND + 9;
    let here = &mut town.worlds[0];
    let names: Vec<String> = (0..count)
        .map(|number| {
            let name = format!("one of many {number}");
            let target = format!("/ledger?kernel={}", number % 2);
            here.say(&name, format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            name
        })
        .collect();
    for _ in 0..ROUNDS {
        town.settle();
    }
    for name in names {
        let found = answer(&town.worlds[0], &name);
        assert_eq!(found.map(|answer| answer.status), Some(200), "{name}");
    }
}

#[test]
fn the_books_of_a_loop_that_has_left_are_not_lost() {
    let mut town = Town::of(3);
    let id = town.worlds[2].publish("c", "hello").id();
    let waiting = ask(&mut town.worlds[0], "/ledger");
    town.worlds[2].engine.leave_all();
    town.worlds.pop();
    for _ in 0..ROUNDS {
        town.settle();
    }
    let first = answer(&town.worlds[0], &waiting).expect("who has left is asked").json();
    let first: Statement = serde_json::from_value(first).unwrap();
    let second = statement(&mut town, 1, "/ledger");
    for statement in [first, second] {
        let publish = statement.account("publish").unwrap();
        assert_eq!(publish.received.parsed.payload, 5, "{id}: {statement:?}");
    }
}

static ASKED: AtomicUsize = AtomicUsize::new(0);
/// Turns of each loop in which a question goes round, and its answer back.
const ROUNDS: usize = 6;
