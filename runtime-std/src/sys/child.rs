//! What a child does between its birth and its program: system calls and nothing else. Its memory may be the daemon's.

use super::errno::errno_name;
use super::spawn::PointerList;
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;

/// Ends every message of a child that could not become its program.
const TAIL: &[u8] = b"\nsupervisor: child process was not spawned\n";
/// Its exit status then.
const NOT_SPAWNED: c_int = 127;
/// Linux 5.11; older kernels refuse it, and rely on every descriptor being close-on-exec.
const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
/// Linux 5.9.
const CLOSE_RANGE_UNSHARE: libc::c_uint = 2;

/// All that a child needs to know, in the form in which system calls take it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) program: CString,
    pub(super) argv: Pointers,
    pub(super) environment: Pointers,
    /// Where to go, and how the message of a failure begins.
    pub(super) directory: Option<(CString, Vec<u8>)>,
    pub(super) umask: Option<u32>,
    pub(super) user: Option<Become>,
    pub(super) resets: Vec<c_int>,
    pub(super) exec_message: Vec<u8>,
}

/// The user to become.
#[derive(Debug)]
pub(super) struct Become {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<libc::gid_t>,
    /// Do not try: `Some(None)` if it is that user already, else the message.
    pub(super) refused: Option<Option<Vec<u8>>>,
    /// How the message of a failure begins.
    pub(super) message: Vec<u8>,
}

/// One child: its plan, and what becomes its descriptors 0, 1 and 2.
pub(super) struct Start<'a> {
    pub(super) plan: &'a Plan,
    pub(super) table: Table,
}

/// The table of descriptors a child begins with, and where in it are those that become 0, 1 and 2.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    /// A copy of the daemon's.
    Copied([RawFd; 3]),
    /// The daemon's own. Nothing in it may be changed before the child has left it.
    Shared([RawFd; 3]),
}

/// Strings, and the null-terminated list of pointers to them.
#[derive(Debug)]
pub(super) struct Pointers {
    list: Vec<*const c_char>,
    _strings: Vec<CString>,
}

// SAFETY: the pointers lead into heap memory of `_strings`, which nothing changes and which moves
// along with them.
unsafe impl Send for Pointers {}
// SAFETY: as above; there is no interior mutability.
unsafe impl Sync for Pointers {}

impl Pointers {
    pub(super) fn new(strings: Vec<CString>) -> Self {
        let list = strings
            .iter()
            .map(|string| string.as_ptr())
            .chain([ptr::null()])
            .collect();
        Self {
            list,
            _strings: strings,
        }
    }

    fn as_ptr(&self) -> PointerList {
        self.list.as_ptr()
    }
}

