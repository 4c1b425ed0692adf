//! Recordings: everything a supervisor was told, so that it can be asked again what it decided.
//!
//! The core is a pure function, so its inputs are the whole story. A [`Header`] begins a
//! recording; an [`Entry`] follows for each input. Actions are not stored but counted and digested:
//! a [`Replay`] makes them again, and notices the first that differs.
//!
//! ```
//! use visor_core::config::{Config, ProcessConfig};
//! use visor_core::record::{Entry, Header, Replay, Tally};
//! use visor_core::{Boot, Input, Now, Output, Pid, Supervisor};
//! let header = Header::new(
//!     Config::embedded().program(ProcessConfig::new("web", "/bin/web")),
//!     Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] },
//!     Now::default(),
//! );
//! let mut live = Supervisor::new(header.config.clone(), header.boot.clone(), header.now);
//! let mut tally = Tally::default();
//! while let Output::Action(action) = live.poll_output() {
//!     tally.add(&action);
//! }
//! let entry = Entry { now: Now::default(), input: Input::Wake, before: tally };
//!
//! let mut replay = Replay::new(header);
//! let actions = replay.step(entry).unwrap();
//! assert_eq!(actions.len() as u64, tally.count());
//! ```

mod mask;

pub use mask::{Masker, mask_config};

use crate::config::Config;
use crate::{Action, Boot, Input, Now, Output, Supervisor};
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use serde::{Deserialize, Serialize};

/// Version of the recordings this crate writes and reads.
pub const VERSION: u32 = 1;

/// What a recording begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Secrets were replaced. The replay then lets every client in, and its actions differ from
    /// the recorded ones wherever a secret is part of them: only their number is compared.
    pub masked: bool,
    /// What [`Supervisor::new`] was given.
    pub config: Config,
    /// Likewise.
    pub boot: Boot,
    /// Likewise.
    pub now: Now,
}

impl Header {
    /// The start of a recording made by this version.
    #[must_use]
    pub const fn new(config: Config, boot: Boot, now: Now) -> Self {
        Self {
            version: VERSION,
            masked: false,
            config,
            boot,
            now,
        }
    }
}

/// One input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// When.
    pub now: Now,
    /// What.
    #[serde(borrow)]
    pub input: Input<'a>,
    /// All actions that had been polled before it.
    pub before: Tally,
}

/// A count and a digest of actions, in order. The same on every machine.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    count: u64,
    digest: u64,
}

impl Tally {
    /// One more action.
    pub fn add(&mut self, action: &Action) {
        let mut digest = Digest(self.digest);
        action.hash(&mut digest);
        self.digest = digest.finish();
        self.count = self.count.wrapping_add(1);
    }

    /// How many.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
}

/// A supervisor that is told again what it was told once.
#[derive(Debug)]
pub struct Replay {
    supervisor: Supervisor,
    tally: Tally,
    masked: bool,
}

/// The replay did something else than the recorded supervisor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Divergence {
    /// What the recording says had been polled.
    pub recorded: Tally,
    /// What the replay has to offer.
    pub replayed: Tally,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recorded, replayed) = (self.recorded, self.replayed);
        if recorded.count == replayed.count {
            write!(f, "one of the first {} actions differs", recorded.count)
        } else {
            write!(
                f,
                "{} actions were recorded, the replay has {}",
                recorded.count, replayed.count
            )
        }
    }
}

impl core::error::Error for Divergence {}

impl Replay {
    /// Starts again.
    #[must_use]
    pub fn new(mut header: Header) -> Self {
        if header.masked {
            mask::unguard(&mut header.config);
        }
        Self {
            supervisor: Supervisor::new(header.config, header.boot, header.now),
            tally: Tally::default(),
            masked: header.masked,
        }
    }

