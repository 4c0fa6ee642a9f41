//! Real subscribers over real sockets, all of them on one thread.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::client::mould::Ask;
use crate::client::{Address, ClientError};
use crate::id::Kind;
use crate::lab::LabError;
use crate::lab::payload::{Heard, Payloads};
use crate::lab::publisher::{Publisher, Schedule, is_patient, write};
use crate::lab::subscriber::Subscriber;
use crate::limits;
use crate::mech::mould::Dress;

/// Subscribers of one channel, and who publishes to it.
#[derive(Debug)]
pub(super) struct Crowd {
    poll: Poll,
    events: Events,
    place: SocketAddr,
    topic: Topic,
    seats: Vec<Seat>,
    /// Who has not set out yet.
    outside: VecDeque<Kind>,
    /// Connections that are being made.
    connecting: usize,
    /// Short polls that are to ask again, in the order of their times.
    resting: VecDeque<(Instant, usize)>,
    asking: Asking,
    publisher: Option<Publisher>,
    traffic: [Traffic; Kind::ALL.len()],
    fault: Option<(Kind, ClientError)>,
    buffer: Box<[u8]>,
}

/// What everybody asks for.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) address: Address,
    pub(super) channel: String,
    /// The time between two questions of short polling.
    pub(super) interval: Duration,
    pub(super) payloads: Payloads,
}

/// Whether short polls ask again when their time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asking {
    /// They do.
    Freely,
    /// They wait: somebody counts.
    Held,
}

/// Bytes as the client counts them: the second witness.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Traffic {
    pub(super) sent: u64,
    pub(super) received: u64,
}

#[derive(Debug)]
struct Seat {
    stream: Option<TcpStream>,
    state: Presence,
    subscriber: Subscriber,
}

/// Where a subscriber stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Presence {
    /// Its connection is being made. Next: `Here`.
    Coming,
    /// It is connected. Next: `Leaving`.
    Here,
    /// It has said goodbye, and waits for the server's half of it.
    Leaving,
}

