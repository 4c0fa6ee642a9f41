//! What happens to a server: every mechanism is opened, fed, left in silence, and closed.

use std::net::SocketAddr;

use pushscope::clock::SECOND_US;
use pushscope::cost::Kernel;
use pushscope::id::Kind;
use pushscope::limits::Limits;

use crate::line::{Line, Tally};
use crate::subscriber::{Count, Subscriber};

/// Somebody who publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    line: Line,
}

/// What everybody has counted.
#[derive(Debug)]
pub(crate) struct Told {
    /// One for each subscriber that there was.
    pub(crate) counts: Vec<Count>,
    /// What the one who published has counted.
    pub(crate) publisher: (Tally, Kernel),
}

impl Publisher {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self { line: Line::connect(address) }
    }

    /// Publishes, and awaits the answer.
    pub(crate) fn publish(&mut self, channel: &str, text: &str) {
        self.publish_all(channel, &[text.to_owned()]);
    }

    /// Publishes all of these with one write, and awaits the answers.
    pub(crate) fn publish_all(&mut self, channel: &str, texts: &[String]) {
        let head = format!("POST /c/{channel} HTTP/1.1\r\nHost: localhost\r\n");
        let request = |text: &String| format!("{head}Content-Length: {}\r\n\r\n{text}", text.len());
        let requests: String = texts.iter().map(request).collect();
        self.line.say(requests.as_bytes());
        for _ in texts {
            let response = self.line.response();
            assert!(matches!(response.status, 201 | 202), "{}", response.head);
        }
    }
}

/// Lets everything happen: publishing one by one and in a burst, from a page and from a socket;
/// readers who do not read for a while; silence; leaving.
pub(crate) fn tell(address: SocketAddr) -> Told {
    let mut publisher = Publisher::connect(address);
    let kinds = Kind::ALL.into_iter().chain(Kind::ALL);
    let mut crowd: Vec<_> = kinds.map(|kind| Subscriber::open(address, kind, "room")).collect();
    let streams = Kind::ALL.into_iter().filter(|kind| is_stream(*kind));
    let mut slow: Vec<_> =
        streams.map(|kind| Subscriber::on(Line::connect_narrow(address), kind, "flood")).collect();

    publisher.publish("room", "first");
    crowd.iter_mut().for_each(|one| one.hear("first"));
    publisher.publish_all("room", &(1..=BURST).map(|n| format!("burst-{n}.")).collect::<Vec<_>>());
    crowd.iter_mut().for_each(|one| one.hear(&format!("burst-{BURST}.")));
    crowd.iter_mut().find(|one| one.kind == Kind::WebSocket).unwrap().say("from a socket");
    crowd.iter_mut().for_each(|one| one.hear("from a socket"));

    let large = "x".repeat(LARGE_BYTES);
    publisher.publish_all("flood", &vec![large; LARGE]);
    publisher.publish("flood", "the flood is over");
    slow.iter_mut().for_each(|one| one.hear("the flood is over"));

    crowd.iter_mut().for_each(Subscriber::hear_silence);
    let counts = crowd.into_iter().chain(slow).map(Subscriber::leave).collect();
    Told { counts, publisher: publisher.line.finish() }
}

impl Told {
    /// Everything that was counted of one mechanism.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = &Count> {
        self.counts.iter().filter(move |count| count.kind == kind)
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, more| Self {
            said: sum.said + more.said,
            heard: sum.heard + more.heard,
        })
    }
}

/// Whether it stays open between two messages.
pub(crate) fn is_stream(kind: Kind) -> bool {
    !matches!(kind, Kind::Poll | Kind::LongPoll)
}

/// Limits under which silence is soon heard. A WebSocket that does not answer has 6 s to live.
pub(crate) fn limits() -> Limits {
    Limits {
        heartbeat_us: SECOND_US,
        ping_us: 2 * SECOND_US,
        park_us: SECOND_US,
        drain_us_max: SECOND_US,
        ..Limits::default()
    }
}

/// Messages that are published with one write.
const BURST: usize = 16;
/// Messages that a slow reader is given: more than the kernel takes, less than the queue may hold.
const LARGE: usize = 12;
const LARGE_BYTES: usize = 64 * 1024;
