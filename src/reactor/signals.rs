//! What the operator says by signals: SIGTERM and SIGINT to leave, SIGHUP to read the tokens anew.

use std::io;

use mio::Interest;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use super::{Handle, Reactor, SIGNALS};
use crate::cost::{Owner, Syscall};
use crate::keyring::{Keyring, Opened};
use crate::listener::Listener;

impl Reactor {
    /// Takes SIGTERM and SIGINT: the first drains, the second ends at once. If the keyring has
    /// files, SIGHUP has them read anew; if not, it ends the process as it always does.
    ///
    /// # Errors
    /// What the system says.
    pub fn take_signals(&mut self, keyring: Keyring) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        if keyring.has_files() {
            signals.add_signal(SIGHUP)?;
        }
        self.poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        self.keyring = keyring;
        Ok(())
    }

    pub(super) fn take_pending_signals(&mut self) {
        let Some(signals) = &mut self.signals else { return };
        for signal in signals.pending().collect::<Vec<_>>() {
            match signal {
                SIGHUP => self.change_keys(),
                _ => self.drain_all(),
            }
        }
    }

    /// Reads the tokens anew. Where anything is wrong with any of them, all stay as they were: a
    /// half of the rules, or none, would let in whom the operator has shut out.
    fn change_keys(&mut self) {
        match self.keyring.open() {
            Ok(Opened { access, warnings }) => {
                warnings.iter().for_each(|warning| log::warn!("{warning}"));
                self.others().for_each(|other| other.change_access(&access));
                self.engine.change_access(access);
                log::info!("the tokens were read anew");
            }
            Err(errors) => {
                errors.iter().for_each(|error| log::error!("{error}"));
                log::error!("the tokens stay as they were");
            }
        }
    }

    /// Drains every loop of the server.
    pub(super) fn drain_all(&mut self) {
        self.others().for_each(Handle::drain);
        self.drain();
    }

    /// The first time: closes the listener, says goodbye. The second time: leaves at once.
    pub(super) fn drain(&mut self) {
        let now = self.clock.at();
        if self.leaving.is_some() {
            self.leaving = Some(now);
            return;
        }
        log::info!("draining {} connections", self.engine.len());
        for _ in 0..self.listener.take().map_or(0, Listener::close) {
            self.engine.book_for(Owner::Loop, Syscall::Close);
        }
        self.admission.drained();
        self.engine.stop_waiting();
        self.engine.drain();
        self.leaving = Some(now.after(self.engine.drain_us_max()));
    }
}
