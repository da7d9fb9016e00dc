//! What the methods are asked (Ozon contract §10).

use domain::id::WebhookId;
use domain::policy::Policy;
use http_kit::json::Fields;
use webhooks::{URL_BYTES_MAX, UrlProblem, check_url};

use crate::body::WireRequest;
use crate::error::Error;
use crate::push::types::PUSH_TYPES;

pub(crate) struct SetRequest {
    pub(super) url: String,
    pub(super) types: Vec<String>,
}

impl WireRequest for SetRequest {
    const NAME: &'static str = "NotificationSetRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let url = read_url::<Self>(fields)?.ok_or_else(no_url::<Self>)?;
        let types = read_types::<Self>(fields)?.ok_or_else(no_types::<Self>)?;
        Ok(Self { url, types })
    }
}

/// What is not said stays as it is.
pub(crate) struct UpdateRequest {
    pub(super) id: WebhookId,
    pub(super) url: Option<String>,
    pub(super) types: Option<Vec<String>>,
}

impl WireRequest for UpdateRequest {
    const NAME: &'static str = "NotificationUpdateRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let id = read_id::<Self>(fields)?;
        let url = read_url::<Self>(fields)?;
        let types = read_types::<Self>(fields)?;
        Ok(Self { id, url, types })
    }
}

pub(crate) struct DeleteRequest {
    pub(super) id: WebhookId,
}

impl WireRequest for DeleteRequest {
    const NAME: &'static str = "NotificationDeleteRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        Ok(Self { id: read_id::<Self>(fields)? })
    }
}

pub(crate) struct EnableRequest {
    pub(super) id: WebhookId,
    pub(super) enabled: bool,
}

impl WireRequest for EnableRequest {
    const NAME: &'static str = "NotificationEnableRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let id = read_id::<Self>(fields)?;
        let enabled = fields.required_bool("enabled").map_err(Self::unreadable)?;
        Ok(Self { id, enabled })
    }
}

pub(crate) struct CheckRequest {
    pub(super) url: String,
}

impl WireRequest for CheckRequest {
    const NAME: &'static str = "NotificationCheckRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        Ok(Self { url: read_url::<Self>(fields)?.ok_or_else(no_url::<Self>)? })
    }
}

/// What only later clients ask (Ozon contract §10).
pub(crate) struct ListRequest {
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) newest_first: bool,
    /// Only these, in upper case; empty for all.
    pub(super) availability: Vec<String>,
}

impl WireRequest for ListRequest {
    const NAME: &'static str = "NotificationListRequest";
    const MAY_BE_NULL: bool = true;

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        const LIMIT_MAX: u16 = 1000;
        let limit = Self::read_limit(fields, LIMIT_MAX, LIMIT_MAX)?;
        let offset = fields.optional_u64_lenient("offset").map_err(Self::unreadable)?;
        // Nobody knows the spellings of the original; whatever ends in this word means it.
        let sort = fields.optional_text("sort_dir").map_err(Self::unreadable)?.unwrap_or_default();
        let newest_first = sort.to_ascii_uppercase().ends_with("DESC");
        let mut availability = Vec::new();
        if let Some(items) =
            fields.optional_array("availability_statuses").map_err(Self::unreadable)?
        {
            for item in items.iter() {
                let status = item.required_text().map_err(Self::unreadable)?;
                availability.push(status.to_ascii_uppercase());
            }
        }
        let offset = usize::try_from(offset.unwrap_or(0)).unwrap_or(usize::MAX);
        Ok(Self { limit, offset, newest_first, availability })
    }
}

pub(crate) struct PushTypesRequest;

impl WireRequest for PushTypesRequest {
    const NAME: &'static str = "NotificationPushTypeListRequest";
    const MAY_BE_NULL: bool = true;

    fn read(_fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        Ok(Self)
    }
}

fn read_id<T: WireRequest>(fields: &Fields<'_>) -> Result<WebhookId, Error> {
    let id = fields.optional_i64_lenient("id").map_err(T::unreadable)?.unwrap_or(0);
    if id < 1 {
        return Err(T::invalid("id", "value must be greater than 0"));
    }
    // Ids rise from 1, so nobody has the largest one, nor what is larger still.
    Ok(WebhookId::new(id).unwrap_or(WebhookId::LARGEST))
}

/// None for a URL that is not set.
fn read_url<T: WireRequest>(fields: &Fields<'_>) -> Result<Option<String>, Error> {
    let url = fields.optional_text("url").map_err(T::unreadable)?.filter(|url| !url.is_empty());
    let Some(url) = url else { return Ok(None) };
    // Readers of URLs cut such characters out, or write them in another way: one address would have many texts.
    let is_odd = url.chars().any(|character| character.is_control() || character.is_whitespace());
    let rule = match check_url(url) {
        Ok(()) if !is_odd => return Ok(Some(url.to_owned())),
        Err(UrlProblem::TooLong) => format!("value length must be at most {URL_BYTES_MAX} bytes"),
        Ok(()) | Err(UrlProblem::NotAbsolute) => "value must be a valid, absolute URI".to_owned(),
        Err(UrlProblem::NotHttp) => "value must begin with http:// or https://".to_owned(),
        Err(UrlProblem::HasUser) => "value must not contain a user name or a password".to_owned(),
    };
    Err(T::invalid("url", &rule))
}

fn no_url<T: WireRequest>() -> Error {
    T::invalid("url", "value length must be at least 1 runes")
}

/// None for types that are not set. Each once, in the order of [`PUSH_TYPES`].
fn read_types<T: WireRequest>(fields: &Fields<'_>) -> Result<Option<Vec<String>>, Error> {
    let Some(items) = fields.optional_array("types").map_err(T::unreadable)? else {
        return Ok(None);
    };
    if items.is_empty() {
        return Err(no_types::<T>());
    }
    let mut wanted = [false; PUSH_TYPES.len()];
    for item in items.iter() {
        let name = item.required_text().map_err(T::unreadable)?;
        let index = PUSH_TYPES.iter().position(|known| known.name == name);
        let index = index.ok_or_else(|| unknown_type::<T>(&item.path()))?;
        wanted[index] = true;
    }
    let wanted = PUSH_TYPES.iter().zip(wanted).filter(|(_, wanted)| *wanted);
    Ok(Some(wanted.map(|(known, _)| known.name.to_owned()).collect()))
}

fn no_types<T: WireRequest>() -> Error {
    T::invalid("types", "value must contain at least 1 item(s)")
}

fn unknown_type<T: WireRequest>(path: &str) -> Error {
    let names: Vec<_> = PUSH_TYPES.iter().map(|known| known.name).collect();
    T::invalid(path, &format!("value must be in list [{}]", names.join(" ")))
}
