//! Measures how much of the core its tests run, and fails if that is less than promised.
//!
//! ```text
//! cargo run -p visor-tests --bin coverage             # the files, the totals, the floors
//! cargo run -p visor-tests --bin coverage -- --lines  # and each line that is not run
//! ```
//!
//! What counts is what needs no daemon: the core's own tests, the transcripts, the World, the model and the
//! recorded configurations. Lines and regions are counted without the tests beside the code. A region is a
//! piece of code without a branch in it, so that both ways of an `if`, each arm of a `match` and
//! what comes after a `?` are regions of their own.
//!
//! Needs `llvm-profdata` and `llvm-cov` of the compiler's LLVM: from rustup's component `llvm-tools`, or
//! from a package such as `llvm-22`.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Percent of lines, and of regions.
const FLOORS: (f64, f64) = (95.0, 90.0);

/// What runs besides the core's own tests.
const TESTS: [&str; 5] = ["scenario", "model", "sim", "config_corpus", "config_props"];

fn main() -> ExitCode {
    let lines = std::env::args().any(|argument| argument == "--lines");
    match run(lines) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(show_lines: bool) -> Result<bool, String> {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let top = top.canonicalize().map_err(|error| error.to_string())?;
    let (profdata, cov) = tools()?;
    let place = top.join("target/coverage");
    let profiles = place.join("profiles");
    let _ = std::fs::remove_dir_all(&profiles);
    std::fs::create_dir_all(&profiles).map_err(|error| error.to_string())?;
    let binaries = build(&top, &place)?;
    for (binary, directory) in &binaries {
        let status = Command::new(binary)
            .current_dir(directory)
            .env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"))
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        if !status.success() {
            return Err(format!("{} fails", binary.display()));
        }
    }
    let merged = place.join("merged.profdata");
    let raw = std::fs::read_dir(&profiles).map_err(|error| error.to_string())?;
    output(
        Command::new(profdata)
            .args(["merge", "--sparse", "-o"])
            .arg(&merged)
            .args(raw.flatten().map(|entry| entry.path())),
    )?;
    let mut export = Command::new(cov);
    export.args(["export", "--instr-profile"]).arg(&merged);
    for (binary, _) in &binaries {
        export.arg("--object").arg(binary);
    }
    let exported = output(export.arg("--sources").arg(top.join("core/src")))?;
    let exported: Value = serde_json::from_slice(&exported).map_err(|error| error.to_string())?;
    Ok(report(&top, &exported, show_lines))
}

/// Both programs, of the LLVM that the compiler was built with.
fn tools() -> Result<(PathBuf, PathBuf), String> {
    let text = |arguments: &[&str]| -> Result<String, String> {
        let output = output(Command::new("rustc").args(arguments))?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    };
    let version = text(&["-vV"])?;
    let after = |key| version.lines().find_map(|line| line.strip_prefix(key));
    let host = after("host: ").unwrap_or_default();
    let llvm = after("LLVM version: ").and_then(|v| v.split('.').next());
    let llvm = llvm.unwrap_or_default();
    let sysroot = text(&["--print", "sysroot"])?;
    let places = [
        Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(host)
            .join("bin"),
        PathBuf::from(format!("/usr/lib/llvm-{llvm}/bin")),
    ];
    let found = places.iter().find(|place| place.join("llvm-cov").exists());
    let place = found.ok_or_else(|| {
        format!("no llvm-cov: `rustup component add llvm-tools`, or install llvm-{llvm}")
    })?;
    Ok((place.join("llvm-profdata"), place.join("llvm-cov")))
}

/// The tests, counting; and where to run each.
fn build(top: &Path, place: &Path) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let built = output(
        Command::new("cargo")
            .args(["test", "--no-run", "--message-format=json", "--lib"])
            .args(["--package", "visor-core", "--package", "visor-tests"])
            .args(TESTS.iter().flat_map(|test| ["--test", test]))
            .env("CARGO_TARGET_DIR", place)
            .env("RUSTFLAGS", "-Cinstrument-coverage")
            // Build scripts count too, and must not leave their numbers in the tree.
            .env("LLVM_PROFILE_FILE", place.join("build-%m.profraw"))
            .current_dir(top),
    )?;
    let mut binaries = Vec::new();
    for line in String::from_utf8_lossy(&built).lines() {
        let item: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if let (Some(path), Some(manifest), Some(true)) = (
            item["executable"].as_str(),
            item["manifest_path"].as_str(),
            item["profile"]["test"].as_bool(),
        ) {
            let directory = Path::new(manifest).parent().unwrap_or(top);
            binaries.push((PathBuf::from(path), directory.to_path_buf()));
        }
    }
    Ok(binaries)
}

fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(format!("{command:?} fails")),
    }
}

/// Start and end of a region, and how often it was run.
type Regions = BTreeMap<(u64, u64, u64, u64), u64>;

/// What is counted of a file: its regions, and its lines.
#[derive(Default)]
struct Counted {
    regions: Regions,
    lines: BTreeMap<u64, bool>,
}

fn report(top: &Path, exported: &Value, show_lines: bool) -> bool {
    let mut total = [(0, 0), (0, 0)];
    let mut rows = Vec::new();
    for (file, counted) in count(exported) {
        let short = Path::new(&file)
            .strip_prefix(top)
            .map_or_else(|_| file.clone(), |f| f.display().to_string());
        let lines = (covered(counted.lines.values()), counted.lines.len());
        let regions = (
            counted.regions.values().filter(|count| **count > 0).count(),
            counted.regions.len(),
        );
        for (sum, part) in total.iter_mut().zip([lines, regions]) {
            *sum = (sum.0 + part.0, sum.1 + part.1);
        }
        rows.push((percent(lines), percent(regions), short.clone()));
        if show_lines {
            for (line, _) in counted.lines.iter().filter(|(_, covered)| !**covered) {
                println!("not run: {short}:{line}");
            }
            for (at, _) in counted.regions.iter().filter(|(_, count)| **count == 0) {
                println!("not run: {short}:{}:{} to {}:{}", at.0, at.1, at.2, at.3);
            }
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("{:>8} {:>8}", "lines", "regions");
    for (lines, regions, file) in rows {
        println!("{lines:>6.1} % {regions:>6.1} %  {file}");
    }
    let [lines, regions] = total.map(percent);
    println!(
        "{lines:>6.1} % {regions:>6.1} %  all, of {} lines and {} regions",
        total[0].1, total[1].1
    );
    println!("{:>6.1} % {:>6.1} %  at least", FLOORS.0, FLOORS.1);
    lines >= FLOORS.0 && regions >= FLOORS.1
}

fn covered<'a>(lines: impl Iterator<Item = &'a bool>) -> usize {
    lines.filter(|covered| **covered).count()
}

fn percent((part, whole): (usize, usize)) -> f64 {
    match whole {
        0 => 100.0,
        whole => 100.0 * part as f64 / whole as f64,
    }
}

/// The regions of every function, over all the places where it was compiled.
fn count(exported: &Value) -> BTreeMap<String, Counted> {
    let mut files: BTreeMap<String, Counted> = BTreeMap::new();
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let functions = exported["data"][0]["functions"].as_array();
    for function in functions.into_iter().flatten() {
        let Some(file) = function["filenames"][0].as_str() else {
            continue;
        };
        if is_test(file) {
            continue;
        }
        let end = *ends
            .entry(file.to_owned())
            .or_insert_with(|| tests_begin(file));
        for region in function["regions"].as_array().into_iter().flatten() {
            let number = |index: usize| region[index].as_u64().unwrap_or_default();
            let at = (number(0), number(1), number(2), number(3));
            // A kind other than 0 is a gap or a macro's place; a file other than 0 is a macro's own.
            if number(7) != 0 || number(5) != 0 || at.0 >= end {
                continue;
            }
            let counted = files.entry(file.to_owned()).or_default();
            *counted.regions.entry(at).or_default() += number(4);
        }
    }
    for counted in files.values_mut() {
        counted.lines = lines(&counted.regions);
    }
    files
}

/// A line is run if the innermost region that begins on it is, or else the innermost around it.
fn lines(regions: &Regions) -> BTreeMap<u64, bool> {
    let mut lines = BTreeMap::new();
    let of = |line: u64| {
        let there = regions
            .iter()
            .filter(|(at, _)| at.0 <= line && line <= at.2);
        let begins = there.clone().filter(|(at, _)| at.0 == line);
        let covered = begins.clone().any(|(_, count)| *count > 0);
        match begins.count() {
            0 => there
                .max_by_key(|(at, _)| (at.0, at.1))
                .is_some_and(|(_, count)| *count > 0),
            _ => covered,
        }
    };
    let all: BTreeSet<u64> = regions.keys().flat_map(|at| at.0..=at.2).collect();
    for line in all {
        lines.insert(line, of(line));
    }
    lines
}

/// Files of tests alone.
fn is_test(file: &str) -> bool {
    !file.contains("/core/src/")
        || file.contains("/tests/")
        || file.ends_with("/tests.rs")
        || file.ends_with("/cases.rs")
}

/// The line where the tests at the end of a file begin.
fn tests_begin(file: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let before = text.split("\n#[cfg(test)]\nmod tests {").next();
    before.map_or(u64::MAX, |before| before.lines().count() as u64 + 1)
}
