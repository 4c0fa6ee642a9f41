//! Somebody who takes part: what all of them have in common, and what each of them does.

mod asker;
mod publisher;
mod subscriber;

use pushscope::clock::SECOND_US;

use super::dice::Dice;
use super::plan::{Class, Part, Way};
use super::reader::{Answer, Place, Reader, Said};
use super::scene::Scene;
use super::socket::{End, Mark};
use asker::Asker;
use publisher::Publisher;
use subscriber::Subscriber;

/// Somebody, and the connection that they have at the moment.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) part: Part,
    line: Line,
    role: Role,
}

/// What they do.
enum Role {
    Subscriber(Box<Subscriber>),
    Publisher(Publisher),
    Asker(Asker),
    Absent,
}

/// A client's connection, and its manner of using it.
pub(crate) struct Line {
    number: usize,
    socket: Option<usize>,
    reader: Reader,
    pub(crate) habit: Habit,
    dice: Dice,
    /// Whether the socket has ever taken less than it was offered.
    was_short: bool,
    /// What is said a byte at a time, and has not been said yet.
    unsaid: Vec<u8>,
    /// No connection is tried before, in microseconds.
    from_us: u64,
    /// Until this step it neither reads nor writes.
    pub(crate) clogged_until: u64,
}

/// What a client does badly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Habit {
    pub(crate) is_mute: bool,
    pub(crate) is_slow: bool,
    pub(crate) trickles: bool,
    /// How much its socket's buffers hold.
    pub(crate) room: usize,
    /// Nothing ever happens to it: it knows what others should have heard.
    pub(crate) is_auditor: bool,
}

/// What has become of a connection since its client last looked.
enum News {
    /// There is none.
    Absent,
    /// It goes on.
    Goes,
    /// It is over.
    Lost,
}

/// Channels by name, and as a path has them.
pub(crate) const CHANNELS: [(&str, &str); 3] =
    [("news", "news"), ("a b/\u{e4}", "a%20b%2F%c3%a4"), ("<10086>", "%3C10086%3E")];

impl Client {
    pub(crate) fn new(
        number: usize,
        part: Part,
        habit: Habit,
        channel: usize,
        mut dice: Dice,
    ) -> Self {
        let role = match part {
            Part::Subscriber(way) => {
                Role::Subscriber(Box::new(Subscriber::new(way, channel, &mut dice)))
            }
            Part::Publisher => Role::Publisher(Publisher::new(number)),
            Part::Asker | Part::Hostile | Part::Deleter => Role::Asker(Asker::new(part)),
            Part::Absent => Role::Absent,
        };
        let line = Line {
            number,
            socket: None,
            reader: Reader::new(Way::Poll),
            habit,
            dice,
            was_short: false,
            unsaid: Vec::new(),
            from_us: 0,
            clogged_until: 0,
        };
        Self { number, part, line, role }
    }

    /// Does what it does next.
    pub(crate) fn act(&mut self, scene: &mut Scene, channels: usize) {
        if scene.step < self.line.clogged_until {
            return;
        }
        match &mut self.role {
            Role::Subscriber(subscriber) => subscriber.act(&mut self.line, scene),
            Role::Publisher(publisher) => publisher.act(&mut self.line, scene, channels),
            Role::Asker(asker) => asker.act(&mut self.line, scene, channels),
            Role::Absent => {}
        }
    }

    /// Reads what there is, and does what must be done then.
    pub(crate) fn heed(&mut self, scene: &mut Scene) {
        if scene.step < self.line.clogged_until {
            return;
        }
        match &mut self.role {
            Role::Subscriber(subscriber) => subscriber.heed(&mut self.line, scene),
            Role::Publisher(publisher) => publisher.heed(&mut self.line, scene),
            Role::Asker(asker) => asker.heed(&mut self.line, scene),
            Role::Absent => {}
        }
    }

    /// The server has been given all of a question: this is where its channel stands.
    pub(crate) fn asked(&mut self, newest: Place, life: u32) {
        if let Role::Subscriber(subscriber) = &mut self.role {
            subscriber.asked(newest, life);
        }
    }

    /// The channel that it listens to.
    pub(crate) const fn channel(&self) -> Option<usize> {
        match &self.role {
            Role::Subscriber(subscriber) => Some(subscriber.channel),
            _ => None,
        }
    }

    /// What it has read up to.
    pub(crate) const fn place(&self) -> Option<Place> {
        match &self.role {
            Role::Subscriber(subscriber) => subscriber.place(),
            _ => None,
        }
    }

    /// It mends its ways: it reads and speaks as one should.
    pub(crate) fn mend(&mut self, room: usize) {
        self.line.habit.room = self.line.habit.room.max(room);
        self.line.habit.is_mute = false;
        self.line.habit.is_slow = false;
        self.line.habit.trickles = false;
        self.line.clogged_until = 0;
    }

    /// Publishes one last message to a channel.
    pub(crate) fn publish_last(&mut self, scene: &mut Scene, channel: usize) {
        if let Role::Publisher(publisher) = &mut self.role {
            publisher.publish_last(&mut self.line, scene, channel);
        }
    }

    /// Whether everything that it has asked for is answered.
    pub(crate) fn is_content(&self) -> bool {
        match &self.role {
            Role::Publisher(publisher) => publisher.is_content(),
            Role::Subscriber(_) | Role::Absent => true,
            Role::Asker(asker) => asker.is_content(),
        }
    }

    /// Leaves for good.
    pub(crate) fn leave(&mut self, scene: &mut Scene) {
        if let Some(socket) = self.line.socket.take() {
            let socket = &mut scene.sockets[socket];
            if self.line.dice.odds(300_000) { socket.reset() } else { socket.finish() }
        }
    }

