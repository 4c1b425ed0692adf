//! Log files, and what stands in for them: the daemon's own descriptors, pipes, terminals.

use super::console::Console;
use super::sink::{Sink, Written};
use super::stream::Streams;
use super::{Fd, errno_name};
use rustix::fs::{FileType, Mode, OFlags, fstat, stat};
use rustix::io::Errno;
use std::collections::HashMap;
use visor_core::{Input, LogId, LogLevel, Progress};

/// The open logs.
#[derive(Debug, Default)]
pub struct Logs {
    open: HashMap<LogId, Log>,
    streams: Streams,
    console: Console,
}

/// A log whose target takes no more at the moment.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// Names the target; never used again for another.
    pub serial: u64,
    /// What to wait for until it can be written to.
    pub fd: Fd,
    /// So much waits that whoever produces it should pause.
    pub congested: bool,
}

#[derive(Debug)]
struct Log {
    path: String,
    /// None after a failure to open.
    sink: Option<Sink>,
}

impl Logs {
    /// Opens a log, in place of an earlier one of the same name.
    pub fn open(&mut self, log: LogId, path: String, create_new: bool) -> Input<'static> {
        self.close(log);
        let sink = Sink::open(&path, create_new, &mut self.streams);
        self.insert(log, path, sink)
    }

    /// Closes a log. What still waits for its target is written when that takes it.
    pub fn close(&mut self, log: LogId) {
        if let Some(Log {
            sink: Some(sink), ..
        }) = self.open.remove(&log)
        {
            sink.close(&mut self.streams);
        }
    }

    /// Closes a log and opens it again by path.
    pub fn reopen(&mut self, log: LogId) -> Input<'static> {
        match self.open.get(&log).map(|open| open.path.clone()) {
            Some(path) => self.open(log, path, false),
            None => failed(
                log,
                "could not reopen a log that is not open".into(),
                0,
                false,
            ),
        }
    }

    /// Appends. Answers only if bytes are lost.
    pub fn write(&mut self, log: LogId, data: &[u8]) -> Option<Input<'static>> {
        let lost_all = data.len() as u64;
        let Some(open) = self.open.get(&log) else {
            return Some(failed(
                log,
                "could not write a log that is not open".into(),
                lost_all,
                false,
            ));
        };
        let Some(sink) = &open.sink else {
            let error = format!("could not write {}: it is not open", open.path);
            return Some(failed(log, error, lost_all, false));
        };
        match sink.write(data, &mut self.streams) {
            Written::All => None,
            Written::Lost { error, bytes } => Some(failed(
                log,
                problem("write", &open.path, error),
                bytes,
                true,
            )),
        }
    }

    /// Shows a line of the activity log on standard output. Returns what still waits there.
    pub fn show_line(&mut self, level: LogLevel, line: &[u8]) -> Option<Backlog> {
        self.console.show_line(level, line, &mut self.streams);
        self.console.backlog(&self.streams)
    }

    /// Shows how far a start has come, if standard output is a terminal. Returns what still waits
    /// there.
    pub fn show_progress(&mut self, progress: Progress) -> Option<Backlog> {
        self.console.show_progress(progress, &mut self.streams);
        self.console.backlog(&self.streams)
    }

    /// Something else is about to write to standard output or error.
    pub fn step_aside(&mut self) {
        self.console.step_aside(&mut self.streams);
    }

    /// What is left of a log's last write, if its target could not take it all.
    #[must_use]
    pub fn backlog(&self, log: LogId) -> Option<Backlog> {
        match self.open.get(&log)?.sink.as_ref()? {
            Sink::File(_) => None,
            Sink::Stream(number) => self.streams.backlog(*number),
        }
    }

    /// Writes what waits, now that the target may take it. Returns what still waits.
    pub fn flush(&mut self, serial: u64) -> Option<Backlog> {
        self.streams.flush(serial);
        self.streams.backlog(serial)
    }

    /// All targets for which something waits.
    #[must_use]
    pub fn backlogs(&self) -> Vec<Backlog> {
        self.streams.backlogs()
    }

    /// Renames a file that has reached `size_bytes` out of the way and opens it anew; truncates it
    /// if no old ones are kept.
    ///
    /// A file that somebody else has put in place of ours is not rotated before it is as large.
    pub fn rotate(&mut self, log: LogId, size_bytes: u64, backups: u32) -> Input<'static> {
        let Some(open) = self.open.get(&log) else {
            return failed(
                log,
                "could not rotate a log that is not open".into(),
                0,
                false,
            );
        };
        let path = open.path.clone();
        let Some(Sink::File(file)) = &open.sink else {
            return self.state(log, "rotate");
        };
        let ours = fstat(file).ok();
        let there = stat(&*path).ok();
        let same = matches!((&ours, &there), (Some(a), Some(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino));
        if !same {
            let sink = Sink::open(&path, false, &mut self.streams);
            let full = |sink: &Sink| sink.size_bytes() >= size_bytes.max(1);
            let there_is_full = sink
                .as_ref()
                .is_ok_and(|s| matches!(s, Sink::File(_)) && full(s));
            let answer = self.insert(log, path, sink);
            return if there_is_full {
                self.rotate_file(log, backups)
            } else {
                answer
            };
        }
        let size = ours.map_or(0, |found| u64::try_from(found.st_size).unwrap_or(0));
        if size < size_bytes {
            return opened(log, size, true);
        }
        self.rotate_file(log, backups)
    }

    fn rotate_file(&mut self, log: LogId, backups: u32) -> Input<'static> {
        let Some(Log {
            path,
            sink: Some(Sink::File(file)),
            ..
        }) = self.open.get(&log)
        else {
            return self.state(log, "rotate");
        };
        let path = path.clone();
        if backups == 0 {
            return match rustix::fs::ftruncate(file, 0) {
                Ok(()) => opened(log, 0, true),
                Err(error) => failed(log, problem("truncate", &path, error), 0, true),
            };
        }
        let numbered = |n: u32| format!("{path}.{n}");
        for n in (1..backups).rev() {
            // A gap in the numbers is no error; any other failure shows at the last rename too.
            let _ = rustix::fs::rename(numbered(n), numbered(n + 1));
        }
        if let Err(error) = rustix::fs::rename(&path, numbered(1)) {
            return failed(log, problem("rotate", &path, error), 0, true);
        }
        let sink = Sink::open(&path, false, &mut self.streams);
        self.insert(log, path, sink)
    }

    /// Removes a log's file and opens it again; one that is not open is emptied where it is.
    pub fn clear(&mut self, log: LogId, path: &str) -> Input<'static> {
        if let Some(Log {
            sink: Some(sink), ..
        }) = self.open.get(&log)
            && !matches!(sink, Sink::File(_))
        {
            // Nothing is kept behind a pipe or a terminal, and its name is not ours to remove.
            return opened(log, 0, false);
        }
        if !self.open.contains_key(&log) {
            return match empty(path) {
                Ok(()) | Err(Errno::NOENT) => opened(log, 0, true),
                Err(error) => failed(log, problem("clear", path, error), 0, false),
            };
        }
        match rustix::fs::unlink(path) {
            Ok(()) | Err(Errno::NOENT) => self.open(log, path.to_owned(), false),
            Err(error) => {
                let open = self.open.get(&log).is_some_and(|open| open.sink.is_some());
                failed(log, problem("remove", path, error), 0, open)
            }
        }
    }

    fn insert(&mut self, log: LogId, path: String, sink: Result<Sink, Errno>) -> Input<'static> {
        self.close(log);
        let (sink, answer) = match sink {
            Ok(sink) => {
                let answer = opened(log, sink.size_bytes(), matches!(sink, Sink::File(_)));
                (Some(sink), answer)
            }
            Err(error) => (None, failed(log, problem("open", &path, error), 0, false)),
        };
        self.open.insert(log, Log { path, sink });
        answer
    }

    /// Answers a request that does not apply to what the log is.
    fn state(&self, log: LogId, verb: &str) -> Input<'static> {
        match self.open.get(&log) {
            Some(Log { sink: Some(_), .. }) => opened(log, 0, false),
            Some(Log {
                path, sink: None, ..
            }) => failed(
                log,
                format!("could not {verb} {path}: it is not open"),
                0,
                false,
            ),
            None => failed(
                log,
                format!("could not {verb} a log that is not open"),
                0,
                false,
            ),
        }
    }
}

