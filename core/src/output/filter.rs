//! What of a child's output is logged, and what becomes an event.

use super::ansi::AnsiStripper;
use super::tokens::{Piece, TokenScanner};
use alloc::{borrow::Cow, boxed::Box, collections::VecDeque, vec::Vec};

/// Sorts the output of one stream of one child into what is logged and what is captured, and
/// removes escape sequences from either. A new one for each start of the process.
///
/// Tokens are looked for in what the child wrote, escape sequences removed between them; a token
/// ends an escape sequence. Of what is captured the last `capture_maxbytes` are kept.
///
/// ```
/// use visor_core::output::{OutputFilter, Segment};
/// let mut filter = OutputFilter::new(1024, true);
/// let mut read = &b"\x1b[1mhi\x1b[0m<!--XSUPERVISOR:BEGIN-->report<!--XSUPERVISOR:END-->"[..];
/// let mut next = || filter.next(&mut read);
/// assert_eq!(next(), Some(Segment::Log(b"hi".into())));
/// assert_eq!(next(), Some(Segment::Capturing(b"report".into())));
/// assert_eq!(next(), Some(Segment::Captured(b"report".into())));
/// assert_eq!(next(), None);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OutputFilter {
    capture: Option<Box<Capture>>,
    stripper: Option<Box<AnsiStripper>>,
}

/// Capture mode.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Capture {
    tokens: TokenScanner,
    max_bytes: usize,
    /// The last `max_bytes` at most of what followed the begin token.
    tail: VecDeque<u8>,
    /// The end token was found; what it ends is still to be told.
    ended: bool,
}

/// A part of a child's output; only `Captured` may be empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Segment<'d> {
    /// For the log.
    Log(Cow<'d, [u8]>),
    /// Between the tokens, as it is read. Not for the log: it will be part of a `Captured`. The
    /// reference shows it at debug level and makes a PROCESS_LOG event of it all the same.
    Capturing(Cow<'d, [u8]>),
    /// All there was between two tokens, or the end of it: a PROCESS_COMMUNICATION event.
    Captured(Vec<u8>),
}

/// What remained when a stream ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct Finished {
    /// What was held back because more might have followed: for the log.
    pub log: Vec<u8>,
    /// How many bytes were captured without an end token to make an event of them.
    pub discarded_bytes: usize,
}

impl OutputFilter {
    /// `capture_maxbytes` is 0 without capture mode.
    #[must_use]
    pub fn new(capture_maxbytes: u64, strip_ansi: bool) -> Self {
        Self {
            capture: (capture_maxbytes > 0).then(|| {
                Box::new(Capture {
                    max_bytes: usize::try_from(capture_maxbytes).unwrap_or(usize::MAX),
                    ..Capture::default()
                })
            }),
            stripper: strip_ansi.then(Box::default),
        }
    }

    /// Whether all is logged as it is.
    pub(crate) const fn is_transparent(&self) -> bool {
        self.capture.is_none() && self.stripper.is_none()
    }

    /// The next part, which it takes off `data`; `None` means all of it has been read.
    pub fn next<'d>(&mut self, data: &mut &'d [u8]) -> Option<Segment<'d>> {
        let Some(capture) = &mut self.capture else {
            let text = Cow::Borrowed(core::mem::take(data));
            let text = strip(&mut self.stripper, text);
            return (!text.is_empty()).then_some(Segment::Log(text));
        };
        loop {
            if core::mem::take(&mut capture.ended) {
                let captured = core::mem::take(&mut capture.tail);
                return Some(Segment::Captured(captured.into()));
            }
            let was_inside = capture.tokens.is_inside();
            let text = match capture.tokens.next(data)? {
                Piece::Text(text) => strip(&mut self.stripper, text),
                Piece::Token => {
                    capture.ended = was_inside;
                    let held = self.stripper.as_mut().map_or(&[][..], |s| s.finish());
                    Cow::Borrowed(held)
                }
            };
            if text.is_empty() {
                continue;
            }
            if !was_inside {
                return Some(Segment::Log(text));
            }
            capture.store(&text);
            return Some(Segment::Capturing(text));
        }
    }

    /// No more follows. Gives what is left, and begins anew.
    pub fn finish(&mut self) -> Finished {
        let mut finished = Finished::default();
        let (mut inside, mut held) = (false, &[][..]);
        if let Some(capture) = &mut self.capture {
            inside = capture.tokens.is_inside();
            held = capture.tokens.finish();
            finished.discarded_bytes = core::mem::take(&mut capture.tail).len();
        }
        let text = strip(&mut self.stripper, Cow::Borrowed(held));
        finished.log.extend_from_slice(&text);
        if let Some(stripper) = &mut self.stripper {
            finished.log.extend_from_slice(stripper.finish());
        }
        if inside {
            finished.discarded_bytes += core::mem::take(&mut finished.log).len();
        }
        finished
    }
}

