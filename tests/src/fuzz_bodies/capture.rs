//! Capture mode, with and without removal of escape sequences, does the same however a child's
//! output is cut into reads, and loses nothing.

use super::{cuts, seeded};
use visor_core::output::{BEGIN_TOKEN, OutputFilter, Segment};

/// The first byte decides the cuts, the second the maximum and whether escape sequences are
/// removed. The rest is what the child writes.
///
/// # Panics
/// If the filter breaks its promise.
pub fn run(data: &[u8]) {
    let (seed, rest) = seeded(data);
    let (options, output) = seeded(rest);
    let (max_bytes, strip_ansi) = (u64::from(options >> 1), options & 1 == 1);
    let [whole, single, pieces] = cuts(output, seed)
        .map(|reads| outcome(&mut OutputFilter::new(max_bytes, strip_ansi), &reads));
    assert_eq!(whole, single);
    assert_eq!(whole, pieces);
    for captured in &whole.captured {
        assert!(captured.len() as u64 <= max_bytes);
    }
    if max_bytes == 0 || !contains(output, BEGIN_TOKEN) {
        assert!(whole.captured.is_empty() && whole.capturing.is_empty());
        if !strip_ansi {
            assert_eq!(whole.log, output);
        }
    }
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Outcome {
    log: Vec<u8>,
    capturing: Vec<u8>,
    captured: Vec<Vec<u8>>,
    discarded_bytes: usize,
}

fn outcome(filter: &mut OutputFilter, reads: &[&[u8]]) -> Outcome {
    let fresh = filter.clone();
    let mut outcome = Outcome::default();
    for read in reads {
        let mut rest = *read;
        while let Some(segment) = filter.next(&mut rest) {
            match segment {
                Segment::Log(text) => {
                    assert!(!text.is_empty());
                    outcome.log.extend_from_slice(&text);
                }
                Segment::Capturing(text) => {
                    assert!(!text.is_empty());
                    outcome.capturing.extend_from_slice(&text);
                }
                Segment::Captured(data) => outcome.captured.push(data),
            }
        }
        assert!(rest.is_empty(), "a read is taken whole");
    }
    let finished = filter.finish();
    assert_eq!(*filter, fresh);
    outcome.log.extend(finished.log);
    outcome.discarded_bytes = finished.discarded_bytes;
    outcome
}

fn contains(data: &[u8], token: &[u8]) -> bool {
    data.windows(token.len()).any(|window| window == token)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_holds_on_many_inputs() {
        super::super::try_many(
            super::run,
            &[
                b"<!--XSUPERVISOR:BEGIN-->",
                b"<!--XSUPERVISOR:END-->",
                b"<!--XSUPERVISOR:BEGIN-->x<!--XSUPERVISOR:END-->",
                b"<<!--XSUPERVISOR:",
                b"\x1b[1mbold\x1b[0m",
                b"\x1b",
                b"\x1b[",
                b"plain text\n",
            ],
        );
    }
}
