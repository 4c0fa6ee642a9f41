//! Who comes in: accepting, making room, and telling those for whom there is none.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};

use mio::Interest;
use mio::net::TcpStream;

use super::{Reactor, key};
use crate::admission::{PeerAddress, Relief, Step};
use crate::cost::{Owner, Syscall};
use crate::engine::Farewell;
use crate::fault::Fault;
use crate::id::Token;
use crate::limits;
use crate::listener::Accepted;

impl Reactor {
    /// Lets in those who wait: as many as a turn may.
    pub(super) fn accept(&mut self) {
        self.admission.turn(self.clock.at());
        if !self.admission.is_ready() {
            return;
        }
        loop {
            self.engine.enter_accept();
            let idlest = self.engine.idlest();
            let replaced = match self.admission.next(self.engine.admitted(), idlest) {
                Step::Accept => None,
                Step::Replace(token) => Some(token),
                Step::Rest if self.admission.is_full() && self.is_one_of_several() => {
                    return self.await_room();
                }
                Step::Rest => return,
            };
            self.engine.stop_waiting();
            let Some(listener) = &mut self.listener else { return self.admission.drained() };
            let accepted = listener.accept();
            self.engine.book_all(Owner::Loop, &listener.take_calls());
            match accepted {
                Accepted::Stream(stream, peer) => self.enter(stream, peer, replaced),
                Accepted::Drained => self.admission.drained(),
                Accepted::Lost => {}
                Accepted::Exhausted => match self.admission.exhausted(idlest) {
                    Relief::GiveWay(token) => self.give_way(token),
                    Relief::TurnAway => self.turn_away(),
                },
                Accepted::Starved => self.admission.starved(),
            }
        }
    }

    /// Nobody here gives way: somebody on another loop has to, if anybody waits.
    fn await_room(&mut self) {
        let Some(listener) = &mut self.listener else { return self.admission.drained() };
        let is_awaited = listener.has_waiting();
        self.engine.book_all(Owner::Loop, &listener.take_calls());
        if !is_awaited {
            // Who came in last was the last: the next one is an event.
            self.engine.stop_waiting();
            return self.admission.drained();
        }
        self.engine.await_room();
        self.admission.starved();
    }

    /// Has somebody idle give way to who waits at another loop; who has left has made room already.
    pub(super) fn make_room(&mut self) {
        if let Some(token) = self.engine.idlest_for_others(&self.admission) {
            self.give_way(token);
        }
    }

    fn give_way(&mut self, token: Token) {
        self.engine.give_up(token, Fault::GaveWay);
        self.sweep();
    }

    /// Somebody has come; `replaced` gives way unless they are refused.
    fn enter(&mut self, stream: TcpStream, peer: SocketAddr, replaced: Option<Token>) {
        let address = address(peer.ip());
        let is_refused = self.engine.would_refuse(address);
        if let Some(token) = replaced.filter(|_| !is_refused) {
            self.give_way(token);
        }
        let Some(token) = self.engine.open() else {
            self.engine.book_for(Owner::Loop, Syscall::Accept);
            self.engine.book_fault(Fault::ConnectionsFull);
            return self.dismiss(stream);
        };
        self.engine.book(token, Syscall::Accept);
        // Who is refused for their address is told that, and does not count.
        if !is_refused && self.admission.is_over(self.engine.reached()) {
            // Another loop has let in somebody at the same time, who was the last.
            self.engine.give_up(token, Fault::ConnectionsFull);
            return self.dismiss(stream);
        }
        if peer.ip().to_canonical().is_loopback() {
            self.engine.mark_local(token);
        }
        if let Err(stream) = self.watch(token, stream) {
            self.engine.give_up(token, Fault::WatchRefused);
            self.dismiss(stream);
            return self.admission.starved();
        }
        self.engine.locate(token, address);
        if self.engine.take_crowded() {
            self.flush();
            self.sweep();
        }
    }

    /// Has the poll watch a socket from now on; returns it if it cannot.
    fn watch(&mut self, token: Token, mut stream: TcpStream) -> Result<(), TcpStream> {
        self.engine.book(token, Syscall::EpollCtl);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, key(token), interest) {
            // ENOMEM, or ENOSPC: the user watches as many descriptors as the kernel allows.
            log::warn!("a connection cannot be watched: {error}");
            return Err(stream);
        }
        let slot = token.index as usize;
        if slot >= self.sockets.len() {
            self.sockets.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.sockets.get_mut(slot) {
            *place = Some(stream);
        }
        Ok(())
    }

    /// Tells the next of those who wait that there is no descriptor for them, with the one that is
    /// held in reserve.
    fn turn_away(&mut self) {
        let Some(listener) = &mut self.listener else { return };
        let accepted = listener.accept_with_reserve();
        self.engine.book_all(Owner::Loop, &listener.take_calls());
        match accepted {
            Accepted::Stream(stream, _) => {
                self.engine.book_for(Owner::Loop, Syscall::Accept);
                self.engine.book_fault(Fault::ConnectionsFull);
                self.dismiss(stream);
            }
            Accepted::Drained => self.admission.drained(),
            Accepted::Lost => {}
            // There is no reserve: nobody can be told.
            Accepted::Exhausted | Accepted::Starved => self.admission.starved(),
        }
        let Some(listener) = &mut self.listener else { return };
        listener.hold_reserve();
        self.engine.book_all(Owner::Loop, &listener.take_calls());
    }

    /// Closes a socket that is nobody's connection, and says why. Nothing of this blocks: an empty
    /// socket takes so few bytes at once.
    fn dismiss(&mut self, mut stream: TcpStream) {
        let answer = self.engine.turn_away();
        let written = stream.write(&answer.bytes);
        let taken = written.unwrap_or_default();
        let is_whole = taken == answer.bytes.len();
        let send = if is_whole { Syscall::Send } else { Syscall::SendShort };
        self.engine.book_for(Owner::Request, send);
        let _ = stream.shutdown(Shutdown::Write);
        self.engine.book_for(Owner::Request, Syscall::Shutdown);
        let received = self.drop_input(&mut stream);
        self.engine.turned_away(&answer, taken, received);
        self.close(stream, Owner::Request, Farewell::Close);
    }

    /// Reads what has come: unread input would turn the close into an RST, which takes the answer
    /// with it (RFC 9112 §9.6).
    fn drop_input(&mut self, stream: &mut TcpStream) -> usize {
        let mut dropped = 0;
        while dropped < limits::TURNED_AWAY_BYTES_MAX {
            let read = stream.read(&mut self.buffer);
            let is_some = read.as_ref().is_ok_and(|count| *count > 0);
            let call = if read.is_ok() { Syscall::Read } else { Syscall::ReadBlocked };
            self.engine.book_for(Owner::Request, call);
            match read {
                Ok(count) if is_some => dropped += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        dropped
    }
}

fn address(ip: IpAddr) -> PeerAddress {
    let v6 = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    PeerAddress::new(v6.octets())
}
