//! What each action makes of results, of faults, and of results of another shape.

use super::*;

#[test]
fn a_result_of_another_shape_is_one_sentence() {
    let mut pair = Pair::new(good);
    pair.said = Some(Value::Double(1.5));
    for (line, method) in [
        ("status", "supervisor.getAllProcessInfo"),
        ("pid", "supervisor.getPID"),
        ("pid all", "supervisor.getAllProcessInfo"),
        ("avail", "supervisor.getAllConfigInfo"),
        ("reread", "supervisor.reloadConfig"),
        ("update", "supervisor.reloadConfig"),
        ("version", "supervisor.getSupervisorVersion"),
        ("tail cat", "the call for a log"),
    ] {
        let (out, status) = pair.run(line);
        let sentence = format!("error: the answer of unix:///s to {method} makes no sense; ");
        assert!(out[0].starts_with(&sentence), "{line}: {out:?}");
        assert_eq!((out.len(), status), (1, 1), "{line}");
    }
    let mut pair = Pair::new(|_, _| Ok(3.into()));
    let (out, status) = pair.run("pid");
    assert!(out[0].contains("to supervisor.getVersion makes no sense"));
    assert_eq!(status, 1);
}

#[test]
fn faults_have_the_lines_of_the_reference() {
    let cases: &[(&str, i64, &str, u8)] = &[
        ("start cat", 20, "cat: ERROR (no such file)", 1),
        ("start cat", 21, "cat: ERROR (file is not executable)", 1),
        ("start cat", 40, "cat: ERROR (abnormal termination)", 7),
        ("start cat", 50, "cat: ERROR (spawn error)", 7),
        ("start cat", 60, "cat: ERROR (already started)", 0),
        ("start cat", 70, "error: cat: TEXT", 1),
        ("stop cat", 70, "cat: ERROR (not running)", 0),
        ("stop cat", 30, "TEXT", 1),
        ("stop cat", 60, "error: cat: TEXT", 1),
        ("signal HUP cat", 11, "cat: ERROR (bad signal name)", 1),
        ("signal HUP cat", 70, "cat: ERROR (not running)", 7),
        ("signal HUP cat", 30, "TEXT", 1),
        ("clear cat", 30, "cat: ERROR (failed)", 1),
        ("clear cat", 10, "cat: ERROR (no such process)", 1),
        ("tail cat", 20, "cat: ERROR (no log file)", 1),
        ("tail cat", 30, "cat: ERROR (unknown error reading log)", 1),
        ("tail cat", 10, "cat: ERROR (no such process name)", 1),
        ("maintail", 20, "supervisord: ERROR (no log file)", 1),
        (
            "maintail",
            30,
            "supervisord: ERROR (unknown error reading log)",
            1,
        ),
        ("reread", 92, "ERROR: TEXT", 1),
        ("reload", 92, "ERROR: TEXT", 1),
        ("add x", 90, "ERROR: process group already active", 0),
        ("add x", 10, "ERROR: no such process/group: x", 1),
        ("add x", 30, "ERROR: x: TEXT", 1),
        ("remove x", 91, "ERROR: process/group still running: x", 1),
        ("remove x", 10, "ERROR: no such process/group: x", 1),
        ("fg cat", 10, "ERROR: bad process name supplied", 1),
        ("fg cat", 2, "ERROR: TEXT", 1),
    ];
    for (line, code, expected, exit) in cases {
        let mut pair = Pair::new(good);
        pair.fault = Some(*code);
        assert_eq!(
            pair.run(line),
            (vec![(*expected).into()], *exit),
            "{line} {code}"
        );
    }
}

#[test]
fn faults_that_no_action_knows_are_told_as_they_are() {
    for line in [
        "status",
        "pid",
        "pid all",
        "pid cat",
        "start w:*",
        "stop all",
        "clear w:*",
        "tail cat",
        "maintail",
        "avail",
        "reread",
        "update",
        "add x",
        "remove x",
        "shutdown",
        "reload",
        "version",
    ] {
        let mut pair = Pair::new(good);
        pair.fault = Some(3);
        let (out, status) = pair.run(line);
        assert!(
            out[0].starts_with("error: ") && out[0].contains("TEXT"),
            "{line}: {out:?}"
        );
        assert_eq!((out.len(), status), (1, 1), "{line}");
    }
    let mut pair = Pair::new(good);
    pair.fault = Some(10);
    let (out, _) = pair.run("maintail");
    assert!(out[0].starts_with("error: "), "{out:?}");
}

