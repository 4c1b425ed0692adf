//! What a call still waits for.

use super::fault::Fault;
use crate::xmlrpc::{Value, Written};
use crate::{LogId, ProcessId, SpawnId};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{string::String, vec::Vec};

/// What a call comes to.
pub(crate) type Outcome = Result<Value, Fault>;

/// A call that has begun.
#[derive(Clone, Debug)]
pub(crate) enum Begun {
    /// And is done.
    Done(Outcome),
    /// And is done: what has been written is the result.
    Written(Written),
    /// And waits.
    Waits(Task),
}

/// What a call waits for.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Processes that start or stop.
    Processes(Processes),
    /// A part of a log.
    Read(Read),
    /// Logs that are emptied.
    Clear {
        /// Those whose answer has not come.
        left: BTreeSet<LogId>,
        /// Whose they are, in order.
        of: Vec<Cleared>,
        /// One process or the daemon's own log: answered with true.
        single: bool,
    },
    /// The configuration, to see what has changed.
    Reread {
        /// Which reading.
        token: u64,
    },
    /// The configuration, to start anew with.
    Restart {
        /// Which reading.
        token: u64,
    },
    /// A write to a child's standard input, until it is known whether the pipe still has a reader.
    Stdin {
        /// The child.
        spawn: SpawnId,
        /// As the client named the process, for the fault.
        label: String,
    },
    /// A group that is being added.
    AddGroup {
        /// Its name.
        name: String,
    },
}

/// The logs of one process, or the daemon's own.
#[derive(Clone, Debug)]
pub(crate) struct Cleared {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) logs: Vec<LogId>,
    pub(crate) outcome: Result<(), Fault>,
}

/// Processes that start or stop.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    /// Those whose outcome is not known.
    pub(crate) left: BTreeMap<ProcessId, Waiting>,
    /// The outcomes of the others, in the order in which they came.
    pub(crate) done: Vec<(Waiting, Result<(), Fault>)>,
    /// One process was named: its outcome is the call's.
    pub(crate) single: bool,
    /// Wait until it is up or stopped.
    pub(crate) wait: bool,
}

/// One process of a task.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) step: Step,
    /// Its place in the order in which the call went through them.
    pub(crate) place: usize,
    pub(crate) name: String,
    pub(crate) group: String,
    /// As the client named it, for faults.
    pub(crate) label: String,
}

/// How far a process of a task has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Its command is being looked at.
    Check,
    /// It is being spawned; the client does not wait for more.
    Launch,
    /// It starts.
    Start,
    /// It stops.
    Stop,
}

/// A part of a log that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) path: String,
    pub(crate) what: ReadFor,
}

/// What is made of a part of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReadFor {
    /// `read*Log`.
    Text,
    /// `read*Log` with offsets that make no sense: only whether there is a file matters.
    Refusal,
    /// `clearLog`: the same, before it is emptied.
    Clear,
    /// `tail*Log`.
    Tail { offset: i64, length: i64 },
}
