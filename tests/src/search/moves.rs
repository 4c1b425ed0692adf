//! What may happen next.

use super::node::{Child, Node};
use super::settings::Setting;
use visor_core::{Command, ExitStatus, Input, Mood, Pid, ProcessId, Signal, SignalError};
use visor_core::{SpawnError, Stream};

/// Rejections within one step of time: fewer than lead to a pause, which would come at odd times.
const REJECTIONS_MAX: u8 = 2;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Move {
    /// Time passes, and nobody says so.
    Pass,
    /// The runtime wakes up because something is due.
    Wake,
    Start(ProcessId),
    Stop(ProcessId),
    Send(ProcessId),
    Spawned(ProcessId),
    NotSpawned(ProcessId),
    Exit(ProcessId, ExitStatus),
    /// The signal that has just been sent did not arrive.
    NotSignalled(ProcessId, SignalError),
    Says(ProcessId, Word),
    TakesInput(ProcessId),
    ClosesInput(ProcessId),
    Shutdown,
    Restart,
    ConfigRead(bool),
}

/// What a listener says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Word {
    Ready,
    Accept,
    Reject,
    Nonsense,
}

impl Word {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Ready => "READY\n",
            Self::Accept => "RESULT 2\nOK",
            Self::Reject => "RESULT 4\nFAIL",
            Self::Nonsense => "nonsense\n",
        }
    }
}

impl Move {
    /// It goes wrong.
    pub(super) const fn is_fault(&self) -> bool {
        match self {
            Self::NotSpawned(_)
            | Self::NotSignalled(..)
            | Self::Says(_, Word::Reject | Word::Nonsense)
            | Self::ClosesInput(_)
            | Self::ConfigRead(false) => true,
            Self::Pass
            | Self::Wake
            | Self::Start(_)
            | Self::Stop(_)
            | Self::Send(_)
            | Self::Spawned(_)
            | Self::Exit(..)
            | Self::Says(_, Word::Ready | Word::Accept)
            | Self::TakesInput(_)
            | Self::Shutdown
            | Self::Restart
            | Self::ConfigRead(true) => false,
        }
    }
}

impl Move {
    /// Somebody wants it.
    pub(super) const fn is_request(&self) -> bool {
        matches!(
            self,
            Self::Start(_) | Self::Stop(_) | Self::Send(_) | Self::Shutdown | Self::Restart
        )
    }
}

impl Node {
    /// Everything that may happen now.
    pub(super) fn moves(&self, setting: &Setting) -> Vec<Move> {
        let mut moves = Vec::new();
        if self.has_ended() {
            return moves;
        }
        self.answers(&mut moves);
        let must_answer = !moves.is_empty();
        if must_answer && !setting.late_answers {
            return self.affordable(moves);
        }
        if self.is_due() {
            moves.push(Move::Wake);
            if !setting.late_wakes {
                return moves;
            }
        } else {
            moves.push(Move::Pass);
        }
        for (id, child) in &self.children {
            happens_to(*id, child, self.rejections, &mut moves);
        }
        for id in self.facts.processes.keys() {
            moves.extend([Move::Start(*id), Move::Stop(*id), Move::Send(*id)]);
        }
        if self.facts.mood != Some(Mood::Shutdown) {
            moves.push(Move::Shutdown);
        }
        if setting.restarts && self.facts.mood == Some(Mood::Running) && self.readings == 0 {
            moves.push(Move::Restart);
        }
        self.affordable(moves)
    }

    fn affordable(&self, mut moves: Vec<Move>) -> Vec<Move> {
        if self.faults_left == Some(0) {
            moves.retain(|step| !step.is_fault());
        }
        // There is always one left for the end, or the search would not see it.
        if self.requests_left == Some(0) {
            moves.retain(|step| !step.is_request() || matches!(step, Move::Shutdown));
        }
        moves
    }

    fn answers(&self, moves: &mut Vec<Move>) {
        for (id, child) in &self.children {
            if !child.answered {
                moves.extend([Move::Spawned(*id), Move::NotSpawned(*id)]);
            }
        }
        if self.readings > 0 {
            moves.extend([Move::ConfigRead(true), Move::ConfigRead(false)]);
        }
    }

