//! Recordings made by real daemons on another machine, decided again on this one.
//!
//! `UPDATE_RECORDINGS=1 cargo nextest run -p visor-tests --test e2e_record` makes them anew.

use visor_core::ExitStatus;
use visor_core::Input;
use visor_core::record::{Entry, Header, Replay};
use visor_tests::load::{SECRETS, recordings};

const NAMES: [&str; 3] = ["load-smol.jsonl", "load-std.jsonl", "masked-smol.jsonl"];

fn read(name: &str) -> String {
    std::fs::read_to_string(recordings().join(name)).expect("a recording")
}

/// Replays; gives the number of inputs, or at which the replay differs.
fn replayed<'a>(text: &'a str, change: impl Fn(usize, &mut Entry<'a>)) -> Result<usize, usize> {
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().expect("a header")).expect("a header");
    let mut replay = Replay::new(header);
    let mut count = 0;
    for line in lines {
        let mut entry: Entry<'_> = serde_json::from_str(line).expect("an input");
        change(count, &mut entry);
        replay.step(entry).map_err(|_| count)?;
        count += 1;
    }
    Ok(count)
}

#[test]
fn daemons_of_another_machine_are_replayed_to_the_same_actions() {
    for name in NAMES {
        let count = replayed(&read(name), |_, _| {});
        assert!(count.is_ok_and(|count| count > 150), "{name}: {count:?}");
    }
}

#[test]
fn one_input_that_was_another_is_noticed() {
    for name in NAMES {
        let text = read(name);
        let exits = |entry: &Entry<'_>| matches!(*entry.input, Input::Exited { .. });
        let (mut first, entries) = (None, text.lines().skip(1));
        for (at, line) in entries.enumerate() {
            let entry: Entry<'_> = serde_json::from_str(line).expect("an input");
            if first.is_none() && exits(&entry) {
                first = Some(at);
            }
        }
        let first = first.expect("a child that ended");
        let differs = replayed(&text, |at, entry| {
            if let (true, Input::Exited { spawn, .. }) = (at == first, &*entry.input) {
                let status = ExitStatus::Code(77);
                let spawn = *spawn;
                entry.input = std::borrow::Cow::Owned(Input::Exited { spawn, status });
            }
        });
        assert!(differs.is_err_and(|at| at > first), "{name}: {differs:?}");
    }
}

#[test]
fn recordings_in_the_repository_tell_nothing_of_where_they_were_made() {
    let mut bytes = 0;
    for name in NAMES {
        let text = read(name);
        bytes += text.len();
        for part in ["/home/", "/root", "/work", "/Users/"] {
            assert!(!text.contains(part), "{part} is in {name}");
        }
        if name.starts_with("masked") {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{secret} is in {name}");
            }
        }
    }
    assert!(bytes < 300_000, "{bytes} bytes of recordings");
}
