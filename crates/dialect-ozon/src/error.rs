//! Every way in which this wire says no. Clients search the texts, so they are letter for letter those of Ozon contract
//! §3.1 where it has one.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::refusal::{Missing, Refusal};
use engine::EngineError;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use http_kit::json::{FieldProblem, FieldProblemKind};
use webhooks::WebhookError;

use crate::push::answer::CheckFailure;
use crate::settings::TEXT_CHARS_MAX;
use crate::wire::ErrorBody;

/// What an overloaded server asks its clients to wait, in seconds. They retry every 2 to 10 s anyway (Ozon contract
/// §4).
const RETRY_AFTER_OVERLOAD_SECONDS: u16 = 5;

/// An answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    status: Status,
    message: Cow<'static, str>,
}

/// Pairs of HTTP status and gRPC number (Ozon contract §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    InvalidArgument,
    FailedPrecondition,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    AlreadyExists,
    Aborted,
    ResourceExhausted,
    Internal,
    Unavailable,
}

impl Status {
    fn numbers(self) -> (StatusCode, i32) {
        match self {
            Self::InvalidArgument => (StatusCode::BAD_REQUEST, 3),
            Self::FailedPrecondition => (StatusCode::BAD_REQUEST, 9),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, 16),
            Self::PermissionDenied => (StatusCode::FORBIDDEN, 7),
            Self::NotFound => (StatusCode::NOT_FOUND, 5),
            Self::AlreadyExists => (StatusCode::CONFLICT, 6),
            Self::Aborted => (StatusCode::CONFLICT, 10),
            Self::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, 8),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, 13),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, 14),
        }
    }
}

macro_rules! fixed_errors {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $message:literal;)*) => {
        impl Error {$(
            $(#[$doc])*
            pub(crate) fn $name() -> Self {
                Self { status: Status::$status, message: Cow::Borrowed($message) }
            }
        )*}
    };
}

fixed_errors! {
    credentials_missing = Unauthenticated, "Client-Id and Api-Key headers are required";
    client_id_malformed = InvalidArgument, "Client-Id header value should be positive integer";
    /// Also for a pair that does not match.
    wrong_key = NotFound, "Invalid Api-Key, please check the key and try again";
    key_deactivated = PermissionDenied, "Api-key is deactivated, use another one or generate a new one";
    role_missing = PermissionDenied, "Api-Key is missing a required role for a method";
    address_not_allowed = PermissionDenied, "Api-Key is restricted to specific IP addresses";
    offer_not_signed = PermissionDenied, "Offer not signed";
    subscription_missing = PermissionDenied,
        "s.checkPremiumPlus failed: method is allowed starting from the premium plus subscription";
    too_many_requests = ResourceExhausted, "You have reached request rate limit per second";
    body_unusable = InvalidArgument, "Invalid request body";
    chat_id_malformed = InvalidArgument, "invalid chat guid";
    message_id_missing = InvalidArgument, "message_id is empty";
    /// Also for what is there and belongs to somebody else.
    chat_not_found = NotFound, "chat not found";
    posting_not_found = NotFound, "posting not found";
    /// Also for one of somebody else.
    notification_not_found = NotFound, "notification not found";
    url_taken = AlreadyExists, "url is already set";
    notification_changing = Aborted, "the notification is being changed by another request";
    unknown_path = NotFound, "Not Found";
    access_period_expired = PermissionDenied, "access period has expired";
    not_permitted = PermissionDenied, "actions with this chat not permitted";
    blocked_by_buyer = PermissionDenied, "chat blocked by user";
    aborted = Aborted, "the request does not fit the state of the chat";
    unavailable = Unavailable, "Circle is open";
    internal = Internal, "Internal error";
    outcome_unknown = Internal, "Internal error: it is unknown whether the request was carried out";
}

