//! What a storm takes from a server, and what the server has back in the end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::peer::{PATIENCE, Peer};
use crate::server::Process;

/// A storm over a server.
pub(crate) struct Toll<'p> {
    name: &'static str,
    process: &'p Process,
    asking: Peer,
    began: Instant,
    before: Mark,
    peak: Mark,
}

/// What a server holds at a moment.
#[derive(Clone, Copy)]
struct Mark {
    descriptors: u32,
    private_bytes: u64,
}

impl<'p> Toll<'p> {
    /// Begins: a server that has served already, as it is in a calm.
    pub(crate) fn begin(name: &'static str, process: &'p Process) -> Self {
        let mut asking = Peer::connect(process.address);
        for target in ["/livez", "/c/calm/poll", "/online"] {
            asking.ask(target);
        }
        let before = mark(process);
        Self { name, process, asking, began: Instant::now(), before, peak: before }
    }

    /// Somebody who was there before the storm.
    pub(crate) fn asking(&mut self) -> &mut Peer {
        &mut self.asking
    }

    /// Watches for a while, in which whoever was there before is left in peace.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.asking.hears_nothing_for(time);
    }

    /// This is a peak.
    pub(crate) fn peak(&mut self) {
        let now = mark(self.process);
        self.peak.descriptors = self.peak.descriptors.max(now.descriptors);
        self.peak.private_bytes = self.peak.private_bytes.max(now.private_bytes);
    }

    /// Connections at the peak.
    pub(crate) fn connections(&self) -> u32 {
        self.peak.descriptors - self.before.descriptors
    }

    /// Ends: every descriptor is back within `time`, all memory but `kept_bytes` is, and the
    /// server sleeps.
    pub(crate) fn end(mut self, time: Duration, kept_bytes: u64) {
        let deadline = Instant::now() + time;
        let mut after = mark(self.process);
        while after.descriptors != self.before.descriptors && Instant::now() < deadline {
            self.wait(LOOK);
            after = mark(self.process);
        }
        self.wait(LOOK);
        let (cpu, quiet) = (self.process.cpu_ns(), Duration::from_millis(500));
        self.wait(quiet);
        let spent = Duration::from_nanos(self.process.cpu_ns() - cpu);
        let after = Mark { private_bytes: mark(self.process).private_bytes, ..after };
        let [before, peak, last] = [self.before, self.peak, after]
            .map(|mark| format!("{:>6} fd {:>7} KiB", mark.descriptors, mark.private_bytes / 1024));
        println!(
            "{:42} before {before} | peak {peak} | after {last} | idle {:>4} us/500 ms | {:.1} s",
            self.name,
            spent.as_micros(),
            self.began.elapsed().as_secs_f64(),
        );
        assert_eq!(after.descriptors, self.before.descriptors, "{}: descriptors", self.name);
        let kept = after.private_bytes.saturating_sub(self.before.private_bytes);
        assert!(kept <= kept_bytes + NOISE_BYTES, "{}: {kept} bytes are not back", self.name);
        assert!(spent < quiet / 20, "{}: {spent:?} of CPU for nothing", self.name);
        assert_eq!(self.asking.ask("/livez").status, 200);
    }
}

fn mark(process: &Process) -> Mark {
    Mark { descriptors: process.descriptors(), private_bytes: process.private_bytes() }
}

/// One storm of thousands at a time: this process, too, has only so many descriptors.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // Whoever panicked has left no descriptor behind.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the last of those who are gone may take to be swept.
pub(crate) const SOON: Duration = PATIENCE;
/// How often somebody looks.
const LOOK: Duration = Duration::from_millis(50);
/// Pages that an allocator keeps, touched once.
const NOISE_BYTES: u64 = 512 * 1024;
