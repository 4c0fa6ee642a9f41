//! A subscriber: it asks for a channel in one of the ways, checks that it is told every message
//! in order or how many it has missed, and comes back with its cursor.

use pushscope::clock::SECOND_US;

use super::publisher::payload;
use super::{CHANNELS, Line, News, is_excused};
use crate::simulation::book::Topic;
use crate::simulation::dice::Dice;
use crate::simulation::plan::Way;
use crate::simulation::reader::{Answer, Parting, Place, Said, poll};
use crate::simulation::scene::Scene;
use crate::simulation::socket::Mark;

pub(crate) struct Subscriber {
    way: Way,
    pub(crate) channel: usize,
    /// Everything up to here was told, or told to be lost.
    at: Option<Place>,
    since: Since,
    asked: Option<Asked>,
    /// What it wants done if it is slow.
    slow: Option<&'static str>,
    /// What it was told to have missed in mid-stream, before it is told what follows.
    behind: Option<Behind>,
    /// Whether it has been told where this stream begins.
    has_begun: bool,
    /// Whether a question is out and not answered.
    is_waiting: bool,
    /// Whether its own connection may be given up at any time.
    is_restless: bool,
    /// When it asks again, in microseconds.
    again_us: u64,
    /// Whether it speaks where it can.
    talks: bool,
    talked: u64,
}

/// From where a question asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Since {
    Latest,
    All,
    Cursor,
}

/// What the server had when it was asked.
#[derive(Clone, Copy, Debug)]
struct Asked {
    newest: Place,
    life: u32,
}

/// A gap in mid-stream.
#[derive(Clone, Copy, Debug)]
struct Behind {
    topic: Topic,
    upto: Place,
    newest: u64,
    was_short: bool,
}

impl Subscriber {
    pub(super) fn new(way: Way, channel: usize, dice: &mut Dice) -> Self {
        Self {
            way,
            channel,
            at: None,
            since: Since::Latest,
            asked: None,
            slow: dice.pick(&[None, Some("close"), Some("oldest"), Some("newest"), Some("latest")]),
            behind: None,
            has_begun: false,
            is_waiting: false,
            is_restless: dice.odds(300_000),
            again_us: 0,
            talks: way.is_ws() && dice.odds(500_000),
            talked: 0,
        }
    }

    pub(super) const fn place(&self) -> Option<Place> {
        self.at
    }

    pub(super) fn asked(&mut self, newest: Place, life: u32) {
        self.asked = Some(Asked { newest, life });
    }

    pub(super) fn act(&mut self, line: &mut Line, scene: &mut Scene) {
        self.heed(line, scene);
        let is_new = line.socket.is_none();
        if is_new && !line.habit.is_auditor && line.dice.odds(100_000) {
            // One cursor for every way: whoever comes back may come by another.
            self.way = line.dice.pick(&Way::ALL);
        }
        if !line.connect(scene, self.way) {
            return;
        }
        if is_new {
            self.is_waiting = false;
            self.again_us = 0;
        }
        let asks = is_new || (self.way.asks_again() && scene.now_us >= self.again_us);
        if asks && !self.is_waiting {
            self.ask(line, scene);
        }
        let may_talk = self.talks && !scene.chance.is_quiet;
        if may_talk && self.way.is_ws() && line.reader.is_streaming() && line.dice.odds(100_000) {
            self.talk(line, scene);
        }
        let may_leave = self.is_restless && !line.habit.is_auditor;
        if may_leave && !scene.chance.is_quiet && line.dice.odds(10_000) {
            line.hang_up(scene);
        }
    }

    fn ask(&mut self, line: &mut Line, scene: &mut Scene) {
        self.since = match self.at {
            Some(_) => Since::Cursor,
            None if line.habit.is_auditor || self.way == Way::Poll => Since::All,
            None if self.way == Way::Ws => Since::Latest,
            None => line.dice.pick(&[Since::Latest, Since::All]),
        };
        self.asked = None;
        self.has_begun = false;
        self.behind = None;
        self.is_waiting = true;
        if line.habit.is_auditor {
            self.slow = None;
        }
        let request = self.request(line);
        line.say(scene, request.as_bytes(), Some(Mark::Asked));
    }

