//! A page is a story: its blocks are tried from top to bottom, in one sandbox, as a reader would.

use crate::pages::{Block, Page, workspace};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use visor_tests::e2e::{Directory, binary, skip};

/// How the steps of a story are done; `$story` is its directory.
const STEPS: &str = r#"
# A reader is slower than a program that starts.
settle() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        [ -S /run/supervisor.sock ] || return 0
        supervisorctl status 2>/dev/null | grep -q STARTING || return 0
        sleep 0.05
    done
}
run() {
    local status=0
    settle
    "${@:2}" "$story/$1" >"$story/$1.out" 2>&1 </dev/null || status=$?
    echo "$status" >"$story/$1.status"
}
# soon N: as run, again and again until the output is that of N.told, or for thirty seconds.
soon() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        run "$1" bash -eo pipefail
        cmp -s <(plain "$1.out") <(plain "$1.told") && return
        sleep 0.1
    done
}
plain() {
    sed -E 's/(pid|uptime) [0-9:]+/\1/g; s/ +$//' "$story/$1"
}
put() {
    mkdir -p "$(dirname "$2")"
    cp "$story/$1" "$2"
}
stays() {
    local tries
    bash -eo pipefail "$story/$1" >"$story/$1.out" 2>&1 </dev/null &
    for ((tries = 0; tries < 6000; tries++)); do
        if [ -e "$2" ]; then
            echo 0 >"$story/$1.status"
            return
        fi
        kill -0 $! 2>/dev/null || return 0
        sleep 0.05
    done
}
# Where there is no systemd-analyze, the keys are looked at all the same: see blocks.rs.
verify() {
    cp "$1" /tmp/documented.service
    ! command -v systemd-analyze >/dev/null || systemd-analyze verify --man=no /tmp/documented.service
}
daemon() {
    [ -S /run/supervisor.sock ] || supervisord -c /etc/supervisor/supervisord.conf
}
"#;

/// One thing that is done, and what is expected of it.
struct Step {
    place: String,
    status: i32,
    /// What it prints, if the page says so.
    output: Option<String>,
}

/// Tries all blocks of a page.
pub(crate) fn tell(name: &str) {
    let page = Page::read(name);
    let directory = Directory::new();
    let (script, steps) = plan(&page, &directory);
    assert!(!steps.is_empty(), "{name} has nothing to be tried");
    directory.write("story", &script);
    let Some(mut command) = sandbox(&directory) else {
        return skip("namespaces and overlays are not allowed here");
    };
    let played = command.output().expect("play a story");
    let said = String::from_utf8_lossy(&played.stderr).into_owned();
    assert!(
        played.status.success(),
        "{name}: the sandbox failed: {said}"
    );
    for (number, step) in steps.iter().enumerate() {
        assert_went_as_told(&directory, number, step);
    }
}

fn assert_went_as_told(directory: &Directory, number: usize, step: &Step) {
    let output = directory.read(&format!("{number}.out"));
    let status = directory.read(&format!("{number}.status"));
    let text = directory.read(&number.to_string());
    let shown = format!("{}:\n{text}--\n{output}", step.place);
    let expected = step.status.to_string();
    assert_eq!(status.trim(), expected, "exit status of {shown}");
    if let Some(told) = &step.output {
        assert_eq!(settled(&output), settled(told), "output of {shown}");
    }
}

/// Whether a block is tried as a part of its page's story.
pub(crate) fn is_told(block: &Block) -> bool {
    let runs = ["sh", "console", "python"].contains(&block.language.as_str());
    let unit = block.language == "ini" && block.note("unit").is_some();
    (runs || unit) && block.note("no-run").is_none() && block.note("file").is_none()
}

fn plan(page: &Page, directory: &Directory) -> (String, Vec<Step>) {
    let mut script = STEPS.to_owned();
    let mut steps = Vec::new();
    for block in &page.blocks {
        if block.note("daemon").is_some() {
            script.push_str("daemon\n");
        }
        if let Some(path) = block.note("file") {
            let name = format!("file-{}", script.len());
            std::fs::write(directory.file(&name), &block.text).expect("write a file");
            let _ = writeln!(script, "put {name} {path}");
        }
        if !is_told(block) {
            continue;
        }
        if block.language == "console" {
            for (command, output) in sessions(block) {
                let told = directory.file(&format!("{}.told", steps.len()));
                std::fs::write(told, &output).expect("write what is told");
                let step = do_it(&mut script, directory, steps.len(), block, &command);
                steps.push(Step {
                    output: Some(output),
                    ..step
                });
            }
        } else {
            steps.push(do_it(
                &mut script,
                directory,
                steps.len(),
                block,
                &block.text,
            ));
        }
    }
    (script, steps)
}

