//! A few low-numbered descriptors through which children get their pipes.
//!
//! A new process has a copy of the daemon's table of descriptors, and its `execve` closes what it
//! does not keep: with three pipes for each child, that comes to be most of what a start costs, and
//! grows with every child there is. So a child shares the table at first, and leaves it with the
//! part below a number: `close_range` with CLOSE_RANGE_UNSHARE copies no more than that. What it
//! needs lies below that number, in the slots.

use super::child::Table;
use super::pipes::TheirEnds;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{DupFlags, dup3};
use std::os::fd::{AsRawFd, OwnedFd};

/// Three descriptors that lead nowhere until they are filled.
#[derive(Debug)]
pub(super) struct Slots {
    nowhere: OwnedFd,
    slots: [OwnedFd; 3],
}

/// Slots that lead where a child's descriptors 0, 1 and 2 are to lead.
#[derive(Debug)]
pub(super) struct Filled(Slots);

impl Slots {
    /// Takes the lowest descriptors that are free: make it before there are many. `None` if the
    /// kernel is older than Linux 5.9, or there are no descriptors.
    pub(super) fn new() -> Option<Self> {
        // SAFETY: there is no such descriptor, so nothing is closed.
        let known = unsafe {
            let none = libc::c_uint::MAX;
            libc::syscall(libc::SYS_close_range, none, none, 0) == 0
        };
        if !known {
            return None;
        }
        let nowhere = || open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok();
        Some(Self {
            nowhere: nowhere()?,
            slots: [nowhere()?, nowhere()?, nowhere()?],
        })
    }

    /// Lets the slots lead to a child's ends. If that fails they are lost.
    pub(super) fn fill(mut self, ends: &TheirEnds) -> Option<Filled> {
        for (slot, end) in self.slots.iter_mut().zip(ends.borrowed()) {
            dup3(end, slot, DupFlags::CLOEXEC).ok()?;
        }
        Some(Filled(self))
    }
}

impl Filled {
    /// What the child shares, until it leaves it.
    pub(super) fn table(&self) -> Table {
        let slots = self.0.slots.each_ref().map(AsRawFd::as_raw_fd);
        Table::Shared(slots)
    }

    /// Lets the slots lead nowhere again: as long as they do not, the pipes stay open.
    pub(super) fn empty(self) -> Option<Slots> {
        let Slots { nowhere, mut slots } = self.0;
        for slot in &mut slots {
            dup3(&nowhere, slot, DupFlags::CLOEXEC).ok()?;
        }
        Some(Slots { nowhere, slots })
    }
}
