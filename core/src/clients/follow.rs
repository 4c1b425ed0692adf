//! Following a log: its end, then what is added to it.
//!
//! What is new is read back from the file each time something was written to it: the bytes are in
//! the page cache, a client that is slow costs no memory, a file cut short by others is noticed,
//! and nobody looks without a reason. Before a file is rotated away, its last bytes are read.

use super::Work;
use crate::http::{Response, Status};
use crate::supervisor::Supervisor;
use crate::{Action, ConnId, LogId, LogPart, Now, ReadError, ReadId, ReadRange};
use alloc::{borrow::Cow, string::String, vec::Vec};

/// How much of the log's end a follower gets first.
const FIRST_BYTES: u64 = 1024;
/// The most it can ask for; our page asks for more than the reference's clients get.
const FIRST_BYTES_MAX: u64 = 1 << 20;
/// Most bytes read for a follower at once.
const READ_BYTES: u64 = 64 << 10;
/// What a follower is told when the log was cut short or emptied.
const TRUNCATED: &[u8] = b"==> File truncated <==\n";

/// A client that follows a log.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    log: LogId,
    path: String,
    /// Where in the file the next bytes are; `None` before the first part has come.
    position: Option<u64>,
    reading: Option<ReadId>,
    /// Something was written since the last part was asked for.
    is_behind: bool,
    /// What the runtime was told to do with the file and has not answered yet.
    changing: Option<Change>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Change {
    /// It becomes another file, which goes on where the old one ended.
    Replaced,
    /// It is emptied.
    Emptied,
}

impl Follow {
    pub(super) const fn log(&self) -> LogId {
        self.log
    }
}

impl Supervisor {
    /// Begins to follow a log. The answer begins when its end has been read.
    pub(super) fn begin_follow(
        &mut self,
        conn: ConnId,
        log: LogId,
        path: String,
        limit: Option<&str>,
    ) {
        let wanted = limit.and_then(|limit| limit.parse::<u64>().ok());
        let last = ReadRange::Last {
            length: wanted.map_or(FIRST_BYTES, |bytes| bytes.clamp(1, FIRST_BYTES_MAX)),
        };
        let read = self.clients.mint_read(conn);
        self.out.push_back(Action::ReadLog {
            read,
            path: path.clone(),
            range: last,
        });
        if let Some(session) = self.clients.sessions.get_mut(&conn) {
            session.work = Work::Follow(Follow {
                log,
                path,
                position: None,
                reading: Some(read),
                is_behind: false,
                changing: None,
            });
            self.clients.followers.entry(log).or_default().insert(conn);
        }
    }

    /// Looks at an action that is about to be done: the followers of a log must know.
    pub(crate) fn saw_action(&mut self, action: &Action) {
        if self.clients.followers.is_empty() {
            return;
        }
        let (log, change) = if let Action::WriteLog { log, .. } = action {
            (*log, None)
        } else if let Action::RotateLog { log, .. } | Action::ReopenLog { log } = action {
            (*log, Some(Change::Replaced))
        } else if let Action::ClearLog { log, .. } = action {
            (*log, Some(Change::Emptied))
        } else {
            return;
        };
        let Some(conns) = self.clients.followers.get(&log) else {
            return;
        };
        for conn in conns.iter().copied().collect::<Vec<_>>() {
            let Some(follow) = self.follow_mut(conn) else {
                continue;
            };
            match change {
                Some(_) => follow.changing = change,
                None => {
                    follow.is_behind = true;
                    // Right after the write, before anything else is done with the file.
                    if let Some(read) = self.next_read(conn) {
                        self.out.push_front(read);
                    }
                }
            }
        }
    }

    /// The runtime has opened, rotated or emptied a log.
    pub(crate) fn on_followed_log_opened(&mut self, now: Now, log: LogId, size_bytes: u64) {
        let Some(conns) = self.clients.followers.get(&log) else {
            return;
        };
        for conn in conns.iter().copied().collect::<Vec<_>>() {
            let Some(follow) = self.follow_mut(conn) else {
                continue;
            };
            let change = follow.changing.take();
            if follow.position.is_some_and(|at| at > size_bytes) {
                follow.position = Some(0);
                follow.is_behind |= size_bytes > 0;
                if change == Some(Change::Emptied) {
                    self.stream(now, conn, TRUNCATED);
                }
            }
            self.continue_follow(now, conn);
        }
    }

