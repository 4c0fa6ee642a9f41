//! A publisher: requests on a connection that is kept, one after the other or several at once.

use std::collections::VecDeque;

use super::{CHANNELS, Line, News, is_excused};
use crate::simulation::dice::Dice;
use crate::simulation::plan::Way;
use crate::simulation::reader::{Answer, Place, Said};
use crate::simulation::scene::Scene;

pub(crate) struct Publisher {
    number: usize,
    published: u64,
    /// What is out and not answered.
    waiting: VecDeque<Waiting>,
    /// Channels to which a last message is still to be published.
    last: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Its number in the book, unless the server must refuse it.
    number: Option<usize>,
    channel: usize,
    is_last: bool,
}

impl Publisher {
    pub(super) const fn new(number: usize) -> Self {
        Self { number, published: 0, waiting: VecDeque::new(), last: Vec::new() }
    }

    pub(super) fn is_content(&self) -> bool {
        self.last.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn publish_last(&mut self, line: &mut Line, scene: &mut Scene, channel: usize) {
        self.last.push(channel);
        self.act(line, scene, 1);
    }

    pub(super) fn act(&mut self, line: &mut Line, scene: &mut Scene, channels: usize) {
        self.heed(line, scene);
        let at_once = if line.dice.odds(50_000) { 8 } else { 1 };
        if let Some(channel) = self.last.first().copied() {
            if self.waiting.is_empty() && line.connect(scene, Way::Poll) {
                self.publish(line, scene, channel, true);
            }
            return;
        }
        if scene.chance.is_quiet || !line.dice.odds(300_000) || !line.connect(scene, Way::Poll) {
            return;
        }
        for _ in 0..at_once {
            // The first channel has the most.
            let channel = line.dice.below(channels).min(line.dice.below(channels));
            if self.waiting.len() < 16 {
                self.publish(line, scene, channel, false);
            }
        }
    }

    fn publish(&mut self, line: &mut Line, scene: &mut Scene, channel: usize, is_last: bool) {
        self.published += 1;
        let most = scene.book.message_bytes_max();
        let bytes = payload(&mut line.dice, self.number, self.published, most, !is_last);
        let may_be = bytes.len() <= most;
        if !may_be && !self.waiting.is_empty() {
            // What is refused ends the connection: it goes alone.
            return;
        }
        let Some(socket) = line.socket else { return };
        let number = may_be.then(|| scene.book.publish(socket, channel, &bytes));
        let request = request(&mut line.dice, CHANNELS[channel].1, &bytes);
        line.say(scene, &request, None);
        self.waiting.push_back(Waiting { number, channel, is_last });
        scene.trail.tally.published += 1;
    }

    pub(super) fn heed(&mut self, line: &mut Line, scene: &mut Scene) {
        let mut said = Vec::new();
        let news = line.listen(scene, &mut said);
        for said in said {
            match said {
                Said::Answer(answer) => self.answer(&answer, line, scene),
                other => line.panics(&format!("{other:?} is no answer")),
            }
        }
        if !matches!(news, News::Goes) {
            self.waiting.clear();
        }
    }

    fn answer(&mut self, answer: &Answer, line: &mut Line, scene: &mut Scene) {
        let Some(waiting) = self.waiting.pop_front() else {
            // A head that never came is answered, too.
            assert!(is_excused(answer), "client {}: nobody has asked: {answer:?}", self.number);
            return;
        };
        match (answer.status, waiting.number) {
            (201 | 202, Some(number)) => {
                let value = answer.json();
                let place = value["id"].as_str().and_then(Place::parse).expect("an id");
                assert_eq!(value["channel"], CHANNELS[waiting.channel].0);
                let listeners = value["subscribers"].as_object().expect("subscribers");
                assert_eq!(answer.status == 201, !listeners.is_empty(), "{answer:?}");
                scene.book.acknowledge(number, (waiting.channel, scene.life), place);
                if waiting.is_last {
                    self.last.retain(|channel| *channel != waiting.channel);
                }
            }
            (413, None) => {}
            _ if is_excused(answer) => scene.trail.tally.refusals += 1,
            _ => line.panics(&format!("{waiting:?} is answered with {answer:?}")),
        }
        if answer.closes() {
            line.hang_up(scene);
            self.waiting.clear();
        }
    }
}

/// A message that nobody else publishes, of whatever size has an edge.
pub(super) fn payload(dice: &mut Dice, by: usize, count: u64, most: usize, any: bool) -> Vec<u8> {
    let mut bytes = format!("{by:x}.{count:x};").into_bytes();
    let size = match dice.below(100) {
        _ if !any => 0,
        0..70 => dice.below(64),
        70..90 => dice.pick(&[125, 126, 127, 1_000]),
        90..96 => dice.below(4_096),
        96 => dice.pick(&[65_535, 65_536, 0, 0]),
        97 if dice.odds(200_000) => most,
        98 => most + 1,
        _ => 0,
    };
    let fill = dice.pick(&FILLS);
    while bytes.len() + fill.len() <= size {
        bytes.extend_from_slice(fill);
    }
    bytes.resize(size.max(bytes.len()), b'.');
    bytes
}

/// A request that publishes, in one of its forms.
fn request(dice: &mut Dice, path: &str, content: &[u8]) -> Vec<u8> {
    let method = dice.pick(&["POST", "PUT"]);
    let expect = dice.pick(&["", "", "Expect: 100-continue\r\n"]);
    let head = format!("{method} /c/{path} HTTP/1.1\r\nHost: h\r\n{expect}");
    if dice.odds(700_000) {
        let mut bytes = format!("{head}Content-Length: {}\r\n\r\n", content.len()).into_bytes();
        bytes.extend_from_slice(content);
        return bytes;
    }
    let mut bytes = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let most = 1 + dice.below(content.len().max(1));
    for chunk in content.chunks(most.max(content.len() / 64)) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// What has an edge in one of the encodings.
const FILLS: [&[u8]; 7] = [
    b"x",
    b"line\n",
    b"a\r\nb\r",
    b"\"\\</script><!--",
    "\u{2028}\u{e4}\u{1f642}".as_bytes(),
    b"\x00\x01\x7f",
    b"\xff\xfe",
];
