use super::*;
use crate::event::Occurrence;
use alloc::vec;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

fn event(serial: u64) -> Arc<Event> {
    Arc::new(Event::new(serial, &Occurrence::Tick5 { when: 5 }))
}

fn pool(buffer_size: u32, processes: usize) -> Pool {
    let subscriptions = Subscriptions::from_names(["TICK_5"]).unwrap();
    let mut pool = Pool::new("mail", buffer_size, subscriptions, processes);
    for position in 0..processes {
        pool.started(position);
        pool.set_running(position, true);
    }
    pool
}

fn say(pool: &mut Pool, position: usize, mut data: &[u8]) -> Vec<Told> {
    core::iter::from_fn(|| pool.output(position, &mut data)).collect()
}

fn returned(told: Vec<Told>) -> Option<Returned> {
    told.into_iter().find_map(|t| t.returned)
}

/// Serial and position of all deliveries that can be made now.
fn deliver(pool: &mut Pool, now: Timestamp) -> Vec<(u64, usize)> {
    core::iter::from_fn(|| pool.deliver(now, "ident"))
        .map(|d| (d.serial, d.position))
        .collect()
}

fn fill(pool: &mut Pool, serials: core::ops::Range<u64>) {
    for serial in serials {
        assert_eq!(pool.offer(&event(serial)), None);
    }
}

#[test]
fn an_event_goes_to_the_first_process_that_is_running_and_ready() {
    let mut pool = pool(10, 4);
    for position in [3, 2, 1] {
        say(&mut pool, position, b"READY\n");
    }
    pool.set_running(1, false);
    fill(&mut pool, 0..3);
    assert_eq!(deliver(&mut pool, START), [(0, 2), (1, 3)]);
    pool.set_running(1, true);
    assert_eq!(deliver(&mut pool, START), [(2, 1)]);
}

#[test]
fn a_listener_that_starts_anew_gives_back_what_it_had() {
    let mut pool = pool(10, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..1);
    assert_eq!(deliver(&mut pool, START), [(0, 0)]);
    let returned = pool.started(0).map(|returned| returned.serial);
    assert_eq!(returned, Some(0));
    assert_eq!(pool.listener_state(0), Some(ListenerState::Acknowledged));
}

#[test]
fn a_delivery_has_header_and_log_lines() {
    let mut pool = pool(10, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 41..43);
    let delivery = pool.deliver(START, "ident").unwrap();
    assert_eq!(
        delivery.data,
        b"ver:3.0 server:ident serial:41 pool:mail poolserial:0 eventname:TICK_5 len:6\nwhen:5"
    );
    assert_eq!(delivery.log_line("m"), "event 41 sent to listener m");
    assert_eq!(delivery.notice.log_lines("m")[0].1, "m: READY -> BUSY");
    assert_eq!(pool.listener_state(0), Some(ListenerState::Busy));
}

#[test]
fn no_second_event_comes_before_the_answer_to_the_first() {
    let mut pool = pool(10, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..2);
    assert_eq!(deliver(&mut pool, START), [(0, 0)]);
    assert_eq!(returned(say(&mut pool, 0, b"RESULT 2\nOK")), None);
    assert_eq!(deliver(&mut pool, START), []);
    say(&mut pool, 0, b"READY\n");
    assert_eq!(deliver(&mut pool, START), [(1, 0)]);
}

#[test]
fn a_full_buffer_discards_its_oldest() {
    let mut pool = pool(2, 1);
    fill(&mut pool, 5..7);
    assert_eq!(pool.offer(&event(7)), Some(5));
    assert_eq!(
        pool.overflow_line(5),
        "pool mail event buffer overflowed, discarding event 5"
    );
    say(&mut pool, 0, b"READY\n");
    let delivery = pool.deliver(START, "ident").unwrap();
    assert_eq!(delivery.serial, 6);
    let header = String::from_utf8(delivery.data).unwrap();
    assert!(
        header.contains(" poolserial:1 "),
        "discarded events use up pool serials"
    );
}

#[test]
fn a_buffer_holds_at_least_one_event() {
    let mut pool = pool(0, 1);
    fill(&mut pool, 0..1);
    assert_eq!(pool.offer(&event(1)), Some(0));
    assert_eq!(pool.buffered(), 1);
}

#[test]
fn a_rejected_event_goes_to_the_head_with_its_serials() {
    let mut pool = pool(10, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..3);
    let first = pool.deliver(START, "ident").unwrap();
    let back = returned(say(&mut pool, 0, b"RESULT 4\nFAILREADY\n")).unwrap();
    assert_eq!((back.serial, back.buffered, back.discarded), (0, 2, None));
    assert_eq!(
        pool.returned_lines(back),
        [(
            LogLevel::Debug,
            "rebuffering event 0 for pool mail (buf size=2, max=10)".into()
        )]
    );
    let again = pool.deliver(START, "ident").unwrap();
    assert_eq!(again.data, first.data);
}

