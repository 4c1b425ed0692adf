//! Clients: listening sockets and the connections that come through them.

use super::{Engine, Interest, Source, Waiting};
use crate::sys::accept::{Accepted, accept};
use crate::sys::listen::Listener;
use crate::sys::queue::{Flushed, WriteQueue};
use crate::sys::{Fd, alloc};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read};
use rustix::net::{Shutdown, shutdown};
use std::borrow::Cow;
use std::time::Duration;
use visor_core::config::ServerConfig;
use visor_core::{ConnId, Input, ListenError, ServerId};

/// So many connections are taken in one go: a flood of clients does not keep children waiting.
const ACCEPTS: usize = 64;
/// How long a listening socket rests when the system is out of something.
const REST: Duration = Duration::from_millis(250);
/// What a client sent that nobody wants is read up to this much before the connection is closed:
/// unread bytes would make the kernel throw the answer away.
const UNWANTED_BYTES: usize = 1 << 20;

/// A client that got so much leaves room behind that is worth giving back.
const MUCH_BYTES: usize = 256 << 10;

/// An HTTP server.
#[derive(Debug)]
pub(super) struct Server {
    listener: Listener,
    watched: bool,
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Conn {
    fd: Fd,
    queue: WriteQueue,
    sent_bytes: usize,
    reading: bool,
    /// The client sends no more: there is nothing to wait for on that side.
    ended: bool,
    closing: bool,
    interest: Interest,
}

impl<W: Waiting> Engine<W> {
    pub(super) fn listen(&mut self, server: ServerId, config: &ServerConfig) {
        // An earlier one goes first: its address may be the same.
        self.unlisten(server);
        let listener = match Listener::server(&config.address) {
            Ok(listener) => listener,
            Err(error) => return self.answer(Input::ListenFailed { server, error }),
        };
        let fd = listener.fd().clone();
        let source = Source::Server(server);
        let watched = self
            .waiting
            .watch(source, &fd, Interest::NONE, Interest::READ);
        if let Err(error) = watched {
            let error = ListenError::Other(crate::sys::error_name(&error));
            return self.answer(Input::ListenFailed { server, error });
        }
        self.servers.insert(
            server,
            Server {
                listener,
                watched: true,
            },
        );
        self.answer(Input::Listening { server });
    }

    pub(super) fn unlisten(&mut self, server: ServerId) {
        if let Some(open) = self.servers.remove(&server) {
            let old = if open.watched {
                Interest::READ
            } else {
                Interest::NONE
            };
            let source = Source::Server(server);
            self.waiting.forget(source, open.listener.fd(), old);
        }
    }

    pub(super) fn accept(&mut self, server: ServerId) {
        for _ in 0..ACCEPTS {
            let Some(open) = self.servers.get(&server) else {
                return;
            };
            match accept(open.listener.fd(), &mut self.spares) {
                Accepted::Connection(fd, peer) => self.open_conn(server, fd, peer),
                Accepted::Turned => {}
                Accepted::Nobody => return,
                Accepted::Exhausted => return self.rest_server(server),
            }
        }
    }

    /// The socket stays readable; to be told so again and again would help nobody.
    fn rest_server(&mut self, server: ServerId) {
        if let Some(open) = self.servers.get_mut(&server) {
            open.watched = false;
            let fd = open.listener.fd();
            let source = Source::Server(server);
            let _ = self
                .waiting
                .watch(source, fd, Interest::READ, Interest::NONE);
            self.retry_servers = Some(self.now.mono + REST);
        }
    }

    pub(super) fn resume_servers(&mut self) {
        for (server, open) in &mut self.servers {
            if !open.watched {
                let fd = open.listener.fd();
                let source = Source::Server(*server);
                let watched = self
                    .waiting
                    .watch(source, fd, Interest::NONE, Interest::READ);
                open.watched = watched.is_ok();
            }
        }
    }

    fn open_conn(&mut self, server: ServerId, fd: Fd, peer: String) {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        let watched = self
            .waiting
            .watch(Source::Conn(conn), &fd, Interest::NONE, Interest::READ);
        if watched.is_err() {
            return;
        }
        self.conns.insert(
            conn,
            Conn {
                fd,
                queue: WriteQueue::default(),
                reading: true,
                ended: false,
                closing: false,
                sent_bytes: 0,
                interest: Interest::READ,
            },
        );
        self.feed(Input::ConnOpened { conn, server, peer });
    }

