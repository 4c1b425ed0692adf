//! Listening sockets, of the HTTP servers and of FastCGI groups.

use super::sink::set_nonblocking;
use super::{Fd, errno_name};
use rustix::fs::{CWD, FileType, Gid, Mode, RenameFlags, Uid, lstat, renameat_with, unlink};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
    sockopt,
};
use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use visor_core::ListenError;
use visor_core::config::{FcgiSocket, Owner, ServerAddress};

/// As many waiting connections as the system allows.
const BACKLOG_MAX: i32 = i32::MAX;
/// Longest path of a socket, without the final null byte.
const PATH_BYTES_MAX: usize = 107;

/// A listening socket. Dropping it closes it and removes its file, if that is still its own.
#[derive(Debug)]
pub struct Listener {
    fd: Fd,
    file: Option<SocketFile>,
}

/// The file of a Unix socket, and what tells it from one that took its place.
#[derive(Debug)]
struct SocketFile {
    path: String,
    identity: (u64, u64),
}

/// What to do with a socket file on which somebody listens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Live {
    Refuse,
    Replace,
}

impl Listener {
    /// The socket of an HTTP server, non-blocking.
    ///
    /// # Errors
    /// [`ListenError::InUse`] if somebody listens there.
    pub fn server(address: &ServerAddress) -> Result<Self, ListenError> {
        let listener = Self::open(address, BACKLOG_MAX, Live::Refuse)?;
        set_nonblocking(&listener.fd).map_err(os_error)?;
        Ok(listener)
    }

    /// The socket of a FastCGI group, blocking as its programs expect. A socket file of that name
    /// is replaced even if somebody listens there: a program of the group that outlived an earlier
    /// daemon would otherwise hold the group up for ever.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn fcgi(socket: &FcgiSocket) -> Result<Self, String> {
        let backlog = match socket.backlog {
            Some(backlog) => i32::try_from(backlog).unwrap_or(BACKLOG_MAX),
            None => BACKLOG_MAX,
        };
        Self::open(&socket.address, backlog, Live::Replace).map_err(|error| match error {
            ListenError::InUse => format!("could not bind {}: EADDRINUSE", socket.url()),
            ListenError::Os { name, .. } => format!("could not bind {}: {name}", socket.url()),
            ListenError::Other(text) => text,
        })
    }

    /// The descriptor.
    #[must_use]
    pub fn fd(&self) -> &Fd {
        &self.fd
    }

    fn open(address: &ServerAddress, backlog: i32, live: Live) -> Result<Self, ListenError> {
        match address {
            ServerAddress::Unix { path, mode, owner } => {
                open_unix(path, *mode, *owner, backlog, live)
            }
            ServerAddress::Tcp { host, port } => open_tcp(host, *port, backlog),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(file) = &self.file
            && identity(&file.path) == Some(file.identity)
        {
            let _ = unlink(&*file.path);
        }
    }
}

fn open_tcp(host: &str, port: u16, backlog: i32) -> Result<Listener, ListenError> {
    let addresses: Vec<SocketAddr> = if host.is_empty() || host == "*" {
        vec![([0, 0, 0, 0], port).into()]
    } else {
        match (host, port).to_socket_addrs() {
            Ok(addresses) => addresses.collect(),
            Err(_) => return Err(ListenError::Other(format!("the host {host} is unknown"))),
        }
    };
    let mut last = ListenError::Other(format!("the host {host} has no address"));
    for address in addresses {
        match bind_tcp(address, backlog) {
            Ok(fd) => {
                return Ok(Listener {
                    fd: Rc::new(fd),
                    file: None,
                });
            }
            Err(Errno::ADDRINUSE) => last = ListenError::InUse,
            Err(error) => last = os_error(error),
        }
    }
    Err(last)
}

fn bind_tcp(address: SocketAddr, backlog: i32) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let fd = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    bind(&fd, &address)?;
    listen(&fd, backlog)?;
    Ok(fd)
}

fn open_unix(
    path: &str,
    mode: u32,
    owner: Option<Owner>,
    backlog: i32,
    live: Live,
) -> Result<Listener, ListenError> {
    if path.len() > PATH_BYTES_MAX {
        return Err(ListenError::Other(format!(
            "the path {path} is too long for a socket (at most {PATH_BYTES_MAX} bytes)"
        )));
    }
    let fd = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(os_error)?;
    match live {
        Live::Refuse => bind_aside(&fd, path, mode, owner, backlog)?,
        Live::Replace => bind_in_place(&fd, path, mode, owner, backlog)?,
    }
    Ok(Listener {
        fd: Rc::new(fd),
        file: identity(path).map(|identity| SocketFile {
            path: path.to_owned(),
            identity,
        }),
    })
}

/// The socket is bound to a name nobody knows, gets its owner and mode, listens, and only then
/// takes its own name: at no moment can anybody connect whom the mode keeps out, and whoever finds
/// the file finds a server behind it.
fn bind_aside(
    fd: &OwnedFd,
    path: &str,
    mode: u32,
    owner: Option<Owner>,
    backlog: i32,
) -> Result<(), ListenError> {
    let directory = match path.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/"),
        None => String::new(),
    };
    let aside = format!("{directory}.v{}", std::process::id());
    // Left by a daemon that had our pid.
    let _ = unlink(&*aside);
    bind_private(fd, &aside)?;
    let placed = dress(&aside, mode, owner)
        .and_then(|()| listen(fd, backlog))
        .map_err(os_error)
        .and_then(|()| place(&aside, path));
    if placed.is_err() {
        let _ = unlink(&*aside);
    }
    placed
}

