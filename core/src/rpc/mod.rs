//! The methods clients call: names and types, checks, faults, and answers that come later.
//!
//! A call is read into a `Call` and begun by the supervisor. What cannot be answered at once
//! becomes a `Task`: data that says what is still awaited. Notices and reports resolve it; nobody
//! polls.
//!
//! One table has all methods; it is what calls are checked against and `system.methodHelp` answers from. What
//! can go wrong is a [`FaultKind`] with its number. `docs/xmlrpc.md` is made from both.

mod begin;
mod call;
mod fault;
mod log;
mod methods;
mod processes;
mod pystr;
mod stdin;
mod system;
mod task;
mod view;

pub(crate) use begin::COMPATIBLE_VERSION;
pub(crate) use call::{Action, Call, Whom, parse};
pub(crate) use fault::Fault;
pub use fault::FaultKind;
pub(crate) use log::log_file;
pub(crate) use processes::label;
pub(crate) use task::{Begun, Outcome, Processes, Task};
