//! What chance brings too seldom.

use std::sync::Arc;

use pushscope::admission::Admission;
use pushscope::clock::{Instant, Now, SECOND_US};
use pushscope::event::Payload;
use pushscope::id::Kind;
use pushscope::limits::{self, Limits};
use pushscope::order;
use pushscope::order::News;

use crate::support::{Client, frames, masked, request};
use crate::town::Town;

#[test]
fn a_loop_that_is_full_of_news_has_a_publish_refused_and_nothing_is_half_said() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    let mut away = Client::open(there, Kind::Sse, "c", "");
    let texts: Vec<String> = (0..limits::NEWS_MAX).map(|n| n.to_string()).collect();
    here.publish_burst("c", &texts);
    let refused = here.publish("c", "one too many");
    assert_eq!((refused.status, refused.reason()), (503, "loop_behind".into()));
    assert_eq!(refused.field("Retry-After"), Some("3"));
    assert_eq!(here.post("/message/read/c", "", b"").status, 503);
    assert_eq!(here.ask("DELETE /c/c HTTP/1.1\r\nHost: h\r\n\r\n").status, 503);
    assert_eq!(here.get("/message/count/c").json()["data"], texts.len());
    there.turn();
    assert_eq!(away.texts(there), texts);
    assert!(here.publish("c", "and on").id().ends_with(&format!("-{}", texts.len() + 1)));
    there.turn();
    assert_eq!(away.texts(there).last().unwrap(), "and on");
}

#[test]
fn long_messages_are_refused_before_they_are_as_many() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    let long = "x".repeat(limits::MESSAGE_BYTES_MAX);
    let most = limits::NEWS_BYTES_MAX / limits::MESSAGE_BYTES_MAX;
    let taken = (0..=2 * most).take_while(|_| here.publish("c", &long).status != 503).count();
    // The last of them goes beyond: it could be of any size.
    assert_eq!(taken, most + 1);
    assert!(here.engine.is_held_up(), "clients are read while the other loop is behind");
    there.turn();
    assert!(!here.engine.is_held_up() && here.publish("c", &long).status == 202);
}

#[test]
fn a_loop_that_comes_back_late_hands_over_in_parts() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    let mut away = Client::open(there, Kind::Sse, "c", "");
    let texts: Vec<String> = (0..4 * limits::PENDING_MAX).map(|n| n.to_string()).collect();
    here.publish_burst("c", &texts);
    there.engine.take_in();
    let mut queued = vec![0];
    while there.engine.hear_on() {
        queued.push(there.conn(&away.name).unwrap().queue.bytes());
    }
    assert_eq!(queued.len(), 5, "{queued:?}");
    assert!(queued.is_sorted_by(|one, other| one < other), "{queued:?}");
    there.turn();
    assert_eq!(away.texts(there), texts);
}

/// What one hears at once goes into a queue at once.
#[test]
fn clients_wait_while_another_loop_is_behind_with_so_much_and_no_sooner() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    let texts: Vec<String> = (0..limits::NEWS_BEHIND_MAX).map(|n| n.to_string()).collect();
    here.publish_burst("c", &texts);
    assert!(!here.engine.is_held_up());
    here.publish("c", "one more");
    assert!(here.engine.is_held_up());
    there.turn();
    assert!(!here.engine.is_held_up());
    here.publish("c", &"x".repeat(limits::NEWS_BEHIND_BYTES_MAX + 1));
    assert!(here.engine.is_held_up());
}