#[test]
fn an_event_that_comes_back_to_a_full_buffer_displaces_the_oldest() {
    let mut pool = pool(2, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..1);
    assert_eq!(deliver(&mut pool, START), [(0, 0)]);
    fill(&mut pool, 1..3);
    let back = returned(say(&mut pool, 0, b"huh\n")).unwrap();
    assert_eq!(
        (back.serial, back.buffered, back.discarded),
        (0, 2, Some(1))
    );
    assert_eq!(
        pool.returned_lines(back)[1],
        (
            LogLevel::Error,
            "pool mail event buffer overflowed, discarding event 1".into()
        )
    );
}

#[test]
fn a_listener_that_breaks_the_protocol_gives_its_event_back_and_gets_no_more() {
    let mut pool = pool(10, 2);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..1);
    assert_eq!(deliver(&mut pool, START), [(0, 0)]);
    let told = say(&mut pool, 0, b"RESULT x\nREADY\n");
    assert_eq!(
        told.len(),
        2,
        "the bad line, then the change with the event"
    );
    assert_eq!(told[1].returned.unwrap().serial, 0);
    assert_eq!(pool.listener_state(0), Some(ListenerState::Unknown));
    assert_eq!(deliver(&mut pool, START), []);
    say(&mut pool, 1, b"READY\n");
    assert_eq!(deliver(&mut pool, START), [(0, 1)]);
}

#[test]
fn a_listener_that_dies_gives_its_event_back_and_begins_anew() {
    let mut pool = pool(10, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..1);
    assert_eq!(deliver(&mut pool, START), [(0, 0)]);
    assert_eq!(pool.ended(0).unwrap().serial, 0);
    assert_eq!(pool.ended(0), None);
    assert_eq!(pool.started(0), None);
    say(&mut pool, 0, b"READY\n");
    assert_eq!(deliver(&mut pool, START), [], "it is not RUNNING yet");
    pool.set_running(0, true);
    assert_eq!(deliver(&mut pool, START), [(0, 0)]);
}

#[test]
fn a_listener_that_closed_its_input_gets_no_more_events() {
    let mut pool = pool(10, 2);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..1);
    assert_eq!(pool.stdin_closed(0), None);
    assert_eq!(deliver(&mut pool, START), []);
    say(&mut pool, 1, b"READY\n");
    assert_eq!(deliver(&mut pool, START), [(0, 1)]);
}

#[test]
fn an_event_that_its_listener_did_not_read_goes_to_another() {
    let mut pool = pool(10, 2);
    say(&mut pool, 0, b"READY\n");
    say(&mut pool, 1, b"READY\n");
    fill(&mut pool, 0..2);
    assert_eq!(deliver(&mut pool, START), [(0, 0), (1, 1)]);
    pool.stdin_drained(1);
    assert_eq!(pool.stdin_closed(0).unwrap().serial, 0);
    assert_eq!(pool.stdin_closed(1), None, "it may answer yet");
    assert_eq!(returned(say(&mut pool, 1, b"RESULT 2\nOK")), None);
    assert_eq!(pool.buffered(), 1);
}

/// Rejects whatever can be delivered at `now`; how many there were.
fn reject_all(pool: &mut Pool, now: Timestamp) -> u32 {
    let mut rejected = 0;
    while let Some(delivery) = pool.deliver(now, "ident") {
        assert_eq!(delivery.serial, 0);
        assert_eq!(
            pool.deadline(),
            None,
            "nothing is READY, nothing is waited for"
        );
        say(pool, 0, b"RESULT 4\nFAILREADY\n");
        rejected += 1;
    }
    rejected
}

#[test]
fn rejection_for_ever_is_paced() {
    let mut pool = pool(10, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..2);
    assert_eq!(reject_all(&mut pool, START), 1 + REDELIVERY_BURST);
    let mut now = START;
    for _ in 0..20 {
        let next = pool.deadline().unwrap();
        assert_eq!(next, now + REDELIVERY_INTERVAL);
        now = next;
        assert_eq!(reject_all(&mut pool, now), 1);
    }
}

#[test]
fn the_burst_is_there_again_after_a_quiet_second() {
    let mut pool = pool(10, 1);
    say(&mut pool, 0, b"READY\n");
    fill(&mut pool, 0..1);
    reject_all(&mut pool, START);
    let later = START + REDELIVERY_INTERVAL * REDELIVERY_BURST;
    assert_eq!(reject_all(&mut pool, later), REDELIVERY_BURST);
}

#[test]
fn events_of_the_dead_are_not_held_up() {
    let mut pool = pool(10, 1);
    fill(&mut pool, 0..1);
    for _ in 0..50 {
        pool.set_running(0, true);
        say(&mut pool, 0, b"READY\n");
        assert_eq!(deliver(&mut pool, START), [(0, 0)]);
        assert_eq!(pool.ended(0).unwrap().serial, 0);
    }
}

