//! The server's end of one connection.

use super::auth::Gate;
use super::buffer::Buffer;
use super::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};
use super::{Headers, Method, Request, Response, Status, head_end};
use alloc::{borrow::Cow, collections::VecDeque, format, string::String, vec::Vec};

/// What [`Connection::next`] has found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// Nothing until more bytes come, or until the request before is answered.
    More,
    /// A request of somebody who may make it. It must be answered: with
    /// [`respond`](Connection::respond), or [`start_stream`](Connection::start_stream) up to
    /// [`end_stream`](Connection::end_stream).
    Request(Request),
    /// A request that cannot be served, to be answered with this status.
    Refused(Status),
}

/// A connection as the server sees it.
///
/// - Bytes: [`receive`](Self::receive) what came, send what [`take_output`](Self::take_output)
///   gives, close when [`is_over`](Self::is_over).
/// - Requests: [`next`](Self::next) gives one at a time. The next one is not looked at before the
///   last is answered, so that pipelined requests keep their order.
/// - Framing is the reference's: bodies have a Content-Length, POST and PUT without one get 411;
///   keep-alive is the default from HTTP/1.1 on. Without credentials nothing is kept of a body.
///
/// ```
/// use visor_core::http::{Response, Status, auth::Gate, server::{Connection, Next}};
/// let mut connection = Connection::default();
/// connection.receive(b"GET /ok.html HTTP/1.1\r\n\r\n");
/// assert!(matches!(connection.next(&Gate::default()), Next::Request(r) if r.path() == "/ok.html"));
/// connection.respond("Sun, 22 Nov 2026 13:00:06 GMT", &Response::new(Status::Ok, "text/plain", "OK"));
/// assert!(connection.take_output().ends_with(b"\r\n\r\nOK"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Connection {
    input: Buffer,
    /// How far the end of the head has been searched for.
    scanned: usize,
    stage: Stage,
    /// Comes before `output`.
    pieces: VecDeque<Vec<u8>>,
    output: Vec<u8>,
    last: Last,
}

#[derive(Clone, Debug, Default)]
enum Stage {
    /// Waiting for a head.
    #[default]
    Head,
    /// Waiting for so many bytes of this request's body.
    Body(Request, usize),
    /// A request is being answered.
    Answering,
    /// The body of the answer goes out piece by piece.
    Streaming,
    /// Nothing more is read. What is queued is still sent.
    Over,
}

/// What the answer must know of its request.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    minor: u8,
    is_head: bool,
    keep_alive: bool,
    /// HTTP/1.0 wants to be told that the connection stays.
    asked_to_keep: bool,
    /// Bytes of the request's body that nobody wants.
    unread: u64,
}

impl Connection {
    /// Takes what came from the client.
    pub fn receive(&mut self, data: &[u8]) {
        if !matches!(self.stage, Stage::Over) {
            self.input.push(data);
        }
    }

