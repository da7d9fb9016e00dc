use bytes::Bytes;

use super::*;

const GOOD: &str = r#"{"version": "1.0", "name": "Example shop", "time": "2026-10-02T08:00:00Z"}"#;

fn answer(status: u16, content_type: Option<&str>, body: &str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        content_type: content_type.map(str::to_owned),
        body: Bytes::from(body.to_owned()),
    }
}

fn reason(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "",
        Verdict::Failed { reason } => reason,
        Verdict::Declined { .. } | Verdict::Gone => panic!("{verdict:?}"),
    }
}

#[track_caller]
fn ping(status: u16, content_type: Option<&str>, body: &str, expected: &str) {
    assert_eq!(reason(&to_ping(&answer(status, content_type, body))), expected, "{body}");
}

#[test]
fn a_ping_wants_three_texts_as_json() {
    for content_type in
        ["application/json", "application/json; charset=utf-8", "Application/JSON ;x"]
    {
        ping(200, Some(content_type), GOOD, "");
    }
    for content_type in [None, Some("text/plain"), Some("application/jsonp"), Some("")] {
        ping(200, content_type, GOOD, "INVALID_BODY");
    }
    let json = Some("application/json");
    for status in [500, 502, 503, 599] {
        ping(status, json, GOOD, "SERVER_FAULT");
    }
    for status in [201, 204, 301, 400, 401, 404, 410, 429] {
        ping(status, json, GOOD, "STATUS_CODE_NOT_OK");
    }
    for body in ["", " \r\n"] {
        ping(200, None, body, "EMPTY_BODY");
    }
    for body in ["pong", "{", "{\"version\": \"\u{fffd}", "{} {}"] {
        ping(200, json, body, "INVALID_JSON");
    }
    for body in [
        "null",
        "true",
        "[]",
        "\"ok\"",
        r#"{"name": "x", "time": "2026-10-02T08:00:00Z"}"#,
        r#"{"version": "1.0", "time": "2026-10-02T08:00:00Z"}"#,
        r#"{"version": 1.0, "name": "x", "time": "2026-10-02T08:00:00Z"}"#,
    ] {
        ping(200, json, body, "INVALID_BODY");
    }
    for result in ["true", "false", "null"] {
        let body = format!("{{\"result\": {result}}}");
        ping(200, json, &body, "WRONG_RESULT_FIELD");
        let body = GOOD.replace('}', &format!(", \"result\": {result}}}"));
        ping(200, json, &body, "WRONG_RESULT_FIELD");
    }
}

#[test]
fn a_ping_s_time_is_a_date_and_a_time() {
    let json = Some("application/json");
    for time in [
        r#""2026-10-02T08:00:00Z""#,
        r#""2026-10-02T08:00:00.123456789Z""#,
        r#""2026-10-02T11:00:00+03:00""#,
    ] {
        let body = GOOD.replace(r#""2026-10-02T08:00:00Z""#, time);
        ping(200, json, &body, "");
    }
    for time in [
        "null",
        "1790928000",
        r#""""#,
        r#""now""#,
        r#""2026-10-02""#,
        r#""2026-10-02T08:00:00""#,
        r#""2026-10-02 08:00:00Z""#,
        r#""20261002T080000Z""#,
        r#""2026-13-02T08:00:00Z""#,
        r#""2026-10-02T08:00:00Z[UTC]""#,
        r#""четверг, второе октября""#,
    ] {
        let body = GOOD.replace(r#""2026-10-02T08:00:00Z""#, time);
        ping(200, json, &body, "WRONG_RESULT_TIME_FIELD");
    }
    ping(200, json, r#"{"version": "1.0", "name": "x"}"#, "WRONG_RESULT_TIME_FIELD");
    ping(200, json, "{}", "WRONG_RESULT_TIME_FIELD");
}

#[test]
fn anything_else_wants_200_and_a_result_that_is_true() {
    let event = |status, body: &str| reason(&to_event(&answer(status, None, body)));
    for body in [r#"{"result": true}"#, r#" {"result":true,"more":[1]} "#] {
        assert_eq!(event(200, body), "", "{body}");
        assert_eq!(event(201, body), "STATUS_CODE_NOT_OK", "{body}");
        assert_eq!(event(500, body), "SERVER_FAULT", "{body}");
    }
    for body in [
        r#"{"result": false}"#,
        r#"{"result": "true"}"#,
        r#"{"result": 1}"#,
        r#"{"Result": true}"#,
        "{}",
        GOOD,
    ] {
        assert_eq!(event(200, body), "WRONG_RESULT_FIELD", "{body}");
    }
    assert_eq!(event(200, ""), "EMPTY_BODY");
    assert_eq!(event(200, "[true]"), "INVALID_BODY");
    assert_eq!(event(200, "OK"), "INVALID_JSON");
    assert_eq!(event(200, &"[".repeat(60_000)), "INVALID_JSON");
}

#[test]
fn a_receiver_s_own_words_are_noted() {
    let error = |code: &str| {
        format!(r#"{{"error": {{"code": "{code}", "message": "what happened", "details": null}}}}"#)
    };
    for code in ERROR_CODES {
        for status in [400, 409, 500] {
            assert_eq!(reason(&to_event(&answer(status, None, &error(code)))), code);
        }
    }
    for (status, fault) in [(400, "STATUS_CODE_NOT_OK"), (500, "SERVER_FAULT")] {
        for body in [error("ERROR_OF_MINE").as_str(), "", r#"{"error": "ERROR_UNKNOWN"}"#, "[]"] {
            assert_eq!(reason(&to_event(&answer(status, None, body))), fault, "{body}");
        }
    }
    let ok = answer(200, None, &error("ERROR_UNKNOWN"));
    assert_eq!(reason(&to_event(&ok)), "WRONG_RESULT_FIELD", "an error has a status of its own");
}

#[test]
fn without_an_answer_there_was_no_connection_or_no_time() {
    for (why, fault) in [
        (Unanswered::NoConnection, "REQUEST_ERROR"),
        (Unanswered::TlsFailed, "REQUEST_ERROR"),
        (Unanswered::AddressNotAllowed, "REQUEST_ERROR"),
        (Unanswered::Broken, "REQUEST_ERROR"),
        (Unanswered::ConnectTimedOut, "REQUEST_TIMEOUT"),
        (Unanswered::AnswerTimedOut, "REQUEST_TIMEOUT"),
    ] {
        assert_eq!(CheckFailure::of_unanswered(why).name(), fault);
    }
    for failure in CheckFailure::ALL {
        assert_eq!(CheckFailure::named(failure.name()), Some(failure));
    }
}
