//! Servers whose clients do nothing while time is taken.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use pushscope::sys;
use serde_json::Value;

use crate::across::server::Server;
use crate::across::talk::{LAST, answer, connect, drain, read_head};
use crate::across::{self, Effort};
use crate::stage::{MESSAGE, SSE, WEBSOCKET};
use crate::{LOOPS, tell};

/// Lets a server of one loop, one of two, and two of one take turns.
pub(crate) fn compare() {
    sys::raise_descriptor_limit().unwrap();
    let counts = if across::is_measured() { &[1_000, 4_000][..] } else { &[10] };
    for (name, request) in [("SSE", SSE), ("WebSocket", WEBSOCKET)] {
        for &subscribers in counts {
            let one = [Server::of_loops(1)];
            let ours = [Server::of_loops(LOOPS)];
            let apart: Vec<Server> = (0..LOOPS).map(|_| Server::of_loops(1)).collect();
            let mut sides = [
                Side::gather("one", &one, 1, subscribers, request),
                Side::gather("ours", &ours, LOOPS, subscribers, request),
                Side::gather("apart", &apart, 1, subscribers, request),
            ];
            let effort = Effort::asked();
            let mut spent = [const { Vec::new() }; 3];
            for _ in 0..effort.passes {
                for (side, spent) in sides.iter_mut().zip(&mut spent) {
                    spent.push(side.spend(effort));
                }
            }
            let wall = spent.each_ref().map(|all| all.iter().map(|one| one.wall_ns).collect());
            let cpu = spent.each_ref().map(|all| all.iter().map(|one| one.cpu_ns).collect());
            for (what, figures) in [("time", wall), ("CPU", cpu)] {
                let figures: [Vec<f64>; 3] = figures;
                let [one, others @ ..] = &figures;
                for (side, figures) in sides.iter().skip(1).zip(others) {
                    tell(&format!("servers, {name}, {what}"), subscribers, one, side.name, figures);
                }
            }
            let [most, all] = [sides[1].most_of_a_loop(), subscribers];
            println!("  of ours, one loop has {most} of {all}: {:.2} at best", ratio(all, most));
        }
    }
}

/// Servers, and everybody who is connected to them.
struct Side<'s> {
    name: &'static str,
    servers: &'s [Server],
    loops: usize,
    subscribers: Vec<TcpStream>,
    /// One to each server.
    publishers: Vec<TcpStream>,
    /// One to each loop of each server.
    asking: Vec<TcpStream>,
}

/// Per delivery.
struct Spent {
    wall_ns: f64,
    cpu_ns: f64,
}

impl<'s> Side<'s> {
    fn gather(
        name: &'static str,
        servers: &'s [Server],
        loops: usize,
        subscribers: usize,
        request: &str,
    ) -> Self {
        let each = subscribers / servers.len();
        let crowd = servers.iter().flat_map(|server| (0..each).map(|_| subscribe(server, request)));
        let subscribers = crowd.collect();
        let asking = servers.iter().flat_map(|server| one_to_each_loop(server, loops)).collect();
        let publishers = servers.iter().map(|server| connect(server.address)).collect();
        let mut side = Self { name, servers, loops, subscribers, publishers, asking };
        // What is said to everybody at first.
        side.ask_twice();
        for subscriber in &mut side.subscribers {
            drain(subscriber);
        }
        side.fan_out();
        side.read();
        side
    }

    /// Publishes for so long as is asked; what everybody reads is off the clock.
    fn spend(&mut self, effort: Effort) -> Spent {
        let (began, before) = (Instant::now(), self.cpu_ns());
        let (mut wall_ns, mut deliveries) = (0, 0);
        while deliveries == 0 || began.elapsed() < effort.span {
            let since = Instant::now();
            self.fan_out();
            wall_ns += since.elapsed().as_nanos();
            self.read();
            deliveries += self.subscribers.len();
        }
        let cpu_ns = (self.cpu_ns() - before) as f64 / deliveries as f64;
        Spent { wall_ns: wall_ns as f64 / deliveries as f64, cpu_ns }
    }

    /// A message to everybody, up to the last delivery.
    fn fan_out(&mut self) {
        let length = MESSAGE.len();
        let head = format!("POST /c/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}");
        let request = format!("{head}\r\n\r\n{MESSAGE}");
        for publisher in &mut self.publishers {
            publisher.write_all(request.as_bytes()).unwrap();
        }
        self.publishers.iter_mut().for_each(|publisher| drop(answer(publisher)));
        self.ask_twice();
    }

    /// What is asked in a later turn is answered when an earlier one is over.
    fn ask_twice(&mut self) {
        for _ in 0..2 {
            for one in &mut self.asking {
                one.write_all(LAST).unwrap();
            }
            self.asking.iter_mut().for_each(|one| drop(answer(one)));
        }
    }

    fn read(&mut self) {
        for subscriber in &mut self.subscribers {
            assert!(drain(subscriber) > MESSAGE.len(), "a delivery is missing");
        }
    }

    fn cpu_ns(&self) -> u64 {
        self.servers.iter().map(Server::cpu_ns).sum()
    }

    /// How many subscribers the loop has that has the most.
    fn most_of_a_loop(&self) -> usize {
        let mut counts = vec![0; self.loops];
        for (server, each) in self
            .servers
            .iter()
            .zip(self.subscribers.chunks_exact(self.subscribers.len() / self.servers.len()))
        {
            loops_of(server, self.loops, each).into_iter().for_each(|number| counts[number] += 1);
        }
        counts.into_iter().max().unwrap()
    }
}

fn subscribe(server: &Server, request: &str) -> TcpStream {
    let mut stream = connect(server.address);
    stream.write_all(request.replace("Host: x", "Host: localhost").as_bytes()).unwrap();
    read_head(&mut stream);
    stream.set_nonblocking(true).unwrap();
    stream
}

/// A connection to each loop: which one has it, the kernel decides.
fn one_to_each_loop(server: &Server, loops: usize) -> Vec<TcpStream> {
    let mut found: Vec<Option<TcpStream>> = (0..loops).map(|_| None).collect();
    while found.iter().any(Option::is_none) {
        let mut one = [connect(server.address)];
        one[0].write_all(LAST).unwrap();
        answer(&mut one[0]);
        let number = loops_of(server, loops, &one)[0];
        let [one] = one;
        found[number] = Some(one);
    }
    found.into_iter().flatten().collect()
}

/// Which loop has each of these connections: the server names a connection by its slot and its
/// tenant, and loops number their tenants in turns.
fn loops_of(server: &Server, loops: usize, connections: &[TcpStream]) -> Vec<usize> {
    let mut asking = connect(server.address);
    asking.write_all(WHO).unwrap();
    let told: Value = serde_json::from_slice(&answer(&mut asking).1).unwrap();
    let all = told["connections"].as_array().unwrap();
    let number = |stream: &TcpStream| {
        let own = stream.local_addr().unwrap().to_string();
        let this = all.iter().find(|one| one["peer"] == own.as_str()).unwrap();
        let (_, tenant) = this["id"].as_str().unwrap().split_once('-').unwrap();
        tenant.parse::<usize>().unwrap() % loops
    };
    connections.iter().map(number).collect()
}

fn ratio(one: usize, other: usize) -> f64 {
    one as f64 / other as f64
}

const WHO: &[u8] = b"GET /inspect/connections HTTP/1.1\r\nHost: localhost\r\n\r\n";
