//! What a client sends, without passwords and without what it writes to programs, byte by byte: a
//! read may end anywhere, and what was read before is in the recording already.

use super::call::Call;
use super::mask::{MASK, Tokens};
use alloc::string::String;
use alloc::vec::Vec;

/// What the last byte of an `Authorization` header's value becomes if the value opens the server;
/// see [`Gate::marked`](crate::http::auth::Gate::marked).
pub(crate) const ADMITTED: u8 = b'+';
/// Most bytes of a header's name that are looked at.
const NAME_BYTES_MAX: usize = 32;
/// The field of a form that holds the token.
const TOKEN: &[u8] = b"token=";

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Client {
    stage: Stage,
    /// The line in hand, as far as it matters: a header's name in lower case, or digits of a
    /// length.
    line: Vec<u8>,
    /// There was a line of a request already: an empty one ends its head.
    has_line: bool,
    /// Of the last header: its next line may go on.
    header: Header,
    /// Bytes of the body that the head announced.
    length: u64,
}

#[derive(Debug, Default)]
enum Stage {
    /// In the request's line, or a header's name.
    #[default]
    Name,
    /// Behind the colon.
    Value,
    /// In a body, of which so much is left.
    Body(Body, u64),
}

/// Which header it is.
#[derive(Debug, Default)]
enum Header {
    #[default]
    Other,
    ContentLength,
    /// The value so far.
    Authorization(Vec<u8>),
    /// A cookie, or a password for a proxy.
    Secret,
}

#[derive(Debug)]
enum Body {
    /// Only blanks so far.
    Unknown,
    Call(Call),
    Form(Form),
}

/// A form of the web page.
#[derive(Debug, Default)]
struct Form {
    /// The last bytes.
    window: Vec<u8>,
    /// In the token: how much of it was right, until a byte was not.
    right: Option<Option<usize>>,
}

impl Client {
    /// Masks one read. `admits` says whether a header's value opens the server.
    pub(super) fn mask(
        &mut self,
        data: &mut [u8],
        tokens: &Tokens,
        admits: impl Fn(&[u8]) -> bool,
    ) {
        let mut bytes = data.iter_mut().peekable();
        while let Some(byte) = bytes.next() {
            let next = bytes.peek().map(|next| **next);
            match &mut self.stage {
                Stage::Name => self.name(byte),
                Stage::Value => self.value(byte, next, &admits),
                Stage::Body(body, left) => {
                    body.mask(byte, tokens);
                    *left -= 1;
                    if *left == 0 {
                        self.stage = Stage::Name;
                    }
                }
            }
        }
    }

    fn name(&mut self, byte: &mut u8) {
        match *byte {
            b'\n' => self.end_line(),
            b'\r' => {}
            // A line that goes on from the one before.
            b' ' | b'\t' if self.line.is_empty() && self.has_line => self.stage = Stage::Value,
            b':' if self.has_line => {
                self.header = Header::named(self.line.trim_ascii_end());
                self.line.clear();
                self.stage = Stage::Value;
            }
            byte if self.line.len() < NAME_BYTES_MAX => self.line.push(byte.to_ascii_lowercase()),
            _ => {}
        }
    }

    fn value(&mut self, byte: &mut u8, next: Option<u8>, admits: impl Fn(&[u8]) -> bool) {
        if *byte == b'\n' {
            // Not the empty line, whatever was kept of this one.
            self.stage = Stage::Name;
            self.end_value();
            return;
        }
        let blank = |byte: u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t');
        match &mut self.header {
            Header::Other => {}
            Header::ContentLength => self.line.push(*byte),
            Header::Secret if blank(*byte) => {}
            Header::Secret => *byte = MASK,
            Header::Authorization(value) => {
                value.push(*byte);
                if !blank(*byte) {
                    // Only the last byte counts; where a read ends, it may be the last.
                    let last = next.is_none_or(blank);
                    let is_right = last && admits(value.trim_ascii());
                    *byte = if is_right { ADMITTED } else { MASK };
                }
            }
        }
    }

