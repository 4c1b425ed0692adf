//! Requests that may take a while: one call, several in a row, an action of the page.

use super::Work;
use crate::http::{Response, Status};
use crate::rpc::{self, Action, Begun, Call, Fault, FaultKind, Outcome, Task};
use crate::supervisor::Supervisor;
use crate::web::{Deed, TailPage};
use crate::xmlrpc::{Value, append_value, fault_into, fault_value, response_into};
use crate::{ConnId, LogLevel, LogPart, Now, ReadError};
use alloc::{format, string::String, vec::Vec};

/// Most bytes of a multicall's answer. A request of a few bytes each could ask for any number of
/// large results.
pub(super) const MULTICALL_BYTES_MAX: usize = 64 << 20;

/// What is done with an outcome.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// It is the answer.
    Call { name: String },
    /// It is one of many; the others follow.
    Multicall(Multicall),
    /// It is a step of what the page was asked to do.
    Deed(Deed),
    /// The part of the log is shown.
    TailPage(TailPage),
}

/// Calls in a row.
#[derive(Clone, Debug)]
pub(super) struct Multicall {
    calls: alloc::vec::IntoIter<Value>,
    /// The results so far, as they are sent.
    results: Vec<u8>,
    /// The next outcome is one of them.
    is_owed: bool,
}

impl Supervisor {
    /// Answers a `methodCall`.
    pub(super) fn call(&mut self, now: Now, conn: ConnId, name: String, params: Vec<Value>) {
        self.log(
            now,
            LogLevel::Trace,
            format_args!("XML-RPC method called: {name}()"),
        );
        let outcome = match rpc::parse(&self.config.rpc_interfaces, &name, params) {
            Err(fault) => Err(fault),
            Ok(Call::Multicall(calls)) => {
                let job = Job::Multicall(Multicall {
                    calls: calls.into_iter(),
                    results: Vec::new(),
                    is_owed: false,
                });
                self.work(conn, job);
                self.go_on(now, conn, Ok(Value::Nil));
                return;
            }
            Ok(call) => match self.begin_call(now, conn, call) {
                Begun::Done(outcome) => outcome,
                Begun::Written(written) => {
                    self.log_success(now, &name);
                    let head = Response::new(Status::Ok, "text/xml", []);
                    self.respond_in_pieces(now, conn, &head, written.into_document());
                    return;
                }
                Begun::Waits(task) => {
                    self.wait(conn, Job::Call { name }, task);
                    return;
                }
            },
        };
        self.answer_call(now, conn, &name, outcome);
    }

    fn log_success(&mut self, now: Now, name: &str) {
        self.log(
            now,
            LogLevel::Trace,
            format_args!("XML-RPC method {name}() returned successfully"),
        );
    }

    fn respond_xml(&mut self, now: Now, conn: ConnId, document: Vec<u8>) {
        self.respond(now, conn, &Response::new(Status::Ok, "text/xml", document));
    }

    fn answer_call(&mut self, now: Now, conn: ConnId, name: &str, outcome: Outcome) {
        let mut body = Vec::new();
        match outcome {
            Ok(value) => {
                self.log_success(now, name);
                response_into(&mut body, &value);
            }
            Err(fault) => {
                let (code, text) = (fault.kind.code(), fault.text());
                self.log(
                    now,
                    LogLevel::Trace,
                    format_args!("XML-RPC method {name}() returned fault: [{code}] {text}"),
                );
                fault_into(&mut body, code, &text);
            }
        }
        self.respond_xml(now, conn, body);
    }

    /// The session works on this from now on.
    pub(super) fn work(&mut self, conn: ConnId, job: Job) {
        if let Some(session) = self.clients.sessions.get_mut(&conn) {
            session.work = Work::Job(job, None);
        }
    }

    /// The session waits from now on.
    pub(super) fn wait(&mut self, conn: ConnId, job: Job, task: Task) {
        if let Some(session) = self.clients.sessions.get_mut(&conn) {
            session.work = Work::Job(job, Some(task));
        }
    }

    /// What a session waited for has come. Its next request may have come meanwhile.
    pub(crate) fn resume(&mut self, now: Now, conn: ConnId, outcome: Outcome) {
        self.go_on(now, conn, outcome);
        self.pump(now, conn);
    }

    /// Goes on with a session's job, but not beyond it: whoever looks at its requests calls this,
    /// so that no number of them nests.
    fn go_on(&mut self, now: Now, conn: ConnId, outcome: Outcome) {
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        match core::mem::replace(&mut session.work, Work::Nothing) {
            Work::Job(Job::Call { name }, _) => self.answer_call(now, conn, &name, outcome),
            Work::Job(Job::Multicall(multi), _) => self.next_call(now, conn, multi, outcome),
            Work::Job(Job::Deed(deed), _) => self.next_step(now, conn, deed, outcome),
            // Its answer is a part of a log, which comes another way.
            Work::Job(Job::TailPage(_), _) => {}
            other @ (Work::Nothing | Work::Follow(_) | Work::Watch(_)) => session.work = other,
        }
    }

    /// Goes on with a multicall until a call has to wait.
    fn next_call(&mut self, now: Now, conn: ConnId, mut multi: Multicall, outcome: Outcome) {
        let mut outcome = outcome;
        loop {
            if core::mem::take(&mut multi.is_owed) {
                multi.add(&outcome);
            }
            let Some(next) = multi.calls.next() else {
                break;
            };
            match self.begin_nested(now, conn, next, multi.results.len()) {
                Begun::Done(done) => {
                    multi.is_owed = true;
                    outcome = done;
                }
                Begun::Written(written) => {
                    for piece in written.value() {
                        multi.results.extend_from_slice(piece);
                    }
                }
                Begun::Waits(task) => {
                    multi.is_owed = true;
                    self.wait(conn, Job::Multicall(multi), task);
                    return;
                }
            }
        }
        self.log_success(now, "system.multicall");
        self.respond_xml(now, conn, multi.answer());
    }

