//! Event listener pools: what waits for a listener, and which listener gets it.
//!
//! A [`Pool`] is one `[eventlistener:x]`: a bounded queue of events, and the listeners that take one
//! each. What is rejected, or was with a listener that died, goes back to the head of the queue; what
//! does not fit pushes out the oldest, with an ERRO line. A pool knows no clock and no pipe: it is
//! told and asked, like everything here.

use crate::event::{Event, EventKind, Serials, Subscriptions};
use crate::listener::{Listener, ListenerNotice, ListenerState};
use crate::{LogLevel, Timestamp};
use alloc::{
    collections::{BTreeSet, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

/// How many times in a row a pool delivers rejected events again without a pause. The numbers are
/// those that pace programs which exit at once.
pub const REDELIVERY_BURST: u32 = 10;

/// From then on, the least time between two redeliveries of rejected events in one pool.
pub const REDELIVERY_INTERVAL: Duration = Duration::from_millis(100);

/// A pool of event listeners: the data and rules of one `[eventlistener:x]`.
///
/// Its processes are named by their position in the group, from 0, in process order. Tell it what
/// happens to them ([`started`](Self::started), [`set_running`](Self::set_running),
/// [`output`](Self::output), [`stdin_drained`](Self::stdin_drained),
/// [`stdin_closed`](Self::stdin_closed), [`ended`](Self::ended)), [`offer`](Self::offer) it the
/// events it [`wants`](Self::wants), and after each of these take deliveries from
/// [`deliver`](Self::deliver) until there is none; [`deadline`](Self::deadline) says when there
/// may be one without anything else happening. To remove a pool is to drop it.
///
/// At most `buffer_size` events wait and each process has at most one, so a listener that does not
/// read, answer or exist costs nothing beyond that. A rejected event goes back to the head of the
/// buffer, before all newer ones, and is delivered again: at once for [`REDELIVERY_BURST`] times,
/// then every [`REDELIVERY_INTERVAL`], so that a listener that rejects for ever makes no busy
/// loop. Events that come back because their listener died or broke the protocol are not held up.
///
/// ```
/// use std::sync::Arc;
/// use visor_core::event::{Event, Occurrence, Subscriptions};
/// use visor_core::{Timestamp, pool::Pool};
/// let mut pool = Pool::new("mail", 10, Subscriptions::from_names(["TICK"]).unwrap(), 2);
/// pool.offer(&Arc::new(Event::new(0, &Occurrence::Tick5 { when: 5 })));
/// pool.started(1);
/// pool.set_running(1, true);
/// let mut data = &b"READY\n"[..];
/// while pool.output(1, &mut data).is_some() {}
/// let delivery = pool.deliver(Timestamp::default(), "supervisor").unwrap();
/// assert_eq!((delivery.position, delivery.serial), (1, 0));
/// assert!(pool.deliver(Timestamp::default(), "supervisor").is_none());
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pool {
    name: String,
    buffer_size: usize,
    subscriptions: Subscriptions,
    members: Vec<Member>,
    /// Positions of the members that can be given an event now.
    available: BTreeSet<usize>,
    /// The oldest first; returned ones before all others.
    buffer: VecDeque<Entry>,
    serials: Serials,
    /// When the redeliveries that were made so far would have been made at the slow rate; as far
    /// ahead of the clock as the burst was used up.
    paced_to: Timestamp,
}

/// One process of a pool.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Member {
    listener: Listener,
    /// RUNNING.
    running: bool,
    /// It has closed its standard input.
    deaf: bool,
    /// The event it is BUSY with.
    sent: Option<Entry>,
    /// Its pipe has taken the whole of that event.
    drained: bool,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Entry {
    event: Arc<Event>,
    pool_serial: u64,
    /// A listener has rejected it.
    rejected: bool,
}

/// An event on its way to a listener.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Delivery {
    /// Which process.
    pub position: usize,
    /// What to write to its standard input.
    pub data: Vec<u8>,
    /// The event's serial.
    pub serial: u64,
    /// READY to BUSY.
    pub notice: ListenerNotice,
}

impl Delivery {
    /// The line for the activity log, at debug level, before that of [`notice`](Self::notice).
    #[must_use]
    pub fn log_line(&self, process: &str) -> String {
        format!("event {} sent to listener {process}", self.serial)
    }
}

/// Something a listener made known.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Told {
    /// What it was.
    pub notice: ListenerNotice,
    /// The event that went back to the buffer because of it; logged after the notice.
    pub returned: Option<Returned>,
}