fn do_it(script: &mut String, at: &Directory, number: usize, block: &Block, text: &str) -> Step {
    std::fs::write(at.file(&number.to_string()), text).expect("write a step");
    let _ = match (block.language.as_str(), block.note("stays")) {
        ("sh", Some(path)) => writeln!(script, "stays {number} {path}"),
        ("python", _) => writeln!(script, "run {number} python3"),
        ("ini", _) => writeln!(script, "run {number} verify"),
        ("console", _) if block.note("soon").is_some() => writeln!(script, "soon {number}"),
        _ => writeln!(script, "run {number} bash -eo pipefail"),
    };
    let status = block
        .note("exit")
        .map_or(0, |status| status.parse().expect("a status"));
    Step {
        place: block.place.clone(),
        status,
        output: None,
    }
}

/// The commands of a transcript, which begin with `$ `, and what each of them prints.
fn sessions(block: &Block) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((format!("{command}\n"), String::new())),
            (None, Some((_, output))) => {
                output.push_str(line);
                output.push('\n');
            }
            (None, None) => panic!("{}: output before a command", block.place),
        }
    }
    found
}

/// Output without what differs from run to run: pids, uptimes, times of the log, blanks at the end.
fn settled(output: &str) -> String {
    let mut text = String::new();
    for line in output.lines() {
        let mut line = line.trim_end().to_owned();
        for (before, what) in [("pid ", "PID"), ("uptime ", "TIME"), ("\"pid\": ", "PID")] {
            line = replaced(&line, before, what);
        }
        let dated = line.len() > 24 && line.as_bytes()[4] == b'-' && line.as_bytes()[19] == b',';
        let line = if dated {
            format!("DATE {}", &line[24..])
        } else {
            line
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// `line` with the digits and colons behind each `before` replaced.
fn replaced(line: &str, before: &str, what: &str) -> String {
    let mut parts = line.split(before);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
        text.push_str(before);
        text.push_str(if rest.len() < part.len() { what } else { "" });
        text.push_str(rest);
    }
    text
}

/// The command that plays a story; `None` where that is not allowed.
fn sandbox(directory: &Directory) -> Option<Command> {
    let unshare = [
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ];
    let layered = "mount -t tmpfs t \"$1\" && mkdir \"$1/u\" \"$1/w\" \"$1/m\" && mount -t overlay o \
        -o \"lowerdir=/usr,upperdir=$1/u,workdir=$1/w\" \"$1/m\"";
    let mut trial = Command::new("unshare");
    trial
        .args(unshare)
        .args(["sh", "-c", layered, "sh"])
        .arg(directory.path());
    if !trial.output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let binaries = binary("supervisord");
    let mut command = Command::new("timeout");
    command.arg("300").arg("unshare").args(unshare);
    command.arg(workspace().join("tests/tests/docs/sandbox"));
    command
        .arg(workspace())
        .arg(binaries.parent().expect("a directory"));
    command.arg(directory.path());
    // A reader's cargo knows nothing of the one that runs the tests.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_tests = text.starts_with("CARGO_") && text != "CARGO_HOME";
        if of_tests || text.starts_with("NEXTEST") || text.starts_with("SUPERVISOR_") {
            command.env_remove(&name);
        }
    }
    command
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_NET_OFFLINE", "true");
    Some(command)
}

/// Where this test was built: `TARGET/debug/deps/TEST`.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its path");
    test.ancestors()
        .nth(3)
        .expect("a test lives in target")
        .to_path_buf()
}

#[test]
fn what_differs_from_run_to_run_is_not_compared() {
    let line = "web    RUNNING   pid 4711, uptime 1:02:03  \n";
    assert_eq!(settled(line), "web    RUNNING   pid PID, uptime TIME\n");
    let logged = "2026-01-02 03:04:05,678 INFO a\n";
    assert_eq!(settled(logged), "DATE INFO a\n");
    assert_ne!(settled("web_01\n"), settled("web_02\n"));
}
