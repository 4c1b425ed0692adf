//! What calls take and give.

use super::*;
use crate::ReadConfig;
use crate::config::{AutoRestart, GroupKind, LogTarget, User};
use alloc::boxed::Box;

fn one(method: &str, params: Value) -> Value {
    Value::Struct(vec![
        ("methodName".into(), method.into()),
        ("params".into(), params),
    ])
}

#[test]
fn the_configuration_of_every_process_is_told() {
    let mut daemon = Daemon::with(&[("web", "web"), ("g", "a"), ("g", "b")], |config| {
        let web = process(config, 1, 0);
        web.directory = Some("/srv".into());
        web.user = Some(User {
            name: "www".into(),
            uid: 33,
            gid: 33,
        });
        web.autorestart = AutoRestart::Always;
        web.exitcodes = vec![0, 2];
        web.stdout.logfile = LogTarget::Auto;
        web.stdout.capture_maxbytes = 7;
        web.stderr.logfile = LogTarget::Syslog;
        web.stderr.syslog = true;
        web.stderr.maxbytes = u64::MAX;
        web.serverurl = Some("unix:///s".into());
        let a = process(config, 0, 0);
        a.autorestart = AutoRestart::Never;
        a.stdout.logfile = LogTarget::Auto;
        a.stdout.events_enabled = true;
    });
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.call("supervisor.removeProcessGroup", &["g".into()]);
    let all = daemon.call("supervisor.getAllConfigInfo", &[]);
    let expected = "[{autostart: false, autorestart: false, directory: none, uid: none, \
        command: /bin/a x, exitcodes: [0], group: g, group_prio: 999, inuse: false, \
        killasgroup: false, name: a, process_prio: 999, redirect_stderr: false, startretries: 3, \
        startsecs: 1, stdout_capture_maxbytes: 0, stdout_events_enabled: true, \
        stdout_logfile: auto, stdout_logfile_backups: 10, stdout_logfile_maxbytes: 52428800, \
        stdout_syslog: false, stopsignal: 15, stopwaitsecs: 10, stderr_capture_maxbytes: 0, \
        stderr_events_enabled: false, stderr_logfile: none, stderr_logfile_backups: 10, \
        stderr_logfile_maxbytes: 52428800, stderr_syslog: false, serverurl: none}, ";
    assert!(all.starts_with(expected), "{all}");
    assert!(all.contains("autorestart: unexpected, directory: none, uid: none, command: /bin/b x"));
    assert!(all.contains("stdout_logfile: /log/g-b,"));
    let web = all.split_once("command: /bin/web x").unwrap();
    assert!(
        web.0
            .ends_with("autorestart: true, directory: /srv, uid: 33, "),
        "{}",
        web.0
    );
    assert!(web.1.starts_with(", exitcodes: [0, 2], group: web,"));
    assert!(web.1.contains("inuse: true"));
    assert!(web.1.contains("stdout_capture_maxbytes: 7"));
    assert!(
        web.1
            .contains("stdout_logfile: /tmp/web-stdout---supervisor-")
    );
    assert!(web.1.contains("stderr_logfile: none"));
    assert!(
        web.1
            .contains("stderr_logfile_maxbytes: 9223372036854775807")
    );
    assert!(web.1.contains("stderr_syslog: true, serverurl: unix:///s}"));
}

#[test]
fn what_the_daemon_is_doing_is_told() {
    let mut daemon = web();
    assert_eq!(
        daemon.call("supervisor.getState", &[]),
        "{statecode: 1, statename: RUNNING}"
    );
}

#[test]
fn methods_describe_themselves() {
    let mut daemon = web();
    let list = daemon.call("system.listMethods", &[]);
    assert!(list.starts_with("[supervisor.addProcessGroup, supervisor.clearAllProcessLogs, "));
    assert!(list.ends_with("system.methodHelp, system.methodSignature, system.multicall]"));
    let help = |daemon: &mut Daemon, of: &str| daemon.call("system.methodHelp", &[of.into()]);
    assert!(help(&mut daemon, "supervisor.getPID").starts_with("The daemon's own pid.\n"));
    assert!(help(&mut daemon, "system.listMethods").starts_with("The names of all methods"));
    assert_eq!(help(&mut daemon, "x"), "4 SIGNATURE_UNSUPPORTED");
    assert_eq!(
        daemon.call(
            "system.methodSignature",
            &["supervisor.signalProcess".into()]
        ),
        "[boolean, string, string]"
    );
}

