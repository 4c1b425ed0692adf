//! Python's %-formatting with names: `%(here)s`, `%(process_num)02d`, `%%`.

use crate::text::py_repr;
use alloc::{
    borrow::{Cow, ToOwned},
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Widest field and longest precision that is accepted; Python's limit is the memory.
const WIDTH_MAX: usize = 10_000;

/// What a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number: `process_num`, `numprocs`.
    Number(i64),
}

/// The names that one value may use. Later sources hide earlier ones.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `ENV_…`, name with prefix to value.
    pub environment: &'a BTreeMap<String, String>,
    /// `here` and the like.
    pub names: &'a [(&'static str, Value<'a>)],
    /// The program's own `environment`; known as `ENV_…` too.
    pub own: &'a [(String, String)],
}

impl<'a> Scope<'a> {
    fn find(&self, name: &str) -> Option<Value<'a>> {
        let bare = name.strip_prefix("ENV_");
        let own = self
            .own
            .iter()
            .rev()
            .find(|(known, _)| Some(known.as_str()) == bare);
        if let Some((_, value)) = own {
            return Some(Value::Text(value));
        }
        if let Some((_, value)) = self.names.iter().find(|(known, _)| *known == name) {
            return Some(*value);
        }
        self.environment.get(name).map(|value| Value::Text(value))
    }

    /// All names, sorted, joined by `, `.
    fn available(&self) -> String {
        let own: Vec<String> = self
            .own
            .iter()
            .map(|(name, _)| format!("ENV_{name}"))
            .collect();
        let mut names: Vec<&str> = self.environment.keys().map(String::as_str).collect();
        names.extend(self.names.iter().map(|(name, _)| *name));
        names.extend(own.iter().map(String::as_str));
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}

/// Why a value cannot be expanded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ExpandError {
    /// It uses a name that means nothing here.
    UnknownName(String),
    /// It is no format; carries Python's reason.
    BadFormat(String),
}

impl ExpandError {
    /// The whole message. `label` names the option: `program:a.command`.
    #[must_use]
    pub fn text(&self, format: &str, label: &str, scope: &Scope<'_>) -> String {
        let format = py_repr(format);
        let label = py_repr(label);
        match self {
            Self::UnknownName(name) => format!(
                "Format string {format} for {label} contains names ({}) which cannot be expanded. Available names: {}",
                py_repr(name),
                scope.available()
            ),
            Self::BadFormat(reason) => {
                format!("Format string {format} for {label} is badly formatted: {reason}")
            }
        }
    }
}

/// A value after expansion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expanded<'a> {
    /// The value.
    pub text: Cow<'a, str>,
    /// It holds a conversion without a name, such as the `%s` of `date +%s`. Python would put
    /// its table of all names there; it is left as it is, for that is what was meant.
    pub bare_conversion: bool,
}

/// Expands a value.
///
/// # Errors
/// See [`ExpandError`].
///
/// ```
/// use visor_core::config::{Scope, Value, expand};
/// let scope = Scope { environment: &Default::default(), own: &[],
///     names: &[("process_num", Value::Number(7))] };
/// assert_eq!(expand("w%(process_num)02d 50%%", &scope).unwrap().text, "w07 50%");
/// ```
pub fn expand<'a>(format: &'a str, scope: &Scope<'_>) -> Result<Expanded<'a>, ExpandError> {
    if !format.contains('%') {
        return Ok(Expanded {
            text: Cow::Borrowed(format),
            bare_conversion: false,
        });
    }
    if let Some(text) = simple(format, scope) {
        return Ok(Expanded {
            text: Cow::Owned(text),
            bare_conversion: false,
        });
    }
    let mut formatter = Formatter {
        chars: format.chars().collect(),
        at: 0,
        scope,
        argument: Argument::Names,
        out: String::with_capacity(format.len()),
        bare: false,
    };
    formatter.run()?;
    Ok(Expanded {
        text: Cow::Owned(formatter.out),
        bare_conversion: formatter.bare,
    })
}

