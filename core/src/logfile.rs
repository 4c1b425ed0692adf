//! One log file: when it is opened, rotated, cleared, and what happens when it cannot be written.
//!
//! The core counts the bytes, so that nobody has to ask for a file's size after each write; the
//! runtime looks at the real size before it rotates, so that a file truncated by others is not
//! rotated early.

use crate::{Action, LogId, LogLevel, Now, Timestamp};
use alloc::{collections::VecDeque, format, string::String, vec::Vec};
use core::{mem, time::Duration};

/// How long to wait before a log that could not be opened is tried again, at the next write.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// What a log has to say about itself, for the caller to log elsewhere.
pub(crate) type Remark = Option<(LogLevel, String)>;

/// A log that goes to a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LogFile {
    id: LogId,
    path: String,
    maxbytes: u64,
    backups: u32,
    size_bytes: u64,
    regular: bool,
    state: State,
    /// Lost before it was closed, and not yet admitted: a child that ends does not make that good.
    lost_bytes: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Closed,
    Open,
    /// Bytes are being lost. Reported once; tried again from `retry_at` on, when there is something
    /// to write.
    Failing {
        lost_bytes: u64,
        retry_at: Timestamp,
        open: bool,
    },
    /// Tried again, no complaint so far.
    Probing {
        lost_bytes: u64,
    },
}

impl LogFile {
    pub(crate) const fn new(id: LogId, path: String, maxbytes: u64, backups: u32) -> Self {
        Self {
            id,
            path,
            maxbytes,
            backups,
            size_bytes: 0,
            regular: true,
            state: State::Closed,
            lost_bytes: 0,
        }
    }

    /// Opens it, unless it is open.
    pub(crate) fn open(&mut self, out: &mut VecDeque<Action>, create_new: bool) {
        if matches!(self.state, State::Closed) {
            self.state = match mem::take(&mut self.lost_bytes) {
                0 => State::Open,
                lost_bytes => State::Probing { lost_bytes },
            };
            self.send_open(out, create_new);
        }
    }

    pub(crate) fn close(&mut self, out: &mut VecDeque<Action>) {
        match mem::replace(&mut self.state, State::Closed) {
            State::Closed => return,
            State::Open => {}
            State::Failing { lost_bytes, .. } | State::Probing { lost_bytes } => {
                self.lost_bytes = lost_bytes;
            }
        }
        out.push_back(Action::CloseLog { log: self.id });
    }

    /// Appends, and rotates if the file has become too large.
    pub(crate) fn write(&mut self, now: Now, out: &mut VecDeque<Action>, data: Vec<u8>) -> Remark {
        let mut remark = None;
        let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
        match self.state {
            State::Closed => return None,
            State::Open => {}
            State::Probing { lost_bytes } => {
                self.state = State::Open;
                remark = Some((
                    LogLevel::Warn,
                    format!(
                        "{} can be written again, {lost_bytes} bytes were lost",
                        self.path
                    ),
                ));
            }
            State::Failing {
                lost_bytes,
                retry_at,
                open,
            } => {
                if now.mono < retry_at {
                    self.state = State::Failing {
                        lost_bytes: lost_bytes.saturating_add(len),
                        retry_at,
                        open,
                    };
                    return None;
                }
                self.state = State::Probing { lost_bytes };
                if !open {
                    self.send_open(out, false);
                }
            }
        }
        self.size_bytes = self.size_bytes.saturating_add(len);
        out.push_back(Action::WriteLog { log: self.id, data });
        if self.regular && self.maxbytes > 0 && self.size_bytes >= self.maxbytes {
            // The answer corrects the count; until then nothing is rotated twice.
            self.size_bytes = 0;
            out.push_back(Action::RotateLog {
                log: self.id,
                size_bytes: self.maxbytes,
                backups: self.backups,
            });
        }
        remark
    }

    pub(crate) fn opened(&mut self, size_bytes: u64, regular: bool) {
        self.size_bytes = size_bytes;
        self.regular = regular;
    }

