//! Which core the servers have, and which the load.

use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

/// The servers' core.
pub(crate) fn servers() -> usize {
    allowed()[0]
}

/// The load's core: another one, where there is another.
pub(crate) fn load() -> usize {
    allowed()[allowed().len() - 1]
}

/// The cores that this process was given (`Cpus_allowed_list` of proc(5)): not all of the machine's
/// where a cpuset says so, and not always from 0 on.
pub(crate) fn allowed() -> &'static [usize] {
    // Read once: who is confined later has fewer.
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cores: Vec<usize> = list.unwrap().trim().split(',').flat_map(range).collect();
        if cores.len() == 1 && super::is_measured() {
            eprintln!("there is one core: servers and load share it, and disturb each other");
        }
        cores
    })
}

/// `2` or `0-3`.
fn range(words: &str) -> std::ops::RangeInclusive<usize> {
    let (first, last) = words.split_once('-').unwrap_or((words, words));
    first.parse().unwrap()..=last.parse().unwrap()
}

/// A command that runs where the servers run.
pub(crate) fn pinned(program: impl AsRef<Path>) -> Command {
    pinned_to(servers(), program)
}

/// This program, once more, on this core.
pub(crate) fn this_program_on(core: usize) -> Command {
    pinned_to(core, env::current_exe().unwrap())
}

/// Has this process stay away from the servers' core.
pub(crate) fn stand_aside() {
    confine(&process::id().to_string(), load());
}

/// Has this thread stay on a core.
pub(crate) fn stay_on(core: usize) {
    let thread = fs::read_link("/proc/thread-self").unwrap();
    confine(thread.file_name().unwrap().to_str().unwrap(), core);
}

fn pinned_to(core: usize, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program.as_ref());
    command
}

fn confine(thread: &str, core: usize) {
    let mut command = Command::new("taskset");
    command.args(["-cp", &core.to_string(), thread]).stdout(Stdio::null());
    let done = command.status();
    assert!(done.is_ok_and(|status| status.success()), "this needs taskset (util-linux)");
}
