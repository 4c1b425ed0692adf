//! The line scanner: sections, options and values exactly as Python's `RawConfigParser` sees them
//! with `strict=False` and `inline_comment_prefixes=(';', '#')`, with line numbers and with what
//! inline comments cut away.
//!
//! No parser of INI files agrees with Python's on white space, comments in the middle of a line
//! and continuation lines, so the lines are taken apart here; the [`Document`](super::store) keeps
//! the result in a `configparser` map.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

/// One `[section]` header and the options below it. A section may occur more than once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScannedSection {
    /// The name, as written.
    pub name: String,
    /// Line of the header, from 1.
    pub line: u32,
    /// Its options in file order, duplicates included.
    pub options: Vec<ScannedOption>,
}

/// One option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScannedOption {
    /// The name, lower-cased.
    pub name: String,
    /// The value, continuation lines joined by LF.
    pub value: String,
    /// Line where the option starts, from 1.
    pub line: u32,
    /// What inline comments cut off the value, first cut first.
    pub cuts: Vec<Cut>,
}

/// A value's line that an inline comment shortened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cut {
    /// Line, from 1.
    pub line: u32,
    /// What is left of the line's value.
    pub kept: String,
    /// What was cut, from the comment sign on.
    pub cut: String,
    /// How many white-space characters stand before the comment sign.
    pub space_count: usize,
}

/// Why a text is no INI file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ScanError {
    /// Something other than a comment stands before the first section.
    MissingSectionHeader {
        /// Line, from 1.
        line: u32,
        /// The line with its newline.
        text: String,
    },
    /// Lines that are neither option nor section nor continuation: number and text.
    Lines(Vec<(u32, String)>),
}

impl ScanError {
    /// Python's message for this error in the file `file`.
    #[must_use]
    pub fn text(&self, file: &str) -> String {
        use crate::text::py_repr;
        use core::fmt::Write as _;
        match self {
            Self::MissingSectionHeader { line, text } => alloc::format!(
                "File contains no section headers.\nfile: {}, line: {line}\n{}",
                py_repr(file),
                py_repr(text)
            ),
            Self::Lines(lines) => {
                let mut out = alloc::format!("Source contains parsing errors: {}", py_repr(file));
                for (line, text) in lines {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\n\t[line {line:>2}]: {}", py_repr(text));
                }
                out
            }
        }
    }

    /// The first line concerned.
    #[must_use]
    pub fn line(&self) -> u32 {
        match self {
            Self::MissingSectionHeader { line, .. } => *line,
            Self::Lines(lines) => lines.first().map_or(0, |(line, _)| *line),
        }
    }
}

/// Python's `str.isspace` for one character.
pub(super) fn py_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// Python's `str.strip`.
pub(super) fn py_strip(text: &str) -> &str {
    // Nearly every text has nothing to strip.
    let ends = [text.as_bytes().first(), text.as_bytes().last()];
    if ends.iter().all(|end| matches!(end, Some(b'!'..=b'~'))) {
        return text;
    }
    text.trim_matches(py_space)
}

/// `to_lowercase`, which is slow for names that are ASCII, as nearly all are.
fn lower(name: &str) -> String {
    if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        name.to_lowercase()
    }
}

/// Takes a file's text apart.
///
/// # Errors
/// Text before the first section ends the scan; lines that cannot be understood are collected.
///
/// ```
/// use visor_core::config::scan;
/// let sections = scan("[s]\na = 1 ; one\n  2\n").unwrap();
/// assert_eq!(sections[0].options[0].value, "1\n2");
/// ```
pub fn scan(text: &str) -> Result<Vec<ScannedSection>, ScanError> {
    let mut scanner = Scanner::default();
    let mut number = 0_u32;
    for (line, newline) in Lines(text) {
        number = number.saturating_add(1);
        scanner.line(number, line, newline)?;
    }
    scanner.finish()
}

