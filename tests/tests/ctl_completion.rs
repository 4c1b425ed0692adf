//! Completion in shells, and manual pages.

use std::io::Write;
use std::process::{Command, Stdio};
use visor::completion::Shell;
use visor_tests::e2e::{Daemon, Runtime, Setup, binary, finish, skip};

fn daemon() -> Daemon {
    let daemon = Setup::new(Runtime::Smol)
        .sections("[program:cat]\ncommand=/bin/cat\n[program:w]\ncommand=/bin/sleep 1000\nprocess_name=%(program_name)s_%(process_num)02d\nnumprocs=2")
        .start();
    daemon.wait_running("w:w_01");
    daemon
}

#[test]
fn candidates_are_the_processes_that_live() {
    let daemon = daemon();
    let ask = |line: &str| {
        let done = daemon.ctl(None, &["__complete", line]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
        done.stdout.lines().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(ask("restart "), ["all", "cat", "w:*", "w:w_00", "w:w_01"]);
    assert_eq!(ask("sta"), ["start", "status"]);
    assert_eq!(ask("remove "), ["cat", "w"]);
    daemon.rpc("supervisor.stopProcessGroup", &["cat".into()]);
    daemon.rpc("supervisor.removeProcessGroup", &["cat".into()]);
    assert_eq!(ask("start c"), [""; 0]);
}

#[test]
fn candidates_are_none_without_a_server() {
    let done = finish({
        let mut command = Command::new(binary("supervisorctl"));
        command.args(["-s", "unix:///nowhere", "__complete", "start "]);
        command
    });
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
}

/// What bash would offer at the end of `line`.
fn bash(daemon: &Daemon, line: &str) -> Vec<String> {
    let script = daemon.directory.write("completion", &Shell::Bash.script());
    let client = binary("supervisorctl");
    let text = format!(
        "source {}\nCOMP_LINE='{line}'\nCOMP_POINT=${{#COMP_LINE}}\n_supervisorctl {}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        client.display()
    );
    let mut command = Command::new("bash");
    command
        .args(["--norc", "-c", &text])
        .current_dir(daemon.directory.path());
    let done = finish(command);
    assert_eq!(done.stderr, "", "{line}");
    done.stdout
        .lines()
        .filter(|line| !line.is_empty())
        .map(String::from)
        .collect()
}

#[test]
fn bash_offers_them_behind_any_flags() {
    let daemon = daemon();
    let config = daemon.config();
    let line = |rest: &str| {
        bash(
            &daemon,
            &format!("supervisorctl -c {} {rest}", config.display()),
        )
    };
    assert_eq!(line("start c"), ["cat"]);
    assert_eq!(line("stop cat w"), ["w:*", "w:w_00", "w:w_01"]);
    // What is before the colon stands on the line already.
    assert_eq!(line("stop w:w"), ["w_00", "w_01"]);
    assert_eq!(line("--json st"), ["start", "status", "stop"]);
    assert_eq!(
        line("-"),
        [
            "-c",
            "--configuration",
            "-h",
            "--help",
            "-i",
            "--interactive",
            "-s",
            "--serverurl",
            "-u",
            "--username",
            "-p",
            "--password",
            "-r",
            "--history-file",
            "--json"
        ]
    );
    assert_eq!(line("--hi"), ["--history-file"]);
}

#[test]
fn the_scripts_are_what_their_shells_understand() {
    for (shell, program, flags) in [
        (Shell::Bash, "bash", &["-n"][..]),
        (Shell::Zsh, "zsh", &["-n"]),
        (Shell::Fish, "fish", &["--no-execute"]),
    ] {
        let started = Command::new(program)
            .args(flags)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            // Not every machine has all three; bash is tried in earnest above.
            eprintln!("no {program} here");
            continue;
        };
        let script = shell.script();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn manual_pages_are_read_by_man_without_a_complaint() {
    for page in visor::manual::pages() {
        let started = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            return skip("no groff here");
        };
        child
            .stdin
            .take()
            .unwrap()
            .write_all(page.text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && complaints.is_empty(),
            "{}: {complaints}",
            page.name
        );
    }
}
