//! The machine.

use crate::config::Config;
use crate::{Input, LogLevel, Now, Output, Pid};
use alloc::{string::String, vec::Vec};

/// What the core must know of the process it runs in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Boot {
    /// The daemon's own pid.
    pub pid: Pid,
    /// Where unpredictable names (AUTO logs) and tokens (web forms) come from: 32 random bytes,
    /// read once by the runtime. The core has no randomness of its own.
    pub seed: [u8; 32],
    /// The daemon stays in the foreground: the activity log also goes to the console.
    pub foreground: bool,
    /// Lines for the activity log from before there was one: what was read, which user and limits
    /// were set.
    pub messages: Vec<(LogLevel, String)>,
}

/// A supervisor.
#[derive(Debug)]
pub struct Supervisor {}

impl Supervisor {
    /// A daemon that has just started. Poll it: the first actions open its logs and servers.
    #[must_use]
    pub fn new(_config: Config, _boot: Boot, _now: Now) -> Self {
        Self {}
    }

    /// Tells the core what happened. Never fails, never blocks, is legal at any time, also while
    /// outputs are left to poll.
    pub fn handle_input(&mut self, _now: Now, _input: Input<'_>) {}

    /// The next thing to do, or how long there is nothing to do.
    pub fn poll_output(&mut self) -> Output {
        Output::Wait(None)
    }
}
