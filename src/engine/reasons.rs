//! Nobody is refused or closed without a reason that is counted, and can be read in the log.

use log::Level;

use super::{Engine, Farewell};
use crate::conn::State;
use crate::fault::Fault;
use crate::id::Token;

impl Engine {
    /// Somebody was turned away before there was a connection.
    pub fn book_fault(&mut self, fault: Fault) {
        self.blame(fault, format_args!("turned away"));
    }

    /// Closes a connection at once, for a reason that is not its peer's.
    pub fn give_up(&mut self, token: Token, fault: Fault) {
        if self.conn(token).is_some() {
            self.cut_off(token.index, Farewell::Close, fault);
        }
    }

    /// The server leaves: whoever is still here is cut off.
    pub fn leave_all(&mut self) {
        for token in self.tokens() {
            self.give_up(token, Fault::DrainOver);
        }
        self.leave_books();
    }

    /// A request is answered with the reason why not.
    pub(super) fn refused(&mut self, index: u32, fault: Fault) {
        let status = fault.row().status;
        self.blame(fault, format_args!("connection {index}: refused with {status}"));
    }

    /// A connection, or what was pushed over it, is ended for this reason.
    pub(super) fn closed(&mut self, index: u32, fault: Fault) {
        self.blame(fault, format_args!("connection {index}: closed"));
    }

    /// Closes a connection for this reason, when what is queued has left.
    pub(super) fn close_for(&mut self, index: u32, fault: Fault) {
        self.closed(index, fault);
        self.close(index);
    }

    /// Closes a connection for this reason now; what is queued is dropped.
    pub(super) fn cut_off(&mut self, index: u32, farewell: Farewell, fault: Fault) {
        let Some(conn) = self.conns.get(index as usize) else { return };
        if !matches!(conn.state, State::Gone) {
            self.closed(index, fault);
            self.vanish(index, farewell);
        }
    }

    fn blame(&mut self, fault: Fault, what: std::fmt::Arguments<'_>) {
        let row = fault.row();
        let times = self.ledger.blame(row);
        match row.level() {
            // Each time it has doubled: whoever causes it a million times causes 20 warnings.
            Level::Warn if times.is_power_of_two() => {
                log::warn!("{what}, {}, for the {times}. time: {}", row.name, row.message);
            }
            Level::Warn => log::debug!("{what}, {}", row.name),
            level => log::log!(level, "{what}, {}", row.name),
        }
    }
}
