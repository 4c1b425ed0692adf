//! Reading and emptying logs.

use super::call::Range;
use super::fault::{Fault, FaultKind};
use super::task::{Begun, Cleared, Outcome, Read, ReadFor, Task};
use super::view;
use crate::process::Process;
use crate::supervisor::Supervisor;
use crate::xmlrpc::Value;
use crate::{Action, ConnId, LogId, LogPart, Now, ProcessId, ReadError, ReadRange, Stream};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::{string::String, vec::Vec};

impl Supervisor {
    pub(super) fn begin_read_main(&mut self, conn: ConnId, range: Range) -> Begun {
        let path = self.activity.file().map(|file| String::from(file.path()));
        self.begin_read_path(conn, path, range)
    }

    pub(super) fn begin_read(
        &mut self,
        conn: ConnId,
        name: &str,
        stream: Stream,
        range: Range,
    ) -> Begun {
        match self.log_path(name, stream) {
            Ok(path) => self.begin_read_path(conn, path, range),
            Err(fault) => Begun::Done(Err(fault)),
        }
    }

    fn begin_read_path(&mut self, conn: ConnId, path: Option<String>, range: Range) -> Begun {
        let Some(path) = path else {
            return Begun::Done(Err(FaultKind::NoFile.bare()));
        };
        let (what, range) = match read_range(range) {
            Some(range) => (ReadFor::Text, range),
            None => (ReadFor::Refusal, ReadRange::Last { length: 1 }),
        };
        self.read_log(conn, path.clone(), range);
        Begun::Waits(Task::Read(Read { path, what }))
    }

    pub(super) fn begin_tail(
        &mut self,
        conn: ConnId,
        name: &str,
        stream: Stream,
        Range { offset, length }: Range,
    ) -> Begun {
        let path = match self.log_path(name, stream) {
            Ok(Some(path)) => path,
            Ok(None) => return Begun::Done(Ok(tail(Vec::new(), 0, false))),
            Err(fault) => return Begun::Done(Err(fault)),
        };
        let last = ReadRange::Last {
            length: u64::try_from(length).unwrap_or(0),
        };
        self.read_log(conn, path.clone(), last);
        let what = ReadFor::Tail { offset, length };
        Begun::Waits(Task::Read(Read { path, what }))
    }

    /// The file of a stream; `Ok(None)` if it has none.
    fn log_path(&self, name: &str, stream: Stream) -> Result<Option<String>, Fault> {
        let process = self.named_process(name)?;
        Ok(log_file(process, stream).map(String::from))
    }

    /// Asks for a part of a file; the answer goes to `conn`.
    pub(crate) fn read_log(&mut self, conn: ConnId, path: String, range: ReadRange) {
        let read = self.clients.mint_read(conn);
        self.out.push_back(Action::ReadLog { read, path, range });
    }

    /// What a call makes of the part of a log it asked for.
    fn read_outcome(read: Read, result: Result<LogPart, ReadError>) -> Outcome {
        let part = match (result, read.what) {
            (Ok(part), _) => part,
            (Err(ReadError::NotFound), ReadFor::Tail { .. }) => {
                return Ok(tail(Vec::new(), 0, false));
            }
            (Err(ReadError::NotFound), ReadFor::Text | ReadFor::Refusal) => {
                return Err(FaultKind::NoFile.about(read.path));
            }
            (Err(ReadError::NotFound), ReadFor::Clear) => return Err(FaultKind::NoFile.bare()),
            (Err(ReadError::Failed(error)), _) => return Err(FaultKind::Failed.about(error)),
        };
        match read.what {
            ReadFor::Text => Ok(Value::from_bytes(&part.data)),
            ReadFor::Refusal => Err(FaultKind::BadArguments.bare()),
            ReadFor::Clear => Ok(Value::Bool(true)),
            ReadFor::Tail { offset, length } => {
                let size = i64::try_from(part.size_bytes).unwrap_or(i64::MAX);
                let overflow = size > offset.saturating_add(length);
                let nothing_new = !overflow && offset >= size;
                let data = if nothing_new { Vec::new() } else { part.data };
                Ok(tail(data, size, overflow))
            }
        }
    }

    /// A log that is not there is not emptied: whether it is has to be asked first.
    pub(super) fn begin_clear_main(&mut self, conn: ConnId) -> Begun {
        let Some(file) = self.activity.file() else {
            return Begun::Done(Err(FaultKind::NoFile.bare()));
        };
        let path = String::from(file.path());
        self.read_log(conn, path.clone(), ReadRange::Last { length: 1 });
        let what = ReadFor::Clear;
        Begun::Waits(Task::Read(Read { path, what }))
    }

    /// The part of a log that a call asked for is there, or cannot be had.
    pub(crate) fn on_read(
        &mut self,
        now: Now,
        conn: ConnId,
        read: Read,
        result: Result<LogPart, ReadError>,
    ) {
        let clears = read.what == ReadFor::Clear;
        let outcome = Self::read_outcome(read, result);
        if !clears || outcome.is_err() {
            self.resume(now, conn, outcome);
            return;
        }
        let outcome = match self.clear_main(conn) {
            Begun::Waits(task) => return self.clients.put_task(conn, task),
            Begun::Done(outcome) => outcome,
            // To clear is all: there is nothing to report.
            Begun::Written(_) => Ok(Value::Bool(true)),
        };
        self.resume(now, conn, outcome);
    }

