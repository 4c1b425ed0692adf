//! What is written of an input.

use super::again::Reads;
use super::mask::Masker;
use super::{Header, Since};
use crate::{Input, Now, Supervisor, Timestamp};
use alloc::borrow::Cow;
use core::time::Duration;

/// Output that nothing looks into is kept for those who read the recording if a read is no longer
/// than this: the last words of a program are.
const OUTPUT_KEPT_BYTES: usize = 256;
/// So many such reads are kept in a while: who writes more is no program that has a last word to say,
/// and its log has it all.
const OUTPUTS_KEPT_MAX: u32 = 10;
/// A while.
const OUTPUTS_KEPT_TIME: Duration = Duration::from_millis(100);

/// Edits one recording: leaves out secrets, if it is a masked one, and what is in it already.
#[derive(Debug, Default)]
pub struct Editor {
    masker: Option<Masker>,
    reads: Reads,
    /// The time of the last entry.
    last: Now,
    /// Since when outputs that are kept are counted, and how many there were.
    kept: (Timestamp, u32),
}

impl Editor {
    /// `masked`: without passwords, values of environments, what clients write to programs, and
    /// what programs write.
    #[must_use]
    pub fn new(masked: bool) -> Self {
        Self {
            masker: masked.then(Masker::default),
            ..Self::default()
        }
    }

    /// The start of the recording.
    pub fn begin(&mut self, header: &mut Header) {
        self.last = header.now;
        if let Some(masker) = &mut self.masker {
            masker.begin(header);
        }
    }

    /// Whether secrets are left out.
    #[must_use]
    pub const fn masks(&self) -> bool {
        self.masker.is_some()
    }

    /// The time of an entry, as it is written.
    pub(super) const fn since(&mut self, now: Now) -> Since {
        let since = Since::between(self.last, now);
        self.last = now;
        since
    }

    /// Whether a read of output is written though nothing looks into it.
    pub(super) fn keeps(&mut self, now: Timestamp, length: usize) -> bool {
        if self.masks() || length > OUTPUT_KEPT_BYTES {
            return false;
        }
        if now.saturating_since(self.kept.0) >= OUTPUTS_KEPT_TIME {
            self.kept = (now, 0);
        }
        self.kept.1 = self.kept.1.saturating_add(1);
        self.kept.1 <= OUTPUTS_KEPT_MAX
    }

    /// An input as it is written, and whether it is what its client sent last.
    pub(super) fn edit<'a>(
        &mut self,
        supervisor: &Supervisor,
        input: &'a Input<'a>,
    ) -> (Cow<'a, Input<'a>>, bool) {
        let input = match &mut self.masker {
            Some(masker) => masker.mask(supervisor, input),
            None => Cow::Borrowed(input),
        };
        let is_again = self.reads.note(&input);
        (input, is_again)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Replay, Tally};
    use super::*;
    use crate::config::Config;
    use crate::{Boot, ConnId, Output, Pid, ServerId};
    use alloc::string::String;
    use alloc::vec::Vec;

    const REQUEST: &[u8] = b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn short_outputs_are_kept_so_many_in_a_while_and_never_in_a_masked_recording() {
        let at = |millis: u64| Timestamp::from_nanos(millis * 1_000_000);
        let mut editor = Editor::new(false);
        assert!(!editor.keeps(at(1_000), 257));
        for number in 0..12 {
            assert_eq!(editor.keeps(at(1_000), 256), number < 10, "{number}");
        }
        assert!(!editor.keeps(at(1_099), 1));
        assert!(editor.keeps(at(1_100), 1));
        assert!(!Editor::new(true).keeps(at(1_000), 1));
    }

    #[test]
    fn what_a_client_sends_again_is_not_written_again_and_replayed_all_the_same() {
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: Vec::new(),
        };
        let mut config = Config::embedded();
        config.servers.push(crate::config::ServerConfig {
            section: "unix_http_server".into(),
            address: crate::config::ServerAddress::Unix {
                path: "s".into(),
                mode: 0o600,
                owner: None,
            },
            credentials: None,
        });
        for masked in [false, true] {
            let mut header = Header::new(config.clone(), boot.clone(), Now::default());
            let mut live = Supervisor::new(config.clone(), boot.clone(), header.now);
            let (mut editor, mut tally) = (Editor::new(masked), Tally::default());
            let mut polled = 0;
            editor.begin(&mut header);
            let (conn, server) = (ConnId(1), ServerId(0));
            let data = REQUEST.into();
            let peer = String::new();
            let opened = Input::ConnOpened { conn, server, peer };
            let asks = Input::ConnData { conn, data };
            let mut written = Vec::new();
            for input in [
                &Input::Listening { server },
                &opened,
                &asks,
                &asks,
                &Input::Wake,
            ] {
                while let Output::Action(action) = live.poll_output() {
                    tally.add(&action, masked);
                    polled += 1;
                }
                let entry = Entry::recorded(&live, &mut editor, header.now, input, tally.take());
                written.push(serde_json::to_string(&entry).unwrap());
                live.handle_input(header.now, input.clone());
            }
            assert!(written[2].contains("nowhere") && !written[3].contains("nowhere"));
            let mut replay = Replay::new(header);
            let replayed = written.iter().map(|line| {
                let entry: Entry<'_> = serde_json::from_str(line).unwrap();
                replay.step(entry).unwrap().len() as u64
            });
            assert_eq!(replayed.sum::<u64>(), polled);
        }
    }
}
