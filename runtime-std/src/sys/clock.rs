//! The only place that reads a clock.

use jiff::tz::TimeZone;
use rustix::time::{ClockId, Timespec, clock_gettime};
use visor_core::{Now, Timestamp, UnixTime};

/// Reads both clocks and the local time zone.
///
/// The zone's offset is kept until the instant at which it next changes, so a reading costs two
/// clock calls (no system call) and a comparison.
#[derive(Debug)]
pub struct Clock {
    zone: TimeZone,
    offset_secs: i32,
    /// `offset_secs` holds for wall-clock seconds in this range: from included, to excluded.
    holds: (i64, i64),
}

impl Clock {
    /// A clock in the system's time zone (`TZ`, else `/etc/localtime`, else UTC).
    #[must_use]
    pub fn new() -> Self {
        Self {
            zone: system_zone(),
            offset_secs: 0,
            holds: (0, 0),
        }
    }

    /// Reads the time zone anew, for when the system's may have been changed.
    pub fn reload_zone(&mut self) {
        self.zone = system_zone();
        self.holds = (0, 0);
    }

    /// One reading.
    pub fn now(&mut self) -> Now {
        let wall = clock_gettime(ClockId::Realtime);
        if !(self.holds.0..self.holds.1).contains(&wall.tv_sec) {
            self.look_up_offset(wall.tv_sec);
        }
        Now {
            mono: monotonic(),
            wall: UnixTime::from_nanos(nanos(wall)),
            utc_offset_secs: self.offset_secs,
        }
    }

    fn look_up_offset(&mut self, secs: i64) {
        let Ok(at) = jiff::Timestamp::from_second(secs) else {
            // A clock beyond the year 9999 has no local time; UTC will do.
            self.offset_secs = 0;
            self.holds = (secs, secs.saturating_add(1));
            return;
        };
        self.offset_secs = self.zone.to_offset(at).seconds();
        let next = self.zone.following(at).next();
        let until = next.map_or(i64::MAX, |change| change.timestamp().as_second());
        self.holds = (secs, until.max(secs.saturating_add(1)));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// The monotonic clock alone.
#[must_use]
pub fn monotonic() -> Timestamp {
    let nanos = nanos(clock_gettime(ClockId::Monotonic));
    Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

fn nanos(time: Timespec) -> i64 {
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec)
}

fn system_zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_follows_the_zone_over_its_changes() {
        let mut clock = Clock {
            zone: TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
            offset_secs: 0,
            holds: (0, 0),
        };
        // 2026-03-29 01:00 UTC is when summer time begins.
        let change = 1_774_746_000;
        clock.look_up_offset(change - 1);
        assert_eq!(clock.offset_secs, 3600);
        assert_eq!(clock.holds, (change - 1, change));
        clock.look_up_offset(change);
        assert_eq!(clock.offset_secs, 7200);
    }

    #[test]
    fn readings_never_go_back() {
        let mut clock = Clock::new();
        let (a, b) = (clock.now(), clock.now());
        assert!(a.mono <= b.mono);
        assert!(a.wall.as_secs() > 1_700_000_000);
    }
}
