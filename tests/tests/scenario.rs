//! Every transcript in `tests/scenario` holds.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use visor_tests::scenario::{difference, play};

fn transcripts() -> Vec<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenario");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
fn transcripts_hold() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut failures = Vec::new();
    let files = transcripts();
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        match play(&text) {
            Err(error) => failures.push(format!("{name}: {error}")),
            Ok(got) if got == text => {}
            Ok(got) if update => std::fs::write(&path, got).unwrap(),
            Ok(got) => failures.push(format!("{name}, {}", difference(&text, &got))),
        }
    }
    assert!(
        failures.is_empty(),
        "UPDATE_EXPECT=1 rewrites expectations.\n{}",
        failures.join("\n")
    );
}

#[test]
fn a_step_that_is_not_understood_is_an_error() {
    assert!(play("> frobnicate\n").is_err());
    assert!(play("> boot now\n").is_err());
    assert!(play("> boot\nnot indented\n").is_err());
    assert!(play("| stray\n").is_err());
    assert!(play("> start web\n").is_err());
}
