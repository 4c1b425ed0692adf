//! Connections come, send, take and go.

use super::{ALL_BYTES_MAX, CONNECTIONS_MAX, UNSENT_BYTES_MAX, WAITING_BYTES_MAX};
use super::{FOLLOW_SEND_TIME, IDLE_TIME, LINGER_TIME, REQUEST_TIME, SEND_TIME};
use super::{Outgoing, Phase, Session, Work};
#[cfg(not(feature = "serde"))]
use crate::http::auth::Gate;
use crate::http::server::{Connection, Next};
use crate::http::{Response, Status};
use crate::supervisor::{Due, Supervisor};
use crate::{Action, Civil, ConnId, Mood, Now, ServerId, Timestamp};
use alloc::{string::String, vec::Vec};

impl Supervisor {
    pub(crate) fn on_conn_opened(&mut self, now: Now, conn: ConnId, server: ServerId) {
        let session = Session {
            server,
            http: Connection::default(),
            work: Work::Nothing,
            outgoing: Outgoing::default(),
            reading: true,
            since: now.mono,
            phase: Phase::Idle,
            kept_bytes: 0,
        };
        if self.clients.sessions.len() >= CONNECTIONS_MAX && !self.evict_one() {
            self.out.push_back(Action::DropConn { conn });
            return;
        }
        self.clients.sessions.insert(conn, session);
        self.tend(now, conn);
    }

    /// Lets go who has been idle longest. Only looked for when all places are taken.
    fn evict_one(&mut self) -> bool {
        let idle = self.clients.sessions.iter();
        let idle = idle.filter(|(_, session)| session.phase == Phase::Idle);
        let oldest = idle
            .min_by_key(|(_, session)| session.since)
            .map(|(id, _)| *id);
        if let Some(conn) = oldest {
            self.drop_conn(conn);
        }
        oldest.is_some()
    }

    pub(crate) fn on_conn_data(&mut self, now: Now, conn: ConnId, data: &[u8]) {
        if let Some(session) = self.clients.sessions.get_mut(&conn) {
            session.http.receive(data);
            self.pump(now, conn);
        }
    }

    pub(crate) fn on_conn_drained(&mut self, now: Now, conn: ConnId) {
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        session.outgoing.drained();
        session.since = now.mono;
        self.tend(now, conn);
        self.continue_follow(now, conn);
        self.continue_watch(now, conn);
        self.pump(now, conn);
    }

    pub(crate) fn on_conn_closed(&mut self, conn: ConnId) {
        self.forget_conn(conn);
    }

    /// Nobody is told on this connection any more, and what was only to be said because its
    /// client waited is not said.
    fn forget_conn(&mut self, conn: ConnId) {
        let awaited = self.clients.awaited_by(conn);
        self.clients.forget(conn);
        self.deadlines.set(Due::Conn(conn), None);
        for process in awaited {
            if self.clients.watchers_of(process).is_empty() {
                self.deadlines.set(Due::StopReport(process), None);
            }
        }
    }

    pub(crate) fn on_conn_due(&mut self, now: Now, conn: ConnId) {
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        if session.phase == Phase::Receiving && !session.outgoing.is_in_flight() {
            // Whoever sends so slowly may not read either; the answer is a courtesy.
            session
                .http
                .refuse_slow(&date(now), &Response::error(Status::RequestTimeout));
            self.tend(now, conn);
        } else {
            self.drop_conn(conn);
        }
    }

    /// Closes a connection without regard to what it should still get.
    fn drop_conn(&mut self, conn: ConnId) {
        self.forget_conn(conn);
        self.out.push_back(Action::DropConn { conn });
    }

    /// Looks at the requests of a connection, one after the other, as far as they can be answered.
    pub(crate) fn pump(&mut self, now: Now, conn: ConnId) {
        loop {
            let Some(session) = self.clients.sessions.get_mut(&conn) else {
                return;
            };
            if session.outgoing.waiting() > UNSENT_BYTES_MAX {
                break;
            }
            // A server that is gone after a restart serves no more requests.
            let Some(server) = self.servers.get(&session.server) else {
                session.http.end();
                break;
            };
            #[cfg(feature = "serde")]
            let gate = crate::supervisor::gate(server, self.marked);
            #[cfg(not(feature = "serde"))]
            let gate = Gate::new(server.credentials.as_ref());
            match session.http.next(&gate) {
                Next::More => break,
                Next::Refused(status) => self.respond(now, conn, &Response::error(status)),
                Next::Request(request) => self.route(now, conn, &request),
            }
        }
        self.tend(now, conn);
    }

