//! A copy of the tree with all mutants in it, built once.

use crate::list::Mutants;
use crate::plant::{Planted, by_file, plant};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The switch: no mutant is on unless the environment names it, and whoever asks which are reached
/// is told in a file.
const SWITCH: &str = r#"
//! Which mutant is on.
extern crate std;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

struct Switch {
    active: usize,
    reached: Option<std::fs::File>,
}

static SWITCH: OnceLock<Switch> = OnceLock::new();
static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

fn switch() -> Switch {
    let active = std::env::var("VISOR_MUTANT").ok().and_then(|n| n.parse().ok());
    let reached = std::env::var_os("VISOR_MUTANTS_REACHED").and_then(|path| {
        std::fs::OpenOptions::new().create(true).append(true).open(path).ok()
    });
    Switch { active: active.unwrap_or(usize::MAX), reached }
}

/// Whether the mutant is on.
pub fn on(number: usize) -> bool {
    let switch = SWITCH.get_or_init(switch);
    if let Some(mut file) = switch.reached.as_ref()
        && !REACHED[number].swap(true, Ordering::Relaxed)
    {
        let _ = file.write_all(std::format!("{number}\n").as_bytes());
    }
    switch.active == number
}
"#;

/// Where the switch is made known.
const ROOT: &str = "core/src/lib.rs";

/// The copy, and what became of the mutants.
pub(crate) struct Built {
    /// Where the copy is.
    pub(crate) tree: PathBuf,
    /// Those that are in it.
    pub(crate) planted: BTreeSet<usize>,
    /// Those of which the compiler said that they are no programs.
    pub(crate) unviable: BTreeSet<usize>,
}

/// Makes the copy, and takes out of it what does not compile.
pub(crate) fn build(top: &Path, place: &Path, mutants: &Mutants) -> Result<Built, String> {
    let tree = place.join("tree");
    copy_tree(top, &tree, mutants)?;
    let count = mutants.all.len();
    write(
        &tree.join("core/src/mutant.rs"),
        &SWITCH.replace("COUNT", &count.to_string()),
    )?;
    let root = tree.join("core/src/lib.rs");
    write(
        &root,
        &(read(&top.join("core/src/lib.rs"))? + "pub mod mutant;\n"),
    )?;
    let memory = place.join("no-programs");
    let mut constant = remembered(&memory, "constant ");
    let names = remembered(&memory, "mutant ");
    let numbers = mutants.all.iter().enumerate();
    let mut unviable: BTreeSet<usize> = numbers
        .filter(|(_, mutant)| names.contains(&mutant.name()))
        .map(|(number, _)| number)
        .collect();
    loop {
        let planted = plant_all(&tree, mutants, &unviable, &constant)?;
        let found = check(&tree, &planted)?;
        if found.errors == 0 {
            let names = unviable
                .iter()
                .filter_map(|number| mutants.all.get(*number));
            let names: String = names.map(|m| format!("mutant {}\n", m.name())).collect();
            let functions = constant.iter().map(|name| format!("constant {name}\n"));
            write(&memory, &(names + &functions.collect::<String>()))?;
            let done = planted.values().flat_map(|p| p.done.iter().copied());
            return Ok(Built {
                tree,
                planted: done.collect(),
                unviable,
            });
        }
        println!(
            "{} errors: {} mutants are no programs, {} functions stay constant",
            found.errors,
            found.mutants.len(),
            found.constant.len()
        );
        if found.mutants.is_empty() && found.constant.is_subset(&constant) {
            return Err(format!("the copy does not compile: {}", found.first));
        }
        unviable.extend(found.mutants);
        constant.extend(found.constant);
    }
}

/// What an earlier run has found, so that the compiler is not asked again.
fn remembered(memory: &Path, what: &str) -> BTreeSet<String> {
    let text = read(memory).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix(what));
    lines.map(str::to_owned).collect()
}

fn plant_all<'m>(
    tree: &Path,
    mutants: &'m Mutants,
    unviable: &BTreeSet<usize>,
    constant: &BTreeSet<String>,
) -> Result<BTreeMap<&'m str, Planted>, String> {
    let mut all = BTreeMap::new();
    for (file, mut here) in by_file(&mutants.all) {
        here.retain(|(number, _)| !unviable.contains(number));
        let source = mutants.files.get(file).map_or("", String::as_str);
        let mut planted =
            plant(source, &here, constant).map_err(|error| format!("{file}: {error}"))?;
        if file == ROOT {
            planted.text += "pub mod mutant;\n";
        }
        write(&tree.join(file), &planted.text)?;
        all.insert(file, planted);
    }
    Ok(all)
}

