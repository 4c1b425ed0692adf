//! What supervisorctl says when the server is not there, not willing or no supervisord: one plain
//! sentence with what to try, and the reference's exit status.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use visor_tests::e2e::{Directory, Finished, Runtime, Setup, binary, finish, reference, skip};

/// Runs a client with this URL; ours, or another.
fn ask(program: std::path::PathBuf, url: &str, words: &[&str]) -> Finished {
    let directory = Directory::new();
    let mut command = Command::new(program);
    command
        .args(["-s", url])
        .args(words)
        .current_dir(directory.path());
    finish(command)
}

/// A server that reads what comes and answers each request with these bytes.
fn server(answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a local port");
    let port = listener.local_addr().expect("a local port").port();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a local port");
            let mut buffer = [0; 4096];
            if socket.read(&mut buffer).is_ok_and(|length| length > 0) {
                let _ = socket.write_all(&answer);
            }
        }
    });
    format!("http://127.0.0.1:{port}")
}

/// A server that answers every call so.
fn answering(response: &str) -> String {
    let body = format!("<?xml version='1.0'?><methodResponse>{response}</methodResponse>");
    server(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// What the answer must be: one line on standard output that begins so and contains that, the
/// reference's exit status, nothing on standard error.
fn expect(url: &str, action: &str, begin: &str, part: &str, status: i32) {
    let words: Vec<&str> = action.split(' ').collect();
    let ours = ask(binary("supervisorctl"), url, &words);
    assert_eq!(ours.code, Some(status), "{ours:?}");
    assert_eq!(
        (ours.stdout.lines().count(), ours.stderr.as_str()),
        (1, ""),
        "{ours:?}"
    );
    assert!(
        ours.stdout.starts_with(begin) && ours.stdout.contains(part),
        "{ours:?}"
    );
    assert!(
        !ours.stdout.contains("os error") && !ours.stdout.contains("Error {"),
        "{ours:?}"
    );
    match reference("supervisorctl") {
        Some(program) => {
            let theirs = ask(program, url, &words);
            assert_eq!(theirs.code, ours.code, "the reference: {theirs:?}");
        }
        None => skip("target/reference is not installed: its exit status is not compared"),
    }
}

#[test]
fn a_socket_that_is_not_there() {
    expect(
        "unix:///nowhere/s.sock",
        "pid",
        "unix:///nowhere/s.sock no such file",
        "",
        7,
    );
    expect(
        "unix:///nowhere/s.sock",
        "status",
        "unix:///nowhere/s.sock no such file",
        "",
        4,
    );
    expect(
        "unix:///nowhere/s.sock",
        "avail",
        "unix:///nowhere/s.sock no such file",
        "",
        1,
    );
}

#[test]
fn nobody_listens() {
    let port = visor_tests::e2e::free_port();
    let url = format!("http://127.0.0.1:{port}");
    expect(&url, "pid", &format!("{url} refused connection"), "", 4);
    expect(&url, "reload", &format!("{url} refused connection"), "", 1);
    let url = format!("http://[::1]:{port}");
    expect(&url, "status", &format!("{url} refused connection"), "", 4);
}

#[test]
fn a_socket_that_may_not_be_opened() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can become another user");
    }
    let daemon = Setup::new(Runtime::Smol).start();
    let url = format!("unix://{}", daemon.directory.file("s.sock").display());
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--clear-groups"]);
    // The binary itself may lie where that user cannot go.
    let copy = daemon.directory.file("supervisorctl");
    std::fs::copy(binary("supervisorctl"), &copy).unwrap();
    command
        .arg(copy)
        .args(["-s", &url, "status"])
        .current_dir(daemon.directory.path());
    let seen = finish(command);
    assert_eq!(seen.code, Some(1), "{seen:?}");
    assert!(
        seen.stdout.starts_with(&format!(
            "error: could not reach {url}: permission denied; "
        )),
        "{seen:?}"
    );
    assert_eq!((seen.stdout.lines().count(), seen.stderr.as_str()), (1, ""));
}

#[test]
fn a_host_that_does_not_exist() {
    expect(
        "http://no-such-host.invalid:9001",
        "status",
        "error: could not reach ",
        "unknown host; ",
        1,
    );
}

#[test]
fn servers_that_are_no_supervisord() {
    for (answer, part) in [
        (&b"220 mail.example.org ESMTP\r\n\r\n"[..], "no supervisord"),
        (b"", "closed the connection without an answer"),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP status 404 Not Found",
        ),
        (
            b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
            "HTTP status 500 Oops",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
            "not XML-RPC",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<?xml",
            "in the middle of its answer",
        ),
    ] {
        expect(&server(answer), "status", "error: ", part, 1);
    }
}

#[test]
fn a_server_with_another_api_or_without_the_methods() {
    let other = answering("<params><param><value><string>2.0</string></value></param></params>");
    expect(&other, "pid", "error: ", "speaks version 2.0 of the API", 5);
    expect(
        &other,
        "status",
        "error: ",
        "speaks version 2.0 of the API",
        4,
    );
    let url = answering(
        "<fault><value><struct><member><name>faultCode</name><value><int>1</int></value></member>\
         <member><name>faultString</name><value><string>UNKNOWN_METHOD</string></value></member>\
         </struct></value></fault>",
    );
    expect(&url, "pid", "error: ", "[rpcinterface:supervisor]", 3);
    expect(&url, "status", "error: ", "[rpcinterface:supervisor]", 4);
}

#[test]
fn a_wrong_password() {
    let port = visor_tests::e2e::free_port();
    let server =
        format!("[inet_http_server]\nport=127.0.0.1:{port}\nusername=bob\npassword=secret\n");
    let daemon = Setup::new(Runtime::Smol).sections(&server).start();
    let url = format!("http://127.0.0.1:{port}");
    for flags in [&["status"][..], &["-u", "bob", "-p", "wrong", "status"]] {
        let seen = ask(binary("supervisorctl"), &url, flags);
        assert_eq!(seen.code, Some(1));
        let lines: Vec<&str> = seen.stdout.lines().collect();
        assert_eq!(
            (lines.len(), lines[0]),
            (2, "Server requires authentication"),
            "{seen:?}"
        );
        assert!(
            lines[1].starts_with("error: ") && lines[1].contains("-u and -p"),
            "{seen:?}"
        );
    }
    assert_eq!(daemon.ctl(None, &["status"]).code, Some(0));
}

#[test]
fn a_reader_that_goes_away_ends_what_is_followed() {
    let daemon = Setup::new(Runtime::Smol).start();
    let mut command = Command::new("sh");
    let client = binary("supervisorctl");
    let line = format!(
        "{} -c {} maintail -f | head -n 1",
        client.display(),
        daemon.config().display()
    );
    command.args(["-c", &line]);
    // It ends by itself: nobody writes to the log any more.
    let seen = finish(command);
    assert_eq!(seen.stdout, "==> Press Ctrl-C to exit <==\n");
    assert_eq!(seen.stderr, "");
}