/// The socket has its own name from the beginning, which its programs can ask for. Until it has
/// its owner and mode nobody may connect, and nobody could.
fn bind_in_place(
    fd: &OwnedFd,
    path: &str,
    mode: u32,
    owner: Option<Owner>,
    backlog: i32,
) -> Result<(), ListenError> {
    make_room(path, Live::Replace)?;
    bind_private(fd, path)?;
    let dressed = dress(path, mode, owner).and_then(|()| listen(fd, backlog));
    if dressed.is_err() {
        let _ = unlink(path);
    }
    dressed.map_err(os_error)
}

/// Binds so that at first nobody may connect.
fn bind_private(fd: &OwnedFd, path: &str) -> Result<(), ListenError> {
    let too_long = |_| ListenError::Other(format!("the path {path} is too long for a socket"));
    let address = SocketAddrUnix::new(path).map_err(too_long)?;
    let umask = rustix::process::umask(Mode::from_raw_mode(0o777));
    let bound = bind(fd, &address);
    rustix::process::umask(umask);
    bound.map_err(os_error)
}

fn dress(path: &str, mode: u32, owner: Option<Owner>) -> Result<(), Errno> {
    if let Some(owner) = owner {
        let (uid, gid) = (Uid::from_raw(owner.uid), owner.gid.map(Gid::from_raw));
        rustix::fs::chown(path, Some(uid), gid)?;
    }
    rustix::fs::chmod(path, Mode::from_raw_mode(mode & 0o7777))
}

/// Gives the socket its name, after removing a stale one.
fn place(aside: &str, path: &str) -> Result<(), ListenError> {
    // Somebody who creates the file again and again cannot keep us here.
    for _ in 0..10 {
        match rename_if_free(aside, path) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => make_room(path, Live::Refuse)?,
            Err(error) => return Err(os_error(error)),
        }
    }
    Err(ListenError::InUse)
}

fn rename_if_free(from: &str, to: &str) -> Result<(), Errno> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems that cannot do this can link.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::link(from, to)?;
            unlink(from)
        }
        done => done,
    }
}

fn make_room(path: &str, live: Live) -> Result<(), ListenError> {
    let found = match lstat(path) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(os_error(error)),
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
        return Err(ListenError::Other(format!(
            "{path} is in the way: it is not a socket, so it is not removed"
        )));
    }
    if live == Live::Refuse && is_live(path)? {
        return Err(ListenError::InUse);
    }
    match unlink(path) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(os_error(error)),
    }
    if live == Live::Refuse {
        // As the reference says it, and where. With standard error closed there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "Unlinking stale socket {path}");
    }
    Ok(())
}

/// Whether somebody accepts connections there.
fn is_live(path: &str) -> Result<bool, ListenError> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(os_error)?;
    let address = SocketAddrUnix::new(path).map_err(os_error)?;
    match connect(&probe, &address) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
        // A full queue is somebody's, and so is a socket that we may not use.
        Ok(()) | Err(Errno::AGAIN | Errno::ACCESS | Errno::PROTOTYPE) => Ok(true),
        Err(error) => Err(os_error(error)),
    }
}

fn identity(path: &str) -> Option<(u64, u64)> {
    lstat(path).ok().map(|found| (found.st_dev, found.st_ino))
}

fn os_error(error: Errno) -> ListenError {
    let number = error.raw_os_error();
    ListenError::Os {
        name: errno_name(number).to_owned(),
        number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    fn unix(name: &str) -> (String, ServerAddress) {
        let path = std::env::temp_dir().join(format!("visor-{name}-{}", std::process::id()));
        let path = path.to_str().unwrap().to_owned();
        let _ = std::fs::remove_file(&path);
        let address = ServerAddress::Unix {
            path: path.clone(),
            mode: 0o640,
            owner: None,
        };
        (path, address)
    }

    #[test]
    fn a_socket_has_its_mode_and_goes_with_its_listener() {
        let (path, address) = unix("mode");
        let listener = Listener::server(&address).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(!std::path::Path::new(&path).exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_refused() {
        let (path, address) = unix("stale");
        let live = UnixListener::bind(&path).unwrap();
        assert_eq!(Listener::server(&address).unwrap_err(), ListenError::InUse);
        assert!(UnixStream::connect(&path).is_ok());
        drop(live);
        let _listener = Listener::server(&address).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn a_plain_file_is_never_removed() {
        let (path, address) = unix("plain");
        std::fs::write(&path, "precious").unwrap();
        let error = Listener::server(&address).unwrap_err();
        assert!(matches!(error, ListenError::Other(text) if text.contains("not a socket")));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_socket_that_took_our_place_is_left_alone() {
        let (path, address) = unix("place");
        let listener = Listener::server(&address).unwrap();
        std::fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(listener);
        assert!(UnixStream::connect(&path).is_ok());
        drop(other);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn tcp_addresses_are_refused_while_in_use() {
        let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ServerAddress::Tcp {
            host: "127.0.0.1".into(),
            port: first.local_addr().unwrap().port(),
        };
        assert_eq!(Listener::server(&address).unwrap_err(), ListenError::InUse);
        drop(first);
        Listener::server(&address).unwrap();
        let v6 = ServerAddress::Tcp {
            host: "::1".into(),
            port: 0,
        };
        Listener::server(&v6).unwrap();
    }
}
