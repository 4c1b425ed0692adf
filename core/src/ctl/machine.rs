//! The machine itself: one line at a time becomes steps, steps become calls, answers become lines.

use super::{
    Channel, CtlInput, CtlOptions, CtlOutput,
    actions::Action,
    answers::Then,
    failure::Failure,
    format::exit,
    line::{self, Line},
    link::{Link, News, request_bytes},
    progress::{Progress, Waiting},
    stream::{Following, Foreground},
};
use crate::{
    Timestamp,
    http::client::{ReceiveError, basic_authorization},
    xmlrpc::{Limits, Message, Value, decode_within, encode},
};
use alloc::{
    boxed::Box,
    collections::VecDeque,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

/// Longest answer to a call. The reference has no limit; logs of this size do not fit a terminal.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Most values in an answer.
const ANSWER_VALUES_MAX: usize = 1 << 24;

/// A call to make.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) params: Vec<Value>,
    pub(super) then: Then,
    /// Who is waited for on the server's side, if the answer may take its time.
    pub(super) waiting: Option<Waiting>,
}

/// What is still to be done for the line.
#[derive(Debug)]
pub(super) enum Step {
    Call(Call),
    /// Follow a log at this path.
    Follow(String),
    /// Ask whether to go on.
    Confirm(&'static str),
    /// Arguments that are not understood: the line to print, whose help follows, the exit status.
    Misuse(String, Option<Action>, u8),
    /// Print the items collected for `--json` as one array.
    Items,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Question {
    Confirm,
    Username,
    Password,
}

/// A call under way.
#[derive(Debug)]
struct Pending {
    method: &'static str,
    then: Then,
    /// When the server is taken for dead.
    deadline: Option<Timestamp>,
    status: Option<(u16, String)>,
    body: Vec<u8>,
}

#[derive(Debug)]
enum Doing {
    Nothing,
    Call(Box<Pending>),
    Ask(Question),
    Following,
    Foreground,
}

/// The client. See the [module](super) for how to drive it.
///
/// - [`run_line`](Self::run_line) and [`complete`](Self::complete) begin; the last line must be done.
/// - [`handle_input`](Self::handle_input) takes what happened, at any time.
/// - [`poll_output`](Self::poll_output) says what to do next.
#[derive(Debug)]
pub struct Ctl {
    pub(super) options: CtlOptions,
    pub(super) outputs: VecDeque<CtlOutput>,
    pub(super) steps: VecDeque<Step>,
    pub(super) action: Action,
    pub(super) exit: u8,
    pub(super) leave: bool,
    pub(super) following: Option<Following>,
    pub(super) foreground: Option<Foreground>,
    pub(super) progress: Option<Progress>,
    /// JSON texts collected for one array.
    pub(super) items: Vec<String>,
    pub(super) now: Timestamp,
    line: String,
    link: Link,
    doing: Doing,
}

impl Ctl {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(options: CtlOptions) -> Self {
        Self {
            options,
            outputs: VecDeque::new(),
            steps: VecDeque::new(),
            action: Action::Help,
            exit: exit::OK,
            leave: false,
            following: None,
            foreground: None,
            progress: None,
            items: Vec::new(),
            now: Timestamp::default(),
            line: String::new(),
            link: Link::new(Channel::Calls),
            doing: Doing::Nothing,
        }
    }

    /// Begins a line, as typed in the shell or joined from the words of a command line.
    pub fn run_line(&mut self, now: Timestamp, line: &str) {
        self.now = now;
        self.begin(line);
        self.advance();
    }

    /// Begins to print what could complete the last word of `line`, one candidate per line. Says
    /// nothing about failures: whoever presses Tab wants no error message.
    pub fn complete(&mut self, now: Timestamp, line: &str) {
        self.now = now;
        self.reset();
        self.action = Action::Complete;
        self.plan_complete(line);
        if self.steps.is_empty() {
            self.finish();
        }
        self.advance();
    }

    /// Takes what happened. Legal at any time; what fits no state is passed over.
    pub fn handle_input(&mut self, now: Timestamp, input: CtlInput<'_>) {
        self.now = self.now.max(now);
        match input {
            CtlInput::Connected(channel) => match channel {
                Channel::Calls => self.link.connected(&mut self.outputs),
                Channel::Follow => self.follow_connected(),
                Channel::Look => self.look_connected(),
            },
            CtlInput::ConnectFailed { channel, error } => match channel {
                // While attached, the calls tell better what became of the server.
                Channel::Follow if self.foreground.is_some() => {}
                Channel::Calls | Channel::Follow => self.fail(&Failure::Connect(error)),
                Channel::Look => self.look_failed(),
            },
            CtlInput::Data { channel, bytes } => match channel {
                Channel::Calls => {
                    if self.link.receive(bytes) {
                        self.read_answer();
                    }
                }
                Channel::Follow => self.follow_data(bytes),
                Channel::Look => self.look_data(bytes),
            },
            CtlInput::Closed { channel, why } => match channel {
                Channel::Calls => self.calls_closed(why),
                Channel::Follow => self.follow_closed(why),
                Channel::Look => self.look_failed(),
            },
            CtlInput::Answer(answer) => self.answered(answer),
            CtlInput::Typed(text) => {
                if matches!(self.doing, Doing::Foreground) {
                    self.typed(text);
                }
            }
            CtlInput::TypedEnd => {
                if self.foreground.is_some() {
                    self.leave_foreground();
                }
            }
            CtlInput::Interrupt => self.interrupt(),
            CtlInput::Wake => self.wake(),
        }
        self.advance();
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> CtlOutput {
        self.outputs.pop_front().unwrap_or_else(|| self.wait())
    }

    /// How the client behaves: `open` changes the server, a question user name and password.
    #[must_use]
    pub const fn options(&self) -> &CtlOptions {
        &self.options
    }

    fn begin(&mut self, line: &str) {
        self.line = line.to_string();
        self.reset();
        match line::parse(line) {
            Line::Empty => {}
            Line::Unknown(line) => {
                self.exit = exit::GENERIC;
                self.say(format!("*** Unknown syntax: {line}"));
            }
            Line::Action(action, arguments) => {
                self.action = action;
                self.plan(arguments);
            }
        }
        if self.steps.is_empty() {
            self.finish();
        }
    }

    fn reset(&mut self) {
        self.exit = exit::OK;
        self.leave = false;
        self.steps.clear();
        self.items.clear();
    }

    /// Makes the next step unless something is under way.
    fn advance(&mut self) {
        while matches!(self.doing, Doing::Nothing) {
            let Some(step) = self.steps.pop_front() else {
                return;
            };
            match step {
                Step::Call(call) => self.call(call),
                Step::Follow(path) => {
                    self.doing = Doing::Following;
                    self.follow(&path);
                }
                Step::Confirm(prompt) => self.ask(prompt, Question::Confirm),
                Step::Misuse(message, help, status) => {
                    self.exit = status;
                    self.complain(message);
                    let colour = self.options.colour;
                    let help = help.and_then(Action::help);
                    for line in help.map(|h| h.lines(colour)).unwrap_or_default() {
                        self.complain(line);
                    }
                }
                Step::Items => {
                    let items = core::mem::take(&mut self.items);
                    self.say(super::json::array(&items));
                }
            }
            if self.steps.is_empty() && matches!(self.doing, Doing::Nothing) {
                self.end_of_steps();
            }
        }
    }

    fn end_of_steps(&mut self) {
        if let Some(foreground) = &mut self.foreground {
            foreground.rest(self.now);
            self.doing = Doing::Foreground;
        } else {
            self.finish();
        }
    }

    /// Ends the line.
    pub(super) fn finish(&mut self) {
        self.doing = Doing::Nothing;
        self.steps.clear();
        self.foreground = None;
        self.end_following();
        self.end_progress();
        self.link.close(&mut self.outputs);
        self.outputs.push_back(CtlOutput::Done {
            status: self.exit,
            leave: self.leave,
        });
    }

    fn call(&mut self, call: Call) {
        let message = Message::Call {
            method: call.method.to_string(),
            params: call.params,
        };
        let body = encode(&message);
        let authorization = self.authorization();
        let server = &self.options.server;
        let bytes = request_bytes(
            "/RPC2",
            server,
            authorization.as_deref(),
            Some(body.as_bytes()),
        );
        let waits = call.waiting.is_some();
        self.doing = Doing::Call(Box::new(Pending {
            method: call.method,
            then: call.then,
            deadline: (!waits).then(|| self.now + self.options.answer_limit),
            status: None,
            body: Vec::new(),
        }));
        self.link.request(bytes, server, &mut self.outputs);
        if let Some(waiting) = call.waiting {
            self.begin_progress(waiting);
        }
    }

    pub(super) fn authorization(&self) -> Option<String> {
        let options = &self.options;
        (!options.username.is_empty())
            .then(|| basic_authorization(&options.username, &options.password))
    }

    fn read_answer(&mut self) {
        loop {
            let Doing::Call(pending) = &mut self.doing else {
                return;
            };
            match self.link.next() {
                News::Head(head) => pending.status = Some((head.status, head.reason)),
                News::Body(bytes) => {
                    if is_too_long(pending.body.len(), bytes.len()) {
                        return self.fail(&Failure::TooLong(ANSWER_BYTES_MAX));
                    }
                    pending.body.extend_from_slice(&bytes);
                }
                News::End => {
                    self.link.settle(&mut self.outputs);
                    self.call_done();
                }
                News::Nothing => return,
                News::Broken(error) => return self.fail(&Failure::Receive(error)),
            }
        }
    }

    fn call_done(&mut self) {
        let Doing::Call(pending) = core::mem::replace(&mut self.doing, Doing::Nothing) else {
            return;
        };
        self.end_progress();
        match pending.status {
            Some((200, _)) => {}
            Some((401, _)) => return self.unauthorized(),
            Some((status, reason)) => {
                return self.fail_at(&Failure::Status(status, reason), false);
            }
            None => return self.fail_at(&Failure::Receive(ReceiveError::Malformed), false),
        }
        let result = match decode_within(&pending.body, answer_limits()) {
            Ok(Message::Response(value)) => Ok(value),
            Ok(Message::Fault { code, text }) => Err((code, text)),
            Ok(Message::Call { .. }) | Err(_) => {
                return self.fail_at(&Failure::NotXmlRpc, false);
            }
        };
        self.answer(pending.method, pending.then, result);
        if self.steps.is_empty() && matches!(self.doing, Doing::Nothing) && !self.is_done() {
            self.end_of_steps();
        }
    }

    /// Whether the line's end is already on its way to the driver.
    fn is_done(&self) -> bool {
        matches!(self.outputs.back(), Some(CtlOutput::Done { .. }))
    }

    fn calls_closed(&mut self, why: &str) {
        if self.link.closed(&self.options.server, &mut self.outputs) {
            return;
        }
        if why.is_empty() {
            // The end of the connection may be the end of the answer.
            self.read_answer();
        }
        let Doing::Call(pending) = &self.doing else {
            return;
        };
        let failure = if pending.status.is_some() && why.is_empty() {
            Failure::Receive(ReceiveError::Truncated)
        } else {
            Failure::Broken(why.to_string())
        };
        self.fail(&failure);
    }

    /// Ends the line because of a failure of the call under way, or of what is followed.
    pub(super) fn fail(&mut self, failure: &Failure) {
        let mut checking = false;
        match core::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Call(pending) => {
                checking = pending.then == Then::Check;
                self.end_progress();
            }
            Doing::Following | Doing::Foreground => {}
            Doing::Nothing | Doing::Ask(_) => return,
        }
        self.fail_at(failure, checking);
    }

    pub(super) fn fail_at(&mut self, failure: &Failure, checking: bool) {
        if self.action != Action::Complete {
            let line = failure.line(&self.options.server, self.action);
            let line = match line.strip_prefix("error:") {
                Some(sentence) if self.options.colour => format!("\x1b[31merror:\x1b[0m{sentence}"),
                Some(_) | None => line,
            };
            self.complain(line);
        }
        self.exit = failure.exit(self.action, checking);
        self.finish();
    }

    fn unauthorized(&mut self) {
        if self.action != Action::Complete {
            self.complain("Server requires authentication".to_string());
        }
        if self.options.shell {
            self.ask("Username:", Question::Username);
        } else {
            self.fail_at(&Failure::Unauthorized, false);
        }
    }

    fn ask(&mut self, prompt: &'static str, question: Question) {
        self.doing = Doing::Ask(question);
        self.outputs.push_back(CtlOutput::Ask {
            prompt,
            secret: question == Question::Password,
        });
    }

    fn answered(&mut self, answer: Option<&str>) {
        let Doing::Ask(question) = self.doing else {
            return;
        };
        self.doing = Doing::Nothing;
        let Some(answer) = answer else {
            self.exit = exit::GENERIC;
            self.say(String::new());
            return self.finish();
        };
        match question {
            Question::Confirm => {
                if !answer.starts_with(['y', 'Y']) {
                    self.finish();
                }
            }
            Question::Username => {
                self.options.username = answer.to_string();
                self.ask("Password:", Question::Password);
            }
            Question::Password => {
                self.options.password = answer.to_string();
                self.say(String::new());
                let line = core::mem::take(&mut self.line);
                self.begin(&line);
            }
        }
    }

    fn interrupt(&mut self) {
        match &self.doing {
            Doing::Nothing => {}
            Doing::Following => {
                self.say(String::new());
                self.finish();
            }
            Doing::Call(_) | Doing::Foreground | Doing::Ask(_) if self.foreground.is_some() => {
                self.leave_foreground();
            }
            Doing::Call(_) => {
                self.exit = exit::INTERRUPTED;
                self.finish();
            }
            Doing::Foreground | Doing::Ask(_) => self.answered(None),
        }
    }

    fn wake(&mut self) {
        let now = self.now;
        match &mut self.doing {
            Doing::Call(pending) => {
                if pending.deadline.is_some_and(|deadline| deadline <= now) {
                    let seconds = self.options.answer_limit.as_secs();
                    return self.fail(&Failure::Silent(seconds));
                }
                self.wake_progress();
            }
            Doing::Foreground => {
                if let Some(foreground) = self.foreground.as_ref().filter(|f| f.check_at <= now) {
                    let step = foreground.check();
                    self.doing = Doing::Nothing;
                    self.steps.push_back(step);
                }
            }
            Doing::Nothing | Doing::Ask(_) | Doing::Following => {}
        }
    }

    fn wait(&self) -> CtlOutput {
        let deadline = match &self.doing {
            // A call has a deadline, or it waits and shows that.
            Doing::Call(pending) => pending
                .deadline
                .or_else(|| self.progress.as_ref().map(|progress| progress.at)),
            Doing::Foreground => self.foreground.as_ref().map(|f| f.check_at),
            Doing::Nothing | Doing::Ask(_) | Doing::Following => None,
        };
        CtlOutput::Wait {
            deadline,
            typing: matches!(self.doing, Doing::Foreground),
        }
    }

    /// Makes the foreground's next step although nothing was under way.
    pub(super) fn resume(&mut self, step: Step) {
        self.doing = Doing::Nothing;
        self.steps.push_back(step);
    }

    /// A line for standard output.
    pub(super) fn say(&mut self, line: impl Into<String>) {
        self.outputs.push_back(CtlOutput::Print(line.into()));
    }

    /// A line about something that went wrong. It goes where the reference prints it, to standard
    /// output; with `--json`, whose output programs parse, to standard error.
    pub(super) fn complain(&mut self, line: impl Into<String>) {
        let line = line.into();
        self.outputs.push_back(if self.options.json {
            CtlOutput::PrintError(line)
        } else {
            CtlOutput::Print(line)
        });
    }
}

/// Whether an answer has too much with what has come of it now.
fn is_too_long(have: usize, more: usize) -> bool {
    have.saturating_add(more) > ANSWER_BYTES_MAX
}

/// What a server says may be longer than what it is told.
fn answer_limits() -> Limits {
    Limits {
        bytes: ANSWER_BYTES_MAX,
        values: ANSWER_VALUES_MAX,
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_long_but_not_without_end() {
        assert!(!is_too_long(0, ANSWER_BYTES_MAX));
        assert!(!is_too_long(ANSWER_BYTES_MAX - 1, 1));
        assert!(is_too_long(ANSWER_BYTES_MAX, 1));
        assert!(is_too_long(2, usize::MAX));
        let (limits, usual) = (answer_limits(), Limits::default());
        assert_eq!((limits.bytes, limits.values), (268_435_456, 16_777_216));
        assert!(limits.bytes > usual.bytes && limits.values > usual.values);
    }
}