/// The usual case, in one go: nothing but `%%`, `%(text)s` and plain text, all names known.
fn simple(format: &str, scope: &Scope<'_>) -> Option<String> {
    let mut out = String::with_capacity(format.len().saturating_mul(2));
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (name, after) = after.strip_prefix('(')?.split_once(')')?;
        match scope.find(name)? {
            Value::Text(value) if !name.contains('(') => out.push_str(value),
            Value::Text(_) | Value::Number(_) => return None,
        }
        rest = after.strip_prefix('s')?;
    }
    out.push_str(rest);
    Some(out)
}

/// What the next conversion takes.
#[derive(Clone, Copy)]
enum Argument<'a> {
    /// The table of all names: no name has been given yet.
    Names,
    /// The value of the name just given.
    Value(Value<'a>),
    /// Nothing: it has been taken.
    Taken,
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // Python's five flags.
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

struct Formatter<'s, 'a> {
    chars: Vec<char>,
    at: usize,
    scope: &'s Scope<'a>,
    argument: Argument<'a>,
    out: String,
    bare: bool,
}

fn bad<T>(reason: impl Into<String>) -> Result<T, ExpandError> {
    Err(ExpandError::BadFormat(reason.into()))
}

impl<'a> Formatter<'_, 'a> {
    fn run(&mut self) -> Result<(), ExpandError> {
        while let Some(c) = self.next() {
            if c != '%' {
                self.out.push(c);
            } else if self.peek() == Some('%') {
                self.at = self.at.saturating_add(1);
                self.out.push('%');
            } else {
                self.conversion()?;
            }
        }
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(c)
    }

    /// One conversion, its percent sign already read.
    fn conversion(&mut self) -> Result<(), ExpandError> {
        let start = self.at.saturating_sub(1);
        if self.peek() == Some('(') {
            self.at = self.at.saturating_add(1);
            let name = self.name()?;
            let value = self.scope.find(&name);
            self.argument = Argument::Value(value.ok_or(ExpandError::UnknownName(name))?);
        }
        let spec = self.spec()?;
        let Some(kind) = self.next() else {
            return bad("incomplete format");
        };
        match self.take()? {
            Argument::Value(value) => {
                let text = self.convert(kind, value, &spec)?;
                self.out.push_str(&text);
            }
            // `take` never gives `Taken`.
            Argument::Names | Argument::Taken => {
                self.convert_names(kind)?;
                let verbatim = self.chars.get(start..self.at).unwrap_or_default();
                self.out.extend(verbatim);
                self.bare = true;
            }
        }
        Ok(())
    }

    /// The name up to the closing parenthesis; inner ones are counted.
    fn name(&mut self) -> Result<String, ExpandError> {
        let mut depth = 1_usize;
        let mut name = String::new();
        while let Some(c) = self.next() {
            match c {
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Ok(name);
            }
            name.push(c);
        }
        bad("incomplete format key")
    }

    fn spec(&mut self) -> Result<Spec, ExpandError> {
        let mut spec = Spec::default();
        loop {
            match self.peek() {
                Some('-') => spec.left = true,
                Some('+') => spec.plus = true,
                Some(' ') => spec.space = true,
                Some('#') => spec.alternate = true,
                Some('0') => spec.zero = true,
                _ => break,
            }
            self.at = self.at.saturating_add(1);
        }
        spec.width = self.count("width too big")?.unwrap_or(0);
        if self.peek() == Some('.') {
            self.at = self.at.saturating_add(1);
            spec.precision = Some(self.count("precision too big")?.unwrap_or(0));
        }
        // One C length modifier is skipped.
        if matches!(self.peek(), Some('h' | 'l' | 'L')) {
            self.at = self.at.saturating_add(1);
        }
        Ok(spec)
    }

    /// A width or precision: digits, or `*` for the next argument.
    fn count(&mut self, too_big: &str) -> Result<Option<usize>, ExpandError> {
        if self.peek() == Some('*') {
            self.at = self.at.saturating_add(1);
            return match self.take()? {
                // What it is does not matter: nothing is left to be converted.
                Argument::Value(Value::Number(_)) => Ok(None),
                Argument::Value(Value::Text(_)) | Argument::Names | Argument::Taken => {
                    bad("* wants int")
                }
            };
        }
        let mut number: Option<usize> = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at = self.at.saturating_add(1);
            let digit = usize::try_from(digit).unwrap_or(0);
            let so_far = number.unwrap_or(0);
            number = Some(so_far.saturating_mul(10).saturating_add(digit));
        }
        if number.is_some_and(|number| number > WIDTH_MAX) {
            return bad(too_big);
        }
        Ok(number)
    }

    fn take(&mut self) -> Result<Argument<'a>, ExpandError> {
        match core::mem::replace(&mut self.argument, Argument::Taken) {
            Argument::Taken => bad("not enough arguments for format string"),
            taken @ (Argument::Names | Argument::Value(_)) => Ok(taken),
        }
    }

    fn unsupported<T>(&self, kind: char) -> Result<T, ExpandError> {
        let shown = if (' '..='~').contains(&kind) {
            kind
        } else {
            '?'
        };
        bad(format!(
            "unsupported format character '{shown}' ({:#x}) at index {}",
            u32::from(kind),
            self.at.saturating_sub(1)
        ))
    }

    /// A conversion without a name: text conversions pass, all others fail as in Python.
    fn convert_names(&self, kind: char) -> Result<(), ExpandError> {
        match kind {
            's' | 'r' | 'a' => Ok(()),
            'c' => bad("%c requires int or char"),
            'd' | 'i' | 'u' => bad(format!(
                "%{kind} format: a real number is required, not dict"
            )),
            'o' | 'x' | 'X' => bad(format!("%{kind} format: an integer is required, not dict")),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => bad("must be real number, not dict"),
            _ => self.unsupported(kind),
        }
    }

    fn convert(&self, kind: char, value: Value<'_>, spec: &Spec) -> Result<String, ExpandError> {
        match (kind, value) {
            ('s', Value::Text(text)) => Ok(padded_text(text, spec)),
            ('r', Value::Text(text)) => Ok(padded_text(&py_repr(text), spec)),
            ('a', Value::Text(text)) => Ok(padded_text(&ascii_repr(text), spec)),
            ('s' | 'r' | 'a', Value::Number(n)) => Ok(padded_text(&n.to_string(), spec)),
            ('c', value) => {
                let text = character(value)?;
                let spec = Spec {
                    left: spec.left,
                    width: spec.width,
                    ..Spec::default()
                };
                Ok(padded_text(&text, &spec))
            }
            ('d' | 'i' | 'u', Value::Text(_)) => bad(format!(
                "%{kind} format: a real number is required, not str"
            )),
            ('o' | 'x' | 'X', Value::Text(_)) => {
                bad(format!("%{kind} format: an integer is required, not str"))
            }
            ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Text(_)) => {
                bad("must be real number, not str")
            }
            ('d' | 'i' | 'u' | 'o' | 'x' | 'X', Value::Number(n)) => Ok(integer(kind, n, spec)),
            ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Number(n)) => Ok(float(kind, n, spec)),
            (_, Value::Text(_) | Value::Number(_)) => self.unsupported(kind),
        }
    }
}