/// An event that went back to the head of its pool's buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct Returned {
    /// Its serial.
    pub serial: u64,
    /// How many events were in the buffer.
    pub buffered: usize,
    /// Serial of the event that was discarded to make room for it.
    pub discarded: Option<u64>,
}

impl Pool {
    /// A pool of `processes` listeners, none of them started. `buffer_size` is at least 1.
    #[must_use]
    pub fn new(
        name: &str,
        buffer_size: u32,
        subscriptions: Subscriptions,
        processes: usize,
    ) -> Self {
        Self {
            name: name.into(),
            buffer_size: usize::try_from(buffer_size.max(1)).unwrap_or(usize::MAX),
            subscriptions,
            members: (0..processes).map(|_| Member::default()).collect(),
            available: BTreeSet::new(),
            buffer: VecDeque::new(),
            serials: Serials::default(),
            paced_to: Timestamp::default(),
        }
    }

    /// Puts an event into the buffer, whether or not [`wants`](Self::wants) says so. Gives the
    /// serial of the event that was discarded, if the buffer was full.
    #[must_use]
    pub fn offer(&mut self, event: &Arc<Event>) -> Option<u64> {
        let discarded = self.make_room();
        self.buffer.push_back(Entry {
            event: Arc::clone(event),
            pool_serial: self.serials.mint(),
            rejected: false,
        });
        discarded
    }

    /// A process was started: its listener has to announce itself.
    pub fn started(&mut self, position: usize) -> Option<Returned> {
        self.ended(position)
    }

    /// A process entered or left RUNNING: it gets events only while it is.
    pub fn set_running(&mut self, position: usize, running: bool) {
        if let Some(member) = self.members.get_mut(position) {
            member.running = running;
            self.refresh(position);
        }
    }

    /// A process wrote something to its standard output. Reads on until there is something to
    /// tell, and takes what it read off `data`; `None` means all of it has been read.
    pub fn output(&mut self, position: usize, data: &mut &[u8]) -> Option<Told> {
        let Some(member) = self.members.get_mut(position) else {
            *data = &[];
            return None;
        };
        let notice = member.listener.advance(data)?;
        let returned = match &notice {
            ListenerNotice::Accepted => {
                member.sent = None;
                None
            }
            ListenerNotice::Rejected => {
                if let Some(entry) = &mut member.sent {
                    entry.rejected = true;
                }
                None
            }
            ListenerNotice::BadResultLine(_) => None,
            ListenerNotice::Changed { .. } => {
                let unanswered = member.sent.take();
                unanswered.map(|entry| self.put_back(entry))
            }
        };
        self.refresh(position);
        Some(Told { notice, returned })
    }

    /// The pipe to a process has taken all that was written to it.
    pub fn stdin_drained(&mut self, position: usize) {
        if let Some(member) = self.members.get_mut(position) {
            member.drained = true;
        }
    }

    /// A process reads no more. It gets no more events; the one it has goes to another if it
    /// cannot have read all of it. Otherwise its answer, or its end, is waited for.
    pub fn stdin_closed(&mut self, position: usize) -> Option<Returned> {
        let member = self.members.get_mut(position)?;
        member.deaf = true;
        let unread = if member.drained {
            None
        } else {
            member.sent.take()
        };
        self.refresh(position);
        unread.map(|entry| self.put_back(entry))
    }

