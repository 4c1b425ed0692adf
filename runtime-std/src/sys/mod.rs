//! The operating system: everything both runtimes do with it, apart from waiting. The only unsafe
//! code of the project is here.

pub mod accept;
pub mod alloc;
mod child;
pub mod clock;
mod console;
pub mod daemonize;
pub mod epoll;
mod errno;
pub mod files;
pub mod glob;
pub mod listen;
pub mod log;
pub mod needs;
pub mod performer;
pub mod pipes;
pub mod privileges;
pub mod program;
pub mod queue;
pub mod reap;
pub mod rlimits;
pub mod signals;
mod sink;
mod slots;
pub mod spawn;
mod stream;
pub mod syslog;
pub mod users;

pub use errno::{errno_name, error_name};
pub(crate) use sink::wait_writable;

/// A descriptor that the one who reads or writes it shares with the one who waits for it.
pub type Fd = std::rc::Rc<std::os::fd::OwnedFd>;
