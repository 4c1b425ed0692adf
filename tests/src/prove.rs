//! Each kind of proof by its name, for a program that wants to know which of them notices a bug.

use crate::{fuzz_bodies, scenario, search, sim};
use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::PathBuf;

/// Worlds looked at for a checker that is expected to find something.
const SEEDS: u64 = 1_500;
/// Worlds looked at for all checkers at once.
const SURVEY_SEEDS: u64 = 250;
/// Stories compared with the model.
const STORIES: u64 = 3_000;
/// Most bytes of a story.
const STORY_BYTES_MAX: u64 = 160;

/// Runs one proof: `scenario NAME`, `World CHECKER`, `World twice`, `World walls`, `model`, `search`.
/// What it finds, if anything.
///
/// # Errors
/// If there is no such proof.
pub fn run(proof: &str) -> Result<Option<String>, String> {
    Ok(match proof.split_once(' ') {
        Some(("scenario", name)) => transcript(name)?,
        Some(("World", "twice")) => {
            worlds_that_differ(|seed, _| sim::run(seed, sim::Watch::Digest))
        }
        Some(("World", "walls")) => {
            worlds_that_differ(|seed, wall| sim::run_with_wall(seed, wall, sim::Watch::Digest))
        }
        Some(("World", checker)) => {
            let named = format!(": {checker}: ");
            (0..SEEDS)
                .filter_map(world)
                .find(|found| found.contains(&named))
        }
        None if proof == "model" => stories(),
        None if proof == "search" => searches(),
        Some(_) | None => return Err(format!("no such proof: {proof}")),
    })
}

/// All proofs that find something.
///
/// # Errors
/// If the transcripts cannot be read.
pub fn survey() -> Result<Vec<String>, String> {
    let mut found = BTreeSet::new();
    for name in transcripts()? {
        if transcript(&name)?.is_some() {
            found.insert(format!("scenario {name}"));
        }
    }
    for finding in (0..SURVEY_SEEDS).filter_map(world) {
        let checker = finding.split(": ").nth(1).unwrap_or("?");
        found.insert(format!("World {checker}"));
    }
    for proof in ["World twice", "World walls", "model", "search"] {
        if run(proof)?.is_some() {
            found.insert(proof.to_owned());
        }
    }
    Ok(found.into_iter().collect())
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenario")
}

fn transcripts() -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(directory()).map_err(|error| error.to_string())?;
    let names = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = names
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn transcript(name: &str) -> Result<Option<String>, String> {
    let path = directory().join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(match catch_unwind(|| scenario::play(&text)) {
        Ok(Ok(got)) if got == text => None,
        Ok(Ok(got)) => Some(scenario::difference(&text, &got)),
        Ok(Err(error)) => Some(error),
        Err(_) => Some("panic".to_owned()),
    })
}

/// `seed 7, 12 ms, after 3 inputs: CHECKER: …`
fn world(seed: u64) -> Option<String> {
    match catch_unwind(|| sim::run(seed, sim::Watch::Checks)) {
        Ok(Ok(_)) => None,
        Ok(Err(finding)) => Some(finding),
        Err(_) => Some(format!("seed {seed}: panic: ")),
    }
}

fn worlds_that_differ(run: fn(u64, u64) -> Result<sim::Report, String>) -> Option<String> {
    (0..60).find_map(|seed| {
        let same = catch_unwind(|| run(seed, 1) == run(seed, 2)).unwrap_or(false);
        (!same).then(|| format!("seed {seed}: not the same world"))
    })
}

fn stories() -> Option<String> {
    let mut random = sim::Random::new(1);
    (0..STORIES).find_map(|_| {
        let length = random.below(STORY_BYTES_MAX);
        let bytes: Vec<u8> = (0..length)
            .map(|_| random.bits().to_le_bytes()[0])
            .collect();
        let panic = catch_unwind(|| fuzz_bodies::model::run(&bytes)).err()?;
        let text = panic.downcast_ref::<String>().cloned();
        Some(text.unwrap_or_else(|| "panic".to_owned()))
    })
}

fn searches() -> Option<String> {
    let mut changes = search::Changes::new();
    for setting in search::quick() {
        match catch_unwind(|| search::search(&setting)) {
            Ok(Ok(report)) => changes.extend(report.changes),
            Ok(Err(finding)) => return Some(finding),
            Err(_) => return Some(format!("{}: panic", setting.name)),
        }
    }
    search::differences(&changes).first().cloned()
}
