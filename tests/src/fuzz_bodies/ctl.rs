//! Whatever a server sends, a line of supervisorctl ends, and what it prints does not depend on
//! how the answers are cut into reads.

use super::{cuts, seeded};
use std::collections::VecDeque;
use visor_core::Timestamp;
use visor_core::ctl::{
    ACTIONS, Channel, ConnectError, Ctl, CtlInput, CtlOptions, CtlOutput, ServerUrl,
};

/// Separates the words of the line, and then the answers, of which each is a server's reaction.
const NEXT: u8 = 0xff;
/// A line has ended long before so many outputs, whatever the answers.
const OUTPUTS_MAX: usize = 100_000;

/// The first byte decides the cuts, the second the action and the third how the client is to
/// behave. The rest is arguments and answers.
///
/// # Panics
/// If a line does not end, or not always in the same way.
pub fn run(data: &[u8]) {
    let (seed, rest) = seeded(data);
    let (action, rest) = seeded(rest);
    let (options, rest) = seeded(rest);
    let mut parts = rest.split(|byte| *byte == NEXT);
    let action = ACTIONS[usize::from(action) % ACTIONS.len()].name;
    let words = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let line = format!("{action} {words}");
    let answers: Vec<&[u8]> = parts.collect();
    let [whole, single, pieces] = [0, 1, 2].map(|cut| {
        let answers = answers.iter().map(|answer| cuts(answer, seed)[cut].clone());
        outcome(&line, options, &answers.collect::<Vec<_>>())
    });
    for cut in [single, pieces] {
        // What nobody asked for may come too late to be seen.
        assert!(
            whole == cut || cut.had_surplus || whole.had_surplus,
            "{whole:?}\n{cut:?}"
        );
    }
}

/// What the line printed, and how it ended.
#[derive(Debug, Default, Eq, PartialEq)]
struct Outcome {
    out: Vec<u8>,
    errors: Vec<u8>,
    status: u8,
    leave: bool,
    /// The server went on when it was not its turn any more.
    had_surplus: bool,
}

fn outcome(line: &str, options: u8, answers: &[Vec<&[u8]>]) -> Outcome {
    let now = Timestamp::default();
    let mut ctl = Ctl::new(CtlOptions {
        shell: options & 1 == 1,
        json: options & 2 == 2,
        progress: options & 4 == 4,
        ..CtlOptions::new(ServerUrl::parse("http://h:1").expect("an address"))
    });
    ctl.run_line(now, line);
    let mut outcome = Outcome::default();
    let (mut answers, mut pieces) = (answers.iter(), VecDeque::<&[u8]>::new());
    let mut open = Channel::Calls;
    for _ in 0..OUTPUTS_MAX {
        let input = match ctl.poll_output() {
            CtlOutput::Connect { channel, .. } if options & 24 == 24 => CtlInput::ConnectFailed {
                channel,
                error: ConnectError::Refused,
            },
            CtlOutput::Connect { channel, .. } => CtlInput::Connected(channel),
            CtlOutput::Send { channel, .. } => {
                open = channel;
                outcome.had_surplus |= !pieces.is_empty();
                pieces.extend(answers.next().into_iter().flatten());
                continue;
            }
            CtlOutput::Ask { .. } => CtlInput::Answer((options & 32 == 32).then_some("y")),
            CtlOutput::Wait { typing, .. } => match pieces.pop_front() {
                Some(bytes) if !bytes.is_empty() => CtlInput::Data {
                    channel: open,
                    bytes,
                },
                Some(_) | None if typing => CtlInput::TypedEnd,
                Some(_) | None if options & 64 == 64 => CtlInput::Interrupt,
                Some(_) | None => CtlInput::Closed {
                    channel: open,
                    why: "",
                },
            },
            CtlOutput::Done { status, leave } => {
                outcome.had_surplus |= !pieces.is_empty();
                return Outcome {
                    status,
                    leave,
                    ..outcome
                };
            }
            CtlOutput::Print(line) => {
                outcome.out.extend_from_slice(line.as_bytes());
                outcome.out.push(b'\n');
                continue;
            }
            CtlOutput::Write(bytes) => {
                outcome.out.extend_from_slice(&bytes);
                continue;
            }
            CtlOutput::PrintError(line) => {
                outcome.errors.extend_from_slice(line.as_bytes());
                continue;
            }
            CtlOutput::Close(_) | CtlOutput::Progress(_) => continue,
        };
        ctl.handle_input(now, input);
    }
    panic!("{line:?} does not end");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_holds_on_many_inputs() {
        let answer = |body: &str| {
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
        };
        let value = |value: &str| {
            answer(&format!(
                "<methodResponse><params><param><value>{value}</value></param></params>\
                 </methodResponse>"
            ))
        };
        let version = value("<string>3.0</string>");
        let yes = value("<boolean>1</boolean>");
        let list = value("<array><data></data></array>");
        super::super::try_many(
            super::run,
            &[
                b"all\xff",
                b"cat w:*\xff",
                b"-f cat\xff",
                b"\xff",
                &version,
                &yes,
                &list,
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                b"0\r\n\r\n",
            ],
        );
    }
}
