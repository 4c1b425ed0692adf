//! How many descriptors and processes the daemon may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A limit supervisord raises at start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// `minfds`: RLIMIT_NOFILE.
    Files,
    /// `minprocs`: RLIMIT_NPROC.
    Processes,
}

impl Limit {
    /// `RLIMIT_NOFILE` or `RLIMIT_NPROC`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "RLIMIT_NOFILE",
            Self::Processes => "RLIMIT_NPROC",
        }
    }
}

/// What [`raise`] found or did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Raised {
    /// The limit was high enough.
    Enough,
    /// The soft limit (and the hard one, if it was lower) is now the one asked for.
    To(u64),
    /// The hard limit stands in the way, and may not be raised. Carries the hard limit.
    Refused(u64),
}

/// Makes sure that a limit is at least `least`.
#[must_use]
pub fn raise(limit: Limit, least: u64) -> Raised {
    let resource = match limit {
        Limit::Files => Resource::Nofile,
        Limit::Processes => Resource::Nproc,
    };
    let Rlimit { current, maximum } = getrlimit(resource);
    // None is no limit at all.
    if current.is_none_or(|soft| soft >= least) {
        return Raised::Enough;
    }
    let raised = Rlimit {
        current: Some(least),
        maximum: maximum.map(|hard| hard.max(least)),
    };
    match setrlimit(resource, raised) {
        Ok(()) => Raised::To(least),
        Err(_) => Raised::Refused(maximum.unwrap_or(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_suffices_is_left_alone() {
        assert_eq!(raise(Limit::Files, 1), Raised::Enough);
        assert_eq!(Limit::Processes.name(), "RLIMIT_NPROC");
    }
}
