//! Several loops on threads: clients of all of them, and the signals that are for all of them.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::limits::{self, DRAIN_US_MAX, Limits};
use pushscope::reactor::{Handle, Loops};
use pushscope::statement::Statement;
use serde_json::Value;

use crate::peer::{PATIENCE, Peer, Response, eventually, frame};
use crate::server::Process;

/// Loops on threads of their own.
struct Several {
    address: SocketAddr,
    handles: Vec<Handle>,
    thread: JoinHandle<()>,
}

impl Several {
    fn start(count: usize) -> Self {
        Self::bounded(count, Limits { history_messages_max: 100_000, ..Limits::default() })
    }

    fn bounded(count: usize, limits: Limits) -> Self {
        let limits = Limits { drain_us_max: SECOND_US, ..limits };
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || {
            let config = Config { limits, ..Config::default() };
            let loops = Loops::bind("127.0.0.1:0".parse().unwrap(), config, count).unwrap();
            sender.send((loops.address().unwrap(), loops.handles().to_vec())).unwrap();
            loops.run().unwrap();
        });
        let (address, handles) = receiver.recv_timeout(PATIENCE).unwrap();
        Self { address, handles, thread }
    }

    fn end(self) {
        self.handles.iter().for_each(Handle::drain);
        self.thread.join().unwrap();
    }
}

#[test]
fn subscribers_of_all_loops_hear_what_publishers_on_all_loops_say_in_one_order() {
    let several = Several::start(2);
    let address = several.address;
    let listeners: Vec<_> = (0..LISTENERS)
        .map(|number| {
            let mut peer = Peer::connect(address);
            peer.get("/c/all/sse?since=all");
            peer.until(b"\r\n\r\n");
            thread::spawn(move || listen(peer, address, number))
        })
        .collect();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|number| {
            thread::spawn(move || {
                let mut peer = Peer::connect(address);
                for message in 0..MESSAGES {
                    let text = format!("{number} {message}");
                    let answer = peer.publish("all", text.as_bytes());
                    assert!(matches!(answer.status, 201 | 202), "{}", answer.text());
                }
            })
        })
        .collect();
    publishers.into_iter().for_each(|thread| thread.join().unwrap());
    let heard: Vec<Vec<String>> =
        listeners.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(heard.iter().all(|one| *one == heard[0]), "two have heard different logs");
    for number in 0..PUBLISHERS {
        let of = heard[0].iter().filter_map(|text| text.strip_prefix(&format!("{number} ")));
        let of: Vec<usize> = of.map(|message| message.parse().unwrap()).collect();
        assert!(of.into_iter().eq(0..MESSAGES), "publisher {number} was heard in another order");
    }
    several.end();
}

#[test]
fn the_ledger_of_whichever_loop_is_that_of_all() {
    let several = Several::start(2);
    let mut listeners: Vec<Peer> = (0..LISTENERS).map(|_| Peer::connect(several.address)).collect();
    for peer in &mut listeners {
        peer.get("/c/all/sse");
        peer.until(b"\r\n\r\n");
    }
    let mut publisher = Peer::connect(several.address);
    let mut last = String::new();
    for message in 0..MESSAGES {
        let answer = publisher.publish("all", message.to_string().as_bytes());
        json(&answer)["id"].as_str().unwrap().clone_into(&mut last);
    }
    for peer in &mut listeners {
        peer.until(format!("data: {}\n\n", MESSAGES - 1).as_bytes());
    }
    let (deliveries, everybody) = ((LISTENERS * MESSAGES) as u64, LISTENERS as u64);
    let mut askers: Vec<Peer> = (0..LISTENERS).map(|_| Peer::connect(several.address)).collect();
    let mut before: Option<Statement> = None;
    for asker in &mut askers {
        let stated = statement(&asker.ask("/ledger?kernel=1"));
        let sse = stated.account("sse").unwrap();
        assert_eq!((sse.open, sse.opened, sse.deliveries), (everybody, everybody, deliveries));
        assert_eq!(sse.kernel_open.map(|kernel| kernel.sockets), Some(everybody));
        assert_eq!(stated.account("publish").unwrap().calls["accept"], 1);
        let open = stated.accounts.iter().filter_map(|account| account.kernel_open);
        let open = open.chain(stated.unasked.kernel_open).map(|kernel| kernel.sockets);
        assert_eq!(open.sum::<u64>(), 2 * everybody + 1, "{stated:?}");
        let since = before.replace(stated).map(|before| before.snapshot);
        let since = since.map_or(String::new(), |name| format!("?since={name}"));
        assert!(statement(&asker.ask(&format!("/ledger{since}"))).balances);
        let receipt = json(&asker.ask(&format!("/c/all/receipts/{last}")));
        assert_eq!(receipt["mechanisms"][0]["delivered"], LISTENERS, "{receipt}");
        let line = format!("pushscope_deliveries_total{{owner=\"sse\"}} {deliveries}\n");
        assert!(asker.ask("/metrics").text().contains(&line));
        let told = json(&asker.ask("/inspect/connections"));
        assert_eq!(told["connections"].as_array().unwrap().len(), 2 * LISTENERS + 1);
    }
    several.end();
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.content).unwrap()
}

