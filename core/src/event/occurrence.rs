//! What happened, as plain values, and what listeners are told of it.

use super::EventKind;
use crate::Stream;
use crate::text::py_repr_bytes;
use alloc::{format, string::String, vec::Vec};

/// Something that happened. Borrowed plain values: making one costs nothing, so that it can be
/// made whether or not anybody subscribed.
///
/// ```
/// use visor_core::event::{EventKind, Occurrence, StateChange};
/// let what = Occurrence::ProcessState {
///     process: "web",
///     group: "web",
///     from_state: "RUNNING",
///     change: StateChange::Exited { pid: 7, expected: false },
/// };
/// assert_eq!(what.kind(), EventKind::ProcessStateExited);
/// let payload = b"processname:web groupname:web from_state:RUNNING expected:0 pid:7";
/// assert_eq!(what.payload(), payload);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Occurrence<'a> {
    /// A process changed its state.
    ProcessState {
        /// Process name.
        process: &'a str,
        /// Group name.
        group: &'a str,
        /// Name of the state it left: `STARTING`.
        from_state: &'a str,
        /// The state it entered.
        change: StateChange,
    },
    /// A process sent something in capture mode.
    Communication {
        /// Process name.
        process: &'a str,
        /// Group name.
        group: &'a str,
        /// Its pid.
        pid: u32,
        /// Where it was written.
        stream: Stream,
        /// What was between the tokens.
        data: &'a [u8],
    },
    /// A process wrote something that was logged.
    Log {
        /// Process name.
        process: &'a str,
        /// Group name.
        group: &'a str,
        /// Its pid.
        pid: u32,
        /// Where it was written.
        stream: Stream,
        /// What was written.
        data: &'a [u8],
    },
    /// A client called `sendRemoteCommEvent`.
    Remote {
        /// The call's first argument.
        kind: &'a str,
        /// Its second.
        data: &'a str,
    },
    /// The daemon is up.
    SupervisorRunning,
    /// The daemon begins to shut down or to restart.
    SupervisorStopping,
    /// A new slice of 5 seconds of the wall clock began.
    Tick5 {
        /// Its start, in seconds since the epoch.
        when: i64,
    },
    /// A new minute of the wall clock began.
    Tick60 {
        /// Its start, in seconds since the epoch.
        when: i64,
    },
    /// A new hour of the wall clock (in UTC) began.
    Tick3600 {
        /// Its start, in seconds since the epoch.
        when: i64,
    },
    /// A group was added.
    GroupAdded {
        /// Group name.
        group: &'a str,
    },
    /// A group was removed.
    GroupRemoved {
        /// Group name.
        group: &'a str,
    },
}

/// The state a process entered, with what its event tells. Values are those of the moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StateChange {
    /// STARTING.
    Starting {
        /// Failed starts so far.
        tries: u64,
    },
    /// RUNNING.
    Running {
        /// Its pid.
        pid: u32,
    },
    /// BACKOFF.
    Backoff {
        /// Failed starts so far, this one included.
        tries: u64,
    },
    /// STOPPING.
    Stopping {
        /// Its pid.
        pid: u32,
    },
    /// EXITED.
    Exited {
        /// The pid it had.
        pid: u32,
        /// Whether the exit code is one of `exitcodes`.
        expected: bool,
    },
    /// STOPPED.
    Stopped {
        /// The pid it had; 0 after a stop in BACKOFF.
        pid: u32,
    },
    /// FATAL.
    Fatal,
    /// UNKNOWN.
    Unknown,
}