/// Whether a path names a regular file.
pub(super) fn is_regular(mode: u32) -> bool {
    FileType::from_raw_mode(mode) == FileType::RegularFile
}

fn opened(log: LogId, size_bytes: u64, regular: bool) -> Input<'static> {
    Input::LogOpened {
        log,
        size_bytes,
        regular,
    }
}

fn failed(log: LogId, error: String, lost_bytes: u64, open: bool) -> Input<'static> {
    Input::LogFailed {
        log,
        error,
        lost_bytes,
        open,
    }
}

/// Empties a regular file; what is none has nothing to be emptied, and opening it could block.
fn empty(path: &str) -> Result<(), Errno> {
    let known = stat(path)?;
    if !FileType::from_raw_mode(known.st_mode).is_file() {
        return Ok(());
    }
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    rustix::fs::ftruncate(&file, 0)
}

fn problem(verb: &str, path: &str, error: Errno) -> String {
    format!(
        "could not {verb} {path}: {}",
        errno_name(error.raw_os_error())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use visor_core::{ProcessId, Stream};

    const LOG: LogId = LogId::Child(ProcessId(1), Stream::Stdout);

    struct Dir(std::path::PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("visor-log-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().to_owned()
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.0.join(name)).unwrap_or_else(|e| e.kind().to_string())
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn rotation_shifts_the_backups_and_drops_the_oldest() {
        let dir = Dir::new("rotate");
        let mut logs = Logs::default();
        assert_eq!(logs.open(LOG, dir.path("x"), false), opened(LOG, 0, true));
        for text in ["one", "two", "three", "four"] {
            assert_eq!(logs.write(LOG, text.as_bytes()), None);
            assert_eq!(logs.rotate(LOG, 3, 2), opened(LOG, 0, true));
        }
        assert_eq!(dir.read("x"), "");
        assert_eq!(dir.read("x.1"), "four");
        assert_eq!(dir.read("x.2"), "three");
        assert_eq!(dir.read("x.3"), "entity not found");
    }

    #[test]
    fn without_backups_a_full_file_is_emptied() {
        let dir = Dir::new("truncate");
        let mut logs = Logs::default();
        let _ = logs.open(LOG, dir.path("x"), false);
        let _ = logs.write(LOG, b"0123456789");
        assert_eq!(logs.rotate(LOG, 10, 0), opened(LOG, 0, true));
        let _ = logs.write(LOG, b"abc");
        assert_eq!(dir.read("x"), "abc");
    }

    #[test]
    fn only_a_file_that_is_really_full_is_rotated() {
        let dir = Dir::new("full");
        let mut logs = Logs::default();
        let _ = logs.open(LOG, dir.path("x"), false);
        let _ = logs.write(LOG, b"0123456789");
        // Somebody else rotated meanwhile and put a small file in its place.
        fs::rename(dir.path("x"), dir.path("x.old")).unwrap();
        fs::write(dir.path("x"), "ab").unwrap();
        assert_eq!(logs.rotate(LOG, 10, 3), opened(LOG, 2, true));
        let _ = logs.write(LOG, b"c");
        assert_eq!(dir.read("x"), "abc");
        assert_eq!(dir.read("x.1"), "entity not found");
    }

    #[test]
    fn a_log_comes_back_when_its_directory_does() {
        let dir = Dir::new("back");
        fs::create_dir(dir.path("d")).unwrap();
        let mut logs = Logs::default();
        let _ = logs.open(LOG, dir.path("d/x"), false);
        fs::remove_dir_all(dir.path("d")).unwrap();
        let gone = format!("could not open {}: ENOENT", dir.path("d/x"));
        assert_eq!(logs.reopen(LOG), failed(LOG, gone, 0, false));
        assert!(matches!(
            logs.write(LOG, b"abc"),
            Some(Input::LogFailed {
                lost_bytes: 3,
                open: false,
                ..
            })
        ));
        fs::create_dir(dir.path("d")).unwrap();
        assert_eq!(logs.reopen(LOG), opened(LOG, 0, true));
        assert_eq!(logs.write(LOG, b"abc"), None);
        assert_eq!(dir.read("d/x"), "abc");
    }

    #[test]
    fn clearing_works_on_open_and_on_closed_logs() {
        let dir = Dir::new("clear");
        let mut logs = Logs::default();
        fs::write(dir.path("x"), "abc").unwrap();
        assert_eq!(logs.clear(LOG, &dir.path("x")), opened(LOG, 0, true));
        assert_eq!(dir.read("x"), "");
        let _ = logs.open(LOG, dir.path("x"), false);
        let _ = logs.write(LOG, b"abc");
        assert_eq!(logs.clear(LOG, &dir.path("x")), opened(LOG, 0, true));
        let _ = logs.write(LOG, b"d");
        assert_eq!(dir.read("x"), "d");
    }

    #[test]
    fn auto_logs_are_private_and_never_taken_over() {
        use std::os::unix::fs::PermissionsExt;
        let dir = Dir::new("auto");
        let mut logs = Logs::default();
        assert_eq!(logs.open(LOG, dir.path("x"), true), opened(LOG, 0, true));
        let mode = fs::metadata(dir.path("x")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            logs.open(LOG, dir.path("x"), true),
            Input::LogFailed { open: false, .. }
        ));
    }

    #[test]
    fn a_full_disk_is_reported_with_what_is_lost() {
        let mut logs = Logs::default();
        assert_eq!(
            logs.open(LOG, "/dev/full".into(), false),
            opened(LOG, 0, false)
        );
        let full = failed(LOG, "could not write /dev/full: ENOSPC".into(), 3, true);
        assert_eq!(logs.write(LOG, b"abc"), Some(full));
    }

    #[test]
    fn a_fifo_that_is_not_read_never_blocks_and_loses_nothing() {
        let dir = Dir::new("fifo");
        let path = dir.path("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &*path, FileType::Fifo, 0o600.into(), 0).unwrap();
        let reader = rustix::fs::open(
            &*path,
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK,
            0.into(),
        )
        .unwrap();
        let mut logs = Logs::default();
        assert_eq!(logs.open(LOG, path, false), opened(LOG, 0, false));
        let block = vec![b'x'; 200_000];
        assert_eq!(logs.write(LOG, &block), None);
        assert_eq!(logs.write(LOG, &block), None);
        let serial = logs.backlog(LOG).filter(|b| b.congested).unwrap().serial;
        let (mut read, mut buffer) = (0, vec![0; 65536]);
        while read < 400_000 {
            read += rustix::io::read(&reader, &mut buffer[..]).unwrap();
            let _ = logs.flush(serial);
        }
        assert!(logs.backlog(LOG).is_none());
    }
}
