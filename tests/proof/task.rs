//! What the scheduler says of a thread: CPU time that nobody has asked a clock for.

use std::fs;
use std::path::PathBuf;

use crate::line::eventually;

/// A thread, as the kernel shows it in `/proc`.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    folder: PathBuf,
}

impl Task {
    /// The thread that asks.
    pub(crate) fn own() -> Self {
        let link = fs::read_link("/proc/thread-self").unwrap();
        Self { folder: PathBuf::from("/proc").join(link) }
    }

    /// Time on a CPU so far, in nanoseconds. Of a thread that runs, it is as of the last time that
    /// the scheduler looked: at most one of its ticks ago.
    pub(crate) fn on_cpu_ns(&self) -> u64 {
        let text = self.read("schedstat");
        text.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The same, of a thread that has nothing more to do: to the nanosecond.
    pub(crate) fn on_cpu_asleep_ns(&self) -> u64 {
        eventually("the thread sleeps", || {
            let text = self.read("stat");
            let (_, behind_name) = text.rsplit_once(") ").unwrap();
            behind_name.starts_with('S')
        });
        self.on_cpu_ns()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }
}
