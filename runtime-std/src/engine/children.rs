//! Children: their birth, their pipes, their end.

use super::{Engine, Interest, READ_BYTES, SPARES, Source, Waiting};
use crate::sys::pipes::{self, LARGE_PIPE_BYTES, OurEnds};
use crate::sys::queue::{Flushed, WriteQueue};
use crate::sys::{Fd, reap};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read};
use std::borrow::Cow;
use visor_core::{
    ExitStatus, Input, Pid, Signal, SpawnError, SpawnId, SpawnSpec, StdinSpec, Stream,
};

/// So many full reads in a row show that a child writes more than its pipe holds.
const FULL_READS: u8 = 2;
/// From this on, what was read is given away together with the buffer instead of being copied.
const GIVEN_BYTES: usize = 16 << 10;

/// One child that has not been reported as ended.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: Pid,
    stdin: Option<Stdin>,
    stdout: Option<OutputEnd>,
    stderr: Option<OutputEnd>,
}

#[derive(Debug)]
struct Stdin {
    fd: Fd,
    queue: WriteQueue,
    watched: bool,
}

#[derive(Debug)]
struct OutputEnd {
    fd: Fd,
    watched: bool,
    full_reads: u8,
}

impl OutputEnd {
    fn new(fd: Fd) -> Self {
        Self {
            fd,
            watched: false,
            full_reads: 0,
        }
    }

    fn interest(&self) -> Interest {
        if self.watched {
            Interest::READ
        } else {
            Interest::NONE
        }
    }
}

impl Stdin {
    fn interest(&self) -> Interest {
        if self.watched {
            Interest::WRITE
        } else {
            Interest::NONE
        }
    }
}

impl Child {
    fn output(&mut self, stream: Stream) -> Option<&mut OutputEnd> {
        self.slot(stream).as_mut()
    }

    fn slot(&mut self, stream: Stream) -> &mut Option<OutputEnd> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

fn source(spawn: SpawnId, stream: Stream) -> Source {
    match stream {
        Stream::Stdout => Source::Stdout(spawn),
        Stream::Stderr => Source::Stderr(spawn),
    }
}

/// What one read of a pipe gave.
enum Got {
    Bytes(usize),
    Nothing,
    End,
}

/// Reads into the memory a buffer has.
fn read_some(fd: &Fd, buffer: &mut Vec<u8>) -> Got {
    loop {
        buffer.clear();
        match read(fd, spare_capacity(buffer)) {
            Ok(0) => return Got::End,
            Ok(count) => return Got::Bytes(count),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Got::Nothing,
            Err(_) => return Got::End,
        }
    }
}

/// Memory for reads of so many bytes: that of what was written, unless it was something long.
fn buffer_of(mut written: Vec<u8>, bytes: usize) -> Vec<u8> {
    if !(bytes..=LARGE_PIPE_BYTES).contains(&written.capacity()) {
        // A new piece rather than one that grows: it may begin at a better place.
        return Vec::with_capacity(bytes);
    }
    written.clear();
    written
}

impl<W: Waiting> Engine<W> {
    pub(super) fn spawn(&mut self, spawn: SpawnId, spec: &SpawnSpec) {
        match self.try_spawn(spawn, spec) {
            Ok((pid, ours)) => {
                let child = Child {
                    pid,
                    stdin: ours.stdin.map(|fd| Stdin {
                        fd,
                        queue: WriteQueue::default(),
                        watched: false,
                    }),
                    stdout: Some(OutputEnd::new(ours.stdout)),
                    stderr: ours.stderr.map(OutputEnd::new),
                };
                self.children.insert(spawn, child);
                self.resume_child(spawn);
                self.answer(Input::Spawned { spawn, pid });
            }
            Err(error) => self.answer(Input::SpawnFailed { spawn, error }),
        }
    }

    fn try_spawn(
        &mut self,
        spawn: SpawnId,
        spec: &SpawnSpec,
    ) -> Result<(Pid, OurEnds), SpawnError> {
        let prepared = self.performer.spawner.prepare(spec)?;
        let socket = match spec.stdin {
            StdinSpec::Pipe => None,
            StdinSpec::Socket(group) => match self.performer.socket(group) {
                Some(listener) => Some(listener.fd().clone()),
                None => return Err(SpawnError::Pipes("EBADF".to_owned())),
            },
        };
        let (ours, theirs) = pipes::make(socket, spec.redirect_stderr)?;
        // The pipes are there. What else it takes to start a child must be there too, or it would
        // run without anybody knowing: in a full table the spares make room for it.
        let tight = theirs.is_near_limit(SPARES);
        if tight {
            if !self.spares.hold() {
                return Err(SpawnError::TooManyFiles);
            }
            self.spares.release();
        }
        let pid = self.performer.spawner.spawn(&prepared, &theirs);
        drop(theirs);
        let watched = pid.and_then(|pid| self.own(spawn, pid).map(|()| pid));
        if tight {
            self.spares.hold();
        }
        Ok((watched?, ours))
    }

