//! The style, executable: what can be checked by reading the repository is checked here.
//!
//! Every failure names the file, the line and the rule. An exemption stands below by name, with
//! its reason; there is no other way around a rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "tidy/order.rs"]
mod order;
#[path = "tidy/repository.rs"]
mod repository;
#[path = "tidy/source.rs"]
mod source;

use order::Order;
use source::{File, Source, files, sources, words};

/// Fails with every place that breaks the rule.
fn check(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// The places of `sources` where `is_broken` says so, among the lines that are no tests.
fn places(sources: &[Source], is_broken: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        for (at, line) in source.product().filter(|(_, line)| is_broken(source, line)) {
            broken.push(format!("{}:{at}: {}", source.path, line.trim()));
        }
    }
    broken
}

fn product() -> Vec<Source> {
    sources().into_iter().filter(|source| source.path.starts_with("src/")).collect()
}

#[test]
fn a_file_uses_only_what_stands_below_it() {
    let order = Order::read();
    let mut broken = Vec::new();
    for source in product() {
        for (at, from, to) in order.uses(&source) {
            if !order.may_use(&from, &to) {
                broken.push(format!("{}:{at}: {from} uses {to}", source.path));
            }
        }
    }
    check("a file uses only what stands below it in the order of src/lib.rs", &broken);
}

#[test]
fn the_order_of_files_names_every_module_and_nothing_else() {
    let order = Order::read();
    let lib = product().into_iter().find(|source| source.path == "src/lib.rs").unwrap();
    let declared: Vec<String> = lib
        .product()
        .filter_map(|(_, line)| line.split("pub mod ").nth(1)?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    let mut broken = Vec::new();
    for name in &declared {
        if order.rank(name).is_none() {
            broken.push(format!("src/lib.rs: `pub mod {name}` has no line in the order"));
        }
    }
    for name in order.names().filter(|name| *name != "mould") {
        if !declared.iter().any(|declared| declared == name) {
            broken.push(format!("src/lib.rs: the order names {name}, which is no module"));
        }
    }
    check("the order in the crate's documentation is the order of the crate", &broken);
}

#[test]
fn only_files_outside_name_sockets_threads_or_a_clock() {
    let order = Order::read();
    let broken = places(&product(), |source, line| {
        !order.is_outside(&source.path) && OUTSIDE_NAMES.iter().any(|name| line.contains(name))
    });
    check("only files marked outside may name sockets, threads, files or a clock", &broken);
}

#[test]
fn below_outside_nothing_is_dynamic_or_shared_mutably() {
    let order = Order::read();
    let broken = places(&product(), |source, line| {
        let named = words(line).any(|word| matches!(word, "dyn" | "RefCell" | "Mutex" | "RwLock"));
        named && !order.is_outside(&source.path) && !SHARED.contains(&&*source.path)
    });
    check("no `dyn`, RefCell or lock below outside: mechanisms are a closed enum", &broken);
}

#[test]
fn unsafe_stands_in_sys_alone() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.path != "src/sys.rs") {
        for (at, line) in source.code.iter().enumerate() {
            if words(line).any(|word| word == "unsafe") {
                broken.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    check("`unsafe` stands in src/sys.rs alone", &broken);
}

#[test]
fn a_line_has_at_most_100_columns() {
    let mut broken = Vec::new();
    for source in sources() {
        for (at, line) in source.lines.iter().enumerate() {
            if line.chars().count() > COLUMNS_MAX && !source.unformatted[at] {
                broken.push(format!("{}:{}: {}", source.path, at + 1, line.chars().count()));
            }
        }
    }
    for file in files().iter().filter(|file| is_script(&file.path)) {
        for (at, line) in file.lines.iter().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                broken.push(format!("{}:{}: {}", file.path, at + 1, line.chars().count()));
            }
        }
    }
    check("a line has at most 100 columns, unless it is a row under #[rustfmt::skip]", &broken);
}

#[test]
fn a_file_has_at_most_500_lines_and_a_mechanism_300() {
    let mut broken = Vec::new();
    for source in sources() {
        // A file's own tests are not part of the lesson that it is.
        let lines = source.in_test.iter().filter(|in_test| !**in_test).count();
        if is_mechanism(&source.path) && lines > MECHANISM_LINES_MAX {
            broken.push(format!("{}: {lines} lines without tests", source.path));
        }
        if source.lines.len() > FILE_LINES_MAX {
            broken.push(format!("{}: {} lines", source.path, source.lines.len()));
        }
    }
    for file in files().iter().filter(|file| is_script(&file.path) || is_page(&file.path)) {
        if file.lines.len() > FILE_LINES_MAX {
            broken.push(format!("{}: {} lines", file.path, file.lines.len()));
        }
    }
    check("a file has at most 500 lines, a mechanism 300", &broken);
}

