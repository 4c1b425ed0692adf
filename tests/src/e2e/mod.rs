//! Real daemons, real programs: what the end-to-end tests share.
//!
//! A test describes a configuration with [`Setup`], starts it as a [`Daemon`], waits for conditions
//! (never for a time) and asks the daemon through its socket. Whatever a test started is gone when
//! it ends, however it ends.
//!
//! With `VISOR_E2E_REFERENCE=1` the same tests run against Supervisor itself, which shows whether a
//! test asks for what Supervisor does.

mod binaries;
mod daemon;
mod directory;
mod processes;
mod pty;
mod rpc;
mod wait;

pub use binaries::{Runtime, binary, reference, skip};
pub use daemon::{Daemon, Finished, Setup, finish, run};
pub use directory::Directory;
pub use processes::{
    alive, children, descriptors, free_port, process_state, send_signal, voluntary_switches,
};
pub use pty::Pty;
pub use rpc::{Endpoint, Value, call};
pub use wait::{LIMIT, until, until_within};

/// Instantiates each scenario as one test per runtime: `NAME::smol` and `NAME::std`.
#[macro_export]
macro_rules! both_runtimes {
    ($($(#[$meta:meta])* fn $name:ident($runtime:ident: Runtime) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            fn scenario($runtime: $crate::e2e::Runtime) $body
            #[test]
            fn smol() {
                scenario($crate::e2e::Runtime::Smol);
            }
            #[test]
            fn std() {
                scenario($crate::e2e::Runtime::Std);
            }
        }
    )*};
}
