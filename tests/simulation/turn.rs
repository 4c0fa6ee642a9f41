//! A turn of the loop, as the reactor has it: poll, accept, receive, tick, settle, flush, sweep.

use std::io::IoSlice;

use pushscope::conn::State;
use pushscope::cost::{Kernel, Syscall};
use pushscope::engine::{Farewell, Next, Swept};
use pushscope::id::Token;
use pushscope::limits;

use super::plan::Class;
use super::socket::{Mark, Read, Write};
use super::world::World;

/// What the poll says of a connection.
#[derive(Clone, Copy, Debug)]
struct Event {
    token: Token,
    is_readable: bool,
    is_writable: bool,
    ends: bool,
}

impl World {
    /// One turn, and those that follow it without a sleep.
    pub(super) fn turn(&mut self) {
        for turns in 0.. {
            assert!(turns < TURNS_MAX, "the loop spins: {:?}", self.admission);
            self.turn_once();
            self.scene.trail.tally.turns += 1;
            let is_awake = self.admission.is_ready();
            if !is_awake && self.carry.is_empty() && !self.engine.is_busy() {
                break;
            }
        }
        self.check();
    }

    fn turn_once(&mut self) {
        let mut events = self.poll();
        self.engine.begin(self.now());
        self.accept();
        self.carry_on();
        self.scene.chance.dice(Class::Spurious).shuffle(&mut events);
        for event in events {
            self.scene.trail.tally.events += 1;
            if event.is_writable {
                self.engine.writable(event.token);
            }
            if event.is_readable {
                self.receive(event.token, event.ends);
            }
        }
        self.take_signal();
        self.engine.tick();
        self.witness();
        self.engine.settle();
        self.flush();
        if self.engine.take_idled() {
            self.admission.idled();
        }
        self.sweep();
        self.engine.pause();
        self.grow();
    }

    /// What is ready: bytes arrive, room is made, and what chance makes of it.
    fn poll(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if std::mem::take(&mut self.scene.has_callers) {
            self.admission.announced();
        }
        let step = self.scene.step;
        for slot in 0..self.slots.len() {
            let Some(number) = self.slots[slot] else { continue };
            let socket = &mut self.scene.sockets[number];
            let Some(token) = socket.token else { continue };
            let chance = &mut self.scene.chance;
            let is_immune = self.clients[self.scene.owners[number]].line().habit.is_auditor;
            if socket.is_coming() {
                let is_cut = !is_immune && chance.strikes(Class::Cut);
                let most =
                    if is_cut { chance.dice(Class::Cut).between_by_size(1, 512) } else { u64::MAX };
                if socket.arrive(usize::try_from(most).unwrap_or(usize::MAX)) {
                    socket.readable_at.get_or_insert(step);
                }
            }
            if socket.wants_room && socket.has_room(step) {
                socket.wants_room = false;
                socket.writable_at.get_or_insert(step);
            }
            if let Some(vanished_us) = socket.vanished_us
                && self.scene.now_us > vanished_us + VANISHED_US
            {
                socket.reset();
                socket.readable_at = Some(step);
            }
            let is_due = |at: Option<u64>| at.is_some_and(|at| at <= step);
            let is_told = is_due(socket.readable_at) || is_due(socket.writable_at);
            if is_told && !is_immune && chance.strikes(Class::Withheld) {
                let later = step + chance.dice(Class::Withheld).between(1, 50);
                socket.is_troubled = true;
                socket.readable_at = socket.readable_at.map(|_| later);
                socket.writable_at = socket.writable_at.map(|_| later);
                continue;
            }
            let is_spurious = chance.strikes(Class::Spurious);
            let is_readable = socket.readable_at.take_if(|at| *at <= step).is_some();
            let is_writable = socket.writable_at.take_if(|at| *at <= step).is_some();
            if is_writable {
                socket.told_room_us.get_or_insert(self.scene.now_us);
            }
            if is_readable || is_writable || is_spurious {
                let (is_readable, is_writable) =
                    (is_readable || is_spurious, is_writable || is_spurious);
                events.push(Event { token, is_readable, is_writable, ends: socket.is_closing() });
            }
        }
        self.haunt(&mut events);
        events
    }

