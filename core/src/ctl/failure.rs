//! What can go wrong between client and server: each failure is one plain sentence that says what to
//! try, and the exit status that the reference gives.

use super::{actions::Action, format::exit, url::ServerUrl};
use crate::http::client::ReceiveError;
use alloc::{format, string::String};

/// Why no connection came about, in the terms of the system's error numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConnectError {
    /// ENOENT: no such socket file.
    NotFound,
    /// ECONNREFUSED: nobody listens.
    Refused,
    /// EACCES, EPERM.
    PermissionDenied,
    /// ETIMEDOUT.
    TimedOut,
    /// The host's name has no address.
    UnknownHost,
    /// EHOSTUNREACH, ENETUNREACH.
    Unreachable,
    /// Anything else, in the system's words.
    Other(String),
}

/// Why a call got no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    Connect(ConnectError),
    /// The connection broke; in the system's words, empty if it was simply closed.
    Broken(String),
    /// It was closed before the whole answer had come, or what came is no HTTP.
    Receive(ReceiveError),
    /// An HTTP status that is no answer to a call.
    Status(u16, String),
    /// The answer's body is not XML-RPC.
    NotXmlRpc,
    /// The result is not what this method returns.
    OddResult(&'static str),
    /// Longer than any answer should be. Bytes.
    TooLong(usize),
    /// No answer within so many seconds.
    Silent(u64),
    /// 401.
    Unauthorized,
    /// A fault without a line of its own.
    Fault {
        method: &'static str,
        code: i64,
        text: String,
    },
    /// The version of the API that the server speaks.
    WrongApi(String),
    /// The server does not know the `supervisor.` methods.
    NoNamespace,
}

impl Failure {
    /// The line to print.
    pub(super) fn line(&self, url: &ServerUrl, action: Action) -> String {
        let address = url.as_str();
        let short = if *self == Self::Connect(ConnectError::NotFound) {
            Some("no such file")
        } else if *self == Self::Connect(ConnectError::Refused) {
            Some("refused connection")
        } else {
            None
        };
        match short {
            Some(short) if action == Action::Shutdown => {
                format!("ERROR: {address} {short} (already shut down?)")
            }
            Some(short) => format!("{address} {short}"),
            None => format!("error: {}", self.sentence(address)),
        }
    }

    /// The exit status. `checking`: it happened while the server was checked, before the action
    /// itself began.
    pub(super) const fn exit(&self, action: Action, checking: bool) -> u8 {
        let listed = matches!(action, Action::Status);
        match self {
            Self::Connect(ConnectError::NotFound | ConnectError::Refused)
                if checking && matches!(action, Action::Open) =>
            {
                exit::OK
            }
            Self::Connect(ConnectError::NotFound) if checking && !listed => exit::NOT_RUNNING,
            Self::Connect(ConnectError::NotFound | ConnectError::Refused) if checking => {
                exit::UNKNOWN
            }
            Self::WrongApi(_) | Self::NoNamespace if listed => exit::UNKNOWN,
            Self::WrongApi(_) => exit::WRONG_API,
            Self::NoNamespace if checking => exit::UNIMPLEMENTED,
            Self::NoNamespace
            | Self::Connect(_)
            | Self::Broken(_)
            | Self::Receive(_)
            | Self::Status(..)
            | Self::NotXmlRpc
            | Self::OddResult(_)
            | Self::TooLong(_)
            | Self::Silent(_)
            | Self::Unauthorized
            | Self::Fault { .. } => exit::GENERIC,
        }
    }

