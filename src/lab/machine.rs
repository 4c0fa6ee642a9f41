//! The machine on which an experiment runs, as the kernel describes it.

use std::env;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::lab::experiment::Machine;
use crate::wire::date::Date;

impl Machine {
    /// This machine, now; the server says whether its allocator counts.
    pub(super) fn here(heap_counted: bool) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let counted = if heap_counted { "counted" } else { "not counted" };
        Self {
            processor: processor().unwrap_or_else(|| UNKNOWN.to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("{} {}", kernel("ostype"), kernel("osrelease")),
            version: version(),
            allocator: format!("the system's, {counted}"),
            date: Date::at(now.as_secs()).as_str().to_owned(),
        }
    }
}

/// The version, with the commit of which it was built where that was told; else with the commit
/// that is checked out where the program lies, which it need not have been built of.
fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    if let Some(commit) = option_env!("PUSHSCOPE_COMMIT") {
        return format!("{version} ({commit})");
    }
    match env::current_exe().ok().and_then(|program| checkout(&program)) {
        Some(commit) => format!("{version} (in a checkout of {commit})"),
        None => version.to_owned(),
    }
}

/// The commit of the repository in whose `target` the program lies, in as many digits as git shows.
fn checkout(program: &Path) -> Option<String> {
    let target = program.ancestors().find(|place| place.ends_with("target"))?;
    let git = target.parent()?.join(".git");
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let commit = match head.trim().strip_prefix("ref: ") {
        Some(name) => fs::read_to_string(git.join(name)).ok().or_else(|| packed(&git, name))?,
        None => head,
    };
    let commit = commit.trim().get(..COMMIT_DIGITS)?;
    commit.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| commit.to_owned())
}

/// The commit of a ref that git has put away with others (gitrepository-layout(5)).
fn packed(git: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(git.join("packed-refs")).ok()?;
    let mut refs = text.lines().filter_map(|line| line.split_once(' '));
    refs.find(|(_, packed)| *packed == name).map(|(commit, _)| commit.to_owned())
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

const COMMIT_DIGITS: usize = 7;
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
        assert!(machine.version.starts_with(env!("CARGO_PKG_VERSION")), "{}", machine.version);
    }

    #[test]
    fn a_program_in_a_checkout_knows_its_commit() {
        let root = env::temp_dir().join(format!("pushscope-checkout-{}", std::process::id()));
        let git = root.join(".git");
        let program = root.join("target/release/pushscope");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        let write = |name: &str, text: &str| fs::write(git.join(name), text).unwrap();
        assert_eq!(checkout(&program), None);
        write("HEAD", "0123456789abcdef0123456789abcdef01234567\n");
        assert_eq!(checkout(&program).as_deref(), Some("0123456"), "a detached head");
        write("HEAD", "ref: refs/heads/main\n");
        assert_eq!(checkout(&program), None, "no commit yet");
        write("packed-refs", "# pack-refs with: peeled\n89abcdef00 refs/heads/main\n^00\n");
        assert_eq!(checkout(&program).as_deref(), Some("89abcde"));
        write("refs/heads/main", "fedcba98765\n");
        assert_eq!(checkout(&program).as_deref(), Some("fedcba9"), "the newer one");
        assert_eq!(checkout(&root.join("bin/pushscope")), None, "it was installed");
        fs::remove_dir_all(&root).unwrap();
    }
}
