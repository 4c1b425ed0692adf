//! What happens to the rules, step by step.

use super::rules::{Rules, Seen, Want, in_order};
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use visor_core::config::{AutoRestart, LogTarget, ProcessConfig};
use visor_core::{ExitStatus, ProcessState, Signal};

const MILLI: u64 = 1_000_000;
/// The first child's pid, as in transcripts.
const FIRST_PID: u32 = 101;
/// Why a spawn fails.
const NO_PROGRAM: &str = "/no/such/program";

/// What a program is like.
#[derive(Clone, Debug)]
pub struct Program {
    /// `autostart`.
    pub autostart: bool,
    /// `startsecs`, -1 to 3.
    pub startsecs: i64,
    /// `startretries`, -1 to 3.
    pub startretries: i64,
    /// `autorestart`.
    pub autorestart: AutoRestart,
    /// `stopwaitsecs`, 0 to 3.
    pub stopwaitsecs: i64,
    /// `stopasgroup` and `killasgroup`.
    pub as_group: (bool, bool),
    /// `priority`.
    pub priority: i64,
}

/// One thing that happens. Processes are named by their place in start order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Op {
    /// Somebody starts a process.
    Start(usize),
    /// Somebody stops a process.
    Stop(usize),
    /// Somebody sends a process SIGHUP.
    Signal(usize),
    /// A child ends with this code; -1: by SIGSEGV.
    Exit(usize, i32),
    /// A report about the child before the present one.
    LateExit(usize),
    /// Time passes, in milliseconds, with a wake-up whenever one is due.
    Advance(u64),
    /// Time passes, in milliseconds, and nobody looks at the clock before the next step.
    Sleep(u64),
    /// The next spawn of a process fails.
    SpawnFails(usize),
    /// The next spawn of a process is not answered until somebody says so.
    SpawnWaits(usize),
    /// Answers the spawn of a process that waits for it.
    Answered(usize, bool),
    /// The next signal to a process fails.
    SignalFails(usize),
    /// The daemon shall end.
    Shutdown,
}

/// What both the rules and the core are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// The daemon starts.
    Boot,
    /// Nothing but the time.
    Wake,
    /// Somebody starts a process.
    Start(usize),
    /// Somebody stops a process.
    Stop(usize),
    /// Somebody sends a process a signal.
    Signal(usize, Signal),
    /// A child ended; of this process, the one so many before the last.
    Exited(usize, usize, ExitStatus),
    /// A spawn worked.
    Spawned(usize, u32),
    /// A spawn failed.
    NotSpawned(usize),
    /// A signal failed.
    NotSignalled(usize, Signal),
    /// The daemon shall end.
    Shutdown,
}

/// An event, and what must follow from it.
#[derive(Clone)]
pub struct Round {
    /// When, in nanoseconds.
    pub at: u64,
    /// What is told.
    pub event: Event,
    /// What is done.
    pub seen: Seen,
    /// The states then; none if the daemon has ended.
    pub states: Option<Vec<ProcessState>>,
    /// What is waited for then.
    pub due: Option<u64>,
}

/// The rules, a kernel that does as it is told, and all that has happened.
#[derive(Clone)]
pub struct Story {
    configs: Vec<ProcessConfig>,
    rules: Rules,
    now: u64,
    kernel: Vec<Kernel>,
    next_pid: u32,
    boot: Vec<Round>,
    steps: Vec<Step>,
}

#[derive(Clone)]
struct Step {
    op: Op,
    /// When, in nanoseconds.
    begin: u64,
    rounds: Vec<Round>,
}

/// What the kernel will do for one process.
#[derive(Clone, Debug, Default)]
struct Kernel {
    spawns_fail: u32,
    spawn_waits: bool,
    signal_fails: bool,
    children: usize,
}

impl Story {
    /// The daemon has just started.
    #[must_use]
    pub fn new(programs: &[Program]) -> Self {
        let configs = configs(programs);
        let now = 1_000 * MILLI;
        let mut story = Self {
            rules: Rules::new(&configs, now),
            now,
            kernel: vec![Kernel::default(); configs.len()],
            configs,
            next_pid: FIRST_PID,
            boot: Vec::new(),
            steps: Vec::new(),
        };
        story.boot = story.tell(Event::Boot);
        story
    }

    /// What the programs are, in start order.
    #[must_use]
    pub fn configs(&self) -> &[ProcessConfig] {
        &self.configs
    }

    /// The processes with a child that can end.
    #[must_use]
    pub fn living(&self) -> Vec<usize> {
        let lives = |i: &usize| self.rules.has_child(*i) && !self.rules.is_unanswered(*i);
        (0..self.configs.len()).filter(lives).collect()
    }

    /// The processes whose spawn is not answered yet.
    #[must_use]
    pub fn unanswered(&self) -> Vec<usize> {
        let waits = |i: &usize| self.rules.is_unanswered(*i);
        (0..self.configs.len()).filter(waits).collect()
    }

