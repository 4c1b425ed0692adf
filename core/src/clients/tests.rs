//! A client and a daemon, without a system between them.

mod bounds;
mod calls;
mod following;
mod leaving;
mod long;
mod pages;
mod stdin;
mod world;

use crate::Input;
use crate::http::client::request;
use crate::xmlrpc::Value;
use alloc::string::String;
use alloc::{format, vec, vec::Vec};
use core::time::Duration;
use world::{Daemon, call, process};

const SECOND: Duration = Duration::from_secs(1);

fn web() -> Daemon {
    Daemon::new(&[("web", "web")])
}

#[test]
fn a_start_is_answered_when_the_process_is_up() {
    let mut daemon = web();
    let conn = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    assert_eq!(daemon.end_call(conn), None);
    daemon.advance(SECOND * 2);
    assert_eq!(daemon.end_call(conn).unwrap(), "true");
    assert_eq!(
        daemon.call("supervisor.startProcess", &["web".into()]),
        "60 ALREADY_STARTED: web"
    );
    assert_eq!(
        daemon.call("supervisor.stopProcess", &["web".into()]),
        "true"
    );
    assert_eq!(
        daemon.call("supervisor.stopProcess", &["web".into()]),
        "70 NOT_RUNNING: web"
    );
}

#[test]
fn a_start_without_wait_is_answered_when_there_is_a_child() {
    let mut daemon = web();
    let params = ["web".into(), false.into()];
    assert_eq!(daemon.call("supervisor.startProcess", &params), "true");
}

#[test]
fn a_start_that_fails_is_a_fault() {
    let mut daemon = web();
    let conn = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    daemon.exit("web", 1);
    assert_eq!(daemon.end_call(conn).unwrap(), "50 SPAWN_ERROR: web");
    daemon.missing = vec!["web"];
    assert_eq!(
        daemon.call("supervisor.startProcess", &["web:web".into()]),
        "20 NO_FILE: can't find command '/bin/web'"
    );
    daemon.missing.clear();
    daemon.call("supervisor.stopProcess", &["web".into()]);
    let start = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    assert_eq!(
        daemon.call("supervisor.stopProcess", &["web".into()]),
        "true"
    );
    assert_eq!(
        daemon.end_call(start).unwrap(),
        "40 ABNORMAL_TERMINATION: web"
    );
}

#[test]
fn the_log_says_every_two_seconds_that_a_client_waits_for_a_stop() {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    let spawn = daemon.spawn_of("web");
    // The child does not mind the signal.
    daemon.children.clear();
    let conn = daemon.begin_call("supervisor.stopProcess", &["web".into()]);
    let reports = |daemon: &Daemon| {
        let log = String::from_utf8_lossy(&daemon.files["/log/main"]).into_owned();
        log.matches("INFO waiting for web to stop\n").count()
    };
    assert_eq!(reports(&daemon), 1);
    daemon.advance(SECOND);
    assert_eq!(reports(&daemon), 1);
    daemon.advance(SECOND);
    assert_eq!(reports(&daemon), 2);
    daemon.advance(SECOND * 2);
    assert_eq!(reports(&daemon), 3);
    let status = crate::ExitStatus::Code(0);
    daemon.tell(Input::Exited { spawn, status });
    assert_eq!(daemon.end_call(conn).unwrap(), "true");
    daemon.advance(SECOND * 10);
    assert_eq!(reports(&daemon), 3);
}

#[test]
fn a_group_answers_in_the_order_in_which_its_processes_are_done() {
    let mut daemon = Daemon::with(&[("g", "a"), ("g", "b"), ("g", "c")], |config| {
        process(config, 0, 0).startsecs = 5;
    });
    daemon.missing = vec!["c"];
    let conn = daemon.begin_call("supervisor.startProcess", &["g:*".into()]);
    daemon.advance(SECOND * 3);
    assert_eq!(daemon.end_call(conn), None);
    daemon.advance(SECOND * 3);
    assert_eq!(
        daemon.end_call(conn).unwrap(),
        "[c=NO_FILE: can't find command '/bin/c', b=OK, a=OK]"
    );
    assert_eq!(
        daemon.call("supervisor.stopAllProcesses", &[]),
        "[a=OK, b=OK]"
    );
    assert_eq!(
        daemon.call("supervisor.stopProcessGroup", &["nope".into()]),
        "10 BAD_NAME: nope"
    );
}

