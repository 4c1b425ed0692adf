//! Clients that go while they wait, and what others get of it.

use super::*;
use crate::ReadConfig;
use crate::rpc::Task;
use alloc::boxed::Box;

/// A daemon whose runtime takes its time for files.
fn slow() -> Daemon {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a")]);
    daemon.files.insert("/log/web-web".into(), b"0123".to_vec());
    daemon.late = Some(vec![]);
    daemon
}

fn leave(daemon: &mut Daemon, conn: crate::ConnId) {
    daemon.tell(Input::ConnClosed { conn });
}

#[test]
fn a_part_of_a_log_reaches_who_is_still_there() {
    let mut daemon = slow();
    let params = [Value::from("web"), 1.into(), 2.into()];
    let first = daemon.begin_call("supervisor.readProcessStdoutLog", &params);
    let second = daemon.begin_call("supervisor.readProcessStdoutLog", &params);
    leave(&mut daemon, first);
    daemon.catch_up();
    assert!(daemon.received(first).is_empty());
    assert_eq!(daemon.end_call(second).unwrap(), "12");
    assert!(daemon.core.clients.reads.is_empty());
}

#[test]
fn an_emptied_log_reaches_who_is_still_there() {
    let mut daemon = slow();
    let first = daemon.begin_call("supervisor.clearProcessLogs", &["web".into()]);
    let second = daemon.begin_call("supervisor.clearProcessLogs", &["web".into()]);
    leave(&mut daemon, first);
    daemon.catch_up();
    assert!(daemon.received(first).is_empty());
    assert_eq!(daemon.end_call(second).unwrap(), "true");
    assert!(
        daemon
            .core
            .clients
            .clears
            .values()
            .all(|waiting| waiting.is_empty())
    );
}

#[test]
fn what_became_of_input_reaches_who_is_still_there() {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.advance(SECOND * 2);
    let params = [Value::from("web"), "text".into()];
    let first = daemon.begin_call("supervisor.sendProcessStdin", &params);
    let second = daemon.begin_call("supervisor.sendProcessStdin", &params);
    leave(&mut daemon, first);
    assert!(
        daemon
            .core
            .clients
            .writers
            .values()
            .all(|waiting| waiting.is_empty())
    );
    let spawn = daemon.spawn_of("web");
    daemon.tell(Input::StdinProgress { spawn });
    assert!(daemon.received(first).is_empty());
    assert_eq!(daemon.end_call(second).unwrap(), "true");
}

#[test]
fn a_configuration_reaches_who_is_still_there() {
    let mut daemon = slow();
    let first = daemon.begin_call("supervisor.reloadConfig", &[]);
    leave(&mut daemon, first);
    assert!(daemon.core.clients.readings.is_empty());
    let second = daemon.begin_call("supervisor.reloadConfig", &[]);
    let read = || ReadConfig {
        config: Daemon::config(&[("web", "web"), ("g", "a")]),
        messages: vec![],
    };
    for _ in 0..2 {
        daemon.tell(Input::ConfigRead {
            result: Ok(Box::new(read())),
        });
    }
    assert!(daemon.received(first).is_empty());
    assert_eq!(daemon.end_call(second).unwrap(), "[[[], [], []]]");
}

#[test]
fn a_start_or_stop_is_no_longer_waited_for_by_who_left() {
    let mut daemon = web();
    let conn = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    assert_eq!(daemon.core.clients.watchers.len(), 1);
    leave(&mut daemon, conn);
    assert!(daemon.core.clients.watchers.is_empty());
    assert!(daemon.core.clients.sessions.is_empty());
}

#[test]
fn a_log_is_followed_by_who_is_still_there() {
    let mut daemon = web();
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"one\n");
    let followers: Vec<_> = (0..2)
        .map(|_| {
            let conn = daemon.connect();
            daemon.send(conn, &request("GET", "/logtail/web", &[], None));
            daemon.received(conn);
            conn
        })
        .collect();
    leave(&mut daemon, followers[0]);
    daemon.output("web", b"two\n");
    assert!(daemon.received(followers[0]).is_empty());
    assert_eq!(daemon.received(followers[1]), "4\r\ntwo\n\r\n");
    leave(&mut daemon, followers[1]);
    assert!(daemon.core.clients.followers.is_empty());
}

