//! Signals by name and number, as data: Linux's numbering, which is what every client sees.

use core::fmt;

/// A signal's number, 0 to 64. 0 only asks whether the process is there.
///
/// ```
/// use visor_core::Signal;
/// assert_eq!(Signal::from_name("SIGTERM"), Some(Signal::TERM));
/// assert_eq!(Signal::from_name("term"), Some(Signal::TERM));
/// assert_eq!(Signal::KILL.number(), 9);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Signal(u8);

/// Name, without SIG, and number. The first name of a number is the one that is shown.
const NAMES: [(&str, u8); 37] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("RTMIN", 34),
    ("RTMAX", 64),
    ("NULL", 0),
];

impl Signal {
    /// Hang up: the daemon restarts.
    pub const HUP: Self = Self(1);
    /// Interrupt.
    pub const INT: Self = Self(2);
    /// Quit.
    pub const QUIT: Self = Self(3);
    /// Cannot be caught.
    pub const KILL: Self = Self(9);
    /// User-defined 1.
    pub const USR1: Self = Self(10);
    /// User-defined 2: the daemon reopens its logs.
    pub const USR2: Self = Self(12);
    /// The usual request to end.
    pub const TERM: Self = Self(15);

    /// A signal by number; `None` if there is none (above 64, or 32 and 33, which are the C
    /// library's own).
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0..=31 | 34..=64 => Some(Self(number as u8)),
            _ => None,
        }
    }

    /// A signal by name, in any case, with or without `SIG`.
    ///
    /// ```
    /// use visor_core::Signal;
    /// assert_eq!(Signal::from_name("sigterm"), Some(Signal::TERM));
    /// assert_eq!(Signal::from_name("Hup"), Some(Signal::HUP));
    /// assert_eq!(Signal::from_name("TERMINATE"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let bare = match name.get(..3) {
            Some(head) if head.eq_ignore_ascii_case("SIG") => name.get(3..).unwrap_or(""),
            _ => name,
        };
        NAMES
            .iter()
            .find(|(known, number)| *number != 0 && known.eq_ignore_ascii_case(bare))
            .map(|(_, number)| Self(*number))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0 as i32
    }
}

/// `SIGTERM`, or `signal 40` where there is no name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, number)) if *number != 0 => write!(f, "SIG{name}"),
            _ => write!(f, "signal {}", self.0),
        }
    }
}

/// How a child ended.
///
/// ```
/// use visor_core::{ExitStatus, Signal};
/// assert_eq!(ExitStatus::Code(3).code(), 3);
/// let killed = ExitStatus::Signaled { signal: Signal::KILL, core_dumped: false };
/// assert_eq!(killed.code(), -1, "as Supervisor has it: the signal is not in the code");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ExitStatus {
    /// It exited by itself with this code, 0 to 255.
    Code(i32),
    /// A signal ended it.
    Signaled {
        /// The signal.
        signal: Signal,
        /// Whether a core file was written.
        core_dumped: bool,
    },
}

impl ExitStatus {
    /// What clients are told: the code, or -1 for a death by signal.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signaled { .. } => -1,
        }
    }
}

/// `exit status 3`, `terminated by SIGKILL`, `terminated by SIGSEGV (core dumped)`.
impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signaled {
                signal,
                core_dumped,
            } => {
                let core = if *core_dumped { " (core dumped)" } else { "" };
                write!(f, "terminated by {signal}{core}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_found_with_or_without_sig_in_any_case() {
        assert_eq!(Signal::from_name("SIGUSR2"), Some(Signal::USR2));
        assert_eq!(Signal::from_name("cld"), Signal::from_number(17));
        assert_eq!(Signal::from_name("RTMIN"), Signal::from_number(34));
        assert_eq!(Signal::from_name("SIG"), None);
        assert_eq!(Signal::from_name("é"), None);
        assert_eq!(Signal::from_name(""), None);
    }

    #[test]
    fn numbers_outside_the_table_are_refused() {
        assert_eq!(Signal::from_number(-1), None);
        assert_eq!(Signal::from_number(65), None);
        assert_eq!(Signal::from_number(32), None);
        assert!(Signal::from_number(0).is_some());
    }

    #[test]
    fn deaths_are_described_as_the_log_shows_them() {
        let died = ExitStatus::Signaled {
            signal: Signal(11),
            core_dumped: true,
        };
        assert_eq!(died.to_string(), "terminated by SIGSEGV (core dumped)");
        assert_eq!(died.code(), -1);
        assert_eq!(ExitStatus::Code(3).to_string(), "exit status 3");
    }
}
