//! Two clocks, never mixed: deadlines live on [`Timestamp`], what people read on [`UnixTime`].

use alloc::{format, string::String};
use core::{ops::Add, time::Duration};

/// Nanoseconds of a monotonic clock. Absolute (CLOCK_MONOTONIC), so that it survives an `execve`.
///
/// ```
/// use std::time::Duration;
/// use visor_core::Timestamp;
/// let start = Timestamp::from_nanos(5);
/// let later = start + Duration::from_secs(1);
/// assert_eq!(later.saturating_since(start), Duration::from_secs(1));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamp(u64);

impl Timestamp {
    /// A reading of the monotonic clock, in nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The reading, in nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is still to come.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates: a deadline that cannot be represented never comes.
impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// Wall clock: nanoseconds since 1970-01-01 00:00:00 UTC. For people and clients only.
///
/// ```
/// use visor_core::UnixTime;
/// let time = UnixTime::from_nanos(1_500_000_000);
/// assert_eq!((time.as_secs(), time.subsec_millis()), (1, 500));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UnixTime(i64);

impl UnixTime {
    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Milliseconds within the second, 0 to 999.
    #[must_use]
    pub const fn subsec_millis(self) -> i64 {
        self.0.rem_euclid(1_000_000_000) / 1_000_000
    }
}

/// One reading of both clocks, shared by everything that happened in one batch.
///
/// A test makes its own and lets as much time pass as it likes:
///
/// ```
/// use std::time::Duration;
/// use visor_core::{Now, Timestamp, UnixTime};
/// let mut now = Now {
///     mono: Timestamp::from_nanos(0),
///     wall: UnixTime::from_secs(1_769_900_399),
///     utc_offset_secs: 3600,
/// };
/// now.mono = now.mono + Duration::from_secs(60);
/// assert_eq!(now.log_stamp(), "2026-01-31 23:59:59,000");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Now {
    /// What deadlines are compared with.
    pub mono: Timestamp,
    /// What people and clients are told.
    pub wall: UnixTime,
    /// Seconds to add to UTC for local time at `wall`.
    pub utc_offset_secs: i32,
}

impl Now {
    /// `2026-01-31 23:59:59,123` in local time, as activity log lines begin.
    #[must_use]
    pub fn log_stamp(&self) -> String {
        let c = Civil::at(self.wall, self.utc_offset_secs);
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03}",
            c.year,
            c.month,
            c.day,
            c.hour,
            c.minute,
            c.second,
            self.wall.subsec_millis()
        )
    }
}

/// A date and time of day in the proleptic Gregorian calendar.
///
/// ```
/// use visor_core::{Civil, UnixTime};
/// let one_hour_east = Civil::at(UnixTime::from_secs(0), 3600);
/// assert_eq!(one_hour_east.stop_stamp(), "Jan 01 01:00 AM");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Civil {
    /// Year, astronomical numbering.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 (Sunday) to 6.
    pub weekday: u8,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl Civil {
    /// The date and time at `time`, `utc_offset_secs` east of Greenwich.
    #[must_use]
    pub fn at(time: UnixTime, utc_offset_secs: i32) -> Self {
        let secs = time.as_secs().saturating_add(i64::from(utc_offset_secs));
        let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        // Days are counted from 0000-03-01, so that the leap day ends a year: era of 400 years,
        // year of era, day of year, month from March.
        let shifted = days + 719_468;
        let (era, doe) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let from_march = (5 * doy + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let small = |v: i64| u8::try_from(v).unwrap_or(0);
        Self {
            year: yoe + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(doy - (153 * from_march + 2) / 5 + 1),
            hour: small(of_day / 3_600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
            weekday: small((days + 4).rem_euclid(7)),
        }
    }

    /// `Jan`, `Feb`, …
    #[must_use]
    pub fn month_name(&self) -> &'static str {
        MONTHS
            .get(usize::from(self.month).wrapping_sub(1))
            .copied()
            .unwrap_or("Jan")
    }

    /// `Sun`, `Mon`, …
    #[must_use]
    pub fn weekday_name(&self) -> &'static str {
        WEEKDAYS
            .get(usize::from(self.weekday))
            .copied()
            .unwrap_or("Sun")
    }

    /// `Jan 31 11:59 PM`, as in the descriptions of stopped processes.
    #[must_use]
    pub fn stop_stamp(&self) -> String {
        let (hour, half) = match self.hour {
            0 => (12, "AM"),
            h @ 1..=11 => (h, "AM"),
            12 => (12, "PM"),
            h => (h - 12, "PM"),
        };
        format!(
            "{} {:02} {:02}:{:02} {half}",
            self.month_name(),
            self.day,
            hour,
            self.minute
        )
    }

    /// `Sun, 22 Nov 2026 13:00:06 GMT`, as in HTTP's `Date` (give it UTC).
    #[must_use]
    pub fn http_date(&self) -> String {
        format!(
            "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
            self.weekday_name(),
            self.day,
            self.month_name(),
            self.year,
            self.hour,
            self.minute,
            self.second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64, offset: i32) -> Now {
        Now {
            wall: UnixTime::from_nanos(secs * 1_000_000_000 + 123_456_789),
            utc_offset_secs: offset,
            ..Now::default()
        }
    }

    #[test]
    fn log_stamps_are_local_with_milliseconds_after_a_comma() {
        assert_eq!(at(0, 0).log_stamp(), "1970-01-01 00:00:00,123");
        assert_eq!(at(951_782_400, 0).log_stamp(), "2000-02-29 00:00:00,123");
        assert_eq!(
            at(1_769_903_999, 3600).log_stamp(),
            "2026-02-01 00:59:59,123"
        );
        assert_eq!(at(-1, -3600).log_stamp(), "1969-12-31 22:59:59,123");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1969, 12, 31);
        for days in 0..=106_751 {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 if is_leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (month, day) if day == last => (year, month + 1, 1),
                (month, day) => (year, month, day + 1),
            };
            let civil = Civil::at(UnixTime::from_secs(days * 86_400), 0);
            assert_eq!((civil.year, civil.month, civil.day), (year, month, day));
            assert_eq!(i64::from(civil.weekday), (days + 4) % 7);
        }
    }

    #[test]
    fn stop_stamps_have_twelve_hours() {
        let stamp = |secs| Civil::at(UnixTime::from_secs(secs), 0).stop_stamp();
        assert_eq!(stamp(0), "Jan 01 12:00 AM");
        assert_eq!(stamp(43_200), "Jan 01 12:00 PM");
        assert_eq!(stamp(86_399), "Jan 01 11:59 PM");
    }

    #[test]
    fn http_dates_name_the_weekday() {
        let date = Civil::at(UnixTime::from_secs(1_795_352_406), 0).http_date();
        assert_eq!(date, "Sun, 22 Nov 2026 13:00:06 GMT");
    }

    #[test]
    fn a_deadline_too_far_to_represent_never_comes() {
        assert_eq!(
            Timestamp::from_nanos(5) + Duration::MAX,
            Timestamp::from_nanos(u64::MAX)
        );
    }
}
