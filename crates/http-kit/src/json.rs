//! JSON bodies, read field by field.
//!
//! A dialect has exact texts and an order of checks of its own, which derived deserialisation cannot give. So a body is
//! parsed to a tree first ([`parse`]; the last of duplicate keys wins), and a [`Fields`] reads the members one by one.
//! What goes wrong is a [`FieldProblem`] with the path and the rejected value; the dialect words it. Members nobody
//! asks for are ignored.
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

/// Whether a `content-type` is JSON's, with or without parameters such as a charset.
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// How many values a body may hold: items of arrays, members of objects, and the arrays and objects themselves. A tree
/// takes up to 160 bytes for each of them, forty times what they take in the body, so a body of tens of megabytes may
/// be one long string but no list of small things. Published clients send a thousand values at most.
pub const VALUES_MAX: usize = 100_000;

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
    /// More values than [`VALUES_MAX`].
    #[error("too many values")]
    TooManyValues,
    /// Anything else.
    #[error("{message}")]
    Syntax {
        /// What the parser says, with line and column.
        message: String,
    },
}

/// Parses `bytes` to a tree. Of duplicate keys the last one wins. Nesting beyond 127 levels is a problem, not a deep
/// recursion, and so are more values than [`VALUES_MAX`].
pub fn parse(bytes: &[u8]) -> Result<Value, JsonProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonProblem::NotUtf8)?;
    if text.trim_ascii().is_empty() {
        return Err(JsonProblem::Empty);
    }
    if VALUES_MAX < values_at_most(text) {
        return Err(JsonProblem::TooManyValues);
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

/// An upper bound of the values in `text`, found without parsing it: each stands first in an array or object, or behind
/// a comma. What stands in strings does not count.
fn values_at_most(text: &str) -> usize {
    let (mut in_string, mut escaped) = (false, false);
    let mut begins_value = |byte: u8| {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            return false;
        }
        in_string = byte == b'"';
        matches!(byte, b'[' | b'{' | b',')
    };
    1 + text.bytes().filter(|&byte| begins_value(byte)).count()
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
    fn a_body_holds_a_hundred_thousand_values_at_most() {
        let list = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        assert!(parse(list(VALUES_MAX - 1).as_bytes()).is_ok());
        assert_eq!(parse(list(VALUES_MAX).as_bytes()), Err(JsonProblem::TooManyValues));
        for small in ["[1],", "{},", r#""","#, "[],"] {
            let many = format!("[{}0]", small.repeat(VALUES_MAX));
            assert_eq!(parse(many.as_bytes()), Err(JsonProblem::TooManyValues), "{small}");
        }
        // One long string is one value, whatever stands in it.
        for text in [",", "[", "{", r#"\","#, r"\\", r"\u002c,"] {
            let long = format!(r#"{{"a": "{}"}}"#, text.repeat(VALUES_MAX));
            assert!(parse(long.as_bytes()).is_ok(), "{text}");
        }
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
