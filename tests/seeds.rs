//! Every seed of the fuzz targets, replayed on stable: a crash that was found once stays found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../fuzz/bodies/ws_peer.rs"]
mod ws_peer;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use pushscope::fuzz;

/// A fuzz target by the name of its file.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("body", fuzz::body),
    ("capture", fuzz::capture),
    ("chunked", fuzz::chunked),
    ("cursor", fuzz::cursor),
    ("dissect", fuzz::dissect),
    ("encoded", fuzz::encoded),
    ("engine", fuzz::engine),
    ("event_stream", fuzz::event_stream),
    ("head", fuzz::head),
    ("json", fuzz::json),
    ("target", fuzz::target),
    ("utf8", fuzz::utf8),
    ("ws_frame", fuzz::ws_frame),
    ("ws_handshake", fuzz::ws_handshake),
    ("ws_message", fuzz::ws_message),
    ("ws_peer", ws_peer::ws_peer),
];

#[test]
fn every_seed_passes() {
    for (name, body) in TARGETS {
        let seeds = files(&fuzz_folder().join("seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for path in seeds {
            let seed = fs::read(&path).expect("a seed can be read");
            println!("{}", path.display());
            body(&seed);
        }
    }
}

#[test]
fn every_prefix_of_every_seed_passes() {
    for (name, body) in TARGETS {
        for path in files(&fuzz_folder().join("seeds").join(name)) {
            let seed = fs::read(&path).expect("a seed can be read");
            for end in 0..seed.len().min(512) {
                println!("{}, {end} bytes", path.display());
                body(&seed[..end]);
            }
        }
    }
}

#[test]
fn every_seed_passes_every_target() {
    for (folder, _) in TARGETS {
        for path in files(&fuzz_folder().join("seeds").join(folder)) {
            let seed = fs::read(&path).expect("a seed can be read");
            for (name, body) in TARGETS {
                println!("{} as {name}", path.display());
                body(&seed);
            }
        }
    }
}

#[test]
fn every_target_has_one_line_and_every_seed_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stems = |folder: &str| -> BTreeSet<String> {
        let paths = fs::read_dir(fuzz_folder().join(folder)).expect("the folder is there");
        let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        paths.filter_map(|entry| stem(entry.expect("an entry").path())).collect()
    };
    assert_eq!(stems("targets"), targets);
    assert_eq!(stems("seeds"), targets);
    for (name, _) in TARGETS {
        let path = fuzz_folder().join(format!("targets/{name}.rs"));
        let text = fs::read_to_string(path).expect("a target can be read");
        // A body with an oracle of its own stands beside the targets: the crate does not know it.
        let is_beside = fuzz_folder().join(format!("bodies/{name}.rs")).exists();
        let module = if is_beside { name } else { &"pushscope::fuzz" };
        let line = format!("libfuzzer_sys::fuzz_target!(|data: &[u8]| {module}::{name}(data));");
        assert!(text.lines().any(|found| found == line), "{name}");
    }
}

fn config() -> ProptestConfig {
    // A failure prints its bytes: they become a seed with a name.
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_scripts_pass(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz::engine(&data);
    }

    /// Opens, phrases, frames, widths and time in random order: deeper than random bytes come.
    #[test]
    fn random_plays_pass(
        steps in prop::collection::vec((0_u8..12, 0_u8..6, any::<u8>(), 0_u8..37), 0..120),
    ) {
        let mut data = vec![0, 0, 0];
        for (op, peer, number, which) in steps {
            match op {
                1 => data.extend([1, peer, 3, number, which, number]),
                2 => data.extend([2, peer, which]),
                3 => data.extend([3, peer, 0x80 | (number % 11), 2, number, which]),
                9 => data.extend([9, number, which, 0, 0, 0, 0, 0, 0]),
                10 => data.extend([10, if number % 4 == 0 { 0xfe } else { 0 }]),
                op => data.extend([op, peer, number]),
            }
        }
        fuzz::engine(&data);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
