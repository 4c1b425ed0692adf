//! Whether a request may change something: not if another site's page sent it.

use crate::http::Request;
use alloc::{format, string::String};
use sha1_smol::Sha1;

/// What a browser says about where a request comes from.
#[derive(Debug)]
pub(crate) struct Guarded<'a> {
    fetch_site: Option<&'a str>,
    origin: Option<&'a str>,
    referer: Option<&'a str>,
    host: Option<&'a str>,
    forwarded_host: Option<&'a str>,
    is_browser: bool,
}

impl<'a> Guarded<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        let get = |name| request.headers.get(name);
        Self {
            fetch_site: get("sec-fetch-site"),
            origin: get("origin"),
            referer: get("referer"),
            host: get("host"),
            forwarded_host: get("x-forwarded-host"),
            is_browser: get("user-agent").is_some_and(|agent| agent.starts_with("Mozilla/")),
        }
    }

    /// Nothing says that another site's page sent it. Programs that are no browsers say nothing.
    pub(crate) fn is_same_site(&self) -> bool {
        match (self.fetch_site, self.origin) {
            // Browsers send this where they trust the transport; pages cannot fake it.
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => self.is_own(origin),
            (None, None) => self.referer.is_none_or(|referer| self.is_own(referer)),
        }
    }

    /// The same for a GET that changes something. A browser can be made to send one that says
    /// nothing about its origin: without a sign that the user meant it, it is refused.
    pub(crate) fn may_act_by_get(&self) -> bool {
        let says_nothing =
            self.fetch_site.is_none() && self.origin.is_none() && self.referer.is_none();
        self.is_same_site() && !(self.is_browser && says_nothing)
    }

    /// Whether an origin or address has the host the request was sent to. A proxy may have
    /// changed that; then it says so in a header that no page can set.
    fn is_own(&self, address: &str) -> bool {
        let rest = address.split_once("://").map(|(_, rest)| rest);
        let Some(host) = rest.and_then(|rest| rest.split(['/', '?', '#']).next()) else {
            return false;
        };
        [self.host, self.forwarded_host]
            .into_iter()
            .flatten()
            .any(|own| bare(own).eq_ignore_ascii_case(bare(host)))
    }
}

/// Without the port that is the default.
fn bare(host: &str) -> &str {
    let host = host.trim();
    host.strip_suffix(":80")
        .or_else(|| host.strip_suffix(":443"))
        .unwrap_or(host)
}

/// What the page's forms prove themselves with: only who can read the page knows it.
pub(crate) fn token(seed: &[u8; 32]) -> String {
    let mut sha = Sha1::new();
    sha.update(seed);
    sha.update(b"web form");
    format!("{}", sha.digest())
}

/// Compares in the same time, whatever is wrong with the guess.
pub(super) fn is_token(given: &str, token: &str) -> bool {
    let digest = |text: &str| Sha1::from(text).digest().bytes();
    let pairs = digest(given).into_iter().zip(digest(token));
    core::hint::black_box(pairs.fold(0, |acc, (a, b)| acc | (a ^ b))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::auth::Gate;
    use crate::http::server::{Connection, Next};

    fn request(headers: &str) -> Request {
        let mut connection = Connection::default();
        connection.receive(format!("GET / HTTP/1.1\r\nHost: h:9001\r\n{headers}\r\n").as_bytes());
        match connection.next(&Gate::default()) {
            Next::Request(request) => request,
            Next::More | Next::Refused(_) => panic!("it is a request"),
        }
    }

    #[test]
    fn what_another_site_sends_is_known_by_its_headers() {
        let same_site = |headers: &str| Guarded::of(&request(headers)).is_same_site();
        assert!(same_site(""));
        assert!(same_site("Origin: http://h:9001\r\n"));
        assert!(same_site("Referer: http://h:9001/?message=x\r\n"));
        assert!(same_site("Sec-Fetch-Site: none\r\n"));
        assert!(same_site(
            "X-Forwarded-Host: public.example\r\nOrigin: https://public.example\r\n"
        ));
        for foreign in [
            "Origin: http://evil.example\r\n",
            "Origin: http://h\r\n",
            "Origin: http://h:9001.evil.example\r\n",
            "Origin: null\r\n",
            "Referer: http://evil.example/?http://h:9001/\r\n",
            "Sec-Fetch-Site: cross-site\r\nOrigin: http://h:9001\r\n",
            "Sec-Fetch-Site: same-site\r\n",
        ] {
            assert!(!same_site(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_browser_must_say_where_an_action_by_get_comes_from() {
        let may = |headers: &str| Guarded::of(&request(headers)).may_act_by_get();
        assert!(may(""));
        assert!(may("User-Agent: curl/8\r\n"));
        assert!(!may("User-Agent: Mozilla/5.0\r\n"));
        assert!(may(
            "User-Agent: Mozilla/5.0\r\nReferer: http://h:9001/\r\n"
        ));
        assert!(may("User-Agent: Mozilla/5.0\r\nSec-Fetch-Site: none\r\n"));
    }

    #[test]
    fn tokens_differ_by_seed_and_are_compared_whole() {
        let token = token(&[1; 32]);
        assert_ne!(token, super::token(&[2; 32]));
        assert!(is_token(&token, &token));
        assert!(!is_token("", &token));
        assert!(!is_token(&token[1..], &token));
        // Whatever the difference is, two that are the same do not make up for each other.
        let guesses = (0..2000).map(|guess| format!("{guess}"));
        assert!(guesses.into_iter().all(|guess| !is_token(&guess, &token)));
    }
}