    /// Polls as many actions as had been polled then, and tells the input. Returns those actions,
    /// which are what came of earlier inputs.
    ///
    /// # Errors
    /// They are not the recorded ones.
    pub fn step(&mut self, entry: Entry<'_>) -> Result<Vec<Action>, Divergence> {
        let actions = self.poll_to(entry.before)?;
        let mut input = entry.input;
        if let Input::ConfigRead { result: Ok(read) } = &mut input
            && self.masked
        {
            mask::unguard(&mut read.config);
        }
        self.supervisor.handle_input(entry.now, input);
        Ok(actions)
    }

    /// As `step`, at the end of a recording: there is no further input.
    ///
    /// # Errors
    /// The actions are not the recorded ones.
    pub fn poll_to(&mut self, recorded: Tally) -> Result<Vec<Action>, Divergence> {
        let mut actions = Vec::new();
        while self.tally.count < recorded.count {
            let Output::Action(action) = self.supervisor.poll_output() else {
                break;
            };
            self.tally.add(&action);
            actions.push(action);
        }
        let same = self.tally.count == recorded.count;
        if self.tally == recorded || (self.masked && same) {
            Ok(actions)
        } else {
            Err(Divergence {
                recorded,
                replayed: self.tally,
            })
        }
    }

    /// The supervisor as it is now.
    #[must_use]
    pub const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }
}

/// FNV-1a over 64-bit words: fast enough for every byte of output, and independent of the
/// machine's byte order.
struct Digest(u64);

