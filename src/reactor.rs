//! The loop: mio's poll, tokens, and the fixed turn. No word of any protocol.
//!
//! A turn is: poll, accept, receive, tick, settle, flush, sweep. Everything that one turn has
//! produced for a connection leaves in one `writev`, before the loop sleeps again. With nothing to
//! do it sleeps until the next deadline, however many connections are parked.

mod door;
mod inbox;
mod loops;
mod signals;

pub use inbox::{Handle, InboxFull};
pub use loops::Loops;

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll};
use signal_hook_mio::v1_0::Signals;
use socket2::SockRef;

use crate::admission::Admission;
use crate::board::Member;
use crate::clock::{Instant, Now};
use crate::cost::{Owner, Syscall};
use crate::engine::{Config, Engine, Farewell, Next};
use crate::id::Token;
use crate::keyring::Keyring;
use crate::ledger;
use crate::ledger::meter::Gauge;
use crate::limits;
use crate::listener::Listener;
use crate::reactor::inbox::{Directives, Errand, Inbox};
use crate::sys;

/// The loop and everything in it.
pub struct Reactor {
    poll: Poll,
    events: Events,
    engine: Engine,
    listener: Option<Listener>,
    /// The socket of each connection, at its slot of the engine's slab.
    sockets: Vec<Option<TcpStream>>,
    /// Sockets that may hold more than their turn allowed to read.
    carry: Vec<Token>,
    /// Sockets that may take more than their turn allowed to write.
    unwritten: Vec<Token>,
    /// What is known of those who wait at the listener.
    admission: Admission,
    signals: Option<Signals>,
    /// What SIGHUP has read anew.
    keyring: Keyring,
    inbox: Inbox,
    /// The ways to all loops, this one's among them; none if it is alone.
    handles: Vec<Handle>,
    buffer: Box<[u8]>,
    clock: Clock,
    leaving: Option<Instant>,
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug)]
struct Clock {
    began: std::time::Instant,
}

impl Clock {
    /// Begins to count.
    fn start() -> Self {
        Self { began: std::time::Instant::now() }
    }

    fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { at: self.at(), unix_us: us(wall) }
    }

    fn at(self) -> Instant {
        Instant::from_us(us(self.began.elapsed()))
    }
}

/// What a loop stands on: made before it is known whether every loop can be, and handed to the
/// loop's thread.
struct Ground {
    poll: Poll,
    listener: Listener,
    inbox: Inbox,
    clock: Clock,
    descriptors: u64,
}

impl Ground {
    /// Has a poll watch the listener.
    fn new(mut listener: Listener, clock: Clock) -> io::Result<Self> {
        let descriptors = sys::raise_descriptor_limit()?;
        let poll = Poll::new()?;
        poll.registry().register(listener.source(), LISTENER, Interest::READABLE)?;
        let inbox = Inbox::new(poll.registry(), WAKER)?;
        Ok(Self { poll, listener, inbox, clock, descriptors })
    }
}

/// The other loops.
struct Company {
    member: Member,
    /// The ways to all loops, by their numbers.
    handles: Vec<Handle>,
}

impl Reactor {
    /// Listens on `address`, alone.
    pub fn bind(address: SocketAddr, config: Config) -> io::Result<Self> {
        Ok(Self::on(Ground::new(Listener::bind(address)?, Clock::start())?, config, None))
    }

    /// The loop that stands on this.
    fn on(ground: Ground, config: Config, company: Option<Company>) -> Self {
        let Ground { poll, listener, inbox, clock, descriptors } = ground;
        let (member, handles) = company.map(|one| (one.member, one.handles)).unzip();
        let handles = handles.unwrap_or_default();
        let connections_max = connections_max(&config, descriptors, handles.len());
        Self {
            poll,
            events: Events::with_capacity(limits::EVENTS_PER_TURN),
            engine: Engine::seated(config, clock.now(), GAUGE, member),
            listener: Some(listener),
            sockets: Vec::new(),
            carry: Vec::new(),
            unwritten: Vec::new(),
            admission: Admission::new(connections_max),
            signals: None,
            keyring: Keyring::default(),
            inbox,
            handles,
            buffer: vec![0; limits::READ_BUFFER_BYTES].into_boxed_slice(),
            clock,
            leaving: None,
        }
    }

