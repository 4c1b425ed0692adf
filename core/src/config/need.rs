//! What reading a configuration must ask of the world, and the answers.

use super::{User, path};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

/// A question about the world outside.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Need {
    /// The content of a file. Answered by [`Answer::File`].
    File {
        /// Its path; relative ones are meant from the current directory.
        path: String,
    },
    /// The paths that match a pattern, as Python's `glob.glob` finds them, in any order.
    /// Answered by [`Answer::Paths`].
    Glob {
        /// An absolute pattern.
        pattern: String,
    },
    /// Is there a directory? Answered by [`Answer::Directory`].
    Directory {
        /// Its path.
        path: String,
    },
    /// A user by login name. Answered by [`Answer::User`].
    UserNamed {
        /// Login name.
        name: String,
    },
    /// A user by number. Answered by [`Answer::User`].
    UserNumbered {
        /// User number.
        uid: u32,
    },
    /// A group by name. Answered by [`Answer::Group`].
    GroupNamed {
        /// Group name.
        name: String,
    },
    /// A group by number. Answered by [`Answer::Group`].
    GroupNumbered {
        /// Group number.
        gid: u32,
    },
    /// The home directory of a user, for `~name`. Answered by [`Answer::Home`].
    Home {
        /// Login name; `None`: the user this process runs as.
        user: Option<String>,
    },
}

/// What the world says to a [`Need`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// To [`Need::File`].
    File(Result<FileContent, FileError>),
    /// To [`Need::Glob`].
    Paths(Vec<String>),
    /// To [`Need::Directory`]: it exists and is a directory (or a link to one).
    Directory(bool),
    /// To [`Need::UserNamed`] and [`Need::UserNumbered`].
    User(Option<User>),
    /// To [`Need::GroupNamed`] and [`Need::GroupNumbered`]: the group's number.
    Group(Option<u32>),
    /// To [`Need::Home`].
    Home(Option<String>),
}

/// A file that could be read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileContent {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permission bits, if known; used to warn of passwords that everybody can read.
    pub mode: Option<u32>,
}

/// Why a file could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileError {
    /// There is none.
    NotFound,
    /// It is there but cannot be read; carries the system's reason.
    Unreadable(String),
}

/// The answers so far, and the questions that came up.
///
/// A configuration is evaluated with the answers there are. A question without an answer is noted
/// and an answer assumed. If the real one is the same, the evaluation holds; if not, everything is
/// evaluated anew. So the evaluation itself is straight code, and runs at most two or three times
/// however long the file is.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    answers: BTreeMap<Need, Answer>,
    open: BTreeSet<Need>,
    /// `HOME` of the daemon's environment.
    pub(super) home: Option<String>,
}

impl Lookups {
    /// Notes an answer. False: something else had been assumed.
    pub(super) fn record(&mut self, need: Need, answer: Answer) -> bool {
        let as_assumed = match &answer {
            Answer::Directory(exists) => *exists,
            Answer::Home(home) => home.is_none(),
            Answer::File(_) | Answer::Paths(_) | Answer::User(_) | Answer::Group(_) => false,
        };
        self.open.remove(&need);
        self.answers.insert(need, answer);
        as_assumed
    }

    /// Asks for a user before anything depends on the answer.
    pub(super) fn ask_user(&mut self, text: &str) {
        // What comes of it is asked for again.
        let _ = self.user(text);
    }

    /// A question that came up and has no answer yet.
    pub(super) fn open_question(&self) -> Option<&Need> {
        self.open.first()
    }

    fn ask(&mut self, need: Need) -> Option<&Answer> {
        if self.answers.contains_key(&need) {
            return self.answers.get(&need);
        }
        self.open.insert(need);
        None
    }

    pub(super) fn is_directory(&mut self, path: &str) -> bool {
        let need = Need::Directory {
            path: path.to_owned(),
        };
        match self.ask(need) {
            None => true,
            Some(answer) => *answer == Answer::Directory(true),
        }
    }

    fn user_for(&mut self, need: Need) -> Option<User> {
        match self.ask(need) {
            // Granted until it is known.
            None => Some(User {
                name: String::new(),
                uid: 0,
                gid: 0,
            }),
            Some(Answer::User(user)) => user.clone(),
            Some(_) => None,
        }
    }

    fn group_for(&mut self, need: Need) -> Option<u32> {
        match self.ask(need) {
            None => Some(0),
            Some(Answer::Group(gid)) => *gid,
            Some(_) => None,
        }
    }

    /// A user given by name or number.
    pub(super) fn user(&mut self, text: &str) -> Result<User, String> {
        match super::values::integer(text) {
            None => {
                let need = Need::UserNamed {
                    name: text.to_owned(),
                };
                self.user_for(need)
                    .ok_or_else(|| format!("Invalid user name {text}"))
            }
            Some(number) => u32::try_from(number)
                .ok()
                .and_then(|uid| self.user_for(Need::UserNumbered { uid }))
                .ok_or_else(|| format!("Invalid user id {text}")),
        }
    }

    /// A group given by name or number.
    pub(super) fn group(&mut self, text: &str) -> Option<u32> {
        match super::values::integer(text) {
            None => self.group_for(Need::GroupNamed {
                name: text.to_owned(),
            }),
            Some(number) => {
                let gid = u32::try_from(number).ok()?;
                self.group_for(Need::GroupNumbered { gid })
            }
        }
    }

    /// `os.path.expanduser`: `~` and `~name` at the beginning.
    pub(super) fn expand_home(&mut self, text: &str) -> String {
        let Some(rest) = text.strip_prefix('~') else {
            return text.to_owned();
        };
        let (user, below) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let home = match (user, &self.home) {
            ("", Some(home)) => Some(home.clone()),
            (user, _) => {
                let user = (!user.is_empty()).then(|| user.to_owned());
                match self.ask(Need::Home { user }) {
                    Some(Answer::Home(home)) => home.clone(),
                    Some(_) | None => None,
                }
            }
        };
        let Some(home) = home else {
            return text.to_owned();
        };
        let path = home.trim_end_matches('/').to_string() + below;
        if path.is_empty() {
            String::from("/")
        } else {
            path
        }
    }

    /// An existing directory.
    pub(super) fn existing_directory(&mut self, text: &str) -> Result<String, String> {
        let path = self.expand_home(text);
        if self.is_directory(&path) {
            Ok(path)
        } else {
            Err(format!("{text} is not an existing directory"))
        }
    }

    /// A path whose directory exists.
    pub(super) fn path_in_directory(&mut self, text: &str) -> Result<String, String> {
        let path = self.expand_home(text);
        let directory = path::dirname(&path);
        if directory.is_empty() || self.is_directory(directory) {
            Ok(path)
        } else {
            Err(format!(
                "The directory named as part of the path {text} does not exist"
            ))
        }
    }
}
