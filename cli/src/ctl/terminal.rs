//! Standard input, output and error: lines, questions, the progress line, ^C.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal as _, Write as _};
use visor_core::Signal;
use visor_std::sys::signals::SignalFd;

/// A piece of typed text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Typed {
    /// A line, without its line break.
    Line(String),
    /// Nothing more will come.
    End,
    /// ^C.
    Interrupted,
}

/// Shows a prompt and reads a line; `None` at the end of input or after ^C.
pub(super) type Asker = Box<dyn FnMut(&str) -> Option<String>>;

/// The user's side. Standard input is read here and nowhere else, except by the line editor.
pub(super) struct Terminal {
    /// Who asks instead, unless it is a secret: the line editor, which has what was typed ahead.
    pub(super) asker: Option<Asker>,
    pub(super) interrupts: SignalFd,
    /// Bytes read from standard input that are no line yet.
    pending: Vec<u8>,
    ended: bool,
    progress: bool,
}

impl Terminal {
    /// Takes ^C over: from now on it is an event.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            asker: None,
            interrupts: SignalFd::of(&[Signal::INT])?,
            pending: Vec::new(),
            ended: false,
            progress: false,
        })
    }

    /// Whether people see what is printed.
    pub(super) fn output_is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Whether people type what is read.
    pub(super) fn input_is_terminal() -> bool {
        io::stdin().is_terminal()
    }

    /// Prints bytes at once.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.progress(None)?;
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Prints a line.
    pub(super) fn print(&mut self, line: &str) -> io::Result<()> {
        self.write(format!("{line}\n").as_bytes())
    }

    /// Prints a line on standard error.
    pub(super) fn print_error(&mut self, line: &str) -> io::Result<()> {
        self.progress(None)?;
        writeln!(io::stderr(), "{line}")
    }

    /// Shows a text on the terminal's last line in place of the last one, or removes it. Standard
    /// error is used, so that what is piped stays clean.
    pub(super) fn progress(&mut self, text: Option<&str>) -> io::Result<()> {
        if text.is_none() && !self.progress {
            return Ok(());
        }
        self.progress = text.is_some();
        let mut err = io::stderr().lock();
        write!(err, "\r\x1b[K{}", text.unwrap_or_default())?;
        err.flush()
    }

    /// Forgets ^C typed while nothing was to be interrupted.
    pub(super) fn forget_interrupts(&self) {
        while self.interrupts.read().is_some() {}
    }

    /// Asks, and reads a line of answer; `None` at the end of input or after ^C.
    pub(super) fn ask(&mut self, prompt: &str, secret: bool) -> io::Result<Option<String>> {
        if let Some(asker) = self.asker.as_mut().filter(|_| !secret) {
            return Ok(asker(prompt));
        }
        self.write(prompt.as_bytes())?;
        let hidden = secret.then(hide_input).flatten();
        let typed = loop {
            if let Some(typed) = self.take_line() {
                break typed;
            }
            match self.wait_for_input()? {
                true => self.read_input(),
                false => break Typed::Interrupted,
            }
        };
        if hidden.is_some() {
            drop(hidden);
        }
        Ok(match typed {
            Typed::Line(line) => Some(line),
            Typed::End | Typed::Interrupted => None,
        })
    }

    /// A line that has been read already, or the end.
    pub(super) fn take_line(&mut self) -> Option<Typed> {
        if let Some(end) = self.pending.iter().position(|c| *c == b'\n') {
            let mut line: Vec<u8> = self.pending.drain(..=end).collect();
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Some(Typed::Line(String::from_utf8_lossy(&line).into_owned()));
        }
        if !self.ended {
            return None;
        }
        if self.pending.is_empty() {
            return Some(Typed::End);
        }
        let line = std::mem::take(&mut self.pending);
        Some(Typed::Line(String::from_utf8_lossy(&line).into_owned()))
    }

    /// Reads what is there; to be called when standard input is readable.
    pub(super) fn read_input(&mut self) {
        let mut buffer = [0_u8; 4096];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(length) => {
                self.ended |= length == 0;
                self.pending
                    .extend_from_slice(buffer.get(..length).unwrap_or_default());
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.ended = true,
        }
    }

    /// After the end of what is typed on a terminal, more can be typed.
    pub(super) fn reopen_input(&mut self) {
        self.ended = self.ended && !Self::input_is_terminal();
    }

    /// Waits until something can be read; `false` after ^C.
    fn wait_for_input(&self) -> io::Result<bool> {
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN),
                PollFd::new(&self.interrupts, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [readable, interrupted] = fds.map(|fd| !fd.revents().is_empty());
            if interrupted && self.interrupts.read().is_some() {
                return Ok(false);
            }
            if readable {
                return Ok(true);
            }
        }
    }
}

/// Shows again what is typed, when dropped.
struct Hidden(rustix::termios::Termios);

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ignored = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &self.0);
    }
}

fn hide_input() -> Option<Hidden> {
    let stdin = rustix::stdio::stdin();
    let before = tcgetattr(stdin).ok()?;
    let mut hidden = before.clone();
    hidden.local_modes -= LocalModes::ECHO;
    tcsetattr(stdin, OptionalActions::Flush, &hidden).ok()?;
    Some(Hidden(before))
}