impl Crowd {
    /// Nobody yet.
    pub(super) fn new(topic: Topic) -> Result<Self, LabError> {
        let place = (topic.address.host(), topic.address.port()).to_socket_addrs()?.next();
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(limits::EVENTS_PER_TURN),
            place: place.ok_or(io::Error::from(ErrorKind::AddrNotAvailable))?,
            topic,
            seats: Vec::new(),
            outside: VecDeque::new(),
            connecting: 0,
            resting: VecDeque::new(),
            asking: Asking::Freely,
            publisher: None,
            traffic: Default::default(),
            fault: None,
            buffer: vec![0; limits::READ_BUFFER_BYTES].into_boxed_slice(),
        })
    }

    /// So many subscribers of a mechanism are to come.
    pub(super) fn invite(&mut self, kind: Kind, count: u32) {
        self.outside.extend((0..count).map(|_| kind));
    }

    /// So many messages are to be published, the first one now.
    pub(super) fn publish(&mut self, messages: u32, interval: Duration) -> Result<(), LabError> {
        let Topic { address, channel, payloads, .. } = self.topic.clone();
        let (messages, begin) = (messages.into(), Instant::now());
        let schedule = Schedule { address, channel, payloads, messages, begin, interval };
        let stream = self.connect(PUBLISHER)?;
        self.publisher = Some(Publisher::new(stream, schedule));
        Ok(())
    }

    /// Whether every message is published and answered.
    pub(super) fn has_published(&self) -> bool {
        self.publisher.as_ref().is_none_or(Publisher::is_done)
    }

    /// Messages that were published more than one interval after their time.
    pub(super) fn late(&self) -> u64 {
        self.publisher.as_ref().map_or(0, Publisher::late)
    }

    /// Whether all who were invited are there, and nothing that they have asked for is under way.
    pub(super) fn is_settled(&self) -> bool {
        self.outside.is_empty()
            && self.seats.iter().all(|seat| seat.stream.is_none() || seat.is_settled())
    }

    /// A mechanism whose subscribers are not all settled.
    pub(super) fn unsettled(&self) -> Option<Kind> {
        let seat = self.seats.iter().find(|seat| seat.stream.is_some() && !seat.is_settled());
        self.outside.front().copied().or_else(|| Some(seat?.subscriber.kind()))
    }

    /// Whether short polls ask again from now on.
    pub(super) const fn set_asking(&mut self, asking: Asking) {
        self.asking = asking;
    }

    /// What the subscribers of each mechanism have sent and received.
    pub(super) const fn traffic(&self) -> [Traffic; Kind::ALL.len()] {
        self.traffic
    }

    /// How many subscribers of a mechanism are there.
    pub(super) fn present(&self, kind: Kind) -> u64 {
        let there = |seat: &&Seat| seat.stream.is_some() && seat.subscriber.kind() == kind;
        self.seats.iter().filter(there).count() as u64
    }

    /// What each subscriber of a mechanism has heard.
    pub(super) fn heard(&self, kind: Kind) -> impl Iterator<Item = Heard> + '_ {
        let of_kind = move |seat: &&Seat| seat.subscriber.kind() == kind;
        self.seats.iter().filter(of_kind).map(|seat| seat.subscriber.heard)
    }

    /// Whether everybody who is there has heard so many messages.
    pub(super) fn has_heard(&self, messages: u32) -> bool {
        let deaf = |seat: &Seat| seat.subscriber.heard.messages < u64::from(messages);
        !self.seats.iter().any(|seat| seat.stream.is_some() && deaf(seat))
    }

    /// What has first gone wrong with a subscriber.
    pub(super) const fn take_fault(&mut self) -> Option<(Kind, ClientError)> {
        self.fault.take()
    }

    /// Everybody leaves: whose mechanism has words for it says them, and awaits the answer.
    pub(super) fn leave(&mut self) {
        self.publisher = None;
        self.resting.clear();
        for index in 0..self.seats.len() {
            let Some(seat) = self.seats.get_mut(index) else { continue };
            let farewell = seat.subscriber.farewell();
            if farewell.is_empty() || !seat.is_settled() {
                seat.stream = None;
                continue;
            }
            seat.state = Presence::Leaving;
            seat.subscriber.unsent = farewell;
            self.write(index);
        }
    }

    /// Whether everybody has left.
    pub(super) fn is_empty(&self) -> bool {
        self.seats.iter().all(|seat| seat.stream.is_none())
    }

    /// Does what there is to be done until a moment.
    pub(super) fn drive(&mut self, until: Instant) -> Result<(), LabError> {
        while Instant::now() < until {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Does what there is to be done, and waits for something until a moment.
    pub(super) fn turn(&mut self, until: Instant) -> Result<(), LabError> {
        self.connect_more()?;
        let now = Instant::now();
        self.ask_again(now);
        if let Some(publisher) = &mut self.publisher {
            publisher.publish(now).map_err(LabError::Publisher)?;
        }
        let due = self.publisher.as_ref().and_then(Publisher::due);
        let due = due.into_iter().chain(self.rested()).fold(until, Instant::min);
        let patience = due.saturating_duration_since(Instant::now());
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, Some(whole_ms(patience)));
        if let Err(error) = polled
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        if events.is_empty() && patience < MILLISECOND {
            // The poll counts in milliseconds: a schedule is finer.
            thread::park_timeout(patience);
        }
        for event in &events {
            self.ready(event.token())?;
        }
        self.events = events;
        Ok(())
    }

    fn ready(&mut self, token: Token) -> Result<(), LabError> {
        if token != PUBLISHER {
            self.visit(token.0);
        } else if let Some(publisher) = &mut self.publisher {
            publisher.ready(&mut self.buffer).map_err(LabError::Publisher)?;
        }
        Ok(())
    }

    /// A subscriber's socket is ready.
    fn visit(&mut self, index: usize) {
        let Some(seat) = self.seats.get_mut(index) else { return };
        if seat.state == Presence::Coming {
            seat.state = Presence::Here;
            self.connecting -= 1;
        }
        self.write(index);
        loop {
            let Some(seat) = self.seats.get_mut(index) else { return };
            let Some(stream) = &mut seat.stream else { return };
            let count = match stream.read(&mut self.buffer) {
                Ok(0) if seat.state == Presence::Leaving => return seat.stream = None,
                Ok(0) => return self.lose(index, ClientError::Cut),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_patient(&error) => return,
                Err(_) if seat.state == Presence::Leaving => return seat.stream = None,
                Err(error) => return self.lose(index, error.into()),
            };
            let kind = seat.subscriber.kind();
            self.traffic[kind as usize].received += count as u64;
            if seat.state == Presence::Leaving {
                continue;
            }
            let bytes = self.buffer.get(..count).unwrap_or_default();
            match seat.subscriber.receive(bytes, self.topic.payloads) {
                Ok(None) => {}
                Ok(Some(Duration::ZERO)) => seat.subscriber.ask(&self.topic.ask()),
                Ok(Some(wait)) => self.resting.push_back((Instant::now() + wait, index)),
                Err(error) => return self.lose(index, error),
            }
            self.write(index);
        }
    }

    fn write(&mut self, index: usize) {
        let Some(seat) = self.seats.get_mut(index) else { return };
        let Some(stream) = &mut seat.stream else { return };
        let written = write(stream, &mut seat.subscriber.unsent);
        match written {
            Ok(count) => self.traffic[seat.subscriber.kind() as usize].sent += count as u64,
            Err(_) if seat.state == Presence::Leaving => seat.stream = None,
            Err(error) => self.lose(index, error.into()),
        }
    }

    fn lose(&mut self, index: usize, error: ClientError) {
        let Some(seat) = self.seats.get_mut(index) else { return };
        seat.stream = None;
        self.fault.get_or_insert((seat.subscriber.kind(), error));
    }

    fn connect_more(&mut self) -> Result<(), LabError> {
        while self.connecting < CONNECTING_MAX
            && let Some(kind) = self.outside.pop_front()
        {
            let stream = Some(self.connect(Token(self.seats.len()))?);
            let subscriber = Subscriber::new(kind, &self.topic.ask());
            self.seats.push(Seat { stream, state: Presence::Coming, subscriber });
            self.connecting += 1;
        }
        Ok(())
    }

    fn connect(&self, token: Token) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.place)?;
        stream.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, interest)?;
        Ok(stream)
    }

    /// Short polls whose rest is over ask again.
    fn ask_again(&mut self, now: Instant) {
        while self.rested().is_some_and(|at| at <= now)
            && let Some((_, index)) = self.resting.pop_front()
        {
            let Some(seat) = self.seats.get_mut(index) else { continue };
            seat.subscriber.ask(&self.topic.ask());
            self.write(index);
        }
    }

    /// When the next rest is over, unless nobody is to ask.
    fn rested(&self) -> Option<Instant> {
        let (at, _) = self.resting.front().filter(|_| self.asking == Asking::Freely)?;
        Some(*at)
    }
}