#[test]
fn what_can_be_left_out_is_and_nothing_else() {
    let mut daemon = web();
    let wrong = "2 INCORRECT_PARAMETERS";
    let start = "supervisor.startProcess";
    assert_eq!(daemon.call(start, &[]), wrong);
    let three = [Value::from("web"), true.into(), true.into()];
    assert_eq!(daemon.call(start, &three), wrong);
    let begun = daemon.begin_call(start, &["web".into()]);
    assert_eq!(daemon.end_call(begun), None, "it waits unless told not to");
    assert_eq!(daemon.call("system.multicall", &["x".into()]), wrong);
    assert_eq!(daemon.call("system.methodHelp", &[]), wrong);
}

/// Whether `stopProcess` with this for `wait` waits for a child that does not end.
fn waits(flag: Value) -> bool {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.children.clear();
    daemon.call("supervisor.stopProcess", &["web".into(), flag]) == "waits"
}

#[test]
fn a_truth_is_what_python_takes_for_one() {
    for no in [
        Value::Nil,
        false.into(),
        0.into(),
        Value::Double(0.0),
        "".into(),
        Value::DateTime(String::new()),
        Value::Base64(vec![]),
        Value::Array(vec![]),
        Value::Struct(vec![]),
    ] {
        assert!(!waits(no.clone()), "{no:?}");
    }
    for yes in [
        true.into(),
        Value::Int(-1),
        Value::Double(0.5),
        "0".into(),
        Value::DateTime("20260131T23:59:59".into()),
        Value::Base64(vec![0]),
        Value::Array(vec![Value::Nil]),
        Value::Struct(vec![("a".into(), Value::Nil)]),
    ] {
        assert!(waits(yes.clone()), "{yes:?}");
    }
}

#[test]
fn numbers_are_read_from_whatever_python_makes_one_of() {
    let mut daemon = web();
    daemon
        .files
        .insert("/log/web-web".into(), b"0123456789".to_vec());
    let mut read = |offset: Value, length: Value| {
        daemon.call(
            "supervisor.readProcessStdoutLog",
            &["web".into(), offset, length],
        )
    };
    assert_eq!(read(" 2 ".into(), Value::Double(3.9)), "234");
    assert_eq!(read(true.into(), true.into()), "1");
    let wrong = "2 INCORRECT_PARAMETERS";
    for odd in [
        Value::Nil,
        "two".into(),
        Value::Base64(b"2".to_vec()),
        Value::DateTime("2".into()),
        Value::Array(vec![]),
        Value::Struct(vec![]),
    ] {
        assert_eq!(read(odd.clone(), 0.into()), wrong, "{odd:?}");
        assert_eq!(read(0.into(), odd.clone()), wrong, "{odd:?}");
    }
}

#[test]
fn names_are_texts_but_groups_are_named_by_anything() {
    let mut daemon = Daemon::new(&[("web", "web"), ("5", "a")]);
    let info = |daemon: &mut Daemon, name: Value| daemon.call("supervisor.getProcessInfo", &[name]);
    assert!(info(&mut daemon, Value::Base64(b"web".to_vec())).contains("web"));
    for odd in [
        Value::Nil,
        5.into(),
        true.into(),
        Value::Double(5.0),
        Value::DateTime("web".into()),
        Value::Base64(vec![0xff]),
        Value::Array(vec!["web".into()]),
        Value::Struct(vec![]),
    ] {
        assert_eq!(
            info(&mut daemon, odd.clone()),
            "2 INCORRECT_PARAMETERS",
            "{odd:?}"
        );
    }
    let stop =
        |daemon: &mut Daemon, group: Value| daemon.call("supervisor.stopProcessGroup", &[group]);
    assert_eq!(stop(&mut daemon, 5.into()), "[]");
    assert_eq!(stop(&mut daemon, Value::Nil), "10 BAD_NAME");
    assert_eq!(stop(&mut daemon, true.into()), "10 BAD_NAME: True");
    assert_eq!(
        stop(&mut daemon, Value::Array(vec![])),
        "2 INCORRECT_PARAMETERS"
    );
    assert_eq!(
        daemon.call(
            "supervisor.addProcessGroup",
            &[Value::Array(vec![1.into()])]
        ),
        "10 BAD_NAME: [1]"
    );
}

#[test]
fn signals_are_numbers_in_any_form() {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    let mut signal =
        |signal: Value| daemon.call("supervisor.signalProcess", &["web".into(), signal]);
    assert_eq!(signal(Value::Double(99.5)), "11 BAD_SIGNAL: 99");
    for odd in [
        Value::Nil,
        Value::Array(vec![]),
        Value::DateTime("1".into()),
    ] {
        assert_eq!(signal(odd), "2 INCORRECT_PARAMETERS");
    }
    assert_eq!(signal(Value::Base64(b"hup".to_vec())), "true");
}

