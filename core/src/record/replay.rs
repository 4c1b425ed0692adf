//! Deciding again.

use super::again::Reads;
use super::{Entry, Header, Tally};
use crate::{Action, Now, Output, Supervisor, Transition};
use alloc::vec::Vec;
use core::fmt;

/// A supervisor that is told again what it was told once.
#[derive(Debug)]
pub struct Replay {
    supervisor: Supervisor,
    now: Now,
    tally: Tally,
    masked: bool,
    reads: Reads,
}

/// The replay did something else than the recorded supervisor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Divergence {
    /// What the recording says had been polled.
    pub recorded: Tally,
    /// What the replay has to offer.
    pub replayed: Tally,
    /// What the replay wanted since the last input: one of these is different, or was not wanted.
    pub actions: Vec<Action>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recorded, replayed) = (self.recorded.count(), self.replayed.count());
        if recorded == replayed {
            let which = self.actions.len();
            write!(f, "of {recorded} actions, one of the last {which} differs")
        } else {
            write!(
                f,
                "{recorded} actions were recorded, the replay has {replayed}"
            )
        }
    }
}

impl core::error::Error for Divergence {}

impl Replay {
    /// Starts again.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let now = header.now;
        let mut supervisor = Supervisor::new(header.config, header.boot, now);
        supervisor.keep_transitions();
        if header.masked {
            supervisor.expect_marks();
        }
        Self {
            supervisor,
            now,
            tally: Tally::default(),
            masked: header.masked,
            reads: Reads::default(),
        }
    }

    /// Polls as many actions as had been polled then, and tells the input. Returns those actions,
    /// which are what came of earlier inputs.
    ///
    /// # Errors
    /// They are not the recorded ones.
    pub fn step(&mut self, entry: Entry<'_>) -> Result<Vec<Action>, Divergence> {
        let actions = self.poll_to(entry.before)?;
        self.now = entry.since.after(self.now);
        let input = entry.whole(&mut self.reads);
        self.supervisor.handle_input(self.now, input);
        Ok(actions)
    }

    /// What the recorded supervisor wanted last, after which it was told nothing more: nobody
    /// knows whether all of it was done.
    pub fn rest(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Output::Action(action) = self.supervisor.poll_output() {
            self.tally.add(&action, self.masked);
            actions.push(action);
        }
        actions
    }

    /// Polls as many actions as had been polled before the next entry, of which this is the tally;
    /// [`step`](Self::step) does so itself.
    ///
    /// # Errors
    /// They are not the recorded ones.
    pub fn poll_to(&mut self, before: Tally) -> Result<Vec<Action>, Divergence> {
        let recorded = before.behind(self.tally);
        let mut actions = Vec::new();
        while self.tally.count() < recorded.count() {
            let Output::Action(action) = self.supervisor.poll_output() else {
                break;
            };
            self.tally.add(&action, self.masked);
            actions.push(action);
        }
        if self.tally == recorded {
            Ok(actions)
        } else {
            Err(Divergence {
                recorded,
                replayed: self.tally,
                actions,
            })
        }
    }

    /// All changes of state since the last call, oldest first.
    pub fn transitions(&mut self) -> Vec<Transition> {
        self.supervisor.transitions()
    }

    /// How many actions have been polled so far.
    #[must_use]
    pub const fn actions(&self) -> u64 {
        self.tally.count()
    }

    /// When the last entry was.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// The supervisor as it is now.
    #[must_use]
    pub const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }
}

#[cfg(test)]
mod tests {
    use super::super::Since;
    use super::*;
    use crate::config::Config;
    use crate::{Boot, Input, LogId, Pid};

