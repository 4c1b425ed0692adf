//! What can be said of a code block without trying it.

use crate::pages::{Block, NOTES, REASONS, pages, workspace};
use std::fmt::Write as _;
use std::process::Command;
use visor_tests::e2e::{Directory, binary, finish};

/// Languages of blocks, and what becomes of them.
const LANGUAGES: &[&str] = &[
    "sh",         // tried: story.rs
    "console",    // tried and compared: story.rs
    "python",     // tried: story.rs
    "ini",        // read by supervisord --check, here; units of systemd: story.rs
    "rust",       // doctests: `documentation` in tests/src/lib.rs
    "dockerfile", // here
    "text",       // pictures and forms, for people
];

fn blocks_of(language: &str) -> Vec<Block> {
    let blocks = pages().into_iter().flat_map(|page| page.blocks);
    blocks.filter(|block| block.language == language).collect()
}

#[test]
fn every_block_says_what_it_is_and_how_it_is_tried() {
    for block in pages().iter().flat_map(|page| &page.blocks) {
        let place = &block.place;
        assert!(
            LANGUAGES.contains(&block.language.as_str()),
            "{place}: {}",
            block.language
        );
        // What rustdoc understands is rustdoc's.
        for note in block.notes().filter(|_| block.language != "rust") {
            assert!(NOTES.contains(&note), "{place}: {note:?}");
        }
        if let Some(reason) = block.note("no-run") {
            let known = REASONS.iter().any(|(name, _)| *name == reason);
            assert!(known, "{place}: not run because of {reason:?}");
        }
    }
}

/// Rust's documentation takes indented lines for programs, and nobody says what they are.
#[test]
fn code_stands_between_fences() {
    for page in pages() {
        let mut fenced = false;
        let mut above = "";
        for (at, line) in page.text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            let indented = line.starts_with("    ") && above.is_empty() && !line.trim().is_empty();
            assert!(fenced || !indented, "{}:{}: {line}", page.name, at + 1);
            above = line;
        }
    }
}