#[test]
fn calls_are_checked() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a")]);
    let cases: &[(&str, &[Value], &str)] = &[
        ("nope", &[], "1 UNKNOWN_METHOD"),
        ("supervisor", &[], "1 UNKNOWN_METHOD"),
        ("supervisor._x", &[], "1 UNKNOWN_METHOD"),
        ("supervisor.getState.x", &[], "1 UNKNOWN_METHOD"),
        ("other.getState", &[], "1 UNKNOWN_METHOD"),
        (
            "supervisor.getState",
            &[Value::Int(1)],
            "2 INCORRECT_PARAMETERS",
        ),
        ("supervisor.getProcessInfo", &[], "2 INCORRECT_PARAMETERS"),
        (
            "supervisor.getProcessInfo",
            &[Value::Int(5)],
            "2 INCORRECT_PARAMETERS",
        ),
        (
            "supervisor.getProcessInfo",
            &[Value::Str(String::new())],
            "10 BAD_NAME: ",
        ),
        (
            "supervisor.startProcessGroup",
            &[Value::Int(5)],
            "10 BAD_NAME: 5",
        ),
        ("supervisor.getPID", &[], "77"),
        ("supervisor.getAPIVersion", &[], "3.0"),
        ("supervisor.getVersion", &[], "3.0"),
        ("supervisor.getSupervisorVersion", &[], "4.3.0"),
        ("supervisor.getIdentification", &[], "supervisor"),
        (
            "system.methodSignature",
            &[Value::Str("supervisor.getState".into())],
            "[struct]",
        ),
        (
            "system.methodSignature",
            &[Value::Str("nope".into())],
            "4 SIGNATURE_UNSUPPORTED",
        ),
        (
            "supervisor.reloadConfig",
            &[Value::Nil],
            "2 INCORRECT_PARAMETERS",
        ),
        (
            "supervisor.addProcessGroup",
            &[Value::Str("web".into())],
            "90 ALREADY_ADDED: web",
        ),
        (
            "supervisor.removeProcessGroup",
            &[Value::Str("x".into())],
            "10 BAD_NAME: x",
        ),
    ];
    for (method, params, expected) in cases {
        assert_eq!(
            daemon.call(method, params),
            *expected,
            "{method} {params:?}"
        );
    }
}

#[test]
fn a_name_that_is_no_process_is_bad() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a")]);
    for name in ["g", "g:", "g:*", "a", "g:b", ":", "a:b:c", "web:a"] {
        let expected = format!("10 BAD_NAME: {name}");
        assert_eq!(
            daemon.call("supervisor.getProcessInfo", &[name.into()]),
            expected
        );
    }
}

#[test]
fn signals_have_names_and_numbers() {
    let mut daemon = web();
    let signal = |daemon: &mut Daemon, signal: Value| {
        daemon.call("supervisor.signalProcess", &["web".into(), signal])
    };
    assert_eq!(signal(&mut daemon, "HUP".into()), "70 NOT_RUNNING: web");
    for good in [
        Value::from("SIGHUP"),
        "hup".into(),
        "1".into(),
        1.into(),
        "0".into(),
    ] {
        daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
        assert_eq!(signal(&mut daemon, good.clone()), "true", "{good:?}");
        daemon.advance(SECOND * 2);
    }
    for bad in ["-1", "nope", "", "99"] {
        assert_eq!(
            signal(&mut daemon, bad.into()),
            format!("11 BAD_SIGNAL: {bad}")
        );
    }
}

#[test]
fn calls_in_a_row_wait_for_one_another() {
    let mut daemon = web();
    let one = |method: &str, params: Vec<Value>| {
        Value::Struct(vec![
            ("methodName".into(), method.into()),
            ("params".into(), Value::Array(params)),
        ])
    };
    let calls = vec![
        one("supervisor.startProcess", vec!["web".into()]),
        one("system.multicall", vec![]),
        Value::Struct(vec![]),
        one("supervisor.stopProcess", vec!["web".into()]),
        one("supervisor.getPID", vec![]),
    ];
    let conn = daemon.begin_call("system.multicall", &[Value::Array(calls)]);
    assert_eq!(daemon.end_call(conn), None);
    daemon.advance(SECOND * 2);
    assert_eq!(
        daemon.end_call(conn).unwrap(),
        "[true, fault INCORRECT_PARAMETERS: Recursive system.multicall forbidden, \
         fault INCORRECT_PARAMETERS: No methodName, true, 77]"
    );
}

