//! Recordings: any text is read or refused, what is read is written the same, and what a daemon
//! did is decided again, masked or not.

use super::seeded;
use crate::tape::{Live, Told};
use visor_core::record::{Entry, Header};
use visor_core::{Output, Supervisor};

/// Most inputs of one recording: longer ones find nothing that shorter ones do not.
const STEPS_MAX: usize = 300;

/// The first byte decides whether the rest is a recording, or what happens to a daemon.
///
/// # Panics
/// If a promise is broken.
pub fn run(data: &[u8]) {
    let (mode, rest) = seeded(data);
    if mode & 1 == 0 {
        read(rest);
    } else {
        live(rest);
    }
}

/// Decoding is the inverse of encoding, and no input is too much for the core.
fn read(text: &[u8]) {
    let mut lines = text.split(|byte| *byte == b'\n');
    let header = lines
        .next()
        .and_then(|line| serde_json::from_slice(line).ok());
    let header: Header = header.unwrap_or_else(|| Live::new(0).header().clone());
    let groups = header.config.groups.iter();
    if groups.map(|group| group.processes.len()).sum::<usize>() > 100 {
        return;
    }
    let written = serde_json::to_string(&header).expect("JSON");
    let again: Header = serde_json::from_str(&written).expect("what was written");
    assert_eq!(serde_json::to_string(&again).expect("JSON"), written);
    let mut now = header.now;
    let mut supervisor = Supervisor::new(header.config, header.boot, now);
    for line in lines.take(STEPS_MAX) {
        let Ok(entry) = serde_json::from_slice::<Entry<'_>>(line) else {
            continue;
        };
        let written = serde_json::to_string(&entry).expect("JSON");
        let again: Entry<'_> = serde_json::from_str(&written).expect("what was written");
        assert_eq!(again, entry);
        now = entry.since.after(now);
        supervisor.handle_input(now, entry.input.into_owned());
        while let Output::Action(_) = supervisor.poll_output() {}
    }
}

/// A daemon, its recordings, and their replays.
fn live(data: &[u8]) {
    let (variant, data) = seeded(data);
    let mut live = Live::new(variant);
    for step in data.chunks(4).take(STEPS_MAX) {
        let at = |at: usize| step.get(at).copied().unwrap_or(0);
        live.tell(Told::of([at(0), at(1), at(2), at(3)]));
    }
    live.replay();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_holds_on_many_inputs() {
        let live = Live::new(0);
        let (header, _) = live.recording(false).split_once('\n').unwrap();
        let entry = |input: &str| format!("\n{{\"n\":[0,0],\"t\":[9,7,0],\"i\":{input}}}");
        super::super::try_some(
            200,
            run,
            &[
                header.as_bytes(),
                entry("\"Wake\"").as_bytes(),
                entry("{\"Signal\":1}").as_bytes(),
                entry("{\"Spawned\":{\"spawn\":0,\"pid\":5}}").as_bytes(),
                b"\x01\x00\x02\x00\x03\x01\x00\x40",
                b"\x03\x02\x10\x20",
                b"\x05\x00\x00\x00",
            ],
        );
    }
}
