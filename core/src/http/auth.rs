//! Basic authentication.

use crate::config::Credentials;
use alloc::{format, string::String};
use base64::Engine as _;
use sha1_smol::Sha1;

type Digest = [u8; 20];

/// Who may use a server: whoever can connect, or those who know name and password.
///
/// Only digests of both are kept and compared, always in the same time: neither how much of a
/// guess was right nor how long the secret is can be measured.
///
/// ```
/// use visor_core::{config::Credentials, http::auth::Gate};
/// let gate = Gate::new(Some(&Credentials { username: "u".into(), password: "p".into() }));
/// assert!(gate.admits(Some(b"Basic dTpw")));
/// assert!(!gate.admits(None));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gate(Who);

#[derive(Clone, Debug, Default)]
enum Who {
    #[default]
    Everyone,
    /// Those with a mark, in the replay of a masked recording.
    #[cfg(feature = "serde")]
    Marked,
    Knowing(Expected),
}

#[derive(Clone)]
struct Expected {
    username: Digest,
    password: Digest,
    /// The password is given as the hex text of its digest.
    hashed: bool,
}

impl core::fmt::Debug for Expected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Expected(***)")
    }
}

impl Gate {
    /// A gate for these credentials; `None` lets everyone in.
    #[must_use]
    pub fn new(credentials: Option<&Credentials>) -> Self {
        Self(credentials.map_or(Who::Everyone, |c| {
            // The text behind {SHA} is compared as it is, so upper-case digits never match: as in
            // the reference.
            let (password, hashed) = match c.password.strip_prefix("{SHA}") {
                Some(hex) => (hex, true),
                None => (c.password.as_str(), false),
            };
            Who::Knowing(Expected {
                username: digest(c.username.as_bytes()),
                password: digest(password.as_bytes()),
                hashed,
            })
        }))
    }

    /// A gate for what a masked recording has instead of passwords.
    #[cfg(feature = "serde")]
    pub(crate) const fn marked() -> Self {
        Self(Who::Marked)
    }

    /// Whether a request with this `Authorization` header may pass.
    #[must_use]
    pub fn admits(&self, authorization: Option<&[u8]>) -> bool {
        let expected = match &self.0 {
            Who::Everyone => return true,
            #[cfg(feature = "serde")]
            Who::Marked => {
                let last = authorization.and_then(|value| value.trim_ascii().last());
                return last == Some(&crate::record::ADMITTED);
            }
            Who::Knowing(expected) => expected,
        };
        let given = authorization.and_then(decoded).unwrap_or_default();
        let (username, password) = split(&given);
        let password = if expected.hashed {
            digest(hex(&digest(password)).as_bytes())
        } else {
            digest(password)
        };
        let same_name = same(&digest(username), &expected.username);
        let same_password = same(&password, &expected.password);
        same_name & same_password & given.contains(&b':')
    }
}

/// `user:password` out of `Basic dXNlcjpwYXNzd29yZA==`.
fn decoded(header: &[u8]) -> Option<alloc::vec::Vec<u8>> {
    let text = core::str::from_utf8(header).ok()?.trim();
    let (scheme, cookie) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    base64::engine::general_purpose::STANDARD
        .decode(cookie.trim())
        .ok()
}

fn split(given: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = given.splitn(2, |c| *c == b':');
    let username = parts.next().unwrap_or_default();
    (username, parts.next().unwrap_or_default())
}

fn digest(bytes: &[u8]) -> Digest {
    Sha1::from(bytes).digest().bytes()
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Looks at every byte, whatever the earlier ones were.
fn same(a: &Digest, b: &Digest) -> bool {
    let difference = a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y));
    core::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_do_not_make_up_for_each_other() {
        let (none, mut twice) = (Digest::default(), Digest::default());
        assert!(same(&none, &twice));
        (twice[3], twice[7]) = (5, 5);
        assert!(!same(&none, &twice));
    }

    #[test]
    fn nobody_reads_a_password_in_a_message() {
        let shown = format!("{:?}", gate("bob", "secret"));
        assert!(shown.contains("Expected(***)"), "{shown}");
    }

    fn gate(username: &str, password: &str) -> Gate {
        Gate::new(Some(&Credentials {
            username: username.into(),
            password: password.into(),
        }))
    }

    fn basic(pair: &[u8]) -> alloc::vec::Vec<u8> {
        let cookie = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("Basic {cookie}").into_bytes()
    }

    #[test]
    fn only_the_right_pair_passes() {
        let gate = gate("u", "p:q");
        assert!(gate.admits(Some(&basic(b"u:p:q"))));
        assert!(gate.admits(Some(b"basic  dTpwOnE= ")));
        for wrong in [
            &b"u:p"[..],
            b"u:",
            b"u",
            b"",
            b":",
            b"p:q",
            b"U:p:q",
            b"\xff:p:q",
        ] {
            assert!(!gate.admits(Some(&basic(wrong))), "{wrong:?}");
        }
        for wrong in [
            &b"Basic"[..],
            b"Basic !!!",
            b"Digest dTpwOnE=",
            b"",
            b"\xff",
        ] {
            assert!(!gate.admits(Some(wrong)), "{wrong:?}");
        }
        assert!(!gate.admits(None));
    }

    #[test]
    fn hashed_passwords_are_lower_case_hex() {
        let hex = "516b9783fca517eecbd1d064da2d165310b19759"; // of "p"
        let of_p = hex_of(b"p");
        assert_ne!(of_p, hex.to_uppercase());
        let right = gate("u", &format!("{{SHA}}{of_p}"));
        assert!(right.admits(Some(&basic(b"u:p"))));
        assert!(!right.admits(Some(&basic(b"u:q"))));
        let upper = gate("u", &format!("{{SHA}}{}", of_p.to_uppercase()));
        assert!(!upper.admits(Some(&basic(b"u:p"))));
    }

    fn hex_of(text: &[u8]) -> String {
        hex(&digest(text))
    }

    #[test]
    fn without_credentials_everyone_passes() {
        assert!(Gate::new(None).admits(None));
    }

    #[test]
    fn an_empty_name_and_password_still_need_a_header() {
        let gate = gate("", "");
        assert!(!gate.admits(None));
        assert!(gate.admits(Some(&basic(b":"))));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", gate("u", "secret")).contains("secret"));
    }
}
