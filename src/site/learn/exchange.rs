//! A short conversation by each mechanism: asked, answered, told, kept alive, ended.
//!
//! The bytes are none that somebody wrote down. The mechanism itself says them, on a clock that
//! stands still, about a channel that begins with the conversation: so they are the same whenever
//! they are made. `tests/lessons/learn.rs` has the same conversation with the whole engine.

use crate::answer::Manner;
use crate::clock::{Instant, Now, SECOND_US};
use crate::cost::{Account, Bytes};
use crate::dissect::{Dissector, Unit};
use crate::event::Payload;
use crate::frame::Frames;
use crate::hub::{Draft, Hub};
use crate::id::{ChannelKey, Id, Kind, Since};
use crate::limits::Limits;
use crate::mech::Mech;
use crate::mech::mould::{Act, Address, Brought, Door, Dress, Out, Why};
use crate::queue::Queue;
use crate::wire::cursor::Parse;
use crate::wire::date::Date;
use crate::wire::head::{self, Head, Scan};
use crate::wire::ws_frame::{self, FrameHead, Opcode, Role};

/// A conversation.
#[derive(Debug)]
pub struct Exchange {
    /// By which mechanism.
    pub kind: Kind,
    /// What happens, in order.
    pub turns: Vec<Turn>,
}

/// Something happens, and the server says something then, or nothing.
#[derive(Debug)]
pub struct Turn {
    /// What happens, as a heading.
    pub title: &'static str,
    /// What it means.
    pub told: &'static str,
    /// When.
    pub now: Now,
    /// What happens.
    pub cause: Cause,
    /// What the server says.
    pub answer: Vec<u8>,
    /// The same bytes, as the mechanism has booked them.
    pub made: Bytes,
}

/// What may happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The client says this.
    Says(Vec<u8>),
    /// Somebody else publishes this.
    Publishes(&'static str),
    /// Nothing, for as long as it takes until something must be said.
    Waits,
    /// The server is about to leave.
    Leaves,
}

impl Exchange {
    /// The conversation by this mechanism.
    pub fn of(kind: Kind) -> Self {
        let mut scene = Scene::new(kind);
        let play = |line| scene.play(line);
        Self { kind, turns: script(kind).into_iter().filter_map(play).collect() }
    }

    /// What was said in each turn, by both sides, dissected.
    pub fn units(&self) -> Vec<Vec<Unit>> {
        let mut dissector = Dissector::new();
        let mut told: Vec<Vec<Unit>> = Vec::new();
        for turn in &self.turns {
            let mut units = Vec::new();
            if let Cause::Says(bytes) = &turn.cause {
                dissector.receive(Role::Client, bytes, &mut units);
            }
            dissector.receive(Role::Server, &turn.answer, &mut units);
            told.push(units);
        }
        if let Some(last) = told.last_mut() {
            dissector.end(Role::Client, last);
            dissector.end(Role::Server, last);
        }
        told
    }

    /// The turn of the message that is told to whoever listens.
    pub fn message(&self) -> Option<(usize, &Turn)> {
        let is_told = |(_, turn): &(usize, &Turn)| match &turn.cause {
            Cause::Publishes(_) => !turn.answer.is_empty(),
            Cause::Says(_) => self.kind == Kind::Poll && turn.answer.ends_with(b"}"),
            Cause::Waits | Cause::Leaves => false,
        };
        self.turns.iter().enumerate().find(is_told)
    }
}

