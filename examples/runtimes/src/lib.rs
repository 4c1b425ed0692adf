//! Runtimes for visor-core, small enough to read in one sitting.
//!
//! [`threads`] supervises real children with nothing but threads and channels; [`virtual_time`]
//! runs the same machine inside a test, where an hour takes no time. `docs/write-a-runtime.md`
//! explains step by step what they do.

pub mod threads;
pub mod virtual_time;