#[test]
fn a_position_that_is_none_changes_nothing() {
    let mut pool = pool(10, 1);
    assert_eq!(say(&mut pool, 7, b"READY\n"), []);
    pool.set_running(7, true);
    pool.stdin_drained(7);
    assert_eq!(pool.stdin_closed(7), None);
    assert_eq!(pool.ended(7), None);
    assert_eq!(pool.listener_state(7), None);
}

#[derive(Clone, Debug)]
enum Step {
    Offer,
    Say(usize, &'static [u8]),
    Running(usize, bool),
    Drained(usize),
    Closed(usize),
    Ended(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let position = 0_usize..3;
    prop_oneof![
        4 => Just(Step::Offer),
        6 => position.clone().prop_map(|p| Step::Say(p, b"READY\n")),
        4 => position.clone().prop_map(|p| Step::Say(p, b"RESULT 2\nOK")),
        3 => position.clone().prop_map(|p| Step::Say(p, b"RESULT 4\nFAIL")),
        1 => position.clone().prop_map(|p| Step::Say(p, b"RESULT x\n")),
        2 => (position.clone(), any::<bool>()).prop_map(|(p, r)| Step::Running(p, r)),
        1 => position.clone().prop_map(Step::Drained),
        1 => position.clone().prop_map(Step::Closed),
        2 => position.prop_map(Step::Ended),
        2 => (0_u64..300_000_000).prop_map(Step::Pass),
    ]
}

/// Where an event is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Buffer,
    With(usize),
    Done,
    Discarded,
}

/// Follows each event by what the pool reports.
struct Ledger {
    places: Vec<Place>,
}

impl Ledger {
    fn put(&mut self, serial: u64, from: Place, to: Place) {
        let place = &mut self.places[usize::try_from(serial).unwrap()];
        assert_eq!(*place, from, "event {serial}");
        *place = to;
    }

    fn holder(&self, position: usize) -> Option<u64> {
        let at = self
            .places
            .iter()
            .position(|p| *p == Place::With(position))?;
        Some(at as u64)
    }

    fn back(&mut self, position: usize, returned: Option<Returned>) {
        if let Some(returned) = returned {
            if let Some(discarded) = returned.discarded {
                self.put(discarded, Place::Buffer, Place::Discarded);
            }
            self.put(returned.serial, Place::With(position), Place::Buffer);
        }
    }

    fn take(&mut self, pool: &mut Pool, step: &Step, now: Timestamp) {
        match *step {
            Step::Offer => {
                let serial = self.places.len() as u64;
                let discarded = pool.offer(&event(serial));
                self.places.push(Place::Buffer);
                if let Some(discarded) = discarded {
                    self.put(discarded, Place::Buffer, Place::Discarded);
                }
            }
            Step::Say(position, data) => {
                for told in say(pool, position, data) {
                    if let (ListenerNotice::Accepted, Some(serial)) =
                        (&told.notice, self.holder(position))
                    {
                        self.put(serial, Place::With(position), Place::Done);
                    }
                    self.back(position, told.returned);
                }
            }
            Step::Running(position, running) => pool.set_running(position, running),
            Step::Drained(position) => pool.stdin_drained(position),
            Step::Closed(position) => {
                let returned = pool.stdin_closed(position);
                self.back(position, returned);
            }
            Step::Ended(position) => {
                let returned = pool.ended(position);
                self.back(position, returned);
                assert_eq!(self.holder(position), None);
            }
            Step::Pass(_) => {}
        }
        while let Some(delivery) = pool.deliver(now, "i") {
            assert_eq!(self.holder(delivery.position), None);
            let place = Place::With(delivery.position);
            self.put(delivery.serial, Place::Buffer, place);
            let header = String::from_utf8(delivery.data).unwrap();
            let serials = format!(" serial:{0} pool:mail poolserial:{0} ", delivery.serial);
            assert!(header.contains(&serials), "pool serials are gapless");
        }
    }
}

proptest! {
    #[test]
    fn no_event_is_doubled_or_lost_unreported(steps in proptest::collection::vec(step(), 0..120), buffer_size in 1_u32..5) {
        let mut pool = pool(buffer_size, 3);
        let mut ledger = Ledger { places: vec![] };
        let mut now = START;
        for step in &steps {
            if let Step::Pass(nanos) = step {
                now = now + Duration::from_nanos(*nanos);
            }
            ledger.take(&mut pool, step, now);
            let waiting = ledger.places.iter().filter(|p| **p == Place::Buffer).count();
            prop_assert_eq!(waiting, pool.buffered());
            prop_assert!(waiting <= buffer_size as usize);
            prop_assert!(pool.deadline().is_none_or(|at| at > now), "what is due was delivered");
        }
    }
}
