//! pidproxy, ours and Supervisor's.

use rustix::process::Signal;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use visor_tests::e2e::{Directory, alive, binary, finish, reference, send_signal, until};

/// A server that puts its pid into a file and notes what it is sent.
const SERVER: &str = "#!/bin/sh\nfor name in HUP USR1 USR2 TERM; do trap \"echo $name >> {dir}/told\" $name; done\n\
    trap 'echo QUIT >> {dir}/told; exit 0' QUIT\necho $$ > {dir}/pid\nwhile true; do sleep 0.02; done\n";

/// Starts the server in the background and stays, as its start script would.
const SCRIPT: &str =
    "#!/bin/sh\n{dir}/server &\nwait\nwhile kill -0 $! 2>/dev/null; do wait; done\n";

fn programs() -> Vec<PathBuf> {
    let mut found = vec![binary("pidproxy")];
    found.extend(reference("pidproxy"));
    found
}

fn start(program: &PathBuf, directory: &Directory) -> (Child, u32) {
    directory.script("server", SERVER);
    let script = directory.script("script", SCRIPT);
    let mut command = Command::new(program);
    command
        .arg(directory.file("pid"))
        .arg(script)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let proxy = command.spawn().expect("start pidproxy");
    let server = until("a pid", || directory.read("pid").trim().parse().ok());
    (proxy, server)
}

#[test]
fn signals_reach_the_process_of_the_pidfile() {
    for program in programs() {
        let directory = Directory::new();
        let (mut proxy, server) = start(&program, &directory);
        let told = |count: usize| {
            let lines = || {
                directory
                    .read("told")
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            until("the signal to arrive", || {
                Some(lines()).filter(|lines| lines.len() == count)
            })
        };
        for (count, signal) in [Signal::HUP, Signal::USR1, Signal::USR2]
            .into_iter()
            .enumerate()
        {
            send_signal(proxy.id(), signal);
            told(count + 1);
        }
        assert_eq!(told(3), ["HUP", "USR1", "USR2"]);
        send_signal(proxy.id(), Signal::TERM);
        assert_eq!(told(4)[3], "TERM");
        // It does not wait for the server, which takes its time.
        let status = until("pidproxy to end", || proxy.try_wait().expect("wait"));
        assert_eq!(status.code(), Some(0), "{program:?}");
        assert!(alive(server));
        send_signal(server, Signal::KILL);
    }
}

#[test]
fn it_ends_with_the_command() {
    let directory = Directory::new();
    let mut command = Command::new(binary("pidproxy"));
    command
        .arg(directory.file("pid"))
        .args(["sh", "-c", "echo out; exit 3"]);
    let finished = finish(command);
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(0), "out\n")
    );
}

#[test]
fn a_pidfile_that_cannot_be_read_is_reported() {
    let directory = Directory::new();
    let go = directory.file("go");
    let wait = format!("while [ ! -e {} ]; do sleep 0.02; done", go.display());
    let ready = directory.file("ready");
    let output = std::fs::File::create(directory.file("out")).expect("a file");
    let mut command = Command::new(binary("pidproxy"));
    command.arg(directory.file("pid")).args([
        "sh",
        "-c",
        &format!("touch {}; {wait}", ready.display()),
    ]);
    let mut proxy = command.stdout(output).spawn().expect("start pidproxy");
    until("the command to run", || ready.exists().then_some(()));
    send_signal(proxy.id(), Signal::TERM);
    let expected = format!(
        "Can't read child pidfile {}!\n",
        directory.file("pid").display()
    );
    until("a message", || {
        (directory.read("out") == expected).then_some(())
    });
    directory.write("go", "");
    let status = until("pidproxy to end", || proxy.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn wrong_use_and_missing_commands_are_told() {
    for program in programs() {
        let finished = finish(Command::new(&program));
        assert_eq!(finished.code, Some(1), "{program:?}");
        assert!(finished.stdout.contains("Usage: "), "{finished:?}");
    }
    let mut command = Command::new(binary("pidproxy"));
    command.args(["/tmp/x", "/nonexistent/command"]);
    let finished = finish(command);
    assert_eq!(finished.code, Some(127));
    assert_eq!(
        finished.stderr,
        "pidproxy: could not start /nonexistent/command: ENOENT\n"
    );
}
