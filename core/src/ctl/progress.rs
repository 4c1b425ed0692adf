//! The line that says who is being waited for while the server starts or stops something.
//!
//! For a group, or for all, it is the server that knows who is not done yet: it is asked now and
//! then, through a connection of its own, because the first one waits.

use super::{
    Channel, Ctl, CtlOutput,
    format::{Process, Verb, processes},
    link::{Link, News, request_bytes},
};
use crate::{
    Timestamp,
    xmlrpc::{Message, decode, encode},
};
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

/// How often the line changes.
const EVERY: Duration = Duration::from_secs(1);
/// How many processes it names.
const NAMES_MAX: usize = 3;
/// Longest answer that is looked at.
const LOOK_BYTES_MAX: usize = 16 << 20;

const STARTING: i64 = 10;
const BACKOFF: i64 = 30;
const STOPPING: i64 = 40;

/// Who is waited for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Who {
    Process(String),
    Group(String),
    All,
}

/// Who is waited for, and to do what: [`Verb::Start`] or [`Verb::Stop`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Waiting {
    pub(super) who: Who,
    pub(super) verb: Verb,
}

impl Waiting {
    /// Whether this process is one that is not done yet.
    fn is_for(&self, process: &Process) -> bool {
        let mine = match &self.who {
            Who::Group(group) => *group == process.group,
            // One alone is not looked for: the line has its name.
            Who::Process(_) | Who::All => true,
        };
        mine && match self.verb {
            Verb::Start => matches!(process.state, STARTING | BACKOFF),
            Verb::Stop => process.state == STOPPING,
            Verb::Signal | Verb::Clear => false,
        }
    }

    fn whom(&self) -> String {
        match &self.who {
            Who::Process(name) => name.clone(),
            Who::Group(group) => format!("{group}:*"),
            Who::All => String::from("all processes"),
        }
    }
}

/// The line, and the look at the server that it is made from.
#[derive(Debug)]
pub(super) struct Progress {
    waiting: Waiting,
    since: Timestamp,
    /// When it changes next.
    pub(super) at: Timestamp,
    shown: bool,
    names: Vec<String>,
    link: Link,
    /// The answer to the look under way.
    look: Option<Vec<u8>>,
}

impl Progress {
    fn text(&self, now: Timestamp) -> String {
        let whom = match self.names.split_at_checked(NAMES_MAX) {
            Some((named, rest)) if !rest.is_empty() => {
                format!("{} and {} more", named.join(", "), rest.len())
            }
            Some(_) | None if self.names.is_empty() => self.waiting.whom(),
            Some(_) | None => self.names.join(", "),
        };
        let seconds = now.saturating_since(self.since).as_secs();
        format!(
            "waiting for {whom} to {}: {seconds} s",
            self.waiting.verb.name()
        )
    }
}

impl Ctl {
    pub(super) fn begin_progress(&mut self, waiting: Waiting) {
        if self.options.progress {
            self.progress = Some(Progress {
                waiting,
                since: self.now,
                at: self.now + EVERY,
                shown: false,
                names: Vec::new(),
                link: Link::new(Channel::Look),
                look: None,
            });
        }
    }

    /// Removes the line, if there is one.
    pub(super) fn end_progress(&mut self) {
        if let Some(mut progress) = self.progress.take() {
            progress.link.close(&mut self.outputs);
            if progress.shown {
                self.outputs.push_back(CtlOutput::Progress(None));
            }
        }
    }

    /// Shows the line anew if it is time to.
    pub(super) fn wake_progress(&mut self) {
        let now = self.now;
        let Some(progress) = self.progress.as_mut().filter(|progress| progress.at <= now) else {
            return;
        };
        progress.at = now + EVERY;
        progress.shown = true;
        let text = progress.text(now);
        self.outputs.push_back(CtlOutput::Progress(Some(text)));
        let alone = matches!(progress.waiting.who, Who::Process(_));
        if alone || progress.look.is_some() {
            return;
        }
        progress.look = Some(Vec::new());
        let body = encode(&Message::Call {
            method: "supervisor.getAllProcessInfo".to_string(),
            params: Vec::new(),
        });
        let authorization = self.authorization();
        let server = &self.options.server;
        let bytes = request_bytes(
            "/RPC2",
            server,
            authorization.as_deref(),
            Some(body.as_bytes()),
        );
        if let Some(progress) = &mut self.progress {
            progress.link.request(bytes, server, &mut self.outputs);
        }
    }

    pub(super) fn look_connected(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.link.connected(&mut self.outputs);
        }
    }

    /// A look that fails is a look not taken: the line goes on without names.
    pub(super) fn look_failed(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.link.close(&mut self.outputs);
            progress.look = None;
        }
    }

    pub(super) fn look_data(&mut self, bytes: &[u8]) {
        let Some(progress) = &mut self.progress else {
            return;
        };
        if !progress.link.receive(bytes) {
            return;
        }
        loop {
            match (progress.link.next(), &mut progress.look) {
                (News::Head(_), _) => {}
                (News::Body(bytes), Some(look)) if look.len() < LOOK_BYTES_MAX => {
                    look.extend_from_slice(&bytes);
                }
                (News::End, Some(look)) => {
                    if let Ok(Message::Response(value)) = decode(look) {
                        let waiting = &progress.waiting;
                        let all = processes(&value);
                        let late = all.iter().filter(|process| waiting.is_for(process));
                        progress.names = late.map(Process::full_name).collect();
                    }
                    progress.look = None;
                    progress.link.settle(&mut self.outputs);
                    return;
                }
                (News::Nothing, _) => return,
                (News::Body(_) | News::End | News::Broken(_), _) => return self.look_failed(),
            }
        }
    }
}
