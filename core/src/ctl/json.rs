//! `--json`: the same facts for programs that want more than columns. One document per command, on
//! one line.

use super::format::{Process, avail, number};
use crate::xmlrpc::Value;
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

/// A JSON text of a string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// An object of members that are JSON texts already.
pub(super) fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}: {value}", quoted(name)))
        .collect();
    format!("{{{}}}", members.join(", "))
}

/// An array of JSON texts.
pub(super) fn array(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// A name that stands for nothing.
pub(super) fn unknown(name: &str, error: &str) -> String {
    object(&[("name", quoted(name)), ("error", quoted(error))])
}

/// A process of `status`. Times are seconds since 1970; 0: never.
pub(super) fn process(p: &Process) -> String {
    object(&[
        ("name", quoted(&p.full_name())),
        ("group", quoted(&p.group)),
        ("process", quoted(&p.name)),
        ("state", quoted(&p.statename)),
        ("statecode", p.state.to_string()),
        ("description", quoted(&p.description)),
        ("pid", p.pid.to_string()),
        ("start", p.start.to_string()),
        ("stop", p.stop.to_string()),
        ("now", p.now.to_string()),
        ("exitstatus", p.exitstatus.to_string()),
        ("spawnerr", quoted(&p.spawnerr)),
    ])
}

/// A process of `pid`.
pub(super) fn pid(name: &str, pid: i64) -> String {
    object(&[("name", quoted(name)), ("pid", pid.to_string())])
}

/// A process of `avail`.
pub(super) fn config(config: &Value) -> String {
    let (name, in_use, autostart) = avail(config);
    object(&[
        ("name", quoted(&name)),
        ("inuse", in_use.to_string()),
        ("autostart", autostart.to_string()),
        ("group_priority", number(config, "group_prio").to_string()),
        (
            "process_priority",
            number(config, "process_prio").to_string(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(
            quoted("a\"b\\c\n\u{1}é\u{7f}"),
            "\"a\\\"b\\\\c\\n\\u0001é\\u007f\""
        );
        assert_eq!(
            array(&[unknown("x", "no such process"), pid("a", 7)]),
            "[{\"name\": \"x\", \"error\": \"no such process\"}, {\"name\": \"a\", \"pid\": 7}]"
        );
    }
}
