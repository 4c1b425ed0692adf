//! Benchmarks: visor and the reference in one interleaved run on one machine, with ratios.
//!
//! `cargo run --release -p visor-bench` prints a table and writes `target/bench.json`; docs/performance.md
//! tells how to read it.

pub mod configuration;
pub mod report;
pub mod rows;
pub mod sides;
pub mod stats;