    /// A child is ours from now on. One whose end nobody would learn of is ended and collected.
    fn own(&mut self, spawn: SpawnId, pid: Pid) -> Result<(), SpawnError> {
        if self.waiting.watch_child(spawn, pid).is_err() {
            let _ = reap::signal(pid, Signal::KILL, false);
            while reap::one(pid).is_none() {
                std::thread::yield_now();
            }
            return Err(SpawnError::TooManyFiles);
        }
        self.pids.insert(pid, spawn);
        Ok(())
    }

    /// A child that outlived an exec of the daemon. Its pipes are not known here.
    pub(super) fn adopt(&mut self, spawn: SpawnId, pid: Pid) {
        if !reap::is_child(pid) {
            let error = SpawnError::Fork("ECHILD".to_owned());
            return self.answer(Input::SpawnFailed { spawn, error });
        }
        match self.waiting.watch_child(spawn, pid) {
            Ok(()) => {
                let child = Child {
                    pid,
                    stdin: None,
                    stdout: None,
                    stderr: None,
                };
                self.pids.insert(pid, spawn);
                self.children.insert(spawn, child);
                self.answer(Input::Spawned { spawn, pid });
            }
            Err(error) => {
                let error = SpawnError::Fork(crate::sys::error_name(&error));
                self.answer(Input::SpawnFailed { spawn, error });
            }
        }
    }

    pub(super) fn signal_child(&mut self, spawn: SpawnId, signal: Signal, group: bool) {
        // A child that is gone has had its end reported.
        let Some(child) = self.children.get(&spawn) else {
            return;
        };
        if let Err(error) = reap::signal(child.pid, signal, group) {
            self.answer(Input::SignalFailed {
                spawn,
                signal,
                error,
            });
        }
    }

    /// A child has ended and was collected. What it wrote is reported first: as much as is in the
    /// pipes now, for a descendant may hold them open and write for ever.
    pub(super) fn exited(&mut self, spawn: SpawnId, status: ExitStatus) {
        for stream in STREAMS {
            self.read_rest(spawn, stream);
        }
        let Some(mut child) = self.children.remove(&spawn) else {
            return;
        };
        for stream in STREAMS {
            if let Some(output) = child.output(stream) {
                let old = output.interest();
                self.waiting.forget(source(spawn, stream), &output.fd, old);
            }
        }
        if let Some(stdin) = &child.stdin {
            let old = stdin.interest();
            self.waiting.forget(Source::Stdin(spawn), &stdin.fd, old);
        }
        // The ends are closed before the next child is started: it may need the descriptors.
        drop(child);
        self.feed(Input::Exited { spawn, status });
    }

    /// As much as a large pipe holds for one report: children that write much take turns.
    pub(super) fn read_child(&mut self, spawn: SpawnId, stream: Stream) {
        let mut bytes = 0;
        while bytes < LARGE_PIPE_BYTES {
            match self.read_child_once(spawn, stream) {
                Some(count) => bytes += count,
                None => return,
            }
        }
    }

    /// Returns how much it was if there is likely more, and a log that takes it.
    fn read_child_once(&mut self, spawn: SpawnId, stream: Stream) -> Option<usize> {
        let output = self
            .children
            .get_mut(&spawn)
            .and_then(|child| child.output(stream))?;
        match read_some(&output.fd, &mut self.buffer) {
            Got::Nothing => None,
            Got::End => {
                self.close_output(spawn, stream);
                None
            }
            Got::Bytes(count) => {
                let is_full = count == self.buffer.capacity();
                if count >= READ_BYTES && output.full_reads < FULL_READS {
                    output.full_reads += 1;
                    if output.full_reads == FULL_READS {
                        pipes::enlarge(&output.fd);
                        self.read_bytes = LARGE_PIPE_BYTES;
                    }
                }
                self.report_output(spawn, stream);
                match self.congested.take() {
                    Some(serial) => {
                        self.pause_child(spawn, serial);
                        None
                    }
                    None => is_full.then_some(count),
                }
            }
        }
    }

    fn read_rest(&mut self, spawn: SpawnId, stream: Stream) {
        let mut left = None;
        loop {
            let Some(output) = self
                .children
                .get_mut(&spawn)
                .and_then(|child| child.output(stream))
            else {
                return;
            };
            let waiting = *left.get_or_insert_with(|| pipes::waiting_bytes(&output.fd));
            if waiting == 0 {
                return;
            }
            match read_some(&output.fd, &mut self.buffer) {
                Got::Nothing | Got::End => return,
                Got::Bytes(count) => {
                    left = Some(waiting.saturating_sub(count as u64));
                    self.report_output(spawn, stream);
                    self.congested = None;
                }
            }
        }
    }

