//! Searches everything that can happen to a small daemon, in the full settings.
//!
//! ```text
//! cargo run --profile sim -p visor-tests --bin search             # all settings: minutes
//! cargo run --profile sim -p visor-tests --bin search listener    # those whose name contains `listener`
//! cargo run --profile sim -p visor-tests --bin search -- --quick  # the settings that the tests run
//! ```
//!
//! Prints how many states and inputs there were, and the table of all changes of state that were
//! found. The exit status is 1 if a promise was broken, or the rules say otherwise.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::process::ExitCode;
use std::time::Instant;
use visor_tests::search::{Changes, differences, full, quick, search, table};

fn main() -> ExitCode {
    let (options, wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word == "--quick");
    let mut changes = Changes::new();
    let mut all = if options.is_empty() { full() } else { quick() };
    all.retain(|setting| {
        wanted.is_empty() || wanted.iter().any(|w| setting.name.contains(w.as_str()))
    });
    for setting in all {
        let begin = Instant::now();
        match search(&setting) {
            Ok(report) => {
                println!(
                    "{}: {} states, {} inputs tried, the farthest state after {}, {} ends, {:.0?}",
                    setting.name,
                    report.states,
                    report.edges,
                    report.depth,
                    report.ends,
                    begin.elapsed()
                );
                for (change, count) in report.changes {
                    *changes.entry(change).or_default() += count;
                }
            }
            Err(finding) => {
                println!("{finding}");
                return ExitCode::FAILURE;
            }
        }
    }
    print!("{}", table(&changes));
    let differences = if wanted.is_empty() {
        differences(&changes)
    } else {
        Vec::new()
    };
    for difference in &differences {
        println!("{difference}");
    }
    if differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
