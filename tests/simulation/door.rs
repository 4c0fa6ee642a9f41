//! Who comes in, as the reactor has it: the machine that decides is the server's own.

use pushscope::admission::{PeerAddress, Relief, Step};
use pushscope::cost::{Owner, Syscall};
use pushscope::fault::Fault;
use pushscope::id::Token;

use super::plan::Part;
use super::world::World;

impl World {
    /// Lets in those who wait: as many as a turn may.
    pub(super) fn accept(&mut self) {
        self.admission.turn(self.now().at);
        if !self.admission.is_ready() {
            return;
        }
        loop {
            self.engine.enter_accept();
            let idlest = self.engine.idlest();
            let replaced = match self.admission.next(self.engine.admitted(), idlest) {
                Step::Accept => None,
                Step::Replace(token) => Some(token),
                Step::Rest => return,
            };
            let Some(number) = self.scene.backlog.front().copied() else {
                self.admission.drained();
                continue;
            };
            if self.scene.step >= self.exhausted_until {
                self.scene.backlog.pop_front();
                self.enter(number, replaced);
                continue;
            }
            match self.admission.exhausted(idlest) {
                Relief::GiveWay(token) => self.give_way(token),
                Relief::TurnAway => {
                    self.scene.backlog.pop_front();
                    self.dismiss(number);
                }
            }
        }
    }

    fn give_way(&mut self, token: Token) {
        self.engine.give_up(token, Fault::GaveWay);
        self.sweep();
    }

    fn enter(&mut self, number: usize, replaced: Option<Token>) {
        let address = self.address(number);
        if let Some(token) = replaced.filter(|_| !self.engine.would_refuse(address)) {
            self.give_way(token);
        }
        let token = self.engine.open().expect("a slab has room");
        self.engine.book(token, Syscall::Accept);
        self.engine.book(token, Syscall::EpollCtl);
        let slot = token.index as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, None);
        }
        assert_eq!(self.slots[slot], None, "two sockets in one slot");
        self.slots[slot] = Some(number);
        let socket = &mut self.scene.sockets[number];
        socket.token = Some(token);
        // A new socket is told of once, whatever it has.
        socket.readable_at = Some(self.scene.step);
        self.scene.trail.tell(|| format!("socket {number} is accepted as {token:?}"));
        self.engine.locate(token, address);
        if self.engine.take_crowded() {
            self.flush();
            self.sweep();
        }
    }

    /// Those who ask and those who are hostile come from one place, all others from one each.
    fn address(&self, number: usize) -> PeerAddress {
        let owner = self.scene.owners[number];
        let shares = matches!(self.clients[owner].part, Part::Asker | Part::Hostile);
        let mut octets = [0xfd; 16];
        octets[..8].copy_from_slice(&(owner as u64 + 1).to_be_bytes());
        if shares {
            octets[..8].fill(0xfe);
        }
        PeerAddress::new(octets)
    }

    /// Tells somebody that there is no descriptor for them.
    fn dismiss(&mut self, number: usize) {
        let answer = self.engine.turn_away();
        let bytes = answer.bytes.clone();
        self.engine.book_fault(Fault::ConnectionsFull);
        self.engine.book_for(Owner::Loop, Syscall::Accept);
        let received = self.scene.sockets[number].dismiss(&bytes);
        self.engine.turned_away(&answer, bytes.len(), received);
        let tally = &mut self.scene.trail.tally;
        tally.given += received as u64;
        tally.taken += bytes.len() as u64;
        self.scene.trail.tell(|| format!("socket {number} is turned away"));
    }
}