/// Where a cloned child begins. `start` points to a [`Start`].
pub(super) extern "C" fn entry(start: *mut c_void) -> c_int {
    // SAFETY: `Spawner::spawn` passes a `Start` that outlives the child's use of it.
    run(unsafe { &*start.cast_const().cast::<Start<'_>>() })
}

/// Becomes the program, or says why not and ends. The order is the reference's.
pub(super) fn run(start: &Start<'_>) -> ! {
    let plan = start.plan;
    // SAFETY: every call here is a bare system call on numbers or on memory of the plan. libc's
    // wrappers for changing users would try to change the daemon's threads too.
    unsafe {
        libc::setpgid(0, 0);
        let descriptors = match start.table {
            Table::Copied(descriptors) => descriptors,
            Table::Shared(descriptors) => {
                leave_table(&descriptors, &plan.exec_message);
                descriptors
            }
        };
        for (number, from) in (0..).zip(descriptors) {
            libc::dup2(from, number);
        }
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        );
        if let Some(user) = &plan.user {
            become_user(user);
        }
        if let Some((directory, message)) = &plan.directory
            && libc::chdir(directory.as_ptr()) != 0
        {
            fail(message, errno_name(errno()));
        }
        if let Some(umask) = plan.umask {
            libc::umask(umask);
        }
        for &signal in &plan.resets {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::execve(
            plan.program.as_ptr(),
            plan.argv.as_ptr(),
            plan.environment.as_ptr(),
        );
    }
    fail(&plan.exec_message, errno_name(errno()))
}

/// Goes on with a table of its own, which has nothing in it beyond the descriptors that are needed.
///
/// # Safety
/// Only in a child.
unsafe fn leave_table(descriptors: &[RawFd; 3], message: &[u8]) {
    let last = descriptors.iter().copied().max().unwrap_or(0);
    let first = libc::c_uint::try_from(last).map_or(3, |last| last + 1);
    // SAFETY: bare system calls on numbers. A sandbox may refuse the one and allow the other, which
    // copies the whole table first.
    let left = unsafe {
        let most = libc::c_uint::MAX;
        libc::syscall(libc::SYS_close_range, first, most, CLOSE_RANGE_UNSHARE) == 0
            || libc::unshare(libc::CLONE_FILES) == 0
    };
    if !left {
        let [.., stderr] = *descriptors;
        fail_at(stderr, message, errno_name(errno()));
    }
}

/// # Safety
/// Only in a child.
unsafe fn become_user(user: &Become) {
    match &user.refused {
        Some(None) => return,
        Some(Some(message)) => fail(message, ""),
        None => {}
    }
    // SAFETY: as in `run`.
    unsafe {
        if libc::syscall(libc::SYS_setgroups, user.groups.len(), user.groups.as_ptr()) != 0 {
            fail(&user.message, "Could not set groups of effective user");
        }
        if libc::syscall(libc::SYS_setgid, user.gid) != 0 {
            fail(&user.message, "Could not set group id of effective user");
        }
        if libc::syscall(libc::SYS_setuid, user.uid) != 0 {
            fail(&user.message, errno_name(errno()));
        }
    }
}

/// Says on standard error why there is no program, and ends.
fn fail(message: &[u8], reason: &str) -> ! {
    fail_at(2, message, reason)
}

fn fail_at(stderr: RawFd, message: &[u8], reason: &str) -> ! {
    let parts = [message, reason.as_bytes(), TAIL].map(|part| libc::iovec {
        iov_base: part.as_ptr().cast_mut().cast(),
        iov_len: part.len(),
    });
    // SAFETY: the parts outlive the call; nobody is there to be told of a failure.
    unsafe {
        libc::writev(stderr, parts.as_ptr(), 3);
        libc::_exit(NOT_SPAWNED)
    }
}

fn errno() -> c_int {
    // SAFETY: the location is this thread's own.
    unsafe { *libc::__errno_location() }
}

/// The signals whose disposition is not the default, with those that libraries may come to handle later.
pub(super) fn changed_signals() -> Vec<c_int> {
    let handled_later = [
        libc::SIGCHLD,
        libc::SIGPIPE,
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGHUP,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGXFSZ,
    ];
    (1..=libc::SIGRTMAX())
        .filter(|signal| disposition(*signal).is_some())
        .filter(|signal| {
            disposition(*signal) != Some(libc::SIG_DFL) || handled_later.contains(signal)
        })
        .collect()
}

fn disposition(signal: c_int) -> Option<libc::sighandler_t> {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks; a number that is no signal is refused, and then zeroes stay, which are a
    // valid sigaction.
    unsafe {
        let known = libc::sigaction(signal, ptr::null(), old.as_mut_ptr()) == 0;
        known.then_some(old.assume_init().sa_sigaction)
    }
}

/// Blocks every signal on this thread. Returns what was blocked before.
pub(super) fn block_all_signals() -> libc::sigset_t {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::zeroed();
    // SAFETY: sigfillset initialises `all`; `before` is filled by the call or stays an empty set.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    }
}

/// Undoes [`block_all_signals`].
pub(super) fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: `before` is a signal set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
}
