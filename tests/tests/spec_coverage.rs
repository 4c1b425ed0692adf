//! `spec-coverage.md` says which test proves which rule; here it is made sure that the tests exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Kinds of tests that are files, and where these lie below the directory of the tests.
const FILES: &[(&str, &str)] = &[
    ("scenario", "scenario"),
    ("lifecycle", "compat/lifecycle"),
    ("rpc", "compat/rpc"),
    ("events", "compat/events"),
];

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The tables' rows by the heading they stand under: rule and proof. Without the tables' heads and the
/// lines in bold that part them.
fn rows(text: &str) -> BTreeMap<&str, Vec<(&str, &str)>> {
    let mut found: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let mut heading = "";
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title;
        }
        let cells = line.strip_prefix("| ").and_then(|row| row.rsplit_once('|'));
        let Some((rule, proof)) = cells.and_then(|(row, _)| row.rsplit_once('|')) else {
            continue;
        };
        let (rule, proof) = (rule.trim(), proof.trim());
        if rule != "rule" && !rule.starts_with("**") && !heading.is_empty() {
            found.entry(heading).or_default().push((rule, proof));
        }
    }
    found
}

/// What is in backquotes.
fn names(proof: &str) -> Vec<&str> {
    proof.split('`').skip(1).step_by(2).collect()
}

/// Whether a test of this name exists.
fn look_for(name: &str) -> Result<(), String> {
    let missing = |place: &Path| format!("{name} is not in {}", place.display());
    if let Some(case) = name.strip_prefix("cases: ") {
        let place = tests().join("compat/config/cases.txt");
        let title = format!("=== {case}");
        let text = read(&place)?;
        let found = text.lines().any(|line| line == title);
        return found.then_some(()).ok_or_else(|| missing(&place));
    }
    if let Some((file, function)) = name.split_once("::") {
        let place = if file.contains('/') {
            tests().join("..").join(file)
        } else {
            tests().join("tests").join(file)
        };
        let start = format!("fn {function}(");
        let found = read(&place)?.contains(&start);
        return found.then_some(()).ok_or_else(|| missing(&place));
    }
    let (kind, file) = name.split_once('/').ok_or("it is no name of a test")?;
    let place = FILES.iter().find(|(known, _)| *known == kind);
    let (_, directory) = place.ok_or("there is no such kind of test")?;
    let path: PathBuf = tests().join(directory).join(format!("{file}.txt"));
    path.is_file().then_some(()).ok_or_else(|| missing(&path))
}

#[test]
fn every_rule_is_proved_by_tests_that_exist() {
    let text = read(&tests().join("spec-coverage.md")).expect("the table");
    let tables = rows(&text);
    let parts: Vec<_> = tables.keys().copied().collect();
    assert_eq!(parts, ["Daemon", "Logs", "Processes"]);
    let mut findings = Vec::new();
    for (rule, proof) in tables.values().flatten() {
        let names = names(proof);
        if names.is_empty() {
            findings.push(format!("{rule}: no test"));
        }
        for name in names {
            if let Err(error) = look_for(name) {
                findings.push(format!("{rule}: {name}: {error}"));
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    for name in [
        "tidy.rs::no_such_test",
        "no_such_file.rs::test",
        "scenario/no_such_transcript",
        "nowhere/stop",
        "cases: no such case",
        "stop",
    ] {
        assert!(look_for(name).is_err(), "{name}");
    }
    assert_eq!(names("`a` and `b/c`"), ["a", "b/c"]);
    let rows =
        rows("## T\n| rule | proof |\n|---|---|\n| **part** | |\n| one | |\n| two | `x` |\n");
    assert_eq!(rows["T"], [("one", ""), ("two", "`x`")]);
}
