//! When two states are the same: what is written down of one, so that equal texts mean equal
//! futures.
//!
//! The text is the core's own `Debug` form, which the compiler derives: a field that somebody adds
//! is in it, whether or not anybody thinks of the search. From it are left out, or made coarser,
//! only these, and only for the reasons given:
//!
//! | what | becomes | because |
//! |---|---|---|
//! | configuration, spawn specifications, what the daemon was started with | nothing | it never changes during a search |
//! | counters that ids, serials and names come from | nothing | they only grow, and nothing compares them |
//! | ids of children, processes, groups | numbers by order of appearance | they are names |
//! | pids, wall clock times, `spawnerr`, contents of events | whether there is one | they are only shown |
//! | times of the monotonic clock | how far away they are | the machine only compares them with now |
//! | how long a child has lived | at most a second | nothing asks whether it was longer: no `startsecs` here is |
//! | until when redeliveries are paced | not before now | it is raised to now before it is used |
//! | how a process ended | whether that was expected | nothing else is asked of it |
//! | how it ended, whether a stop was wanted, whether its input was closed | nothing, if there is no child | a spawn sets them anew; only in EXITED is it asked how it ended |
//! | the count of short lives | at most 12 | above ten each is paced, the eleventh is logged |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use visor_core::Supervisor;

const SECOND: i128 = 1_000_000_000;
/// Short lives are counted up to here: one more than makes a difference.
const HOT_MAX: u32 = 12;

/// Fields that are left out.
const LEFT_OUT: &[&str] = &[
    "available",
    "boot",
    "config",
    "kind",
    "latest",
    "names",
    "next_group",
    "next_process",
    "next_read",
    "next_reading",
    "next_server",
    "next_spawn",
    "payload",
    "pool_serial",
    "serial",
    "serials",
    "server_url",
    "spawnerr",
    "spec",
    "stopped",
    "ticks",
    "token",
    "transitions",
];

/// Writes states down, again and again into the same memory.
#[derive(Default)]
pub(super) struct Writer {
    debug: String,
    text: String,
    ids: BTreeMap<(&'static str, u64), usize>,
}

impl Writer {
    /// The text of a state at a moment, in nanoseconds.
    pub(super) fn write(&mut self, core: &Supervisor, now: u64) -> &str {
        self.debug.clear();
        self.text.clear();
        self.ids.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.debug, "{core:?}");
        let debug = std::mem::take(&mut self.debug);
        self.canonical(&debug, i128::from(now));
        self.debug = debug;
        &self.text
    }

    fn canonical(&mut self, debug: &str, now: i128) {
        let mut rest = debug;
        let mut field = "";
        let mut state = "";
        while let Some(start) = rest.bytes().position(begins_word) {
            let (before, from) = rest.split_at(start);
            self.text.push_str(before);
            let word = word(from);
            let after = from.get(word.len()..).unwrap_or_default();
            if let Some(value) = after.strip_prefix(": ") {
                if word == "state" {
                    state = value;
                }
                let length = if LEFT_OUT.contains(&word) || is_over(state, word) {
                    value_length(value)
                } else if matches!(word, "exit" | "hot" | "spawns") {
                    let length = value_length(value);
                    self.special(word, value.get(..length).unwrap_or_default());
                    length
                } else {
                    self.text.push_str(word);
                    self.text.push_str(": ");
                    0
                };
                field = word;
                rest = value.get(length..).unwrap_or_default();
            } else if let Some((number, left)) = number(after) {
                self.named(word, number, field, now);
                rest = left;
            } else {
                self.text.push_str(word);
                rest = after;
            }
        }
        self.text.push_str(rest);
    }

    /// A type with one number in it.
    fn named(&mut self, name: &str, number: u64, field: &str, now: i128) {
        let _ = match name {
            "Timestamp" => {
                let floor = match field {
                    "paced_to" => 0,
                    _ => -SECOND,
                };
                let away = (i128::from(number) - now).max(floor);
                write!(self.text, "{away}")
            }
            "SpawnId" => self.id("spawn", number),
            "ProcessId" => self.id("process", number),
            "GroupId" => self.id("group", number),
            "Pid" | "UnixTime" => write!(self.text, "{name}"),
            _ => write!(self.text, "{name}({number})"),
        };
    }

    fn id(&mut self, of: &'static str, number: u64) -> std::fmt::Result {
        let count = self.ids.len();
        let name = *self.ids.entry((of, number)).or_insert(count);
        write!(self.text, "{of} {name}")
    }

