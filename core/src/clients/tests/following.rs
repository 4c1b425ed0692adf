//! What a follower of a log is sent, and how often its log is looked at for it.

use super::*;
use crate::{ConnId, LogId, Stream};

/// A daemon with a program that runs and has said something, and who follows that.
fn followed() -> (Daemon, ConnId) {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"first\n");
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web", &[], None));
    assert!(daemon.received(conn).ends_with("6\r\nfirst\n\r\n"));
    (daemon, conn)
}

fn log(daemon: &Daemon) -> LogId {
    let logs = daemon.logs.iter();
    let mut logs = logs.filter(|(_, path)| *path == "/log/web-web");
    let (log, _) = logs.next().expect("the log");
    assert!(matches!(log, LogId::Child(_, Stream::Stdout)), "{log:?}");
    *log
}

#[test]
fn each_write_is_looked_for_once() {
    let (mut daemon, conn) = followed();
    let before = daemon.core.clients.next_read;
    daemon.output("web", b"second\n");
    assert_eq!(daemon.received(conn), "7\r\nsecond\n\r\n");
    assert_eq!(daemon.core.clients.next_read, before + 1);
}

#[test]
fn one_part_is_read_at_a_time() {
    let (mut daemon, conn) = followed();
    daemon.late = Some(vec![]);
    daemon.output("web", b"second\n");
    daemon.output("web", b"third\n");
    assert_eq!(daemon.late.as_ref().map(Vec::len), Some(1));
    daemon.catch_up();
    assert_eq!(daemon.received(conn), "7\r\nsecond\n\r\n6\r\nthird\n\r\n");
}

#[test]
fn a_follower_that_takes_nothing_is_not_read_for() {
    let (mut daemon, conn) = followed();
    daemon.conns.get_mut(&conn).unwrap().is_stuck = true;
    daemon.output("web", b"second\n");
    let before = daemon.core.clients.next_read;
    daemon.output("web", b"third\n");
    assert_eq!(daemon.core.clients.next_read, before);
    assert_eq!(daemon.received(conn), "7\r\nsecond\n\r\n");
    daemon.tell(Input::ConnDrained { conn });
    assert_eq!(daemon.received(conn), "6\r\nthird\n\r\n");
}

#[test]
fn what_could_not_be_written_is_no_end() {
    let (mut daemon, conn) = followed();
    // The disk is full.
    let path = daemon.logs.remove(&log(&daemon)).unwrap();
    daemon.output("web", b"lost\n");
    assert_eq!(daemon.received(conn), "");
    daemon.files.get_mut(&path).unwrap().extend(b"kept\n");
    daemon.output("web", b"lost\n");
    assert_eq!(daemon.received(conn), "5\r\nkept\n\r\n");
}

#[test]
fn a_log_that_is_opened_anew_goes_on_where_it_was() {
    let (mut daemon, conn) = followed();
    let log = log(&daemon);
    let before = daemon.core.clients.next_read;
    // The same file, a longer one, one that is empty.
    daemon.opened(log, 6);
    daemon.opened(log, 7);
    assert_eq!(daemon.core.clients.next_read, before);
    daemon.output("web", b"second\n");
    assert_eq!(daemon.received(conn), "7\r\nsecond\n\r\n");
    daemon.files.insert("/log/web-web".into(), vec![]);
    let before = daemon.core.clients.next_read;
    daemon.opened(log, 0);
    assert_eq!(daemon.core.clients.next_read, before);
    daemon.output("web", b"third\n");
    assert_eq!(daemon.received(conn), "6\r\nthird\n\r\n");
    // A shorter one has something that the follower does not know.
    daemon
        .files
        .insert("/log/web-web".into(), b"new\n".to_vec());
    daemon.opened(log, 4);
    daemon.run();
    assert_eq!(daemon.received(conn), "4\r\nnew\n\r\n");
}

#[test]
fn a_page_is_behind_when_more_than_so_much_waits_for_it() {
    for (waiting, told) in [(262_144, true), (262_145, false)] {
        let mut daemon = web();
        let conn = daemon.connect();
        daemon.send(conn, &request("GET", "/events", &[], None));
        daemon.received(conn);
        daemon.conns.get_mut(&conn).unwrap().is_stuck = true;
        daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
        let session = daemon.core.clients.sessions.get_mut(&conn).unwrap();
        let more = waiting - session.outgoing.waiting();
        session.outgoing.push(vec![b'x'; more]);
        daemon.call("supervisor.stopProcess", &["web".into()]);
        let session = &daemon.core.clients.sessions[&conn];
        assert_eq!(session.outgoing.waiting() > waiting, told, "{waiting}");
    }
}

