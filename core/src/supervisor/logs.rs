//! Output of children, and reports about log files.

use super::Supervisor;
use crate::event::{EventKind, Occurrence};
use crate::output::{Segment, Teed};
use crate::process::{Event, Process};
use crate::{ExitStatus, LogId, Now, ProcessId, SpawnId, Stream};
use alloc::borrow::Cow;

/// Which event a child's output becomes.
#[derive(Clone, Copy)]
enum What {
    Log,
    Communication,
}

impl Supervisor {
    /// Runtimes learn of deaths in ways of their own; the line is the one that operators know.
    fn note_death(&mut self, now: Now) {
        self.log(
            now,
            crate::LogLevel::Debug,
            format_args!("received SIGCHLD indicating a child quit"),
        );
    }

    /// A child that is not ours: as PID 1, or as a subreaper.
    pub(super) fn on_orphan_reaped(&mut self, now: Now, pid: crate::Pid, status: ExitStatus) {
        self.note_death(now);
        self.log(
            now,
            crate::LogLevel::Info,
            format_args!("reaped unknown pid {pid} ({status})"),
        );
    }

    /// All output came before: what is still held back belongs to it.
    pub(super) fn on_exited(&mut self, now: Now, spawn: SpawnId, status: ExitStatus) {
        self.note_death(now);
        let Some(id) = self.spawns.get(&spawn).copied() else {
            return;
        };
        for stream in [Stream::Stdout, Stream::Stderr] {
            let wanted = self.wants_log_events(id, stream);
            let Some(process) = self.processes.get_mut(&id) else {
                continue;
            };
            let config = process.config.clone();
            let rest = channel(process, stream).finish(&mut Teed {
                now,
                out: &mut self.out,
                activity: &mut self.activity,
                name: &config.name,
            });
            if wanted && !rest.is_empty() {
                self.emit_output(now, id, stream, What::Log, &rest);
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
        let listens = stream == Stream::Stdout && self.is_listener(id);
        if matches!(data, Cow::Owned(_)) && !listens && self.is_transparent(id, stream) {
            // What the runtime gives away goes into the log as it is.
            self.on_segment(now, id, stream, Segment::Log(data));
            return;
        }
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
        if stream == Stream::Stdout {
            self.listener_output(now, id, &data);
        }
    }

    fn is_transparent(&mut self, id: ProcessId, stream: Stream) -> bool {
        let process = self.processes.get_mut(&id);
        process.is_some_and(|process| channel(process, stream).is_transparent())
    }

    fn on_segment(&mut self, now: Now, id: ProcessId, stream: Stream, segment: Segment<'_>) {
        let as_event = self.wants_log_events(id, stream);
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let config = process.config.clone();
        let channel = channel(process, stream);
        let mut to = Teed {
            now,
            out: &mut self.out,
            activity: &mut self.activity,
            name: &config.name,
        };
        match segment {
            Segment::Log(text) if as_event => {
                channel.log(&mut to, Cow::Borrowed(&text));
                let whole = channel.log_text.whole(&text);
                if !whole.is_empty() {
                    self.emit_output(now, id, stream, What::Log, &whole);
                }
            }
            Segment::Log(text) => channel.log(&mut to, text),
            // Not logged, but an event of its own all the same, as with the reference.
            Segment::Capturing(text) => {
                channel.show(&mut to, &text);
                if as_event {
                    let whole = channel.capture_text.whole(&text);
                    if !whole.is_empty() {
                        self.emit_output(now, id, stream, What::Log, &whole);
                    }
                }
            }
            Segment::Captured(data) => {
                channel.show_captured(&mut to);
                let rest = channel.capture_text.finish();
                if as_event && !rest.is_empty() {
                    self.emit_output(now, id, stream, What::Log, &rest);
                }
                self.emit_output(now, id, stream, What::Communication, &data);
            }
        }
    }

    /// Whether what a process writes to a stream is given to anybody as events.
    pub(super) fn wants_log_events(&self, id: ProcessId, stream: Stream) -> bool {
        let kind = match stream {
            Stream::Stdout => EventKind::ProcessLogStdout,
            Stream::Stderr => EventKind::ProcessLogStderr,
        };
        self.pools.wants(kind)
            && self.processes.get(&id).is_some_and(|process| match stream {
                Stream::Stdout => process.stdout.makes_events(),
                Stream::Stderr => process.stderr.makes_events(),
            })
    }

    fn emit_output(&mut self, now: Now, id: ProcessId, stream: Stream, what: What, data: &[u8]) {
        let Some(process) = self.processes.get(&id) else {
            return;
        };
        let config = process.config.clone();
        let pid = process.pid().map_or(0, |pid| pid.0);
        let group = self
            .groups
            .get(&process.group)
            .map(|group| group.config.clone());
        let group = group.as_ref().map_or("", |group| group.name.as_str());
        let process = config.name.as_str();
        let occurrence = match what {
            What::Log => Occurrence::Log {
                process,
                group,
                pid,
                stream,
                data,
            },
            What::Communication => Occurrence::Communication {
                process,
                group,
                pid,
                stream,
                data,
            },
        };
        self.emit(now, &occurrence);
    }

    pub(super) fn on_log_opened(&mut self, log: LogId, size_bytes: u64, regular: bool) {
        match log {
            LogId::Activity => self.activity.opened(size_bytes, regular),
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