#[test]
fn groups_and_all_are_signalled_where_something_runs() {
    let mut daemon = Daemon::new(&[("g", "a"), ("g", "b"), ("h", "h")]);
    daemon.call("supervisor.startProcess", &["g:a".into(), false.into()]);
    let mut call = |method: &str, params: &[Value]| daemon.call(method, params);
    assert_eq!(
        call("supervisor.signalProcessGroup", &["g".into(), "99".into()]),
        "[a=BAD_SIGNAL: 99]"
    );
    assert_eq!(
        call("supervisor.signalProcess", &["g:*".into(), "99".into()]),
        "[a=BAD_SIGNAL: 99]"
    );
    assert_eq!(
        call("supervisor.signalProcessGroup", &["x".into(), "1".into()]),
        "10 BAD_NAME: x"
    );
    assert_eq!(
        call("supervisor.signalProcess", &["g:b".into(), "1".into()]),
        "70 NOT_RUNNING: g:b"
    );
    assert_eq!(
        call("supervisor.signalAllProcesses", &["usr1".into()]),
        "[a=OK]"
    );
}

#[test]
fn what_is_written_to_a_program_must_be_text() {
    let mut daemon = web();
    let mut send =
        |chars: Value| daemon.call("supervisor.sendProcessStdin", &["web".into(), chars]);
    assert_eq!(send("x".into()), "70 NOT_RUNNING: web");
    assert_eq!(send(Value::Base64(vec![1])), "70 NOT_RUNNING: web");
    assert_eq!(send(Value::Nil), "2 INCORRECT_PARAMETERS");
    assert_eq!(send(5.into()), "2 INCORRECT_PARAMETERS: 5");
    assert_eq!(
        send(Value::Array(vec!["a".into()])),
        "2 INCORRECT_PARAMETERS: ['a']"
    );
}

#[test]
fn calls_in_a_row_must_be_calls() {
    let mut daemon = web();
    let none = Value::Array(vec![]);
    let calls = vec![
        Value::Int(1),
        Value::Struct(vec![("methodName".into(), 1.into())]),
        one("supervisor.getPID", 1.into()),
        one("nope", none.clone()),
        Value::Struct(vec![
            ("methodName".into(), "supervisor.getPID".into()),
            ("other".into(), 1.into()),
        ]),
        one("system.methodSignature", Value::Array(vec!["x".into()])),
    ];
    assert_eq!(
        daemon.call("system.multicall", &[Value::Array(calls)]),
        "[fault INCORRECT_PARAMETERS, fault INCORRECT_PARAMETERS, fault INCORRECT_PARAMETERS, \
         fault UNKNOWN_METHOD, 77, fault SIGNATURE_UNSUPPORTED]"
    );
    assert_eq!(daemon.call("system.multicall", &[none]), "[]");
}

#[test]
fn what_has_changed_is_told_when_the_configuration_was_read() {
    let mut daemon = Daemon::new(&[("kept", "k"), ("gone", "g"), ("changed", "c")]);
    let conn = daemon.begin_call("supervisor.reloadConfig", &[]);
    assert_eq!(daemon.end_call(conn), None);
    let mut config = Daemon::config(&[("kept", "k"), ("changed", "c"), ("new", "n")]);
    process(&mut config, 0, 0).priority = 5;
    let read = ReadConfig {
        config,
        messages: vec![],
    };
    daemon.tell(Input::ConfigRead {
        result: Ok(Box::new(read)),
    });
    assert_eq!(
        daemon.end_call(conn).unwrap(),
        "[[[new], [changed], [gone]]]"
    );
    let conn = daemon.begin_call("supervisor.reloadConfig", &[]);
    daemon.tell(Input::ConfigRead {
        result: Err("line 3".into()),
    });
    assert_eq!(daemon.end_call(conn).unwrap(), "92 CANT_REREAD: line 3");
}

#[test]
fn every_method_that_is_listed_can_be_called() {
    let list = web().call("system.listMethods", &[]);
    for method in list.trim_matches(['[', ']']).split(", ") {
        let mut daemon = web();
        let signature = daemon.call("system.methodSignature", &[method.into()]);
        let types = signature.trim_matches(['[', ']']).split(", ");
        let params: Vec<Value> = types
            .skip(1)
            .map(|kind| match kind {
                "int" => Value::Int(0),
                "boolean" => Value::Bool(true),
                "array" => Value::Array(vec![]),
                "string" => "web".into(),
                other => panic!("{method} takes {other}"),
            })
            .collect();
        let answer = daemon.call(method, &params);
        assert!(
            !answer.starts_with("1 ") && !answer.starts_with("2 "),
            "{method}: {answer}"
        );
    }
}

