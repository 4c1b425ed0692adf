//! A running digest of what a supervisor decided.

use crate::event::output_event;
use crate::{Action, LogId, SpawnSpec};
use core::hash::{Hash, Hasher};
use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

/// How the activity log says what was sent instead of a call; the rest of the line shows it.
const REFUSED_CALL: &[u8] = b"XML-RPC request data ";

/// A count and a digest of actions, in order. The same on every machine.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u64, u32)", into = "(u64, u32)")]
pub struct Tally {
    count: u64,
    digest: u32,
}

impl Tally {
    /// One more action. What children write counts by its length, in logs and in events: a
    /// recording may not have it. `masked`: so does all that a masked recording hides or replaces.
    pub fn add(&mut self, action: &Action, masked: bool) {
        let mut digest = Digest(u64::from(self.digest));
        core::mem::discriminant(action).hash(&mut digest);
        let is_told = (masked && digest.without_secrets(action)) || digest.without_output(action);
        if !is_told {
            action.hash(&mut digest);
        }
        self.digest = digest.folded_to_half();
        self.count = self.count.wrapping_add(1);
    }

    /// How many.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether there were none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What it is now. From then on it counts anew; the digest goes on.
    pub const fn take(&mut self) -> Self {
        let taken = *self;
        self.count = 0;
        taken
    }

    /// Those of `earlier` and then these.
    #[must_use]
    pub(super) const fn behind(self, earlier: Self) -> Self {
        if self.is_empty() {
            return earlier;
        }
        Self {
            count: earlier.count.saturating_add(self.count),
            digest: self.digest,
        }
    }
}

impl From<(u64, u32)> for Tally {
    fn from((count, digest): (u64, u32)) -> Self {
        Self { count, digest }
    }
}

impl From<Tally> for (u64, u32) {
    fn from(tally: Tally) -> Self {
        (tally.count, tally.digest)
    }
}

/// FNV-1a over 64-bit words, of which one stands for all bytes of a text: fast enough for whatever is
/// sent, and independent of the machine's byte order.
struct Digest(u64);

impl Digest {
    /// Takes an action that passes on what a child wrote; `false` leaves it to others.
    #[allow(clippy::wildcard_enum_match_arm)] // All others do not.
    fn without_output(&mut self, action: &Action) -> bool {
        match action {
            Action::WriteLog {
                log: log @ LogId::Child(..),
                data,
            } => {
                log.hash(self);
                self.write_usize(data.len());
            }
            Action::WriteStdin { spawn, data } => {
                let Some((told, output)) = output_event(data) else {
                    return false;
                };
                spawn.hash(self);
                told.hash(self);
                self.write_usize(output.len());
            }
            _ => return false,
        }
        true
    }

    /// Takes an action that may have secrets in it; `false` leaves it to others.
    #[allow(clippy::wildcard_enum_match_arm)] // All others have none.
    fn without_secrets(&mut self, action: &Action) -> bool {
        match action {
            Action::Spawn { spawn, spec } => {
                spawn.hash(self);
                self.spec(spec);
            }
            Action::CheckCommand { process, spec } => {
                process.hash(self);
                self.spec(spec);
            }
            Action::Listen { server, config } => {
                server.hash(self);
                config.address.hash(self);
            }
            // Also of listeners: clients may write between the events.
            Action::WriteStdin { spawn, .. } => spawn.hash(self),
            Action::SendConn { conn, data } => {
                conn.hash(self);
                self.folded(data);
            }
            Action::WriteLog {
                log: log @ LogId::Activity,
                data,
            } => {
                log.hash(self);
                let mut windows = data.windows(REFUSED_CALL.len());
                let shown = windows.position(|window| window == REFUSED_CALL);
                data.get(..shown.unwrap_or(data.len())).hash(self);
            }
            _ => return false,
        }
        true
    }

    /// What to run, without the values of the environment.
    fn spec(&mut self, spec: &SpawnSpec) {
        let keys = spec.environment.iter().map(|(key, _)| key);
        keys.for_each(|key| key.hash(self));
        (&spec.name, &spec.argv, spec.path.is_some(), &spec.directory).hash(self);
        (spec.umask, &spec.user, spec.stdin, spec.redirect_stderr).hash(self);
    }