    fn sentence(&self, url: &str) -> String {
        match self {
            Self::Connect(error) => connect_sentence(error, url),
            Self::Broken(why) if why.is_empty() => format!(
                "{url} closed the connection without an answer; check that supervisord still runs, and its log"
            ),
            Self::Broken(why) => format!(
                "the connection to {url} broke: {why}; check that supervisord still runs, and its log"
            ),
            Self::Receive(ReceiveError::Truncated) => format!(
                "{url} closed the connection in the middle of its answer; check that supervisord still runs, and its log"
            ),
            Self::Receive(why @ (ReceiveError::Malformed | ReceiveError::TooLong)) => {
                format!("what listens at {url} is no supervisord: {why}; check serverurl")
            }
            Self::Status(status, reason) => format!(
                "{url} answered a call with HTTP status {status} {reason}; check that serverurl is that of a supervisord"
            ),
            Self::NotXmlRpc => format!(
                "what listens at {url} is no supervisord: its answer is not XML-RPC; check serverurl"
            ),
            Self::OddResult(method) => format!(
                "the answer of {url} to {method} makes no sense; check that serverurl is that of a supervisord"
            ),
            Self::TooLong(limit) => format!(
                "the answer of {url} is longer than {limit} bytes; ask for less, for example with tail -N"
            ),
            Self::Silent(seconds) => format!(
                "{url} gave no answer within {seconds} seconds; check that it is a supervisord and not stopped or overloaded"
            ),
            Self::Unauthorized => format!(
                "{url} did not accept the user name and password; give the right ones with -u and -p or in [supervisorctl]"
            ),
            Self::Fault {
                code: super::format::fault::SHUTDOWN_STATE,
                text,
                ..
            } => format!(
                "the supervisord at {url} is shutting down or restarting; try again when it is up ({text})"
            ),
            Self::Fault { method, text, .. } => {
                format!("{url} refused {method}: {text}; its log may say more")
            }
            Self::WrongApi(version) => format!(
                "{url} speaks version {version} of the API, this supervisorctl 3.0; use the supervisorctl that came with that server"
            ),
            Self::NoNamespace => format!(
                "{url} answers, but without the supervisor methods; enable [rpcinterface:supervisor] in its configuration"
            ),
        }
    }
}

fn connect_sentence(error: &ConnectError, url: &str) -> String {
    let (why, hint) = match error {
        ConnectError::NotFound => ("no such file", "check that supervisord runs"),
        ConnectError::Refused => ("refused connection", "check that supervisord runs"),
        ConnectError::PermissionDenied => (
            "permission denied",
            "run as a user that may open it, or see chmod and chown in [unix_http_server]",
        ),
        ConnectError::TimedOut => (
            "the connection timed out",
            "check the address and what firewalls lie between",
        ),
        ConnectError::UnknownHost => ("unknown host", "check the name in serverurl"),
        ConnectError::Unreachable => ("the network or host is unreachable", "check the address"),
        ConnectError::Other(why) => (why.as_str(), "check serverurl"),
    };
    format!("could not reach {url}: {why}; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> ServerUrl {
        ServerUrl::parse("unix:///x").unwrap()
    }

    #[test]
    fn missing_and_refusing_servers_have_short_lines() {
        let missing = Failure::Connect(ConnectError::NotFound);
        let refused = Failure::Connect(ConnectError::Refused);
        assert_eq!(missing.line(&url(), Action::Pid), "unix:///x no such file");
        assert_eq!(
            refused.line(&url(), Action::Pid),
            "unix:///x refused connection"
        );
        assert_eq!(
            missing.line(&url(), Action::Shutdown),
            "ERROR: unix:///x no such file (already shut down?)"
        );
        assert_eq!(missing.exit(Action::Pid, true), 7);
        assert_eq!(missing.exit(Action::Status, true), 4);
        assert_eq!(missing.exit(Action::Avail, false), 1);
        assert_eq!(refused.exit(Action::Pid, true), 4);
        assert_eq!(refused.exit(Action::Shutdown, false), 1);
    }

    #[test]
    fn every_other_failure_is_one_sentence_with_what_to_try() {
        let failures = [
            Failure::Connect(ConnectError::PermissionDenied),
            Failure::Connect(ConnectError::TimedOut),
            Failure::Connect(ConnectError::UnknownHost),
            Failure::Connect(ConnectError::Unreachable),
            Failure::Connect(ConnectError::Other("odd".into())),
            Failure::Broken(String::new()),
            Failure::Broken("reset".into()),
            Failure::Receive(ReceiveError::Malformed),
            Failure::Receive(ReceiveError::Truncated),
            Failure::Status(404, "Not Found".into()),
            Failure::NotXmlRpc,
            Failure::OddResult("supervisor.getPID"),
            Failure::TooLong(7),
            Failure::Silent(60),
            Failure::Unauthorized,
            Failure::Fault {
                method: "supervisor.getPID",
                code: 6,
                text: "SHUTDOWN_STATE".into(),
            },
            Failure::Fault {
                method: "supervisor.getPID",
                code: 30,
                text: "FAILED".into(),
            },
            Failure::WrongApi("2.0".into()),
            Failure::NoNamespace,
        ];
        let broken = Failure::Broken("reset".into()).line(&url(), Action::Pid);
        assert!(broken.contains(" broke: reset; "), "{broken}");
        for failure in failures {
            let line = failure.line(&url(), Action::Pid);
            assert!(
                line.starts_with("error: ") && line.contains("unix:///x"),
                "{line}"
            );
            assert!(line.contains("; ") && !line.contains('\n'), "{line}");
            assert!((1..=5).contains(&failure.exit(Action::Pid, true)), "{line}");
        }
    }
}
