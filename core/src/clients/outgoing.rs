//! What a client still has to be sent.

use crate::{Action, ConnId};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Most bytes handed to the runtime at once: so that a client that takes any is seen to, and one
/// that takes none costs the runtime no more than this.
const SLICE_BYTES_MAX: usize = 256 << 10;

/// Bytes for a client, in the order they are to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    start: usize,
    /// The runtime has some that the client has not taken.
    in_flight: bool,
}

impl Outgoing {
    pub(super) fn push(&mut self, more: Vec<u8>) {
        if self.start == self.bytes.len() {
            self.bytes = more;
            self.start = 0;
        } else {
            self.bytes.extend_from_slice(&more);
        }
    }

    /// Hands on what the runtime may have now.
    pub(super) fn flush(&mut self, conn: ConnId, out: &mut VecDeque<Action>) {
        if self.in_flight || self.waiting() == 0 {
            return;
        }
        // Of these none has been handed on: that is done by whole slices.
        let data = if self.bytes.len() <= SLICE_BYTES_MAX {
            core::mem::take(&mut self.bytes)
        } else {
            let end = self.bytes.len().min(self.start + SLICE_BYTES_MAX);
            let slice = self.bytes.get(self.start..end).unwrap_or_default().to_vec();
            self.start = end;
            if self.start == self.bytes.len() {
                self.bytes = Vec::new();
                self.start = 0;
            }
            slice
        };
        self.in_flight = true;
        out.push_back(Action::SendConn { conn, data });
    }

    /// The client has taken what the runtime had.
    pub(super) const fn drained(&mut self) {
        self.in_flight = false;
    }

    pub(super) const fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Bytes that the runtime has not got yet.
    pub(super) const fn waiting(&self) -> usize {
        self.bytes.len().saturating_sub(self.start)
    }

    /// Nothing is left to be sent or taken.
    pub(super) const fn is_idle(&self) -> bool {
        self.waiting() == 0 && !self.in_flight
    }
}