/// What a loop says that all have cost: it balances.
fn statement(response: &Response) -> Statement {
    let statement: Statement = serde_json::from_slice(&response.content).unwrap();
    assert!(statement.balances, "{statement:?}");
    for account in &statement.accounts {
        assert!(account.sent.balances() && account.received.balances(), "{account:?}");
    }
    statement
}

/// Hears everything; every third listener comes back again and again, to whichever loop.
fn listen(mut peer: Peer, address: SocketAddr, number: usize) -> Vec<String> {
    let mut heard = Vec::new();
    while heard.len() < PUBLISHERS * MESSAGES {
        let event = String::from_utf8(peer.until(b"\n\n")).unwrap();
        let mut lines = event.lines();
        let Some(id) = lines.next().and_then(|line| line.strip_prefix("id: ")) else { continue };
        let Some(text) = lines.next().and_then(|line| line.strip_prefix("data: ")) else {
            continue;
        };
        heard.push(text.to_owned());
        assert!(id.ends_with(&format!("-{}", heard.len())), "{id} is not the next of {number}");
        if number.is_multiple_of(3) && heard.len().is_multiple_of(97) {
            peer = Peer::connect(address);
            peer.get(&format!("/c/all/sse?since={id}"));
            peer.until(b"\r\n\r\n");
        }
    }
    heard
}

#[test]
fn a_message_is_everywhere_before_its_publisher_has_its_id() {
    let several = Several::start(3);
    let mut publisher = Peer::connect(several.address);
    for number in 1..=60 {
        let text = number.to_string();
        let answer = publisher.publish("cause", text.as_bytes());
        assert!(matches!(answer.status, 201 | 202), "{}", answer.text());
        // A new connection, to whichever loop.
        let mut reader = Peer::connect(several.address);
        let found = reader.ask("/c/cause");
        assert!(found.text().contains(&format!("-{number}\"")), "{}", found.text());
    }
    several.end();
}

#[test]
fn a_loop_that_has_nothing_to_do_sleeps_and_takes_few_descriptors() {
    let [one, several] = ["1", "3"].map(|count| Process::serve(&["--reactors", count]));
    let [few, more] = [&one, &several].map(Process::descriptors);
    assert_eq!(u64::from(more - few), 2 * limits::DESCRIPTORS_PER_LOOP);
    let names = ["pushscope\n", "loop 1\n", "loop 2\n"];
    eventually("all run", || several.loops("comm") == names);
    let mut listening: Vec<Peer> = (0..LISTENERS).map(|_| Peer::connect(several.address)).collect();
    for peer in &mut listening {
        peer.get("/c/calm/sse");
        peer.until(b"\r\n\r\n");
        peer.until(b"\n\n");
    }
    // Nobody is due a heartbeat so soon.
    listening[0].hears_nothing_for(Duration::from_millis(300));
    let (cpu, sleeps) = (several.cpu_ns(), several.sleeps());
    listening[0].hears_nothing_for(Duration::from_secs(1));
    assert_eq!((several.cpu_ns() - cpu, several.sleeps() - sleeps), (0, 0), "a loop was woken");
    let mut publisher = Peer::connect(several.address);
    assert_eq!(publisher.publish("calm", b"to all").status, 201);
    for peer in &mut listening {
        peer.until(b"data: to all\n\n");
    }
}