    /// A process is gone. The event it was BUSY with goes to another.
    pub fn ended(&mut self, position: usize) -> Option<Returned> {
        let member = core::mem::take(self.members.get_mut(position)?);
        self.available.remove(&position);
        member.sent.map(|entry| self.put_back(entry))
    }

    /// The next event, for the first process that is RUNNING and READY. `identifier` is the
    /// daemon's name.
    pub fn deliver(&mut self, now: Timestamp, identifier: &str) -> Option<Delivery> {
        let position = *self.available.first()?;
        if self.buffer.front()?.rejected {
            if now < self.redelivery_at() {
                return None;
            }
            self.paced_to = self.paced_to.max(now) + REDELIVERY_INTERVAL;
        }
        let member = self.members.get_mut(position)?;
        let notice = member.listener.dispatch()?;
        let entry = self.buffer.pop_front()?;
        let delivery = Delivery {
            position,
            data: entry
                .event
                .encode(identifier, &self.name, entry.pool_serial),
            serial: entry.event.serial(),
            notice,
        };
        member.drained = false;
        member.sent = Some(entry);
        self.available.remove(&position);
        Some(delivery)
    }

    /// What it receives.
    #[must_use]
    pub fn subscriptions(&self) -> Subscriptions {
        self.subscriptions
    }

    /// Whether it receives events of this type.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.subscriptions.contains(kind)
    }

    /// State of the listener protocol with one process.
    #[must_use]
    pub fn listener_state(&self, position: usize) -> Option<ListenerState> {
        self.members.get(position).map(|m| m.listener.state())
    }

    /// How many events wait.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// When a rejected event may be delivered again, if that is all that is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let waits = !self.available.is_empty() && self.buffer.front()?.rejected;
        waits.then(|| self.redelivery_at())
    }

    /// The line for the activity log, at error level, for an event that was discarded.
    #[must_use]
    pub fn overflow_line(&self, discarded: u64) -> String {
        format!(
            "pool {} event buffer overflowed, discarding event {discarded}",
            self.name
        )
    }

    /// The lines for the activity log for an event that came back.
    #[must_use]
    pub fn returned_lines(&self, returned: Returned) -> Vec<(LogLevel, String)> {
        let mut lines = alloc::vec![(
            LogLevel::Debug,
            format!(
                "rebuffering event {} for pool {} (buf size={}, max={})",
                returned.serial, self.name, returned.buffered, self.buffer_size
            ),
        )];
        if let Some(discarded) = returned.discarded {
            lines.push((LogLevel::Error, self.overflow_line(discarded)));
        }
        lines
    }

    /// The oldest of the others makes room, as in the reference: an event that came back is about
    /// to be delivered again, to be discarded without that would be no redelivery at all.
    fn put_back(&mut self, entry: Entry) -> Returned {
        let returned = Returned {
            serial: entry.event.serial(),
            buffered: self.buffer.len(),
            discarded: self.make_room(),
        };
        self.buffer.push_front(entry);
        returned
    }

    fn make_room(&mut self) -> Option<u64> {
        if self.buffer.len() < self.buffer_size {
            return None;
        }
        self.buffer.pop_front().map(|entry| entry.event.serial())
    }

    fn refresh(&mut self, position: usize) {
        let can_take = self.members.get(position).is_some_and(|member| {
            member.running && !member.deaf && member.listener.state() == ListenerState::Ready
        });
        if can_take {
            self.available.insert(position);
        } else {
            self.available.remove(&position);
        }
    }

    /// The earliest time of the next redelivery of a rejected event.
    fn redelivery_at(&self) -> Timestamp {
        let burst = REDELIVERY_INTERVAL * (REDELIVERY_BURST - 1);
        let burst = u64::try_from(burst.as_nanos()).unwrap_or(u64::MAX);
        Timestamp::from_nanos(self.paced_to.as_nanos().saturating_sub(burst))
    }
}

#[cfg(test)]
mod tests;
