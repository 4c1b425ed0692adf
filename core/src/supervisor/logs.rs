//! Output of children, and reports about log files.

use super::Supervisor;
use crate::event::{EventKind, Occurrence};
use crate::output::{Segment, Teed};
use crate::process::{Event, Process};
use crate::{ExitStatus, LogId, Now, ProcessId, SpawnId, Stream};
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

    /// A child wrote something: to its log, to the listener protocol, to events.
    pub(super) fn on_output(
        &mut self,
        now: Now,
        spawn: SpawnId,
        stream: Stream,
        data: Cow<'_, [u8]>,
    ) {
        let Some(id) = self.spawns.get(&spawn).copied() else {
            return;
        };
        let mut rest = &data[..];
        loop {
            let segment = self
                .processes
                .get_mut(&id)
                .and_then(|process| channel(process, stream).next_segment(&mut rest));
            let Some(segment) = segment else {
                break;
            };
            self.on_segment(now, id, stream, segment);
        }
        if stream == Stream::Stdout && self.is_listener(id) {
            self.listener_output(now, id, &data);
        }
    }

    fn on_segment(&mut self, now: Now, id: ProcessId, stream: Stream, segment: Segment<'_>) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let config = process.config.clone();
        let group = self
            .groups
            .get(&process.group)
            .map(|group| group.config.clone());
        let group = group.as_ref().map_or("", |group| group.name.as_str());
        let pid = process.pid().map_or(0, |pid| pid.0);
        let (log_kind, enabled) = match stream {
            Stream::Stdout => (EventKind::ProcessLogStdout, config.stdout.events_enabled),
            Stream::Stderr => (EventKind::ProcessLogStderr, config.stderr.events_enabled),
        };
        let as_event = enabled && self.pools.wants(log_kind);
        let event = |data| Occurrence::Log {
            process: &config.name,
            group,
            pid,
            stream,
            data,
        };
        let mut to = Teed {
            now,
            out: &mut self.out,
            activity: &mut self.activity,
            name: &config.name,
        };
        match segment {
            Segment::Log(text) if as_event => {
                channel(process, stream).log(&mut to, Cow::Borrowed(&text));
                self.emit(now, &event(&text));
            }
            Segment::Log(text) => channel(process, stream).log(&mut to, text),
            // Not logged, but an event of its own all the same, as with the reference.
            Segment::Capturing(text) => {
                channel(process, stream).show(&mut to, &text);
                if as_event {
                    self.emit(now, &event(&text));
                }
            }
            Segment::Captured(data) => self.emit(
                now,
                &Occurrence::Communication {
                    process: &config.name,
                    group,
                    pid,
                    stream,
                    data: &data,
                },
            ),
        }
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
