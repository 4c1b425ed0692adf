//! Events: from what happened to the listeners' standard input.

use super::{Due, Supervisor};
use crate::config::GroupKind;
use crate::cx::Mood;
use crate::event::{Event, EventKind, Occurrence, Serials, StateChange, Subscriptions, Ticks};
use crate::group::Group;
use crate::notice;
use crate::pool::{Pool, Returned};
use crate::{Action, GroupId, LogLevel, Now, ProcessId, ProcessState, SpawnId};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;

/// All event listener pools, and who is in which.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    pools: BTreeMap<GroupId, Pool>,
    /// Whose output is the listener protocol: its pool, and its place in it.
    members: BTreeMap<ProcessId, (GroupId, usize)>,
    /// What any pool wants. What nobody wants is not even encoded.
    wanted: Subscriptions,
    serials: Serials,
    ticks: Ticks,
}

impl Pools {
    pub(super) fn new(now: Now) -> Self {
        Self {
            pools: BTreeMap::new(),
            members: BTreeMap::new(),
            wanted: Subscriptions::NONE,
            serials: Serials::default(),
            ticks: Ticks::new(now),
        }
    }

    pub(super) const fn wants(&self, kind: EventKind) -> bool {
        self.wanted.contains(kind)
    }

    /// A process gets no events until it is RUNNING again and that has been noticed.
    pub(super) fn suspend(&mut self, process: ProcessId) {
        if let Some((group, position)) = self.members.get(&process)
            && let Some(pool) = self.pools.get_mut(group)
        {
            pool.set_running(*position, false);
        }
    }

    fn add(&mut self, group: &Group) {
        let GroupKind::Listener {
            buffer_size,
            events,
        } = &group.config.kind
        else {
            return;
        };
        // The configuration was checked when it was read; one made by hand may name nonsense.
        let known = events
            .iter()
            .filter_map(|name| EventKind::from_name(name))
            .fold(Subscriptions::NONE, |mut all, kind| {
                all.insert(kind);
                all
            });
        self.wanted.extend(known);
        let pool = Pool::new(group.name(), *buffer_size, known, group.processes.len());
        self.pools.insert(group.id, pool);
        for (position, process) in group.processes.iter().enumerate() {
            self.members.insert(*process, (group.id, position));
        }
    }

    fn remove(&mut self, group: GroupId) {
        if self.pools.remove(&group).is_none() {
            return;
        }
        self.members.retain(|_, (pool, _)| *pool != group);
        self.wanted = self
            .pools
            .values()
            .fold(Subscriptions::NONE, |mut all, pool| {
                all.extend(pool.subscriptions());
                all
            });
    }
}

impl Supervisor {
    pub(super) fn add_pool(&mut self, group: &Group) {
        self.pools.add(group);
        self.arm_ticks();
    }

    pub(super) fn remove_pool(&mut self, group: GroupId) {
        self.pools.remove(group);
        self.deadlines.set(Due::Pool(group), None);
        self.arm_ticks();
    }

    /// Puts an event into the buffer of every pool that wants it, and delivers what can be.
    pub(crate) fn emit(&mut self, now: Now, what: &Occurrence<'_>) {
        let kind = what.kind();
        if !self.pools.wants(kind) {
            return;
        }
        let event = Arc::new(Event::new(self.pools.serials.mint(), what));
        for pool in self.pools.pools.values_mut() {
            if pool.wants(kind)
                && let Some(discarded) = pool.offer(&event)
            {
                let line = pool.overflow_line(discarded);
                let (activity, out) = (&mut self.activity, &mut self.out);
                activity.log(now, out, LogLevel::Error, format_args!("{line}"));
            }
        }
        let interested = self.pools.pools.iter().filter(|(_, pool)| pool.wants(kind));
        for group in interested
            .map(|(id, _)| *id)
            .collect::<alloc::vec::Vec<_>>()
        {
            self.deliver(now, group);
        }
    }

    /// Hands waiting events to listeners that are ready for them.
    pub(super) fn deliver(&mut self, now: Now, group: GroupId) {
        let Some(pool) = self.pools.pools.get_mut(&group) else {
            return;
        };
        let identifier = &self.config.supervisord.identifier;
        while let Some(delivery) = pool.deliver(now.mono, identifier) {
            let process = self
                .groups
                .get(&group)
                .and_then(|group| group.processes.get(delivery.position))
                .and_then(|id| self.processes.get(id));
            let Some((process, child)) = process.and_then(|p| Some((p, p.child()?))) else {
                // It was RUNNING a moment ago; its end will bring the event back.
                debug_assert!(false, "an event was delivered to a process without a child");
                return;
            };
            let (activity, out) = (&mut self.activity, &mut self.out);
            if activity.wants(LogLevel::Debug) {
                let name = &process.config.name;
                let line = delivery.log_line(name);
                activity.log(now, out, LogLevel::Debug, format_args!("{line}"));
                for (level, line) in delivery.notice.log_lines(name) {
                    activity.log(now, out, level, format_args!("{line}"));
                }
            }
            out.push_back(Action::WriteStdin {
                spawn: child.spawn,
                data: delivery.data,
            });
        }
        let deadline = pool.deadline();
        self.deadlines.set(Due::Pool(group), deadline);
    }

