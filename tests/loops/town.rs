//! Loops side by side, their clients, and the logs as they should be.

use std::collections::BTreeMap;

use pushscope::board;
use pushscope::clock::{Instant, Now, SECOND_US};
use pushscope::engine::{Config, Engine};
use pushscope::id::{Id, Kind};
use pushscope::ledger::meter::Gauge;
use pushscope::limits::Limits;

use crate::support::{Client, Seen, World};

/// Loops of one server.
pub(crate) struct Town {
    pub(crate) worlds: Vec<World>,
    seed: u64,
    dice: u64,
    published: usize,
    logs: BTreeMap<&'static str, Log>,
    listeners: Vec<Listener>,
}

/// A channel as it should be.
#[derive(Default)]
struct Log {
    /// What was published since it was last deleted.
    messages: Vec<(Id, String)>,
    /// How many of them are read.
    read: usize,
    /// The greatest epoch that it has had.
    epoch: u64,
}

/// Somebody who hears a channel, now on this loop, now on that.
struct Listener {
    world: usize,
    channel: &'static str,
    client: Client,
    /// Where in the log it began, and what it has heard on loops that it has left.
    from: usize,
    heard: Vec<String>,
}

impl Town {
    /// So many loops, by the seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut town = Self::of(2 + usize::from(seed.is_multiple_of(3)));
        (town.seed, town.dice) = (seed, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        town
    }

    /// So many loops.
    pub(crate) fn of(count: usize) -> Self {
        Self::with(count, Limits::default())
    }

    /// So many loops with these bounds.
    pub(crate) fn with(count: usize, limits: Limits) -> Self {
        let now = Now { at: Instant::from_us(0), unix_us: 1_700_000_000 * SECOND_US };
        let worlds = board::members(count, now.unix_ms()).into_iter().map(|member| {
            let mut world = World::new();
            let config = Config { limits, ..Config::default() };
            world.engine = Engine::seated(config, now, Gauge::STILL, Some(member));
            world
        });
        let worlds = worlds.collect();
        let (logs, listeners) = (BTreeMap::new(), Vec::new());
        Self { worlds, seed: 0, dice: 1, published: 0, logs, listeners }
    }