#[test]
fn pages_are_told_who_are_still_there() {
    let mut daemon = web();
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/events", &[], None));
    assert_eq!(daemon.core.clients.pages.len(), 1);
    leave(&mut daemon, conn);
    assert!(daemon.core.clients.pages.is_empty());
}

#[test]
fn only_the_right_word_ends_a_wait() {
    let mut daemon = web();
    let conn = daemon.begin_call("supervisor.startProcess", &["web".into()]);
    let is_read = |task: &Task| matches!(task, Task::Read(_));
    assert!(daemon.core.clients.take_task(conn, is_read).is_none());
    daemon.advance(SECOND * 2);
    assert_eq!(daemon.end_call(conn).unwrap(), "true");
}

#[test]
fn large_answers_are_handed_on_in_slices() {
    let mut daemon = web();
    daemon
        .files
        .insert("/log/web-web".into(), vec![b'x'; 600 << 10]);
    let conn = daemon.connect();
    daemon.conns.get_mut(&conn).unwrap().is_stuck = true;
    let params = [Value::from("web"), 0.into(), 0.into()];
    daemon.send(conn, &call("supervisor.readProcessStdoutLog", &params));
    let mut slices = vec![];
    loop {
        let bytes = core::mem::take(&mut daemon.conns.get_mut(&conn).unwrap().received);
        if bytes.is_empty() {
            break;
        }
        slices.push(bytes);
        daemon.tell(Input::ConnDrained { conn });
    }
    let lengths: Vec<usize> = slices.iter().map(Vec::len).collect();
    assert_eq!(lengths[..2], [256 << 10; 2]);
    assert_eq!(lengths.len(), 3);
    daemon.conns.get_mut(&conn).unwrap().received = slices.concat();
    assert_eq!(daemon.end_call(conn).unwrap().len(), 600 << 10);
}

#[test]
fn a_page_that_fell_behind_is_told_everything_anew() {
    let mut daemon = web();
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/events", &[], None));
    daemon.received(conn);
    daemon.conns.get_mut(&conn).unwrap().is_stuck = true;
    let turns = 700;
    for _ in 0..turns {
        daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
        daemon.call("supervisor.stopProcess", &["web".into()]);
    }
    // Each turn has three changes.
    let mut told = daemon.received(conn);
    for _ in 0..10 {
        daemon.tell(Input::ConnDrained { conn });
        told += &daemon.received(conn);
    }
    let changes = told.matches("event: process\n").count();
    assert!(0 < changes && changes < turns * 3, "{changes}");
    assert_eq!(told.matches("event: snapshot\n").count(), 1);
    assert!(told.len() < 400 << 10, "{}", told.len());
}

#[test]
fn more_pages_than_can_be_told_are_turned_away() {
    let mut daemon = web();
    let open = |daemon: &mut Daemon| daemon.get("/events", &[]);
    for _ in 0..64 {
        assert!(open(&mut daemon).contains("200 OK"));
    }
    assert!(open(&mut daemon).contains("503 Service Unavailable"));
}

#[test]
fn a_log_that_vanishes_before_it_is_read_is_not_found() {
    let mut daemon = slow();
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web", &[], None));
    daemon.late = None;
    daemon.files.clear();
    let other = daemon.connect();
    daemon.send(other, &request("GET", "/logtail/web", &[], None));
    assert!(daemon.received(other).contains("404 Not Found"));
    assert!(daemon.received(conn).is_empty());
}

#[test]
fn who_follows_a_log_before_it_is_read_hears_that_its_process_is_removed() {
    let mut daemon = slow();
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web", &[], None));
    daemon.call("supervisor.removeProcessGroup", &["web".into()]);
    assert!(daemon.received(conn).contains("404 Not Found"));
    daemon.catch_up();
    assert!(daemon.received(conn).is_empty());
}

#[test]
fn a_log_that_cannot_be_changed_is_followed_all_the_same() {
    let mut daemon = Daemon::with(&[("web", "web")], |config| {
        process(config, 0, 0).stdout.maxbytes = 8;
    });
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.output("web", b"one\n");
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/logtail/web", &[], None));
    daemon.received(conn);
    daemon.rotations_fail = true;
    daemon.output("web", b"two, and more\n");
    daemon.output("web", b"3\n");
    let told = daemon.received(conn);
    assert_eq!(told, "e\r\ntwo, and more\n\r\n2\r\n3\n\r\n");
}