#[test]
fn logs_are_read_by_range() {
    let mut daemon = web();
    daemon
        .files
        .insert("/log/web-web".into(), b"0123456789".to_vec());
    let read = |daemon: &mut Daemon, offset: i64, length: i64| {
        daemon.call(
            "supervisor.readProcessLog",
            &["web".into(), offset.into(), length.into()],
        )
    };
    assert_eq!(read(&mut daemon, 0, 0), "0123456789");
    assert_eq!(read(&mut daemon, 2, 3), "234");
    assert_eq!(read(&mut daemon, -3, 0), "789");
    assert_eq!(read(&mut daemon, 99, 3), "");
    assert_eq!(read(&mut daemon, -3, 1), "3 BAD_ARGUMENTS");
    assert_eq!(read(&mut daemon, 3, -1), "3 BAD_ARGUMENTS");
    let tail = |daemon: &mut Daemon, offset: i64, length: i64| {
        daemon.call(
            "supervisor.tailProcessStdoutLog",
            &["web".into(), offset.into(), length.into()],
        )
    };
    assert_eq!(tail(&mut daemon, 0, 4), "[6789, 10, true]");
    assert_eq!(tail(&mut daemon, 6, 4), "[6789, 10, false]");
    assert_eq!(tail(&mut daemon, 10, 4), "[, 10, false]");
    assert_eq!(tail(&mut daemon, -5, 0), "[, 10, true]");
    assert_eq!(tail(&mut daemon, 0, -1), "[, 10, true]");
    assert_eq!(
        daemon.call(
            "supervisor.readProcessStderrLog",
            &["web".into(), 0.into(), 0.into()]
        ),
        "20 NO_FILE"
    );
    daemon.files.remove("/log/web-web");
    assert_eq!(read(&mut daemon, 0, 0), "20 NO_FILE: /log/web-web");
    assert_eq!(tail(&mut daemon, 0, 4), "[, 0, false]");
    assert_eq!(
        daemon.call("supervisor.clearProcessLogs", &["web".into()]),
        "true"
    );
    assert_eq!(read(&mut daemon, 0, 0), "");
    assert_eq!(
        daemon.call("supervisor.clearAllProcessLogs", &[]),
        "[web=OK]"
    );
    assert_eq!(daemon.call("supervisor.clearLog", &[]), "true");
}

#[test]
fn a_log_is_followed_through_rotation_and_clearing() {
    let mut daemon = Daemon::with(&[("web", "web")], |config| {
        process(config, 0, 0).stdout.maxbytes = 8;
    });
    assert!(daemon.get("/logtail/web", &[]).contains("404 Not Found"));
    assert!(daemon.get("/logtail/nope", &[]).contains("404 Not Found"));
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"one\n");
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web/stdout", &[], None));
    assert!(daemon.received(conn).ends_with("\r\n\r\n4\r\none\n\r\n"));
    daemon.output("web", b"two, and rotated\n");
    assert_eq!(daemon.received(conn), "11\r\ntwo, and rotated\n\r\n");
    daemon.output("web", b"3\n");
    assert_eq!(daemon.received(conn), "2\r\n3\n\r\n");
    daemon.call("supervisor.clearProcessLogs", &["web".into()]);
    assert_eq!(daemon.received(conn), "17\r\n==> File truncated <==\n\r\n");
    daemon.output("web", b"4\n");
    assert_eq!(daemon.received(conn), "2\r\n4\n\r\n");
}

#[test]
fn a_log_cut_short_by_others_is_noticed() {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"a long line\n");
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web", &[], None));
    daemon.received(conn);
    daemon.files.insert("/log/web-web".into(), vec![]);
    daemon.output("web", b"5\n");
    assert_eq!(
        daemon.received(conn),
        "17\r\n==> File truncated <==\n\r\n2\r\n5\n\r\n"
    );
}

