//! `[supervisorctl]` and `[ctlplugin:x]`: what supervisorctl takes from the file.

use super::expand::Value;
use super::reader::{Findings, Names, Reader, Source};
use super::schema::{NO_PYTHON, ctl as key, other};
use super::{Diagnostic, LoadErrors, need::Lookups};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// Settings of supervisorctl. `Debug` shows no password.
#[derive(Clone, Eq, PartialEq)]
pub struct CtlConfig {
    /// Where the daemon listens; the path of a `unix://` URL is absolute.
    pub serverurl: String,
    /// Name to give to it.
    pub username: Option<String>,
    /// Password to give to it.
    pub password: Option<String>,
    /// Prompt of the shell, without the `> `.
    pub prompt: String,
    /// Absolute path of the shell's history.
    pub history_file: Option<String>,
}

/// What supervisorctl uses when there is no file at all.
impl Default for CtlConfig {
    fn default() -> Self {
        Self {
            serverurl: "http://localhost:9001".to_owned(),
            username: None,
            password: None,
            prompt: "supervisor".to_owned(),
            history_file: None,
        }
    }
}

impl core::fmt::Debug for CtlConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CtlConfig")
            .field("serverurl", &self.serverurl)
            .field("prompt", &self.prompt)
            .field("history_file", &self.history_file)
            .finish_non_exhaustive()
    }
}

/// A configuration read for supervisorctl.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadedCtl {
    /// The settings.
    pub config: CtlConfig,
    /// What is odd about them.
    pub warnings: Vec<Diagnostic>,
}

const SECTION: &str = "supervisorctl";

pub(super) fn evaluate(
    source: Source<'_>,
    lookups: &mut Lookups,
    mut findings: Findings,
) -> Result<LoadedCtl, LoadErrors> {
    if !source.document.has_section(SECTION) {
        let text = ".ini file does not include supervisorctl section";
        return Err(LoadErrors::one(text, None));
    }
    let mut reader = Reader {
        source,
        lookups,
        findings: &mut findings,
        within: None,
    };
    let config = read(&mut reader);
    plugins(&mut reader);
    let findings = findings.into_errors()?;
    Ok(LoadedCtl {
        config,
        warnings: findings.warnings,
    })
}

fn read(reader: &mut Reader<'_, '_>) -> CtlConfig {
    let here = [("here", Value::Text(reader.source.here))];
    let here = Names::fixed(&here);
    let none = Names::default();
    let url = reader.text(SECTION, &key::SERVERURL, here);
    let url = url.unwrap_or_default().into_owned();
    let serverurl = match url.strip_prefix("unix://") {
        Some(path) => format!("unix://{}", reader.absolute(path)),
        None => url,
    };
    let prompt = reader.text(SECTION, &key::PROMPT, none);
    let username = reader.text(SECTION, &key::USERNAME, none);
    let password = reader.text(SECTION, &key::PASSWORD, none);
    let history = reader.text(SECTION, &key::HISTORY_FILE, here);
    CtlConfig {
        serverurl,
        username: username.map(Into::into),
        password: password.map(Into::into),
        prompt: prompt.unwrap_or_default().into_owned(),
        history_file: history
            .filter(|path| !path.is_empty())
            .map(|path| reader.absolute(&path)),
    }
}

/// Plug-ins are Python code: each one is an error that says so.
fn plugins(reader: &mut Reader<'_, '_>) {
    for section in reader.sections("ctlplugin:") {
        let key = &other::CTL_FACTORY;
        if reader.source.document.value(section, key.name).is_none() {
            let text = format!("section [{section}] does not specify a {}", key.name);
            reader.fail(section, "", &text);
        } else if let Some(factory) = reader.text(section, key, Names::default()) {
            let text = format!("{factory} cannot be resolved within [{section}]: {NO_PYTHON}");
            reader.fail(section, key.name, &text);
        }
    }
}
