//! What a runtime needs from the program it is part of.

use crate::record::Recorder;
use visor_core::ReadConfig;

/// The two things about the daemon that are neither the core's nor the system's business.
pub struct Hooks {
    /// Reads the configuration anew, with the flags and paths of the start. The error is the text
    /// for the log.
    pub read_config: Box<dyn FnMut() -> Result<Box<ReadConfig>, String>>,
    /// The daemon is up: whoever launched it may be told. Called once per start and restart.
    pub ready: Box<dyn FnMut()>,
    /// Where everything the core is told is written down.
    pub recorder: Option<Recorder>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}
