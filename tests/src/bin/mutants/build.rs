//! A copy of the tree with all mutants in it, built once.

use crate::constants::{Constants, enclosing};
use crate::list::{Mutant, Mutants, known_files};
use crate::plant::{Planted, plant};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The switch: no mutant is on unless the environment names it, and whoever asks which are reached
/// is told in a file.
const SWITCH: &str = r#"
//! Which mutant is on.
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

/// What a function gives that promises no more than some iterator.
pub enum Items<I: Iterator> {
    Original(I),
    Other(std::vec::IntoIter<I::Item>),
}

impl<I: Iterator> Items<I> {
    pub fn other(items: impl IntoIterator<Item = I::Item>) -> Self {
        Self::Other(items.into_iter().collect::<std::vec::Vec<_>>().into_iter())
    }
}

impl<I: Iterator> Iterator for Items<I> {
    type Item = I::Item;
    fn next(&mut self) -> Option<I::Item> {
        match self {
            Self::Original(items) => items.next(),
            Self::Other(items) => items.next(),
        }
    }
}

/// Known everywhere but in a crate that does without the standard library.
pub mod names {
    pub use std::borrow::{Cow, ToOwned};
    pub use std::boxed::Box;
    pub use std::collections::{BTreeMap, BTreeSet, VecDeque};
    pub use std::string::{String, ToString};
    pub use std::sync::Arc;
    pub use std::vec;
    pub use std::vec::Vec;
}
"#;

/// Where there may be uses of the core's constants besides the core.
const OUTSIDE: [&str; 3] = ["runtime-std/src", "tests/src", "tests/tests"];

/// How the switch is made known. The tests know the standard library already.
const DECLARED: &str = "#[cfg(not(test))]\nextern crate std;\npub mod mutant;\n";

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

/// What the compiler has said so far, kept for the next run.
struct Memory {
    /// Names of mutants that are no programs.
    names: BTreeSet<String>,
    /// Functions that must stay constant.
    constant: BTreeSet<String>,
    /// Constants that cannot stay what they are.
    switched: BTreeSet<String>,
}

/// Makes the copy, and takes out of it what does not compile. Why it does not is written to `refused`.
pub(crate) fn build(top: &Path, place: &Path, mutants: &Mutants) -> Result<Built, String> {
    let tree = place.join("tree");
    let outside = outside(top)?;
    let written = |file: &str| mutants.files.contains_key(file) || outside.contains_key(file);
    copy_tree(top, &tree, written)?;
    let count = mutants.all.len();
    write(
        &tree.join("core/src/mutant.rs"),
        &SWITCH.replace("COUNT", &count.to_string()),
    )?;
    let path = place.join("no-programs");
    let mut memory = Memory {
        names: remembered(&path, "mutant "),
        constant: remembered(&path, "constant "),
        switched: remembered(&path, "switched "),
    };
    let mut reasons = read(&place.join("refused")).unwrap_or_default();
    loop {
        let (planted, unviable) = plant_all(&outside, &tree, mutants, &memory)?;
        let found = check(&tree, &planted)?;
        if found.errors == 0 {
            let done = planted.values().flat_map(|p| p.done.iter().copied());
            return Ok(Built {
                tree,
                planted: done.collect(),
                unviable,
            });
        }
        println!(
            "{} errors: {} mutants are no programs, {} functions stay constant, {} constants are functions",
            found.errors,
            found.mutants.len(),
            found.constant.len(),
            found.switched.len()
        );
        let names = found.mutants.iter();
        let names = names.filter_map(|(number, why)| Some((mutants.all.get(*number)?.name(), why)));
        let known = memory.size();
        for (name, why) in names {
            reasons += &format!("{name}\n    {why}\n");
            memory.names.insert(name);
        }
        memory.constant.extend(found.constant);
        memory.switched.extend(found.switched);
        memory.write(&path)?;
        write(&place.join("refused"), &reasons)?;
        if memory.size() == known {
            return Err(format!("the copy does not compile: {}", found.first));
        }
    }
}

impl Memory {
    fn size(&self) -> usize {
        self.names.len() + self.constant.len() + self.switched.len()
    }

    fn write(&self, path: &Path) -> Result<(), String> {
        let lines = |what: &str, all: &BTreeSet<String>| -> String {
            all.iter().map(|name| format!("{what} {name}\n")).collect()
        };
        let names = lines("mutant", &self.names);
        let functions = lines("constant", &self.constant);
        write(
            path,
            &(names + &functions + &lines("switched", &self.switched)),
        )
    }
}

