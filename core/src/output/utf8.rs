//! Keeping characters whole over reads.

use alloc::{borrow::Cow, vec::Vec};

/// Cuts a stream of bytes only between characters, where a read cuts within one: what an event
/// carries is text or is not, and must not depend on where a read ended.
///
/// At most three bytes are held back, and only those that begin a character. What is no UTF-8
/// passes as it is.
///
/// ```
/// use visor_core::output::Utf8Carry;
/// let mut carry = Utf8Carry::default();
/// assert_eq!(&*carry.whole(b"caf\xc3"), b"caf");
/// assert_eq!(&*carry.whole(b"\xa9\n"), "é\n".as_bytes());
/// assert!(carry.is_empty());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Utf8Carry {
    held: Vec<u8>,
}

impl Utf8Carry {
    /// What was held back and this read, without the beginning of a character at the end. May be
    /// empty. Borrowed if nothing was held back.
    pub fn whole<'d>(&mut self, data: &'d [u8]) -> Cow<'d, [u8]> {
        if self.held.is_empty() {
            let (whole, tail) = split(data);
            self.held.extend_from_slice(tail);
            return Cow::Borrowed(whole);
        }
        let mut joined = core::mem::take(&mut self.held);
        joined.extend_from_slice(data);
        let (whole, tail) = split(&joined);
        let len = whole.len();
        self.held.extend_from_slice(tail);
        joined.truncate(len);
        Cow::Owned(joined)
    }

    /// Whether nothing is held back.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// No more follows: gives what was held back, and begins anew.
    pub fn finish(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.held)
    }
}

/// Splits before a character that is cut by the end.
fn split(data: &[u8]) -> (&[u8], &[u8]) {
    for len in 1..=data.len().min(3) {
        let at = data.len() - len;
        let Some((whole, tail)) = data.split_at_checked(at) else {
            break;
        };
        if tail.first().is_some_and(|b| (0x80..0xc0).contains(b)) {
            continue;
        }
        if core::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none()) {
            return (whole, tail);
        }
        break;
    }
    (data, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_beginning_of_a_character_is_held_back() {
        let held = |data: &[u8]| {
            let mut carry = Utf8Carry::default();
            carry.whole(data);
            carry.finish().len()
        };
        assert_eq!(held(b""), 0);
        assert_eq!(held(b"a"), 0);
        assert_eq!(held("a€".as_bytes()), 0);
        assert_eq!(held(b"a\xe2\x82"), 2);
        assert_eq!(held(b"\xf0\x9f\x98"), 3);
        assert_eq!(held(b"\xf0"), 1);
        assert_eq!(held(b"\xff"), 0);
        assert_eq!(held(b"\x82\x82\x82"), 0);
        assert_eq!(held(b"\xe2a"), 0);
        assert_eq!(held(b"\xed\xa0"), 0, "surrogates begin no character");
    }

    #[test]
    fn what_is_whole_is_not_copied() {
        let mut carry = Utf8Carry::default();
        assert!(matches!(
            carry.whole("é\u{20ac}".as_bytes()),
            Cow::Borrowed(_)
        ));
        assert!(matches!(carry.whole(b"x\xe2"), Cow::Borrowed(b"x")));
    }

    proptest! {
        #[test]
        fn text_stays_text_however_it_is_cut(text: String, cuts in proptest::collection::vec(0_usize..5, 0..40)) {
            let mut carry = Utf8Carry::default();
            let (mut rest, mut out) = (text.as_bytes(), String::new());
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                out.push_str(core::str::from_utf8(&carry.whole(piece)).unwrap());
                rest = tail;
            }
            out.push_str(core::str::from_utf8(&carry.whole(rest)).unwrap());
            prop_assert!(carry.finish().is_empty());
            prop_assert_eq!(out, text);
        }

        #[test]
        fn no_byte_is_lost_or_changed(data: Vec<u8>, cut in 0_usize..64) {
            let mut carry = Utf8Carry::default();
            let (first, second) = data.split_at(cut.min(data.len()));
            let mut out = carry.whole(first).into_owned();
            out.extend_from_slice(&carry.whole(second));
            let held = carry.finish();
            prop_assert!(held.len() <= 3);
            out.extend(held);
            prop_assert_eq!(out, data);
        }
    }

    use alloc::string::String;
}
