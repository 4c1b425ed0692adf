//! The listening sockets that FastCGI groups share: open while a process of the group has one.

use crate::config::FcgiSocket;
use crate::{Action, GroupId};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;

/// All sockets of FastCGI groups, and how many processes use each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sockets {
    by_group: BTreeMap<GroupId, Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    socket: FcgiSocket,
    users: u32,
    /// Whether it is open, or being opened.
    open: bool,
}

impl Sockets {
    pub(crate) fn add(&mut self, group: GroupId, socket: FcgiSocket) {
        self.by_group.insert(
            group,
            Shared {
                socket,
                users: 0,
                open: false,
            },
        );
    }

    /// Forgets a group's socket; closes it if it is open still.
    pub(crate) fn remove(&mut self, group: GroupId, out: &mut VecDeque<Action>) {
        if self
            .by_group
            .remove(&group)
            .is_some_and(|shared| shared.open)
        {
            out.push_back(Action::CloseSocket { group });
        }
    }

    /// One more process needs it. Returns a line to log if it had to be opened.
    #[must_use]
    pub(crate) fn acquire(&mut self, group: GroupId, out: &mut VecDeque<Action>) -> Option<String> {
        let shared = self.by_group.get_mut(&group)?;
        shared.users = shared.users.saturating_add(1);
        if core::mem::replace(&mut shared.open, true) {
            return None;
        }
        out.push_back(Action::OpenSocket {
            group,
            socket: shared.socket.clone(),
        });
        Some(alloc::format!("Creating socket {}", shared.socket.url()))
    }

    /// The daemon ends: no socket's file is left behind, whoever may still have the socket.
    pub(crate) fn close_all(&mut self, out: &mut VecDeque<Action>) {
        for (group, shared) in &mut self.by_group {
            if core::mem::take(&mut shared.open) {
                out.push_back(Action::CloseSocket { group: *group });
            }
        }
    }

    /// It could not be opened: there is nothing to close, and the next one tries again.
    pub(crate) fn failed(&mut self, group: GroupId) {
        if let Some(shared) = self.by_group.get_mut(&group) {
            shared.open = false;
        }
    }

    /// One process less needs it. Returns a line to log if it was the last.
    #[must_use]
    pub(crate) fn release(&mut self, group: GroupId, out: &mut VecDeque<Action>) -> Option<String> {
        let shared = self.by_group.get_mut(&group)?;
        shared.users = shared.users.checked_sub(1)?;
        if shared.users > 0 || !core::mem::take(&mut shared.open) {
            return None;
        }
        out.push_back(Action::CloseSocket { group });
        Some(alloc::format!("Closing socket {}", shared.socket.url()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerAddress;

    const GROUP: GroupId = GroupId(3);

    fn open() -> (Sockets, VecDeque<Action>) {
        let mut sockets = Sockets::default();
        let address = ServerAddress::Tcp {
            host: "h".into(),
            port: 1,
        };
        let socket = FcgiSocket {
            address,
            backlog: None,
        };
        sockets.add(GROUP, socket);
        let mut out = VecDeque::new();
        let line = sockets.acquire(GROUP, &mut out);
        assert_eq!(line.unwrap(), "Creating socket tcp://h:1");
        out.clear();
        (sockets, out)
    }

    #[test]
    fn a_group_that_goes_takes_its_socket_with_it() {
        let (mut sockets, mut out) = open();
        sockets.remove(GROUP, &mut out);
        assert_eq!(out, [Action::CloseSocket { group: GROUP }]);
        assert_eq!(sockets.acquire(GROUP, &mut out), None);
        assert_eq!(out.len(), 1);
    }

    #[test]
    fn at_the_end_every_open_socket_is_closed_once() {
        let (mut sockets, mut out) = open();
        sockets.close_all(&mut out);
        sockets.close_all(&mut out);
        assert_eq!(out, [Action::CloseSocket { group: GROUP }]);
    }
}
