//! One world: time, and what happens next.

use super::checks::{self, Checker, View};
use super::clients::{self, Clients, Wish};
use super::facts::Facts;
use super::happened::{Happened, Kind};
use super::kernel::Kernel;
use super::listeners;
use super::random::Random;
use super::swarm::{self, Swarm};
use super::users;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::rc::Rc;
use visor_core::{
    Action, Boot, Command, ConnId, ExitStatus, Input, LogId, Mood, Now, Output, Pid, ProcessId,
    ProcessState, Signal, SpawnId, Stream, Supervisor, Timestamp, UnixTime,
};

const MILLI: u64 = 1_000_000;
/// How long things go wrong, in milliseconds at most.
const FAULTY_MILLIS: u64 = 60_000;
/// How long it may take until everything runs once nothing goes wrong any more.
const SETTLE_MILLIS: u64 = 60_000;
/// How long it may take to end: six groups, each with one SIGKILL after at most five seconds.
const END_MILLIS: u64 = 60_000;
/// More actions than this without time passing never end.
const ACTIONS_AT_ONCE_MAX: u32 = 5_000;

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Actions the core wanted.
    pub actions: u64,
    /// Inputs it was told.
    pub inputs: u64,
    /// A digest of all actions, without the dates of log lines and answers; 0 unless asked for.
    pub digest: u64,
}

/// What a run looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Watch {
    /// All checkers.
    Checks,
    /// All checkers, and a digest of all actions.
    Digest,
    /// As `Digest`, and everything is printed: for one seed.
    Trace,
}

