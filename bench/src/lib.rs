//! Benchmarks: visor and the reference in one interleaved run on one machine, with ratios.
//!
//! `cargo run --release -p visor-bench` prints a table; `--json FILE` writes it for programs. docs/performance.md
//! tells how to read it.

pub mod configuration;
pub mod report;
pub mod rows;
pub mod sides;
pub mod stats;
