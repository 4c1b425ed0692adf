//! Removing ANSI escape sequences (`strip_ansi`).

use alloc::borrow::Cow;

const ESC: u8 = 0x1b;

/// Removes escape sequences from a stream of bytes, wherever reads cut them.
///
/// What a sequence is follows the reference: it begins with `ESC [` and ends with the next of the
/// letters `H f A B C D R s u J K h l p m`. Everything up to that letter is swallowed, so an
/// unknown sequence takes text with it. Any other use of ESC is text.
///
/// ```
/// use visor_core::output::AnsiStripper;
/// let mut stripper = AnsiStripper::default();
/// assert_eq!(&*stripper.strip(b"\x1b[31mred\x1b[0m, \x1b[3"), b"red, ");
/// assert_eq!(&*stripper.strip(b"1mred\x1b"), b"red");
/// assert_eq!(stripper.finish(), b"\x1b");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AnsiStripper {
    place: Place,
}

/// Where a read ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Place {
    #[default]
    Text,
    /// After an ESC that may begin a sequence, and is held back.
    Escape,
    /// Within a sequence.
    Sequence,
}

impl AnsiStripper {
    /// What remains of a read. Borrowed if it is one piece.
    pub fn strip<'d>(&mut self, data: &'d [u8]) -> Cow<'d, [u8]> {
        let mut kept = Cow::Borrowed(&[][..]);
        let mut rest = data;
        while let Some(first) = rest.first() {
            match self.place {
                Place::Text => {
                    let (text, from_escape) = before_sequence(rest);
                    keep(&mut kept, text);
                    rest = match from_escape {
                        [] => &[],
                        [_] => {
                            self.place = Place::Escape;
                            &[]
                        }
                        [_, _, sequence @ ..] => {
                            self.place = Place::Sequence;
                            sequence
                        }
                    };
                }
                Place::Escape if *first == b'[' => {
                    self.place = Place::Sequence;
                    rest = rest.get(1..).unwrap_or(&[]);
                }
                Place::Escape => {
                    self.place = Place::Text;
                    keep(&mut kept, &[ESC]);
                }
                Place::Sequence => {
                    let Some(end) = rest.iter().position(|b| is_terminator(*b)) else {
                        break;
                    };
                    self.place = Place::Text;
                    rest = rest.get(end + 1..).unwrap_or(&[]);
                }
            }
        }
        kept
    }

    /// No more follows: gives what was held back, and begins anew.
    pub fn finish(&mut self) -> &'static [u8] {
        match core::mem::take(&mut self.place) {
            Place::Escape => &[ESC],
            Place::Text | Place::Sequence => &[],
        }
    }
}

/// Splits before the first ESC that begins a sequence, or may if it is the last byte.
fn before_sequence(data: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(found) = data
        .get(from..)
        .and_then(|d| d.iter().position(|b| *b == ESC))
    {
        let at = from + found;
        if matches!(data.get(at + 1), None | Some(b'[')) {
            return data.split_at_checked(at).unwrap_or((data, &[]));
        }
        from = at + 1;
    }
    (data, &[])
}

fn keep<'d>(kept: &mut Cow<'d, [u8]>, text: &'d [u8]) {
    if kept.is_empty() {
        *kept = Cow::Borrowed(text);
    } else if !text.is_empty() {
        kept.to_mut().extend_from_slice(text);
    }
}

const fn is_terminator(byte: u8) -> bool {
    matches!(
        byte,
        b'H' | b'f'
            | b'A'
            | b'B'
            | b'C'
            | b'D'
            | b'R'
            | b's'
            | b'u'
            | b'J'
            | b'K'
            | b'h'
            | b'l'
            | b'p'
            | b'm'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn strip_in(data: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut stripper = AnsiStripper::default();
        let (mut out, mut rest) = (Vec::new(), data);
        for cut in cuts {
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            out.extend_from_slice(&stripper.strip(piece));
            rest = tail;
        }
        out.extend_from_slice(&stripper.strip(rest));
        out.extend_from_slice(stripper.finish());
        out
    }

    #[test]
    fn what_is_removed_is_what_the_reference_removes() {
        let cases: [(&[u8], &[u8]); 19] = [
            (b"abc", b"abc"),
            (b"\x1b[31mred\x1b[0m", b"red"),
            (b"a\x1b[Kb", b"ab"),
            (b"\x1b]0;title\x07x", b"\x1b]0;title\x07x"),
            (b"\x1b(Bx", b"\x1b(Bx"),
            (b"\x1bMabc def", b"\x1bMabc def"),
            (b"\x1b7hello m world", b"\x1b7hello m world"),
            (b"a\x1b", b"a\x1b"),
            (b"a\x1b[", b"a"),
            (b"a\x1b[3", b"a"),
            (b"\x1b\x1b[1mX", b"\x1bX"),
            (b"\x1b[?25hY", b"Y"),
            (b"\x1b[1;31;40mZ", b"Z"),
            (b"\x1b[10;10Hq", b"q"),
            (b"\x9b31mq", b"\x9b31mq"),
            (b"\x1bno terminator", b"\x1bno terminator"),
            (b"A\x1bHB\x1bfC\x1bAD", b"A\x1bHB\x1bfC\x1bAD"),
            (b"\x1b[\x1b[\x1b[hellom", b"ellom"),
            (b"\x1b[5nunknown text", b"nknown text"),
        ];
        for (data, expected) in cases {
            assert_eq!(strip_in(data, &[]), expected, "{data:?}");
        }
    }

    #[test]
    fn every_terminator_ends_a_sequence_and_no_other_letter_does() {
        for byte in 0..=u8::MAX {
            let data = [ESC, b'[', b'1', byte, b'#'];
            let ends = b"HfABCDRsuJKhlpm".contains(&byte);
            assert_eq!(strip_in(&data, &[]), if ends { &b"#"[..] } else { b"" });
        }
    }

    #[test]
    fn one_piece_is_not_copied() {
        let mut stripper = AnsiStripper::default();
        for data in [
            &b"plain"[..],
            b"\x1b[1mbold",
            b"bold\x1b[0m",
            b"\x1b7x\x1b8",
        ] {
            assert!(matches!(stripper.strip(data), Cow::Borrowed(_)), "{data:?}");
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            Just(ESC),
            Just(b'['),
            Just(b'm'),
            Just(b'1'),
            Just(b'x'),
            any::<u8>()
        ];
        proptest::collection::vec(byte, 0..60)
    }

    /// The rule, stated naively.
    fn naive(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < data.len() {
            if data[at..].starts_with(b"\x1b[") {
                let end = data[at..].iter().position(|b| is_terminator(*b));
                at = end.map_or(data.len(), |end| at + end + 1);
            } else {
                out.push(data[at]);
                at += 1;
            }
        }
        out
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(data in text(), cuts in proptest::collection::vec(0_usize..7, 0..30)) {
            prop_assert_eq!(strip_in(&data, &cuts), naive(&data));
        }
    }
}
