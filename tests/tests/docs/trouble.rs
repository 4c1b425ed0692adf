//! Troubleshooting: what is quoted is what the programs say, and whatever a start can be refused with
//! has a row.

use crate::pages::{Page, workspace};
use std::fs;
use std::path::Path;
use std::process::Command;
use visor_tests::config::corpus::{self, Outcome};
use visor_tests::e2e::{Directory, binary, finish};

/// The messages in the first column of the tables.
fn quoted() -> Vec<String> {
    let page = Page::read("docs/troubleshooting.md");
    let rows = page.text.lines().filter(|line| line.starts_with("| `"));
    let spans = |row: &str| -> Vec<String> {
        let first = row.split(" | ").next().unwrap_or_default();
        first
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    rows.flat_map(spans).collect()
}

/// Whether a text begins as a message is quoted; `…` stands for anything.
fn fits(quoted: &str, text: &str) -> bool {
    let mut parts = quoted.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    parts.all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn whatever_a_configuration_is_refused_with_has_a_row() {
    let quoted = quoted();
    let (cases, accounts) = corpus::read();
    let directory = Directory::new();
    let place = directory.file("case");
    let mut refused = 0;
    for case in &cases {
        if let Outcome::Refused(text) = case.replay(&place, &accounts) {
            refused += 1;
            let said = format!("Error: {text}");
            let known = quoted.iter().any(|message| fits(message, &said));
            assert!(known, "{}: no row for {said:?}", case.name);
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn whatever_keeps_a_server_from_being_opened_has_a_row() {
    let quoted = quoted();
    let long = "x".repeat(200);
    for server in [
        "[inet_http_server]\nport=nosuchhost.invalid:9001",
        "[unix_http_server]\nfile=plain",
        "[unix_http_server]\nfile=missing/s.sock",
        &format!("[unix_http_server]\nfile={long}"),
    ] {
        let directory = Directory::new();
        directory.write("plain", "");
        let mut command = Command::new(binary("supervisord"));
        let file = directory.write("s.conf", &format!("[supervisord]\n{server}\n"));
        command.args(["-n", "-c"]).arg(file);
        command.current_dir(directory.path());
        let said = finish(command).stderr;
        let mut about = quoted
            .iter()
            .filter(|message| message.contains("Cannot open"));
        let is_known = about.any(|message| fits(message, &said));
        assert!(is_known, "{server}: no row for {said:?}");
    }
}

/// All source that can print, without what only tests print, as strings are at run time.
fn source() -> String {
    let mut text = String::new();
    let mut open: Vec<_> = ["core/src", "cli/src", "runtime-std/src", "runtime-smol/src"]
        .map(|directory| workspace().join(directory))
        .into();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory").flatten();
            open.extend(entries.map(|entry| entry.path()));
        } else if !is_test(&path) {
            let file = fs::read_to_string(&path).expect("a source file");
            text.push_str(
                file.split("#[cfg(test)]\nmod tests {")
                    .next()
                    .unwrap_or_default(),
            );
        }
    }
    let mut lines = String::new();
    for line in text.lines() {
        match line.strip_suffix('\\') {
            Some(head) => lines.push_str(if lines.ends_with(' ') {
                head.trim_start()
            } else {
                head
            }),
            None if lines.ends_with(' ') => lines.push_str(line.trim_start()),
            None => lines.push_str(line),
        }
        if !line.ends_with('\\') {
            lines.push('\n');
        }
    }
    lines.replace("\\\"", "\"")
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests")
        || path.parent().is_some_and(|above| above.ends_with("tests"))
}

#[test]
fn what_is_quoted_is_what_the_programs_say() {
    let source = source();
    for message in quoted() {
        let levels = ["Error: ", "CRIT ", "ERRO ", "WARN ", "INFO "];
        let level = levels.iter().find(|level| message.starts_with(**level));
        let said = &message[level.map_or(0, |level| level.len())..];
        // Numbers are put in at run time too, and what stands on either side of a sign may be joined there.
        let pieces = said.split(|c: char| "…:;()".contains(c) || c.is_ascii_digit());
        for piece in pieces.map(str::trim).filter(|piece| piece.len() > 2) {
            assert!(
                source.contains(piece),
                "nobody says {piece:?} of {message:?}"
            );
        }
    }
}

#[test]
fn a_quotation_fits_from_its_beginning() {
    assert!(fits("a … c…", "a b c d"));
    assert!(!fits("a … c", "x a b c"));
    assert!(!fits("a … c", "a b d"));
}