    /// The runtime could not do what it was told to do with a log.
    pub(crate) fn on_followed_log_failed(&mut self, now: Now, log: LogId) {
        if let Some(conns) = self.clients.followers.get(&log) {
            for conn in conns.iter().copied().collect::<Vec<_>>() {
                if let Some(follow) = self.follow_mut(conn) {
                    follow.changing = None;
                    self.continue_follow(now, conn);
                }
            }
        }
    }

    /// A part of the log has come.
    pub(super) fn follow_read(
        &mut self,
        now: Now,
        conn: ConnId,
        read: ReadId,
        result: Result<LogPart, ReadError>,
    ) {
        let Some(follow) = self.follow_mut(conn).filter(|f| f.reading == Some(read)) else {
            return;
        };
        follow.reading = None;
        let position = follow.position;
        let part = match (result, position) {
            (Ok(part), _) => part,
            (Err(_), None) => {
                self.end_follow(now, conn);
                return;
            }
            // It is gone; the next write brings it back or says why not.
            (Err(_), Some(_)) => return,
        };
        let end = part.offset.saturating_add(part.data.len() as u64);
        match position {
            None => self.start_stream(now, conn),
            Some(at) if part.size_bytes < at => {
                follow.position = Some(0);
                follow.is_behind = true;
                self.stream(now, conn, TRUNCATED);
                self.continue_follow(now, conn);
                return;
            }
            Some(_) => {}
        }
        if let Some(follow) = self.follow_mut(conn) {
            follow.position = Some(end);
            follow.is_behind |= end < part.size_bytes && !part.data.is_empty();
        }
        self.stream(now, conn, &part.data);
        self.continue_follow(now, conn);
    }

    /// Asks for what is new, if there is something and the client has taken all before.
    pub(super) fn continue_follow(&mut self, _now: Now, conn: ConnId) {
        if let Some(read) = self.next_read(conn) {
            self.out.push_back(read);
        }
    }

    fn next_read(&mut self, conn: ConnId) -> Option<Action> {
        let session = self.clients.sessions.get(&conn)?;
        let Work::Follow(follow) = &session.work else {
            return None;
        };
        let is_free = follow.reading.is_none() && follow.changing.is_none();
        if !is_free || !follow.is_behind || !session.outgoing.is_idle() {
            return None;
        }
        let (offset, path) = (follow.position?, follow.path.clone());
        let read = self.clients.mint_read(conn);
        let follow = self.follow_mut(conn)?;
        follow.reading = Some(read);
        follow.is_behind = false;
        Some(Action::ReadLog {
            read,
            path,
            range: ReadRange::From {
                offset,
                length: READ_BYTES,
            },
        })
    }

    fn follow_mut(&mut self, conn: ConnId) -> Option<&mut Follow> {
        match &mut self.clients.sessions.get_mut(&conn)?.work {
            Work::Follow(follow) => Some(follow),
            Work::Nothing | Work::Job(..) | Work::Watch(_) => None,
        }
    }

    /// A log has gone with its process: whoever follows it is told that nothing follows.
    pub(super) fn end_follows(&mut self, now: Now, log: LogId) {
        for conn in self.clients.followers.remove(&log).unwrap_or_default() {
            let Some(session) = self.clients.sessions.get_mut(&conn) else {
                continue;
            };
            session.work = Work::Nothing;
            if session.http.is_streaming() {
                session.http.end_stream();
                self.pump(now, conn);
            } else {
                self.respond(now, conn, &Response::error(Status::NotFound));
                self.pump(now, conn);
            }
        }
    }

    /// There is no such file.
    fn end_follow(&mut self, now: Now, conn: ConnId) {
        if let Some(follow) = self.follow_mut(conn) {
            let log = follow.log;
            self.clients.unfollow(log, conn);
            self.respond(now, conn, &Response::error(Status::NotFound));
            self.pump(now, conn);
        }
    }

    fn start_stream(&mut self, now: Now, conn: ConnId) {
        if let Some(session) = self.clients.sessions.get_mut(&conn) {
            let headers = [
                ("Content-Type", "text/plain;charset=utf-8"),
                // nginx would keep it back until there is more.
                ("X-Accel-Buffering", "no"),
                ("X-Content-Type-Options", "nosniff"),
            ];
            let headers = headers.map(|(name, value)| (name, Cow::Borrowed(value)));
            session
                .http
                .start_stream(&super::connections::date(now), &headers);
            self.tend(now, conn);
        }
    }

    pub(super) fn stream(&mut self, now: Now, conn: ConnId, data: &[u8]) {
        if let Some(session) = self.clients.sessions.get_mut(&conn) {
            session.http.stream(data);
            self.tend(now, conn);
        }
    }
}
