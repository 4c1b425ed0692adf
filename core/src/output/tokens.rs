//! Finding the tokens of capture mode.

use alloc::borrow::Cow;

/// What a child writes before data that is to become an event.
pub const BEGIN_TOKEN: &[u8] = b"<!--XSUPERVISOR:BEGIN-->";

/// What it writes after that.
pub const END_TOKEN: &[u8] = b"<!--XSUPERVISOR:END-->";

/// A part of a child's output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Piece<'d> {
    /// Anything but a token; never empty.
    Text(Cow<'d, [u8]>),
    /// The token that was looked for.
    Token,
}

/// Finds the begin token, then the end token, then the begin token, and so on, wherever reads cut
/// them. The other token is text. It holds back only bytes that begin the token looked for; since
/// those are known, what is stored is their number.
///
/// Both tokens have their `<` only at the start. So a mismatch can be the start of a token only at
/// the byte that did not match, and nothing is looked at twice.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct TokenScanner {
    inside: bool,
    held: usize,
}

impl TokenScanner {
    /// The next part, which it takes off `data`; `None` means all of it has been read.
    pub(super) fn next<'d>(&mut self, data: &mut &'d [u8]) -> Option<Piece<'d>> {
        let token = self.token();
        let (held, missing) = token.split_at_checked(self.held)?;
        let known = common_prefix(missing, data);
        if known == missing.len() {
            return Some(self.found(skip(data, known), data));
        }
        if known == data.len() {
            self.held += known;
            *data = &[];
            return None;
        }
        self.held = 0;
        let (text, rest) = before_token(data, token);
        *data = rest;
        let text = match (held, text) {
            ([], text) => Cow::Borrowed(text),
            (held, []) => Cow::Borrowed(held),
            (held, text) => Cow::Owned([held, text].concat()),
        };
        (!text.is_empty()).then_some(Piece::Text(text))
    }

    /// No more follows: gives what was held back, and begins anew.
    pub(super) fn finish(&mut self) -> &'static [u8] {
        let held = self.token().get(..self.held).unwrap_or(&[]);
        *self = Self::default();
        held
    }

    /// Whether the end token is looked for.
    pub(super) const fn is_inside(&self) -> bool {
        self.inside
    }

    const fn token(&self) -> &'static [u8] {
        if self.inside { END_TOKEN } else { BEGIN_TOKEN }
    }

    fn found<'d>(&mut self, rest: &'d [u8], data: &mut &'d [u8]) -> Piece<'d> {
        *data = rest;
        self.held = 0;
        self.inside = !self.inside;
        Piece::Token
    }
}

/// Splits before the first whole token, or else before the part of one at the end, or else at the
/// end.
fn before_token<'d>(data: &'d [u8], token: &[u8]) -> (&'d [u8], &'d [u8]) {
    let mut from = 0;
    while let Some(found) = skip(data, from).iter().position(|b| *b == b'<') {
        let rest = skip(data, from + found);
        if rest.starts_with(token) || token.starts_with(rest) {
            return data.split_at_checked(from + found).unwrap_or((data, &[]));
        }
        from += found + 1;
    }
    (data, &[])
}

fn skip(data: &[u8], count: usize) -> &[u8] {
    data.get(count..).unwrap_or(&[])
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// All parts of `data`, texts that follow each other joined: what tests compare.
    fn scan(scanner: &mut TokenScanner, mut data: &[u8], parts: &mut Vec<Option<Vec<u8>>>) {
        while let Some(piece) = scanner.next(&mut data) {
            match piece {
                Piece::Token => parts.push(None),
                Piece::Text(text) => match parts.last_mut() {
                    Some(Some(last)) => last.extend_from_slice(&text),
                    Some(None) | None => parts.push(Some(text.into_owned())),
                },
            }
        }
    }

    fn parts(reads: &[&[u8]]) -> (Vec<Option<Vec<u8>>>, &'static [u8]) {
        let (mut scanner, mut parts) = (TokenScanner::default(), Vec::new());
        for read in reads {
            scan(&mut scanner, read, &mut parts);
        }
        (parts, scanner.finish())
    }

    fn text(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn several_tokens_are_found_in_one_read() {
        let data = b"a<!--XSUPERVISOR:BEGIN-->b<!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGIN-->";
        assert_eq!(parts(&[data]).0, [text("a"), None, text("b"), None, None]);
    }

    #[test]
    fn the_other_token_is_text() {
        let data = b"<!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGIN--><!--XSUPERVISOR:BEGIN-->x";
        let expected = [
            text("<!--XSUPERVISOR:END-->"),
            None,
            text("<!--XSUPERVISOR:BEGIN-->x"),
        ];
        assert_eq!(parts(&[data]).0, expected);
    }

    #[test]
    fn what_only_begins_like_a_token_is_given_whole_with_what_follows() {
        let mut scanner = TokenScanner::default();
        let mut read = &b"<!--XSUP"[..];
        assert_eq!(scanner.next(&mut read), None);
        let mut read = &b"PORT--> <<"[..];
        let joined = Cow::Borrowed(&b"<!--XSUPPORT--> <"[..]);
        assert_eq!(scanner.next(&mut read), Some(Piece::Text(joined)));
        assert_eq!(scanner.next(&mut read), None);
        assert_eq!(scanner.finish(), b"<");
    }

    #[test]
    fn text_is_not_copied() {
        let mut scanner = TokenScanner::default();
        let mut read = &b"<html><!--XSUPERVISOR:BEGIN-->"[..];
        let piece = scanner.next(&mut read);
        assert!(matches!(piece, Some(Piece::Text(Cow::Borrowed(b"<html>")))));
    }

    /// The rule, stated naively.
    fn naive(data: &[u8]) -> Vec<Option<Vec<u8>>> {
        let (mut parts, mut rest, mut inside) = (Vec::new(), data, false);
        loop {
            let token = if inside { END_TOKEN } else { BEGIN_TOKEN };
            let at = rest.windows(token.len()).position(|w| w == token);
            let (text, tail) = rest.split_at(at.unwrap_or(rest.len()));
            if !text.is_empty() {
                parts.push(Some(text.to_vec()));
            }
            if at.is_none() {
                return parts;
            }
            parts.push(None);
            inside = !inside;
            rest = &tail[token.len()..];
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            pieces in proptest::collection::vec(prop_oneof![
                3 => Just(BEGIN_TOKEN.to_vec()),
                3 => Just(END_TOKEN.to_vec()),
                1 => Just(BEGIN_TOKEN[..9].to_vec()),
                1 => Just(END_TOKEN[..17].to_vec()),
                1 => Just(b"<".to_vec()),
                2 => proptest::collection::vec(any::<u8>(), 0..5),
            ], 0..8),
            cuts in proptest::collection::vec(0_usize..20, 0..30),
        ) {
            let data = pieces.concat();
            let (mut reads, mut rest) = (Vec::new(), &data[..]);
            for cut in cuts {
                let (read, tail) = rest.split_at(cut.min(rest.len()));
                reads.push(read);
                rest = tail;
            }
            reads.push(rest);
            let (mut found, held) = parts(&reads);
            match found.last_mut() {
                Some(Some(text)) => text.extend_from_slice(held),
                Some(None) | None if held.is_empty() => {}
                Some(None) | None => found.push(Some(held.to_vec())),
            }
            prop_assert_eq!(found, naive(&data));
        }
    }
}
