//! Warnings: what is allowed, but hardly meant.

use super::reader::Findings;
use super::scan::ScannedSection;
use super::schema::{Kind, SECTIONS, Section, section};
use super::store::{CutValue, Document};
use alloc::{format, string::String, vec::Vec};

/// Options whose value is free text, so that a comment sign may well belong to it.
const FREE_TEXT: [&str; 7] = [
    "command",
    "environment",
    "password",
    "username",
    "prompt",
    "files",
    "process_name",
];

/// Notes everything odd about the document.
pub(super) fn lint(document: &Document, findings: &mut Findings) {
    for name in document.sections() {
        match section(name) {
            Some(known) => options(document, name, known, findings),
            None => {
                let hint = nearest_section(name);
                let text = format!("[{name}] is not a known section and is ignored{hint}");
                findings.warn(text, document.section_place(name));
            }
        }
    }
    for cut in document.cuts() {
        if suspicious(&cut) {
            let CutValue {
                place,
                section,
                key,
                cut,
            } = cut;
            let text = format!(
                "{key}= in [{section}] is cut to \"{}\", because \"{}\" is a comment; put no space before a ; or # that is meant",
                cut.kept, cut.cut
            );
            findings.warn(text, Some(place));
        }
    }
}

/// A comment behind a value is common and fine. It is odd where a quote is left open, or where
/// free text is followed by one space alone.
fn suspicious(cut: &CutValue<'_>) -> bool {
    let open = |quote: char| cut.cut.kept.matches(quote).count() % 2 == 1;
    let quoted = open('"') || (open('\'') && cut.cut.cut.contains('\''));
    quoted || (cut.cut.space_count == 1 && FREE_TEXT.contains(&cut.key))
}

fn options(document: &Document, name: &str, known: &'static Section, findings: &mut Findings) {
    for key in document.own_keys(name) {
        let place = || document.place(name, key);
        let value = document.value(name, key).unwrap_or("");
        if let Some(found) = known.key(key) {
            if quoted(value) && !matches!(found.kind, Kind::Pairs) && key != "command" {
                let text = format!(
                    "the quotes of {key}={value} in [{name}] are part of the value; they are probably not meant"
                );
                findings.warn(text, place());
            }
        } else if key.starts_with('[') {
            let text = format!(
                "'{key}' in [{name}] is read as an option; the header of a section ends with ]"
            );
            findings.warn(text, place());
        } else if !known.open {
            let names: Vec<&str> = known.keys.iter().map(|key| key.name).collect();
            let hint = nearest(key, &names, "", "=");
            let text = format!("'{key}' is not an option of [{name}] and is ignored{hint}");
            findings.warn(text, place());
        }
    }
}

fn quoted(value: &str) -> bool {
    value.len() > 1
        && ['"', '\'']
            .iter()
            .any(|quote| value.starts_with(*quote) && value.ends_with(*quote))
}

fn nearest_section(name: &str) -> String {
    let (base, rest) = match name.split_once(':') {
        Some((base, rest)) => (base, Some(rest)),
        None => (name, None),
    };
    let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    let end = rest.map_or_else(|| "]".into(), |rest| format!(":{rest}]"));
    if names.contains(&base) {
        // The name is right, the part behind the colon is missing or too much.
        let form = if rest.is_some() {
            format!("[{base}]")
        } else {
            format!("[{base}:name]")
        };
        return format!("; did you mean {form}?");
    }
    nearest(base.trim(), &names, "[", &end)
}

/// A suggestion: the known name that differs least, if it is near enough.
fn nearest(name: &str, known: &[&str], before: &str, after: &str) -> String {
    let lower = name.to_lowercase();
    let limit = (lower.chars().count() / 3).max(1);
    let distances = known
        .iter()
        .map(|known| (distance(&lower, &known.to_lowercase()), known));
    match distances.min() {
        Some((distance, known)) if distance <= limit => {
            format!("; did you mean {before}{known}{after}?")
        }
        Some(_) | None => String::new(),
    }
}

/// How many characters must be added, removed, replaced or swapped with their neighbour.
/// Only names of usual length are compared; `known` bounds the work.
fn distance(name: &str, known: &str) -> usize {
    if name.len() > 64 {
        return usize::MAX;
    }
    let name: Vec<char> = name.chars().collect();
    let known: Vec<char> = known.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=known.len()).collect();
    for (i, a) in name.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(i.saturating_add(1));
        for (j, b) in known.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX);
            let next = j.saturating_add(1);
            let mut best = at(&last, next).min(at(&row, j)).saturating_add(1);
            best = best.min(at(&last, j).saturating_add(usize::from(a != b)));
            // Nothing is before the first.
            let swapped =
                name.get(i.wrapping_sub(1)) == Some(b) && known.get(j.wrapping_sub(1)) == Some(a);
            if swapped {
                best = best.min(at(&before_last, j.saturating_sub(1)).saturating_add(1));
            }
            row.push(best);
        }
        before_last = core::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

/// Whether a file sets a password that is not a hash.
pub(super) fn has_password(sections: &[ScannedSection]) -> bool {
    let mut options = sections.iter().flat_map(|section| &section.options);
    options.any(|option| {
        let expanded = option.value.contains("%(ENV_") || option.value.starts_with("{SHA}");
        option.name == "password" && !option.value.is_empty() && !expanded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_get_a_suggestion() {
        let keys = ["command", "autostart", "autorestart", "stdout_logfile"];
        assert_eq!(
            nearest("comand", &keys, "", "="),
            "; did you mean command=?"
        );
        assert_eq!(
            nearest("autosatrt", &keys, "", "="),
            "; did you mean autostart=?"
        );
        assert_eq!(
            nearest("std_logfile", &keys, "", "="),
            "; did you mean stdout_logfile=?"
        );
        assert_eq!(nearest("colour", &keys, "", "="), "");
        assert_eq!(nearest_section("programm:x"), "; did you mean [program:x]?");
        assert_eq!(nearest_section("program"), "; did you mean [program:name]?");
        assert_eq!(
            nearest_section("Supervisord"),
            "; did you mean [supervisord]?"
        );
        assert_eq!(
            nearest_section("supervisord:x"),
            "; did you mean [supervisord]?"
        );
    }

    #[test]
    fn distances_count_single_mistakes() {
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ab", "b"), 1);
        assert_eq!(distance("ab", "ba"), 1);
        // Only one of the two is where the other was.
        assert_eq!(distance("xa", "ay"), 2);
        assert_eq!(distance("ax", "ya"), 2);
    }

    #[test]
    fn names_of_unusual_length_are_not_compared() {
        let of = |length: usize| distance(&"a".repeat(length), "a");
        assert_eq!((of(63), of(64)), (62, 63));
        assert_eq!((of(65), of(66)), (usize::MAX, usize::MAX));
    }
}
