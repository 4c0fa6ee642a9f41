//! The files that are no Rust: dependencies, documentation, scripts, lock files.

use pushscope::route::ROUTES;

use crate::check;
use crate::source::{File, files};

#[test]
fn a_dependency_says_what_it_saves() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let mut section = "";
        for (at, line) in file.lines.iter().enumerate() {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies") && line.contains('=') && !line.contains('#')
            {
                broken.push(format!("{}:{}: {line}", file.path, at + 1));
            }
        }
    }
    check("a dependency's line says what we would have to write without it", &broken);
}

#[test]
fn the_readme_names_every_address() {
    let files = files();
    let Some(readme) = files.iter().find(|file| file.path == "README.md") else { return };
    let text = readme.lines.join("\n");
    let broken: Vec<String> = ROUTES
        .iter()
        .filter(|route| !text.contains(route.path))
        .map(|route| format!("README.md: {}", route.path))
        .collect();
    check("the README names every address of src/route.rs", &broken);
}

#[test]
fn curl_tries_every_address() {
    let files = files();
    let script = files.iter().find(|file| file.path == "tests/clients/curl.sh").unwrap();
    let broken: Vec<String> = ROUTES
        .iter()
        .filter(|route| !script.lines.iter().any(|line| is_heading(line, route.path)))
        .map(|route| format!("tests/clients/curl.sh: {}", route.path))
        .collect();
    check("curl.sh has a section, or a turn of a loop, for every address", &broken);
}

/// Whether a line begins a section about this address.
fn is_heading(line: &str, path: &str) -> bool {
    line == format!("section='{path}'")
        || line.strip_prefix("for section in ").is_some_and(|paths| {
            paths.trim_end_matches("; do").split(' ').any(|other| other == path)
        })
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // In pieces, so that this file may be read by its own rule.
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let scratch = concat!("/t", "mp/");
    let hosts = [
        concat!("registry.npm", "js.org"),
        concat!("crates", ".io/"),
        concat!("py", "pi.org"),
        concat!("deb.deb", "ian.org"),
    ];
    let mut broken = Vec::new();
    // Cargo itself writes the index of the registry into its lock file.
    for file in files().iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (at, line) in file.lines.iter().enumerate() {
            let known = paths.iter().chain(&hosts).any(|known| line.contains(known));
            if known || (line.contains(scratch) && !line.contains("mktemp")) {
                broken.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
            }
        }
    }
    check("no file names a path of one machine, or the host of a registry", &broken);
}

#[test]
fn lock_files_name_no_host() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with("package-lock.json")) {
        for (at, line) in file.lines.iter().enumerate() {
            if line.contains("\"resolved\"") {
                broken.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
            }
        }
    }
    check("npm was set to omit-lockfile-registry-resolved", &broken);
}

#[test]
fn a_script_can_be_run() {
    use std::os::unix::fs::PermissionsExt;

    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    for File { path, lines } in files() {
        let first = lines.first().map_or("", String::as_str);
        let mode = root.join(&path).metadata().unwrap().permissions().mode();
        if first.starts_with("#!/") && mode & 0o111 == 0 {
            broken.push(format!("{path}:1"));
        }
        let bash = first.ends_with("bash");
        if bash && !lines.iter().any(|line| line == "set -euo pipefail" || line.contains("exec ")) {
            broken.push(format!("{path}:1: no `set -euo pipefail`"));
        }
    }
    check("a script is executable, and fails with its first failure", &broken);
}
