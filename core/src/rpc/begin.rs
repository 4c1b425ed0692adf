//! Calls begin here.

use super::call::{Action, Call, Whom};
use super::fault::{Fault, FaultKind};
use super::task::{Begun, Outcome, Task};
use super::view::{self, Active};
use super::{system, view::structure};
use crate::event::Occurrence;
use crate::process::Process;
use crate::supervisor::{AddError, RemoveError, Supervisor};
use crate::xmlrpc::{Value, Written};
use crate::{ConnId, Mood, Now, ProcessState, Signal};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// The version of these methods.
const API_VERSION: &str = "3.0";
/// The version of Supervisor that clients find here.
pub(crate) const COMPATIBLE_VERSION: &str = "4.3.0";

/// A process that a client named.
pub(super) enum Named {
    /// Exactly one.
    One(crate::ProcessId),
    /// `group:*`.
    Group(crate::GroupId),
}

impl Supervisor {
    /// Begins a call. `conn` is who gets the answer, should it come later.
    pub(crate) fn begin_call(&mut self, now: Now, conn: ConnId, call: Call) -> Begun {
        let namespaces = &self.config.rpc_interfaces;
        Begun::Done(match call {
            Call::ListMethods => Ok(system::list_methods(namespaces)),
            Call::MethodHelp(name) => system::method_help(namespaces, &name),
            Call::MethodSignature(name) => system::method_signature(namespaces, &name),
            // Whoever runs the calls of a multicall does not hand on one of these.
            Call::Multicall(_) => Err(FaultKind::IncorrectParameters.bare()),
            Call::Supervisor(action) => return self.begin_action(now, conn, action),
        })
    }

    /// Begins what the supervisor is asked to do.
    pub(crate) fn begin_action(&mut self, now: Now, conn: ConnId, action: Action) -> Begun {
        if self.is_ending() && !matches!(action, Action::SendEvent(..)) {
            return Begun::Done(Err(FaultKind::ShutdownState.bare()));
        }
        Begun::Done(match action {
            Action::ApiVersion => Ok(Value::from(API_VERSION)),
            Action::SupervisorVersion => Ok(Value::from(COMPATIBLE_VERSION)),
            Action::Identification => Ok(Value::from(self.config.supervisord.identifier.as_str())),
            Action::State => Ok(structure([
                ("statecode", Value::Int(i64::from(self.mood().code()))),
                ("statename", Value::from(self.mood().name())),
            ])),
            Action::Pid => Ok(Value::Int(i64::from(self.boot.pid.0))),
            Action::Shutdown => {
                self.clients.shutdown_wanted = true;
                Ok(Value::Bool(true))
            }
            Action::Restart => {
                let token = self.read_config(true);
                self.clients.readings.insert(token, conn);
                return Begun::Waits(Task::Restart { token });
            }
            Action::ReloadConfig => {
                let token = self.read_config(false);
                self.clients.readings.insert(token, conn);
                return Begun::Waits(Task::Reread { token });
            }
            Action::AddGroup(name) => return self.begin_add(now, conn, name),
            Action::RemoveGroup(name) => self.remove_named(now, name),
            Action::Start(whom, wait) => return self.begin_start(now, conn, whom, wait),
            Action::Stop(whom, wait) => return self.begin_stop(now, conn, whom, wait),
            Action::Signal(whom, signal) => self.signal(now, whom, &signal),
            Action::AllConfigInfo => Ok(self.all_config_info()),
            Action::ProcessInfo(name) => return self.named_process_info(now, &name),
            Action::AllProcessInfo => return Begun::Written(self.all_process_info(now)),
            Action::ReadLog(range) => return self.begin_read_main(conn, range),
            Action::ClearLog => return self.begin_clear_main(conn),
            Action::ReadProcessLog(name, stream, range) => {
                return self.begin_read(conn, &name, stream, range);
            }
            Action::TailProcessLog(name, stream, range) => {
                return self.begin_tail(conn, &name, stream, range);
            }
            Action::ClearProcessLogs(name) => return self.begin_clear(conn, &name),
            Action::ClearAllProcessLogs => return self.begin_clear_all(conn),
            Action::ClearGroupLogs(group) => {
                return match self.processes_of(&group) {
                    Ok(ids) => self.begin_clear_these(conn, &ids, false),
                    Err(fault) => Begun::Done(Err(fault)),
                };
            }
            Action::SendStdin(name, chars) => return self.send_stdin(now, conn, &name, chars),
            Action::SendEvent(kind, data) => {
                let what = Occurrence::Remote {
                    kind: &kind,
                    data: &data,
                };
                self.emit(now, &what);
                Ok(Value::Bool(true))
            }
        })
    }

    /// The daemon stops everything, or will as soon as the present answers are given.
    pub(crate) fn is_ending(&self) -> bool {
        self.mood() != Mood::Running || self.clients.shutdown_wanted
    }

    /// What a client means by a name; `Named::Group` only by `group:*` and `group:`.
    pub(super) fn named(&self, name: &str) -> Result<Named, Fault> {
        let bad = || FaultKind::BadName.about(name);
        let (group, process) = name.split_once(':').unwrap_or((name, name));
        let id = *self.group_names.get(group).ok_or_else(bad)?;
        if matches!(process, "" | "*") {
            return Ok(Named::Group(id));
        }
        let group = self.groups.get(&id).ok_or_else(bad)?;
        group.process(process).map(Named::One).ok_or_else(bad)
    }

    /// The one process a client means by a name.
    pub(crate) fn named_process(&self, name: &str) -> Result<&Process, Fault> {
        match self.named(name)? {
            Named::One(id) => self.processes.get(&id).map(|process| &**process),
            Named::Group(_) => None,
        }
        .ok_or_else(|| FaultKind::BadName.about(name))
    }

