//! The daemon's own log.

use crate::logfile::{LogFile, Remark};
use crate::{Action, LogLevel, Now};
use alloc::collections::VecDeque;
use alloc::{format, string::String, vec::Vec};
use core::{fmt, fmt::Write as _};

/// Formats lines and sends them where they go: the log file, the console, the system's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Activity {
    level: LogLevel,
    file: Option<LogFile>,
    console: bool,
    syslog: bool,
}

impl Activity {
    pub(crate) const fn new(
        level: LogLevel,
        file: Option<LogFile>,
        console: bool,
        syslog: bool,
    ) -> Self {
        Self {
            level,
            file,
            console,
            syslog,
        }
    }

    /// Nothing is logged yet.
    pub(crate) const fn silent() -> Self {
        Self::new(LogLevel::Info, None, false, false)
    }

    pub(crate) const fn wants(&self, level: LogLevel) -> bool {
        level as u8 >= self.level as u8
    }

    /// Whether it is also shown where the daemon was started.
    pub(crate) const fn has_console(&self) -> bool {
        self.console
    }

    pub(crate) const fn file(&self) -> Option<&LogFile> {
        self.file.as_ref()
    }

    pub(crate) fn log(
        &mut self,
        now: Now,
        out: &mut VecDeque<Action>,
        level: LogLevel,
        text: fmt::Arguments<'_>,
    ) {
        if self.wants(level) {
            self.log_bytes(now, out, level, text, b"");
        }
    }

    /// A line, followed by bytes as they are: a child's output at debug level.
    pub(crate) fn log_bytes(
        &mut self,
        now: Now,
        out: &mut VecDeque<Action>,
        level: LogLevel,
        text: fmt::Arguments<'_>,
        bytes: &[u8],
    ) {
        if !self.wants(level) {
            return;
        }
        let mut line = now.log_stamp();
        // Writing to a String cannot fail.
        let _ = write!(line, " {} {text}", level.tag());
        if self.syslog {
            let line = format!("{} {text}{}", level.tag(), String::from_utf8_lossy(bytes));
            out.push_back(Action::Syslog { level, line });
        }
        let mut line = line.into_bytes();
        line.extend_from_slice(bytes);
        line.push(b'\n');
        self.emit(now, out, level, line);
    }

    fn emit(&mut self, now: Now, out: &mut VecDeque<Action>, level: LogLevel, line: Vec<u8>) {
        if self.console {
            out.push_back(Action::ShowLine {
                level,
                line: line.clone(),
            });
        }
        if let Some(file) = &mut self.file {
            let remark = file.write(now, out, line);
            self.tell(now, out, remark);
        }
    }

    /// What the log file has to say about itself cannot go into that file: it goes to the console,
    /// and where there is none to standard error.
    fn tell(&self, now: Now, out: &mut VecDeque<Action>, remark: Remark) {
        let Some((level, text)) = remark else {
            return;
        };
        let line = format!("{} {} {text}", now.log_stamp(), level.tag());
        out.push_back(if self.console {
            Action::ShowLine {
                level,
                line: (line + "\n").into_bytes(),
            }
        } else {
            Action::Diagnose(line)
        });
    }

    pub(crate) fn open(&mut self, out: &mut VecDeque<Action>) {
        if let Some(file) = &mut self.file {
            file.open(out, false);
        }
    }

    pub(crate) fn close(&mut self, out: &mut VecDeque<Action>) {
        if let Some(file) = &mut self.file {
            file.close(out);
        }
    }

    pub(crate) fn reopen(&mut self, now: Now, out: &mut VecDeque<Action>) {
        if let Some(file) = &mut self.file {
            file.reopen(now, out);
        }
    }

    pub(crate) fn clear(&mut self, out: &mut VecDeque<Action>) {
        if let Some(file) = &mut self.file {
            file.clear(out);
        }
    }

    pub(crate) fn opened(&mut self, size_bytes: u64, regular: bool) {
        if let Some(file) = &mut self.file {
            file.opened(size_bytes, regular);
        }
    }

    pub(crate) fn failed(
        &mut self,
        now: Now,
        out: &mut VecDeque<Action>,
        error: &str,
        lost: u64,
        open: bool,
    ) {
        if let Some(file) = &mut self.file {
            let remark = file.failed(now, error, lost, open);
            self.tell(now, out, remark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogId;

    fn activity(console: bool) -> Activity {
        let file = LogFile::new(LogId::Activity, "/log".into(), 100, 2);
        let mut activity = Activity::new(LogLevel::Info, Some(file), console, false);
        activity.open(&mut VecDeque::new());
        activity
    }

    #[test]
    fn what_was_in_the_log_before_counts_for_its_rotation() {
        let mut activity = activity(false);
        let mut out = VecDeque::new();
        activity.opened(99, true);
        activity.log(Now::default(), &mut out, LogLevel::Info, format_args!("x"));
        let rotation = Action::RotateLog {
            log: LogId::Activity,
            size_bytes: 100,
            backups: 2,
        };
        assert_eq!(out.back(), Some(&rotation));
    }

    #[test]
    fn what_the_log_has_to_say_about_itself_goes_elsewhere() {
        for console in [true, false] {
            let mut activity = activity(console);
            let mut out = VecDeque::new();
            activity.failed(Now::default(), &mut out, "ENOSPC", 5, true);
            let text = " ERRO ENOSPC; what should be logged is lost until it can be written again";
            match (console, &out.make_contiguous()[..]) {
                (true, [Action::ShowLine { level, line }]) => {
                    assert_eq!(*level, LogLevel::Error);
                    let line = String::from_utf8_lossy(line).into_owned();
                    assert!(line.ends_with(&format!("{text}\n")), "{line}");
                }
                (false, [Action::Diagnose(line)]) => assert!(line.ends_with(text), "{line}"),
                (_, other) => panic!("{other:?}"),
            }
        }
    }
}