    /// The server is no more, and with it every connection.
    pub(crate) fn cut_off(&mut self, scene: &mut Scene) {
        if let Some(socket) = self.line.socket.take() {
            scene.sockets[socket].reset();
            self.line.lose(scene);
        }
    }

    pub(crate) const fn socket(&self) -> Option<usize> {
        self.line.socket
    }

    pub(crate) const fn line(&mut self) -> &mut Line {
        &mut self.line
    }
}

impl Line {
    /// Whether it has a connection, or has one now.
    fn connect(&mut self, scene: &mut Scene, way: Way) -> bool {
        if self.socket.is_some() {
            return true;
        }
        if scene.now_us < self.from_us {
            return false;
        }
        self.socket = scene.connect(self.number, self.habit.room);
        self.reader = Reader::new(way);
        self.unsaid.clear();
        self.socket.is_some()
    }

    /// Says something, all at once or byte by byte.
    fn say(&mut self, scene: &mut Scene, bytes: &[u8], mark: Option<Mark>) {
        let Some(number) = self.socket else { return };
        let who = self.number;
        scene.trail.tell(|| {
            let head: Vec<u8> = bytes.iter().copied().take(160).collect();
            format!("client {who} says {} bytes: {}", bytes.len(), head.escape_ascii())
        });
        let socket = &mut scene.sockets[number];
        let is_open = socket.is_open() && socket.vanished_us.is_none();
        if !is_open || (!self.habit.trickles && self.unsaid.is_empty()) {
            socket.say(bytes);
        } else {
            self.unsaid.extend_from_slice(bytes);
        }
        if let Some(mark) = mark.filter(|_| is_open) {
            let end = socket.said + self.unsaid.len() as u64;
            socket.marks.push_back((end, mark));
        }
    }

    /// Reads what there is, as it is its habit; what it finds is added to `into`.
    fn listen(&mut self, scene: &mut Scene, into: &mut Vec<Said>) -> News {
        let Some(number) = self.socket else { return News::Absent };
        let socket = &mut scene.sockets[number];
        self.was_short = socket.was_short;
        if !self.unsaid.is_empty() {
            let some = if self.habit.trickles { 1 + self.dice.below(2) } else { usize::MAX };
            let count = self.unsaid.len().min(some);
            let some: Vec<u8> = self.unsaid.drain(..count).collect();
            socket.say(&some);
        }
        if socket.vanished_us.is_some() || socket.is_reset() {
            // Somebody who was cut off notices, and comes back.
            self.lose(scene);
            return News::Lost;
        }
        if self.habit.is_mute && !self.dice.odds(2_000) {
            return News::Goes;
        }
        let most = if self.habit.is_slow { 1 + self.dice.below(64) } else { usize::MAX };
        let bytes = socket.read(most);
        scene.trail.mix(number as u64, bytes.len() as u64);
        scene.trail.mix_bytes(&bytes);
        let end = socket.heard_end();
        if !bytes.is_empty() {
            let who = self.number;
            scene.trail.tell(|| {
                let head: Vec<u8> = bytes.iter().copied().take(160).collect();
                format!("client {who} hears {} bytes: {}", bytes.len(), head.escape_ascii())
            });
        }
        if let Err(wrong) = self.reader.hear(&bytes, into) {
            panic!("client {}: {wrong}", self.number);
        }
        if end == End::Open {
            return News::Goes;
        }
        assert!(
            end == End::Reset || self.reader.is_at_boundary(),
            "client {}: what it was told is torn: {}",
            self.number,
            self.reader.torn()
        );
        self.lose(scene);
        News::Lost
    }

    /// Its connection is over.
    fn lose(&mut self, scene: &mut Scene) {
        let who = self.number;
        scene.trail.tell(|| format!("client {who} has lost its connection"));
        if let Some(number) = self.socket.take() {
            scene.sockets[number].finish();
        }
        let wait_us = if self.habit.is_auditor { 0 } else { self.dice.between(0, SECOND_US / 2) };
        self.from_us = scene.now_us + wait_us;
    }

    /// Leaves by itself: it has what it wanted.
    fn hang_up(&mut self, scene: &mut Scene) {
        if let Some(number) = self.socket {
            scene.sockets[number].finish();
            scene.sockets[number].is_troubled = true;
        }
        self.lose(scene);
    }

    /// What it was told is wrong.
    fn panics(&self, wrong: &str) -> ! {
        panic!("client {}: {wrong}", self.number)
    }
}

/// What may be said instead of an answer, when a request comes badly or at a bad time.
fn is_excused(answer: &Answer) -> bool {
    // Draining; a channel that is no more; a head or content that came too slowly, or not whole.
    // An address that has too many connections, or publishes too fast.
    matches!(answer.status, 503 | 410 | 408 | 429)
        || (answer.status == 400 && answer.content.windows(11).any(|some| some == b"request_cut"))
}

/// The habits that chance gives to somebody.
pub(crate) fn habit(scene: &mut Scene) -> Habit {
    let chance = &mut scene.chance;
    let is_narrow = chance.strikes(Class::Narrow);
    let room = if is_narrow { chance.dice(Class::Narrow).between_by_size(1, 4_096) } else { 0 };
    Habit {
        is_mute: chance.strikes(Class::Mute),
        is_slow: chance.strikes(Class::Slow),
        trickles: chance.strikes(Class::Trickle),
        room: if is_narrow { usize::try_from(room).expect("small") } else { 256 * 1024 },
        is_auditor: false,
    }
}

/// What an auditor does.
pub(crate) fn auditor() -> Habit {
    Habit { room: usize::MAX / 2, is_auditor: true, ..Habit::default() }
}