fn character(value: Value<'_>) -> Result<String, ExpandError> {
    match value {
        Value::Text(text) if text.chars().count() == 1 => Ok(text.to_owned()),
        Value::Text(_) => bad("%c requires int or char"),
        Value::Number(n) => match u32::try_from(n).ok().and_then(char::from_u32) {
            Some(c) => Ok(c.to_string()),
            None => bad("%c arg not in range(0x110000)"),
        },
    }
}

fn fill(c: char, count: usize) -> String {
    core::iter::repeat_n(c, count).collect()
}

fn padded_text(text: &str, spec: &Spec) -> String {
    let text: String = match spec.precision {
        Some(length) => text.chars().take(length).collect(),
        None => text.to_owned(),
    };
    let padding = fill(' ', spec.width.saturating_sub(text.chars().count()));
    if spec.left {
        text + &padding
    } else {
        padding + &text
    }
}

/// Puts sign, prefix (`0x`) and digits into the field.
fn padded_number(negative: bool, prefix: &str, digits: &str, spec: &Spec) -> String {
    let sign = match (negative, spec.plus, spec.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    };
    let length = sign
        .len()
        .saturating_add(prefix.len())
        .saturating_add(digits.len());
    let missing = spec.width.saturating_sub(length);
    if spec.left {
        format!("{sign}{prefix}{digits}{}", fill(' ', missing))
    } else if spec.zero {
        format!("{sign}{prefix}{}{digits}", fill('0', missing))
    } else {
        format!("{}{sign}{prefix}{digits}", fill(' ', missing))
    }
}