    /// The processes that have had a child before the last.
    #[must_use]
    pub fn succeeded(&self) -> Vec<usize> {
        let succeeded = |i: &usize| self.kernel.get(*i).is_some_and(|k| k.children > 1);
        (0..self.configs.len()).filter(succeeded).collect()
    }

    /// The daemon has ended: only time passes.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.rules.has_ended()
    }

    /// Whether this can happen now.
    #[must_use]
    pub fn allows(&self, op: &Op) -> bool {
        match op {
            Op::Advance(millis) | Op::Sleep(millis) => *millis > 0,
            _ if self.has_ended() => false,
            Op::Exit(i, _) => self.living().contains(i),
            Op::Answered(i, _) => self.unanswered().contains(i),
            Op::LateExit(i) => self.succeeded().contains(i),
            Op::Start(i)
            | Op::Stop(i)
            | Op::Signal(i)
            | Op::SpawnFails(i)
            | Op::SpawnWaits(i)
            | Op::SignalFails(i) => *i < self.configs.len(),
            Op::Shutdown => true,
        }
    }

    /// It happens.
    pub fn apply(&mut self, op: &Op) {
        let begin = self.now;
        let rounds = match *op {
            Op::Advance(millis) => self.advance(millis * MILLI),
            Op::Sleep(millis) => {
                self.now += millis * MILLI;
                Vec::new()
            }
            Op::SpawnFails(i) => self.arrange(i, |kernel| kernel.spawns_fail += 1),
            Op::SpawnWaits(i) => self.arrange(i, |kernel| kernel.spawn_waits = true),
            Op::SignalFails(i) => self.arrange(i, |kernel| kernel.signal_fails = true),
            Op::Start(i) => self.tell(Event::Start(i)),
            Op::Stop(i) => self.tell(Event::Stop(i)),
            Op::Signal(i) => self.tell(Event::Signal(i, Signal::HUP)),
            Op::Exit(i, code) => self.tell(Event::Exited(i, 0, status(code))),
            Op::LateExit(i) => self.tell(Event::Exited(i, 1, status(0))),
            Op::Answered(i, true) => {
                let pid = self.mint_pid();
                self.tell(Event::Spawned(i, pid))
            }
            Op::Answered(i, false) => self.tell(Event::NotSpawned(i)),
            Op::Shutdown => self.tell(Event::Shutdown),
        };
        let op = op.clone();
        self.steps.push(Step { op, begin, rounds });
    }

    /// What the last step consists of; before the first, the start.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        self.steps.last().map_or(&self.boot, |step| &step.rounds)
    }

    /// What happened so far and what must follow from it, as a transcript for `tests/scenario`.
    #[must_use]
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for config in &self.configs {
            write_config(&mut text, config);
        }
        text += "\n> boot\n";
        write_rounds(&mut text, &self.boot, None);
        for step in &self.steps {
            let _ = writeln!(text, "> {}", self.command(&step.op));
            let advance = if let Op::Advance(millis) = step.op {
                Some((step.begin, step.begin + millis * MILLI))
            } else {
                None
            };
            write_rounds(&mut text, &step.rounds, advance);
        }
        text
    }

    /// A step in the language of transcripts.
    fn command(&self, op: &Op) -> String {
        let name = |i: &usize| self.configs.get(*i).map_or("?", |config| &config.name);
        match op {
            Op::Start(i) => format!("start {}", name(i)),
            Op::Stop(i) => format!("stop {}", name(i)),
            Op::Signal(i) => format!("send {} HUP", name(i)),
            Op::Exit(i, -1) => format!("exit {} SEGV", name(i)),
            Op::Exit(i, code) => format!("exit {} {code}", name(i)),
            Op::LateExit(i) => format!("late-exit {} 0", name(i)),
            Op::Advance(millis) => format!("advance {}", shown(millis * MILLI)),
            Op::Sleep(millis) => format!("sleep {}", shown(millis * MILLI)),
            Op::SpawnFails(i) => format!("spawn-fails {} not-found", name(i)),
            Op::SpawnWaits(i) => format!("spawn-waits {}", name(i)),
            Op::Answered(i, true) => format!("spawned {}", name(i)),
            Op::Answered(i, false) => format!("not-spawned {} not-found", name(i)),
            Op::SignalFails(i) => format!("signals-fail {} EPERM", name(i)),
            Op::Shutdown => "shutdown".to_owned(),
        }
    }

    // ---- the kernel ----

    fn arrange(&mut self, i: usize, what: impl FnOnce(&mut Kernel)) -> Vec<Round> {
        if let Some(kernel) = self.kernel.get_mut(i) {
            what(kernel);
        }
        Vec::new()
    }

    fn advance(&mut self, nanos: u64) -> Vec<Round> {
        let end = self.now + nanos;
        let mut rounds = Vec::new();
        while let Some(due) = self.rules.next_due()
            && due < end
        {
            self.now = due.max(self.now);
            rounds.extend(self.tell(Event::Wake));
        }
        self.now = end;
        rounds.extend(self.tell(Event::Wake));
        rounds
    }

    /// Tells the rules, and what the kernel says to what they want.
    fn tell(&mut self, event: Event) -> Vec<Round> {
        let mut rounds = Vec::new();
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            self.rules.advance_clock(self.now);
            self.tell_rules(event);
            self.rules.wake(self.now);
            let seen = self.rules.seen();
            for want in &seen.wants {
                events.extend(self.answer(*want));
            }
            rounds.push(Round {
                at: self.now,
                event,
                seen,
                states: (!self.rules.has_ended()).then(|| self.rules.states()),
                due: self.rules.next_due(),
            });
        }
        rounds
    }

    fn tell_rules(&mut self, event: Event) {
        let rules = &mut self.rules;
        match event {
            // A report about an earlier child changes nothing.
            Event::Boot | Event::Wake | Event::Exited(_, 1.., _) => {}
            Event::Start(i) => rules.start(i),
            Event::Stop(i) => rules.stop(i),
            Event::Signal(i, signal) => rules.signal(i, signal),
            Event::Exited(i, 0, status) => rules.exited(i, status),
            Event::Spawned(i, pid) => rules.spawned(i, pid),
            Event::NotSpawned(i) => {
                rules.not_spawned(i, &format!("can't find command '{NO_PROGRAM}'"));
            }
            Event::NotSignalled(i, signal) => rules.not_signalled(i, signal),
            Event::Shutdown => rules.shutdown(),
        }
    }

    fn answer(&mut self, want: Want) -> Option<Event> {
        match want {
            Want::Spawn(i) => {
                let kernel = self.kernel.get_mut(i)?;
                kernel.children += 1;
                if std::mem::take(&mut kernel.spawn_waits) {
                    return None;
                }
                if kernel.spawns_fail > 0 {
                    kernel.spawns_fail -= 1;
                    return Some(Event::NotSpawned(i));
                }
                Some(Event::Spawned(i, self.mint_pid()))
            }
            Want::Signal(i, signal) => {
                let kernel = self.kernel.get_mut(i)?;
                let fails = std::mem::take(&mut kernel.signal_fails);
                fails.then_some(Event::NotSignalled(i, signal))
            }
        }
    }

    const fn mint_pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid - 1
    }
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.transcript())
    }
}

