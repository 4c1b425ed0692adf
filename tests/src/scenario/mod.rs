//! Transcripts: files that read as documentation and run as tests.
//!
//! A transcript (`tests/scenario/*.txt`) is a configuration, in the syntax of `supervisord.conf`,
//! followed by steps. A step is a line that begins with `> `; the indented lines below it are what
//! the core did then: what it asked the runtime to do, what it logged, and every change of state.
//! Comments begin with `#`. `UPDATE_EXPECT=1` rewrites the indented lines.
//!
//! The commands of the language are documented at [`Step`].

mod answers;
mod clients;
mod config;
mod script;
mod show;
mod stage;

pub use config::read as read_config;
pub use script::{Arrange, Step, Tell};

use script::{Line, Script};
use stage::Stage;
use std::fmt::Write as _;

/// Plays a transcript and returns it as it should read: the same text if every expectation holds.
///
/// # Errors
/// The line of a command or of the configuration that cannot be understood.
pub fn play(text: &str) -> Result<String, String> {
    let script = Script::parse(text)?;
    let mut stage = Stage::new(config::read(&script.config)?);
    let mut out = String::new();
    for line in &script.lines {
        match line {
            Line::Verbatim(text) => {
                let _ = writeln!(out, "{text}");
            }
            Line::Step {
                text,
                step,
                quietly,
                times,
            } => {
                let _ = writeln!(out, "> {text}");
                if let Step::Arrange(Arrange::NewConfig(lines)) = step {
                    for line in lines {
                        let _ = writeln!(out, "{}", format!("| {line}").trim_end());
                    }
                }
                for _ in 0..*times {
                    let seen = stage.play(step).map_err(|e| format!("{text}: {e}"))?;
                    for seen in seen.iter().filter(|_| !quietly) {
                        let _ = writeln!(out, "  {seen}");
                    }
                }
            }
        }
    }
    Ok(out)
}

/// The first line in which two texts differ, for a message.
#[must_use]
pub fn difference(expected: &str, got: &str) -> String {
    let mut number = 1;
    let (mut a, mut b) = (expected.lines(), got.lines());
    let mut step = "";
    loop {
        match (a.next(), b.next()) {
            (Some(x), Some(y)) if x == y => {
                if x.starts_with("> ") {
                    step = x;
                }
                number += 1;
            }
            (x, y) => {
                return format!(
                    "line {number}, after `{step}`:\n  expected {}\n  but got  {}",
                    x.unwrap_or("the end"),
                    y.unwrap_or("the end")
                );
            }
        }
    }
}
