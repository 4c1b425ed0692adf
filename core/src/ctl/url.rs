//! Where the server is: `http://host:port` or `unix:///path`.

use alloc::{
    format,
    string::{String, ToString as _},
};

/// Port of `http://` URLs that name none.
const HTTP_PORT: u16 = 80;

/// Where a client connects to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A Unix domain socket.
    Unix(String),
    /// A TCP port.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
}

/// A server's URL: the text that messages show, and what it means.
///
/// ```
/// use visor_core::ctl::{Address, ServerUrl};
/// let url = ServerUrl::parse("unix:///run/supervisor.sock")?;
/// assert_eq!(url.address(), &Address::Unix("/run/supervisor.sock".into()));
/// assert!(ServerUrl::parse("supervisor.sock").is_err());
/// # Ok::<(), visor_core::ctl::UrlError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerUrl {
    text: String,
    address: Address,
}

/// Why a text is no URL of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UrlError {
    /// No scheme, or nothing behind it.
    NotAUrl(String),
    /// A scheme that is neither `http` nor `unix`.
    Protocol(String),
    /// The port is no number below 65536.
    Port(String),
}

impl core::fmt::Display for UrlError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotAUrl(text) => write!(f, "value '{text}' is not a URL"),
            Self::Protocol(text) => {
                write!(
                    f,
                    "Unknown protocol for serverurl {text}: use http:// or unix://"
                )
            }
            Self::Port(text) => write!(f, "the port in '{text}' is not a port number"),
        }
    }
}

impl core::error::Error for UrlError {}

impl ServerUrl {
    /// Reads a URL. User names, paths and queries behind the host are passed over, as the
    /// reference does.
    ///
    /// # Errors
    /// What is wrong with the text.
    ///
    /// ```
    /// use visor_core::ctl::{Address, ServerUrl};
    /// let url = ServerUrl::parse("http://[::1]:9001").unwrap();
    /// assert_eq!(url.address(), &Address::Tcp { host: "::1".into(), port: 9001 });
    /// assert_eq!(url.host(), "[::1]:9001");
    /// assert!(ServerUrl::parse("localhost").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let not_a_url = || UrlError::NotAUrl(text.to_string());
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(match text.split_once(':') {
                Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => {
                    UrlError::Protocol(text.to_string())
                }
                Some(_) | None => not_a_url(),
            });
        };
        if rest.is_empty() {
            return Err(not_a_url());
        }
        let address = match scheme {
            "unix" => Address::Unix(rest.to_string()),
            "http" => tcp(text, rest)?,
            _ => return Err(UrlError::Protocol(text.to_string())),
        };
        Ok(Self {
            text: text.to_string(),
            address,
        })
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What to connect to.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The value of the `Host` header.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.address {
            Address::Unix(_) => String::from("localhost"),
            Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Address::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

fn tcp(text: &str, rest: &str) -> Result<Address, UrlError> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner
            .split_once(']')
            .ok_or_else(|| UrlError::NotAUrl(text.to_string()))?;
        (host, after.strip_prefix(':'))
    } else {
        authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return Err(UrlError::NotAUrl(text.to_string()));
    }
    let port = match port {
        None | Some("") => HTTP_PORT,
        Some(digits) => digits
            .parse()
            .map_err(|_| UrlError::Port(text.to_string()))?,
    };
    Ok(Address::Tcp {
        host: host.to_string(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_taken_apart() {
        for (text, host, port) in [
            ("http://localhost:9001", "localhost", 9001),
            ("http://127.0.0.1", "127.0.0.1", 80),
            ("http://[fe80::1]:1/", "fe80::1", 1),
            ("http://bob:pw@web:2/RPC2?x", "web", 2),
            ("http://web:", "web", 80),
        ] {
            assert_eq!(
                ServerUrl::parse(text).unwrap().address(),
                &Address::Tcp {
                    host: host.to_string(),
                    port
                },
                "{text}"
            );
        }
        let host = |text: &str| ServerUrl::parse(text).unwrap().host();
        assert_eq!(host("http://[fe80::1]:1/"), "[fe80::1]:1");
        assert_eq!(host("http://web"), "web:80");
        let unix = ServerUrl::parse("unix:///run/a b.sock").unwrap();
        assert_eq!(unix.address(), &Address::Unix("/run/a b.sock".to_string()));
        assert_eq!(unix.host(), "localhost");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "foo",
            "http://",
            "unix://",
            "http://:80",
            "http://[::1",
            "http://a:x",
            "http://a:70000",
            "ftp://a",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text}");
        }
        for text in ["foo", ":", ":x", "x:", "http://"] {
            let wanted = format!("value '{text}' is not a URL");
            assert_eq!(ServerUrl::parse(text).unwrap_err().to_string(), wanted);
        }
        for text in ["localhost:9001", "ftp://a"] {
            let wanted = format!("Unknown protocol for serverurl {text}: use http:// or unix://");
            assert_eq!(ServerUrl::parse(text).unwrap_err().to_string(), wanted);
        }
    }
}
