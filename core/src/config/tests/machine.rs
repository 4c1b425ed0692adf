//! A machine that has every directory and one user, and the files it is given.

use super::super::{
    Answer, Config, FileContent, FileError, Load, LoadErrors, LoadOptions, Loaded, Loader, Need,
    Step, User,
};
use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};

/// The main file.
pub(super) const MAIN: &str = "/etc/s.conf";

/// Files by path: bytes and permissions.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) files: BTreeMap<String, FileContent>,
    /// Every question, in order.
    pub(super) asked: Vec<Need>,
}

impl Machine {
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let content = |text: &str| FileContent {
            bytes: text.as_bytes().to_vec(),
            mode: Some(0o600),
        };
        let files = files.iter();
        Self {
            files: files
                .map(|(path, text)| ((*path).to_owned(), content(text)))
                .collect(),
            asked: Vec::new(),
        }
    }

    fn answer(&mut self, need: Need) -> Answer {
        let user = User {
            name: "web".to_owned(),
            uid: 33,
            gid: 34,
        };
        self.asked.push(need.clone());
        match need {
            Need::File { path } => {
                Answer::File(self.files.get(&path).cloned().ok_or(FileError::NotFound))
            }
            Need::Glob { pattern } => {
                let before = pattern.trim_end_matches('*');
                let paths = self.files.keys().filter(|path| path.starts_with(before));
                Answer::Paths(paths.cloned().collect())
            }
            Need::Directory { .. } => Answer::Directory(true),
            Need::UserNamed { name } => Answer::User((name == "web").then_some(user)),
            Need::UserNumbered { uid } => Answer::User((uid == 33).then_some(user)),
            Need::GroupNamed { .. } | Need::GroupNumbered { .. } => Answer::Group(Some(34)),
            Need::Home { .. } => Answer::Home(None),
        }
    }

    pub(super) fn run<T>(&mut self, mut load: Load<T>) -> Result<T, LoadErrors> {
        loop {
            match load.poll() {
                Step::Need(need) => {
                    let answer = self.answer(need);
                    load.answer(answer);
                }
                Step::Done(loaded) => return Ok(*loaded),
                Step::Failed(errors) => return Err(errors),
            }
        }
    }

    pub(super) fn read(&mut self) -> Result<Loaded, LoadErrors> {
        self.run(Loader::new(options()))
    }
}

pub(super) fn options() -> LoadOptions {
    LoadOptions {
        path: MAIN.to_owned(),
        environment: Vec::from([("HOME".to_owned(), "/root".to_owned())]),
        host_name: "host".to_owned(),
        current_dir: "/".to_owned(),
        temp_dir: "/tmp".to_owned(),
        ..LoadOptions::default()
    }
}

/// Reads a single file.
pub(super) fn read(text: &str) -> Result<Loaded, LoadErrors> {
    Machine::with(&[(MAIN, text)]).read()
}

/// What a file comes to, which is right.
pub(super) fn config(text: &str) -> Config {
    read(text).expect("a configuration").config
}

/// Why a file cannot be used: the compatible text.
pub(super) fn error(text: &str) -> String {
    read(text).expect_err("an error").text().to_owned()
}
