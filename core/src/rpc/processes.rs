//! Starting and stopping: from the call to the moment the processes are there.

use super::begin::Named;
use super::call::Whom;
use super::fault::{Fault, FaultKind};
use super::task::{Begun, Outcome, Processes, Step, Task, Waiting};
use super::view;
use crate::notice::StateChange;
use crate::process::{Event, Process, spawn_error_text};
use crate::supervisor::Supervisor;
use crate::xmlrpc::Value;
use crate::{Action, ConnId, GroupId, Now, ProcessId, ProcessState, SpawnError};
use alloc::{format, string::String, vec::Vec};

/// A process as clients name it: `group:name`, or `name` where both are the same.
pub(crate) fn label(group: &str, name: &str) -> String {
    if group == name {
        String::from(name)
    } else {
        format!("{group}:{name}")
    }
}

impl Processes {
    const fn new(single: bool, wait: bool) -> Self {
        Self {
            left: alloc::collections::BTreeMap::new(),
            done: Vec::new(),
            single,
            wait,
        }
    }

    fn finish(&mut self, id: ProcessId, outcome: Result<(), Fault>) {
        if let Some(waiting) = self.left.remove(&id) {
            self.done.push((waiting, outcome));
        }
    }

    /// The call's outcome, once all processes' are known.
    fn outcome(&mut self) -> Option<Outcome> {
        if !self.left.is_empty() {
            return None;
        }
        let mut done = core::mem::take(&mut self.done);
        Some(if self.single {
            let outcome = done.into_iter().next().map_or(Ok(()), |(_, o)| o);
            outcome.map(|()| Value::Bool(true))
        } else {
            // Whoever does not wait is told about them in order, not as the answers happened to come.
            if !self.wait {
                done.sort_by_key(|(waiting, _)| waiting.place);
            }
            let each = done.iter().map(|(w, o)| view::status(&w.name, &w.group, o));
            Ok(Value::Array(each.collect()))
        })
    }
}

impl Supervisor {
    /// The processes of a group that a client named, in start order.
    pub(super) fn processes_of(&self, group: &str) -> Result<Vec<ProcessId>, Fault> {
        let id: GroupId = *self
            .group_names
            .get(group)
            .ok_or_else(|| FaultKind::BadName.about(group))?;
        Ok(self.group_processes(id))
    }

    /// All processes, in start order.
    pub(super) fn all_processes(&self) -> Vec<ProcessId> {
        let groups = self.groups_in_order();
        groups
            .flat_map(|group| self.group_processes(group))
            .collect()
    }

    pub(super) fn begin_start(&mut self, now: Now, conn: ConnId, whom: Whom, wait: bool) -> Begun {
        let wanted = |process: &Process| !process.state().is_running();
        match self.chosen(whom, wait, Step::Check, wanted) {
            Ok(task) => self.run(now, conn, task, Self::check_command),
            Err(fault) => Begun::Done(Err(fault)),
        }
    }

    pub(super) fn begin_stop(&mut self, now: Now, conn: ConnId, whom: Whom, wait: bool) -> Begun {
        match self.chosen(whom, wait, Step::Stop, Process::can_stop) {
            Ok(task) => self.run(now, conn, task, Self::stop_one),
            Err(fault) => Begun::Done(Err(fault)),
        }
    }

    /// On whom a call acts: the one process that is named, or those of a group in a state that is
    /// wanted.
    fn chosen(
        &self,
        whom: Whom,
        wait: bool,
        step: Step,
        wanted: impl Fn(&Process) -> bool,
    ) -> Result<(Processes, Vec<ProcessId>), Fault> {
        let (ids, named) = match whom {
            Whom::Named(name) => match self.named(&name)? {
                Named::One(id) => (alloc::vec![id], Some(name)),
                Named::Group(group) => (self.group_processes(group), None),
            },
            Whom::Group(name) => (self.processes_of(&name)?, None),
            Whom::All => (self.all_processes(), None),
        };
        let mut task = Processes::new(named.is_some(), wait);
        let mut order = Vec::new();
        for id in ids {
            let Some(process) = self.processes.get(&id) else {
                continue;
            };
            if named.is_none() && !wanted(process) {
                continue;
            }
            let (name, group) = (
                process.config.name.clone(),
                String::from(self.group_name(process)),
            );
            let label = named.clone().unwrap_or_else(|| label(&group, &name));
            let waiting = Waiting {
                step,
                place: order.len(),
                name,
                group,
                label,
            };
            task.left.insert(id, waiting);
            order.push(id);
        }
        Ok((task, order))
    }

