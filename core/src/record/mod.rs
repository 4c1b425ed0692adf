//! Recordings: everything a supervisor was told, so that it can be asked again what it decided.
//!
//! The core is a pure function, so its inputs are the whole story. A [`Header`] begins a
//! recording; an [`Entry`] follows for each input. Actions are not stored but counted and digested:
//! a [`Replay`] makes them again, and notices the first that differs.
//!
//! ```
//! use visor_core::config::{Config, ProcessConfig};
//! use visor_core::record::{Entry, Header, Replay, Since, Tally};
//! use visor_core::{Boot, Input, Now, Output, Pid, Supervisor};
//! let header = Header::new(
//!     Config::embedded().program(ProcessConfig::new("web", "/bin/web")),
//!     Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] },
//!     Now::default(),
//! );
//! let mut live = Supervisor::new(header.config.clone(), header.boot.clone(), header.now);
//! let mut tally = Tally::default();
//! while let Output::Action(action) = live.poll_output() {
//!     tally.add(&action, false);
//! }
//! let input = Input::Wake;
//! let entry = Entry::new(Since::default(), &input, tally);
//!
//! let mut replay = Replay::new(header);
//! let actions = replay.step(entry).unwrap();
//! assert_eq!(actions.len() as u64, tally.count());
//! ```

mod again;
mod bytes;
mod call;
mod client;
mod editor;
mod entry;
mod mask;
mod replay;
mod tally;

pub(crate) use bytes::{cow, owned};
pub(crate) use client::ADMITTED;
pub use editor::Editor;
pub use entry::{Entry, Since};
pub use replay::{Divergence, Replay};
pub use tally::Tally;

use crate::config::Config;
use crate::{Boot, Now};
use serde::{Deserialize, Serialize};

/// Version of the recordings this crate writes and reads.
pub const VERSION: u32 = 5;

/// What a recording begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Secrets were replaced.
    pub masked: bool,
    /// What [`Supervisor::new`](crate::Supervisor::new) was given.
    pub config: Config,
    /// Likewise.
    pub boot: Boot,
    /// Likewise.
    pub now: Now,
}

impl Header {
    /// The start of a recording made by this version.
    #[must_use]
    pub const fn new(config: Config, boot: Boot, now: Now) -> Self {
        Self {
            version: VERSION,
            masked: false,
            config,
            boot,
            now,
        }
    }
}
