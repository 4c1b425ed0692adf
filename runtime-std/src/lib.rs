//! The operating system under a [`Supervisor`](visor_core::Supervisor).
//!
//! visor-core decides and knows no system; this crate is what it runs on. It has three layers, each
//! usable without the next:
//!
//! - [`sys`] is the system, call by call: spawning, descriptors, log files, sockets, users, clocks.
//!   The only unsafe code of the project is there.
//! - [`engine`] carries out the core's actions with it and turns readiness into inputs, for any way
//!   of waiting. Whoever writes a runtime for another executor begins here: implement
//!   [`engine::Waiting`], two methods, and feed an [`engine::Engine`]; `visor-smol` is one of 250 lines.
//! - [`run`] is a runtime of one thread that waits with epoll.
//!
//! To supervise from inside a program, use [`embed`]. A daemon is a configuration and [`run`]:
//!
//! ```no_run
//! use visor_core::{Boot, Pid};
//! use visor_std::{Hooks, sys};
//!
//! let options = sys::needs::options("/etc/supervisord.conf");
//! let loaded = sys::needs::load(options).unwrap_or_else(|errors| panic!("{errors}"));
//! let boot = Boot {
//!     pid: Pid(std::process::id()),
//!     seed: sys::daemonize::random_seed()?,
//!     foreground: true,
//!     messages: loaded.messages,
//! };
//! let hooks = Hooks {
//!     read_config: Box::new(|| Err("this one cannot be reloaded".into())),
//!     ready: Box::new(|| eprintln!("it is up")),
//!     recorder: None,
//! };
//! std::process::exit(visor_std::run(loaded.config, boot, hooks));
//! # #[allow(unreachable_code)]
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What a runtime must do, rule by rule, is told in `docs/write-a-runtime.md`; how the two differ in
//! `docs/runtimes.md`.

pub mod embed;
pub mod engine;
mod epoll;
mod hooks;
pub mod record;
pub mod sys;

pub use epoll::run;
pub use hooks::Hooks;
