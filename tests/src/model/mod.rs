//! The rules of process supervision, restated as plainly as possible, and compared with the core
//! step by step.
//!
//! The [model](Rules) has no deadlines, no indexes and no notices: it looks at every process each
//! time, as a person with a table of the rules would. Where it and the core disagree, one of them
//! is wrong. A [`Story`] is the model with a kernel: it says what may happen next, and what must
//! follow. The [`Core`] is told the same.

mod core;
mod rules;
mod story;

pub use self::core::{Core, play};
pub use rules::{Rules, Seen, Want};
pub use story::{Event, Op, Program, Round, Story};