    /// Answers the present request.
    pub(crate) fn respond(&mut self, now: Now, conn: ConnId, response: &Response) {
        self.respond_in_pieces(now, conn, response, Vec::new());
    }

    /// Answers the present request with a body that goes on.
    pub(super) fn respond_in_pieces(
        &mut self,
        now: Now,
        conn: ConnId,
        response: &Response,
        more: Vec<Vec<u8>>,
    ) {
        if let Some(session) = self.clients.sessions.get_mut(&conn) {
            session.work = Work::Nothing;
            session.http.respond_in_pieces(&date(now), response, more);
            self.tend(now, conn);
        }
    }

    /// Sends what can be sent, reads if there is room, closes what is over, and says when to look
    /// again.
    pub(super) fn tend(&mut self, now: Now, conn: ConnId) {
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        loop {
            let more = session.http.take_output();
            if more.is_empty() {
                break;
            }
            session.outgoing.push(more);
        }
        if session.outgoing.flush(conn, &mut self.out) {
            // What is followed may have been silent for long: the time to take it begins now.
            session.since = now.mono;
        }
        session.enter_phase(now.mono);
        let kept = session.http.buffered() + session.outgoing.waiting();
        self.clients.kept_bytes = self.clients.kept_bytes.saturating_sub(session.kept_bytes) + kept;
        session.kept_bytes = kept;
        if self.clients.kept_bytes > ALL_BYTES_MAX && kept > WAITING_BYTES_MAX {
            self.drop_conn(conn);
            return;
        }
        let reading = session.phase != Phase::Closing && session.wants_bytes();
        if reading != session.reading {
            session.reading = reading;
            self.out.push_back(Action::ReadConn { conn, on: reading });
        }
        let deadline = session.deadline();
        if session.http.is_over()
            && session.outgoing.waiting() == 0
            && session.phase != Phase::Closing
        {
            session.phase = Phase::Closing;
            session.since = now.mono;
            self.out.push_back(Action::CloseConn { conn });
        }
        let deadline = match session.phase {
            Phase::Closing => Some(session.since + LINGER_TIME),
            Phase::Idle | Phase::Receiving | Phase::Working => deadline,
        };
        self.deadlines.set(Due::Conn(conn), deadline);
    }

    /// After a batch of answers: the end that a client asked for.
    pub(crate) fn end_if_wanted(&mut self, now: Now) {
        if core::mem::take(&mut self.clients.shutdown_wanted) {
            self.stop_daemon(now, Mood::Shutdown);
        }
    }
}

impl Session {
    fn enter_phase(&mut self, now: Timestamp) {
        let phase = if self.phase == Phase::Closing {
            Phase::Closing
        } else if self.http.is_answering() {
            Phase::Working
        } else if self.http.is_receiving() {
            Phase::Receiving
        } else {
            Phase::Idle
        };
        if phase != self.phase {
            self.phase = phase;
            self.since = now;
        }
    }

    /// Whether there is room for what the client may send.
    fn wants_bytes(&self) -> bool {
        let is_free = !self.http.is_answering() && self.outgoing.waiting() <= UNSENT_BYTES_MAX;
        is_free || self.http.buffered() < WAITING_BYTES_MAX
    }

    fn deadline(&self) -> Option<Timestamp> {
        if self.outgoing.is_in_flight() {
            return Some(match self.work {
                Work::Follow(_) | Work::Watch(_) => self.since + FOLLOW_SEND_TIME,
                Work::Nothing | Work::Job(..) => self.since + SEND_TIME,
            });
        }
        match self.phase {
            Phase::Idle => Some(self.since + IDLE_TIME),
            Phase::Receiving => Some(self.since + REQUEST_TIME),
            // It is the client who waits.
            Phase::Working => None,
            Phase::Closing => Some(self.since + LINGER_TIME),
        }
    }
}

/// `Date`'s value.
pub(super) fn date(now: Now) -> String {
    Civil::at(now.wall, 0).http_date()
}
