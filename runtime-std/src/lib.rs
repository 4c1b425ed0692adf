//! The operating system under a [`Supervisor`](visor_core::Supervisor).
//!
//! [`sys`] is the system, call by call; [`engine`] carries out the core's actions with it and turns
//! readiness into inputs, for any way of waiting; [`run`] is a runtime of one thread that waits with
//! epoll.

pub mod embed;
pub mod engine;
mod epoll;
mod hooks;
pub mod record;
pub mod sys;

pub use epoll::run;
pub use hooks::Hooks;
