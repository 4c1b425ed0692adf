//! References that are made from tables of the code.

use crate::pages::workspace;
use std::fmt::Write as _;
use std::fs;
use visor_core::config::schema::{Key, Naming, SECTIONS, Section};

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
        if shares_programs_keys(section) {
            text.push_str("\nIt has all keys of [[program:x]](#programx), and these:\n");
        }
        text.push_str("\n| key | value | default | example | |\n|---|---|---|---|---|\n");
        for key in own_keys(section) {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | `{}` | {} |",
                key.name,
                cell(key.kind.describe()),
                default(key),
                cell(key.example),
                cell(&sentence(key.doc))
            );
        }
    }
    text
}

fn shares_programs_keys(section: &Section) -> bool {
    ["fcgi-program", "eventlistener"].contains(&section.name)
}

/// Its keys without those that it shares with `[program:x]`.
pub(crate) fn own_keys(section: &'static Section) -> impl Iterator<Item = &'static Key> {
    let known = SECTIONS.iter().find(|known| known.name == "program");
    let shared = known.filter(|_| shares_programs_keys(section));
    let shared = shared.map_or(&[][..], |program| program.keys);
    let is_shared = move |key: &&Key| shared.iter().any(|other| std::ptr::eq(*other, *key));
    section
        .keys
        .iter()
        .copied()
        .filter(move |key| !is_shared(key))
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
    assert_made("docs/configuration.md", "keys", &tables());
}

/// What stands on a page between the mark `what` and the next one is what was made of the code; with
/// UPDATE_EXPECT it is replaced by that.
pub(crate) fn assert_made(page: &str, what: &str, made: &str) {
    let path = workspace().join(page);
    let text = fs::read_to_string(&path).expect("a page");
    let begin = format!(
        "<!-- {what}: from here to the next mark made by tests/tests/docs: UPDATE_EXPECT=1 \
         rewrites it. -->\n"
    );
    let (head, rest) = text.split_once(&begin).expect("the mark");
    let (old, tail) = rest
        .split_once("<!-- end -->")
        .expect("the mark of the end");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let text = format!("{head}{begin}{made}<!-- end -->{tail}");
        fs::write(&path, text).expect("write the page");
    } else {
        assert_eq!(old, made, "{page} is behind: run with UPDATE_EXPECT=1");
    }
}
