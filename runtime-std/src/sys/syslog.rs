//! The system's log: one datagram per line to `/dev/log`, as the C library writes them.

use std::os::unix::net::UnixDatagram;
use visor_core::{Civil, LogLevel, Now};

const SOCKET: &str = "/dev/log";
/// LOG_USER.
const FACILITY: u8 = 1;
/// What the daemon is called there.
const IDENT: &str = "supervisord";

/// A connection to the system's log, made when first needed and again when it breaks.
#[derive(Debug, Default)]
pub struct Syslog(Option<UnixDatagram>);

impl Syslog {
    /// Sends a line. Never blocks, and never fails: a line that cannot be taken is lost.
    pub fn send(&mut self, now: &Now, level: LogLevel, line: &str) {
        let message = format_message(now, level, line);
        for _ in 0..2 {
            if self.0.is_none() {
                self.0 = connect();
            }
            let Some(socket) = &self.0 else { return };
            match socket.send(message.as_bytes()) {
                Ok(_) => return,
                // Full: to wait would hurt more than the loss.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // The log daemon was restarted: once more with a new connection.
                Err(_) => self.0 = None,
            }
        }
    }
}

fn connect() -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(SOCKET).ok()?;
    Some(socket)
}

fn format_message(now: &Now, level: LogLevel, line: &str) -> String {
    let severity = match level {
        LogLevel::Critical => 2,
        LogLevel::Error => 3,
        LogLevel::Warn => 4,
        LogLevel::Info => 6,
        LogLevel::Debug | LogLevel::Trace | LogLevel::Blather => 7,
    };
    let c = Civil::at(now.wall, now.utc_offset_secs);
    format!(
        "<{}>{} {:2} {:02}:{:02}:{:02} {IDENT}: {line}",
        FACILITY * 8 + severity,
        c.month_name(),
        c.day,
        c.hour,
        c.minute,
        c.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use visor_core::UnixTime;

    #[test]
    fn a_message_has_the_form_the_c_library_gives_it() {
        let now = Now {
            wall: UnixTime::from_secs(0),
            utc_offset_secs: 3600,
            ..Now::default()
        };
        assert_eq!(
            format_message(&now, LogLevel::Info, "web hello"),
            "<14>Jan  1 01:00:00 supervisord: web hello"
        );
    }
}
