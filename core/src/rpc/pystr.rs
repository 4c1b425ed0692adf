//! Values as Python's `str` shows them: faults name what was given in its words.

use crate::text::py_repr;
use crate::xmlrpc::{Value, py_float};
use alloc::{format, string::String, string::ToString as _, vec::Vec};

pub(super) fn py_str(value: &Value) -> String {
    match value {
        Value::Nil => "None".into(),
        Value::Int(number) => number.to_string(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Double(number) => py_float(*number),
        Value::Str(text) => text.clone(),
        Value::DateTime(text) => date_time(text),
        Value::Base64(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(values) => {
            let each: Vec<String> = values.iter().map(nested).collect();
            format!("[{}]", each.join(", "))
        }
        Value::Struct(members) => {
            let each = members
                .iter()
                .map(|(name, value)| format!("{}: {}", py_repr(name), nested(value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Texts within others have quotes.
fn nested(value: &Value) -> String {
    match value {
        Value::Str(_) | Value::Base64(_) => py_repr(&py_str(value)),
        Value::Nil
        | Value::Int(_)
        | Value::Bool(_)
        | Value::Double(_)
        | Value::DateTime(_)
        | Value::Array(_)
        | Value::Struct(_) => py_str(value),
    }
}

/// `20260131T23:59:59` as `2026-01-31 23:59:59`; anything else as it is.
fn date_time(text: &str) -> String {
    match (text.get(..4), text.get(4..6), text.get(6..8), text.get(9..)) {
        (Some(year), Some(month), Some(day), Some(time)) if text.get(8..9) == Some("T") => {
            format!("{year}-{month}-{day} {time}")
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let list = Value::Array(alloc::vec![
            Value::from("a"),
            Value::Nil,
            Value::Struct(alloc::vec![("k".into(), Value::Double(1.5))]),
        ]);
        assert_eq!(py_str(&list), "['a', None, {'k': 1.5}]");
        assert_eq!(py_str(&Value::from(true)), "True");
        let date = Value::DateTime("20260131T23:59:59".into());
        assert_eq!(py_str(&date), "2026-01-31 23:59:59");
        for odd in [
            "é",
            "20260131 23:59:59",
            "20260131",
            "20260131X23:59:59",
            "2026-01-31T23:59:59",
        ] {
            assert_eq!(py_str(&Value::DateTime(odd.into())), odd);
        }
    }
}