fn integer(kind: char, n: i64, spec: &Spec) -> String {
    let size = n.unsigned_abs();
    let (prefix, digits) = match kind {
        'o' => ("0o", format!("{size:o}")),
        'x' => ("0x", format!("{size:x}")),
        'X' => ("0X", format!("{size:X}")),
        _ => ("", size.to_string()),
    };
    let prefix = if spec.alternate { prefix } else { "" };
    let missing = spec.precision.unwrap_or(0).saturating_sub(digits.len());
    padded_number(n < 0, prefix, &(fill('0', missing) + &digits), spec)
}

fn float(kind: char, n: i64, spec: &Spec) -> String {
    // Exact for every process number anybody can have.
    #[allow(clippy::cast_precision_loss)]
    let size = n.unsigned_abs() as f64;
    let precision = spec.precision.unwrap_or(6);
    let mut digits = match kind {
        'f' | 'F' => fixed(size, precision, spec.alternate),
        'e' | 'E' => scientific(size, precision, spec.alternate),
        _ => general(size, precision.max(1), spec.alternate),
    };
    if kind.is_ascii_uppercase() {
        digits = digits.to_uppercase();
    }
    padded_number(n < 0, "", &digits, spec)
}

fn fixed(size: f64, precision: usize, alternate: bool) -> String {
    let mut text = format!("{size:.precision$}");
    if alternate && precision == 0 {
        text.push('.');
    }
    text
}

/// Mantissa digits and exponent, rounded to `precision` places.
fn mantissa(size: f64, precision: usize) -> (String, i32) {
    let text = format!("{size:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

fn scientific(size: f64, precision: usize, alternate: bool) -> String {
    let (digits, exponent) = mantissa(size, precision);
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{digits}{point}e{exponent:+03}")
}

fn general(size: f64, precision: usize, alternate: bool) -> String {
    let last = precision.saturating_sub(1);
    let (digits, exponent) = mantissa(size, last);
    let places = usize::try_from(exponent).unwrap_or(0);
    // Whole numbers never have a negative exponent.
    let (digits, tail) = if places < precision {
        (
            fixed(size, last.saturating_sub(places), alternate),
            String::new(),
        )
    } else {
        (digits, format!("e{exponent:+03}"))
    };
    if alternate || !digits.contains('.') {
        return digits + &tail;
    }
    let short = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{short}{tail}")
}

/// Python's `ascii()`: a repr without anything beyond ASCII.
fn ascii_repr(text: &str) -> String {
    let mut out = String::new();
    for c in py_repr(text).chars() {
        match u32::from(c) {
            0..=0x7f => out.push(c),
            n @ 0x80..=0xff => out.push_str(&format!("\\x{n:02x}")),
            n @ 0x100..=0xffff => out.push_str(&format!("\\u{n:04x}")),
            n => out.push_str(&format!("\\U{n:08x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
