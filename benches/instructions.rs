//! Has anything become dearer, whatever the machine's mood?
//!
//! Unit: instructions per operation, counted by callgrind: they are the same in every run, so that
//! what becomes dearer by two per cent fails without a clock. What the kernel does is not counted,
//! nor does a count tell how long memory is waited for: the other benches do. A fan-out is to 1,000
//! subscribers, and told per delivery.
//!
//! ```text
//! benches/count [PART-OF-A-NAME]
//! benches/count --renew
//! ```
//!
//! The counts are held against `benches/instructions.txt`, which the second command renews. Much
//! cheaper fails, too: the record is to say what is true. Another compiler, C library or processor
//! makes other instructions: that is said, and more is allowed.
//!
//! Found by it: of what were 1,190 for a delivery (SSE, alone in its turn) 445 booked what the
//! socket took, 129 made room for the 64 slices of a `writev` although there was one, 120 booked
//! for each subscriber what is the same for many in a row, or added up what a frame knows: now all
//! is 916, and 66 for each of sixteen at once. Of what were 14,189 for a `GET /healthz`, 8,571
//! found the address: now all is 6,103. A short poll split its query five times, and asked for ten
//! blocks to bring a message: 13,943 are 10,166, and 10,744 are 7,511 when there is none. A message
//! to one, and a ping, cost the same with 10 idle and with 10,000.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot run must stop")]
#![allow(clippy::print_stdout, reason = "its findings are what it is for")]

#[path = "instructions/codecs.rs"]
mod codecs;
#[path = "codecs/heads.rs"]
mod heads;
#[path = "instructions/record.rs"]
mod record;
mod stage;
#[path = "instructions/turns.rs"]
mod turns;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use pushscope::ledger;

use record::Record;

/// What is counted.
pub(crate) struct Case {
    /// What it is.
    pub(crate) name: &'static str,
    /// How many deliveries one operation is; 1 where it is none.
    per: usize,
    /// How often it is done before it is counted: until logs and receipts are full.
    warm_up: usize,
    /// How often it is counted.
    times: usize,
    prepare: fn() -> Operation,
}

/// What is done again and again, once it is prepared.
pub(crate) type Operation = Box<dyn FnMut()>;

impl Case {
    /// An operation.
    pub(crate) const fn of(name: &'static str, prepare: fn() -> Operation) -> Self {
        Self { name, per: 1, warm_up: 600, times: 200, prepare }
    }

    /// Messages to all subscribers, so many in a turn.
    pub(crate) const fn fan_out(
        name: &'static str,
        in_flight: usize,
        prepare: fn() -> Operation,
    ) -> Self {
        let per = turns::SUBSCRIBERS * in_flight;
        Self { name, per, warm_up: 10, times: 10, prepare }
    }

    /// Runs it where the counter looks.
    fn run(&self) {
        let mut operation = (self.prepare)();
        (0..self.warm_up).for_each(|_| operation());
        counted_operations(&mut operation, self.times);
    }

