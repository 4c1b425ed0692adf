//! The states of a process. A child exists in exactly the variants that carry a [`Child`].
//!
//! | state | leaves by | to |
//! |---|---|---|
//! | `Stopped` | start, autostart | `Starting` |
//! | `Starting` | spawn failed, exit before `startsecs` | `Backoff` |
//! | | `startsecs` over | `Running` |
//! | | stop | `Stopping` |
//! | `Running` | exit | `Exited` |
//! | | stop | `Stopping` |
//! | `Backoff` | too many failures, daemon ends | `Fatal` |
//! | | retry time | `Starting` |
//! | | stop | `Stopped` |
//! | `Stopping` | exit | `Stopped` |
//! | `Exited`, `Fatal` | start, autorestart (`Exited` only) | `Starting` |
//! | any with a child | kill(2) failed | `Unknown` |
//! | `Unknown` | exit | `Exited`, or `Stopped` if a stop was wanted |
//! | | start | `Running` |

use crate::{Pid, SpawnId, Timestamp};

/// The state's name, as clients and events know it.
///
/// ```
/// use visor_core::ProcessState;
/// assert_eq!((ProcessState::Fatal.name(), ProcessState::Fatal.code()), ("FATAL", 200));
/// assert!(ProcessState::Backoff.is_running() && ProcessState::Exited.is_stopped());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ProcessState {
    /// Not running, by request or because it was never started.
    Stopped,
    /// Spawned, not yet up for `startsecs`.
    Starting,
    /// Up.
    Running,
    /// A start failed; it will be tried again.
    Backoff,
    /// Asked to end.
    Stopping,
    /// Ended by itself after it had been `Running`.
    Exited,
    /// Starts failed too often; it stays down until it is started by request.
    Fatal,
    /// It could not be signalled.
    Unknown,
}

impl ProcessState {
    /// All states, in the order of their codes.
    pub const ALL: [Self; 8] = [
        Self::Stopped,
        Self::Starting,
        Self::Running,
        Self::Backoff,
        Self::Stopping,
        Self::Exited,
        Self::Fatal,
        Self::Unknown,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Stopped => 0,
            Self::Starting => 10,
            Self::Running => 20,
            Self::Backoff => 30,
            Self::Stopping => 40,
            Self::Exited => 100,
            Self::Fatal => 200,
            Self::Unknown => 1000,
        }
    }

    /// The name on the wire: `RUNNING`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// One of the states `removeProcessGroup` and a waiting stop accept.
    #[must_use]
    pub const fn is_stopped(self) -> bool {
        matches!(
            self,
            Self::Stopped | Self::Exited | Self::Fatal | Self::Unknown
        )
    }

    /// One of the states in which a start is refused and a stop accepted.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Backoff | Self::Starting)
    }

    /// One of the states in which there is a child to signal.
    #[must_use]
    pub const fn is_signallable(self) -> bool {
        matches!(self, Self::Running | Self::Starting | Self::Stopping)
    }
}

/// One child: an attempt to run the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Child {
    /// Names it towards the runtime.
    pub(crate) spawn: SpawnId,
    /// `None` until the runtime has said so.
    pub(crate) pid: Option<Pid>,
    /// When the attempt was made.
    pub(crate) since: Timestamp,
}

/// What a process is doing, with all that is true only while it does that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Stopped,
    Starting {
        child: Child,
    },
    Running {
        child: Child,
    },
    Backoff {
        retry_at: Timestamp,
    },
    Stopping {
        child: Child,
        kill_at: Timestamp,
    },
    Exited {
        /// When autorestart is paced: the time at which it goes on.
        restart_at: Option<Timestamp>,
    },
    Fatal,
    Unknown {
        child: Child,
    },
}

impl State {
    pub(crate) const fn name(&self) -> ProcessState {
        match self {
            Self::Stopped => ProcessState::Stopped,
            Self::Starting { .. } => ProcessState::Starting,
            Self::Running { .. } => ProcessState::Running,
            Self::Backoff { .. } => ProcessState::Backoff,
            Self::Stopping { .. } => ProcessState::Stopping,
            Self::Exited { .. } => ProcessState::Exited,
            Self::Fatal => ProcessState::Fatal,
            Self::Unknown { .. } => ProcessState::Unknown,
        }
    }

    pub(crate) const fn child(&self) -> Option<Child> {
        match *self {
            Self::Starting { child }
            | Self::Running { child }
            | Self::Stopping { child, .. }
            | Self::Unknown { child } => Some(child),
            Self::Stopped | Self::Backoff { .. } | Self::Exited { .. } | Self::Fatal => None,
        }
    }

    /// The same state with the child's pid filled in.
    pub(crate) const fn with_pid(self, pid: Pid) -> Self {
        const fn known(child: Child, pid: Pid) -> Child {
            Child {
                pid: Some(pid),
                ..child
            }
        }
        match self {
            Self::Starting { child } => Self::Starting {
                child: known(child, pid),
            },
            Self::Running { child } => Self::Running {
                child: known(child, pid),
            },
            Self::Stopping { child, kill_at } => Self::Stopping {
                child: known(child, pid),
                kill_at,
            },
            Self::Unknown { child } => Self::Unknown {
                child: known(child, pid),
            },
            Self::Stopped | Self::Backoff { .. } | Self::Exited { .. } | Self::Fatal => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProcessState::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping, Unknown};

    #[test]
    fn states_have_the_names_and_numbers_that_clients_know() {
        let shown = ProcessState::ALL.map(|state| (state.name(), state.code()));
        assert_eq!(
            shown,
            [
                ("STOPPED", 0),
                ("STARTING", 10),
                ("RUNNING", 20),
                ("BACKOFF", 30),
                ("STOPPING", 40),
                ("EXITED", 100),
                ("FATAL", 200),
                ("UNKNOWN", 1000),
            ]
        );
    }

    #[test]
    fn four_states_count_as_stopped() {
        for state in ProcessState::ALL {
            let stopped = match state {
                Stopped | Exited | Fatal | Unknown => true,
                Starting | Running | Backoff | Stopping => false,
            };
            assert_eq!(state.is_stopped(), stopped, "{}", state.name());
        }
    }
}
