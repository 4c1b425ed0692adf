//! Signals to the daemon.

use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use visor_core::{Pid, Signal};

/// The signals the core is told of.
pub const TOLD: [Signal; 6] = [
    Signal::TERM,
    Signal::INT,
    Signal::QUIT,
    Signal::HUP,
    Signal::USR1,
    Signal::USR2,
];

/// Lets a closed pipe and a file that may not grow be errors of a write, not a death.
pub fn survive_write_signals() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the handler does nothing. Unlike an ignored signal, a handled one is back to its
    // default in whatever is executed.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        let handler: extern "C" fn(libc::c_int) = nothing;
        libc::signal(libc::SIGXFSZ, handler as libc::sighandler_t);
    }
}

/// An inherited SIG_IGN for CHLD would make the kernel collect children by itself.
fn heed_children() {
    // SAFETY: the default action runs no code.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// One that was delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivered {
    /// A child may have ended: this one, and perhaps others.
    Child(Option<Pid>),
    /// One for the core.
    Told(Signal),
}

/// Signals as a descriptor. They are blocked on the thread that makes it; other threads must block
/// them too, which they do if they are started later.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks the signals of [`TOLD`] and CHLD, and opens the descriptor they are read from.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn new() -> io::Result<Self> {
        heed_children();
        Self::open(
            TOLD.iter()
                .map(|signal| signal.number())
                .chain([libc::SIGCHLD]),
        )
    }

    /// The same for CHLD alone.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn of_children() -> io::Result<Self> {
        heed_children();
        Self::open(std::iter::once(libc::SIGCHLD))
    }

    /// The same for these signals only: for programs that are no daemon.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn of(signals: &[Signal]) -> io::Result<Self> {
        Self::open(signals.iter().map(|signal| signal.number()))
    }

    fn open(numbers: impl Iterator<Item = i32>) -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set; the descriptor is new and ours.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for number in numbers {
                libc::sigaddset(set.as_mut_ptr(), number);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
            let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// The next signal that was delivered, if there is one.
    pub fn read(&self) -> Option<Delivered> {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        let mut bytes = [0_u8; SIZE];
        loop {
            match rustix::io::read(&self.0, &mut bytes) {
                Ok(SIZE) => {}
                Ok(_) => return None,
                Err(Errno::INTR) => continue,
                Err(_) => return None,
            }
            let number = field(
                &bytes,
                std::mem::offset_of!(libc::signalfd_siginfo, ssi_signo),
            );
            if number == libc::SIGCHLD.unsigned_abs() {
                let pid = field(
                    &bytes,
                    std::mem::offset_of!(libc::signalfd_siginfo, ssi_pid),
                );
                return Some(Delivered::Child((pid != 0).then_some(Pid(pid))));
            }
            if let Some(signal) = Signal::from_number(number.into()) {
                return Some(Delivered::Told(signal));
            }
        }
    }
}

/// A number of a signal's description, in the machine's byte order.
fn field(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