    pub(super) fn begin_nested(
        &mut self,
        now: Now,
        conn: ConnId,
        call: Value,
        used_bytes: usize,
    ) -> Begun {
        let wrong = |extra: Option<&str>| {
            Begun::Done(Err(match extra {
                Some(extra) => FaultKind::IncorrectParameters.about(extra),
                None => FaultKind::IncorrectParameters.bare(),
            }))
        };
        if used_bytes > MULTICALL_BYTES_MAX {
            return Begun::Done(Err(
                FaultKind::Failed.about("the results before are too large")
            ));
        }
        let Value::Struct(members) = call else {
            return wrong(None);
        };
        let (mut name, mut params) = (None, None);
        for (member, value) in members {
            match &*member {
                "methodName" => name = Some(value),
                "params" => params = Some(value),
                _ => {}
            }
        }
        let name = match name {
            Some(Value::Str(name)) => name,
            Some(_) => return wrong(None),
            None => return wrong(Some("No methodName")),
        };
        let params = match params {
            Some(Value::Array(params)) => params,
            None => Vec::new(),
            Some(_) => return wrong(None),
        };
        if name == "system.multicall" {
            return wrong(Some("Recursive system.multicall forbidden"));
        }
        match rpc::parse(&self.config.rpc_interfaces, &name, params) {
            Ok(call) => self.begin_call(now, conn, call),
            Err(fault) => Begun::Done(Err(fault)),
        }
    }

    /// Answers `ReadLog`.
    pub(crate) fn on_log_read(
        &mut self,
        now: Now,
        read: crate::ReadId,
        result: Result<LogPart, ReadError>,
    ) {
        let Some(conn) = self.clients.reads.remove(&read) else {
            return;
        };
        let Some(session) = self.clients.sessions.get_mut(&conn) else {
            return;
        };
        match &mut session.work {
            Work::Job(Job::TailPage(_), _) => {
                if let Work::Job(Job::TailPage(page), _) =
                    core::mem::replace(&mut session.work, Work::Nothing)
                {
                    let response = self.tail_page(page, result);
                    self.respond(now, conn, &response);
                    self.pump(now, conn);
                }
            }
            Work::Job(_, task) => {
                if matches!(task, Some(Task::Read(_)))
                    && let Some(Task::Read(read)) = task.take()
                {
                    self.on_read(now, conn, read, result);
                }
            }
            Work::Follow(_) => self.follow_read(now, conn, read, result),
            Work::Nothing | Work::Watch(_) => {}
        }
    }

    /// The configuration was read: for whoever asked.
    pub(crate) fn on_reading(&mut self, now: Now, token: u64, outcome: &Result<(), String>) {
        let Some(conn) = self.clients.readings.remove(&token) else {
            return;
        };
        let task = self.clients.take_task(conn, |task| {
            matches!(task, Task::Reread { .. } | Task::Restart { .. })
        });
        let answer = match (task, outcome) {
            (None, _) => return,
            (Some(_), Err(error)) => Err(FaultKind::CantReread.about(error.as_str())),
            (Some(Task::Reread { .. }), Ok(())) => Ok(self.changed_groups()),
            (Some(_), Ok(())) => Ok(Value::Bool(true)),
        };
        self.resume(now, conn, answer);
    }

    /// A group was added, or could not be: for whoever asked.
    pub(crate) fn on_addition(&mut self, now: Now, name: &str, error: Option<&str>) {
        let Some(conn) = self.clients.additions.remove(name) else {
            return;
        };
        let right = |task: &Task| matches!(task, Task::AddGroup { .. });
        if self.clients.take_task(conn, right).is_some() {
            let outcome = match error {
                Some(error) => Err(FaultKind::Failed.about(error)),
                None => Ok(Value::Bool(true)),
            };
            self.resume(now, conn, outcome);
        }
    }

    /// Begins one step of what the page was asked to do.
    pub(crate) fn begin_step(&mut self, now: Now, conn: ConnId, deed: Deed, step: Action) {
        match self.begin_action(now, conn, step) {
            Begun::Done(outcome) => {
                self.work(conn, Job::Deed(deed));
                self.go_on(now, conn, outcome);
            }
            // No step asks for a report; it would have gone well.
            Begun::Written(_) => {
                self.work(conn, Job::Deed(deed));
                self.go_on(now, conn, Ok(Value::Nil));
            }
            Begun::Waits(task) => self.wait(conn, Job::Deed(deed), task),
        }
    }
}

impl Multicall {
    fn add(&mut self, outcome: &Result<Value, Fault>) {
        match outcome {
            Ok(value) => append_value(&mut self.results, value),
            Err(fault) => {
                let value = fault_value(fault.kind.code(), &fault.text());
                append_value(&mut self.results, &value);
            }
        }
    }

    fn answer(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.results.len() + 256);
        body.extend_from_slice(
            b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n",
        );
        body.extend_from_slice(&self.results);
        body.extend_from_slice(
            b"</data></array></value>\n</param>\n</params>\n</methodResponse>\n",
        );
        body
    }
}

/// Shows a request's data in the log: enough to recognise it.
pub(super) fn excerpt(body: &[u8]) -> String {
    let shown = body.get(..200).unwrap_or(body);
    let text = crate::text::py_repr(&String::from_utf8_lossy(shown));
    if shown.len() < body.len() {
        format!("{text}...")
    } else {
        text
    }
}