#[test]
fn sigterm_drains_every_loop() {
    let process = Process::serve(&["--reactors", "2"]);
    let mut peers: Vec<Peer> = (0..LISTENERS).map(|_| Peer::connect(process.address)).collect();
    for peer in &mut peers {
        peer.get("/c/leave/sse");
        peer.until(b"\r\n\r\n");
    }
    let mut asking = Peer::connect(process.address);
    let all = format!(r#""online":{LISTENERS}"#);
    eventually("everybody has come", || asking.ask("/online").text().contains(&all));
    process.signal("TERM");
    for mut peer in peers {
        assert!(String::from_utf8(peer.rest()).unwrap().contains("retry: 3000\n"));
    }
    assert_eq!(asking.rest(), b"");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_second_signal_ends_every_loop_at_once() {
    let process = Process::serve(&["--reactors", "2"]);
    let mut peers: Vec<Peer> = (0..LISTENERS).map(|_| Peer::connect(process.address)).collect();
    for peer in &mut peers {
        peer.say(b"POST /c/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe");
    }
    let mut asking = Peer::connect(process.address);
    assert_eq!(asking.ask("/livez").status, 200);
    process.signal("TERM");
    assert_eq!(asking.rest(), b"", "nobody was told");
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_second_signal_is_heard_whichever_loop_still_has_somebody() {
    // Which loop that is nobody knows: of so many servers, it is not always the one with signals.
    for _ in 0..SERVERS {
        let process = Process::serve(&["--reactors", "2"]);
        let mut peer = Peer::connect(process.address);
        peer.say(b"POST /c/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n");
        peer.say(b"Expect: 100-continue\r\n\r\n");
        peer.until(b"\r\n\r\n");
        process.signal("TERM");
        eventually("nobody listens", || TcpStream::connect(process.address).is_err());
        process.signal("TERM");
        let told = Instant::now();
        assert_eq!(process.end().code(), Some(0));
        assert!(told.elapsed() < Duration::from_micros(DRAIN_US_MAX / 2), "it was not heard");
    }
}

#[test]
fn who_is_idle_on_one_loop_gives_way_to_who_comes_to_another() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let several = Several::bounded(2, limits);
    // Which loop each of them comes to nobody knows.
    let mut idle: Option<Peer> = None;
    for _ in 0..LISTENERS {
        let mut peer = Peer::connect(several.address);
        assert_eq!(peer.ask("/livez").status, 200);
        if let Some(mut former) = idle.replace(peer) {
            assert_eq!(former.rest(), b"", "two are there");
        }
    }
    several.end();
}

#[test]
fn nobody_gives_way_to_who_has_got_in() {
    let several = Several::bounded(2, Limits { connections_max: 2, ..Limits::default() });
    let mut streams: Vec<Peer> = (0..2).map(|_| Peer::connect(several.address)).collect();
    for peer in &mut streams {
        peer.get("/c/full/sse");
        peer.until(b"\r\n\r\n");
    }
    let mut waiting = Peer::connect(several.address);
    waiting.get("/livez");
    waiting.hears_nothing_for(Duration::from_millis(200));
    drop(streams.pop());
    assert_eq!(waiting.response().text(), "ok\n");
    for _ in 0..3 {
        assert_eq!(waiting.ask("/livez").text(), "ok\n");
    }
    several.end();
}

#[test]
fn the_first_loop_holds_nobody_up_when_it_has_left() {
    let several = Several::start(2);
    several.handles[0].drain();
    eventually("the other has the address alone", || listeners(several.address) == 1);
    // The server leaves, and no message is taken any more; what clients say is told all loops.
    let mut talking = Peer::connect(several.address);
    talking.upgrade("/websocket/c");
    talking.say(&frame(0x81, b"said").repeat(limits::NEWS_MAX + 1));
    talking.say(&frame(0x89, b"heard"));
    assert_eq!(talking.frame(), (0x8a, b"heard".to_vec()));
    several.end();
}

/// How many sockets listen at an address of IPv4.
fn listeners(address: SocketAddr) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let place = format!(":{:04X} 00000000:0000 0A ", address.port());
    table.lines().filter(|line| line.contains(&place)).count()
}

#[test]
fn loops_share_their_address_with_no_other_server() {
    let several = Several::start(2);
    for count in [1, 2] {
        let bound = Loops::bind(several.address, Config::default(), count);
        let error = bound.err().expect("two servers on one address");
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse, "{count}");
    }
    several.end();
}

const SERVERS: usize = 6;
const LISTENERS: usize = 16;
const PUBLISHERS: usize = 4;
const MESSAGES: usize = 250;