    /// Does the first step for each process; those that are not done by it are waited for.
    fn run(
        &mut self,
        now: Now,
        conn: ConnId,
        (mut task, order): (Processes, Vec<ProcessId>),
        first: impl Fn(&mut Self, Now, ConnId, ProcessId, &mut Processes),
    ) -> Begun {
        for id in order {
            first(self, now, conn, id, &mut task);
        }
        match task.outcome() {
            Some(outcome) => Begun::Done(outcome),
            None => {
                for id in task.left.keys() {
                    self.clients.watch(*id, conn);
                }
                Begun::Waits(Task::Processes(task))
            }
        }
    }

    /// Whether the command could be executed is asked before anything else, as the reference does:
    /// a typing error is a fault of its own, not a failed start.
    fn check_command(&mut self, _now: Now, conn: ConnId, id: ProcessId, task: &mut Processes) {
        match self.processes.get(&id).map(|process| process.spec()) {
            Some(Ok(spec)) => {
                self.clients.checks.entry(id).or_default().push_back(conn);
                self.out
                    .push_back(Action::CheckCommand { process: id, spec });
            }
            Some(Err(error)) => {
                let fault = command_fault(&error, "");
                task.finish(id, Err(fault));
            }
            None => task.finish(id, Err(FaultKind::AbnormalTermination.bare())),
        }
    }

    fn stop_one(&mut self, now: Now, _conn: ConnId, id: ProcessId, task: &mut Processes) {
        let Some(process) = self.processes.get(&id) else {
            return;
        };
        let label = task.left.get(&id).map_or("", |w| w.label.as_str());
        if !process.can_stop() {
            task.finish(id, Err(FaultKind::NotRunning.about(label)));
            return;
        }
        self.send(now, id, Event::Stop);
        let state = self.processes.get(&id).map(|process| process.state());
        if !task.wait || state.is_none_or(ProcessState::is_stopped) {
            task.finish(id, Ok(()));
        } else {
            self.report_stop_wait(now, id);
        }
    }

    /// Answers `CheckCommand`.
    pub(crate) fn on_command_checked(
        &mut self,
        now: Now,
        id: ProcessId,
        result: Result<(), SpawnError>,
    ) {
        let Some(queue) = self.clients.checks.get_mut(&id) else {
            return;
        };
        let conn = queue.pop_front();
        if queue.is_empty() {
            self.clients.checks.remove(&id);
        }
        if let Some(conn) = conn {
            self.advance(now, conn, id, |this, waiting, wait| match result {
                Err(error) => Some(Err(command_fault(&error, &waiting.name))),
                Ok(()) => this.start_checked(now, id, waiting, wait),
            });
        }
    }

    fn start_checked(
        &mut self,
        now: Now,
        id: ProcessId,
        waiting: &mut Waiting,
        wait: bool,
    ) -> Option<Result<(), Fault>> {
        if waiting.step != Step::Check {
            return None;
        }
        let before = self.processes.get(&id).map(|process| process.state())?;
        if before.is_running() {
            return Some(Err(FaultKind::AlreadyStarted.about(&*waiting.label)));
        }
        if self.is_ending() {
            return Some(Err(FaultKind::ShutdownState.bare()));
        }
        waiting.step = if wait { Step::Start } else { Step::Launch };
        self.send(now, id, Event::Start);
        let after = self.processes.get(&id).map(|process| process.state());
        match after {
            Some(ProcessState::Starting) => None,
            Some(ProcessState::Running) => Some(Ok(())),
            Some(ProcessState::Backoff | ProcessState::Fatal) => {
                Some(Err(FaultKind::SpawnError.about(&*waiting.label)))
            }
            // It does not start while it stops.
            Some(
                ProcessState::Stopping
                | ProcessState::Stopped
                | ProcessState::Exited
                | ProcessState::Unknown,
            )
            | None
                if wait =>
            {
                Some(Err(FaultKind::AbnormalTermination.about(&*waiting.label)))
            }
            Some(
                ProcessState::Stopping
                | ProcessState::Stopped
                | ProcessState::Exited
                | ProcessState::Unknown,
            )
            | None => Some(Ok(())),
        }
    }