fn configs(programs: &[Program]) -> Vec<ProcessConfig> {
    let configs: Vec<ProcessConfig> = programs
        .iter()
        .enumerate()
        .map(|(i, program)| {
            let mut config = ProcessConfig::new(&format!("p{i}"), "/bin/x");
            config.autostart = program.autostart;
            config.startsecs = program.startsecs;
            config.startretries = program.startretries;
            config.autorestart = program.autorestart;
            config.stopwaitsecs = program.stopwaitsecs;
            (config.stopasgroup, config.killasgroup) = program.as_group;
            config.priority = program.priority;
            config.stdout.logfile = LogTarget::None;
            config.stderr.logfile = LogTarget::None;
            config
        })
        .collect();
    in_order(&configs)
}

fn status(code: i32) -> ExitStatus {
    if code < 0 {
        ExitStatus::Signaled {
            signal: Signal::from_number(11).unwrap_or(Signal::KILL),
            core_dumped: false,
        }
    } else {
        ExitStatus::Code(code)
    }
}

fn write_config(text: &mut String, config: &ProcessConfig) {
    let restart = match config.autorestart {
        AutoRestart::Never => "false",
        AutoRestart::Always => "true",
        AutoRestart::Unexpected => "unexpected",
    };
    let _ = write!(
        text,
        "[program:{}]\ncommand=/bin/x\npriority={}\nautostart={}\nstartsecs={}\n\
         startretries={}\nautorestart={restart}\nstopwaitsecs={}\nstopasgroup={}\n\
         killasgroup={}\n",
        config.name,
        config.priority,
        config.autostart,
        config.startsecs,
        config.startretries,
        config.stopwaitsecs,
        config.stopasgroup,
        config.killasgroup,
    );
}

/// What stands below a step; of a step in which time passes, also when.
fn write_rounds(text: &mut String, rounds: &[Round], advance: Option<(u64, u64)>) {
    let mut is_first = true;
    for at in rounds.chunk_by(|_, next| next.event != Event::Wake) {
        let seen = at.iter().map(|round| &round.seen);
        let lines: Vec<&String> = seen
            .flat_map(|seen| seen.actions.iter().chain(&seen.changes).chain(&seen.exit))
            .collect();
        if let (Some((begin, end)), [first, ..], [_, ..]) = (advance, at, lines.as_slice()) {
            // What comes at the end, and alone, says so by itself.
            if first.at < end || !is_first {
                let _ = writeln!(text, "  after {}:", shown(first.at - begin));
            }
            is_first = false;
        }
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    if let Some(last) = rounds.last()
        && let Some(due) = last.due
    {
        let wait = shown(due.saturating_sub(last.at));
        let _ = writeln!(text, "  (wakes in {wait})");
    }
}

/// A duration as transcripts write it.
fn shown(nanos: u64) -> String {
    let millis = nanos / MILLI;
    if millis.is_multiple_of(1_000) {
        format!("{}s", millis / 1_000)
    } else {
        format!("{millis}ms")
    }
}
