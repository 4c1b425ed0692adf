//! Reading one option after the other: look it up, expand it, convert it, and note what is wrong.

use super::error::{Diagnostic, LoadErrors, Place};
use super::expand::{Scope, Value, expand};
use super::load::LoadOptions;
use super::need::Lookups;
use super::schema::Key;
use super::store::Document;
use crate::{LogLevel, text::py_repr};
use alloc::{
    borrow::{Cow, ToOwned},
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

/// What the files say and what may be used to understand it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) document: &'a Document,
    pub(super) options: &'a LoadOptions,
    /// `ENV_…`.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// Directory of the main file.
    pub(super) here: &'a str,
}

/// Everything found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    /// What the activity log shows of the warnings.
    warning_lines: Vec<String>,
    warned: BTreeSet<(String, Option<Place>)>,
    pub(super) infos: Vec<String>,
}

impl Findings {
    pub(super) fn error(&mut self, text: impl Into<String>, place: Option<Place>) {
        let text = text.into();
        self.errors.push(Diagnostic { text, place });
    }

    /// A warning of our own; its line in the activity log names the place.
    pub(super) fn warn(&mut self, text: impl Into<String>, place: Option<Place>) {
        let text = text.into();
        let warning = Diagnostic { text, place };
        let line = warning.to_string();
        self.push_warning(warning, line);
    }

    /// A warning that the reference gives too; its line in the activity log is the reference's.
    pub(super) fn warn_known(&mut self, text: String, place: Option<Place>) {
        let line = text.clone();
        self.push_warning(Diagnostic { text, place }, line);
    }

    /// A program that belongs to two groups is read twice, but warned of once.
    fn push_warning(&mut self, warning: Diagnostic, line: String) {
        let key = (warning.text.clone(), warning.place.clone());
        if self.warned.insert(key) {
            self.warnings.push(warning);
            self.warning_lines.push(line);
        }
    }

    /// What goes to the activity log: warnings, then what is worth knowing, as the reference
    /// orders them.
    pub(super) fn messages(&self) -> Vec<(LogLevel, String)> {
        let line = |level: LogLevel| move |text: &String| (level, text.clone());
        let warnings = self.warning_lines.iter().map(line(LogLevel::Warn));
        let infos = self.infos.iter().map(line(LogLevel::Info));
        warnings.chain(infos).collect()
    }

    /// These findings, unless there are errors among them.
    pub(super) fn into_errors(mut self) -> Result<Self, LoadErrors> {
        if self.errors.is_empty() {
            return Ok(self);
        }
        let errors = core::mem::take(&mut self.errors);
        match LoadErrors::from_list(errors, core::mem::take(&mut self.warnings)) {
            Some(errors) => Err(errors),
            None => Ok(self),
        }
    }
}

/// The names an option's value may use, besides the environment.
#[derive(Clone, Copy, Default)]
pub(super) struct Names<'n> {
    pub(super) fixed: &'n [(&'static str, Value<'n>)],
    /// The program's own environment.
    pub(super) own: &'n [(String, String)],
}

impl<'n> Names<'n> {
    pub(super) fn fixed(fixed: &'n [(&'static str, Value<'n>)]) -> Self {
        Self { fixed, own: &[] }
    }
}

/// Reads options. A problem is noted and the caller goes on with a default, so that all problems
/// of a file can be shown at once; the order of reading is the reference's, because the first
/// problem is the one that it would report.
pub(super) struct Reader<'a, 'w> {
    pub(super) source: Source<'a>,
    pub(super) lookups: &'w mut Lookups,
    pub(super) findings: &'w mut Findings,
    /// The program's section that errors name at their end: ` in section 'program:x' (file: 'F')`.
    pub(super) within: Option<String>,
}

/// What a message calls an option.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Label {
    /// `program:x.command`.
    Whole,
    /// `environment`.
    Key,
}