    /// A change of state: an event for others, and news for the pool the process is in.
    pub(super) fn emit_state(&mut self, now: Now, change: &notice::StateChange) {
        if self.pools.wanted.is_empty() {
            return;
        }
        // First the news: a listener that is gone, or going, must not be given word of that.
        let pool = self.member_changed(now, change);
        if self.pools.wants(state_change(change).kind())
            && let Some(process) = self.processes.get(&change.process)
            && let Some(group) = self.groups.get(&process.group)
        {
            let (config, group) = (process.config.clone(), group.config.clone());
            self.emit(
                now,
                &Occurrence::ProcessState {
                    process: &config.name,
                    group: &group.name,
                    from_state: change.from.name(),
                    change: state_change(change),
                },
            );
        }
        if let Some(pool) = pool {
            self.deliver(now, pool);
        }
    }

    /// Gives the pool that the process is in, if it is in one.
    fn member_changed(&mut self, now: Now, change: &notice::StateChange) -> Option<GroupId> {
        let (group, position) = self.pools.members.get(&change.process).copied()?;
        let pool = self.pools.pools.get_mut(&group)?;
        let returned = match change.to {
            ProcessState::Starting => pool.started(position),
            ProcessState::Running => {
                // It may have moved on since, though not as far as to another child: that would
                // take another input.
                let process = self.processes.get(&change.process);
                let still = process.is_some_and(|p| p.state() == ProcessState::Running);
                pool.set_running(position, still);
                None
            }
            ProcessState::Stopping | ProcessState::Unknown => {
                pool.set_running(position, false);
                None
            }
            ProcessState::Stopped
            | ProcessState::Backoff
            | ProcessState::Exited
            | ProcessState::Fatal => pool.ended(position),
        };
        self.log_returned(now, group, returned);
        Some(group)
    }

    /// A listener wrote to its standard output.
    pub(super) fn listener_output(&mut self, now: Now, id: ProcessId, mut data: &[u8]) {
        let Some((group, position)) = self.pools.members.get(&id).copied() else {
            return;
        };
        loop {
            let Some(pool) = self.pools.pools.get_mut(&group) else {
                return;
            };
            let Some(told) = pool.output(position, &mut data) else {
                break;
            };
            if self.activity.wants(told.notice.level()) {
                let name = self
                    .processes
                    .get(&id)
                    .map_or_else(String::new, |process| process.config.name.clone());
                for (level, line) in told.notice.log_lines(&name) {
                    self.log(now, level, format_args!("{line}"));
                }
            }
            self.log_returned(now, group, told.returned);
        }
        self.deliver(now, group);
    }

    fn log_returned(&mut self, now: Now, group: GroupId, returned: Option<Returned>) {
        if let Some(returned) = returned
            && let Some(pool) = self.pools.pools.get(&group)
        {
            for (level, line) in pool.returned_lines(returned) {
                let (activity, out) = (&mut self.activity, &mut self.out);
                activity.log(now, out, level, format_args!("{line}"));
            }
        }
    }

    /// Whether what it writes to its standard output is the protocol.
    pub(super) fn is_listener(&self, id: ProcessId) -> bool {
        self.pools.members.contains_key(&id)
    }

    /// All that was written to a child's standard input has been taken.
    pub(super) fn on_stdin_progress(&mut self, now: Now, spawn: SpawnId) {
        if let Some(id) = self.spawns.get(&spawn) {
            if let Some(process) = self.processes.get_mut(id) {
                process.stdin_queued_bytes = 0;
            }
            if let Some((group, position)) = self.pools.members.get(id).copied()
                && let Some(pool) = self.pools.pools.get_mut(&group)
            {
                pool.stdin_drained(position);
            }
        }
        self.on_stdin_tried(now, spawn, false);
    }

    pub(super) fn on_stdin_closed(&mut self, now: Now, spawn: SpawnId) {
        let Some(id) = self.spawns.get(&spawn).copied() else {
            return;
        };
        if let Some(process) = self.processes.get_mut(&id) {
            process.stdin_closed = true;
        }
        if let Some((group, position)) = self.pools.members.get(&id).copied()
            && let Some(pool) = self.pools.pools.get_mut(&group)
        {
            let returned = pool.stdin_closed(position);
            self.log_returned(now, group, returned);
            self.deliver(now, group);
        }
        self.on_stdin_tried(now, spawn, true);
    }

    pub(super) fn emit_mood(&mut self, now: Now, mood: Mood) {
        let what = match mood {
            Mood::Running => Occurrence::SupervisorRunning,
            Mood::Restarting | Mood::Shutdown => Occurrence::SupervisorStopping,
        };
        self.emit(now, &what);
    }

    /// Looks at the wall clock, as it was read for this input.
    pub(super) fn tick(&mut self, now: Now) {
        let mut any = false;
        for tick in self.pools.ticks.advance(now) {
            any = true;
            self.emit(now, &tick);
        }
        if any {
            self.arm_ticks();
        }
    }

    pub(super) fn arm_ticks(&mut self) {
        let deadline = self.pools.ticks.deadline(self.pools.wanted);
        self.deadlines.set(Due::Tick, deadline);
    }
}

fn state_change(change: &notice::StateChange) -> StateChange {
    let (tries, pid) = (u64::from(change.tries), change.pid.0);
    match change.to {
        ProcessState::Starting => StateChange::Starting { tries },
        ProcessState::Running => StateChange::Running { pid },
        ProcessState::Backoff => StateChange::Backoff { tries },
        ProcessState::Stopping => StateChange::Stopping { pid },
        ProcessState::Exited => StateChange::Exited {
            pid,
            expected: change.expected,
        },
        ProcessState::Stopped => StateChange::Stopped { pid },
        ProcessState::Fatal => StateChange::Fatal,
        ProcessState::Unknown => StateChange::Unknown,
    }
}

#[cfg(test)]
mod tests;
