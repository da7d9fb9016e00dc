//! JSON bodies: read within bounds, typed, and refused in this wire's words (Partizap contract §1.1, §1.3, §7.19).

use axum::extract::{FromRequest, Request};
use domain::policy::TextRules;
use domain::text::Text;
use http::{HeaderMap, header};
use http_kit::body::{BodyBounds, read_bounded};
use http_kit::json::{self, Field, FieldProblem, FieldProblemKind, JsonProblem};
use serde_json::{Map, Value};

use crate::Face;
use crate::error::{Details, Error, words};

/// The longest JSON body, in bytes. Texts have at most 2000 characters; a tree of twelve times as much would be costly.
const JSON_BYTES_MAX: u64 = 1 << 20;
/// The longest body of any kind, in bytes (Partizap contract §1.3).
pub(crate) const BODY_BYTES_MAX: u64 = 12 << 20;

/// What is said of a number that cannot be an id.
pub(crate) const NOT_AN_ID: &str = "Must be a positive integer";

/// A body that is a JSON object.
pub(crate) struct Object(Value);

/// A body that is a JSON object, or nothing at all: an absent body and `null` read like an empty object.
pub(crate) struct OptionalObject(pub(crate) Object);

impl FromRequest<Face> for Object {
    type Rejection = Error;

    async fn from_request(request: Request, _face: &Face) -> Result<Self, Error> {
        require_json(request.headers())?;
        let bytes = read_bounded(request.into_body(), BodyBounds::of(JSON_BYTES_MAX)).await?;
        Self::parse(&bytes)
    }
}

impl FromRequest<Face> for OptionalObject {
    type Rejection = Error;

    async fn from_request(request: Request, _face: &Face) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let bytes = read_bounded(body, BodyBounds::of(JSON_BYTES_MAX)).await?;
        if bytes.trim_ascii().is_empty() || bytes.trim_ascii() == b"null" {
            return Ok(Self(Object(Value::Object(Map::new()))));
        }
        require_json(&parts.headers)?;
        Ok(Self(Object::parse(&bytes)?))
    }
}

impl Object {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let value = json::parse(bytes).map_err(|problem| {
            Error::of_field(
                "body",
                match problem {
                    JsonProblem::Empty => "Must not be empty",
                    JsonProblem::NotUtf8 => "Must be UTF-8",
                    JsonProblem::TooDeep => "Is nested too deeply",
                    JsonProblem::TooManyValues => "Has too many values",
                    JsonProblem::EndsEarly | JsonProblem::Syntax { .. } => "Malformed JSON",
                },
            )
        })?;
        if value.is_object() {
            Ok(Self(value))
        } else {
            Err(Error::of_field("body", "Must be a JSON object"))
        }
    }

    /// The fields, to be read one by one.
    pub(crate) fn fields(&self) -> Result<json::Fields<'_>, Error> {
        json::Fields::of_body(&self.0)
            .map_err(|problem| Error::of_field("body", of_field(&problem)))
    }
}

/// `Content-Type: application/json`, with or without parameters.
fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(json::is_json) {
        Ok(())
    } else {
        Err(Error::WrongContentType("application/json"))
    }
}

/// What is wrong with a field, for people.
pub(crate) fn of_field(problem: &FieldProblem) -> String {
    match problem.kind {
        FieldProblemKind::Missing | FieldProblemKind::Null => "Is required".to_owned(),
        FieldProblemKind::WrongType { expected, .. } => format!("Must be {expected}"),
        FieldProblemKind::OutOfRange => "Is out of range".to_owned(),
    }
}

/// The text of a message in `field`, checked by `rules`; problems are noted under `name`.
pub(crate) fn message_text(
    field: &Field<'_>,
    name: &'static str,
    rules: &TextRules,
    details: &mut Details,
) -> Option<Text> {
    let raw = details.take(name, field.required_text().map_err(|problem| of_field(&problem)))?;
    details.take(name, Text::new(raw, rules).map_err(|refusal| words(&refusal)))
}
