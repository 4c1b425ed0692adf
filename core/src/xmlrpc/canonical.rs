//! Answers in exactly the form in which [`encode`](super::encode) and Python write them.
//!
//! What `getAllProcessInfo` says of a thousand processes is a megabyte, nearly all of it tags that
//! always look the same. A parser of XML spends ten times as long on it as on all else that
//! `supervisorctl status` does. This reads that one form and nothing more: at the first byte that
//! is not expected it gives up, and the parser begins anew. What it does read the parser reads the
//! same, which the tests try.

use super::decode::{Limits, number::py_int, unique};
use super::encode::{ARRAY_HEAD, ARRAY_TAIL, RESPONSE_HEAD, RESPONSE_TAIL};
use super::{Message, Value};
use alloc::{string::String, vec::Vec};

const VALUE_INT: &str = "<value><int>";
const VALUE_BOOLEAN: &str = "<value><boolean>";
const VALUE_STRING: &str = "<value><string>";
const VALUE_STRUCT: &str = "<value><struct>\n";

/// A result in that form, within these limits. `None`: it has to be parsed.
pub(super) fn read(document: &[u8], limits: Limits) -> Option<Message> {
    if document.len() > limits.bytes {
        return None;
    }
    let mut reader = Reader {
        rest: core::str::from_utf8(document).ok()?,
        depth: limits.depth,
        values: limits.values,
    };
    reader.expect(RESPONSE_HEAD)?;
    let value = reader.value()?;
    reader.expect(RESPONSE_TAIL)?;
    reader.rest.is_empty().then_some(Message::Response(value))
}

struct Reader<'a> {
    rest: &'a str,
    /// How much deeper it may go.
    depth: usize,
    /// How many more values there may be.
    values: usize,
}

