//! supervisorctl's shell on a terminal.

use std::process::Command;
use visor_tests::e2e::{Daemon, Pty, Runtime, Setup, binary, until};

const PROGRAMS: &str = "[program:cat]\ncommand=/bin/cat\nstartsecs=0\n\
    [program:w]\ncommand=/bin/sleep 1000\nstartsecs=0\nprocess_name=%(program_name)s_%(process_num)02d\nnumprocs=2\n\
    [program:slow]\ncommand=/bin/sleep 1000\nstartsecs=3\nautostart=false";
const CONTROL_C: &str = "\u{3}";
const CONTROL_D: &str = "\u{4}";
const UP: &str = "\u{1b}[A";

fn daemon() -> Daemon {
    let daemon = Setup::new(Runtime::Smol).sections(PROGRAMS).start();
    daemon.wait_running("cat");
    daemon.wait_running("w:w_01");
    daemon
}

fn client(daemon: &Daemon, words: &[&str]) -> Pty {
    let mut command = Command::new(binary("supervisorctl"));
    command.arg("-c").arg(daemon.config()).args(words);
    command.current_dir(daemon.directory.path());
    Pty::start(&command)
}

/// A shell that has shown the status and waits for a line.
fn shell(daemon: &Daemon, flags: &[&str]) -> Pty {
    let mut shell = client(daemon, flags);
    let before = shell.expect("supervisor> ");
    assert!(
        before.contains("cat                              RUNNING   pid "),
        "{before}"
    );
    shell
}

#[test]
fn it_shows_the_status_and_leaves_at_the_end_of_input() {
    let daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    shell.send("version\r");
    shell.expect("4.3.0\n");
    shell.expect("supervisor> ");
    shell.send("frobnicate it\r");
    shell.expect("*** Unknown syntax: frobnicate it\n");
    shell.expect("supervisor> ");
    shell.send("\r");
    shell.expect("supervisor> ");
    shell.send(CONTROL_D);
    assert_eq!(shell.wait_exit(), Some(0));
}

#[test]
fn exit_leaves_and_so_does_quit() {
    let daemon = daemon();
    for word in ["exit", "quit"] {
        let mut shell = shell(&daemon, &[]);
        shell.send(word);
        shell.send("\r");
        assert_eq!(shell.wait_exit(), Some(0));
    }
}

#[test]
fn tab_completes_actions_names_and_groups() {
    let daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    shell.send("vers\t\r");
    shell.expect("4.3.0\n");
    shell.expect("supervisor> ");
    shell.send("status ca\t\r");
    shell.expect("cat                              RUNNING");
    shell.expect("supervisor> ");
    shell.send("status w\t\t");
    let listed = shell.expect("w:w_01");
    assert!(
        listed.contains("w:*") && listed.contains("w:w_00"),
        "{listed}"
    );
    // Below the list the line stands once more.
    shell.expect("supervisor> status w:");
    shell.send(CONTROL_C);
    shell.expect("supervisor> ");
    shell.send("update c\t\r");
    shell.expect("update cat");
    shell.expect("supervisor> ");
    shell.send("help rer\t\r");
    shell.expect("reread");
}

#[test]
fn what_is_typed_ahead_is_not_lost() {
    let daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    shell.send("version\rpid nope\rshutdown\rn\rversion\r");
    shell.expect("4.3.0\n");
    shell.expect("No such process nope\n");
    shell.expect("Really shut the remote supervisord process down y/N? ");
    shell.expect("4.3.0\n");
    shell.expect("supervisor> ");
    assert_eq!(daemon.state("cat"), "RUNNING");
}

#[test]
fn lines_come_back_from_the_history_also_in_the_next_shell() {
    let daemon = daemon();
    let history = daemon.directory.file("history");
    let flags = ["-r", history.to_str().unwrap()];
    let mut first = shell(&daemon, &flags);
    first.send("pid cat\r");
    first.expect("supervisor> ");
    first.send("version\r");
    first.expect("4.3.0\n");
    first.expect("supervisor> ");
    first.send(&format!("{UP}\r"));
    first.expect("4.3.0\n");
    // What was typed is kept even if the shell is killed.
    drop(first);
    let mut second = shell(&daemon, &flags);
    second.send(&format!("{UP}{UP}\r"));
    let pid = daemon.wait_running("cat").to_string();
    second.expect(&format!("{pid}\n"));
    let kept = std::fs::read_to_string(&history).unwrap();
    assert_eq!(kept.matches("version").count(), 1, "{kept}");
}