impl<'a> Reader<'a, '_> {
    /// Notes an error of the option `key`; an empty `key` stands for the section.
    pub(super) fn fail(&mut self, section: &str, key: &str, text: &str) {
        let place = self.source.document.place(section, key);
        let text = match &self.within {
            None => text.to_owned(),
            Some(program) => {
                let file = self.source.document.section_place(program);
                let file = file.map_or_else(String::new, |place| place.file);
                let (program, file) = (py_repr(program), py_repr(&file));
                format!("{text} in section {program} (file: {file})")
            }
        };
        self.findings.error(text, place);
    }

    /// An option's value before expansion, or its default.
    pub(super) fn raw(&self, section: &str, key: &Key) -> Option<&'a str> {
        let given = self.source.document.value(section, key.name);
        given.or(key.default)
    }

    /// Expands `text`, the value of the option, in the way `label` says named in messages.
    pub(super) fn expand<'t>(
        &mut self,
        section: &str,
        key: &str,
        label: Label,
        text: &'t str,
        names: Names<'_>,
    ) -> Option<Cow<'t, str>> {
        if !text.contains('%') {
            return Some(Cow::Borrowed(text));
        }
        let scope = Scope {
            environment: self.source.environment,
            names: names.fixed,
            own: names.own,
        };
        match expand(text, &scope) {
            Ok(expanded) => {
                if expanded.bare_conversion {
                    let place = self.source.document.place(section, key);
                    let warning = format!(
                        "{key}= in [{section}] has a percent sign without a name, which is kept as it is; write %% for a percent sign"
                    );
                    self.findings.warn(warning, place);
                }
                Some(expanded.text)
            }
            Err(error) => {
                let label = match label {
                    Label::Whole => format!("{section}.{key}"),
                    Label::Key => key.to_owned(),
                };
                self.fail(section, key, &error.text(text, &label, &scope));
                None
            }
        }
    }

    /// As [`expand`](Self::expand), for values that the reference expands twice. Where the second
    /// time fails, the value had a doubled percent sign, and the first result is meant.
    pub(super) fn expand_again(&self, text: Cow<'a, str>, names: Names<'_>) -> String {
        let scope = Scope {
            environment: self.source.environment,
            names: names.fixed,
            own: names.own,
        };
        let again = match expand(&text, &scope) {
            Ok(expanded) => Some(expanded.text.into_owned()),
            Err(_) => None,
        };
        again.unwrap_or_else(|| text.into_owned())
    }

    /// An option's expanded value; `None` if it is not set or (which is noted) cannot be expanded.
    pub(super) fn text(
        &mut self,
        section: &str,
        key: &Key,
        names: Names<'_>,
    ) -> Option<Cow<'a, str>> {
        let raw = self.raw(section, key)?;
        if !raw.contains('%') {
            return Some(Cow::Borrowed(raw));
        }
        self.expand(section, key.name, Label::Whole, raw, names)
    }

    /// An option's converted value; `None` if it is not set or (which is noted) is wrong.
    pub(super) fn get<T>(
        &mut self,
        section: &str,
        key: &Key,
        names: Names<'_>,
        convert: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(section, key, names)?;
        self.noted(section, key, convert(&text))
    }

    /// As [`get`](Self::get), for conversions that ask the world.
    pub(super) fn get_with<T>(
        &mut self,
        section: &str,
        key: &Key,
        names: Names<'_>,
        convert: impl FnOnce(&mut Lookups, &str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(section, key, names)?;
        let result = convert(self.lookups, &text);
        self.noted(section, key, result)
    }

    fn noted<T>(&mut self, section: &str, key: &Key, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(text) => {
                self.fail(section, key.name, &text);
                None
            }
        }
    }

    /// An absolute path: `~` expanded, relative to the current directory.
    pub(super) fn absolute(&mut self, path: &str) -> String {
        let path = self.lookups.expand_home(path);
        super::path::absolute(&self.source.options.current_dir, &path)
    }

    /// All sections that begin with `prefix`.
    pub(super) fn sections(&self, prefix: &'static str) -> Vec<&'a str> {
        let all = self.source.document.sections();
        all.filter(|name| name.starts_with(prefix)).collect()
    }
}

/// What stands behind the first colon of a section's name.
pub(super) fn name_part(section: &str) -> String {
    let part = section.split_once(':').map_or("", |(_, name)| name);
    part.to_owned()
}
