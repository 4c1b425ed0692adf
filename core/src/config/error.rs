//! What is wrong with a configuration, and where.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// A place in a file.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The file's name, as it was opened.
    pub file: String,
    /// Line, from 1; 0: the file as a whole.
    pub line: u32,
}

/// `/etc/supervisord.conf, line 3`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        Ok(())
    }
}

/// One error or warning.
///
/// ```
/// use visor_core::config::{Diagnostic, Place};
/// let place = Some(Place { file: "s.conf".into(), line: 3 });
/// let odd = Diagnostic { text: "odd".into(), place };
/// assert_eq!(odd.to_string(), "odd (s.conf, line 3)");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// What is wrong. The text of an error is the reference's.
    pub text: String,
    /// Where, if that is known.
    pub place: Option<Place>,
}

/// `text (file, line n)`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

/// Why a configuration cannot be used. There is at least one error; the first is the one that
/// the reference would report.
///
/// ```
/// use visor_core::config::LoadErrors;
/// let errors = LoadErrors::one("no such user", None);
/// assert_eq!(errors.to_string(), "no such user");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadErrors {
    first: Diagnostic,
    more: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl LoadErrors {
    /// A single error.
    #[must_use]
    pub fn one(text: impl Into<String>, place: Option<Place>) -> Self {
        let text = text.into();
        Self {
            first: Diagnostic { text, place },
            more: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// All of `errors`, or nothing if there are none.
    #[cfg(feature = "ini")]
    pub(super) fn from_list(errors: Vec<Diagnostic>, warnings: Vec<Diagnostic>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        Some(Self {
            first,
            more: errors.collect(),
            warnings,
        })
    }

    /// The compatible text: what follows `Error: ` on a terminal and `CANT_REREAD: ` in a fault.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.first.text
    }

    /// Where the first error is, if known. Goes on a line of its own after the text.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.first.place.as_ref()
    }

    /// All errors that were found, the first one first.
    pub fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        core::iter::once(&self.first).chain(&self.more)
    }

    /// What is doubtful besides, as far as reading got.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

/// The compatible text alone.
impl fmt::Display for LoadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for LoadErrors {}
