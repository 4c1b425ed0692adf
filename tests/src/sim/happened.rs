//! What happens in worlds, by its name: a fault or a checker that never comes to anything proves
//! nothing.

use std::cell::RefCell;
use visor_core::{Action, Input};

macro_rules! kinds {
    ($($name:ident: $text:literal,)*) => {
        /// One kind of thing that happens.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Kind {
            $(#[doc = $text] $name,)*
        }

        impl Kind {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it is.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    // What goes wrong.
    SpawnFails: "fault: a spawn fails",
    SpawnWithoutSocket: "fault: a spawn fails for want of its socket",
    SpawnLate: "fault: a spawn is answered late",
    CommandRefused: "fault: a command does not exist when it is looked for",
    StopIgnored: "fault: a child ignores the stop signal",
    SignalRefused: "fault: a signal may not be sent",
    SignalTooLate: "fault: a signal finds nobody",
    DiesSlowly: "fault: SIGKILL takes its time",
    ExitLate: "fault: an exit is reported late",
    ExitAgain: "fault: an exit is reported again",
    SpawnedAgain: "fault: a spawn is reported again",
    OutputOfGhosts: "fault: output of a child that is gone",
    PidAgain: "fault: a pid comes again",
    Oversleeps: "fault: the runtime oversleeps",
    ClockForward: "fault: the wall clock jumps forward",
    ClockBack: "fault: the wall clock jumps back",
    LogUnopened: "fault: a log cannot be opened",
    LogUnwritten: "fault: a log cannot be written at all",
    LogPartWritten: "fault: a log is full, and takes a part",
    LogUnreadable: "fault: a log cannot be read",
    AnswersLast: "fault: answers come after all actions",
    ConfigUnreadable: "fault: the configuration cannot be read",
    SocketRefused: "fault: a FastCGI socket cannot be made",
    ListenRefused: "fault: a server cannot listen",
    PidfileRefused: "fault: the pidfile cannot be written",
    RecordingEnds: "fault: the recording ends",
    OutputClosed: "fault: a child closes an output",
    StdinClosed: "fault: a listener takes no more input",
    StdinSlow: "fault: a listener takes its input late",
    ListenerGarbage: "fault: a listener says garbage",
    ListenerRejects: "fault: a listener rejects an event",
    ListenerSilent: "fault: a listener says nothing to an event",
    ListenerNeverReady: "fault: a listener is never ready",
    // Who comes, and what is wanted.
    ClientConnects: "client: connects",
    ClientAsksAgain: "client: asks again on its connection",
    ClientWaits: "client: waits for a start or a stop",
    ClientVanishesIdle: "client: vanishes",
    ClientVanishesWaiting: "client: vanishes while it waits",
    ClientVanishesAsking: "client: vanishes within its request",
    ClientReconnects: "client: comes back and asks again",
    ClientSlow: "client: does not take its answer for a while",
    ClientStuck: "client: never takes its answer",
    ClientAsksOnce: "client: wants its connection closed after the answer",
    ClientInParts: "client: sends its request in two parts",
    ConfigChanged: "reload: the configuration has changed",
    GroupAdded: "reload: a group is added",
    GroupRemoved: "reload: a group is removed",
    GroupChanged: "reload: a group comes back with other settings",
    RestartByCommand: "restart: by a command",
    RestartBySignal: "restart: by SIGHUP",
    RestartByClient: "restart: by a client",
    ShutdownByCommand: "shutdown: by a command",
    ShutdownBySignal: "shutdown: by a signal",
    ShutdownByClient: "shutdown: by a client",
    ShutdownOpening: "shutdown: before the daemon is up",
    ShutdownSpawning: "shutdown: while a spawn is unanswered",
    ShutdownBackingOff: "shutdown: while a process is BACKOFF",
    ShutdownStopping: "shutdown: while a process is STOPPING",
    ShutdownRestarting: "shutdown: in a restart",
    ShutdownAgain: "shutdown: during another",
    ShutdownAsked: "shutdown: while a client waits",
    // What the checkers looked at.
    Transitions: "lives: a transition is allowed",
    Tries: "lives: a number of tries is right",
    Judgements: "lives: an exit is judged",
    Pids: "lives: a pid is told",
    Obeyed: "lives: a command is obeyed",
    OneChild: "lives: a spawn is the only one",
    Owned: "lives: a child has an owner",
    SignalsOwned: "lives: a signal is for one's own child",
    RetryDelays: "timing: a retry after its delay",
    Paced: "timing: a restart that was paced",
    Startsecs: "timing: RUNNING after startsecs",
    TooQuick: "timing: BACKOFF before startsecs",
    StopSignals: "timing: the stop signal",
    Kills: "timing: SIGKILL after stopwaitsecs",
    KillsAgain: "timing: SIGKILL once more",
    Reports: "timing: a report of a shutdown",
    Waits: "timing: what is waited for is what is due",
    Stops: "order: one is stopped after another",
    Starts: "order: one is started after another",
    Logged: "output: what a child wrote is logged",
    Lost: "output: what is not logged is counted",
    Admitted: "output: the count is told",
    LogLines: "files: a line of the activity log",
    LogsClosed: "files: a log is closed",
    LogsRotated: "files: a log is rotated or reopened",
    Sockets: "files: a socket is closed",
    Pidfiles: "files: a pidfile is removed",
    Ended: "daemon: it ends, and nobody lives",
    EndedWell: "daemon: nothing comes after the end",
    EventsSent: "events: one is sent to one who is ready",
    EventsAgain: "events: one is sent again",
    EventsTrue: "events: one tells what happened",
    EventsOfOthers: "events: one of another type",
    Answers: "clients: a call is answered",
    StartAnswers: "clients: a start is answered when it is RUNNING",
    StopAnswers: "clients: a stop is answered when it is stopped",
    Faults: "clients: a call is answered by a fault",
    Settled: "liveness: everything runs in the end",
    // What the core is told.
    InWake: "input: Wake",
    InSpawned: "input: Spawned",
    InSpawnFailed: "input: SpawnFailed",
    InExited: "input: Exited",
    InOrphanReaped: "input: OrphanReaped",
    InSignalFailed: "input: SignalFailed",
    InChildOutput: "input: ChildOutput",
    InChildClosed: "input: ChildClosed",
    InStdinProgress: "input: StdinProgress",
    InStdinClosed: "input: StdinClosed",
    InCommandChecked: "input: CommandChecked",
    InSocketOpened: "input: SocketOpened",
    InSocketFailed: "input: SocketFailed",
    InLogOpened: "input: LogOpened",
    InLogFailed: "input: LogFailed",
    InLogRead: "input: LogRead",
    InListening: "input: Listening",
    InListenFailed: "input: ListenFailed",
    InConnOpened: "input: ConnOpened",
    InConnData: "input: ConnData",
    InConnDrained: "input: ConnDrained",
    InConnClosed: "input: ConnClosed",
    InCommand: "input: Command",
    InSignal: "input: Signal",
    InConfigRead: "input: ConfigRead",
    InPidfileWritten: "input: PidfileWritten",
    InRecordingEnded: "input: RecordingEnded",
    // What it wants.
    Spawn: "action: Spawn",
    Adopt: "action: Adopt",
    Signal: "action: Signal",
    WriteStdin: "action: WriteStdin",
    CheckCommand: "action: CheckCommand",
    OpenSocket: "action: OpenSocket",
    CloseSocket: "action: CloseSocket",
    OpenLog: "action: OpenLog",
    WriteLog: "action: WriteLog",
    RotateLog: "action: RotateLog",
    ReopenLog: "action: ReopenLog",
    ClearLog: "action: ClearLog",
    CloseLog: "action: CloseLog",
    CleanAutoLogs: "action: CleanAutoLogs",
    ReadLog: "action: ReadLog",
    Syslog: "action: Syslog",
    ShowLine: "action: ShowLine",
    ShowProgress: "action: ShowProgress",
    Listen: "action: Listen",
    Unlisten: "action: Unlisten",
    SendConn: "action: SendConn",
    ReadConn: "action: ReadConn",
    CloseConn: "action: CloseConn",
    DropConn: "action: DropConn",
    ReadConfig: "action: ReadConfig",
    WritePidfile: "action: WritePidfile",
    RemovePidfile: "action: RemovePidfile",
    Ready: "action: Ready",
    Diagnose: "action: Diagnose",
    Exit: "action: Exit",
}

impl Kind {
    /// What this input is.
    #[must_use]
    pub const fn of_input(input: &Input<'_>) -> Self {
        match input {
            Input::Wake => Self::InWake,
            Input::Spawned { .. } => Self::InSpawned,
            Input::SpawnFailed { .. } => Self::InSpawnFailed,
            Input::Exited { .. } => Self::InExited,
            Input::OrphanReaped { .. } => Self::InOrphanReaped,
            Input::SignalFailed { .. } => Self::InSignalFailed,
            Input::ChildOutput { .. } => Self::InChildOutput,
            Input::ChildClosed { .. } => Self::InChildClosed,
            Input::StdinProgress { .. } => Self::InStdinProgress,
            Input::StdinClosed { .. } => Self::InStdinClosed,
            Input::CommandChecked { .. } => Self::InCommandChecked,
            Input::SocketOpened { .. } => Self::InSocketOpened,
            Input::SocketFailed { .. } => Self::InSocketFailed,
            Input::LogOpened { .. } => Self::InLogOpened,
            Input::LogFailed { .. } => Self::InLogFailed,
            Input::LogRead { .. } => Self::InLogRead,
            Input::Listening { .. } => Self::InListening,
            Input::ListenFailed { .. } => Self::InListenFailed,
            Input::ConnOpened { .. } => Self::InConnOpened,
            Input::ConnData { .. } => Self::InConnData,
            Input::ConnDrained { .. } => Self::InConnDrained,
            Input::ConnClosed { .. } => Self::InConnClosed,
            Input::Command(_) => Self::InCommand,
            Input::Signal(_) => Self::InSignal,
            Input::ConfigRead { .. } => Self::InConfigRead,
            Input::PidfileWritten { .. } => Self::InPidfileWritten,
            Input::RecordingEnded { .. } => Self::InRecordingEnded,
        }
    }

    /// What this action is.
    #[must_use]
    pub const fn of_action(action: &Action) -> Self {
        match action {
            Action::Spawn { .. } => Self::Spawn,
            Action::Adopt { .. } => Self::Adopt,
            Action::Signal { .. } => Self::Signal,
            Action::WriteStdin { .. } => Self::WriteStdin,
            Action::CheckCommand { .. } => Self::CheckCommand,
            Action::OpenSocket { .. } => Self::OpenSocket,
            Action::CloseSocket { .. } => Self::CloseSocket,
            Action::OpenLog { .. } => Self::OpenLog,
            Action::WriteLog { .. } => Self::WriteLog,
            Action::RotateLog { .. } => Self::RotateLog,
            Action::ReopenLog { .. } => Self::ReopenLog,
            Action::ClearLog { .. } => Self::ClearLog,
            Action::CloseLog { .. } => Self::CloseLog,
            Action::CleanAutoLogs { .. } => Self::CleanAutoLogs,
            Action::ReadLog { .. } => Self::ReadLog,
            Action::Syslog { .. } => Self::Syslog,
            Action::ShowLine { .. } => Self::ShowLine,
            Action::ShowProgress(_) => Self::ShowProgress,
            Action::Listen { .. } => Self::Listen,
            Action::Unlisten { .. } => Self::Unlisten,
            Action::SendConn { .. } => Self::SendConn,
            Action::ReadConn { .. } => Self::ReadConn,
            Action::CloseConn { .. } => Self::CloseConn,
            Action::DropConn { .. } => Self::DropConn,
            Action::ReadConfig => Self::ReadConfig,
            Action::WritePidfile { .. } => Self::WritePidfile,
            Action::RemovePidfile { .. } => Self::RemovePidfile,
            Action::Ready => Self::Ready,
            Action::Diagnose(_) => Self::Diagnose,
            Action::Exit(_) => Self::Exit,
        }
    }
}

/// How often each kind of thing has happened, in as many worlds as wrote it down here.
#[derive(Clone, Debug)]
pub struct Happened(RefCell<[u64; Kind::ALL.len()]>);

impl Default for Happened {
    fn default() -> Self {
        Self(RefCell::new([0; Kind::ALL.len()]))
    }
}

impl Happened {
    /// It happens.
    pub fn note(&self, kind: Kind) {
        if let Some(count) = self.0.borrow_mut().get_mut(kind as usize) {
            *count += 1;
        }
    }

    /// How often it happened.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.0.borrow().get(kind as usize).copied().unwrap_or(0)
    }
}
