//! Requests and responses.

use super::form;
use alloc::{
    borrow::Cow,
    string::{String, ToString as _},
    vec::Vec,
};

/// A request's method. Others than these are answered with 400, as the reference does.
///
/// ```
/// use visor_core::http::Method;
/// assert_eq!(Method::named("GET"), Method::Get);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// Any other, known to HTTP or not.
    Other,
}

impl Method {
    /// The method of a request line; names are case-sensitive.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            _ => Self::Other,
        }
    }
}

/// Header lines in the order they came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    pub(super) fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        Self(
            parsed
                .iter()
                .map(|h| (h.name.to_string(), h.value.to_vec()))
                .collect(),
        )
    }

    /// The first header of that name, in any case, if it is text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_bytes(name)
            .and_then(|value| core::str::from_utf8(value).ok())
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// All headers of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Whether a header that lists words has this one, in any case.
    #[must_use]
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        self.all(name).any(|value| {
            core::str::from_utf8(value).is_ok_and(|text| {
                text.split(',')
                    .any(|part| part.trim().eq_ignore_ascii_case(word))
            })
        })
    }

    /// The length of the body that follows: `Ok(None)` if none is given.
    ///
    /// # Errors
    /// It is no number, or given twice and not alike.
    pub(super) fn content_length(&self) -> Result<Option<u64>, ()> {
        let mut length = None;
        for value in self.all("content-length") {
            let text = core::str::from_utf8(value).map_err(|_| ())?.trim();
            if text.is_empty() || !text.bytes().all(|c| c.is_ascii_digit()) {
                return Err(());
            }
            let number: u64 = text.parse().map_err(|_| ())?;
            if length.is_some_and(|known| known != number) {
                return Err(());
            }
            length = Some(number);
        }
        Ok(length)
    }
}

/// A whole request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// With what: path and query, percent encoded.
    pub target: String,
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    pub minor: u8,
    /// The headers.
    pub headers: Headers,
    /// The body, at most [`BODY_BYTES_MAX`](super::BODY_BYTES_MAX).
    pub body: Vec<u8>,
}

impl Request {
    /// The path, decoded; a target in absolute form has none of ours.
    #[must_use]
    pub fn path(&self) -> String {
        form::percent_decode(self.split_target().0)
    }

    /// The query, still encoded; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.split_target().1
    }

    fn split_target(&self) -> (&str, &str) {
        let target = self.target.split('#').next().unwrap_or("");
        target.split_once('?').unwrap_or((target, ""))
    }
}

/// A status line's number and words.
///
/// ```
/// use visor_core::http::Status;
/// assert_eq!(Status::NotFound.line(), "404 Not Found");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// 200.
    Ok,
    /// 301, as the reference sends after an action asked for with GET.
    MovedPermanently,
    /// 303: look at the result with GET.
    SeeOther,
    /// 304.
    NotModified,
    /// 400.
    BadRequest,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 408.
    RequestTimeout,
    /// 411.
    LengthRequired,
    /// 413.
    ContentTooLarge,
    /// 431.
    HeadersTooLarge,
    /// 500: a fault of ours.
    InternalError,
    /// 503.
    Unavailable,
}

impl Status {
    /// `404 Not Found`.
    #[must_use]
    pub const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::MovedPermanently => "301 Moved Permanently",
            Self::SeeOther => "303 See Other",
            Self::NotModified => "304 Not Modified",
            Self::BadRequest => "400 Bad Request",
            Self::Unauthorized => "401 Unauthorized",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::RequestTimeout => "408 Request Timeout",
            Self::LengthRequired => "411 Length Required",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::HeadersTooLarge => "431 Request Header Fields Too Large",
            Self::InternalError => "500 Internal Server Error",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

/// A whole response.
///
/// ```
/// use visor_core::http::{Response, Status};
/// let response = Response::new(Status::Ok, "text/plain", "OK").with("Cache-Control", "no-store");
/// assert_eq!(response.status, Status::Ok);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// The status.
    pub status: Status,
    /// Headers but for `Server`, `Date`, `Content-Length` and `Connection`, which the connection
    /// adds.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with a body of some type.
    #[must_use]
    pub fn new(status: Status, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: alloc::vec![("Content-Type", Cow::Borrowed(content_type))],
            body: body.into(),
        }
    }

    /// What a person sees who meets an error.
    #[must_use]
    pub fn error(status: Status) -> Self {
        let line = status.line();
        let body = alloc::format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>{line}</title></head>\n<body><h1>{line}</h1></body></html>\n"
        );
        let response = Self::new(status, "text/html", body);
        if status == Status::Unauthorized {
            response.with("WWW-Authenticate", "Basic realm=\"default\"")
        } else {
            response
        }
    }

    /// The same with one more header. Line breaks in its value are dropped, so that no client can
    /// smuggle a header in through a text that is echoed.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let mut value = value.into();
        if value.contains(|c: char| c.is_ascii_control()) {
            value = Cow::Owned(value.replace(|c: char| c.is_ascii_control(), ""));
        }
        self.headers.push((name, value));
        self
    }
}
