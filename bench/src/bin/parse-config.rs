//! How long reading a configuration takes: 1,000, 10,000 and 100,000 programs.
//!
//! `cargo run --release -p visor-bench --bin parse-config [PROGRAMS…]` prints the processor time of the
//! best of five runs. Target:
//! 10,000 programs in less than 100 ms, and ten times the programs in ten times the time.

use rustix::time::ClockId;
use std::io::{self, Write as _};
use std::time::Duration;
use visor_bench::configuration::{read, text};
use visor_bench::sides::nanos;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>9} {:>10} {:>14}",
        "programs", "ms", "µs per program"
    )?;
    let given: Vec<u32> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let counts = if given.is_empty() {
        vec![1_000, 10_000, 100_000]
    } else {
        given
    };
    for count in counts {
        let text = text(count);
        let best = (0..5)
            .map(|_| timed(&text, count))
            .min()
            .unwrap_or_default();
        let each = best.as_secs_f64() * 1e6 / f64::from(count);
        let total = best.as_secs_f64() * 1e3;
        writeln!(out, "{count:>9} {total:>10.1} {each:>14.2}")?;
    }
    Ok(())
}

fn timed(text: &str, count: u32) -> Duration {
    let began = nanos(ClockId::ProcessCPUTime);
    let loaded = read(text);
    let took = nanos(ClockId::ProcessCPUTime).saturating_sub(began);
    match loaded {
        Ok(loaded) => assert_eq!(
            loaded.config.groups.len(),
            usize::try_from(count).unwrap_or(0)
        ),
        Err(errors) => {
            let _ = writeln!(io::stderr(), "Error: {errors}");
            std::process::exit(1);
        }
    }
    // Of the process alone: the machine may be busy with other things.
    Duration::from_nanos(took)
}
