//! Groups come and go.

use super::{Due, Supervisor};
use crate::config::{GroupConfig, GroupKind};
use crate::cx::Mood;
use crate::event::Occurrence;
use crate::group::{Daemon, Group, is_auto};
use crate::notice::Notice;
use crate::process::{Event, Process};
use crate::{GroupId, LogLevel, Now, ProcessId};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

/// Why a group was not added: `supervisorctl add` shows either as a fault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AddError {
    /// It is active.
    AlreadyAdded,
    /// The configuration that was read last has no such group.
    BadName,
}

/// Why a group was not removed: `supervisorctl remove` shows either as a fault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RemoveError {
    /// A process of it is not in a stopped state.
    StillRunning,
    /// It is not active.
    BadName,
}

impl Supervisor {
    /// Adds a group of the configuration that was read last. The outcome is a notice: `GroupAdded`,
    /// or `GroupFailed` if it needs a socket that cannot be made.
    pub(crate) fn add_group(&mut self, now: Now, name: &str) -> Result<GroupId, AddError> {
        if self.group_names.contains_key(name) {
            return Err(AddError::AlreadyAdded);
        }
        let config = self
            .available
            .iter()
            .find(|config| config.name == name)
            .cloned()
            .ok_or(AddError::BadName)?;
        Ok(self.activate(now, config))
    }

    /// Makes a group of a configuration and starts what starts by itself.
    pub(super) fn activate(&mut self, now: Now, config: Arc<GroupConfig>) -> GroupId {
        let id = GroupId(self.next_group);
        self.next_group = self.next_group.saturating_add(1);
        let mut group = Group::new(id, config.clone(), ProcessId(self.next_process));
        let count = u32::try_from(config.processes.len()).unwrap_or(u32::MAX);
        self.next_process = self.next_process.saturating_add(count);
        self.make_processes(&group);
        self.group_names.insert(config.name.clone(), id);
        self.group_order
            .insert((config.priority, config.name.clone(), id));
        self.add_pool(&group);
        match &config.kind {
            GroupKind::Plain | GroupKind::Listener { .. } => self.added(now, id, &config.name),
            GroupKind::Fcgi(socket) => {
                // Made once to see that it can be made; it is there for good when a process needs it.
                self.sockets.add(id, socket.clone());
                group.pending = true;
                self.acquire_socket(now, id);
            }
        }
        let pending = group.pending;
        self.groups.insert(id, group);
        if !pending {
            self.autostart(now, id);
        }
        id
    }

    /// A pool that is added sees its own addition, and not those before it.
    fn added(&mut self, now: Now, id: GroupId, name: &str) {
        self.emit(now, &Occurrence::GroupAdded { group: name });
        self.notices.push_back(Notice::GroupAdded(id));
    }

    fn make_processes(&mut self, group: &Group) {
        let mut daemon = Daemon {
            config: &self.config.supervisord,
            server_url: self.server_url.as_deref(),
            names: &mut self.names,
        };
        let birth = Arc::new(daemon.birth(group));
        for config in &group.config.processes {
            let Some(id) = group.process(&config.name) else {
                continue;
            };
            let mut process = daemon.process(id, group, config.clone(), birth.clone());
            if is_auto(&config.stdout.logfile) {
                process.stdout.create(&mut self.out);
            }
            if is_auto(&config.stderr.logfile) {
                process.stderr.create(&mut self.out);
            }
            self.processes.insert(id, Box::new(process));
        }
    }

    fn acquire_socket(&mut self, now: Now, group: GroupId) {
        if let Some(line) = self.sockets.acquire(group, &mut self.out) {
            self.log(now, LogLevel::Info, format_args!("{line}"));
        }
    }

