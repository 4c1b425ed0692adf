use super::*;
use crate::config::Credentials;
use alloc::vec;
use proptest::prelude::*;

const DATE: &str = "Sun, 22 Nov 2026 13:00:06 GMT";

/// Answers every request with its body, and says what was asked and answered.
fn serve(pieces: &[&[u8]], gate: &Gate) -> (Vec<Next>, Vec<u8>, bool) {
    let mut connection = Connection::default();
    let (mut seen, mut sent) = (vec![], vec![]);
    for piece in pieces {
        connection.receive(piece);
        loop {
            let next = connection.next(gate);
            let response = match &next {
                Next::More => break,
                Next::Request(r) => Response::new(Status::Ok, "text/plain", r.body.clone()),
                Next::Refused(status) => Response::error(*status),
            };
            seen.push(next);
            connection.respond(DATE, &response);
        }
        sent.extend(connection.take_output());
    }
    (seen, sent, connection.is_over())
}

fn open(bytes: &[u8]) -> (Vec<Next>, Vec<u8>, bool) {
    serve(&[bytes], &Gate::default())
}

fn statuses(sent: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(sent);
    let lines = text.split("HTTP/1.").skip(1);
    lines.filter_map(|l| l.get(2..5)?.parse().ok()).collect()
}

#[test]
fn answers_have_the_framing_that_version_and_headers_ask_for() {
    let (_, sent, over) = open(b"POST /RPC2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    assert!(!over);
    assert_eq!(
        String::from_utf8_lossy(&sent),
        "HTTP/1.1 200 OK\r\nServer: visor\r\nDate: Sun, 22 Nov 2026 13:00:06 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    );
    let over = |bytes: &[u8]| open(bytes).2;
    assert!(over(b"GET / HTTP/1.0\r\n\r\n"));
    assert!(over(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
    let (_, sent, over) = open(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert!(!over);
    assert!(String::from_utf8_lossy(&sent).contains("HTTP/1.0 200 OK"));
    assert!(String::from_utf8_lossy(&sent).contains("Connection: Keep-Alive\r\n"));
}

#[test]
fn a_head_request_gets_headers_only() {
    let mut connection = Connection::default();
    connection.receive(b"HEAD /x HTTP/1.1\r\n\r\n");
    assert!(matches!(
        connection.next(&Gate::default()),
        Next::Request(_)
    ));
    connection.respond(DATE, &Response::new(Status::Ok, "text/css", "12345"));
    let sent = connection.take_output();
    assert!(sent.ends_with(b"Content-Length: 5\r\n\r\n"));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (seen, sent, _) = open(
        b"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n1\r\nGET /b HTTP/1.1\r\n\r\nPOST /c HTTP/1.1\r\nContent-Length: 1\r\n\r\n3",
    );
    assert_eq!(seen.len(), 3);
    assert_eq!(statuses(&sent), [200, 200, 200]);
}

#[test]
fn nothing_is_read_ahead_of_an_answer() {
    let mut connection = Connection::default();
    connection.receive(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    assert!(matches!(connection.next(&Gate::default()), Next::Request(r) if r.target == "/a"));
    assert_eq!(connection.next(&Gate::default()), Next::More);
    connection.start_stream(DATE, &[]);
    connection.stream(b"x");
    assert_eq!(connection.next(&Gate::default()), Next::More);
    connection.end_stream();
    assert!(matches!(connection.next(&Gate::default()), Next::Request(r) if r.target == "/b"));
}

#[test]
fn streams_are_chunked_or_end_with_the_connection() {
    let stream = |bytes: &[u8]| {
        let mut connection = Connection::default();
        connection.receive(bytes);
        assert!(matches!(
            connection.next(&Gate::default()),
            Next::Request(_)
        ));
        connection.start_stream(DATE, &[]);
        connection.stream(b"0123456789abcdef");
        connection.stream(b"");
        connection.end_stream();
        (connection.take_output(), connection.is_over())
    };
    let (sent, over) = stream(b"GET / HTTP/1.1\r\n\r\n");
    assert!(!over);
    assert!(
        sent.ends_with(b"Transfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")
    );
    let (sent, over) = stream(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(over);
    assert!(sent.ends_with(b"Connection: close\r\n\r\n0123456789abcdef"));
}

#[test]
fn requests_that_cannot_be_framed_are_refused() {
    let refusal = |bytes: &[u8]| {
        let (_, sent, over) = open(bytes);
        (statuses(&sent), over)
    };
    assert_eq!(refusal(b"POST / HTTP/1.1\r\n\r\n"), (vec![411], false));
    assert_eq!(
        refusal(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (vec![411], true)
    );
    for bad in [
        &b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x00\x01garbage\r\n\r\n",
    ] {
        assert_eq!(refusal(bad), (vec![400], true), "{bad:?}");
    }
    let big = format!(
        "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        BODY_BYTES_MAX + 1
    );
    assert_eq!(refusal(big.as_bytes()), (vec![413], true));
    let endless = vec![b'a'; HEAD_BYTES_MAX + 1];
    assert_eq!(refusal(&endless), (vec![431], true));
    assert_eq!(refusal(b"PUT / HTTP/1.1\r\n\r\n"), (vec![411], false));
}

#[test]
fn what_cannot_be_read_is_answered_in_the_version_that_is_spoken_here() {
    let begins = |sent: &[u8], line: &str| String::from_utf8_lossy(sent).starts_with(line);
    assert!(begins(&open(b"GET /\r\n\r\n").1, "HTTP/1.1 400 "));
    let endless = vec![b'a'; HEAD_BYTES_MAX + 1];
    assert!(begins(&open(&endless).1, "HTTP/1.1 431 "));
    let mut connection = Connection::default();
    connection.receive(b"GET / HT");
    assert_eq!(connection.next(&Gate::default()), Next::More);
    connection.refuse_slow(DATE, &Response::error(Status::RequestTimeout));
    assert!(begins(&connection.take_output(), "HTTP/1.1 408 "));
}

#[test]
fn a_head_has_so_many_bytes() {
    let head = |length: usize| {
        let (before, after) = ("GET / HTTP/1.1\r\nX: ", "\r\n\r\n");
        let value = "x".repeat(length - before.len() - after.len());
        format!("{before}{value}{after}").into_bytes()
    };
    assert_eq!(statuses(&open(&head(HEAD_BYTES_MAX)).1), [200]);
    assert_eq!(statuses(&open(&head(HEAD_BYTES_MAX + 1)).1), [431]);
}

#[test]
fn equal_content_lengths_may_be_repeated() {
    let (seen, _, _) = open(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx");
    assert!(matches!(&seen[..], [Next::Request(r)] if r.body == b"x"));
}

#[test]
fn leading_line_breaks_and_bare_line_feeds_are_accepted() {
    let (seen, _, _) = open(b"\r\n\r\nGET /ok.html HTTP/1.1\nHost: x\n\n");
    assert!(matches!(&seen[..], [Next::Request(r)] if r.headers.get("HOST") == Some("x")));
}

#[test]
fn a_client_that_waits_to_send_its_body_is_told_to() {
    let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let (_, sent, _) = serve(&[head, b"x"], &Gate::default());
    assert_eq!(statuses(&sent), [100, 200]);
    let whole = [&head[..], b"x"].concat();
    assert_eq!(statuses(&open(&whole).1), [200]);
    // HTTP/1.0 knows no such answer.
    let old = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let (_, sent, _) = serve(&[old, b"x"], &Gate::default());
    assert_eq!(statuses(&sent), [200]);
}

fn locked() -> Gate {
    Gate::new(Some(&Credentials {
        username: "u".into(),
        password: "p".into(),
    }))
}

#[test]
fn without_credentials_no_body_is_kept_and_the_connection_goes_on() {
    let mut connection = Connection::default();
    connection.receive(b"POST /RPC2 HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\n");
    assert_eq!(
        connection.next(&locked()),
        Next::Refused(Status::Unauthorized)
    );
    connection.respond(DATE, &Response::error(Status::Unauthorized));
    for _ in 0..100 {
        connection.receive(&[b'x'; 1000]);
        assert_eq!(connection.next(&locked()), Next::More);
        assert_eq!(connection.buffered(), 0);
        assert!(connection.is_receiving());
    }
    let (_, sent, over) = serve(
        &[b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nxxGET / HTTP/1.1\r\nAuthorization: Basic dTpw\r\n\r\n"],
        &locked(),
    );
    assert_eq!(statuses(&sent), [401, 200]);
    assert!(!over);
}

#[test]
fn a_refused_client_that_waits_to_send_is_let_go() {
    let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let (_, sent, over) = serve(&[head], &locked());
    assert_eq!((statuses(&sent), over), (vec![401], true));
}

#[test]
fn errors_ask_for_credentials_only_when_those_are_missing() {
    let (_, sent, _) = serve(&[b"GET / HTTP/1.1\r\n\r\n"], &locked());
    assert!(
        String::from_utf8_lossy(&sent).contains("WWW-Authenticate: Basic realm=\"default\"\r\n")
    );
    let (_, sent, _) = open(b"POST / HTTP/1.1\r\n\r\n");
    assert!(!String::from_utf8_lossy(&sent).contains("WWW-Authenticate"));
}

#[test]
fn a_header_cannot_carry_a_line_break() {
    let response = Response::new(Status::SeeOther, "text/html", "")
        .with("Location", String::from("/a\r\nX: y"));
    assert!(response.headers.iter().any(|(_, v)| v == "/aX: y"));
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let valid = (
        0..3_usize,
        "[a-z/?=%]{0,8}",
        proptest::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(method, path, body)| match method {
            0 => format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes(),
            1 => {
                let head = format!(
                    "POST /{path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                [head.as_bytes(), &body].concat()
            }
            _ => format!("POST /{path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes(),
        });
    prop_oneof![
        8 => valid,
        1 => proptest::collection::vec(any::<u8>(), 0..60),
        1 => Just(b"\r\n".to_vec()),
    ]
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_requests(
        messages in proptest::collection::vec(message(), 1..6),
        cuts in proptest::collection::vec(0..400_usize, 0..12),
        is_locked in any::<bool>(),
    ) {
        let gate = if is_locked { locked() } else { Gate::default() };
        let bytes = messages.concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let whole = serve(&[&bytes], &gate);
        prop_assert_eq!(&serve(&pieces, &gate), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&serve(&single, &gate), &whole);
    }
}
