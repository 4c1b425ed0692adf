//! Process supervision as a pure function of what happened and when.
//!
//! This crate decides; a runtime carries out decisions and reports what came of them. No clock, no
//! descriptor and no system call can be named here. The daemon, the simulator, the replay of a
//! recording and a test that fits on a screen all run the same [`Supervisor`].
//!
//! # What supervision is
//!
//! A *process* is something configured: a command and rules. A *child* is one attempt to run it.
//! The supervisor starts children, notices their ends, and decides: whether the end was expected,
//! whether there is another attempt and when, how a child is made to stop, and who is told. What it
//! keeps of a process is a state ([`ProcessState`]); a child exists in exactly those that have one:
//!
//! | state | child | leaves it when |
//! |---|---|---|
//! | STOPPED | | it is started |
//! | STARTING | yes | `startsecs` have passed: RUNNING; the child ends before: BACKOFF |
//! | RUNNING | yes | the child ends: EXITED; it is stopped: STOPPING |
//! | BACKOFF | | the pause is over: STARTING; `startretries` are used up: FATAL |
//! | STOPPING | yes | the child ends: STOPPED; `stopwaitsecs` have passed: SIGKILL, and on |
//! | EXITED | | it is started, by `autorestart` at once |
//! | FATAL | | it is started |
//! | UNKNOWN | perhaps | it is started, or its child ends |
//!
//! Processes are in *groups*, which are started and stopped in the order of their priorities. A
//! group of event listeners is a *pool* and is told what happens to all the others. Clients ask and
//! tell over HTTP; that too is bytes in and bytes out.
//!
//! # The boundary
//!
//! It is data. A runtime tells what happened ([`Input`]) and asks what to do ([`Output`]):
//!
//! ```text
//!         Input (+ Now)                                       Output
//!  runtime ────────────▶ Supervisor::handle_input   poll_output ────────────▶ runtime
//!                        never blocks, never fails   Action …, then Wait(deadline)
//! ```
//!
//! # The loop
//!
//! Drain [`poll_output`](Supervisor::poll_output), performing each [`Action`] in order, until it
//! says [`Output::Wait`]. Wait in one place, for something to happen or for the deadline. Feed what
//! happened, with one reading of the clocks; nothing: [`Input::Wake`]. Here is all of it, over a
//! kernel in which time passes only when nobody has anything to do, and in which each child runs
//! for ten seconds:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//! use visor_core::config::{AutoRestart, Config, ProcessConfig};
//! use visor_core::{Action, Boot, ExitStatus, Input, Now, Output, Pid, Signal, Supervisor};
//!
//! let mut web = ProcessConfig::new("web", "/usr/bin/web");
//! web.autorestart = AutoRestart::Always;
//! let config = Config::embedded().program(web);
//! let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
//!
//! let mut now = Now::default();
//! let mut supervisor = Supervisor::new(config, boot, now);
//! let mut ends = BTreeMap::new(); // which child ends when
//! let mut spawns = 0;
//! let status = 'daemon: loop {
//!     // Perform what is decided. What can be answered at once is.
//!     let deadline = loop {
//!         match supervisor.poll_output() {
//!             Output::Wait(deadline) => break deadline,
//!             Output::Action(Action::Exit(status)) => break 'daemon status,
//!             Output::Action(Action::Spawn { spawn, .. }) => {
//!                 spawns += 1;
//!                 ends.insert(spawn, now.mono + Duration::from_secs(10));
//!                 supervisor.handle_input(now, Input::Spawned { spawn, pid: Pid(100 + spawns) });
//!             }
//!             // Whoever gets a signal ends now.
//!             Output::Action(Action::Signal { spawn, .. }) => {
//!                 ends.insert(spawn, now.mono);
//!             }
//!             Output::Action(_) => {}
//!         }
//!     };
//!     // Wait: the next thing to happen is a child's end, or the deadline.
//!     let end = ends.iter().map(|(spawn, at)| (*at, *spawn)).min();
//!     match end.filter(|(at, _)| deadline.is_none_or(|deadline| *at < deadline)) {
//!         Some((at, spawn)) => {
//!             now.mono = at;
//!             ends.remove(&spawn);
//!             let status = ExitStatus::Code(0);
//!             supervisor.handle_input(now, Input::Exited { spawn, status });
//!             if spawns == 3 {
//!                 supervisor.handle_input(now, Input::Signal(Signal::TERM));
//!             }
//!         }
//!         None => {
//!             now.mono = deadline.expect("somebody has something to do");
//!             supervisor.handle_input(now, Input::Wake);
//!         }
//!     }
//! };
//! assert_eq!((spawns, status), (4, 0), "three lives, and one that was just beginning");
//! assert_eq!(now.mono.as_nanos(), 30_000_000_000, "thirty seconds, in no time");
//! ```
//!
//! # Questions and answers
//!
//! Actions that are not listed are never answered. Where one is, exactly one of the inputs named
//! comes, at once or later, and every other input may come in between.
//!
//! | action | answered by |
//! |---|---|
//! | `Spawn`, `Adopt` | `Spawned` or `SpawnFailed`; after `Spawned`, one `Exited`, behind all `ChildOutput` |
//! | `Signal` | `SignalFailed`, only if it could not be sent |
//! | `WriteStdin` | `StdinProgress` when all is written, `StdinClosed` when the child takes no more |
//! | `CheckCommand` | `CommandChecked` |
//! | `OpenSocket` | `SocketOpened` or `SocketFailed` |
//! | `OpenLog`, `RotateLog`, `ReopenLog`, `ClearLog` | `LogOpened` or `LogFailed` |
//! | `WriteLog` | `LogFailed`, only if bytes were lost |
//! | `ReadLog` | `LogRead` |
//! | `Listen` | `Listening` or `ListenFailed` |
//! | `SendConn` | `ConnDrained` when all is sent |
//! | `CloseConn`, `DropConn` | `ConnClosed` |
//! | `ReadConfig` | `ConfigRead` |
//! | `WritePidfile` | `PidfileWritten` |
//!
//! # Time
//!
//! [`Now`] is one reading of two clocks. Deadlines are [`Timestamp`]s of the monotonic one: absolute
//! nanoseconds, so that they survive an `execve`. The wall clock is for what people and clients
//! read; it may jump as it likes and starts, stops, kills and delays nothing. Each deadline is
//! derived from the state it belongs to, and the one in [`Output::Wait`] is the earliest of all:
//! there is no timer that could be forgotten, and no tick.
//!
//! # Names
//!
//! A child is named by its [`SpawnId`], a configured process by its [`ProcessId`], a client by its
//! [`ConnId`]. None is used twice, so a late report finds nothing instead of a successor. A [`Pid`]
//! is data to print; no decision looks anything up by it.
//!
//! # Errors
//!
//! [`Supervisor::handle_input`] cannot fail and never panics. An input that does not fit (a second
//! exit of the same child, an answer nobody waits for) changes nothing. What the system refuses is
//! an input as well ([`SpawnError`], [`ListenError`], `LogFailed`) and leads to states, log lines
//! and faults. A configuration that cannot be used is refused before there is a supervisor, as
//! `LoadErrors`.
//!
//! # Embedding
//!
//! A program can supervise helpers of its own: [`Config::embedded`](config::Config::embedded) is a
//! configuration without servers, files and signals, and [`Command`] says through
//! [`Input::Command`] what clients would say. `visor_std::embed` has a runtime for that.
//!
//! # Testing with it
//!
//! As above: no processes, no sleeping. [`Supervisor::keep_transitions`] collects each change of
//! state, none left out, for assertions about their order.
//!
//! ```
//! use visor_core::config::{Config, ProcessConfig};
//! use visor_core::{Action, Boot, Command, Input, Now, Output, Pid, ProcessState};
//! use visor_core::{SpawnError, Supervisor};
//!
//! let mut web = ProcessConfig::new("web", "/no/such/file");
//! web.autostart = false;
//! let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
//! let now = Now::default();
//! let mut supervisor = Supervisor::new(Config::embedded().program(web), boot, now);
//! supervisor.keep_transitions();
//! let id = supervisor.processes().next().map(|(id, ..)| id).expect("there is one");
//! supervisor.handle_input(now, Input::Command(Command::Start(id)));
//! while let Output::Action(action) = supervisor.poll_output() {
//!     if let Action::Spawn { spawn, spec } = action {
//!         let error = SpawnError::NotFound(spec.argv[0].clone());
//!         supervisor.handle_input(now, Input::SpawnFailed { spawn, error });
//!     }
//! }
//! let states: Vec<_> = supervisor.transitions().iter().map(|change| change.to).collect();
//! assert_eq!(states, [ProcessState::Starting, ProcessState::Backoff]);
//! ```
//!
//! # The modules
//!
//! The supervisor is made of machines that can be used and tried alone:
//!
//! - [`config`]: from the text of `supervisord.conf` to a checked `Config`; what changed between two
//! - [`ctl`]: supervisorctl, as a machine of words in, requests and lines out
//! - [`event`]: what happens, and in which form listeners are told
//! - [`listener`], [`pool`]: their protocol, and who gets which event
//! - [`output`]: what a child writes, through capture mode and ANSI stripping, however it is cut
//! - [`http`], [`xmlrpc`], [`rpc`]: what clients speak, layer by layer
//! - `record` (with the feature `serde`): inputs written down, and decided again
//! - [`text`]: small rules that several of them share
//!
//! # Features
//!
//! `ini` (default) reads configurations; without it this crate needs no `std` at all. `serde` makes
//! inputs, actions and configurations serializable, for recordings.
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
    Command, Input, ListenError, LogPart, READ_BYTES_MAX, ReadConfig, ReadError, RecordingEnd,
    SignalError, SpawnError,
};
pub use level::LogLevel;
pub use notice::StateChange as Transition;
pub use process::{ProcessInfo, ProcessState, describe};
pub use signal::{ExitStatus, Signal};
pub use supervisor::{AddError, Boot, Progress, RemoveError, Supervisor};
pub use time::{Civil, Now, Timestamp, UnixTime};
