//! Every refusal and problem, in the wire's words (contract §3). Clients rely on status and code; the messages are for
//! people.

mod problems;

use axum::Json;
use axum::http::{HeaderValue, Method as Verb, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::id::AccountId;
use domain::refusal::Refusal;
use engine::EngineError;
use serde_json::json;

use crate::method::Need;
use crate::policy::{CampaignType, FILE_BYTES_MAX, TEXT_CHARS_MAX};
use crate::secret::Malformed;

/// How much of a rejected value is repeated, in characters.
const REPEATED_CHARS_MAX: usize = 200;
/// How long a client should wait when the server is busy or its database away.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    status: StatusCode,
    /// The constant name of the status, with one exception (contract §3.3).
    code: &'static str,
    message: String,
}

/// What a request named, for the words of its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Nothing,
    Chat(i64),
    Message { message: i64, chat: i64 },
    Order(i64),
    Return(i64),
    File(i64),
}

impl Named {
    fn not_found(self) -> Error {
        match self {
            Self::Nothing => Error::unknown_path(),
            Self::Chat(id) => Error::not_found(format!("Can't find chat by id: {id}")),
            Self::Message { message, chat } => {
                Error::not_found(format!("Can't find message by id: {message} for chat {chat}"))
            }
            Self::Order(id) => Error::not_found(format!("Order not found: {id}")),
            Self::Return(id) => Error::not_found(format!("Return not found: {id}")),
            Self::File(id) => Error::not_found(format!("Can't find file by id: {id}")),
        }
    }

    /// The words for a chat in which nobody writes any more.
    fn finished(self) -> Error {
        match self {
            Self::Chat(id) => Error::bad_request(format!("Chat {id} is finished")),
            Self::Nothing
            | Self::Message { .. }
            | Self::Order(_)
            | Self::Return(_)
            | Self::File(_) => Error::bad_request("Chat is finished"),
        }
    }
}

impl Error {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(crate) fn malformed_api_key(malformed: Malformed) -> Self {
        Self::unauthorized(match malformed {
            Malformed::Prefix => "Api-Key token prefix invalid",
            Malformed::Length => "Api-Key token length invalid",
            Malformed::Format => "Api-Key token format invalid",
        })
    }

    pub(crate) fn access_denied() -> Self {
        Self::forbidden("Access denied")
    }

    pub(crate) fn missing_scope(need: Need) -> Self {
        let scopes = match need {
            Need::Read => "all-methods, all-methods:read-only, communication",
            Need::Write => "all-methods, communication",
            Need::Anything => "any",
        };
        Self::forbidden(format!(
            "Token does not have any of the scopes to access the API method: {scopes}"
        ))
    }

    pub(crate) fn api_disabled(account: AccountId) -> Self {
        let message =
            format!("API for business '{account}' disabled because it has only disabled partners");
        Self::new(StatusCode::FORBIDDEN, "API_DISABLED", message)
    }

    pub(crate) fn unknown_path() -> Self {
        Self::not_found("Resource not found")
    }

