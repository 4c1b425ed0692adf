//! Becoming another user, for good.

use super::users::groups_of;
use visor_core::config::User;

/// What [`drop_to`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dropped {
    /// The process is that user now.
    Changed,
    /// It was that user already.
    Already,
}

/// Why the process cannot become a user. The texts are those operators grep for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DropError {
    /// The database has no such user.
    NoSuchUser(u32),
    /// Only root may change.
    NotRoot,
    /// `setgroups` failed.
    Groups,
    /// `setgid` failed.
    Group,
    /// `setuid` failed with this error number.
    User(i32),
}

impl std::fmt::Display for DropError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchUser(uid) => write!(f, "Can't find uid {uid}"),
            Self::NotRoot => f.write_str("Can't drop privilege as nonroot user"),
            Self::Groups => f.write_str("Could not set groups of effective user"),
            Self::Group => f.write_str("Could not set group id of effective user"),
            Self::User(number) => write!(
                f,
                "Could not set user id of effective user: {}",
                super::errno_name(*number)
            ),
        }
    }
}

impl std::error::Error for DropError {}

/// Becomes `user` with all its groups. Call it while there is one thread only.
///
/// # Errors
/// See [`DropError`]. Being that user already is success, root or not.
pub fn drop_to(user: &User) -> Result<Dropped, DropError> {
    if user.name.is_empty() {
        return Err(DropError::NoSuchUser(user.uid));
    }
    let current = rustix::process::getuid().as_raw();
    if current == user.uid {
        return Ok(Dropped::Already);
    }
    if current != 0 {
        return Err(DropError::NotRoot);
    }
    let groups = groups_of(user);
    // SAFETY: plain system calls on numbers and a slice that lives through the call. libc's
    // wrappers change all threads, where rustix would change the calling one alone.
    unsafe {
        if libc::setgroups(groups.len(), groups.as_ptr()) != 0 {
            return Err(DropError::Groups);
        }
        if libc::setgid(user.gid) != 0 {
            return Err(DropError::Group);
        }
        if libc::setuid(user.uid) != 0 {
            let error = std::io::Error::last_os_error();
            return Err(DropError::User(error.raw_os_error().unwrap_or(0)));
        }
    }
    Ok(Dropped::Changed)
}

/// Whether the process runs as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn being_that_user_already_is_success() {
        let me = User {
            name: "me".into(),
            uid: rustix::process::getuid().as_raw(),
            gid: 12345,
        };
        assert_eq!(drop_to(&me), Ok(Dropped::Already));
    }

    #[test]
    fn a_uid_without_a_name_is_refused_first() {
        let nobody = User {
            name: String::new(),
            uid: 4_000_000,
            gid: 0,
        };
        let error = drop_to(&nobody).unwrap_err();
        assert_eq!(error.to_string(), "Can't find uid 4000000");
    }
}
