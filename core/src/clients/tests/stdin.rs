//! Writing to a program's standard input.

use super::*;

fn running() -> Daemon {
    let mut daemon = web();
    let params = ["web".into(), false.into()];
    assert_eq!(daemon.call("supervisor.startProcess", &params), "true");
    daemon.advance(SECOND * 2);
    daemon
}

fn params() -> [Value; 2] {
    ["web".into(), "text".into()]
}

#[test]
fn a_write_is_answered_when_it_was_done() {
    let mut daemon = running();
    let conn = daemon.begin_call("supervisor.sendProcessStdin", &params());
    assert_eq!(daemon.end_call(conn), None);
    let spawn = daemon.spawn_of("web");
    daemon.tell(Input::StdinProgress { spawn });
    assert_eq!(daemon.end_call(conn).unwrap(), "true");
}

#[test]
fn a_write_to_a_pipe_without_reader_is_a_fault() {
    let mut daemon = running();
    let conn = daemon.begin_call("supervisor.sendProcessStdin", &params());
    let spawn = daemon.spawn_of("web");
    daemon.tell(Input::StdinClosed { spawn });
    assert_eq!(daemon.end_call(conn).unwrap(), "20 NO_FILE: web");
    assert_eq!(
        daemon.call("supervisor.sendProcessStdin", &params()),
        "20 NO_FILE: web"
    );
}

#[test]
fn a_full_pipe_keeps_no_client_waiting() {
    let mut daemon = running();
    let conn = daemon.begin_call("supervisor.sendProcessStdin", &params());
    daemon.advance(Duration::from_millis(1));
    assert_eq!(daemon.end_call(conn).unwrap(), "true");
    // What comes behind queued bytes is queued as well.
    assert_eq!(
        daemon.call("supervisor.sendProcessStdin", &params()),
        "true"
    );
}

#[test]
fn so_much_waits_for_a_program_that_does_not_read() {
    let most = 16 << 20;
    let refused = "30 FAILED: web does not read its standard input";
    for (queued, answer) in [(most - 4, "true"), (most - 3, refused), (most - 2, refused)] {
        let mut daemon = running();
        let process = daemon.core.processes.values_mut().next().unwrap();
        process.stdin_queued_bytes = queued;
        assert_eq!(
            daemon.call("supervisor.sendProcessStdin", &params()),
            answer
        );
    }
}