    fn special(&mut self, field: &str, value: &str) {
        match field {
            "exit" => {
                let how = match value {
                    "None" => "none",
                    "Some(Code(0))" => "expected",
                    _ => "unexpected",
                };
                let _ = write!(self.text, "exit: {how}");
            }
            "hot" => {
                let hot = value.parse::<u32>().map_or(0, |hot| hot.min(HOT_MAX));
                let _ = write!(self.text, "hot: {hot}");
            }
            // An index: which child is whose stands with the process. In the order of the
            // processes, not of the spawns.
            _ => {
                let numbers = value
                    .split(|c: char| !c.is_ascii_digit())
                    .filter_map(|n| n.parse::<u64>().ok());
                let numbers: Vec<u64> = numbers.collect();
                let mut pairs: Vec<(u64, u64)> =
                    numbers.chunks_exact(2).map(|p| (p[1], p[0])).collect();
                pairs.sort_unstable();
                for (process, spawn) in pairs {
                    let _ = self.id("process", process);
                    self.text.push('=');
                    let _ = self.id("spawn", spawn);
                    self.text.push(' ');
                }
            }
        }
    }
}

/// Whether a field says something of a child that is no more.
fn is_over(state: &str, field: &str) -> bool {
    let childless = ["Stopped", "Fatal", "Backoff", "Exited"];
    match field {
        "stop_wanted" | "stdin_closed" => childless.iter().any(|name| state.starts_with(name)),
        "exit" => childless[..3].iter().any(|name| state.starts_with(name)),
        _ => false,
    }
}

const fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'"'
}

/// A name, or a string with its quotes.
fn word(text: &str) -> &str {
    if text.starts_with('"') {
        return text.get(..string_length(text)).unwrap_or(text);
    }
    let inside = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let end = text.as_bytes().iter().take_while(|b| inside(b)).count();
    text.get(..end).unwrap_or(text)
}

/// `(17)` at the start of the text, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let (digits, left) = text.strip_prefix('(')?.split_once(')')?;
    Some((digits.parse().ok()?, left))
}

/// How long the string is that begins here, both quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// How long the value is that begins here: up to the comma or the bracket that ends it. Most of
/// every text is passed over here, so this is a loop over bytes.
fn value_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_u32;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at += string_length(text.get(at..).unwrap_or_default()) - 1,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return at,
            b')' | b']' | b'}' => depth -= 1,
            b' ' if depth == 0 && bytes.get(at + 1) == Some(&b'}') => return at,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(debug: &str, now: i128) -> String {
        let mut writer = Writer::default();
        writer.canonical(debug, now);
        writer.text
    }

    #[test]
    fn names_are_made_the_same_and_times_relative() {
        let one = "P { a: SpawnId(7), b: SpawnId(9), c: SpawnId(7), at: Timestamp(50), pid: Some(Pid(3)) }";
        let other = "P { a: SpawnId(1), b: SpawnId(0), c: SpawnId(1), at: Timestamp(90), pid: Some(Pid(8)) }";
        assert_eq!(canonical(one, 40), canonical(other, 80));
        assert_ne!(canonical(one, 40), canonical(other, 81));
        let third = "P { a: SpawnId(1), b: SpawnId(0), c: SpawnId(0), at: Timestamp(90), pid: Some(Pid(8)) }";
        assert_ne!(canonical(one, 40), canonical(third, 80));
    }

    #[test]
    fn what_is_left_out_is_left_out_whole_and_nothing_else() {
        let text = "S { config: C { name: \"a } \\\" b\", of: [1, (2, 3)] }, mood: Running, latest: T(4) }";
        assert_eq!(canonical(text, 0), "S { , mood: Running,  }");
        let text = "S { exit: Some(Signaled { signal: Signal(9) }), hot: 40, failures: 2 }";
        assert_eq!(
            canonical(text, 0),
            "S { exit: unexpected, hot: 12, failures: 2 }"
        );
    }

    #[test]
    fn an_index_by_spawn_does_not_tell_who_was_spawned_first() {
        let one = "S { p: ProcessId(0), q: ProcessId(1), spawns: {SpawnId(3): ProcessId(0), SpawnId(4): ProcessId(1)} }";
        let other = "S { p: ProcessId(0), q: ProcessId(1), spawns: {SpawnId(3): ProcessId(1), SpawnId(4): ProcessId(0)} }";
        assert_eq!(canonical(one, 0), canonical(other, 0));
    }
}
