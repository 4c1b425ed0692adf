//! docs/configuration-keys.md is made from the schema; `UPDATE_EXPECT=1` rewrites it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use visor_core::config::schema::{Naming, SECTIONS, Section};

const HEAD: &str = "\
# Sections and keys

Everything a configuration can say. Made from the table that supervisord itself reads: do not edit by hand, run
`UPDATE_EXPECT=1 cargo test -p visor-tests --test config_docs`. An empty default means that nothing is set.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in &SECTIONS {
        let header = match section.naming {
            Naming::Plain => format!("[{}]", section.name),
            Naming::Named => format!("[{}:x]", section.name),
            Naming::Either => format!("[{0}] or [{0}:x]", section.name),
        };
        writeln!(page, "\n## {header}\n\n{}", section.doc).unwrap();
        if !section.keys.is_empty() {
            table(&mut page, section);
        }
    }
    page
}

fn table(page: &mut String, section: &Section) {
    page.push_str("\n| key | value | default | |\n|---|---|---|---|\n");
    let mut seen: Vec<&str> = Vec::new();
    for key in section.keys {
        if seen.contains(&key.name) {
            continue;
        }
        seen.push(key.name);
        let default = match key.default {
            Some(default) if !default.is_empty() => format!("`{default}`"),
            Some(_) | None => String::new(),
        };
        let kind = key.kind.describe().replace('|', "\\|");
        writeln!(
            page,
            "| `{}` | {kind} | {default} | {} |",
            key.name, key.doc
        )
        .unwrap();
    }
}

#[test]
fn the_page_says_what_the_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration-keys.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, page()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), page());
}
