//! Opens connections to a server so that ^C works meanwhile.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::time::Duration;
use visor_core::ctl::{Address, ConnectError};
use visor_std::sys::signals::SignalFd;

/// How long a server may take to accept a connection, for each of its addresses.
const LIMIT: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server's side.
    Error(ConnectError),
    /// ^C.
    Interrupted,
}

impl From<Errno> for Failed {
    fn from(errno: Errno) -> Self {
        Self::Error(match errno {
            Errno::NOENT => ConnectError::NotFound,
            Errno::CONNREFUSED => ConnectError::Refused,
            Errno::ACCESS | Errno::PERM => ConnectError::PermissionDenied,
            Errno::TIMEDOUT | Errno::AGAIN => ConnectError::TimedOut,
            Errno::HOSTUNREACH | Errno::NETUNREACH => ConnectError::Unreachable,
            other => {
                let text = std::io::Error::from(other).to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                ConnectError::Other(text.to_lowercase())
            }
        })
    }
}

/// Connects. A host name may have several addresses: they are tried in the resolver's order.
pub(super) fn connect(address: &Address, interrupts: &SignalFd) -> Result<OwnedFd, Failed> {
    match address {
        Address::Unix(path) => Ok(unix(path)?),
        Address::Tcp { host, port } => {
            let addresses = (host.as_str(), *port)
                .to_socket_addrs()
                .map_err(|_| Failed::Error(ConnectError::UnknownHost))?;
            let mut failed = Failed::Error(ConnectError::UnknownHost);
            for address in addresses {
                match tcp(address, interrupts) {
                    Ok(socket) => return Ok(socket),
                    Err(Failed::Interrupted) => return Err(Failed::Interrupted),
                    Err(error) => failed = error,
                }
            }
            Err(failed)
        }
    }
}

/// Connecting to a Unix socket takes no time, unless the server's queue is full.
fn unix(path: &str) -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(LIMIT))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, None)?;
    Ok(socket)
}

fn tcp(address: SocketAddr, interrupts: &SignalFd) -> Result<OwnedFd, Failed> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => wait(&socket, interrupts)?,
        Err(error) => return Err(error.into()),
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    rustix::io::ioctl_fionbio(&socket, false)?;
    Ok(socket)
}

fn wait(socket: &OwnedFd, interrupts: &SignalFd) -> Result<(), Failed> {
    let limit = Timespec::try_from(LIMIT).map_err(|_| Errno::INVAL)?;
    loop {
        let mut fds = [
            PollFd::new(socket, PollFlags::OUT),
            PollFd::new(interrupts, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&limit)) {
            Ok(0) => return Err(Errno::TIMEDOUT.into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [connected, interrupted] = fds.map(|fd| !fd.revents().is_empty());
        if interrupted && interrupts.read().is_some() {
            return Err(Failed::Interrupted);
        }
        if connected {
            return Ok(sockopt::socket_error(socket)??);
        }
    }
}