impl Occurrence<'_> {
    /// The type of its event.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::ProcessState { change, .. } => change.kind(),
            Self::Communication { stream, .. } => match stream {
                Stream::Stdout => EventKind::ProcessCommunicationStdout,
                Stream::Stderr => EventKind::ProcessCommunicationStderr,
            },
            Self::Log { stream, .. } => match stream {
                Stream::Stdout => EventKind::ProcessLogStdout,
                Stream::Stderr => EventKind::ProcessLogStderr,
            },
            Self::Remote { .. } => EventKind::RemoteCommunication,
            Self::SupervisorRunning => EventKind::SupervisorStateChangeRunning,
            Self::SupervisorStopping => EventKind::SupervisorStateChangeStopping,
            Self::Tick5 { .. } => EventKind::Tick5,
            Self::Tick60 { .. } => EventKind::Tick60,
            Self::Tick3600 { .. } => EventKind::Tick3600,
            Self::GroupAdded { .. } => EventKind::ProcessGroupAdded,
            Self::GroupRemoved { .. } => EventKind::ProcessGroupRemoved,
        }
    }

    /// The payload of its event. Data that is not UTF-8 is given as `Undecodable: ` and Python's
    /// repr of the bytes; all else is as it is.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        match self {
            Self::ProcessState {
                process,
                group,
                from_state,
                change,
            } => {
                let mut text =
                    format!("processname:{process} groupname:{group} from_state:{from_state}");
                text.push_str(&change.values());
                text.into_bytes()
            }
            Self::Communication {
                process,
                group,
                pid,
                stream: _,
                data,
            } => with_data(
                format!("processname:{process} groupname:{group} pid:{pid}\n"),
                data,
            ),
            Self::Log {
                process,
                group,
                pid,
                stream,
                data,
            } => with_data(
                format!(
                    "processname:{process} groupname:{group} pid:{pid} channel:{}\n",
                    stream.name()
                ),
                data,
            ),
            Self::Remote { kind, data } => format!("type:{kind}\n{data}").into_bytes(),
            Self::SupervisorRunning | Self::SupervisorStopping => Vec::new(),
            Self::Tick5 { when } | Self::Tick60 { when } | Self::Tick3600 { when } => {
                format!("when:{when}").into_bytes()
            }
            Self::GroupAdded { group } | Self::GroupRemoved { group } => {
                format!("groupname:{group}\n").into_bytes()
            }
        }
    }
}

impl StateChange {
    pub(crate) const fn kind(self) -> EventKind {
        match self {
            Self::Starting { .. } => EventKind::ProcessStateStarting,
            Self::Running { .. } => EventKind::ProcessStateRunning,
            Self::Backoff { .. } => EventKind::ProcessStateBackoff,
            Self::Stopping { .. } => EventKind::ProcessStateStopping,
            Self::Exited { .. } => EventKind::ProcessStateExited,
            Self::Stopped { .. } => EventKind::ProcessStateStopped,
            Self::Fatal => EventKind::ProcessStateFatal,
            Self::Unknown => EventKind::ProcessStateUnknown,
        }
    }

    /// What follows `from_state:S`.
    fn values(self) -> String {
        match self {
            Self::Starting { tries } | Self::Backoff { tries } => format!(" tries:{tries}"),
            Self::Running { pid } | Self::Stopping { pid } | Self::Stopped { pid } => {
                format!(" pid:{pid}")
            }
            Self::Exited { pid, expected } => {
                format!(" expected:{} pid:{pid}", u8::from(expected))
            }
            Self::Fatal | Self::Unknown => String::new(),
        }
    }
}

