//! One output stream of one process, from the pipe to everywhere it goes.

use super::{OutputFilter, Segment, Utf8Carry};
use crate::activity::Activity;
use crate::config::{LogTarget, OutputConfig};
use crate::logfile::LogFile;
use crate::text::py_repr;
use crate::{Action, LogId, LogLevel, Now, ProcessId, Stream};
use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::{boxed::Box, format, string::String, vec::Vec};

/// Longest line sent to the system's log, in bytes; longer ones are sent in parts.
const SYSLOG_LINE_MAX: usize = 1024;

/// One output stream of one process.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    stream: Stream,
    /// Sorts out what is captured and removes escape sequences. Begins anew with each child.
    filter: OutputFilter,
    /// `*_events_enabled`; never for what a listener says in the protocol.
    events: bool,
    /// Keeps characters whole in the events made of what is logged and of what is captured.
    pub(crate) log_text: Utf8Carry,
    pub(crate) capture_text: Utf8Carry,
    file: Option<Box<LogFile>>,
    /// The start of a line whose end has not come yet, for the system's log.
    syslog: Option<Vec<u8>>,
}

/// Where a tee writes to.
pub(crate) struct Teed<'a> {
    pub(crate) now: Now,
    pub(crate) out: &'a mut VecDeque<Action>,
    pub(crate) activity: &'a mut Activity,
    /// Process name, for messages.
    pub(crate) name: &'a str,
}

impl Channel {
    /// `protocol`: it is a listener's standard output, in which nothing is captured and of which no
    /// events are made. `auto_path` is the file an AUTO log gets.
    pub(crate) fn new(
        process: ProcessId,
        stream: Stream,
        config: &OutputConfig,
        (protocol, strip_ansi): (bool, bool),
        auto_path: impl FnOnce() -> String,
    ) -> Self {
        let capture_maxbytes = if protocol { 0 } else { config.capture_maxbytes };
        let path = match &config.logfile {
            LogTarget::None | LogTarget::Syslog => None,
            LogTarget::Auto => Some(auto_path()),
            LogTarget::File(path) => Some(path.clone()),
        };
        let id = LogId::Child(process, stream);
        Self {
            stream,
            filter: OutputFilter::new(capture_maxbytes, strip_ansi),
            events: config.events_enabled && !protocol,
            log_text: Utf8Carry::default(),
            capture_text: Utf8Carry::default(),
            file: path
                .map(|path| Box::new(LogFile::new(id, path, config.maxbytes, config.backups))),
            syslog: config.syslog.then(Vec::new),
        }
    }

    /// A stream that goes into another one's pipe.
    pub(crate) fn unused(stream: Stream) -> Self {
        Self {
            stream,
            filter: OutputFilter::default(),
            events: false,
            log_text: Utf8Carry::default(),
            capture_text: Utf8Carry::default(),
            file: None,
            syslog: None,
        }
    }

