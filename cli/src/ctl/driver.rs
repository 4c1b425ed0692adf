//! Does what the client machine asks for: sockets, output, questions, waiting.

use super::connect::{Failed, connect};
use super::terminal::{Terminal, Typed};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use visor_core::Timestamp;
use visor_core::ctl::{Address, Channel, Ctl, CtlInput, CtlOutput};
use visor_std::sys::clock::monotonic;

const READ_BYTES: usize = 64 << 10;

/// How a line ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ended {
    pub(super) status: u8,
    /// The shell is to be left.
    pub(super) leave: bool,
}

/// Drives one [`Ctl`] at a time.
pub(super) struct Driver {
    pub(super) terminal: Terminal,
    calls: Option<OwnedFd>,
    follow: Option<OwnedFd>,
    look: Option<OwnedFd>,
    buffer: Vec<u8>,
    /// Lines that are collected instead of printed, for completion.
    captured: Option<Vec<String>>,
    /// Lines that are printed as soon as anything else is to be done: a table costs one write.
    lines: String,
}

/// What a wait has found.
#[derive(Default)]
struct Ready {
    interrupted: bool,
    calls: bool,
    follow: bool,
    look: bool,
    typed: bool,
    output_gone: bool,
}

impl Driver {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            calls: None,
            follow: None,
            look: None,
            buffer: vec![0; READ_BYTES],
            captured: None,
            lines: String::new(),
        }
    }

    /// Runs a line to its end. An error is one of standard output or error, which ends everything.
    pub(super) fn run(&mut self, ctl: &mut Ctl, line: &str) -> io::Result<Ended> {
        ctl.run_line(monotonic(), line);
        self.drive(ctl)
    }

    /// What could complete a line. Nothing is printed, whatever goes wrong.
    pub(super) fn complete(&mut self, ctl: &mut Ctl, line: &str) -> Vec<String> {
        self.captured = Some(Vec::new());
        ctl.complete(monotonic(), line);
        let ended = self.drive(ctl);
        let found = self.captured.take().unwrap_or_default();
        if ended.is_ok() { found } else { Vec::new() }
    }

    fn drive(&mut self, ctl: &mut Ctl) -> io::Result<Ended> {
        loop {
            let output = ctl.poll_output();
            if !matches!(output, CtlOutput::Print(_)) && !self.lines.is_empty() {
                self.terminal.write(self.lines.as_bytes())?;
                self.lines.clear();
            }
            match output {
                CtlOutput::Connect { channel, address } => self.connect(ctl, channel, &address),
                CtlOutput::Send { channel, bytes } => self.send(ctl, channel, &bytes),
                CtlOutput::Close(channel) => *self.socket(channel) = None,
                CtlOutput::Print(line) => match &mut self.captured {
                    Some(lines) => lines.push(line),
                    None => {
                        self.lines.push_str(&line);
                        self.lines.push('\n');
                    }
                },
                CtlOutput::Write(bytes) => self.terminal.write(&bytes)?,
                CtlOutput::PrintError(line) => self.terminal.print_error(&line)?,
                CtlOutput::Progress(text) => self.terminal.progress(text.as_deref())?,
                CtlOutput::Ask { prompt, secret } => {
                    let answer = self.terminal.ask(prompt, secret)?;
                    self.terminal.reopen_input();
                    ctl.handle_input(monotonic(), CtlInput::Answer(answer.as_deref()));
                }
                CtlOutput::Wait { deadline, typing } => {
                    if !(typing && self.typed(ctl)) {
                        self.wait(ctl, deadline, typing)?;
                    }
                }
                CtlOutput::Done { status, leave } => {
                    self.calls = None;
                    self.follow = None;
                    self.look = None;
                    self.terminal.reopen_input();
                    return Ok(Ended { status, leave });
                }
            }
        }
    }

    const fn socket(&mut self, channel: Channel) -> &mut Option<OwnedFd> {
        match channel {
            Channel::Calls => &mut self.calls,
            Channel::Follow => &mut self.follow,
            Channel::Look => &mut self.look,
        }
    }

    fn connect(&mut self, ctl: &mut Ctl, channel: Channel, address: &Address) {
        match connect(address, &self.terminal.interrupts) {
            Ok(socket) => {
                *self.socket(channel) = Some(socket);
                ctl.handle_input(monotonic(), CtlInput::Connected(channel));
            }
            Err(Failed::Error(error)) => {
                ctl.handle_input(monotonic(), CtlInput::ConnectFailed { channel, error });
            }
            Err(Failed::Interrupted) => ctl.handle_input(monotonic(), CtlInput::Interrupt),
        }
    }

    fn send(&mut self, ctl: &mut Ctl, channel: Channel, mut bytes: &[u8]) {
        while let Some(socket) = self.socket(channel).as_ref().filter(|_| !bytes.is_empty()) {
            match rustix::net::send(socket, bytes, rustix::net::SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                // An answer may be there all the same: reading tells what happened.
                Err(Errno::PIPE | Errno::CONNRESET) => return,
                Err(error) => return self.closed(ctl, channel, Some(error)),
            }
        }
    }

    fn closed(&mut self, ctl: &mut Ctl, channel: Channel, error: Option<Errno>) {
        *self.socket(channel) = None;
        let why = error.map(|errno| io::Error::from(errno).to_string());
        let why = why.as_deref().unwrap_or_default();
        let why = why
            .split(" (os error")
            .next()
            .unwrap_or_default()
            .to_lowercase();
        ctl.handle_input(monotonic(), CtlInput::Closed { channel, why: &why });
    }

    /// Hands on a line that has been typed already.
    fn typed(&mut self, ctl: &mut Ctl) -> bool {
        let input = match self.terminal.take_line() {
            Some(Typed::Line(line)) => {
                ctl.handle_input(monotonic(), CtlInput::Typed(&line));
                return true;
            }
            Some(Typed::End) => CtlInput::TypedEnd,
            Some(Typed::Interrupted) => CtlInput::Interrupt,
            None => return false,
        };
        ctl.handle_input(monotonic(), input);
        true
    }

    fn wait(&mut self, ctl: &mut Ctl, deadline: Option<Timestamp>, typing: bool) -> io::Result<()> {
        let ready = self.poll(deadline, typing)?;
        if ready.interrupted && self.terminal.interrupts.read().is_some() {
            ctl.handle_input(monotonic(), CtlInput::Interrupt);
        }
        if ready.output_gone && self.captured.is_none() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if ready.calls {
            self.receive(ctl, Channel::Calls);
        }
        if ready.follow {
            self.receive(ctl, Channel::Follow);
        }
        if ready.look {
            self.receive(ctl, Channel::Look);
        }
        if ready.typed {
            self.terminal.read_input();
        }
        if deadline.is_some_and(|deadline| deadline <= monotonic()) {
            ctl.handle_input(monotonic(), CtlInput::Wake);
        }
        Ok(())
    }

    fn poll(&self, deadline: Option<Timestamp>, typing: bool) -> io::Result<Ready> {
        let timeout = deadline.map(|deadline| deadline.saturating_since(monotonic()));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        // Standard output is watched for its reader's end only: `tail -f | head` should not wait
        // for the next line.
        let mut fds = vec![
            PollFd::new(&self.terminal.interrupts, PollFlags::IN),
            PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty()),
        ];
        let mut roles = Vec::new();
        for (role, socket) in [
            (Role::Calls, &self.calls),
            (Role::Follow, &self.follow),
            (Role::Look, &self.look),
        ] {
            if let Some(socket) = socket {
                fds.push(PollFd::new(socket, PollFlags::IN));
                roles.push(role);
            }
        }
        if typing {
            fds.push(PollFd::from_borrowed_fd(
                rustix::stdio::stdin(),
                PollFlags::IN,
            ));
            roles.push(Role::Typed);
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let mut found = fds.iter().map(|fd| fd.revents());
        let mut ready = Ready {
            interrupted: found.next().is_some_and(|flags| !flags.is_empty()),
            output_gone: found
                .next()
                .is_some_and(|flags| flags.contains(PollFlags::ERR)),
            ..Ready::default()
        };
        for (role, flags) in roles.into_iter().zip(found) {
            *match role {
                Role::Calls => &mut ready.calls,
                Role::Follow => &mut ready.follow,
                Role::Look => &mut ready.look,
                Role::Typed => &mut ready.typed,
            } = !flags.is_empty();
        }
        Ok(ready)
    }

    fn receive(&mut self, ctl: &mut Ctl, channel: Channel) {
        let socket = match channel {
            Channel::Calls => &self.calls,
            Channel::Follow => &self.follow,
            Channel::Look => &self.look,
        };
        let Some(socket) = socket else {
            return;
        };
        match rustix::io::read(socket, &mut self.buffer) {
            Ok(0) => self.closed(ctl, channel, None),
            Ok(length) => {
                let bytes = self.buffer.get(..length).unwrap_or_default();
                ctl.handle_input(monotonic(), CtlInput::Data { channel, bytes });
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => self.closed(ctl, channel, Some(error)),
        }
    }
}

#[derive(Clone, Copy)]
enum Role {
    Calls,
    Follow,
    Look,
    Typed,
}
