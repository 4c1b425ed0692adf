//! What must hold for every text: the scanner gives back what was written, expansion does what the
//! names say, and key/value lists keep their values.

use proptest::prelude::*;
use std::collections::BTreeMap;
use visor_core::config::{Scope, Value, expand, key_value_pairs, scan};

/// A word of a value: no white space, and no comment sign at its beginning.
fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9%(){}\"'/.,:=é\\]\\[-][a-zA-Z0-9%(){};#\"'/.,:=é\\]\\[-]{0,8}"
}

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..4).prop_map(|words| words.join(" "))
}

/// An option's name: nothing that delimits, comments or opens a section.
fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_.-]{0,10}"
}

type Options = Vec<(String, Vec<String>)>;

fn document() -> impl Strategy<Value = Vec<(String, Options)>> {
    let option = (name(), prop::collection::vec(line(), 1..4));
    let options = prop::collection::vec(option, 0..5);
    prop::collection::vec(("[a-zA-Z:_-]{1,12}", options), 1..5)
}

/// How a document may be written without changing what it says.
#[derive(Clone, Copy, Debug)]
struct Layout {
    newline: &'static str,
    delimiter: &'static str,
    indent: &'static str,
    comment: &'static str,
}

fn layout() -> impl Strategy<Value = Layout> {
    let newline = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let delimiter = prop::sample::select(vec!["=", ":", " = ", "\t:", "= "]);
    let indent = prop::sample::select(vec![" ", "\t", "    ", "\u{a0}"]);
    let comment = prop::sample::select(vec!["", " ; comment", "\t#;", " #", "  ;a=b"]);
    (newline, delimiter, indent, comment).prop_map(|(newline, delimiter, indent, comment)| Layout {
        newline,
        delimiter,
        indent,
        comment,
    })
}

fn write(document: &[(String, Options)], layout: Layout) -> String {
    let Layout {
        newline,
        delimiter,
        indent,
        comment,
    } = layout;
    let mut text = format!("; head{newline}{newline}");
    for (section, options) in document {
        text.push_str(&format!("[{section}]{comment}{newline}"));
        for (name, lines) in options {
            text.push_str(&format!("{name}{delimiter}{}{comment}{newline}", lines[0]));
            for line in &lines[1..] {
                text.push_str(&format!(
                    "{indent}{line}{comment}{newline}{indent}# note{newline}"
                ));
            }
        }
        text.push_str(&format!("# end of the section{newline}"));
    }
    text
}

proptest! {
    #[test]
    fn what_is_written_is_read_in_every_layout(document in document(), layout in layout()) {
        let text = write(&document, layout);
        let read: Vec<(String, Vec<(String, String)>)> = scan(&text)
            .map_err(|error| TestCaseError::fail(error.text("f")))?
            .into_iter()
            .map(|section| {
                let options = section.options.into_iter();
                (section.name, options.map(|option| (option.name, option.value)).collect())
            })
            .collect();
        let wanted: Vec<(String, Vec<(String, String)>)> = document
            .iter()
            .map(|(section, options)| {
                let options = options.iter();
                let joined = options.map(|(name, lines)| (name.clone(), lines.join("\n")));
                (section.clone(), joined.collect())
            })
            .collect();
        prop_assert_eq!(read, wanted, "{:?}", text);
    }

    #[test]
    fn scanning_never_fails_to_end(text in "[\\[\\]=:;# \ta-c\r\n\u{1c}]{0,200}") {
        let lines = text.matches(['\n', '\r']).count() + 1;
        match scan(&text) {
            Ok(sections) => {
                for section in sections {
                    prop_assert!(section.options.iter().all(|option| !option.name.is_empty()));
                }
            }
            Err(error) => prop_assert!(error.line() as usize <= lines),
        }
    }

    #[test]
    fn escaped_percent_signs_come_back(text in ".{0,40}") {
        let scope = Scope { environment: &BTreeMap::new(), names: &[], own: &[] };
        let escaped = text.replace('%', "%%");
        prop_assert_eq!(expand(&escaped, &scope).unwrap().text, text);
    }

    #[test]
    fn numbers_have_their_width(
        number in -1000_i64..100_000,
        width in 0_usize..12,
        flag in prop::sample::select(vec!["", "0", "-"]),
    ) {
        let names = [("process_num", Value::Number(number))];
        let scope = Scope { environment: &BTreeMap::new(), names: &names, own: &[] };
        let width_text = if width == 0 { String::new() } else { width.to_string() };
        let format = format!("%(process_num){flag}{width_text}d");
        let text = expand(&format, &scope).unwrap().text.into_owned();
        prop_assert_eq!(text.chars().count(), width.max(number.to_string().len()));
        let digits = text.trim();
        prop_assert_eq!(digits.parse::<i64>().unwrap(), number);
    }

    #[test]
    fn names_give_their_values(values in prop::collection::btree_map("ENV_[A-Z]{1,4}", ".{0,12}", 1..5)) {
        let scope = Scope { environment: &values, names: &[], own: &[] };
        let format: String = values.keys().map(|name| format!("<%({name})s>")).collect();
        let wanted: String = values.values().map(|value| format!("<{value}>")).collect();
        prop_assert_eq!(expand(&format, &scope).unwrap().text, wanted);
    }

    #[test]
    fn any_format_is_expanded_or_refused(format in "[%()sdxeg0-9#+. *ab-]{0,30}") {
        let environment = BTreeMap::from([("a".to_owned(), "text".to_owned())]);
        let names = [("b", Value::Number(-7))];
        let scope = Scope { environment: &environment, names: &names, own: &[] };
        if let Err(error) = expand(&format, &scope) {
            prop_assert!(!error.text(&format, "s.k", &scope).is_empty());
        }
    }

    #[test]
    fn quoted_values_are_kept(
        pairs in prop::collection::btree_map("[A-Z_]{1,6}", "[^\"'\\\\]{0,20}", 0..6),
        separator in prop::sample::select(vec![",", ";", ", ", " ,\n  ", "|"]),
    ) {
        let written: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let read = key_value_pairs(&written.join(separator)).unwrap();
        let read: BTreeMap<String, String> = read.into_iter().collect();
        prop_assert_eq!(read, pairs);
    }
}
