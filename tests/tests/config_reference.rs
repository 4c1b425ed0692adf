//! Random configurations, the reference's parser and ours side by side. Bounded; the long run's
//! command is in CONTRIBUTING.md.

use std::process::Command;
use visor_tests::config::corpus;
use visor_tests::e2e::{reference, skip};

#[test]
fn random_configurations_mean_the_same_to_the_reference() {
    let Some(python) = reference("python") else {
        return skip("no Python in target/reference");
    };
    let run = Command::new(python)
        .arg(corpus::directory().join("fuzz.py"))
        .args(["--cases", "300", "--seed", "4711"])
        .args(["--probe", env!("CARGO_BIN_EXE_config-probe")])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{complained}");
}

#[test]
fn the_recording_is_of_these_cases() {
    let (cases, _) = corpus::read();
    let text = std::fs::read_to_string(corpus::directory().join("cases.txt")).unwrap();
    let mut written: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("=== ")?.trim()))
        .collect();
    written.sort_unstable();
    let mut recorded: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    recorded.sort_unstable();
    assert_eq!(written, recorded, "run tests/compat/config/record.py");
}
