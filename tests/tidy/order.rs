//! The order of files, read from the crate's documentation.

use crate::source::{Source, files, words};

/// The modules, from the top to the bottom.
pub(crate) struct Order {
    /// Each with the heading that it stands under.
    modules: Vec<(String, String)>,
}

impl Order {
    /// Reads the list under "The order of files" in `src/lib.rs`.
    pub(crate) fn read() -> Self {
        let lib = files().into_iter().find(|file| file.path == "src/lib.rs").unwrap();
        let mut modules = Vec::new();
        let mut heading = String::new();
        let list = lib
            .lines
            .iter()
            .skip_while(|line| !line.contains("## The order of files"))
            .skip_while(|line| !line.contains("```text"))
            .skip(1)
            .take_while(|line| !line.contains("```"));
        for line in list.filter_map(|line| line.strip_prefix("//! ")) {
            let Some(entry) = line.strip_prefix("  ") else {
                line.clone_into(&mut heading);
                continue;
            };
            // A module and, after two spaces, what it is; or several modules in a line.
            let names = entry.split_once("  ").map_or(entry, |(name, _)| name);
            for name in names.split_whitespace() {
                modules.push((name.to_owned(), heading.clone()));
            }
        }
        assert!(modules.len() > 10, "src/lib.rs: the order of files could not be read");
        Self { modules }
    }

    /// All modules, from the top to the bottom.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(|(name, _)| name.as_str())
    }

    /// How far down a module stands.
    pub(crate) fn rank(&self, module: &str) -> Option<usize> {
        self.names().position(|name| name == module)
    }

    /// Whether a file may name sockets, threads and clocks.
    pub(crate) fn is_outside(&self, path: &str) -> bool {
        let module = module_of(path);
        let outside =
            |(name, heading): &(String, String)| *name == module && heading.starts_with("outside");
        is_above_all(&module) || self.modules.iter().any(outside)
    }

    /// Whether `from` stands above `to`, or is the same module.
    pub(crate) fn may_use(&self, from: &str, to: &str) -> bool {
        is_above_all(from) || from == to || self.rank(from) < self.rank(to)
    }

    /// Every mention of a module of the crate: the line, the file's module, and what it names.
    pub(crate) fn uses(&self, source: &Source) -> Vec<(usize, String, String)> {
        let from = module_of(&source.path);
        let mut found = Vec::new();
        let code: Vec<(usize, &str)> = source.product().collect();
        for (at, line) in &code {
            for (start, _) in line.match_indices("crate::") {
                let rest = line.get(start + "crate::".len()..).unwrap_or_default();
                for to in mentioned(rest) {
                    if self.rank(&to).is_some() {
                        found.push((*at, from.clone(), to));
                    }
                }
            }
        }
        found
    }
}

/// What stands above the order: the command, and the crate's root.
fn is_above_all(module: &str) -> bool {
    matches!(module, "main" | "cli" | "lib")
}

/// The module that a file belongs to: the mould is one of its own.
fn module_of(path: &str) -> String {
    if path == "src/mech/mould.rs" {
        return "mould".to_owned();
    }
    let path = path.strip_prefix("src/").unwrap_or(path);
    let first = path.split('/').next().unwrap_or_default();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules that the text behind `crate::` names.
fn mentioned(rest: &str) -> Vec<String> {
    if let Some(group) = rest.strip_prefix('{') {
        let group = group.split('}').next().unwrap_or_default();
        return group.split(',').filter_map(|item| words(item).next()).map(str::to_owned).collect();
    }
    let mut names = words(rest);
    match (names.next(), names.next()) {
        (Some("mech"), Some("mould")) => vec!["mould".to_owned()],
        (Some(name), _) => vec![name.to_owned()],
        (None, _) => Vec::new(),
    }
}
