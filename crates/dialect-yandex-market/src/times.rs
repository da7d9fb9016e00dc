//! Times as the wire writes them.

use domain::Timestamp;
use jiff::fmt::{rfc2822, temporal};
use jiff::tz::Offset;

/// `2026-11-21T13:40:05.120+03:00` (contract §6).
pub(crate) fn date_time(at: Timestamp, offset: Offset) -> String {
    const PRINTER: temporal::DateTimePrinter = temporal::DateTimePrinter::new().precision(Some(3));
    PRINTER.timestamp_with_offset_to_string(&at, offset)
}

/// `Sat, 21 Nov 2026 11:00:00 GMT` (contract §4.4). None for years that the format cannot hold.
pub(crate) fn http_date(at: Timestamp) -> Option<String> {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_an_offset_and_three_digits() {
        let at: Timestamp = "2026-11-21T10:40:05.12Z".parse().unwrap();
        assert_eq!(date_time(at, Offset::constant(3)), "2026-11-21T13:40:05.120+03:00");
        assert_eq!(date_time(at, Offset::UTC), "2026-11-21T10:40:05.120+00:00");
        let whole: Timestamp = "2026-11-21T22:00:00Z".parse().unwrap();
        assert_eq!(date_time(whole, Offset::constant(3)), "2026-11-22T01:00:00.000+03:00");
    }

    #[test]
    fn dates_of_headers_are_in_gmt() {
        let at: Timestamp = "2026-11-21T11:00:00Z".parse().unwrap();
        assert_eq!(http_date(at).as_deref(), Some("Sat, 21 Nov 2026 11:00:00 GMT"));
    }
}