#[test]
fn calls_in_a_row_have_results_up_to_a_bound() {
    let mut daemon = web();
    let conn = daemon.connect();
    let call = || {
        let method = ("methodName".into(), Value::from("supervisor.getPID"));
        Value::Struct(vec![method])
    };
    let most = super::super::jobs::MULTICALL_BYTES_MAX;
    let now = daemon.now;
    for (used, text) in [
        (most, "Ok(Int(77))"),
        (most + 1, "the results before are too large"),
        (most + 2, "the results before are too large"),
    ] {
        let begun = daemon.core.begin_nested(now, conn, call(), used);
        let shown = format!("{begun:?}");
        assert!(shown.contains(text), "{shown}");
    }
}

#[test]
fn a_log_that_is_silent_for_long_is_followed_all_the_same() {
    let (mut daemon, conn) = followed();
    daemon.advance(SECOND * 3600);
    daemon.output("web", b"second\n");
    assert_eq!(daemon.received(conn), "7\r\nsecond\n\r\n");
    assert!(!daemon.conns[&conn].is_closed);
    let page = daemon.connect();
    daemon.send(page, &request("GET", "/events", &[], None));
    daemon.received(page);
    daemon.advance(SECOND * 3600);
    daemon.call("supervisor.stopProcess", &["web".into()]);
    assert!(daemon.received(page).contains("event: process"));
    assert!(!daemon.conns[&page].is_closed);
}

#[test]
fn a_follower_that_takes_nothing_is_let_go_after_half_an_hour() {
    let (mut daemon, conn) = followed();
    daemon.conns.get_mut(&conn).unwrap().is_stuck = true;
    daemon.output("web", b"second\n");
    daemon.advance(SECOND * (30 * 60 - 1));
    assert!(!daemon.conns[&conn].is_closed);
    daemon.advance(SECOND);
    assert!(daemon.conns[&conn].is_closed);
}

#[test]
fn a_follower_gets_as_much_of_the_end_as_it_asks_for() {
    let mut daemon = web();
    let log = (0..2_000_000_u32).map(|at| b'a' + u8::try_from(at % 26).unwrap());
    daemon.files.insert("/log/web-web".into(), log.collect());
    let mut first = |query: &str| {
        let target = format!("/logtail/web{query}");
        let answer = daemon.get(&target, &[]);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let (length, _) = body.split_once("\r\n").unwrap();
        usize::from_str_radix(length, 16).unwrap()
    };
    assert_eq!(first(""), 1024);
    assert_eq!(first("?limit=10"), 10);
    assert_eq!(first("?limit=0"), 1);
    assert_eq!(first("?limit=nonsense"), 1024);
    assert_eq!(first("?limit=1048576"), 1_048_576);
    assert_eq!(first("?limit=1048577"), 1_048_576);
    // As much is read at once, whatever runtimes read.
    assert_eq!(crate::READ_BYTES_MAX.min(1_048_576), 1_048_576);
}

#[test]
fn what_a_removed_process_lets_go_on_is_told_at_once() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a")]);
    daemon.call("supervisor.startProcess", &["g:a".into(), false.into()]);
    let page = daemon.connect();
    daemon.send(page, &request("GET", "/events", &[], None));
    daemon.late = Some(vec![]);
    let call = |method: &str, params: Vec<Value>| {
        Value::Struct(vec![
            ("methodName".into(), method.into()),
            ("params".into(), Value::Array(params)),
        ])
    };
    let calls = Value::Array(vec![
        call("supervisor.startProcess", vec!["web".into()]),
        call("supervisor.stopProcess", vec!["g:a".into()]),
    ]);
    daemon.begin_call("system.multicall", &[calls]);
    daemon.received(page);
    let params = ["web".into()];
    assert_eq!(
        daemon.call("supervisor.removeProcessGroup", &params),
        "true"
    );
    // The first call is over, and the second has begun, before anything else comes in.
    let told = daemon.received(page);
    let changes = told.split("event: process\n").skip(1);
    let stopping = changes.map(|change| change.contains("\"state\":\"STOPPING\""));
    assert!(stopping.eq([true, false]), "{told}");
}