    pub(crate) fn wrong_verb(verb: &Verb) -> Self {
        let verb = shortened(verb.as_str());
        let message = format!("Request method '{verb}' not supported");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    pub(crate) fn wrong_content_type(content_type: &str) -> Self {
        let shown = shortened(content_type);
        let message = if content_type.contains('/') {
            format!("Content type '{shown}' not supported")
        } else {
            format!("Unknown content-type: '{shown}'")
        };
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    /// The hourly or the parallel limit was hit (contract §4.3).
    pub(crate) fn limit_hit(limit: &str, account: AccountId) -> Self {
        // Not among the registered statuses, and always a valid one.
        let status = StatusCode::from_u16(420).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
        let message = format!("Hit rate limit of {limit} for businessId {account}");
        Self::new(status, "METHOD_FAILURE", message)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_SERVER_ERROR",
            "Internal server error",
        )
    }

    pub(crate) fn type_mismatch(value: &str) -> Self {
        Self::bad_request(format!("Type mismatch: '{}'", shortened(value)))
    }

    /// `field`, wherever it stands, must be at least `min`.
    pub(crate) fn too_small(field: &str, min: i64, value: i64) -> Self {
        Self::bad_request(format!(
            "{field} must be greater than or equal to {min} (rejected value: {value})"
        ))
    }

    pub(crate) fn limit_too_large(max: i32, value: i32) -> Self {
        Self::bad_request(format!(
            "Parameter limit must be less than or equal to {max} (rejected value: {value})"
        ))
    }

    pub(crate) fn bad_page_token() -> Self {
        Self::bad_request("Bad page token")
    }

    pub(crate) fn missing_field(path: &str) -> Self {
        Self::bad_request(format!("{path} must not be null (rejected value: null)"))
    }

    pub(crate) fn illegal_input(path: &str) -> Self {
        let path = if path.is_empty() { "$" } else { path };
        Self::bad_request(format!("Illegal input at '{path}'"))
    }

    pub(crate) fn empty_array(path: &str) -> Self {
        Self::bad_request(format!(
            "{path} size must be between 1 and {} (rejected size: 0)",
            i32::MAX
        ))
    }

    pub(crate) fn null_element(path: &str) -> Self {
        Self::bad_request(format!("{path} elements must be not null (rejected value: [null])"))
    }

    /// What the engine said about `named`.
    pub(crate) fn about(named: Named, error: EngineError) -> Self {
        match error {
            EngineError::NotFound(_) => named.not_found(),
            EngineError::Refused(refusal) => Self::refused(named, refusal),
            EngineError::Overloaded | EngineError::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "SERVICE_UNAVAILABLE",
                "Service temporarily unavailable. Please, try again later",
            ),
            EngineError::OutcomeUnknown => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_SERVER_ERROR",
                "It is not known whether the request was carried out. Look before you repeat it",
            ),
            EngineError::Internal => Self::internal(),
        }
    }

    /// What was wrong with the text `raw`.
    pub(crate) fn refused_text(raw: &str, refusal: Refusal) -> Self {
        if !matches!(refusal, Refusal::TextEmpty | Refusal::TextTooLong { .. }) {
            return Self::refused(Named::Nothing, refusal);
        }
        Self::bad_request(format!(
            "message size must be between 1 and {TEXT_CHARS_MAX} (rejected value: '{}')",
            shortened(raw)
        ))
    }

    fn refused(named: Named, refusal: Refusal) -> Self {
        let message = match refusal {
            Refusal::TextEmpty | Refusal::NothingToSend => {
                format!("message size must be between 1 and {TEXT_CHARS_MAX} (rejected size: 0)")
            }
            Refusal::TextTooLong { length, limit } => {
                format!("message size must be between 1 and {limit} (rejected size: {length})")
            }
            Refusal::TextHasForbiddenCharacter { character } => {
                format!("message must not contain the character U+{:04X}", u32::from(character))
            }
            Refusal::TooManyAttachments { limit } => {
                format!("A message carries at most {limit} files")
            }
            Refusal::FileEmpty => {
                format!("file size must be between 1 and {FILE_BYTES_MAX} (rejected size: 0)")
            }
            Refusal::FileTooLarge { bytes, limit } => return Self::too_big(limit, bytes),
            Refusal::NotAPicture => "Only pictures are accepted".to_owned(),
            Refusal::OpeningNotAllowed { model: _, allowed } => format!(
                "Campaign type is not allowed. Allowed campaign types: {}",
                CampaignType::list(&allowed)
            ),
            Refusal::OpeningWindowClosed { .. } => {
                "The time for beginning this chat is over".to_owned()
            }
            Refusal::SendingWindowClosed { .. } => {
                "The time for writing in this chat is over".to_owned()
            }
            Refusal::ChatClosed | Refusal::DisputeEnded => return named.finished(),
            Refusal::BlockedByBuyer => "The customer accepts no messages in this chat".to_owned(),
            Refusal::OwnProduct => "A chat needs two sides".to_owned(),
            Refusal::OnlyTheBuyerBlocks => "Only the customer may block".to_owned(),
            Refusal::LastMessageChanged { .. } => "The chat has newer messages".to_owned(),
            Refusal::NotYourMessage => "The message is not yours".to_owned(),
            Refusal::IdempotencyKeyReused => "The key was used for another request".to_owned(),
            Refusal::NothingToDispute => {
                "Only chats about orders and returns become disputes".to_owned()
            }
            Refusal::AlreadyDisputed => "The chat is a dispute already".to_owned(),
            Refusal::NotDisputed => "The chat is no dispute".to_owned(),
            Refusal::StateSetByDispute => "The dispute decides the state of the chat".to_owned(),
        };
        Self::bad_request(message)
    }

    /// A body or a file of `passed_bytes` bytes, where `max_bytes` are accepted.
    fn too_big(max_bytes: u64, passed_bytes: u64) -> Self {
        const KILOBYTE: u64 = 1 << 10;
        // In hundredths of a megabyte, rounded up so that it never reads as less than the limit.
        let hundredths = passed_bytes.saturating_mul(100).div_ceil(1 << 20);
        Self::bad_request(format!(
            "The request is too big: Maximum allowed request size must be less than {} KB, but passed {}.{:02} MB",
            max_bytes / KILOBYTE,
            hundredths / 100,
            hundredths % 100,
        ))
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

/// The beginning of a value that a client sent, fit to be repeated to it.
fn shortened(value: &str) -> String {
    value.chars().take(REPEATED_CHARS_MAX).collect()
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::about(Named::Nothing, error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = json!({
            "status": "ERROR",
            "errors": [{ "code": self.code, "message": self.message }],
        });
        let mut answer = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_wire_s_units_and_never_read_as_allowed() {
        for (max_bytes, passed_bytes, expected) in [
            (524_288, 524_289, "512 KB, but passed 0.51 MB"),
            (FILE_BYTES_MAX, FILE_BYTES_MAX + 1, "5120 KB, but passed 5.01 MB"),
            (FILE_BYTES_MAX, u64::MAX, "5120 KB, but passed 175921860444.16 MB"),
        ] {
            let message = Error::too_big(max_bytes, passed_bytes).message;
            assert!(message.ends_with(expected), "{message}");
        }
    }

    #[test]
    fn what_the_engine_could_not_do_says_whether_to_try_again() {
        for (error, status, code, retry) in [
            (EngineError::Overloaded, 503, "SERVICE_UNAVAILABLE", true),
            (EngineError::Unavailable, 503, "SERVICE_UNAVAILABLE", true),
            (EngineError::OutcomeUnknown, 500, "INTERNAL_SERVER_ERROR", false),
            (EngineError::Internal, 500, "INTERNAL_SERVER_ERROR", false),
        ] {
            let error = Error::from(error);
            assert_eq!((error.status.as_u16(), error.code), (status, code));
            assert_eq!(error.into_response().headers().contains_key(header::RETRY_AFTER), retry);
        }
        let unknown = Error::from(EngineError::OutcomeUnknown).message;
        assert!(unknown.contains("not known"), "{unknown}");
    }

    #[test]
    fn a_long_value_is_not_repeated_whole() {
        let message = Error::type_mismatch(&"я".repeat(100_000)).message;
        assert!(message.chars().count() < 300);
    }
}