fn with_data(head: String, data: &[u8]) -> Vec<u8> {
    let mut bytes = head.into_bytes();
    if core::str::from_utf8(data).is_ok() {
        bytes.extend_from_slice(data);
    } else {
        bytes.extend_from_slice(b"Undecodable: ");
        bytes.extend_from_slice(py_repr_bytes(data).as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(change: StateChange) -> String {
        let what = Occurrence::ProcessState {
            process: "web",
            group: "shop",
            from_state: "RUNNING",
            change,
        };
        String::from_utf8(what.payload()).unwrap()
    }

    fn data(stream: Stream, data: &[u8]) -> (String, String) {
        let (process, group, pid) = ("web", "shop", 42);
        let communication = Occurrence::Communication {
            process,
            group,
            pid,
            stream,
            data,
        };
        let log = Occurrence::Log {
            process,
            group,
            pid,
            stream,
            data,
        };
        (
            String::from_utf8(communication.payload()).unwrap(),
            String::from_utf8(log.payload()).unwrap(),
        )
    }

    #[test]
    fn state_payloads_are_as_the_reference_sends_them() {
        let head = "processname:web groupname:shop from_state:RUNNING";
        let cases = [
            (StateChange::Starting { tries: 3 }, " tries:3"),
            (StateChange::Backoff { tries: 3 }, " tries:3"),
            (StateChange::Running { pid: 42 }, " pid:42"),
            (StateChange::Stopping { pid: 42 }, " pid:42"),
            (StateChange::Stopped { pid: 42 }, " pid:42"),
            (
                StateChange::Exited {
                    pid: 42,
                    expected: true,
                },
                " expected:1 pid:42",
            ),
            (
                StateChange::Exited {
                    pid: 42,
                    expected: false,
                },
                " expected:0 pid:42",
            ),
            (StateChange::Fatal, ""),
            (StateChange::Unknown, ""),
        ];
        for (change, tail) in cases {
            assert_eq!(state(change), format!("{head}{tail}"));
        }
    }

    #[test]
    fn data_follows_a_line_of_its_own() {
        let (communication, log) = data(Stream::Stdout, "é\n".as_bytes());
        assert_eq!(communication, "processname:web groupname:shop pid:42\né\n");
        assert_eq!(
            log,
            "processname:web groupname:shop pid:42 channel:stdout\né\n"
        );
        let (_, log) = data(Stream::Stderr, b"");
        assert_eq!(
            log,
            "processname:web groupname:shop pid:42 channel:stderr\n"
        );
    }

    #[test]
    fn data_that_is_no_text_is_shown_as_python_shows_bytes() {
        let (communication, log) = data(Stream::Stdout, b"\xff\x00a'b\"\n\x1b");
        let shown = r#"Undecodable: b'\xff\x00a\'b"\n\x1b'"#;
        assert!(communication.ends_with(&format!("\n{shown}")));
        assert!(log.ends_with(&format!("channel:stdout\n{shown}")));
    }

    #[test]
    fn other_payloads_are_as_the_reference_sends_them() {
        let text = |what: Occurrence<'_>| String::from_utf8(what.payload()).unwrap();
        assert_eq!(
            text(Occurrence::Remote {
                kind: "a\nb",
                data: "c\n"
            }),
            "type:a\nb\nc\n"
        );
        assert_eq!(text(Occurrence::SupervisorRunning), "");
        assert_eq!(text(Occurrence::SupervisorStopping), "");
        assert_eq!(
            text(Occurrence::Tick3600 {
                when: 1_795_453_200
            }),
            "when:1795453200"
        );
        assert_eq!(
            text(Occurrence::GroupRemoved { group: "shop" }),
            "groupname:shop\n"
        );
    }

    #[test]
    fn every_type_that_can_be_sent_comes_from_an_occurrence() {
        let (process, group, pid, data) = ("p", "g", 1, &b""[..]);
        let mut kinds = alloc::collections::BTreeSet::new();
        for change in [
            StateChange::Starting { tries: 0 },
            StateChange::Running { pid },
            StateChange::Backoff { tries: 1 },
            StateChange::Stopping { pid },
            StateChange::Exited {
                pid,
                expected: true,
            },
            StateChange::Stopped { pid },
            StateChange::Fatal,
            StateChange::Unknown,
        ] {
            let from_state = "STOPPED";
            kinds.insert(
                Occurrence::ProcessState {
                    process,
                    group,
                    from_state,
                    change,
                }
                .kind(),
            );
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            kinds.insert(
                Occurrence::Communication {
                    process,
                    group,
                    pid,
                    stream,
                    data,
                }
                .kind(),
            );
            kinds.insert(
                Occurrence::Log {
                    process,
                    group,
                    pid,
                    stream,
                    data,
                }
                .kind(),
            );
        }
        kinds.extend([
            Occurrence::Remote { kind: "", data: "" }.kind(),
            Occurrence::SupervisorRunning.kind(),
            Occurrence::SupervisorStopping.kind(),
            Occurrence::Tick5 { when: 0 }.kind(),
            Occurrence::Tick60 { when: 0 }.kind(),
            Occurrence::Tick3600 { when: 0 }.kind(),
            Occurrence::GroupAdded { group }.kind(),
            Occurrence::GroupRemoved { group }.kind(),
        ]);
        let leaf = |kind: &EventKind| !EventKind::ALL.iter().any(|k| k.parent() == Some(*kind));
        assert!(
            kinds
                .into_iter()
                .eq(EventKind::ALL.into_iter().filter(leaf))
        );
    }

    proptest! {
        #[test]
        fn payloads_are_always_text(bytes: Vec<u8>) {
            let (communication, log) = data(Stream::Stderr, &bytes);
            let shown = match core::str::from_utf8(&bytes) {
                Ok(text) => String::from(text),
                Err(_) => format!("Undecodable: {}", py_repr_bytes(&bytes)),
            };
            let (end, log_end) = (format!(" pid:42\n{shown}"), format!(" channel:stderr\n{shown}"));
            prop_assert!(communication.ends_with(&end));
            prop_assert!(log.ends_with(&log_end));
        }
    }
}
