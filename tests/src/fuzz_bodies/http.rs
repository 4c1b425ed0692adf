//! Requests and responses are the same however the bytes are cut into reads.

use super::{cuts, seeded};
use visor_core::config::Credentials;
use visor_core::http::auth::Gate;
use visor_core::http::client::{Event, ReceiveError, Receiver};
use visor_core::http::server::{Connection, Next};
use visor_core::http::{Response, Status};

/// The first byte decides the cuts and whether there is a password. The rest is what a client
/// sends, and then what a server sends.
///
/// # Panics
/// If the machines break their promise.
pub fn run(data: &[u8]) {
    let (seed, bytes) = seeded(data);
    let gate = Gate::new((seed & 1 == 1).then_some(&Credentials {
        username: "u".into(),
        password: "p".into(),
    }));
    let [whole, single, pieces] = cuts(bytes, seed).map(|reads| serve(&reads, &gate));
    assert_eq!(whole, single);
    assert_eq!(whole, pieces);
    let [whole, single, pieces] = cuts(bytes, seed).map(|reads| receive(&reads));
    assert_eq!(whole, single);
    assert_eq!(whole, pieces);
}

/// Answers everything with its own body, every third request piece by piece.
fn serve(reads: &[&[u8]], gate: &Gate) -> (Vec<Next>, Vec<u8>, bool) {
    let mut connection = Connection::default();
    let (mut seen, mut sent) = (Vec::new(), Vec::new());
    for read in reads {
        connection.receive(read);
        loop {
            let next = connection.next(gate);
            assert_eq!(connection.is_answering(), next != Next::More);
            match &next {
                Next::More => break,
                Next::Request(request) if seen.len() % 3 == 2 => {
                    connection.start_stream("now", &[]);
                    connection.stream(&request.body);
                    connection.end_stream();
                }
                Next::Request(request) => {
                    let path = request.path();
                    let _ = visor_core::http::form::Fields::parse(request.query());
                    let response = Response::new(Status::Ok, "text/plain", request.body.clone());
                    connection.respond("now", &response.with("Location", path));
                }
                Next::Refused(status) => connection.respond("now", &Response::error(*status)),
            }
            assert!(!connection.is_answering());
            seen.push(next);
        }
        sent.extend(connection.take_output());
        if connection.is_over() {
            assert_eq!(connection.buffered(), 0);
        }
    }
    // Who has sent the whole body at once need not be told to go on.
    let text = String::from_utf8_lossy(&sent).replace("HTTP/1.1 100 Continue\r\n\r\n", "");
    (seen, text.into_bytes(), connection.is_over())
}

/// The events, neighbouring pieces of a body joined.
fn receive(reads: &[&[u8]]) -> (Vec<Event>, Option<ReceiveError>) {
    let mut receiver = Receiver::new();
    let mut seen: Vec<Event> = Vec::new();
    for read in reads {
        receiver.receive(read);
        loop {
            match (receiver.next(), seen.last_mut()) {
                (Ok(None), _) => break,
                (Ok(Some(Event::Body(more))), Some(Event::Body(body))) => body.extend(more),
                (Ok(Some(event)), _) => seen.push(event),
                (Err(error), _) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_holds_on_many_inputs() {
        super::super::try_many(
            super::run,
            &[
                b"GET / HTTP/1.1\r\n",
                b"POST /RPC2?a=%41 HTTP/1.0\r\n",
                b"HEAD /x HTTP/1.1\r\n",
                b"Content-Length: 5\r\n",
                b"Content-Length: 0\r\n",
                b"Connection: keep-alive\r\n",
                b"Connection: close\r\n",
                b"Expect: 100-continue\r\n",
                b"Authorization: Basic dTpw\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"\r\n",
                b"\n",
                b"hello",
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"5\r\nhello\r\n",
                b"0\r\n\r\n",
            ],
        );
    }
}
