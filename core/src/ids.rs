//! Names for things that come and go. Minted once, typed, never reused: a late report about
//! something that is gone finds nothing, instead of finding its successor.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// A configured process. Minted by the core when its group is added; gone with its group.
    ProcessId(u32)
}
id! {
    /// A group of processes, an event listener pool included. Minted by the core.
    GroupId(u32)
}
id! {
    /// One attempt to run a process. Minted by the core for each
    /// [`Action::Spawn`](crate::Action::Spawn); everything the runtime says of that child names it.
    SpawnId(u64)
}
id! {
    /// One accepted client connection. Minted by the runtime, in increasing order, never reused.
    ConnId(u64)
}
id! {
    /// One HTTP server. Minted by the core for each [`Action::Listen`](crate::Action::Listen).
    ServerId(u32)
}
id! {
    /// One request for a part of a log file. Minted by the core.
    ReadId(u64)
}
id! {
    /// What the operating system calls a child. Data to print and to report, never a key.
    Pid(u32)
}

/// One of a child's two output channels.
///
/// ```
/// use visor_core::Stream;
/// assert_eq!(Stream::Stderr.name(), "stderr");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Stream {
    /// File descriptor 1 of the child.
    Stdout,
    /// File descriptor 2 of the child.
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`, as in events and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A log the runtime keeps open for the core.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogId {
    /// The daemon's own log (`[supervisord] logfile`).
    Activity,
    /// What one process writes to one stream.
    Child(ProcessId, Stream),
}
