//! The pull loop: what to read next, until there is a configuration or an error.

use super::ctl::{self, LoadedCtl};
use super::daemon::{self, Draft, Flag};
use super::error::{Diagnostic, LoadErrors, Place};
use super::expand::{Scope, Value, expand};
use super::need::{Answer, FileContent, FileError, Lookups, Need};
use super::reader::{Findings, Reader, Source};
use super::store::Document;
use super::{Config, groups, lint, path, servers};
use crate::LogLevel;
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    format,
    string::String,
    vec::Vec,
};

/// What is known before any file is read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LoadOptions {
    /// The file, as it was given; messages name it so.
    pub path: String,
    /// Command-line flags that win over `[supervisord]`, in the order they were given.
    pub flags: Vec<Flag>,
    /// This process's environment.
    pub environment: Vec<(String, String)>,
    /// What `%(host_node_name)s` stands for.
    pub host_name: String,
    /// The current directory, absolute. Relative paths of logs, pidfile and sockets are meant
    /// from here.
    pub current_dir: String,
    /// The directory for temporary files: the default of `childlogdir`.
    pub temp_dir: String,
    /// The user this process runs as.
    pub uid: u32,
}

/// A configuration that has been read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// Lines for the activity log: the warnings, then which files were included.
    pub messages: Vec<(LogLevel, String)>,
    /// The warnings alone, with their places.
    pub warnings: Vec<Diagnostic>,
}

/// What to do next.
#[must_use]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step<T = Loaded> {
    /// Find this out, call `answer`, and poll again.
    Need(Need),
    /// The end: a configuration.
    Done(Box<T>),
    /// The end: an error.
    Failed(LoadErrors),
}

/// Reads a configuration for supervisord without touching a file: it asks, the caller answers.
///
/// ```
/// use visor_core::config::{Answer, FileContent, LoadOptions, Loader, Step};
/// let mut loader = Loader::new(LoadOptions { path: "/etc/s.conf".into(), ..Default::default() });
/// let loaded = loop {
///     match loader.poll() {
///         Step::Need(visor_core::config::Need::File { .. }) => {
///             let bytes = b"[supervisord]\n[program:web]\ncommand=/bin/web\n".to_vec();
///             loader.answer(Answer::File(Ok(FileContent { bytes, mode: None })));
///         }
///         Step::Need(_) => loader.answer(Answer::Directory(true)),
///         Step::Done(loaded) => break loaded,
///         Step::Failed(errors) => panic!("{errors}"),
///     }
/// };
/// assert_eq!(loaded.config.groups[0].processes[0].command, "/bin/web");
/// ```
pub type Loader = Load<Loaded>;

/// Reads a configuration for supervisorctl; used as [`Loader`].
pub type CtlLoader = Load<LoadedCtl>;