    fn request(&self, line: &mut Line) -> String {
        let (leaf, version) = match self.way {
            Way::Poll => ("poll", "1.1"),
            Way::LongPoll => ("longpoll", "1.1"),
            Way::Iframe => ("iframe", "1.1"),
            Way::IframeOld => ("iframe", "1.0"),
            Way::Stream => ("stream", "1.1"),
            Way::StreamOld => ("stream", "1.0"),
            Way::Sse | Way::SseEnvelope => ("sse", "1.1"),
            Way::Ws | Way::WsEnvelope => ("ws", "1.1"),
        };
        let (mut query, mut fields) = (String::from("?"), String::new());
        match (self.since, self.at) {
            (Since::Cursor, Some(place)) => {
                let by_field = line.dice.odds(500_000);
                match self.way {
                    Way::Sse | Way::SseEnvelope if by_field => {
                        fields = format!("Last-Event-ID: {}\r\n", place.text());
                    }
                    Way::Poll | Way::LongPoll if by_field => {
                        fields = format!("If-None-Match: \"{}\"\r\n", place.text());
                    }
                    _ => query = format!("?since={}&", place.text()),
                }
            }
            (Since::All, _) => query = "?since=all&".into(),
            _ => query = line.dice.pick(&["?since=latest&", "?"]).into(),
        }
        if self.since == Since::Latest && self.way == Way::Poll {
            query = "?since=latest&".into();
        }
        if matches!(self.way, Way::SseEnvelope | Way::WsEnvelope) {
            query.push_str("envelope=json&");
        }
        if let Some(slow) = self.slow.filter(|_| !self.way.asks_again() && self.way != Way::Ws) {
            query.push_str(&format!("slow={slow}"));
        }
        if self.way.is_ws() {
            fields.push_str(UPGRADE);
        }
        let path = CHANNELS[self.channel].1;
        format!("GET /c/{path}/{leaf}{query} HTTP/{version}\r\nHost: h\r\n{fields}\r\n")
    }

    /// A WebSocket publishes what it says.
    fn talk(&mut self, line: &mut Line, scene: &mut Scene) {
        self.talked += 1;
        let bytes = payload(&mut line.dice, line.number, self.talked, 2_000, true);
        if bytes.len() > scene.book.message_bytes_max() {
            return;
        }
        let opcode = if str::from_utf8(&bytes).is_ok() { 1 } else { 2 };
        let frames = frames(&mut line.dice, opcode, &bytes);
        let Some(socket) = line.socket else { return };
        let number = scene.book.publish(socket, self.channel, &bytes);
        line.say(scene, &frames, Some(Mark::Published(number)));
    }

    pub(super) fn heed(&mut self, line: &mut Line, scene: &mut Scene) {
        let mut said = Vec::new();
        let news = line.listen(scene, &mut said);
        for said in said {
            self.hear(said, line, scene);
        }
        if !matches!(news, News::Goes) {
            self.is_waiting = false;
            self.asked = None;
        }
    }

    fn hear(&mut self, said: Said, line: &mut Line, scene: &mut Scene) {
        self.judge(&said, line, scene);
        match said {
            Said::Answer(answer) => self.answer(&answer, line, scene),
            Said::Opened { gap } => {
                if self.way == Way::Ws {
                    self.open_bare(gap, line, scene);
                }
            }
            Said::Stands(place) => self.stand(place, line, scene),
            Said::Gap { missed, epoch_changed } => self.miss(missed, epoch_changed, line, scene),
            Said::Message { place, payload } => self.message(place, &payload, line, scene),
            Said::Ping(data) => {
                let pong = frame(&mut line.dice, 0x8a, &data);
                line.say(scene, &pong, None);
            }
            Said::Close(code, reason) => {
                self.farewell(code, &reason, line, scene);
                let close = frame(&mut line.dice, 0x88, b"\x03\xe8");
                line.say(scene, &close, None);
            }
            Said::Goodbye(parting) => self.part(parting, line, scene),
            Said::Beat | Said::Pong | Said::Over => {}
        }
    }