/// What will happen.
#[derive(Clone, Debug)]
pub(super) enum Due {
    Dies(SpawnId, ExitStatus),
    Report(SpawnId),
    Fork(SpawnId, bool),
    Tell(Box<Input<'static>>),
    Writes(SpawnId, Stream, usize),
    /// A listener says something; with it, it is ready.
    Says(SpawnId, Vec<u8>, bool),
    Request,
    /// A client does something.
    Client,
    SendRest(ConnId),
    Vanish(ConnId),
    /// A client that vanished asks again.
    ComesBack(Box<Wish>),
    /// A listener finds this in its standard input.
    Takes(SpawnId, Vec<u8>),
    /// The daemon shall end.
    Shutdown,
    /// Nothing goes wrong from now on.
    Calm,
    /// Everything that was asked for must have happened.
    Settled,
    /// It must be over.
    Ended,
}

pub(super) struct World {
    pub(super) random: Random,
    pub(super) wall_random: Random,
    pub(super) swarm: Swarm,
    pub(super) facts: Facts,
    pub(super) kernel: Kernel,
    pub(super) clients: Clients,
    supervisor: Supervisor,
    checkers: Vec<Box<dyn Checker>>,
    wall_nanos: i64,
    due: BTreeMap<(u64, u64), Due>,
    sequence: u64,
    answers: Vec<Input<'static>>,
    /// Why the configuration will be read: to restart with it?
    pub(super) readings: Vec<bool>,
    /// Requests for it that are being worked on.
    pub(super) asked: VecDeque<bool>,
    pub(super) calm: bool,
    /// Listeners may subscribe to ticks.
    pub(super) ticks: bool,
    watch: Watch,
    /// The core was told something since it last rested.
    told: bool,
    report: Report,
    pub(super) happened: Rc<Happened>,
}

/// Runs the world of a seed to its end.
///
/// # Errors
/// What a checker found, with the moment it found it.
pub fn run(seed: u64, watch: Watch) -> Result<Report, String> {
    run_and_note(seed, watch, &Rc::default())
}

/// As [`run`], and writes down what happened.
///
/// # Errors
/// What a checker found, with the moment it found it.
pub fn run_and_note(seed: u64, watch: Watch, happened: &Rc<Happened>) -> Result<Report, String> {
    let mut world = World::new(seed, seed, true, watch);
    world.happened = Rc::clone(happened);
    live(world, seed)
}

/// As [`run`], with a wall clock that jumps as another seed decides, and without ticks, which are
/// its slices: nothing else may change.
///
/// # Errors
/// What a checker found, with the moment it found it.
pub fn run_with_wall(seed: u64, wall: u64, watch: Watch) -> Result<Report, String> {
    live(World::new(seed, wall, false, watch), seed)
}

fn live(mut world: World, seed: u64) -> Result<Report, String> {
    match world.live() {
        Ok(()) => Ok(world.report),
        Err(error) => Err(format!(
            "seed {seed}, {} ms, after {} inputs: {error}",
            world.facts.now / MILLI,
            world.report.inputs
        )),
    }
}

impl World {
    fn new(seed: u64, wall: u64, ticks: bool, watch: Watch) -> Self {
        let mut random = Random::new(seed);
        let swarm = Swarm::draw(&mut random);
        let config = swarm::config(&mut random, ticks);
        let boot = Boot {
            pid: Pid(1),
            seed: [u8::try_from(seed & 0xff).unwrap_or(0); 32],
            foreground: swarm.foreground,
            messages: Vec::new(),
        };
        let now = Now {
            mono: Timestamp::from_nanos(1),
            wall: UnixTime::from_nanos(0),
            utc_offset_secs: 0,
        };
        let mut supervisor = Supervisor::new(config.clone(), boot, now);
        supervisor.keep_transitions();
        let mut kernel = Kernel::default();
        kernel.daemon(true, false, false);
        Self {
            random,
            wall_random: Random::new(wall),
            swarm,
            facts: Facts::new(config),
            kernel,
            clients: Clients::default(),
            supervisor,
            checkers: checks::all(),
            wall_nanos: 1_700_000_000_000_000_000,
            due: BTreeMap::new(),
            sequence: 0,
            answers: Vec::new(),
            readings: Vec::new(),
            asked: VecDeque::new(),
            ticks,
            calm: false,
            watch,
            told: true,
            report: Report::default(),
            happened: Rc::default(),
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let faulty = self.random.below(FAULTY_MILLIS);
        for _ in 0..self.swarm.requests {
            let at = self.random.below(faulty.max(1));
            self.after(at, Due::Request);
        }
        for _ in 0..self.swarm.client_acts {
            let at = self.random.below(faulty.max(1));
            self.after(at, Due::Client);
        }
        if self.swarm.early_shutdown {
            let at = if self.random.chance(300) {
                0
            } else {
                self.random.below(faulty.max(1))
            };
            self.after(at, Due::Shutdown);
        }
        self.after(faulty, Due::Calm);
        self.facts.refresh(&self.supervisor);
        loop {
            let wait = self.settle()?;
            if self.kernel.has_ended() {
                return self.finish();
            }
            let next = self.due.first_key_value().map(|((at, _), _)| *at);
            let wake = wait.map(|at| self.overslept(at));
            match (next, wake) {
                (Some(next), Some(wake)) if wake < next => {
                    self.pass_to(wake);
                    self.tell(Input::Wake)?;
                }
                (Some(_), _) => {
                    let Some(((at, _), due)) = self.due.pop_first() else {
                        continue;
                    };
                    self.pass_to(at);
                    self.happen(due)?;
                }
                (None, Some(wake)) => {
                    self.pass_to(wake);
                    self.tell(Input::Wake)?;
                }
                (None, None) => return Err("liveness: nothing will ever happen again".to_owned()),
            }
        }
    }

    /// What still comes after the end changes nothing.
    fn finish(&mut self) -> Result<(), String> {
        for _ in 0..3 {
            let spawn = SpawnId(self.random.below(20));
            let status = ExitStatus::Code(0);
            self.tell(Input::Exited { spawn, status })?;
            self.tell(Input::Wake)?;
            self.tell(Input::Signal(Signal::TERM))?;
            self.tell(Input::Command(Command::Reread))?;
            self.settle()?;
        }
        self.note(Kind::EndedWell);
        Ok(())
    }

    fn overslept(&mut self, at: Timestamp) -> u64 {
        let late = if self.strikes(self.swarm.oversleep, Kind::Oversleeps) {
            self.random.below(3_000) * MILLI
        } else {
            0
        };
        at.as_nanos().saturating_add(late)
    }

    fn pass_to(&mut self, at: u64) {
        let at = at.max(self.facts.now);
        self.wall_nanos += (at - self.facts.now).cast_signed();
        self.facts.now = at;
        if self.wall_random.chance(self.swarm.clock_jumps) {
            let secs = self.wall_random.between(-90_000, 90_000);
            let is_back = secs < 0;
            self.note(if is_back {
                Kind::ClockBack
            } else {
                Kind::ClockForward
            });
            self.wall_nanos += secs * 1_000_000_000;
        }
    }

    pub(super) fn after(&mut self, millis: u64, due: Due) {
        self.sequence += 1;
        let at = self.facts.now.saturating_add(millis * MILLI);
        self.due.insert((at, self.sequence), due);
    }

    fn happen(&mut self, due: Due) -> Result<(), String> {
        match due {
            Due::Dies(spawn, status) => {
                let late = if self.strikes(self.swarm.late_exit, Kind::ExitLate) {
                    self.random.below(2_000)
                } else {
                    0
                };
                if let Some(child) = self.kernel.child(spawn)
                    && child.ended.is_none()
                {
                    child.ended = Some(status);
                    self.after(late, Due::Report(spawn));
                }
                Ok(())
            }
            Due::Report(spawn) => self.report_exit(spawn),
            Due::Fork(spawn, listener) => {
                let input = self.fork(spawn, listener);
                self.tell(input)
            }
            Due::Tell(input) => self.tell(*input),
            Due::Writes(spawn, stream, length) => {
                let Some(child) = self.kernel.child(spawn).filter(|c| c.ended.is_none()) else {
                    return Ok(());
                };
                if child.closed.contains(&stream) {
                    return Ok(());
                }
                if self.random.chance(self.swarm.closes) {
                    child.closed.push(stream);
                    self.note(Kind::OutputClosed);
                    return self.tell(Input::ChildClosed { spawn, stream });
                }
                let from = child.written;
                child.written += length as u64;
                let data: Vec<u8> = (from..child.written).map(|n| (n % 251) as u8).collect();
                let data = data.into();
                self.tell(Input::ChildOutput {
                    spawn,
                    stream,
                    data,
                })
            }
            Due::Says(spawn, text, ready) => self.says(spawn, text, ready),
            Due::Client => clients::act(self),
            Due::SendRest(conn) => clients::send_rest(self, conn),
            Due::Vanish(conn) => clients::vanish(self, conn),
            Due::ComesBack(wish) => clients::come_back(self, *wish),
            Due::Takes(spawn, data) => self.takes(spawn, &data),
            Due::Shutdown => users::shut_down(self),
            Due::Request => users::request(self),
            Due::Calm => self.become_calm(),
            Due::Settled => self.check_settled(),
            Due::Ended => Err("liveness: the daemon does not end".to_owned()),
        }
    }

    /// What was written to a listener is in its standard input, if that is still there.
    fn takes(&mut self, spawn: SpawnId, data: &[u8]) -> Result<(), String> {
        if self.kernel.child(spawn).is_none_or(|c| c.ended.is_some()) {
            return Ok(());
        }
        listeners::receive(self, spawn, data);
        self.tell(Input::StdinProgress { spawn })
    }

    fn says(&mut self, spawn: SpawnId, text: Vec<u8>, ready: bool) -> Result<(), String> {
        if self.kernel.child(spawn).is_none_or(|c| c.ended.is_some()) {
            return Ok(());
        }
        if ready {
            self.kernel.listeners.set_ready(spawn, true);
        }
        let data = text.into();
        let stream = Stream::Stdout;
        self.tell(Input::ChildOutput {
            spawn,
            stream,
            data,
        })
    }

    fn report_exit(&mut self, spawn: SpawnId) -> Result<(), String> {
        let Some(status) = self.kernel.child(spawn).and_then(|c| c.ended) else {
            return Ok(());
        };
        if self.strikes(self.swarm.stale, Kind::ExitAgain) {
            self.note(Kind::OutputOfGhosts);
            for input in [
                Input::Exited {
                    spawn,
                    status: ExitStatus::Code(77),
                },
                Input::Spawned {
                    spawn,
                    pid: Pid(99),
                },
                Input::ChildOutput {
                    spawn,
                    stream: Stream::Stdout,
                    data: b"ghost".as_slice().into(),
                },
            ] {
                let later = self.random.below(3_000);
                self.after(later, Due::Tell(Box::new(input)));
            }
        }
        self.tell(Input::Exited { spawn, status })?;
        self.kernel.report(spawn);
        self.kernel.tidy();
        Ok(())
    }

    /// From here on nothing goes wrong, and everything is to run.
    fn become_calm(&mut self) -> Result<(), String> {
        self.calm = true;
        self.swarm = self.swarm.calm();
        self.kernel.mend_logs();
        for conn in self.clients.wake_up() {
            self.tell(Input::ConnDrained { conn })?;
        }
        self.after(SETTLE_MILLIS / 2, Due::Request);
        self.after(SETTLE_MILLIS, Due::Settled);
        Ok(())
    }

    fn check_settled(&mut self) -> Result<(), String> {
        if self.facts.mood == Some(Mood::Running) {
            let spawnable = |id: ProcessId| {
                let fact = self.facts.processes.get(&id);
                fact.is_some_and(|fact| fact.spawnable)
            };
            let mut processes = self.supervisor.processes();
            let lazy = processes
                .find(|(id, _, _, state)| *state != ProcessState::Running && spawnable(*id));
            if let Some(lazy) = lazy {
                return Err(format!("liveness: not everything runs: {lazy:?}"));
            }
            drop(processes);
            self.note(Kind::Settled);
        }
        if let Some(forgotten) = self.clients.forgotten(self.facts.now) {
            return Err(forgotten);
        }
        self.after(END_MILLIS, Due::Ended);
        self.tell(Input::Command(Command::Shutdown))
    }

    // ---- the core ----

    pub(super) fn note(&self, kind: Kind) {
        self.happened.note(kind);
    }

    /// Whether something happens that goes wrong so often in a thousand; if so, it is noted.
    pub(super) fn strikes(&mut self, permille: u32, kind: Kind) -> bool {
        let strikes = self.random.chance(permille);
        if strikes {
            self.note(kind);
        }
        strikes
    }

    pub(super) const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    fn now(&self) -> Now {
        Now {
            mono: Timestamp::from_nanos(self.facts.now),
            wall: UnixTime::from_nanos(self.wall_nanos),
            utc_offset_secs: 0,
        }
    }

    pub(super) fn tell(&mut self, input: Input<'static>) -> Result<(), String> {
        self.report.inputs += 1;
        self.told = true;
        if self.watch == Watch::Trace {
            eprintln!("{} ms: {input:?}", self.facts.now / MILLI);
        }
        self.note(Kind::of_input(&input));
        self.expect_config(&input);
        self.check(|checker, view| checker.before(view, &input))?;
        let now = self.now();
        self.supervisor.handle_input(now, input.clone());
        if self.facts.refresh(&self.supervisor) {
            self.kernel.daemon(true, false, false);
        }
        let news = self.facts.news;
        for (is_new, kind) in [
            (news.added, Kind::GroupAdded),
            (news.removed, Kind::GroupRemoved),
            (news.changed, Kind::GroupChanged),
        ] {
            if is_new {
                self.note(kind);
            }
        }
        for change in self.supervisor.transitions() {
            if self.watch == Watch::Trace {
                eprintln!("    {change:?}");
            }
            self.clients.changed(&change, &self.facts);
            self.check(|checker, view| checker.change(view, &input, &change))?;
        }
        self.check(|checker, view| checker.after(view, &input))
    }

    /// A configuration that is read is what groups are added from, or what a restart begins with.
    fn expect_config(&mut self, input: &Input<'_>) {
        let Input::ConfigRead { result } = input else {
            return;
        };
        let restart = if self.readings.is_empty() {
            false
        } else {
            self.readings.remove(0)
        };
        if let Ok(read) = result {
            if restart {
                self.facts.restart_with = Some(read.config.clone());
            } else {
                self.facts.available = read.config.clone();
            }
        }
    }

    fn check(
        &mut self,
        ask: impl FnMut(&mut dyn Checker, View<'_>) -> checks::Verdict,
    ) -> Result<(), String> {
        let view = View {
            facts: &self.facts,
            kernel: &self.kernel,
            happened: Some(&self.happened),
        };
        checks::ask(&mut self.checkers, view, ask)
    }

    /// Performs what the core wants until it wants nothing; returns until when it will wait.
    fn settle(&mut self) -> Result<Option<Timestamp>, String> {
        for _ in 0..ACTIONS_AT_ONCE_MAX {
            match self.supervisor.poll_output() {
                Output::Action(action) => {
                    self.report.actions += 1;
                    self.note(Kind::of_action(&action));
                    self.digest(&action);
                    self.check(|checker, view| checker.action(view, &action))?;
                    let Some(answer) = self.perform(action)? else {
                        continue;
                    };
                    if self.strikes(self.swarm.answers_last, Kind::AnswersLast) {
                        self.answers.push(answer);
                    } else {
                        self.tell(answer)?;
                    }
                }
                Output::Wait(_) if !self.answers.is_empty() => {
                    let answer = self.answers.remove(0);
                    self.tell(answer)?;
                }
                Output::Wait(wait) => {
                    self.asked.clear();
                    self.kernel.clients = self.clients.any();
                    if std::mem::take(&mut self.told) {
                        self.check(|checker, view| checker.rest(view, wait))?;
                    }
                    return Ok(wait);
                }
            }
        }
        Err("liveness: no end of actions at one moment".to_owned())
    }

    /// FNV-1a over the debug form of the action; log lines without their date.
    fn digest(&mut self, action: &Action) {
        if self.watch == Watch::Checks {
            return;
        }
        let mut text = String::new();
        let _ = if let Action::WriteLog {
            log: LogId::Activity,
            data,
        } = action
        {
            write!(
                text,
                "{}",
                data.get(24..).unwrap_or_default().escape_ascii()
            )
        } else if let Action::ShowLine { line, .. } = action {
            let line = line.get(24..).unwrap_or_default();
            write!(text, "shown: {}", line.escape_ascii())
        } else if let Action::Diagnose(line) = action {
            write!(text, "stderr: {}", line.get(24..).unwrap_or_default())
        } else if let Action::SendConn { conn, data } = action {
            // Answers tell the time: when they were made, when programs were started.
            write!(text, "{} bytes to {conn}", data.len())
        } else {
            write!(text, "{action:?}")
        };
        if self.watch == Watch::Trace {
            eprintln!("  {text}");
        }
        for byte in text.bytes() {
            self.report.digest =
                (self.report.digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
