//! Scenarios recorded from Supervisor 4.3.0 and replayed against our daemon.
//!
//! The files, their format and what is normalised are described in `tests/compat/README.md`; the
//! recorder, in Python, is beside them. [`replay`] plays a directory of them on one runtime and
//! reports what came out differently, apart from what `tests/compat/differences.txt` allows.

mod client;
mod differences;
mod observe;
mod replay;
mod run;
mod scenario;
mod shapes;

pub use replay::replay;
