//! Completion in shells, and manual pages.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use visor::completion::{Program, Shell};
use visor_tests::e2e::{Daemon, Directory, Runtime, Setup, binary, finish, skip};

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
    let script = daemon
        .directory
        .write("completion", &Shell::Bash.script(Program::Supervisorctl));
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

/// Runs a shell that finds our supervisorctl; `None` if there is no such shell.
fn run(program: &str, flags: &[&str], text: &str) -> Option<Vec<String>> {
    let directory = binary("supervisorctl").parent().map(PathBuf::from)?;
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(program)
        .args(flags)
        .args(["-c", text])
        .env("PATH", format!("{}:{path}", directory.display()))
        .output();
    let Ok(output) = output else {
        // Not every machine has all three shells; bash is everywhere.
        eprintln!("no {program} here");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{program}: {errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().map(String::from).collect())
}

#[test]
fn fish_offers_them_behind_any_flags() {
    let daemon = daemon();
    let script = daemon
        .directory
        .write("s.fish", &Shell::Fish.script(Program::Supervisorctl));
    let offers = |rest: &str| {
        let config = daemon.config();
        let line = format!("supervisorctl -c {} {rest}", config.display());
        let text = format!("source {}; complete -C '{line}'", script.display());
        run("fish", &["--no-config"], &text)
    };
    if let Some(found) = offers("stop cat w") {
        assert_eq!(found, ["w:*", "w:w_00", "w:w_01"]);
        assert_eq!(offers("st").unwrap(), ["start", "status", "stop"]);
        assert!(offers("--hi").unwrap()[0].starts_with("--history-file"));
    }
}

/// The completion system of zsh works on a terminal only: its part is played by stubs.
const ZSH: &str = "_arguments() { local spec; for spec; do print -r -- $spec >> SPECS; done; state=action; opt_args[-c]=CONFIG }
_call_program() { shift; eval \"$@\" }
compadd() { print -rl -- $candidates }
";

#[test]
fn zsh_offers_them_behind_any_flags() {
    let daemon = daemon();
    let script = daemon
        .directory
        .write("_supervisorctl", &Shell::Zsh.script(Program::Supervisorctl));
    let specs = daemon.directory.file("specs");
    let stubs = ZSH
        .replace("CONFIG", &daemon.config().to_string_lossy())
        .replace("SPECS", &specs.to_string_lossy());
    let text = format!(
        "{stubs}words=(stop cat w); CURRENT=3; source {}",
        script.display()
    );
    if let Some(found) = run("zsh", &["-f"], &text) {
        assert_eq!(found, ["w:*", "w:w_00", "w:w_01"]);
        let specs = std::fs::read_to_string(specs).unwrap();
        assert!(
            specs.contains("keep the shell's history in this file]:file:_files"),
            "{specs}"
        );
    }
}

/// What bash would offer for the last of the words of a supervisord's command line.
fn bash_daemon(words: &[&str]) -> Vec<String> {
    let script = Shell::Bash.script(Program::Supervisord);
    let text = format!(
        "{script}\ncompopt() {{ :; }}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_supervisord\nprintf \
         '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1
    );
    let found = run("bash", &["--norc"], &text).expect("bash is everywhere");
    found.into_iter().filter(|line| !line.is_empty()).collect()
}

#[test]
fn options_of_the_daemon_and_their_values_are_offered_by_bash() {
    let offers = |line: &str| bash_daemon(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(offers("supervisord --no"), ["--nodaemon", "--nocleanup"]);
    assert_eq!(offers("supervisord -e tr"), ["trace"]);
    assert_eq!(offers("supervisord --runtime s"), ["smol", "std"]);
    assert_eq!(offers("supervisord -u roo"), ["root"]);
    assert_eq!(offers("supervisord -d /et"), ["/etc"]);
    assert_eq!(offers("supervisord -c /proc/cmdlin"), ["/proc/cmdline"]);
    assert_eq!(offers("supervisord -i -"), [""; 0]);
    assert_eq!(offers("supervisord rep"), ["replay"]);
}

#[test]
fn options_of_the_daemon_and_their_values_are_offered_by_fish() {
    let directory = Directory::new();
    let script = directory.write("s.fish", &Shell::Fish.script(Program::Supervisord));
    let offers = |line: &str| {
        let text = format!("source {}; complete -C '{line}'", script.display());
        let found = run("fish", &["--no-config"], &text)?;
        let words = found.iter().filter_map(|line| line.split('\t').next());
        Some(words.map(str::to_owned).collect::<Vec<_>>())
    };
    if let Some(found) = offers("supervisord --no") {
        assert_eq!(found, ["--nocleanup", "--nodaemon"]);
        assert_eq!(offers("supervisord -e tr").unwrap(), ["trace"]);
        assert_eq!(offers("supervisord --runtime s").unwrap(), ["smol", "std"]);
        assert_eq!(
            offers("supervisord -c /proc/cmdlin").unwrap(),
            ["/proc/cmdline"]
        );
        assert_eq!(offers("supervisord rep").unwrap(), ["replay"]);
        assert_eq!(
            offers("supervisord replay /proc/cmdlin").unwrap(),
            ["/proc/cmdline"]
        );
    }
}

#[test]
fn options_of_the_daemon_and_their_values_are_offered_by_zsh() {
    let stub = "_arguments() { print -rl -- \"$@\" }\n";
    let script = Shell::Zsh.script(Program::Supervisord);
    if let Some(found) = run("zsh", &["-f"], &format!("{stub}{script}")) {
        let has = |line: &str| assert!(found.iter().any(|f| f == line), "{line}: {found:#?}");
        has(
            "(-e --loglevel)-e[critical, error, warn, info, debug, trace or blather]:word:(critical error warn info debug trace blather)",
        );
        has("(-u --user)--user[become this user (name or number); root only]:user:_users");
        has("--runtime[what waits for events (default smol)]:word:(smol std)");
        has("2::file:_files");
    }
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
        let scripts = Program::ALL.map(|program| shell.script(program));
        child
            .stdin
            .take()
            .unwrap()
            .write_all(scripts.concat().as_bytes())
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
