//! Where we deliberately do otherwise, and the comparison that knows of it.

use super::scenario::home;
use super::shapes::fits;
use std::fs;

/// The rules of `tests/compat/differences.txt`.
#[derive(Debug, Default)]
pub(super) struct Differences {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    scenario: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// `- PATTERN`: lines that only the reference has.
    Theirs(String),
    /// `+ PATTERN`: lines that only we have.
    Ours(String),
    /// `answer PATTERN`: a step whose answer differs.
    Answer {
        step: String,
        /// `recorded TEXT`: only where this is what the reference answered.
        recorded: Option<String>,
        /// `contains TEXT`: what our answer must have in it.
        contains: Vec<String>,
    },
    /// `section PATTERN`: a part of the recording that is not compared.
    Section(String),
    /// `member NAME`: a member of structs that only ours have.
    Member(String),
}

impl Differences {
    /// Reads the rules.
    pub(super) fn read() -> Result<Self, String> {
        let path = home().join("differences.txt");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let (mut scenario, mut row) = (String::new(), false);
        let mut rules: Vec<Rule> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest = rest.trim().to_owned();
            let last = rules.last_mut().map(|rule| &mut rule.kind);
            let kind = match (word, last) {
                ("==", _) => {
                    (scenario, row) = (rest, false);
                    continue;
                }
                ("row", _) => {
                    row = true;
                    continue;
                }
                _ if !row => {
                    return Err(format!("differences.txt: no row of the table for {line}"));
                }
                ("recorded", Some(Kind::Answer { recorded, .. })) => {
                    *recorded = Some(rest);
                    continue;
                }
                ("contains", Some(Kind::Answer { contains, .. })) => {
                    contains.push(rest);
                    continue;
                }
                ("-", _) => Kind::Theirs(rest),
                ("+", _) => Kind::Ours(rest),
                ("section", _) => Kind::Section(rest),
                ("member", _) => Kind::Member(rest),
                ("answer", _) => Kind::Answer {
                    step: rest,
                    recorded: None,
                    contains: Vec::new(),
                },
                _ => return Err(format!("differences.txt: {line}")),
            };
            let scenario = scenario.clone();
            rules.push(Rule { scenario, kind });
        }
        Ok(Self { rules })
    }

    /// What is different between a recording and ours, as a text to read; `""` if nothing is.
    pub(super) fn between(&self, scenario: &str, recorded: &str, ours: &str) -> String {
        let rules = self
            .rules
            .iter()
            .filter(|rule| fits(&rule.scenario, scenario));
        let rules: Vec<&Kind> = rules.map(|rule| &rule.kind).collect();
        let theirs = filtered(parts(recorded), &rules, false);
        let ours = filtered(parts(ours), &rules, true);
        let mut report = String::new();
        let mut after = 0;
        for (title, body) in &theirs {
            let same = ours
                .iter()
                .skip(after)
                .position(|(other, _)| other == title);
            let Some(at) = same.map(|at| at + after) else {
                report.push_str(&format!(
                    "{title}\n  - all of it: {}\n",
                    body.join("\n    ")
                ));
                continue;
            };
            if title.starts_with("> ") {
                after = at + 1;
            }
            let other = ours.get(at).map_or(&[][..], |(_, body)| body);
            if body != other && !excused(&rules, title, body, other) {
                report.push_str(&format!("{title}\n{}", lines_apart(body, other)));
            }
        }
        for (title, body) in &ours {
            if !theirs.iter().any(|(other, _)| other == title) {
                report.push_str(&format!(
                    "{title}\n  + all of it: {}\n",
                    body.join("\n    ")
                ));
            }
        }
        report
    }
}

type Part = (String, Vec<String>);

/// A recording by its parts: each starts with a line `> STEP` or `-- NAME`.
fn parts(recording: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in recording.lines() {
        if line.starts_with("> ") || line.starts_with("-- ") {
            parts.push((line.to_owned(), Vec::new()));
        } else if let Some((_, body)) = parts.last_mut() {
            body.push(line.to_owned());
        }
    }
    parts
}

