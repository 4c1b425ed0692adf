//! The listener protocol: what an event listener says on its standard output.
//!
//! A listener announces `READY\n`, is sent one event, answers `RESULT LEN\n` and LEN bytes, and
//! announces itself again. Whoever breaks these rules is not talked to any more until its process
//! is started anew.
//!
//! A [`Listener`] is that conversation with one process: bytes in, notices out. Which event it is
//! sent, and what becomes of one that it does not take, is its [`pool`](crate::pool)'s.

use crate::LogLevel;
use crate::text::py_repr_bytes;
use alloc::{format, string::String, vec::Vec};

/// Longest result line that is waited for, without its line feed, in bytes. `RESULT 2` has 8; a
/// BUSY listener that writes this much without a line feed is not speaking the protocol.
pub const RESULT_LINE_BYTES_MAX: usize = 1024;

/// Longest result that a listener may announce, in bytes. The only result that matters is `OK`,
/// and none is kept: the limit keeps a nonsensical length from making a listener BUSY for ever.
pub const RESULT_BYTES_MAX: u64 = 1 << 20;

/// What the daemon knows of a listener.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ListenerState {
    /// It has been started, or has answered: it must announce itself next.
    #[default]
    Acknowledged,
    /// It waits for an event.
    Ready,
    /// It works on an event.
    Busy,
    /// It broke the protocol. Whatever it says is ignored.
    Unknown,
}

impl ListenerState {
    /// The name in log lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Ready => "READY",
            Self::Busy => "BUSY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Something a listener made known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListenerNotice {
    /// Its state changed. From BUSY to UNKNOWN: the event it had must be given to another.
    Changed {
        /// What it was.
        from: ListenerState,
        /// What it is.
        to: ListenerState,
    },
    /// It has dealt with its event.
    Accepted,
    /// It has not: the event must be delivered again.
    Rejected,
    /// Its answer did not begin with a result line. Carries the line as it is shown.
    BadResultLine(String),
}

impl ListenerNotice {
    /// How important its most important log line is.
    #[must_use]
    pub const fn level(&self) -> LogLevel {
        match self {
            Self::Accepted => LogLevel::Debug,
            Self::Changed { to, .. } => match to {
                ListenerState::Unknown => LogLevel::Warn,
                ListenerState::Acknowledged | ListenerState::Ready | ListenerState::Busy => {
                    LogLevel::Debug
                }
            },
            Self::Rejected | Self::BadResultLine(_) => LogLevel::Warn,
        }
    }

    /// The lines for the activity log, in order, for a process called `name`.
    #[must_use]
    pub fn log_lines(&self, name: &str) -> Vec<(LogLevel, String)> {
        match self {
            Self::Accepted => {
                alloc::vec![(LogLevel::Debug, format!("{name}: event was processed"))]
            }
            Self::Rejected => {
                alloc::vec![(LogLevel::Warn, format!("{name}: event was rejected"))]
            }
            Self::BadResultLine(line) => {
                alloc::vec![(LogLevel::Warn, format!("{name}: bad result line: '{line}'"))]
            }
            Self::Changed { from, to } => {
                let mut lines = alloc::vec![(
                    LogLevel::Debug,
                    format!("{name}: {} -> {}", from.name(), to.name()),
                )];
                if *to == ListenerState::Unknown {
                    lines.push((
                        LogLevel::Warn,
                        format!(
                            "{name}: has entered the UNKNOWN state and will no longer receive events, \
                             this usually indicates the process violated the eventlistener protocol"
                        ),
                    ));
                }
                lines
            }
        }
    }
}

/// One listener's side of the protocol. A new one for each start of the process.
///
/// Feed every read whole, until nothing is left to tell, before an event is dispatched; then the
/// outcome does not depend on how the output was cut into reads.
///
/// ```
/// use visor_core::listener::{Listener, ListenerState};
/// let mut listener = Listener::default();
/// let mut data = &b"READY\n"[..];
/// while let Some(notice) = listener.advance(&mut data) {
///     assert_eq!(notice.log_lines("mail")[0].1, "mail: ACKNOWLEDGED -> READY");
/// }
/// assert!(listener.dispatch().is_some());
/// assert_eq!(listener.state(), ListenerState::Busy);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Listener {
    phase: Phase,
}

/// Where in the protocol a listener is: a state, with what was read of a token that is not whole.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Phase {
    /// So many bytes, at most 5, that are no `READY\n` yet, and whether they begin one.
    Announcing {
        seen: u8,
        matches: bool,
    },
    Waiting,
    /// The beginning of a result line: at most `RESULT_LINE_BYTES_MAX` bytes.
    ReadingLine {
        line: Vec<u8>,
    },
    /// A result with so many bytes left to come, and whether all so far are those of `OK`.
    ReadingResult {
        len: u64,
        left: u64,
        is_ok: bool,
    },
    /// The result line was bad, which has been told; that the state changes is told next.
    Failing,
    /// The result has been told; that the state changes is told next.
    Answered,
    Broken,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Announcing {
            seen: 0,
            matches: true,
        }
    }
}

const READY: &[u8; 6] = b"READY\n";
const OK: &[u8; 2] = b"OK";

