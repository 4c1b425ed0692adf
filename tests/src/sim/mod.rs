//! The World: a fake kernel, two fake clocks, children that follow a script, users that want
//! things, and everything that can go wrong, all decided by one seed.
//!
//! A run has two phases. In the first, everything goes wrong that the seed has chosen, and the
//! [checkers](checks) watch that nothing happens that must never happen. In the second nothing
//! goes wrong any more, and the daemon must come to what was asked for: everything runs, and then
//! everything ends.
//!
//! ```
//! use visor_tests::sim;
//! let report = sim::run(1, sim::Watch::Checks).unwrap();
//! assert!(report.actions > 0);
//! ```

mod answers;
pub mod checks;
mod clients;
pub(crate) mod facts;
mod happened;
pub(crate) mod kernel;
mod listeners;
mod random;
mod swarm;
mod users;
mod world;

pub use happened::{Happened, Kind};
pub use random::Random;
pub use swarm::{Swarm, config};
pub use world::{Report, Watch, run, run_and_note, run_with_wall};
