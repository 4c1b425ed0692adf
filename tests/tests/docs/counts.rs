//! Numbers and names that the documentation gives are those that are there.

use crate::pages::{Page, workspace};
use std::fs;
use visor_tests::config::corpus;

/// The text of all recordings of a kind.
fn recordings(kind: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(workspace().join("tests/compat").join(kind)).expect("recordings");
    let paths = entries.flatten().map(|entry| entry.path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == ending));
    let mut texts: Vec<String> = paths
        .map(|path| fs::read_to_string(path).expect("a recording"))
        .collect();
    texts.sort();
    texts
}

fn lines(texts: &[String], start: &str) -> usize {
    texts
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| line.starts_with(start))
        .count()
}

#[test]
fn the_readme_counts_recorded_comparisons_rightly() {
    let (cases, _) = corpus::read();
    let rpc = recordings("rpc", "txt");
    let calls = lines(&rpc, "call ") + lines(&rpc, "rpc ") + lines(&rpc, "post ");
    let told = [
        format!("{} configurations", cases.len()),
        format!("{calls} XML-RPC calls"),
        format!(
            "{} lifecycles of programs",
            recordings("lifecycle", "txt").len()
        ),
        format!(
            "{} conversations with event listeners",
            recordings("events", "txt").len()
        ),
        format!(
            "{} sessions over plain HTTP",
            recordings("http", "txt").len()
        ),
        format!(
            "{} command lines of `supervisorctl`",
            lines(&recordings("ctl", "session"), "$")
        ),
    ];
    let readme = Page::read("README.md").text.replace('\n', " ");
    for number in told {
        assert!(readme.contains(&number), "README.md does not say: {number}");
    }
    let ctl = Page::read("docs/supervisorctl.md").text;
    let number = format!(
        "{} command lines recorded",
        lines(&recordings("ctl", "session"), "$")
    );
    assert!(
        ctl.contains(&number),
        "docs/supervisorctl.md does not say: {number}"
    );
    let contributing = Page::read("CONTRIBUTING.md").text;
    let number = format!("{} small configurations", cases.len());
    assert!(
        contributing.contains(&number),
        "CONTRIBUTING.md does not say: {number}"
    );
}

#[test]
fn the_code_map_has_every_crate_and_every_module_of_the_core() {
    let architecture = Page::read("ARCHITECTURE.md");
    let map = architecture.section("## Code map");
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).expect("the manifest");
    let members = manifest
        .lines()
        .filter(|line| line.starts_with("members = ") || line.starts_with("exclude = "));
    for member in members.flat_map(|line| line.split('"').skip(1).step_by(2)) {
        let top = member.split('/').next().unwrap_or_default();
        assert!(
            map.contains(&format!("`{top}/`")),
            "{top}/ is not on the map"
        );
    }
    // The other way round: what is named exists.
    for row in map.lines().filter(|line| line.starts_with("| `")) {
        let first = row.split(" | ").next().unwrap_or_default();
        for name in first.split('`').skip(1).step_by(2) {
            let places = [
                name.to_owned(),
                format!("core/src/{name}"),
                format!("core/src/{name}.rs"),
            ];
            let exists = places.iter().any(|place| workspace().join(place).exists());
            assert!(exists, "there is no {name}");
        }
    }
    let core = fs::read_to_string(workspace().join("core/src/lib.rs")).expect("the core");
    for line in core.lines() {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        if let Some(name) = line
            .strip_prefix("mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        {
            assert!(
                map.contains(&format!("`{name}`")),
                "module {name} is not on the map"
            );
        }
    }
}
