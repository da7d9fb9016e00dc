//! Every "no" in this wire's words (Partizap contract §1.3).

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use domain::refusal::{Missing, Refusal};
use engine::EngineError;
use engine::store::FactConflict;
use http::{HeaderValue, StatusCode, header};
use http_kit::body::BodyProblem;
use serde::Serialize;

/// Why a request was not carried out.
#[derive(Debug)]
pub(crate) enum Error {
    /// No path of the wire.
    NoSuchPath,
    /// A path of the wire, asked with another method.
    MethodNotAllowed,
    /// No running session. The cookies are cleared by whoever looked at them.
    NotSignedIn,
    /// E-mail and password are nobody's.
    WrongCredentials,
    /// The CSRF token is absent, or not this session's.
    WrongCsrfToken,
    /// A page of another site wants to open a live connection.
    ForeignOrigin,
    /// The path of live events was asked for something other than a WebSocket.
    NoUpgrade,
    /// People cannot sign up here.
    RegistrationClosed,
    /// Another account has the address.
    EmailTaken,
    /// Too often; come back after so many seconds.
    TooOften {
        /// Whole seconds, at least 1.
        retry_after_seconds: i64,
    },
    /// The input is wrong.
    Invalid(Details),
    /// The body is longer than anything this wire takes.
    BodyTooLarge,
    /// The body is of another type.
    WrongContentType(&'static str),
    /// It does not exist, or not for this person.
    NotFound(Missing),
    /// No such session of this person's.
    NoSuchSession,
    /// A rule says no.
    Refused(Refusal),
    /// The server cannot do it now; nothing happened.
    Busy,
    /// The server does not know whether it did it.
    OutcomeUnknown,
    /// A fault of the server; nothing happened.
    Internal,
}

/// What is wrong with which field: the `details` of a 422.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Details(BTreeMap<&'static str, Vec<String>>);

impl Details {
    /// Notes a problem of `field`.
    pub(crate) fn add(&mut self, field: &'static str, problem: impl Into<String>) {
        self.0.entry(field).or_default().push(problem.into());
    }

    /// Notes a problem of `field`, and goes on without a value.
    pub(crate) fn take<T>(&mut self, field: &'static str, value: Result<T, String>) -> Option<T> {
        value.map_err(|problem| self.add(field, problem)).ok()
    }

    /// An error if there is any problem.
    pub(crate) fn require_none(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self)) }
    }
}

impl Error {
    /// One problem of one field.
    pub(crate) fn of_field(field: &'static str, problem: impl Into<String>) -> Self {
        let mut details = Details::default();
        details.add(field, problem);
        Self::Invalid(details)
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound(missing) => Self::NotFound(missing),
            EngineError::Refused(refusal) => Self::Refused(refusal),
            EngineError::Overloaded | EngineError::Unavailable => Self::Busy,
            EngineError::OutcomeUnknown => Self::OutcomeUnknown,
            EngineError::Internal => Self::Internal,
        }
    }
}

impl From<FactConflict> for Error {
    fn from(conflict: FactConflict) -> Self {
        match conflict {
            FactConflict::EmailTaken => Self::EmailTaken,
        }
    }
}

impl From<BodyProblem> for Error {
    fn from(problem: BodyProblem) -> Self {
        match problem {
            BodyProblem::TooLarge { .. } => Self::BodyTooLarge,
            BodyProblem::TooSlow => Self::of_field("body", "Did not arrive in time"),
            BodyProblem::Broken => Self::of_field("body", "Ended early"),
        }
    }
}