    /// Instructions per operation: runs this program under callgrind.
    fn count(&self) -> f64 {
        let program = env::current_exe().unwrap();
        let name = program.file_name().unwrap().to_str().unwrap();
        // How long the program's path and the environment are decides where its memory lies, and
        // so how a copy is aligned.
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .args(["--toggle-collect=*counted_operations*", &format!("./{name}")])
            .args(["--count", self.name])
            .current_dir(program.parent().unwrap())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let collected = said.lines().find_map(|line| line.split_once("Collected : "));
        let collected = collected.and_then(|(_, count)| count.trim().parse::<u32>().ok());
        match collected {
            Some(count @ 1..) if output.status.success() => {
                let each = f64::from(count) / (self.times * self.per) as f64;
                // As the record tells it.
                (10.0 * each).round() / 10.0
            }
            _ => panic!("{}: {said}", self.name),
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [flag, name] = &args[..]
        && flag == "--count"
    {
        cases().find(|case| case.name == name).unwrap().run();
        return ExitCode::SUCCESS;
    }
    let read = || Record::parse(&fs::read_to_string(RECORD).unwrap_or_default());
    if !args.iter().any(|arg| arg == "--bench") {
        rehearse(&read());
        return ExitCode::SUCCESS;
    }
    if said(Command::new("valgrind").arg("--version")).is_empty() {
        // Part of `cargo bench`, which is to go on; benches/count looks for it beforehand.
        println!("NOT COUNTED: valgrind is missing: apt-get install valgrind");
        return ExitCode::SUCCESS;
    }
    let part = args.iter().find(|arg| !arg.starts_with("--")).map_or("", String::as_str);
    let chosen: Vec<&Case> = cases().filter(|case| case.name.contains(part)).collect();
    let now = Record { with: with(), counts: count_all(&chosen) };
    if args.iter().any(|arg| arg == "--renew") {
        assert!(part.is_empty(), "the record is renewed as a whole");
        fs::write(RECORD, now.to_string()).unwrap();
    }
    verdict(&read(), &now)
}

fn cases() -> impl Iterator<Item = &'static Case> {
    codecs::CASES.iter().chain(turns::CASES)
}

/// What the counter looks at: callgrind knows it by its name.
#[inline(never)]
fn counted_operations(operation: &mut Operation, times: usize) {
    (0..times).for_each(|_| operation());
}

/// As a test it counts nothing: each operation is done once, and the record names each case.
fn rehearse(recorded: &Record) {
    for case in cases() {
        (case.prepare)()();
    }
    let names: Vec<&str> = cases().map(|case| case.name).collect();
    let counted: Vec<&str> = recorded.counts.keys().map(String::as_str).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(counted, sorted, "the record is not of these cases: renew it");
    record::rehearse();
}

/// The cases one by one, as many at a time as there are processors: nobody looks at a clock.
fn count_all(cases: &[&Case]) -> BTreeMap<String, f64> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut counts = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            counts.push((case.name.to_owned(), case.count()));
        }
        counts
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn verdict(recorded: &Record, now: &Record) -> ExitCode {
    for (name, count) in &now.counts {
        let change =
            recorded.change(name, *count).map(|change| format!("{:+.1} %", 100.0 * change));
        println!("{name:46} {count:>10.1} {:>9}", change.as_deref().unwrap_or("new"));
    }
    if recorded.with != now.with {
        println!("recorded with {}\n counted with {}", recorded.with, now.with);
        println!("so they may differ by {} %", 100.0 * recorded.tolerance(now));
    }
    let findings = recorded.judge(now);
    for finding in &findings {
        println!("FAILED  {finding}");
    }
    if !findings.is_empty() {
        println!("if it must be so: benches/count --renew");
    }
    println!("{} passed, {} failed", now.counts.len() - findings.len(), findings.len());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the counts depend on beside this program.
fn with() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let rustc = said(Command::new(rustc).arg("--version"));
    let valgrind = said(Command::new("valgrind").arg("--version"));
    let libc = said(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    let ledger = if ledger::ON { "ledger" } else { "no ledger" };
    let panics = if cfg!(panic = "abort") { "panics abort" } else { "panics unwind" };
    let processor = format!("{}{}", env::consts::ARCH, vectors());
    [&rustc, &valgrind, &libc, &processor, ledger, panics].join("; ")
}

/// The first line that a command says; nothing if there is no such command.
fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned()
}

/// The widest vectors: copies and searches choose theirs by them. callgrind imitates one processor
/// of those that have AVX2, and another of those that have not.
#[cfg(target_arch = "x86_64")]
fn vectors() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { "" }
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors() -> &'static str {
    ""
}

/// From the root of the repository, where cargo and `benches/count` start this program.
const RECORD: &str = "benches/instructions.txt";