#[test]
fn control_c_gives_up_the_line_not_the_shell() {
    let daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    shell.send("stop cat");
    shell.send(CONTROL_C);
    shell.expect("supervisor> ");
    shell.send("version\r");
    shell.expect("4.3.0\n");
    assert_eq!(daemon.state("cat"), "RUNNING");
}

#[test]
fn control_c_ends_what_is_followed() {
    let daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    shell.send("maintail -f\r");
    shell.expect("==> Press Ctrl-C to exit <==");
    shell.expect("entered RUNNING state");
    shell.send(CONTROL_C);
    shell.expect("supervisor> ");
    shell.send("tail -f cat\r");
    shell.expect("==> Press Ctrl-C to exit <==");
    daemon.rpc(
        "supervisor.sendProcessStdin",
        &["cat".into(), "from elsewhere\n".into()],
    );
    shell.expect("from elsewhere\n");
    shell.send(CONTROL_C);
    shell.expect("supervisor> ");
    shell.send(CONTROL_D);
    assert_eq!(shell.wait_exit(), Some(0));
}

#[test]
fn control_c_stops_waiting_but_not_what_was_asked_for() {
    let daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    shell.send("start slow\r");
    shell.expect("waiting for slow to start: 1 s");
    shell.send(CONTROL_C);
    shell.expect("supervisor> ");
    daemon.wait_running("slow");
}

#[test]
fn fg_shows_output_and_takes_lines_until_control_c() {
    let daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    shell.send("fg cat\r");
    shell.expect("==> Press Ctrl-C to exit <==");
    shell.send("hello there\n");
    // The terminal's echo, then what cat says.
    shell.expect("hello there\n");
    shell.expect("hello there\n");
    shell.send(CONTROL_C);
    shell.expect("Exiting foreground\n");
    shell.expect("supervisor> ");
    shell.send("fg cat\r");
    shell.expect("==> Press Ctrl-C to exit <==");
    daemon.rpc("supervisor.stopProcess", &["cat".into()]);
    shell.expect("Process got killed\n");
    shell.expect("Exiting foreground\n");
    shell.expect("supervisor> ");
    shell.send("fg cat\r");
    shell.expect("ERROR: process not running\n");
    shell.expect("supervisor> ");
}

#[test]
fn fg_outside_the_shell_ends_with_control_d() {
    let daemon = daemon();
    let mut client = client(&daemon, &["fg", "cat"]);
    client.expect("==> Press Ctrl-C to exit <==");
    client.send("one line\n");
    client.expect("one line\n");
    client.expect("one line\n");
    client.send(CONTROL_D);
    client.expect("Exiting foreground\n");
    assert_eq!(client.wait_exit(), Some(0));
}

#[test]
fn tail_outside_the_shell_ends_with_control_c_and_status_0() {
    let daemon = daemon();
    let mut client = client(&daemon, &["tail", "-f", "cat"]);
    client.expect("==> Press Ctrl-C to exit <==");
    daemon.rpc(
        "supervisor.sendProcessStdin",
        &["cat".into(), "line\n".into()],
    );
    client.expect("line\n");
    client.send(CONTROL_C);
    assert_eq!(client.wait_exit(), Some(0));
}

#[test]
fn it_asks_before_the_daemon_is_ended() {
    let mut daemon = daemon();
    let mut shell = shell(&daemon, &[]);
    for no in ["\r", "n\r", CONTROL_C] {
        shell.send("shutdown\r");
        shell.expect("Really shut the remote supervisord process down y/N? ");
        shell.send(no);
        shell.expect("supervisor> ");
    }
    assert_eq!(daemon.state("cat"), "RUNNING");
    shell.send("shutdown\r");
    shell.expect("Really shut the remote supervisord process down y/N? ");
    shell.send("y\r");
    shell.expect("Shut down\n");
    assert_eq!(daemon.wait_exit(), 0);
    shell.expect("supervisor> ");
    shell.send("pid\r");
    shell.expect("s.sock no such file\n");
}

