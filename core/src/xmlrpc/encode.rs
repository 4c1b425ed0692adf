//! Writing, byte for byte as Python's `xmlrpc.client.dumps`.

use super::{Message, Value};
use alloc::{format, string::String, vec::Vec};
use base64::Engine as _;
use core::fmt::Write as _;

/// Bytes in one line of base64, as MIME and Python have it.
const BASE64_LINE_BYTES: usize = 57;

/// A document as text.
#[must_use]
pub fn encode(message: &Message) -> String {
    let mut out = String::new();
    write_message(&mut out, message);
    out
}

/// Appends a document to a buffer.
pub fn encode_into(out: &mut Vec<u8>, message: &Message) {
    append(out, |text| write_message(text, message));
}

/// Appends a `<methodResponse>` with a result to a buffer.
pub fn response_into(out: &mut Vec<u8>, value: &Value) {
    append(out, |text| write_response(text, value));
}

/// Appends a `<methodResponse>` with a fault to a buffer.
pub fn fault_into(out: &mut Vec<u8>, code: i64, fault: &str) {
    append(out, |text| write_fault(text, code, fault));
}

/// What stands before and behind the result of a call.
pub(super) const RESPONSE_HEAD: &str =
    "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n";
pub(super) const RESPONSE_TAIL: &str = "</param>\n</params>\n</methodResponse>\n";

pub(super) const ARRAY_HEAD: &str = "<value><array><data>\n";
pub(super) const ARRAY_TAIL: &str = "</data></array></value>\n";

/// How much of a long result makes a piece: what one write to a client takes, and what the
/// allocator gives and takes back without asking the system.
const PIECE_BYTES: usize = 64 << 10;
/// What an element may take before a piece has to grow.
const ELEMENT_BYTES: usize = 4 << 10;

/// A result that was written at once, as the `<methodResponse>` it most likely becomes. A long one
/// is in pieces, which are sent as they are.
#[derive(Clone, Debug)]
pub(crate) struct Written(Vec<String>);

impl Written {
    /// One value.
    pub(crate) fn value_of(write: impl FnOnce(&mut Writer<'_>)) -> Self {
        let mut text = String::from(RESPONSE_HEAD);
        write(&mut Writer(&mut text));
        text.push_str(RESPONSE_TAIL);
        Self(alloc::vec![text])
    }

    /// An array; `write` writes one element.
    pub(crate) fn array_of<T>(
        elements: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Writer<'_>, T),
    ) -> Self {
        let mut pieces = Vec::new();
        let mut text = String::from(RESPONSE_HEAD);
        text.push_str(ARRAY_HEAD);
        for element in elements {
            if text.len() + ELEMENT_BYTES > PIECE_BYTES {
                let next = String::with_capacity(PIECE_BYTES);
                pieces.push(core::mem::replace(&mut text, next));
            }
            write(&mut Writer(&mut text), element);
        }
        text.push_str(ARRAY_TAIL);
        text.push_str(RESPONSE_TAIL);
        pieces.push(text);
        Self(pieces)
    }

    /// The whole document.
    pub(crate) fn into_document(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(String::into_bytes).collect()
    }

    /// The value alone, as it stands in an array.
    pub(crate) fn value(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().enumerate().map(|(at, piece)| {
            let start = if at == 0 { RESPONSE_HEAD.len() } else { 0 };
            let is_last = at + 1 == self.0.len();
            let end = piece.len() - if is_last { RESPONSE_TAIL.len() } else { 0 };
            piece.get(start..end).unwrap_or_default().as_bytes()
        })
    }
}

/// Writes values without their being built first.
#[derive(Debug)]
pub(crate) struct Writer<'a>(&'a mut String);

impl Writer<'_> {
    /// A struct of what `members` writes.
    pub(crate) fn structure(&mut self, members: impl FnOnce(&mut Members<'_>)) {
        self.0.push_str("<value><struct>\n");
        members(&mut Members(self.0));
        self.0.push_str("</struct></value>\n");
    }
}

/// Writes members of a struct.
#[derive(Debug)]
pub(crate) struct Members<'a>(&'a mut String);

impl Members<'_> {
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.member(name, |out| write_text(out, text));
    }

    pub(crate) fn int(&mut self, name: &str, number: i64) {
        self.member(name, |out| write_int(out, number));
    }

    fn member(&mut self, name: &str, value: impl FnOnce(&mut String)) {
        self.0.push_str("<member>\n<name>");
        escape(self.0, name);
        self.0.push_str("</name>\n");
        value(self.0);
        self.0.push_str("</member>\n");
    }
}

/// Appends a value to a buffer, as it stands in an array.
pub(crate) fn append_value(out: &mut Vec<u8>, value: &Value) {
    append(out, |text| write_value(text, value));
}

/// A fault as it stands among the results of a multicall.
pub(crate) fn fault_value(code: i64, text: &str) -> Value {
    Value::Struct(alloc::vec![
        ("faultCode".into(), Value::Int(code)),
        ("faultString".into(), Value::from(text)),
    ])
}

