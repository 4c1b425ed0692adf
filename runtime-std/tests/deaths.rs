//! How the engine finds the dead: by the names that signals give, by closed outputs, by a look at all.
//! A look at all would find the children of other tests too, so there is one test at a time.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use visor_core::config::{AutoRestart, Config, ProcessConfig};
use visor_core::{Boot, Pid, ProcessState};
use visor_std::Hooks;
use visor_std::engine::{Engine, Interest, Source, Waiting};
use visor_std::sys::{Fd, clock};

/// Nobody waits: the tests say what is ready, of what was to be watched.
#[derive(Debug)]
struct Told(Arc<Mutex<Vec<Source>>>);

impl Waiting for Told {
    fn watch(&mut self, source: Source, _: &Fd, _: Interest, _: Interest) -> io::Result<()> {
        self.0.lock().expect("not poisoned").push(source);
        Ok(())
    }

    fn forget(&mut self, _: Source, _: &Fd, _: Interest) {}
}

/// A supervisor of programs that run until they are killed, and their pids.
struct Programs {
    engine: Engine<Told>,
    pids: Vec<Pid>,
    outputs: Vec<Source>,
    _alone: MutexGuard<'static, ()>,
}

impl Programs {
    fn start(number: usize) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let config = (0..number).fold(Config::embedded(), |config, at| {
            let mut program = ProcessConfig::new(&format!("p{at:03}"), "sleep 1000");
            program.autorestart = AutoRestart::Never;
            program.startsecs = 0;
            config.program(program)
        });
        let boot = Boot {
            pid: Pid(std::process::id()),
            seed: [0; 32],
            foreground: true,
            messages: Vec::new(),
        };
        let hooks = Hooks {
            read_config: Box::new(|| Err(String::new())),
            ready: Box::new(|| {}),
            recorder: None,
        };
        let watched = Arc::new(Mutex::new(Vec::new()));
        let mut engine = Engine::new(config, boot, hooks, Told(watched.clone()));
        let pids = infos(&mut engine);
        let pids: Vec<Pid> = pids.into_iter().map(|(pid, _)| pid).collect();
        let mut outputs = watched.lock().expect("not poisoned").clone();
        outputs.retain(|source| matches!(source, Source::Stdout(_)));
        assert_eq!((pids.len(), outputs.len()), (number, number));
        Self {
            engine,
            pids,
            outputs,
            _alone: alone,
        }
    }

    /// So many that they are not all looked at for each signal, and all were looked at.
    fn start_many() -> Self {
        let mut programs = Self::start(200);
        programs.engine.child_ended(None);
        programs.wake();
        programs
    }

    /// Ends one of them, and waits until the kernel has it as dead.
    fn kill(&self, at: usize) -> Pid {
        let pid = self.pids[at];
        let raw = i32::try_from(pid.0)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a pid");
        rustix::process::kill_process(raw, rustix::process::Signal::KILL).expect("a child");
        let is_dead = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.0)).expect("a child");
            stat.contains(") Z ")
        };
        while !is_dead() {
            std::thread::yield_now();
        }
        pid
    }

    /// Its outputs are read to their end.
    fn close(&mut self, at: usize) {
        if let Source::Stdout(spawn) = self.outputs[at] {
            for source in [Source::Stdout(spawn), Source::Stderr(spawn)] {
                self.engine.ready(source, Interest::READ);
            }
        }
    }

    fn wake(&mut self) {
        self.engine.tick();
        self.engine.wake();
    }

    /// So many are left after the looks at all, for each of which there is a deadline.
    fn look_at_all_until(&mut self, running: usize, longest: Duration) {
        while self.running() > running {
            let due = self.engine.deadline().expect("a look at all is due");
            let rest = due.saturating_since(clock::monotonic());
            assert!(rest <= longest, "{rest:?}");
            self.wake();
        }
        assert_eq!((self.running(), self.engine.deadline()), (running, None));
    }

    fn running(&mut self) -> usize {
        let running = |state: &ProcessState| *state == ProcessState::Running;
        let states = infos(&mut self.engine).into_iter().map(|(_, state)| state);
        states.filter(running).count()
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for at in 0..self.pids.len() {
            let alive = format!("/proc/{}", self.pids[at].0);
            if std::fs::exists(alive).unwrap_or(false) {
                self.kill(at);
            }
        }
        self.engine.child_ended(None);
        let end = Instant::now() + Duration::from_secs(30);
        while self.running() > 0 && Instant::now() < end {
            self.wake();
        }
    }
}

fn infos(engine: &mut Engine<Told>) -> Vec<(Pid, ProcessState)> {
    let now = engine.now();
    let supervisor = engine.supervisor();
    let ids: Vec<_> = supervisor.processes().map(|(id, ..)| id).collect();
    let infos = ids
        .into_iter()
        .filter_map(|id| supervisor.process_info(id, &now));
    infos.map(|info| (info.pid, info.state)).collect()
}

#[test]
fn one_signal_stands_for_all_who_died() {
    let mut programs = Programs::start(3);
    let named = programs.kill(0);
    programs.kill(2);
    programs.engine.child_ended(Some(named));
    programs.wake();
    assert_eq!(programs.running(), 1);
    assert_eq!(programs.engine.deadline(), None);
}

#[test]
fn among_many_who_is_named_is_found_at_once_and_the_rest_soon() {
    let mut programs = Programs::start_many();
    let named = programs.kill(0);
    programs.kill(199);
    programs.engine.child_ended(Some(named));
    programs.wake();
    assert!(programs.running() <= 199);
    programs.look_at_all_until(198, Duration::from_millis(100));
}

#[test]
fn whose_output_ends_is_found_though_no_signal_names_it() {
    let mut programs = Programs::start_many();
    let named = programs.kill(0);
    programs.kill(100);
    programs.kill(199);
    programs.engine.child_ended(Some(named));
    programs.close(100);
    programs.wake();
    assert!(programs.running() <= 198);
    programs.look_at_all_until(197, Duration::from_millis(100));
}

#[test]
fn among_many_who_died_all_are_looked_at() {
    let mut programs = Programs::start_many();
    for at in 0..6 {
        programs.kill(199 - at);
    }
    for at in 0..6 {
        let named = programs.kill(at);
        programs.engine.child_ended(Some(named));
    }
    programs.wake();
    assert_eq!(
        (programs.running(), programs.engine.deadline()),
        (188, None)
    );
}

#[test]
fn the_dead_are_collected_in_turns() {
    let mut programs = Programs::start(20);
    for at in 0..20 {
        let named = programs.kill(at);
        programs.engine.child_ended((at % 2 == 0).then_some(named));
    }
    programs.wake();
    assert_eq!(programs.running(), 4);
    assert!(
        programs
            .engine
            .deadline()
            .is_some_and(|due| due <= clock::monotonic())
    );
    programs.wake();
    assert_eq!(programs.running(), 0);
    assert_eq!(programs.engine.deadline(), None);
}

#[test]
fn nobody_is_collected_unasked_where_the_program_has_children_of_its_own() {
    let mut own = std::process::Command::new("true").spawn().unwrap();
    let mut programs = Programs::start(1);
    programs.kill(0);
    programs.wake();
    assert_eq!((programs.running(), programs.engine.deadline()), (1, None));
    assert!(own.wait().unwrap().success());
}