#[test]
fn who_publishes_hears_first_what_was_said_before() {
    let mut seats = order::seats(2);
    let now = Now { at: Instant::ZERO, unix_us: SECOND_US };
    let channel = Arc::from("c");
    // Between two looks at what others say, as it is with threads.
    for seat in [0, 1, 1, 0] {
        seats[seat].publish(&channel, None, Payload::Text("x".into()), now).unwrap();
    }
    for seat in &mut seats {
        seat.take_in();
        let heard: Vec<u64> = std::iter::from_fn(|| seat.next_heard())
            .map(|news| match news {
                News::Published(event) => event.id.offset,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(heard, [1, 2, 3, 4], "loop {}", seat.number().0);
    }
}

#[test]
fn as_many_give_way_as_wait_and_only_while_there_is_no_room() {
    let mut town = Town::of(3);
    let [here, there, beyond] = &mut town.worlds[..] else { panic!() };
    let (full, roomy) = (Admission::new(2), Admission::new(3));
    for name in ["a", "b"] {
        here.tell(name, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    let longest = Some(here.token("a"));
    assert_eq!(here.engine.idlest_for_others(&full), None, "nobody waits");
    there.engine.await_room();
    beyond.engine.await_room();
    there.engine.await_room();
    assert_eq!(here.engine.idlest_for_others(&roomy), None, "whoever waits may come in");
    assert_eq!([(); 3].map(|()| here.engine.idlest_for_others(&full)), [longest, longest, None]);
    there.engine.await_room();
    beyond.engine.await_room();
    there.engine.stop_waiting();
    there.engine.stop_waiting();
    assert_eq!([(); 2].map(|()| here.engine.idlest_for_others(&full)), [longest, None]);
}

#[test]
fn a_channel_for_which_there_is_no_room_here_is_not_unknown() {
    let mut town = Town::with(2, Limits { channels_max: 1, ..Limits::default() });
    let [here, there] = &mut town.worlds[..] else { panic!() };
    // Whoever listens keeps the only place of the one loop, and of the other.
    Client::open(here, Kind::Sse, "here", "");
    Client::open(there, Kind::Sse, "there", "");
    let full = (503, "channels_full".to_owned());
    for request in ["DELETE /c/there", "GET /c/there", "GET /message/count/there"] {
        let answer = here.ask(format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!((answer.status, answer.reason()), full, "{request}");
    }
    let answer = here.post("/message/read/there", "", b"");
    assert_eq!((answer.status, answer.reason()), full);
    assert_eq!(there.get("/c/there").json()["subscribers"]["sse"], 1);
}

#[test]
fn so_many_loops_and_no_more_share_an_order() {
    assert_eq!(order::seats(limits::LOOPS_MAX + 1).len(), limits::LOOPS_MAX);
    let numbers: Vec<_> = order::seats(3).iter().map(order::Seat::number).collect();
    assert_eq!(numbers, [(0, 3), (1, 3), (2, 3)]);
}

#[test]
fn who_cannot_be_answered_is_closed_when_it_is_not_heard() {
    let mut town = Town::of(2);
    let [here, _] = &mut town.worlds[..] else { panic!() };
    let socket = Client::open(here, Kind::WebSocket, "c", "");
    let texts: Vec<String> = (0..limits::NEWS_MAX).map(|n| n.to_string()).collect();
    here.publish_burst("other", &texts);
    here.tell(&socket.name, masked(0x81, b"lost"));
    let said = here.said(&socket.name);
    let at = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (first, payload) = frames(&said[at..]).pop().unwrap();
    assert_eq!((first, payload.get(..2)), (0x88, Some(&1013_u16.to_be_bytes()[..])));
}

#[test]
fn a_loop_that_has_forgotten_a_log_goes_on_where_it_stands() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    // The one that has nothing but the name forgets it; nobody has published yet.
    Client::open(there, Kind::Poll, "c", "");
    there.advance(2 * limits::CHANNEL_IDLE_US);
    assert_eq!(there.engine.hub().find("c"), None);
    let first = here.publish("c", "first").id();
    let mut late = Client::open(there, Kind::Sse, "c", "all");
    assert_eq!(late.texts(there), ["first"]);
    assert_eq!(late.cursor(there), first);
}

#[test]
fn what_is_asked_of_a_channel_does_not_depend_on_the_loop_that_it_was_named_to() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    // Nobody has published yet: nobody else was told of the name.
    let away = Client::open(there, Kind::Sse, "c", "");
    assert_eq!(here.get("/c/c").json()["subscribers"]["sse"], 1);
    assert_eq!(here.ask("DELETE /c/c HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    there.turn();
    assert!(there.is_over(&away.name));
    assert_eq!(here.ask("DELETE /c/c HTTP/1.1\r\nHost: h\r\n\r\n").status, 404);
}

#[test]
fn who_has_left_holds_nobody_up() {
    let mut town = Town::of(3);
    let long = "x".repeat(limits::MESSAGE_BYTES_MAX);
    let most = limits::NEWS_BYTES_MAX / limits::MESSAGE_BYTES_MAX;
    let is_taken = |town: &mut Town| {
        let status = town.worlds[0].publish("c", &long).status;
        town.worlds[1].turn();
        status == 202
    };
    // It leaves with news that it has not heard.
    assert!((0..most / 2).all(|_| is_taken(&mut town)) && town.worlds[0].engine.is_held_up());
    town.worlds.pop();
    let is_free = |town: &mut Town| is_taken(town) && !town.worlds[0].engine.is_held_up();
    assert!((0..2 * most).all(|_| is_free(&mut town)));
}

/// Whichever loop says goodbye first: what another acknowledges later, nobody hears.
#[test]
fn all_that_was_acknowledged_is_heard_before_the_first_goodbye() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    let mut stream = Client::open(here, Kind::Sse, "c", "");
    let socket = Client::open(there, Kind::WebSocket, "c", "");
    assert_eq!(there.publish("c", "acknowledged").status, 201);
    here.drain();
    assert_eq!(stream.texts(here), ["acknowledged"]);
    let refused = there.publish("c", "too late");
    assert_eq!((refused.status, refused.reason().as_str()), (503, "draining"));
    let at = there.said(&socket.name).len();
    there.tell(&socket.name, masked(0x81, b"too late, too"));
    let (first, payload) = frames(&there.said(&socket.name)[at..]).pop().unwrap();
    assert_eq!((first, &payload[2..]), (0x88, b"draining".as_slice()));
    there.drain();
    assert_eq!(stream.texts(here), ["acknowledged"]);
}

#[test]
fn a_name_that_is_deleted_and_used_again_never_has_its_epoch_twice() {
    let mut town = Town::of(3);
    let mut epochs = Vec::new();
    for round in 0..6 {
        let (making, ending) = (round % 3, (round + 1) % 3);
        let id = town.worlds[making].publish("c", "x").id();
        epochs.push(id.split_once('-').unwrap().0.parse::<u64>().unwrap());
        let delete = "DELETE /c/c HTTP/1.1\r\nHost: h\r\n\r\n";
        assert_eq!(town.worlds[ending].ask(delete).status, 200);
        assert_eq!(town.worlds[making].get("/c/c").json()["messages"], 0);
    }
    assert!(epochs.is_sorted_by(|one, next| one < next), "{epochs:?}");
}

#[test]
fn what_clients_say_and_how_many_they_are_is_known_to_every_loop() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    Client::open(here, Kind::Sse, "c", "");
    Client::open(there, Kind::Sse, "c", "");
    Client::open(there, Kind::WebSocket, "c", "");
    for world in [&mut *here, &mut *there] {
        assert_eq!(world.get("/online").json()["by"]["sse"], 2);
        assert_eq!(world.get("/c/c").json()["subscribers"]["websocket"], 1);
        assert_eq!(world.engine.admitted(), 3);
    }
    assert_eq!(there.publish("c", "x").json()["subscribers"]["sse"], 2);
    there.tell("talking", request(Kind::WebSocket, "/webSocket/7"));
    there.tell("talking", masked(0x81, b"for nobody"));
    assert_eq!(here.get("/received/7").json()[0]["text"], "for nobody");
    here.advance(SECOND_US);
}

#[test]
fn who_is_told_in_the_midst_of_a_turn_that_they_listen_is_counted_by_every_loop() {
    let mut town = Town::of(2);
    let [here, there] = &mut town.worlds[..] else { panic!() };
    here.publish("c", &"x".repeat(limits::QUEUE_BYTES_WARM));
    here.enter("new");
    here.give(here.token("new"), request(Kind::Sse, "/c/c/sse?since=all").as_bytes());
    assert!(here.engine.take_crowded(), "it would be told at the end of the turn");
    assert_eq!(there.get("/c/c").json()["subscribers"]["sse"], 1);
    assert_eq!(there.get("/online").json()["by"]["sse"], 1);
}
