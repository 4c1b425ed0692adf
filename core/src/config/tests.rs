//! Whole configurations, read without a machine: what is said about them, and what they come to.

mod machine;
mod shown;
mod warnings;
mod wrong;
