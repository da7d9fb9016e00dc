//! What a receiver has to answer, and how a failure is filed (contract §8.3).

use domain::Timestamp;
use http::StatusCode;
use http_kit::json::is_json;
use serde::Deserialize;
use webhooks::{Answer, Unanswered, Verdict};

/// The longest version and name, in code points.
const CHARS_MAX: usize = 100;

/// Who received a notification. Every field is required.
#[derive(Deserialize)]
struct Receipt {
    version: String,
    name: String,
    time: String,
}

/// Why a receiver did not want a notification. Every field is optional.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Objection {
    error: ObjectionError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ObjectionError {
    r#type: String,
}

pub(super) fn judge(answer: &Answer) -> Verdict {
    match answer.status {
        StatusCode::OK => judge_receipt(answer),
        // The event was bad; any other status is a fault that may pass.
        StatusCode::BAD_REQUEST => Verdict::Declined { reason: objection(&answer.body) },
        _ => Verdict::Failed { reason: "CANT_GET_RESPONSE/HTTP" },
    }
}

fn judge_receipt(answer: &Answer) -> Verdict {
    if !answer.content_type.as_deref().is_some_and(is_json) {
        return Verdict::Failed { reason: "CANT_GET_RESPONSE/UNSUPPORTED_MEDIA_TYPE" };
    }
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&answer.body) else {
        return Verdict::Failed { reason: "INVALID_RESPONSE/CANT_PARSE_RESPONSE" };
    };
    // Fields could otherwise be given as an array without their names.
    let receipt = body.is_object().then(|| serde_json::from_value::<Receipt>(body));
    match receipt {
        Some(Ok(receipt)) if receipt.is_complete() => Verdict::Accepted,
        Some(Ok(_) | Err(_)) | None => Verdict::Failed { reason: "INVALID_RESPONSE/INVALID_DATA" },
    }
}

impl Receipt {
    fn is_complete(&self) -> bool {
        let fits = |text: &str| (1..=CHARS_MAX).contains(&text.chars().count());
        fits(&self.version) && fits(&self.name) && self.time.parse::<Timestamp>().is_ok()
    }
}

/// The receiver's word for what is wrong.
fn objection(body: &[u8]) -> &'static str {
    let objection: Objection = serde_json::from_slice(body).unwrap_or_default();
    match objection.error.r#type.as_str() {
        "WRONG_EVENT_FORMAT" => "WRONG_EVENT_FORMAT",
        "DUPLICATED_EVENT" => "DUPLICATED_EVENT",
        _ => "UNKNOWN",
    }
}

pub(super) fn unanswered(why: Unanswered) -> &'static str {
    match why {
        Unanswered::NoConnection | Unanswered::AddressNotAllowed => {
            "CANT_GET_RESPONSE/CONNECTION_REFUSED"
        }
        Unanswered::ConnectTimedOut => "CANT_GET_RESPONSE/CONNECTION_TIMED_OUT",
        Unanswered::AnswerTimedOut => "CANT_GET_RESPONSE/READ_TIMED_OUT",
        Unanswered::TlsFailed => "CANT_GET_RESPONSE/SSL_ERROR",
        Unanswered::Broken => "INVALID_RESPONSE/CANT_PARSE_RESPONSE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"version": "1.2", "name": "shop", "time": "2026-11-21T10:40:00Z"}"#;

    fn verdict(status: u16, content_type: Option<&str>, body: &str) -> Verdict {
        judge(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: content_type.map(str::to_owned),
            body: body.to_owned().into(),
        })
    }

    fn of_body(body: &str) -> Verdict {
        verdict(200, Some("application/json"), body)
    }

    #[test]
    fn a_receipt_is_taken_with_any_offset_and_with_more_members() {
        for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
            assert_eq!(verdict(200, Some(content_type), GOOD), Verdict::Accepted);
        }
        let longest = "я".repeat(100);
        for body in [
            r#"{"version": "1", "name": "s", "time": "2026-11-21T13:40:00.123456789+03:00"}"#,
            r#"{"version": "1", "name": "s", "time": "2026-11-21T10:40:00.5Z", "more": {"a": 1}}"#,
            &GOOD.replace("shop", &longest),
            &GOOD.replace("1.2", &longest),
        ] {
            assert_eq!(of_body(body), Verdict::Accepted, "{body}");
        }
    }

    #[test]
    fn an_incomplete_receipt_is_a_failure() {
        let too_long = "я".repeat(101);
        for body in [
            "{}",
            "[]",
            r#"["1.2", "shop", "2026-11-21T10:40:00Z"]"#,
            "null",
            r#""ok""#,
            r#"{"result": true}"#,
            r#"{"version": "1.2", "name": "shop"}"#,
            r#"{"version": "1.2", "time": "2026-11-21T10:40:00Z"}"#,
            r#"{"name": "shop", "time": "2026-11-21T10:40:00Z"}"#,
            &GOOD.replace("shop", ""),
            &GOOD.replace("1.2", ""),
            &GOOD.replace("shop", &too_long),
            &GOOD.replace("1.2", &too_long),
            &GOOD.replace(r#""1.2""#, "1.2"),
            &GOOD.replace(r#""shop""#, "null"),
            &GOOD.replace("2026-11-21T10:40:00Z", "2026-11-21"),
            &GOOD.replace("2026-11-21T10:40:00Z", "2026-11-21T10:40:00"),
            &GOOD.replace("2026-11-21T10:40:00Z", "today"),
            &GOOD.replace(r#""2026-11-21T10:40:00Z""#, "1795257600"),
        ] {
            let expected = Verdict::Failed { reason: "INVALID_RESPONSE/INVALID_DATA" };
            assert_eq!(of_body(body), expected, "{body}");
        }
        for body in ["", "ok", "{", "<html></html>", &format!("{GOOD} and more")] {
            let expected = Verdict::Failed { reason: "INVALID_RESPONSE/CANT_PARSE_RESPONSE" };
            assert_eq!(of_body(body), expected, "{body}");
        }
        for content_type in [None, Some("text/plain"), Some("text/json"), Some("")] {
            let expected = Verdict::Failed { reason: "CANT_GET_RESPONSE/UNSUPPORTED_MEDIA_TYPE" };
            assert_eq!(verdict(200, content_type, GOOD), expected, "{content_type:?}");
        }
    }

    #[test]
    fn only_400_means_that_the_event_was_bad() {
        for (body, reason) in [
            (r#"{"error": {"type": "WRONG_EVENT_FORMAT", "message": "?"}}"#, "WRONG_EVENT_FORMAT"),
            (r#"{"error": {"type": "DUPLICATED_EVENT"}}"#, "DUPLICATED_EVENT"),
            (r#"{"error": {"type": "UNKNOWN"}}"#, "UNKNOWN"),
            (r#"{"error": {}}"#, "UNKNOWN"),
            ("{}", "UNKNOWN"),
            ("", "UNKNOWN"),
        ] {
            for content_type in [None, Some("application/json")] {
                assert_eq!(verdict(400, content_type, body), Verdict::Declined { reason });
            }
        }
        for status in [201, 204, 301, 302, 401, 403, 404, 410, 420, 429, 500, 502, 503] {
            let expected = Verdict::Failed { reason: "CANT_GET_RESPONSE/HTTP" };
            assert_eq!(verdict(status, Some("application/json"), GOOD), expected, "{status}");
        }
    }
}
