//! The operating system: everything both runtimes do with it, apart from waiting. The only unsafe
//! code of the project is here.

pub mod clock;
pub mod daemonize;
mod errno;
pub mod privileges;
pub mod rlimits;
pub mod users;

pub use errno::{errno_name, error_name};
