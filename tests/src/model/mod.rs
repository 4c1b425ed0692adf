//! The rules of process supervision, restated as plainly as possible, and compared with the core
//! step by step.
//!
//! The [model](Rules) has no deadlines, no indexes and no notices: it looks at every process each
//! time, as a person with a table of the rules would. Where it and the core disagree, one of them
//! is wrong.

mod play;
mod rules;

pub use play::{Answer, Op, Program, play, transcript};
pub use rules::{Rules, Seen};
