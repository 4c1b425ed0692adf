//! Reading configurations for tests: real files, users and groups that are the same everywhere.

pub mod corpus;

use std::collections::BTreeMap;
use std::path::Path;
use visor_core::config::{
    Answer, CtlLoader, Load, LoadErrors, LoadOptions, Loaded, LoadedCtl, Loader, Need, Step, User,
};
use visor_std::sys::needs;

/// Users (number and primary group) and groups by name.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// Login name to numbers of user and group.
    pub users: BTreeMap<String, (u32, u32)>,
    /// Group name to number.
    pub groups: BTreeMap<String, u32>,
}

/// root, daemon and nobody, as Debian numbers them.
#[must_use]
pub fn debian_accounts() -> Accounts {
    let users = [
        ("root", (0, 0)),
        ("daemon", (1, 1)),
        ("nobody", (65534, 65534)),
    ];
    let groups = [("root", 0), ("daemon", 1), ("nogroup", 65534)];
    Accounts {
        users: users.map(|(name, ids)| (name.to_owned(), ids)).into(),
        groups: groups.map(|(name, gid)| (name.to_owned(), gid)).into(),
    }
}

/// Options for reading `path` in `directory` with nothing but `environment`, as root.
#[must_use]
pub fn options(directory: &Path, path: &str, environment: &[(&str, &str)]) -> LoadOptions {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let temp = environment.iter().find(|(name, _)| *name == "TMPDIR");
    LoadOptions {
        path: path.to_owned(),
        flags: Vec::new(),
        environment: environment.iter().map(pair).collect(),
        host_name: "<host>".to_owned(),
        current_dir: directory.display().to_string(),
        temp_dir: temp.map_or("/tmp", |(_, value)| value).to_owned(),
        uid: 0,
    }
}

/// Reads a configuration for supervisord.
///
/// # Errors
/// What is wrong with it.
pub fn load(options: LoadOptions, accounts: &Accounts) -> Result<Loaded, LoadErrors> {
    run(Loader::new(options), accounts)
}

/// Reads a configuration for supervisorctl.
///
/// # Errors
/// What is wrong with it.
pub fn load_ctl(options: LoadOptions, accounts: &Accounts) -> Result<LoadedCtl, LoadErrors> {
    run(CtlLoader::new(options), accounts)
}

fn run<T>(mut loader: Load<T>, accounts: &Accounts) -> Result<T, LoadErrors> {
    let directory = loader.options().current_dir.clone();
    loop {
        match loader.poll() {
            Step::Need(need) => loader.answer(answer(&need, &directory, accounts)),
            Step::Done(loaded) => return Ok(*loaded),
            Step::Failed(errors) => return Err(errors),
        }
    }
}

fn answer(need: &Need, directory: &str, accounts: &Accounts) -> Answer {
    let user = |name: &str| {
        let (uid, gid) = *accounts.users.get(name)?;
        let name = name.to_owned();
        Some(User { name, uid, gid })
    };
    let inside = |path: &str| Path::new(directory).join(path).display().to_string();
    match need {
        Need::UserNamed { name } => Answer::User(user(name)),
        Need::UserNumbered { uid } => {
            let mut users = accounts.users.iter();
            let known = users.find(|(_, (known, _))| known == uid);
            Answer::User(known.and_then(|(name, _)| user(name)))
        }
        Need::GroupNamed { name } => Answer::Group(accounts.groups.get(name).copied()),
        Need::GroupNumbered { gid } => {
            let known = accounts.groups.values().any(|known| known == gid);
            Answer::Group(known.then_some(*gid))
        }
        Need::Home { user } => {
            let name = user.as_deref().unwrap_or("root");
            Answer::Home((name == "root").then(|| "/root".to_owned()))
        }
        Need::File { path } => needs::answer(&Need::File { path: inside(path) }),
        Need::Directory { path } if path.starts_with("/root") => Answer::Directory(true),
        Need::Directory { path } => needs::answer(&Need::Directory { path: inside(path) }),
        Need::Glob { pattern } => needs::answer(&Need::Glob {
            pattern: pattern.clone(),
        }),
    }
}
