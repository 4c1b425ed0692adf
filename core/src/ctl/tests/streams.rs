//! Followed logs, attached processes, and servers that do not behave.

use super::*;

#[test]
fn a_followed_log_streams_until_interrupted() {
    let mut pair = Pair::new(good);
    let (out, status) = pair.run("tail -f w:a stderr");
    assert_eq!(out, ["==> Press Ctrl-C to exit <==", "> log\n"]);
    assert_eq!(
        (status, pair.calls.last().unwrap().as_str()),
        (255, "/logtail/w%3Aa/stderr")
    );
    let channel = Channel::Follow;
    pair.input(CtlInput::Data {
        channel,
        bytes: b"2\r\nhi\r\n",
    });
    pair.input(CtlInput::Interrupt);
    assert_eq!(pair.out[2..], ["> hi", ""]);
    assert_eq!(pair.done, Some((0, false)));
}

#[test]
fn a_log_that_cannot_be_followed_is_an_error_line_but_no_failure() {
    let mut pair = Pair::new(good);
    pair.log = (404, b"x");
    let (out, status) = pair.run("tail -f nope");
    assert_eq!((out.len(), pair.err.len(), status), (1, 1, 0));
    assert!(pair.err[0].contains("status code 404"));
}

#[test]
fn fg_sends_typed_lines_and_leaves_on_end_of_input() {
    let mut pair = Pair::new(good);
    assert_eq!(pair.run("fg w:w_01").0, ["ERROR: process not running"]);
    assert_eq!(pair.run("fg nope").0, ["ERROR: bad process name supplied"]);
    pair.run("fg cat");
    assert_eq!(pair.waiting.map(|(_, typing)| typing), Some(true));
    pair.calls.clear();
    pair.input(CtlInput::Typed("hello"));
    assert_eq!(pair.calls, ["sendProcessStdin", "getProcessInfo"]);
    assert_eq!(pair.done, None);
    pair.input(CtlInput::TypedEnd);
    assert_eq!(pair.out.last().unwrap(), "Exiting foreground");
    assert_eq!(pair.done, Some((0, false)));
}

#[test]
fn fg_notices_that_the_process_has_ended() {
    let mut pair = Pair::new(good);
    pair.run("fg cat");
    pair.answers = |method, params| match method {
        "getProcessInfo" => Ok(info("cat", "cat", 100, "EXITED", 0)),
        _ => good(method, params),
    };
    let (deadline, _) = pair.waiting.unwrap();
    pair.now = deadline.unwrap();
    pair.input(CtlInput::Wake);
    assert_eq!(pair.out[2..], ["Process got killed", "Exiting foreground"]);
    assert_eq!(pair.done, Some((0, false)));
}

#[test]
fn progress_is_shown_while_a_start_waits() {
    let mut pair = Pair::with(good, |options| options.progress = true);
    pair.run("version");
    pair.ctl.run_line(pair.now, "start cat");
    let mut seen = vec![];
    for turn in 0..20 {
        match pair.ctl.poll_output() {
            CtlOutput::Connect { channel, .. } => {
                pair.ctl
                    .handle_input(pair.now, CtlInput::Connected(channel));
            }
            CtlOutput::Send { channel, bytes } => {
                if String::from_utf8_lossy(&bytes).contains("getVersion") {
                    let response = pair.respond(&bytes);
                    let input = CtlInput::Data {
                        channel,
                        bytes: &response,
                    };
                    pair.ctl.handle_input(pair.now, input);
                }
            }
            CtlOutput::Wait { deadline, .. } if turn < 15 => {
                pair.now = deadline.unwrap();
                pair.ctl.handle_input(pair.now, CtlInput::Wake);
            }
            CtlOutput::Progress(Some(text)) => seen.push(text),
            _ => break,
        }
    }
    assert_eq!(
        seen[..2],
        [
            "waiting for cat to start: 1 s",
            "waiting for cat to start: 2 s"
        ]
    );
}

