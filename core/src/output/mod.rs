//! What becomes of a child's output: its log file, the system's log, the activity log at debug
//! level, and events.

mod channel;

pub(crate) use channel::{Channel, Teed};