#[test]
fn all_can_be_started_and_looked_at() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a")]);
    let all = [Value::from(false)];
    assert_eq!(
        daemon.call("supervisor.startAllProcesses", &all),
        "[a=OK, web=OK]"
    );
    daemon.advance(SECOND * 2);
    let info = daemon.call("supervisor.getAllProcessInfo", &[]);
    assert_eq!(
        info,
        "[a=pid 100, uptime 0:00:02, web=pid 101, uptime 0:00:02]"
    );
    daemon.files.insert("/log/main".into(), b"0123".to_vec());
    for method in ["readLog", "readMainLog"] {
        let method = format!("supervisor.{method}");
        assert_eq!(daemon.call(&method, &[1.into(), 2.into()]), "12");
    }
    let tail = [Value::from("web"), 0.into(), 4.into()];
    assert_eq!(
        daemon.call("supervisor.tailProcessStderrLog", &tail),
        "[, 0, false]"
    );
}

#[test]
fn what_stops_is_not_started_and_who_does_not_wait_is_not_told() {
    let mut daemon = web();
    let start = |daemon: &mut Daemon, wait: bool| {
        daemon.call("supervisor.startProcess", &["web".into(), wait.into()])
    };
    start(&mut daemon, false);
    // It does not end when it is asked to.
    daemon.children.clear();
    daemon.call("supervisor.stopProcess", &["web".into(), false.into()]);
    assert_eq!(start(&mut daemon, false), "true");
    assert_eq!(start(&mut daemon, true), "40 ABNORMAL_TERMINATION: web");
}

#[test]
fn a_process_that_goes_while_it_is_to_be_started_is_a_fault() {
    let mut daemon = web();
    daemon.late = Some(vec![]);
    let conn = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    assert_eq!(
        daemon.call("supervisor.removeProcessGroup", &["web".into()]),
        "true"
    );
    assert_eq!(
        daemon.end_call(conn).unwrap(),
        "40 ABNORMAL_TERMINATION: web"
    );
    daemon.catch_up();
    assert!(daemon.received(conn).is_empty());
}

#[test]
fn a_log_that_was_there_before_counts_for_its_rotation() {
    let mut daemon = Daemon::with(&[("web", "web")], |config| {
        process(config, 0, 0).stdout.maxbytes = 100;
    });
    daemon.files.insert("/log/web-web".into(), vec![b'x'; 99]);
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"y");
    assert_eq!(daemon.files["/log/web-web.1"].len(), 100);
    assert!(daemon.files["/log/web-web"].is_empty());
}

#[test]
fn nothing_follows_the_end() {
    let mut daemon = web();
    daemon.call("supervisor.shutdown", &[]);
    assert!(daemon.ended);
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/ok.html", &[], None));
    assert!(daemon.received(conn).is_empty());
    assert_eq!(daemon.deadline, None);
    let log = daemon.files["/log/main"].clone();
    daemon.tell(Input::Signal(crate::Signal::TERM));
    assert_eq!(daemon.files["/log/main"], log);
}

#[test]
fn a_listener_that_is_stopped_as_soon_as_it_is_up_is_not_told_of_it() {
    let mut daemon = Daemon::with(&[("a", "a"), ("mail", "mail")], |config| {
        config.groups[1].kind = GroupKind::Listener {
            buffer_size: 10,
            events: vec!["PROCESS_STATE_RUNNING".into()],
        };
    });
    let call = |method: &str, params: Vec<Value>| {
        one(&format!("supervisor.{method}"), Value::Array(params))
    };
    let calls = vec![
        call("startProcess", vec!["mail".into(), false.into()]),
        call("startProcess", vec!["a".into()]),
        call("stopProcess", vec!["mail".into(), false.into()]),
    ];
    let conn = daemon.begin_call("system.multicall", &[Value::Array(calls)]);
    daemon.output("mail", b"READY\n");
    // Both are up at once, and the answer to the second call begins the third.
    daemon.advance(SECOND);
    assert_eq!(daemon.end_call(conn).unwrap(), "[true, true, true]");
    assert_eq!(String::from_utf8_lossy(&daemon.written), "");
}
