//! Recordings of real daemons: what was decided is decided again, wherever the replay runs, and
//! whatever becomes of a recording, the daemon does not suffer from it.

use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use visor_tests::both_runtimes;
use visor_tests::e2e::{Daemon, Finished, Runtime, Setup, binary, finish, until};
use visor_tests::load::{self, SECRETS};

fn replay(file: &Path, flags: &[&str]) -> Finished {
    let mut command = Command::new(binary("supervisord"));
    command.arg("replay").arg(file).args(flags);
    finish(command)
}

/// Replays a recording here, and as if on another machine.
fn same_everywhere(file: &Path) -> String {
    let here = replay(file, &["--trace"]);
    assert_eq!(
        here.code,
        Some(0),
        "{}{}",
        last_lines(&here.stdout),
        here.stderr
    );
    let mut elsewhere = Command::new(binary("supervisord"));
    elsewhere
        .arg("replay")
        .arg(file)
        .arg("--trace")
        .env_clear()
        .current_dir("/");
    for (name, value) in [
        ("LANG", "tr_TR.ISO-8859-9"),
        ("LC_ALL", "tr_TR.ISO-8859-9"),
        ("TZ", "Asia/Kathmandu"),
        ("HOME", "/nowhere"),
        ("PATH", "/nowhere"),
        ("API", "another"),
    ] {
        elsewhere.env(name, value);
    }
    assert_eq!(finish(elsewhere), here);
    here.stdout
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Keeps a recording in tests/recordings if that is wanted; of the masked ones, one is enough.
fn keep(file: &Path, runtime: Runtime, kind: &str) {
    let is_wanted = kind != "masked" || runtime == Runtime::Smol;
    if is_wanted && std::env::var_os("UPDATE_RECORDINGS").is_some() {
        let name = format!("{kind}-{runtime:?}.jsonl").to_lowercase();
        let text = std::fs::read(file).expect("the recording");
        std::fs::write(load::recordings().join(name), text).expect("keep the recording");
    }
}

/// What is in every recording of the load.
fn assert_complete(trace: &str, runtime: Runtime) {
    for part in [
        "crash: BACKOFF to STARTING",
        "crash: BACKOFF to FATAL",
        "again: EXITED to STARTING",
        "Signal(Signal(1))",
        "Signal(Signal(12))",
        "configuration read",
        "RotateLog",
        "401 Unauthorized",
        "RESULT 2",
        "eventname:PROCESS_COMMUNICATION",
        "REMOTE_COMMUNICATION",
        "Exit(0)",
    ] {
        assert!(
            part == "SignalFailed" || trace.contains(part),
            "{runtime:?}: no {part}"
        );
    }
}

both_runtimes! {
    fn a_loaded_daemon_is_replayed_to_the_same_actions(runtime: Runtime) {
        let daemon = load::run(runtime, &["--record", "{dir}/recording"]);
        let file = daemon.directory.file("recording");
        let trace = same_everywhere(&file);
        assert!(trace.ends_with("all the same\n"), "{}", last_lines(&trace));
        assert_complete(&trace, runtime);
        keep(&file, runtime, "load");
    }

    fn a_masked_recording_has_no_secrets_and_replays_to_the_same_actions(runtime: Runtime) {
        let daemon = load::run(runtime, &["--record-masked", "{dir}/recording"]);
        let file = daemon.directory.file("recording");
        let trace = same_everywhere(&file);
        assert!(trace.ends_with("all the same, secrets masked\n"), "{}", last_lines(&trace));
        assert_complete(&trace, runtime);
        let recording = daemon.directory.read("recording");
        for secret in SECRETS {
            assert!(!recording.contains(secret), "{secret} is in the recording");
        }
        keep(&file, runtime, "masked");
    }

    fn what_happened_is_in_the_file_soon_although_nothing_more_happens(runtime: Runtime) {
        let mut daemon = recorded(runtime, &[]);
        daemon.rpc("supervisor.startProcess", &["marker".into()]);
        until("the call in the recording", || {
            daemon.directory.read("recording").contains("marker").then_some(())
        });
        // Without a chance to finish anything.
        daemon.signal(Signal::KILL);
        assert_eq!(daemon.wait_exit(), -9);
        let replayed = replay(&daemon.directory.file("recording"), &[]);
        assert_eq!(replayed.code, Some(0), "{}", replayed.stdout);
    }

    fn a_full_disk_ends_the_recording_with_one_line_and_not_the_daemon(runtime: Runtime) {
        let mut daemon = Setup::new(runtime)
            .flags(&["--record", "/dev/full"])
            .sections("[program:cat]\ncommand=/bin/cat\nstartsecs=0\n")
            .start();
        daemon.wait_running("cat");
        let line = "ERRO the recording ends here, it could not be written: ENOSPC";
        daemon.wait_log(line);
        daemon.rpc("supervisor.stopProcess", &["cat".into()]);
        assert_eq!(daemon.terminate(), 0);
        assert_eq!(daemon.log_count("the recording"), 1, "{}", daemon.log());
    }

    fn a_recording_ends_at_its_maximal_size_and_replays_up_to_there(runtime: Runtime) {
        let mut daemon = recorded(runtime, &["--record-maxbytes", "12KB"]);
        until("the end of the recording", || {
            daemon.rpc("supervisor.getState", &[]);
            (daemon.log_count("the recording has its maximal size") > 0).then_some(())
        });
        daemon.rpc("supervisor.stopProcess", &["cat".into()]);
        assert_eq!(daemon.terminate(), 0);
        let line = "WARN the recording has its maximal size of 12288 bytes and ends here";
        assert_eq!(daemon.log_count(line), 1, "{}", daemon.log());
        let size = daemon.directory.read("recording").len();
        assert!((8000..=12288).contains(&size), "{size} bytes");
        let replayed = replay(&daemon.directory.file("recording"), &[]);
        assert_eq!(replayed.code, Some(0), "{}", replayed.stdout);
        assert!(replayed.stdout.ends_with("all the same\n"), "{}", replayed.stdout);
    }
}

/// A daemon with a program that reads, recorded.
fn recorded(runtime: Runtime, flags: &[&str]) -> Daemon {
    let daemon = Setup::new(runtime)
        .flags(&["--record", "{dir}/recording"])
        .flags(flags)
        .sections("[program:cat]\ncommand=/bin/cat\nstartsecs=0\n")
        .start();
    daemon.wait_running("cat");
    daemon
}

#[test]
fn a_recording_that_cannot_be_made_is_a_start_that_is_refused() {
    let setup = Setup::new(Runtime::Std).flags(&["--record", "/nowhere/at/all"]);
    let finished = setup.start_failing();
    assert_eq!(finished.code, Some(2));
    let expected = "Error: could not record to /nowhere/at/all: ENOENT\n";
    assert!(finished.stderr.starts_with(expected), "{}", finished.stderr);
}

#[test]
fn a_replay_of_something_else_names_the_file() {
    for (file, expected) in [
        (
            "/nowhere",
            "Error: could not read /nowhere: No such file or directory (os error 2)\n",
        ),
        (
            "/bin/sh",
            "Error: /bin/sh: this is not a recording (its first line is not JSON)\n",
        ),
    ] {
        let finished = replay(Path::new(file), &[]);
        assert_eq!(
            (finished.code, finished.stderr.as_str()),
            (Some(2), expected)
        );
    }
}
