//! An entry of a recording as text: the same as `serde_json` makes of it, in a fraction of the time
//! for what comes thousands of times a second.

use visor_core::record::{Entry, Since};
use visor_core::{Input, SpawnId, Stream};

/// Appends an entry, without an end of line.
///
/// # Errors
/// None in practice: nothing in an entry is unknown to JSON, and memory takes all of it.
pub(super) fn append(lines: &mut Vec<u8>, entry: &Entry<'_>) -> serde_json::Result<()> {
    if let (None, Input::ChildOutput { data, .. }) = (entry.omitted_bytes(), &*entry.input)
        && !is_text(data)
    {
        return serde_json::to_writer(lines, entry);
    }
    head(lines, entry);
    match (entry.omitted_bytes(), &*entry.input) {
        (Some(bytes), Input::ChildOutput { spawn, stream, .. }) => {
            lines.extend_from_slice(b"\"o\":[");
            output(lines, *spawn, *stream);
            number(lines, bytes);
            lines.push(b']');
        }
        (
            None,
            Input::ChildOutput {
                spawn,
                stream,
                data,
            },
        ) => {
            lines.extend_from_slice(b"\"d\":[");
            output(lines, *spawn, *stream);
            text(lines, data);
            lines.push(b']');
        }
        (_, Input::ConnData { conn, .. }) if entry.is_again() => {
            lines.extend_from_slice(b"\"a\":");
            number(lines, conn.0);
        }
        (_, Input::StdinProgress { spawn }) => {
            lines.extend_from_slice(b"\"p\":");
            number(lines, spawn.0);
        }
        (_, other) => {
            lines.extend_from_slice(b"\"i\":");
            input(lines, other)?;
        }
    }
    lines.push(b'}');
    Ok(())
}

/// What happened before, and when it is.
fn head(lines: &mut Vec<u8>, entry: &Entry<'_>) {
    lines.push(b'{');
    if !entry.before.is_empty() {
        let (count, digest) = <(u64, u32)>::from(entry.before);
        lines.extend_from_slice(b"\"n\":[");
        number(lines, count);
        lines.push(b',');
        number(lines, digest);
        lines.extend_from_slice(b"],");
    }
    if entry.since.is_zero() {
        return;
    }
    let Since {
        mono_nanos,
        wall_ahead_nanos,
        utc_offset_secs,
    } = entry.since;
    lines.extend_from_slice(b"\"t\":[");
    number(lines, mono_nanos);
    if (wall_ahead_nanos, utc_offset_secs) != (0, 0) {
        lines.push(b',');
        number(lines, wall_ahead_nanos);
    }
    if utc_offset_secs != 0 {
        lines.push(b',');
        number(lines, utc_offset_secs);
    }
    lines.extend_from_slice(b"],");
}

/// Whose output it is.
fn output(lines: &mut Vec<u8>, spawn: SpawnId, stream: Stream) {
    number(lines, spawn.0);
    lines.extend_from_slice(match stream {
        Stream::Stdout => b",1,",
        Stream::Stderr => b",2,",
    });
}

#[allow(clippy::wildcard_enum_match_arm, reason = "all others are rare")]
fn input(lines: &mut Vec<u8>, input: &Input<'_>) -> serde_json::Result<()> {
    match input {
        Input::ConnData { conn, data } if is_text(data) => {
            lines.extend_from_slice(b"{\"ConnData\":{\"conn\":");
            number(lines, conn.0);
            lines.extend_from_slice(b",\"data\":");
            text(lines, data);
        }
        Input::ConnDrained { conn } => {
            lines.extend_from_slice(b"{\"ConnDrained\":{\"conn\":");
            number(lines, conn.0);
        }
        other => return serde_json::to_writer(lines, other),
    }
    lines.extend_from_slice(b"}}");
    Ok(())
}

