//! Starting children: everything is made ready before there is a child, so that between fork and
//! exec nothing is allocated, looked up or locked.

use super::child;
use super::pipes::TheirEnds;
use super::slots::Slots;
use super::users::GroupCache;
use super::{errno_name, program};
use std::collections::HashMap;
use std::ffi::{CString, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStringExt;
use visor_core::{Pid, SpawnError, SpawnSpec};

/// Room for the child's few frames between clone and exec.
const STACK_BYTES: usize = 64 << 10;

/// Starts children.
///
/// What it costs does not depend on how many descriptors the daemon has: a child shares the table of
/// them until it has left it with the few it needs.
#[derive(Debug)]
pub struct Spawner {
    environment: Vec<(Vec<u8>, CString)>,
    groups: GroupCache,
    /// Signals that may have a handler or be ignored in the daemon.
    resets: Vec<c_int>,
    stack: Box<[u8]>,
    slots: Option<Slots>,
}

impl Spawner {
    /// Takes the environment children start from, and notes which signals the daemon has changed:
    /// make it after signal handling is set up.
    #[must_use]
    pub fn new() -> Self {
        Self {
            environment: std::env::vars_os()
                .map(|(key, value)| (key.into_vec(), value))
                .filter_map(|(key, value)| Some((key.clone(), variable(key, value)?)))
                .collect(),
            groups: GroupCache::default(),
            resets: child::changed_signals(),
            stack: vec![0; STACK_BYTES].into_boxed_slice(),
            slots: Slots::new(),
        }
    }

    /// Finds the program and makes everything else ready.
    ///
    /// # Errors
    /// What can be known before a fork.
    pub fn prepare(&mut self, spec: &SpawnSpec) -> Result<Prepared, SpawnError> {
        let program = program::find(spec)?;
        let argv0 = spec.argv.first().map_or("", String::as_str);
        let argv: Vec<CString> = spec
            .argv
            .iter()
            .map(|word| c_string(word))
            .collect::<Result<_, _>>()?;
        let environment = self.environment_of(spec)?;
        let user = spec.user.as_ref().map(|user| {
            let refused = refusal(user.uid, user.name.is_empty());
            child::Become {
                uid: user.uid,
                gid: user.gid,
                groups: if refused.is_none() {
                    self.groups.groups_of(user)
                } else {
                    Vec::new()
                },
                refused: refused.map(|why| {
                    why.map(|w| {
                        format!("supervisor: couldn't setuid to {}: {w}", user.uid).into_bytes()
                    })
                }),
                message: format!("supervisor: couldn't setuid to {}: ", user.uid).into_bytes(),
            }
        });
        let directory = match &spec.directory {
            Some(directory) => Some((
                c_string(directory)?,
                format!("supervisor: couldn't chdir to {directory}: ").into_bytes(),
            )),
            None => None,
        };
        Ok(Prepared(child::Plan {
            program: c_string(&program)?,
            argv: child::Pointers::new(argv),
            environment: child::Pointers::new(environment),
            directory,
            umask: spec.umask,
            user,
            resets: self.resets.clone(),
            exec_message: format!("supervisor: couldn't exec {argv0}: ").into_bytes(),
        }))
    }

    /// Runs a prepared child in a process of its own, which is a copy of the daemon only where it
    /// must be.
    ///
    /// A child that changes its user gets a copied address space: while memory is shared the
    /// daemon stands still, and the user could make it do so by stopping the child. All others
    /// share the daemon's memory until they exec, which costs the same however big the daemon is.
    ///
    /// # Errors
    /// [`SpawnError::TooManyProcesses`] and [`SpawnError::Fork`].
    pub fn spawn(&mut self, prepared: &Prepared, ends: &TheirEnds) -> Result<Pid, SpawnError> {
        let changes_user = prepared
            .0
            .user
            .as_ref()
            .is_some_and(|u| u.refused.is_none());
        if changes_user {
            return self.clone_child(
                prepared,
                child::Table::Copied(ends.numbers()),
                libc::SIGCHLD,
            );
        }
        let shared = libc::SIGCHLD | libc::CLONE_VM | libc::CLONE_VFORK;
        let filled = self.slots.take().and_then(|slots| slots.fill(ends));
        match filled {
            Some(filled) => {
                let table = filled.table();
                let born = self.clone_child(prepared, table, shared | libc::CLONE_FILES);
                self.slots = filled.empty();
                born
            }
            None => self.clone_child(prepared, child::Table::Copied(ends.numbers()), shared),
        }
    }

    fn clone_child(
        &mut self,
        prepared: &Prepared,
        table: child::Table,
        flags: c_int,
    ) -> Result<Pid, SpawnError> {
        let start = child::Start {
            plan: &prepared.0,
            table,
        };
        // The stack grows down from an aligned end.
        let top = self.stack.as_mut_ptr_range().end;
        let top = top.wrapping_sub(top as usize % 16).cast::<c_void>();
        let all = child::block_all_signals();
        // SAFETY: the child runs `child::entry` on a stack of its own, on a plan that outlives it:
        // either memory is shared and this thread sleeps until the child has gone on to another
        // program or ended, or the child has a copy. No signal handler can run in it. Where it
        // shares the table of descriptors, it leaves that before it changes anything.
        let pid = unsafe {
            libc::clone(
                child::entry,
                top,
                flags,
                (&raw const start).cast_mut().cast::<c_void>(),
            )
        };
        let error = std::io::Error::last_os_error();
        child::restore_signals(&all);
        match u32::try_from(pid) {
            Ok(pid) => Ok(Pid(pid)),
            Err(_) => Err(fork_error(&error)),
        }
    }

    fn environment_of(&self, spec: &SpawnSpec) -> Result<Vec<CString>, SpawnError> {
        // A key's last value counts, in the place where the key came first.
        let mut all = Vec::with_capacity(self.environment.len() + spec.environment.len());
        let mut places = HashMap::with_capacity(all.capacity());
        for (key, variable) in &self.environment {
            places.insert(key.as_slice(), all.len());
            all.push(variable.clone());
        }
        for (key, value) in &spec.environment {
            let variable = c_string(&format!("{key}={value}"))?;
            match places.get(key.as_bytes()).and_then(|at| all.get_mut(*at)) {
                Some(place) => *place = variable,
                None => {
                    places.insert(key.as_bytes(), all.len());
                    all.push(variable);
                }
            }
        }
        Ok(all)
    }
}

impl Default for Spawner {
    fn default() -> Self {
        Self::new()
    }
}

/// A child that only needs a process.
#[derive(Debug)]
pub struct Prepared(child::Plan);

/// Why there is no child, from the error of `clone`.
fn fork_error(error: &std::io::Error) -> SpawnError {
    match error.raw_os_error() {
        Some(libc::EAGAIN) => SpawnError::TooManyProcesses,
        Some(number) => SpawnError::Fork(errno_name(number).to_owned()),
        None => SpawnError::Fork(error.to_string()),
    }
}

/// Whether a child must not even try to become `uid`: `Some(None)` if it is that user already,
/// `Some(reason)` if it cannot be.
fn refusal(uid: u32, nameless: bool) -> Option<Option<String>> {
    use super::privileges::DropError;
    if nameless {
        return Some(Some(DropError::NoSuchUser(uid).to_string()));
    }
    let current = rustix::process::getuid();
    if current.as_raw() == uid {
        Some(None)
    } else if current.is_root() {
        None
    } else {
        Some(Some(DropError::NotRoot.to_string()))
    }
}

fn variable(key: Vec<u8>, value: OsString) -> Option<CString> {
    let mut whole = key;
    whole.push(b'=');
    whole.extend(value.into_vec());
    CString::new(whole).ok()
}

fn c_string(text: &str) -> Result<CString, SpawnError> {
    CString::new(text)
        .map_err(|_| SpawnError::BadCommand(format!("{text:?} contains a null character")))
}

/// A list of C strings as exec wants it is a pointer to pointers.
pub(super) type PointerList = *const *const c_char;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::pipes::{self, OurEnds};
    use crate::sys::reap;
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::rc::Rc;
    use visor_core::{ExitStatus, StdinSpec};

    fn spec(argv: &[&str]) -> SpawnSpec {
        SpawnSpec {
            name: "a".to_owned(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            path: None,
            environment: Vec::new(),
            directory: None,
            umask: None,
            user: None,
            stdin: StdinSpec::Pipe,
            redirect_stderr: false,
        }
    }

    /// Starts a child and reads all it says, which ends when it does: nobody else may have the
    /// other ends of its pipes.
    fn said(spawner: &mut Spawner, argv: &[&str]) -> (String, String, ExitStatus) {
        let (ours, theirs) = pipes::make(None, false).unwrap();
        let prepared = spawner.prepare(&spec(argv)).unwrap();
        let pid = spawner.spawn(&prepared, &theirs).unwrap();
        drop(theirs);
        let OurEnds {
            stdin,
            stdout,
            stderr,
        } = ours;
        drop(stdin);
        let [out, err] = [stdout, stderr.unwrap()].map(|end| {
            rustix::fs::fcntl_setfl(&end, rustix::fs::OFlags::empty()).unwrap();
            let mut text = String::new();
            let mut file = std::fs::File::from(Rc::into_inner(end).unwrap());
            file.read_to_string(&mut text).unwrap();
            text
        });
        let status = loop {
            match reap::one(pid) {
                Some(status) => break status,
                None => std::thread::yield_now(),
            }
        };
        (out, err, status)
    }

    /// Spawners that share the table of descriptors with the child, and that copy it.
    fn both() -> [Spawner; 2] {
        let copying = Spawner {
            slots: None,
            ..Spawner::new()
        };
        let sharing = Spawner::new();
        assert!(sharing.slots.is_some());
        [sharing, copying]
    }

    #[test]
    fn a_child_has_three_descriptors_however_many_the_daemon_has() {
        let spares: Vec<_> = (0..200)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        for spawner in &mut both() {
            for _ in 0..3 {
                // The fourth is the shell's, which reads the directory.
                let list = "cd /proc/self/fd; echo *; readlink 0 | cut -c1-5";
                let (out, err, status) = said(spawner, &["/bin/sh", "-c", list]);
                assert_eq!((&*out, &*err), ("0 1 2 3\npipe:\n", ""));
                assert_eq!(status, ExitStatus::Code(0));
            }
        }
        drop(spares);
    }

    #[test]
    fn nothing_of_a_child_stays_open_in_the_daemon() {
        let mut spawner = Spawner::new();
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        said(&mut spawner, &["/bin/true"]);
        let before = open();
        for _ in 0..20 {
            said(&mut spawner, &["/bin/true"]);
        }
        // Other tests of this process may have some of their own.
        assert!(open() < before + 20, "{before}, then {}", open());
    }

    #[test]
    fn a_program_that_cannot_be_executed_says_so_where_its_errors_go() {
        let name = format!("visor-no-program-{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, "neither a script nor a binary").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = file.to_str().unwrap();
        for spawner in &mut both() {
            let (out, err, status) = said(spawner, &[program]);
            assert_eq!((&*out, status), ("", ExitStatus::Code(127)));
            let expected = format!("supervisor: couldn't exec {program}: ENOEXEC\n");
            assert!(err.starts_with(&expected), "{err}");
        }
        std::fs::remove_file(&file).unwrap();
    }
}