/// What an earlier run has found, so that the compiler is not asked again.
fn remembered(memory: &Path, what: &str) -> BTreeSet<String> {
    let text = read(memory).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix(what));
    lines.map(str::to_owned).collect()
}

/// Writes the files with mutants, and those that use what is changed for them. Also gives the mutants
/// that are no programs.
fn plant_all(
    outside: &BTreeMap<String, String>,
    tree: &Path,
    mutants: &Mutants,
    memory: &Memory,
) -> Result<(BTreeMap<String, Planted>, BTreeSet<usize>), String> {
    let constants = Constants::find(mutants, &memory.switched)?;
    for (file, source) in outside {
        let rewritten = constants.rewrite_public(file, source)?;
        write(&tree.join(file), &rewritten)?;
    }
    let mut all = BTreeMap::new();
    let mut unviable = BTreeSet::new();
    for (file, source) in &mutants.files {
        let rewritten = constants.rewrite(file, source)?;
        let numbered = mutants.all.iter().enumerate();
        let mut here: Vec<(usize, Mutant)> = Vec::new();
        for (number, mutant) in numbered.filter(|(_, mutant)| mutant.file == *file) {
            if memory.names.contains(&mutant.name()) {
                unviable.insert(number);
            } else {
                let span = rewritten.moved(&mutant.span);
                let mutant = mutant.clone();
                here.push((number, Mutant { span, ..mutant }));
            }
        }
        let mut planted = plant(&rewritten.text, &here, &memory.constant)
            .map_err(|error| format!("{file}: {error}"))?;
        unviable.extend(&planted.refused);
        if file == ROOT {
            planted.text += DECLARED;
        }
        write(&tree.join(file), &planted.text)?;
        all.insert(file.clone(), planted);
    }
    Ok((all, unviable))
}

#[derive(Default)]
struct Found {
    errors: usize,
    /// With what the compiler says.
    mutants: BTreeMap<usize, String>,
    constant: BTreeSet<String>,
    switched: BTreeSet<String>,
    first: String,
}

/// Asks the compiler, and finds the mutants it complains of.
fn check(tree: &Path, planted: &BTreeMap<String, Planted>) -> Result<Found, String> {
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
            match within_constant(message, planted) {
                Some(name) => found.switched.extend([name]),
                None => found.constant.extend(called(rendered)),
            }
            continue;
        }
        let mutants = blamed(message, planted);
        if mutants.is_empty() && found.first.is_empty() {
            found.first = rendered.to_owned();
        }
        let code = message["code"]["code"].as_str().unwrap_or_default();
        let text = message["message"].as_str().unwrap_or_default();
        let why = format!("{code} {}", text.replace('\n', " "));
        let mutants = mutants.into_iter().map(|number| (number, why.clone()));
        found.mutants.extend(mutants);
    }
    if found.errors == 0 && !output.status.success() {
        return Err("the copy does not compile".to_owned());
    }
    Ok(found)
}

/// The constant in which an error is.
fn within_constant(message: &Value, planted: &BTreeMap<String, Planted>) -> Option<String> {
    let spans = message["spans"].as_array()?;
    let span = spans.iter().find(|span| span["is_primary"] == true)?;
    let file = planted.get(span["file_name"].as_str()?)?;
    let start = usize::try_from(span["byte_start"].as_u64()?).ok()?;
    enclosing(&file.text, start)
}

/// The function that the compiler wants to be constant: `Type::name` in the first quotation marks.
fn called(message: &str) -> Option<String> {
    let name = message.split('`').nth(1)?;
    Some(name.rsplit("::").next().unwrap_or(name).to_owned())
}

/// The mutants whose text an error points at; those it merely mentions, if it points at none.
fn blamed(message: &Value, planted: &BTreeMap<String, Planted>) -> BTreeSet<usize> {
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

/// The files outside of the core that may use its constants.
fn outside(top: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    for file in known_files(top, &OUTSIDE)? {
        let source = read(&top.join(&file))?;
        if source.contains("visor_core") {
            files.insert(file, source);
        }
    }
    Ok(files)
}

/// Copies what git knows of, and what it does not ignore, but for what is written later.
fn copy_tree(top: &Path, copy: &Path, written: impl Fn(&str) -> bool) -> Result<(), String> {
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
        if from.is_file() && !written(file) {
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
