//! `supervisord --check` says what is wrong or doubtful about a configuration, `--print-config`
//! what it means.

use crate::daemon::Format;
use std::io::{self, Write};
use visor_core::config::{Diagnostic, LoadOptions, Secrets, settings_json, settings_text};
use visor_std::sys::needs;

/// Exit status for a configuration that cannot be used.
const UNUSABLE: i32 = 2;

/// Checks a configuration, writes what was found to standard output, and returns the exit status:
/// 0 if a daemon could start with it, whatever the warnings.
#[must_use]
pub fn check(load: LoadOptions, format: Format) -> i32 {
    let path = load.path.clone();
    let (errors, warnings) = match needs::load(load) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(errors) => (errors.all().cloned().collect(), errors.warnings().to_vec()),
    };
    let text = match format {
        Format::Text => in_words(&path, &errors, &warnings),
        Format::Json => in_json(&path, &errors, &warnings),
    };
    // Who closes standard output is content with the exit status.
    let _ = io::stdout().write_all(text.as_bytes());
    if errors.is_empty() { 0 } else { UNUSABLE }
}

/// Writes what a configuration means to standard output: every setting with every default filled
/// in, secrets masked. Returns the exit status.
///
/// # Errors
/// The configuration cannot be used: the first error's text.
pub fn print_config(load: LoadOptions, format: Format) -> Result<i32, String> {
    let loaded = needs::load(load).map_err(|errors| errors.to_string())?;
    let text = match format {
        Format::Text => settings_text(&loaded.config, Secrets::Masked),
        Format::Json => settings_json(&loaded.config, Secrets::Masked).pretty(),
    };
    let _ = io::stdout().write_all(text.trim_end().as_bytes());
    let _ = io::stdout().write_all(b"\n");
    Ok(0)
}

fn in_words(path: &str, errors: &[Diagnostic], warnings: &[Diagnostic]) -> String {
    let mut text = String::new();
    for (kind, found) in [("error", errors), ("warning", warnings)] {
        for diagnostic in found {
            text.push_str(&format!("{kind}: {diagnostic}\n"));
        }
    }
    let verdict = match (errors.len(), warnings.len()) {
        (0, 0) => "fine".to_owned(),
        (0, count) => format!("usable, {count} warning{}", plural(count)),
        (count, _) => format!("unusable, {count} error{}", plural(count)),
    };
    text + &format!("{path}: {verdict}\n")
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn in_json(path: &str, errors: &[Diagnostic], warnings: &[Diagnostic]) -> String {
    let list = |found: &[Diagnostic]| -> Vec<serde_json::Value> {
        let one = |diagnostic: &Diagnostic| {
            let place = diagnostic.place.as_ref();
            serde_json::json!({
                "text": diagnostic.text,
                "file": place.map(|place| &place.file),
                "line": place.map(|place| place.line).filter(|line| *line > 0),
            })
        };
        found.iter().map(one).collect()
    };
    let value = serde_json::json!({
        "path": path,
        "usable": errors.is_empty(),
        "errors": list(errors),
        "warnings": list(warnings),
    });
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use visor_core::config::Place;

    fn found(text: &str, line: u32) -> Vec<Diagnostic> {
        let place = Place {
            file: "f.conf".to_owned(),
            line,
        };
        vec![Diagnostic {
            text: text.to_owned(),
            place: Some(place),
        }]
    }

    #[test]
    fn words_end_with_a_verdict() {
        assert_eq!(in_words("f.conf", &[], &[]), "f.conf: fine\n");
        let warned = in_words("f.conf", &[], &found("odd", 3));
        assert_eq!(
            warned,
            "warning: odd (f.conf, line 3)\nf.conf: usable, 1 warning\n"
        );
        let bad = in_words("f.conf", &found("bad", 0), &[]);
        assert_eq!(bad, "error: bad (f.conf)\nf.conf: unusable, 1 error\n");
    }

    #[test]
    fn json_names_file_and_line() {
        let json = in_json("f.conf", &found("bad", 3), &found("odd", 0));
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["usable"], false);
        assert_eq!(value["errors"][0]["line"], 3);
        assert_eq!(value["warnings"][0]["line"], serde_json::Value::Null);
        assert_eq!(value["warnings"][0]["file"], "f.conf");
    }
}
