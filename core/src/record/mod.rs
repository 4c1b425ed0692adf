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
//!     tally.add(&action, false);
//! }
//! let input = Input::Wake;
//! let entry = Entry::new(Now::default(), &input, tally);
//!
//! let mut replay = Replay::new(header);
//! let actions = replay.step(entry).unwrap();
//! assert_eq!(actions.len() as u64, tally.count());
//! ```

mod again;
mod bytes;
mod call;
mod client;
mod editor;
mod mask;
mod replay;
mod tally;

pub(crate) use bytes::{cow, owned};
pub(crate) use client::ADMITTED;
pub use editor::Editor;
pub use replay::{Divergence, Replay};
pub use tally::Tally;

use again::Reads;

use crate::config::Config;
use crate::{Boot, Input, Now, Supervisor};
use alloc::borrow::Cow;
use serde::{Deserialize, Serialize};

/// Version of the recordings this crate writes and reads.
pub const VERSION: u32 = 4;

/// One read of a child's output is never longer than this; longer ones are not believed.
const OUTPUT_BYTES_MAX: u64 = 16 << 20;

/// What a recording begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Secrets were replaced.
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

/// One input. Its fields have short names: there are many of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// All actions that had been polled before it.
    #[serde(rename = "n")]
    pub before: Tally,
    /// When.
    #[serde(rename = "t", with = "clocks")]
    pub now: Now,
    /// What.
    #[serde(rename = "i", borrow)]
    pub input: Cow<'a, Input<'a>>,
    /// So many bytes more of a child's output, which nothing looks into; ASCII if events are made of
    /// them.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    omitted: u64,
    /// The client sent what it had sent last on its connection, which is not written again.
    #[serde(rename = "a", default, skip_serializing_if = "is_false")]
    again: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
const fn is_false(what: &bool) -> bool {
    !*what
}

impl<'a> Entry<'a> {
    /// All of an input.
    #[must_use]
    pub const fn new(now: Now, input: &'a Input<'a>, before: Tally) -> Self {
        Self {
            now,
            input: Cow::Borrowed(input),
            omitted: 0,
            again: false,
            before,
        }
    }

    /// What is worth recording of an input that `supervisor` is about to be told: without secrets
    /// if the recording is masked, without output that nothing looks into, and without what is in
    /// the recording already.
    pub fn recorded(
        supervisor: &Supervisor,
        editor: &mut Editor,
        now: Now,
        input: &'a Input<'a>,
        before: Tally,
    ) -> Self {
        if let Input::ChildOutput {
            spawn,
            stream,
            data,
        } = input
            && !editor.keeps(now.mono, data.len())
            && !supervisor.looks_into(*spawn, *stream, data)
        {
            let input = Input::ChildOutput {
                spawn: *spawn,
                stream: *stream,
                data: Cow::Borrowed(&[]),
            };
            return Self {
                now,
                input: Cow::Owned(input),
                omitted: data.len() as u64,
                again: false,
                before,
            };
        }
        let (input, again) = editor.edit(supervisor, input);
        Self {
            now,
            input,
            omitted: 0,
            again,
            before,
        }
    }

    /// Whether a client sent what it had sent last on its connection.
    #[must_use]
    pub const fn is_again(&self) -> bool {
        self.again
    }

    /// How many bytes of a child's output were left out at its end.
    #[must_use]
    pub const fn omitted_bytes(&self) -> u64 {
        self.omitted
    }

    /// The input as it is told again: as long as it was.
    fn whole(self, reads: &mut Reads) -> Input<'a> {
        let mut input = self.input.into_owned();
        if let (true, Input::ConnData { conn, data }) = (self.again, &mut input) {
            *data = reads.last(*conn).to_vec().into();
        } else {
            reads.note(&input);
        }
        if let Input::ChildOutput { data, .. } = &mut input {
            let omitted = usize::try_from(self.omitted.min(OUTPUT_BYTES_MAX)).unwrap_or(0);
            let data = data.to_mut();
            data.resize(data.len() + omitted, b'.');
        }
        input
    }
}

