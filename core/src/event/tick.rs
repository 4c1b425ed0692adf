//! Ticks: the wall clock, cut into slices of 5 seconds, a minute and an hour.

use super::{EventKind, Occurrence, Subscriptions};
use crate::{Now, Timestamp, UnixTime};
use core::time::Duration;

/// Notices when a new slice of the wall clock has begun.
///
/// Slices are aligned to multiples of their length since the epoch. A slice that differs from the
/// last one seen gives one tick, whichever way the clock went and however far: after a jump, or a
/// suspended machine, there is one tick of each length whose slice changed and never a burst that
/// makes up for those in between. This is what the reference does.
///
/// ```
/// use visor_core::event::{Occurrence, Subscriptions, Ticks};
/// use visor_core::{Now, UnixTime};
/// let at = |secs| Now { wall: UnixTime::from_secs(secs), ..Now::default() };
/// let mut ticks = Ticks::new(at(1004));
/// assert!(ticks.advance(at(1005)).eq([Occurrence::Tick5 { when: 1005 }]));
/// assert!(ticks.advance(at(1006)).eq([]));
/// assert_eq!(ticks.deadline(Subscriptions::NONE), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ticks {
    /// The last reading of the clocks.
    wall: UnixTime,
    mono: Timestamp,
}

/// One length of slices.
struct Slice {
    secs: i64,
    kind: EventKind,
    tick: fn(i64) -> Occurrence<'static>,
}

/// All lengths, shortest first; each is a multiple of the one before.
const SLICES: [Slice; 3] = [
    Slice {
        secs: 5,
        kind: EventKind::Tick5,
        tick: |when| Occurrence::Tick5 { when },
    },
    Slice {
        secs: 60,
        kind: EventKind::Tick60,
        tick: |when| Occurrence::Tick60 { when },
    },
    Slice {
        secs: 3600,
        kind: EventKind::Tick3600,
        tick: |when| Occurrence::Tick3600 { when },
    },
];

impl Ticks {
    /// The slices of this moment have begun already: the first ticks come with the next ones.
    #[must_use]
    pub const fn new(now: Now) -> Self {
        Self {
            wall: now.wall,
            mono: now.mono,
        }
    }

    /// Takes note of the time. Gives the ticks that are due: none to three, shortest slice first.
    ///
    /// Call it with every reading of the clocks, whether or not anybody wants ticks, so that a
    /// pool that is added later gets its first tick when the next slice begins.
    pub fn advance(&mut self, now: Now) -> impl Iterator<Item = Occurrence<'static>> + use<> {
        let (before, after) = (self.wall.as_secs(), now.wall.as_secs());
        *self = Self::new(now);
        SLICES.into_iter().filter_map(move |slice| {
            let when = start(after, slice.secs);
            (when != start(before, slice.secs)).then(|| (slice.tick)(when))
        })
    }

    /// When to look at the clock again: at the start of the next slice that anybody wants to know
    /// of, judged by the last reading of both clocks. `None` if nobody does.
    #[must_use]
    pub fn deadline(&self, wanted: Subscriptions) -> Option<Timestamp> {
        let slice = SLICES.into_iter().find(|s| wanted.contains(s.kind))?;
        let secs = slice.secs;
        let next = UnixTime::from_secs(start(self.wall.as_secs(), secs).saturating_add(secs));
        let wait = next.as_nanos().saturating_sub(self.wall.as_nanos());
        Some(self.mono + Duration::from_nanos(u64::try_from(wait).unwrap_or(0)))
    }
}

/// The start of the slice that `at` lies in, both in seconds since the epoch.
const fn start(at: i64, secs: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(secs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn at_nanos(wall: i64, mono: u64) -> Now {
        Now {
            wall: UnixTime::from_nanos(wall),
            mono: Timestamp::from_nanos(mono),
            utc_offset_secs: 0,
        }
    }

    fn at(secs: i64) -> Now {
        at_nanos(secs * 1_000_000_000, 0)
    }

    fn due(ticks: &mut Ticks, secs: i64) -> Vec<Occurrence<'static>> {
        ticks.advance(at(secs)).collect()
    }

    fn wants(name: &str) -> Subscriptions {
        Subscriptions::from_names([name]).unwrap()
    }

    #[test]
    fn a_slice_ticks_once_at_its_start() {
        let mut ticks = Ticks::new(at(1000));
        assert_eq!(due(&mut ticks, 1004), []);
        assert_eq!(due(&mut ticks, 1005), [Occurrence::Tick5 { when: 1005 }]);
        assert_eq!(due(&mut ticks, 1009), []);
    }

    #[test]
    fn lengths_that_begin_together_tick_shortest_first() {
        let mut ticks = Ticks::new(at(7199));
        let expected = [
            Occurrence::Tick5 { when: 7200 },
            Occurrence::Tick60 { when: 7200 },
            Occurrence::Tick3600 { when: 7200 },
        ];
        assert_eq!(due(&mut ticks, 7200), expected);
    }

    #[test]
    fn a_jump_gives_one_tick_of_each_length_and_no_burst() {
        let mut ticks = Ticks::new(at(1104));
        let back = [
            Occurrence::Tick5 { when: 995 },
            Occurrence::Tick60 { when: 960 },
        ];
        assert_eq!(due(&mut ticks, 995), back);
        let forth = [
            Occurrence::Tick5 { when: 999_995 },
            Occurrence::Tick60 { when: 999_960 },
            Occurrence::Tick3600 { when: 997_200 },
        ];
        assert_eq!(due(&mut ticks, 999_999), forth);
        assert_eq!(due(&mut ticks, 999_999), []);
    }

    #[test]
    fn the_deadline_is_the_next_slice_that_somebody_wants() {
        let ticks = Ticks::new(at_nanos(1_003_250_000_000, 7));
        let deadline = |name| ticks.deadline(wants(name)).unwrap().as_nanos();
        assert_eq!(deadline("TICK"), 7 + 1_750_000_000);
        assert_eq!(deadline("TICK_5"), 7 + 1_750_000_000);
        assert_eq!(deadline("TICK_60"), 7 + 16_750_000_000);
        assert_eq!(deadline("TICK_3600"), 7 + 2_596_750_000_000);
        assert_eq!(ticks.deadline(wants("PROCESS_STATE")), None);
    }

    proptest! {
        #[test]
        fn a_wake_at_the_deadline_finds_the_tick(wall in -4_000_000_000_i64..4_000_000_000, nanos in 0_i64..1_000_000_000) {
            let now = at_nanos(wall * 1_000_000_000 + nanos, 1000);
            let mut ticks = Ticks::new(now);
            let wait = ticks.deadline(wants("TICK_5")).unwrap().as_nanos() - 1000;
            prop_assert!(wait > 0 && wait <= 5_000_000_000);
            let wake = at_nanos(now.wall.as_nanos() + i64::try_from(wait).unwrap(), 1000 + wait);
            let when = wake.wall.as_secs();
            prop_assert_eq!(when % 5, 0);
            prop_assert_eq!(ticks.advance(wake).next(), Some(Occurrence::Tick5 { when }));
        }

        #[test]
        fn any_two_clock_readings_are_accepted(a: i64, b: i64) {
            let mut ticks = Ticks::new(at_nanos(a, u64::MAX));
            prop_assert!(ticks.advance(at_nanos(b, 0)).count() <= 3);
            prop_assert!(ticks.deadline(wants("TICK")).is_some());
        }
    }
}
