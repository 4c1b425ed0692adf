//! What commands of the documentation name must exist, also where they are not run: options,
//! actions, files, packages and tests.

use crate::pages::{pages, workspace};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use visor::ctl::FLAGS;
use visor_core::ctl::ACTIONS;
use visor_tests::e2e::{binary, finish};

#[test]
fn options_actions_files_and_packages_exist() {
    for block in pages().iter().flat_map(|page| &page.blocks) {
        let lines: Vec<&str> = match block.language.as_str() {
            "sh" => block.text.lines().collect(),
            "console" => block
                .text
                .lines()
                .filter_map(|line| line.strip_prefix("$ "))
                .collect(),
            _ => continue,
        };
        for command in lines.iter().flat_map(|line| commands(line)) {
            assert_options(&block.place, &command);
            assert_files(&block.place, &command);
            assert_cargo(&block.place, &command);
        }
    }
}

/// The commands of a line, as words: enough of a shell's grammar for documentation.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut word = String::new();
    let mut quote = None;
    let end = |word: &mut String, found: &mut Vec<Vec<String>>| {
        if !word.is_empty() {
            found
                .last_mut()
                .expect("a command")
                .push(std::mem::take(word));
        }
    };
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, ' ' | '>' | '<') => end(&mut word, &mut found),
            (None, '|' | ';' | '&') => {
                end(&mut word, &mut found);
                found.push(Vec::new());
            }
            (_, c) => word.push(c),
        }
    }
    end(&mut word, &mut found);
    found.retain(|command| !command.is_empty());
    for command in &mut found {
        while command[0].contains('=') || command[0] == "sudo" || command[0] == "nice" {
            command.remove(0);
            assert!(!command.is_empty(), "{line}: a variable, and no command");
        }
    }
    found
}

/// Options of supervisord and supervisorctl, and supervisorctl's actions.
pub(crate) fn assert_options(place: &str, command: &[String]) {
    let program = Path::new(&command[0]).file_name().unwrap_or_default();
    let program = program.to_string_lossy();
    if program != "supervisord" && program != "supervisorctl" {
        return;
    }
    let mut words = command[1..].iter();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        let value = if program == "supervisord" {
            option_of_supervisord(name)
        } else {
            option_of_supervisorctl(name)
        };
        match value {
            Some(true) if !word.contains('=') => {
                assert!(words.next().is_some(), "{place}: {word} has no value");
            }
            Some(_) => {}
            None if word.starts_with('-') => panic!("{place}: {program} has no option {word}"),
            None if program == "supervisord" => {
                assert_eq!(word, "replay", "{place}: supervisord takes no arguments");
                return;
            }
            None => {
                let known = ACTIONS.iter().any(|action| action.name == word) || word == "help";
                assert!(known, "{place}: supervisorctl has no action {word}");
                return;
            }
        }
    }
}

/// Whether an option of supervisord takes a value, by its help; `None`: there is no such option.
fn option_of_supervisord(name: &str) -> Option<bool> {
    static HELP: OnceLock<String> = OnceLock::new();
    let help = HELP.get_or_init(|| {
        let mut command = Command::new(binary("supervisord"));
        command.arg("--help");
        finish(command).stdout
    });
    let options = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'));
    options.into_iter().find_map(|line| {
        // Two spaces end the form of an option.
        let form = line.trim_start().split("  ").next()?;
        let mut words = form.split([' ', ',']).filter(|word| !word.is_empty());
        let has = words
            .clone()
            .any(|word| word == name && name.starts_with('-'));
        has.then(|| words.any(|word| !word.starts_with('-')))
    })
}

fn option_of_supervisorctl(name: &str) -> Option<bool> {
    let mut flags = FLAGS.iter();
    let flag = flags.find(|flag| name == flag.long || (name == flag.short && !name.is_empty()))?;
    Some(!flag.value.is_empty())
}

/// Words that look like files of the project are files of the project.
fn assert_files(place: &str, command: &[String]) {
    const OURS: &[&str] = &[
        "bench/",
        "cli/",
        "core/",
        "docs/",
        "examples/",
        "fuzz/",
        "packaging/",
        "runtime-smol/",
        "runtime-std/",
        "tests/",
        "./",
    ];
    for word in command {
        if OURS.iter().any(|directory| word.starts_with(directory)) && !word.contains('*') {
            assert!(
                workspace().join(word).exists(),
                "{place}: there is no {word}"
            );
        }
    }
}

/// Packages, tests, programs and examples that cargo is told to build or run.
fn assert_cargo(place: &str, command: &[String]) {
    if command[0] != "cargo" {
        return;
    }
    for pair in command.windows(2) {
        let (option, name) = (pair[0].as_str(), pair[1].as_str());
        let exists = match option {
            "--" => return,
            "-p" | "--package" => packages().contains(&name.to_owned()),
            "--test" => is_target("tests", name),
            "--example" => is_target("examples", name),
            "--bin" => is_target("src/bin", name),
            "--path" => workspace().join(name).join("Cargo.toml").exists(),
            "fuzz" if name == "run" => true,
            "run" if command[1].starts_with('+') || command.contains(&"fuzz".to_owned()) => {
                workspace()
                    .join(format!("fuzz/fuzz_targets/{name}.rs"))
                    .exists()
            }
            _ => true,
        };
        assert!(exists, "{place}: there is no {option} {name}");
    }
}

fn members() -> Vec<String> {
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).expect("a manifest");
    let line = manifest
        .lines()
        .find(|line| line.starts_with("members = "))
        .expect("members");
    let names = line.split('"').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

fn packages() -> Vec<String> {
    let name = |member: String| {
        let path = workspace().join(member).join("Cargo.toml");
        let manifest = std::fs::read_to_string(path).expect("a manifest");
        let line = manifest
            .lines()
            .find_map(|line| line.strip_prefix("name = ").map(str::to_owned));
        line.expect("a name").trim_matches('"').to_owned()
    };
    members().into_iter().map(name).collect()
}

/// Whether a member of the workspace has a target of this name below a directory.
fn is_target(directory: &str, name: &str) -> bool {
    let below = |member: &String| {
        let directory = workspace().join(member).join(directory);
        let manifest = std::fs::read_to_string(workspace().join(member).join("Cargo.toml"));
        let named = manifest
            .unwrap_or_default()
            .contains(&format!("name = \"{name}\""));
        named || directory.join(format!("{name}.rs")).exists() || directory.join(name).is_dir()
    };
    members().iter().any(below)
}

#[test]
fn a_line_is_taken_apart_as_a_shell_does() {
    let found = commands("A=1 supervisord -n -c 'a b' 2>&1 | grep x; echo \"y # z\" # end");
    let first: Vec<&str> = found[0].iter().map(String::as_str).collect();
    assert_eq!(first, ["supervisord", "-n", "-c", "a b", "2"]);
    assert_eq!(
        found.last(),
        Some(&vec!["echo".to_owned(), "y # z".to_owned()])
    );
}

#[test]
fn options_that_do_not_exist_are_noticed() {
    assert_eq!(option_of_supervisord("-n"), Some(false));
    assert_eq!(option_of_supervisord("--record"), Some(true));
    assert_eq!(option_of_supervisord("--recording"), None);
    assert_eq!(option_of_supervisorctl("--serverurl"), Some(true));
    assert_eq!(option_of_supervisorctl("--server"), None);
}