#[test]
fn good_results_have_the_lines_of_the_reference() {
    let mut pair = Pair::new(good);
    for (line, expected) in [
        ("signal HUP cat", "cat: signalled"),
        ("clear cat", "cat: cleared"),
        ("stop cat", "cat: stopped"),
        ("add x", "x: added process group"),
        ("remove x", "x: removed process group"),
        ("shutdown", "Shut down"),
        ("reload", "Restarted supervisord"),
        ("tail cat", "tail"),
        ("maintail", "main"),
    ] {
        assert_eq!(pair.run(line), (vec![expected.into()], 0), "{line}");
    }
    assert_eq!(
        pair.run("reread").0,
        ["c: changed", "n: available", "r: disappeared"]
    );
    assert_eq!(pair.run("signal HUP w:*").1, 1);
    assert_eq!(pair.calls.last().unwrap(), "signalProcessGroup");
    assert_eq!(
        pair.run("signal HUP all"),
        (vec!["w:w_00: signalled".into()], 0)
    );
    pair.run("clear all");
    assert_eq!(pair.calls.last().unwrap(), "clearAllProcessLogs");
}

#[test]
fn what_can_be_added_is_listed() {
    let mut pair = Pair::new(good);
    assert_eq!(
        pair.run("avail").0,
        [
            "a                                in use    auto      999:5",
            "g:b                              avail     manual    1:2",
        ]
    );
    pair = Pair::with(good, |options| options.json = true);
    assert_eq!(
        pair.run("avail").0,
        [
            "[{\"name\": \"a\", \"inuse\": true, \"autostart\": true, \"group_priority\": 999, \
          \"process_priority\": 5}, {\"name\": \"g:b\", \"inuse\": false, \"autostart\": false, \
          \"group_priority\": 1, \"process_priority\": 2}]"
        ]
    );
    assert_eq!(
        pair.run("pid all").0,
        [
            "[{\"name\": \"cat\", \"pid\": 7}, {\"name\": \"w:w_00\", \"pid\": 8}, \
          {\"name\": \"w:w_01\", \"pid\": 0}]"
        ]
    );
    let (out, status) = pair.run("pid nope");
    assert_eq!(
        out,
        ["[{\"name\": \"nope\", \"error\": \"no such process\"}]"]
    );
    assert_eq!(status, 1);
}

#[test]
fn logs_are_asked_for_by_their_end() {
    let mut pair = Pair::new(good);
    pair.run("tail -7 cat stderr");
    assert_eq!(pair.calls.last().unwrap(), "readProcessStderrLog");
    assert_eq!(
        pair.params,
        [Value::from("cat"), Value::Int(-7), Value::Int(0)]
    );
    pair.run("tail cat");
    assert_eq!(pair.params[1], Value::Int(-1600));
    pair.run("maintail -9");
    assert_eq!(pair.params, [Value::Int(-9), Value::Int(0)]);
    pair.run("maintail -f");
    assert_eq!(pair.calls.last().unwrap(), "/mainlogtail");
}

#[test]
fn one_program_is_attached_to_at_a_time() {
    let mut pair = Pair::new(good);
    let (out, status) = pair.run("fg cat w:w_00");
    assert_eq!(out, ["ERROR: too many process names supplied"]);
    assert_eq!(status, 1);
}

#[test]
fn options_hide_the_password() {
    let mut options = CtlOptions::new(ServerUrl::parse("http://h:1").unwrap());
    options.username = "bob".into();
    options.password = "secret".into();
    let shown = format!("{options:?}");
    assert!(shown.contains("http://h:1") && shown.contains("bob"));
    assert!(!shown.contains("secret"));
}

#[test]
fn status_shows_what_was_asked_for() {
    let mut pair = Pair::new(good);
    let (out, exit) = pair.run("status w:w_00");
    assert!(out.len() == 1 && out[0].starts_with("w:w_00 "), "{out:?}");
    assert_eq!(exit, 0);
    let (out, exit) = pair.run("status w:w_01");
    assert!(out.len() == 1 && out[0].starts_with("w:w_01 "), "{out:?}");
    assert_eq!(exit, 3);
    let (out, exit) = pair.run("status w:*");
    assert_eq!((out.len(), exit), (2, 3));
    // The name is another group's.
    let (out, exit) = pair.run("status cat:w_00");
    assert_eq!(out, ["cat:w_00: ERROR (no such process)"]);
    assert_eq!(exit, 4);
}

#[test]
fn what_does_not_run_has_no_pid() {
    let mut pair = Pair::new(good);
    assert_eq!(pair.run("pid cat"), (vec!["7".into()], 0));
    assert_eq!(pair.run("pid w:w_01"), (vec!["0".into()], 7));
}

#[test]
fn a_call_for_one_may_tell_of_many() {
    let mut pair = Pair::new(good);
    let each = vec![outcome("w", "w_00", 80), outcome("w", "w_01", 50)];
    pair.said = Some(Value::Array(each));
    let lines = ["w:w_00: started", "w:w_01: ERROR (spawn error)"];
    assert_eq!(pair.run("start cat"), (lines.map(String::from).to_vec(), 7));
}

#[test]
fn arguments_that_are_not_understood_are_said_with_the_help() {
    let mut pair = Pair::new(good);
    for line in ["tail", "tail -x cat", "tail cat nope", "maintail x"] {
        let (out, exit) = pair.run(line);
        assert!(!out.is_empty() && exit != 0, "{line}: {out:?}, {exit}");
        assert!(!pair.calls.iter().any(|call| call.starts_with("read")));
    }
}
