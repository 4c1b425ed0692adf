//! A program on a terminal, typed at and looked at like a person does.

use super::{LIMIT, until, until_within};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A program that runs on a pseudo-terminal of its own. Killed when dropped.
#[derive(Debug)]
pub struct Pty {
    child: Child,
    master: File,
    seen: Arc<Mutex<Vec<u8>>>,
    /// Where the part begins that no expectation has matched yet, in the plain text.
    position: usize,
}

impl Pty {
    /// Starts a program with a new terminal as its controlling one. Its standard error goes there
    /// too.
    ///
    /// # Panics
    /// If there is no terminal to be had, or no `setsid`.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
        let master = rustix::pty::openpt(flags).expect("a pseudo-terminal");
        rustix::pty::grantpt(&master).expect("grant it");
        rustix::pty::unlockpt(&master).expect("unlock it");
        let name = rustix::pty::ptsname(&master, Vec::new()).expect("its name");
        let name = name.into_string().expect("a name");
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(&name);
            file.expect("open the terminal")
        };
        let slave = open();
        let size = Winsize {
            ws_row: 24,
            ws_col: 132,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).expect("set its size");
        // setsid makes standard input the controlling terminal, so that ^C is a signal.
        let mut wrapped = Command::new("setsid");
        wrapped
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args());
        if let Some(directory) = command.get_current_dir() {
            wrapped.current_dir(directory);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        wrapped.env("TERM", "xterm").env_remove("NO_COLOR");
        wrapped
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(slave));
        let child = wrapped.spawn().expect("start on a terminal");
        let master = File::from(master);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (
            master.try_clone().expect("read the terminal"),
            Arc::clone(&seen),
        );
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = reader.read(&mut buffer) {
                if length == 0 {
                    return;
                }
                sink.lock()
                    .expect("unpoisoned")
                    .extend_from_slice(&buffer[..length]);
            }
        });
        Self {
            child,
            master,
            seen,
            position: 0,
        }
    }

    /// Everything that was shown, escape sequences included.
    ///
    /// # Panics
    /// Never, unless the reader did.
    #[must_use]
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().expect("unpoisoned")).into_owned()
    }

    /// Everything that was shown, without escape sequences and carriage returns.
    #[must_use]
    pub fn text(&self) -> String {
        let raw = self.raw();
        let mut text = String::new();
        let mut chars = raw.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\u{1b}' {
                if chars.next_if_eq(&'[').is_some() {
                    for c in chars.by_ref() {
                        if c.is_ascii_alphabetic() {
                            break;
                        }
                    }
                }
            } else if c != '\r' && c != '\u{7}' {
                text.push(c);
            }
        }
        text
    }

    /// Waits until `part` is shown behind what was matched before; returns what came before it.
    ///
    /// # Panics
    /// If it is not shown in time.
    pub fn expect(&mut self, part: &str) -> String {
        let position = self.position;
        let found = until_within(LIMIT, || {
            let text = self.text();
            let at = text.get(position..)?.find(part)?;
            Some((
                text[position..position + at].to_owned(),
                position + at + part.len(),
            ))
        });
        let Some((before, end)) = found else {
            panic!("no {part:?} behind byte {position} of:\n{}", self.text());
        };
        self.position = end;
        before
    }

    /// How the terminal treats what is typed.
    ///
    /// # Panics
    /// If the terminal is gone.
    #[must_use]
    pub fn local_modes(&self) -> LocalModes {
        tcgetattr(&self.master)
            .expect("the terminal's modes")
            .local_modes
    }

    /// Types.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn send(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("type");
    }

    /// Waits until the program has ended; its exit status.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn wait_exit(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let status = until("the program to end", || child.try_wait().expect("wait"));
        status.code()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
