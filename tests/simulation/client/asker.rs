//! Those who ask all kinds of things: politely and several at once, to delete a channel, or with
//! bytes that nobody should say.

use super::subscriber::{UPGRADE, frame};
use super::{CHANNELS, Line, News, is_excused};
use crate::simulation::dice::Dice;
use crate::simulation::plan::{Part, Way};
use crate::simulation::reader::Said;
use crate::simulation::scene::Scene;

pub(crate) struct Asker {
    part: Part,
    waiting: usize,
    /// Whether this connection has been answered once: it may be refused before it has asked.
    is_let_in: bool,
}

impl Asker {
    pub(super) const fn new(part: Part) -> Self {
        Self { part, waiting: 0, is_let_in: false }
    }

    pub(super) fn is_content(&self) -> bool {
        self.part == Part::Hostile || self.waiting == 0
    }

    pub(super) fn act(&mut self, line: &mut Line, scene: &mut Scene, channels: usize) {
        self.heed(line, scene);
        if scene.chance.is_quiet {
            return;
        }
        let often = if self.part == Part::Deleter { 10_000 } else { 100_000 };
        let is_new = line.socket.is_none();
        if !line.dice.odds(often) || !line.connect(scene, Way::Ws) {
            return;
        }
        let path = CHANNELS[line.dice.below(channels)].1;
        match self.part {
            Part::Hostile => {
                let bytes = spoiled(&mut line.dice, is_new);
                line.say(scene, &bytes, None);
                if line.dice.odds(100_000) {
                    line.hang_up(scene);
                }
            }
            Part::Deleter => {
                if self.waiting == 0 {
                    let request = format!("DELETE /c/{path} HTTP/1.1\r\nHost: h\r\n\r\n");
                    self.waiting += 1;
                    line.say(scene, request.as_bytes(), None);
                }
            }
            _ => {
                for _ in 0..1 + line.dice.below(4) {
                    if self.waiting < 16 {
                        self.ask(line, scene, path);
                    }
                }
            }
        }
    }

    fn ask(&mut self, line: &mut Line, scene: &mut Scene, path: &str) {
        let (method, target) = line.dice.pick(&QUESTIONS);
        if method == "HEAD" && !self.is_let_in {
            return;
        }
        let target = target.replace("{}", path);
        line.reader.bodiless.push_back(method == "HEAD");
        self.waiting += 1;
        let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        line.say(scene, request.as_bytes(), None);
    }

    pub(super) fn heed(&mut self, line: &mut Line, scene: &mut Scene) {
        let mut said = Vec::new();
        let news = line.listen(scene, &mut said);
        for said in said {
            let Said::Answer(answer) = said else {
                assert_eq!(self.part, Part::Hostile, "{said:?} is no answer");
                continue;
            };
            if self.part == Part::Hostile {
                continue;
            }
            let is_right = match self.part {
                Part::Deleter => matches!(answer.status, 200 | 404),
                // A snapshot or a receipt that is asked for need not be there.
                _ => matches!(answer.status, 200 | 204 | 304 | 403 | 404 | 501),
            };
            assert!(is_right || is_excused(&answer), "client {}: {answer:?}", line.number);
            // The head of a request that never came whole is answered, too.
            assert!(self.waiting > 0 || is_excused(&answer), "client {}: {answer:?}", line.number);
            self.is_let_in = true;
            self.waiting = self.waiting.saturating_sub(1);
            if answer.closes() {
                line.hang_up(scene);
                self.waiting = 0;
                self.is_let_in = false;
                return;
            }
        }
        if !matches!(news, News::Goes) {
            self.is_let_in = false;
            self.waiting = 0;
        }
    }
}

/// Something valid, with something wrong in it.
fn spoiled(dice: &mut Dice, is_new: bool) -> Vec<u8> {
    let mut bytes = match dice.below(4) {
        0 if !is_new => frame(dice, 0x81, b"hostile"),
        1 if !is_new => frame(dice, 0x80, b""),
        2 => {
            let head = format!("GET /c/zz/ws HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n");
            let mut bytes = head.into_bytes();
            let count = dice.below(4);
            bytes.extend((0..count).flat_map(|_| frame(dice, 0x81, b"hostile")));
            bytes
        }
        _ => dice.pick(&VALID).to_vec(),
    };
    for _ in 0..dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_within(at..),
            2 => bytes.extend_from_slice(dice.pick(&VALID)),
            3 => {
                let some = dice.u64().to_be_bytes();
                bytes.splice(at..at, some);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    if dice.odds(20_000) {
        bytes.resize(bytes.len() + 2_000_000, b'x');
    }
    bytes
}

/// What is asked for.
const QUESTIONS: [(&str, &str); 13] = [
    ("GET", "/c/{}"),
    ("HEAD", "/c/{}"),
    ("HEAD", "/c/{}/sse"),
    ("OPTIONS", "/c/{}"),
    ("GET", "/online"),
    ("GET", "/ledger"),
    ("GET", "/ledger?kernel=1"),
    ("GET", "/metrics"),
    ("GET", "/livez"),
    ("GET", "/"),
    ("GET", "/c/{}/receipts/1700000000000-1"),
    ("GET", "/received/{}"),
    // What comes behind it waits until it is answered.
    ("GET", "/c/{}/longpoll?timeout=1"),
];

/// What is spoiled: of a channel of its own.
const VALID: [&[u8]; 8] = [
    b"POST /c/zz HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c/zz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /c/zz/sse?since=all HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /c/zz/longpoll?since=1700000000000-1&timeout=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /c/zz/stream HTTP/1.0\r\n\r\n",
    b"GET /c/zz/iframe?since=1s HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /c/zz/poll?since=all HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
];
