use super::*;
use ListenerState::{Acknowledged, Busy, Ready, Unknown};
use alloc::vec;
use proptest::prelude::*;

fn changed(from: ListenerState, to: ListenerState) -> ListenerNotice {
    ListenerNotice::Changed { from, to }
}

fn feed(listener: &mut Listener, mut data: &[u8]) -> Vec<ListenerNotice> {
    core::iter::from_fn(|| listener.advance(&mut data)).collect()
}

fn ready() -> Listener {
    let mut listener = Listener::default();
    feed(&mut listener, b"READY\n");
    listener
}

fn busy() -> Listener {
    let mut listener = ready();
    listener.dispatch();
    listener
}

fn answer(data: &[u8]) -> Vec<ListenerNotice> {
    feed(&mut busy(), data)
}

fn bad(line: &str) -> Vec<ListenerNotice> {
    vec![
        ListenerNotice::BadResultLine(line.into()),
        changed(Busy, Unknown),
    ]
}

fn accepted() -> Vec<ListenerNotice> {
    vec![ListenerNotice::Accepted, changed(Busy, Acknowledged)]
}

fn rejected() -> Vec<ListenerNotice> {
    vec![ListenerNotice::Rejected, changed(Busy, Acknowledged)]
}

#[test]
fn a_listener_that_announces_itself_gets_an_event_and_answers() {
    let mut listener = Listener::default();
    assert_eq!(listener.state(), Acknowledged);
    assert_eq!(listener.dispatch(), None);
    assert_eq!(
        feed(&mut listener, b"READY\n"),
        [changed(Acknowledged, Ready)]
    );
    assert_eq!(listener.dispatch(), Some(changed(Ready, Busy)));
    assert_eq!(listener.dispatch(), None);
    assert_eq!(feed(&mut listener, b"RESULT 2\nOK"), accepted());
    assert_eq!(listener, Listener::default());
}

#[test]
fn the_next_announcement_may_follow_the_answer_at_once() {
    let mut expected = accepted();
    expected.push(changed(Acknowledged, Ready));
    assert_eq!(answer(b"RESULT 2\nOKREADY\n"), expected);
}

#[test]
fn fewer_than_six_bytes_are_waited_for_whatever_they_are() {
    let mut listener = Listener::default();
    assert_eq!(feed(&mut listener, b"huh"), []);
    assert_eq!(listener.state(), Acknowledged);
    assert_eq!(
        feed(&mut listener, b"huh"),
        [changed(Acknowledged, Unknown)]
    );
}

#[test]
fn anything_but_ready_makes_it_unknown_for_good() {
    for first in [
        "READYX",
        "READY\r\n",
        "ready\n",
        "XREADY\n",
        "\nREADY\n",
        "READY \n",
    ] {
        let mut listener = Listener::default();
        assert_eq!(
            feed(&mut listener, first.as_bytes()),
            [changed(Acknowledged, Unknown)]
        );
        assert_eq!(feed(&mut listener, b"READY\nREADY\n"), []);
        assert_eq!(listener.state(), Unknown);
        assert_eq!(listener.dispatch(), None);
    }
}

#[test]
fn output_without_an_event_to_answer_makes_it_unknown() {
    let expected = [changed(Acknowledged, Ready), changed(Ready, Unknown)];
    assert_eq!(
        feed(&mut Listener::default(), b"READY\nRESULT 2\nOK"),
        expected
    );
    assert_eq!(feed(&mut ready(), b"x"), [changed(Ready, Unknown)]);
}

#[test]
fn only_ok_accepts() {
    for data in [
        &b"RESULT 4\nFAIL"[..],
        b"RESULT 3\nOK\n",
        b"RESULT 2\nok",
        b"RESULT 2\n\xff\xfe",
        b"RESULT 1\nO",
    ] {
        assert_eq!(answer(data), rejected());
    }
}

#[test]
fn a_result_of_no_bytes_is_noticed_at_once() {
    assert_eq!(answer(b"RESULT 0\n"), rejected());
    assert_eq!(answer(b"RESULT -0\n"), rejected());
}

#[test]
fn lengths_are_read_as_the_reference_reads_them() {
    for line in [
        "RESULT 2",
        "RESULT  2",
        "RESULT\t2",
        " RESULT 2",
        "result 2",
        "RESULT +2",
        "RESULT 0_2",
        "RESULT 002",
        "RESULT 2 ",
        "RESULT 2\r",
        "RESULT \u{c}2",
        "RESULTX 2",
        "abcdef 2",
    ] {
        assert_eq!(
            answer(format!("{line}\nOK").as_bytes()),
            accepted(),
            "{line:?}"
        );
    }
}

#[test]
fn lines_without_a_length_end_the_conversation() {
    for line in [
        "",
        "2",
        "huh",
        "RESULT",
        "RESULT ",
        "RESULT2",
        "FOO 2",
        "FOO 22",
        "RESULT 2 3",
        "RESULT 2x",
        "RESULT 2.0",
        "RESULT _2",
        "RESULT 2_",
        "RESULT 1__0",
        "RESULT + 2",
        "RESULT +",
        "RESULT -1",
        "RESULT ٢",
        "RESULT \u{1c}2",
        "RESULT 2\0",
    ] {
        assert_eq!(
            answer(format!("{line}\nOK").as_bytes()),
            bad(line),
            "{line:?}"
        );
    }
}

