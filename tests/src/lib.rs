//! What the tests of visor share.

pub mod e2e;
