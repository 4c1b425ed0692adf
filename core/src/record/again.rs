//! What is left out of a recording because it is in it already: clients ask for the same again and
//! again.

use crate::{ConnId, Input};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Longer reads are written each time: what is remembered of a connection has a bound.
const REMEMBERED_BYTES_MAX: usize = 2048;

/// The last read of each connection.
#[derive(Debug, Default)]
pub(super) struct Reads(BTreeMap<ConnId, Vec<u8>>);

impl Reads {
    /// Takes note of an input. Whether it is the same read as the last of its connection.
    pub(super) fn note(&mut self, input: &Input<'_>) -> bool {
        if let Input::ConnData { conn, data } = input {
            let last = self.0.entry(*conn).or_default();
            if !data.is_empty() && **data == **last {
                return true;
            }
            last.clear();
            if data.len() <= REMEMBERED_BYTES_MAX {
                last.extend_from_slice(data);
            }
        } else if let Input::ConnClosed { conn } = input {
            self.0.remove(conn);
        }
        false
    }

    /// The last read of a connection; nothing if it was long.
    pub(super) fn last(&self, conn: ConnId) -> &[u8] {
        self.0.get(&conn).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(conn: u64, data: &[u8]) -> Input<'_> {
        Input::ConnData {
            conn: ConnId(conn),
            data: data.into(),
        }
    }

    #[test]
    fn a_read_is_known_if_it_was_the_last_of_its_connection_and_not_long() {
        let mut reads = Reads::default();
        let long = [b'x'; REMEMBERED_BYTES_MAX + 1];
        let longest = &long[1..];
        for (input, is_known) in [
            (data(1, b"a"), false),
            (data(2, b"a"), false),
            (data(1, b"a"), true),
            (data(1, b"b"), false),
            (data(1, b"a"), false),
            (data(2, b"a"), true),
            (data(1, longest), false),
            (data(1, longest), true),
            (data(1, &long), false),
            (data(1, &long), false),
            (data(1, b""), false),
            (data(1, b""), false),
            (Input::ConnClosed { conn: ConnId(2) }, false),
            (data(2, b"a"), false),
        ] {
            assert_eq!(reads.note(&input), is_known, "{input:?}");
        }
    }
}
