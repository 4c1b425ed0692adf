//! Telling systemd that the daemon is up.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `READY=1` and the daemon's pid to the socket that `NOTIFY_SOCKET` names, if it is set.
/// Whoever does not listen is not waited for.
pub(super) fn ready() {
    if let Some(address) = std::env::var_os("NOTIFY_SOCKET") {
        let text = format!("READY=1\nMAINPID={}\n", std::process::id());
        // There is nobody to tell of a manager that does not listen.
        let _ = send(&address, text.as_bytes());
    }
}

/// Sends one datagram to a path, or to an abstract name that begins with `@`.
fn send(address: &OsStr, text: &[u8]) -> io::Result<()> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text, &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(address: &SocketAddr, name: &OsStr) -> Vec<u8> {
        let receiver = UnixDatagram::bind_addr(address).unwrap();
        send(name, b"READY=1\n").unwrap();
        let mut bytes = [0; 64];
        let length = receiver.recv(&mut bytes).unwrap();
        bytes[..length].to_vec()
    }

    #[test]
    fn paths_and_abstract_names_are_reached() {
        let unique = format!("visor-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&unique);
        let address = SocketAddr::from_pathname(&path).unwrap();
        assert_eq!(received(&address, path.as_os_str()), b"READY=1\n");
        std::fs::remove_file(path).unwrap();
        let address = SocketAddr::from_abstract_name(&unique).unwrap();
        let name = format!("@{unique}");
        assert_eq!(received(&address, OsStr::new(&name)), b"READY=1\n");
    }

    #[test]
    fn nobody_who_listens_is_an_error_that_hurts_nobody() {
        assert!(send(OsStr::new("/nonexistent/notify"), b"x").is_err());
    }
}
