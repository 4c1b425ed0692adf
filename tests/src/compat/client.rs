//! XML-RPC over the daemon's socket, independent of the code under test.

use serde_json::{Map, Value, json};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An HTTP answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) body: String,
}

/// Posts a body and reads the whole answer.
pub(super) fn post(socket: &Path, path: &str, body: &str) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // In one piece: who is refused by the head alone would find the connection closed for the rest.
    stream.write_all((head + body).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = super::observe::text_of(&answer);
    let bad = || io::Error::other(format!("no HTTP answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(bad)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let kind = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type")
            .then(|| value.trim().to_owned())
    });
    Ok(Answer {
        status: status.ok_or_else(bad)?,
        kind: kind.unwrap_or_else(|| "None".to_owned()),
        body: body.to_owned(),
    })
}

/// The headers of answers that are recorded; the text is recorded if it is plain.
const HEADERS: [&str; 5] = [
    "Content-Type",
    "Location",
    "Www-Authenticate",
    "Transfer-Encoding",
    "Connection",
];

/// Sends a request as it is written, reads until the answer ends or holds a text, and keeps what
/// counts of it.
pub(super) fn converse(socket: &Path, request: &str, until: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let request = format!("{}\n\n", request.trim_end_matches('\n'));
    stream.write_all(request.replace('\n', "\r\n").as_bytes())?;
    let mut answer = String::new();
    let mut buffer = [0; 65536];
    while until.is_empty() || !answer.contains(until) {
        match stream.read(&mut buffer)? {
            0 => break,
            count => answer.push_str(&super::observe::text_of(buffer.get(..count).unwrap_or(&[]))),
        }
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or("").to_owned();
    let field = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        let name = HEADERS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))?;
        Some(format!("{name}: {value}"))
    };
    let mut kept: Vec<String> = lines.filter_map(field).collect();
    kept.sort();
    let chunked = kept.iter().any(|line| line == "Transfer-Encoding: chunked");
    // The length of a chunk depends on how many digits a pid has.
    let chunk = body.split_once("\r\n").map_or("", |(_, rest)| rest);
    let body = if chunked {
        format!("<chunk>\n{chunk}")
    } else {
        body.to_owned()
    };
    let plain = |line: &String| line.starts_with("Content-Type: text/plain");
    if kept.iter().any(plain) {
        kept.push(body.replace("\r\n", "\n"));
    }
    kept.insert(0, first);
    Ok(kept.join("\n"))
}

/// The text of a call.
pub(super) fn request(method: &str, params: &[Value]) -> String {
    let params = params.iter().map(encode);
    let params: String = params.map(|v| format!("<param>{v}</param>")).collect();
    format!(
        "<?xml version='1.0'?><methodCall><methodName>{method}</methodName>\
         <params>{params}</params></methodCall>"
    )
}

fn encode(value: &Value) -> String {
    let inner = match value {
        Value::Null => "<nil/>".to_owned(),
        Value::Bool(truth) => format!("<boolean>{}</boolean>", u8::from(*truth)),
        Value::Number(number) if number.is_f64() => format!("<double>{number}</double>"),
        Value::Number(number) => format!("<int>{number}</int>"),
        Value::String(text) => format!("<string>{}</string>", escape(text)),
        Value::Array(items) => {
            let items: String = items.iter().map(encode).collect();
            format!("<array><data>{items}</data></array>")
        }
        Value::Object(members) => {
            if let Some(Value::String(raw)) = members.get("$raw") {
                return raw.clone();
            }
            let member = |(name, value): (&String, &Value)| {
                let name = escape(name);
                format!("<member><name>{name}</name>{}</member>", encode(value))
            };
            let members: String = members.iter().map(member).collect();
            format!("<struct>{members}</struct>")
        }
    };
    format!("<value>{inner}</value>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The result in an answer's text; a fault is `{"$fault": [code, text]}`.
pub(super) fn result(xml: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: xml };
    let fault = xml.contains("<fault>");
    reader.past("<value>")?;
    let value = reader.value()?;
    if !fault {
        return Ok(value);
    }
    Ok(json!({"$fault": [value["faultCode"], value["faultString"]]}))
}

/// What is left of a text whose layout is known: elements, white space between them.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn past(&mut self, tag: &str) -> Result<&'a str, String> {
        let rest = self.rest;
        let cut = rest.split_once(tag);
        let (before, after) = cut.ok_or_else(|| format!("no {tag} in {rest:?}"))?;
        self.rest = after;
        Ok(before)
    }

    fn take(&mut self, tag: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(after) = rest.strip_prefix(tag) else {
            return false;
        };
        self.rest = after;
        true
    }

    /// What follows `<value>`, up to and with `</value>`.
    fn value(&mut self) -> Result<Value, String> {
        let value = if self.take("<int>") {
            let number = self.past("</int>")?;
            json!(number.parse::<i64>().map_err(|e| e.to_string())?)
        } else if self.take("<boolean>") {
            json!(self.past("</boolean>")? == "1")
        } else if self.take("<double>") {
            let number = self.past("</double>")?;
            json!(number.parse::<f64>().map_err(|e| e.to_string())?)
        } else if self.take("<string>") {
            json!(unescape(self.past("</string>")?))
        } else if self.take("<string/>") {
            json!("")
        } else if self.take("<nil/>") {
            Value::Null
        } else if self.take("<array>") {
            self.array()?
        } else if self.take("<struct>") {
            self.members()?
        } else {
            return Err(format!("no value at {:?}", self.rest));
        };
        self.past("</value>")?;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, String> {
        self.past("<data>")?;
        let mut items = Vec::new();
        while self.take("<value>") {
            items.push(self.value()?);
        }
        self.past("</array>")?;
        Ok(Value::Array(items))
    }

    fn members(&mut self) -> Result<Value, String> {
        let mut members = Map::new();
        while self.take("<member>") {
            self.past("<name>")?;
            let name = unescape(self.past("</name>")?);
            self.past("<value>")?;
            members.insert(name, self.value()?);
            self.past("</member>")?;
        }
        self.past("</struct>")?;
        Ok(Value::Object(members))
    }
}

fn unescape(text: &str) -> String {
    // Python's parser reads CR LF and CR as LF.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&#13;", "\r").replace("&quot;", "\"");
    text.replace("&amp;", "&")
}
