//! What is kept for clients is bounded, and what is at a bound is on the right side of it.

use super::super::{UNSENT_BYTES_MAX, WAITING_BYTES_MAX};
use super::*;
use crate::ConnId;

/// A client that takes nothing, for which so many bytes wait besides those the runtime has.
fn stuck(daemon: &mut Daemon, waiting: usize) -> ConnId {
    let conn = daemon.connect();
    daemon.conns.get_mut(&conn).unwrap().is_stuck = true;
    daemon.send(conn, &request("GET", "/ok.html", &[], None));
    daemon.received(conn);
    let session = daemon.core.clients.sessions.get_mut(&conn).unwrap();
    assert!(session.outgoing.is_in_flight() && session.outgoing.waiting() == 0);
    session.outgoing.push(vec![b'x'; waiting]);
    conn
}

fn waiting(daemon: &Daemon, conn: ConnId) -> usize {
    daemon.core.clients.sessions[&conn].outgoing.waiting()
}

#[test]
fn who_takes_nothing_is_answered_up_to_a_bound() {
    for (before, answered) in [(1_048_576, true), (1_048_577, false), (1_048_578, false)] {
        let mut daemon = web();
        let conn = stuck(&mut daemon, before);
        daemon.send(conn, &request("GET", "/ok.html", &[], None));
        assert_eq!(waiting(&daemon, conn) > before, answered, "{before}");
    }
}

#[test]
fn who_takes_nothing_is_read_from_up_to_a_bound() {
    let read = |unsent: usize, sent: usize| {
        let mut daemon = web();
        let conn = stuck(&mut daemon, unsent);
        daemon.send(conn, &vec![b'\n'; sent]);
        daemon.conns[&conn].is_read
    };
    assert!(read(UNSENT_BYTES_MAX + 1, WAITING_BYTES_MAX - 1));
    assert!(!read(UNSENT_BYTES_MAX + 1, WAITING_BYTES_MAX));
    assert!(!read(UNSENT_BYTES_MAX + 1, WAITING_BYTES_MAX + 1));
    assert!(read(UNSENT_BYTES_MAX, WAITING_BYTES_MAX));
}

#[test]
fn all_clients_together_have_a_bound_and_who_needs_more_than_its_share_goes() {
    let mut daemon = web();
    let greedy = |daemon: &mut Daemon| {
        let conn = stuck(daemon, 1000);
        let clients = &mut daemon.core.clients;
        clients
            .sessions
            .get_mut(&conn)
            .unwrap()
            .outgoing
            .push(vec![b'x'; WAITING_BYTES_MAX]);
        conn
    };
    let modest = stuck(&mut daemon, 1000);
    let first = greedy(&mut daemon);
    daemon.send(first, b"\n");
    assert!(!daemon.conns[&first].is_closed, "there is room");
    let kept = daemon.core.clients.kept_bytes;
    assert!(kept > WAITING_BYTES_MAX && kept < 2 * WAITING_BYTES_MAX);
    daemon.core.clients.kept_bytes += super::super::ALL_BYTES_MAX;
    daemon.send(modest, b"\n");
    assert!(
        !daemon.conns[&modest].is_closed,
        "it keeps within its share"
    );
    daemon.send(first, b"\n");
    assert!(daemon.conns[&first].is_closed);
}

#[test]
fn what_a_client_counts_for_goes_with_it() {
    let mut daemon = web();
    let conn = stuck(&mut daemon, 5000);
    daemon.send(conn, b"GET / HT");
    assert!(daemon.core.clients.kept_bytes >= 5000);
    daemon.tell(Input::ConnClosed { conn });
    assert_eq!(daemon.core.clients.kept_bytes, 0);
}

#[test]
fn answers_have_the_date() {
    let answer = web().get("/ok.html", &[]);
    assert!(answer.contains("\r\nDate: Mon, 23 Nov 2026 "), "{answer}");
}

#[test]
fn a_request_that_is_no_call_is_shown_in_the_log_as_far_as_it_helps() {
    let mut daemon = web();
    let mut refused = |body: &[u8]| {
        let conn = daemon.connect();
        daemon.send(conn, &request("POST", "/RPC2", &[], Some(body)));
        assert!(daemon.received(conn).contains("400"));
        let log = String::from_utf8_lossy(&daemon.files["/log/main"]).into_owned();
        let line = log.lines().last().unwrap();
        String::from(line.split_once("request data ").unwrap().1)
    };
    assert!(refused(b"<nonsense'>").starts_with("\"<nonsense'>\" is invalid: "));
    let shown = format!("'{}' is invalid", "x".repeat(200));
    assert!(refused(&[b'x'; 200]).starts_with(&shown));
    let shown = format!("'{}'... is invalid", "x".repeat(200));
    assert!(refused(&[b'x'; 201]).starts_with(&shown));
}

#[test]
fn logs_are_not_followed_by_asking_for_their_head() {
    let mut daemon = web();
    let conn = daemon.connect();
    daemon.send(conn, &request("HEAD", "/logtail/web", &[], None));
    assert!(daemon.received(conn).contains("400 Bad Request"));
}

#[test]
fn who_is_at_a_bound_stays() {
    let all = super::super::ALL_BYTES_MAX;
    for (own, of_all, goes) in [
        (WAITING_BYTES_MAX + 1, all, false),
        (WAITING_BYTES_MAX, all + 1, false),
        (WAITING_BYTES_MAX + 1, all + 1, true),
    ] {
        let mut daemon = web();
        let conn = stuck(&mut daemon, own);
        let clients = &mut daemon.core.clients;
        let counted = clients.sessions[&conn].kept_bytes;
        clients.kept_bytes = of_all - own + counted;
        daemon.send(conn, b"\n");
        assert_eq!(daemon.conns[&conn].is_closed, goes, "{own} {of_all}");
    }
}