/// What becomes of a refusal.
enum Verdict {
    /// 422: this field of the request is wrong.
    Input(&'static str),
    /// 403: not in this conversation, or not now.
    Forbidden,
    /// 409: things have moved on.
    Conflict,
}

fn verdict(refusal: &Refusal) -> Verdict {
    match refusal {
        Refusal::TextEmpty
        | Refusal::TextTooLong { .. }
        | Refusal::TextHasForbiddenCharacter { .. }
        | Refusal::NothingToSend => Verdict::Input("text"),
        Refusal::TooManyAttachments { .. }
        | Refusal::FileEmpty
        | Refusal::FileTooLarge { .. }
        | Refusal::NotAPicture => Verdict::Input("image"),
        Refusal::OwnProduct => Verdict::Input("product_id"),
        Refusal::OpeningNotAllowed { .. }
        | Refusal::OpeningWindowClosed { .. }
        | Refusal::SendingWindowClosed { .. }
        | Refusal::ChatClosed
        | Refusal::DisputeEnded
        | Refusal::BlockedByBuyer
        | Refusal::OnlyTheBuyerBlocks
        | Refusal::NotYourMessage => Verdict::Forbidden,
        Refusal::LastMessageChanged { .. }
        | Refusal::IdempotencyKeyReused
        | Refusal::NothingToDispute
        | Refusal::AlreadyDisputed
        | Refusal::NotDisputed
        | Refusal::StateSetByDispute => Verdict::Conflict,
    }
}

/// A refusal as text for people.
pub(crate) fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::TextEmpty | Refusal::NothingToSend => "Message must not be empty".to_owned(),
        Refusal::TextTooLong { limit, .. } => {
            format!("Message must be at most {limit} characters long")
        }
        Refusal::TextHasForbiddenCharacter { .. } => {
            "Message must not contain control characters".to_owned()
        }
        Refusal::TooManyAttachments { limit } => format!("At most {limit} image per message"),
        Refusal::FileEmpty => "Image must not be empty".to_owned(),
        Refusal::FileTooLarge { limit, .. } => format!("Image must be at most {limit} bytes"),
        Refusal::NotAPicture => {
            "Image must be an undamaged JPEG, PNG or WebP picture of at most 50 megapixels"
                .to_owned()
        }
        Refusal::OwnProduct => "You cannot start a conversation about your own product".to_owned(),
        Refusal::OpeningNotAllowed { .. } => {
            "Only the buyer can start this conversation".to_owned()
        }
        Refusal::OpeningWindowClosed { .. } => {
            "The time to start this conversation is over".to_owned()
        }
        Refusal::SendingWindowClosed { .. } => {
            "The time to write in this conversation is over".to_owned()
        }
        Refusal::ChatClosed => "This conversation is closed".to_owned(),
        Refusal::DisputeEnded => {
            "The dispute in this conversation is settled; nobody can write here any more".to_owned()
        }
        Refusal::BlockedByBuyer => "The buyer has blocked you in this conversation".to_owned(),
        Refusal::OnlyTheBuyerBlocks => "Only the buyer can block".to_owned(),
        Refusal::LastMessageChanged { .. } => "The conversation has newer messages".to_owned(),
        Refusal::NotYourMessage => "You can only change your own messages".to_owned(),
        Refusal::IdempotencyKeyReused => "The key was used for another request".to_owned(),
        Refusal::NothingToDispute => "There is nothing to dispute here".to_owned(),
        Refusal::AlreadyDisputed => "A dispute is running already".to_owned(),
        Refusal::NotDisputed => "There is no dispute here".to_owned(),
        Refusal::StateSetByDispute => "The dispute decides about this conversation".to_owned(),
    }
}

const AUTHENTICATION: &str = "authentication_error";
const AUTHORIZATION: &str = "authorization_error";
const CONFLICT: &str = "conflict_error";
const INTERNAL: &str = "internal_error";
const METHOD_NOT_ALLOWED: &str = "method_not_allowed_error";
const NOT_FOUND: &str = "not_found_error";
const RATE_LIMIT: &str = "rate_limit_error";
const VALIDATION: &str = "validation_error";