/// Lends an empty or valid buffer as a `String`, so that nothing is copied on the way.
fn append(out: &mut Vec<u8>, write: impl FnOnce(&mut String)) {
    if out.is_empty() {
        let mut text = String::from_utf8(core::mem::take(out)).unwrap_or_default();
        write(&mut text);
        *out = text.into_bytes();
    } else {
        let mut text = String::new();
        write(&mut text);
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_message(out: &mut String, message: &Message) {
    match message {
        Message::Call { method, params } => {
            out.push_str("<?xml version='1.0'?>\n<methodCall>\n<methodName>");
            escape(out, method);
            out.push_str("</methodName>\n<params>\n");
            for param in params {
                out.push_str("<param>\n");
                write_value(out, param);
                out.push_str("</param>\n");
            }
            out.push_str("</params>\n</methodCall>\n");
        }
        Message::Response(value) => write_response(out, value),
        Message::Fault { code, text } => write_fault(out, *code, text),
    }
}

fn write_response(out: &mut String, value: &Value) {
    out.push_str(RESPONSE_HEAD);
    write_value(out, value);
    out.push_str(RESPONSE_TAIL);
}

fn write_fault(out: &mut String, code: i64, text: &str) {
    out.push_str("<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n");
    let _ = write!(
        out,
        "<member>\n<name>faultCode</name>\n<value><int>{code}</int></value>\n</member>\n"
    );
    out.push_str("<member>\n<name>faultString</name>\n<value><string>");
    escape(out, text);
    out.push_str("</string></value>\n</member>\n");
    out.push_str("</struct></value>\n</fault>\n</methodResponse>\n");
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        // Python writes no line break after this one.
        Value::Nil => out.push_str("<value><nil/></value>"),
        Value::Int(number) => write_int(out, *number),
        Value::Bool(true) => out.push_str("<value><boolean>1</boolean></value>\n"),
        Value::Bool(false) => out.push_str("<value><boolean>0</boolean></value>\n"),
        Value::Double(number) => {
            let number = py_float(*number);
            let _ = writeln!(out, "<value><double>{number}</double></value>");
        }
        Value::Str(text) => write_text(out, text),
        Value::DateTime(text) => {
            out.push_str("<value><dateTime.iso8601>");
            escape(out, text);
            out.push_str("</dateTime.iso8601></value>\n");
        }
        Value::Base64(bytes) => {
            out.push_str("<value><base64>\n");
            for line in bytes.chunks(BASE64_LINE_BYTES) {
                base64::engine::general_purpose::STANDARD.encode_string(line, out);
                out.push('\n');
            }
            out.push_str("</base64></value>\n");
        }
        Value::Array(values) => {
            out.push_str(ARRAY_HEAD);
            for value in values {
                write_value(out, value);
            }
            out.push_str(ARRAY_TAIL);
        }
        Value::Struct(members) => Writer(out).structure(|out| {
            for (name, value) in members {
                out.member(name, |out| write_value(out, value));
            }
        }),
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push_str("<value><string>");
    escape(out, text);
    out.push_str("</string></value>\n");
}

fn write_int(out: &mut String, number: i64) {
    let _ = writeln!(out, "<value><int>{number}</int></value>");
}

/// Text within an element. Characters that no XML document can contain become U+FFFD: a log may
/// hold any byte, and its reader must get an answer that parses.
fn escape(out: &mut String, text: &str) {
    // Nearly all text is plain, which its bytes tell sooner than its characters.
    if text.bytes().all(is_plain) {
        out.push_str(text);
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.find(needs_escape) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            _ => out.push('\u{fffd}'),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

/// Whether a byte can be no part of a character that needs an escape: U+FFFE and U+FFFF begin with
/// 0xef.
const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && !matches!(byte, b'&' | b'<' | b'>' | 0xef)
}

const fn needs_escape(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// A float as Python's `repr` shows it: the shortest digits that read back, with an exponent below
/// 1e-4 and from 1e16 on.
pub(crate) fn py_float(number: f64) -> String {
    if number.is_nan() {
        return String::from("nan");
    }
    let short = format!("{number:e}");
    let (digits, exponent) = match short.rsplit_once('e') {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().unwrap_or(0)),
        None => return short,
    };
    if number == 0.0 || (-4..16).contains(&exponent) {
        format!("{number:?}")
    } else {
        format!("{digits}e{exponent:+03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_array_is_written_in_pieces_of_about_one_size() {
        let texts: Vec<String> = (0..4000)
            .map(|n| format!("{n} {}", "<".repeat(50)))
            .collect();
        let written = Written::array_of(&texts, |out, text| {
            out.structure(|members| members.text("t", text));
        });
        let all = texts.iter().map(|text| {
            let text = Value::from(text.as_str());
            Value::Struct(alloc::vec![("t".into(), text)])
        });
        let expected = encode(&Message::Response(Value::Array(all.collect())));
        let value = written.value().collect::<Vec<_>>().concat();
        let end = expected.len() - RESPONSE_TAIL.len();
        assert!(value == expected.as_bytes()[RESPONSE_HEAD.len()..end]);
        let pieces = written.into_document();
        assert!(pieces.concat() == expected.as_bytes());
        let (last, full) = pieces.split_last().unwrap();
        assert!(full.len() > 10 && last.len() <= PIECE_BYTES);
        for piece in full {
            let is_full = piece.len() > PIECE_BYTES - 2 * ELEMENT_BYTES;
            assert!(is_full && piece.len() <= PIECE_BYTES, "{}", piece.len());
        }
    }

    #[test]
    fn a_value_written_at_once_is_the_value() {
        let written = Written::value_of(|out| {
            out.structure(|members| {
                members.text("text", "a&b");
                members.int("number", -5);
            });
        });
        let value = Value::Struct(alloc::vec![
            ("text".into(), "a&b".into()),
            ("number".into(), Value::Int(-5)),
        ]);
        let mut alone = Vec::new();
        append_value(&mut alone, &value);
        assert!(written.value().eq([&*alone]));
        let document = encode(&Message::Response(value));
        assert_eq!(written.into_document(), [document.into_bytes()]);
    }

    #[test]
    fn what_is_written_goes_behind_what_is_there() {
        let mut out = b"before ".to_vec();
        append_value(&mut out, &Value::Nil);
        fault_into(&mut out, 1, "x");
        assert!(out.starts_with(b"before <value><nil/></value><?xml"));
    }
}
