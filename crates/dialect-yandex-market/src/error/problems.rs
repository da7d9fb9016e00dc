//! What is wrong with parameters and bodies, in the wire's words (contract §3.4).

use http_kit::body::BodyProblem;
use http_kit::json::{FieldProblem, FieldProblemKind, JsonProblem};
use http_kit::multipart::MultipartProblem;
use http_kit::query::{QueryProblem, QueryProblemKind};

use super::{Error, shortened};

impl From<QueryProblem> for Error {
    fn from(problem: QueryProblem) -> Self {
        match problem.kind {
            QueryProblemKind::Missing => Self::bad_request(format!(
                "Required request parameter '{}' is not present",
                problem.name
            )),
            QueryProblemKind::NotUtf8
            | QueryProblemKind::NotInteger
            | QueryProblemKind::OutOfRange => Self::type_mismatch(&problem.rejected),
        }
    }
}

impl From<BodyProblem> for Error {
    fn from(problem: BodyProblem) -> Self {
        match problem {
            BodyProblem::TooLarge { limit_bytes, passed_bytes } => {
                Self::too_big(limit_bytes, passed_bytes)
            }
            BodyProblem::TooSlow | BodyProblem::Broken => {
                Self::bad_request("Unexpected end of content")
            }
        }
    }
}

impl From<JsonProblem> for Error {
    fn from(problem: JsonProblem) -> Self {
        match problem {
            JsonProblem::Empty => Self::bad_request("Required request body is missing"),
            JsonProblem::EndsEarly => Self::bad_request("Unexpected end of content"),
            JsonProblem::NotUtf8
            | JsonProblem::TooDeep
            | JsonProblem::TooManyValues
            | JsonProblem::Syntax { .. } => Self::bad_request(format!("JSON: {problem}")),
        }
    }
}

impl From<FieldProblem> for Error {
    fn from(problem: FieldProblem) -> Self {
        match problem.kind {
            FieldProblemKind::Missing | FieldProblemKind::Null => {
                Self::missing_field(&problem.path)
            }
            FieldProblemKind::WrongType { .. } | FieldProblemKind::OutOfRange => {
                Self::illegal_input(&problem.path)
            }
        }
    }
}

impl From<MultipartProblem> for Error {
    fn from(problem: MultipartProblem) -> Self {
        match problem {
            MultipartProblem::NotMultipart { content_type } => {
                Self::wrong_content_type(&content_type.unwrap_or_default())
            }
            MultipartProblem::MissingPart => {
                Self::bad_request("Required request part 'file' is not present")
            }
            MultipartProblem::TooLarge { limit_bytes, passed_bytes } => {
                Self::too_big(limit_bytes, passed_bytes)
            }
            MultipartProblem::TooSlow => Self::bad_request("Unexpected end of content"),
            MultipartProblem::Broken { message } => {
                Self::bad_request(format!("Multipart: {}", shortened(&message)))
            }
        }
    }
}
