//! Users and their groups, through the system's user database (nsswitch included).

use std::ffi::{CStr, CString};
use std::time::{Duration, Instant};
use visor_core::config::User;

/// How long looked-up groups are believed: a crash loop does not read the database each time, and
/// a change of it is seen by the next start a person makes.
const GROUPS_TTL: Duration = Duration::from_secs(1);

/// The supplementary groups of a user: its primary group first, then every group of the database
/// that lists it, in the database's order.
#[must_use]
pub fn groups_of(user: &User) -> Vec<u32> {
    let mut groups = vec![user.gid];
    let Ok(name) = CString::new(user.name.as_str()) else {
        return groups;
    };
    // SAFETY: getgrent's static result is used before the next call, and the daemon reads the
    // database from one thread only.
    unsafe {
        libc::setgrent();
        loop {
            let entry = libc::getgrent();
            if entry.is_null() {
                break;
            }
            let mut member = (*entry).gr_mem;
            while !(*member).is_null() {
                if CStr::from_ptr(*member) == name.as_c_str() {
                    groups.push((*entry).gr_gid);
                }
                member = member.add(1);
            }
        }
        libc::endgrent();
    }
    groups
}

/// Groups looked up lately.
#[derive(Debug, Default)]
pub(super) struct GroupCache(Vec<(User, Instant, Vec<u32>)>);

impl GroupCache {
    /// As [`groups_of`], at most [`GROUPS_TTL`] old.
    #[allow(clippy::disallowed_methods)]
    pub(super) fn groups_of(&mut self, user: &User) -> Vec<u32> {
        let now = Instant::now();
        self.0
            .retain(|(_, at, _)| now.duration_since(*at) < GROUPS_TTL);
        if let Some((_, _, groups)) = self.0.iter().find(|(known, _, _)| known == user) {
            return groups.clone();
        }
        let groups = groups_of(user);
        self.0.push((user.clone(), now, groups.clone()));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_group_comes_first() {
        let user = User {
            name: "root".into(),
            uid: 0,
            gid: 4711,
        };
        assert_eq!(groups_of(&user).first(), Some(&4711));
        assert_eq!(GroupCache::default().groups_of(&user), groups_of(&user));
    }
}
