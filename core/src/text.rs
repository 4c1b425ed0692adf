//! Small rules of text that the configuration, the clients and the log share: how Python shows a
//! value, splits a command line, sorts a name. They are here because a message that scripts match is
//! part of being a replacement.

use alloc::{format, string::String, vec::Vec};

/// Why a command line cannot be split into words.
///
/// ```
/// use visor_core::text::{WordsError, shell_words};
/// assert_eq!(shell_words("sh -c 'a"), Err(WordsError::NoClosingQuotation));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WordsError {
    /// A quote is not closed.
    NoClosingQuotation,
    /// The last character is a backslash.
    NoEscapedCharacter,
}

impl core::fmt::Display for WordsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoClosingQuotation => "No closing quotation",
            Self::NoEscapedCharacter => "No escaped character",
        })
    }
}

/// Splits a command line as Python's `shlex.split` does: quotes and backslashes as in a POSIX
/// shell, no variables, no globbing, no comments; only space, tab, CR and LF separate.
///
/// # Errors
/// An unclosed quote, or a backslash at the end.
///
/// ```
/// let words = visor_core::text::shell_words(r#"sh -c "echo \"a b\"" c\ d"#);
/// assert_eq!(words.unwrap(), ["sh", "-c", "echo \"a b\"", "c d"]);
/// ```
pub fn shell_words(line: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or(WordsError::NoClosingQuotation)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => {
                let c = chars.next().ok_or(WordsError::NoEscapedCharacter)?;
                word.get_or_insert_default().push(c);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Within double quotes a backslash escapes only itself and the quote.
fn double_quoted(chars: &mut core::str::Chars<'_>, word: &mut String) -> Result<(), WordsError> {
    loop {
        match chars.next().ok_or(WordsError::NoClosingQuotation)? {
            '"' => return Ok(()),
            '\\' => {
                let c = chars.next().ok_or(WordsError::NoEscapedCharacter)?;
                if c != '\\' && c != '"' {
                    word.push('\\');
                }
                word.push(c);
            }
            c => word.push(c),
        }
    }
}

/// A string as Python's `repr` shows it, as many log lines and error texts quote names.
///
/// ```
/// use visor_core::text::py_repr;
/// assert_eq!(py_repr("a'b"), "\"a'b\"");
/// assert_eq!(py_repr("tab\t"), r"'tab\t'");
/// ```
#[must_use]
pub fn py_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if !py_printable(c) => out.push_str(&match u32::from(c) {
                n @ 0..=0xff => format!("\\x{n:02x}"),
                n @ 0x100..=0xffff => format!("\\u{n:04x}"),
                n => format!("\\U{n:08x}"),
            }),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Bytes as Python's `repr` shows them: `b'...'`.
///
/// ```
/// use visor_core::text::py_repr_bytes;
/// assert_eq!(py_repr_bytes(b"a\n\xff"), r"b'a\n\xff'");
/// ```
#[must_use]
pub fn py_repr_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    let mut out = String::with_capacity(bytes.len() + 3);
    out.push('b');
    out.push(char::from(quote));
    for &b in bytes {
        match b {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if b == quote => {
                out.push('\\');
                out.push(char::from(b));
            }
            b' '..=b'~' => out.push(char::from(b)),
            b => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push(char::from(quote));
    out
}

/// Python's `str.isprintable` for the characters that occur in names: controls, separators other
/// than the space, surrogates' and private ranges are not.
fn py_printable(c: char) -> bool {
    if c == ' ' {
        return true;
    }
    !(c.is_control()
        || c.is_whitespace()
        || matches!(u32::from(c),
            0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x180e | 0x200b..=0x200f
            | 0x202a..=0x202e | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff0..=0xfffb
            | 0xfffe..=0xffff | 0xe0000..=0x10ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_python_and_not_the_shell() {
        let split = |s: &str| shell_words(s).unwrap();
        assert_eq!(split("a  b\tc\nd"), ["a", "b", "c", "d"]);
        assert_eq!(split("a\u{b}b\u{a0}c"), ["a\u{b}b\u{a0}c"]);
        assert_eq!(split("'a b'c \"\""), ["a bc", ""]);
        assert_eq!(split(r#""a\$b""#), [r"a\$b"]);
        assert_eq!(split("\"a\\\nb\""), ["a\\\nb"]);
        assert_eq!(split(r#""a\"b" "a\\b" "a\'b""#), ["a\"b", r"a\b", r"a\'b"]);
        assert_eq!(split("a\\\nb"), ["a\nb"]);
        assert_eq!(split("a#b #c"), ["a#b", "#c"]);
        assert_eq!(split(r"'a\'b"), [r"a\b"]);
        assert!(split("  ").is_empty());
    }

    #[test]
    fn unclosed_words_are_errors() {
        assert_eq!(shell_words("\"a"), Err(WordsError::NoClosingQuotation));
        assert_eq!(shell_words("'a"), Err(WordsError::NoClosingQuotation));
        assert_eq!(shell_words("a\\"), Err(WordsError::NoEscapedCharacter));
        assert_eq!(shell_words("\"\\"), Err(WordsError::NoEscapedCharacter));
    }

    #[test]
    fn reprs_pick_the_quote_python_picks() {
        assert_eq!(py_repr("web"), "'web'");
        assert_eq!(py_repr("a'b\"c"), r#"'a\'b"c'"#);
        assert_eq!(py_repr("é\u{1}\u{85}"), r"'é\x01\x85'");
        assert_eq!(py_repr_bytes(b"\xff'x"), "b\"\\xff'x\"");
    }
}
