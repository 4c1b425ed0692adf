//! Logs that are followed, alone (`tail -f`) or while attached to a process (`fg`).

use super::{
    Channel, Ctl, CtlOutput,
    answers::Then,
    failure::Failure,
    link::{Link, News, request_bytes},
    machine::{Call, Step},
};
use crate::Timestamp;
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

/// How often an attached client looks whether the process still runs.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A log that is followed.
#[derive(Debug)]
pub(super) struct Following {
    path: String,
    link: Link,
    status: Option<u16>,
}

/// A process that the client is attached to.
#[derive(Debug)]
pub(super) struct Foreground {
    name: String,
    pub(super) check_at: Timestamp,
}

impl Foreground {
    pub(super) fn new(name: String, now: Timestamp) -> Self {
        Self {
            name,
            check_at: now + CHECK_EVERY,
        }
    }

    /// Nothing is under way: the next look is due in a while.
    pub(super) fn rest(&mut self, now: Timestamp) {
        self.check_at = now + CHECK_EVERY;
    }

    /// The look.
    pub(super) fn check(&self) -> Step {
        Step::Call(Call {
            method: "supervisor.getProcessInfo",
            params: Vec::from([self.name.as_str().into()]),
            then: Then::ForegroundChecked,
            waiting: None,
        })
    }
}

impl Ctl {
    /// Begins to follow a log.
    pub(super) fn follow(&mut self, path: &str) {
        self.say("==> Press Ctrl-C to exit <==");
        let authorization = self.authorization();
        let server = &self.options.server;
        let bytes = request_bytes(path, server, authorization.as_deref(), None);
        let mut link = Link::new(Channel::Follow);
        link.request(bytes, server, &mut self.outputs);
        self.following = Some(Following {
            path: path.to_string(),
            link,
            status: None,
        });
    }

    pub(super) fn end_following(&mut self) {
        if let Some(mut following) = self.following.take() {
            following.link.close(&mut self.outputs);
        }
    }

    pub(super) fn follow_connected(&mut self) {
        if let Some(following) = &mut self.following {
            following.link.connected(&mut self.outputs);
        }
    }

    pub(super) fn follow_data(&mut self, bytes: &[u8]) {
        if let Some(following) = &mut self.following
            && following.link.receive(bytes)
        {
            self.read_follow();
        }
    }

    pub(super) fn follow_closed(&mut self, why: &str) {
        let Some(following) = &mut self.following else {
            return;
        };
        if following
            .link
            .closed(&self.options.server, &mut self.outputs)
        {
            return;
        }
        if why.is_empty() {
            self.read_follow();
        }
        if self.following.is_some() {
            self.follow_failed(&Failure::Broken(why.to_string()));
        }
    }

    fn read_follow(&mut self) {
        while let Some(following) = &mut self.following {
            match following.link.next() {
                News::Head(head) => following.status = Some(head.status),
                News::Body(bytes) => {
                    if following.status == Some(200) {
                        self.outputs.push_back(CtlOutput::Write(bytes));
                    }
                }
                News::End => return self.follow_ended(),
                News::Nothing => return,
                News::Broken(error) => return self.follow_failed(&Failure::Receive(error)),
            }
        }
    }

    /// The server has said all. A log that cannot be followed is no failure of the client: the
    /// reference says so on standard error and exits with 0.
    fn follow_ended(&mut self) {
        if let Some(following) = self.following.as_ref().filter(|f| f.status != Some(200)) {
            let status = following.status.unwrap_or_default();
            let url = self.options.server.as_str();
            let hint = match status {
                401 | 403 => "user name or password is not right",
                404 => "no such process, or it has no such log",
                410 => "the log is gone",
                _ => "the server's log may say more",
            };
            let line = format!(
                "{url}{}: cannot read, status code {status}; {hint}",
                following.path
            );
            self.outputs.push_back(CtlOutput::PrintError(line));
        }
        self.end_following();
        if self.foreground.is_none() {
            self.finish();
        }
    }

    /// While attached, the calls tell better what became of the server.
    fn follow_failed(&mut self, failure: &Failure) {
        if self.foreground.is_some() {
            self.end_following();
        } else {
            self.fail(failure);
        }
    }

    /// A line for the process.
    pub(super) fn typed(&mut self, text: &str) {
        let Some(foreground) = &self.foreground else {
            return;
        };
        let step = Step::Call(Call {
            method: "supervisor.sendProcessStdin",
            params: Vec::from([foreground.name.as_str().into(), format!("{text}\n").into()]),
            then: Then::ForegroundSent,
            waiting: None,
        });
        let check = foreground.check();
        self.resume(step);
        self.steps.push_back(check);
    }

    /// Attaches: the process runs.
    pub(super) fn enter_foreground(&mut self, name: String) {
        let path = super::link::logtail_path(&name, "stdout");
        self.foreground = Some(Foreground::new(name, self.now));
        self.follow(&path);
    }

    /// The process has ended while attached to it.
    pub(super) fn foreground_killed(&mut self) {
        self.say("Process got killed");
        self.leave_foreground();
    }

    pub(super) fn leave_foreground(&mut self) {
        self.say("Exiting foreground");
        self.finish();
    }
}
