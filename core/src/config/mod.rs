//! Configuration: from text to a checked [`Config`].
//!
//! A [`Config`] is plain data: every default filled in, every value checked, every process with its
//! name. The supervisor takes one at its start and one at each reload, and does not care where it
//! came from. A program makes one with [`Config::embedded`]; the daemon reads one.
//!
//! With the feature `ini`, a [`Loader`] reads `supervisord.conf`: it asks for files, users and
//! directories, and ends with a [`Loaded`] configuration or with [`LoadErrors`]. A [`CtlLoader`]
//! reads the same files for supervisorctl. What is odd, but allowed, is a [`Diagnostic`] with the place it
//! was found in.
//!
//! [`schema`] has every section and key as data, which the documentation is made from; [`diff()`] says
//! what a new configuration changes; [`settings_text`] and [`settings_json`] show what one means. How
//! the file is to be written is told in `docs/configuration.md`.

mod build;
#[cfg(feature = "ini")]
mod ctl;
#[cfg(feature = "ini")]
mod daemon;
mod diff;
mod error;
mod expand;
#[cfg(feature = "ini")]
mod groups;
mod json;
#[cfg(feature = "ini")]
mod lint;
#[cfg(feature = "ini")]
mod load;
mod model;
#[cfg(feature = "ini")]
mod need;
mod pairs;
#[cfg(feature = "ini")]
mod path;
#[cfg(feature = "ini")]
mod programs;
#[cfg(feature = "ini")]
mod reader;
mod scan;
pub mod schema;
#[cfg(feature = "ini")]
mod servers;
mod show;
#[cfg(feature = "ini")]
mod store;
#[cfg(test)]
#[cfg(feature = "ini")]
mod tests;
#[cfg(feature = "ini")]
mod values;

#[cfg(feature = "ini")]
pub use ctl::{CtlConfig, LoadedCtl};
#[cfg(feature = "ini")]
pub use daemon::Flag;
pub use diff::{Changed, Diff, diff, group_reasons, process_reasons};
pub use error::{Diagnostic, LoadErrors, Place};
pub use expand::{ExpandError, Expanded, Scope, Value, expand};
pub use json::Json;
#[cfg(feature = "ini")]
pub use load::{CtlLoader, Load, LoadOptions, Loaded, Loader, Step};
pub use model::{
    AutoRestart, Config, Credentials, FcgiSocket, GroupConfig, GroupKind, LogTarget, OutputConfig,
    Owner, ProcessConfig, ServerAddress, ServerConfig, SupervisordConfig, User,
};
#[cfg(feature = "ini")]
pub use need::{Answer, FileContent, FileError, Need};
pub use pairs::key_value_pairs;
#[cfg(feature = "ini")]
pub use programs::NUMPROCS_MAX;
pub use scan::{Cut, ScanError, ScannedOption, ScannedSection, scan};
pub use show::{Secrets, settings_json, settings_text};
#[cfg(feature = "ini")]
pub use values::byte_size;
