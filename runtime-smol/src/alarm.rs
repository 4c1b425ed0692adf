//! The one timer there is: set by whatever changes the engine's deadline, waited for in one place.

use smol::channel::{Receiver, Sender, bounded};
use smol::future::FutureExt;
use std::time::Duration;
use visor_core::Timestamp;
use visor_std::sys::clock;

/// Tells the waiting side that the deadline is another, or that the daemon has come to its end.
#[derive(Debug)]
pub(crate) struct Alarm {
    ring: Sender<()>,
    known: (Option<Timestamp>, bool),
}

/// The waiting side.
#[derive(Debug)]
pub(crate) struct Rings(Receiver<()>);

impl Alarm {
    pub(crate) fn new() -> (Self, Rings) {
        let (ring, rings) = bounded(1);
        let alarm = Self {
            ring,
            known: (None, false),
        };
        (alarm, Rings(rings))
    }

    /// What counts now. Costs nothing as long as it stays the same.
    pub(crate) fn set(&mut self, deadline: Option<Timestamp>, over: bool) {
        if self.known != (deadline, over) {
            self.known = (deadline, over);
            // A full channel holds a ring already.
            let _ = self.ring.try_send(());
        }
    }
}

impl Rings {
    /// Waits until the deadline, or until it has become another.
    pub(crate) async fn wait(&self, deadline: Option<Timestamp>) {
        let changed = async {
            // The engine, which outlives this, holds the other end.
            let _ = self.0.recv().await;
        };
        let passed = async {
            match deadline {
                Some(deadline) => {
                    let left = deadline.saturating_since(clock::monotonic());
                    smol::Timer::after(left.min(Duration::from_secs(86_400))).await;
                }
                None => smol::future::pending().await,
            }
        };
        changed.or(passed).await;
    }
}
