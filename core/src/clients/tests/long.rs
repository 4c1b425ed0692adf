//! Answers that are written in pieces.

use super::world::Daemon;
use crate::LogLevel;
use crate::xmlrpc::{Message, Value};
use alloc::{format, string::String, vec::Vec};

/// The result of a call, as a value.
fn result(daemon: &mut Daemon, method: &str, params: &[Value]) -> Value {
    let conn = daemon.begin_call(method, params);
    match daemon.answer_to(conn) {
        Some(Message::Response(value)) => value,
        other => panic!("{other:?}"),
    }
}

/// A call as it stands in a multicall.
fn nested(method: &str, params: Vec<Value>) -> Value {
    Value::Struct(alloc::vec![
        ("methodName".into(), method.into()),
        ("params".into(), Value::Array(params)),
    ])
}

#[test]
fn what_is_told_of_all_is_what_is_told_of_each() {
    let names: Vec<String> = (0..300).map(|n| format!("p&{n:03}")).collect();
    let programs: Vec<_> = names.iter().map(|name| ("g", name.as_str())).collect();
    let mut daemon = Daemon::new(&programs);
    let each: Vec<Value> = names
        .iter()
        .map(|name| {
            result(
                &mut daemon,
                "supervisor.getProcessInfo",
                &[format!("g:{name}").into()],
            )
        })
        .collect();
    assert_eq!(each[7].member("name"), Some(&Value::from("p&007")));
    let all = result(&mut daemon, "supervisor.getAllProcessInfo", &[]);
    assert_eq!(all, Value::Array(each.clone()));
    let calls = Value::Array(alloc::vec![
        nested("supervisor.getProcessInfo", alloc::vec!["g:p&299".into()]),
        nested("supervisor.getAllProcessInfo", Vec::new()),
        nested("supervisor.getProcessInfo", alloc::vec!["nobody".into()]),
        nested("supervisor.getAllProcessInfo", Vec::new()),
    ]);
    let Value::Array(results) = result(&mut daemon, "system.multicall", &[calls]) else {
        panic!("no array");
    };
    let [one, first, fault, second] = results.as_slice() else {
        panic!("{} results", results.len());
    };
    assert_eq!((one, first, second), (&each[299], &all, &all));
    assert_eq!(fault.member("faultCode"), Some(&Value::Int(10)));
}

#[test]
fn at_trace_level_the_log_tells_of_each_call_and_what_came_of_it() {
    let mut daemon = Daemon::with(&[("web", "web")], |config| {
        config.supervisord.loglevel = LogLevel::Trace;
    });
    let calls = Value::Array(Vec::new());
    for (method, params, end) in [
        ("supervisor.getState", Vec::new(), "successfully"),
        ("supervisor.getAllProcessInfo", Vec::new(), "successfully"),
        ("system.multicall", alloc::vec![calls], "successfully"),
        (
            "supervisor.getProcessInfo",
            alloc::vec!["nobody".into()],
            "fault: [10] BAD_NAME: nobody",
        ),
    ] {
        daemon.files.insert("/log/main".into(), Vec::new());
        daemon.call(method, &params);
        let log = String::from_utf8_lossy(&daemon.files["/log/main"]).into_owned();
        let called = format!("XML-RPC method called: {method}()\n");
        let returned = format!("XML-RPC method {method}() returned {end}\n");
        let ends = [called, returned].map(|line| log.matches(&line).count());
        assert_eq!(ends, [1, 1], "{log}");
    }
}
