//! Writing to a program's standard input.

use super::fault::{Fault, FaultKind};
use super::task::{Begun, Task};
use crate::supervisor::{Due, Supervisor};
use crate::xmlrpc::Value;
use crate::{Action, ConnId, Now, ProcessState, SpawnId};
use alloc::{string::String, vec::Vec};
use core::time::Duration;

/// When a write must have been tried: later than now, so that what comes of it is heard first.
const STDIN_TRIAL_TIME: Duration = Duration::from_millis(1);
/// Most bytes that may wait for one process to read them.
const STDIN_QUEUED_BYTES_MAX: usize = 16 << 20;

impl Supervisor {
    pub(super) fn send_stdin(
        &mut self,
        now: Now,
        conn: ConnId,
        name: &str,
        chars: Vec<u8>,
    ) -> Begun {
        match self.queue_stdin(name, chars) {
            Err(fault) => Begun::Done(Err(fault)),
            Ok(None) => Begun::Done(Ok(Value::Bool(true))),
            Ok(Some(spawn)) => {
                self.clients.writers.entry(spawn).or_default().push(conn);
                let tried = now.mono + STDIN_TRIAL_TIME;
                self.deadlines.set(Due::Stdin(spawn), Some(tried));
                let label = String::from(name);
                Begun::Waits(Task::Stdin { spawn, label })
            }
        }
    }

    /// Hands bytes to the runtime; the child whose pipe they go to at once, if they do.
    fn queue_stdin(&mut self, name: &str, chars: Vec<u8>) -> Result<Option<SpawnId>, Fault> {
        let id = self.named_process(name)?.id;
        let Some(process) = self.processes.get_mut(&id) else {
            return Err(FaultKind::BadName.about(name));
        };
        let child = process.child().filter(|child| child.pid.is_some());
        let Some(child) = child.filter(|_| process.state() != ProcessState::Stopping) else {
            return Err(FaultKind::NotRunning.about(name));
        };
        let spawn = child.spawn;
        if process.stdin_closed || !process.has_stdin() {
            return Err(FaultKind::NoFile.about(name));
        }
        let behind_others = process.stdin_queued_bytes > 0;
        let queued = process.stdin_queued_bytes.saturating_add(chars.len());
        if queued > STDIN_QUEUED_BYTES_MAX {
            let text = alloc::format!("{name} does not read its standard input");
            return Err(FaultKind::Failed.about(text));
        }
        if chars.is_empty() {
            return Ok(None);
        }
        process.stdin_queued_bytes = queued;
        self.out
            .push_back(Action::WriteStdin { spawn, data: chars });
        Ok((!behind_others).then_some(spawn))
    }

    /// A write was tried. It was done, or the pipe had no reader; or nothing came of it so far
    /// (`Due::Stdin`), because the pipe is full: then the bytes are queued,
    /// and nobody waits for a program that may never read them.
    pub(crate) fn on_stdin_tried(&mut self, now: Now, spawn: SpawnId, closed: bool) {
        let Some(conns) = self.clients.writers.remove(&spawn) else {
            return;
        };
        self.deadlines.set(Due::Stdin(spawn), None);
        for conn in conns {
            let right = |task: &Task| matches!(task, Task::Stdin { spawn: of, .. } if *of == spawn);
            let Some(Task::Stdin { label, .. }) = self.clients.take_task(conn, right) else {
                continue;
            };
            let outcome = if closed {
                Err(FaultKind::NoFile.about(label))
            } else {
                Ok(Value::Bool(true))
            };
            self.resume(now, conn, outcome);
        }
    }
}
