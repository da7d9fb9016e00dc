//! Reading a parsed body member by member.

use serde_json::{Map, Number, Value};

use super::problem::{FieldProblem, FieldProblemKind, JsonType};

/// A JSON object whose members are read by name.
///
/// `optional_…` answers `None` for an absent member and for an explicit null, which published clients send for every
/// unset field; `required_…` refuses both.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

/// One place in a body, present or not. Its path is put together only when there is a problem to report.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    value: Option<&'a Value>,
    parent: String,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Itself,
    Member(&'a str),
    Item(usize),
}

/// The items of an array, each with its path.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    values: &'a [Value],
    path: String,
}

impl<'a> Fields<'a> {
    /// Reads `body` as an object. Anything else, null too, is a [`FieldProblemKind::WrongType`] with an empty path.
    pub fn of_body(body: &'a Value) -> Result<Self, FieldProblem> {
        let root = Field { value: Some(body), parent: String::new(), step: Step::Itself };
        root.optional_object()?.ok_or_else(|| root.wrong_type(body, JsonType::Object))
    }

    /// The member `name`, to be read by hand.
    pub fn field(&self, name: &'a str) -> Field<'a> {
        Field { value: self.members.get(name), parent: self.path.clone(), step: Step::Member(name) }
    }

    /// The path of this object; empty for the body itself.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Pairs of shorthands on [`Fields`] and readers on [`Field`], so that `required_…` exists for every `optional_…`.
macro_rules! readers {
    ($($(#[$doc:meta])* $optional:ident $required:ident -> $value:ty;)*) => {
        impl<'a> Fields<'a> {
            $(
                #[doc = concat!("[`Field::", stringify!($optional), "`] of the member `name`.")]
                pub fn $optional(&self, name: &'a str) -> Result<Option<$value>, FieldProblem> {
                    self.field(name).$optional()
                }

                #[doc = concat!("[`Field::", stringify!($optional), "`] of the member `name`, which must be there.")]
                pub fn $required(&self, name: &'a str) -> Result<$value, FieldProblem> {
                    self.field(name).$required()
                }
            )*
        }

        impl<'a> Field<'a> {
            $(
                #[doc = concat!("Like [`Field::", stringify!($optional), "`], but absence and null are problems.")]
                pub fn $required(&self) -> Result<$value, FieldProblem> {
                    self.$optional()?.ok_or_else(|| self.absent())
                }
            )*
        }
    };
}

readers! {
    optional_text required_text -> &'a str;
    optional_bool required_bool -> bool;
    optional_i64 required_i64 -> i64;
    optional_i64_lenient required_i64_lenient -> i64;
    optional_u64 required_u64 -> u64;
    optional_u64_lenient required_u64_lenient -> u64;
    optional_object required_object -> Fields<'a>;
    optional_array required_array -> Items<'a>;
}

impl<'a> Field<'a> {
    /// A string, exactly as sent.
    pub fn optional_text(&self) -> Result<Option<&'a str>, FieldProblem> {
        self.read(JsonType::Text, Value::as_str)
    }

    /// `true` or `false`; no number or string stands for them.
    pub fn optional_bool(&self) -> Result<Option<bool>, FieldProblem> {
        self.read(JsonType::Boolean, Value::as_bool)
    }

    /// A whole number of JSON.
    pub fn optional_i64(&self) -> Result<Option<i64>, FieldProblem> {
        self.integer(Value::as_i64)
    }

    /// A whole number of JSON, not below zero.
    pub fn optional_u64(&self) -> Result<Option<u64>, FieldProblem> {
        self.integer(Value::as_u64)
    }

    /// A whole number, or its decimal digits in a string; an empty string stands for absence, as typed clients send it.
    pub fn optional_i64_lenient(&self) -> Result<Option<i64>, FieldProblem> {
        self.decimal(Value::as_i64)
    }

    /// A whole number from 0 to 2^64 - 1, or its decimal digits in a string; an empty string stands for absence. Never
    /// passes through a float, so that every digit counts.
    pub fn optional_u64_lenient(&self) -> Result<Option<u64>, FieldProblem> {
        self.decimal(Value::as_u64)
    }

    /// An object.
    pub fn optional_object(&self) -> Result<Option<Fields<'a>>, FieldProblem> {
        let members = self.read(JsonType::Object, Value::as_object)?;
        Ok(members.map(|members| Fields { members, path: self.path() }))
    }

    /// An array. The items may be null: reading them says so.
    pub fn optional_array(&self) -> Result<Option<Items<'a>>, FieldProblem> {
        let values = self.read(JsonType::Array, Value::as_array)?;
        Ok(values.map(|values| Items { values, path: self.path() }))
    }

    /// Whether there is no such member, or an explicit null.
    pub fn is_unset(&self) -> bool {
        self.value.is_none_or(Value::is_null)
    }

    /// The value as parsed; `None` when the member is absent.
    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// Where it stands: `contexts[0].type`.
    pub fn path(&self) -> String {
        match self.step {
            Step::Itself => self.parent.clone(),
            Step::Member(name) if self.parent.is_empty() => name.to_owned(),
            Step::Member(name) => format!("{}.{name}", self.parent),
            Step::Item(index) => format!("{}[{index}]", self.parent),
        }
    }

    /// The problem `kind` at this place, for checks that are the caller's own.
    pub fn problem(&self, kind: FieldProblemKind) -> FieldProblem {
        FieldProblem::new(self.path(), kind, self.value)
    }

    fn read<T>(
        &self,
        expected: JsonType,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, FieldProblem> {
        match self.value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => convert(value).map(Some).ok_or_else(|| self.wrong_type(value, expected)),
        }
    }

    fn integer<T>(
        &self,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, FieldProblem> {
        self.read(JsonType::Integer, convert).map_err(|problem| match self.value {
            Some(Value::Number(number)) if is_whole(number) => {
                self.problem(FieldProblemKind::OutOfRange)
            }
            _ => problem,
        })
    }

    fn decimal<T: std::str::FromStr>(
        &self,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, FieldProblem> {
        let Some(Value::String(text)) = self.value else { return self.integer(convert) };
        if text.is_empty() {
            return Ok(None);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.problem(FieldProblemKind::WrongType {
                expected: JsonType::Integer,
                found: JsonType::Text,
            }));
        }
        text.parse().map(Some).map_err(|_| self.problem(FieldProblemKind::OutOfRange))
    }

    fn absent(&self) -> FieldProblem {
        self.problem(match self.value {
            None => FieldProblemKind::Missing,
            Some(_) => FieldProblemKind::Null,
        })
    }

    fn wrong_type(&self, value: &Value, expected: JsonType) -> FieldProblem {
        self.problem(FieldProblemKind::WrongType { expected, found: JsonType::of(value) })
    }
}

/// Whether the number was written without a fraction. Digits that exceed 64 bits were parsed to a float above 2^63.
fn is_whole(number: &Number) -> bool {
    const INTEGERS_END_AT: f64 = 9_223_372_036_854_775_808.0;
    !number.is_f64() || number.as_f64().is_some_and(|value| value.abs() >= INTEGERS_END_AT)
}

impl<'a> Items<'a> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The items in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Field<'a>> {
        self.values.iter().enumerate().map(|(index, value)| Field {
            value: Some(value),
            parent: self.path.clone(),
            step: Step::Item(index),
        })
    }
}

#[cfg(test)]
mod tests;
