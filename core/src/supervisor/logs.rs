//! Output of children, and reports about log files.

use super::Supervisor;
use crate::output::Teed;
use crate::process::{Event, Process};
use crate::{ExitStatus, LogId, Now, SpawnId, Stream};
use alloc::borrow::Cow;

impl Supervisor {
    /// All output came before: what is still held back belongs to it.
    pub(super) fn on_exited(&mut self, now: Now, spawn: SpawnId, status: ExitStatus) {
        let Some(id) = self.spawns.get(&spawn).copied() else {
            return;
        };
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(process) = self.processes.get_mut(&id) {
                let name = process.config.clone();
                channel(process, stream).finish(&mut Teed {
                    now,
                    out: &mut self.out,
                    activity: &mut self.activity,
                    name: &name.name,
                });
            }
        }
        self.send(now, id, Event::Exited(status));
    }

    pub(super) fn on_output(
        &mut self,
        now: Now,
        spawn: SpawnId,
        stream: Stream,
        data: Cow<'_, [u8]>,
    ) {
        let Some(process) = self
            .spawns
            .get(&spawn)
            .and_then(|id| self.processes.get_mut(id))
        else {
            return;
        };
        let config = process.config.clone();
        channel(process, stream).log(
            &mut Teed {
                now,
                out: &mut self.out,
                activity: &mut self.activity,
                name: &config.name,
            },
            data,
        );
    }

    pub(super) fn on_log_opened(&mut self, log: LogId, size_bytes: u64, regular: bool) {
        match log {
            LogId::Activity => self.activity.opened(size_bytes, regular),
            LogId::Console => {}
            LogId::Child(id, stream) => {
                if let Some(process) = self.processes.get_mut(&id)
                    && let Some(file) = channel(process, stream).file_mut()
                {
                    file.opened(size_bytes, regular);
                }
            }
        }
    }

    pub(super) fn on_log_failed(
        &mut self,
        now: Now,
        log: LogId,
        error: &str,
        lost_bytes: u64,
        open: bool,
    ) {
        match log {
            LogId::Activity => {
                self.activity
                    .failed(now, &mut self.out, error, lost_bytes, open);
            }
            // There is nowhere left to say it.
            LogId::Console => {}
            LogId::Child(id, stream) => {
                let Some(process) = self.processes.get_mut(&id) else {
                    return;
                };
                let config = process.config.clone();
                channel(process, stream).failed(
                    &mut Teed {
                        now,
                        out: &mut self.out,
                        activity: &mut self.activity,
                        name: &config.name,
                    },
                    error,
                    lost_bytes,
                    open,
                );
            }
        }
    }
}

/// Where a stream of a process goes; with `redirect_stderr` there is only one.
fn channel(process: &mut Process, stream: Stream) -> &mut crate::output::Channel {
    match stream {
        Stream::Stdout => &mut process.stdout,
        Stream::Stderr => &mut process.stderr,
    }
}
