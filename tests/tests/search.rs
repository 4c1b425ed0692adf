//! Everything that can happen to a small daemon happens, and `docs/processes.md` says all of it.
//!
//! The quick settings run here. The full ones take minutes: the program `search` runs those.

#![allow(
    clippy::print_stdout,
    reason = "the count of states and inputs is what one runs it for"
)]

use std::fs;
use std::path::Path;
use visor_tests::search::{Changes, RULES, Setting, differences, quick, search, table};

/// Searches all settings; what was found in all of them.
fn search_all(settings: &[Setting]) -> Changes {
    let mut all = Changes::new();
    for setting in settings {
        let report = match search(setting) {
            Ok(report) => report,
            Err(finding) => panic!("{finding}"),
        };
        println!(
            "{}: {} states, {} inputs tried, the farthest state after {}, {} ends",
            setting.name, report.states, report.edges, report.depth, report.ends
        );
        assert!(report.ends > 0, "{}: it never ends", setting.name);
        for (change, count) in report.changes {
            *all.entry(change).or_default() += count;
        }
    }
    all
}

#[test]
fn nothing_that_can_happen_breaks_a_promise_and_the_table_says_all_of_it() {
    const MARK: &str =
        "<!-- From here on made by tests/tests/search.rs: UPDATE_EXPECT=1 rewrites it. -->\n";
    let changes = search_all(&quick());
    assert_eq!(
        differences(&changes),
        [""; 0],
        "the rules are in tests/src/search/table.rs"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/processes.md");
    let text = fs::read_to_string(&path).expect("the page");
    let (head, old) = text.split_once(MARK).expect("the mark");
    let new = format!("\n{}", table(&changes));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{head}{MARK}{new}")).expect("write the page");
    } else {
        assert_eq!(
            old, new,
            "docs/processes.md is behind: run with UPDATE_EXPECT=1"
        );
    }
}

#[test]
fn every_rule_is_shown_by_a_transcript_that_is_there() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario");
    for rule in RULES {
        let texts = rule
            .transcripts
            .iter()
            .map(|name| fs::read_to_string(scenario.join(format!("{name}.txt"))).expect(name));
        let change = format!("{} -> {}", rule.from.name(), rule.to.name());
        let shown = texts.filter(|text| text.contains(&change)).count();
        assert!(shown > 0, "no transcript shows {change}: {rule:?}");
    }
}

#[test]
fn a_change_without_a_rule_and_a_rule_without_a_change_are_noticed() {
    let all: Changes = RULES.iter().map(|r| ((r.from, r.cause, r.to), 1)).collect();
    assert_eq!(differences(&all), [""; 0]);
    let first = RULES.first().expect("a rule");
    let mut changed = all;
    changed.remove(&(first.from, first.cause, first.to));
    changed.insert((first.to, first.cause, first.from), 1);
    assert_eq!(differences(&changed).len(), 2);
}