    /// Makes the file of an AUTO log, so that it exists before the process first runs.
    pub(crate) fn create(&mut self, out: &mut VecDeque<Action>) {
        if let Some(file) = &mut self.file {
            file.open(out, true);
            file.close(out);
        }
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

    pub(crate) fn file_mut(&mut self) -> Option<&mut LogFile> {
        self.file.as_deref_mut()
    }

    pub(crate) fn path(&self) -> Option<&str> {
        self.file.as_deref().map(LogFile::path)
    }

    /// The next part of what the child wrote, taken off `data`.
    pub(crate) fn next_segment<'d>(&mut self, data: &mut &'d [u8]) -> Option<Segment<'d>> {
        self.filter.next(data)
    }

    /// Whether all of it is logged as it is.
    pub(crate) const fn is_transparent(&self) -> bool {
        self.filter.is_transparent()
    }

    /// Whether more than the length of what the child wrote matters here, events apart.
    #[cfg(feature = "serde")]
    pub(crate) const fn looks_inside(&self) -> bool {
        self.syslog.is_some() || !self.filter.is_transparent()
    }

    /// Whether PROCESS_LOG events are made of it.
    pub(crate) const fn makes_events(&self) -> bool {
        self.events
    }

    /// At debug level the activity log tells of captures.
    pub(crate) fn show_captured(&self, to: &mut Teed<'_>) {
        if to.activity.wants(LogLevel::Debug) {
            let (name, stream) = (py_repr(to.name), self.stream.name());
            to.activity.log(
                to.now,
                to.out,
                LogLevel::Debug,
                format_args!("{name} {stream} emitted a comm event"),
            );
        }
    }

    /// At debug level the activity log shows what children write.
    pub(crate) fn show(&self, to: &mut Teed<'_>, data: &[u8]) {
        if to.activity.wants(LogLevel::Debug) {
            let (name, stream) = (py_repr(to.name), self.stream.name());
            to.activity.log_bytes(
                to.now,
                to.out,
                LogLevel::Debug,
                format_args!("{name} {stream} output:\n"),
                data,
            );
        }
    }

    /// Logs what the child wrote.
    pub(crate) fn log(&mut self, to: &mut Teed<'_>, data: Cow<'_, [u8]>) {
        self.show(to, &data);
        if let Some(start) = &mut self.syslog {
            for line in lines(start, &data) {
                to.out.push_back(Action::Syslog {
                    level: LogLevel::Info,
                    line: format!("{} {}", to.name, String::from_utf8_lossy(&line)),
                });
            }
        }
        if let Some(file) = &mut self.file
            && let Some((level, text)) = file.write(to.now, to.out, data.into_owned())
        {
            let (name, stream) = (py_repr(to.name), self.stream.name());
            to.activity.log(
                to.now,
                to.out,
                level,
                format_args!("{stream} log of {name}: {text}"),
            );
        }
    }

    /// The child is gone: what was held back belongs to the log, and a last line without an end
    /// is a line.
    /// Gives what no PROCESS_LOG event was made of yet.
    pub(crate) fn finish(&mut self, to: &mut Teed<'_>) -> Vec<u8> {
        let finished = self.filter.finish();
        let mut text = self.log_text.finish();
        text.append(&mut self.capture_text.finish());
        if !finished.log.is_empty() {
            text.extend_from_slice(&finished.log);
            self.log(to, Cow::Owned(finished.log));
        }
        if finished.discarded_bytes > 0 {
            let (name, stream, bytes) = (
                py_repr(to.name),
                self.stream.name(),
                finished.discarded_bytes,
            );
            to.activity.log(
                to.now,
                to.out,
                LogLevel::Warn,
                format_args!(
                    "{name} ended before it ended its capture on {stream}: {bytes} bytes are lost"
                ),
            );
        }
        if let Some(start) = &mut self.syslog
            && !start.is_empty()
        {
            let line = core::mem::take(start);
            to.out.push_back(Action::Syslog {
                level: LogLevel::Info,
                line: format!("{} {}", to.name, String::from_utf8_lossy(&line)),
            });
        }
        text
    }

    /// The runtime could not write the file.
    pub(crate) fn failed(&mut self, to: &mut Teed<'_>, error: &str, lost: u64, open: bool) {
        if let Some(file) = &mut self.file
            && let Some((level, text)) = file.failed(to.now, error, lost, open)
        {
            let (name, stream) = (py_repr(to.name), self.stream.name());
            to.activity.log(
                to.now,
                to.out,
                level,
                format_args!("{stream} log of {name}: {text}"),
            );
        }
    }
}

/// The whole lines in `start` + `data`, without their ends; what is left stays in `start`.
fn lines(start: &mut Vec<u8>, data: &[u8]) -> Vec<Vec<u8>> {
    let mut whole = Vec::new();
    for part in data.split_inclusive(|b| *b == b'\n') {
        for piece in part.chunks(SYSLOG_LINE_MAX) {
            start.extend_from_slice(piece);
            if piece.ends_with(b"\n") || start.len() >= SYSLOG_LINE_MAX {
                let mut line = core::mem::take(start);
                while line.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                    line.pop();
                }
                whole.push(line);
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_they_are_split() {
        let text = b"one\ntwo\r\n\nthree";
        for cut in 0..text.len() {
            let (a, b) = text.split_at(cut);
            let mut start = Vec::new();
            let mut got = lines(&mut start, a);
            got.extend(lines(&mut start, b));
            assert_eq!(got, [&b"one"[..], b"two", b""]);
            assert_eq!(start, b"three");
        }
    }

    #[test]
    fn a_line_without_end_is_sent_in_parts() {
        let mut start = Vec::new();
        let got = lines(&mut start, &[b'x'; 2500]);
        assert_eq!(got.len(), 2);
        assert_eq!(start.len(), 452);
    }
}