    fn end_value(&mut self) {
        if matches!(self.header, Header::ContentLength) {
            let digits = core::str::from_utf8(self.line.trim_ascii()).ok();
            self.length = digits.and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        self.line.clear();
    }

    fn end_line(&mut self) {
        let is_empty = self.line.is_empty();
        self.line.clear();
        if !is_empty {
            self.has_line = true;
            return;
        }
        self.header = Header::Other;
        let length = core::mem::take(&mut self.length);
        if core::mem::take(&mut self.has_line) && length > 0 {
            self.stage = Stage::Body(Body::Unknown, length);
        }
    }
}

impl Header {
    fn named(name: &[u8]) -> Self {
        match name {
            b"content-length" => Self::ContentLength,
            b"authorization" => Self::Authorization(Vec::new()),
            b"cookie" | b"proxy-authorization" => Self::Secret,
            _ => Self::Other,
        }
    }
}

impl Body {
    fn mask(&mut self, byte: &mut u8, tokens: &Tokens) {
        match self {
            Self::Unknown if byte.is_ascii_whitespace() => {}
            Self::Unknown if *byte == b'<' || *byte >= 0x80 => {
                *self = Self::Call(Call::default());
                self.mask(byte, tokens);
            }
            Self::Unknown => {
                *self = Self::Form(Form::default());
                self.mask(byte, tokens);
            }
            Self::Call(call) => call.mask(byte),
            Self::Form(form) => form.mask(byte, tokens),
        }
    }
}

impl Form {
    /// The token becomes the one that the replay expects.
    fn mask(&mut self, byte: &mut u8, tokens: &Tokens) {
        let Some(right) = &mut self.right else {
            if self.window.len() == TOKEN.len() {
                self.window.remove(0);
            }
            self.window.push(*byte);
            if self.window == TOKEN {
                self.right = Some(Some(0));
            }
            return;
        };
        if *byte == b'&' {
            *self = Self::default();
            return;
        }
        let at = |text: &String, at: usize| text.as_bytes().get(at).copied();
        let goes_on = right.filter(|right| at(&tokens.real, *right) == Some(*byte));
        *byte = goes_on
            .and_then(|right| at(&tokens.replayed, right))
            .unwrap_or(MASK);
        *right = goes_on.map(|right| right + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn masked(request: &[u8], cuts: &[usize]) -> String {
        let tokens = Tokens {
            real: "abc".to_string(),
            replayed: "012".to_string(),
        };
        let mut client = Client::default();
        let mut all = Vec::new();
        let (mut rest, mut at) = (request, 0);
        for cut in cuts {
            let (read, more) = rest.split_at(cut - at);
            let mut read = read.to_vec();
            client.mask(&mut read, &tokens, |value| value == b"Basic dTpw");
            all.extend(read);
            (rest, at) = (more, *cut);
        }
        String::from_utf8(all).unwrap()
    }

    /// The same wherever one read ends, and in single bytes.
    fn all_cuts(request: &[u8], expected: &str) {
        for cut in 0..=request.len() {
            let got = masked(request, &[cut, request.len()]);
            // A value that is right up to a read's end is marked there, and again at its own end.
            let unmarked = |text: &str| text.replace('+', "x");
            assert_eq!(unmarked(&got), unmarked(expected), "cut at {cut}");
            let ends = |text: &str| text.matches("+\r\n").count();
            assert_eq!(ends(&got), ends(expected), "cut at {cut}");
        }
        assert_eq!(masked(request, &[request.len()]), expected);
    }

    #[test]
    fn a_right_password_is_marked_and_no_password_is_left() {
        all_cuts(
            b"\r\nGET / HTTP/1.1\r\nAUTHORIZATION: Basic dTpw \r\nHost: h\r\nCookie: a=b\r\n\r\n\
              GET / HTTP/1.1\r\nauthorization:Basic dTpX\r\n folded\r\nHost: h\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nAUTHORIZATION: xxxxx xxx+ \r\nHost: h\r\nCookie: xxx\r\n\r\n\
             GET / HTTP/1.1\r\nauthorization:xxxxx xxxx\r\n xxxxxx\r\nHost: h\r\n\r\n",
        );
    }

    #[test]
    fn a_bodys_lines_are_no_headers() {
        all_cuts(
            b"POST / HTTP/1.1\r\nContent-Length: 28\r\n\r\nq=1\n\nauthorization: unmasked\n\
              GET / HTTP/1.1\r\nAuthorization: Basic dTpw\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 28\r\n\r\nq=1\n\nauthorization: unmasked\n\
             GET / HTTP/1.1\r\nAuthorization: xxxxx xxx+\r\n\r\n",
        );
    }

    #[test]
    fn a_header_is_known_whatever_its_line_looks_like() {
        all_cuts(
            b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization : Basic dTpX\r\nA b: c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nAuthorization : xxxxx xxxx\r\nA b: c\r\n\r\n",
        );
        let long = "x".repeat(1000);
        let request = alloc::format!("GET / HTTP/1.1\r\n{long}");
        let mut client = Client::default();
        let tokens = Tokens::default();
        client.mask(&mut request.into_bytes(), &tokens, |_| false);
        assert_eq!(client.line.len(), NAME_BYTES_MAX);
    }

    #[test]
    fn a_call_is_known_whatever_comes_before_it() {
        let call = |before: &str, target: &str, value: &str| {
            let body = alloc::format!(
                "{before}<methodCall><methodName>supervisor.sendProcessStdin</methodName><params>\
                 <param><value>web</value></param><param><value>{value}</value></param></params></methodCall>"
            );
            let length = body.len();
            alloc::format!("POST {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        for (before, target) in [("", "/RPC2"), (" \r\n", "/RPC2"), ("", "http://h:1/RPC2")] {
            let request = call(before, target, "pass");
            all_cuts(request.as_bytes(), &call(before, target, "xxxx"));
        }
    }

    #[test]
    fn a_forms_token_becomes_that_of_the_replay() {
        let head = "POST / HTTP/1.1\r\ncontent-length: 24\r\n\r\n";
        for (form, expected) in [
            ("a=1&token=abc&action=all", "a=1&token=012&action=all"),
            ("a=1&token=abX&action=all", "a=1&token=01x&action=all"),
            ("token=abcd&action=restart", "token=012x&action=restart"),
        ] {
            let request = alloc::format!("{head}{form}");
            all_cuts(request.as_bytes(), &alloc::format!("{head}{expected}"));
        }
    }
}