    /// Lets so many things happen, and then all that is left.
    pub(crate) fn play(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.roll(100) {
                0..35 => self.publish(),
                35..50 => self.subscribe(),
                50..65 => self.change_loops(),
                65..70 => self.mark_read(),
                70..73 => self.delete(),
                73..80 => self.count(),
                _ => self.turn(),
            }
        }
        self.settle();
        self.check();
    }

    /// Every loop hears what the others have said, and passes it on.
    pub(crate) fn settle(&mut self) {
        for world in &mut self.worlds {
            world.turn();
        }
    }

    fn publish(&mut self) {
        let channel = self.channel();
        self.publish_to(channel);
    }

    fn publish_to(&mut self, channel: &'static str) {
        let world = self.roll(self.worlds.len());
        let burst = 1 + self.roll(3);
        for _ in 0..burst {
            self.published += 1;
            let text = format!("message {}", self.published);
            let answer = self.worlds[world].publish(channel, &text);
            let id = Id::parse(&answer.id()).unwrap();
            let here = self.on(channel);
            let (log, seed) = (self.logs.entry(channel).or_default(), self.seed);
            match log.messages.last() {
                Some((last, _)) => {
                    assert_eq!(id, Id { offset: last.offset + 1, ..*last }, "seed {seed}");
                }
                None => {
                    assert!(id.epoch >= log.epoch && id.offset == 1, "seed {seed}: {id}");
                }
            }
            log.epoch = id.epoch;
            log.messages.push((id, text));
            // Whoever streams is counted, on whichever loop.
            let told: u64 = answer.json()["subscribers"]
                .as_object()
                .map_or(0, |by| by.values().filter_map(serde_json::Value::as_u64).sum());
            assert!(told <= here, "seed {seed}: {told} subscribers of {here}");
        }
    }

    /// Listeners on a channel.
    fn on(&self, channel: &str) -> u64 {
        self.listeners.iter().filter(|one| one.channel == channel).count() as u64
    }

    fn subscribe(&mut self) {
        let (world, channel) = (self.roll(self.worlds.len()), self.channel());
        let kind = Kind::ALL[self.roll(Kind::ALL.len())];
        let log = self.logs.entry(channel).or_default();
        let from = log.messages.len();
        let since = log.messages.last().map_or("all".to_owned(), |(id, _)| id.to_string());
        let client = Client::open(&mut self.worlds[world], kind, channel, &since);
        self.listeners.push(Listener { world, channel, client, from, heard: Vec::new() });
    }

    /// A client is cut off, and comes back with its cursor: to another loop, by another mechanism.
    fn change_loops(&mut self) {
        if self.listeners.is_empty() {
            return;
        }
        let (one, to) = (self.roll(self.listeners.len()), self.roll(self.worlds.len()));
        let kind = Kind::ALL[self.roll(Kind::ALL.len())];
        let Listener { world, channel, client, heard, .. } = &mut self.listeners[one];
        let from = &mut self.worlds[*world];
        from.turn();
        let Some(cursor) = client.hear(from).cursor.clone() else { return };
        heard.extend(client.texts(from));
        client.leave(from);
        *client = Client::open(&mut self.worlds[to], kind, channel, &cursor);
        *world = to;
    }

    fn mark_read(&mut self) {
        let (world, channel) = (self.roll(self.worlds.len()), self.channel());
        let length = self.logs.entry(channel).or_default().messages.len();
        let upto = self.roll(length + 1);
        let target = format!("/message/read/{channel}?upto={upto}");
        let answer = self.worlds[world].post(&target, "text/plain", b"");
        let log = self.logs.entry(channel).or_default();
        log.read = log.read.max(upto);
        assert_eq!(answer.json()["data"], length - log.read, "seed {}", self.seed);
    }

    fn count(&mut self) {
        let (world, channel) = (self.roll(self.worlds.len()), self.channel());
        let log = self.logs.entry(channel).or_default();
        let unread = log.messages.len() - log.read;
        let answer = self.worlds[world].get(&format!("/message/count/{channel}"));
        assert_eq!(answer.json()["data"], unread, "seed {}", self.seed);
    }

    /// A message and the end of its channel come from two loops, one right behind the other:
    /// whoever streams hears both.
    fn delete(&mut self) {
        let (world, channel) = (self.roll(self.worlds.len()), self.channel());
        self.check_on(channel);
        self.publish_to(channel);
        let request = format!("DELETE /c/{channel} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(self.worlds[world].ask(request).status, 200, "seed {}", self.seed);
        self.settle();
        let log = self.logs.get_mut(channel).unwrap();
        let last = log.messages.pop().unwrap().1;
        (log.messages, log.read) = (Vec::new(), 0);
        let is_there = |one: &Listener| one.channel == channel;
        for one in self.listeners.extract_if(.., |one| is_there(one)) {
            let Listener { world, mut client, .. } = one;
            let world = &mut self.worlds[world];
            if !matches!(client.kind, Kind::Poll | Kind::LongPoll) {
                let ends = |seen: &Seen| matches!(seen, Seen::End(_));
                let is_over = client.hear(world).seen.last().is_some_and(ends);
                assert!(is_over || world.is_over(&client.name), "seed {}", self.seed);
                assert_eq!(client.texts(world).last(), Some(&last), "seed {}", self.seed);
            }
            client.leave(world);
        }
    }

    fn turn(&mut self) {
        let world = self.roll(self.worlds.len());
        self.worlds[world].turn();
    }

    /// Looks whether everybody has heard all, and the loops agree.
    fn check(&mut self) {
        for channel in CHANNELS {
            self.check_on(channel);
            let log = self.logs.entry(channel).or_default();
            let newest = log.messages.last().map(|(id, _)| id.to_string());
            for world in &mut self.worlds {
                let info = world.get(&format!("/c/{channel}")).json();
                assert_eq!(info["newest"].as_str(), newest.as_deref(), "seed {}", self.seed);
                assert_eq!(info["unread"], log.messages.len() - log.read, "seed {}", self.seed);
            }
        }
    }

    fn check_on(&mut self, channel: &'static str) {
        self.settle();
        let messages = &self.logs.entry(channel).or_default().messages;
        for one in self.listeners.iter_mut().filter(|one| one.channel == channel) {
            let texts = one.client.texts(&mut self.worlds[one.world]);
            let heard: Vec<&String> = one.heard.iter().chain(&texts).collect();
            let should: Vec<&String> = messages[one.from..].iter().map(|(_, text)| text).collect();
            let (kind, seed) = (one.client.kind, self.seed);
            assert_eq!(heard, should, "seed {seed}: {} on loop {}", kind.name(), one.world);
        }
    }

    fn channel(&mut self) -> &'static str {
        CHANNELS[self.roll(CHANNELS.len())]
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice % u64::try_from(sides).unwrap()).unwrap()
    }
}

const CHANNELS: [&str; 3] = ["one", "two", "three"];
