//! Configuration: from text to a checked [`Config`].

mod model;

pub use model::{
    AutoRestart, Config, Credentials, FcgiSocket, GroupConfig, GroupKind, LogTarget, OutputConfig,
    Owner, ProcessConfig, ServerAddress, ServerConfig, SupervisordConfig, User,
};
