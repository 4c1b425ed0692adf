//! What a client still has to be sent.

use crate::{Action, ConnId};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Most bytes handed to the runtime at once: so that a client that takes any is seen to, and one
/// that takes none costs the runtime no more than this.
const SLICE_BYTES_MAX: usize = 256 << 10;
/// Pieces below this are put together: each costs a write of its own.
const SMALL_BYTES: usize = 64 << 10;

/// Bytes for a client, in the order they are to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing {
    /// None is empty.
    pieces: VecDeque<Vec<u8>>,
    /// How much of the first one the runtime has had.
    start: usize,
    waiting: usize,
    /// The runtime has some that the client has not taken.
    in_flight: bool,
}

impl Outgoing {
    pub(super) fn push(&mut self, more: Vec<u8>) {
        self.waiting += more.len();
        match self.pieces.back_mut() {
            Some(last) if last.len() + more.len() <= SMALL_BYTES => last.extend_from_slice(&more),
            _ if more.is_empty() => {}
            _ => self.pieces.push_back(more),
        }
    }

    /// Hands on what the runtime may have now; whether that was something.
    pub(super) fn flush(&mut self, conn: ConnId, out: &mut VecDeque<Action>) -> bool {
        if self.in_flight {
            return false;
        }
        let Some(data) = self.slice() else {
            return false;
        };
        self.waiting = self.waiting.saturating_sub(data.len());
        self.in_flight = true;
        out.push_back(Action::SendConn { conn, data });
        true
    }

    /// The next bytes. A piece that is small enough is handed on as it is.
    fn slice(&mut self) -> Option<Vec<u8>> {
        let first = self.pieces.front()?;
        let left = first.get(self.start..).unwrap_or_default();
        if left.len() > SLICE_BYTES_MAX {
            self.start += SLICE_BYTES_MAX;
            return left.get(..SLICE_BYTES_MAX).map(<[u8]>::to_vec);
        }
        let rest = (self.start > 0).then(|| left.to_vec());
        self.start = 0;
        let whole = self.pieces.pop_front();
        rest.or(whole)
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
        self.waiting
    }

    /// Nothing is left to be sent or taken.
    pub(super) const fn is_idle(&self) -> bool {
        self.waiting == 0 && !self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all there is, and the sizes in which it came.
    fn take(outgoing: &mut Outgoing) -> (Vec<u8>, Vec<usize>) {
        let (mut all, mut sizes, mut out) = (Vec::new(), Vec::new(), VecDeque::new());
        loop {
            outgoing.flush(ConnId(1), &mut out);
            let Some(Action::SendConn { data, .. }) = out.pop_front() else {
                return (all, sizes);
            };
            assert!(outgoing.is_in_flight() && !outgoing.is_idle());
            outgoing.flush(ConnId(1), &mut out);
            assert!(out.is_empty(), "the client has taken nothing yet");
            outgoing.drained();
            sizes.push(data.len());
            all.extend(data);
        }
    }

    #[test]
    fn bytes_come_in_order_however_they_were_cut() {
        let mut outgoing = Outgoing::default();
        let sizes = [3, SLICE_BYTES_MAX + 5, 1, 2, 0, SMALL_BYTES, 600_000, 7];
        let mut all = Vec::new();
        for (n, size) in (0_u8..).zip(sizes) {
            outgoing.push(alloc::vec![n; size]);
            all.extend(alloc::vec![n; size]);
        }
        assert_eq!(outgoing.waiting(), all.len());
        let (sent, slices) = take(&mut outgoing);
        assert!(sent == all && outgoing.waiting() == 0 && outgoing.is_idle());
        // The first is small, but what follows is not; the two after it are put together.
        let rest = 600_000 - 2 * SLICE_BYTES_MAX;
        let (slice, small) = (SLICE_BYTES_MAX, SMALL_BYTES);
        assert_eq!(slices, [3, slice, 5, 3, small, slice, slice, rest, 7]);
    }

    #[test]
    fn a_piece_as_large_as_a_slice_is_one() {
        let mut outgoing = Outgoing::default();
        outgoing.push(alloc::vec![1; SLICE_BYTES_MAX]);
        outgoing.push(alloc::vec![2; 2 * SLICE_BYTES_MAX]);
        assert_eq!(take(&mut outgoing).1, [SLICE_BYTES_MAX; 3]);
    }

    #[test]
    fn nothing_is_no_piece() {
        let mut outgoing = Outgoing::default();
        outgoing.push(Vec::new());
        assert_eq!(take(&mut outgoing), (Vec::new(), Vec::new()));
        assert!(outgoing.is_idle());
    }

    #[test]
    fn small_pieces_are_put_together_and_pieces_of_middle_size_are_not_copied() {
        let mut outgoing = Outgoing::default();
        let piece = alloc::vec![1; SMALL_BYTES];
        let place = piece.as_ptr();
        outgoing.push(piece);
        let mut out = VecDeque::new();
        outgoing.flush(ConnId(1), &mut out);
        let Some(Action::SendConn { data, .. }) = out.pop_front() else {
            unreachable!("there is something to send");
        };
        assert_eq!((data.as_ptr(), data.len()), (place, SMALL_BYTES));
        outgoing.drained();
        for _ in 0..100 {
            outgoing.push(b"line\n".to_vec());
        }
        assert_eq!(take(&mut outgoing).1, [500]);
    }
}
