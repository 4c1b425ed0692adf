//! What the page is asked to do, and what it says when it is done.

use super::guard::{Guarded, is_token};
use super::html::json_text;
use super::html_response;
use crate::http::form::{Fields, percent_encode};
use crate::http::{Request, Response, Status};
use crate::rpc::{Action, Fault, FaultKind, Outcome, Whom};
use crate::supervisor::Supervisor;
use crate::xmlrpc::Value;
use crate::{Civil, ConnId, Now};
use alloc::{collections::VecDeque, format, string::String, vec::Vec};

/// A request for something to be done, checked as far as that goes without looking at processes.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    what: What,
    on: Target,
    reply: Reply,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Refresh,
    Start,
    Stop,
    Restart,
    ClearLog,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Target {
    Process(String),
    Group(String),
    All,
}

/// How the message is brought to whoever asked.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Reply {
    /// A script asked with GET: as the reference, to this host.
    Moved { host: String },
    /// A form was sent: the page shows it.
    SeeOther,
    /// The page's script asked.
    Json,
}

/// Something that is being done.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    asked: Asked,
    steps: VecDeque<Action>,
    /// Processes that did not do what they should.
    failures: usize,
    local_time: String,
}

impl Asked {
    /// What a query asks for; `Ok(None)` if nothing.
    pub(crate) fn by_get(
        fields: &Fields,
        request: &Request,
        _now: Now,
    ) -> Result<Option<Self>, Response> {
        let Some(action) = fields.get("action").filter(|action| !action.is_empty()) else {
            return Ok(None);
        };
        let (what, on) = match (action, fields.get("processname")) {
            ("refresh", _) => (What::Refresh, Target::All),
            ("restartall", _) => (What::Restart, Target::All),
            ("stopall", _) => (What::Stop, Target::All),
            (action, Some(name)) => match process_action(action) {
                Some(what) => (what, Target::Process(name.into())),
                None => return Err(Response::error(Status::BadRequest)),
            },
            (_, None) => return Err(Response::error(Status::BadRequest)),
        };
        if what != What::Refresh && !Guarded::of(request).may_act_by_get() {
            return Err(refusal());
        }
        let host = request.headers.get("host").unwrap_or("");
        let host = host.strip_suffix(":80").unwrap_or(host).into();
        Ok(Some(Self {
            what,
            on,
            reply: Reply::Moved { host },
        }))
    }

    /// What a form asks for.
    pub(crate) fn by_post(
        fields: &Fields,
        request: &Request,
        _now: Now,
        token: &str,
    ) -> Result<Self, Response> {
        let given = fields.get("token").unwrap_or("");
        if !Guarded::of(request).is_same_site() || !is_token(given, token) {
            return Err(refusal());
        }
        let action = fields.get("action").unwrap_or("");
        let on = match (fields.get("processname"), fields.get("group")) {
            (Some(name), _) => Target::Process(name.into()),
            (None, Some(group)) => Target::Group(group.into()),
            (None, None) => Target::All,
        };
        let what = match (action, &on) {
            ("refresh", _) => What::Refresh,
            ("startall", Target::All) => What::Start,
            ("stopall", Target::All) => What::Stop,
            ("restartall", Target::All) => What::Restart,
            ("clearall", Target::All) => What::ClearLog,
            (action, Target::Process(_) | Target::Group(_)) => {
                process_action(action).ok_or_else(|| Response::error(Status::BadRequest))?
            }
            (_, Target::All) => return Err(Response::error(Status::BadRequest)),
        };
        let accepts = request.headers.get("accept").unwrap_or("");
        let reply = if accepts.contains("application/json") {
            Reply::Json
        } else {
            Reply::SeeOther
        };
        Ok(Self { what, on, reply })
    }

    fn steps(&self) -> VecDeque<Action> {
        let whom = || match &self.on {
            Target::Process(name) => Whom::Named(name.clone()),
            Target::Group(name) => Whom::Group(name.clone()),
            Target::All => Whom::All,
        };
        match (self.what, &self.on) {
            (What::Refresh, _) => VecDeque::new(),
            (What::Start, _) => [Action::Start(whom(), true)].into(),
            (What::Stop, _) => [Action::Stop(whom(), true)].into(),
            (What::Restart, _) => [Action::Stop(whom(), true), Action::Start(whom(), true)].into(),
            (What::ClearLog, Target::Process(name)) => {
                [Action::ClearProcessLogs(name.clone())].into()
            }
            (What::ClearLog, Target::Group(name)) => [Action::ClearGroupLogs(name.clone())].into(),
            (What::ClearLog, Target::All) => [Action::ClearAllProcessLogs].into(),
        }
    }
}

impl Supervisor {
    /// Begins to do what the page was asked to do.
    pub(crate) fn begin_deed(&mut self, now: Now, conn: ConnId, asked: Asked) {
        let unknown = match &asked.on {
            Target::Process(name) => self
                .named_process(name)
                .err()
                .map(|_| format!("No such process named {name}")),
            Target::Group(name) => (!self.group_names.contains_key(name))
                .then(|| format!("No such group named {name}")),
            Target::All => None,
        };
        let deed = Deed {
            steps: asked.steps(),
            asked,
            failures: 0,
            local_time: asctime(now),
        };
        match unknown {
            Some(message) => self.respond_deed(now, conn, &deed, &message, false),
            None => self.next_step(now, conn, deed, Ok(Value::Bool(true))),
        }
    }