impl Seat {
    fn is_settled(&self) -> bool {
        self.state == Presence::Here && self.subscriber.is_settled()
    }
}

impl Topic {
    fn ask(&self) -> Ask<'_> {
        let Self { address, channel, interval, .. } = self;
        Ask { address, channel, since: "", interval: *interval, dress: Dress::Bare }
    }
}

fn whole_ms(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

const PUBLISHER: Token = Token(usize::MAX);
const MILLISECOND: Duration = Duration::from_millis(1);
/// Connections that are being made at once: the server's backlog has room for them.
const CONNECTING_MAX: usize = 256;

const _: () = assert!(CONNECTING_MAX < limits::BACKLOG as usize);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Config;
    use crate::reactor::Reactor;

    const MESSAGES: u32 = 5;
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Drives the crowd until something is so.
    fn until(crowd: &mut Crowd, is_so: impl Fn(&Crowd) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(crowd) {
            assert!(Instant::now() < deadline, "{:?} {:?}", crowd.unsettled(), crowd.fault);
            crowd.turn(deadline).unwrap();
        }
    }

    #[test]
    fn a_crowd_comes_hears_and_leaves() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let server = thread::spawn(move || {
            let mut reactor = Reactor::bind("127.0.0.1:0".parse().unwrap(), Config::default())?;
            sender.send((reactor.address()?, reactor.handle())).unwrap();
            reactor.run()
        });
        let (address, handle) = receiver.recv().unwrap();
        let address = Address::parse(&address.to_string()).unwrap();

        let (channel, interval) = ("c".to_owned(), Duration::from_millis(10));
        let payloads = Payloads::new(16);
        let mut crowd = Crowd::new(Topic { address, channel, interval, payloads }).unwrap();
        for kind in Kind::ALL {
            crowd.invite(kind, 2);
        }
        until(&mut crowd, Crowd::is_settled);
        assert!(Kind::ALL.iter().all(|kind| crowd.present(*kind) == 2));
        crowd.publish(MESSAGES, Duration::from_millis(1)).unwrap();
        until(&mut crowd, |crowd| crowd.has_published() && crowd.has_heard(MESSAGES));
        for kind in Kind::ALL {
            assert_eq!(crowd.heard(kind).count(), 2);
            assert!(crowd.heard(kind).all(|heard| heard.doubled == 0), "{kind:?}");
            let Traffic { sent, received } = crowd.traffic()[kind as usize];
            assert!(sent > 100 && received > 100, "{kind:?}");
        }
        crowd.set_asking(Asking::Held);
        until(&mut crowd, Crowd::is_settled);
        crowd.leave();
        until(&mut crowd, Crowd::is_empty);
        assert!(crowd.take_fault().is_none());

        handle.drain();
        server.join().unwrap().unwrap();
    }

    #[test]
    fn whoever_is_lost_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let (channel, interval) = ("c".to_owned(), Duration::from_secs(1));
        let payloads = Payloads::new(1);
        let mut crowd = Crowd::new(Topic { address, channel, interval, payloads }).unwrap();
        crowd.invite(Kind::Sse, 1);
        assert_eq!(crowd.unsettled(), Some(Kind::Sse));
        crowd.turn(Instant::now()).unwrap();
        drop(listener);
        until(&mut crowd, Crowd::is_empty);
        assert!(matches!(crowd.take_fault(), Some((Kind::Sse, _))));
    }
}