    /// What was just read.
    fn report_output(&mut self, spawn: SpawnId, stream: Stream) {
        let data = if self.buffer.len() < GIVEN_BYTES {
            Cow::Borrowed(self.buffer.as_slice())
        } else {
            Cow::Owned(std::mem::take(&mut self.buffer))
        };
        let input = Input::ChildOutput {
            spawn,
            stream,
            data,
        };
        self.supervisor.handle_input(self.now, input);
        self.drain();
        if self.buffer.capacity() < self.read_bytes {
            // It comes back from the log, as a rule.
            self.buffer = buffer_of(self.performer.take_written(), self.read_bytes);
        }
    }

    fn close_output(&mut self, spawn: SpawnId, stream: Stream) {
        let Some(child) = self.children.get_mut(&spawn) else {
            return;
        };
        let Some(output) = child.slot(stream).take() else {
            return;
        };
        let old = output.interest();
        self.waiting.forget(source(spawn, stream), &output.fd, old);
        drop(output);
        let over = child.stdout.is_none() && child.stderr.is_none();
        let pid = child.pid;
        self.feed(Input::ChildClosed { spawn, stream });
        if over {
            self.outputs_closed(pid);
        }
    }

    /// A log does not take what this child writes: its pipes fill up and it waits, and nobody else
    /// does.
    fn pause_child(&mut self, spawn: SpawnId, serial: u64) {
        let Some((_, paused)) = self.backlogs.get_mut(&serial) else {
            return;
        };
        if !paused.contains(&spawn) {
            paused.push(spawn);
        }
        let Some(child) = self.children.get_mut(&spawn) else {
            return;
        };
        for stream in STREAMS {
            if let Some(output) = child.output(stream)
                && output.watched
            {
                output.watched = false;
                let source = source(spawn, stream);
                let _ = self
                    .waiting
                    .watch(source, &output.fd, Interest::READ, Interest::NONE);
            }
        }
    }

    pub(super) fn resume_child(&mut self, spawn: SpawnId) {
        let Some(child) = self.children.get_mut(&spawn) else {
            return;
        };
        for stream in STREAMS {
            if let Some(output) = child.output(stream)
                && !output.watched
            {
                let source = source(spawn, stream);
                let watched =
                    self.waiting
                        .watch(source, &output.fd, Interest::NONE, Interest::READ);
                output.watched = watched.is_ok();
            }
        }
    }

    pub(super) fn write_stdin(&mut self, spawn: SpawnId, data: Vec<u8>) {
        match self.children.get_mut(&spawn) {
            None => {}
            Some(Child {
                stdin: Some(stdin), ..
            }) => {
                stdin.queue.push(data);
                if !stdin.watched {
                    self.flush_stdin_now(spawn);
                }
            }
            Some(Child { stdin: None, .. }) => self.answer(Input::StdinClosed { spawn }),
        }
    }

    pub(super) fn flush_stdin(&mut self, spawn: SpawnId) {
        self.flush_stdin_now(spawn);
        self.drain();
    }

    fn flush_stdin_now(&mut self, spawn: SpawnId) {
        let Some(child) = self.children.get_mut(&spawn) else {
            return;
        };
        let Some(stdin) = &mut child.stdin else {
            return;
        };
        let flushed = stdin.queue.flush(&stdin.fd);
        let wanted = flushed == Flushed::Waiting;
        if wanted != stdin.watched {
            let of = |on| if on { Interest::WRITE } else { Interest::NONE };
            let source = Source::Stdin(spawn);
            let watched = self
                .waiting
                .watch(source, &stdin.fd, of(stdin.watched), of(wanted));
            stdin.watched = wanted && watched.is_ok();
        }
        match flushed {
            Flushed::Waiting => {}
            Flushed::Empty => self.answer(Input::StdinProgress { spawn }),
            Flushed::Broken => {
                let old = stdin.interest();
                self.waiting.forget(Source::Stdin(spawn), &stdin.fd, old);
                child.stdin = None;
                self.answer(Input::StdinClosed { spawn });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_reads_is_reused_and_has_a_bound() {
        let large = LARGE_PIPE_BYTES;
        for (written, wanted, capacity) in [
            (0, READ_BYTES, READ_BYTES),
            (100, READ_BYTES, READ_BYTES),
            (READ_BYTES, large, large),
            (large, READ_BYTES, large),
            (large + 1, READ_BYTES, READ_BYTES),
            (16 << 20, large, large),
        ] {
            let mut data = Vec::with_capacity(written);
            data.resize(written, b'x');
            let buffer = buffer_of(data, wanted);
            assert!(buffer.is_empty());
            assert_eq!(buffer.capacity(), capacity, "{written} {wanted}");
        }
    }
}