#[derive(Default)]
struct Found {
    errors: usize,
    mutants: BTreeSet<usize>,
    constant: BTreeSet<String>,
    first: String,
}

/// Asks the compiler, and finds the mutants it complains of.
fn check(tree: &Path, planted: &BTreeMap<&str, Planted>) -> Result<Found, String> {
    let output = cargo(tree)
        .args(["check", "--message-format=json", "--features=serde"])
        .args(["--package", "visor-core", "--lib", "--profile=test"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let mut found = Found::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let message = &message["message"];
        if message["level"] != "error" || message["spans"][0].is_null() {
            continue;
        }
        found.errors += 1;
        let rendered = message["rendered"].as_str().unwrap_or_default();
        if message["code"]["code"] == "E0015" {
            found.constant.extend(called(rendered));
            continue;
        }
        let mutants = blamed(message, planted);
        if mutants.is_empty() && found.first.is_empty() {
            found.first = rendered.to_owned();
        }
        found.mutants.extend(mutants);
    }
    if found.errors == 0 && !output.status.success() {
        return Err("the copy does not compile".to_owned());
    }
    Ok(found)
}

/// The function that the compiler wants to be constant: `Type::name` in the first quotation marks.
fn called(message: &str) -> Option<String> {
    let name = message.split('`').nth(1)?;
    Some(name.rsplit("::").next().unwrap_or(name).to_owned())
}

/// The mutants whose text an error points at; those it merely mentions, if it points at none.
fn blamed(message: &Value, planted: &BTreeMap<&str, Planted>) -> BTreeSet<usize> {
    let spans = message["spans"].as_array().map_or(&[][..], Vec::as_slice);
    let mut primary = BTreeSet::new();
    let mut mentioned = BTreeSet::new();
    for span in spans {
        let number = |key: &str| span[key].as_u64().and_then(|n| usize::try_from(n).ok());
        let (Some(start), Some(end)) = (number("byte_start"), number("byte_end")) else {
            continue;
        };
        let Some(file) = span["file_name"].as_str().and_then(|f| planted.get(f)) else {
            continue;
        };
        let inside = |place: &Range<usize>| place.start <= start && end <= place.end;
        for (place, mutant) in &file.places {
            if inside(place) {
                mentioned.insert(*mutant);
                if span["is_primary"] == true {
                    primary.insert(*mutant);
                }
            }
        }
    }
    if primary.is_empty() {
        mentioned
    } else {
        primary
    }
}

/// Cargo in the copy, where no warning is an error: mutants leave much unused.
pub(crate) fn cargo(tree: &Path) -> Command {
    let mut command = Command::new("cargo");
    command
        .env("CARGO_TARGET_DIR", tree.with_file_name("target"))
        .env("RUSTFLAGS", "--cap-lints=warn")
        .current_dir(tree);
    command
}

/// Copies what git knows of, and what it does not ignore.
fn copy_tree(top: &Path, copy: &Path, mutants: &Mutants) -> Result<(), String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(top)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let known: BTreeSet<PathBuf> = listed.lines().map(|file| copy.join(file)).collect();
    sweep(copy, &known).map_err(|error| format!("{}: {error}", copy.display()))?;
    for file in listed.lines() {
        let from = top.join(file);
        // Those with mutants are written when these are put in.
        let has_mutants = file == ROOT || mutants.files.contains_key(file);
        if from.is_file() && !has_mutants {
            let content = std::fs::read(&from).map_err(|e| format!("{file}: {e}"))?;
            store(&copy.join(file), &content)?;
        }
    }
    Ok(())
}

/// Removes files that are no longer known.
fn sweep(directory: &Path, known: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            sweep(&path, known)?;
        } else if !known.contains(&path) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    store(path, text.as_bytes())
}

/// A file that is the same keeps its time, so that nothing is built without need.
fn store(path: &Path, content: &[u8]) -> Result<(), String> {
    if std::fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
    }
    std::fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}