#[test]
fn it_asks_for_name_and_password_and_does_not_show_the_password() {
    let port = visor_tests::e2e::free_port();
    let server =
        format!("[inet_http_server]\nport=127.0.0.1:{port}\nusername=bob\npassword=secret\n");
    let daemon = Setup::new(Runtime::Smol)
        .sections(PROGRAMS)
        .sections(&server)
        .start();
    daemon.wait_running("cat");
    let url = format!("http://127.0.0.1:{port}");
    let mut shell = client(&daemon, &["-s", &url]);
    for password in ["wrong", "secret"] {
        shell.expect("Server requires authentication\n");
        shell.expect("Username:");
        shell.send("bob\r");
        shell.expect("Password:");
        until("no echo", || (!echoes(&shell)).then_some(()));
        shell.send(password);
        shell.send("\r");
    }
    shell.expect("cat                              RUNNING");
    shell.expect("supervisor> ");
    shell.send("version\r");
    shell.expect("4.3.0\n");
    let text = shell.text();
    assert!(
        !text.contains("secret") && !text.contains("wrong"),
        "{text}"
    );
    assert!(echoes(&shell));
}

/// Whether the terminal shows what is typed.
fn echoes(shell: &Pty) -> bool {
    shell
        .local_modes()
        .contains(rustix::termios::LocalModes::ECHO)
        || in_editor(shell)
}

/// The line editor turns the terminal's own echo off and echoes itself.
fn in_editor(shell: &Pty) -> bool {
    !shell
        .local_modes()
        .contains(rustix::termios::LocalModes::ICANON)
}

#[test]
fn progress_is_for_terminals_only() {
    let daemon = daemon();
    let mut client = client(&daemon, &["start", "slow"]);
    client.expect("waiting for slow to start: 1 s");
    client.expect("waiting for slow to start: 2 s");
    client.expect("slow: started\n");
    assert_eq!(client.wait_exit(), Some(0));
    let piped = daemon.ctl(None, &["restart", "slow"]);
    assert_eq!(
        (piped.stdout.as_str(), piped.stderr.as_str()),
        ("slow: stopped\nslow: started\n", "")
    );
}

#[test]
fn colours_are_never_in_lines_that_scripts_parse() {
    let daemon = daemon();
    for (words, coloured) in [
        (&["status"][..], false),
        (&["avail"], false),
        (&["pid", "nope"], false),
        (&["start", "nope"], false),
        (&["help", "start"], true),
    ] {
        let mut client = client(&daemon, words);
        client.wait_exit();
        let raw = until("output", || {
            Some(client.raw()).filter(|raw| raw.ends_with('\n'))
        });
        assert_eq!(raw.contains('\u{1b}'), coloured, "{words:?} {raw:?}");
    }
    assert!(
        !daemon
            .ctl(None, &["help", "start"])
            .stdout
            .contains('\u{1b}')
    );
}

#[test]
fn progress_names_who_of_a_group_is_not_done() {
    let daemon = Setup::new(Runtime::Std)
        .sections(
            "[program:deaf]\ncommand=/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\n\
             process_name=%(program_name)s_%(process_num)d\nnumprocs=2\nstopwaitsecs=4\nstopasgroup=true",
        )
        .start();
    daemon.wait_running("deaf:deaf_0");
    daemon.wait_running("deaf:deaf_1");
    let mut client = client(&daemon, &["stop", "deaf:*"]);
    client.expect("waiting for deaf:* to stop: 1 s");
    client.expect("waiting for deaf:deaf_0, deaf:deaf_1 to stop: ");
    client.expect("deaf:deaf_0: stopped\n");
    assert_eq!(client.wait_exit(), Some(0));
}
