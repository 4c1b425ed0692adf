//! The benchmarks still measure what they say, in their short form: every row has a figure of every
//! side. What the figures are is not looked at; a busy machine may be slow.

use serde_json::Value;
use std::process::Command;
use visor_tests::e2e::{Directory, binary, reference, skip};

/// Runs groups of rows; gives what was written about each row.
fn rows(names: &[&str]) -> Vec<Value> {
    let Some(supervisord) = reference("supervisord") else {
        skip("supervisor 4.3.0 is not installed");
        return Vec::new();
    };
    let directory = Directory::new();
    let json = directory.path().join("rows.json");
    let done = Command::new(binary("visor-bench"))
        .args(["--short", "--json"])
        .arg(&json)
        .args(names)
        .env("VISOR_REFERENCE_BIN", supervisord.with_file_name(""))
        .output()
        .expect("the benchmark starts");
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{names:?}: {text}");
    let rows = std::fs::read(&json).expect("the rows were written");
    serde_json::from_slice(&rows).expect("the rows are JSON")
}

/// Every row has numbers of both runtimes, and of the reference too unless it is not asked for.
fn check(names: &[&str], count: usize, others: &[&str]) {
    let rows = rows(names);
    if rows.is_empty() {
        return;
    }
    assert_eq!(rows.len(), count, "{rows:?}");
    for row in rows {
        for side in ["smol", "std"].iter().chain(others) {
            let numbers = &row["sides"][side];
            assert!(numbers["samples"].as_u64() > Some(0), "{side}: {row}");
            assert!(numbers["median"].as_f64().is_some(), "{side}: {row}");
        }
    }
}

#[test]
fn the_start_of_programs_is_measured() {
    check(&["first", "thousand"], 2, &["reference", "floor"]);
}

#[test]
fn memory_and_idleness_are_measured() {
    check(&["memory", "idle"], 4, &["reference"]);
}

#[test]
fn restarts_are_measured() {
    check(&["respawn"], 2, &["reference", "floor"]);
    check(&["crashing"], 2, &["reference", "floor"]);
}

#[test]
fn capture_is_measured() {
    check(&["capture"], 3, &["reference"]);
}

#[test]
fn what_clients_see_is_measured() {
    check(&["rpc"], 3, &["reference"]);
    check(&["ctl"], 3, &["reference", "floor"]);
}

#[test]
fn events_are_measured() {
    check(&["events"], 3, &["reference", "floor"]);
}

#[test]
fn what_recording_costs_is_measured() {
    check(&["recording"], 10, &["smol --record", "std --record"]);
}

#[test]
fn stops_and_many_programs_are_measured() {
    check(&["stop"], 2, &["reference", "floor"]);
    check(&["ten-thousand"], 5, &[]);
}
