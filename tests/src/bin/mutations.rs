//! Plants bugs in a copy of the tree, one after the other, and sees whether the tests notice.
//!
//! ```text
//! cargo run -p visor-tests --bin mutations            # all of tests/mutations.txt
//! cargo run -p visor-tests --bin mutations stop       # those whose name contains `stop`
//! ```
//!
//! The copy lies in `target/mutations`; the tree itself is not touched. The exit status is 1 if a
//! mutation survives, or does not apply any more.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The tests that have to notice.
const TESTS: [&str; 3] = ["scenario", "sim", "model"];

struct Mutation {
    name: String,
    file: String,
    old: String,
    new: String,
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    match run(&wanted) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(survivors) => {
            println!("{survivors} not caught");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &[String]) -> Result<usize, String> {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = read(&top.join("tests/mutations.txt"))?;
    let mutations = parse(&text)?;
    let place = top.join("target/mutations");
    let copy = place.join("tree");
    copy_tree(&top, &copy)?;
    println!("building, and testing without any mutation");
    if let Some(caught) = test(&copy, &place)? {
        return Err(format!("tests fail without any mutation: {caught}"));
    }
    let mut survivors = 0;
    for mutation in &mutations {
        if !wanted.is_empty() && !wanted.iter().any(|w| mutation.name.contains(w.as_str())) {
            continue;
        }
        let path = copy.join(&mutation.file);
        let original = read(&path)?;
        let outcome = match original.matches(&mutation.old).count() {
            1 => {
                write(&path, &original.replacen(&mutation.old, &mutation.new, 1))?;
                let outcome = test(&copy, &place);
                write(&path, &original)?;
                outcome?
            }
            count => {
                survivors += 1;
                println!("{:<44} DOES NOT APPLY ({count} places)", mutation.name);
                continue;
            }
        };
        match outcome {
            Some(caught) => println!("{:<44} caught by {caught}", mutation.name),
            None => {
                survivors += 1;
                println!("{:<44} SURVIVES", mutation.name);
            }
        }
    }
    Ok(survivors)
}

/// `## name`, `file: path`, then lines that begin with `- ` and `+ `.
fn parse(text: &str) -> Result<Vec<Mutation>, String> {
    let mut mutations: Vec<Mutation> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            mutations.push(Mutation {
                name: name.to_owned(),
                file: String::new(),
                old: String::new(),
                new: String::new(),
            });
            continue;
        }
        let Some(mutation) = mutations.last_mut() else {
            continue;
        };
        if let Some(file) = line.strip_prefix("file: ") {
            mutation.file = file.to_owned();
        } else if let Some(old) = line.strip_prefix('-') {
            mutation.old.push_str(old.strip_prefix(' ').unwrap_or(old));
            mutation.old.push('\n');
        } else if let Some(new) = line.strip_prefix('+') {
            mutation.new.push_str(new.strip_prefix(' ').unwrap_or(new));
            mutation.new.push('\n');
        }
    }
    match mutations
        .iter()
        .find(|m| m.old.is_empty() || m.file.is_empty())
    {
        Some(bad) => Err(format!("{} is not complete", bad.name)),
        None => Ok(mutations),
    }
}

/// Copies what git knows of, and what it does not ignore.
fn copy_tree(top: &Path, copy: &Path) -> Result<(), String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(top)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    for file in String::from_utf8_lossy(&listed.stdout).lines() {
        let (from, to) = (top.join(file), copy.join(file));
        // A file that is the same keeps its time, so that nothing is built without need.
        if !from.is_file() || std::fs::read(&from).ok() == std::fs::read(&to).ok() {
            continue;
        }
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| format!("{}: {error}", to.display()))?;
        }
        std::fs::copy(&from, &to).map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(())
}

/// Runs the tests; gives the name of the one that notices, if one does.
fn test(copy: &Path, place: &Path) -> Result<Option<String>, String> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command
            .args(["test", "-q", "-p", "visor-tests"])
            .args(arguments)
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", place.join("target"))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null());
        command.output().map_err(|error| format!("cargo: {error}"))
    };
    let selected: Vec<&str> = TESTS.iter().flat_map(|test| ["--test", test]).collect();
    let built = cargo(&[&selected[..], &["--no-run"]].concat())?;
    if !built.status.success() {
        let text = String::from_utf8_lossy(&built.stderr);
        let error = text.lines().find(|line| line.starts_with("error"));
        return Err(format!("it does not compile: {}", error.unwrap_or("?")));
    }
    for test in TESTS {
        let run = cargo(&["--test", test])?;
        if !run.status.success() {
            let text = String::from_utf8_lossy(&run.stdout).into_owned()
                + &String::from_utf8_lossy(&run.stderr);
            return Ok(Some(format!("{test}: {}", first_finding(&text))));
        }
    }
    Ok(None)
}

/// The line that says what was noticed.
fn first_finding(text: &str) -> String {
    let interesting = |line: &&str| {
        line.starts_with("seed ") || line.contains(".txt, line ") || line.contains("expected ")
    };
    let line = text.lines().find(interesting).unwrap_or("a test fails");
    line.chars().take(90).collect()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
