//! The command line of visor: what `supervisord` and `supervisorctl` share, and their parts that
//! are worth testing without starting a process.
//!
//! The binaries in `src/bin` are one call each, into [`daemon`], [`ctl`], [`pidproxy`] or [`sample`].

pub mod check;
pub mod completion;
pub mod ctl;
pub mod daemon;
pub mod getopt;
pub mod manual;
pub mod pidproxy;
pub mod replay;
pub mod sample;
pub mod search;