impl Error {
    /// The field at `path` (`filter.chat_status`) of the request called `request` breaks `rule`.
    pub(crate) fn invalid_field(request: &str, path: &str, rule: &str) -> Self {
        let field = pascal_case(path);
        let message = format!("Request validation error: invalid {request}.{field}: {rule}");
        Self { status: Status::InvalidArgument, message: Cow::Owned(message) }
    }

    /// A field of the request called `request` cannot be read.
    pub(crate) fn unreadable_field(request: &str, problem: &FieldProblem) -> Self {
        let rule = match problem.kind {
            FieldProblemKind::Missing | FieldProblemKind::Null => "value is required".to_owned(),
            FieldProblemKind::WrongType { expected, .. } => format!("value must be {expected}"),
            FieldProblemKind::OutOfRange => "value is out of range".to_owned(),
        };
        Self::invalid_field(request, &problem.path, &rule)
    }

    /// The receiver did not answer a ping as it should, which `outcome` names (Ozon contract §9.2).
    pub(crate) fn not_confirmed(outcome: &str) -> Self {
        let message = Cow::Owned(format!("url check failed: {outcome}"));
        Self { status: Status::FailedPrecondition, message }
    }

    fn text(rule: &str) -> Self {
        Self::invalid_field("ChatSendMessageRequest", "text", rule)
    }

    fn file(rule: &str) -> Self {
        Self::invalid_field("ChatSendFileRequest", "base64_content", rule)
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound(missing) => missing.into(),
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::Overloaded | EngineError::Unavailable => Self::unavailable(),
            EngineError::OutcomeUnknown => Self::outcome_unknown(),
            EngineError::Internal => Self::internal(),
        }
    }
}

impl From<WebhookError> for Error {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::NotFound => Self::notification_not_found(),
            WebhookError::AddressNotAllowed => {
                Self::not_confirmed(CheckFailure::RequestError.name())
            }
            WebhookError::NotConfirmed(ping) => Self::not_confirmed(ping.reason()),
            WebhookError::TooMany { max } => {
                let message = Cow::Owned(format!("no more than {max} urls can be set"));
                Self { status: Status::FailedPrecondition, message }
            }
            WebhookError::UrlTaken => Self::url_taken(),
            WebhookError::Conflict => Self::notification_changing(),
            WebhookError::Engine(error) => error.into(),
            // What requests say was checked when they were read.
            WebhookError::BadUrl(_)
            | WebhookError::UnknownFormat { .. }
            | WebhookError::UnknownType { .. }
            | WebhookError::CutOff { .. }
            | WebhookError::BeyondNewest { .. }
            | WebhookError::NotSigned => Self::internal(),
        }
    }
}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        match missing {
            // A file's link names no chat; it must not tell a stranger more than the chat's id would.
            Missing::Chat | Missing::Attachment | Missing::Message => Self::chat_not_found(),
            Missing::Posting | Missing::Order | Missing::Return => Self::posting_not_found(),
            Missing::Product | Missing::Account => Self::unknown_path(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TextEmpty | Refusal::NothingToSend | Refusal::TextTooLong { .. } => {
                let rule =
                    format!("value length must be between 1 and {TEXT_CHARS_MAX} runes, inclusive");
                Self::text(&rule)
            }
            Refusal::TextHasForbiddenCharacter { .. } => Self::text("value must not contain NUL"),
            Refusal::FileEmpty => Self::file("value must not be empty"),
            Refusal::FileTooLarge { limit, .. } => {
                Self::file(&format!("decoded length must be at most {limit} bytes"))
            }
            Refusal::NotAPicture => Self::file("value must be a picture"),
            Refusal::TooManyAttachments { limit } => {
                Self::file(&format!("value must contain no more than {limit} item(s)"))
            }
            Refusal::OpeningWindowClosed { .. } | Refusal::SendingWindowClosed { .. } => {
                Self::access_period_expired()
            }
            Refusal::OpeningNotAllowed { .. }
            | Refusal::ChatClosed
            | Refusal::DisputeEnded
            | Refusal::OwnProduct
            | Refusal::OnlyTheBuyerBlocks => Self::not_permitted(),
            Refusal::BlockedByBuyer => Self::blocked_by_buyer(),
            // Nothing on this wire asks for these.
            Refusal::LastMessageChanged { .. }
            | Refusal::NotYourMessage
            | Refusal::IdempotencyKeyReused
            | Refusal::NothingToDispute
            | Refusal::AlreadyDisputed
            | Refusal::NotDisputed
            | Refusal::StateSetByDispute => Self::aborted(),
        }
    }
}

