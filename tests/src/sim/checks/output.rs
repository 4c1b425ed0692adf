//! Every byte a child wrote reaches its log once, in order, or is counted as lost.

use super::{Checker, Kind, Verdict, View, ensure};
use std::collections::{BTreeMap, VecDeque};
use visor_core::config::LogTarget;
use visor_core::{Action, Input, LogId, ProcessState, SpawnId, Stream, Timestamp, Transition};

#[derive(Clone, Default)]
pub(super) struct Outputs {
    owners: BTreeMap<SpawnId, visor_core::ProcessId>,
    /// Read from a child, to be written to a log.
    pending: VecDeque<(LogId, Vec<u8>)>,
    lost: BTreeMap<LogId, u64>,
    /// How much was lost when something was read that may be a try to write again.
    lost_before: Vec<(LogId, u64)>,
}

impl Checker for Outputs {
    fn name(&self) -> &'static str {
        "output"
    }

    fn before(&mut self, view: View<'_>, input: &Input<'_>) -> Verdict {
        match input {
            Input::ChildOutput {
                spawn,
                stream,
                data,
            } => {
                let owner = self.owners.get(spawn).copied();
                // Output that comes after the exit was reported is nobody's.
                if !view.kernel.lives(*spawn) {
                    return Ok(());
                }
                let fact = owner.and_then(|id| Some((id, view.facts.processes.get(&id)?)));
                let Some((id, fact)) = fact else {
                    return Ok(());
                };
                let config = match stream {
                    Stream::Stdout => &fact.config.stdout,
                    Stream::Stderr if fact.config.redirect_stderr => return Ok(()),
                    Stream::Stderr => &fact.config.stderr,
                };
                if !matches!(config.logfile, LogTarget::None | LogTarget::Syslog) {
                    let log = LogId::Child(id, *stream);
                    let lost = self.lost.get(&log).copied().unwrap_or(0);
                    self.lost_before.push((log, lost));
                    self.pending.push_back((log, data.to_vec()));
                }
            }
            Input::LogFailed {
                log, lost_bytes, ..
            } => *self.lost.entry(*log).or_default() += lost_bytes,
            _ => {}
        }
        Ok(())
    }

    fn change(&mut self, _view: View<'_>, _input: &Input<'_>, change: &Transition) -> Verdict {
        if let (ProcessState::Starting, Some(spawn)) = (change.to, change.spawn) {
            self.owners.insert(spawn, change.process);
        }
        Ok(())
    }

    fn action(&mut self, view: View<'_>, action: &Action) -> Verdict {
        match action {
            Action::WriteLog {
                log: log @ LogId::Child(..),
                data,
            } => {
                while let Some((expected, bytes)) = self.pending.pop_front() {
                    if expected == *log && bytes == *data {
                        view.note(Kind::Logged);
                        return Ok(());
                    }
                    self.drop_chunk(view, expected, &bytes)?;
                }
                return Err(format!("{log:?} gets what no child wrote"));
            }
            Action::WriteLog {
                log: LogId::Activity,
                data,
            } => self.admitted(view, data)?,
            _ => {}
        }
        Ok(())
    }

    fn rest(&mut self, view: View<'_>, _wait: Option<Timestamp>) -> Verdict {
        while let Some((log, bytes)) = self.pending.pop_front() {
            self.drop_chunk(view, log, &bytes)?;
        }
        self.lost_before.clear();
        if self.owners.len() > 1_000 {
            self.owners.retain(|spawn, _| view.kernel.lives(*spawn));
        }
        Ok(())
    }
}

impl Outputs {
    fn drop_chunk(&mut self, view: View<'_>, log: LogId, bytes: &[u8]) -> Verdict {
        ensure!(
            view.kernel.has_failed(log),
            "{log:?} works, but {} bytes are not written",
            bytes.len()
        );
        *self.lost.entry(log).or_default() += bytes.len() as u64;
        view.note(Kind::Lost);
        Ok(())
    }

    /// What the log says was lost is what was lost.
    fn admitted(&mut self, view: View<'_>, line: &[u8]) -> Verdict {
        let text = String::from_utf8_lossy(line);
        let Some((head, tail)) = text.split_once(" can be written again, ") else {
            return Ok(());
        };
        let said: u64 = tail
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(u64::MAX);
        let Some((_, rest)) = head.split_once(" log of '") else {
            return Ok(());
        };
        let name = rest.split('\'').next().unwrap_or_default();
        let stream = if head.contains(" stderr log of ") {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        // Two groups of different configurations may have processes of one name.
        let is_it = |log: LogId| match log {
            LogId::Child(id, of) => {
                let fact = view.facts.processes.get(&id);
                of == stream && fact.is_some_and(|fact| fact.config.name == name)
            }
            LogId::Activity => false,
        };
        let mut before = self.lost_before.iter();
        let found = before.find(|(log, lost)| *lost == said && is_it(*log));
        // An admission that could not be logged itself was not seen.
        let unsure = view.kernel.has_failed(LogId::Activity);
        ensure!(
            found.is_some() || unsure,
            "{name}: {said} bytes lost, really one of {:?}",
            self.lost_before
        );
        if let Some(lost) = found.and_then(|(log, _)| self.lost.get_mut(log)) {
            *lost -= said;
            view.note(Kind::Admitted);
        }
        Ok(())
    }
}
