//! Calls as types: a name and some values, checked.

use super::fault::{Fault, FaultKind};
use super::methods::{Method, SUPERVISOR, SYSTEM};
use super::pystr::py_str;
use crate::Stream;
use crate::xmlrpc::{Value, py_int};
use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

/// A call that makes sense in itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    ListMethods,
    MethodHelp(String),
    MethodSignature(String),
    Multicall(Vec<Value>),
    Supervisor(Action),
}

/// What clients can ask of the supervisor. All of it faults while the daemon ends, but for
/// `SendEvent`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    ApiVersion,
    SupervisorVersion,
    Identification,
    State,
    Pid,
    ReadLog(Range),
    ClearLog,
    Shutdown,
    Restart,
    ReloadConfig,
    AddGroup(String),
    RemoveGroup(String),
    Start(Whom, bool),
    Stop(Whom, bool),
    Signal(Whom, String),
    AllConfigInfo,
    ProcessInfo(String),
    AllProcessInfo,
    ReadProcessLog(String, Stream, Range),
    TailProcessLog(String, Stream, Range),
    ClearProcessLogs(String),
    ClearAllProcessLogs,
    /// Only the page asks for this.
    ClearGroupLogs(String),
    SendStdin(String, Vec<u8>),
    SendEvent(String, String),
}

/// On which processes a call acts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Whom {
    /// A process, or with `group:*` a group.
    Named(String),
    /// A group.
    Group(String),
    /// All.
    All,
}

/// Offset and length as clients give them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    pub(crate) offset: i64,
    pub(crate) length: i64,
}

/// Finds out what is called. `namespaces` are those that serve the `supervisor` methods.
pub(crate) fn parse(namespaces: &[String], name: &str, params: Vec<Value>) -> Result<Call, Fault> {
    let method = find(namespaces, name).ok_or_else(|| FaultKind::UnknownMethod.bare())?;
    let wrong = || FaultKind::IncorrectParameters.bare();
    let most = method.types.len().saturating_sub(1);
    if params.len() > most || params.len() + method.optional < most {
        return Err(wrong());
    }
    let mut args = Args(params.into_iter());
    let is_system = name.starts_with("system.");
    if is_system {
        system(method.name, &mut args).ok_or_else(wrong)
    } else {
        supervisor(method.name, &mut args).map(Call::Supervisor)
    }
}

/// The method of that full name.
pub(super) fn find(namespaces: &[String], name: &str) -> Option<&'static Method> {
    let (space, bare) = name.split_once('.')?;
    let table: &[Method] = if space == "system" {
        &SYSTEM
    } else if namespaces.iter().any(|known| known == space) {
        &SUPERVISOR
    } else {
        return None;
    };
    table.iter().find(|method| method.name == bare)
}

fn system(name: &str, args: &mut Args) -> Option<Call> {
    Some(match name {
        "listMethods" => Call::ListMethods,
        "methodHelp" => Call::MethodHelp(args.any_text()?),
        "methodSignature" => Call::MethodSignature(args.any_text()?),
        "multicall" => match args.0.next() {
            Some(Value::Array(calls)) => Call::Multicall(calls),
            _ => return None,
        },
        _ => return None,
    })
}

fn supervisor(name: &str, args: &mut Args) -> Result<Action, Fault> {
    if name == "sendProcessStdin" {
        return stdin(args);
    }
    if name.ends_with("ProcessGroup") && matches!(args.0.as_slice().first(), Some(Value::Nil)) {
        return Err(FaultKind::BadName.bare());
    }
    action(name, args).ok_or_else(|| FaultKind::IncorrectParameters.bare())
}

fn action(name: &str, args: &mut Args) -> Option<Action> {
    let read =
        |args: &mut Args, stream| Some(Action::ReadProcessLog(args.text()?, stream, args.range()?));
    let tail =
        |args: &mut Args, stream| Some(Action::TailProcessLog(args.text()?, stream, args.range()?));
    let named = |args: &mut Args| Some(Whom::Named(args.text()?));
    let group = |args: &mut Args| Some(Whom::Group(args.scalar_text()?));
    Some(match name {
        "getAPIVersion" | "getVersion" => Action::ApiVersion,
        "getSupervisorVersion" => Action::SupervisorVersion,
        "getIdentification" => Action::Identification,
        "getState" => Action::State,
        "getPID" => Action::Pid,
        "readLog" | "readMainLog" => Action::ReadLog(args.range()?),
        "clearLog" => Action::ClearLog,
        "shutdown" => Action::Shutdown,
        "restart" => Action::Restart,
        "reloadConfig" => Action::ReloadConfig,
        "addProcessGroup" => Action::AddGroup(args.any_text()?),
        "removeProcessGroup" => Action::RemoveGroup(args.scalar_text()?),
        "startProcess" => Action::Start(named(args)?, args.flag()),
        "startProcessGroup" => Action::Start(group(args)?, args.flag()),
        "startAllProcesses" => Action::Start(Whom::All, args.flag()),
        "stopProcess" => Action::Stop(named(args)?, args.flag()),
        "stopProcessGroup" => Action::Stop(group(args)?, args.flag()),
        "stopAllProcesses" => Action::Stop(Whom::All, args.flag()),
        "signalProcess" => Action::Signal(named(args)?, args.signal()?),
        "signalProcessGroup" => Action::Signal(group(args)?, args.signal()?),
        "signalAllProcesses" => Action::Signal(Whom::All, args.signal()?),
        "getAllConfigInfo" => Action::AllConfigInfo,
        "getProcessInfo" => Action::ProcessInfo(args.text()?),
        "getAllProcessInfo" => Action::AllProcessInfo,
        "readProcessLog" | "readProcessStdoutLog" => read(args, Stream::Stdout)?,
        "readProcessStderrLog" => read(args, Stream::Stderr)?,
        "tailProcessLog" | "tailProcessStdoutLog" => tail(args, Stream::Stdout)?,
        "tailProcessStderrLog" => tail(args, Stream::Stderr)?,
        "clearProcessLog" | "clearProcessLogs" => Action::ClearProcessLogs(args.text()?),
        "clearAllProcessLogs" => Action::ClearAllProcessLogs,
        "sendRemoteCommEvent" => Action::SendEvent(args.any_text()?, args.any_text()?),
        _ => return None,
    })
}

