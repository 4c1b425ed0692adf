//! Numbers as Python reads them.

use alloc::string::String;

/// Python's `int()`: white space around, a sign, single underscores between digits. What does not
/// fit becomes the nearest that does, as Python has no limit and clients may rely on that.
pub(crate) fn py_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = bare_digits(text.strip_prefix(['+', '-']).unwrap_or(text))?;
    if !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let negative = text.starts_with('-');
    let mut number: i64 = 0;
    for digit in digits.bytes().map(|c| i64::from(c - b'0')) {
        number = number.saturating_mul(10);
        number = if negative {
            number.saturating_sub(digit)
        } else {
            number.saturating_add(digit)
        };
    }
    Some(number)
}

/// Python's `float()`.
pub(crate) fn py_float(text: &str) -> Option<f64> {
    bare_digits(text.trim())?.parse().ok()
}

fn bare_digits(text: &str) -> Option<String> {
    let misplaced = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!text.is_empty() && !misplaced).then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_as_in_python() {
        assert_eq!(py_int(" 5\n"), Some(5));
        assert_eq!(py_int("+5"), Some(5));
        assert_eq!(py_int("-1_0"), Some(-10));
        for bad in ["", "-", "5.0", "_1", "1_", "1__0", "--1", "x", "+-1"] {
            assert_eq!(py_int(bad), None, "{bad}");
        }
        assert_eq!(py_int("99999999999999999999"), Some(i64::MAX));
        assert_eq!(py_int("-99999999999999999999"), Some(i64::MIN));
        assert_eq!(py_int("-9223372036854775808"), Some(i64::MIN));
    }
}
