//! What a recording can do without: passwords, the values of environments, what clients write to
//! programs, and what is in logs.
//!
//! Whatever the core looks at stays or is replaced by something of which it thinks the same, so
//! that a masked recording replays to the same decisions: equal secrets stay equal, what clients
//! send keeps its length, a right password is marked as one.

use super::Header;
use super::client::Client;
use crate::config::Config;
use crate::{ConnId, Input, LogPart, ReadConfig, Supervisor, web};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

/// What secrets are replaced with where their length matters, byte by byte.
pub(super) const MASK: u8 = b'x';

/// How much of the seed is kept: what the names of AUTO logs are made of, which are known to all
/// who can see a list of files. With the rest of it, forms could be forged.
const SEED_KEPT: usize = 8;

/// Masks one recording.
#[derive(Debug, Default)]
pub(super) struct Masker {
    /// What each secret is called instead.
    names: BTreeMap<String, String>,
    conns: BTreeMap<ConnId, Client>,
    tokens: Tokens,
}

/// What the web page's forms prove themselves with: really, and in the replay.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) real: String,
    pub(super) replayed: String,
}

impl Masker {
    /// The start of the recording, without secrets.
    pub(super) fn begin(&mut self, header: &mut Header) {
        header.masked = true;
        self.tokens.real = web::token(&header.boot.seed);
        header
            .boot
            .seed
            .iter_mut()
            .skip(SEED_KEPT)
            .for_each(|byte| *byte = 0);
        self.tokens.replayed = web::token(&header.boot.seed);
        self.config(&mut header.config);
    }

    /// An input without secrets. `supervisor` is about to be told it.
    pub(super) fn mask<'a>(
        &mut self,
        supervisor: &Supervisor,
        input: &'a Input<'_>,
    ) -> Cow<'a, Input<'a>> {
        #[allow(clippy::wildcard_enum_match_arm)] // All others are shown as they are.
        match input {
            Input::ConnData { conn, data } => {
                let client = self.conns.entry(*conn).or_default();
                let mut data = data.to_vec();
                client.mask(&mut data, &self.tokens, |value| {
                    supervisor.admits(*conn, value)
                });
                Cow::Owned(Input::ConnData {
                    conn: *conn,
                    data: Cow::Owned(data),
                })
            }
            Input::ConnClosed { conn } => {
                self.conns.remove(conn);
                Cow::Borrowed(input)
            }
            Input::LogRead {
                read,
                result: Ok(part),
            } => {
                let part = LogPart {
                    data: part.data.iter().map(|byte| folded(*byte)).collect(),
                    ..*part
                };
                Cow::Owned(Input::LogRead {
                    read: *read,
                    result: Ok(part),
                })
            }
            Input::ConfigRead { result: Ok(read) } => {
                let mut read = ReadConfig::clone(read);
                self.config(&mut read.config);
                Cow::Owned(Input::ConfigRead {
                    result: Ok(Box::new(read)),
                })
            }
            input => Cow::Borrowed(input),
        }
    }

    /// Replaces passwords and the values of environments.
    fn config(&mut self, config: &mut Config) {
        let servers = config.servers.iter_mut();
        for credentials in servers.filter_map(|server| server.credentials.as_mut()) {
            self.rename(&mut credentials.username);
            self.rename(&mut credentials.password);
        }
        let processes = config
            .groups
            .iter_mut()
            .flat_map(|group| &mut group.processes);
        let environments = processes.map(|process| &mut Arc::make_mut(process).environment);
        for environment in environments.chain([&mut config.supervisord.environment]) {
            for (_, value) in environment {
                self.rename(value);
            }
        }
    }

    /// What is equal stays equal, so that a changed value is a change of the configuration.
    fn rename(&mut self, secret: &mut String) {
        if secret.is_empty() {
            return;
        }
        let next = self.names.len() + 1;
        let name = self.names.entry(core::mem::take(secret));
        secret.clone_from(name.or_insert_with(|| format!("secret-{next}")));
    }
}

/// Text without what it says: letters and digits are gone, lines and marks are left.
pub(super) const fn folded(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        MASK
    } else {
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Credentials, ProcessConfig, ServerAddress, ServerConfig, diff};
    use crate::{Boot, Now, Pid};

    fn header(value: &str, password: &str) -> Header {
        let mut web = ProcessConfig::new("web", "/bin/web");
        web.environment.push(("KEY".into(), value.into()));
        let mut config = Config::embedded().program(web);
        let daemon = &mut config.supervisord.environment;
        daemon.extend([
            ("OF_ALL".into(), "v4lue".into()),
            ("NONE".into(), "".into()),
        ]);
        config.servers.push(ServerConfig {
            section: "inet_http_server".into(),
            address: ServerAddress::Unix {
                path: "s".into(),
                mode: 0o600,
                owner: None,
            },
            credentials: Some(Credentials {
                username: "admin".into(),
                password: password.into(),
            }),
        });
        let boot = Boot {
            pid: Pid(1),
            seed: [7; 32],
            foreground: true,
            messages: alloc::vec![],
        };
        Header::new(config, boot, Now::default())
    }

    #[test]
    fn no_secret_of_a_configuration_is_left() {
        let mut header = header("k3y", "pa55");
        Masker::default().begin(&mut header);
        let text = serde_json::to_string(&header).unwrap();
        for secret in ["k3y", "v4lue", "pa55", "admin", "7,7,7,7,7,7,7,7,7"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        assert!(text.contains("[\"KEY\",\"secret-3\"]"), "{text}");
        assert!(text.contains("[\"NONE\",\"\"]"), "{text}");
    }

    #[test]
    fn a_connection_that_closed_leaves_nothing_to_the_next_of_its_name() {
        let header = header("k", "p");
        let supervisor = Supervisor::new(header.config, header.boot, header.now);
        let mut masker = Masker::default();
        let conn = ConnId(1);
        let data = |bytes: &'static [u8]| Input::ConnData {
            conn,
            data: Cow::Borrowed(bytes),
        };
        let half = data(b"GET / HTTP/1.1\r\nAuthorization: Basic");
        assert_ne!(*masker.mask(&supervisor, &half), half);
        let closed = Input::ConnClosed { conn };
        assert_eq!(*masker.mask(&supervisor, &closed), closed);
        assert!(masker.conns.is_empty());
        let next = data(b"dTpw GET / HTTP/1.1");
        assert_eq!(*masker.mask(&supervisor, &next), next);
    }

    #[test]
    fn a_changed_value_stays_a_change_and_an_equal_one_stays_equal() {
        let mut masker = Masker::default();
        let mut first = header("one", "p");
        masker.begin(&mut first);
        let mut masked = |value: &str| {
            let mut config = header(value, "p").config;
            masker.config(&mut config);
            config
        };
        // Of the same length: it is not the length that makes the difference.
        assert_eq!(diff(&first.config, &masked("two")).changed.len(), 1);
        assert_eq!(diff(&first.config, &masked("one")).changed.len(), 0);
    }
}
