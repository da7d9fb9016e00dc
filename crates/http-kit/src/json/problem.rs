//! What can be wrong with a member of a JSON body.

use std::fmt;

use serde_json::Value;

/// One member of a body is not what was asked for. `Display` is for logs; each face words it for its clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{path}' {kind}")]
pub struct FieldProblem {
    /// Where it stands: `contexts[0].type`; empty for the body itself.
    pub path: String,
    /// What is wrong with it.
    pub kind: FieldProblemKind,
    /// The value as JSON; of a string its bare text, at most [`REJECTED_CHARS_MAX`] characters; empty when the member
    /// is missing.
    pub rejected: String,
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldProblemKind {
    /// A required member is absent.
    Missing,
    /// A required member is an explicit null.
    Null,
    /// The value has another JSON type.
    WrongType {
        /// What was asked for.
        expected: JsonType,
        /// What stands there.
        found: JsonType,
    },
    /// A whole number that the asked type cannot hold.
    OutOfRange,
}

/// The types of JSON; whole numbers are told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of JSON's own types")]
pub enum JsonType {
    Null,
    Boolean,
    Integer,
    Number,
    Text,
    Array,
    Object,
}

/// How much of a rejected value is kept, in characters.
pub const REJECTED_CHARS_MAX: usize = 200;

impl FieldProblem {
    pub(super) fn new(path: String, kind: FieldProblemKind, value: Option<&Value>) -> Self {
        let rejected = match value {
            None => String::new(),
            // Not rendered: it can be as long as the body.
            Some(Value::Array(_)) => "[...]".to_owned(),
            Some(Value::Object(_)) => "{...}".to_owned(),
            Some(Value::String(text)) => text.chars().take(REJECTED_CHARS_MAX).collect(),
            Some(scalar @ (Value::Null | Value::Bool(_) | Value::Number(_))) => scalar.to_string(),
        };
        Self { path, kind, rejected }
    }
}

impl JsonType {
    /// The type of `value`.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

impl fmt::Display for FieldProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Null => f.write_str("must not be null"),
            Self::WrongType { expected, found } => write!(f, "must be {expected}, not {found}"),
            Self::OutOfRange => f.write_str("is out of range"),
        }
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}
