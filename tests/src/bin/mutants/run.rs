//! Which tests reach a mutant, and whether one of them fails because of it.

use crate::build::cargo;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What runs besides the core's own tests: everything that needs no daemon.
const TESTS: [&str; 7] = [
    "scenario",
    "model",
    "sim",
    "recordings",
    "config_corpus",
    "config_props",
    "config_reference",
];

/// How much chance is let have its way. Every mutant takes these tests again, so it is less than usual.
const CHANCE: [(&str, &str); 2] = [("VISOR_SEEDS", "100"), ("PROPTEST_CASES", "100")];

/// These compare worlds with themselves, and find nothing in a core that is wrong in the same way twice.
const NOT_RUN: [&str; 2] = [
    "the_same_seed_is_the_same_world",
    "the_wall_clock_is_only_reported",
];

/// Tests that take less run together, the others alone, the quickest first.
const QUICK: Duration = Duration::from_millis(100);

/// So many run before the other quick ones.
const FIRST: usize = 6;

/// What takes longer is left out where only what is quick is wanted.
const SHORT: Duration = Duration::from_secs(2);

/// A test that has had so much of a processor, and several times what it usually takes, never ends. It
/// does not matter what else the machine has to do.
const PATIENCE: Duration = Duration::from_secs(4);

/// Likewise for one that waits for what does not come.
const SLEEP: Duration = Duration::from_secs(120);

/// Where a test does not end, others are asked what they make of it: so many.
const ENDLESS: usize = 3;

/// What ends a process that has had its time: SIGXCPU, or SIGKILL where both limits are the same.
const OUT_OF_TIME: [Option<i32>; 2] = [Some(24), Some(9)];

/// Kibibytes of address space. A mutant may collect without end.
const MEMORY: &str = "6000000";

/// One test, and the mutants that are in its way.
struct Test {
    binary: usize,
    name: String,
    took: Duration,
    reached: BTreeSet<usize>,
}

struct Binary {
    path: PathBuf,
    /// Where cargo would run it.
    directory: PathBuf,
}

/// What became of a mutant that was put in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// A test fails.
    Caught,
    /// Tests do not end, and none fails.
    Endless,
    /// Tests reach it, and none notices.
    Survived,
    /// No test reaches it.
    Unreached,
}

/// The tests of the copy.
pub(crate) struct Tests {
    binaries: Vec<Binary>,
    tests: Vec<Test>,
    place: PathBuf,
}

impl Tests {
    /// Builds the tests and runs each once, with no mutant on. `quick`: those that take long are
    /// left out.
    pub(crate) fn new(tree: &Path, quick: bool) -> Result<Self, String> {
        let place = tree.with_file_name("reached");
        std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        let mut tests = Self {
            binaries: binaries(tree)?,
            tests: Vec::new(),
            place,
        };
        for (index, binary) in tests.binaries.iter().enumerate() {
            let listed = Command::new(&binary.path)
                .args(["--list", "--format=terse"])
                .output()
                .map_err(|error| error.to_string())?;
            for line in String::from_utf8_lossy(&listed.stdout).lines() {
                if let Some(name) = line.strip_suffix(": test")
                    && !NOT_RUN.contains(&name)
                {
                    tests.tests.push(Test {
                        binary: index,
                        name: name.to_owned(),
                        took: Duration::ZERO,
                        reached: BTreeSet::new(),
                    });
                }
            }
        }
        let measured = parallel(tests.tests.len(), |index| tests.measure(index));
        for (test, measured) in tests.tests.iter_mut().zip(measured) {
            (test.took, test.reached) = measured?;
        }
        tests
            .tests
            .sort_by_key(|test| (test.took > QUICK, test.took));
        if quick {
            tests.tests.retain(|test| test.took <= SHORT);
        }
        Ok(tests)
    }

