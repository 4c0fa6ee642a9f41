//! What happens, in whatever order: nothing spins, nobody is told twice, and nothing is forgotten.

use pushscope::clock::Instant;
use pushscope::conn::State;
use pushscope::id::Kind;
use pushscope::limits::{self, Limits};

use crate::support::{Client, UPGRADE, World, masked};

/// An end is never news twice: wherever it comes, the connection is answered, closes or is gone,
/// and from then on the loop is woken a few times at most.
#[test]
fn an_end_anywhere_changes_the_state() {
    let post = "POST /c/n HTTP/1.1\r\nHost: h\r\n";
    let upgrade = format!("GET /c/n/ws HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n").into_bytes();
    for script in [
        format!("{post}Content-Length: 9\r\n\r\nabcdefghi").into_bytes(),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nA: b\r\n\r\n").into(),
        format!("{post}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab").into(),
        b"GET /c/n/longpoll HTTP/1.1\r\nHost: h\r\n\r\nGET /livez HTTP/1.1\r\n".to_vec(),
        b"GET /c/n/sse HTTP/1.1\r\nHost: h\r\n\r\nwords".to_vec(),
        [upgrade, masked(0x01, b"hel"), masked(0x89, b"?"), masked(0x80, b"lo")].concat(),
    ] {
        // Every place in what follows the head, and some in it.
        let ends = (0..=script.len()).filter(|end| end % 3 == 0 || end + 40 > script.len());
        for end in ends {
            for room in [0, usize::MAX] {
                let what = format!("{:?}, {room}", script[..end].escape_ascii().to_string());
                let mut world = World::new();
                world.enter("a");
                world.narrow("a", room);
                world.tell("a", &script[..end]);
                world.end("a");
                let is_over = |world: &World| {
                    let state = world.conn("a").map(|conn| &conn.state);
                    matches!(state, None | Some(State::Lingering { .. } | State::Gone))
                };
                assert!(is_over(&world), "{what}");
                let mut woken = 0;
                while let Some(next) = world.engine.deadline().filter(|_| world.conn("a").is_some())
                {
                    woken += 1;
                    assert!(woken <= 4, "{what}: woken again and again");
                    world.advance(next.since(Instant::from_us(world.now_us())).max(1));
                }
                assert!(world.conn("a").is_none(), "{what}: it is never closed");
            }
        }
    }
}

/// A fan-out closes, answers and feeds in one go: who leaves in it takes nobody's place.
#[test]
fn who_leaves_in_a_fan_out_takes_nobody_along() {
    let mut world = World::with(Limits { history_bytes_max: 4 << 20, ..Limits::default() });
    let (mut polls, mut slow, mut quick) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..8 {
        polls.push(Client::open(&mut world, Kind::LongPoll, "n", "latest"));
        slow.push(Client::open(&mut world, Kind::ALL[2 + round % 4], "n", "latest"));
        quick.push(Client::open(&mut world, Kind::ALL[2 + round % 4], "n", "latest"));
    }
    // Parked polls have a cursor: the first answer is where they stand.
    for poll in &mut polls {
        poll.hear(&mut world);
    }
    for one in &slow {
        world.narrow(&one.name, 0);
    }
    let text = "x".repeat(limits::QUEUE_BYTES_MAX / 8);
    let mut published = 0;
    while slow.iter().any(|one| world.conn(&one.name).is_some_and(|conn| conn.edge.is_some())) {
        world.publish("n", &format!("{published} {text}"));
        published += 1;
        assert!(published < 20, "the slow are never closed");
    }
    world.publish("n", "last");
    published += 1;
    for client in quick.iter_mut().chain(&mut polls) {
        let texts = client.texts(&mut world);
        let numbers: Vec<&str> = texts.iter().filter_map(|text| text.split(' ').next()).collect();
        let mut expected: Vec<String> = (0..published - 1).map(|one| one.to_string()).collect();
        expected.push("last".to_owned());
        assert_eq!(numbers, expected, "{}", client.name);
    }
    world.sweep_all();
}