#[test]
fn a_silent_server_is_given_up() {
    let mut pair = Pair::new(good);
    pair.ctl.run_line(pair.now, "pid");
    loop {
        match pair.ctl.poll_output() {
            CtlOutput::Connect { channel, .. } => {
                pair.ctl
                    .handle_input(pair.now, CtlInput::Connected(channel));
            }
            CtlOutput::Wait { deadline, .. } => {
                pair.now = deadline.unwrap();
                pair.ctl.handle_input(pair.now, CtlInput::Wake);
                break;
            }
            _ => {}
        }
    }
    pair.drain();
    assert!(
        pair.out[0].contains("no answer within 60 seconds"),
        "{:?}",
        pair.out
    );
    assert_eq!(pair.done, Some((1, false)));
}

/// Runs `pid` against a server that sends these bytes and closes.
fn against(bytes: &[u8]) -> (Vec<String>, u8) {
    let mut pair = Pair::new(good);
    pair.ctl.run_line(pair.now, "pid");
    loop {
        match pair.ctl.poll_output() {
            CtlOutput::Connect { channel, .. } => {
                pair.ctl
                    .handle_input(pair.now, CtlInput::Connected(channel));
            }
            CtlOutput::Send { channel, .. } => {
                pair.ctl
                    .handle_input(pair.now, CtlInput::Data { channel, bytes });
                pair.ctl
                    .handle_input(pair.now, CtlInput::Closed { channel, why: "" });
            }
            CtlOutput::Print(line) => pair.out.push(line),
            CtlOutput::Done { status, .. } => return (pair.out, status),
            _ => {}
        }
    }
}

#[test]
fn a_server_that_talks_nonsense_is_one_sentence() {
    for (bytes, text) in [
        (&b""[..], "closed the connection without an answer"),
        (b"hello\r\n\r\n", "is no supervisord"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
            "in the middle of its answer",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
            "not XML-RPC",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\n<html></html>", "not XML-RPC"),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP status 404 Not Found",
        ),
        (b"HTTP/1.1 500 X\r\n\r\n", "HTTP status 500 X"),
    ] {
        let (out, status) = against(bytes);
        assert_eq!((out.len(), status), (1, 1), "{out:?}");
        assert!(
            out[0].starts_with("error: ") && out[0].contains(text),
            "{out:?}"
        );
    }
}

#[test]
fn leaving_and_nothing_are_lines_too() {
    let mut pair = Pair::new(good);
    assert_eq!(pair.run(""), (vec![], 0));
    for line in ["exit", "quit 3", "EOF"] {
        assert_eq!(pair.run(line), (vec![String::new()], 0));
        assert_eq!(pair.done, Some((0, true)));
    }
    assert_eq!(
        pair.run("frob x"),
        (vec!["*** Unknown syntax: frob x".into()], 1)
    );
    assert_eq!(
        pair.run("help nope"),
        (vec!["*** No help on nope".into()], 0)
    );
    assert_eq!(
        pair.run("? start").0,
        help_of("start").unwrap().lines(false)
    );
}

