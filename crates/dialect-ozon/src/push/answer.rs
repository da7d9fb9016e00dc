//! What to think of a receiver's answers (Ozon contract §9.2, §9.3).

use domain::Timestamp;
use http::StatusCode;
use http_kit::json::is_json;
use serde_json::{Map, Value};
use webhooks::{Answer, Unanswered, Verdict};

/// How a check of a receiver can fail. Of other pushes the same is said in the delivery log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckFailure {
    RequestError,
    RequestTimeout,
    ServerFault,
    StatusCodeNotOk,
    EmptyBody,
    InvalidBody,
    InvalidJson,
    WrongResultField,
    WrongResultTimeField,
}

impl CheckFailure {
    const ALL: [Self; 9] = [
        Self::RequestError,
        Self::RequestTimeout,
        Self::ServerFault,
        Self::StatusCodeNotOk,
        Self::EmptyBody,
        Self::InvalidBody,
        Self::InvalidJson,
        Self::WrongResultField,
        Self::WrongResultTimeField,
    ];

    /// The failure with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// What there is to say when nothing was answered. An address that this server does not call looks like one where
    /// nobody listens.
    pub(crate) fn of_unanswered(why: Unanswered) -> Self {
        match why {
            Unanswered::ConnectTimedOut | Unanswered::AnswerTimedOut => Self::RequestTimeout,
            Unanswered::NoConnection
            | Unanswered::TlsFailed
            | Unanswered::AddressNotAllowed
            | Unanswered::Broken => Self::RequestError,
        }
    }

    /// On the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RequestError => "REQUEST_ERROR",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::ServerFault => "SERVER_FAULT",
            Self::StatusCodeNotOk => "STATUS_CODE_NOT_OK",
            Self::EmptyBody => "EMPTY_BODY",
            Self::InvalidBody => "INVALID_BODY",
            Self::InvalidJson => "INVALID_JSON",
            Self::WrongResultField => "WRONG_RESULT_FIELD",
            Self::WrongResultTimeField => "WRONG_RESULT_TIME_FIELD",
        }
    }

    /// For people.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::RequestError => "no connection to the service",
            Self::RequestTimeout => "the service did not answer in time",
            Self::ServerFault => "the service answered with a status from 500 on",
            Self::StatusCodeNotOk => "the status of the answer is not 200",
            Self::EmptyBody => "the answer has no body",
            Self::InvalidBody => {
                "the answer is not application/json, or no object with the texts version and name"
            }
            Self::InvalidJson => "the body of the answer is no JSON",
            Self::WrongResultField => "the answer to TYPE_PING must not have the field result",
            Self::WrongResultTimeField => "the field time is missing, or no date and time",
        }
    }

    fn verdict(self) -> Verdict {
        Verdict::Failed { reason: self.name() }
    }
}

/// What a receiver may say of its own fault (Ozon contract §9.3).
const ERROR_CODES: [&str; 3] =
    ["ERROR_UNKNOWN", "ERROR_PARAMETER_VALUE_MISSED", "ERROR_REQUEST_DUPLICATED"];

/// The answer to a ping: `{"version": "1.0", "name": "…", "time": "…"}`.
pub(super) fn to_ping(answer: &Answer) -> Verdict {
    match check_ping(answer) {
        Ok(()) => Verdict::Accepted,
        Err(failure) => failure.verdict(),
    }
}

/// The answer to anything else: `{"result": true}`. Its type does not matter, nor what else it says.
pub(super) fn to_event(answer: &Answer) -> Verdict {
    if let Err(failure) = check_status(answer.status) {
        let reason = error_code(&answer.body).unwrap_or(failure.name());
        return Verdict::Failed { reason };
    }
    match object(&answer.body) {
        Ok(members) if members.get("result") == Some(&Value::Bool(true)) => Verdict::Accepted,
        Ok(_) => CheckFailure::WrongResultField.verdict(),
        Err(failure) => failure.verdict(),
    }
}

fn check_ping(answer: &Answer) -> Result<(), CheckFailure> {
    check_status(answer.status)?;
    if answer.body.trim_ascii().is_empty() {
        return Err(CheckFailure::EmptyBody);
    }
    if !answer.content_type.as_deref().is_some_and(is_json) {
        return Err(CheckFailure::InvalidBody);
    }
    let members = object(&answer.body)?;
    let text = |name| members.get(name).and_then(Value::as_str);
    if members.contains_key("result") {
        return Err(CheckFailure::WrongResultField);
    }
    if !text("time").is_some_and(is_date_time) {
        return Err(CheckFailure::WrongResultTimeField);
    }
    if text("version").is_none() || text("name").is_none() {
        return Err(CheckFailure::InvalidBody);
    }
    Ok(())
}

fn check_status(status: StatusCode) -> Result<(), CheckFailure> {
    if status == StatusCode::OK {
        Ok(())
    } else if status.is_server_error() {
        Err(CheckFailure::ServerFault)
    } else {
        Err(CheckFailure::StatusCodeNotOk)
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, CheckFailure> {
    if body.trim_ascii().is_empty() {
        return Err(CheckFailure::EmptyBody);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(CheckFailure::InvalidBody),
        Err(_) => Err(CheckFailure::InvalidJson),
    }
}

fn error_code(body: &[u8]) -> Option<&'static str> {
    let members = object(body).ok()?;
    let code = members.get("error")?.get("code")?.as_str()?;
    ERROR_CODES.into_iter().find(|&known| known == code)
}

/// RFC 3339. The parser also knows other forms of ISO 8601.
fn is_date_time(text: &str) -> bool {
    const HYPHENS: [usize; 2] = [4, 7];
    const COLONS: [usize; 2] = [13, 16];
    let stands = |byte, places: [usize; 2]| {
        places.into_iter().all(|place| text.as_bytes().get(place) == Some(&byte))
    };
    stands(b'-', HYPHENS)
        && stands(b':', COLONS)
        && text.get(10..11) == Some("T")
        && !text.contains('[')
        && text.parse::<Timestamp>().is_ok()
}

#[cfg(test)]
mod tests;
