//! Puts the mutants that cargo-mutants makes of the core into one copy of the tree, behind a switch,
//! and runs for each the tests that reach it.
//!
//! ```text
//! cargo run -p visor-tests --bin mutants                 # all
//! cargo run -p visor-tests --bin mutants src/pool.rs     # those whose name contains this, in the order of such words
//! cargo run -p visor-tests --bin mutants -- --survivors  # those that survived last time
//! cargo run -p visor-tests --bin mutants -- --quick ...  # without the tests that take long
//! ```
//!
//! cargo-mutants would build once for each of more than three thousand. Here it is one build, and
//! then a fraction of a second for most. The copy lies in `target/mutants`; the tree itself is not
//! touched. What survives must stand in `tests/mutants-equivalent.txt`, with the reason why nothing
//! can notice it; else, or if something stands there that does not survive, or if there is a mutant
//! that could not be put in, the exit status is 1. What is no program is listed with what the compiler
//! says of it in `target/mutants/refused`.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

mod build;
mod constants;
mod list;
mod plant;
mod run;

use list::{Mutant, Mutants};
use run::{Fate, Tests};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

fn main() -> ExitCode {
    let (flags, wanted): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--quick");
    match run(&wanted, !flags.is_empty()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &[String], quick: bool) -> Result<bool, String> {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let place = top.join("target/mutants");
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    let place = place.canonicalize().map_err(|error| error.to_string())?;
    let record = place.join("survivors");
    let last = std::fs::read_to_string(&record).unwrap_or_default();
    let last: BTreeSet<&str> = last.lines().collect();
    let equivalent = equivalent(&top.join("tests/mutants-equivalent.txt"))?;

    let mutants = list::list(&top)?;
    let built = build::build(&top, &place, &mutants)?;
    let turn = |mutant: &Mutant| {
        let name = mutant.name();
        let is_last = last.contains(name.as_str());
        let is_it = |w: &String| name.contains(w) || w == "--survivors" && is_last;
        if wanted.is_empty() {
            Some(0)
        } else {
            wanted.iter().position(is_it)
        }
    };
    let numbers = built.planted.iter().copied();
    let mut chosen: Vec<(usize, usize)> = numbers
        .filter_map(|number| Some((mutants.all.get(number).and_then(turn)?, number)))
        .collect();
    chosen.sort_unstable();
    let chosen: Vec<usize> = chosen.into_iter().map(|(_, number)| number).collect();
    let tests = Tests::new(&built.tree, quick)?;
    println!("{} mutants to run", chosen.len());
    let done = AtomicUsize::new(0);
    let fates = tests.fates(&chosen, |number, fate| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(100) {
            println!("{done} done");
        }
        if fate != Fate::Caught
            && let Some(mutant) = mutants.all.get(number)
        {
            println!(
                "{fate:?}  {}:{}: {}",
                mutant.file, mutant.line, mutant.change
            );
        }
    });
    let fates: Result<Vec<Fate>, String> = fates.into_iter().collect();
    let fates: BTreeMap<usize, Fate> = chosen.into_iter().zip(fates?).collect();
    report(&mutants, &built, &fates, &equivalent, &record)
}

/// Says what became of all; true if nothing is left to do.
fn report(
    mutants: &Mutants,
    built: &build::Built,
    fates: &BTreeMap<usize, Fate>,
    equivalent: &BTreeSet<String>,
    record: &Path,
) -> Result<bool, String> {
    let count = |wanted: Fate| fates.values().filter(|fate| **fate == wanted).count();
    let mut open = BTreeSet::new();
    let mut stale = Vec::new();
    let mut left_out = 0;
    for (number, mutant) in mutants.all.iter().enumerate() {
        let name = mutant.name();
        match fates.get(&number) {
            Some(Fate::Survived | Fate::Unreached) if !equivalent.contains(&name) => {
                open.insert(name);
            }
            Some(Fate::Caught | Fate::Endless) if equivalent.contains(&name) => stale.push(name),
            Some(_) => {}
            None if built.planted.contains(&number) => {}
            None if built.unviable.contains(&number) => {}
            None => {
                left_out += 1;
                let Mutant { file, line, .. } = mutant;
                println!("NOT PUT IN   {file}:{line}: {}", mutant.change);
            }
        }
    }
    let names: BTreeSet<String> = mutants.all.iter().map(Mutant::name).collect();
    stale.extend(equivalent.difference(&names).cloned());
    for name in &open {
        println!("NOT CAUGHT   {name}");
    }
    for name in &stale {
        println!("NOT NEEDED in tests/mutants-equivalent.txt   {name}");
    }
    let text: String = open.iter().map(|name| format!("{name}\n")).collect();
    std::fs::write(record, text).map_err(|error| error.to_string())?;
    println!(
        "{} mutants: {} no programs; of {} run, {} caught, {} endless, {} survived ({} open), {} never reached",
        mutants.all.len(),
        built.unviable.len(),
        fates.len(),
        count(Fate::Caught),
        count(Fate::Endless),
        count(Fate::Survived),
        open.len(),
        count(Fate::Unreached),
    );
    Ok(open.is_empty() && stale.is_empty() && left_out == 0)
}

/// The names in the file: lines that are not indented, empty or comments.
fn equivalent(path: &Path) -> Result<BTreeSet<String>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text
        .lines()
        .filter(|line| line.starts_with("core/"))
        .map(str::to_owned)
        .collect())
}