/// `filter.message_ids[0]` becomes `Filter.MessageIds[0]`.
fn pascal_case(path: &str) -> String {
    let mut begins_word = true;
    let mut pascal = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '_' => begins_word = true,
            '.' => {
                pascal.push('.');
                begins_word = true;
            }
            other if begins_word => {
                pascal.push(other.to_ascii_uppercase());
                begins_word = false;
            }
            other => pascal.push(other),
        }
    }
    pascal
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.status.numbers();
        let body = ErrorBody { code, message: &self.message, details: [] };
        let mut response = (status, Json(body)).into_response();
        if self.status == Status::Unavailable {
            let wait = HeaderValue::from(RETRY_AFTER_OVERLOAD_SECONDS);
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::catalog::Model;

    use super::*;

    #[track_caller]
    fn check(error: impl Into<EngineError>, status: u16, code: i32, message: &str) {
        let error = Error::from(error.into());
        let (found_status, found_code) = error.status.numbers();
        assert_eq!((found_status.as_u16(), found_code, &*error.message), (status, code, message));
    }

    #[test]
    fn what_the_rules_refuse_is_worded_as_clients_search_for_it() {
        let closed_at = Some(Timestamp::UNIX_EPOCH);
        let allowed = vec![Model::Fbs];
        let text = "Request validation error: invalid ChatSendMessageRequest.Text: value length must be between 1 and 1000 runes, inclusive";
        check(Refusal::TextEmpty, 400, 3, text);
        check(Refusal::TextTooLong { length: 1001, limit: 1000 }, 400, 3, text);
        check(Refusal::NothingToSend, 400, 3, text);
        check(
            Refusal::OpeningNotAllowed { model: Some(Model::Fbo), allowed },
            403,
            7,
            "actions with this chat not permitted",
        );
        check(Refusal::OpeningWindowClosed { closed_at }, 403, 7, "access period has expired");
        check(
            Refusal::SendingWindowClosed { closed_at: None },
            403,
            7,
            "access period has expired",
        );
        check(Refusal::ChatClosed, 403, 7, "actions with this chat not permitted");
        check(Refusal::DisputeEnded, 403, 7, "actions with this chat not permitted");
        check(Refusal::BlockedByBuyer, 403, 7, "chat blocked by user");
        let aborted = "the request does not fit the state of the chat";
        check(Refusal::LastMessageChanged { last: None }, 409, 10, aborted);
    }

    #[test]
    fn a_fault_of_the_server_says_whether_trying_again_is_safe() {
        check(EngineError::Overloaded, 503, 14, "Circle is open");
        check(EngineError::Unavailable, 503, 14, "Circle is open");
        check(EngineError::Internal, 500, 13, "Internal error");
        check(
            EngineError::OutcomeUnknown,
            500,
            13,
            "Internal error: it is unknown whether the request was carried out",
        );
        let response = Error::from(EngineError::Overloaded).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "5");
        assert!(!Error::internal().into_response().headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn a_field_is_named_as_the_service_names_it() {
        for (path, name) in [
            ("limit", "Limit"),
            ("filter.chat_status", "Filter.ChatStatus"),
            ("filter.message_ids[12]", "Filter.MessageIds[12]"),
            ("base64_content", "Base64Content"),
        ] {
            assert_eq!(pascal_case(path), name);
        }
    }
}
