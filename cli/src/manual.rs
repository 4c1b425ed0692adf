//! Manual pages, made from the help that the programs print: one source, so that the two cannot
//! disagree.
//!
//! A help text is taken apart as it is laid out: paragraphs; `Usage:` lines; titles that end in a
//! colon; under them indented items, a form and, two spaces or more behind it, its meaning.

use visor_core::ctl::ACTIONS;

/// A page, ready to be written into `NAME.SECTION`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// `supervisorctl`.
    pub name: &'static str,
    /// 1 for programs of users, 8 for those of administrators.
    pub section: u8,
    /// The page in the language of `man`.
    pub text: String,
}

/// echo_supervisord_conf has no flags and prints no help of its own.
const SAMPLE: &str = "\
echo_supervisord_conf writes a sample configuration.

Usage: {program} > supervisord.conf

The sample goes to standard output. Its comments say what each setting does.
";

/// The pages of all programs.
///
/// ```
/// let pages = visor::manual::pages();
/// assert!(pages.iter().any(|page| page.name == "supervisorctl" && page.text.contains("maintail")));
/// ```
#[must_use]
pub fn pages() -> Vec<Page> {
    let mut pages = Vec::from([
        page(
            "supervisord",
            1,
            &crate::daemon::help().replace("{runtime}", "smol"),
            "",
        ),
        page(
            "supervisorctl",
            1,
            &crate::ctl::help("supervisorctl"),
            &actions(),
        ),
        page("pidproxy", 1, crate::pidproxy::help(), ""),
        page("echo_supervisord_conf", 1, SAMPLE, ""),
    ]);
    for page in &mut pages {
        let others = [
            "supervisord(1)",
            "supervisorctl(1)",
            "pidproxy(1)",
            "echo_supervisord_conf(1)",
        ];
        let others = others.iter().filter(|other| !other.starts_with(page.name));
        let others: Vec<&str> = others.copied().collect();
        page.text
            .push_str(&format!(".SH SEE ALSO\n{}\n", others.join(", ")));
    }
    pages
}

fn page(name: &'static str, section: u8, help: &str, more: &str) -> Page {
    let help = help.replace("{program}", name);
    let mut paragraphs = help.split("\n\n");
    let first = paragraphs.next().unwrap_or_default().replace('\n', " ");
    let summary = first.strip_prefix(name).unwrap_or(&first);
    let summary = summary.trim_start_matches(':').trim().trim_end_matches('.');
    let mut text = format!(
        ".TH {} {section} \"\" \"visor {}\"\n.SH NAME\n{name} \\- {}\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION"),
        escaped(summary)
    );
    let mut described = false;
    for paragraph in paragraphs {
        let mut lines = paragraph.lines();
        if paragraph.starts_with("  ") {
            text.push_str(".SH OPTIONS\n");
            text.push_str(&items(lines));
            continue;
        }
        let Some(title) = lines.next() else {
            continue;
        };
        if let Some(usage) = title.strip_prefix("Usage: ") {
            text.push_str(&format!(".SH SYNOPSIS\n.B {}\n", escaped(usage)));
        } else if let Some(title) = title
            .strip_suffix(':')
            .filter(|_| paragraph.contains("\n  "))
        {
            text.push_str(&format!(".SH {}\n", escaped(&title.to_uppercase())));
            text.push_str(&items(lines));
        } else {
            if !described {
                text.push_str(".SH DESCRIPTION\n");
                described = true;
            }
            text.push_str(&format!(
                ".PP\n{}\n",
                escaped(&paragraph.replace('\n', " "))
            ));
        }
    }
    text.push_str(more);
    Page {
        name,
        section,
        text,
    }
}

/// Indented lines: a form and its meaning, which may go on below, deeper indented.
fn items<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        let inner = line.trim_start();
        let depth = line.len() - inner.len();
        if depth > 8 {
            text.push_str(&format!("{}\n", escaped(inner)));
        } else if let Some((form, meaning)) = inner.split_once("  ") {
            text.push_str(&format!(
                ".TP\n.B {}\n{}\n",
                escaped(form),
                escaped(meaning.trim())
            ));
        } else {
            text.push_str(&format!(".TP\n.B {}\n", escaped(inner)));
        }
    }
    text
}

/// What `help ACTION` says, for every action.
fn actions() -> String {
    let mut text = String::from(".SH ACTIONS IN DETAIL\n");
    for help in ACTIONS {
        text.push_str(&format!(".SS {}\n", escaped(help.name)));
        for (form, meaning) in help.forms {
            text.push_str(&format!(
                ".TP\n.B {}\n{}\n",
                escaped(form),
                escaped(meaning)
            ));
        }
        if !help.notes.is_empty() {
            text.push_str(&format!(".PP\n{}\n", escaped(help.notes)));
        }
        for example in help.examples {
            text.push_str(&format!(
                ".PP\n.EX\nsupervisorctl {}\n.EE\n",
                escaped(example)
            ));
        }
    }
    text.push_str(
        ".SH EXIT STATUS\n\
         .TP\n.B 0\nall went well\n\
         .TP\n.B 1\nsomething failed\n\
         .TP\n.B 2\nthe command line or the configuration is wrong, or start was given no known group\n\
         .TP\n.B 3\nstatus lists something that is stopped; or the server does not serve what is needed\n\
         .TP\n.B 4\nstatus was given an unknown name; or the server refused the connection\n\
         .TP\n.B 5\nthe server speaks another version of the API\n\
         .TP\n.B 7\na process is not running or could not be started; or there is no socket\n",
    );
    text
}

/// Text as `man` shows it: no character is taken for a command.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::FLAGS;

    #[test]
    fn a_help_text_becomes_a_page() {
        let help = "x does things.\n\nUsage: {program} [options]\n\nMore about it,\nmuch more.\n\n\
                    Options:\n  -c, --conf FILE    a file\n                     to read\n      --x-y          .dot\n";
        let text = page("x", 1, help, "").text;
        assert!(text.contains(".SH NAME\nx \\- does things\n"), "{text}");
        assert!(text.contains(".SH SYNOPSIS\n.B x [options]\n"), "{text}");
        assert!(
            text.contains(".SH DESCRIPTION\n.PP\nMore about it, much more.\n"),
            "{text}"
        );
        assert!(
            text.contains(".SH OPTIONS\n.TP\n.B \\-c, \\-\\-conf FILE\na file\nto read\n"),
            "{text}"
        );
        assert!(text.contains(".B \\-\\-x\\-y\n\\&.dot\n"), "{text}");
    }

    #[test]
    fn every_flag_and_action_is_in_its_page() {
        let pages = pages();
        let of = |name| {
            pages
                .iter()
                .find(|page| page.name == name)
                .unwrap()
                .text
                .clone()
        };
        let ctl = of("supervisorctl");
        for flag in FLAGS {
            assert!(ctl.contains(&escaped(flag.long)), "{}", flag.long);
        }
        for help in ACTIONS {
            assert!(
                ctl.contains(&format!(".SS {}\n", help.name)),
                "{}",
                help.name
            );
        }
        assert!(of("supervisord").contains(".B \\-n, \\-\\-nodaemon\n"));
        assert!(of("pidproxy").contains(".SH SYNOPSIS"));
    }
}