fn filtered(mut parts: Vec<Part>, rules: &[&Kind], ours: bool) -> Vec<Part> {
    let drops = |line: &str| {
        rules.iter().any(|rule| match rule {
            Kind::Ours(pattern) => ours && fits(pattern, line),
            Kind::Theirs(pattern) => !ours && fits(pattern, line),
            Kind::Answer { .. } | Kind::Section(_) | Kind::Member(_) => false,
        })
    };
    let skipped = |title: &str| {
        rules.iter().any(|rule| match rule {
            Kind::Section(pattern) => fits(pattern, title),
            Kind::Ours(_) | Kind::Theirs(_) | Kind::Answer { .. } | Kind::Member(_) => false,
        })
    };
    for (_, body) in &mut parts {
        body.retain(|line| !drops(line));
        for rule in rules {
            if let (Kind::Member(name), true) = (rule, ours) {
                without_member(body, name);
            }
        }
    }
    parts.retain(|(title, body)| {
        let empty_log = body.is_empty() && title.starts_with("-- log");
        !skipped(title) && !empty_log
    });
    parts
}

fn excused(rules: &[&Kind], title: &str, recorded: &[String], ours: &[String]) -> bool {
    let Some(asked) = title.strip_prefix("> ") else {
        return false;
    };
    let (recorded, ours) = (recorded.join("\n"), ours.join("\n"));
    rules.iter().any(|rule| match rule {
        Kind::Answer {
            step,
            recorded: only,
            contains,
        } => {
            fits(step, asked)
                && only.as_ref().is_none_or(|only| fits(only, &recorded))
                && contains.iter().all(|text| ours.contains(text.as_str()))
        }
        Kind::Ours(_) | Kind::Theirs(_) | Kind::Section(_) | Kind::Member(_) => false,
    })
}

/// Takes a member, whose value is on one line, out of all structs in an answer's text.
fn without_member(body: &mut Vec<String>, name: &str) {
    let name = format!("<name>{name}</name>");
    while let Some(at) = body.iter().position(|line| *line == name) {
        let end = (at + 3).min(body.len());
        body.drain(at.saturating_sub(1)..end);
    }
}

/// The lines that differ, each with its sign, by the longest common subsequence.
fn lines_apart(recorded: &[String], ours: &[String]) -> String {
    let width = ours.len() + 1;
    let mut common = vec![0_u32; (recorded.len() + 1) * width];
    let at = |row: usize, column: usize| row * width + column;
    for (row, theirs) in recorded.iter().enumerate().rev() {
        for (column, line) in ours.iter().enumerate().rev() {
            common[at(row, column)] = if theirs == line {
                common[at(row + 1, column + 1)] + 1
            } else {
                common[at(row + 1, column)].max(common[at(row, column + 1)])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut shown = String::new();
    while row < recorded.len() || column < ours.len() {
        let (theirs, line) = (recorded.get(row), ours.get(column));
        if theirs == line {
            (row, column) = (row + 1, column + 1);
            continue;
        }
        let down = |row: usize| common[at(row + 1, column)] >= common[at(row, column + 1)];
        if let Some(theirs) = theirs.filter(|_| line.is_none() || down(row)) {
            shown.push_str(&format!("  - {theirs}\n"));
            row += 1;
        } else {
            shown.push_str(&format!("  + {}\n", line.map_or("", String::as_str)));
            column += 1;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_recordings_have_no_difference() {
        let text = "> rpc x\n1\n-- exit\n0\n-- log a\nINFO a\n";
        assert_eq!(Differences::default().between("s", text, text), "");
    }

    #[test]
    fn lines_steps_and_files_that_differ_are_shown() {
        let report = Differences::default().between(
            "s",
            "> rpc x\n1\n-- log a\nINFO a\nINFO b\n-- file f\nx\n",
            "> rpc x\n2\n-- log a\nINFO b\n-- file g\nx\n",
        );
        let shown = "> rpc x\n  - 1\n  + 2\n-- log a\n  - INFO a\n-- file f\n  - all of it: x\n\
                     -- file g\n  + all of it: x\n";
        assert_eq!(report, shown);
    }

    #[test]
    fn rules_excuse_only_what_they_name() {
        let rule = |kind| Rule {
            scenario: "rpc/*".to_owned(),
            kind,
        };
        let rules = Differences {
            rules: vec![
                rule(Kind::Ours("WARN *".to_owned())),
                rule(Kind::Answer {
                    step: "call *".to_owned(),
                    recorded: Some("HTTP 500".to_owned()),
                    contains: vec!["FAULT".to_owned()],
                }),
            ],
        };
        let theirs = "> call x\nHTTP 500\n-- log a\nINFO a\n";
        let ours = "> call x\nHTTP 200\nFAULT\n-- log a\nWARN new\nINFO a\n";
        assert_eq!(rules.between("rpc/x", theirs, ours), "");
        assert!(!rules.between("events/x", theirs, ours).is_empty());
        let other = "> call x\nHTTP 200\nfine\n-- log a\nINFO a\n";
        assert!(!rules.between("rpc/x", theirs, other).is_empty());
    }
}