impl Listener {
    /// Reads on until there is something to tell. Takes what it read off `data`; `None` means all
    /// of it has been read.
    pub fn advance(&mut self, data: &mut &[u8]) -> Option<ListenerNotice> {
        loop {
            match &mut self.phase {
                Phase::Failing => return Some(self.change(ListenerState::Busy, Phase::Broken)),
                Phase::Answered => {
                    return Some(self.change(ListenerState::Busy, Phase::default()));
                }
                Phase::Broken => {
                    *data = &[];
                    return None;
                }
                // A result of no bytes needs no further byte to be complete.
                Phase::ReadingResult {
                    len,
                    left: 0,
                    is_ok,
                } => {
                    let accepted = *is_ok && *len == OK.len() as u64;
                    self.phase = Phase::Answered;
                    return Some(if accepted {
                        ListenerNotice::Accepted
                    } else {
                        ListenerNotice::Rejected
                    });
                }
                Phase::Announcing { .. }
                | Phase::Waiting
                | Phase::ReadingLine { .. }
                | Phase::ReadingResult { .. } => {}
            }
            let (&byte, rest) = data.split_first()?;
            *data = rest;
            if let Some(notice) = self.read(byte, data) {
                return Some(notice);
            }
        }
    }

    /// Notes that an event is sent to this listener. `None`, and nothing changes, if it does not
    /// wait for one.
    pub fn dispatch(&mut self) -> Option<ListenerNotice> {
        (self.phase == Phase::Waiting).then(|| {
            let reading = Phase::ReadingLine { line: Vec::new() };
            self.change(ListenerState::Ready, reading)
        })
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> ListenerState {
        match self.phase {
            Phase::Announcing { .. } => ListenerState::Acknowledged,
            Phase::Waiting => ListenerState::Ready,
            Phase::ReadingLine { .. }
            | Phase::ReadingResult { .. }
            | Phase::Failing
            | Phase::Answered => ListenerState::Busy,
            Phase::Broken => ListenerState::Unknown,
        }
    }

    /// Takes one byte, and of a result as many as there are.
    fn read(&mut self, byte: u8, rest: &mut &[u8]) -> Option<ListenerNotice> {
        match &mut self.phase {
            Phase::Announcing { seen, matches } => {
                // Fewer than six bytes are waited for, even when they cannot become READY.
                *matches &= READY.get(usize::from(*seen)) == Some(&byte);
                *seen += 1;
                if usize::from(*seen) < READY.len() {
                    return None;
                }
                let next = if *matches {
                    Phase::Waiting
                } else {
                    Phase::Broken
                };
                Some(self.change(ListenerState::Acknowledged, next))
            }
            Phase::Waiting => Some(self.change(ListenerState::Ready, Phase::Broken)),
            Phase::ReadingLine { line } => {
                if byte != b'\n' {
                    line.push(byte);
                    return (line.len() >= RESULT_LINE_BYTES_MAX).then(|| self.fail());
                }
                match result_length(line) {
                    Some(len) => {
                        self.phase = Phase::ReadingResult {
                            len,
                            left: len,
                            is_ok: true,
                        };
                        None
                    }
                    None => Some(self.fail()),
                }
            }
            Phase::ReadingResult { len, left, is_ok } => {
                let at = usize::try_from(*len - *left).unwrap_or(usize::MAX);
                *is_ok &= OK.get(at) == Some(&byte);
                *left -= 1;
                if !*is_ok {
                    // It is rejected already: what remains of it need not be looked at.
                    let skipped = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= skipped as u64;
                    *rest = rest.get(skipped..).unwrap_or(&[]);
                }
                None
            }
            Phase::Failing | Phase::Answered | Phase::Broken => None,
        }
    }

    fn fail(&mut self) -> ListenerNotice {
        let line = match core::mem::replace(&mut self.phase, Phase::Failing) {
            Phase::ReadingLine { line } => line,
            Phase::Announcing { .. }
            | Phase::Waiting
            | Phase::ReadingResult { .. }
            | Phase::Failing
            | Phase::Answered
            | Phase::Broken => Vec::new(),
        };
        ListenerNotice::BadResultLine(match String::from_utf8(line) {
            Ok(text) => text,
            Err(error) => format!("Undecodable: {}", py_repr_bytes(error.as_bytes())),
        })
    }

    fn change(&mut self, from: ListenerState, next: Phase) -> ListenerNotice {
        self.phase = next;
        let to = self.state();
        ListenerNotice::Changed { from, to }
    }
}

/// The length in a result line. As in the reference, whatever follows the first seven bytes is
/// read as Python's `int()` reads it (white space around it, a sign, single underscores between
/// digits), and those seven bytes are not looked at: listeners may say `result 2`.
fn result_length(line: &[u8]) -> Option<u64> {
    let number = line.get(7..)?;
    let space = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    let start = number.iter().position(|b| !space(b))?;
    let end = number.iter().rposition(|b| !space(b))?;
    let number = number.get(start..=end)?;
    let (negative, digits) = match number.split_first()? {
        (b'+', rest) => (false, rest),
        (b'-', rest) => (true, rest),
        _ => (false, number),
    };
    let mut value = 0_u64;
    let mut after_digit = false;
    for &b in digits {
        match b {
            b'0'..=b'9' => {
                value = value.saturating_mul(10).saturating_add(u64::from(b - b'0'));
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return None,
        }
    }
    (after_digit && value <= RESULT_BYTES_MAX && !(negative && value > 0)).then_some(value)
}

#[cfg(test)]
mod tests;
