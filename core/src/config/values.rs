//! The types of values, each with the message of what it refuses.

use super::scan::py_strip;
use super::{AutoRestart, LogTarget, Owner, need::Lookups};
use crate::{LogLevel, Signal, text::py_repr};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// Python's `int(text)`; numbers beyond 64 bits are cut to the nearest.
pub(super) fn python_int(text: &str) -> Result<i64, String> {
    parse_int(text, 10)
        .ok_or_else(|| format!("invalid literal for int() with base 10: {}", py_repr(text)))
}

/// As [`python_int`], without a message.
pub(super) fn integer(text: &str) -> Option<i64> {
    parse_int(text, 10)
}

fn parse_int(text: &str, radix: u32) -> Option<i64> {
    let text = py_strip(text);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = match (radix, digits.get(..2)) {
        // After a prefix one underscore may stand.
        (8, Some("0o" | "0O")) => {
            let rest = digits.get(2..)?;
            rest.strip_prefix('_').unwrap_or(rest)
        }
        _ => digits,
    };
    let mut number = 0_i64;
    let mut after_digit = false;
    for c in digits.chars() {
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = i64::from(c.to_digit(radix)?);
        after_digit = true;
        number = number.saturating_mul(i64::from(radix));
        number = if negative {
            number.saturating_sub(digit)
        } else {
            number.saturating_add(digit)
        };
    }
    after_digit.then_some(number)
}

/// A whole number that counts something: negative ones are as 0.
pub(super) fn count(text: &str) -> Result<u64, String> {
    Ok(u64::try_from(python_int(text)?).unwrap_or(0))
}

/// As [`count`], for numbers of files.
pub(super) fn backups(text: &str) -> Result<u32, String> {
    Ok(u32::try_from(count(text)?).unwrap_or(u32::MAX))
}

/// yes, true, on, 1 or no, false, off, 0 in any case.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    truth(text).ok_or_else(|| format!("not a valid boolean value: {}", py_repr(text)))
}

fn truth(text: &str) -> Option<bool> {
    let any = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if any(["true", "yes", "on", "1"]) {
        Some(true)
    } else if any(["false", "no", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// A number of bytes, with KB, MB or GB behind it in any case; negative ones are as 0.
///
/// ```
/// use visor_core::config::byte_size;
/// assert_eq!(byte_size("64kb"), Ok(65_536));
/// assert!(byte_size("64 apples").is_err());
/// ```
///
/// # Errors
/// It is none; the text says so in the reference's words.
pub fn byte_size(text: &str) -> Result<u64, String> {
    let units = [("kb", 1_u64 << 10), ("mb", 1 << 20), ("gb", 1 << 30)];
    let unit_at = text.len().saturating_sub(2);
    if let Some((number, unit)) = text.split_at_checked(unit_at) {
        let known = units
            .iter()
            .find(|(suffix, _)| unit.eq_ignore_ascii_case(suffix));
        if let Some((_, factor)) = known {
            return Ok(count(number)
                .or_else(|_| count(&number.to_lowercase()))?
                .saturating_mul(*factor));
        }
    }
    // The reference's message shows the value in lower case.
    count(text).or_else(|_| count(&text.to_lowercase()))
}

/// An octal number, as far as permission bits go.
pub(super) fn octal(text: &str) -> Result<u32, String> {
    let number = parse_int(text, 8)
        .ok_or_else(|| format!("{text} can not be converted to an octal type"))?;
    // The system looks at these bits alone; what it does with a negative mask is to set them all.
    Ok(u32::try_from(number & 0o7777).unwrap_or(0))
}

/// A signal's name or number. Of the real-time signals only the first and the last are known.
pub(super) fn signal(text: &str) -> Result<Signal, String> {
    let Some(number) = parse_int(text, 10) else {
        return Signal::from_name(py_strip(text))
            .ok_or_else(|| format!("value {} is not a valid signal name", py_repr(text)));
    };
    Signal::from_number(number)
        .filter(|signal| !(35..64).contains(&signal.number()))
        .ok_or_else(|| format!("value {} is not a valid signal number", py_repr(text)))
}

/// A comma list of exit codes 0 to 255; an empty one is allowed.
pub(super) fn exit_codes(text: &str) -> Result<Vec<i32>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|part| {
            let number = python_int(part).ok()?;
            u8::try_from(number).ok().map(i32::from)
        })
        .collect::<Option<Vec<i32>>>()
        .ok_or_else(|| format!("not a valid list of exit codes: {}", py_repr(text)))
}

/// `autorestart`.
pub(super) fn auto_restart(text: &str) -> Result<AutoRestart, String> {
    let lower = text.to_lowercase();
    match (truth(&lower), lower.as_str()) {
        (Some(true), _) => Ok(AutoRestart::Always),
        (Some(false), _) => Ok(AutoRestart::Never),
        (None, "unexpected") => Ok(AutoRestart::Unexpected),
        (None, _) => Err(format!("invalid 'autorestart' value {}", py_repr(&lower))),
    }
}

/// A level of the activity log.
pub(super) fn log_level(text: &str) -> Result<LogLevel, String> {
    LogLevel::from_name(text).ok_or_else(|| format!("bad logging level name {}", py_repr(text)))
}

/// A comma list; no text at all is an empty list.
pub(super) fn strings(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let parts = text.split(',');
    parts.map(|part| py_strip(part).to_owned()).collect()
}

/// A name of a process or group.
pub(super) fn name(text: &str) -> Result<String, String> {
    let stripped = py_strip(text);
    match [' ', ':', '/'].into_iter().find(|c| stripped.contains(*c)) {
        None => Ok(stripped.to_owned()),
        Some(c) => Err(format!(
            "Invalid name: {} because of character: '{c}'",
            py_repr(text)
        )),
    }
}

/// `port`, `host:port`, `*:port`; an empty host stands for all addresses.
pub(super) fn inet_address(text: &str) -> Result<(String, u16), String> {
    let Some((host, port)) = text.rsplit_once(':') else {
        return match port_number(text) {
            Ok(port) => Ok((String::new(), port)),
            // The reference leaves a space at the end.
            Err(_) => Err(format!("not a valid port number: {} ", py_repr(text))),
        };
    };
    if port.is_empty() {
        return Err("no port number specified in ''".to_owned());
    }
    let port = port_number(port)?;
    let host = if host == "*" { "" } else { host };
    Ok((host.to_lowercase(), port))
}

fn port_number(text: &str) -> Result<u16, String> {
    let number = python_int(text)?;
    if number < 1 {
        return Err(format!("{number} is below lower bound (1)"));
    }
    u16::try_from(number).map_err(|_| format!("{number} is above upper bound (65535)"))
}

/// Where a child's output goes.
pub(super) fn log_target(text: &str, lookups: &mut Lookups) -> Result<LogTarget, String> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("none") || is("off") {
        Ok(LogTarget::None)
    } else if is("auto") {
        Ok(LogTarget::Auto)
    } else if is("syslog") {
        Ok(LogTarget::Syslog)
    } else {
        lookups.path_in_directory(text).map(LogTarget::File)
    }
}

