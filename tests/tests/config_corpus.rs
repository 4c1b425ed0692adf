//! Replays what the reference was recorded to make of small configurations, without Python.

use std::collections::BTreeMap;
use std::fs;
use visor_tests::config::corpus::{self, Outcome};

/// A deliberate difference: why, and what we make of the configuration.
struct Difference {
    why: String,
    row: String,
    ours: String,
}

/// `differences.txt`: a case's name, then indented `why:`, `row:` and `ours:`.
fn differences() -> BTreeMap<String, Difference> {
    let text = fs::read_to_string(corpus::directory().join("differences.txt"))
        .expect("the list of differences");
    let mut found: BTreeMap<String, Difference> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        let entry = found.get_mut(&name);
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        } else if let (Some(entry), Some(why)) = (entry, line.trim().strip_prefix("why: ")) {
            entry.why = why.to_owned();
        } else if let (Some(entry), Some(ours)) =
            (found.get_mut(&name), line.trim().strip_prefix("ours: "))
        {
            entry.ours = ours.to_owned();
        } else if let (Some(entry), Some(row)) =
            (found.get_mut(&name), line.trim().strip_prefix("row: "))
        {
            entry.row = row.to_owned();
        } else {
            name = line.trim().to_owned();
            let empty = Difference {
                why: String::new(),
                row: String::new(),
                ours: String::new(),
            };
            assert!(found.insert(name.clone(), empty).is_none(), "{name} twice");
        }
    }
    found
}

fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(_, _) => "accepted".to_owned(),
        Outcome::Refused(text) => format!("Error: {}", text.replace('\n', "\\n")),
        Outcome::Traceback(last) => format!("traceback: {last}"),
    }
}

/// Ours may say more than the reference, never less, and the same in the same order.
fn same(reference: &Outcome, ours: &Outcome) -> bool {
    match (reference, ours) {
        (Outcome::Accepted(settings, messages), Outcome::Accepted(our_settings, our_messages)) => {
            let said = our_messages
                .iter()
                .filter(|message| messages.contains(message));
            settings == our_settings && messages.iter().eq(said)
        }
        (Outcome::Refused(text), Outcome::Refused(our_text)) => text == our_text,
        _ => false,
    }
}

#[test]
fn recorded_configurations_mean_the_same_here() {
    let (cases, accounts) = corpus::read();
    let mut differences = differences();
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let directory = std::env::temp_dir().join(format!("visor-corpus-{}", std::process::id()));
    let mut findings = Vec::new();
    for case in &cases {
        let (reference, ours) = (case.recorded(), case.replay(&directory, &accounts));
        let equal = same(&reference, &ours);
        match differences.remove(&case.name) {
            None if equal => {}
            None => findings.push(format!(
                "{}\n  reference: {}\n  ours:      {}\n  {reference:?}\n  {ours:?}",
                case.name,
                short(&reference),
                short(&ours)
            )),
            Some(_) if equal => {
                findings.push(format!("{}: listed, but there is no difference", case.name));
            }
            Some(listed) => {
                assert!(!listed.why.is_empty(), "{}: no reason given", case.name);
                assert!(!listed.row.is_empty(), "{}: in no table", case.name);
                if listed.ours != short(&ours) {
                    let ours = short(&ours);
                    findings.push(format!("{}: ours is now\n    ours: {ours}", case.name));
                }
            }
        }
    }
    findings.extend(
        differences
            .keys()
            .map(|name| format!("{name}: listed, but no case")),
    );
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
}
