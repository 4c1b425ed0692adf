//! Writes manual pages and completion scripts: `cargo run -p visor --example gen -- DIRECTORY`.
//!
//! `DIRECTORY/man/man1/supervisorctl.1` and so on, `DIRECTORY/completions/bash/supervisorctl` and so
//! on: packages copy them to where the system looks for them.

use std::error::Error;
use std::path::Path;
use visor::completion::{Program, Shell};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/share".into());
    let directory = Path::new(&directory);
    for page in visor::manual::pages() {
        let into = directory.join(format!("man/man{}", page.section));
        std::fs::create_dir_all(&into)?;
        std::fs::write(
            into.join(format!("{}.{}", page.name, page.section)),
            page.text,
        )?;
    }
    for shell in Shell::ALL {
        let into = directory
            .join("completions")
            .join(format!("{shell:?}").to_lowercase());
        std::fs::create_dir_all(&into)?;
        for program in Program::ALL {
            let file = into.join(shell.file_name(program));
            std::fs::write(file, shell.script(program))?;
        }
    }
    Ok(())
}
