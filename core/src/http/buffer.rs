//! Bytes that have come and are not yet understood.

use alloc::vec::Vec;

/// Capacity that an empty buffer may keep: more is given back after a burst.
const IDLE_BYTES_MAX: usize = 16 << 10;

/// A queue of bytes. Taking from its front costs what is taken, not what is left.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    pub(super) fn push(&mut self, data: &[u8]) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.start)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the first `count` bytes, or all if there are fewer.
    pub(super) fn skip(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.clear();
        }
    }

    /// Takes the first `count` bytes, or all if there are fewer.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        if self.start == 0 && count >= self.bytes.len() {
            return core::mem::take(&mut self.bytes);
        }
        let taken = self.rest().get(..count).unwrap_or_else(|| self.rest());
        let taken = taken.to_vec();
        self.skip(count);
        taken
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(IDLE_BYTES_MAX);
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// What is kept after so much of 100 bytes was taken, and one more came.
    fn kept(taken: usize) -> usize {
        let mut buffer = Buffer::default();
        buffer.push(&[7; 100]);
        buffer.skip(taken);
        buffer.push(&[8]);
        let rest = [&vec![7; 100 - taken][..], &[8]].concat();
        assert_eq!(buffer.rest(), rest);
        buffer.bytes.len()
    }

    #[test]
    fn what_was_taken_goes_when_it_is_more_than_the_half() {
        for (taken, bytes) in [(0, 101), (1, 101), (50, 101), (51, 50), (99, 2)] {
            assert_eq!(kept(taken), bytes, "{taken}");
        }
    }

    #[test]
    fn an_empty_buffer_gives_back_what_a_burst_took() {
        let after = |count: usize| {
            let mut buffer = Buffer::default();
            buffer.push(&vec![7; count]);
            buffer.skip(count);
            buffer.bytes.capacity()
        };
        assert!(after(1000) >= 1000);
        assert!(after(1 << 20) <= 2 * IDLE_BYTES_MAX);
    }
}
