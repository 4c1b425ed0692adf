//! Runs one proof, and says what it finds.
//!
//! ```text
//! cargo run -p visor-tests --bin prove scenario stop     # one transcript
//! cargo run -p visor-tests --bin prove World timing      # worlds, until this checker finds something
//! cargo run -p visor-tests --bin prove                   # which proofs find anything
//! ```
//!
//! The exit status is 1 if something was found, and 2 if there is no such proof.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::process::ExitCode;
use visor_tests::prove;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = if words.is_empty() {
        prove::survey().map(|found| (!found.is_empty()).then(|| found.join("\n")))
    } else {
        prove::run(&words.join(" "))
    };
    match outcome {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(finding)) => {
            println!("{finding}");
            ExitCode::from(1)
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}
