//! The Debian package: built, installed, used and removed in a copy of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use visor_tests::e2e::{Directory, binary, skip};

fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("a workspace").to_path_buf()
}

/// Whether this machine lets us make copies of itself.
fn may_overlay(directory: &Directory) -> bool {
    let script = "mount -t tmpfs tmpfs \"$1\" && mkdir \"$1/u\" \"$1/w\" \"$1/m\" && \
        mount -t overlay overlay -o \"lowerdir=/,upperdir=$1/u,workdir=$1/w\" \"$1/m\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(directory.path());
    command.output().is_ok_and(|output| output.status.success())
}

fn build(directory: &Directory) -> PathBuf {
    let mut command = Command::new(workspace().join("packaging/debian/build"));
    let binaries = binary("supervisord");
    command.arg(directory.path());
    command.env("VISOR_BIN", binaries.parent().expect("a directory"));
    let built = command.output().expect("run the build");
    assert!(built.status.success(), "{}", shown(&built));
    let mut found = std::fs::read_dir(directory.path())
        .expect("a directory")
        .flatten();
    let package = found.find(|entry| entry.path().extension().is_some_and(|end| end == "deb"));
    package.expect("a package").path()
}

/// Installs and uses a package. It takes its time: dpkg has much to read.
fn assert_works(package: &Path, theirs: Option<&Path>) {
    let mut command = Command::new(workspace().join("packaging/debian/try"));
    let used = command
        .arg(package)
        .args(theirs)
        .output()
        .expect("run the trial");
    assert!(used.status.success(), "{}", shown(&used));
    assert!(
        used.stdout.ends_with(b"the package works\n"),
        "{}",
        shown(&used)
    );
}

fn shown(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn the_package_is_installed_used_and_removed() {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return skip("this is no Debian: there is no dpkg-deb");
    }
    let directory = Directory::new();
    if !may_overlay(&directory) {
        return skip("overlays of the root directory are not allowed here");
    }
    assert_works(&build(&directory), None);
}

#[test]
fn the_configuration_of_debians_own_package_works_unchanged() {
    let directory = Directory::new();
    let mut download = Command::new("apt-get");
    download
        .args(["download", "-q", "supervisor"])
        .current_dir(directory.path());
    if !download
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return skip("Debian's supervisor package could not be downloaded");
    }
    if !may_overlay(&directory) {
        return skip("overlays of the root directory are not allowed here");
    }
    let mut found = std::fs::read_dir(directory.path())
        .expect("a directory")
        .flatten();
    let theirs = found.next().expect("a package").path();
    let own = Directory::new();
    assert_works(&build(&own), Some(&theirs));
}
