//! Worlds of many seeds. `VISOR_SEED=7` runs one and prints everything; `VISOR_SEEDS=100000` runs
//! so many instead of the usual number.

#![allow(clippy::unwrap_used)]

use std::rc::Rc;
use visor_tests::sim::{Happened, Kind, Watch, run, run_and_note, run_with_wall};

/// Enough for a few seconds.
const SEEDS: u64 = 300;

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse().ok());
    if let Some(seed) = number("VISOR_SEED") {
        return seed..seed + 1;
    }
    let first = number("VISOR_FIRST_SEED").unwrap_or(0);
    first..first + number("VISOR_SEEDS").unwrap_or(SEEDS)
}

#[test]
fn no_world_breaks_a_promise() {
    let seeds = seeds();
    let watch = if seeds.end - seeds.start == 1 {
        Watch::Trace
    } else {
        Watch::Checks
    };
    let begin = std::time::Instant::now();
    let (mut actions, mut inputs) = (0, 0);
    let mut findings = Vec::new();
    for seed in seeds.clone() {
        let outcome = std::panic::catch_unwind(|| run(seed, watch));
        match outcome {
            Ok(Ok(report)) => {
                actions += report.actions;
                inputs += report.inputs;
            }
            Ok(Err(finding)) => findings.push(finding),
            Err(_) => findings.push(format!("seed {seed}: panic")),
        }
        if findings.len() > 7 {
            break;
        }
    }
    let rate = actions as f64 / begin.elapsed().as_secs_f64();
    println!(
        "{} seeds, {inputs} inputs, {actions} actions, {rate:.0} actions per second",
        seeds.end - seeds.start
    );
    assert!(
        findings.is_empty(),
        "VISOR_SEED=n cargo nextest run -p visor-tests no_world_breaks_a_promise --no-capture\n{}",
        findings.join("\n")
    );
}

/// What no world has, and why.
const NEVER: [(Kind, &str); 1] = [(Kind::Adopt, "for a daemon that takes over from another")];

#[test]
fn whatever_can_happen_happens_in_these_worlds() {
    let happened = Rc::new(Happened::default());
    for seed in 0..SEEDS {
        run_and_note(seed, Watch::Checks, &happened).unwrap();
    }
    let mut never = Vec::new();
    for kind in Kind::ALL {
        let count = happened.count(*kind);
        println!("{count:8} {}", kind.text());
        let is_known = NEVER.iter().any(|(known, _)| known == kind);
        if (count == 0) != is_known {
            never.push(format!("{count} times {}", kind.text()));
        }
    }
    assert!(never.is_empty(), "{}", never.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..60 {
        let first = run(seed, Watch::Digest).unwrap();
        assert_eq!(first, run(seed, Watch::Digest).unwrap(), "seed {seed}");
    }
}

#[test]
fn the_wall_clock_is_only_reported() {
    for seed in 0..60 {
        let first = run_with_wall(seed, 1, Watch::Digest).unwrap();
        let other = run_with_wall(seed, 2, Watch::Digest).unwrap();
        assert_eq!(first, other, "seed {seed}");
    }
}