fn number(lines: &mut Vec<u8>, number: impl itoa::Integer) {
    lines.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Whether a recording has these bytes as they are; all others are encoded.
fn is_text(data: &[u8]) -> bool {
    // Most is, and shown to be so in less time.
    data.is_ascii() || std::str::from_utf8(data).is_ok()
}

/// Text as a JSON string, behind the letter that says it is text.
fn text(lines: &mut Vec<u8>, data: &[u8]) {
    lines.reserve(data.len() + data.len() / 8);
    lines.extend_from_slice(b"\"t");
    let mut rest = data;
    while let Some((plain, byte, more)) = split(rest) {
        lines.extend_from_slice(plain);
        escape(lines, byte);
        rest = more;
    }
    lines.extend_from_slice(rest);
    lines.push(b'"');
}

/// Splits at the first byte that JSON has escaped.
fn split(data: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let (words, rest) = data.as_chunks::<8>();
    let mut words = words.iter().enumerate();
    let word = words.find_map(|(at, word)| first(*word).map(|first| at * 8 + first));
    let at = word.or_else(|| {
        let at = rest.iter().position(|byte| is_escaped(*byte))?;
        Some(data.len() - rest.len() + at)
    })?;
    let (plain, rest) = data.split_at(at);
    let (byte, more) = rest.split_first()?;
    Some((plain, *byte, more))
}

const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// The first of eight bytes that is escaped, all looked at at once.
fn first(bytes: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // A borrow out of a byte marks it; what it does to the bytes above does not matter, since the
    // lowest mark is looked for.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let word = u64::from_le_bytes(bytes);
    let (quote, backslash) = (ONES * u64::from(b'"'), ONES * u64::from(b'\\'));
    let marks = below(word, b' ') | below(word ^ quote, 1) | below(word ^ backslash, 1);
    let marks = marks & HIGH;
    (marks != 0).then_some((marks.trailing_zeros() / 8) as usize)
}

fn escape(lines: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'\n' => b'n',
        b'"' | b'\\' => byte,
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
            lines.extend_from_slice(b"\\u00");
            lines.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    lines.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;
    use visor_core::config::{Config, ProcessConfig};
    use visor_core::record::{Editor, Since, Tally};
    use visor_core::{Boot, ConnId, Now, Pid, Signal, Supervisor};

    fn same(entry: &Entry<'_>) -> String {
        let mut lines = b"before".to_vec();
        append(&mut lines, entry).unwrap();
        let line = String::from_utf8(lines.split_off(6)).unwrap();
        assert_eq!(line, serde_json::to_string(entry).unwrap());
        assert_eq!(lines, b"before");
        line
    }

    #[test]
    fn an_entry_is_what_serde_makes_of_it_whatever_it_is() {
        let texts: [&[u8]; 8] = [
            b"",
            b"plain",
            b"two lines\nof which \"one\" is quoted\r\n",
            b"\\",
            b"\x7f is plain, \x1f is not",
            "\u{e4}\u{1f600}\u{2028}".as_bytes(),
            b"\xff\0 is no text",
            b"<methodCall>\t</methodCall>",
        ];
        let (spawn, conn) = (SpawnId(u64::MAX), ConnId(7));
        let mut inputs = vec![
            Input::Wake,
            Input::Signal(Signal::HUP),
            Input::Spawned { spawn, pid: Pid(3) },
            Input::StdinProgress { spawn },
            Input::StdinClosed { spawn },
            Input::ConnDrained { conn },
            Input::ConnClosed { conn },
        ];
        for data in texts.map(Cow::Borrowed) {
            for stream in [Stream::Stdout, Stream::Stderr] {
                let data = data.clone();
                inputs.push(Input::ChildOutput {
                    spawn,
                    stream,
                    data,
                });
            }
            inputs.push(Input::ConnData { conn, data });
        }
        for (mono_nanos, wall_ahead_nanos, utc_offset_secs) in [
            (0, 0, 0),
            (1, 0, 0),
            (1, -1, 0),
            (1, 0, 3600),
            (u64::MAX, i64::MIN, -3600),
        ] {
            let since = Since {
                mono_nanos,
                wall_ahead_nanos,
                utc_offset_secs,
            };
            for input in &inputs {
                same(&Entry::new(since, input, Tally::from((0, 0))));
                same(&Entry::new(since, input, Tally::from((12, u32::MAX))));
            }
        }
    }

    #[test]
    fn what_is_left_out_is_told_in_the_same_words() {
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: vec![],
        };
        let config = Config::embedded().program(ProcessConfig::new("web", "/bin/web"));
        let daemon = Supervisor::new(config, boot, Now::default());
        let mut editor = Editor::new(false);
        let mut recorded = |input: &Input<'_>| {
            let (now, before) = (Now::default(), Tally::default());
            let entry = Entry::recorded(&daemon, &mut editor, now, input, before);
            same(&entry)
        };
        let (spawn, conn, stream) = (SpawnId(0), ConnId(1), Stream::Stdout);
        let data = Cow::Owned(vec![b'x'; 5000]);
        let long = Input::ChildOutput {
            spawn,
            stream,
            data,
        };
        assert_eq!(recorded(&long), r#"{"o":[0,1,5000]}"#);
        let data = Cow::Borrowed(&b"GET / HTTP/1.1\r\n\r\n"[..]);
        let asks = Input::ConnData { conn, data };
        assert!(recorded(&asks).ends_with("\\r\\n\\r\\n\"}}}"));
        assert_eq!(recorded(&asks), r#"{"a":1}"#);
    }

    /// Each byte at each place in a word, with each other byte beside it.
    #[test]
    fn every_byte_is_escaped_as_json_has_it_wherever_it_stands() {
        for around in [b'a', b'!', b'#', b'[', b']', b' ', b'\n', 0x7f, 0, 1] {
            for byte in 0..0x80 {
                for at in 0..17 {
                    let mut data = [around; 17];
                    data[at] = byte;
                    let mut written = Vec::new();
                    text(&mut written, &data);
                    let expected = format!("t{}", std::str::from_utf8(&data).unwrap());
                    let expected = serde_json::to_vec(&expected).unwrap();
                    assert_eq!(written, expected, "{byte} in {around} at {at}");
                }
            }
        }
    }
}
