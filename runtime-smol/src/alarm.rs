//! The one timer there is: set by whatever changes the engine's deadline, waited for in one place.

use smol::channel::{Receiver, Sender, bounded};
use smol::future::FutureExt;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use visor_core::Timestamp;
use visor_std::sys::clock;

/// Tells the waiting side that the deadline has come nearer, or that the daemon has come to its
/// end.
#[derive(Debug)]
pub(crate) struct Alarm {
    ring: Sender<()>,
    armed: Rc<Cell<Option<Timestamp>>>,
}

/// The waiting side.
#[derive(Debug)]
pub(crate) struct Rings {
    rings: Receiver<()>,
    armed: Rc<Cell<Option<Timestamp>>>,
}

impl Alarm {
    pub(crate) fn new() -> (Self, Rings) {
        let (ring, rings) = bounded(1);
        let armed = Rc::new(Cell::new(None));
        let alarm = Self {
            ring,
            armed: Rc::clone(&armed),
        };
        (alarm, Rings { rings, armed })
    }

    /// What counts now.
    ///
    /// A deadline that moves away, as that of a busy client does with each request, costs nothing:
    /// the timer goes off at the old one, finds nothing to do, and is set anew.
    pub(crate) fn set(&self, deadline: Option<Timestamp>, over: bool) {
        let nearer = match (deadline, self.armed.get()) {
            (Some(deadline), Some(armed)) => deadline < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if nearer || over {
            // A full channel holds a ring already.
            let _ = self.ring.try_send(());
        }
    }
}

impl Rings {
    /// Waits until the deadline, or until a nearer one counts.
    pub(crate) async fn wait(&self, deadline: Option<Timestamp>) {
        self.armed.set(deadline);
        let changed = async {
            // The engine, which outlives this, holds the other end.
            let _ = self.rings.recv().await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn soon(millis: u64) -> Option<Timestamp> {
        Some(clock::monotonic() + Duration::from_millis(millis))
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_nearer_deadline_wakes_and_a_farther_one_does_not() {
        let (alarm, rings) = Alarm::new();
        smol::block_on(async {
            let far = soon(60_000);
            let begin = Instant::now();
            rings
                .wait(far)
                .or(async {
                    alarm.set(soon(120_000), false);
                    alarm.set(None, false);
                    assert!(rings.rings.is_empty());
                    alarm.set(soon(30_000), false);
                    assert!(!rings.rings.is_empty());
                    smol::future::pending().await
                })
                .await;
            assert!(begin.elapsed() < Duration::from_secs(30));
            rings.wait(soon(1)).await;
        });
    }
}
