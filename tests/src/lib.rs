//! What the tests of visor share.

pub mod browser;
pub mod compat;
pub mod config;
pub mod e2e;
pub mod fuzz_bodies;
pub mod load;
pub mod model;
pub mod prove;
pub mod scenario;
pub mod search;
pub mod sim;
pub mod tape;

/// The programs in the pages of the documentation; `tests/tests/docs` sees to it that each page that
/// has some is here.
#[cfg(doctest)]
mod documentation {
    // The attributes of its shell examples are for `tests/tests/docs`.
    #![allow(rustdoc::invalid_codeblock_attributes)]
    #[doc = include_str!("../../docs/write-a-runtime.md")]
    mod write_a_runtime {}
}
