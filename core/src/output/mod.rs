//! What becomes of a child's output: its log file, the system's log, the activity log at debug
//! level, and events; and the filters it passes on the way: pure, over bytes that arrive in reads
//! of any size. None depends on how they were cut, and none copies what it need not change.
//!
//! [`OutputFilter`] takes out what stands between the tokens of capture mode, [`AnsiStripper`] escape
//! sequences; [`Utf8Carry`] keeps characters whole where events are text. Where the bytes then go,
//! and when a file is rotated, the machine of a log file says.

mod ansi;
mod channel;
mod filter;
mod tokens;
mod utf8;

pub use ansi::AnsiStripper;
pub(crate) use channel::{Channel, Teed};
pub use filter::{Finished, OutputFilter, Segment};
pub use tokens::{BEGIN_TOKEN, END_TOKEN};
pub use utf8::Utf8Carry;
