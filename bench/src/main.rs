//! `visor-bench [--short] [--rounds N] [--sides smol,std,reference] [--json FILE] [ROW…]`

use std::io::{self, Write as _};
use std::process::ExitCode;
use visor_bench::rows::{ALL, Run};
use visor_bench::sides::{Programs, Side};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut short = false;
    let mut rounds = None;
    let mut json = None;
    let mut sides: Option<String> = None;
    let mut names: Vec<String> = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--short" => short = true,
            "--rounds" => rounds = words.next().and_then(|n| n.parse().ok()),
            "--sides" => sides = words.next(),
            "--json" => json = words.next(),
            name if ALL.iter().any(|(known, _)| *known == name) => names.push(word),
            other => {
                let known: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
                let text = format!("unknown row '{other}'; there are: {}", known.join(" "));
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        }
    }
    let programs = Programs::find()?;
    let wanted = |side: &Side| {
        let listed = |list: &String| list.split(',').any(|name| name == side.name());
        sides.as_ref().is_none_or(listed)
    };
    let run = Run {
        sides: programs.sides().into_iter().filter(wanted).collect(),
        programs,
        rounds: rounds.unwrap_or(if short { 1 } else { 5 }),
        short,
    };
    let mut out = io::stdout().lock();
    let mut all = Vec::new();
    for (name, bench) in ALL {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            for row in bench(&run)? {
                writeln!(out, "{}", row.to_text())?;
                all.push(row.to_json());
            }
        }
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_string_pretty(&all)?)?;
    }
    Ok(())
}
