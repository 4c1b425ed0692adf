//! Process supervision as a pure function of what happened and when.
//!
//! This crate decides; a runtime carries out decisions and reports what came of them. No clock, no
//! descriptor and no system call can be named here.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
// Tests may; nothing else can even name it, so there is no clock to read and no file to open.
#[cfg(test)]
extern crate std;

mod action;
mod activity;
mod clients;
pub mod config;
pub mod ctl;
mod cx;
mod deadlines;
pub mod event;
mod group;
pub mod http;
mod ids;
mod input;
mod level;
pub mod listener;
mod logfile;
mod notice;
pub mod output;
pub mod pool;
mod process;
#[cfg(feature = "serde")]
pub mod record;
pub mod rpc;
mod signal;
mod sockets;
mod supervisor;
pub mod text;
mod time;
mod web;
pub mod xmlrpc;

pub use action::{Action, Output, ReadRange, SpawnSpec, StdinSpec};
pub use cx::Mood;
pub use ids::{ConnId, GroupId, LogId, Pid, ProcessId, ReadId, ServerId, SpawnId, Stream};
pub use input::{
    Command, Input, ListenError, LogPart, READ_BYTES_MAX, ReadConfig, ReadError, SignalError,
    SpawnError,
};
pub use level::LogLevel;
pub use notice::StateChange as Transition;
pub use process::{ProcessInfo, ProcessState, describe};
pub use signal::{ExitStatus, Signal};
pub use supervisor::{AddError, Boot, Progress, RemoveError, Supervisor};
pub use time::{Civil, Now, Timestamp, UnixTime};