    /// What the core is told; nothing while time passes.
    pub(super) fn input(&self, step: &Move) -> Result<Option<Input<'static>>, String> {
        let spawn = |id: &ProcessId| {
            let child = self.children.get(id);
            child.map(|child| child.spawn).ok_or("it has no child")
        };
        Ok(Some(match step {
            Move::Pass => return Ok(None),
            Move::Wake => Input::Wake,
            Move::Start(id) => Input::Command(Command::Start(*id)),
            Move::Stop(id) => Input::Command(Command::Stop(*id)),
            Move::Send(id) => Input::Command(Command::Signal(*id, Signal::HUP)),
            Move::Spawned(id) => Input::Spawned {
                spawn: spawn(id)?,
                pid: Pid(0),
            },
            Move::NotSpawned(id) => Input::SpawnFailed {
                spawn: spawn(id)?,
                error: SpawnError::Fork("ENOMEM".to_owned()),
            },
            Move::Exit(id, status) => Input::Exited {
                spawn: spawn(id)?,
                status: *status,
            },
            Move::NotSignalled(id, error) => {
                let child = self.children.get(id).ok_or("it has no child")?;
                Input::SignalFailed {
                    spawn: child.spawn,
                    signal: child.signalled.ok_or("it was sent no signal")?,
                    error: error.clone(),
                }
            }
            Move::Says(id, word) => Input::ChildOutput {
                spawn: spawn(id)?,
                stream: Stream::Stdout,
                data: word.text().as_bytes().into(),
            },
            Move::TakesInput(id) => Input::StdinProgress { spawn: spawn(id)? },
            Move::ClosesInput(id) => Input::StdinClosed { spawn: spawn(id)? },
            Move::Shutdown => Input::Command(Command::Shutdown),
            Move::Restart => Input::Signal(Signal::HUP),
            Move::ConfigRead(works) => self.config_read(*works),
        }))
    }

    /// In the words of a transcript, where it has any.
    pub(super) fn show(&self, step: &Move) -> String {
        let name = |id: &ProcessId| {
            let fact = self.facts.processes.get(id);
            fact.map_or("?", |fact| fact.config.name.as_str())
        };
        match step {
            Move::Pass => format!("sleep {}ms", self.step_nanos() / 1_000_000),
            Move::Wake => "advance 0s".to_owned(),
            Move::Start(id) => format!("start {}", name(id)),
            Move::Stop(id) => format!("stop {}", name(id)),
            Move::Send(id) => format!("send {} HUP", name(id)),
            Move::Spawned(id) => format!("spawned {}", name(id)),
            Move::NotSpawned(id) => format!("not-spawned {} fork", name(id)),
            Move::Exit(id, ExitStatus::Code(code)) => format!("exit {} {code}", name(id)),
            Move::Exit(id, ExitStatus::Signaled { signal, .. }) => {
                format!("exit {} {signal}", name(id))
            }
            Move::NotSignalled(id, SignalError::NoSuchProcess) => {
                format!("# the signal to {} fails: ESRCH", name(id))
            }
            Move::NotSignalled(id, SignalError::Other(errno)) => {
                format!("# the signal to {} fails: {errno}", name(id))
            }
            Move::Says(id, word) => {
                let text = word.text().replace('\n', "\\n");
                format!("output {} '{text}'", name(id))
            }
            Move::TakesInput(id) => format!("# {} takes its input", name(id)),
            Move::ClosesInput(id) => format!("closes-stdin {}", name(id)),
            Move::Shutdown => "shutdown".to_owned(),
            Move::Restart => "signal HUP".to_owned(),
            Move::ConfigRead(true) => "# the configuration is read".to_owned(),
            Move::ConfigRead(false) => "# the configuration cannot be read".to_owned(),
        }
    }
}

fn happens_to(id: ProcessId, child: &Child, rejections: u8, moves: &mut Vec<Move>) {
    if child.signalled.is_some() {
        let forbidden = SignalError::Other("EPERM".to_owned());
        for error in [SignalError::NoSuchProcess, forbidden] {
            moves.push(Move::NotSignalled(id, error));
        }
    }
    if !child.answered {
        return;
    }
    let killed = ExitStatus::Signaled {
        signal: Signal::KILL,
        core_dumped: false,
    };
    for status in [ExitStatus::Code(0), ExitStatus::Code(1), killed] {
        moves.push(Move::Exit(id, status));
    }
    if child.listens {
        for word in [Word::Ready, Word::Accept, Word::Reject, Word::Nonsense] {
            if word != Word::Reject || rejections < REJECTIONS_MAX {
                moves.push(Move::Says(id, word));
            }
        }
        if child.input_waits {
            moves.push(Move::TakesInput(id));
        }
        if !child.deaf {
            moves.push(Move::ClosesInput(id));
        }
    }
}