#[test]
fn a_function_has_at_most_70_lines() {
    let mut broken = Vec::new();
    for source in sources() {
        for (at, name, lines) in source.functions() {
            if lines > FUNCTION_LINES_MAX {
                broken.push(format!("{}:{at}: {name} has {lines} lines", source.path));
            }
        }
    }
    check("a function has at most 70 lines", &broken);
}

#[test]
fn a_macro_has_at_most_10_lines() {
    let mut broken = Vec::new();
    for source in sources() {
        let starts = source
            .code
            .iter()
            .enumerate()
            .filter(|(_, line)| line.trim_start().starts_with("macro_rules!"));
        for (at, _) in starts {
            let indent = source.lines[at].chars().take_while(|c| *c == ' ').count();
            let close = format!("{}}}", " ".repeat(indent));
            let lines = source.lines.iter().skip(at).take_while(|line| **line != close).count() + 1;
            if lines > 10 {
                broken.push(format!("{}:{}: {lines} lines", source.path, at + 1));
            }
        }
    }
    check("a macro has at most 10 lines", &broken);
}

#[test]
fn nothing_is_left_to_do() {
    // In pieces, so that this file may be read by its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| !is_data(&file.path)) {
        for (at, line) in file.lines.iter().enumerate() {
            if words(line).any(|word| marks.contains(&word)) {
                broken.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
            }
        }
    }
    for source in sources() {
        for (at, line) in source.code.iter().enumerate() {
            if line.contains("todo!") || line.contains("unimplemented!") {
                broken.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    // What a merge has left.
    let is_left = |file: &&File| [".orig", ".rej"].iter().any(|end| file.path.ends_with(end));
    broken.extend(files().iter().filter(is_left).map(|file| file.path.clone()));
    check("what is to be done is done, or stands in an issue", &broken);
}

#[test]
fn names_say_what_a_thing_is() {
    let mut broken = Vec::new();
    for source in sources() {
        for (at, line) in source.code.iter().enumerate() {
            let mut words = words(line).peekable();
            while let Some(word) = words.next() {
                let next = words.peek().copied().unwrap_or_default();
                let getter = word == "fn" && next.starts_with("get_");
                let vague = matches!(word, "struct" | "enum" | "trait" | "type" | "mod")
                    && VAGUE.iter().any(|vague| next.to_lowercase().ends_with(vague));
                if getter || vague {
                    broken.push(format!("{}:{}: {next}", source.path, at + 1));
                }
            }
        }
    }
    check("no get_ prefix, and nothing is called manager, helper, util or common", &broken);
}

#[test]
fn only_the_command_line_prints() {
    let broken = places(&product(), |source, line| {
        let prints = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
        let speaks = source.path == "src/main.rs" || source.path.starts_with("src/cli/");
        !speaks && prints.iter().any(|print| line.contains(print))
    });
    check("only src/main.rs and src/cli print", &broken);
}

#[test]
fn imports_name_what_they_bring() {
    let broken = places(&product(), |_, line| {
        let line = line.trim_start();
        (line.starts_with("use ") || line.starts_with("pub use ")) && line.contains('*')
    });
    check("no glob import outside tests", &broken);
}

#[test]
fn no_test_sleeps_to_be_right() {
    let mut broken = Vec::new();
    for source in sources() {
        for (at, line) in source.code.iter().enumerate() {
            if source.in_test[at] && words(line).any(|word| word == "sleep") {
                broken.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    check("no test sleeps: wait for what is to happen, up to a deadline", &broken);
}

#[test]
fn an_allowance_gives_its_reason() {
    let mut broken = Vec::new();
    for source in sources() {
        for (at, line) in source.code.iter().enumerate() {
            let allows = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
            if allows.iter().any(|allow| line.contains(allow)) && !line.contains("reason = ") {
                broken.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    check("an `allow` gives its reason on the same line", &broken);
}

#[test]
fn a_limit_is_explained_and_used() {
    let sources = product();
    let limits = sources.iter().find(|source| source.path == "src/limits.rs").unwrap();
    let defaults: Vec<&str> = limits
        .code
        .iter()
        .skip_while(|line| !line.contains("impl Default for Limits"))
        .take_while(|line| *line != "}")
        .flat_map(|line| words(line))
        .collect();
    let mut broken = Vec::new();
    for (at, line) in limits.product() {
        let Some(name) = line.strip_prefix("pub const ").and_then(|rest| words(rest).next()) else {
            continue;
        };
        if !limits.lines[at - 2].starts_with("///") {
            broken.push(format!("src/limits.rs:{at}: {name} has no reason"));
        }
        let used = sources
            .iter()
            .filter(|source| source.path != limits.path)
            .any(|source| source.product().any(|(_, line)| words(line).any(|word| word == name)));
        if !used && !defaults.contains(&name) && !ABOUT_LIMITS.contains(&name) {
            broken.push(format!("src/limits.rs:{at}: {name} bounds nothing"));
        }
    }
    check("a limit has a reason, and bounds something", &broken);
}

#[test]
fn every_mechanism_is_cast_in_the_mould() {
    let mut broken = Vec::new();
    for source in product() {
        if !is_mechanism(&source.path) {
            continue;
        }
        let name = source.path.rsplit('/').next().unwrap();
        let mut from = 0;
        for (block, why_not) in BLOCKS {
            if why_not.contains(&name) {
                continue;
            }
            let found = source
                .lines
                .iter()
                .skip(from)
                .position(|line| line.trim_start().starts_with(block));
            match found {
                Some(at) => from += at + 1,
                None => broken.push(format!("{}:{from}: no `{block}` after here", source.path)),
            }
        }
    }
    check("mechanisms have the same blocks in the same order", &broken);
}

#[test]
fn a_file_begins_with_what_it_is() {
    let broken: Vec<String> = sources()
        .iter()
        // The tests of a file are introduced by that file.
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .filter(|source| !source.lines.first().is_some_and(|line| line.starts_with("//! ")))
        .map(|source| format!("{}:1", source.path))
        .collect();
    check("a file begins with its documentation", &broken);
}

/// Whether a file is a lesson; the list of them and their mould are none.
fn is_mechanism(path: &str) -> bool {
    let name = path.strip_prefix("src/mech/").unwrap_or("mod.rs");
    !name.contains('/') && !matches!(name, "mod.rs" | "mould.rs")
}

fn is_script(path: &str) -> bool {
    [".js", ".mjs", ".sh", "/run"].iter().any(|end| path.ends_with(end))
}

fn is_page(path: &str) -> bool {
    [".html", ".css"].iter().any(|end| path.ends_with(end))
}

fn is_data(path: &str) -> bool {
    path.ends_with(".lock") || path.ends_with("-lock.json") || path.contains("seeds/")
}

const COLUMNS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 500;
const MECHANISM_LINES_MAX: usize = 300;
const FUNCTION_LINES_MAX: usize = 70;

/// What touches the world.
/// What several loops share, and nothing else, is behind a lock.
const SHARED: &[&str] = &["src/board.rs", "src/commons.rs", "src/order.rs"];
const OUTSIDE_NAMES: &[&str] = &[
    "mio::",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::time::Instant",
    "SystemTime",
    "socket2",
    "signal_hook",
    "libc::",
    "rustls",
    "rusqlite",
];

/// Words that name anything, and so nothing.
const VAGUE: &[&str] = &["manager", "helper", "helpers", "util", "utils", "common", "types"];

/// Items of limits.rs that are about limits, and bound nothing themselves.
const ABOUT_LIMITS: &[&str] = &["TABLE"];

/// The blocks of a mechanism, and which files lack one.
const BLOCKS: &[(&str, &[&str])] = &[
    ("//! ```text", &[]),
    ("//! Cost:", &[]),
    ("//! It cannot", &[]),
    ("//! Read beside it:", &[]),
    ("pub struct ", &[]),
    ("impl Mechanism for ", &[]),
    ("const CARD: Card", &[]),
    ("fn open(", &[]),
    ("fn receive(", &[]),
    ("fn deliver(", &[]),
    ("fn tick(", &[]),
    ("fn deadline(", &[]),
    ("fn end(", &[]),
    // A short poll's answer is a long poll's.
    ("pub fn encode", &["poll.rs"]),
];
