//! Rules of the house that no compiler checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// What no file may contain: marks of unfinished work, and paths of one machine.
const BANNED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("for ", "now"),
    concat!("/wo", "rk/"),
    concat!("dbg", "!("),
];

fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests live in a workspace")
}

/// All files of the project with one of these endings, relative to the workspace.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![workspace().to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)
            .expect("a readable directory")
            .flatten()
        {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type().expect("a file type");
            if kind.is_dir() && name != "target" && name != ".git" && name != "corpus" {
                open.push(path);
            } else if kind.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
                let inside = path.strip_prefix(workspace()).expect("a path inside");
                found.push(inside.to_path_buf());
            }
        }
    }
    found.sort();
    assert!(
        !found.is_empty(),
        "no {endings:?} in {}",
        workspace().display()
    );
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(workspace().join(path)).expect("a file of text")
}

fn assert_none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

#[test]
fn files_are_short() {
    let long = |path: &PathBuf| {
        let lines = read(path).lines().count();
        (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", path.display()))
    };
    let findings: Vec<String> = files(&[".rs"]).iter().filter_map(long).collect();
    assert_none("files are too long", &findings);
}

#[test]
fn functions_are_short() {
    let mut findings = Vec::new();
    for path in files(&[".rs"]) {
        for (line, name, length) in functions(&read(&path)) {
            if length > FUNCTION_LINES_MAX {
                findings.push(format!(
                    "{}:{line}: {name} has {length} lines",
                    path.display()
                ));
            }
        }
    }
    assert_none("functions are too long", &findings);
}

/// Functions of formatted source: line, name, number of lines. The end of one is the first line
/// that is nothing but a brace at its own indentation.
fn functions(source: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(name) = function_name(line.trim_start()) else {
            continue;
        };
        let end = format!("{}}}", " ".repeat(indent));
        let body = lines[at..].iter().take_while(|line| {
            !line.ends_with(';') || line.len() - line.trim_start().len() > indent
        });
        let length = body.take_while(|line| **line != end).count() + 1;
        if lines.get(at + length - 1) == Some(&end.as_str()) {
            found.push((at + 1, name, length));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let qualifiers = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "async",
        "unsafe",
        "extern",
        "\"C\"",
    ];
    let mut words = line
        .split_whitespace()
        .skip_while(|word| qualifiers.contains(word));
    if words.next() != Some("fn") {
        return None;
    }
    let name = words.next()?.split(['(', '<']).next()?;
    Some(name.to_owned())
}

#[test]
fn nothing_is_left_unfinished() {
    let mut findings = Vec::new();
    for path in files(&[".rs", ".toml", ".md", ".conf", "test", ".ci/run"]) {
        for (at, line) in read(&path).lines().enumerate() {
            for word in BANNED.iter().filter(|word| line.contains(**word)) {
                findings.push(format!("{}:{}: {word}", path.display(), at + 1));
            }
        }
    }
    assert_none("banned words", &findings);
}

#[test]
fn only_the_system_layer_is_unsafe() {
    let mut findings = Vec::new();
    for path in files(&[".rs"]) {
        if path.starts_with("runtime-std/src/sys") {
            continue;
        }
        for (at, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let words = code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '"');
            if words.into_iter().any(|word| word == "unsafe") {
                findings.push(format!("{}:{}", path.display(), at + 1));
            }
        }
    }
    assert_none("unsafe outside of runtime-std/src/sys", &findings);
}

#[test]
fn the_core_depends_on_no_other_crate_of_ours() {
    let manifest = read(Path::new("core/Cargo.toml"));
    for name in ["visor-std", "visor-smol", "rustix", "libc", "smol", "tokio"] {
        let depends = manifest
            .lines()
            .any(|line| line.trim_start().starts_with(name));
        assert!(!depends, "visor-core depends on {name}");
    }
    let root = read(Path::new("core/src/lib.rs"));
    assert!(root.contains("#![no_std]") && root.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn every_source_file_belongs_to_a_crate() {
    let mut findings = Vec::new();
    for path in files(&[".rs"]) {
        let inside: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        let Some(src) = inside.iter().position(|part| part == "src") else {
            continue;
        };
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let root = inside.len() == src + 2 && (name == "lib" || name == "main");
        if root || inside.get(src + 1).is_some_and(|part| part == "bin") {
            continue;
        }
        if !declared(&path, &name) {
            findings.push(path.display().to_string());
        }
    }
    assert_none("files that no module names", &findings);
}

/// Whether the module above a file says `mod NAME;`.
fn declared(path: &Path, name: &str) -> bool {
    let directory = path.parent().expect("a directory");
    let (directory, name) = if name == "mod" {
        let above = directory.parent().expect("a directory above");
        let name = directory.file_name().expect("a name").to_string_lossy();
        (above.to_path_buf(), name.into_owned())
    } else {
        (directory.to_path_buf(), name.to_owned())
    };
    let mut parents: Vec<PathBuf> = ["lib.rs", "main.rs", "mod.rs"]
        .iter()
        .map(|file| directory.join(file))
        .collect();
    parents.push(directory.with_extension("rs"));
    let existing = parents
        .iter()
        .filter(|parent| workspace().join(parent).exists());
    let declaration = format!("mod {name};");
    existing.into_iter().any(|parent| {
        let text = read(parent);
        let mut lines = text.lines().map(str::trim_start);
        lines.any(|line| line.ends_with(&declaration) || line.contains(&format!("\"{name}.rs\"")))
    })
}

#[test]
fn relative_links_lead_somewhere() {
    let mut findings = Vec::new();
    for path in files(&[".md"]) {
        let directory = path.parent().expect("a directory");
        for target in links(&read(&path)) {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() {
                path.clone()
            } else {
                directory.join(file)
            };
            let exists = workspace().join(&file).exists();
            let has_anchor = || anchor.is_empty() || anchors(&read(&file)).contains(anchor);
            if !exists || (file.extension().is_some_and(|end| end == "md") && !has_anchor()) {
                findings.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_none("links that lead nowhere", &findings);
}

/// Targets of `[text](target)` outside of code, web addresses aside.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let prose = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let mut rest = prose.as_str();
        while let Some((_, behind)) = rest.split_once("](").filter(|_| !fenced) {
            let (target, behind) = behind.split_once(')').unwrap_or((behind, ""));
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
            rest = behind;
        }
    }
    found
}

/// The anchors of a page's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let headings = text.lines().filter(|line| {
        fenced ^= line.trim_start().starts_with("```");
        line.starts_with('#') && !fenced
    });
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn the_changelog_has_a_place_for_the_next_change() {
    let changelog = read(Path::new("CHANGELOG.md"));
    assert!(changelog.contains("## [Unreleased]"));
}