    pub(super) fn on_socket_opened(&mut self, now: Now, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id).filter(|group| group.pending) else {
            return;
        };
        group.pending = false;
        let name = String::from(group.name());
        if let Some(line) = self.sockets.release(id, &mut self.out) {
            self.log(now, LogLevel::Info, format_args!("{line}"));
        }
        self.added(now, id, &name);
        self.autostart(now, id);
        self.opened_one(now);
    }

    pub(super) fn on_socket_failed(&mut self, now: Now, id: GroupId, error: String) {
        let Some(group) = self.groups.get(&id) else {
            return;
        };
        let url = match &group.config.kind {
            GroupKind::Fcgi(socket) => socket.url(),
            GroupKind::Plain | GroupKind::Listener { .. } => return,
        };
        self.sockets.failed(id);
        let error = alloc::format!("Could not create FastCGI socket {url}: {error}");
        if !group.pending {
            // A spawn follows and fails for want of it; this line says why.
            self.log(now, LogLevel::Error, format_args!("{error}"));
            return;
        }
        let name = String::from(group.name());
        self.log(now, LogLevel::Error, format_args!("{error}"));
        self.forget_group(id);
        self.socket_failed_at_start(&error);
        self.notices.push_back(Notice::GroupFailed { name, error });
        self.opened_one(now);
    }

    /// Starts what starts by itself, in order, if the daemon is up.
    pub(super) fn autostart(&mut self, now: Now, id: GroupId) {
        if !self.is_up() || self.mood != Mood::Running {
            return;
        }
        for process in self.group_processes(id) {
            self.send(now, process, Event::Autostart);
        }
    }

    /// Removes a group none of whose processes has a child.
    pub(crate) fn remove_group(&mut self, now: Now, name: &str) -> Result<(), RemoveError> {
        let id = *self.group_names.get(name).ok_or(RemoveError::BadName)?;
        if !self.group_is_stopped(id) {
            return Err(RemoveError::StillRunning);
        }
        self.forget_group(id);
        self.emit(now, &Occurrence::GroupRemoved { group: name });
        Ok(())
    }

    pub(super) fn forget_group(&mut self, id: GroupId) {
        let Some(group) = self.groups.remove(&id) else {
            return;
        };
        self.group_names.remove(group.name());
        self.group_order
            .remove(&(group.config.priority, String::from(group.name()), id));
        self.sockets.remove(id, &mut self.out);
        self.remove_pool(id);
        for process in group.processes {
            self.clients.process_removed(process);
            self.deadlines.set(Due::Process(process), None);
            self.deadlines.set(Due::StopReport(process), None);
            if let Some(mut process) = self.processes.remove(&process) {
                process.stdout.close(&mut self.out);
                process.stderr.close(&mut self.out);
                if let Some(child) = process.child() {
                    self.spawns.remove(&child.spawn);
                }
            }
        }
    }

    fn group_is_stopped(&self, id: GroupId) -> bool {
        self.unstopped_from(id, 0).is_none()
    }

    /// Where in a group there is a process that is not stopped: the next from this place on, or the
    /// first before it.
    pub(super) fn unstopped_from(&self, id: GroupId, from: usize) -> Option<usize> {
        let group = self.groups.get(&id)?;
        let places = || group.processes.iter().enumerate();
        let (place, _) = places()
            .skip(from)
            .chain(places().take(from))
            .find(|(_, id)| {
                let process = self.processes.get(id);
                process.is_some_and(|process| !process.state().is_stopped())
            })?;
        Some(place)
    }

    /// A group's processes in start order.
    pub(crate) fn group_processes(&self, id: GroupId) -> Vec<ProcessId> {
        self.groups
            .get(&id)
            .map_or_else(Vec::new, |group| group.processes.clone())
    }

    /// All groups in start order.
    pub(crate) fn groups_in_order(&self) -> impl DoubleEndedIterator<Item = GroupId> {
        self.group_order.iter().map(|(_, _, id)| *id)
    }

    /// The process `name` of the group `group`.
    pub(crate) fn find(&self, group: &str, name: &str) -> Option<&Process> {
        let group = self.groups.get(self.group_names.get(group)?)?;
        self.processes
            .get(&group.process(name)?)
            .map(|process| &**process)
    }
}