    fn named_process_info(&self, now: Now, name: &str) -> Begun {
        match self.named_process(name) {
            Ok(process) => Begun::Written(Written::value_of(|out| {
                let glance = process.glance(self.group_name(process), &now);
                view::write_process_info(out, &glance);
            })),
            Err(fault) => Begun::Done(Err(fault)),
        }
    }

    fn all_process_info(&self, now: Now) -> Written {
        Written::array_of(self.processes_by_name(), |out, (group, process)| {
            view::write_process_info(out, &process.glance(group, &now));
        })
    }

    /// All processes with their groups' names, sorted by both.
    pub(crate) fn processes_by_name(&self) -> impl Iterator<Item = (&str, &Process)> {
        self.group_names
            .values()
            .filter_map(|id| self.groups.get(id))
            .flat_map(|group| group.by_name().map(move |(_, id)| (group.name(), id)))
            .filter_map(|(group, id)| Some((group, &**self.processes.get(&id)?)))
    }

    pub(crate) fn group_name(&self, process: &Process) -> &str {
        self.groups
            .get(&process.group)
            .map_or("", crate::group::Group::name)
    }

    fn all_config_info(&self) -> Value {
        let mut all: Vec<(&str, Value)> = Vec::new();
        for group in &self.available {
            for config in &group.processes {
                let process = self.find(&group.name, &config.name);
                let active = Active {
                    inuse: self.group_names.contains_key(&group.name),
                    stdout_path: process.and_then(|p| p.stdout.path()),
                    stderr_path: process.and_then(|p| p.stderr.path()),
                };
                all.push((&config.name, view::config_info(group, config, &active)));
            }
        }
        all.sort_by_key(|(name, _)| *name);
        Value::Array(all.into_iter().map(|(_, value)| value).collect())
    }

    fn begin_add(&mut self, now: Now, conn: ConnId, name: String) -> Begun {
        match self.add_group(now, &name) {
            Ok(_) => {
                self.clients.additions.insert(name.clone(), conn);
                Begun::Waits(Task::AddGroup { name })
            }
            Err(AddError::AlreadyAdded) => Begun::Done(Err(FaultKind::AlreadyAdded.about(name))),
            Err(AddError::BadName) => Begun::Done(Err(FaultKind::BadName.about(name))),
        }
    }

    fn remove_named(&mut self, now: Now, name: String) -> Outcome {
        match self.remove_group(now, &name) {
            Ok(()) => {
                self.clients.pages_have_changed();
                Ok(Value::Bool(true))
            }
            Err(RemoveError::StillRunning) => Err(FaultKind::StillRunning.about(name)),
            Err(RemoveError::BadName) => Err(FaultKind::BadName.about(name)),
        }
    }

    /// What has changed between the groups that are active and those that were read last.
    pub(crate) fn changed_groups(&self) -> Value {
        let read: BTreeMap<&str, _> = self
            .available
            .iter()
            .map(|g| (g.name.as_str(), g))
            .collect();
        let active = |name: &str| {
            let id = self.group_names.get(name)?;
            self.groups.get(id)
        };
        let names = |keep: &dyn Fn(&str) -> bool| {
            let known = self.available.iter().map(|group| &group.name);
            view::texts(known.filter(|name| keep(name)).cloned())
        };
        let added = names(&|name| active(name).is_none());
        let changed = names(&|name| {
            active(name)
                .is_some_and(|group| read.get(name).is_some_and(|new| **new != group.config))
        });
        let order = self.groups_in_order().filter_map(|id| self.groups.get(&id));
        let gone = order.filter(|group| !read.contains_key(group.name()));
        let removed = view::texts(gone.map(|group| String::from(group.name())));
        Value::Array(alloc::vec![Value::Array(alloc::vec![
            added, changed, removed
        ])])
    }

    fn signal(&mut self, now: Now, whom: Whom, text: &str) -> Outcome {
        let ids = match whom {
            Whom::Named(name) => match self.named(&name)? {
                Named::One(id) => {
                    self.signal_one(now, id, &name, text)?;
                    return Ok(Value::Bool(true));
                }
                Named::Group(group) => self.group_processes(group),
            },
            Whom::Group(name) => self.processes_of(&name)?,
            Whom::All => self.all_processes(),
        };
        let mut results = Vec::new();
        for id in ids {
            let Some(process) = self.processes.get(&id) else {
                continue;
            };
            if !process.state().is_signallable() {
                continue;
            }
            let (name, group) = (
                process.config.name.clone(),
                String::from(self.group_name(process)),
            );
            let label = super::processes::label(&group, &name);
            let outcome = self.signal_one(now, id, &label, text);
            results.push(view::status(&name, &group, &outcome));
        }
        Ok(Value::Array(results))
    }

    fn signal_one(
        &mut self,
        now: Now,
        id: crate::ProcessId,
        label: &str,
        text: &str,
    ) -> Result<(), Fault> {
        let signal = signal_of(text).ok_or_else(|| FaultKind::BadSignal.about(text))?;
        let state = self.processes.get(&id).map(|process| process.state());
        if !state.is_some_and(ProcessState::is_signallable) {
            return Err(FaultKind::NotRunning.about(label));
        }
        self.send(now, id, crate::process::Event::Signal(signal));
        Ok(())
    }
}

/// A signal by name or number.
fn signal_of(text: &str) -> Option<Signal> {
    match text.trim().parse::<i64>() {
        Ok(number) => Signal::from_number(number),
        Err(_) => Signal::from_name(text.trim()),
    }
}
