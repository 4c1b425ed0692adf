//! What surrounds the root element.
//!
//! rxml refuses every declared encoding but UTF-8 and any `standalone`, while PHP's clients declare
//! ISO-8859-1 and send ASCII with character references: so the XML declaration is taken off here.
//! Behind the root element, white space, comments and processing instructions may follow.

use super::DecodeError;
use alloc::vec::Vec;

/// Longest XML declaration.
const DECLARATION_BYTES_MAX: usize = 256;
const BOM: &[u8] = b"\xef\xbb\xbf";
const DECLARATION: &[u8] = b"<?xml";

const DOCTYPE: &[u8] = b"<!DOCTYPE";
/// Longest document type. One that defines something is refused.
const DOCTYPE_BYTES_MAX: usize = 512;

/// Everything before the root element.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// At most as much as a declaration needs, and what came with it.
    pending: Vec<u8>,
    /// Byte order mark and declaration are behind; only white space is left, and a document type.
    blank: bool,
    has_type: bool,
}

impl Head {
    /// Takes a piece; gives back what belongs to the root element once that has begun.
    pub(super) fn feed(&mut self, data: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
        self.pending.extend_from_slice(data);
        if !self.blank && !self.declaration()? {
            return Ok(None);
        }
        self.skip_spaces();
        if !self.has_type && !self.document_type()? {
            return Ok(None);
        }
        match self.pending.as_slice() {
            [] | [b'<'] => Ok(None),
            // The declaration is only allowed at the very start; other instructions not at all.
            [b'<', b'?', ..] => Err(DecodeError::Xml("misplaced instruction".into())),
            _ => Ok(Some(core::mem::take(&mut self.pending))),
        }
    }

    fn skip_spaces(&mut self) {
        let spaces = self.pending.iter().take_while(|c| c.is_ascii_whitespace());
        let spaces = spaces.count();
        self.pending.drain(..spaces);
    }

    /// Takes off a document type that only names itself; whether more is needed to know.
    fn document_type(&mut self) -> Result<bool, DecodeError> {
        let pending = self.pending.as_slice();
        if DOCTYPE.starts_with(pending) {
            return Ok(false);
        }
        if !pending.starts_with(DOCTYPE) {
            self.has_type = true;
            return Ok(true);
        }
        let shown = pending.get(..DOCTYPE_BYTES_MAX).unwrap_or(pending);
        match shown.iter().position(|c| matches!(c, b'>' | b'[')) {
            Some(end) if shown.get(end) == Some(&b'>') => {
                self.pending.drain(..=end);
                self.has_type = true;
                self.skip_spaces();
                Ok(true)
            }
            None if shown.len() < DOCTYPE_BYTES_MAX => Ok(false),
            Some(_) | None => Err(DecodeError::Xml(
                "a document type that defines things".into(),
            )),
        }
    }

    /// Takes byte order mark and declaration off; whether that is done.
    fn declaration(&mut self) -> Result<bool, DecodeError> {
        let pending = self.pending.as_slice();
        if BOM.starts_with(pending) {
            return Ok(false);
        }
        let text = pending.strip_prefix(BOM).unwrap_or(pending);
        if DECLARATION.starts_with(text) {
            return Ok(false);
        }
        let marked = pending.len() - text.len();
        let spaced = text
            .strip_prefix(DECLARATION)
            .and_then(<[u8]>::first)
            .is_some_and(u8::is_ascii_whitespace);
        if spaced {
            let end = text
                .windows(2)
                .take(DECLARATION_BYTES_MAX)
                .position(|pair| pair == b"?>");
            match end {
                Some(end) if text.get(..end).is_some_and(<[u8]>::is_ascii) => {
                    self.pending.drain(..marked + end + 2);
                }
                None if text.len() <= DECLARATION_BYTES_MAX => return Ok(false),
                Some(_) | None => {
                    return Err(DecodeError::Xml("malformed declaration".into()));
                }
            }
        } else {
            self.pending.drain(..marked);
        }
        self.blank = true;
        Ok(true)
    }
}

/// Everything behind the root element, byte by byte.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Tail {
    /// White space.
    #[default]
    Blank,
    /// `<`, `<!`, `<!-`.
    Opening(u8),
    /// In a comment, behind so many dashes.
    Comment(u8),
    /// In a processing instruction; whether behind `?`.
    Instruction(bool),
}

impl Tail {
    pub(super) fn feed(&mut self, data: &[u8]) -> Result<(), DecodeError> {
        for &byte in data {
            *self = self.step(byte).ok_or_else(|| {
                DecodeError::Xml("something follows the end of the document".into())
            })?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self == Self::Blank {
            Ok(())
        } else {
            Err(DecodeError::Incomplete)
        }
    }

    const fn step(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Blank, b' ' | b'\t' | b'\r' | b'\n') => Self::Blank,
            (Self::Blank, b'<') => Self::Opening(0),
            (Self::Opening(0), b'!') => Self::Opening(1),
            (Self::Opening(0), b'?') => Self::Instruction(false),
            (Self::Opening(1), b'-') => Self::Opening(2),
            (Self::Opening(2), b'-') => Self::Comment(0),
            (Self::Comment(0), b'-') => Self::Comment(1),
            (Self::Comment(1), b'-') => Self::Comment(2),
            (Self::Comment(2), b'>') | (Self::Instruction(true), b'>') => Self::Blank,
            (Self::Comment(0 | 1), _) => Self::Comment(0),
            (Self::Instruction(_), _) => Self::Instruction(byte == b'?'),
            (Self::Blank | Self::Opening(_) | Self::Comment(_), _) => return None,
        })
    }
}
