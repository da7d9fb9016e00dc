//! Types of single settings, and checks of those that stay text.

#![expect(
    clippy::ptr_arg,
    reason = "the checks have the shape that the settings' derive macro calls"
)]

use std::fmt;
use std::path::PathBuf;

use domain::catalog::Model;
use hyper::Uri;
use hyper::http::uri::Authority;
use jiff::tz::Offset;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which Ozon methods need the seller's subscription (Ozon contract §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionGate {
    /// None.
    Off,
    /// Starting a chat, sending, and marking buyers' chats as read.
    Sends,
    /// Those, and the history of buyers' chats.
    SendsAndHistory,
}

/// An http or https URL to which a path can be added: scheme, host and perhaps a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WebUrl(String);

/// Where attachments lie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AttachmentsUrl {
    /// `file:///folder`
    Folder(PathBuf),
    /// `s3://bucket/prefix`
    Bucket {
        /// The name of the bucket.
        name: String,
        /// What the keys begin with, without a slash at the begin and the end; empty for nothing.
        prefix: String,
    },
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

/// Where NATS is, and how to sign in there. It is never shown with its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NatsUrl(relay_nats::Address);

/// An offset from UTC, written `+03:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeOffset(Offset);

impl WebUrl {
    /// The URL without a slash at the end, so that a path can follow.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What browsers send as the origin of its pages: the URL without its path.
    pub fn origin(&self) -> String {
        let path_begins = self.0.find("://").and_then(|scheme_ends| {
            let authority_begins = scheme_ends + "://".len();
            Some(authority_begins + self.0[authority_begins..].find('/')?)
        });
        self.0[..path_begins.unwrap_or(self.0.len())].to_owned()
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for WebUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const PROBLEM: &str = "not an http or https URL without user, query and fragment";
        let uri: Uri = text.parse().map_err(|_| PROBLEM)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_plain_host =
            uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !is_web || !has_plain_host || uri.query().is_some() || text.contains('#') {
            return Err(PROBLEM);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for AttachmentsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "file://{}", folder.display()),
            Self::Bucket { name, prefix } if prefix.is_empty() => write!(f, "s3://{name}"),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

impl TryFrom<String> for AttachmentsUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if let Some(path) = text.strip_prefix("file://") {
            const PROBLEM: &str = "not an absolute path behind file://";
            let path = percent_decode_str(path).decode_utf8().map_err(|_| PROBLEM)?;
            if !path.starts_with('/') || path.contains('\0') {
                return Err(PROBLEM);
            }
            return Ok(Self::Folder(PathBuf::from(path.into_owned())));
        }
        let address = text.strip_prefix("s3://").ok_or("neither s3:// nor file://")?;
        let address = address.strip_suffix('/').unwrap_or(address);
        let (name, prefix) = address.split_once('/').unwrap_or((address, ""));
        if !is_part_of_key(name) {
            return Err("not the name of a bucket behind s3://");
        }
        if !prefix.is_empty() && !prefix.split('/').all(is_part_of_key) {
            return Err("a prefix has letters, digits, and the signs - _ . between slashes");
        }
        Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.to_owned() })
    }
}

/// What needs no escaping in a URL, in a signature or in a path.
fn is_part_of_key(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(is_plain)
}

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl NatsUrl {
    /// The servers and the secrets.
    pub fn address(&self) -> &relay_nats::Address {
        &self.0
    }
}

impl TryFrom<String> for NatsUrl {
    type Error = relay_nats::AddressProblem;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl TimeOffset {
    /// The offset for arithmetic.
    pub fn offset(self) -> Offset {
        self.0
    }
}

impl TryFrom<String> for TimeOffset {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_offset(&text).map(Self).ok_or("not an offset such as +03:00")
    }
}

fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':')?;
    let two_digits = |text: &str| -> Option<i32> {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok()
}

/// The bounds themselves stand in the doc comments, which a refusal quotes.
pub(super) fn is_within(bounds: std::ops::RangeInclusive<u32>, value: u32) -> bool {
    bounds.contains(&value)
}

/// A host name without scheme, port and path.
pub(super) fn is_host_name(text: &String) -> Result<(), &'static str> {
    match text.parse::<Authority>() {
        Ok(authority) if authority.host() == text && !text.is_empty() => Ok(()),
        Ok(_) | Err(_) => Err("not a host name without scheme, port and path"),
    }
}

/// A region, as it stands in a signature.
pub(super) fn is_region(text: &String) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !text.is_empty() && text.bytes().all(is_plain) { Ok(()) } else { Err("not a region") }
}

/// The beginning of a subject of NATS, without wildcards.
pub(super) fn is_subject(text: &String) -> Result<(), &'static str> {
    let is_token = |token: &str| {
        !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if text.split('.').all(is_token) { Ok(()) } else { Err("not a subject such as torg") }
}

/// `""`, or a path that begins with a slash and does not end with one.
pub(super) fn is_path_prefix(text: &String) -> Result<(), &'static str> {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
    let is_prefix = text.starts_with('/') && !text.ends_with('/') && !text.contains("//");
    if text.is_empty() || (is_plain && is_prefix) { Ok(()) } else { Err("not a path such as /api") }
}

/// Each is what a browser sends as `Origin`: scheme, host, perhaps a port.
pub(super) fn is_origin(origins: &Vec<String>) -> Result<(), String> {
    let is_one = |text: &str| {
        text.split_once("://").is_some_and(|(scheme, authority)| {
            matches!(scheme, "http" | "https")
                && !authority.contains('@')
                && authority.parse::<Authority>().is_ok_and(|parsed| parsed.as_str() == authority)
        })
    };
    match origins.iter().find(|text| !is_one(text)) {
        None => Ok(()),
        Some(wrong) => Err(format!("'{wrong}' is not an origin such as https://shop.example.com")),
    }
}

/// A filter as `tracing` understands it.
pub(super) fn is_log_filter(text: &String) -> Result<(), String> {
    tracing_subscriber::EnvFilter::try_new(text).map(drop).map_err(|error| error.to_string())
}

/// A fulfilment model, by its name in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelName {
    /// See [`Model::Fbo`].
    Fbo,
    /// See [`Model::Fbs`].
    Fbs,
    /// See [`Model::Rfbs`].
    Rfbs,
    /// See [`Model::Dbs`].
    Dbs,
    /// See [`Model::Express`].
    Express,
    /// See [`Model::Laas`].
    Laas,
}

impl From<Model> for ModelName {
    fn from(model: Model) -> Self {
        match model {
            Model::Fbo => Self::Fbo,
            Model::Fbs => Self::Fbs,
            Model::Rfbs => Self::Rfbs,
            Model::Dbs => Self::Dbs,
            Model::Express => Self::Express,
            Model::Laas => Self::Laas,
        }
    }
}
