//! Answers what reading a configuration asks: files, patterns, users, directories.

use super::glob::glob;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use visor_core::config::{
    Answer, CtlLoader, FileContent, FileError, Load, LoadErrors, LoadOptions, Loaded, LoadedCtl,
    Loader, Need, Step, User,
};

/// Largest file that is read as a configuration, in bytes.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// What this process knows before it reads `path`: its environment, directory, host and user.
#[must_use]
pub fn options(path: &str) -> LoadOptions {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let current_dir = std::env::current_dir().unwrap_or_else(|_| "/".into());
    LoadOptions {
        path: path.to_owned(),
        flags: Vec::new(),
        environment: std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect(),
        host_name: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        temp_dir: temp_dir(&current_dir),
        current_dir: text(current_dir.into_os_string()),
        uid: rustix::process::getuid().as_raw(),
    }
}

/// Reads a configuration for supervisord.
///
/// # Errors
/// What is wrong with it.
pub fn load(options: LoadOptions) -> Result<Loaded, LoadErrors> {
    run(Loader::new(options))
}

/// Reads a configuration for supervisorctl.
///
/// # Errors
/// What is wrong with it.
pub fn load_ctl(options: LoadOptions) -> Result<LoadedCtl, LoadErrors> {
    run(CtlLoader::new(options))
}

fn run<T>(mut loader: Load<T>) -> Result<T, LoadErrors> {
    loop {
        match loader.poll() {
            Step::Need(need) => loader.answer(answer(&need)),
            Step::Done(loaded) => return Ok(*loaded),
            Step::Failed(errors) => return Err(errors),
        }
    }
}

/// The world's answer to one question.
#[must_use]
pub fn answer(need: &Need) -> Answer {
    match need {
        Need::File { path } => Answer::File(read(path)),
        Need::Glob { pattern } => Answer::Paths(glob(pattern)),
        Need::Directory { path } => Answer::Directory(Path::new(path).is_dir()),
        Need::UserNamed { name } => Answer::User(user_named(name).map(|entry| entry.user)),
        Need::UserNumbered { uid } => Answer::User(user_numbered(*uid).map(|entry| entry.user)),
        Need::GroupNamed { name } => Answer::Group(group_named(name)),
        Need::GroupNumbered { gid } => Answer::Group(group_numbered(*gid)),
        Need::Home { user } => {
            let entry = match user {
                Some(name) => user_named(name),
                None => user_numbered(rustix::process::getuid().as_raw()),
            };
            Answer::Home(entry.map(|entry| entry.home))
        }
    }
}

fn read(path: &str) -> Result<FileContent, FileError> {
    let unreadable = |error: std::io::Error| {
        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
            FileError::NotFound
        } else {
            FileError::Unreadable(super::error_name(&error))
        }
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(FileError::Unreadable("it is too large".to_owned()));
    }
    Ok(FileContent {
        bytes,
        mode: Some(metadata.permissions().mode()),
    })
}

/// Where Python puts temporary files: the first usable of TMPDIR, TEMP, TMP, `/tmp`, `/var/tmp`,
/// `/usr/tmp` and the current directory.
fn temp_dir(current: &Path) -> String {
    let from_env = ["TMPDIR", "TEMP", "TMP"];
    let from_env = from_env.iter().filter_map(|name| std::env::var(name).ok());
    let usual = ["/tmp", "/var/tmp", "/usr/tmp"].map(str::to_owned);
    from_env
        .chain(usual)
        .filter(|directory| !directory.is_empty())
        .map(|directory| current.join(directory))
        .find(|directory| {
            let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            directory.is_dir() && rustix::fs::access(directory, access).is_ok()
        })
        .unwrap_or_else(|| current.to_owned())
        .to_string_lossy()
        .into_owned()
}

/// What the user database says about a user.
struct UserEntry {
    user: User,
    home: String,
}

fn user_named(name: &str) -> Option<UserEntry> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is a C string that outlives the call; the rest is `user_entry`'s.
    user_entry(|entry, buffer, length, result| unsafe {
        libc::getpwnam_r(name.as_ptr(), entry, buffer, length, result)
    })
}

fn user_numbered(uid: u32) -> Option<UserEntry> {
    // SAFETY: all pointers are `user_entry`'s.
    user_entry(|entry, buffer, length, result| unsafe {
        libc::getpwuid_r(uid, entry, buffer, length, result)
    })
}

