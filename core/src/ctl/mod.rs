//! supervisorctl as a machine: words go in, requests and lines come out.
//!
//! [`Ctl`] knows every action, its lines and its exit statuses; whoever drives it owns the sockets,
//! the terminal and the clock, so the same machine runs in the shell, in tests against recorded
//! answers and in completion.
//!
//! A driver calls [`Ctl::run_line`] and then drains [`Ctl::poll_output`] until [`CtlOutput::Done`],
//! feeding [`Ctl::handle_input`] whenever it is told to wait:
//!
//! ```
//! use visor_core::ctl::{Channel, Ctl, CtlInput, CtlOptions, CtlOutput, ServerUrl};
//! use visor_core::Timestamp;
//!
//! let now = Timestamp::default();
//! let mut ctl = Ctl::new(CtlOptions::new(ServerUrl::parse("unix:///run/s.sock")?));
//! ctl.run_line(now, "version");
//! let mut printed = String::new();
//! let status = loop {
//!     match ctl.poll_output() {
//!         CtlOutput::Connect { channel, .. } => {
//!             // A real driver opens a socket here and says how that went.
//!             let error = visor_core::ctl::ConnectError::NotFound;
//!             ctl.handle_input(now, CtlInput::ConnectFailed { channel, error });
//!         }
//!         CtlOutput::Print(line) => printed.push_str(&line),
//!         CtlOutput::Done { status, .. } => break status,
//!         _ => {}
//!     }
//! };
//! assert_eq!((printed.as_str(), status), ("unix:///run/s.sock no such file", 7));
//! # Ok::<(), visor_core::ctl::UrlError>(())
//! ```

mod actions;
mod answers;
mod complete;
mod failure;
mod format;
mod json;
mod line;
mod link;
mod machine;
mod progress;
mod steps;
mod stream;
#[cfg(test)]
mod tests;
mod update;
mod url;

pub use actions::{ACTIONS, Action, ActionHelp, Arguments, help_of};
pub use complete::{Source, candidates, source, word_start};
pub use failure::ConnectError;
pub use machine::Ctl;
pub use url::{Address, ServerUrl, UrlError};

use crate::Timestamp;
use alloc::{string::String, vec::Vec};
use core::time::Duration;

/// How a client is to behave.
#[derive(Clone, Eq, PartialEq)]
pub struct CtlOptions {
    /// The server.
    pub server: ServerUrl,
    /// User name for the server; empty: none.
    pub username: String,
    /// Password for the server.
    pub password: String,
    /// Lines come from the shell: ask for confirmation, and for user name and password.
    pub shell: bool,
    /// Print JSON.
    pub json: bool,
    /// Colour what only people read: error sentences and help. Only for terminals, and never in a
    /// line that scripts know.
    pub colour: bool,
    /// Say who is being waited for; only for terminals.
    pub progress: bool,
    /// How long to wait for an answer that needs no waiting on the server's side.
    pub answer_limit: Duration,
}

impl CtlOptions {
    /// How long to wait for an answer unless something else is set: a busy server with thousands of
    /// processes answers within a second or two.
    pub const ANSWER_LIMIT: Duration = Duration::from_secs(60);

    /// Plain behaviour, as for scripts.
    #[must_use]
    pub const fn new(server: ServerUrl) -> Self {
        Self {
            server,
            username: String::new(),
            password: String::new(),
            shell: false,
            json: false,
            colour: false,
            progress: false,
            answer_limit: Self::ANSWER_LIMIT,
        }
    }
}

impl core::fmt::Debug for CtlOptions {
    /// Leaves the password out.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CtlOptions")
            .field("server", &self.server)
            .field("username", &self.username)
            .field("shell", &self.shell)
            .field("json", &self.json)
            .finish_non_exhaustive()
    }
}

/// Which connection is meant: an action has at most one of each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channel {
    /// Calls and their answers.
    Calls,
    /// A log that is followed.
    Follow,
    /// A look at who is still being waited for.
    Look,
}

/// What the driver reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CtlInput<'a> {
    /// A connection is open.
    Connected(Channel),
    /// It could not be opened.
    ConnectFailed {
        /// Which.
        channel: Channel,
        /// Why.
        error: ConnectError,
    },
    /// Bytes came.
    Data {
        /// Through which connection.
        channel: Channel,
        /// What.
        bytes: &'a [u8],
    },
    /// The server closed a connection, or it broke.
    Closed {
        /// Which.
        channel: Channel,
        /// Why, in the system's words; empty if it was closed in good order.
        why: &'a str,
    },
    /// What the user typed at a question; `None` at the end of input or after ^C.
    Answer(Option<&'a str>),
    /// A line typed while attached to a process, without its line break.
    Typed(&'a str),
    /// The end of what is typed.
    TypedEnd,
    /// ^C.
    Interrupt,
    /// The deadline of the last [`CtlOutput::Wait`] has passed.
    Wake,
}

/// What the driver is to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum CtlOutput {
    /// Open a connection; answered by `Connected` or `ConnectFailed`.
    Connect {
        /// Which.
        channel: Channel,
        /// Where to.
        address: Address,
    },
    /// Send all of this. What goes wrong is reported as `Closed`.
    Send {
        /// Through which connection.
        channel: Channel,
        /// What.
        bytes: Vec<u8>,
    },
    /// Close a connection; nothing of it is to be reported any more.
    Close(Channel),
    /// A line for standard output.
    Print(String),
    /// Bytes for standard output, as they are.
    Write(Vec<u8>),
    /// A line for standard error.
    PrintError(String),
    /// Ask the user; answered by `Answer`.
    Ask {
        /// What to show before the cursor.
        prompt: &'static str,
        /// Do not show what is typed.
        secret: bool,
    },
    /// Show this on the terminal instead of the last such text; `None`: remove it.
    Progress(Option<String>),
    /// Nothing to do until something comes.
    Wait {
        /// When to report `Wake` at the latest.
        deadline: Option<Timestamp>,
        /// Whether typed lines are wanted.
        typing: bool,
    },
    /// The line is done.
    Done {
        /// Exit status.
        status: u8,
        /// The user asked to leave the shell.
        leave: bool,
    },
}