    /// Letters and digits are as good as any others: tokens and log files are among them.
    fn folded(&mut self, data: &[u8]) {
        for chunk in data.chunks(64) {
            let mut folded = [0; 64];
            for (to, from) in folded.iter_mut().zip(chunk) {
                *to = super::mask::folded(*from);
            }
            self.write(folded.get(..chunk.len()).unwrap_or_default());
        }
    }

    /// One entry in four billion that differs is not noticed, until the next one.
    #[allow(clippy::cast_possible_truncation)] // Which is meant.
    const fn folded_to_half(&self) -> u32 {
        (self.0 ^ (self.0 >> 32)) as u32
    }

    const fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23);
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.word(rapidhash_v3(bytes));
    }

    fn write_u8(&mut self, i: u8) {
        self.word(u64::from(i));
    }

    fn write_u16(&mut self, i: u16) {
        self.word(u64::from(i));
    }

    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }

    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    fn write_usize(&mut self, i: usize) {
        self.word(u64::try_from(i).unwrap_or(u64::MAX));
    }

    fn write_i32(&mut self, i: i32) {
        self.word(u64::from(i.cast_unsigned()));
    }

    fn write_i64(&mut self, i: i64) {
        self.word(i.cast_unsigned());
    }

    fn write_isize(&mut self, i: isize) {
        self.word(u64::try_from(i).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Supervisor;

    #[test]
    fn a_digest_is_the_same_on_every_machine_and_depends_on_every_write() {
        let writes: [fn(&mut Digest); 10] = [
            |d| d.write(b"nine bytes"),
            |d| d.write(b"and more than the thirty-two bytes of a block"),
            |d| d.write_u8(1),
            |d| d.write_u16(2),
            |d| d.write_u32(3),
            |d| d.write_u64(4),
            |d| d.write_usize(5),
            |d| d.write_i32(-6),
            |d| d.write_i64(-7),
            |d| d.write_isize(8),
        ];
        let mut digest = Digest(0);
        for write in writes {
            let before = digest.0;
            write(&mut digest);
            assert_ne!(digest.0, before);
        }
        assert_eq!(digest.finish(), 16_498_111_515_011_768_971);
    }

    /// Whether two actions count as the same.
    fn same(masked: bool, a: &Action, b: &Action) -> bool {
        let [a, b] = [a, b].map(|action| {
            let mut tally = Tally::default();
            tally.add(action, masked);
            tally
        });
        assert_eq!(a.count(), 1);
        a == b
    }

    #[test]
    fn what_children_write_counts_by_its_length() {
        use crate::Stream::{Stderr, Stdout};
        let log = |log, data: &[u8]| Action::WriteLog {
            log,
            data: data.into(),
        };
        let child = |process, stream| LogId::Child(crate::ProcessId(process), stream);
        for masked in [false, true] {
            let one = log(child(1, Stdout), b"ab");
            assert!(same(masked, &one, &log(child(1, Stdout), b"cd")));
            for other in [
                log(child(1, Stdout), b"abc"),
                log(child(2, Stdout), b"ab"),
                log(child(1, Stderr), b"ab"),
                log(LogId::Activity, b"ab"),
            ] {
                assert!(!same(masked, &one, &other), "{other:?}");
            }
            let activity = |data| log(LogId::Activity, data);
            assert!(!same(masked, &activity(b"ab"), &activity(b"cd")));
        }
    }

    #[test]
    fn events_of_what_children_write_count_by_its_length_and_all_else() {
        let sent = |spawn, head: &str, output: &str| Action::WriteStdin {
            spawn: crate::SpawnId(spawn),
            data: alloc::format!("{head}{output}").into_bytes(),
        };
        let log = "ver:3.0 server:s serial:1 pool:p poolserial:1 eventname:PROCESS_LOG_STDOUT len:40\n\
                   processname:p groupname:p pid:7 channel:stdout\n";
        let one = sent(1, log, "one\n");
        assert!(same(false, &one, &sent(1, log, "two\n")));
        for other in [
            sent(1, log, "three\n"),
            sent(2, log, "one\n"),
            sent(1, &log.replace("serial:1", "serial:2"), "one\n"),
            sent(1, &log.replace("pid:7", "pid:8"), "one\n"),
        ] {
            assert!(!same(false, &one, &other), "{other:?}");
        }
        let captured = log.replace("_LOG_", "_COMMUNICATION_");
        let [one, two] = ["one\n", "two\n"].map(|output| sent(1, &captured, output));
        assert!(!same(false, &one, &two));
    }

    /// What is spawned for a program with one variable.
    fn spec(key: &str, value: &str, command: &str) -> alloc::sync::Arc<SpawnSpec> {
        let mut web = crate::config::ProcessConfig::new("web", command);
        web.environment.push((key.into(), value.into()));
        let config = crate::config::Config::embedded().program(web);
        let boot = crate::Boot {
            pid: crate::Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: alloc::vec![],
        };
        let mut daemon = Supervisor::new(config, boot, crate::Now::default());
        loop {
            match daemon.poll_output() {
                crate::Output::Action(Action::Spawn { spec, .. }) => return spec,
                crate::Output::Action(_) => {}
                crate::Output::Wait(_) => panic!("nothing was spawned"),
            }
        }
    }

    #[test]
    fn what_a_masked_recording_hides_makes_no_difference_in_it() {
        use crate::{ConnId, SpawnId};
        let spawn = |key, value, argv| Action::Spawn {
            spawn: SpawnId(1),
            spec: spec(key, value, argv),
        };
        let check = |key, value, argv| Action::CheckCommand {
            process: crate::ProcessId(1),
            spec: spec(key, value, argv),
        };
        let send = |data: &[u8]| Action::SendConn {
            conn: ConnId(1),
            data: data.into(),
        };
        let stdin = |data: &[u8]| Action::WriteStdin {
            spawn: SpawnId(1),
            data: data.into(),
        };
        let log = |text: &str| Action::WriteLog {
            log: LogId::Activity,
            data: text.as_bytes().into(),
        };
        // The one hides a secret, the other is another decision.
        let cases = [
            (
                spawn("K", "a", "/b"),
                spawn("K", "b", "/b"),
                spawn("L", "a", "/b"),
            ),
            (
                spawn("K", "a", "/b"),
                spawn("K", "b", "/b"),
                spawn("K", "a", "/c"),
            ),
            (
                check("K", "a", "/b"),
                check("K", "b", "/b"),
                check("K", "a", "/c"),
            ),
            (send(b"<a1>"), send(b"<b2>"), send(b"<a1!")),
            (stdin(b"a"), stdin(b"b"), Action::Ready),
            (
                log("ERRO XML-RPC request data 'a' is invalid"),
                log("ERRO XML-RPC request data 'b' is invalid"),
                log("WARN XML-RPC request data 'a' is invalid"),
            ),
        ];
        for (one, hidden, other) in cases {
            assert!(same(true, &one, &hidden), "{one:?} {hidden:?}");
            assert!(!same(true, &one, &other), "{one:?} {other:?}");
            assert!(!same(false, &one, &hidden), "{one:?} {hidden:?}");
        }
        assert!(!same(true, &log("one"), &log("two")));
        let exit = |status| Action::Exit(status);
        assert!(!same(true, &exit(0), &exit(1)));
        assert!(same(true, &exit(0), &exit(0)));
    }

    #[test]
    fn a_tally_is_two_numbers() {
        let tally = Tally::from((3, 4));
        assert_eq!((tally.count(), <(u64, u32)>::from(tally)), (3, (3, 4)));
        assert!(!tally.is_empty() && Tally::from((0, 4)).is_empty());
    }

    #[test]
    fn a_tally_counts_anew_and_its_digest_goes_on() {
        let mut all = Tally::default();
        all.add(&Action::Ready, false);
        let mut parts = all;
        let first = parts.take();
        assert_eq!(first, all);
        assert_eq!(parts.take().behind(first), all);
        for tally in [&mut all, &mut parts] {
            tally.add(&Action::Ready, false);
        }
        assert_eq!((parts.count(), all.count()), (1, 2));
        assert_eq!(parts.behind(first), all);
    }
}