impl<'a> Reader<'a> {
    fn expect(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn has(&mut self, text: &str) -> bool {
        self.expect(text).is_some()
    }

    fn value(&mut self) -> Option<Value> {
        self.values = self.values.checked_sub(1)?;
        if self.has(VALUE_STRING) {
            let text = self.text()?;
            self.expect("</string></value>\n")?;
            return Some(Value::Str(text));
        }
        if self.has(VALUE_INT) {
            let number = py_int(self.plain()?)?;
            self.expect("</int></value>\n")?;
            return Some(Value::Int(number));
        }
        if self.has(VALUE_STRUCT) {
            return self.within(Self::members);
        }
        if self.has(ARRAY_HEAD) {
            return self.within(Self::elements);
        }
        self.expect(VALUE_BOOLEAN)?;
        let truth = match self.plain()? {
            "1" => true,
            "0" => false,
            _ => return None,
        };
        self.expect("</boolean></value>\n")?;
        Some(Value::Bool(truth))
    }

    /// One level deeper.
    fn within(&mut self, read: fn(&mut Self) -> Option<Value>) -> Option<Value> {
        self.depth = self.depth.checked_sub(1)?;
        let value = read(self);
        self.depth += 1;
        value
    }

    fn members(&mut self) -> Option<Value> {
        let mut members = Vec::new();
        while !self.has("</struct></value>\n") {
            self.expect("<member>\n<name>")?;
            let name = self.text()?;
            self.expect("</name>\n")?;
            let value = self.value()?;
            self.expect("</member>\n")?;
            members.push((name.into(), value));
        }
        Some(Value::Struct(unique(members)))
    }

    fn elements(&mut self) -> Option<Value> {
        let mut values = Vec::new();
        while !self.has(ARRAY_TAIL) {
            values.push(self.value()?);
        }
        Some(Value::Array(values))
    }

    /// Text up to the next tag in which nothing is escaped.
    fn plain(&mut self) -> Option<&'a str> {
        let end = self.rest.bytes().position(|byte| !is_plain(byte))?;
        let (plain, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(plain)
    }

    /// Text up to the next tag.
    fn text(&mut self) -> Option<String> {
        let mut text = String::from(self.plain()?);
        while !self.rest.starts_with('<') {
            text.push(if self.has("&amp;") {
                '&'
            } else if self.has("&lt;") {
                '<'
            } else {
                self.expect("&gt;")?;
                '>'
            });
            text.push_str(self.plain()?);
        }
        Some(text)
    }
}

/// Whether a byte of text stands for itself. Not so carriage returns, of which XML makes line
/// feeds, and those of the characters that no document can contain: U+FFFE and U+FFFF begin with
/// 0xef.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b' '..=0xff) && !matches!(byte, b'&' | b'<' | b'>' | 0xef)
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, encode};
    use super::*;
    use alloc::vec;

    fn parsed(document: &[u8], limits: Limits) -> Option<Message> {
        let mut decoder = Decoder::new(limits);
        decoder.feed(document).ok()?;
        decoder.finish().ok()
    }

    fn info() -> Value {
        Value::Struct(vec![
            ("name".into(), "a<b>&c\u{e9}\n\t".into()),
            ("pid".into(), Value::Int(-7)),
            ("up".into(), true.into()),
            ("down".into(), false.into()),
            ("none".into(), Value::Array(vec![])),
            ("more".into(), Value::Struct(vec![])),
            ("".into(), "".into()),
        ])
    }

    #[test]
    fn what_is_written_is_read() {
        let answer = Message::Response(Value::Array(vec![info(), 5.into(), info()]));
        let text = encode(&answer);
        let limits = Limits::default();
        assert_eq!(read(text.as_bytes(), limits), Some(answer.clone()));
        assert_eq!(parsed(text.as_bytes(), limits), Some(answer));
    }

    #[test]
    fn at_every_changed_byte_it_gives_up_or_reads_what_the_parser_reads() {
        let text = encode(&Message::Response(Value::Array(vec![info()])));
        let limits = Limits::default();
        let mut read_some = 0;
        for at in 0..text.len() {
            for byte in [b'<', b'>', b'&', b'\r', b' ', b'0', b'a', 0, 0xef, 0xff] {
                let mut document = text.clone().into_bytes();
                document[at] = byte;
                if let Some(message) = read(&document, limits) {
                    assert_eq!(parsed(&document, limits), Some(message), "{at} {byte}");
                    read_some += 1;
                }
            }
            assert_eq!(read(&text.as_bytes()[..at], limits), None);
            let behind = [text.as_bytes(), &text.as_bytes()[..at]].concat();
            assert_eq!(read(&behind, limits).is_some(), at == 0);
        }
        assert!(read_some > 20, "{read_some}");
    }

    #[test]
    fn beyond_its_limits_nothing_is_read() {
        let text = encode(&Message::Response(Value::Array(vec![info()])));
        let exact = Limits {
            depth: 3,
            bytes: text.len(),
            values: 9,
        };
        let all = [
            (exact, true),
            (Limits { depth: 2, ..exact }, false),
            (
                Limits {
                    bytes: exact.bytes - 1,
                    ..exact
                },
                false,
            ),
            (Limits { values: 8, ..exact }, false),
        ];
        for (limits, fits) in all {
            assert_eq!(read(text.as_bytes(), limits).is_some(), fits, "{limits:?}");
            assert_eq!(
                parsed(text.as_bytes(), limits).is_some(),
                fits,
                "{limits:?}"
            );
        }
    }

    #[test]
    fn a_member_named_twice_has_its_last_value() {
        let member = |name: &'static str, number| (name.into(), Value::Int(number));
        for (written, expected) in [
            (vec![member("a", 1), member("a", 3)], vec![member("a", 3)]),
            (
                vec![member("a", 1), member("b", 2), member("a", 3)],
                vec![member("a", 3), member("b", 2)],
            ),
        ] {
            let text = encode(&Message::Response(Value::Struct(written)));
            let expected = Some(Message::Response(Value::Struct(expected)));
            let limits = Limits::default();
            assert_eq!(read(text.as_bytes(), limits), expected);
            assert_eq!(parsed(text.as_bytes(), limits), expected);
        }
    }
}
