//! One line of a recording.

use super::again::Reads;
use super::{Editor, Tally};
use crate::{ConnId, Input, Now, SpawnId, Stream, Supervisor, Timestamp, UnixTime};
use alloc::borrow::Cow;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One read of a child's output is never longer than this; longer ones are not believed.
const OUTPUT_BYTES_MAX: u64 = 16 << 20;

/// How much later something was than what a recording has before it, on each clock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(from = "Passed")]
pub struct Since {
    /// Nanoseconds on the monotonic clock.
    pub mono_nanos: u64,
    /// So many nanoseconds more passed on the wall clock.
    pub wall_ahead_nanos: i64,
    /// What was added to the offset of local time.
    pub utc_offset_secs: i32,
}

/// The same as it is written: zeros at its end are left out.
#[derive(Deserialize)]
struct Passed(u64, #[serde(default)] i64, #[serde(default)] i32);

impl Since {
    /// From one reading of the clocks to another, whatever they are.
    #[must_use]
    pub const fn between(earlier: Now, later: Now) -> Self {
        let mono_nanos = (later.mono.as_nanos()).wrapping_sub(earlier.mono.as_nanos());
        let wall_nanos = (later.wall.as_nanos()).wrapping_sub(earlier.wall.as_nanos());
        Self {
            mono_nanos,
            wall_ahead_nanos: wall_nanos.wrapping_sub(mono_nanos.cast_signed()),
            utc_offset_secs: later.utc_offset_secs.wrapping_sub(earlier.utc_offset_secs),
        }
    }

    /// The later reading.
    #[must_use]
    pub const fn after(self, earlier: Now) -> Now {
        let wall_nanos = (self.mono_nanos.cast_signed()).wrapping_add(self.wall_ahead_nanos);
        Now {
            mono: Timestamp::from_nanos(earlier.mono.as_nanos().wrapping_add(self.mono_nanos)),
            wall: UnixTime::from_nanos(earlier.wall.as_nanos().wrapping_add(wall_nanos)),
            utc_offset_secs: earlier.utc_offset_secs.wrapping_add(self.utc_offset_secs),
        }
    }

    /// Whether all clocks stood still: what happened in one batch has one reading.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Passed> for Since {
    fn from(Passed(mono_nanos, wall_ahead_nanos, utc_offset_secs): Passed) -> Self {
        Self {
            mono_nanos,
            wall_ahead_nanos,
            utc_offset_secs,
        }
    }
}

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self {
            mono_nanos,
            wall_ahead_nanos,
            utc_offset_secs,
        } = *self;
        match (wall_ahead_nanos, utc_offset_secs) {
            (0, 0) => [mono_nanos].serialize(to),
            (_, 0) => (mono_nanos, wall_ahead_nanos).serialize(to),
            _ => (mono_nanos, wall_ahead_nanos, utc_offset_secs).serialize(to),
        }
    }
}

/// One input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry<'a> {
    /// The actions that had been polled since the entry before it.
    pub before: Tally,
    /// When.
    pub since: Since,
    /// What. Once it was read, without the data that [`is_again`](Self::is_again) and
    /// [`omitted_bytes`](Self::omitted_bytes) tell of, which are not written.
    pub input: Cow<'a, Input<'a>>,
    left_out: LeftOut,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LeftOut {
    Nothing,
    /// So many bytes of a child's output, which nothing looks into; ASCII if events are made of
    /// them.
    Output(u64),
    /// The client sent what it had sent last on its connection, which is not written again.
    Again,
}

/// An entry as it is written. Its fields have short names: there are many of it.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    n: Tally,
    #[serde(default, skip_serializing_if = "Since::is_zero")]
    t: Since,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    i: Option<Cow<'a, Input<'a>>>,
    /// Output that was left out: so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<(SpawnId, Descriptor, u64)>,
    /// Output.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    d: Option<(SpawnId, Descriptor, Data<'a>)>,
    /// Who sent the same again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<ConnId>,
    /// Whose standard input took all that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<SpawnId>,
}

/// A stream as its number.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
struct Descriptor(Stream);

impl From<Descriptor> for u8 {
    fn from(descriptor: Descriptor) -> Self {
        match descriptor.0 {
            Stream::Stdout => 1,
            Stream::Stderr => 2,
        }
    }
}

impl TryFrom<u8> for Descriptor {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self(Stream::Stdout)),
            2 => Ok(Self(Stream::Stderr)),
            _ => Err("output has the descriptor 1 or 2"),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Data<'a>(#[serde(borrow, with = "super::cow")] Cow<'a, [u8]>);

