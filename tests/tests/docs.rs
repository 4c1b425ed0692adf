//! The documentation says what the code says.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use visor_core::config::schema::{Key, Naming, SECTIONS, Section};
use visor_tests::e2e::{Directory, binary, finish};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The tables of the configuration reference, from the schema the reader uses.
fn tables() -> String {
    let mut text = String::new();
    for section in &SECTIONS {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n",
            heading(section),
            sentence(section.doc)
        );
        if section.keys.is_empty() {
            continue;
        }
        text.push_str("\n| key | value | default | |\n|---|---|---|---|\n");
        for key in section.keys {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                key.name,
                cell(key.kind.describe()),
                default(key),
                cell(&sentence(key.doc))
            );
        }
    }
    text
}

fn heading(section: &Section) -> String {
    match section.naming {
        Naming::Plain => format!("[{}]", section.name),
        Naming::Named => format!("[{}:x]", section.name),
        Naming::Either => format!("[{0}], [{0}:x]", section.name),
    }
}

fn default(key: &Key) -> String {
    match key.default {
        None => String::new(),
        Some("") => "empty".to_owned(),
        Some(value) => format!("`{}`", cell(value)),
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with(['.', '?', '!', ':']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

#[test]
fn the_configuration_reference_is_what_the_reader_reads() {
    const MARK: &str =
        "<!-- From here on made by tests/tests/docs.rs: UPDATE_EXPECT=1 rewrites it. -->\n";
    let path = docs().join("configuration.md");
    let text = fs::read_to_string(&path).expect("the configuration reference");
    let (head, old) = text.split_once(MARK).expect("the mark");
    let new = tables();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{head}{MARK}{new}")).expect("write the reference");
    } else {
        assert_eq!(
            old, new,
            "docs/configuration.md is behind: run with UPDATE_EXPECT=1"
        );
    }
}

/// The code blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

fn pages() -> Vec<(PathBuf, String)> {
    let root = docs().join("..");
    let top = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].map(|name| root.join(name));
    let below = fs::read_dir(docs())
        .expect("docs")
        .flatten()
        .map(|entry| entry.path());
    let markdown = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    let all = top.into_iter().chain(below.filter(markdown));
    all.map(|path| (path.clone(), fs::read_to_string(path).expect("a page")))
        .collect()
}

#[test]
fn every_code_block_says_what_it_is() {
    let known = [
        "sh",
        "ini",
        "rust",
        "text",
        "dockerfile",
        "python",
        "toml",
        "conf",
        "json",
    ];
    for (path, page) in pages() {
        for (language, text) in blocks(&page) {
            let language = language.split([',', ' ']).next().unwrap_or_default();
            assert!(
                known.contains(&language),
                "{}: {language:?}: {text}",
                path.display()
            );
        }
    }
}

#[test]
fn shell_blocks_are_shell() {
    for (path, page) in pages() {
        for (language, text) in blocks(&page) {
            if language == "sh" {
                let mut command = std::process::Command::new("bash");
                let checked = finish({
                    command.args(["-n", "-c", &text]);
                    command
                });
                assert_eq!(
                    checked.code,
                    Some(0),
                    "{}: {text}{}",
                    path.display(),
                    checked.stderr
                );
            }
        }
    }
}

#[test]
fn configurations_in_the_documentation_can_be_used() {
    let directory = Directory::new();
    for (path, page) in pages() {
        for (language, text) in blocks(&page) {
            // Units of systemd have the same shape.
            if language != "ini" || text.contains("[Unit]") {
                continue;
            }
            let text = if text.contains("[supervisord]") {
                text
            } else {
                format!("[supervisord]\n{text}")
            };
            let file = directory.write("doc.conf", &text);
            let mut command = std::process::Command::new(binary("supervisord"));
            command.args(["--check", "-c"]).arg(file);
            let checked = finish(command);
            assert_eq!(
                checked.code,
                Some(0),
                "{}: {text}{}",
                path.display(),
                checked.stdout
            );
        }
    }
}
