//! The command line of visor: what `supervisord` and `supervisorctl` share, and their parts that
//! are worth testing without starting a process.

pub mod ctl;
pub mod getopt;
pub mod search;