impl Digest {
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
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.word(u64::from_le_bytes(word));
        }
        self.word(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
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

/// Bytes as text where they are text, else as base64: a recording of logs stays readable.
pub(crate) mod bytes {
    use alloc::{format, string::String, vec::Vec};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match core::str::from_utf8(bytes) {
            Ok(text) => to.collect_str(&format_args!("t{text}")),
            Err(_) => to.serialize_str(&format!("b{}", STANDARD.encode(bytes))),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let mut text = String::deserialize(from)?;
        if text.starts_with('t') {
            text.remove(0);
            return Ok(text.into_bytes());
        }
        let encoded = text
            .strip_prefix('b')
            .ok_or_else(|| D::Error::custom("neither text nor base64"))?;
        STANDARD.decode(encoded).map_err(D::Error::custom)
    }
}

/// The same for borrowed bytes.
pub(crate) mod cow {
    use alloc::borrow::Cow;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        super::bytes::serialize(bytes, to)
    }

    pub(crate) fn deserialize<'de, 'a, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Cow<'a, [u8]>, D::Error> {
        super::bytes::deserialize(from).map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogId, Pid};
    use alloc::borrow::Cow;

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
            actions.iter().for_each(|action| tally.add(action));
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
        let recorded = Tally {
            count: 1000,
            digest: 0,
        };
        let entry = Entry {
            now: Now::default(),
            input: Input::Wake,
            before: recorded,
        };
        assert_eq!(replay.step(entry).unwrap_err().recorded, recorded);
    }

    /// What a supervisor did that was told to shut down: the recording, and its last tally.
    fn recorded(mut header: Header) -> (Header, Vec<Entry<'static>>, Tally) {
        header.config.supervisord.nodaemon = true;
        let mut supervisor =
            Supervisor::new(header.config.clone(), header.boot.clone(), header.now);
        let mut tally = Tally::default();
        let mut entries = Vec::new();
        let shutdown = Input::Command(crate::Command::Shutdown);
        for input in [Input::Wake, shutdown, Input::Wake] {
            while let Output::Action(action) = supervisor.poll_output() {
                tally.add(&action);
            }
            entries.push(Entry {
                now: header.now,
                input: input.clone(),
                before: tally,
            });
            supervisor.handle_input(header.now, input);
        }
        while let Output::Action(action) = supervisor.poll_output() {
            tally.add(&action);
        }
        (header, entries, tally)
    }

    #[test]
    fn a_replay_does_what_was_done() {
        let (header, entries, end) = recorded(header());
        assert!(end.count() > 0);
        let mut replay = Replay::new(header);
        let mut count = 0;
        for entry in entries {
            count += replay.step(entry).unwrap().len() as u64;
        }
        count += replay.poll_to(end).unwrap().len() as u64;
        assert_eq!(count, end.count());
        assert_eq!(replay.supervisor().mood(), crate::Mood::Shutdown);
    }

    #[test]
    fn a_replay_that_does_as_much_but_something_else_is_noticed_unless_it_is_masked() {
        for masked in [false, true] {
            let (mut header, _, _) = recorded(header());
            header.masked = masked;
            let mut replay = Replay::new(header.clone());
            let start = replay.poll_to(Tally {
                count: 1,
                digest: 1,
            });
            assert_eq!(start.is_ok(), masked, "{start:?}");
            let more = Replay::new(header).poll_to(Tally {
                count: 1000,
                digest: 1,
            });
            assert!(more.is_err());
        }
    }

    #[test]
    fn a_divergence_says_how_far_both_went() {
        let tally = |count| Tally {
            count,
            digest: count,
        };
        let mut divergence = Divergence {
            recorded: tally(3),
            replayed: tally(5),
        };
        let text = alloc::string::ToString::to_string;
        assert_eq!(
            text(&divergence),
            "3 actions were recorded, the replay has 5"
        );
        divergence.replayed.count = 3;
        assert_eq!(text(&divergence), "one of the first 3 actions differs");
    }

    #[test]
    fn a_digest_is_the_same_on_every_machine_and_depends_on_every_write() {
        let writes: [fn(&mut Digest); 9] = [
            |d| d.write(b"nine bytes"),
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
        assert_eq!(digest.finish(), 6_303_416_594_800_386_232);
    }

    #[test]
    fn masked_recordings_ask_for_no_password() {
        let mut masked = header();
        masked.masked = true;
        masked.config.servers.push(crate::config::ServerConfig {
            section: "unix_http_server".into(),
            address: crate::config::ServerAddress::Tcp {
                host: "h".into(),
                port: 1,
            },
            credentials: Some(crate::config::Credentials {
                username: "xxx".into(),
                password: "xxx".into(),
            }),
        });
        let read = crate::ReadConfig {
            config: masked.config.clone(),
            messages: Vec::new(),
        };
        let mut replay = Replay::new(masked);
        let get = b"GET /ok.html HTTP/1.1\r\n\r\n";
        for conn in [1, 2] {
            let conn = crate::ConnId(conn);
            let opened = Input::ConnOpened {
                conn,
                server: crate::ServerId(0),
                peer: alloc::string::String::new(),
            };
            let asked = Input::ConnData {
                conn,
                data: Cow::Borrowed(get),
            };
            let mut answer = Vec::new();
            for input in [opened, asked] {
                answer = told(&mut replay, input);
            }
            let ok = b"HTTP/1.1 200";
            let sent = |action: &Action| matches!(action, Action::SendConn { data, .. } if data.starts_with(ok));
            assert!(answer.iter().any(sent), "{answer:?}");
            // The same holds for what is read later.
            let restart = Input::Command(crate::Command::Restart);
            told(&mut replay, restart);
            let result = Ok(alloc::boxed::Box::new(read.clone()));
            told(&mut replay, Input::ConfigRead { result });
        }
    }

    /// Tells a replay something, and gives all that comes of it.
    fn told(replay: &mut Replay, input: Input<'_>) -> Vec<Action> {
        let entry = Entry {
            now: Now::default(),
            input,
            before: replay.tally,
        };
        replay.step(entry).unwrap();
        let mut actions = Vec::new();
        while let Output::Action(action) = replay.supervisor.poll_output() {
            replay.tally.add(&action);
            actions.push(action);
        }
        actions
    }

    #[test]
    fn output_that_is_no_text_survives_a_recording() {
        for data in [&b"plain \"text\"\n"[..], b"\xff\0\x80", b""] {
            let input = Input::ConnData {
                conn: crate::ConnId(1),
                data: Cow::Borrowed(data),
            };
            let line = serde_json::to_string(&input).unwrap();
            assert_eq!(serde_json::from_str::<Input<'_>>(&line).unwrap(), input);
        }
    }
}
