//! Process supervision as a pure function of what happened and when.
//!
//! This crate decides; a runtime carries out decisions and reports what came of them. No clock, no
//! descriptor and no system call can be named here.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(any(feature = "ini", test))]
extern crate std;

mod action;
pub mod config;
mod ids;
mod input;
mod level;
mod signal;
mod supervisor;
pub mod text;
mod time;

pub use action::{Action, Output, ReadRange, SpawnSpec, StdinSpec};
pub use ids::{ConnId, GroupId, LogId, Pid, ProcessId, ReadId, ServerId, SpawnId, Stream};
pub use input::{
    Input, ListenError, LogPart, READ_BYTES_MAX, ReadConfig, ReadError, SignalError, SpawnError,
};
pub use level::LogLevel;
pub use signal::{ExitStatus, Signal};
pub use supervisor::{Boot, Supervisor};
pub use time::{Civil, Now, Timestamp, UnixTime};