    fn measure(&self, index: usize) -> Result<(Duration, BTreeSet<usize>), String> {
        let Some(test) = self.tests.get(index) else {
            return Err("no such test".to_owned());
        };
        let file = self.place.join(index.to_string());
        let _ = std::fs::remove_file(&file);
        let begin = Instant::now();
        let mut child = self
            .command(test.binary, &[&test.name], SLEEP)
            .env("VISOR_MUTANTS_REACHED", &file)
            .spawn()
            .map_err(|error| error.to_string())?;
        let status = child.wait().map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("{} fails without any mutant", test.name));
        }
        let reached = std::fs::read_to_string(&file).unwrap_or_default();
        let reached = reached.lines().filter_map(|line| line.parse().ok());
        Ok((begin.elapsed(), reached.collect()))
    }

    fn command(&self, binary: usize, names: &[&str], limit: Duration) -> Command {
        let mut command = Command::new("sh");
        let seconds = limit.as_secs();
        let limited = format!("ulimit -v {MEMORY}; ulimit -t {seconds}; exec \"$0\" \"$@\"");
        command.args(["-c", &limited]);
        if let Some(binary) = self.binaries.get(binary) {
            command.arg(&binary.path).current_dir(&binary.directory);
        }
        command
            .args(["--exact", "--test-threads=1"])
            .args(names)
            .envs(CHANCE)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs what reaches each mutant, two at a time; what is found is told at once.
    pub(crate) fn fates(
        &self,
        mutants: &[usize],
        tell: impl Fn(usize, Fate) + Sync,
    ) -> Vec<Result<Fate, String>> {
        parallel(mutants.len(), |index| {
            let mutant = mutants.get(index).copied().unwrap_or(usize::MAX);
            let fate = self.fate(mutant)?;
            tell(mutant, fate);
            Ok(fate)
        })
    }

    fn fate(&self, mutant: usize) -> Result<Fate, String> {
        let reaching = || self.tests.iter().filter(|t| t.reached.contains(&mutant));
        if reaching().next().is_none() {
            return Ok(Fate::Unreached);
        }
        // What reaches little is about this, and notices most.
        let mut quick: Vec<&Test> = reaching().filter(|t| t.took <= QUICK).collect();
        quick.sort_by_key(|test| test.reached.len());
        let (first, rest) = quick.split_at(quick.len().min(FIRST));
        let mut sets: Vec<(usize, Vec<&Test>)> = Vec::new();
        for some in [first, rest] {
            for binary in 0..self.binaries.len() {
                let of_binary = some.iter().copied().filter(|t| t.binary == binary);
                sets.push((binary, of_binary.collect()));
            }
        }
        let slow = reaching().filter(|t| t.took > QUICK);
        sets.extend(slow.map(|test| (test.binary, vec![test])));
        sets.retain(|(_, tests)| !tests.is_empty());
        let mut endless = 0;
        for (binary, tests) in sets {
            match self.run(mutant, binary, &tests)? {
                None => {}
                Some(Fate::Endless) if endless + 1 < ENDLESS => endless += 1,
                Some(fate) => return Ok(fate),
            }
        }
        Ok(if endless > 0 {
            Fate::Endless
        } else {
            Fate::Survived
        })
    }

    fn run(&self, mutant: usize, binary: usize, tests: &[&Test]) -> Result<Option<Fate>, String> {
        let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        let usual: Duration = tests.iter().map(|test| test.took).sum();
        let mut child = self
            .command(binary, &names, PATIENCE + usual * 5)
            .env("VISOR_MUTANT", mutant.to_string())
            .spawn()
            .map_err(|error| error.to_string())?;
        let status = wait(&mut child, SLEEP + usual * 10)?;
        Ok(match status {
            Some(status) if status.success() => None,
            Some(status) if OUT_OF_TIME.contains(&status.signal()) => Some(Fate::Endless),
            Some(_) => Some(Fate::Caught),
            None => Some(Fate::Endless),
        })
    }
}

/// None, and an end of it, if it takes longer.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>, String> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status));
        }
        if begin.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn binaries(tree: &Path) -> Result<Vec<Binary>, String> {
    let mut command = cargo(tree);
    command.args(["test", "--no-run", "--message-format=json", "--lib"]);
    command.args(["--package", "visor-core", "--package", "visor-tests"]);
    command.args(TESTS.iter().flat_map(|test| ["--test", test]));
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests do not compile".to_owned());
    }
    let mut binaries = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let item: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let (Some(path), Some(manifest)) =
            (item["executable"].as_str(), item["manifest_path"].as_str())
        else {
            continue;
        };
        if item["profile"]["test"] == true {
            binaries.push(Binary {
                path: PathBuf::from(path),
                directory: PathBuf::from(manifest)
                    .parent()
                    .map(Path::to_path_buf)
                    .unwrap_or_default(),
            });
        }
    }
    Ok(binaries)
}

/// Calls for each index below `count`, as many at a time as there are processors.
fn parallel<T: Send>(
    count: usize,
    call: impl Fn(usize) -> Result<T, String> + Sync,
) -> Vec<Result<T, String>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<T, String>)>> = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = call(index);
                    if let Ok(mut done) = done.lock() {
                        done.push((index, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
