//! Events: what listeners can subscribe to, what they are told, and in which form.
//!
//! An [`Occurrence`] is what happened, as plain values. Whoever notices one asks first whether
//! anybody wants its kind ([`Subscriptions::contains`], one bit), and only then makes an [`Event`]
//! of it: encoded once, numbered once, shared by all pools that take it.
//!
//! ```
//! use visor_core::event::{EventKind, Occurrence, Subscriptions};
//! let wanted = Subscriptions::from_names(["PROCESS_GROUP"]).expect("a type of event");
//! let what = Occurrence::GroupAdded { group: "web" };
//! assert!(wanted.contains(what.kind()) && !wanted.contains(EventKind::Tick5));
//! assert_eq!(what.payload(), b"groupname:web\n");
//! ```
//!
//! Who gets it is decided in [`pool`](crate::pool), how it is spoken of in
//! [`listener`](crate::listener). `docs/events.md` shows every type with its payload.

mod kind;
mod occurrence;
mod serial;
mod tick;

pub use kind::{EventKind, Subscriptions};
pub use occurrence::{Occurrence, StateChange};
pub use serial::Serials;
pub use tick::Ticks;

use alloc::{boxed::Box, format, vec::Vec};

/// One event, ready to be sent to any number of listeners. Share it in an `Arc`.
///
/// ```
/// use visor_core::event::{Event, Occurrence};
/// let event = Event::new(7, &Occurrence::GroupAdded { group: "web" });
/// assert_eq!(
///     event.encode("supervisor", "mail", 3),
///     b"ver:3.0 server:supervisor serial:7 pool:mail poolserial:3 \
///       eventname:PROCESS_GROUP_ADDED len:14\ngroupname:web\n"
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Event {
    serial: u64,
    kind: EventKind,
    payload: Box<[u8]>,
}

impl Event {
    /// Encodes what happened. `serial` is the daemon's next one: use it up only for an event that
    /// some pool accepts.
    #[must_use]
    pub fn new(serial: u64, what: &Occurrence<'_>) -> Self {
        Self {
            serial,
            kind: what.kind(),
            payload: what.payload().into_boxed_slice(),
        }
    }

    /// Its number among all events of this daemon.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// What listeners read after the header line.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Header line and payload, as they are written to a listener's standard input. `len:` counts
    /// characters, as with the reference and as the listeners written for it read them.
    #[must_use]
    pub fn encode(&self, identifier: &str, pool: &str, pool_serial: u64) -> Vec<u8> {
        let header = format!(
            "ver:3.0 server:{identifier} serial:{} pool:{pool} poolserial:{pool_serial} eventname:{} len:{}\n",
            self.serial,
            self.kind.name(),
            self.characters()
        );
        let mut bytes = header.into_bytes();
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Every byte that does not continue a character begins one: payloads are UTF-8.
    fn characters(&self) -> usize {
        let begins = |byte: &&u8| **byte & 0xc0 != 0x80;
        self.payload.iter().filter(begins).count()
    }
}

/// All before the output of a child in what is written to a listener, and the rest; `None` if it is
/// no PROCESS_LOG event. Whatever the names in it are, the output is in the rest: what has a line's
/// end in a name may be taken for one.
#[cfg(feature = "serde")]
pub(crate) fn output_event(encoded: &[u8]) -> Option<(&[u8], &[u8])> {
    if !encoded.starts_with(b"ver:3.0 ") {
        return None;
    }
    let (header, rest) = encoded.split_at_checked(memchr::memchr(b'\n', encoded)? + 1)?;
    // Its last word but one is the type.
    let mut spaces = memchr::memrchr_iter(b' ', header);
    let kind = spaces.nth(1).and_then(|space| header.get(space..));
    let is_of = |name: &[u8]| kind.is_some_and(|kind| kind.starts_with(name));
    if is_of(b" eventname:") && !is_of(b" eventname:PROCESS_LOG_") {
        return None;
    }
    let before_output = header.len() + memchr::memchr(b'\n', rest)? + 1;
    encoded.split_at_checked(before_output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use alloc::string::String;

    #[test]
    fn the_length_counts_characters_as_listeners_read_them() {
        let event = Event::new(
            0,
            &Occurrence::Remote {
                kind: "é",
                data: "ü",
            },
        );
        let sent = String::from_utf8(event.encode("s", "p", 0)).unwrap();
        assert_eq!(
            sent,
            "ver:3.0 server:s serial:0 pool:p poolserial:0 eventname:REMOTE_COMMUNICATION len:8\ntype:é\nü"
        );
    }

    #[test]
    fn an_empty_payload_ends_with_the_header() {
        let event = Event::new(2, &Occurrence::SupervisorRunning);
        assert_eq!(
            event.encode("ident", "l", 1),
            b"ver:3.0 server:ident serial:2 pool:l poolserial:1 eventname:SUPERVISOR_STATE_CHANGE_RUNNING len:0\n"
        );
    }

    #[test]
    fn an_event_knows_its_kind_and_number() {
        let what = Occurrence::Log {
            process: "p",
            group: "g",
            pid: 1,
            stream: Stream::Stderr,
            data: b"x",
        };
        let event = Event::new(9, &what);
        assert_eq!(
            (event.kind(), event.serial()),
            (EventKind::ProcessLogStderr, 9)
        );
        assert_eq!(event.payload(), what.payload());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn the_output_in_an_event_is_found_whatever_the_names_are() {
        let encoded = |identifier: &str, what: Occurrence<'_>| {
            Event::new(3, &what).encode(identifier, "mail", 1)
        };
        let log = |process| Occurrence::Log {
            process,
            group: "g",
            pid: 7,
            stream: Stream::Stdout,
            data: b"one\ntwo",
        };
        for (identifier, process, told, output) in [
            ("s", "p", "pid:7 channel:stdout\n", &b"one\ntwo"[..]),
            (
                "two\nlines",
                "p",
                "poolserial:1 eventname:PROCESS_LOG_STDOUT len:54\n",
                b"processname:p groupname:g pid:7 channel:stdout\none\ntwo",
            ),
            (
                "s",
                "two\nlines",
                "processname:two\n",
                b"lines groupname:g pid:7 channel:stdout\none\ntwo",
            ),
        ] {
            let event = encoded(identifier, log(process));
            let (head, rest) = output_event(&event).unwrap();
            assert!(head.ends_with(told.as_bytes()), "{head:?}");
            assert_eq!(rest, output);
            assert_eq!([head, rest].concat(), event);
        }
        let captured = Occurrence::Communication {
            process: "p",
            group: "g",
            pid: 7,
            stream: Stream::Stdout,
            data: b"x",
        };
        let no_event = &b"x eventname:PROCESS_LOG_STDOUT len:1\n\nx"[..];
        for other in [&encoded("s", captured), no_event, b"ver:3.0 ", b""] {
            assert_eq!(output_event(other), None);
        }
    }
}
