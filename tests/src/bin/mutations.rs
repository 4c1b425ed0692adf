//! Plants bugs in a copy of the tree, one after the other, and sees whether the proofs notice that
//! are said to.
//!
//! ```text
//! cargo run -p visor-tests --bin mutations            # all of tests/mutations.txt
//! cargo run -p visor-tests --bin mutations stop       # those whose name contains `stop`
//! cargo run -p visor-tests --bin mutations --survey   # which proofs notice, of all there are
//! ```
//!
//! The copy lies in `target/mutations`; the tree itself is not touched. Only the program `prove` is
//! built for each. The exit status is 1 if a mutation is not noticed by a proof that is named for
//! it, names none, or does not apply any more; or if a checker of the World is named by none.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use visor_tests::sim::checks;

/// A proof that takes longer than this, in seconds, has been led to no end by the mutation.
const PROOF_SECS_MAX: &str = "300";

struct Mutation {
    name: String,
    file: String,
    /// The proofs that must notice it.
    by: Vec<String>,
    old: String,
    new: String,
}

fn main() -> ExitCode {
    let (options, wanted): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|word| word == "--survey");
    match run(&wanted, !options.is_empty()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            println!("{failures} not as they should be");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &[String], survey: bool) -> Result<usize, String> {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = read(&top.join("tests/mutations.txt"))?;
    let mutations = parse(&text)?;
    let place = top.join("target/mutations");
    let copy = place.join("tree");
    copy_tree(&top, &copy)?;
    println!("building, and testing without any mutation");
    let found = notices(&copy, &place, None)?;
    if !found.is_empty() {
        return Err(format!("proofs fail without any mutation: {found}"));
    }
    let mut failures = idle_checkers(&mutations);
    for mutation in &mutations {
        if !wanted.is_empty() && !wanted.iter().any(|w| mutation.name.contains(w.as_str())) {
            continue;
        }
        let path = copy.join(&mutation.file);
        let original = read(&path)?;
        let count = original.matches(&mutation.old).count();
        let outcome = if count == 1 {
            write(&path, &original.replacen(&mutation.old, &mutation.new, 1))?;
            let outcome = try_one(mutation, survey, &copy, &place);
            write(&path, &original)?;
            outcome
        } else {
            Err(format!("DOES NOT APPLY ({count} places)"))
        };
        failures += usize::from(outcome.is_err());
        let (Ok(text) | Err(text)) = outcome;
        println!("{}\n  {}", mutation.name, text.replace('\n', "\n  "));
    }
    Ok(failures)
}

/// What notices, or what does not.
fn try_one(mutation: &Mutation, survey: bool, copy: &Path, place: &Path) -> Result<String, String> {
    if survey {
        let found = notices(copy, place, None)?;
        return match found.as_str() {
            "" => Err("SURVIVES".to_owned()),
            _ => Ok(found),
        };
    }
    if mutation.by.is_empty() {
        return Err("NAMES NO PROOF".to_owned());
    }
    let mut lines = Vec::new();
    for proof in &mutation.by {
        let found = notices(copy, place, Some(proof))?;
        let Some(line) = found.lines().find(|line| !line.is_empty()) else {
            return Err(format!("SURVIVES {proof}"));
        };
        let line: String = line.chars().take(100).collect();
        lines.push(format!("{proof}: {line}"));
    }
    Ok(lines.join("\n"))
}

/// Checkers of the World that no mutation shows to work.
fn idle_checkers(mutations: &[Mutation]) -> usize {
    let mut idle = 0;
    for checker in checks::all() {
        let proof = format!("World {}", checker.name());
        if !mutations.iter().any(|m| m.by.contains(&proof)) {
            println!("no mutation is said to be noticed by: {proof}");
            idle += 1;
        }
    }
    idle
}

/// `## name`, `file: path`, `by: proof`, then lines that begin with `- ` and `+ `.
fn parse(text: &str) -> Result<Vec<Mutation>, String> {
    let mut mutations: Vec<Mutation> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            mutations.push(Mutation {
                name: name.to_owned(),
                file: String::new(),
                by: Vec::new(),
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
        } else if let Some(proof) = line.strip_prefix("by: ") {
            mutation.by.push(proof.to_owned());
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
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let wanted: BTreeSet<PathBuf> = listed
        .lines()
        .filter(|file| top.join(file).is_file())
        .map(|file| copy.join(file))
        .collect();
    remove_others(copy, &wanted)?;
    for file in listed.lines() {
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

/// Removes files of an earlier copy that are not in the tree any more.
fn remove_others(directory: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Ok(());
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.is_symlink() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            std::fs::remove_file(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

/// What a proof says of the copy as it is now, or which proofs say anything.
fn notices(copy: &Path, place: &Path, proof: Option<&String>) -> Result<String, String> {
    let built = output(
        Command::new("cargo")
            .args(["build", "-q", "-p", "visor-tests", "--bin", "prove"])
            .env("CARGO_TARGET_DIR", place.join("target"))
            .current_dir(copy),
    )?;
    if !built.status.success() {
        let text = String::from_utf8_lossy(&built.stderr);
        let error = text.lines().find(|line| line.starts_with("error"));
        return Err(format!("it does not compile: {}", error.unwrap_or("?")));
    }
    let words = proof.map_or_else(Vec::new, |proof| proof.split(' ').collect());
    let proved = output(
        Command::new("timeout")
            .arg(PROOF_SECS_MAX)
            .arg(place.join("target/debug/prove"))
            .args(words)
            .current_dir(copy),
    )?;
    let text = String::from_utf8_lossy(&proved.stdout).trim().to_owned();
    match proved.status.code() {
        Some(0) => Ok(String::new()),
        Some(1) => Ok(text),
        // It goes on for ever, or takes all memory.
        Some(124 | 137) | None => Ok("no end".to_owned()),
        Some(_) => Err(text),
    }
}

fn output(command: &mut Command) -> Result<Output, String> {
    let run = command.stdin(Stdio::null()).output();
    run.map_err(|error| format!("{command:?}: {error}"))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