/// The machine behind [`Loader`] and [`CtlLoader`].
#[derive(Debug)]
pub struct Load<T> {
    options: LoadOptions,
    environment: BTreeMap<String, String>,
    here: String,
    document: Document,
    lookups: Lookups,
    findings: Findings,
    phase: Phase,
    /// What came of the last evaluation, if the answers assumed in it may still prove right.
    evaluated: Option<Result<T, LoadErrors>>,
    follows_includes: bool,
    evaluate: fn(Source<'_>, &mut Lookups, Findings) -> Result<T, LoadErrors>,
}

#[derive(Debug)]
enum Phase {
    /// Check the flags, which comes before the file.
    Flags,
    /// Read the main file.
    Main,
    /// Read the files of `[include]`: patterns not yet asked for, then files.
    Include {
        patterns: VecDeque<String>,
        files: VecDeque<String>,
    },
    /// Make sense of it all.
    Evaluate,
    /// There is an error.
    Failed(LoadErrors),
}

impl Loader {
    /// A loader that has not asked for anything yet.
    #[must_use]
    pub fn new(options: LoadOptions) -> Self {
        Self::start(options, evaluate)
    }
}

impl CtlLoader {
    /// A loader that has not asked for anything yet. It does not look at the flags, and reads the
    /// main file alone, as the reference's supervisorctl does.
    #[must_use]
    pub fn new(mut options: LoadOptions) -> Self {
        options.flags.clear();
        let mut loader = Self::start(options, ctl::evaluate);
        loader.follows_includes = false;
        loader
    }
}

impl<T> Load<T> {
    fn start(
        options: LoadOptions,
        evaluate: fn(Source<'_>, &mut Lookups, Findings) -> Result<T, LoadErrors>,
    ) -> Self {
        let mut newest_first = options.environment.iter().rev();
        let home = newest_first.find(|(name, _)| name == "HOME");
        let mut lookups = Lookups::default();
        lookups.home = home.map(|(_, value)| value.clone());
        let main = path::absolute(&options.current_dir, &options.path);
        Self {
            environment: daemon::env_names(BTreeMap::new(), &options.environment),
            here: path::dirname(&main).to_owned(),
            document: Document::new(),
            lookups,
            findings: Findings::default(),
            phase: Phase::Flags,
            evaluated: None,
            follows_includes: true,
            options,
            evaluate,
        }
    }

    /// What the loader was started with.
    pub fn options(&self) -> &LoadOptions {
        &self.options
    }

    /// Gives the answer to the last [`Step::Need`]. An answer of the wrong kind counts as no.
    pub fn answer(&mut self, answer: Answer) {
        match self.step_need() {
            Some(Need::File { path }) => {
                let content = match answer {
                    Answer::File(content) => content,
                    Answer::Paths(_)
                    | Answer::Directory(_)
                    | Answer::User(_)
                    | Answer::Group(_)
                    | Answer::Home(_) => Err(FileError::NotFound),
                };
                if matches!(self.phase, Phase::Main) {
                    self.main_file(content);
                } else {
                    self.included_file(&path, content);
                }
            }
            Some(Need::Glob { pattern }) => {
                let paths = match answer {
                    Answer::Paths(paths) => paths,
                    Answer::File(_)
                    | Answer::Directory(_)
                    | Answer::User(_)
                    | Answer::Group(_)
                    | Answer::Home(_) => Vec::new(),
                };
                self.matches(&pattern, paths);
            }
            Some(need) => {
                let as_assumed = self.lookups.record(need, answer);
                if !as_assumed {
                    self.evaluated = None;
                }
            }
            None => {}
        }
    }

    /// What to do next.
    pub fn poll(&mut self) -> Step<T> {
        loop {
            if let Some(need) = self.step_need() {
                return Step::Need(need);
            }
            match &self.phase {
                Phase::Flags => self.flags(),
                // Both wait for an answer unless they have what they need.
                Phase::Main | Phase::Include { .. } => self.everything_read(),
                Phase::Evaluate => match self.evaluated.take() {
                    Some(Ok(loaded)) => return Step::Done(Box::new(loaded)),
                    Some(Err(errors)) => return Step::Failed(errors),
                    None => {
                        let result = (self.evaluate)(
                            Source {
                                document: &self.document,
                                options: &self.options,
                                environment: &self.environment,
                                here: &self.here,
                            },
                            &mut self.lookups,
                            self.findings.clone(),
                        );
                        self.evaluated = Some(result);
                    }
                },
                Phase::Failed(errors) => return Step::Failed(errors.clone()),
            }
        }
    }

    /// What the next answer is for.
    fn step_need(&self) -> Option<Need> {
        if let Some(need) = self.lookups.open_question() {
            return Some(need.clone());
        }
        match &self.phase {
            Phase::Main => Some(Need::File {
                path: self.options.path.clone(),
            }),
            Phase::Include { patterns, files } => match (files.front(), patterns.front()) {
                (Some(path), _) => Some(Need::File { path: path.clone() }),
                (None, Some(pattern)) => Some(Need::Glob {
                    pattern: pattern.clone(),
                }),
                (None, None) => None,
            },
            Phase::Flags | Phase::Evaluate | Phase::Failed(_) => None,
        }
    }

    fn flags(&mut self) {
        let mut draft = Draft::default();
        let mut errors = Vec::new();
        let mut given: BTreeSet<&str> = BTreeSet::new();
        for flag in &self.options.flags {
            if let Err(text) = draft.apply(flag, &mut self.lookups) {
                errors.push(Diagnostic { text, place: None });
            } else if !given.insert(&flag.key) {
                let shown = crate::text::py_repr(&flag.shown);
                let text = format!("conflicting command line option {shown}");
                errors.push(Diagnostic { text, place: None });
            }
        }
        if self.lookups.open_question().is_none() {
            self.phase = match LoadErrors::from_list(errors, Vec::new()) {
                Some(errors) => Phase::Failed(errors),
                None => Phase::Main,
            };
        }
    }

    fn fail(&mut self, text: String, file: &str, line: u32) {
        let file = file.to_owned();
        self.phase = Phase::Failed(LoadErrors::one(text, Some(Place { file, line })));
    }

    fn main_file(&mut self, content: Result<FileContent, FileError>) {
        let path = self.options.path.clone();
        let content = match content {
            Ok(content) => content,
            Err(error) => {
                let text = match error {
                    FileError::NotFound => format!("could not find config file {path}"),
                    FileError::Unreadable(_) => format!("could not read config file {path}"),
                };
                self.phase = Phase::Failed(LoadErrors::one(text, None));
                return;
            }
        };
        if !self.read_text(&path, &content) {
            return;
        }
        if self.follows_includes && self.document.has_section("include") {
            self.includes();
        } else {
            self.everything_read();
        }
    }

    /// Asks for all users at once, which mostly saves a second evaluation.
    fn everything_read(&mut self) {
        self.phase = Phase::Evaluate;
        for section in self.document.sections() {
            let user = self
                .document
                .value(section, super::schema::program::USER.name);
            if let Some(user) = user.filter(|user| !user.contains('%')) {
                self.lookups.ask_user(user);
            }
        }
    }

    /// Adds a file's text. False: it cannot be read, which ends everything.
    fn read_text(&mut self, file: &str, content: &FileContent) -> bool {
        let text = match core::str::from_utf8(&content.bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = content.bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = valid.iter().filter(|byte| **byte == b'\n').count();
                let line = u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1);
                self.fail(decode_error(&content.bytes, error), file, line);
                return false;
            }
        };
        let sections = match super::scan(text) {
            Ok(sections) => sections,
            Err(error) => {
                self.fail(error.text(file), file, error.line());
                return false;
            }
        };
        let secret = lint::has_password(&sections);
        if let (true, Some(mode)) = (secret, content.mode)
            && mode & 0o004 != 0
        {
            let file = file.to_owned();
            let text = "the file has a password and can be read by everybody";
            self.findings.warn(text, Some(Place { file, line: 0 }));
        }
        self.document.merge(file, sections);
        true
    }

