//! Starting children: everything is made ready before there is a child, so that between fork and
//! exec nothing is allocated, looked up or locked.

use super::child;
use super::pipes::TheirEnds;
use super::slots::Slots;
use super::users::GroupCache;
use super::{errno_name, program};
use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use visor_core::{Pid, SpawnError, SpawnSpec};

/// Room for the child's few frames between clone and exec.
const STACK_BYTES: usize = 64 << 10;

/// Starts children.
///
/// What it costs does not depend on how many descriptors the daemon has: see [`Slots`].
#[derive(Debug)]
pub struct Spawner {
    environment: Vec<(Vec<u8>, CString)>,
    groups: GroupCache,
    /// Signals that may have a handler or be ignored in the daemon.
    resets: Vec<c_int>,
    /// Those among them that are ignored, and would be in a program that does not reset them.
    ignored: Vec<c_int>,
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
            ignored: child::ignored_signals(),
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
            ignored: self.ignored.clone(),
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

impl Prepared {
    /// The same child as a `Command` that the standard library can start by `posix_spawn`, which
    /// costs the same however big the daemon is. `None` if the child needs what that cannot do.
    ///
    /// All descriptors must be close-on-exec and no signal blocked. An error of the spawn itself
    /// means that the program could not be executed: [`into_command`](Self::into_command) then
    /// gives the child that says so.
    #[must_use]
    pub fn plain_command(&self) -> Option<std::process::Command> {
        let plan = &self.0;
        let changes_user = plan
            .user
            .as_ref()
            .is_some_and(|u| !matches!(u.refused, Some(None)));
        let program = plan.program.to_bytes();
        if changes_user || !plan.ignored.is_empty() || !program.contains(&b'/') {
            return None;
        }
        let text = |bytes| OsStr::from_bytes(bytes);
        let mut command = std::process::Command::new(text(program));
        let mut words = plan.argv.strings().iter().map(|word| text(word.to_bytes()));
        command
            .arg0(words.next()?)
            .args(words)
            .env_clear()
            .process_group(0);
        for variable in plan.environment.strings() {
            let bytes = variable.to_bytes();
            let cut = bytes.iter().position(|b| *b == b'=')?;
            command.env(text(bytes.get(..cut)?), text(bytes.get(cut + 1..)?));
        }
        if let Some((directory, _)) = &plan.directory {
            command.current_dir(text(directory.to_bytes()));
        }
        Some(command)
    }

    /// Runs something with the file mode creation mask the child is to have, for a child that
    /// takes over the daemon's.
    pub fn with_umask<T>(&self, run: impl FnOnce() -> T) -> T {
        use rustix::fs::Mode;
        let before = self
            .0
            .umask
            .map(|mask| rustix::process::umask(Mode::from_raw_mode(mask)));
        let result = run();
        if let Some(before) = before {
            rustix::process::umask(before);
        }
        result
    }

    /// The same child for a spawner that goes by way of the standard library's `Command`: what
    /// that sets up is left aside, the child sets itself up and executes its program.
    #[must_use]
    pub fn into_command(self, ends: &TheirEnds) -> std::process::Command {
        let descriptors = ends.numbers();
        let mut command = std::process::Command::new("/");
        let plan = self.0;
        // SAFETY: between fork and exec, `run` makes system calls and nothing else.
        unsafe {
            command.pre_exec(move || {
                child::run(&child::Start {
                    plan: &plan,
                    table: child::Table::Copied(descriptors),
                })
            });
        }
        command
    }
}

/// Why there is no child, from the error of `fork` or `clone`.
#[must_use]
pub fn fork_error(error: &std::io::Error) -> SpawnError {
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
