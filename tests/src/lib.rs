//! What the tests of visor share.

pub mod browser;
pub mod compat;
pub mod config;
pub mod e2e;
pub mod fuzz_bodies;
pub mod model;
pub mod scenario;
pub mod sim;