    /// Begins with `[include]`. Patterns are relative to the main file's directory.
    fn includes(&mut self) {
        self.document.expand_here(&self.here);
        let section = "include";
        let key = &super::schema::other::FILES;
        let place = self.document.place(section, key.name);
        let Some(files) = self.document.value(section, key.name) else {
            let text = ".ini file has [include] section, but no files setting".to_owned();
            self.phase = Phase::Failed(LoadErrors::one(text, place));
            return;
        };
        let names = [
            ("here", Value::Text(&self.here)),
            ("host_node_name", Value::Text(&self.options.host_name)),
        ];
        let scope = Scope {
            environment: &self.environment,
            names: &names,
            own: &[],
        };
        match expand(files, &scope) {
            Ok(expanded) => {
                let patterns = expanded.text.split(super::scan::py_space);
                let patterns = patterns.filter(|pattern| !pattern.is_empty());
                let patterns = patterns.map(|pattern| path::join(&self.here, pattern));
                self.phase = Phase::Include {
                    patterns: patterns.collect(),
                    files: VecDeque::new(),
                };
            }
            Err(error) => {
                let text = error.text(files, "include.files", &scope);
                self.phase = Phase::Failed(LoadErrors::one(text, place));
            }
        }
    }

    fn matches(&mut self, pattern: &str, mut paths: Vec<String>) {
        let Phase::Include { patterns, files } = &mut self.phase else {
            return;
        };
        patterns.pop_front();
        paths.sort_unstable();
        if paths.is_empty() {
            let text = format!("No file matches via include \"{pattern}\"");
            self.findings.warn_known(text, None);
        }
        files.extend(paths);
    }

