//! The line about who is waited for, and the looks at the server that it is made from.

use super::*;

/// Some processes that stop, one of another group among them, and one that runs.
fn stopping(count: usize) -> Value {
    let names = ["a", "b", "c", "d", "e"].into_iter().take(count);
    let mut all: Vec<Value> = names
        .map(|name| info("w", name, 40, "STOPPING", 9))
        .collect();
    all.push(info("x", "x", 20, "RUNNING", 1));
    Value::Array(all)
}

/// A client that waits for an answer to `line`, and looks.
fn waiting(line: &str, silent: &[&'static str]) -> Pair {
    let mut pair = Pair::with(good, |options| options.progress = true);
    pair.silent = silent.to_vec();
    pair.run(line);
    pair
}

/// Lets a second pass.
fn pass(pair: &mut Pair) {
    let (deadline, _) = pair.waiting.expect("a deadline");
    pair.now = deadline.expect("a deadline");
    pair.input(CtlInput::Wake);
}

#[test]
fn at_most_three_are_named() {
    for (count, whom) in [
        (0, "all processes"),
        (1, "w:a"),
        (3, "w:a, w:b, w:c"),
        (4, "w:a, w:b, w:c and 1 more"),
        (5, "w:a, w:b, w:c and 2 more"),
    ] {
        let mut pair = waiting("stop all", &["stopAllProcesses"]);
        pair.said = Some(stopping(count));
        pass(&mut pair);
        pass(&mut pair);
        let line = format!("waiting for {whom} to stop: 2 s");
        assert_eq!(pair.err, ["waiting for all processes to stop: 1 s", &line]);
    }
}

#[test]
fn of_a_group_its_own_processes_are_named() {
    let mut pair = waiting("stop w:*", &["stopProcessGroup"]);
    let Value::Array(mut all) = stopping(2) else {
        panic!("no list")
    };
    all.push(info("other", "a", 40, "STOPPING", 9));
    pair.said = Some(Value::Array(all));
    pass(&mut pair);
    pass(&mut pair);
    assert_eq!(
        pair.err,
        [
            "waiting for w:* to stop: 1 s",
            "waiting for w:a, w:b to stop: 2 s"
        ]
    );
}

#[test]
fn one_alone_is_not_looked_for() {
    let mut pair = waiting("stop cat", &["stopProcess"]);
    pass(&mut pair);
    pass(&mut pair);
    assert!(!pair.connects.contains(&Channel::Look));
    assert_eq!(pair.err[1], "waiting for cat to stop: 2 s");
}

#[test]
fn one_look_is_taken_at_a_time_and_one_that_failed_is_taken_again() {
    let mut pair = waiting("stop all", &["stopAllProcesses", "getAllProcessInfo"]);
    let looks = |pair: &Pair| {
        let calls = pair.calls.iter();
        calls.filter(|call| *call == "getAllProcessInfo").count()
    };
    pass(&mut pair);
    pass(&mut pair);
    assert_eq!((looks(&pair), pair.closes.len()), (1, 0));
    pair.input(CtlInput::Closed {
        channel: Channel::Look,
        why: "",
    });
    assert_eq!(pair.closes, [Channel::Look]);
    pass(&mut pair);
    assert_eq!(looks(&pair), 2);
    pair.input(CtlInput::ConnectFailed {
        channel: Channel::Look,
        error: ConnectError::Refused,
    });
    assert_eq!(pair.done, None);
    pass(&mut pair);
    assert_eq!(looks(&pair), 3);
}

#[test]
fn a_look_is_no_longer_than_it_may_be() {
    let mut pair = waiting("stop all", &["stopAllProcesses", "getAllProcessInfo"]);
    pass(&mut pair);
    let channel = Channel::Look;
    let mut look = |bytes: &[u8]| {
        pair.input(CtlInput::Data { channel, bytes });
        pair.closes.contains(&channel)
    };
    assert!(!look(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    ));
    let most = vec![b' '; 16 << 20];
    assert!(!look(&most[1..]));
    assert!(!look(b" "));
    assert!(look(b" "));
}
