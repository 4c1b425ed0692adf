//! The client's end: requests out, responses in.

use super::{HEAD_BYTES_MAX, HEADERS_MAX, Headers, buffer::Buffer, head_end};
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;

/// Longest line before a chunk: its size, and extensions that nobody sends.
const CHUNK_LINE_BYTES_MAX: usize = 4 << 10;

/// A request as bytes. `headers` are name and value; a body always comes with its length.
///
/// ```
/// use visor_core::http::client::request;
/// let bytes = request("GET", "/logtail/web", &[("Host", "localhost")], None);
/// assert_eq!(bytes, b"GET /logtail/web HTTP/1.1\r\nHost: localhost\r\n\r\n");
/// ```
#[must_use]
pub fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    bytes
}

/// The value of an `Authorization` header for a name and a password.
///
/// ```
/// use visor_core::http::client::basic_authorization;
/// assert_eq!(basic_authorization("user", "pass"), "Basic dXNlcjpwYXNz");
/// ```
#[must_use]
pub fn basic_authorization(username: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{username}:{password}");
    let cookie = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {cookie}")
}

/// Status line and headers of a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// 200.
    pub status: u16,
    /// `OK`.
    pub reason: String,
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    pub minor: u8,
    /// The headers.
    pub headers: Headers,
}

/// A piece of a response. Each response is one `Head`, any number of `Body`, one `End`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// The response begins. Interim ones (1xx) are passed over.
    Head(Head),
    /// The next bytes of its body; never empty.
    Body(Vec<u8>),
    /// It is over. What follows belongs to the next response.
    End,
}

/// Why a response cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReceiveError {
    /// Not HTTP/1.
    Malformed,
    /// The head or a chunk's line is longer than any should be.
    TooLong,
    /// The server closed the connection before the response was over.
    Truncated,
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the server's answer is not HTTP",
            Self::TooLong => "the server's answer has an endless head",
            Self::Truncated => "the server closed the connection in the middle of its answer",
        })
    }
}

impl core::error::Error for ReceiveError {}

/// Reads the responses of one connection: [`receive`](Self::receive) bytes as they come, then
/// [`next`](Self::next) until it has nothing more. The body is handed on as it comes, so that
/// following a log for a year needs no memory.
///
/// ```
/// use visor_core::http::client::{Event, Receiver};
/// let mut receiver = Receiver::new();
/// receiver.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
/// assert!(matches!(receiver.next(), Ok(Some(Event::Head(head))) if head.status == 200));
/// assert_eq!(receiver.next(), Ok(Some(Event::Body(b"OK".to_vec()))));
/// assert_eq!(receiver.next(), Ok(Some(Event::End)));
/// assert_eq!(receiver.next(), Ok(None));
/// ```
#[derive(Debug, Default)]
pub struct Receiver {
    buffer: Buffer,
    scanned: usize,
    stage: Stage,
    keep_alive: bool,
    closed: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Head,
    /// So many bytes of the body are left.
    Length(u64),
    /// At the line before a chunk.
    ChunkSize,
    /// So many bytes of the chunk are left.
    Chunk(u64),
    /// At the line break behind a chunk.
    ChunkEnd,
    /// In the lines behind the last chunk.
    Trailer,
    /// The body ends with the connection.
    UntilClose,
}

impl Receiver {
    /// A receiver for a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what came from the server.
    pub fn receive(&mut self, data: &[u8]) {
        self.buffer.push(data);
    }

    /// The server has closed the connection. [`next`](Self::next) says what that means.
    pub const fn close(&mut self) {
        self.closed = true;
    }

