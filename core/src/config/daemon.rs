//! `[supervisord]`, and the command-line flags that win over it.

use super::expand::Value;
use super::need::Lookups;
use super::reader::{Names, Reader};
use super::schema::daemon as key;
use super::{LogTarget, SupervisordConfig, path, values};
use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec::Vec};

/// A command-line flag of supervisord that sets an option of `[supervisord]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flag {
    /// The option it sets: `logfile_maxbytes`.
    pub key: String,
    /// The flag as it was written: `-y` or `--logfile_maxbytes`.
    pub shown: String,
    /// Its argument; not used for flags without one (`nodaemon`, `silent`, `nocleanup`,
    /// `strip_ansi`).
    pub value: String,
}

/// `[supervisord]` before the user has been looked up.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) config: SupervisordConfig,
    /// The user's name or number.
    user: Option<String>,
    logfile: String,
}

const SECTION: &str = "supervisord";

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Draft {
    let fixed = [("here", Value::Text(reader.source.here))];
    let names = Names::fixed(&fixed);
    let mut draft = Draft::default();
    let config = &mut draft.config;
    let minfds = reader.get(SECTION, &key::MINFDS, names, values::count);
    config.minfds = minfds.unwrap_or_default();
    let minprocs = reader.get(SECTION, &key::MINPROCS, names, values::count);
    config.minprocs = minprocs.unwrap_or_default();
    config.directory =
        reader.get_with(SECTION, &key::DIRECTORY, names, Lookups::existing_directory);
    draft.user = reader.get(SECTION, &key::USER, names, |text| Ok(text.to_owned()));
    let umask = reader.get(SECTION, &key::UMASK, names, values::octal);
    let given = reader.source.document.value(SECTION, key::UMASK.name);
    config.umask = umask.filter(|_| given.is_some());
    let logfile = reader.get_with(SECTION, &key::LOGFILE, names, Lookups::path_in_directory);
    draft.logfile = logfile.unwrap_or_default();
    let maxbytes = reader.get(SECTION, &key::LOGFILE_MAXBYTES, names, values::byte_size);
    config.logfile_maxbytes = maxbytes.unwrap_or_default();
    let backups = reader.get(SECTION, &key::LOGFILE_BACKUPS, names, values::backups);
    config.logfile_backups = backups.unwrap_or_default();
    let level = reader.get(SECTION, &key::LOGLEVEL, names, values::log_level);
    config.loglevel = level.unwrap_or_default();
    let pidfile = reader.get_with(SECTION, &key::PIDFILE, names, Lookups::path_in_directory);
    config.pidfile = pidfile.unwrap_or_default();
    let identifier = reader.text(SECTION, &key::IDENTIFIER, names);
    config.identifier = identifier.unwrap_or_default().into_owned();
    let mut flag = |key| reader.get(SECTION, key, names, values::boolean) == Some(true);
    config.nodaemon = flag(&key::NODAEMON);
    config.silent = flag(&key::SILENT);
    config.childlogdir = childlogdir(reader, names);
    let mut flag = |key| reader.get(SECTION, key, names, values::boolean) == Some(true);
    config.nocleanup = flag(&key::NOCLEANUP);
    config.strip_ansi = flag(&key::STRIP_ANSI);
    draft.config.environment = environment(reader, names);
    draft
}

fn childlogdir(reader: &mut Reader<'_, '_>, names: Names<'_>) -> String {
    let given = reader.get_with(
        SECTION,
        &key::CHILDLOGDIR,
        names,
        Lookups::existing_directory,
    );
    given.unwrap_or_else(|| reader.source.options.temp_dir.clone())
}

/// The reference expands this value twice, the second time with the host's name.
fn environment(reader: &mut Reader<'_, '_>, names: Names<'_>) -> Vec<(String, String)> {
    let Some(text) = reader.text(SECTION, &key::ENVIRONMENT, names) else {
        return Vec::new();
    };
    let host = (
        "host_node_name",
        Value::Text(&reader.source.options.host_name),
    );
    let fixed = [("here", Value::Text(reader.source.here)), host];
    let text = reader.expand_again(text, Names::fixed(&fixed));
    match super::key_value_pairs(&text) {
        Ok(pairs) => pairs,
        Err(text) => {
            reader.fail(SECTION, key::ENVIRONMENT.name, &text);
            Vec::new()
        }
    }
}

/// `ENV_…` for every variable of `variables`, on top of `base`.
pub(super) fn env_names(
    base: BTreeMap<String, String>,
    variables: &[(String, String)],
) -> BTreeMap<String, String> {
    let mut all = base;
    all.extend(
        variables
            .iter()
            .map(|(name, value)| (format!("ENV_{name}"), value.clone())),
    );
    all
}

impl Draft {
    /// Applies one flag.
    ///
    /// # Errors
    /// The message for a value that cannot be used.
    pub(super) fn apply(&mut self, flag: &Flag, lookups: &mut Lookups) -> Result<(), String> {
        self.set(flag, lookups).map_err(|error| {
            let value = crate::text::py_repr(&flag.value);
            format!("invalid value for {} {value}: {error}", flag.shown)
        })
    }

    fn set(&mut self, flag: &Flag, lookups: &mut Lookups) -> Result<(), String> {
        let config = &mut self.config;
        let value = flag.value.as_str();
        match flag.key.as_str() {
            "nodaemon" => config.nodaemon = true,
            "silent" => config.silent = true,
            "nocleanup" => config.nocleanup = true,
            "strip_ansi" => config.strip_ansi = true,
            "user" => self.user = Some(value.to_owned()),
            "umask" => config.umask = Some(values::octal(value)?),
            "directory" => config.directory = Some(lookups.existing_directory(value)?),
            "logfile" => self.logfile = lookups.path_in_directory(value)?,
            "logfile_maxbytes" => config.logfile_maxbytes = values::byte_size(value)?,
            "logfile_backups" => config.logfile_backups = values::backups(value)?,
            "loglevel" => config.loglevel = values::log_level(value)?,
            "pidfile" => config.pidfile = lookups.path_in_directory(value)?,
            "identifier" => value.clone_into(&mut config.identifier),
            "childlogdir" => config.childlogdir = lookups.existing_directory(value)?,
            "minfds" => config.minfds = values::count(value)?,
            "minprocs" => config.minprocs = values::count(value)?,
            // Flags that set no option are the caller's business.
            _ => {}
        }
        Ok(())
    }

    /// Applies the flags, looks up the user and makes the paths absolute.
    pub(super) fn finish(mut self, reader: &mut Reader<'_, '_>) -> SupervisordConfig {
        for flag in &reader.source.options.flags {
            if let Err(text) = self.apply(flag, reader.lookups) {
                reader.findings.error(text, None);
            }
        }
        if let Some(user) = &self.user {
            match reader.lookups.user(user) {
                Ok(user) => self.config.user = Some(user),
                Err(text) => reader.fail(SECTION, key::USER.name, &text),
            }
        }
        let current = &reader.source.options.current_dir;
        self.config.logfile = if self.logfile == "syslog" {
            LogTarget::Syslog
        } else {
            let home = reader.lookups.expand_home(&self.logfile);
            LogTarget::File(path::absolute(current, &home))
        };
        self.config.pidfile = reader.absolute(&self.config.pidfile);
        self.config
    }
}