    /// The last word: whoever has kept up has been told everything before.
    fn part(&self, parting: Parting, line: &Line, scene: &mut Scene) {
        let (Some(at), Some(asked)) = (self.at, self.asked) else { return };
        if line.was_short || !self.has_begun || asked.life != scene.life {
            return;
        }
        match parting {
            Parting::Deleted => scene.book.part(self.topic(asked), at, line.number),
            Parting::Drained => {
                let drained = scene.drained.get(self.channel).copied().flatten();
                let has_all = drained.is_none_or(|end| end.epoch != at.epoch || end <= at);
                assert!(has_all, "client {}: goodbye at {at:?} of {drained:?}", line.number);
            }
        }
    }

    /// Why a WebSocket is closed: nobody here breaks the protocol.
    fn farewell(&self, code: Option<u16>, reason: &str, line: &Line, scene: &mut Scene) {
        let is_right = match code {
            Some(1000) if reason.is_empty() => true,
            Some(1000) => {
                self.part(Parting::Deleted, line, scene);
                true
            }
            Some(1001) => {
                self.part(Parting::Drained, line, scene);
                true
            }
            Some(1008) => scene.book.is_rated(),
            Some(1011) => true,
            // Slow, or of all the longest.
            Some(1013) => line.was_short || scene.is_tight,
            _ => false,
        };
        assert!(is_right, "client {}: closed with {code:?}, {reason}", line.number);
    }

    fn answer(&mut self, answer: &Answer, line: &mut Line, scene: &mut Scene) {
        self.is_waiting = false;
        if is_excused(answer) {
            scene.trail.tally.refusals += 1;
            if self.way.asks_again() && !answer.closes() {
                return;
            }
            return line.hang_up(scene);
        }
        if !self.way.asks_again() {
            line.panics(&format!("{answer:?} is no stream"));
        }
        let pause_us = if self.way == Way::Poll { line.dice.between(0, SECOND_US) } else { 0 };
        self.again_us = scene.now_us + pause_us;
        let tag = answer.field("etag").map(|tag| tag.trim_matches('"'));
        let tag = tag.and_then(Place::parse).expect("every answer has a tag");
        match answer.status {
            200 => {
                let mut said = Vec::new();
                let value = answer.json();
                if let Err(wrong) = poll(&value, &mut said) {
                    line.panics(&wrong);
                }
                let gap = value.get("gap").map(ToString::to_string);
                assert_eq!(gap.as_deref(), answer.field("pushscope-gap"), "{answer:?}");
                assert_eq!(said.last(), Some(&Said::Stands(tag)));
                for said in said {
                    self.hear(said, line, scene);
                }
            }
            304 => self.stand(tag, line, scene),
            _ => line.panics(&format!("{answer:?}")),
        }
    }

    fn question(&self, line: &Line) -> Asked {
        self.asked.unwrap_or_else(|| line.panics("told before it has asked"))
    }

    fn topic(&self, asked: Asked) -> Topic {
        (self.channel, asked.life)
    }

    /// A stream that tells no places begins where it was asked for.
    fn open_bare(&mut self, gap: Option<u64>, line: &Line, scene: &mut Scene) {
        let newest = self.question(line).newest;
        if self.since == Since::Latest {
            self.at = Some(newest);
        }
        self.has_begun = false;
        let epoch_changed = self.at.is_some_and(|at| at.epoch != newest.epoch);
        match gap {
            Some(missed) => self.miss(missed, epoch_changed, line, scene),
            None if epoch_changed => line.panics("another log begins without a word"),
            None => {}
        }
    }

    fn stand(&mut self, place: Place, line: &Line, scene: &mut Scene) {
        let asked = self.question(line);
        self.has_begun = true;
        match (self.since, self.at) {
            (_, Some(at)) if at == place => {}
            (Since::Latest, None) => {
                assert_eq!(asked.newest, place, "client {}: not the latest", line.number);
            }
            (Since::All, None) => {
                let topic = self.topic(asked);
                scene.book.lose(topic, place, asked.newest.offset, line.number);
            }
            (_, at) => line.panics(&format!("is at {at:?}, and told that it is at {place:?}")),
        }
        self.at = Some(place);
    }