    /// Readiness of connections that are no more.
    fn haunt(&mut self, events: &mut Vec<Event>) {
        let chance = &mut self.scene.chance;
        if !self.ghosts.is_empty() && chance.strikes(Class::Stale) {
            let token = chance.dice(Class::Stale).pick(&self.ghosts);
            events.push(Event { token, is_readable: true, is_writable: true, ends: true });
        }
    }

    fn carry_on(&mut self) {
        while let Some(token) = self.engine.next_unpaused() {
            self.carry.push(token);
        }
        let mut carried = std::mem::take(&mut self.carry);
        carried.sort_unstable();
        carried.dedup();
        for token in carried {
            self.receive(token, true);
        }
    }

    fn receive(&mut self, token: Token, ends: bool) {
        let mut budget = limits::READ_BYTES_PER_TURN;
        while self.engine.enter_receive(token) {
            if budget == 0 {
                self.carry.push(token);
                return;
            }
            let Some(Some(number)) = self.slots.get(token.index as usize).copied() else { return };
            self.scene.trail.tally.events += 1;
            match self.scene.sockets[number].give(limits::READ_BUFFER_BYTES) {
                Read::End => {
                    self.engine.book(token, Syscall::Read);
                    self.scene.trail.tell(|| format!("socket {number}: the end is read"));
                    return self.engine.ended(token);
                }
                Read::Bytes(bytes) => {
                    self.scene.trail.tell(|| {
                        let (kind, head) = (bytes.len(), bytes.get(..32).unwrap_or(&bytes));
                        format!("socket {number}: {kind} bytes are read: {}", head.escape_ascii())
                    });
                    self.scene.trail.tally.given += bytes.len() as u64;
                    let could_be = self.could_publish(token);
                    self.engine.receive(token, &bytes);
                    self.engine.book(token, Syscall::Read);
                    // What was published may be deleted in this very turn.
                    self.grow();
                    self.notice(number, could_be && self.could_publish(token));
                    if self.engine.take_crowded() {
                        self.flush();
                    }
                    budget = budget.saturating_sub(bytes.len());
                    if bytes.len() < limits::READ_BUFFER_BYTES && !ends {
                        return;
                    }
                }
                Read::Nothing => return self.engine.book(token, Syscall::ReadBlocked),
                Read::Broken => {
                    self.engine.book(token, Syscall::ReadBlocked);
                    self.scene.trail.tell(|| format!("socket {number}: read finds it broken"));
                    return self.engine.broken(token);
                }
            }
        }
    }

    /// Whether a WebSocket's message is published as soon as it is received.
    fn could_publish(&self, token: Token) -> bool {
        let conn = self.engine.conn(token);
        conn.is_some_and(|conn| matches!(conn.state, State::Mech(_)) && !conn.is_full())
    }

    /// Tells clients and the book what the server has all of now.
    fn notice(&mut self, number: usize, is_certain: bool) {
        let owner = self.scene.owners[number];
        let socket = &mut self.scene.sockets[number];
        while let Some((end, mark)) = socket.marks.front().copied() {
            if end > socket.given {
                return;
            }
            socket.marks.pop_front();
            match mark {
                Mark::Published(message) if is_certain => self.scene.book.is_certain(message),
                Mark::Published(_) => {}
                // Whoever has given up and come back asks on another connection.
                Mark::Asked if self.clients[owner].socket() != Some(number) => {}
                Mark::Asked => {
                    let channel = self.clients[owner].channel();
                    let hub = self.engine.hub();
                    let name = super::client::CHANNELS[channel.unwrap_or_default()].0;
                    let found = hub.find(name).and_then(|key| hub.channel(key));
                    if let Some(cursor) = found.map(|channel| channel.log().cursor()) {
                        let newest =
                            super::reader::Place { epoch: cursor.epoch, offset: cursor.offset };
                        self.clients[owner].asked(newest, self.scene.life);
                    }
                }
            }
        }
    }

    pub(super) fn flush(&mut self) {
        while let Some(token) = self.engine.next_dirty() {
            self.flush_conn(token);
        }
        for token in std::mem::take(&mut self.unwritten) {
            self.engine.writable(token);
        }
    }