    /// One step is done: goes on with the next, or tells how it went.
    pub(crate) fn next_step(&mut self, now: Now, conn: ConnId, mut deed: Deed, last: Outcome) {
        match last {
            Ok(value) => deed.failures += failures(&value),
            // What does not run need not be stopped before it is started again.
            Err(fault) if fault.kind == FaultKind::NotRunning && !deed.steps.is_empty() => {}
            Err(fault) => {
                let message = deed.failed(&fault);
                self.respond_deed(now, conn, &deed, &message, false);
                return;
            }
        }
        match deed.steps.pop_front() {
            Some(step) => self.begin_step(now, conn, deed, step),
            None => {
                deed.local_time = asctime(now);
                let message = deed.message();
                self.respond_deed(now, conn, &deed, &message, deed.failures == 0);
            }
        }
    }

    fn respond_deed(&mut self, now: Now, conn: ConnId, deed: &Deed, message: &str, is_good: bool) {
        let response = deed.asked.reply.response(message, is_good);
        self.respond(now, conn, &response);
    }
}

impl Deed {
    fn message(&self) -> String {
        let time = &self.local_time;
        let done = match self.asked.what {
            What::Refresh => return format!("Page refreshed at {time}"),
            What::Start => "started",
            What::Stop => "stopped",
            What::Restart => "restarted",
            What::ClearLog => "cleared",
        };
        let text = match (self.asked.what, &self.asked.on) {
            (What::ClearLog, Target::Process(name)) => format!("Log for {name} cleared"),
            (What::ClearLog, Target::Group(name)) => format!("Logs of group {name} cleared"),
            (What::ClearLog, Target::All) => format!("All logs cleared at {time}"),
            (_, Target::Process(name)) => format!("Process {name} {done}"),
            (_, Target::Group(name)) => format!("Group {name} {done}"),
            (_, Target::All) => format!("All {done} at {time}"),
        };
        match (self.failures, &self.asked.reply) {
            (0, _) | (_, Reply::Moved { .. }) => text,
            (1, _) => format!("{text}, but one process failed"),
            (n, _) => format!("{text}, but {n} processes failed"),
        }
    }

    fn failed(&self, fault: &Fault) -> String {
        let (Target::Process(name) | Target::Group(name)) = &self.asked.on else {
            return unexpected(fault);
        };
        let why = match fault.kind {
            FaultKind::NoFile => "no such file",
            FaultKind::NotExecutable => "file not executable",
            FaultKind::AlreadyStarted => "already started",
            FaultKind::SpawnError => "spawn error",
            FaultKind::AbnormalTermination => "abnormal termination",
            FaultKind::UnknownMethod
            | FaultKind::IncorrectParameters
            | FaultKind::BadArguments
            | FaultKind::SignatureUnsupported
            | FaultKind::ShutdownState
            | FaultKind::BadName
            | FaultKind::BadSignal
            | FaultKind::Failed
            | FaultKind::NotRunning
            | FaultKind::Success
            | FaultKind::AlreadyAdded
            | FaultKind::StillRunning
            | FaultKind::CantReread => return unexpected(fault),
        };
        format!("ERROR: Process {name}: {why}")
    }
}

impl Reply {
    fn response(&self, message: &str, is_good: bool) -> Response {
        match self {
            Self::Moved { host } => {
                let path = format!("/?message={}", percent_encode(message));
                let location = if host.is_empty() {
                    path
                } else {
                    format!("http://{host}{path}")
                };
                html_response(Status::MovedPermanently, String::new()).with("Location", location)
            }
            Self::SeeOther => {
                let location = format!("/?message={}", percent_encode(message));
                html_response(Status::SeeOther, String::new()).with("Location", location)
            }
            Self::Json => {
                let body = format!("{{\"message\":{},\"ok\":{is_good}}}", json_text(message));
                super::secured(Response::new(
                    Status::Ok,
                    "application/json;charset=utf-8",
                    body,
                ))
                .with("Cache-Control", "no-store")
            }
        }
    }
}

fn process_action(action: &str) -> Option<What> {
    Some(match action {
        "start" => What::Start,
        "stop" => What::Stop,
        "restart" => What::Restart,
        "clearlog" => What::ClearLog,
        _ => return None,
    })
}

/// How many of the processes in a result did not do what they should.
fn failures(value: &Value) -> usize {
    let structs = value.as_array().unwrap_or_default();
    let success = FaultKind::Success.code();
    let codes: Vec<i64> = structs
        .iter()
        .filter_map(|s| s.member("status").and_then(Value::as_int))
        .collect();
    codes.into_iter().filter(|code| *code != success).count()
}

fn unexpected(fault: &Fault) -> String {
    format!(
        "unexpected rpc fault [{}] {}",
        fault.kind.code(),
        fault.text()
    )
}

fn refusal() -> Response {
    html_response(
        Status::Forbidden,
        String::from(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Not done</title>\
             <link rel=\"stylesheet\" href=\"/static/visor.css\"></head>\n<body><main>\
             <h1>Nothing was done</h1><p>This request came from another site's page, or from a page \
             that is older than the daemon.</p><p><a href=\"/\">To the status page</a></p>\
             </main></body></html>\n",
        ),
    )
}

/// `Mon Nov 23 17:13:28 2026`, in local time.
fn asctime(now: Now) -> String {
    let c = Civil::at(now.wall, now.utc_offset_secs);
    format!(
        "{} {} {:>2} {:02}:{:02}:{:02} {}",
        c.weekday_name(),
        c.month_name(),
        c.day,
        c.hour,
        c.minute,
        c.second,
        c.year
    )
}