impl<'a> Entry<'a> {
    /// All of an input.
    #[must_use]
    pub const fn new(since: Since, input: &'a Input<'a>, before: Tally) -> Self {
        Self {
            before,
            since,
            input: Cow::Borrowed(input),
            left_out: LeftOut::Nothing,
        }
    }

    /// What is worth recording of an input that `supervisor` is about to be told: without secrets
    /// if the recording is masked, without output that nothing looks into, and without what is in
    /// the recording already. `before`: the actions polled since the last one.
    pub fn recorded(
        supervisor: &Supervisor,
        editor: &mut Editor,
        now: Now,
        input: &'a Input<'a>,
        before: Tally,
    ) -> Self {
        let since = editor.since(now);
        if let Input::ChildOutput {
            spawn,
            stream,
            data,
        } = input
            && !editor.keeps(now.mono, data.len())
            && !supervisor.looks_into(*spawn, *stream, data)
        {
            return Self {
                before,
                since,
                input: Cow::Borrowed(input),
                left_out: LeftOut::Output(data.len() as u64),
            };
        }
        let (input, again) = editor.edit(supervisor, input);
        Self {
            before,
            since,
            input,
            left_out: if again {
                LeftOut::Again
            } else {
                LeftOut::Nothing
            },
        }
    }

    /// Whether a client sent what it had sent last on its connection.
    #[must_use]
    pub const fn is_again(&self) -> bool {
        matches!(self.left_out, LeftOut::Again)
    }

    /// How many bytes of a child's output were left out, which is all of it.
    #[must_use]
    pub const fn omitted_bytes(&self) -> Option<u64> {
        match self.left_out {
            LeftOut::Output(bytes) => Some(bytes),
            LeftOut::Nothing | LeftOut::Again => None,
        }
    }

    /// The input as it is told again: as long as it was.
    pub(super) fn whole(self, reads: &mut Reads) -> Input<'a> {
        let mut input = self.input.into_owned();
        match (self.left_out, &mut input) {
            (LeftOut::Again, Input::ConnData { conn, data }) => {
                *data = reads.last(*conn).to_vec().into();
            }
            (LeftOut::Output(bytes), Input::ChildOutput { data, .. }) => {
                let bytes = usize::try_from(bytes.min(OUTPUT_BYTES_MAX)).unwrap_or(0);
                data.to_mut().resize(bytes, b'.');
            }
            _ => {
                reads.note(&input);
            }
        }
        input
    }
}