/// The blocks that are not tried are few, and known: who adds one sees it here.
#[test]
fn the_blocks_that_are_not_run_are_these() {
    let path = workspace().join("tests/tests/docs/unrun.txt");
    let mut text = String::new();
    for (reason, why) in REASONS {
        let _ = writeln!(text, "== {reason}: {why}");
        for page in pages() {
            let unrun = page
                .blocks
                .iter()
                .filter(|b| b.note("no-run") == Some(reason));
            for block in unrun {
                let _ = writeln!(text, "{}: {}", page.name, block.title());
            }
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &text).expect("write the list");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(known, text, "{} is behind: UPDATE_EXPECT=1", path.display());
}

#[test]
fn shell_blocks_are_shell() {
    for block in blocks_of("sh") {
        let mut command = Command::new("bash");
        command.args(["-n", "-c", &block.text]);
        let checked = finish(command);
        assert_eq!(checked.code, Some(0), "{}: {}", block.place, checked.stderr);
    }
}

#[test]
fn python_blocks_are_python() {
    const PARSE: &str = "import ast, sys; ast.parse(sys.argv[1])";
    for block in blocks_of("python") {
        let mut command = Command::new("python3");
        command.args(["-c", PARSE, &block.text]);
        let checked = finish(command);
        assert_eq!(checked.code, Some(0), "{}: {}", block.place, checked.stderr);
    }
}

#[test]
fn rust_blocks_are_doctests() {
    let list = std::fs::read_to_string(workspace().join("tests/src/lib.rs")).expect("the list");
    for page in pages() {
        let rust = page.blocks.iter().any(|block| block.language == "rust");
        let listed = list.contains(&format!("include_str!(\"../../{}\")", page.name));
        assert_eq!(rust, listed, "{} in tests/src/lib.rs", page.name);
    }
    for block in blocks_of("rust") {
        assert!(
            block.note("ignore").is_none(),
            "{} is not even compiled",
            block.place
        );
    }
}

#[test]
fn configurations_are_accepted_without_a_warning() {
    let directory = Directory::new();
    for block in blocks_of("ini") {
        if block.note("unit").is_some() {
            continue;
        }
        let whole = block.text.contains("[supervisord]") || block.text.contains("[supervisorctl]");
        let head = if whole { "" } else { "[supervisord]\n" };
        // The package brings this directory.
        let text = block.text.replace("/var/log/supervisor", "{dir}");
        let file = directory.write("doc.conf", &format!("{head}{text}"));
        let mut command = Command::new(binary("supervisord"));
        command
            .args(["--check", "-c"])
            .arg(file)
            .current_dir(directory.path());
        let checked = finish(command);
        let said = &checked.stdout;
        assert_eq!(
            checked.code,
            Some(0),
            "{}: {said}{}",
            block.place,
            checked.stderr
        );
        let warned = said.lines().any(|line| line.starts_with("warning: "));
        assert_eq!(
            warned,
            block.note("warns").is_some(),
            "{}: {said}",
            block.place
        );
    }
}

/// Sections and keys of units that are documented or packaged.
const UNIT_KEYS: &[(&str, &[&str])] = &[
    ("[Unit]", &["Description", "Documentation", "After"]),
    (
        "[Service]",
        &[
            "Type",
            "EnvironmentFile",
            "ExecStart",
            "ExecStop",
            "ExecReload",
            "KillMode",
            "PIDFile",
            "TimeoutStopSec",
            "Restart",
            "RestartSec",
            "LimitNOFILE",
        ],
    ),
    ("[Install]", &["WantedBy"]),
];

#[test]
fn units_have_keys_that_systemd_knows() {
    let packaged = std::fs::read_to_string(workspace().join("packaging/debian/supervisor.service"));
    assert_known_keys("packaging", &packaged.expect("the packaged unit"));
    for block in blocks_of("ini") {
        if block.note("unit").is_some() {
            assert_known_keys(&block.place, &block.text);
        }
    }
}

fn assert_known_keys(place: &str, unit: &str) {
    let mut keys: &[&str] = &[];
    for line in unit.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('[') {
            let section = UNIT_KEYS.iter().find(|(name, _)| *name == line);
            keys = section.unwrap_or_else(|| panic!("{place}: {line}")).1;
        } else {
            let key = line.split_once('=').map(|(key, _)| key);
            assert!(
                key.is_some_and(|key| keys.contains(&key)),
                "{place}: {line}"
            );
        }
    }
}

/// What a container file does, step by step: each instruction is known, what is copied exists.
#[test]
fn container_files_copy_what_there_is_and_start_what_they_copied() {
    let programs = ["supervisord", "supervisorctl"];
    for page in pages() {
        let given: Vec<&str> = page
            .blocks
            .iter()
            .filter_map(|block| block.note("file"))
            .collect();
        let files = page
            .blocks
            .iter()
            .filter(|block| block.language == "dockerfile");
        for block in files {
            let mut copied = Vec::new();
            let text = block.text.replace("\\\n", " ");
            for line in text.lines() {
                let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
                let words: Vec<&str> = rest.split_whitespace().collect();
                match instruction {
                    "COPY" if words[0].starts_with("--from=") => copied.extend(programs),
                    "COPY" => {
                        let (_, sources) = words.split_last().expect("a target");
                        copied.extend(sources.iter().copied());
                    }
                    "CMD" => {
                        let argv: Vec<String> =
                            serde_json::from_str(rest).expect("a list of words");
                        assert!(
                            copied.contains(&argv[0].as_str()),
                            "{}: {line}",
                            block.place
                        );
                        crate::commands::assert_options(&block.place, &argv);
                    }
                    "FROM" | "WORKDIR" | "RUN" | "STOPSIGNAL" | "" => {}
                    _ => panic!("{}: {line}", block.place),
                }
            }
            for source in copied {
                let known = programs.contains(&source) || given.contains(&source) || source == ".";
                assert!(known, "{}: {source} is copied from nowhere", block.place);
            }
        }
    }
}
