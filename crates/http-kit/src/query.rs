//! Query strings, read parameter by parameter.

use percent_encoding::percent_decode;

/// A parsed query string. Parameters nobody asks for are ignored.
#[derive(Clone, Debug, Default)]
pub struct Query {
    parameters: Vec<(Vec<u8>, Vec<u8>)>,
    repeated: Repeated,
}

/// Which value counts when a parameter is given more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeated {
    /// The first one.
    #[default]
    First,
    /// The last one.
    Last,
}

/// One parameter is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("query parameter '{name}' {kind}")]
pub struct QueryProblem {
    /// The parameter.
    pub name: String,
    /// What is wrong with it.
    pub kind: QueryProblemKind,
    /// Its decoded value, with replacement characters for what is not UTF-8; empty when the parameter is missing.
    pub rejected: String,
}

/// What is wrong with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryProblemKind {
    /// A required parameter is absent.
    #[error("is missing")]
    Missing,
    /// The decoded value is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// Not a whole decimal number.
    #[error("is no integer")]
    NotInteger,
    /// A whole number that the asked type cannot hold.
    #[error("is out of range")]
    OutOfRange,
}

impl Query {
    /// Parses what stands behind the `?` of a URI: `+` is a space, `%XX` a byte; a `%` that begins no byte stays as it
    /// is.
    pub fn parse(raw: Option<&str>, repeated: Repeated) -> Self {
        let parameters = raw
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { parameters, repeated }
    }

    /// The value of `name` as sent; an empty value is a value.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, QueryProblem> {
        let mut values = self.values(name);
        let value = match self.repeated {
            Repeated::First => values.next(),
            Repeated::Last => values.next_back(),
        };
        value.map(|value| text(name, value)).transpose()
    }

    /// The value of `name`, which must be there.
    pub fn required_text(&self, name: &str) -> Result<&str, QueryProblem> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    /// All values of `name`, in order.
    pub fn all_texts(&self, name: &str) -> Result<Vec<&str>, QueryProblem> {
        self.values(name).map(|value| text(name, value)).collect()
    }

    /// The value of `name` as a whole number of 64 bits.
    pub fn optional_i64(&self, name: &str) -> Result<Option<i64>, QueryProblem> {
        self.optional_text(name)?.map(|text| integer(name, text)).transpose()
    }

    /// The value of `name`, which must be there, as a whole number of 64 bits.
    pub fn required_i64(&self, name: &str) -> Result<i64, QueryProblem> {
        self.optional_i64(name)?.ok_or_else(|| missing(name))
    }

    /// The value of `name` as a whole number of 32 bits.
    pub fn optional_i32(&self, name: &str) -> Result<Option<i32>, QueryProblem> {
        self.optional_text(name)?.map(|text| integer(name, text)).transpose()
    }

    fn values(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.parameters
            .iter()
            .filter(move |(given, _)| given == name.as_bytes())
            .map(|(_, value)| value.as_slice())
    }
}

fn decode(encoded: &str) -> Vec<u8> {
    let spaced = encoded.replace('+', " ");
    percent_decode(spaced.as_bytes()).collect()
}

fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, QueryProblem> {
    std::str::from_utf8(value).map_err(|_| QueryProblem {
        name: name.to_owned(),
        kind: QueryProblemKind::NotUtf8,
        rejected: String::from_utf8_lossy(value).into_owned(),
    })
}

fn integer<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, QueryProblem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let kind = if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        QueryProblemKind::NotInteger
    } else {
        match text.parse() {
            Ok(value) => return Ok(value),
            Err(_) => QueryProblemKind::OutOfRange,
        }
    };
    Err(QueryProblem { name: name.to_owned(), kind, rejected: text.to_owned() })
}

fn missing(name: &str) -> QueryProblem {
    QueryProblem { name: name.to_owned(), kind: QueryProblemKind::Missing, rejected: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(raw: &str) -> Query {
        Query::parse(Some(raw), Repeated::First)
    }

    #[test]
    fn names_and_values_are_decoded() {
        let query = query("q=%D1%84%D0%B0%D1%80%D0%B0+h4&%63ursor=a%3Db=c&empty=&bare&&bad=%zz%");
        assert_eq!(query.optional_text("q"), Ok(Some("фара h4")));
        assert_eq!(query.optional_text("cursor"), Ok(Some("a=b=c")));
        assert_eq!(query.optional_text("empty"), Ok(Some("")));
        assert_eq!(query.optional_text("bare"), Ok(Some("")));
        assert_eq!(query.optional_text("bad"), Ok(Some("%zz%")));
        assert_eq!(query.optional_text("absent"), Ok(None));
        assert_eq!(Query::parse(None, Repeated::First).optional_text("q"), Ok(None));
    }

    #[test]
    fn a_repeated_parameter_counts_once_as_chosen() {
        let raw = Some("limit=1&limit=2&limit=3");
        assert_eq!(Query::parse(raw, Repeated::First).optional_i64("limit"), Ok(Some(1)));
        assert_eq!(Query::parse(raw, Repeated::Last).optional_i64("limit"), Ok(Some(3)));
        assert_eq!(query("a=1&b=2&a=3").all_texts("a"), Ok(vec!["1", "3"]));
    }

    #[test]
    fn a_wrong_integer_is_told_with_its_value() {
        let query = query(
            "word=abc&none=&space=+5&huge=9223372036854775808&low=-9223372036854775808&part=1.5&wide=2147483648",
        );
        let kind = |name| query.optional_i64(name).unwrap_err().kind;
        assert_eq!(kind("word"), QueryProblemKind::NotInteger);
        assert_eq!(kind("none"), QueryProblemKind::NotInteger);
        assert_eq!(kind("space"), QueryProblemKind::NotInteger);
        assert_eq!(kind("part"), QueryProblemKind::NotInteger);
        assert_eq!(kind("huge"), QueryProblemKind::OutOfRange);
        assert_eq!(query.optional_i64("huge").unwrap_err().rejected, "9223372036854775808");
        assert_eq!(query.optional_i64("low"), Ok(Some(i64::MIN)));
        assert_eq!(query.optional_i32("wide").unwrap_err().kind, QueryProblemKind::OutOfRange);
        assert_eq!(query.required_i64("chatId").unwrap_err().kind, QueryProblemKind::Missing);
    }

    #[test]
    fn what_is_not_utf8_is_refused_only_when_asked_for() {
        let query = query("q=%ff%20&limit=5&%fe=1");
        assert_eq!(query.optional_i64("limit"), Ok(Some(5)));
        let problem = query.optional_text("q").unwrap_err();
        assert_eq!(
            (problem.kind, problem.rejected.as_str()),
            (QueryProblemKind::NotUtf8, "\u{fffd} ")
        );
    }
}