    fn miss(&mut self, missed: u64, epoch_changed: bool, line: &Line, scene: &mut Scene) {
        let asked = self.question(line);
        let at = self.at.unwrap_or_else(|| line.panics("a gap for whoever brings no cursor"));
        let now = if epoch_changed {
            assert_ne!(at.epoch, asked.newest.epoch, "client {}: the same log", line.number);
            Place { epoch: asked.newest.epoch, offset: missed }
        } else {
            assert!(missed > 0, "client {}: a gap of nothing", line.number);
            Place { offset: at.offset + missed, ..at }
        };
        scene.trail.tally.gaps += 1;
        scene.trail.tally.missed += missed;
        self.at = Some(now);
        if self.has_begun && !self.way.asks_again() {
            return self.fall_behind(now, line, scene);
        }
        if now.offset > asked.newest.offset {
            line.panics(&format!("at {at:?} of {asked:?}, and told that {missed} are lost"));
        }
        scene.book.lose(self.topic(asked), now, asked.newest.offset, line.number);
    }

    /// A gap in mid-stream: what follows tells why.
    fn fall_behind(&mut self, now: Place, line: &Line, scene: &mut Scene) {
        let topic = self.topic(self.question(line));
        scene.trail.tally.slow_gaps += 1;
        let newest = scene.book.newest(topic, now.epoch).expect("a log").offset;
        assert!(now.offset <= newest, "client {}: more are lost than there were", line.number);
        self.behind = Some(Behind { topic, upto: now, newest, was_short: line.was_short });
    }

    /// Whoever is told to go on behind a gap was slow, and has not asked to be closed then. Before
    /// the last words everybody is told how far behind they are.
    fn judge(&mut self, next: &Said, line: &Line, scene: &mut Scene) {
        if matches!(next, Said::Stands(_) | Said::Beat | Said::Ping(_) | Said::Pong) {
            return;
        }
        let Some(Behind { topic, upto, newest, was_short }) = self.behind.take() else { return };
        if matches!(next, Said::Goodbye(_) | Said::Close(Some(1000 | 1001), _)) {
            return;
        }
        if !was_short {
            line.panics("has read all at once, and is told that it is slow");
        }
        match self.slow {
            // Of what is behind only the log's bounds forget anything.
            Some("oldest") => scene.book.lose(topic, upto, newest, line.number),
            Some("newest" | "latest") => {}
            _ => line.panics("a gap for whoever wants to be closed"),
        }
    }

    fn message(&mut self, place: Option<Place>, payload: &[u8], line: &Line, scene: &mut Scene) {
        let asked = self.question(line);
        let next = self.at.map(|at| Place { offset: at.offset + 1, ..at });
        let place = match (place, next) {
            (Some(place), None) if place.offset > 0 => {
                // It begins where the log does, or with what comes first.
                self.stand(Place { offset: place.offset - 1, ..place }, line, scene);
                place
            }
            (Some(place), Some(next)) if place == next => place,
            (None, Some(next)) => next,
            (told, next) => line.panics(&format!("told {told:?} where {next:?} is next")),
        };
        self.has_begun = true;
        self.at = Some(place);
        scene.trail.tally.delivered += 1;
        scene.book.learn(self.topic(asked), place, payload, line.number);
    }
}

/// A client's frame (RFC 6455 §5.2).
pub(super) fn frame(dice: &mut Dice, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | u8::try_from(length).expect("small")),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).expect("16 bits").to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    let key = dice.u64().to_be_bytes();
    bytes.extend(&key[..4]);
    bytes.extend(payload.iter().zip(key[..4].iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// A message in one frame, or in several with a ping between.
fn frames(dice: &mut Dice, opcode: u8, payload: &[u8]) -> Vec<u8> {
    if dice.odds(700_000) {
        return frame(dice, 0x80 | opcode, payload);
    }
    let (first, rest) = payload.split_at(dice.below(payload.len() + 1));
    let mut bytes = frame(dice, opcode, first);
    bytes.extend(frame(dice, 0x89, b"between"));
    bytes.extend(frame(dice, 0x80, rest));
    bytes
}

pub(super) const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
