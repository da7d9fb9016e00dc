//! Values of the wire that carry their bounds: what the document promises and what is checked come from one place.

use std::borrow::Cow;
use std::fmt;

use domain::Timestamp;
use domain::id::LARGEST_ID;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Whole numbers between two bounds, inclusive.
macro_rules! bounded_integers {
    ($($(#[$doc:meta])* $name:ident: $min:expr => $max:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $name(i64);

        impl $name {
            pub(crate) const MIN: i64 = $min;
            pub(crate) const MAX: i64 = $max;

            pub(crate) fn get(self) -> i64 {
                self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = deserializer.deserialize_i64(WholeNumber { min: $min, max: $max })?;
                Ok(Self(value))
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .minimum(Some(Self::MIN))
                    .maximum(Some(Self::MAX))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

/// Reads a whole number, and says of anything else which numbers are asked for.
struct WholeNumber {
    min: i64,
    max: i64,
}

impl de::Visitor<'_> for WholeNumber {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.min, self.max)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<i64, E> {
        if (self.min..=self.max).contains(&value) {
            Ok(value)
        } else {
            Err(E::invalid_value(de::Unexpected::Signed(value), &self))
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<i64, E> {
        let value = i64::try_from(value)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))?;
        self.visit_i64(value)
    }
}

bounded_integers! {
    /// Every id.
    Id: 1 => LARGEST_ID;
    /// The id of an account that takes part: the largest id is the marketplace's own.
    ParticipantId: 1 => LARGEST_ID - 1;
    /// A message's id, or 0 for "there is none".
    IdOrZero: 0 => LARGEST_ID;
    /// Counts and prices.
    Count: 0 => LARGEST_ID;
    /// Pieces of an order's line.
    Quantity: 1 => 1_000_000;
    /// Chats on a page.
    ChatsLimit: 1 => 100;
    /// Messages on a page.
    MessagesLimit: 1 => 200;
    /// Entries of a log on a page.
    EventsLimit: 1 => 500;
    /// Attempts to push on a page.
    DeliveriesLimit: 1 => 100;
}

/// Texts with a length between two bounds, in code points, without control characters. Some have a form of their own.
macro_rules! bounded_texts {
    ($($(#[$doc:meta])* $name:ident: $min:expr => $max:expr $(, $has_form:ident or $message:literal)?;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(String);

        impl $name {
            pub(crate) const CHARS_MIN: usize = $min;
            pub(crate) const CHARS_MAX: usize = $max;

            /// Takes a text that comes from somewhere else than a body.
            pub(crate) fn parse(text: String) -> Result<Self, String> {
                check_text(&text, Self::CHARS_MIN, Self::CHARS_MAX)?;
                $(if !$has_form(&text) {
                    return Err($message.to_owned());
                })?
                Ok(Self(text))
            }

            pub(crate) fn into_string(self) -> String {
                self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(Self::CHARS_MIN))
                    .max_length(Some(Self::CHARS_MAX))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

bounded_texts! {
    /// What people are shown: names of accounts, members, shops, keys.
    Name: 1 => 255;
    /// The title of a product.
    Title: 1 => 500;
    /// The number of an order or of a posting.
    Number: 1 => 100;
    /// An absolute address.
    Url: 8 => 2000, is_web_address or "must begin with https:// or http://";
    /// An e-mail address.
    Email: 3 => 254, is_email or "must be an address such as anna@example.com";
    /// A telephone number.
    Phone: 3 => 32;
    /// A decimal number as text.
    Decimal: 1 => 16, is_decimal or "must be a decimal number such as 4.85";
    /// A stock keeping unit.
    Sku: 1 => 100;
    /// What a client calls itself.
    UserAgent: 0 => 500;
    /// A password.
    Password: 1 => 1024;
    /// The hash of a password as PHC text.
    PasswordHash: 1 => 512;
    /// The secret of a key, or the value of a session's cookie, that the marketplace brings.
    Secret: 16 => 255, fits_header or "must be of ASCII letters, digits and signs other than quote, comma, semicolon and backslash";
    /// The name of a face of the server.
    Audience: 1 => 100;
    /// What makes repeats of a request harmless.
    ClientKey: 1 => 255;
    /// What is searched for.
    Needle: 2 => 200;
}

fn check_text(text: &str, chars_min: usize, chars_max: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length < chars_min || chars_max < length {
        return Err(format!(
            "must have {chars_min} to {chars_max} characters, this one has {length}"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(())
}

fn is_web_address(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    })
}

fn is_email(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !text.contains(char::is_whitespace)
}

fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction]
        .iter()
        .all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a client cannot send back in a header or in a cookie would be a secret that never works.
fn fits_header(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

/// A time: RFC 3339 with any offset on the way in, UTC with milliseconds on the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Time {
    pub(crate) fn of(time: Option<Timestamp>) -> Option<Self> {
        time.map(Self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    /// Nothing finer than a millisecond is kept, and nothing before 1970 or after 9999 happened on a marketplace.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<Timestamp>()
            .ok()
            .and_then(|time| Timestamp::from_millisecond(time.as_millisecond()).ok())
            .filter(|time| *time >= Timestamp::UNIX_EPOCH)
            .map(Self)
            .ok_or_else(|| {
                de::Error::custom(
                    "must be a time by RFC 3339 from 1970 on, for instance 2026-11-21T10:00:00.000Z",
                )
            })
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples([serde_json::json!("2026-11-21T10:00:00.000Z")])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}

/// A JSON object with what only one marketplace knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes(pub(crate) domain::account::Attributes);

impl Attributes {
    /// The longest object, as compact JSON.
    pub(crate) const BYTES_MAX: usize = 16 << 10;
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = serde_json::Map::deserialize(deserializer)?;
        let text = serde_json::Value::Object(object).to_string();
        if Self::BYTES_MAX < text.len() {
            let length = text.len();
            return Err(de::Error::custom(format!(
                "must have at most {} bytes as JSON, this one has {length}",
                Self::BYTES_MAX
            )));
        }
        if text.contains("\\u0000") {
            return Err(de::Error::custom("must not contain U+0000"));
        }
        Ok(Self(domain::account::Attributes::from_json_object(text)))
    }
}

impl PartialSchema for Attributes {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("What only one marketplace knows of; at most 16384 bytes as JSON"))
            .into()
    }
}

impl ToSchema for Attributes {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Attributes")
    }
}

/// The bytes of a file, for the document alone.
pub(crate) enum FileBytes {}

impl PartialSchema for FileBytes {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for FileBytes {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("FileBytes")
    }
}
