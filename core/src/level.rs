//! Levels of the activity log.

/// How important a line of the activity log is. Ordered: `Critical` is the greatest.
///
/// ```
/// use visor_core::LogLevel;
/// assert_eq!(LogLevel::from_name("warn"), Some(LogLevel::Warn));
/// assert_eq!((LogLevel::Warn.tag(), LogLevel::Critical.name()), ("WARN", "critical"));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogLevel {
    /// 3.
    Blather,
    /// 5.
    Trace,
    /// 10.
    Debug,
    /// 20.
    #[default]
    Info,
    /// 30.
    Warn,
    /// 40.
    Error,
    /// 50.
    Critical,
}

impl LogLevel {
    /// All levels, most important first.
    pub const ALL: [Self; 7] = [
        Self::Critical,
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
        Self::Blather,
    ];

    /// The four letters of a log line.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Critical => "CRIT",
            Self::Error => "ERRO",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBG",
            Self::Trace => "TRAC",
            Self::Blather => "BLAT",
        }
    }

    /// The word used in `loglevel=`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
            Self::Blather => "blather",
        }
    }

    /// The level named `name`, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_four_letters_a_name_and_an_order() {
        let tags = LogLevel::ALL.map(LogLevel::tag);
        assert_eq!(
            tags,
            ["CRIT", "ERRO", "WARN", "INFO", "DEBG", "TRAC", "BLAT"]
        );
        let names = LogLevel::ALL.map(LogLevel::name);
        assert_eq!(
            names,
            [
                "critical", "error", "warn", "info", "debug", "trace", "blather"
            ]
        );
        assert!(LogLevel::ALL.is_sorted_by(|a, b| a > b));
        assert_eq!(LogLevel::from_name("Warn"), Some(LogLevel::Warn));
        assert_eq!(LogLevel::from_name("warning"), None);
    }
}
