//! Request bodies: JSON objects, whatever their `Content-Type` says, read field by field (Ozon contract §2, §11.16).

use axum::extract::{FromRequest, Request};
use domain::policy::Policy;
use http_kit::body::{BodyBounds, read_bounded};
use http_kit::json::{self, FieldProblem, Fields, JsonProblem};
use serde_json::Value;
use uuid::Uuid;

use crate::Face;
use crate::error::Error;

/// The longest body of a method that takes no file, in bytes: a text of a thousand characters, each escaped, or a
/// thousand message ids, many times over.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// A request as its method understands it: every field was checked by itself.
pub(crate) struct Body<T>(pub(crate) T);

/// What a method's body is read into.
pub(crate) trait WireRequest: Sized + Send + 'static {
    /// The name that error texts use.
    const NAME: &'static str;

    /// Whether a body that is `null` stands for none.
    const MAY_BE_NULL: bool = false;

    /// The longest body, in bytes.
    fn body_bytes_max(_policy: &Policy) -> u64 {
        BODY_BYTES_MAX
    }

    /// Reads the fields. Fields that are not asked for are ignored.
    fn read(fields: &Fields<'_>, policy: &Policy) -> Result<Self, Error>;

    /// The error for a field that cannot be read.
    fn unreadable(problem: FieldProblem) -> Error {
        Error::unreadable_field(Self::NAME, &problem)
    }

    /// The error for a field that breaks `rule`.
    fn invalid(path: &str, rule: &str) -> Error {
        Error::invalid_field(Self::NAME, path, rule)
    }

    /// The chat that the request is about.
    fn read_chat_id(fields: &Fields<'_>) -> Result<Uuid, Error> {
        let text = fields.optional_text("chat_id").map_err(Self::unreadable)?;
        text.and_then(hyphenated_uuid).ok_or_else(Error::chat_id_malformed)
    }

    /// `limit`: absent, null and 0 mean `usual`; what is not within 1 to `max` is refused, not cut (Ozon contract
    /// §11.8).
    fn read_limit(fields: &Fields<'_>, usual: u16, max: u16) -> Result<usize, Error> {
        let out_of_range =
            || Self::invalid("limit", &format!("value must be inside range [1, {max}]"));
        let given = fields.optional_i64_lenient("limit").map_err(|problem| match problem.kind {
            json::FieldProblemKind::OutOfRange => out_of_range(),
            json::FieldProblemKind::Missing
            | json::FieldProblemKind::Null
            | json::FieldProblemKind::WrongType { .. } => Self::unreadable(problem),
        })?;
        match given {
            None | Some(0) => Ok(usual.into()),
            Some(limit) if (1..=max.into()).contains(&limit) => {
                usize::try_from(limit).map_err(|_| out_of_range())
            }
            Some(_) => Err(out_of_range()),
        }
    }
}

/// Only the usual form: the parser also knows braces, URNs and digits without hyphens, which no client sends.
fn hyphenated_uuid(text: &str) -> Option<Uuid> {
    const HYPHENATED_BYTES: usize = 36;
    if text.len() == HYPHENATED_BYTES { Uuid::try_parse(text).ok() } else { None }
}

impl<T: WireRequest> FromRequest<Face> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, face: &Face) -> Result<Self, Error> {
        /// Longer ones would hold up the async thread for tens of milliseconds.
        const BYTES_READ_IN_PLACE_MAX: usize = 64 << 10;
        let bounds = BodyBounds::of(T::body_bytes_max(face.engine.policy()));
        let bytes =
            read_bounded(request.into_body(), bounds).await.map_err(|_| Error::body_unusable())?;
        if bytes.len() <= BYTES_READ_IN_PLACE_MAX {
            return Ok(Self(read_request(&bytes, face.engine.policy())?));
        }
        let engine = face.engine.clone();
        let reading = tokio::task::spawn_blocking(move || read_request(&bytes, engine.policy()));
        Ok(Self(reading.await.map_err(|_| Error::internal())??))
    }
}

fn read_request<T: WireRequest>(bytes: &[u8], policy: &Policy) -> Result<T, Error> {
    let tree = match json::parse(bytes) {
        Ok(Value::Null) if T::MAY_BE_NULL => Value::Object(serde_json::Map::new()),
        Ok(tree) => tree,
        // List methods work without a body (Ozon contract §12); the others then miss a field.
        Err(JsonProblem::Empty) => Value::Object(serde_json::Map::new()),
        Err(
            JsonProblem::NotUtf8
            | JsonProblem::EndsEarly
            | JsonProblem::TooDeep
            | JsonProblem::TooManyValues
            | JsonProblem::Syntax { .. },
        ) => return Err(Error::body_unusable()),
    };
    let fields = Fields::of_body(&tree).map_err(|_| Error::body_unusable())?;
    T::read(&fields, policy)
}