/// Lines with "universal newlines": LF, CR LF and a lone CR end a line. The flag says whether the
/// line had an end.
struct Lines<'a>(&'a str);

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a str, bool);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let end = self
            .0
            .bytes()
            .position(|byte| matches!(byte, b'\n' | b'\r'));
        let cut =
            end.and_then(|end| Some((self.0.get(..end)?, self.0.get(end.checked_add(1)?..)?)));
        let Some((line, rest)) = cut else {
            return Some((core::mem::take(&mut self.0), false));
        };
        let ended_by_cr = self.0.as_bytes().get(line.len()) == Some(&b'\r');
        self.0 = match rest.strip_prefix('\n') {
            Some(after) if ended_by_cr => after,
            Some(_) | None => rest,
        };
        Some((line, true))
    }
}

#[derive(Default)]
struct Scanner {
    sections: Vec<ScannedSection>,
    /// The lines of the option that continuation lines belong to; empty: there is none.
    lines: Vec<String>,
    indent: usize,
    bad: Vec<(u32, String)>,
}

impl Scanner {
    fn line(&mut self, number: u32, line: &str, newline: bool) -> Result<(), ScanError> {
        let comment = comment_start(line);
        let value = py_strip(comment.and_then(|at| line.get(..at)).unwrap_or(line));
        if value.is_empty() {
            if comment.is_none() && !self.lines.is_empty() {
                self.lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|c| py_space(*c)).count();
        if indent > self.indent && !self.lines.is_empty() {
            self.lines.push(value.to_owned());
            self.note_cut(number, line, comment, value);
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = header(value) {
            self.end_option();
            self.sections.push(ScannedSection {
                name: name.to_owned(),
                line: number,
                options: Vec::new(),
            });
            return Ok(());
        }
        let whole = || {
            let mut text = line.to_owned();
            text.extend(newline.then_some('\n'));
            text
        };
        if self.sections.is_empty() {
            return Err(ScanError::MissingSectionHeader {
                line: number,
                text: whole(),
            });
        }
        let Some((name, rest)) = value.split_once(['=', ':']) else {
            // The option before stays open: deeper lines below still belong to it.
            self.bad.push((number, whole()));
            return Ok(());
        };
        let name = name.trim_end_matches(py_space);
        if name.is_empty() {
            self.end_option();
            self.bad.push((number, whole()));
            return Ok(());
        }
        self.start_option(number, name, rest);
        self.note_cut(number, line, comment, py_strip(rest));
        Ok(())
    }

    fn start_option(&mut self, number: u32, name: &str, rest: &str) {
        self.end_option();
        self.lines.push(py_strip(rest).to_owned());
        if let Some(section) = self.sections.last_mut() {
            section.options.push(ScannedOption {
                name: lower(name),
                value: String::new(),
                line: number,
                cuts: Vec::new(),
            });
        }
    }

    /// Joins the lines of the option that has just ended.
    fn end_option(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let mut joined = match self.lines.len() {
            1 => self.lines.pop().unwrap_or_default(),
            _ => self.lines.join("\n"),
        };
        self.lines.clear();
        joined.truncate(joined.trim_end_matches(py_space).len());
        if let Some(option) = self.open_option() {
            option.value = joined;
        }
    }

    fn open_option(&mut self) -> Option<&mut ScannedOption> {
        self.sections.last_mut()?.options.last_mut()
    }

    fn note_cut(&mut self, number: u32, line: &str, comment: Option<usize>, kept: &str) {
        let Some((before, cut)) = comment.and_then(|at| line.split_at_checked(at)) else {
            return;
        };
        let space_count = before.chars().rev().take_while(|c| py_space(*c)).count();
        if let Some(option) = self.open_option() {
            option.cuts.push(Cut {
                line: number,
                kept: kept.to_owned(),
                cut: py_strip(cut).to_owned(),
                space_count,
            });
        }
    }

    fn finish(mut self) -> Result<Vec<ScannedSection>, ScanError> {
        self.end_option();
        if self.bad.is_empty() {
            Ok(self.sections)
        } else {
            Err(ScanError::Lines(self.bad))
        }
    }
}

/// The name in a section header: everything up to the last `]`, at least one character.
fn header(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('[')?;
    let (name, _) = inner.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// Where Python's parser cuts the line. It looks for both comment signs in rounds, the next
/// occurrence of each per round, and the first round with a sign after white space wins: so
/// `x#y #z ;c` is cut at `;`, not at the `#` before it.
fn comment_start(line: &str) -> Option<usize> {
    if !line.bytes().any(|byte| matches!(byte, b'#' | b';')) {
        return None;
    }
    if py_strip(line).starts_with(['#', ';']) {
        return Some(0);
    }
    let next_after = |sign: char, from: usize| {
        let at = line.get(from..)?.find(sign)?;
        Some(from.saturating_add(at))
    };
    let after_space = |at: usize| {
        let before = line.get(..at).unwrap_or("");
        before.chars().next_back().is_none_or(py_space)
    };
    let mut semicolon = next_after(';', 0);
    let mut hash = next_after('#', 0);
    while semicolon.is_some() || hash.is_some() {
        let hits = [semicolon, hash].into_iter().flatten();
        if let Some(at) = hits.filter(|at| after_space(*at)).min() {
            return Some(at);
        }
        semicolon = semicolon.and_then(|at| next_after(';', at.saturating_add(1)));
        hash = hash.and_then(|at| next_after('#', at.saturating_add(1)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    fn options(text: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for section in scan(text).unwrap() {
            all.extend(section.options.into_iter().map(|o| (o.name, o.value)));
        }
        all
    }

    fn one(text: &str) -> String {
        options(&format!("[s]\n{text}")).remove(0).1
    }

    #[test]
    fn comments_need_white_space_before_them() {
        assert_eq!(one("a=1 ; c"), "1");
        assert_eq!(one("a=1;c"), "1;c");
        assert_eq!(one("a=1\u{a0};c"), "1");
        assert_eq!(one("a=;c"), ";c");
        assert_eq!(one("a= ;c"), "");
        assert_eq!(one("a=http://h/#f;x"), "http://h/#f;x");
    }

    #[test]
    fn comment_signs_are_searched_in_rounds() {
        assert_eq!(one("a=x#y #z ;c"), "x#y #z");
        assert_eq!(one("a=x;y ;z #c"), "x;y ;z");
        assert_eq!(one("a=1 # x ; y"), "1");
    }

    #[test]
    fn deeper_lines_go_on_with_the_value() {
        assert_eq!(one("a=1\n\n  2\n ; c\n\n\n  3\n\nb=4"), "1\n\n2\n\n\n3");
        assert_eq!(one("a=1   \n  2   \n"), "1\n2");
        assert_eq!(
            options("[s]\n    a=1\n  b=2\n    c=3\n"),
            vec![("a".into(), "1".into()), ("b".into(), "2\nc=3".into())]
        );
        assert_eq!(options("[a]\nk=1\n  [b]\nz=1").first().unwrap().1, "1\n[b]");
    }

    #[test]
    fn all_line_ends_are_the_same() {
        assert_eq!(one("a=1\r\n  2\r\n\r\nb=3\r\n"), "1\n2");
        assert_eq!(options("[s]\ra=1\rb=2\r").len(), 2);
    }

    #[test]
    fn headers_end_at_the_last_bracket() {
        let name = |text: &str| scan(text).unwrap().remove(0).name;
        assert_eq!(name("[a]b]\n"), "a]b");
        assert_eq!(name("[ a ] junk\n"), " a ");
        assert_eq!(options("[s]\n[a=1"), vec![("[a".into(), "1".into())]);
    }

    #[test]
    fn lines_that_mean_nothing_are_all_reported() {
        let error = scan("[s]\na\nb=1\nzz zz\n").unwrap_err();
        assert_eq!(
            error.text("/f"),
            "Source contains parsing errors: '/f'\n\t[line  2]: 'a\\n'\n\t[line  4]: 'zz zz\\n'"
        );
        assert_eq!(scan("[s]\n=1").unwrap_err().line(), 2);
        assert_eq!(
            scan("\u{feff}[s]\n").unwrap_err().text("f"),
            "File contains no section headers.\nfile: 'f', line: 1\n'\\ufeff[s]\\n'"
        );
    }

    #[test]
    fn cuts_are_remembered() {
        let sections = scan("[s]\ncommand=sh -c 'a ; b'\n").unwrap();
        let option = &sections[0].options[0];
        assert_eq!(option.value, "sh -c 'a");
        assert_eq!(option.cuts[0].cut, "; b'");
        assert_eq!(option.cuts[0].space_count, 1);
    }
}