const fn output(spawn: SpawnId, stream: Stream, data: Cow<'_, [u8]>) -> Cow<'_, Input<'_>> {
    Cow::Owned(Input::ChildOutput {
        spawn,
        stream,
        data,
    })
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut written = Written {
            n: self.before,
            t: self.since,
            i: None,
            o: None,
            d: None,
            a: None,
            p: None,
        };
        match (self.left_out, &*self.input) {
            (LeftOut::Output(bytes), Input::ChildOutput { spawn, stream, .. }) => {
                written.o = Some((*spawn, Descriptor(*stream), bytes));
            }
            (
                _,
                Input::ChildOutput {
                    spawn,
                    stream,
                    data,
                },
            ) => {
                let data = Data(Cow::Borrowed(data));
                written.d = Some((*spawn, Descriptor(*stream), data));
            }
            (LeftOut::Again, Input::ConnData { conn, .. }) => written.a = Some(*conn),
            (_, Input::StdinProgress { spawn }) => written.p = Some(*spawn),
            (_, input) => written.i = Some(Cow::Borrowed(input)),
        }
        written.serialize(to)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(from)?;
        let (input, left_out) = match (written.i, written.o, written.d, written.a, written.p) {
            (Some(input), None, None, None, None) => (input, LeftOut::Nothing),
            (None, Some((spawn, stream, bytes)), None, None, None) => {
                let none = Cow::Borrowed(&[][..]);
                (output(spawn, stream.0, none), LeftOut::Output(bytes))
            }
            (None, None, Some((spawn, stream, data)), None, None) => {
                (output(spawn, stream.0, data.0), LeftOut::Nothing)
            }
            (None, None, None, None, Some(spawn)) => {
                let input = Input::StdinProgress { spawn };
                (Cow::Owned(input), LeftOut::Nothing)
            }
            (None, None, None, Some(conn), None) => {
                let data = Cow::Borrowed(&[][..]);
                let input = Input::ConnData { conn, data };
                (Cow::Owned(input), LeftOut::Again)
            }
            _ => {
                return Err(serde::de::Error::custom(
                    "an entry has one of i, o, d, a and p",
                ));
            }
        };
        Ok(Self {
            before: written.n,
            since: written.t,
            input,
            left_out,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Boot;
    use crate::config::Config;

    #[test]
    fn output_that_is_no_text_survives_a_recording() {
        for data in [&b"plain \"text\"\n"[..], b"\xff\0\x80", b""] {
            let input = Input::ConnData {
                conn: crate::ConnId(1),
                data: Cow::Borrowed(data),
            };
            let entry = Entry::new(Since::default(), &input, Tally::default());
            let line = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry<'_>>(&line).unwrap(), entry);
        }
    }

    #[test]
    fn a_length_that_no_read_has_is_not_believed() {
        let line = r#"{"o":[0,1,18446744073709551615]}"#;
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
            (256, 0, false, None),
            (257, 0, false, Some(257)),
            (258, 0, false, Some(258)),
            (5, 0, false, None),
            (5, 0, true, Some(5)),
            (300, 100, false, None),
            (300, 100, true, None),
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
            assert_eq!(line.contains("\"o\":"), omitted.is_some(), "{line}");
            assert_eq!(line.contains("\"d\":"), omitted.is_none(), "{line}");
            let entry: Entry<'_> = serde_json::from_str(&line).unwrap();
            assert_eq!(entry.omitted_bytes(), omitted);
            assert_eq!(serde_json::to_string(&entry).unwrap(), line);
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
            let read: Entry<'_> = serde_json::from_str(&line).unwrap();
            assert_eq!(read.is_again(), entry.is_again());
            assert_eq!(serde_json::to_string(&read).unwrap(), line);
            (
                entry.is_again(),
                line.contains("\"a\":1"),
                line.contains("\"i\":"),
            )
        };
        assert_eq!(recorded(), (false, false, true));
        assert_eq!(recorded(), (true, true, false));
    }

    #[test]
    fn an_entry_has_one_input() {
        for line in [
            "{}",
            r#"{"i":"Wake","a":1}"#,
            r#"{"i":"Wake","o":[0,1,1]}"#,
            r#"{"a":1,"o":[0,1,1]}"#,
            r#"{"d":[0,1,"t"],"o":[0,1,1]}"#,
            r#"{"d":[0,1,"t"],"p":1}"#,
        ] {
            let error = serde_json::from_str::<Entry<'_>>(line).unwrap_err();
            let text = alloc::format!("{error}");
            assert!(
                text.starts_with("an entry has one of i, o, d, a and p"),
                "{text}"
            );
        }
        for (line, stream) in [
            (r#"{"d":[7,1,"tx"]}"#, Stream::Stdout),
            (r#"{"d":[7,2,"tx"]}"#, Stream::Stderr),
        ] {
            let entry: Entry<'_> = serde_json::from_str(line).unwrap();
            assert_eq!(*entry.input, *output(SpawnId(7), stream, b"x"[..].into()));
            assert_eq!(serde_json::to_string(&entry).unwrap(), line);
        }
        assert!(serde_json::from_str::<Entry<'_>>(r#"{"d":[7,3,"tx"]}"#).is_err());
        for (line, input) in [
            (r#"{"i":"Wake"}"#, Input::Wake),
            (r#"{"p":7}"#, Input::StdinProgress { spawn: SpawnId(7) }),
        ] {
            let entry = Entry::new(Since::default(), &input, Tally::default());
            assert_eq!(serde_json::to_string(&entry).unwrap(), line);
            assert_eq!(serde_json::from_str::<Entry<'_>>(line).unwrap(), entry);
        }
    }

    #[test]
    fn times_are_told_by_what_passed_whatever_the_clocks_say() {
        let now = |mono, wall, utc_offset_secs| Now {
            mono: Timestamp::from_nanos(mono),
            wall: UnixTime::from_nanos(wall),
            utc_offset_secs,
        };
        for (earlier, later, since) in [
            (now(5, 50, 3600), now(5, 50, 3600), "[0]"),
            (now(5, 50, 3600), now(7, 52, 3600), "[2]"),
            (now(5, 50, 3600), now(7, 51, 3600), "[2,-1]"),
            (now(5, 50, 3600), now(7, 40, 7200), "[2,-12,3600]"),
            (now(5, 50, 3600), now(7, 52, 3599), "[2,0,-1]"),
            (now(5, 50, 0), now(4, 50, 0), "[18446744073709551615,1]"),
            (
                now(0, 0, 0),
                now(u64::MAX, i64::MIN, -1),
                "[18446744073709551615,-9223372036854775807,-1]",
            ),
        ] {
            let passed = Since::between(earlier, later);
            assert_eq!(serde_json::to_string(&passed).unwrap(), since);
            assert_eq!(serde_json::from_str::<Since>(since).unwrap(), passed);
            assert_eq!(passed.is_zero(), earlier == later);
            assert_eq!(passed.after(earlier), later);
        }
    }
}
