//! Whatever is typed and whatever a server says: no panic, and every line ends.

use super::*;
use proptest::prelude::*;

/// Lines: mostly actions with arguments that mean something.
fn line() -> impl Strategy<Value = String> {
    let action = prop::sample::select(
        ACTIONS
            .iter()
            .map(|help| help.name)
            .chain(["EOF", "?", "x"])
            .collect::<Vec<_>>(),
    );
    let word = prop_oneof![
        prop::sample::select(vec![
            "all",
            "cat",
            "w:*",
            "w:a",
            "-f",
            "-5",
            "stdout",
            "HUP",
            "http://h:1",
            ":",
            "*"
        ])
        .prop_map(String::from),
        any::<String>(),
    ];
    (action, prop::collection::vec(word, 0..4))
        .prop_map(|(action, words)| format!("{action} {}", words.join(" ")))
}

/// What a server sends: answers of the right and of the wrong shape, and noise.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let values = prop::sample::select(vec![
        Value::from("3.0"),
        Value::from(true),
        Value::from(7),
        all(),
        Value::Array(vec![
            outcome("w", "a", 80),
            outcome("w", "b", 30),
            Value::Nil,
        ]),
        Value::Array(vec![Value::Array(vec![
            Value::Array(vec!["n".into()]),
            Value::Array(vec!["c".into(), "cat".into()]),
            Value::Array(vec!["r".into()]),
        ])]),
        info("cat", "cat", 20, "RUNNING", 7),
    ]);
    let message = prop_oneof![
        4 => values.prop_map(Message::Response),
        1 => (0_i64..100).prop_map(|code| Message::Fault { code, text: "TEXT".into() }),
    ];
    let whole = message.prop_map(|message| {
        let body = encode(&message);
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    });
    prop_oneof![
        8 => whole,
        1 => prop::collection::vec(any::<u8>(), 0..64),
        1 => Just(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec()),
        1 => Just(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec()),
        1 => Just(Vec::new()),
    ]
}

/// Drives a line to its end: answers in turn, then the server hangs up, then ^C.
fn ends(options: CtlOptions, line: &str, answers: &[Vec<u8>], typed: &[String]) -> bool {
    let now = Timestamp::default();
    let mut ctl = Ctl::new(options);
    ctl.run_line(now, line);
    let (mut answers, mut typed) = (answers.iter(), typed.iter());
    let mut open = Channel::Calls;
    for _ in 0..2000 {
        let input = match ctl.poll_output() {
            CtlOutput::Connect { channel, .. } if answers.len() % 7 == 6 => {
                CtlInput::ConnectFailed {
                    channel,
                    error: ConnectError::Refused,
                }
            }
            CtlOutput::Connect { channel, .. } => CtlInput::Connected(channel),
            CtlOutput::Send { channel, .. } => {
                open = channel;
                match answers.next() {
                    Some(bytes) if !bytes.is_empty() => CtlInput::Data { channel, bytes },
                    Some(_) | None => CtlInput::Closed { channel, why: "" },
                }
            }
            CtlOutput::Ask { .. } => CtlInput::Answer(typed.next().map(String::as_str)),
            CtlOutput::Wait { typing: true, .. } => match typed.next() {
                Some(text) => CtlInput::Typed(text),
                None => CtlInput::TypedEnd,
            },
            CtlOutput::Wait { .. } => match answers.next() {
                Some(bytes) => CtlInput::Data {
                    channel: open,
                    bytes,
                },
                None => CtlInput::Interrupt,
            },
            CtlOutput::Done { .. } => return true,
            CtlOutput::Close(_)
            | CtlOutput::Print(_)
            | CtlOutput::Write(_)
            | CtlOutput::PrintError(_)
            | CtlOutput::Progress(_) => continue,
        };
        ctl.handle_input(now, input);
    }
    false
}

proptest! {
    #[test]
    fn every_line_ends_whatever_the_server_says(
        line in line(),
        answers in prop::collection::vec(answer(), 0..12),
        typed in prop::collection::vec(prop_oneof![Just("y".into()), any::<String>()], 0..4),
        shell in any::<bool>(),
        json in any::<bool>(),
    ) {
        let mut options = CtlOptions::new(ServerUrl::parse("unix:///s").unwrap());
        options.shell = shell;
        options.json = json;
        options.progress = true;
        prop_assert!(ends(options, &line, &answers, &typed));
    }

    #[test]
    fn any_text_is_a_line_and_can_be_completed(text in any::<String>()) {
        let names = [("w".into(), "w_00".into()), (text.clone(), text.clone())];
        let _ = candidates(&text, &names);
        let at = word_start(&text);
        prop_assert!(text.is_char_boundary(at));
        let options = CtlOptions::new(ServerUrl::parse("unix:///s").unwrap());
        prop_assert!(ends(options, &text, &[], &[]));
    }

    #[test]
    fn any_text_is_a_url_or_is_not(text in ".*") {
        if let Ok(url) = ServerUrl::parse(&text) {
            prop_assert_eq!(url.as_str(), text);
        }
    }
}
