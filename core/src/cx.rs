//! What a machine may touch besides itself.

use crate::activity::Activity;
use crate::notice::Notice;
use crate::sockets::Sockets;
use crate::{Action, LogLevel, Now, SpawnId};
use alloc::collections::VecDeque;
use core::fmt;

/// What the daemon as a whole is doing.
///
/// ```
/// use visor_core::Mood;
/// assert_eq!((Mood::Restarting.code(), Mood::Restarting.name()), (0, "RESTARTING"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Mood {
    /// Supervising.
    Running,
    /// Stopping everything to start again with a new configuration.
    Restarting,
    /// Stopping everything to end.
    Shutdown,
}

impl Mood {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Running => 1,
            Self::Restarting => 0,
            Self::Shutdown => -1,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Restarting => "RESTARTING",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

/// The sink every machine inside the core writes to. Machines return nothing; what they decide goes
/// here, in order.
pub(crate) struct Cx<'a> {
    /// The one reading of the clocks for this input.
    pub(crate) now: Now,
    /// Processes are started only while the daemon is `Running`.
    pub(crate) mood: Mood,
    /// Where spawn ids come from.
    pub(crate) next_spawn: &'a mut u64,
    /// For the runtime.
    pub(crate) out: &'a mut VecDeque<Action>,
    /// For people.
    pub(crate) activity: &'a mut Activity,
    /// For the other machines.
    pub(crate) notices: &'a mut VecDeque<Notice>,
    /// What FastCGI processes share.
    pub(crate) sockets: &'a mut Sockets,
}

impl Cx<'_> {
    /// Writes a line to the activity log, if its level is wanted.
    pub(crate) fn log(&mut self, level: LogLevel, text: fmt::Arguments<'_>) {
        self.activity.log(self.now, self.out, level, text);
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.out.push_back(action);
    }

    pub(crate) fn mint_spawn(&mut self) -> SpawnId {
        let id = SpawnId(*self.next_spawn);
        *self.next_spawn = self.next_spawn.saturating_add(1);
        id
    }

    pub(crate) const fn may_start(&self) -> bool {
        matches!(self.mood, Mood::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::Mood;

    #[test]
    fn the_daemons_states_have_the_names_and_numbers_that_clients_know() {
        let shown = [Mood::Running, Mood::Restarting, Mood::Shutdown]
            .map(|mood| (mood.name(), mood.code()));
        assert_eq!(shown, [("RUNNING", 1), ("RESTARTING", 0), ("SHUTDOWN", -1)]);
    }
}
