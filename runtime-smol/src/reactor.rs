//! Who is woken by what: readiness for the tasks of one thread.

use smol::future::poll_fn;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Poll, Waker};
use visor_core::Timestamp;
use visor_std::sys::epoll::{Epoll, Interest, Reports};

/// An epoll, and the place of each descriptor in it.
#[derive(Debug)]
pub(crate) struct Reactor {
    epoll: Epoll,
    places: RefCell<HashMap<u64, Rc<Place>>>,
    last: Cell<u64>,
}

/// Where a task waits for a descriptor.
pub(crate) struct Place {
    token: u64,
    /// What it has turned out to be ready for since somebody asked.
    ready: Cell<Interest>,
    waiter: Cell<Option<Waker>>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new()?,
            places: RefCell::default(),
            last: Cell::new(0),
        })
    }

    /// A place for a descriptor that is not waited for yet.
    pub(crate) fn place(&self) -> Rc<Place> {
        let token = self.last.get() + 1;
        self.last.set(token);
        let place = Rc::new(Place {
            token,
            ready: Cell::default(),
            waiter: Cell::default(),
        });
        self.places.borrow_mut().insert(token, Rc::clone(&place));
        place
    }

    /// Changes what a descriptor is waited for. What was found before does not count any more: if it
    /// still holds, it will be found again.
    pub(crate) fn change(
        &self,
        place: &Place,
        fd: impl AsFd,
        old: Interest,
        new: Interest,
    ) -> io::Result<()> {
        place.ready.take();
        self.epoll.change(place.token, fd, old, new)
    }

    /// Its descriptor is about to be closed.
    pub(crate) fn remove(&self, place: &Place) {
        self.places.borrow_mut().remove(&place.token);
    }

    /// Waits until something is ready, at most until the deadline, and wakes whoever waits for it.
    pub(crate) fn wait(
        &self,
        reports: &mut Reports,
        deadline: Option<Timestamp>,
    ) -> io::Result<()> {
        let places = self.places.borrow();
        for (token, ready) in self.epoll.wait(reports, deadline)? {
            if let Some(place) = places.get(&token) {
                place.ready.set(ready);
                if let Some(waiter) = place.waiter.take() {
                    waiter.wake();
                }
            }
        }
        Ok(())
    }
}

impl Place {
    /// Waits until its descriptor is ready, and says for what.
    pub(crate) async fn readiness(&self) -> Interest {
        poll_fn(|cx| match self.ready.take() {
            Interest::NONE => {
                self.waiter.set(Some(cx.waker().clone()));
                Poll::Pending
            }
            ready => Poll::Ready(ready),
        })
        .await
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("token", &self.token)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smol::LocalExecutor;

    #[test]
    fn a_task_is_woken_by_its_descriptor_alone_and_by_nothing_that_it_no_longer_waits_for() {
        let reactor = Reactor::new().unwrap();
        let mut reports = Reports::default();
        let mut wait = || {
            reactor
                .wait(&mut reports, Some(Timestamp::from_nanos(0)))
                .unwrap()
        };
        let executor = LocalExecutor::new();
        let (reader, writer) = std::io::pipe().unwrap();
        let (other, _open) = std::io::pipe().unwrap();
        let (place, quiet) = (reactor.place(), reactor.place());
        reactor
            .change(&place, &reader, Interest::NONE, Interest::READ)
            .unwrap();
        reactor
            .change(&quiet, &other, Interest::NONE, Interest::READ)
            .unwrap();
        let woken = Rc::new(Cell::new(0));
        let task = |place: &Rc<Place>, by: u32| {
            let (place, woken) = (Rc::clone(place), Rc::clone(&woken));
            executor.spawn(async move {
                loop {
                    assert_eq!(place.readiness().await, Interest::READ);
                    woken.set(woken.get() + by);
                }
            })
        };
        let _tasks = [task(&place, 1), task(&quiet, 100)];
        let run = || while executor.try_tick() {};
        run();
        wait();
        run();
        assert_eq!(woken.get(), 0);
        std::io::Write::write_all(&mut &writer, b"x").unwrap();
        for so_often in [1, 2] {
            wait();
            run();
            assert_eq!(woken.get(), so_often);
        }
        // It was found ready; then nobody waited for it any more.
        wait();
        reactor
            .change(&place, &reader, Interest::READ, Interest::NONE)
            .unwrap();
        run();
        wait();
        run();
        assert_eq!(woken.get(), 2);
        reactor
            .change(&place, &reader, Interest::NONE, Interest::READ)
            .unwrap();
        wait();
        reactor.remove(&place);
        run();
        assert_eq!(woken.get(), 3);
        wait();
        run();
        assert_eq!(woken.get(), 3);
    }
}