    fn included_file(&mut self, file: &str, content: Result<FileContent, FileError>) {
        let Phase::Include { files, .. } = &mut self.phase else {
            return;
        };
        files.pop_front();
        let text = format!("Included extra file \"{file}\" during parsing");
        self.findings.infos.push(text);
        match content {
            Ok(content) => {
                if self.read_text(file, &content) {
                    let here = path::absolute(&self.options.current_dir, file);
                    self.document.expand_here(path::dirname(&here));
                }
            }
            // The reference passes over it without a word.
            Err(error) => {
                let why = match error {
                    FileError::NotFound => "there is no such file".to_owned(),
                    FileError::Unreadable(why) => why,
                };
                let text = format!("Included file \"{file}\" is not used: {why}");
                self.findings.warn(text, None);
            }
        }
    }
}

/// Python's message for bytes that are no UTF-8.
fn decode_error(bytes: &[u8], error: core::str::Utf8Error) -> String {
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    match error.error_len() {
        None if bytes.len().saturating_sub(at) > 1 => format!(
            "'utf-8' codec can't decode bytes in position {at}-{}: unexpected end of data",
            bytes.len().saturating_sub(1)
        ),
        None => format!(
            "'utf-8' codec can't decode byte {byte:#04x} in position {at}: unexpected end of data"
        ),
        Some(length) if length > 1 => format!(
            "'utf-8' codec can't decode bytes in position {at}-{}: invalid continuation byte",
            at.saturating_add(length).saturating_sub(1)
        ),
        Some(_) => {
            let lead = matches!(byte, 0xc2..=0xf4);
            let why = if lead {
                "invalid continuation byte"
            } else {
                "invalid start byte"
            };
            format!("'utf-8' codec can't decode byte {byte:#04x} in position {at}: {why}")
        }
    }
}

/// Makes sense of everything, in the order in which the reference looks at it.
fn evaluate(
    source: Source<'_>,
    lookups: &mut Lookups,
    mut findings: Findings,
) -> Result<Loaded, LoadErrors> {
    if !source.document.has_section("supervisord") {
        let text = ".ini file does not include supervisord section";
        return Err(LoadErrors::one(text, None));
    }
    let mut reader = Reader {
        source,
        lookups,
        findings: &mut findings,
        within: None,
    };
    let draft = daemon::read(&mut reader);
    let variables = draft.config.environment.clone();
    let environment = daemon::env_names(source.environment.clone(), &variables);
    let mut reader = Reader {
        source: Source {
            environment: &environment,
            ..source
        },
        lookups: reader.lookups,
        findings: reader.findings,
        within: None,
    };
    let rpc_interfaces = servers::rpc_interfaces(&mut reader);
    let groups = groups::read(&mut reader, &variables);
    let servers = servers::read(&mut reader);
    let supervisord = draft.finish(&mut reader);
    if !servers.is_empty() {
        servers::check_rpc_arguments(&mut reader);
    }
    lint::lint(source.document, reader.findings);
    let findings = findings.into_errors()?;
    Ok(Loaded {
        config: Config {
            supervisord,
            servers,
            rpc_interfaces,
            groups,
        },
        messages: findings.messages(),
        warnings: findings.warnings,
    })
}