/// The server's end of the only connection that there is.
struct Scene {
    now: Now,
    date: Date,
    limits: Limits,
    kind: Kind,
    hub: Hub,
    channel: Option<ChannelKey>,
    queue: Queue,
    account: Account,
    acts: Vec<Act>,
    mech: Option<Mech>,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        let (now, limits) = (at(0), Limits::default());
        let mut hub = Hub::new(limits);
        let channel = hub.channel_named(CHANNEL, now).ok();
        let mut scene = Self {
            now,
            date: Date::at(now.unix_s()),
            limits,
            kind,
            hub,
            channel,
            queue: Queue::default(),
            account: Account::default(),
            acts: Vec::new(),
            mech: None,
        };
        if begins_behind(kind) {
            scene.publish(Payload::Text(EARLIER.into()));
        }
        scene
    }

    /// Lets something happen; none when it could not, which a test would notice.
    fn play(&mut self, line: Line) -> Option<Turn> {
        let Line { title, told, after_us, cause } = line;
        self.now = match (&cause, &self.mech) {
            (Cause::Waits, Some(mech)) => at(mech.deadline().us()),
            _ => at(self.now.at.us() + after_us),
        };
        self.date.refresh(self.now.unix_s());
        let before = self.account.made;
        match &cause {
            Cause::Says(bytes) => self.hear(bytes)?,
            Cause::Publishes(text) => self.publish(Payload::Text((*text).into())),
            Cause::Waits => self.call(|mech, _, out| mech.tick(out).is_ok()),
            Cause::Leaves => self.call(|mech, _, out| {
                mech.end(Why::Drain, out);
                true
            }),
        }
        let (now, answer, made) = (self.now, self.said(), self.account.made - before);
        Some(Turn { title, told, now, cause, answer, made })
    }

    /// The client says something: a request, or what its mechanism takes.
    fn hear(&mut self, bytes: &[u8]) -> Option<()> {
        if self.mech.is_some() {
            self.call(|mech, _, out| mech.receive(bytes, out).is_ok());
            return Some(());
        }
        let (mut scan, mut room) = (Scan::default(), head::room());
        let Ok(Parse::Complete(head, _)) = head::parse(bytes, &mut scan, &mut room) else {
            return None;
        };
        self.open(&head)
    }

    fn open(&mut self, head: &Head<'_, '_>) -> Option<()> {
        let key = self.channel?;
        let cursor = head.target.split_once("since=").and_then(|(_, id)| Id::parse(id));
        let since = cursor.map_or(Since::Latest, Since::Id);
        let manner = Manner::new(head, None);
        let door = Door {
            head,
            manner: &manner,
            address: Address::Canonical,
            dress: Dress::Bare,
            channel: Some(key),
            replay: self.hub.replay(key, since, self.now)?,
            cursor: cursor.map_or(Brought::Nothing, |_| Brought::Cursor),
            park_us: self.limits.park_us,
            session: 1,
        };
        let mut out = Out {
            now: self.now,
            date: &self.date,
            limits: &self.limits,
            queue: &mut self.queue,
            account: &mut self.account,
            acts: &mut self.acts,
        };
        self.mech = Some(Mech::open(self.kind, &door, &mut out).ok()?);
        self.settle();
        Some(())
    }

    /// Publishes, and hands it to the mechanism, if one is open.
    fn publish(&mut self, payload: Payload) {
        let Some(key) = self.channel else { return };
        self.hub.publish(key, Draft { name: None, payload }, self.now);
        self.call(|mech, hub, out| {
            let Some(pending) = hub.pending(key, out.now) else { return false };
            mech.deliver(&pending.batch, &mut Frames::default(), out);
            true
        });
        self.hub.handed_over(key, self.now);
    }

    /// Calls the mechanism, if one is open, and does what it wants done.
    fn call(&mut self, act: impl FnOnce(&mut Mech, &mut Hub, &mut Out<'_>) -> bool) {
        let Some(mech) = &mut self.mech else { return };
        let mut out = Out {
            now: self.now,
            date: &self.date,
            limits: &self.limits,
            queue: &mut self.queue,
            account: &mut self.account,
            acts: &mut self.acts,
        };
        if !act(mech, &mut self.hub, &mut out) {
            self.mech = None;
        }
        self.settle();
    }

    fn settle(&mut self) {
        for act in std::mem::take(&mut self.acts) {
            match act {
                Act::Publish(_, payload) => self.publish(payload),
                Act::Done | Act::Close => self.mech = None,
                Act::Subscribe(_) | Act::Receive(..) => {}
            }
        }
    }

    /// What has been queued since the last turn.
    fn said(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        while self.queue.bytes() > 0 {
            let mut slices = [std::io::IoSlice::new(&[])];
            self.queue.gather(&mut slices);
            let [slice] = slices;
            let before = said.len();
            said.extend_from_slice(&slice);
            self.queue.sent(said.len() - before, &mut Vec::new());
        }
        said
    }
}

/// A line of the script.
struct Line {
    title: &'static str,
    told: &'static str,
    /// How long after the line before.
    after_us: u64,
    cause: Cause,
}

/// What happens in a conversation by this mechanism.
fn script(kind: Kind) -> Vec<Line> {
    match kind {
        Kind::Poll => short_polling(),
        Kind::LongPoll => long_polling(),
        Kind::Iframe => streaming(
            "GET /c/news/iframe HTTP/1.1",
            "The src of a hidden iframe: to the server it is a request like any other. The \
             document begins, and does not end. Its first chunk is padded, because some browsers \
             show nothing before 1 KiB has come.",
        ),
        Kind::XhrStream => streaming(
            "GET /c/news/stream HTTP/1.1",
            "A script asks, and reads the answer while it grows. The first line says where the \
             stream stands, and is padded, because some browsers hand over nothing before 1 KiB \
             has come.",
        ),
        Kind::Sse => streaming(
            "GET /c/news/sse HTTP/1.1",
            "EventSource asks by a GET like any other. The answer has neither a length nor \
             chunks: it lasts as long as the connection. Its first block has an id and no data, so \
             that the browser has a cursor before there is a message.",
        ),
        Kind::WebSocket => websocket(),
    }
}

fn short_polling() -> Vec<Line> {
    let first = ask("/c/news/poll", 1);
    let next = ask("/c/news/poll", 1);
    vec![
        says(
            "Nothing is new",
            "What came after message 1? The answer is there at once: nothing. It is a head alone, \
             and all of it is control.",
            first,
        ),
        publishes("A message, and nobody is told", "Nobody asks, so nothing is said."),
        says(
            "The next question finds it",
            "The same question as before. Now there is an answer, and the cursor for the next \
             question: the ETag, and `next` in the JSON.",
            next,
        ),
        leaves(
            "The end",
            "The server leaves between two questions. There is nothing that it could say: it \
             closes the connection.",
        ),
    ]
}