    /// The next piece, or `None` until more bytes have come.
    ///
    /// # Errors
    /// The response cannot be read; the connection is of no more use.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Event>, ReceiveError> {
        loop {
            let event = match self.stage {
                Stage::Head => self.head()?,
                Stage::Length(0) => return Ok(Some(self.end())),
                Stage::Length(left) => self.body(left, Stage::Length),
                Stage::Chunk(0) => {
                    self.stage = Stage::ChunkEnd;
                    continue;
                }
                Stage::Chunk(left) => self.body(left, Stage::Chunk),
                Stage::UntilClose => {
                    if self.buffer.is_empty() && self.closed {
                        return Ok(Some(self.end()));
                    }
                    self.body(u64::MAX, |_| Stage::UntilClose)
                }
                Stage::ChunkSize | Stage::ChunkEnd | Stage::Trailer => {
                    if self.chunk_line()? {
                        if self.stage == Stage::Head {
                            return Ok(Some(Event::End));
                        }
                        continue;
                    }
                    None
                }
            };
            let between = self.stage == Stage::Head && self.buffer.is_empty();
            return match event {
                Some(event) => Ok(Some(event)),
                None if self.closed && !between => Err(ReceiveError::Truncated),
                None => Ok(None),
            };
        }
    }

    /// Whether the last response left the connection usable for another request.
    #[must_use]
    pub const fn keeps_alive(&self) -> bool {
        self.keep_alive && !self.closed
    }

    fn head(&mut self) -> Result<Option<Event>, ReceiveError> {
        loop {
            let end = match head_end(self.buffer.rest(), self.scanned) {
                Ok(end) if end <= HEAD_BYTES_MAX => end,
                Err(scanned) if self.buffer.len() <= HEAD_BYTES_MAX => {
                    self.scanned = scanned;
                    return Ok(None);
                }
                Ok(_) | Err(_) => return Err(ReceiveError::TooLong),
            };
            self.scanned = 0;
            let bytes = self.buffer.take(end);
            let head = parse_head(&bytes)?;
            if (100..200).contains(&head.status) {
                continue;
            }
            self.stage = body_stage(&head)?;
            self.keep_alive = self.stage != Stage::UntilClose
                && if head.minor == 0 {
                    head.headers.has_word("connection", "keep-alive")
                } else {
                    !head.headers.has_word("connection", "close")
                };
            return Ok(Some(Event::Head(head)));
        }
    }

    fn body(&mut self, left: u64, stage: impl Fn(u64) -> Stage) -> Option<Event> {
        if self.buffer.is_empty() {
            return None;
        }
        let bytes = self
            .buffer
            .take(usize::try_from(left).unwrap_or(usize::MAX));
        self.stage = stage(left - bytes.len() as u64);
        Some(Event::Body(bytes))
    }

    /// One line of chunked coding; whether there was one.
    fn chunk_line(&mut self) -> Result<bool, ReceiveError> {
        let Some(length) = self.buffer.rest().iter().position(|c| *c == b'\n') else {
            if self.buffer.len() > CHUNK_LINE_BYTES_MAX {
                return Err(ReceiveError::TooLong);
            }
            return Ok(false);
        };
        let line = self.buffer.take(length + 1);
        let line = line.trim_ascii();
        self.stage = match self.stage {
            Stage::ChunkSize => {
                let digits = line.split(|c| *c == b';').next().unwrap_or_default();
                let digits = core::str::from_utf8(digits.trim_ascii()).unwrap_or_default();
                if !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
                    return Err(ReceiveError::Malformed);
                }
                match u64::from_str_radix(digits, 16) {
                    Ok(0) => Stage::Trailer,
                    Ok(size) => Stage::Chunk(size),
                    Err(_) => return Err(ReceiveError::Malformed),
                }
            }
            Stage::ChunkEnd if line.is_empty() => Stage::ChunkSize,
            Stage::Trailer if line.is_empty() => Stage::Head,
            Stage::Trailer => Stage::Trailer,
            Stage::Head
            | Stage::Length(_)
            | Stage::Chunk(_)
            | Stage::ChunkEnd
            | Stage::UntilClose => return Err(ReceiveError::Malformed),
        };
        Ok(true)
    }

    const fn end(&mut self) -> Event {
        self.stage = Stage::Head;
        Event::End
    }
}

fn parse_head(bytes: &[u8]) -> Result<Head, ReceiveError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    config.ignore_invalid_headers_in_responses(true);
    match config.parse_response(&mut response, bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(_) => return Err(ReceiveError::Malformed),
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(ReceiveError::Malformed);
    };
    Ok(Head {
        status,
        reason: response.reason.unwrap_or("").to_string(),
        minor,
        headers: Headers::from_parsed(response.headers),
    })
}

