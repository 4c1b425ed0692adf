//! What differs from Supervisor is said in one table; the recorded comparisons point into it.

use crate::pages::{Page, workspace};
use std::collections::BTreeSet;
use std::fs;

/// The topics of the table.
fn topics() -> BTreeSet<String> {
    let page = Page::read("docs/switching.md");
    let rows = page.section("## What differs").lines();
    let rows = rows.filter_map(|line| line.strip_prefix("| ")).skip(1);
    let topics: Vec<&str> = rows
        .filter_map(|row| Some(row.split_once(" | ")?.0))
        .collect();
    let set: BTreeSet<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
    assert_eq!(set.len(), topics.len(), "a topic has two rows");
    set
}

/// The topics that a file of recorded differences names, each behind `mark`.
fn named(file: &str, mark: &str) -> Vec<(String, String)> {
    let path = workspace().join("tests/compat").join(file);
    let text = fs::read_to_string(path).expect("recorded differences");
    let lines = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(mark));
    lines
        .map(|topic| (file.to_owned(), topic.to_owned()))
        .collect()
}

/// That each entry names a topic at all is seen by those who read these files for the comparison.
#[test]
fn every_recorded_difference_is_in_the_table() {
    let mut found = named("differences.txt", "row ");
    found.extend(named("config/differences.txt", "row: "));
    let sessions = fs::read_dir(workspace().join("tests/compat/ctl")).expect("sessions");
    for file in sessions.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".session") {
            found.extend(named(&format!("ctl/{name}"), ">> "));
        }
    }
    assert!(found.len() >= 40, "only {} are named", found.len());
    let topics = topics();
    for (file, topic) in found {
        assert!(topics.contains(&topic), "{file}: no row {topic:?}");
    }
}
