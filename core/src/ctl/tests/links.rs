//! What becomes of connections: kept, opened again, closed; and of what is followed through them.

use super::*;

fn closed(channel: Channel, why: &str) -> CtlInput<'_> {
    CtlInput::Closed { channel, why }
}

#[test]
fn an_answer_that_began_is_not_asked_for_again() {
    let mut pair = Pair::new(good);
    pair.silent = vec!["getPID"];
    pair.run("pid");
    // The check was answered, so that the server may have closed the connection since.
    pair.input(CtlInput::Data {
        channel: Channel::Calls,
        bytes: b"HTTP/1.1 200 OK\r\n",
    });
    pair.input(closed(Channel::Calls, ""));
    assert_eq!(pair.connects, [Channel::Calls]);
    assert!(pair.out[0].starts_with("error: "), "{:?}", pair.out);
    assert_eq!(pair.done, Some((1, false)));
}

#[test]
fn nothing_is_no_beginning_of_an_answer() {
    let mut pair = Pair::new(good);
    pair.silent = vec!["getPID"];
    pair.run("pid");
    pair.input(CtlInput::Data {
        channel: Channel::Calls,
        bytes: b"",
    });
    pair.silent.clear();
    pair.input(closed(Channel::Calls, ""));
    assert_eq!(pair.connects, [Channel::Calls; 2]);
    assert_eq!(pair.out, ["5"]);
}

#[test]
fn a_server_that_keeps_no_connection_is_connected_to_for_each_call() {
    let mut pair = Pair::new(good);
    pair.silent = vec!["getVersion"];
    pair.run("pid");
    let body = encode(&Message::Response("3.0".into()));
    let answer = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    pair.input(CtlInput::Data {
        channel: Channel::Calls,
        bytes: answer.as_bytes(),
    });
    assert_eq!(pair.connects, [Channel::Calls; 2]);
    assert_eq!(
        (pair.out.as_slice(), pair.done),
        (&["5".into()][..], Some((0, false)))
    );
}

#[test]
fn why_a_log_cannot_be_followed_has_a_hint() {
    for (status, hint) in [
        (401, "user name or password is not right"),
        (403, "user name or password is not right"),
        (404, "no such process, or it has no such log"),
        (410, "the log is gone"),
        (500, "the server's log may say more"),
    ] {
        let mut pair = Pair::new(good);
        pair.log = (status, b"x");
        let (_, exit) = pair.run("tail -f cat");
        let line =
            format!("unix:///s/logtail/cat/stdout: cannot read, status code {status}; {hint}");
        assert_eq!((pair.err, exit), (vec![line], 0));
    }
}

#[test]
fn what_is_followed_ends_with_its_connection() {
    let follow = Channel::Follow;
    let refused = || CtlInput::ConnectFailed {
        channel: follow,
        error: ConnectError::Refused,
    };
    let nonsense = || CtlInput::Data {
        channel: follow,
        bytes: b"nonsense\r\n",
    };
    for (input, part) in [
        (closed(follow, "reset"), "broke: reset"),
        (closed(follow, ""), "closed the connection"),
        (refused(), "refused connection"),
        (nonsense(), "is no supervisord"),
    ] {
        let mut pair = Pair::new(good);
        pair.run("tail -f cat");
        pair.input(input);
        let last = pair.out.last().unwrap();
        assert!(last.contains(part), "{last}");
        assert_eq!(pair.done, Some((1, false)));
    }
    let mut pair = Pair::new(good);
    pair.run("tail -f cat");
    pair.input(CtlInput::Interrupt);
    assert_eq!(pair.closes, [follow, Channel::Calls]);
}

#[test]
fn who_is_attached_stays_so_without_the_log() {
    let follow = Channel::Follow;
    for input in [
        closed(follow, "reset"),
        CtlInput::ConnectFailed {
            channel: follow,
            error: ConnectError::Refused,
        },
        CtlInput::Data {
            channel: follow,
            bytes: b"nonsense\r\n",
        },
    ] {
        let mut pair = Pair::new(good);
        pair.run("fg cat");
        let before = pair.out.len();
        pair.input(input);
        assert_eq!((pair.done, pair.out.len()), (None, before));
        pair.input(CtlInput::TypedEnd);
        assert_eq!(pair.out.last().unwrap(), "Exiting foreground");
        assert!(pair.closes.contains(&follow));
    }
}

#[test]
fn an_interrupt_detaches_whatever_is_under_way() {
    let mut pair = Pair::new(good);
    pair.run("fg cat");
    let (first, _) = pair.waiting.unwrap();
    pair.now = first.unwrap();
    pair.input(CtlInput::Wake);
    // The process runs; the next look comes a second later.
    let (second, typing) = pair.waiting.unwrap();
    assert_eq!(
        second,
        Some(first.unwrap() + core::time::Duration::from_secs(1))
    );
    assert!(typing);
    pair.input(CtlInput::Interrupt);
    assert_eq!(pair.out.last().unwrap(), "Exiting foreground");
    assert_eq!(pair.done, Some((0, false)));
    pair.run("fg cat");
    pair.silent = vec!["sendProcessStdin"];
    pair.input(CtlInput::Typed("hello"));
    pair.input(CtlInput::Interrupt);
    assert_eq!(pair.out.last().unwrap(), "Exiting foreground");
    assert_eq!(pair.done, Some((0, false)));
}

#[test]
fn a_process_that_takes_no_input_any_more_has_ended() {
    let mut pair = Pair::new(good);
    pair.run("fg cat");
    pair.fault = Some(70);
    pair.input(CtlInput::Typed("hello"));
    let end = ["Process got killed", "Exiting foreground"];
    assert_eq!(pair.out[pair.out.len() - 2..], end);
    assert_eq!(pair.calls.last().unwrap(), "sendProcessStdin");
}

#[test]
fn errors_are_red_where_colours_are_wanted() {
    let error = |colour: bool| {
        let mut pair = Pair::with(good, |options| options.colour = colour);
        pair.answers = |_, _| Ok("2.0".into());
        pair.run("pid").0.remove(0)
    };
    assert!(error(true).starts_with("\x1b[31merror:\x1b[0m unix:///s speaks version 2.0"));
    assert!(error(false).starts_with("error: unix:///s speaks version 2.0"));
}

#[test]
fn a_check_that_fails_has_an_exit_status_of_its_own() {
    let failed = |silent: &'static str, error: ConnectError| {
        let mut pair = Pair::new(good);
        pair.silent = vec![silent];
        pair.run("pid");
        let channel = Channel::Calls;
        pair.input(CtlInput::ConnectFailed { channel, error });
        pair.done
    };
    assert_eq!(
        failed("getVersion", ConnectError::NotFound),
        Some((7, false))
    );
    assert_eq!(
        failed("getVersion", ConnectError::Refused),
        Some((4, false))
    );
    assert_eq!(failed("getPID", ConnectError::NotFound), Some((1, false)));
}
