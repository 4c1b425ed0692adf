//! Installation as a new user does it: packages, images and programs in clean systems of their own,
//! with the commands of the documentation, as printed. See `packaging/trials`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use visor_tests::e2e::{Directory, binary, skip};

const PROGRAMS: [&str; 4] = [
    "supervisord",
    "supervisorctl",
    "echo_supervisord_conf",
    "pidproxy",
];

fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("a workspace").to_path_buf()
}

/// Whether there are clean systems to be had here.
fn may_try() -> bool {
    let unshare = ["--mount", "--net", "--pid", "--fork", "true"];
    let unshared = Command::new("unshare").args(unshare).status();
    if !unshared.is_ok_and(|status| status.success()) {
        skip("namespaces are not allowed here");
        return false;
    }
    let base = Command::new(workspace().join("packaging/trials/base")).output();
    let made = base.as_ref().is_ok_and(|output| output.status.success());
    if !made {
        let why = base.map_or_else(|error| error.to_string(), |output| shown(&output));
        skip(&format!("there is no clean system to try in: {why}"));
    }
    made
}

/// Plays a script of `packaging/trials`.
fn assert_passes(trial: &str, files: &[PathBuf]) {
    let mut command = Command::new(workspace().join("packaging/trials/run"));
    let played = command.arg(trial).args(files).output().expect("a trial");
    let said = shown(&played);
    assert!(played.status.success(), "{said}");
    assert!(played.stdout.ends_with(b"the trial is passed\n"), "{said}");
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

fn shown(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn the_package_is_installed_used_removed_and_purged() {
    if may_try() {
        assert_passes("fresh", &[build(&Directory::new())]);
    }
}

#[test]
fn debians_own_package_is_replaced_and_comes_back() {
    if may_try() {
        assert_passes("debian", &[build(&Directory::new())]);
    }
}

#[test]
fn the_service_is_started_reloaded_and_watched_by_systemd() {
    if may_try() && may_boot() {
        assert_passes("systemd", &[build(&Directory::new())]);
    }
}

/// Whether a systemd can be the first process of a system here: it wants control groups of its own.
fn may_boot() -> bool {
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "mount", "-t", "cgroup2", "cgroup2", "/mnt"]);
    let mounted = mount.output().expect("run unshare");
    if !mounted.status.success() {
        skip(&format!("there are no control groups: {}", shown(&mounted)));
    }
    mounted.status.success()
}

#[test]
fn a_supervisor_installed_by_pip_is_replaced() {
    if may_try() {
        assert_passes("pip", &PROGRAMS.map(binary));
    }
}

#[test]
fn the_image_of_the_documentation_runs() {
    if may_try() {
        assert_passes(
            "container",
            &[binary("supervisord"), binary("supervisorctl")],
        );
    }
}

/// Programs linked with musl, or with the C library of this machine: the two ways that the page on
/// containers has.
fn assert_run_alone(libc: &str, flags: Option<&str>) {
    let target = format!("{}-unknown-linux-{libc}", std::env::consts::ARCH);
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", &target]);
    let library = rustc.output().expect("run rustc").stdout;
    if !Path::new(String::from_utf8_lossy(&library).trim()).exists() {
        return skip(&format!("the compiler has no {target}"));
    }
    if !may_try() {
        return;
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet", "--package", "visor", "--bins"])
        .args(["--target", &target])
        .current_dir(workspace());
    if let Some(flags) = flags {
        cargo.env("RUSTFLAGS", flags);
    }
    let built = cargo.output().expect("run cargo");
    assert!(built.status.success(), "{}", shown(&built));
    let directory = workspace().join("target").join(target).join("debug");
    let programs = ["supervisord", "supervisorctl"].map(|name| directory.join(name));
    assert_passes("scratch", &programs);
}

#[test]
fn programs_linked_with_musl_run_in_an_image_with_nothing_else_in_it() {
    assert_run_alone("musl", None);
}

#[test]
fn programs_linked_with_the_machines_own_libc_run_there_too() {
    assert_run_alone("gnu", Some("-C target-feature=+crt-static"));
}

#[test]
fn the_package_is_as_debian_wants_it_and_the_same_each_time() {
    if Command::new("lintian").arg("--version").output().is_err() {
        return skip("there is no lintian");
    }
    let (one, other) = (Directory::new(), Directory::new());
    let (package, again) = (build(&one), build(&other));
    let read = |path| std::fs::read(path).expect("a package");
    assert!(
        read(&package) == read(&again),
        "two builds of the same programs differ"
    );
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--fail-on", "error,warning"]);
    let checked = lintian.arg(&package).output().expect("run lintian");
    assert!(checked.status.success(), "{}", shown(&checked));
    assert!(checked.stdout.is_empty(), "{}", shown(&checked));
}

#[test]
fn cargo_installs_all_programs() {
    let root = Directory::new();
    let readme = std::fs::read_to_string(workspace().join("README.md")).expect("the README");
    let printed = "cargo install --locked --path cli";
    assert!(readme.contains(printed));
    let mut words = printed.split(' ');
    let mut cargo = Command::new(words.next().expect("a program"));
    // As printed, and so that nothing has to be compiled twice.
    cargo
        .args(words)
        .arg("--debug")
        .arg("--root")
        .arg(root.path())
        .env("CARGO_TARGET_DIR", workspace().join("target"))
        .current_dir(workspace());
    let installed = cargo.output().expect("run cargo");
    assert!(installed.status.success(), "{}", shown(&installed));
    for name in PROGRAMS {
        let program = root.path().join("bin").join(name);
        let ran = Command::new(&program).arg("--help").output();
        assert!(ran.is_ok(), "{name}: {ran:?}");
    }
}

/// What the README begins with, as printed, where there is nothing but what the repository has.
#[test]
fn the_first_commands_of_the_readme_work_in_a_clean_clone() {
    const STEPS: &str = r#"
        git clone --quiet "file://$PWD" "$1"
        mount --bind "$1" /mnt
        mount -t tmpfs tmpfs /tmp
        cd /mnt
        commands=$(sed -n '/^## Two commands$/,/^## /p' README.md | grep '^cargo run ')
        test "$(wc -l <<<"$commands")" = 2
        { read -r runs; read -r asks; } <<<"$commands"
        bash -c "exec $runs" >output 2>&1 &
        until test -S /tmp/visor-example.sock; do
            kill -0 $! || { cat output; exit 1; }
            sleep 0.1
        done
        status=0
        bash -c "$asks" >status 2>&1 || status=$?
        cat status
        test "$status" = 3
        grep -q '^shop:front_00 .* RUNNING\|^shop:front_00 .* STARTING' status
        test -z "$(git status --porcelain --untracked-files=normal -- . ':!output' ':!status')"
        kill $!
        wait $! || true
    "#;
    if !may_try() {
        return;
    }
    let clone = workspace().join("target/clone");
    let _ = std::fs::remove_dir_all(&clone);
    let mut steps = Command::new("unshare");
    steps
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child"])
        .args(["bash", "-euc", STEPS, "bash"])
        .arg(&clone)
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(workspace());
    let done = steps.output().expect("run unshare");
    assert!(done.status.success(), "{}", shown(&done));
    std::fs::remove_dir_all(&clone).expect("the clone");
}
