//! JSON bodies, read field by field.
//!
//! A dialect has exact texts and an order of checks of its own, which derived deserialisation cannot give. So a body is parsed to a
//! tree first ([`parse`]; the last of duplicate keys wins), and a [`Fields`] reads the members one by one. What goes wrong is a
//! [`FieldProblem`] with the path and the rejected value; the dialect words it. Members nobody asks for are ignored.
//!
//! ```
//! use http_kit::json::{self, Fields};
//!
//! let body = json::parse(br#"{"limit": "30", "filter": null}"#)?;
//! let request = Fields::of_body(&body)?;
//! assert_eq!(request.optional_u64_lenient("limit")?, Some(30));
//! assert!(request.optional_object("filter")?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod field;
mod problem;

use serde_json::Value;
use serde_json::error::Category;

pub use field::{Field, Fields, Items};
pub use problem::{FieldProblem, FieldProblemKind, JsonType, REJECTED_CHARS_MAX};

/// Why bytes are not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// Nothing but white space.
    #[error("the body is empty")]
    Empty,
    /// Not UTF-8, be it inside a string or outside.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The text ends in the middle of a value.
    #[error("unexpected end of content")]
    EndsEarly,
    /// Nested deeper than 127 levels.
    #[error("nested too deeply")]
    TooDeep,
    /// Anything else.
    #[error("{message}")]
    Syntax {
        /// What the parser says, with line and column.
        message: String,
    },
}

/// Parses `bytes` to a tree. Of duplicate keys the last one wins. Nesting beyond 127 levels is a problem, not a deep recursion.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonProblem::NotUtf8)?;
    if text.trim_ascii().is_empty() {
        return Err(JsonProblem::Empty);
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Eof => JsonProblem::EndsEarly,
        // The parser has no category for its own bound.
        Category::Syntax if error.to_string().starts_with("recursion limit exceeded") => {
            JsonProblem::TooDeep
        }
        Category::Syntax | Category::Data | Category::Io => {
            JsonProblem::Syntax { message: error.to_string() }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_of_duplicate_keys_wins() {
        assert_eq!(parse(br#"{"a": 1, "a": {"b": 2, "b": 3}}"#), Ok(json!({"a": {"b": 3}})));
    }

    #[test]
    fn ten_thousand_levels_are_a_problem_and_no_stack_overflow() {
        for opening in ["[", r#"{"a":"#] {
            assert_eq!(parse(opening.repeat(10_000).as_bytes()), Err(JsonProblem::TooDeep));
        }
        let closed = ["[".repeat(100), "]".repeat(100)].concat();
        assert!(parse(closed.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_not_json_is_named() {
        let cases: [(&[u8], JsonProblem); 5] = [
            (b"", JsonProblem::Empty),
            (b" \r\n", JsonProblem::Empty),
            (b"{\"a\": \"\xff\"}", JsonProblem::NotUtf8),
            (b"{\"a\": ", JsonProblem::EndsEarly),
            (b"\"abc", JsonProblem::EndsEarly),
        ];
        for (bytes, problem) in cases {
            assert_eq!(parse(bytes), Err(problem), "{bytes:?}");
        }
        for broken in [
            "{a: 1}",
            "{} {}",
            r#"{"a": "\ud800"}"#,
            "nope",
            r#"{"a": 1,}"#,
            r#"{"a": 1e999}"#,
            "{\"a\": \"\u{1}\"}",
        ] {
            assert!(
                matches!(parse(broken.as_bytes()), Err(JsonProblem::Syntax { .. })),
                "{broken}"
            );
        }
    }

    proptest::proptest! {
        /// Every whole number of 64 bits is read exactly, as a number and as text.
        #[test]
        fn no_digit_is_lost(number: u64) {
            let body = parse(format!("{{\"number\": {number}, \"text\": \"{number}\"}}").as_bytes()).unwrap();
            let fields = Fields::of_body(&body).unwrap();
            proptest::prop_assert_eq!(fields.required_u64_lenient("number"), Ok(number));
            proptest::prop_assert_eq!(fields.required_u64_lenient("text"), Ok(number));
        }

        #[test]
        fn random_bytes_are_survived(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