    /// The next request.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self, gate: &Gate) -> Next {
        if matches!(self.stage, Stage::Head) {
            // As long as there is more of that, nothing is left.
            self.skip_unread();
            match self.head(gate) {
                Ok(None) => return Next::More,
                Ok(Some((request, length))) => self.stage = Stage::Body(request, length),
                Err(status) => {
                    self.stage = Stage::Answering;
                    return Next::Refused(status);
                }
            }
        }
        match core::mem::take(&mut self.stage) {
            Stage::Body(mut request, length) if self.input.len() >= length => {
                request.body = self.input.take(length);
                self.stage = Stage::Answering;
                Next::Request(request)
            }
            stage @ (Stage::Head
            | Stage::Body(..)
            | Stage::Answering
            | Stage::Streaming
            | Stage::Over) => {
                self.stage = stage;
                Next::More
            }
        }
    }

    /// Answers the request that [`next`](Self::next) gave. `date` is the value of the `Date`
    /// header.
    pub fn respond(&mut self, date: &str, response: &Response) {
        self.respond_in_pieces(date, response, Vec::new());
    }

    /// The same with a body that goes on: large ones need not be copied together, and are not
    /// copied here.
    pub fn respond_in_pieces(&mut self, date: &str, response: &Response, more: Vec<Vec<u8>>) {
        if !matches!(self.stage, Stage::Answering) {
            return;
        }
        let length = response.body.len() + more.iter().map(Vec::len).sum::<usize>();
        let length = format!("{length}");
        self.write_head(
            date,
            response.status,
            &response.headers,
            &[("Content-Length", &length)],
        );
        if !self.last.is_head && response.status != Status::NotModified {
            self.output.extend_from_slice(&response.body);
            if !more.is_empty() {
                self.pieces.push_back(core::mem::take(&mut self.output));
                self.pieces.extend(more);
            }
        }
        self.answered();
    }

    /// Answers the request with a body of unknown length.
    pub fn start_stream(&mut self, date: &str, headers: &[(&'static str, Cow<'static, str>)]) {
        if !matches!(self.stage, Stage::Answering) {
            return;
        }
        let coding: &[(&str, &str)] = if self.last.minor == 0 {
            // Only the end of the connection can tell HTTP/1.0 that the body is over.
            self.last.keep_alive = false;
            &[]
        } else {
            &[("Transfer-Encoding", "chunked")]
        };
        self.write_head(date, Status::Ok, headers, coding);
        self.stage = Stage::Streaming;
    }

    /// Sends some of the body of a streamed answer.
    pub fn stream(&mut self, data: &[u8]) {
        if !matches!(self.stage, Stage::Streaming) || data.is_empty() {
            return;
        }
        if self.last.minor == 0 {
            self.output.extend_from_slice(data);
        } else {
            self.text(&format!("{:x}\r\n", data.len()));
            self.output.extend_from_slice(data);
            self.text("\r\n");
        }
    }

    /// The body of a streamed answer is complete.
    pub fn end_stream(&mut self) {
        if !matches!(self.stage, Stage::Streaming) {
            return;
        }
        if self.last.minor > 0 {
            self.text("0\r\n\r\n");
        }
        self.answered();
    }

    /// What must be sent now, or the next piece of it: empty when that is all.
    pub fn take_output(&mut self) -> Vec<u8> {
        let piece = self.pieces.pop_front();
        piece.unwrap_or_else(|| core::mem::take(&mut self.output))
    }

    /// Answers a request that never came to its end, and serves no more.
    pub fn refuse_slow(&mut self, date: &str, response: &Response) {
        if self.is_receiving() {
            self.last = Last {
                minor: 1,
                ..Last::default()
            };
            self.stage = Stage::Answering;
            self.respond(date, response);
        }
    }

    /// Reads and answers no more; what is queued is still sent.
    pub fn end(&mut self) {
        self.stage = Stage::Over;
        self.input.clear();
    }

    /// The connection is to be closed once the output is sent.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// A request is being answered, so that no other can begin.
    #[must_use]
    pub const fn is_answering(&self) -> bool {
        matches!(self.stage, Stage::Answering | Stage::Streaming)
    }

    /// The body of an answer is going out piece by piece.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        matches!(self.stage, Stage::Streaming)
    }

    /// The client has begun a request and not finished it.
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        match self.stage {
            Stage::Head => !self.input.is_empty() || self.last.unread > 0,
            Stage::Body(..) => true,
            Stage::Answering | Stage::Streaming | Stage::Over => false,
        }
    }

    /// Bytes kept of requests that are not complete or not yet looked at.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.input.len()
    }

    /// A head, checked, and the length of the body that follows it.
    fn head(&mut self, gate: &Gate) -> Result<Option<(Request, usize)>, Status> {
        let blank = |c: &&u8| matches!(**c, b'\r' | b'\n');
        let blanks = self.input.rest().iter().take_while(blank).count();
        self.input.skip(blanks);
        let end = match head_end(self.input.rest(), self.scanned) {
            Ok(end) if end <= HEAD_BYTES_MAX => end,
            Err(scanned) if self.input.len() <= HEAD_BYTES_MAX => {
                self.scanned = scanned;
                return Ok(None);
            }
            Ok(_) | Err(_) => {
                self.last.minor = 1;
                return self.refuse(Status::HeadersTooLarge);
            }
        };
        self.scanned = 0;
        self.last = Last {
            minor: 1,
            ..Last::default()
        };
        let bytes = self.input.take(end);
        let Some(request) = parse_head(&bytes) else {
            return self.refuse(Status::BadRequest);
        };
        let wants = |word| request.headers.has_word("connection", word);
        let asked_to_keep = request.minor == 0 && wants("keep-alive");
        self.last = Last {
            minor: request.minor,
            is_head: request.method == Method::Head,
            keep_alive: asked_to_keep || (request.minor > 0 && !wants("close")),
            asked_to_keep,
            unread: 0,
        };
        self.body_length(request, gate)
    }

    fn body_length(
        &mut self,
        request: Request,
        gate: &Gate,
    ) -> Result<Option<(Request, usize)>, Status> {
        let Ok(length) = request.headers.content_length() else {
            return self.refuse(Status::BadRequest);
        };
        let admitted = gate.admits(request.headers.get_bytes("authorization"));
        let continues = request.headers.has_word("expect", "100-continue");
        let coded = request.headers.get_bytes("transfer-encoding").is_some();
        if !admitted {
            // Who waits for leave to send the body may send it or not: one cannot know where the
            // next request begins.
            self.last.keep_alive &= !continues && !coded;
            self.last.unread = length.unwrap_or(0);
            return Err(Status::Unauthorized);
        }
        let needs_length = matches!(request.method, Method::Post | Method::Put);
        let length = match length {
            // Chunked requests are not served, and with both headers the two ends could disagree
            // on where the request ends.
            Some(_) if coded => return self.refuse(Status::BadRequest),
            None if coded => return self.refuse(Status::LengthRequired),
            None if needs_length => return Err(Status::LengthRequired),
            None => 0,
            Some(length) => match usize::try_from(length) {
                Ok(length) if length <= BODY_BYTES_MAX => length,
                Ok(_) | Err(_) => return self.refuse(Status::ContentTooLarge),
            },
        };
        if continues && request.minor > 0 && self.input.len() < length {
            self.text("HTTP/1.1 100 Continue\r\n\r\n");
        }
        Ok(Some((request, length)))
    }

    /// An error after which nobody knows where the next request begins.
    fn refuse<T>(&mut self, status: Status) -> Result<T, Status> {
        self.last.keep_alive = false;
        self.last.asked_to_keep = false;
        self.input.clear();
        Err(status)
    }

    fn skip_unread(&mut self) {
        let skip = usize::try_from(self.last.unread).unwrap_or(usize::MAX);
        let skip = skip.min(self.input.len());
        self.input.skip(skip);
        self.last.unread -= skip as u64;
    }

    fn write_head(
        &mut self,
        date: &str,
        status: Status,
        headers: &[(&'static str, Cow<'static, str>)],
        framing: &[(&str, &str)],
    ) {
        let line = status.line();
        let minor = self.last.minor;
        self.text(&format!(
            "HTTP/1.{minor} {line}\r\nServer: visor\r\nDate: {date}\r\n"
        ));
        for (name, value) in headers {
            self.header(name, value);
        }
        for (name, value) in framing {
            self.header(name, value);
        }
        if !self.last.keep_alive {
            self.header("Connection", "close");
        } else if self.last.asked_to_keep {
            self.header("Connection", "Keep-Alive");
        }
        self.text("\r\n");
    }

    fn header(&mut self, name: &str, value: &str) {
        self.text(name);
        self.text(": ");
        self.text(value);
        self.text("\r\n");
    }

    fn text(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }

    fn answered(&mut self) {
        if self.last.keep_alive {
            self.stage = Stage::Head;
        } else {
            self.end();
        }
    }
}

fn parse_head(bytes: &[u8]) -> Option<Request> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    // As the reference, which passes over header lines it cannot read.
    config.ignore_invalid_headers_in_requests(true);
    match config.parse_request(&mut request, bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(_) => return None,
    }
    Some(Request {
        method: Method::named(request.method?),
        target: String::from(request.path?),
        minor: request.version?,
        headers: Headers::from_parsed(request.headers),
        body: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
