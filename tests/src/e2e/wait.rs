//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How long a condition may take to come true before a test fails: far more than any takes, so that
/// a busy machine does not fail a test.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Waits until `condition` gives a value.
///
/// # Panics
/// If it gives none within [`LIMIT`]; `what` says what was waited for.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    match until_within(LIMIT, condition) {
        Some(value) => value,
        None => panic!("waited {LIMIT:?} in vain for: {what}"),
    }
}

/// Waits until `condition` gives a value, or until the time is up.
pub fn until_within<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
