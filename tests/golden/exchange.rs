//! A short conversation by each mechanism, as the real engine has it: its clock is turned by hand,
//! so that every byte is the same each time.

use pushscope::clock::SECOND_US;
use pushscope::id::Kind;
use pushscope::wire::ws_frame::Role;

use crate::support::{UPGRADE, World, masked};

/// What was said, in order.
pub(crate) type Said = Vec<(Role, Vec<u8>)>;

/// Records the conversation of a mechanism.
pub(crate) fn record(kind: Kind) -> Said {
    let mut scene = Scene { world: World::new(), said: Vec::new(), heard: 0 };
    match kind {
        Kind::Poll => poll(&mut scene),
        Kind::LongPoll => long_poll(&mut scene),
        Kind::Iframe => stream("/c/news/iframe", "text/html", &mut scene),
        Kind::XhrStream => stream("/c/news/stream", "application/x-ndjson", &mut scene),
        Kind::Sse => sse(&mut scene),
        Kind::WebSocket => websocket(&mut scene),
    }
    scene.world.sweep_all();
    scene.said
}

fn poll(scene: &mut Scene) {
    scene.say(get("/c/news/poll?since=latest", ""));
    let cursor = scene.cursor();
    scene.publish("hello");
    scene.say(get(&format!("/c/news/poll?since={cursor}"), ""));
    let cursor = scene.cursor();
    scene.say(get(&format!("/c/news/poll?since={cursor}"), ""));
}

fn long_poll(scene: &mut Scene) {
    scene.say(get("/c/news/longpoll?since=latest", ""));
    scene.publish("hello");
    let cursor = scene.cursor();
    scene.say(get(&format!("/c/news/longpoll?since={cursor}"), ""));
    scene.wait(26);
}

fn stream(address: &str, media_type: &str, scene: &mut Scene) {
    scene.say(get(address, &format!("Accept: {media_type}\r\n")));
    scene.publish("hello");
    scene.wait(15);
    scene.delete();
}

fn sse(scene: &mut Scene) {
    scene.say(get("/c/news/sse", "Accept: text/event-stream\r\nCache-Control: no-cache\r\n"));
    scene.publish("first line\nsecond line");
    scene.wait(15);
    scene.world.drain();
    scene.hear();
}

fn websocket(scene: &mut Scene) {
    let origin = "Origin: http://localhost:7777\r\n";
    scene.say(get("/c/news/ws", &format!("{UPGRADE}{origin}")));
    scene.say(masked(0x81, b"hi"));
    scene.publish("hello");
    scene.wait(25);
    scene.say(masked(0x8a, b""));
    scene.say(masked(0x88, &[0x03, 0xe8]));
}

/// One connection, and what is said on it.
struct Scene {
    world: World,
    said: Said,
    /// Bytes of the server's that were noted.
    heard: usize,
}

impl Scene {
    /// The client says something, and is answered if it is.
    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.said.push((Role::Client, bytes.as_ref().to_vec()));
        self.world.tell(NAME, bytes);
        self.hear();
    }

    /// Somebody else publishes.
    fn publish(&mut self, text: &str) {
        self.world.publish("news", text);
        self.hear();
    }

    /// Nothing happens for so long.
    fn wait(&mut self, seconds: u64) {
        self.world.advance(seconds * SECOND_US);
        self.hear();
    }

    /// Somebody deletes the channel.
    fn delete(&mut self) {
        self.world.ask("DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
        self.hear();
    }

    /// Notes what the server has said since.
    fn hear(&mut self) {
        let news = self.world.said(NAME)[self.heard..].to_vec();
        self.heard += news.len();
        if !news.is_empty() {
            self.said.push((Role::Server, news));
        }
    }

    /// The cursor that the server has given last.
    fn cursor(&self) -> String {
        let (_, bytes) = self.said.last().expect("an answer");
        let text = String::from_utf8_lossy(bytes);
        let (_, tag) = text.split_once("ETag: \"").expect("an answer has a cursor");
        tag.split('"').next().expect("a tag").to_owned()
    }
}

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost:7777\r\n{fields}\r\n")
}

const NAME: &str = "browser";
