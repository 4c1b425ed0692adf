//! Which programs the tests start.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a scenario runs under.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Runtime {
    /// Ours, `--runtime smol`.
    Smol,
    /// Ours, `--runtime std`.
    Std,
    /// Supervisor 4.3.0.
    Reference,
}

impl Runtime {
    /// The runtime to use when a scenario asks for this one: the reference for all, if the
    /// environment says so.
    #[must_use]
    pub fn effective(self) -> Self {
        if std::env::var_os("VISOR_E2E_REFERENCE").is_some() {
            Self::Reference
        } else {
            self
        }
    }

    /// Whether it is Supervisor itself.
    #[must_use]
    pub fn is_reference(self) -> bool {
        self.effective() == Self::Reference
    }

    /// The daemon's program and the flags that choose the runtime.
    ///
    /// # Panics
    /// If the program cannot be built or found.
    #[must_use]
    pub fn supervisord(self) -> (PathBuf, Vec<&'static str>) {
        match self.effective() {
            Self::Smol => (binary("supervisord"), vec!["--runtime", "smol"]),
            Self::Std => (binary("supervisord"), vec!["--runtime", "std"]),
            Self::Reference => {
                let path = reference("supervisord").expect("target/reference has a supervisord");
                (path, Vec::new())
            }
        }
    }
}

/// One of our binaries, up to date: from the directory `VISOR_BIN` names, or built now (once for
/// each run of the tests, whoever comes first).
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(binary_directory).join(name)
}

/// A program of Supervisor 4.3.0, installed in `target/reference` (or where `VISOR_REFERENCE`
/// points), if it is there.
#[must_use]
pub fn reference(name: &str) -> Option<PathBuf> {
    let directory = match std::env::var_os("VISOR_REFERENCE") {
        Some(directory) => PathBuf::from(directory),
        None => workspace().join("target/reference"),
    };
    let path = directory.join("bin").join(name);
    path.exists().then_some(path)
}

/// Says that a test cannot run here and why. With `CI=true` a skipped test is a failed test.
///
/// # Panics
/// With `CI=true`.
pub fn skip(why: &str) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} cannot run here: {why}"
    );
    eprintln!("skipped: {test}: {why}");
    if let Some(list) = std::env::var_os("VISOR_SKIPS") {
        use std::io::Write;
        let list = File::options().append(true).create(true).open(list);
        if let Ok(mut list) = list {
            let _ = writeln!(list, "{test}: {why}");
        }
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests live in a workspace")
}

fn binary_directory() -> PathBuf {
    if let Some(directory) = std::env::var_os("VISOR_BIN") {
        return PathBuf::from(directory);
    }
    let target = target_directory();
    let stamp = target.join(".e2e-built");
    let lock = File::create(target.join(".e2e-lock")).expect("create the build lock");
    lock.lock().expect("take the build lock");
    // nextest runs each test in a process of its own and tells which run it belongs to.
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_default();
    let built = std::fs::read_to_string(&stamp).unwrap_or_default();
    if run.is_empty() || built != run {
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--bins", "--package", "visor"])
            .args(["--package", "visor-bench"])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(workspace())
            .status()
            .expect("run cargo");
        assert!(status.success(), "the binaries do not build");
        std::fs::write(&stamp, run).expect("write the build stamp");
    }
    target.join("debug")
}

/// Where this test itself was built: `TARGET/debug/deps/TEST`.
fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its path");
    let target = test.ancestors().nth(3).expect("a test lives in target");
    target.to_path_buf()
}