    /// One read for one report.
    pub(super) fn read_conn(&mut self, conn: ConnId) {
        let Some(open) = self.conns.get_mut(&conn) else {
            return;
        };
        if !open.reading || open.ended || open.closing {
            return;
        }
        self.buffer.clear();
        match read(&open.fd, spare_capacity(&mut self.buffer)) {
            Ok(0) => {
                // Half-closed: it may still want its answer. Nothing queued: it is gone.
                open.ended = true;
                if open.queue.is_empty() {
                    self.drop_conn(conn);
                } else {
                    self.update(conn);
                }
            }
            Ok(_) => {
                let data = Cow::Borrowed(self.buffer.as_slice());
                let input = Input::ConnData { conn, data };
                self.supervisor.handle_input(self.now, input);
                // A drain may well close it.
            }
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(_) => self.drop_conn(conn),
        }
        self.drain();
    }

    pub(super) fn send_conn(&mut self, conn: ConnId, data: Vec<u8>) {
        if let Some(open) = self.conns.get_mut(&conn)
            && !open.closing
        {
            let was_empty = open.queue.is_empty();
            open.sent_bytes = open.sent_bytes.saturating_add(data.len());
            open.queue.push(data);
            if was_empty {
                self.flush_conn_now(conn);
            }
        }
    }

    pub(super) fn set_reading(&mut self, conn: ConnId, on: bool) {
        if let Some(open) = self.conns.get_mut(&conn) {
            open.reading = on;
            self.update(conn);
        }
    }

    pub(super) fn close_conn(&mut self, conn: ConnId) {
        if let Some(open) = self.conns.get_mut(&conn) {
            open.closing = true;
            if open.queue.is_empty() {
                self.drop_conn(conn);
            } else {
                self.update(conn);
            }
        }
    }

    pub(super) fn flush_conn(&mut self, conn: ConnId) {
        self.flush_conn_now(conn);
        self.drain();
    }

    fn flush_conn_now(&mut self, conn: ConnId) {
        let Some(open) = self.conns.get_mut(&conn) else {
            return;
        };
        match open.queue.flush(&open.fd) {
            Flushed::Empty if open.closing || open.ended => self.drop_conn(conn),
            Flushed::Empty => {
                self.update(conn);
                self.answer(Input::ConnDrained { conn });
            }
            Flushed::Waiting => self.update(conn),
            Flushed::Broken => self.drop_conn(conn),
        }
    }

    /// Waits for what can be of use.
    fn update(&mut self, conn: ConnId) {
        let Some(open) = self.conns.get_mut(&conn) else {
            return;
        };
        let wanted = Interest {
            read: open.reading && !open.ended && !open.closing,
            write: !open.queue.is_empty(),
        };
        if wanted != open.interest {
            let source = Source::Conn(conn);
            let watched = self.waiting.watch(source, &open.fd, open.interest, wanted);
            open.interest = wanted;
            if watched.is_err() {
                self.drop_conn(conn);
            }
        }
    }

    pub(super) fn drop_conn(&mut self, conn: ConnId) {
        let Some(open) = self.conns.remove(&conn) else {
            return;
        };
        self.waiting
            .forget(Source::Conn(conn), &open.fd, open.interest);
        if open.closing && !open.ended {
            let _ = shutdown(&open.fd, Shutdown::Write);
            // The buffer that all share may have been given away just now.
            let (mut unwanted, mut nowhere) = (0, [0; 16 << 10]);
            while unwanted < UNWANTED_BYTES {
                match read(&open.fd, &mut nowhere) {
                    Ok(count @ 1..) => unwanted += count,
                    Ok(_) | Err(_) => break,
                }
            }
        }
        let sent_bytes = open.sent_bytes;
        drop(open);
        self.answer(Input::ConnClosed { conn });
        if sent_bytes >= MUCH_BYTES {
            alloc::trim();
        }
    }

    /// Writes what is queued for a client before the daemon ends, if it is taken soon.
    pub(super) fn last_words(&mut self, conn: ConnId, millis: u32) {
        if let Some(mut open) = self.conns.remove(&conn) {
            while open.queue.flush(&open.fd) == Flushed::Waiting
                && crate::sys::wait_writable(&open.fd, millis)
            {}
        }
    }
}
