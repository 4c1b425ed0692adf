//! Answers that are written in pieces.

use super::world::Daemon;
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
