//! Bodies, queries and paths as typed values; what is wrong with them is a problem with its place.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use domain::id::{AccountId, AttachmentId, ChatId, MessageId, WebhookId};
use domain::refusal::Missing;
use http::StatusCode;
use http::request::Parts;
use http_kit::body::{BodyBounds, BodyProblem, read_bounded};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use crate::Api;
use crate::problem::Problem;
use crate::refusal::not_found;
use crate::values::Id;
use crate::webhook_refusal::no_such_webhook;

/// The bytes of a JSON body besides the text of a message. Every bound of a fact fits in.
const BESIDE_TEXT_BYTES_MAX: u64 = 256 << 10;
/// What a character of a text takes at most: two escapes of six bytes.
const CHARACTER_BYTES_MAX: u64 = 12;

/// A JSON body. No body at all is an object without members. Members that nobody asked for are ignored.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let text_bytes_max = api.settings.text_chars_max as u64 * CHARACTER_BYTES_MAX;
        let bounds = BodyBounds::of(text_bytes_max + BESIDE_TEXT_BYTES_MAX);
        let bytes = read_bounded(request.into_body(), bounds).await.map_err(body_problem)?;
        parse_json(&bytes).map(Self)
    }
}

/// A body that cannot be read.
pub(crate) fn body_problem(problem: BodyProblem) -> Problem {
    match problem {
        BodyProblem::TooLarge { limit_bytes, passed_bytes } => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            format!("At most {limit_bytes} bytes are accepted here."),
        )
        .with("limit", limit_bytes)
        .with("length", passed_bytes),
        BodyProblem::TooSlow => body_too_slow(),
        BodyProblem::Broken => Problem::new(
            StatusCode::BAD_REQUEST,
            "body-incomplete",
            "The body is incomplete",
            "The body ended early. Send the request again.",
        ),
    }
}

/// A body that does not arrive.
pub(crate) fn body_too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body-too-slow",
        "The body did not arrive in time",
        "Nothing was changed. Send the request again.",
    )
}

/// Reads one JSON object. What is no JSON is told apart from JSON that is not what was asked for.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    // Strings that nobody asked for would pass unlooked at.
    std::str::from_utf8(bytes).map_err(|error| malformed(&error.to_string()))?;
    if !bytes.trim_ascii_start().starts_with(b"{") {
        // Members of an object could otherwise be given as an array without their names.
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| json_problem("", &error))?;
        return Err(Problem::invalid("", "must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        // What is no JSON at all is told first, wherever it breaks.
        if let Err(broken) = serde_json::from_slice::<IgnoredAny>(bytes) {
            return malformed(&broken.to_string());
        }
        let path = error.path().to_string();
        json_problem(&path, &error.into_inner())
    })?;
    deserializer.end().map_err(|error| json_problem("", &error))?;
    Ok(value)
}

/// Reads a value out of a parsed one.
pub(crate) fn parse_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        json_problem(&path, &error.into_inner())
    })
}

fn json_problem(path: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => invalid(path, &error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => malformed(&error.to_string()),
    }
}

fn malformed(message: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed-json",
        "The body is not JSON",
        format!("Send a JSON object in UTF-8: {message}."),
    )
}

/// A member that is missing or given twice is named by its own path, not by that of the object around it.
fn invalid(path: &str, message: &str) -> Problem {
    let message = message.split(" at line ").next().unwrap_or(message);
    let path = if path == "." { "" } else { path };
    let member = |prefix: &str| {
        let name = message.strip_prefix(prefix)?.strip_suffix('`')?;
        Some(if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") })
    };
    if let Some(missing) = member("missing field `") {
        return Problem::invalid(missing, "is missing");
    }
    if let Some(repeated) = member("duplicate field `") {
        return Problem::invalid(repeated, "is given twice");
    }
    // A null is an absent member.
    if message.starts_with("invalid type: null,") {
        return Problem::invalid(path, "is missing");
    }
    Problem::invalid(path, message)
}

/// The parameters of a query. Parameters that nobody asked for are ignored.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // What the standard library says of a text that is no number.
        let is_no_number = ["invalid digit", "cannot parse integer", "number too"]
            .iter()
            .any(|beginning| message.starts_with(beginning));
        invalid(&path, if is_no_number { "must be a whole number" } else { &message })
    })
}

/// The id in a path: what is no id names nothing.
pub(crate) struct PathId<T>(pub(crate) T);

/// What can be named in a path.
pub(crate) trait Named: Sized {
    /// What is said when there is none.
    fn missing() -> Problem;
    /// The id that `value` is.
    fn named(value: i64) -> Option<Self>;
}

macro_rules! named {
    ($($id:ident: $missing:expr;)+) => {$(
        impl Named for $id {
            fn missing() -> Problem {
                $missing
            }

            fn named(value: i64) -> Option<Self> {
                Self::new(value)
            }
        }
    )+};
}

named! {
    AccountId: not_found(Missing::Account);
    AttachmentId: not_found(Missing::Attachment);
    ChatId: not_found(Missing::Chat);
    WebhookId: no_such_webhook();
    MessageId: not_found(Missing::Message);
}

impl<T: Named> PathId<T> {
    /// Reads the text of an id.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let id = text.parse().ok().and_then(T::named);
        id.map(Self).ok_or_else(T::missing)
    }
}

impl<S: Send + Sync, T: Named> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        Self::parse(&text.map_err(|_| T::missing())?)
    }
}

/// The ids of a message's chat and of the message in a path.
pub(crate) struct PathMessage(pub(crate) ChatId, pub(crate) MessageId);

impl<S: Send + Sync> FromRequestParts<S> for PathMessage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let texts: Result<Path<(String, String)>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let Path((chat, message)) = texts.map_err(|_| not_found(Missing::Chat))?;
        let PathId(chat) = PathId::parse(&chat)?;
        let PathId(message) = PathId::parse(&message)?;
        Ok(Self(chat, message))
    }
}

/// The id of a fact, which the marketplace chooses.
pub(crate) struct FactId(pub(crate) Id);

impl<S: Send + Sync> FromRequestParts<S> for FactId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = path_text(parts, state).await?;
        let number: i64 = text.parse().unwrap_or_default();
        parse_value(serde_json::json!(number)).map(Self).map_err(|_| {
            Problem::invalid(
                "id",
                format!("must be a whole number from {} to {}", Id::MIN, Id::MAX),
            )
        })
    }
}

/// The last part of a path, decoded.
pub(crate) async fn path_text<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<String, Problem> {
    let text: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
    text.map(|Path(text)| text).map_err(|_| Problem::invalid("id", "is not UTF-8"))
}