/// Both clocks, in nanoseconds, and the offset, in seconds.
mod clocks {
    use crate::{Now, Timestamp, UnixTime};
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(now: &Now, to: S) -> Result<S::Ok, S::Error> {
        (now.mono, now.wall, now.utc_offset_secs).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Now, D::Error> {
        let (mono, wall, utc_offset_secs) = <(Timestamp, UnixTime, i32)>::deserialize(from)?;
        Ok(Now {
            mono,
            wall,
            utc_offset_secs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_is_no_text_survives_a_recording() {
        for data in [&b"plain \"text\"\n"[..], b"\xff\0\x80", b""] {
            let input = Input::ConnData {
                conn: crate::ConnId(1),
                data: Cow::Borrowed(data),
            };
            let entry = Entry::new(Now::default(), &input, Tally::default());
            let line = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry<'_>>(&line).unwrap(), entry);
        }
    }

    #[test]
    fn a_length_that_no_read_has_is_not_believed() {
        let line = r#"{"n":[0,0],"t":[0,0,0],"i":{"ChildOutput":{"spawn":0,"stream":"Stdout","data":"t"}},"o":18446744073709551615}"#;
        let entry: Entry<'_> = serde_json::from_str(line).unwrap();
        let Input::ChildOutput { data, .. } = entry.whole(&mut Reads::default()) else {
            panic!("it is output");
        };
        assert_eq!(data.len(), 16_777_216);
    }

    /// A child that has just been spawned, whose output goes to a log and is looked into by nobody,
    /// unless it is captured.
    fn child(capture_maxbytes: u64) -> (Supervisor, crate::SpawnId) {
        let mut web = crate::config::ProcessConfig::new("web", "/bin/web");
        web.stdout.capture_maxbytes = capture_maxbytes;
        let config = Config::embedded().program(web);
        let boot = Boot {
            pid: crate::Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: alloc::vec![],
        };
        let mut supervisor = Supervisor::new(config, boot, Now::default());
        while let crate::Output::Action(action) = supervisor.poll_output() {
            if let crate::Action::Spawn { spawn, .. } = action {
                return (supervisor, spawn);
            }
        }
        panic!("nothing was spawned")
    }

    #[test]
    fn long_output_that_nothing_looks_into_is_left_out() {
        for (length, captured, masked, omitted) in [
            (256, 0, false, 0),
            (257, 0, false, 257),
            (258, 0, false, 258),
            (5, 0, false, 0),
            (5, 0, true, 5),
            (300, 100, false, 0),
            (300, 100, true, 0),
        ] {
            let (supervisor, spawn) = child(captured);
            let input = Input::ChildOutput {
                spawn,
                stream: crate::Stream::Stdout,
                data: alloc::vec![b' '; length].into(),
            };
            let mut editor = Editor::new(masked);
            let (now, before) = (Now::default(), Tally::default());
            let entry = Entry::recorded(&supervisor, &mut editor, now, &input, before);
            assert_eq!(
                entry.omitted_bytes(),
                omitted,
                "{length} {captured} {masked}"
            );
            let line = serde_json::to_string(&entry).unwrap();
            assert_eq!(line.contains("\"o\":"), omitted > 0, "{line}");
            let Input::ChildOutput { data, .. } = entry.whole(&mut Reads::default()) else {
                panic!("it is output")
            };
            assert_eq!(data.len(), length);
        }
    }

    #[test]
    fn an_entry_says_that_a_client_sent_the_same_again_and_only_then() {
        let (supervisor, _) = child(0);
        let mut editor = Editor::new(false);
        let input = Input::ConnData {
            conn: crate::ConnId(1),
            data: Cow::Borrowed(b"GET / HTTP/1.1\r\n\r\n"),
        };
        let mut recorded = || {
            let (now, before) = (Now::default(), Tally::default());
            let entry = Entry::recorded(&supervisor, &mut editor, now, &input, before);
            let line = serde_json::to_string(&entry).unwrap();
            (
                entry.is_again(),
                line.contains("\"a\":true"),
                line.contains("\"a\":"),
            )
        };
        assert_eq!(recorded(), (false, false, false));
        assert_eq!(recorded(), (true, true, true));
    }
}