    /// A child runs: who did not want to wait for more is answered.
    pub(crate) fn on_launched(&mut self, now: Now, id: ProcessId) {
        for conn in self.clients.watchers_of(id) {
            self.advance(now, conn, id, |_, waiting, _| {
                (waiting.step == Step::Launch).then_some(Ok(()))
            });
        }
    }

    /// A process has changed its state: calls that wait for that are answered.
    pub(crate) fn on_moved(&mut self, now: Now, change: &StateChange) {
        for conn in self.clients.watchers_of(change.process) {
            self.advance(now, conn, change.process, |_, waiting, _| {
                moved(waiting, change.to)
            });
        }
    }

    /// A process is gone with its group: nobody will hear of it again.
    pub(crate) fn on_process_removed(&mut self, now: Now, id: ProcessId) {
        for conn in self.clients.watchers_of(id) {
            self.advance(now, conn, id, |_, waiting, _| {
                Some(match waiting.step {
                    Step::Stop => Ok(()),
                    Step::Check | Step::Launch | Step::Start => {
                        Err(FaultKind::AbnormalTermination.about(&*waiting.label))
                    }
                })
            });
        }
    }

    /// Lets one process of a waiting call go a step further. When it was the last, the call is
    /// answered.
    fn advance(
        &mut self,
        now: Now,
        conn: ConnId,
        id: ProcessId,
        step: impl FnOnce(&mut Self, &mut Waiting, bool) -> Option<Result<(), Fault>>,
    ) {
        let Some(mut task) = self.clients.take_processes(conn) else {
            return;
        };
        let wait = task.wait;
        let outcome = match task.left.get_mut(&id) {
            Some(waiting) => step(self, waiting, wait),
            None => None,
        };
        if let Some(outcome) = outcome {
            task.finish(id, outcome);
            self.clients.unwatch(id, conn);
        }
        match task.outcome() {
            Some(outcome) => self.resume(now, conn, outcome),
            None => self.clients.put_task(conn, Task::Processes(task)),
        }
    }
}

fn moved(waiting: &Waiting, to: ProcessState) -> Option<Result<(), Fault>> {
    let label = || &*waiting.label;
    match (waiting.step, to) {
        (Step::Check, _) => None,
        (Step::Launch | Step::Start, ProcessState::Running) => Some(Ok(())),
        (Step::Launch | Step::Start, ProcessState::Backoff | ProcessState::Fatal) => {
            Some(Err(FaultKind::SpawnError.about(label())))
        }
        (Step::Launch | Step::Start, ProcessState::Starting) => None,
        (Step::Launch, _) => Some(Ok(())),
        (
            Step::Start,
            ProcessState::Stopping
            | ProcessState::Stopped
            | ProcessState::Exited
            | ProcessState::Unknown,
        ) => Some(Err(FaultKind::AbnormalTermination.about(label()))),
        (Step::Stop, ProcessState::Unknown) => Some(Err(
            FaultKind::Failed.about(format!("{} could not be signalled", waiting.label))
        )),
        (Step::Stop, to) => to.is_stopped().then_some(Ok(())),
    }
}

/// What a command that cannot be executed is called on the wire.
fn command_fault(error: &SpawnError, name: &str) -> Fault {
    let text = spawn_error_text(error, name);
    match error {
        SpawnError::NotFound(_) => FaultKind::NoFile.about(text),
        SpawnError::IsDirectory(_)
        | SpawnError::NotExecutable(_)
        | SpawnError::NoPermission(_)
        | SpawnError::BadCommand(_) => FaultKind::NotExecutable.about(text),
        SpawnError::TooManyFiles
        | SpawnError::Pipes(_)
        | SpawnError::TooManyProcesses
        | SpawnError::Fork(_) => FaultKind::SpawnError.about(text),
    }
}
