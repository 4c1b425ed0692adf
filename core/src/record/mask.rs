//! What a recording can do without: passwords, the values of environments, and what clients write
//! to programs.
//!
//! Everything keeps its length, so that the requests in a masked recording are still requests.

use crate::config::Config;
use crate::{ConnId, Input};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// What secrets are replaced with, byte by byte.
const MASK: u8 = b'x';

/// Masks the inputs of one recording, in order.
#[derive(Debug, Default)]
pub struct Masker {
    conns: BTreeMap<ConnId, Text>,
}

impl Masker {
    /// The input without secrets.
    pub fn mask<'a>(&mut self, input: &'a Input<'_>) -> Cow<'a, Input<'a>> {
        #[allow(clippy::wildcard_enum_match_arm)] // All others are shown as they are.
        match input {
            Input::ConnData { conn, data } => {
                let text = self.conns.entry(*conn).or_default();
                let data = data.iter().map(|byte| text.mask(*byte)).collect();
                Cow::Owned(Input::ConnData {
                    conn: *conn,
                    data: Cow::Owned(data),
                })
            }
            Input::ConnClosed { conn } => {
                self.conns.remove(conn);
                Cow::Borrowed(input)
            }
            Input::ConfigRead { result: Ok(read) } => {
                let mut read = read.clone();
                mask_config(&mut read.config);
                Cow::Owned(Input::ConfigRead {
                    result: Ok(Box::new(*read)),
                })
            }
            input => Cow::Borrowed(input),
        }
    }
}

/// Replaces passwords and the values of environments.
pub fn mask_config(config: &mut Config) {
    let servers = config.servers.iter_mut();
    for credentials in servers.filter_map(|server| server.credentials.as_mut()) {
        credentials.username = masked(&credentials.username);
        credentials.password = masked(&credentials.password);
    }
    let processes = config
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.processes);
    let environments = processes.map(|process| &mut process.environment);
    for environment in environments.chain([&mut config.supervisord.environment]) {
        for (_, value) in environment {
            *value = masked(value);
        }
    }
}

/// Takes away the passwords a masked recording cannot satisfy.
pub(super) fn unguard(config: &mut Config) {
    for server in &mut config.servers {
        server.credentials = None;
    }
}

fn masked(text: &str) -> String {
    core::iter::repeat_n(char::from(MASK), text.len()).collect()
}

const AUTHORIZATION: &[u8] = b"\nauthorization:";
const STDIN: &[u8] = b"sendprocessstdin";
const STRING: &[u8] = b"<string>";
/// As long as the longest of them.
const WINDOW: usize = 16;

/// What one client sends, byte by byte.
#[derive(Debug, Default)]
struct Text {
    /// The last bytes, in lower case.
    window: Vec<u8>,
    inside: Inside,
    /// `<string>`s to come until the one with what is written: the process name is before it.
    strings: u8,
}

#[derive(Debug, Default)]
enum Inside {
    #[default]
    Nothing,
    /// Until the end of the line.
    Header,
    /// Until the next tag.
    String,
}

impl Text {
    fn mask(&mut self, byte: u8) -> u8 {
        match self.inside {
            Inside::Header if !matches!(byte, b'\r' | b'\n') => return MASK,
            Inside::String if byte != b'<' => return MASK,
            Inside::Nothing | Inside::Header | Inside::String => self.inside = Inside::Nothing,
        }
        if self.window.len() == WINDOW {
            self.window.remove(0);
        }
        self.window.push(byte.to_ascii_lowercase());
        if self.window.ends_with(AUTHORIZATION) {
            self.inside = Inside::Header;
        } else if self.window.ends_with(STDIN) {
            self.strings = 2;
        } else if self.window.ends_with(STRING) && self.strings > 0 {
            self.strings -= 1;
            if self.strings == 0 {
                self.inside = Inside::String;
            }
        }
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(reads: &[&[u8]]) -> Vec<u8> {
        let (mut masker, mut all) = (Masker::default(), Vec::new());
        for read in reads {
            let input = Input::ConnData {
                conn: ConnId(1),
                data: Cow::Borrowed(read),
            };
            let masked = masker.mask(&input);
            let Input::ConnData { data, .. } = masked.as_ref() else {
                panic!("something else came of it");
            };
            all.extend_from_slice(data);
        }
        all
    }

    #[test]
    fn configurations_keep_neither_passwords_nor_values() {
        use crate::config::{Credentials, ProcessConfig, ServerAddress, ServerConfig};
        let mut process = ProcessConfig::new("web", "/bin/web");
        process.environment = alloc::vec![("TOKEN".into(), "abc".into())];
        let mut config = Config::embedded().program(process);
        config.supervisord.environment = alloc::vec![("KEY".into(), "defg".into())];
        config.servers.push(ServerConfig {
            section: "inet_http_server".into(),
            address: ServerAddress::Tcp {
                host: "h".into(),
                port: 1,
            },
            credentials: Some(Credentials {
                username: "me".into(),
                password: "hijkl".into(),
            }),
        });
        let read = crate::ReadConfig {
            config,
            messages: Vec::new(),
        };
        let input = Input::ConfigRead {
            result: Ok(Box::new(read)),
        };
        let mut masker = Masker::default();
        let masked = masker.mask(&input);
        let Input::ConfigRead { result: Ok(read) } = masked.as_ref() else {
            panic!("something else came of it");
        };
        let process = &read.config.groups[0].processes[0];
        assert_eq!(process.environment, [("TOKEN".into(), "xxx".into())]);
        let daemon = &read.config.supervisord.environment;
        assert_eq!(*daemon, [("KEY".into(), "xxxx".into())]);
        let credentials = read.config.servers[0].credentials.as_ref().unwrap();
        assert_eq!(credentials.username, "xx");
        assert_eq!(credentials.password, "xxxxx");
    }

    #[test]
    fn a_connection_that_closed_leaves_nothing_to_the_next_of_its_name() {
        let mut masker = Masker::default();
        let conn = ConnId(1);
        let data = |bytes: &'static [u8]| Input::ConnData {
            conn,
            data: Cow::Borrowed(bytes),
        };
        let half = data(b"\r\nAuthorization: Basic");
        masker.mask(&half);
        let closed = Input::ConnClosed { conn };
        assert_eq!(*masker.mask(&closed), closed);
        assert!(masker.conns.is_empty());
        let next = data(b"GET / HTTP/1.1");
        assert_eq!(*masker.mask(&next), next);
        assert_eq!(*masker.mask(&Input::Wake), Input::Wake);
    }

    #[test]
    fn passwords_and_input_are_masked_wherever_a_read_ends() {
        let request = b"POST /RPC2 HTTP/1.1\r\nAUTHORIZATION: Basic c2VjcmV0\r\nHost: h\r\n\r\n\
            <methodName>supervisor.sendProcessStdin</methodName><string>web</string>\
            <string>pass &amp; word</string><string>more</string>";
        let expected = b"POST /RPC2 HTTP/1.1\r\nAUTHORIZATION:xxxxxxxxxxxxxxx\r\nHost: h\r\n\r\n\
            <methodName>supervisor.sendProcessStdin</methodName><string>web</string>\
            <string>xxxxxxxxxxxxxxx</string><string>more</string>";
        for cut in 0..request.len() {
            let (a, b) = request.split_at(cut);
            assert_eq!(sent(&[a, b]), expected);
        }
    }
}
