//! The mutants: what cargo-mutants lists, and where each of them lies in its file.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// One change of the source that a test should notice.
#[derive(Clone)]
pub(crate) struct Mutant {
    /// From the top of the tree.
    pub(crate) file: String,
    /// What cargo-mutants calls it, without file, line and column.
    pub(crate) change: String,
    /// Its line, from 1.
    pub(crate) line: usize,
    /// What kind of change it is.
    pub(crate) genre: String,
    /// What comes instead of `span`.
    pub(crate) replacement: String,
    /// In bytes of the file.
    pub(crate) span: Range<usize>,
    /// The text of its first line, which tells it from others of the same name.
    pub(crate) source: String,
    /// How many of the same name come before it.
    pub(crate) nth: usize,
}

impl Mutant {
    /// A name that other changes of the file leave alone.
    pub(crate) fn name(&self) -> String {
        let nth = match self.nth {
            0 => String::new(),
            nth => format!(" #{}", nth + 1),
        };
        format!("{}: {}{nth} | {}", self.file, self.change, self.source)
    }
}

/// The text of each file of the core, and all mutants in the order of cargo-mutants.
pub(crate) struct Mutants {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) all: Vec<Mutant>,
}

/// Asks cargo-mutants.
pub(crate) fn list(top: &Path) -> Result<Mutants, String> {
    let listed = Command::new("cargo")
        .args(["mutants", "--list", "--json", "--package", "visor-core"])
        .current_dir(top)
        .output()
        .map_err(|error| format!("cargo mutants: {error}"))?;
    if !listed.status.success() {
        let text = String::from_utf8_lossy(&listed.stderr);
        return Err(format!(
            "cargo mutants (cargo install cargo-mutants): {text}"
        ));
    }
    let listed: Value = serde_json::from_slice(&listed.stdout).map_err(|e| e.to_string())?;
    let mut mutants = Mutants {
        files: BTreeMap::new(),
        all: Vec::new(),
    };
    for file in known_files(top, &["core/src"])? {
        let content = std::fs::read_to_string(top.join(&file)).map_err(|e| e.to_string())?;
        mutants.files.insert(file, content);
    }
    for item in listed.as_array().ok_or("no list of mutants")? {
        let file = text(item, "file")?;
        let content = mutants.files.get(&file).map_or("", String::as_str);
        mutants.all.push(mutant(item, file, content)?);
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for mutant in &mut mutants.all {
        let count = seen.entry(mutant.name()).or_default();
        mutant.nth = *count;
        *count += 1;
    }
    Ok(mutants)
}

/// The Rust files that git knows of, and those it does not ignore, below some directories.
pub(crate) fn known_files(top: &Path, below: &[&str]) -> Result<Vec<String>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .args(below)
        .current_dir(top)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let files = listed.lines().filter(|file| file.ends_with(".rs"));
    let there = files.filter(|file| top.join(file).is_file());
    Ok(there.map(str::to_owned).collect())
}

fn mutant(item: &Value, file: String, content: &str) -> Result<Mutant, String> {
    let name = text(item, "name")?;
    // core/src/time.rs:12:34: replace + with -
    let change = name
        .splitn(4, ':')
        .nth(3)
        .ok_or("a name without a position")?;
    let line = number(item, "start", "line")?;
    Ok(Mutant {
        change: change.trim().to_owned(),
        line,
        genre: text(item, "genre")?,
        replacement: text(item, "replacement")?,
        span: position(item, "start", content)?..position(item, "end", content)?,
        source: content
            .lines()
            .nth(line - 1)
            .unwrap_or_default()
            .trim()
            .to_owned(),
        nth: 0,
        file,
    })
}

fn text(item: &Value, key: &str) -> Result<String, String> {
    let text = item.get(key).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| format!("a mutant without {key}"))
}

fn number(item: &Value, end: &str, key: &str) -> Result<usize, String> {
    item.pointer(&format!("/span/{end}/{key}"))
        .and_then(Value::as_u64)
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| format!("a mutant without {key}"))
}

/// Lines and columns count from 1, columns in characters.
fn position(item: &Value, end: &str, content: &str) -> Result<usize, String> {
    let (line, column) = (number(item, end, "line")?, number(item, end, "column")?);
    let start: usize = content
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let before: usize = content
        .get(start..)
        .unwrap_or_default()
        .chars()
        .take(column - 1)
        .map(char::len_utf8)
        .sum();
    Ok(start + before)
}