#[test]
fn a_line_that_is_no_text_is_shown_as_python_shows_bytes() {
    assert_eq!(
        answer(b"RESULT \xff\nOK"),
        bad(r"Undecodable: b'RESULT \xff'")
    );
}

#[test]
fn a_result_longer_than_the_limit_is_a_bad_line() {
    let most = RESULT_BYTES_MAX;
    let at_limit = format!("RESULT {most}");
    assert_eq!(answer(format!("{at_limit}\n").as_bytes()), []);
    let over = format!("RESULT {}", most + 1);
    assert_eq!(answer(format!("{over}\n").as_bytes()), bad(&over));
    let absurd = "RESULT 99999999999999999999999999";
    assert_eq!(answer(format!("{absurd}\n").as_bytes()), bad(absurd));
}

#[test]
fn a_long_result_is_skipped_and_what_follows_is_read() {
    let mut data = b"RESULT 5000\n".to_vec();
    data.extend(vec![b'O'; 5000]);
    data.extend(b"READY\n");
    let mut expected = rejected();
    expected.push(changed(Acknowledged, Ready));
    assert_eq!(answer(&data), expected);
}

#[test]
fn a_line_without_end_is_not_waited_for() {
    let endless = vec![b'a'; RESULT_LINE_BYTES_MAX + 10];
    let shown = "a".repeat(RESULT_LINE_BYTES_MAX);
    assert_eq!(answer(&endless), bad(&shown));
    let mut listener = busy();
    assert_eq!(
        feed(&mut listener, &endless[..RESULT_LINE_BYTES_MAX - 1]),
        []
    );
    assert_eq!(listener.state(), Busy);
}

#[test]
fn what_is_logged_is_what_the_reference_logs() {
    let lines = |notice: ListenerNotice| {
        let lines = notice.log_lines("mail");
        assert_eq!(lines.iter().map(|l| l.0).max(), Some(notice.level()));
        lines
    };
    assert_eq!(
        lines(ListenerNotice::Accepted),
        [(LogLevel::Debug, "mail: event was processed".into())]
    );
    assert_eq!(
        lines(ListenerNotice::Rejected),
        [(LogLevel::Warn, "mail: event was rejected".into())]
    );
    assert_eq!(
        lines(ListenerNotice::BadResultLine("huh".into())),
        [(LogLevel::Warn, "mail: bad result line: 'huh'".into())]
    );
    assert_eq!(
        lines(changed(Ready, Busy)),
        [(LogLevel::Debug, "mail: READY -> BUSY".into())]
    );
    assert_eq!(
        lines(changed(Busy, Unknown)),
        [
            (LogLevel::Debug, "mail: BUSY -> UNKNOWN".into()),
            (
                LogLevel::Warn,
                "mail: has entered the UNKNOWN state and will no longer receive events, this \
                 usually indicates the process violated the eventlistener protocol"
                    .into()
            ),
        ]
    );
}

/// Output that often is, and often nearly is, what the protocol wants.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"READY\n".to_vec()),
        4 => Just(b"RESULT 2\nOK".to_vec()),
        2 => Just(b"RESULT 4\nFAIL".to_vec()),
        1 => Just(b"RESULT 0\n".to_vec()),
        1 => Just(b"RESULT 9999999999\n".to_vec()),
        1 => Just(b"RESULT 12\n".to_vec()),
        1 => Just(b"RES".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => Just(vec![b'a'; RESULT_LINE_BYTES_MAX]),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_of_the_output_gives_the_same(data in output(), cuts in proptest::collection::vec(1_usize..9, 0..40), start_busy: bool) {
        let begin = || if start_busy { busy() } else { Listener::default() };
        let (mut whole, mut pieces) = (begin(), begin());
        let expected = feed(&mut whole, &data);
        let mut told = Vec::new();
        let mut rest = &data[..];
        for cut in cuts {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            told.extend(feed(&mut pieces, piece));
            rest = tail;
        }
        told.extend(feed(&mut pieces, rest));
        prop_assert_eq!(told, expected);
        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn changes_are_a_chain_and_answers_come_only_from_busy(data in output(), start_busy: bool) {
        let mut listener = if start_busy { busy() } else { Listener::default() };
        let mut state = listener.state();
        for notice in feed(&mut listener, &data) {
            match notice {
                ListenerNotice::Changed { from, to } => {
                    prop_assert_eq!(from, state);
                    prop_assert_ne!(from, to);
                    state = to;
                }
                ListenerNotice::Accepted | ListenerNotice::Rejected | ListenerNotice::BadResultLine(_) => {
                    prop_assert_eq!(state, Busy);
                }
            }
        }
        prop_assert_eq!(state, listener.state());
    }
}