    fn flush_conn(&mut self, token: Token) {
        let Some(Some(number)) = self.slots.get(token.index as usize).copied() else { return };
        let mut budget = limits::WRITE_BYTES_PER_TURN;
        loop {
            let mut slices = [IoSlice::new(&[]); limits::GATHER_MAX];
            let count = self.engine.gather(token, &mut slices);
            if count == 0 {
                break;
            }
            let mut offered = Vec::new();
            slices[..count].iter().for_each(|one| offered.extend_from_slice(one));
            match self.write(number, &offered) {
                Write::Took(taken) => {
                    let call =
                        if taken == offered.len() { Syscall::Send } else { Syscall::SendShort };
                    self.engine.book(token, call);
                    self.engine.sent(token, taken);
                    if taken < offered.len() || !self.engine.has_output(token) {
                        break;
                    }
                    budget = budget.saturating_sub(taken);
                    if budget == 0 {
                        self.unwritten.push(token);
                        break;
                    }
                }
                Write::Blocked => {
                    self.engine.book(token, Syscall::SendShort);
                    break;
                }
                Write::Broken => {
                    self.engine.book(token, Syscall::SendShort);
                    return self.engine.broken(token);
                }
            }
        }
        if self.engine.flushed(token) == Next::ShutDown {
            assert!(!self.engine.has_output(token), "a FIN before all is said");
            self.scene.trail.tell(|| format!("socket {number}: FIN"));
            self.scene.sockets[number].shut();
            self.engine.book(token, Syscall::Shutdown);
        }
    }

    fn write(&mut self, number: usize, offered: &[u8]) -> Write {
        let is_immune = self.clients[self.scene.owners[number]].line().habit.is_auditor;
        let step = self.scene.step;
        let (chance, socket) = (&mut self.scene.chance, &mut self.scene.sockets[number]);
        assert!(!socket.is_shut(), "socket {number} is written to behind its FIN");
        let mut most = offered.len();
        if !is_immune && chance.strikes(Class::Block) {
            let dice = chance.dice(Class::Block);
            most = dice.below(offered.len());
            socket.blocked_until = step + dice.between(1, 200);
            socket.is_troubled = true;
            socket.wants_room = true;
            socket.was_short = true;
        }
        let written = socket.take(offered, most, step);
        if let Write::Took(taken) = written {
            self.scene.trail.tally.events += 1;
            self.scene.trail.tally.taken += taken as u64;
        }
        self.scene.trail.tell(|| {
            let head = offered.get(..48).unwrap_or(offered).escape_ascii();
            format!("socket {number}: {} offered, {written:?}: {head}", offered.len())
        });
        written
    }

    fn witness(&mut self) {
        if !self.engine.inquires() {
            return;
        }
        self.engine.enter_loop();
        for token in self.engine.tokens() {
            let peer = self.engine.inquires_peers().then(Default::default);
            self.engine.witness_open(token, Kernel::default(), peer);
        }
    }

    pub(super) fn sweep(&mut self) {
        while let Some(Swept { token, farewell, .. }) = self.engine.sweep() {
            let slot = self.slots.get_mut(token.index as usize);
            let number = slot.and_then(Option::take).expect("who is swept has a socket");
            self.scene.trail.tell(|| format!("socket {number}: swept, {farewell:?}"));
            let told_us = self.scene.sockets[number].told_room_us;
            assert!(
                farewell == Farewell::Close || told_us.is_none_or(|at| at == self.scene.now_us),
                "socket {number} is reset for want of room, and was told at {told_us:?} of some"
            );
            self.scene.sockets[number].close(farewell);
            self.ghosts.push(token);
            self.admission.left();
        }
    }

    /// The book is told how far each channel has come.
    fn grow(&mut self) {
        let at_ms = self.now().unix_ms();
        self.scene.book.pass(at_ms);
        for channel in 0..self.plan.channels {
            if let Some(newest) = self.newest(channel) {
                self.scene.book.grow((channel, self.scene.life), newest, at_ms);
            }
        }
    }
}

/// Turns without a sleep that only a defect exceeds.
const TURNS_MAX: u64 = 20_000;
/// Time after which a kernel takes a peer that has vanished for gone, in microseconds.
const VANISHED_US: u64 = 90 * 1_000_000;