/// `user` or `user:group`.
pub(super) fn owner(text: &str, lookups: &mut Lookups) -> Option<Owner> {
    let Some((user, group)) = text.split_once(':') else {
        let uid = lookups.user(text).ok()?.uid;
        return Some(Owner { uid, gid: None });
    };
    let uid = lookups.user(user).ok()?.uid;
    let gid = lookups.group(group)?;
    Some(Owner {
        uid,
        gid: Some(gid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn integers_are_pythons() {
        for (text, wanted) in [(" 5 ", 5), ("1_0", 10), ("+5", 5), ("-0_5", -5), ("05", 5)] {
            assert_eq!(python_int(text), Ok(wanted), "{text}");
        }
        for text in [
            "", "abc", "1.5", "0x1", "--1", "1__0", "_1", "1_", "+", "- 1",
        ] {
            assert!(python_int(text).is_err(), "{text}");
        }
        assert_eq!(python_int("9".repeat(30).as_str()), Ok(i64::MAX));
        assert_eq!(python_int("-99999999999999999999"), Ok(i64::MIN));
    }

    #[test]
    fn octal_numbers_are_pythons() {
        assert_eq!(octal("022"), Ok(0o22));
        assert_eq!(octal("0o22"), Ok(0o22));
        assert_eq!(octal("1_0"), Ok(8));
        assert_eq!(octal("0o_7"), Ok(7));
        assert!(octal("89").is_err());
        assert!(octal("0x1").is_err());
        assert!(octal("").is_err());
    }

    #[test]
    fn sizes_have_units_in_any_case() {
        assert_eq!(byte_size("12 KB"), Ok(12288));
        assert_eq!(byte_size("5GB"), Ok(5 << 30));
        assert_eq!(byte_size("-1"), Ok(0));
        let wanted = "invalid literal for int() with base 10: '5tb'";
        assert_eq!(byte_size("5TB").unwrap_err(), wanted);
        let wanted = "invalid literal for int() with base 10: '1.5'";
        assert_eq!(byte_size("1.5MB").unwrap_err(), wanted);
    }

    #[test]
    fn signals_are_those_that_python_knows() {
        assert_eq!(signal(" hup "), Ok(Signal::HUP));
        assert_eq!(signal("0").unwrap().number(), 0);
        assert_eq!(signal("64").unwrap().number(), 64);
        for text in ["35", "32", "-1", "999"] {
            let wanted = format!("value '{text}' is not a valid signal number");
            assert_eq!(signal(text).unwrap_err(), wanted);
        }
        assert_eq!(
            signal("x").unwrap_err(),
            "value 'x' is not a valid signal name"
        );
    }

    #[test]
    fn exit_codes_fit_a_byte() {
        assert_eq!(exit_codes("0, 2"), Ok(vec![0, 2]));
        assert_eq!(exit_codes(""), Ok(vec![]));
        for text in ["256", "-1", "1,,2", " ", "0,"] {
            assert!(exit_codes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_may_lack_a_host() {
        assert_eq!(inet_address("9001"), Ok((String::new(), 9001)));
        assert_eq!(inet_address("*:1"), Ok((String::new(), 1)));
        assert_eq!(inet_address("HOST:80"), Ok(("host".into(), 80)));
        assert_eq!(
            inet_address("x").unwrap_err(),
            "not a valid port number: 'x' "
        );
        assert_eq!(
            inet_address("h:0").unwrap_err(),
            "0 is below lower bound (1)"
        );
        assert_eq!(
            inet_address("h:").unwrap_err(),
            "no port number specified in ''"
        );
    }

    #[test]
    fn names_lose_their_outer_spaces_first() {
        assert_eq!(name(" a "), Ok("a".into()));
        assert_eq!(
            name(" a b").unwrap_err(),
            "Invalid name: ' a b' because of character: ' '"
        );
    }
}