fn long_polling() -> Vec<Line> {
    vec![
        says(
            "The question is parked",
            "What came after message 1? Nothing yet: the server keeps the request, and says \
             nothing.",
            ask("/c/news/longpoll", 1),
        ),
        publishes("A message", "There is an answer, and the request is over with it."),
        says("The next question", "It is parked in turn.", ask("/c/news/longpoll", 2)),
        waits("Nothing happens", "The park is over: nothing is new. The client asks again."),
        says("And the next", "Parked again.", ask("/c/news/longpoll", 2)),
        leaves("The end", "The server leaves, and says for how long the client should stay away."),
    ]
}

fn streaming(request: &'static str, told: &'static str) -> Vec<Line> {
    vec![
        says("The request, and the answer begins", told, format!("{request}{HOST}\r\n").into()),
        publishes("A message", "Somebody publishes `hello`, and here it comes, wrapped."),
        waits(
            "Nothing happens",
            "A heartbeat: who reads learns that the connection lives, and so does whoever stands \
             between.",
        ),
        leaves("The end", "The server is about to leave, and says so in the mechanism’s words."),
    ]
}

fn websocket() -> Vec<Line> {
    vec![
        says(
            "The handshake",
            "A GET that asks for another protocol. The server proves that it understands by \
             hashing the key; HTTP ends with its answer.",
            format!("GET /c/news/ws HTTP/1.1{HOST}{UPGRADE}\r\n").into(),
        ),
        publishes("A message", "Somebody publishes `hello`: two bytes stand before it."),
        says(
            "The client speaks",
            "The same text from the client: 4 bytes more, and masked. The server publishes it, \
             and the sender hears it like everybody else.",
            frame(Opcode::Text, MASKING_KEYS[0], HELLO.as_bytes()),
        ),
        waits("Nothing happens", "A ping: is anybody there?"),
        says(
            "The pong",
            "The browser answers by itself; no script learns of it.",
            frame(Opcode::Pong, MASKING_KEYS[1], b""),
        ),
        says(
            "The end",
            "The client closes with 1000, normal closure; the server says the same, and closes \
             the connection.",
            frame(Opcode::Close, MASKING_KEYS[2], &NORMAL),
        ),
    ]
}

fn says(title: &'static str, told: &'static str, bytes: Vec<u8>) -> Line {
    Line { title, told, after_us: 0, cause: Cause::Says(bytes) }
}

fn publishes(title: &'static str, told: &'static str) -> Line {
    Line { title, told, after_us: PUBLISHED_US, cause: Cause::Publishes(HELLO) }
}

fn waits(title: &'static str, told: &'static str) -> Line {
    Line { title, told, after_us: 0, cause: Cause::Waits }
}

fn leaves(title: &'static str, told: &'static str) -> Line {
    Line { title, told, after_us: SECOND_US, cause: Cause::Leaves }
}

/// The question what came after the message with this offset.
fn ask(path: &str, offset: u64) -> Vec<u8> {
    let since = Id { epoch: at(0).unix_ms(), offset };
    format!("GET {path}?since={since} HTTP/1.1{HOST}\r\n").into()
}

/// A client's frame.
fn frame(opcode: Opcode, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    let mut bytes = Vec::new();
    ws_frame::encode(FrameHead { fin: true, opcode, masking_key: Some(key), length }, &mut bytes);
    let mut payload = payload.to_vec();
    ws_frame::mask(&mut payload, key, 0);
    bytes.extend_from_slice(&payload);
    bytes
}

/// Whether the client has read a message before the conversation begins.
pub const fn begins_behind(kind: Kind) -> bool {
    matches!(kind, Kind::Poll | Kind::LongPoll)
}

/// So many microseconds after the conversation has begun.
pub const fn at(us: u64) -> Now {
    Now { at: Instant::from_us(us), unix_us: BEGINS_UNIX_US + us }
}

/// The channel that it is about.
pub const CHANNEL: &str = "news";
/// What is published before it, where a client begins behind something.
pub const EARLIER: &str = "hi";
/// What is published in it.
pub const HELLO: &str = "hello";
/// When it begins: in the year in which this was written. The documentation of the mechanisms has
/// the same ids and times.
const BEGINS_UNIX_US: u64 = 1_763_712_345_678_000;
/// How long after its beginning somebody publishes: at the next full ten seconds.
const PUBLISHED_US: u64 = 4_322_000;
const HOST: &str = "\r\nHost: localhost:7777\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// A browser draws a new one at random for each frame.
const MASKING_KEYS: [[u8; 4]; 3] =
    [[0x37, 0xfa, 0x21, 0x3d], [0x12, 0x34, 0x56, 0x78], [0x5a, 0x01, 0xc3, 0x9e]];
/// 1000, in network order.
const NORMAL: [u8; 2] = [0x03, 0xe8];
