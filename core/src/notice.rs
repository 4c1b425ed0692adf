//! What machines tell each other: facts, with the values they had at that moment.

use crate::cx::Mood;
use crate::process::ProcessState;
use crate::{GroupId, Pid, ProcessId, SpawnId};
use alloc::string::String;

/// Something that happened, for event pools, waiting calls and the daemon's own progress.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Notice {
    /// A process changed its state.
    State(StateChange),
    /// A group was added.
    GroupAdded(GroupId),
    /// A group could not be added after all.
    GroupFailed { name: String, error: String },
    /// The daemon runs, or begins to stop.
    Daemon(Mood),
    /// The configuration was read, or could not be.
    ConfigRead {
        token: u64,
        outcome: Result<(), String>,
    },
}

/// One change of state, in full: nobody has to look at the process, which may have moved on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StateChange {
    /// Whose.
    pub process: ProcessId,
    /// What it was doing.
    pub from: ProcessState,
    /// What it is doing now; never the same.
    pub to: ProcessState,
    /// Failed starts so far.
    pub tries: u32,
    /// The child's pid, 0 if there is none.
    pub pid: Pid,
    /// The child this is about, if there is one, or was until now.
    pub spawn: Option<SpawnId>,
    /// Whether an exit was expected.
    pub expected: bool,
}