fn body_stage(head: &Head) -> Result<Stage, ReceiveError> {
    if matches!(head.status, 204 | 304) {
        return Ok(Stage::Length(0));
    }
    if head.headers.has_word("transfer-encoding", "chunked") {
        return Ok(Stage::ChunkSize);
    }
    match head.headers.content_length() {
        Ok(Some(length)) => Ok(Stage::Length(length)),
        Ok(None) => Ok(Stage::UntilClose),
        Err(()) => Err(ReceiveError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Events with neighbouring pieces of a body joined, and how it ended.
    fn events(pieces: &[&[u8]], closed: bool) -> (Vec<Event>, Option<ReceiveError>) {
        let mut receiver = Receiver::new();
        let mut seen: Vec<Event> = vec![];
        let mut drain = |receiver: &mut Receiver| loop {
            match receiver.next() {
                Ok(None) => return None,
                Ok(Some(Event::Body(more))) => match seen.last_mut() {
                    Some(Event::Body(body)) => body.extend(more),
                    _ => seen.push(Event::Body(more)),
                },
                Ok(Some(Event::End)) if closed => {
                    seen.push(Event::End);
                    return None;
                }
                Ok(Some(event)) => seen.push(event),
                Err(error) => return Some(error),
            }
        };
        for piece in pieces {
            receiver.receive(piece);
            if let Some(error) = drain(&mut receiver) {
                return (seen, Some(error));
            }
        }
        if closed {
            receiver.close();
            let error = drain(&mut receiver);
            return (seen, error);
        }
        (seen, None)
    }

    fn body_of(seen: &[Event]) -> Vec<u8> {
        seen.iter()
            .filter_map(|e| match e {
                Event::Body(b) => Some(b.clone()),
                Event::Head(_) | Event::End => None,
            })
            .flatten()
            .collect()
    }

    #[test]
    fn any_split_gives_the_same_events() {
        let bytes: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            5;x=y\r\nhello\r\n1\r\n \r\n0\r\nTrailer: x\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n";
        let (whole, error) = events(&[bytes], false);
        assert_eq!(error, None);
        assert_eq!(whole.len(), 6);
        assert_eq!(body_of(&whole), b"hello no\n");
        for cut in 1..bytes.len() {
            assert_eq!(events(&[&bytes[..cut], &bytes[cut..]], false).0, whole);
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(events(&single, false).0, whole);
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        let (seen, error) = events(&[b"HTTP/1.0 200 OK\r\n\r\nab", b"c"], true);
        assert_eq!(error, None);
        assert_eq!(body_of(&seen), b"abc");
        assert_eq!(seen.last(), Some(&Event::End));
    }

    #[test]
    fn a_connection_that_breaks_off_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Le"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(events(&[bytes], true).1, Some(ReceiveError::Truncated));
        }
        assert_eq!(events(&[], true).1, None);
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        for bytes in [
            &b"hello\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            assert_eq!(events(&[bytes], false).1, Some(ReceiveError::Malformed));
        }
        let endless = vec![b'a'; HEAD_BYTES_MAX + 1];
        assert_eq!(events(&[&endless], false).1, Some(ReceiveError::TooLong));
    }

    #[test]
    fn errors_are_clauses() {
        let shown = [
            ReceiveError::Malformed,
            ReceiveError::TooLong,
            ReceiveError::Truncated,
        ];
        for error in shown {
            assert!(error.to_string().starts_with("the server"), "{error:?}");
        }
    }

    #[test]
    fn a_head_and_a_line_of_a_chunk_have_so_many_bytes() {
        let head = |length: usize| {
            let (before, after) = ("HTTP/1.1 200 OK\r\nX: ", "\r\n\r\n");
            let value = "x".repeat(length - before.len() - after.len());
            let text = alloc::format!("{before}{value}{after}");
            events(&[text.as_bytes()], false).1
        };
        assert_eq!(head(HEAD_BYTES_MAX), None);
        assert_eq!(head(HEAD_BYTES_MAX + 1), Some(ReceiveError::TooLong));
        let line = |length: usize| {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            events(&[&head[..], &vec![b'0'; length]], false).1
        };
        assert_eq!(line(CHUNK_LINE_BYTES_MAX), None);
        for more in 1..3 {
            let error = line(CHUNK_LINE_BYTES_MAX + more);
            assert_eq!(error, Some(ReceiveError::TooLong));
        }
    }

    #[test]
    fn a_trailer_ends_with_an_empty_line() {
        let mut receiver = Receiver::new();
        receiver.receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n");
        assert!(matches!(receiver.next(), Ok(Some(Event::Head(_)))));
        assert_eq!(receiver.next(), Ok(None));
        receiver.receive(b"\r\n");
        assert_eq!(receiver.next(), Ok(Some(Event::End)));
    }

    #[test]
    fn keep_alive_follows_version_and_header() {
        let after = |bytes: &[u8]| {
            let mut receiver = Receiver::new();
            receiver.receive(bytes);
            while let Ok(Some(_)) = receiver.next() {}
            receiver.keeps_alive()
        };
        assert!(after(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(!after(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(after(
            b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n"
        ));
        assert!(!after(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        ));
    }

    #[test]
    fn an_empty_line_before_an_answer_is_passed_over() {
        let answer: &[u8] = b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        for cut in 0..answer.len() {
            let (a, b) = answer.split_at(cut);
            let (events, error) = events(&[a, b], false);
            assert_eq!(error, None);
            assert!(matches!(&events[0], Event::Head(head) if head.status == 200));
        }
    }
}
