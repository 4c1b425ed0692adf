//! Bytes on their way into a descriptor that does not always take them.

use super::Fd;
use rustix::io::{Errno, write};
use std::collections::VecDeque;

/// What a non-blocking descriptor has not taken yet. How much is queued is the core's business: it
/// is told when the queue is empty, and stops producing until then.
#[derive(Debug, Default)]
pub struct WriteQueue {
    blocks: VecDeque<Vec<u8>>,
    /// How much of the first block is written.
    written: usize,
}

/// What came of writing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flushed {
    /// Nothing is left.
    Empty,
    /// The descriptor takes no more at the moment.
    Waiting,
    /// It will never take more.
    Broken,
}

impl WriteQueue {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds to the end.
    pub fn push(&mut self, block: Vec<u8>) {
        if !block.is_empty() {
            self.blocks.push_back(block);
        }
    }

    /// Writes as much as is taken.
    pub fn flush(&mut self, fd: &Fd) -> Flushed {
        while let Some(block) = self.blocks.front() {
            let rest = block.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.blocks.pop_front();
                self.written = 0;
                continue;
            }
            match write(fd, rest) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Flushed::Waiting,
                Err(_) => {
                    self.blocks = VecDeque::new();
                    self.written = 0;
                    return Flushed::Broken;
                }
            }
        }
        // A burst's memory is given back.
        self.blocks = VecDeque::new();
        Flushed::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn blocks_arrive_in_order_over_any_number_of_writes() {
        let (read_end, write_end) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let write_end = Rc::new(write_end);
        let mut queue = WriteQueue::default();
        let sent: Vec<u8> = (0..300_000_u32).flat_map(u32::to_ne_bytes).collect();
        for block in sent.chunks(70_000) {
            queue.push(block.to_vec());
        }
        let (mut got, mut buffer) = (Vec::new(), [0; 10_000]);
        while got.len() < sent.len() {
            assert_ne!(queue.flush(&write_end), Flushed::Broken);
            let count = rustix::io::read(&read_end, &mut buffer).unwrap();
            got.extend_from_slice(&buffer[..count]);
        }
        assert!(got == sent);
        assert_eq!(queue.flush(&write_end), Flushed::Empty);
        queue.push(vec![1]);
        drop(read_end);
        assert_eq!(queue.flush(&write_end), Flushed::Broken);
        assert!(queue.is_empty());
    }
}