    fn header() -> Header {
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: Vec::new(),
        };
        Header::new(Config::embedded(), boot, Now::default())
    }

    #[test]
    fn a_tally_depends_on_content_and_order() {
        let write = |data: &[u8]| Action::WriteLog {
            log: LogId::Activity,
            data: data.into(),
        };
        let of = |actions: &[Action]| {
            let mut tally = Tally::default();
            actions.iter().for_each(|action| tally.add(action, false));
            tally
        };
        let (a, b) = (write(b"a"), write(b"b\0"));
        assert_eq!(of(&[a.clone(), b.clone()]), of(&[a.clone(), b.clone()]));
        assert_ne!(of(&[a.clone(), b.clone()]), of(&[b.clone(), a.clone()]));
        assert_ne!(of(&[a.clone(), b]), of(&[a, write(b"b")]));
    }

    #[test]
    fn a_replay_notices_what_was_not_decided() {
        let mut replay = Replay::new(header());
        let actions = replay.rest();
        let mut recorded = Tally::default();
        // One action more than there is.
        actions
            .iter()
            .chain([&Action::Ready])
            .for_each(|action| recorded.add(action, false));
        let entry = Entry::new(Since::default(), &Input::Wake, recorded);
        let divergence = Replay::new(header()).step(entry).unwrap_err();
        assert_eq!(divergence.recorded, recorded);
        assert_eq!(divergence.actions, actions);
    }

    /// What a supervisor did that was told to shut down: the recording, and its last tally.
    fn recorded() -> (Vec<Entry<'static>>, Tally) {
        let header = header();
        let mut supervisor = Supervisor::new(header.config, header.boot, header.now);
        let (mut tally, mut entries) = (Tally::default(), Vec::new());
        for input in [
            &Input::Wake,
            &Input::Command(crate::Command::Shutdown),
            &Input::Wake,
        ] {
            while let Output::Action(action) = supervisor.poll_output() {
                tally.add(&action, false);
            }
            entries.push(Entry::new(Since::default(), input, tally.take()));
            supervisor.handle_input(header.now, input.clone());
        }
        while let Output::Action(action) = supervisor.poll_output() {
            tally.add(&action, false);
        }
        (entries, tally)
    }

    #[test]
    fn a_replay_does_what_was_done() {
        let (entries, end) = recorded();
        let told = entries.iter().map(|entry| entry.before.count());
        let all = told.sum::<u64>() + end.count();
        assert!(all > 0);
        let mut replay = Replay::new(header());
        let mut count = 0;
        for entry in entries {
            count += replay.step(entry).unwrap().len() as u64;
        }
        count += replay.poll_to(end).unwrap().len() as u64;
        assert_eq!((count, replay.actions()), (all, all));
        assert!(replay.rest().is_empty());
        assert_eq!(replay.supervisor().mood(), crate::Mood::Shutdown);
    }

    #[test]
    fn a_replay_is_at_the_time_of_its_last_entry() {
        let actions = Replay::new(header()).rest();
        let mut before = Tally::default();
        actions.iter().for_each(|action| before.add(action, false));
        let mut replay = Replay::new(header());
        assert_eq!(replay.now(), Now::default());
        let since = Since {
            mono_nanos: 5,
            wall_ahead_nanos: 2,
            utc_offset_secs: 3600,
        };
        replay
            .step(Entry::new(since, &Input::Wake, before))
            .unwrap();
        assert_eq!(replay.now(), since.after(Now::default()));
        let none = Tally::default();
        replay.step(Entry::new(since, &Input::Wake, none)).unwrap();
        assert_eq!(replay.now(), since.after(since.after(Now::default())));
    }

    #[test]
    fn a_replay_tells_each_change_of_state_once() {
        let mut header = header();
        let web = crate::config::ProcessConfig::new("web", "/bin/web");
        header.config = Config::embedded().program(web);
        let mut replay = Replay::new(header);
        let shutdown = Input::Command(crate::Command::Shutdown);
        replay.supervisor.handle_input(Now::default(), shutdown);
        let to: Vec<_> = replay.transitions().iter().map(|t| t.to).collect();
        assert_eq!(to, [crate::ProcessState::Stopping]);
        assert!(replay.transitions().is_empty());
    }

    #[test]
    fn as_much_of_something_else_is_noticed_and_said() {
        for masked in [false, true] {
            let mut header = header();
            header.masked = masked;
            let divergence = Replay::new(header).poll_to(Tally::from((1, 1)));
            let divergence = divergence.unwrap_err();
            let text = "of 1 actions, one of the last 1 differs";
            assert_eq!(alloc::string::ToString::to_string(&divergence), text);
        }
        let divergence = Divergence {
            recorded: Tally::from((3, 3)),
            replayed: Tally::from((5, 5)),
            actions: Vec::new(),
        };
        let text = "3 actions were recorded, the replay has 5";
        assert_eq!(alloc::string::ToString::to_string(&divergence), text);
    }
}
