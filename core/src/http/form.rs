//! Percent encoding, queries and forms.

use alloc::{string::String, vec::Vec};

/// Most fields of one query or form.
const FIELDS_MAX: usize = 64;

/// Decodes `%41` and leaves what is malformed as it is; bytes that are not UTF-8 become U+FFFD.
///
/// ```
/// use visor_core::http::form::percent_decode;
/// assert_eq!(percent_decode("g%3Aw/%zz+"), "g:w/%zz+");
/// ```
#[must_use]
pub fn percent_decode(text: &str) -> String {
    decode(text, false)
}

/// Encodes everything but letters, digits and `_.-~/`, as Python's `urllib.parse.quote`.
///
/// ```
/// use visor_core::http::form::percent_encode;
/// assert_eq!(percent_encode("a b:é/"), "a%20b%3A%C3%A9/");
/// ```
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&alloc::format!("%{byte:02X}"));
        }
    }
    out
}

/// Fields of a query or of an `application/x-www-form-urlencoded` body.
///
/// ```
/// use visor_core::http::form::Fields;
/// let fields = Fields::parse("processname=g%3Aw&action=start&note=a+b&");
/// assert_eq!(fields.get("processname"), Some("g:w"));
/// assert_eq!(fields.get("note"), Some("a b"));
/// assert_eq!(fields.get("other"), None);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the fields of a text, at most 64.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let fields = text.split('&').filter(|part| !part.is_empty());
        Self(
            fields
                .take(FIELDS_MAX)
                .map(|part| {
                    let (name, value) = part.split_once('=').unwrap_or((part, ""));
                    (decode(name, true), decode(value, true))
                })
                .collect(),
        )
    }

    /// The first field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => match tail {
                [high, low, after @ ..] => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        bytes.push(high * 16 + low);
                        rest = after;
                    }
                    _ => bytes.push(b'%'),
                },
                _ => bytes.push(b'%'),
            },
            other => bytes.push(other),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_escapes_stay_as_they_are() {
        for text in ["%", "%4", "%zz", "%%41"] {
            let expected = text.replace("%41", "A");
            assert_eq!(percent_decode(text), expected);
        }
        assert_eq!(percent_decode("%ff%C3"), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn every_byte_is_decoded_from_digits_of_either_case() {
        for c in ' '..='\u{7ff}' {
            let encode = |case: fn(u8) -> String| -> String {
                let mut bytes = [0; 2];
                c.encode_utf8(&mut bytes).bytes().map(case).collect()
            };
            let lower = encode(|byte| alloc::format!("%{byte:02x}"));
            let upper = encode(|byte| alloc::format!("%{byte:02X}"));
            assert_eq!(percent_decode(&lower), String::from(c));
            assert_eq!(percent_decode(&upper), String::from(c));
        }
    }

    #[test]
    fn a_plus_is_a_space_in_fields_alone() {
        assert_eq!(percent_decode("a+b"), "a+b");
        assert_eq!(Fields::parse("a+b=c+d").get("a b"), Some("c d"));
    }

    #[test]
    fn fields_without_a_value_are_empty() {
        let fields = Fields::parse("a&b=&=c&&a=2");
        assert_eq!(fields.get("a"), Some(""));
        assert_eq!(fields.get("b"), Some(""));
        assert_eq!(fields.get(""), Some("c"));
    }
}
