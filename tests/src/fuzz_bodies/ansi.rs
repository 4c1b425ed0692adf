//! Removing escape sequences does the same however the bytes are cut into reads, and removes
//! nothing else; and characters are kept whole without losing a byte.

use super::{cuts, seeded};
use visor_core::output::{AnsiStripper, Utf8Carry};

/// The first byte decides the cuts.
///
/// # Panics
/// If a filter breaks its promise.
pub fn run(data: &[u8]) {
    let (seed, text) = seeded(data);
    let [whole, single, pieces] = cuts(text, seed).map(|reads| strip(&reads));
    assert_eq!(whole, single);
    assert_eq!(whole, pieces);
    assert!(is_subsequence(&whole, text));
    if !text.windows(2).any(|pair| pair == b"\x1b[") {
        assert_eq!(whole, text);
    }
    for reads in cuts(text, seed) {
        carry(&reads, text);
    }
}

fn strip(reads: &[&[u8]]) -> Vec<u8> {
    let mut stripper = AnsiStripper::default();
    let mut kept = Vec::new();
    for read in reads {
        kept.extend_from_slice(&stripper.strip(read));
    }
    kept.extend_from_slice(stripper.finish());
    assert_eq!(stripper, AnsiStripper::default());
    kept
}

fn carry(reads: &[&[u8]], text: &[u8]) {
    let mut carry = Utf8Carry::default();
    let mut passed = Vec::new();
    for read in reads {
        let whole = carry.whole(read);
        let is_text = core::str::from_utf8(&whole).is_ok();
        assert!(is_text || core::str::from_utf8(text).is_err());
        passed.extend_from_slice(&whole);
    }
    let held = carry.finish();
    assert!(held.len() <= 3);
    passed.extend(held);
    assert_eq!(passed, text);
}

fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|byte| rest.any(|other| other == byte))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_holds_on_many_inputs() {
        super::super::try_many(
            super::run,
            &[
                b"\x1b[1;31m",
                b"\x1b[0m",
                b"\x1b[?25h",
                b"\x1b]0;title\x07",
                b"\x1b",
                b"\x1b[",
                "caf\u{e9} \u{20ac} \u{1f600}".as_bytes(),
                b"text",
            ],
        );
    }
}
