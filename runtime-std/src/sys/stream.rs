//! Targets of logs that may not take all that is written to them: pipes, terminals, sockets.

use super::Fd;
use super::log::Backlog;
use super::sink::Written;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec, write};
use rustix::net::{SendFlags, send};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

/// Beyond this, whoever produces the bytes should pause.
const CONGESTED_BYTES: usize = 256 << 10;
/// Beyond this, bytes are lost: only what could not be paused comes so far.
const QUEUE_BYTES_MAX: usize = 16 << 20;
/// To the beginning of the row, and nothing behind it any more.
const ERASE: &[u8] = b"\r\x1b[K";
/// A pipe that poll calls writable takes this much without blocking.
const PIPE_BUF: usize = 4096;

/// The open ones, each with what waits for it.
///
/// Logs that lead to the same place share one, so that what was written first arrives first and
/// nothing comes between the two halves of a write. One that no log writes to any more stays until
/// what waits for it is taken.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: BTreeMap<u64, Stream>,
    last: u64,
}

impl Streams {
    /// Takes a stream in for one more log: the number of it, or of the one that leads to the same
    /// place.
    pub(super) fn add(&mut self, stream: Stream) -> u64 {
        let identity = stream.identity;
        let known = self.all.iter_mut().find(|(_, s)| s.identity == identity);
        if let Some((number, known)) = known {
            known.logs += 1;
            return *number;
        }
        self.last += 1;
        self.all.insert(self.last, Stream { logs: 1, ..stream });
        self.last
    }

    /// One log fewer writes to it.
    pub(super) fn release(&mut self, number: u64) {
        if let Some(stream) = self.all.get_mut(&number) {
            stream.logs = stream.logs.saturating_sub(1);
        }
        self.drop_unused(number);
    }

    pub(super) fn write(&mut self, number: u64, data: &[u8]) -> Written {
        match self.all.get_mut(&number) {
            Some(stream) => stream.write(data),
            None => Written::Lost {
                error: Errno::BADF,
                bytes: data.len() as u64,
            },
        }
    }

    /// Keeps a text below whatever is written from now on; none: no more.
    pub(super) fn set_status(&mut self, number: u64, text: Option<String>) {
        if let Some(stream) = self.all.get_mut(&number) {
            let status = text.map(|text| Status { text, shown: false });
            let before = std::mem::replace(&mut stream.status, status);
            stream.refresh(before.is_some_and(|before| before.shown));
        }
    }

    /// Takes that text away until the next write.
    pub(super) fn hide_status(&mut self, number: u64) {
        if let Some(stream) = self.all.get_mut(&number)
            && let Some(status) = &mut stream.status
            && std::mem::take(&mut status.shown)
        {
            let _ = stream.send(ERASE);
        }
    }

    /// How wide a terminal is.
    pub(super) fn columns(&self, number: u64) -> Option<u16> {
        self.all.get(&number)?.columns()
    }

    /// Writes what waits, as far as it is taken.
    pub(super) fn flush(&mut self, number: u64) {
        if let Some(stream) = self.all.get_mut(&number) {
            stream.flush();
        }
        self.drop_unused(number);
    }

    /// What waits for one of them.
    pub(super) fn backlog(&self, number: u64) -> Option<Backlog> {
        let stream = self.all.get(&number)?;
        (!stream.queue.is_empty()).then(|| Backlog {
            serial: number,
            fd: Rc::clone(&stream.fd),
            congested: stream.queue.len() > CONGESTED_BYTES,
        })
    }

    /// What waits for all of them.
    pub(super) fn backlogs(&self) -> Vec<Backlog> {
        let numbers = self.all.keys();
        numbers.filter_map(|number| self.backlog(*number)).collect()
    }

    fn drop_unused(&mut self, number: u64) {
        let unused = |stream: &Stream| stream.logs == 0 && stream.queue.is_empty();
        if self.all.get(&number).is_some_and(unused) {
            self.all.remove(&number);
        }
    }
}

/// A target that may not take all that is written to it.
#[derive(Debug)]
pub(super) struct Stream {
    fd: Fd,
    way: Way,
    queue: VecDeque<u8>,
    /// Device and inode: what tells whether two descriptors lead to the same place.
    identity: (u64, u64),
    /// How many logs write here.
    logs: u32,
    /// What was written last did not end its line.
    mid_line: bool,
    status: Option<Status>,
}

/// A text that stays below everything else on a terminal.
#[derive(Debug)]
struct Status {
    text: String,
    /// It is the last thing on the screen.
    shown: bool,
}

/// How to write without blocking.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// The open file is ours alone and has O_NONBLOCK.
    NonBlocking,
    /// A socket shared with others: each send says that it does not wait.
    Socket,
    /// A pipe or terminal shared with others, whose flags are not ours to change: ask first, and
    /// write no more than then fits.
    AskFirst,
    /// A regular file behind one of our own descriptors.
    Plain,
}

impl Stream {
    pub(super) fn new(fd: OwnedFd, way: Way) -> Result<Self, Errno> {
        let found = fstat(&fd)?;
        Ok(Self {
            fd: Rc::new(fd),
            way,
            queue: VecDeque::new(),
            identity: (found.st_dev, found.st_ino),
            logs: 0,
            mid_line: false,
            status: None,
        })
    }