    /// The runtime could not open, rotate or write it.
    pub(crate) fn failed(&mut self, now: Now, error: &str, lost: u64, open: bool) -> Remark {
        if open && lost == 0 && matches!(self.state, State::Open) {
            // Only a rotation failed: nothing is lost. It is tried again after as much again.
            let text = format!("{error}; the log grows on without rotation");
            return Some((LogLevel::Error, text));
        }
        let (before, known) = match self.state {
            // The last write before it was closed.
            State::Closed if lost > 0 => {
                let known = self.lost_bytes > 0;
                self.lost_bytes = self.lost_bytes.saturating_add(lost);
                return (!known).then(|| lost_remark(error));
            }
            State::Closed => return None,
            State::Open => (0, false),
            State::Failing { lost_bytes, .. } | State::Probing { lost_bytes } => (lost_bytes, true),
        };
        let retry_at = if open {
            now.mono
        } else {
            now.mono + REOPEN_AFTER
        };
        self.state = State::Failing {
            lost_bytes: before.saturating_add(lost),
            retry_at,
            open,
        };
        if known {
            return None;
        }
        Some(lost_remark(error))
    }

    /// Closes and opens it again, so that a file moved away by others is left alone from now on.
    pub(crate) fn reopen(&mut self, now: Now, out: &mut VecDeque<Action>) {
        match self.state {
            State::Closed => {}
            State::Open | State::Probing { .. } => {
                out.push_back(Action::ReopenLog { log: self.id })
            }
            State::Failing { lost_bytes, .. } => {
                self.state = State::Failing {
                    lost_bytes,
                    retry_at: now.mono,
                    open: false,
                };
            }
        }
    }

    /// Removes the file's content.
    pub(crate) fn clear(&mut self, out: &mut VecDeque<Action>) {
        self.size_bytes = 0;
        out.push_back(Action::ClearLog {
            log: self.id,
            path: self.path.clone(),
        });
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    fn send_open(&self, out: &mut VecDeque<Action>, create_new: bool) {
        out.push_back(Action::OpenLog {
            log: self.id,
            path: self.path.clone(),
            create_new,
        });
    }
}

fn lost_remark(error: &str) -> (LogLevel, String) {
    let text = format!("{error}; what should be logged is lost until it can be written again");
    (LogLevel::Error, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use alloc::vec;

    const ID: LogId = LogId::Child(crate::ProcessId(1), Stream::Stdout);

    /// A log of at most 100 bytes, and what it has done since it was opened.
    fn open() -> (LogFile, VecDeque<Action>) {
        let mut file = LogFile::new(ID, "/log".into(), 100, 2);
        let mut out = VecDeque::new();
        file.open(&mut out, false);
        out.clear();
        (file, out)
    }

    fn write(file: &mut LogFile, out: &mut VecDeque<Action>, bytes: usize) -> Remark {
        file.write(Now::default(), out, vec![b'x'; bytes])
    }

    fn rotations(out: &VecDeque<Action>) -> usize {
        let is_rotation = |action: &&Action| matches!(action, Action::RotateLog { .. });
        out.iter().filter(is_rotation).count()
    }

    #[test]
    fn what_was_in_the_file_before_counts() {
        let (mut file, mut out) = open();
        file.opened(90, true);
        write(&mut file, &mut out, 9);
        assert_eq!(rotations(&out), 0);
        write(&mut file, &mut out, 1);
        assert_eq!(rotations(&out), 1);
        write(&mut file, &mut out, 99);
        assert_eq!(rotations(&out), 1, "it counts from nothing again");
    }

    #[test]
    fn what_is_no_file_is_not_rotated() {
        let (mut file, mut out) = open();
        file.opened(0, false);
        write(&mut file, &mut out, 1000);
        assert_eq!(rotations(&out), 0);
    }

    #[test]
    fn what_was_emptied_counts_from_nothing() {
        let (mut file, mut out) = open();
        file.opened(90, true);
        file.clear(&mut out);
        write(&mut file, &mut out, 50);
        assert_eq!(rotations(&out), 0);
    }

    #[test]
    fn a_loss_that_is_heard_of_after_the_end_is_told_once_and_made_good_later() {
        let (mut file, mut out) = open();
        file.close(&mut out);
        let now = Now::default();
        assert_eq!(file.failed(now, "E", 0, false), None, "nothing was lost");
        let told = file.failed(now, "E", 3, false).unwrap();
        assert!(told.1.starts_with("E; what should be logged is lost"));
        assert_eq!(file.failed(now, "E", 4, false), None, "it is known");
        file.open(&mut out, false);
        let good = write(&mut file, &mut out, 1).unwrap();
        assert_eq!(good.1, "/log can be written again, 7 bytes were lost");
        assert_eq!(write(&mut file, &mut out, 1), None);
    }
}