#[test]
fn open_changes_the_server_and_exits_with_0_even_if_it_is_not_there() {
    let mut pair = Pair::new(good);
    assert_eq!(
        pair.run("open foo"),
        (vec!["ERROR: url must be http:// or unix://".into()], 1)
    );
    let (out, status) = pair.run("open http://localhost:1");
    assert_eq!((out.len(), status), (3, 0));
    assert_eq!(pair.ctl.options().server.as_str(), "http://localhost:1");
    pair.ctl.run_line(pair.now, "open unix:///none");
    let mut out = vec![];
    loop {
        match pair.ctl.poll_output() {
            CtlOutput::Connect { channel, .. } => {
                let error = ConnectError::NotFound;
                pair.ctl
                    .handle_input(pair.now, CtlInput::ConnectFailed { channel, error });
            }
            CtlOutput::Print(line) => out.push(line),
            CtlOutput::Done { status, .. } => {
                assert_eq!(status, 0);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(out, ["unix:///none no such file"]);
}

#[test]
fn an_interrupted_call_ends_the_line() {
    let mut pair = Pair::new(good);
    pair.ctl.run_line(pair.now, "start cat");
    pair.ctl.handle_input(pair.now, CtlInput::Interrupt);
    pair.drain();
    assert_eq!(pair.done, Some((130, false)));
    assert_eq!(pair.run("pid"), (vec!["5".into()], 0));
}

#[test]
fn completion_prints_candidates_and_no_errors() {
    let mut pair = Pair::new(good);
    pair.ctl.complete(pair.now, "start w");
    pair.drain();
    assert_eq!(pair.out, ["w:*", "w:w_00", "w:w_01"]);
    let mut pair = Pair::new(good);
    pair.password = Some("Basic x");
    pair.ctl.complete(pair.now, "start w");
    pair.drain();
    assert_eq!((pair.out.len(), pair.done), (0, Some((1, false))));
}

#[test]
fn a_connection_that_was_idle_too_long_is_opened_again() {
    let mut pair = Pair::new(good);
    pair.ctl.run_line(pair.now, "pid");
    let (mut connects, mut sends) = (0, 0);
    loop {
        match pair.ctl.poll_output() {
            CtlOutput::Connect { channel, .. } => {
                connects += 1;
                pair.ctl
                    .handle_input(pair.now, CtlInput::Connected(channel));
            }
            CtlOutput::Send { channel, bytes } => {
                sends += 1;
                if sends == 2 {
                    pair.ctl
                        .handle_input(pair.now, CtlInput::Closed { channel, why: "" });
                } else {
                    let response = pair.respond(&bytes);
                    let input = CtlInput::Data {
                        channel,
                        bytes: &response,
                    };
                    pair.ctl.handle_input(pair.now, input);
                }
            }
            CtlOutput::Print(line) => pair.out.push(line),
            CtlOutput::Done { .. } => break,
            _ => {}
        }
    }
    assert_eq!((connects, sends, pair.out), (2, 3, vec!["5".to_string()]));
}

#[test]
fn progress_names_those_of_many_that_are_not_done() {
    let mut pair = Pair::with(good, |options| options.progress = true);
    pair.ctl.run_line(pair.now, "stop all");
    let mut seen = vec![];
    let mut connects = 0;
    for _ in 0..60 {
        match pair.ctl.poll_output() {
            CtlOutput::Connect { channel, .. } => {
                connects += 1;
                pair.ctl
                    .handle_input(pair.now, CtlInput::Connected(channel));
            }
            CtlOutput::Send { channel, bytes } => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if text.contains("getAllProcessInfo") {
                    pair.answers = |_, _| {
                        let stopping = |name| info("w", name, 40, "STOPPING", 9);
                        let mut all = ["a", "b", "c", "d", "e"].map(stopping).to_vec();
                        all.push(info("x", "x", 20, "RUNNING", 1));
                        Ok(Value::Array(all))
                    };
                }
                if !text.contains("stopAllProcesses") {
                    let response = pair.respond(&bytes);
                    let input = CtlInput::Data {
                        channel,
                        bytes: &response,
                    };
                    pair.ctl.handle_input(pair.now, input);
                }
            }
            CtlOutput::Wait { deadline, .. } => {
                if seen.len() == 2 {
                    break;
                }
                pair.now = deadline.unwrap();
                pair.ctl.handle_input(pair.now, CtlInput::Wake);
            }
            CtlOutput::Progress(text) => seen.push(text.unwrap()),
            _ => {}
        }
    }
    assert_eq!(
        seen,
        [
            "waiting for all processes to stop: 1 s",
            "waiting for w:a, w:b, w:c and 2 more to stop: 2 s"
        ]
    );
    assert_eq!(connects, 2);
    // A look that fails takes only the look away.
    let input = CtlInput::Closed {
        channel: Channel::Look,
        why: "",
    };
    pair.ctl.handle_input(pair.now, input);
    pair.ctl.handle_input(pair.now, CtlInput::Interrupt);
    pair.drain();
    assert_eq!(pair.err, ["-"]);
    assert_eq!(pair.done, Some((130, false)));
}