    /// Writes through a descriptor the daemon was started with.
    pub(super) fn of_descriptor(number: RawFd) -> Result<Self, Errno> {
        // SAFETY: a number that is no descriptor makes the call fail; the borrow ends with it.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let copy = fcntl_dupfd_cloexec(borrowed, 3)?;
        let kind = FileType::from_raw_mode(fstat(&copy)?.st_mode);
        if kind == FileType::Socket {
            return Self::new(copy, Way::Socket);
        }
        if kind == FileType::RegularFile {
            return Self::new(copy, Way::Plain);
        }
        // Opening it anew gives it flags of its own, if the user who runs the daemon may.
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        match open(format!("/proc/self/fd/{number}"), flags, Mode::empty()) {
            Ok(own) => Self::new(own, Way::NonBlocking),
            Err(_) => Self::new(copy, Way::AskFirst),
        }
    }

    pub(super) fn fd(&self) -> &Fd {
        &self.fd
    }

    fn write(&mut self, data: &[u8]) -> Written {
        if let Some(last) = data.last() {
            self.mid_line = *last != b'\n';
        }
        let Some(status) = &mut self.status else {
            return self.send(data);
        };
        let erase = if std::mem::take(&mut status.shown) {
            ERASE
        } else {
            b""
        };
        let framed = [erase, data, self.status_to_show().as_bytes()].concat();
        match self.send(&framed) {
            Written::All => Written::All,
            // What is lost first is the text below.
            Written::Lost { error, bytes } => Written::Lost {
                error,
                bytes: bytes.min(data.len() as u64),
            },
        }
    }

    /// Shows the text as it is now, in place of an earlier one.
    fn refresh(&mut self, erase: bool) {
        let erase = if erase { ERASE } else { b"" };
        let framed = [erase, self.status_to_show().as_bytes()].concat();
        if !framed.is_empty() {
            let _ = self.send(&framed);
        }
    }

    /// The text below, if it can be shown now: not within a line, and not by making a queue longer.
    fn status_to_show(&mut self) -> String {
        match &mut self.status {
            Some(status) if !self.mid_line && self.queue.is_empty() => {
                status.shown = true;
                status.text.clone()
            }
            Some(_) | None => String::new(),
        }
    }

    /// Sends bytes as they are.
    fn send(&mut self, data: &[u8]) -> Written {
        let mut rest = data;
        if self.queue.is_empty() {
            match self.push(data) {
                Ok(count) => rest = data.get(count..).unwrap_or_default(),
                Err(error) => {
                    return Written::Lost {
                        error,
                        bytes: data.len() as u64,
                    };
                }
            }
        }
        let room = QUEUE_BYTES_MAX
            .saturating_sub(self.queue.len())
            .min(rest.len());
        let (fits, lost) = rest.split_at(room);
        self.queue.extend(fits);
        if lost.is_empty() {
            Written::All
        } else {
            Written::Lost {
                error: Errno::AGAIN,
                bytes: lost.len() as u64,
            }
        }
    }

    fn flush(&mut self) {
        while !self.queue.is_empty() {
            let (front, _) = self.queue.as_slices();
            match self.push(front) {
                Ok(0) => break,
                Ok(count) => drop(self.queue.drain(..count)),
                // The reader is gone: nobody will ever see these bytes.
                Err(_) => self.queue.clear(),
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// Writes as much as is taken at once. Returns how much.
    fn push(&self, data: &[u8]) -> Result<usize, Errno> {
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let written = match self.way {
                Way::NonBlocking | Way::Plain => write(&self.fd, rest),
                Way::Socket => send(&self.fd, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
                Way::AskFirst if !self.is_writable() => Err(Errno::AGAIN),
                Way::AskFirst => write(&self.fd, rest.get(..PIPE_BUF).unwrap_or(rest)),
            };
            match written {
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn is_writable(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_to_the_same_place_share_what_waits() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let again = fcntl_dupfd_cloexec(&writer, 3).unwrap();
        let mut streams = Streams::default();
        let one = streams.add(Stream::new(writer, Way::AskFirst).unwrap());
        let other = streams.add(Stream::new(again, Way::AskFirst).unwrap());
        assert_eq!(one, other);
        // The pipe is full; what is left of the first write stays before the second.
        assert_eq!(streams.write(one, &[b'a'; 100_000]), Written::All);
        assert_eq!(streams.write(other, b"b"), Written::All);
        streams.release(one);
        streams.release(other);
        assert!(streams.backlog(one).is_some());
        let (mut read, mut buffer) = (Vec::new(), vec![0; 65536]);
        while read.len() < 100_001 {
            let count = rustix::io::read(&reader, &mut buffer[..]).unwrap();
            read.extend_from_slice(&buffer[..count]);
            streams.flush(one);
        }
        assert!(read[..100_000].iter().all(|byte| *byte == b'a'));
        assert_eq!(read[100_000..], *b"b");
        // Nothing waits and nobody writes: the descriptor is closed.
        assert!(streams.all.is_empty());
    }
}