/// What is no text is named in the fault, as the reference does.
fn stdin(args: &mut Args) -> Result<Action, Fault> {
    let wrong = || FaultKind::IncorrectParameters.bare();
    let name = args.text().ok_or_else(wrong)?;
    let chars = match args.0.next() {
        Some(Value::Str(text)) => text.into_bytes(),
        Some(Value::Base64(bytes)) => bytes,
        Some(Value::Nil) | None => return Err(wrong()),
        Some(
            other @ (Value::Int(_)
            | Value::Bool(_)
            | Value::Double(_)
            | Value::DateTime(_)
            | Value::Array(_)
            | Value::Struct(_)),
        ) => return Err(FaultKind::IncorrectParameters.about(py_str(&other))),
    };
    Ok(Action::SendStdin(name, chars))
}

/// Parameters, one after the other.
struct Args(alloc::vec::IntoIter<Value>);

impl Args {
    /// A text; base64 is one too, as the reference has no other use for it.
    fn text(&mut self) -> Option<String> {
        match self.0.next()? {
            Value::Str(text) => Some(text),
            Value::Base64(bytes) => String::from_utf8(bytes).ok(),
            Value::Nil
            | Value::Int(_)
            | Value::Bool(_)
            | Value::Double(_)
            | Value::DateTime(_)
            | Value::Array(_)
            | Value::Struct(_) => None,
        }
    }

    /// Anything that can be a name: groups are looked up by whatever is given.
    fn scalar_text(&mut self) -> Option<String> {
        match self.0.next()? {
            Value::Array(_) | Value::Struct(_) => None,
            scalar @ (Value::Nil
            | Value::Int(_)
            | Value::Bool(_)
            | Value::Double(_)
            | Value::Str(_)
            | Value::DateTime(_)
            | Value::Base64(_)) => Some(py_str(&scalar)),
        }
    }

    /// Anything, as a text.
    fn any_text(&mut self) -> Option<String> {
        Some(py_str(&self.0.next()?))
    }

    /// A signal's name, or its number in any form.
    fn signal(&mut self) -> Option<String> {
        match self.0.as_slice().first()? {
            Value::Int(_) | Value::Bool(_) | Value::Double(_) => {
                self.int().map(|number| number.to_string())
            }
            Value::Nil
            | Value::Str(_)
            | Value::DateTime(_)
            | Value::Base64(_)
            | Value::Array(_)
            | Value::Struct(_) => self.text(),
        }
    }

    /// A truth as Python sees it, true if it is left out.
    fn flag(&mut self) -> bool {
        match self.0.next() {
            None => true,
            Some(Value::Nil) => false,
            Some(Value::Bool(truth)) => truth,
            Some(Value::Int(number)) => number != 0,
            Some(Value::Double(number)) => number != 0.0,
            Some(Value::Str(text) | Value::DateTime(text)) => !text.is_empty(),
            Some(Value::Base64(bytes)) => !bytes.is_empty(),
            Some(Value::Array(values)) => !values.is_empty(),
            Some(Value::Struct(members)) => !members.is_empty(),
        }
    }

    fn range(&mut self) -> Option<Range> {
        Some(Range {
            offset: self.int()?,
            length: self.int()?,
        })
    }

    fn int(&mut self) -> Option<i64> {
        match self.0.next()? {
            Value::Int(number) => Some(number),
            Value::Bool(truth) => Some(i64::from(truth)),
            // Saturates; not a number is 0.
            Value::Double(number) => Some(number as i64),
            // Clients that do not tell numbers from texts are understood, as by the reference.
            Value::Str(text) => py_int(&text),
            Value::Nil
            | Value::DateTime(_)
            | Value::Base64(_)
            | Value::Array(_)
            | Value::Struct(_) => None,
        }
    }
}
