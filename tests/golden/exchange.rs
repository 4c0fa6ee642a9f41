//! A short conversation by each mechanism, as the real engine has it: its clock is turned by hand,
//! so that every byte is the same each time. The lessons show it.

use pushscope::clock::{Instant, SECOND_US};
use pushscope::engine::Config;
use pushscope::id::Kind;
use pushscope::wire::ws_frame::Role;

use crate::support::{UPGRADE, World};

/// Something that happens, and what is said then.
pub(crate) struct Step {
    /// When, since the beginning.
    pub(crate) at_us: u64,
    /// By both sides, in order.
    pub(crate) said: Vec<(Role, Vec<u8>)>,
}

/// Records the conversation of a mechanism.
pub(crate) fn record(kind: Kind) -> Vec<Step> {
    let world = World::begun(BEGUN_UNIX_US, Config::default());
    let mut scene = Scene { world, steps: Vec::new(), heard: 0 };
    match kind {
        Kind::Poll => poll(&mut scene),
        Kind::LongPoll => long_poll(&mut scene),
        Kind::Iframe => stream("/c/news/iframe", "text/html", &mut scene),
        Kind::XhrStream => stream("/c/news/stream", "application/x-ndjson", &mut scene),
        Kind::Sse => sse(&mut scene),
        Kind::WebSocket => websocket(&mut scene),
    }
    scene.world.sweep_all();
    scene.steps
}

fn poll(scene: &mut Scene) {
    scene.world.publish("news", "hi");
    scene.say(get(&format!("/c/news/poll?since={EARLIER}"), ""));
    scene.publish("hello");
    scene.say(get(&format!("/c/news/poll?since={EARLIER}"), ""));
    scene.drain();
}

fn long_poll(scene: &mut Scene) {
    scene.world.publish("news", "hi");
    scene.say(get(&format!("/c/news/longpoll?since={EARLIER}"), ""));
    scene.publish("hello");
    let cursor = scene.cursor();
    scene.say(get(&format!("/c/news/longpoll?since={cursor}"), ""));
    scene.wait();
    scene.say(get(&format!("/c/news/longpoll?since={cursor}"), ""));
    scene.drain();
}

fn stream(address: &str, media_type: &str, scene: &mut Scene) {
    scene.say(get(address, &format!("Accept: {media_type}\r\n")));
    scene.publish("hello");
    scene.wait();
    scene.delete();
}

fn sse(scene: &mut Scene) {
    scene.say(get("/c/news/sse", "Accept: text/event-stream\r\nCache-Control: no-cache\r\n"));
    scene.publish("first line\nsecond line");
    scene.wait();
    scene.drain();
}

fn websocket(scene: &mut Scene) {
    let origin = "Origin: http://localhost:7777\r\n";
    scene.say(get("/c/news/ws", &format!("{UPGRADE}{origin}")));
    scene.publish("hello");
    scene.say([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x5f, 0x9f, 0x4d, 0x51, 0x58]);
    scene.wait();
    scene.say([0x8a, 0x80, 0x12, 0x34, 0x56, 0x78]);
    scene.say([0x88, 0x82, 0x5a, 0x01, 0xc3, 0x9e, 0x59, 0xe9]);
}

/// One connection, and what is said on it.
struct Scene {
    world: World,
    steps: Vec<Step>,
    /// Bytes of the server's that were noted.
    heard: usize,
}

impl Scene {
    /// The client says something, and is answered if it is.
    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.world.tell(NAME, &bytes);
        self.note(vec![(Role::Client, bytes.as_ref().to_vec())]);
    }

    /// Somebody else publishes, when the clock is at a full ten seconds.
    fn publish(&mut self, text: &str) {
        self.world.advance(PUBLISHED_US - self.world.now_us());
        self.world.publish("news", text);
        self.note(Vec::new());
    }

    /// Nothing happens, for as long as it takes until the server says something.
    fn wait(&mut self) {
        while self.world.said(NAME).len() == self.heard {
            let next = self.world.engine.deadline().map_or(u64::MAX, Instant::us);
            self.world.advance(next - self.world.now_us());
        }
        self.note(Vec::new());
    }

    /// Somebody deletes the channel.
    fn delete(&mut self) {
        self.world.advance(SECOND_US);
        self.world.ask("DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
        self.note(Vec::new());
    }

    /// The server leaves.
    fn drain(&mut self) {
        self.world.advance(SECOND_US);
        self.world.drain();
        self.note(Vec::new());
    }

    /// Notes a step, and what the server has said in it.
    fn note(&mut self, mut said: Vec<(Role, Vec<u8>)>) {
        let news = self.world.said(NAME)[self.heard..].to_vec();
        self.heard += news.len();
        if !news.is_empty() {
            said.push((Role::Server, news));
        }
        self.steps.push(Step { at_us: self.world.now_us(), said });
    }

    /// The cursor that the server has given last.
    fn cursor(&self) -> String {
        let (_, bytes) = self.steps.last().and_then(|step| step.said.last()).expect("an answer");
        let text = String::from_utf8_lossy(bytes);
        let (_, tag) = text.split_once("ETag: \"").expect("an answer has a cursor");
        tag.split('"').next().expect("a tag").to_owned()
    }
}

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost:7777\r\n{fields}\r\n")
}

const NAME: &str = "browser";
/// When conversations begin; the sketches in the documentation of the mechanisms begin then, too.
const BEGUN_UNIX_US: u64 = 1_763_712_345_678_000;
/// The message that a client has read before it begins to ask.
const EARLIER: &str = "1763712345678-1";
/// How long after that the message is published that the sketches show.
const PUBLISHED_US: u64 = 4_322_000;
