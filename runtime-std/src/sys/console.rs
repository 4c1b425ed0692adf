//! The daemon's standard output, where people see the activity log of a daemon in the foreground,
//! and what is made of it if it is a terminal.

use super::log::Backlog;
use super::stream::{Stream, Streams};
use rustix::termios::{isatty, tcgetwinsize};
use std::borrow::Cow;
use std::ffi::OsStr;
use visor_core::{LogLevel, Progress};

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Standard output, opened when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Console {
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// Its number among the streams; none if standard output cannot be written.
    stream: Option<u64>,
    look: Look,
}

/// What may be shown beyond lines as they are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Look {
    /// Levels as colours.
    colours: bool,
    /// A line that is rewritten in place.
    progress: bool,
}

impl Console {
    /// Shows a line of the activity log.
    pub(super) fn show_line(&mut self, level: LogLevel, line: &[u8], streams: &mut Streams) {
        let Open { stream, look } = self.open(streams);
        if let Some(stream) = stream {
            // Whoever closes standard output does not want to know.
            let _ = streams.write(stream, &look.line(level, line));
        }
    }

    /// Shows how far the start has come, in place of what was shown before. When it is over, the
    /// last word stays as a line.
    pub(super) fn show_progress(&mut self, progress: Progress, streams: &mut Streams) {
        let Open { stream, look } = self.open(streams);
        let Some(stream) = stream.filter(|_| look.progress) else {
            return;
        };
        if progress.is_over() {
            streams.set_status(stream, None);
            if progress.processes > 0 {
                let _ = streams.write(stream, format!("{}\n", sentence(progress)).as_bytes());
            }
        } else {
            let text = fit(sentence(progress), streams.columns(stream));
            streams.set_status(stream, Some(text));
        }
    }

    /// Something else is about to write to the same terminal: makes room for it.
    pub(super) fn step_aside(&mut self, streams: &mut Streams) {
        if let Some(stream) = self.open.and_then(|open| open.stream) {
            streams.hide_status(stream);
        }
    }

    /// What waits until it is taken.
    pub(super) fn backlog(&self, streams: &Streams) -> Option<Backlog> {
        streams.backlog(self.open?.stream?)
    }

    fn open(&mut self, streams: &mut Streams) -> Open {
        *self.open.get_or_insert_with(|| {
            let Ok(stream) = Stream::of_descriptor(1) else {
                return Open {
                    stream: None,
                    look: Look::default(),
                };
            };
            let variable = |name| std::env::var_os(name);
            let look = if stream.is_terminal() {
                Look::of(variable("TERM").as_deref(), variable("NO_COLOR").as_deref())
            } else {
                Look::default()
            };
            Open {
                stream: Some(streams.add(stream)),
                look,
            }
        })
    }
}

impl Look {
    /// Of a terminal: by the variables `TERM` and `NO_COLOR`.
    fn of(term: Option<&OsStr>, no_color: Option<&OsStr>) -> Self {
        let able = term.is_some_and(|term| !term.is_empty() && term != "dumb");
        Self {
            colours: able && no_color.is_none_or(OsStr::is_empty),
            progress: able,
        }
    }

    fn line(self, level: LogLevel, line: &[u8]) -> Cow<'_, [u8]> {
        let Some(colour) = colour(level).filter(|_| self.colours) else {
            return Cow::Borrowed(line);
        };
        let (text, end) = match line.strip_suffix(b"\n") {
            Some(text) => (text, "\n"),
            None => (line, ""),
        };
        // The colour ends before the line does, or the rest of the screen would have it.
        Cow::Owned([colour.as_bytes(), text, PLAIN.as_bytes(), end.as_bytes()].concat())
    }
}

fn colour(level: LogLevel) -> Option<&'static str> {
    match level {
        LogLevel::Critical | LogLevel::Error => Some(RED),
        LogLevel::Warn => Some(YELLOW),
        LogLevel::Info => None,
        LogLevel::Debug | LogLevel::Trace | LogLevel::Blather => Some(DIM),
    }
}

fn sentence(progress: Progress) -> String {
    let Progress {
        processes,
        running,
        failed,
    } = progress;
    let verb = if progress.is_over() {
        "started"
    } else {
        "starting"
    };
    format!("{verb} {processes} processes: {running} running, {failed} failed")
}

/// Cuts a text that would not fit into one row: only the row the cursor is in can be rewritten.
fn fit(mut text: String, columns: Option<u16>) -> String {
    if let Some(columns) = columns.filter(|columns| *columns > 0) {
        text.truncate(usize::from(columns) - 1);
    }
    text
}

impl Stream {
    fn is_terminal(&self) -> bool {
        isatty(self.fd())
    }

    /// How wide it is, if it is a terminal.
    pub(super) fn columns(&self) -> Option<u16> {
        tcgetwinsize(self.fd()).ok().map(|size| size.ws_col)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(term: Option<&str>, no_color: Option<&str>) -> Look {
        Look::of(term.map(OsStr::new), no_color.map(OsStr::new))
    }

    #[test]
    fn colours_are_for_terminals_that_have_them_and_people_who_want_them() {
        let (all, plain) = (
            Look {
                colours: true,
                progress: true,
            },
            Look {
                colours: false,
                progress: true,
            },
        );
        assert_eq!(look(Some("xterm"), None), all);
        assert_eq!(look(Some("xterm"), Some("")), all);
        assert_eq!(look(Some("xterm"), Some("1")), plain);
        for term in [None, Some(""), Some("dumb")] {
            assert_eq!(look(term, None), Look::default());
        }
    }

    #[test]
    fn a_colour_ends_with_its_line() {
        let shown = |level| {
            let look = look(Some("xterm"), None);
            String::from_utf8(look.line(level, b"x\n").into_owned()).unwrap()
        };
        assert_eq!(shown(LogLevel::Critical), "\x1b[31mx\x1b[0m\n");
        assert_eq!(shown(LogLevel::Error), "\x1b[31mx\x1b[0m\n");
        assert_eq!(shown(LogLevel::Warn), "\x1b[33mx\x1b[0m\n");
        assert_eq!(shown(LogLevel::Info), "x\n");
        assert_eq!(shown(LogLevel::Debug), "\x1b[2mx\x1b[0m\n");
    }

    #[test]
    fn a_progress_line_stays_within_its_row() {
        let progress = Progress {
            processes: 12,
            running: 7,
            failed: 1,
        };
        let text = sentence(progress);
        assert_eq!(text, "starting 12 processes: 7 running, 1 failed");
        assert_eq!(fit(text.clone(), Some(9)), "starting");
        assert_eq!(fit(text.clone(), Some(0)), text);
        assert_eq!(fit(text.clone(), None), text);
    }
}