    fn clear_main(&mut self, conn: ConnId) -> Begun {
        self.activity.clear(&mut self.out);
        let log = LogId::Activity;
        self.clear_task(
            conn,
            alloc::vec![Cleared {
                name: String::new(),
                group: String::new(),
                logs: alloc::vec![log],
                outcome: Ok(()),
            }],
            true,
        )
    }

    pub(super) fn begin_clear(&mut self, conn: ConnId, name: &str) -> Begun {
        match self.named_process(name).map(|process| process.id) {
            Ok(id) => self.begin_clear_these(conn, &[id], true),
            Err(fault) => Begun::Done(Err(fault)),
        }
    }

    pub(super) fn begin_clear_all(&mut self, conn: ConnId) -> Begun {
        let all = self.all_processes();
        self.begin_clear_these(conn, &all, false)
    }

    pub(crate) fn begin_clear_these(
        &mut self,
        conn: ConnId,
        ids: &[ProcessId],
        single: bool,
    ) -> Begun {
        let mut of = Vec::new();
        for id in ids {
            let Some(process) = self.processes.get(id) else {
                continue;
            };
            let (name, group) = (
                process.config.name.clone(),
                String::from(self.group_name(process)),
            );
            let logs = self.clear_logs(*id);
            of.push(Cleared {
                name,
                group,
                logs,
                outcome: Ok(()),
            });
        }
        self.clear_task(conn, of, single)
    }

    fn clear_logs(&mut self, id: ProcessId) -> Vec<LogId> {
        let Some(process) = self.processes.get_mut(&id) else {
            return Vec::new();
        };
        let mut logs = Vec::new();
        for (stream, channel) in [
            (Stream::Stdout, &mut process.stdout),
            (Stream::Stderr, &mut process.stderr),
        ] {
            if let Some(file) = channel.file_mut() {
                file.clear(&mut self.out);
                logs.push(LogId::Child(id, stream));
            }
        }
        logs
    }

    fn clear_task(&mut self, conn: ConnId, of: Vec<Cleared>, single: bool) -> Begun {
        let left: BTreeSet<LogId> = of.iter().flat_map(|each| &each.logs).copied().collect();
        if left.is_empty() {
            return Begun::Done(clear_outcome(&of, single));
        }
        for log in &left {
            let waiting: &mut VecDeque<ConnId> = self.clients.clears.entry(*log).or_default();
            waiting.push_back(conn);
        }
        Begun::Waits(Task::Clear { left, of, single })
    }

    /// A log was opened, emptied or could not be: whoever waits for that goes on. An answer to
    /// something older may be taken for it; actions are done in order, so the log is empty all the
    /// same when the client hears of it.
    pub(crate) fn on_log_answer(&mut self, now: Now, log: LogId, error: Option<&str>) {
        for conn in self.clients.clears.remove(&log).unwrap_or_default() {
            let Some(Task::Clear {
                mut left,
                mut of,
                single,
            }) = self
                .clients
                .take_task(conn, |task| matches!(task, Task::Clear { .. }))
            else {
                continue;
            };
            left.remove(&log);
            if let Some(error) = error {
                for each in of.iter_mut().filter(|each| each.logs.contains(&log)) {
                    each.outcome = Err(FaultKind::Failed.about(error));
                }
            }
            if left.is_empty() {
                self.resume(now, conn, clear_outcome(&of, single));
            } else {
                self.clients
                    .put_task(conn, Task::Clear { left, of, single });
            }
        }
    }
}

/// The file of a stream of a process.
pub(crate) fn log_file(process: &Process, stream: Stream) -> Option<&str> {
    match stream {
        Stream::Stdout => process.stdout.path(),
        Stream::Stderr => process.stderr.path(),
    }
}

/// The rules of `read*Log`; `None` for what makes no sense.
fn read_range(Range { offset, length }: Range) -> Option<ReadRange> {
    match (u64::try_from(offset), u64::try_from(length)) {
        (Ok(offset), Ok(0)) => Some(ReadRange::From {
            offset,
            length: u64::MAX,
        }),
        (Ok(offset), Ok(length)) => Some(ReadRange::From { offset, length }),
        (Err(_), Ok(0)) => Some(ReadRange::Last {
            length: offset.unsigned_abs(),
        }),
        (_, _) => None,
    }
}

fn tail(data: Vec<u8>, size: i64, overflow: bool) -> Value {
    Value::Array(alloc::vec![
        Value::from_bytes(&data),
        Value::Int(size),
        Value::Bool(overflow),
    ])
}

fn clear_outcome(of: &[Cleared], single: bool) -> Outcome {
    if single {
        return match of.iter().find_map(|each| each.outcome.as_ref().err()) {
            Some(fault) => Err(fault.clone()),
            None => Ok(Value::Bool(true)),
        };
    }
    let each = of
        .iter()
        .map(|each| view::status(&each.name, &each.group, &each.outcome));
    Ok(Value::Array(each.collect()))
}