    /// The address it really listens on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        listener.address()
    }

    /// A way to reach it from another thread.
    pub fn handle(&self) -> Handle {
        self.inbox.handle()
    }

    /// Runs until it is drained.
    pub fn run(&mut self) -> io::Result<()> {
        let mut ended = Ok(());
        while ended.is_ok() && !self.is_over() {
            ended = self.turn(self.patience());
        }
        // However it ends: no other loop is to wait for what it would have said.
        self.engine.leave_all();
        self.call_others();
        ended
    }

    /// One turn: sleeps for at most `patience`, or until something happens, and does all of it.
    pub fn turn(&mut self, patience: Option<Duration>) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, patience);
        if let Err(error) = polled
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        self.engine.begin(self.clock.now());
        self.engine.book_for(Owner::Loop, Syscall::EpollWait);
        if events.iter().any(|event| event.token() == LISTENER) && self.listener.is_some() {
            self.admission.announced();
        }
        self.hear();
        self.accept();
        self.carry_on();
        for event in &events {
            self.event(event);
        }
        self.events = events;
        // They hand over while this one does.
        self.call_others();
        self.engine.tick();
        self.witness();
        self.engine.settle();
        self.call_others();
        self.flush();
        if self.engine.take_idled() {
            self.admission.idled();
        }
        self.sweep();
        self.make_room();
        self.call_others();
        self.engine.pause();
        Ok(())
    }

    /// How long the loop may sleep: not at all while something waits for its turn.
    fn patience(&self) -> Option<Duration> {
        if self.engine.is_held_up() {
            return Some(Duration::from_micros(limits::NEWS_PAUSE_US));
        }
        let busy = !self.carry.is_empty() || self.admission.is_ready() || self.engine.is_busy();
        if busy {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.engine.deadline(), self.admission.deadline(), self.leaving];
        let next = deadlines.into_iter().flatten().min()?;
        let wait_us = next.since(self.clock.at());
        // Rounded up by the kernel to its milliseconds: never early, or the loop would spin.
        Some(Duration::from_micros(wait_us))
    }

    fn event(&mut self, event: &mio::event::Event) {
        match event.token() {
            LISTENER => {}
            SIGNALS => self.take_pending_signals(),
            WAKER => {
                self.engine.called();
                self.run_errands();
            }
            token => {
                let token = Token::unpack(token.0 as u64);
                if event.is_writable() {
                    self.engine.writable(token);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    let hint = if event.is_read_closed() { Hint::Ends } else { Hint::More };
                    self.receive(token, hint);
                }
            }
        }
    }

    fn run_errands(&mut self) {
        let Directives { access, drains, is_half } = self.inbox.open();
        // A turn's worth: no more can have been there.
        for _ in 0..limits::INBOX_MAX {
            let Some(Errand { channel, draft }) = self.inbox.take() else { break };
            if let Err(error) = self.engine.publish(&channel, draft) {
                log::warn!("not published to {channel:?}: {error:?}");
            }
        }
        if !self.inbox.is_empty() {
            self.inbox.wake();
            self.engine.book_for(Owner::Loop, Syscall::Wake);
        }
        if let Some(access) = access {
            self.engine.change_access(access);
        }
        for _ in 0..drains {
            self.drain();
        }
        if is_half && self.leaving.is_none() {
            self.drain();
        }
    }

    /// Whether everybody has left, or had time enough to leave. The loop that has the signals is
    /// the last to leave: a second one is for all.
    pub fn is_over(&self) -> bool {
        let may_leave = || self.signals.is_none() || self.engine.is_alone();
        let is_done = || self.engine.is_empty() && may_leave();
        self.leaving.is_some_and(|at| at <= self.clock.at() || is_done())
    }

    /// Reads on from those whose turn was over, or whose input was left in the kernel.
    fn carry_on(&mut self) {
        while let Some(token) = self.engine.next_unpaused() {
            self.carry.push(token);
        }
        let mut carried = std::mem::take(&mut self.carry);
        // A connection may have been put there twice: its budget is still one.
        carried.sort_unstable();
        carried.dedup();
        for token in carried {
            self.receive(token, Hint::Ends);
        }
    }

    /// Reads what the socket has: up to a short read, or up to its end if an end was announced.
    fn receive(&mut self, token: Token, hint: Hint) {
        if self.engine.is_held_up() {
            return self.carry.push(token);
        }
        let mut budget = limits::READ_BYTES_PER_TURN;
        while self.engine.enter_receive(token) {
            if budget == 0 {
                self.carry.push(token);
                return;
            }
            let Some(Some(socket)) = self.sockets.get_mut(token.index as usize) else { return };
            match socket.read(&mut self.buffer) {
                Ok(0) => {
                    self.engine.book(token, Syscall::Read);
                    return self.engine.ended(token);
                }
                Ok(count) => {
                    self.engine.receive(token, self.buffer.get(..count).unwrap_or_default());
                    // Only now it is known for whom.
                    self.engine.book(token, Syscall::Read);
                    if self.engine.take_crowded() {
                        self.flush();
                    }
                    budget = budget.saturating_sub(count);
                    // A short read has emptied the socket: its next byte is a new edge.
                    if count < self.buffer.len() && hint == Hint::More {
                        return;
                    }
                }
                Err(error) => {
                    self.engine.book(token, Syscall::ReadBlocked);
                    match error.kind() {
                        io::ErrorKind::WouldBlock => return,
                        io::ErrorKind::Interrupted => {}
                        _ => return self.engine.broken(token),
                    }
                }
            }
        }
    }

    /// Writes before the loop sleeps: once per connection, in one call.
    fn flush(&mut self) {
        while let Some(token) = self.engine.next_dirty() {
            self.flush_conn(token);
        }
        for token in self.unwritten.drain(..) {
            self.engine.writable(token);
        }
    }

    fn flush_conn(&mut self, token: Token) {
        let Some(Some(socket)) = self.sockets.get_mut(token.index as usize) else { return };
        let mut budget = limits::WRITE_BYTES_PER_TURN;
        loop {
            let (written, offered, [whole, short]) = match self.engine.sole(token) {
                Some([]) => break,
                Some(bytes) => (socket.write(bytes), bytes.len(), SEND),
                None => write_many(socket, &self.engine, token),
            };
            let is_whole = written.as_ref().is_ok_and(|taken| *taken == offered);
            self.engine.book(token, if is_whole { whole } else { short });
            match written {
                Ok(taken) => {
                    self.engine.sent(token, taken);
                    if taken < offered || !self.engine.has_output(token) {
                        break;
                    }
                    budget = budget.saturating_sub(taken);
                    if budget == 0 {
                        self.unwritten.push(token);
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return self.engine.broken(token),
            }
        }
        if self.engine.flushed(token) == Next::ShutDown {
            // The peer may be gone already; it will be swept all the same.
            let _ = socket.shutdown(Shutdown::Write);
            self.engine.book(token, Syscall::Shutdown);
        }
    }

    /// Asks the kernel about every open connection, when somebody wants to know.
    fn witness(&mut self) {
        if !self.engine.inquires() {
            return;
        }
        self.engine.enter_loop();
        for token in self.engine.tokens() {
            let Some(Some(socket)) = self.sockets.get(token.index as usize) else { continue };
            let Ok(kernel) = sys::kernel(socket) else { continue };
            self.engine.book_all(Owner::Loop, &[Syscall::Getsockopt; 2].into());
            let peer = self.engine.inquires_peers().then(|| {
                let calls = [Syscall::Getsockopt, Syscall::Getpeername].into();
                self.engine.book_all(Owner::Loop, &calls);
                sys::peer(socket)
            });
            self.engine.witness_open(token, kernel, peer);
        }
    }

    /// Closes what is to be closed: nothing refers to it any more.
    fn sweep(&mut self) {
        while let Some(swept) = self.engine.sweep() {
            let slot = self.sockets.get_mut(swept.token.index as usize);
            let Some(socket) = slot.and_then(Option::take) else { continue };
            self.close(socket, swept.owner, swept.farewell);
            self.admission.left();
        }
    }

    /// Hears the kernel's last word on a connection, and closes its socket. What the kernel does
    /// behind that is told to nobody: our FIN, if it was not sent yet, what is acknowledged or sent
    /// again late.
    fn close(&mut self, socket: TcpStream, owner: Owner, farewell: Farewell) {
        if ledger::ON {
            self.engine.book_for(owner, Syscall::Getsockopt);
            if let Ok(kernel) = sys::kernel_counts(&socket) {
                self.engine.witness_closed(owner, kernel);
            }
        }
        if farewell == Farewell::Reset {
            // An RST frees the kernel's buffer at once: its reader does not read.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            self.engine.book_for(owner, Syscall::Setsockopt);
        }
        drop(socket);
        self.engine.book_for(owner, Syscall::Close);
    }
}

/// Offers a socket the pieces that are queued for it: what it took, of how many bytes, and what the
/// call is booked as. Apart: room for so many is a quarter of what it takes to flush one piece.
#[inline(never)]
fn write_many(
    socket: &mut TcpStream,
    engine: &Engine,
    token: Token,
) -> (io::Result<usize>, usize, [Syscall; 2]) {
    let mut slices = [IoSlice::new(&[]); limits::GATHER_MAX];
    let count = engine.gather(token, &mut slices);
    let slices = slices.get(..count).unwrap_or_default();
    let offered = slices.iter().map(|slice| slice.len()).sum();
    (socket.write_vectored(slices), offered, WRITEV)
}

/// As many as descriptors allow; what is set may be less.
fn connections_max(config: &Config, descriptors: u64, loops: usize) -> usize {
    let others = (loops as u64).saturating_sub(1);
    let spare = limits::DESCRIPTORS_SPARE + others * limits::DESCRIPTORS_PER_LOOP;
    let most = descriptors.saturating_sub(spare).max(1);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let set = config.limits.connections_max;
    if set > most {
        log::warn!("{set} connections were asked for: {descriptors} descriptors allow {most}");
    }
    if set == 0 { most } else { set.min(most) }
}

/// What an event says about the bytes to come; only `read` decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hint {
    /// A short read is the end for now.
    More,
    /// The end of the stream may lie behind the bytes.
    Ends,
}

const _: () = assert!(size_of::<usize>() == 8, "a token of mio holds slot and generation");

fn key(token: Token) -> mio::Token {
    mio::Token(usize::try_from(token.pack()).unwrap_or(usize::MAX))
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The clocks of a loop: of the thread that runs it.
const GAUGE: Gauge =
    Gauge { time_ns: sys::monotonic_ns, cpu_ns: sys::thread_cpu_ns, heap: sys::heap };

/// What a write is booked as: when the socket took all, and when it did not.
const SEND: [Syscall; 2] = [Syscall::Send, Syscall::SendShort];
const WRITEV: [Syscall; 2] = [Syscall::Writev, Syscall::WritevShort];

/// Tokens that no connection has: the generation of their slot never comes.
const LISTENER: mio::Token = mio::Token(usize::MAX);
const WAKER: mio::Token = mio::Token(usize::MAX - 1);
const SIGNALS: mio::Token = mio::Token(usize::MAX - 2);