#[test]
fn a_follower_that_takes_nothing_costs_no_memory_and_catches_up() {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"first\n");
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web", &[], None));
    daemon.received(conn);
    daemon.conns.get_mut(&conn).unwrap().is_stuck = true;
    for _ in 0..100 {
        daemon.output("web", &[b'x'; 1000]);
    }
    assert!(daemon.received(conn).len() < 2000);
    daemon.conns.get_mut(&conn).unwrap().is_stuck = false;
    daemon.tell(Input::ConnDrained { conn });
    assert_eq!(daemon.received(conn).matches('x').count(), 99_000);
}

#[test]
fn who_follows_a_log_hears_when_its_process_is_removed() {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"last\n");
    daemon.call("supervisor.stopProcess", &["web".into()]);
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web", &[], None));
    daemon.received(conn);
    daemon.call("supervisor.removeProcessGroup", &["web".into()]);
    assert_eq!(daemon.received(conn), "0\r\n\r\n");
    daemon.send(conn, &request("GET", "/ok.html", &[], None));
    assert!(daemon.received(conn).ends_with("OK"));
}

#[test]
fn the_activity_log_is_followed() {
    let mut daemon = web();
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/mainlogtail", &[], None));
    assert!(
        daemon
            .received(conn)
            .contains("supervisord started with pid 77")
    );
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    assert!(daemon.received(conn).contains("spawned: 'web'"));
}

#[test]
fn the_end_is_answered_before_it_comes() {
    let mut daemon = web();
    assert_eq!(daemon.call("supervisor.shutdown", &[]), "true");
    assert!(daemon.ended);
}

#[test]
fn while_the_daemon_ends_calls_are_refused() {
    let mut daemon = Daemon::with(&[("web", "web")], |config| {
        process(config, 0, 0).stopsignal = crate::Signal::USR1;
    });
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    // It does not end when it is asked to.
    let spawn = daemon.spawn_of("web");
    daemon.children.clear();
    assert_eq!(daemon.call("supervisor.shutdown", &[]), "true");
    assert_eq!(daemon.call("supervisor.getState", &[]), "6 SHUTDOWN_STATE");
    assert_eq!(
        daemon.call("supervisor.sendRemoteCommEvent", &["a".into(), 5.into()]),
        "true"
    );
    assert!(
        daemon
            .call("system.listMethods", &[])
            .contains("supervisor.getState")
    );
    daemon.children.insert(spawn, "web".into());
    daemon.exit("web", 0);
    assert!(daemon.ended);
}

#[test]
fn a_client_that_leaves_is_forgotten() {
    let mut daemon = web();
    let conn = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    daemon.tell(Input::ConnClosed { conn });
    daemon.advance(SECOND * 2);
    assert!(daemon.received(conn).is_empty());
}

#[test]
fn slow_clients_are_let_go_and_idle_ones_later() {
    let mut daemon = web();
    let slow = daemon.connect();
    daemon.send(slow, b"GET / HT");
    let idle = daemon.connect();
    let stuck = daemon.connect();
    daemon.conns.get_mut(&stuck).unwrap().is_stuck = true;
    daemon.send(stuck, &request("GET", "/", &[], None));
    daemon.advance(SECOND * 61);
    assert!(daemon.conns[&stuck].is_closed);
    assert!(!daemon.conns[&slow].is_closed);
    daemon.advance(SECOND * 60);
    assert!(daemon.conns[&slow].is_closed);
    assert!(daemon.received(slow).contains("408 Request Timeout"));
    assert!(!daemon.conns[&idle].is_closed);
    daemon.advance(SECOND * 1800);
    assert!(daemon.conns[&idle].is_closed);
}

#[test]
fn what_a_waiting_client_sends_is_kept_up_to_a_bound() {
    let mut daemon = web();
    let conn = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    daemon.send(conn, &call("supervisor.getPID", &[]));
    for _ in 0..70 {
        daemon.send(conn, &[b'\n'; 1024]);
    }
    assert!(!daemon.conns[&conn].is_read);
    daemon.advance(SECOND * 2);
    assert!(daemon.conns[&conn].is_read);
    assert_eq!(daemon.received(conn).matches("200 OK").count(), 2);
}

#[test]
fn when_all_places_are_taken_an_idle_client_goes() {
    let mut daemon = web();
    let first = daemon.connect();
    for _ in 0..super::CONNECTIONS_MAX {
        daemon.connect();
    }
    assert!(daemon.conns[&first].is_closed);
    assert_eq!(daemon.conns.values().filter(|c| c.is_closed).count(), 1);
}
