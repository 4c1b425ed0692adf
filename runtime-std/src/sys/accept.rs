//! Taking connections from a listening socket.

use super::Fd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, acceptfrom_with, sockopt};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// What a look at a listening socket found.
#[derive(Debug)]
pub enum Accepted {
    /// A connection, non-blocking, and who is at its other end (empty on a Unix socket).
    Connection(Fd, String),
    /// One that was gone again, or had to be closed at once for want of descriptors: look again.
    Turned,
    /// Nobody waits.
    Nobody,
    /// The system is out of something; look again after a while, not at once.
    Exhausted,
}

/// Descriptors held back, to be let go where running out of them would do harm.
#[derive(Debug, Default)]
pub struct Spares {
    held: Vec<OwnedFd>,
    wanted: usize,
}

impl Spares {
    /// Holds back so many descriptors, or as many of them as there are.
    #[must_use]
    pub fn new(wanted: usize) -> Self {
        let mut spares = Self {
            held: Vec::new(),
            wanted,
        };
        spares.hold();
        spares
    }

    /// Lets them all go.
    pub fn release(&mut self) {
        self.held.clear();
    }

    /// Takes them back, as far as possible. Returns whether all are held.
    pub fn hold(&mut self) -> bool {
        while self.held.len() < self.wanted {
            match open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
                Ok(fd) => self.held.push(fd),
                Err(_) => return false,
            }
        }
        true
    }
}

/// Takes one connection.
pub fn accept(listener: &Fd, spares: &mut Spares) -> Accepted {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match acceptfrom_with(listener, flags) {
        Ok((fd, from)) => {
            let peer = from
                .and_then(|address| SocketAddr::try_from(address).ok())
                .map(|address| address.to_string());
            if peer.is_some() {
                // Else an answer of more than one segment waits for the client's delayed ACK.
                let _ = sockopt::set_tcp_nodelay(&fd, true);
            }
            Accepted::Connection(Rc::new(fd), peer.unwrap_or_default())
        }
        Err(Errno::AGAIN) => Accepted::Nobody,
        Err(Errno::MFILE | Errno::NFILE) => turn_away(listener, spares),
        Err(Errno::NOBUFS | Errno::NOMEM) => Accepted::Exhausted,
        // The client went away, or the network said something about it: see accept(2).
        Err(_) => Accepted::Turned,
    }
}

/// A client that cannot be served is better told so at once than left waiting, and the socket
/// would stay readable for ever.
fn turn_away(listener: &Fd, spares: &mut Spares) -> Accepted {
    spares.release();
    let turned = accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
    let outcome = match turned {
        Ok(_) => Accepted::Turned,
        Err(Errno::AGAIN) => Accepted::Nobody,
        Err(_) => Accepted::Exhausted,
    };
    spares.hold();
    outcome
}
