//! The machine on which an experiment runs, as the kernel describes it.

use std::fs;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::lab::experiment::Machine;
use crate::wire::date::Date;

impl Machine {
    /// This machine, now; the server says whether its allocator counts.
    pub(super) fn here(heap_counted: bool) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let counted = if heap_counted { "counted" } else { "not counted" };
        Self {
            processor: processor().unwrap_or_else(|| UNKNOWN.to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("{} {}", kernel("ostype"), kernel("osrelease")),
            version: match option_env!("PUSHSCOPE_COMMIT") {
                Some(commit) => format!("{version} ({commit})"),
                None => version.to_owned(),
            },
            allocator: format!("the system's, {counted}"),
            date: Date::at(now.as_secs()).as_str().to_owned(),
        }
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kernel(name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    if text.is_empty() { UNKNOWN.to_owned() } else { text.trim().to_owned() }
}

const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_describes_itself() {
        let machine = Machine::here(true);
        assert!(machine.cores > 0);
        assert!(machine.date.ends_with(" GMT"), "{}", machine.date);
        assert_eq!(machine.allocator, "the system's, counted");
        assert!(!machine.kernel.contains('\n') && !machine.processor.is_empty());
    }
}
