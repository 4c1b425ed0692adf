//! A real daemon that has much to do: what recordings are made of.

use crate::e2e::{Daemon, Runtime, Setup, Value, free_port, until};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

/// Secrets of the configuration and of clients, which no masked recording contains.
pub const SECRETS: [&str; 4] = ["hunter2", "Zm9ybXVsYTpodW50ZXIy", "formula", "k3y-of-env"];

const LISTENER: &str = "#!/bin/sh
while :; do
  printf 'READY\\n'
  IFS= read -r header || exit 0
  printf '%s\\n' \"$header\" >> events
  head -c \"${header##*len:}\" > /dev/null
  printf 'RESULT 2\\nOK'
done
";

/// The daemon's configuration: programs that crash, write, read, listen and are captured; a server
/// for everybody and one with a password.
fn setup(runtime: Runtime, port: u16, flags: &[&str]) -> Setup {
    let setup = Setup::new(runtime)
        .flags(flags)
        .supervisord("environment=API=\"k3y-of-env\"")
        .sections(&format!(
            "[inet_http_server]\nport=127.0.0.1:{port}\nusername=formula\npassword=hunter2\n\
             [program:crash]\ncommand=/bin/sh -c 'echo oops >&2; exit 3'\nstartretries=2\n\
             startsecs=1\n\
             [program:again]\ncommand=/bin/sh -c 'exit 0'\nstartsecs=0\nautorestart=true\n\
             autostart=false\n\
             [program:cat]\ncommand=/bin/cat\nstartsecs=0\n\
             stdout_logfile={{dir}}/cat.log\nenvironment=MORE=\"k3y-of-env\"\n\
             [program:loud]\ncommand=/bin/sh -c 'head -c 20000 /dev/zero | tr \"\\\\0\" x; exec sleep 1000'\n\
             startsecs=0\nstdout_logfile={{dir}}/loud.log\nstdout_logfile_maxbytes=6KB\n\
             stdout_logfile_backups=1\n\
             [program:caught]\n\
             command=/bin/sh -c 'printf \"<!--XSUPERVISOR:BEGIN-->report<!--XSUPERVISOR:END-->\"; exec sleep 1000'\n\
             startsecs=0\nstdout_capture_maxbytes=1KB\nstdout_events_enabled=true\n\
             [program:w]\ncommand=/bin/sleep 1000\nprocess_name=%(program_name)s%(process_num)d\n\
             numprocs=2\nstartsecs=0\n\
             [eventlistener:ear]\ncommand=/bin/sh {{dir}}/ear\nstartsecs=0\n\
             buffer_size=1000\nevents=PROCESS_STATE_FATAL,PROCESS_LOG,PROCESS_COMMUNICATION,\
             REMOTE_COMMUNICATION,TICK_5\n"
        ));
    setup.directory.write("ear", LISTENER);
    setup
}

/// Starts a daemon with these flags, lets all kinds of things happen to it, and ends it.
///
/// # Panics
/// If something does not happen.
#[must_use]
pub fn run(runtime: Runtime, flags: &[&str]) -> Daemon {
    let port = free_port();
    let mut daemon = setup(runtime, port, flags).start();
    work(&daemon, port, 1);
    change(&daemon);
    // Everything stops and starts anew in the same process, and the recording goes on.
    daemon.signal(Signal::HUP);
    daemon.wait_log_count("supervisord started with pid", 2);
    daemon.wait_up();
    work(&daemon, port, 2);
    assert_eq!(daemon.terminate(), 0);
    daemon
}