fn group_named(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is a C string that outlives the call; the rest is `group_entry`'s.
    group_entry(|entry, buffer, length, result| unsafe {
        libc::getgrnam_r(name.as_ptr(), entry, buffer, length, result)
    })
}

fn group_numbered(gid: u32) -> Option<u32> {
    // SAFETY: all pointers are `group_entry`'s.
    group_entry(|entry, buffer, length, result| unsafe {
        libc::getgrgid_r(gid, entry, buffer, length, result)
    })
}

/// Room for an entry's strings: first, and at most (an entry of the group database lists its
/// members), in bytes.
const ENTRY_BYTES: (usize, usize) = (4 << 10, 16 << 20);

fn user_entry(
    look_up: impl Fn(*mut libc::passwd, *mut libc::c_char, usize, *mut *mut libc::passwd) -> i32,
) -> Option<UserEntry> {
    let mut buffer: Vec<libc::c_char> = vec![0; ENTRY_BYTES.0];
    loop {
        // SAFETY: a `passwd` of zeros is a valid value (null pointers and numbers).
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut result = std::ptr::null_mut();
        let code = look_up(&mut entry, buffer.as_mut_ptr(), buffer.len(), &mut result);
        if code == libc::ERANGE && buffer.len() < ENTRY_BYTES.1 {
            buffer.resize(buffer.len() * 4, 0);
            continue;
        }
        if code != 0 || result.is_null() {
            return None;
        }
        return Some(UserEntry {
            user: User {
                name: text(entry.pw_name),
                uid: entry.pw_uid,
                gid: entry.pw_gid,
            },
            home: text(entry.pw_dir),
        });
    }
}

fn group_entry(
    look_up: impl Fn(*mut libc::group, *mut libc::c_char, usize, *mut *mut libc::group) -> i32,
) -> Option<u32> {
    let mut buffer: Vec<libc::c_char> = vec![0; ENTRY_BYTES.0];
    loop {
        // SAFETY: a `group` of zeros is a valid value (null pointers and numbers).
        let mut entry: libc::group = unsafe { std::mem::zeroed() };
        let mut result = std::ptr::null_mut();
        let code = look_up(&mut entry, buffer.as_mut_ptr(), buffer.len(), &mut result);
        if code == libc::ERANGE && buffer.len() < ENTRY_BYTES.1 {
            buffer.resize(buffer.len() * 4, 0);
            continue;
        }
        return (code == 0 && !result.is_null()).then_some(entry.gr_gid);
    }
}

/// The string at `pointer`, which is null or points into a buffer that is still alive.
fn text(pointer: *const libc::c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the C library ended the string with a zero inside the buffer.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn users_and_groups_are_found_by_name_and_number() {
        let root = Some(User {
            name: "root".into(),
            uid: 0,
            gid: 0,
        });
        let named = |name: &str| answer(&Need::UserNamed { name: name.into() });
        assert_eq!(named("root"), Answer::User(root.clone()));
        assert_eq!(named("no such user"), Answer::User(None));
        assert_eq!(named("ro\0ot"), Answer::User(None));
        assert_eq!(answer(&Need::UserNumbered { uid: 0 }), Answer::User(root));
        let name = "root".to_owned();
        assert_eq!(answer(&Need::GroupNamed { name }), Answer::Group(Some(0)));
        let gid = 4_000_000_000;
        assert_eq!(answer(&Need::GroupNumbered { gid }), Answer::Group(None));
    }

    #[test]
    fn a_file_is_loaded_with_everything_it_names() {
        let path = std::env::temp_dir().join(format!("visor-needs-{}.conf", std::process::id()));
        fs::write(&path, "[supervisord]\nuser=root\ndirectory=/\n").unwrap();
        let loaded = load(options(path.to_str().unwrap())).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(loaded.config.supervisord.user.unwrap().name, "root");
        let errors = load(options(path.to_str().unwrap())).unwrap_err();
        let wanted = format!("could not find config file {}", path.display());
        assert_eq!(errors.text(), wanted);
        let errors = load(options("/")).unwrap_err();
        assert_eq!(errors.text(), "could not read config file /");
    }
}
