//! The repository as the style sees it: files, and code without its comments and literals.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// Its lines.
    pub(crate) lines: Vec<String>,
}

/// A Rust file.
pub(crate) struct Source {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// Its lines as they stand.
    pub(crate) lines: Vec<String>,
    /// The same lines, with comments and the contents of literals blanked out.
    pub(crate) code: Vec<String>,
    /// Which lines belong to an item under `#[cfg(test)]`; all of them in a test file.
    pub(crate) in_test: Vec<bool>,
    /// Which lines belong to an item under `#[rustfmt::skip]`.
    pub(crate) unformatted: Vec<bool>,
}

impl Source {
    fn new(file: File) -> Self {
        let code = strip(&file.lines);
        let whole = !file.path.starts_with("src/") || file.path.ends_with("/tests.rs");
        let in_test = if whole {
            vec![true; code.len()]
        } else {
            under(&code, |line| line.trim() == "#[cfg(test)]")
        };
        let unformatted = under(&code, |line| line.trim() == "#[rustfmt::skip]");
        Self { path: file.path, lines: file.lines, code, in_test, unformatted }
    }

    /// Lines of code that are not only there for tests, numbered from 1.
    pub(crate) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .iter()
            .zip(&self.in_test)
            .enumerate()
            .filter(|(_, (_, in_test))| !**in_test)
            .map(|(at, (line, _))| (at + 1, line.as_str()))
    }

    /// The functions: the line of each, its name, and how many lines it has.
    pub(crate) fn functions(&self) -> Vec<(usize, &str, usize)> {
        let mut found = Vec::new();
        for (at, line) in self.code.iter().enumerate() {
            let Some(name) = words(line).skip_while(|word| *word != "fn").nth(1) else { continue };
            if let Some(end) = item_end(&self.code, at) {
                found.push((at + 1, name, end - at + 1));
            }
        }
        found
    }
}

/// Every text file of the repository that is the repository's own.
pub(crate) fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            let path = path.strip_prefix(root).ok()?.to_str()?.to_owned();
            Some(File { path, lines: text.lines().map(str::to_owned).collect() })
        })
        .collect()
}

/// Every Rust file.
pub(crate) fn sources() -> Vec<Source> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).map(Source::new).collect()
}

/// The identifiers of a line of code.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            if !FOREIGN.contains(&name.to_str().unwrap_or_default()) {
                walk(&entry.path(), paths);
            }
        } else {
            paths.push(entry.path());
        }
    }
}

/// The lines of items that follow an attribute.
fn under(code: &[String], is_attribute: impl Fn(&str) -> bool) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    for (at, line) in code.iter().enumerate() {
        if is_attribute(line) {
            let end = item_end(code, at + 1).unwrap_or(at + 1);
            marks.iter_mut().take(end + 1).skip(at).for_each(|mark| *mark = true);
        }
    }
    marks
}

/// The line on which the item that begins at `start` ends: with its brace, or its semicolon.
fn item_end(code: &[String], start: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, line) in code.iter().enumerate().skip(start) {
        for c in line.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(c, '}' | ';') {
                return Some(at);
            }
        }
    }
    None
}

/// What a character of source text belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Code,
    Comment(u32),
    Text,
    /// A raw string, with so many `#`.
    Raw(usize),
}

/// Blanks out comments and the contents of literals; a line stays a line.
fn strip(lines: &[String]) -> Vec<String> {
    let mut within = Within::Code;
    lines.iter().map(|line| strip_line(line, &mut within)).collect()
}

fn strip_line(line: &str, within: &mut Within) -> String {
    let chars: Vec<char> = line.chars().collect();
    let starts = |at: usize, text: &str| {
        text.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c))
    };
    let mut code = String::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let step = match *within {
            Within::Comment(depth) if starts(at, "*/") => {
                *within = if depth == 1 { Within::Code } else { Within::Comment(depth - 1) };
                2
            }
            Within::Comment(depth) if starts(at, "/*") => {
                *within = Within::Comment(depth + 1);
                2
            }
            Within::Text if c == '\\' => 2,
            Within::Text if c == '"' => {
                *within = Within::Code;
                code.push('"');
                1
            }
            Within::Raw(hashes) if starts(at, &format!("\"{}", "#".repeat(hashes))) => {
                *within = Within::Code;
                code.push('"');
                1 + hashes
            }
            Within::Comment(_) | Within::Text | Within::Raw(_) => 1,
            Within::Code if starts(at, "//") => break,
            Within::Code if starts(at, "/*") => {
                *within = Within::Comment(1);
                2
            }
            Within::Code => {
                code.push(c);
                let (next, step) = literal(&chars, at);
                *within = next;
                step
            }
        };
        at += step;
    }
    code
}

/// What begins at a character of code, and how many characters are done with.
fn literal(chars: &[char], at: usize) -> (Within, usize) {
    let c = chars.get(at).copied().unwrap_or_default();
    let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied().unwrap_or(' ');
    if c == '"' {
        return (Within::Text, 1);
    }
    if c == '\'' {
        // A lifetime has no closing quote; a character has one after it, or after its escape.
        let escaped = chars.get(at + 1) == Some(&'\\');
        let from = if escaped { at + 3 } else { at + 2 };
        let reach = if escaped { 10 } else { 1 };
        let close = (from..from + reach).find(|at| chars.get(*at) == Some(&'\''));
        return (Within::Code, close.map_or(1, |close| close + 1 - at));
    }
    if c == 'r' && (!before.is_alphanumeric() && before != '_' || before == 'b') {
        let hashes = chars.iter().skip(at + 1).take_while(|c| **c == '#').count();
        if chars.get(at + 1 + hashes) == Some(&'"') {
            return (Within::Raw(hashes), 2 + hashes);
        }
    }
    (Within::Code, 1)
}

/// Folders that hold what others made.
const FOREIGN: &[&str] =
    &["target", ".git", "node_modules", "shots", "corpus", "artifacts", "coverage"];

#[test]
fn comments_and_literals_are_no_code() {
    let lines = [
        r#"let a = "dyn \" //"; // dyn"#,
        r##"let b = r#"dyn "" "#; let c: &'a str = '"'; /* dyn"##,
        r"dyn */ let d = '\''; let e = '\u{2028}';",
    ];
    let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    let code = strip(&lines);
    assert_eq!(code[0].trim_end(), r#"let a = "";"#);
    assert_eq!(code[1].trim_end(), "let b = r\"; let c: &'a str = ';");
    assert_eq!(code[2].trim(), "let d = '; let e = ';");
}
