//! Pages that update themselves: server-sent events, one for each change of state.
//!
//! An event costs something only when something changes, and then a few hundred bytes; asking
//! again and again would cost the whole list each time. A browser that falls behind is told
//! everything anew once it has caught up, instead of each change it has missed.

use super::Work;
use crate::http::{Response, Status};
use crate::supervisor::Supervisor;
use crate::web;
use crate::{ConnId, Now, ProcessId};
use alloc::{borrow::Cow, string::String, vec::Vec};

/// Most pages that can be told of changes at once.
const PAGES_MAX: usize = 64;
/// Most bytes that wait for a page; beyond, it has fallen behind.
pub(super) const BEHIND_BYTES: usize = 256 << 10;

/// A page that updates itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// It has missed something.
    is_behind: bool,
}

impl Supervisor {
    /// Begins to tell a page what changes, after it is told how things are.
    pub(super) fn begin_watch(&mut self, now: Now, conn: ConnId) {
        if self.clients.pages.len() >= PAGES_MAX {
            self.respond(now, conn, &Response::error(Status::Unavailable));
            return;
        }
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        let headers = [
            ("Content-Type", "text/event-stream;charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("X-Accel-Buffering", "no"),
            ("X-Content-Type-Options", "nosniff"),
        ];
        let headers = headers.map(|(name, value)| (name, Cow::Borrowed(value)));
        session
            .http
            .start_stream(&super::connections::date(now), &headers);
        session.work = Work::Watch(Watch::default());
        self.clients.pages.insert(conn);
        self.tell_all(now, conn);
    }

    /// A process has changed its state.
    pub(crate) fn tell_pages(&mut self, now: Now, id: ProcessId) {
        if self.clients.pages.is_empty() {
            return;
        }
        let Some(info) = self.process_info(id, &now) else {
            return;
        };
        let event = web::process_event(&info);
        for conn in self.clients.pages.iter().copied().collect::<Vec<_>>() {
            self.tell(now, conn, &event);
        }
    }

    /// Groups have come or gone, or the daemon's own state is another.
    pub(crate) fn tell_pages_all(&mut self, now: Now) {
        if self.clients.pages.is_empty() {
            return;
        }
        for conn in self.clients.pages.iter().copied().collect::<Vec<_>>() {
            self.tell_all(now, conn);
        }
    }

    /// A page that fell behind has taken all there was for it.
    pub(super) fn continue_watch(&mut self, now: Now, conn: ConnId) {
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        if let Work::Watch(watch) = &mut session.work
            && watch.is_behind
            && session.outgoing.is_idle()
        {
            watch.is_behind = false;
            self.tell_all(now, conn);
        }
    }

    fn tell_all(&mut self, now: Now, conn: ConnId) {
        let event = web::snapshot_event(&self.page_view(now));
        self.tell(now, conn, &event);
    }

    fn tell(&mut self, now: Now, conn: ConnId, event: &String) {
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        if let Work::Watch(watch) = &mut session.work {
            if session.outgoing.waiting() > BEHIND_BYTES {
                watch.is_behind = true;
            } else if !watch.is_behind {
                self.stream(now, conn, event.as_bytes());
            }
        }
    }
}