/// After how many seconds to come back when the server itself is in trouble.
const RETRY_AFTER_TROUBLE_SECONDS: i64 = 5;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::NoSuchPath => answer(StatusCode::NOT_FOUND, NOT_FOUND, "No such path"),
            Self::MethodNotAllowed => {
                answer(StatusCode::METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, "Method not allowed")
            }
            Self::NotSignedIn => {
                answer(StatusCode::UNAUTHORIZED, AUTHENTICATION, "Authentication required")
            }
            Self::ForeignOrigin => answer(
                StatusCode::FORBIDDEN,
                AUTHORIZATION,
                "Pages of this origin must not open live connections",
            ),
            Self::NoUpgrade => {
                let mut answer = answer(
                    StatusCode::UPGRADE_REQUIRED,
                    VALIDATION,
                    "This path is for WebSocket connections of version 13",
                );
                answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                answer
            }
            Self::WrongCredentials => {
                answer(StatusCode::UNAUTHORIZED, AUTHENTICATION, "Invalid e-mail or password")
            }
            Self::WrongCsrfToken => {
                answer(StatusCode::FORBIDDEN, AUTHORIZATION, "Missing or wrong CSRF token")
            }
            Self::RegistrationClosed => {
                answer(StatusCode::FORBIDDEN, AUTHORIZATION, "Registration is closed")
            }
            Self::EmailTaken => {
                answer(StatusCode::CONFLICT, CONFLICT, "This e-mail is already registered")
            }
            Self::TooOften { retry_after_seconds } => retry_after(
                retry_after_seconds,
                answer(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT, "Too many requests"),
            ),
            Self::Invalid(details) => envelope(
                StatusCode::UNPROCESSABLE_ENTITY,
                VALIDATION,
                "Validation failed",
                Some(&details),
            ),
            Self::BodyTooLarge => {
                answer(StatusCode::PAYLOAD_TOO_LARGE, VALIDATION, "The request body is too large")
            }
            Self::WrongContentType(expected) => answer(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                VALIDATION,
                &format!("The content type must be {expected}"),
            ),
            Self::NotFound(missing) => {
                answer(StatusCode::NOT_FOUND, NOT_FOUND, &format!("{} not found", name(missing)))
            }
            Self::NoSuchSession => answer(StatusCode::NOT_FOUND, NOT_FOUND, "Session not found"),
            Self::Refused(refusal) => match verdict(&refusal) {
                Verdict::Input(field) => Self::of_field(field, words(&refusal)).into_response(),
                Verdict::Forbidden => {
                    answer(StatusCode::FORBIDDEN, AUTHORIZATION, &words(&refusal))
                }
                Verdict::Conflict => answer(StatusCode::CONFLICT, CONFLICT, &words(&refusal)),
            },
            Self::Busy => retry_after(
                RETRY_AFTER_TROUBLE_SECONDS,
                answer(
                    StatusCode::SERVICE_UNAVAILABLE,
                    INTERNAL,
                    "The server is busy; nothing happened, try again",
                ),
            ),
            Self::OutcomeUnknown => answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                INTERNAL,
                "It is not known whether the request was carried out; look before you try again",
            ),
            Self::Internal => after_panic(),
        }
    }
}

/// The answer to a fault of the server, of which nothing more is told.
pub(crate) fn after_panic() -> Response {
    answer(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL, "Internal error")
}

fn name(missing: Missing) -> &'static str {
    match missing {
        Missing::Chat => "Conversation",
        Missing::Message => "Message",
        Missing::Product => "Product",
        Missing::Order => "Order",
        Missing::Posting => "Posting",
        Missing::Return => "Return",
        Missing::Account => "User",
        Missing::Attachment => "Image",
    }
}

fn answer(status: StatusCode, code: &'static str, message: &str) -> Response {
    envelope(status, code, message, None)
}

fn envelope(
    status: StatusCode,
    code: &'static str,
    message: &str,
    details: Option<&Details>,
) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a> {
        error: Inner<'a>,
    }
    #[derive(Serialize)]
    struct Inner<'a> {
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<&'a Details>,
    }
    let body = Envelope { error: Inner { code, message, details } };
    (status, axum::Json(body)).into_response()
}

fn retry_after(seconds: i64, mut answer: Response) -> Response {
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};

    use super::*;

    async fn rendered(error: Error) -> (u16, Option<String>, Value) {
        let answer = error.into_response();
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, retry_after, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_server_in_trouble_says_what_may_have_happened() {
        for (error, status, retry_after, word) in [
            (EngineError::Overloaded, 503, Some("5"), "nothing happened"),
            (EngineError::Unavailable, 503, Some("5"), "nothing happened"),
            (EngineError::OutcomeUnknown, 500, None, "not known"),
            (EngineError::Internal, 500, None, "Internal error"),
        ] {
            let (given, after, body) = rendered(error.into()).await;
            assert_eq!((given, after.as_deref()), (status, retry_after));
            assert_eq!(body["error"]["code"], "internal_error");
            assert!(body["error"]["message"].as_str().unwrap().contains(word), "{body}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_wrong_input_or_forbidden_or_a_conflict() {
        let details = |field: &str, text: &str| json!({ field: [text] });
        let (status, _, body) = rendered(Error::Refused(Refusal::OwnProduct)).await;
        assert_eq!(status, 422);
        let words = "You cannot start a conversation about your own product";
        assert_eq!(body["error"]["details"], details("product_id", words));
        let closed = Refusal::SendingWindowClosed { closed_at: None };
        let (status, _, body) = rendered(Error::Refused(closed)).await;
        assert_eq!((status, &body["error"]["code"]), (403, &json!("authorization_error")));
        let (status, _, body) = rendered(Error::Refused(Refusal::AlreadyDisputed)).await;
        assert_eq!((status, &body["error"]["code"]), (409, &json!("conflict_error")));
    }
}