/// Crash loops, calls, standard input, events, logs that are read and rotated.
fn work(daemon: &Daemon, port: u16, turn: usize) {
    let call = |method: &str, params: &[Value]| daemon.rpc(method, params);
    // The log says all that must be waited for: each call would be part of the recording.
    for name in ["cat", "loud", "caught", "w0", "ear"] {
        daemon.wait_log_count(&format!("success: {name} entered RUNNING state"), turn);
    }
    let sent = call(
        "supervisor.sendProcessStdin",
        &["cat".into(), "hunter2\n".into()],
    );
    assert_eq!(sent, Value::Bool(true));
    call(
        "supervisor.sendRemoteCommEvent",
        &["t".into(), "data".into()],
    );
    let echoed = || (daemon.directory.read("cat.log").contains("hunter2")).then_some(());
    until("what cat was sent", echoed);
    let read = [Value::from("cat"), Value::Int(0), Value::Int(0)];
    let read = call("supervisor.readProcessStdoutLog", &read);
    assert_eq!(read, Value::from("hunter2\n"));
    call(
        "supervisor.startProcess",
        &["again".into(), Value::Bool(false)],
    );
    daemon.wait_log_count("spawned: 'again'", 3 * turn);
    call("supervisor.stopProcess", &["again".into()]);
    call("supervisor.signalProcess", &["w:w0".into(), "KILL".into()]);
    daemon.wait_log_count("exited: w0", turn);
    call("supervisor.startProcess", &["w:w0".into()]);
    call("supervisor.stopProcessGroup", &["w".into()]);
    call("supervisor.startProcess", &["nobody".into()]);
    call("supervisor.getAllProcessInfo", &[]);
    call("supervisor.clearProcessLogs", &["cat".into()]);
    assert_eq!(ask(port, "Zm9ybXVsYTpodW50ZXIy"), "404");
    assert_eq!(ask(port, "Zm9ybXVsYTp3cm9uZw=="), "401");
    daemon.signal(Signal::USR2);
    daemon.wait_log_count("gave up: crash", turn);
    for event in ["REMOTE_COMMUNICATION", "PROCESS_COMMUNICATION_STDOUT"] {
        let heard = || daemon.directory.read("events").matches(event).count() >= turn;
        until(event, || heard().then_some(()));
    }
}

/// The status of an answer to who has this password.
fn ask(port: u16, password: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    let (first, second) = password.split_at(6);
    // In two parts, which may come as two reads.
    for part in [
        format!("GET /nothing HTTP/1.0\r\nAuthorization: Basic {first}"),
        format!("{second}\r\n\r\n"),
    ] {
        stream.write_all(part.as_bytes()).expect("ask");
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// The configuration changes: a group comes, one goes, one has another value in its environment.
fn change(daemon: &Daemon) {
    let text = daemon.directory.read("supervisord.conf");
    let text = text
        .replace("numprocs=2", "numprocs=1")
        .replace("MORE=\"k3y-of-env\"", "MORE=\"k3y-of-ENV\"")
        + "\n[program:late]\ncommand=/bin/sleep 1000\nstartsecs=0\n";
    daemon.directory.write("supervisord.conf", &text);
    let changes = daemon.rpc("supervisor.reloadConfig", &[]);
    let groups = |at: usize| {
        let Value::Array(outer) = &changes else {
            panic!("{changes:?}");
        };
        let Some(Value::Array(changes)) = outer.first() else {
            panic!("{changes:?}");
        };
        changes[at].clone()
    };
    assert_eq!(groups(0), Value::Array(vec!["late".into()]));
    assert_eq!(groups(1), Value::Array(vec!["cat".into(), "w".into()]));
    for (method, group) in [
        ("supervisor.addProcessGroup", "late"),
        ("supervisor.stopProcessGroup", "cat"),
        ("supervisor.removeProcessGroup", "cat"),
        ("supervisor.addProcessGroup", "cat"),
        ("supervisor.stopProcessGroup", "late"),
        ("supervisor.removeProcessGroup", "late"),
    ] {
        let done = daemon.rpc(method, &[group.into()]);
        assert!(
            !matches!(done, Value::Fault(..)),
            "{method} {group}: {done:?}"
        );
    }
}

/// Where recordings of this load are kept.
#[must_use]
pub fn recordings() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}
