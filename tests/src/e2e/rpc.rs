//! A small XML-RPC client, written from the wire format alone and independent of the code under
//! test.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Where a daemon listens.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A port of the loopback address.
    Loopback(u16),
}

/// An XML-RPC value, or the fault that came instead of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `<int>` or `<i4>`.
    Int(i64),
    /// `<boolean>`.
    Bool(bool),
    /// `<string>`.
    Text(String),
    /// `<array>`.
    Array(Vec<Self>),
    /// `<struct>`, members in the order sent.
    Struct(Vec<(String, Self)>),
    /// A fault: code and text.
    Fault(i64, String),
}

impl Value {
    /// A member of a struct.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> &Self {
        let members = match self {
            Self::Struct(members) => members.as_slice(),
            Self::Int(_) | Self::Bool(_) | Self::Text(_) | Self::Array(_) | Self::Fault(..) => &[],
        };
        let found = members.iter().find(|(key, _)| key == name);
        &found
            .unwrap_or_else(|| panic!("no member {name} in {self:?}"))
            .1
    }

    /// The text of a string.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        let Self::Text(text) = self else {
            panic!("not a string: {self:?}")
        };
        text
    }

    /// The number of an int.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn int(&self) -> i64 {
        let Self::Int(number) = self else {
            panic!("not an int: {self:?}")
        };
        *number
    }

    /// The items of an array.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        let Self::Array(items) = self else {
            panic!("not an array: {self:?}")
        };
        items
    }

    fn encode(&self) -> String {
        match self {
            Self::Int(number) => format!("<value><int>{number}</int></value>"),
            Self::Bool(truth) => format!("<value><boolean>{}</boolean></value>", u8::from(*truth)),
            Self::Text(text) => format!("<value><string>{}</string></value>", escape(text)),
            Self::Array(items) => {
                let items: String = items.iter().map(Self::encode).collect();
                format!("<value><array><data>{items}</data></array></value>")
            }
            Self::Struct(members) => {
                let members: String = members
                    .iter()
                    .map(|(name, value)| {
                        let name = escape(name);
                        format!("<member><name>{name}</name>{}</member>", value.encode())
                    })
                    .collect();
                format!("<value><struct>{members}</struct></value>")
            }
            Self::Fault(..) => String::new(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Calls a method.
///
/// # Errors
/// Those of the connection. A fault is a value.
pub fn call(endpoint: &Endpoint, method: &str, params: &[Value]) -> io::Result<Value> {
    let params: String = params
        .iter()
        .map(|param| format!("<param>{}</param>", param.encode()))
        .collect();
    let body = format!(
        "<?xml version='1.0'?><methodCall><methodName>{method}</methodName>\
         <params>{params}</params></methodCall>"
    );
    let request = format!(
        "POST /RPC2 HTTP/1.0\r\nHost: localhost\r\nContent-Type: text/xml\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(endpoint, request.as_bytes())?;
    let answer = String::from_utf8_lossy(&answer);
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return Err(io::Error::other(format!("no HTTP answer: {answer:?}")));
    };
    if !head
        .lines()
        .next()
        .is_some_and(|line| line.contains(" 200 "))
    {
        return Err(io::Error::other(head.to_owned()));
    }
    decode(body).ok_or_else(|| io::Error::other(format!("not XML-RPC: {body}")))
}

/// Sends a request and reads until the server closes the connection.
fn exchange(endpoint: &Endpoint, request: &[u8]) -> io::Result<Vec<u8>> {
    fn over(mut stream: impl Read + Write, request: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
    let patience = Some(Duration::from_secs(60));
    match endpoint {
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(patience)?;
            over(stream, request)
        }
        Endpoint::Loopback(port) => {
            let stream = TcpStream::connect(("127.0.0.1", *port))?;
            stream.set_read_timeout(patience)?;
            over(stream, request)
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn decode(body: &str) -> Option<Value> {
    let mut rest = body;
    if body.contains("<fault>") {
        let fault = value(after(&mut rest, "<fault>")?)?.0;
        let code = fault.member("faultCode").int();
        return Some(Value::Fault(
            code,
            fault.member("faultString").text().to_owned(),
        ));
    }
    Some(value(after(&mut rest, "<param>")?)?.0)
}

/// Moves behind the next `token`, and returns the text there.
fn after<'a>(rest: &mut &'a str, token: &str) -> Option<&'a str> {
    *rest = rest.split_once(token)?.1;
    Some(rest)
}

/// Moves behind `token` if it comes next.
fn skip<'a>(rest: &'a str, token: &str) -> Option<&'a str> {
    rest.trim_start().strip_prefix(token)
}

/// Reads one `<value>`; returns it and the text behind.
fn value(rest: &str) -> Option<(Value, &str)> {
    let rest = skip(rest, "<value>")?;
    if let Some(inner) = skip(rest, "<array>") {
        let mut inner = skip(inner, "<data>")?;
        let mut items = Vec::new();
        while let Some((item, behind)) = value(inner) {
            items.push(item);
            inner = behind;
        }
        let inner = skip(skip(inner, "</data>")?, "</array>")?;
        return Some((Value::Array(items), skip(inner, "</value>")?));
    }
    if let Some(mut inner) = skip(rest, "<struct>") {
        let mut members = Vec::new();
        while let Some(member) = skip(inner, "<member>") {
            let (name, behind) = skip(member, "<name>")?.split_once("</name>")?;
            let (item, behind) = value(behind)?;
            members.push((unescape(name), item));
            inner = skip(behind, "</member>")?;
        }
        let inner = skip(inner, "</struct>")?;
        return Some((Value::Struct(members), skip(inner, "</value>")?));
    }
    let (inner, behind) = rest.split_once("</value>")?;
    Some((scalar(inner)?, behind))
}

fn scalar(inner: &str) -> Option<Value> {
    let trimmed = inner.trim();
    if trimmed == "<string/>" || trimmed == "<string />" {
        return Some(Value::Text(String::new()));
    }
    let Some((tag, rest)) = trimmed
        .strip_prefix('<')
        .and_then(|tag| tag.split_once('>'))
    else {
        return Some(Value::Text(unescape(inner)));
    };
    let content = rest.strip_suffix(&format!("</{tag}>"))?;
    match tag {
        "int" | "i4" => content.trim().parse().ok().map(Value::Int),
        "boolean" => Some(Value::Bool(content.trim() == "1")),
        "string" => Some(Value::Text(unescape(content))),
        _ => None,
    }
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::{Value, decode};

    #[test]
    fn answers_of_the_reference_are_understood() {
        let body = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array>\
            <data>\n<value><struct>\n<member>\n<name>name</name>\n<value><string>a&lt;b</string>\
            </value>\n</member>\n<member>\n<name>pid</name>\n<value><int>7</int></value>\n</member>\
            \n</struct></value>\n<value><boolean>1</boolean></value>\n</data></array></value>\n\
            </param>\n</params>\n</methodResponse>\n";
        let members = vec![("name".into(), "a<b".into()), ("pid".into(), Value::Int(7))];
        let expected = Value::Array(vec![Value::Struct(members), Value::Bool(true)]);
        assert_eq!(decode(body), Some(expected));
    }

    #[test]
    fn faults_are_values() {
        let body = "<methodResponse><fault><value><struct><member><name>faultCode</name><value>\
            <int>10</int></value></member><member><name>faultString</name><value><string>BAD_NAME: x\
            </string></value></member></struct></value></fault></methodResponse>";
        assert_eq!(decode(body), Some(Value::Fault(10, "BAD_NAME: x".into())));
    }
}