impl Capture {
    /// Appends, and drops the oldest beyond the maximum.
    fn store(&mut self, text: &[u8]) {
        let kept = text.len().min(self.max_bytes);
        let excess = (self.tail.len() + kept).saturating_sub(self.max_bytes);
        self.tail.drain(..excess.min(self.tail.len()));
        self.tail
            .extend(text.get(text.len() - kept..).unwrap_or(&[]));
    }
}

fn strip<'d>(stripper: &mut Option<Box<AnsiStripper>>, text: Cow<'d, [u8]>) -> Cow<'d, [u8]> {
    match (stripper, text) {
        (None, text) => text,
        (Some(stripper), Cow::Borrowed(text)) => stripper.strip(text),
        (Some(stripper), Cow::Owned(text)) => Cow::Owned(stripper.strip(&text).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{BEGIN_TOKEN, END_TOKEN};
    use proptest::prelude::*;

    /// What came of a stream: what was logged, what was captured piece by piece and as wholes.
    #[derive(Debug, Default, Eq, PartialEq)]
    struct Outcome {
        log: Vec<u8>,
        capturing: Vec<u8>,
        captured: Vec<Vec<u8>>,
        discarded_bytes: usize,
    }

    fn run(filter: &mut OutputFilter, reads: &[&[u8]]) -> Outcome {
        let mut outcome = Outcome::default();
        for read in reads {
            let mut read = *read;
            while let Some(segment) = filter.next(&mut read) {
                match segment {
                    Segment::Log(text) => outcome.log.extend_from_slice(&text),
                    Segment::Capturing(text) => outcome.capturing.extend_from_slice(&text),
                    Segment::Captured(data) => outcome.captured.push(data),
                }
            }
            assert!(read.is_empty());
        }
        let finished = filter.finish();
        outcome.log.extend(finished.log);
        outcome.discarded_bytes = finished.discarded_bytes;
        outcome
    }

    fn frame(data: &[u8]) -> Vec<u8> {
        [BEGIN_TOKEN, data, END_TOKEN].concat()
    }

    #[test]
    fn without_capture_mode_tokens_are_logged() {
        let data = frame(b"x");
        let outcome = run(&mut OutputFilter::new(0, false), &[&data]);
        assert_eq!(outcome.log, data);
        assert!(outcome.captured.is_empty());
    }

    #[test]
    fn what_is_between_the_tokens_is_captured_and_not_logged() {
        let data = [b"a", &frame(b"one")[..], b"b", &frame(b"")[..], b"c"].concat();
        let outcome = run(&mut OutputFilter::new(100, false), &[&data]);
        assert_eq!(outcome.log, b"abc");
        assert_eq!(outcome.capturing, b"one");
        assert_eq!(outcome.captured, [&b"one"[..], b""]);
    }

    #[test]
    fn the_oldest_bytes_beyond_the_maximum_are_dropped() {
        let mut filter = OutputFilter::new(10, false);
        let outcome = run(
            &mut filter,
            &[&frame(b"0123456789"), &frame(b"0123456789a")],
        );
        assert_eq!(outcome.captured, [&b"0123456789"[..], b"123456789a"]);
        let reads: [&[u8]; 4] = [BEGIN_TOKEN, b"0123456", b"789abcdefghijklmn", END_TOKEN];
        assert_eq!(run(&mut filter, &reads).captured, [b"efghijklmn"]);
    }

    #[test]
    fn what_was_held_back_is_logged_at_the_end() {
        let mut filter = OutputFilter::new(100, false);
        let outcome = run(&mut filter, &[b"tail<!--XSUPERV"]);
        assert_eq!(outcome.log, b"tail<!--XSUPERV");
        assert_eq!(outcome.discarded_bytes, 0);
    }

    #[test]
    fn what_is_captured_without_an_end_is_counted() {
        let mut filter = OutputFilter::new(100, false);
        let open = [BEGIN_TOKEN, b"open<!--XSUP"].concat();
        let outcome = run(&mut filter, &[&open]);
        assert_eq!((outcome.log, outcome.discarded_bytes), (Vec::new(), 12));
        assert_eq!(filter, OutputFilter::new(100, false));
    }

    #[test]
    fn escape_sequences_are_removed_from_what_is_captured_too() {
        let data = frame(b"\x1b[1mabc\x1b[0m");
        let outcome = run(&mut OutputFilter::new(100, true), &[b"\x1b[7mx", &data]);
        assert_eq!(outcome.log, b"x");
        assert_eq!(outcome.captured, [b"abc"]);
    }

    #[test]
    fn a_token_ends_an_escape_sequence_and_none_is_found_in_one() {
        let mut filter = OutputFilter::new(100, true);
        let data = [b"a\x1b[3", &frame(b"b\x1b")[..], b"1my"].concat();
        let outcome = run(&mut filter, &[&data]);
        assert_eq!(outcome.log, b"a1my");
        assert_eq!(outcome.capturing, b"b\x1b");
        assert_eq!(outcome.captured, [b"b\x1b"]);
        let split = [&BEGIN_TOKEN[..5], b"\x1b[1m", &BEGIN_TOKEN[5..]].concat();
        assert_eq!(run(&mut filter, &[&split]).log, BEGIN_TOKEN);
    }

    #[test]
    fn many_tokens_in_one_read_are_no_matter() {
        let data = frame(b"x").repeat(10_000);
        let outcome = run(&mut OutputFilter::new(5, false), &[&data]);
        assert_eq!(outcome.captured.len(), 10_000);
    }

    #[test]
    fn plain_output_is_not_copied() {
        for (capture, strip_ansi) in [(0, false), (0, true), (9, false), (9, true)] {
            let mut filter = OutputFilter::new(capture, strip_ansi);
            let segment = filter.next(&mut &b"plain\n"[..]);
            assert!(matches!(
                segment,
                Some(Segment::Log(Cow::Borrowed(b"plain\n")))
            ));
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            pieces in proptest::collection::vec(prop_oneof![
                3 => Just(BEGIN_TOKEN.to_vec()),
                3 => Just(END_TOKEN.to_vec()),
                2 => Just(b"\x1b[1m".to_vec()),
                1 => Just(b"\x1b".to_vec()),
                1 => Just(b"<!--X".to_vec()),
                3 => proptest::collection::vec(any::<u8>(), 0..9),
            ], 0..10),
            cuts in proptest::collection::vec(0_usize..20, 0..30),
            capture_maxbytes in 0_u64..12,
            strip_ansi: bool,
        ) {
            let data = pieces.concat();
            let (mut reads, mut rest) = (Vec::new(), &data[..]);
            for cut in cuts {
                let (read, tail) = rest.split_at(cut.min(rest.len()));
                reads.push(read);
                rest = tail;
            }
            reads.push(rest);
            let whole = run(&mut OutputFilter::new(capture_maxbytes, strip_ansi), &[&data]);
            let split = run(&mut OutputFilter::new(capture_maxbytes, strip_ansi), &reads);
            prop_assert!(whole.captured.iter().all(|c| c.len() as u64 <= capture_maxbytes));
            prop_assert_eq!(split, whole);
        }
    }
}
