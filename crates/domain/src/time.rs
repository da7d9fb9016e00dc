//! Reckoning with times.

use jiff::{SignedDuration, Timestamp};

/// The time that lies `by` behind `at`. A time so far in the future that it cannot be written is the end of time: settings
/// may be that generous, and a moved clock may stand there.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
