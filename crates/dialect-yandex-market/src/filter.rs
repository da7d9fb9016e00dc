//! The filters of getChats (contract §7.2, §9 rows 25 to 27).

use std::collections::BTreeSet;

use domain::chat::{Context, ContextKind, Phase};
use domain::id::{OrderId, ReturnId};
use engine::queries::AgeFilter;
use http_kit::json::{Field, Fields, Items};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::request::required_id;
use crate::wire::{ChatStatus, ChatType, ContextType};

/// The kinds of things that a client names by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum IdentifiableType {
    Order,
    Return,
}

/// A thing that a client names by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Identified {
    pub(crate) kind: IdentifiableType,
    pub(crate) id: i64,
}

/// Which chats a client wants. Values of one filter are alternatives, different filters all apply; none means all.
///
/// Equal wishes are equal values, whatever the order and repetition in the request: page tokens are bound to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ChatFilter {
    contexts: Option<BTreeSet<Identified>>,
    context_types: Option<BTreeSet<ContextType>>,
    types: Option<BTreeSet<ChatType>>,
    statuses: Option<BTreeSet<ChatStatus>>,
    order_ids: Option<BTreeSet<i64>>,
}

impl Identified {
    /// Reads `{"type": …, "id": …}`.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, Error> {
        Ok(Self { kind: named(&fields.field("type"))?, id: required_id(&fields.field("id"))? })
    }

    /// The same, as the engine names it. None for ids that nothing can have.
    fn context(self) -> Option<Context> {
        match self.kind {
            IdentifiableType::Order => OrderId::new(self.id).map(Context::Order),
            IdentifiableType::Return => ReturnId::new(self.id).map(Context::Return),
        }
    }
}

impl ChatFilter {
    /// Reads the body of getChats.
    pub(crate) fn read(body: &Fields<'_>) -> Result<Self, Error> {
        Ok(Self {
            contexts: set(body, "contexts", |item| Identified::read(&item.required_object()?))?,
            context_types: set(body, "contextTypes", named)?,
            types: set(body, "types", named)?,
            statuses: set(body, "statuses", named)?,
            order_ids: set(body, "orderIds", required_id)?,
        })
    }

    /// The filter as text, for page tokens.
    pub(crate) fn fingerprint(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a filter cannot be written as JSON"
            );
            Error::internal()
        })
    }

    /// The filter, as the engine takes it.
    pub(crate) fn to_age_filter(&self) -> AgeFilter {
        AgeFilter {
            contexts: self.contexts(),
            context_kinds: self.context_types.as_ref().map(|types| {
                types
                    .iter()
                    .flat_map(|wanted| wanted.kinds())
                    .copied()
                    .collect::<Vec<ContextKind>>()
            }),
            dispute: self.types.as_ref().and_then(|types| {
                let mut types = types.iter();
                match (types.next(), types.next()) {
                    (Some(only), None) => Some(*only == ChatType::Arbitrage),
                    (_, _) => None,
                }
            }),
            phases: self.statuses.as_ref().map(|statuses| {
                statuses.iter().map(|status| status.phase()).collect::<Vec<Phase>>()
            }),
        }
    }

    /// `orderIds` means the chats about these orders, not those about their returns (contract §9 row 26).
    fn contexts(&self) -> Option<Vec<Context>> {
        let orders = self.order_ids.as_ref().map(|ids| {
            let order = |&id| Identified { kind: IdentifiableType::Order, id };
            ids.iter().map(order).collect::<BTreeSet<_>>()
        });
        let wanted = match (&self.contexts, orders) {
            (Some(contexts), Some(orders)) => contexts & &orders,
            (Some(contexts), None) => contexts.clone(),
            (None, Some(orders)) => orders,
            (None, None) => return None,
        };
        Some(wanted.into_iter().filter_map(Identified::context).collect())
    }
}

/// The array `name` as a set; none when it is absent or null.
fn set<T: Ord>(
    body: &Fields<'_>,
    name: &'static str,
    read: impl Fn(&Field<'_>) -> Result<T, Error>,
) -> Result<Option<BTreeSet<T>>, Error> {
    let Some(items) = body.optional_array(name)? else { return Ok(None) };
    require_elements(name, &items)?;
    items.iter().map(|item| read(&item)).collect::<Result<_, _>>().map(Some)
}

fn require_elements(name: &str, items: &Items<'_>) -> Result<(), Error> {
    if items.is_empty() {
        return Err(Error::empty_array(name));
    }
    if items.iter().any(|item| item.is_unset()) {
        return Err(Error::null_element(name));
    }
    Ok(())
}

/// The value whose name on the wire stands there.
fn named<T: DeserializeOwned>(field: &Field<'_>) -> Result<T, Error> {
    let name: StrDeserializer<'_, serde::de::value::Error> =
        field.required_text()?.into_deserializer();
    T::deserialize(name).map_err(|_unknown| Error::illegal_input(&field.path()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> ChatFilter {
        ChatFilter::read(&Fields::of_body(body).unwrap()).unwrap()
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let one = read(
            &json!({"statuses": ["NEW", "FINISHED", "NEW"], "orderIds": [2, 1], "types": null}),
        );
        let other = read(&json!({"orderIds": [1, 2, 2], "statuses": ["FINISHED", "NEW"]}));
        assert_eq!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.fingerprint(), read(&json!({"orderIds": [1, 2]})).fingerprint());
    }

    #[test]
    fn filters_that_exclude_each_other_match_nothing_rather_than_everything() {
        let filter = read(&json!({"contexts": [{"type": "RETURN", "id": 7}], "orderIds": [7]}));
        assert_eq!(filter.to_age_filter().contexts, Some(vec![]));
        let filter = read(&json!({"orderIds": [i64::MAX]}));
        assert_eq!(filter.to_age_filter().contexts, Some(vec![]));
    }

    #[test]
    fn direct_chats_are_those_about_goods_and_about_nothing() {
        let filter = read(&json!({"contextTypes": ["DIRECT"]}));
        assert_eq!(
            filter.to_age_filter().context_kinds,
            Some(vec![ContextKind::None, ContextKind::Product])
        );
    }

    #[test]
    fn both_types_are_no_filter() {
        assert_eq!(read(&json!({"types": ["CHAT"]})).to_age_filter().dispute, Some(false));
        assert_eq!(read(&json!({"types": ["ARBITRAGE"]})).to_age_filter().dispute, Some(true));
        assert_eq!(read(&json!({"types": ["CHAT", "ARBITRAGE"]})).to_age_filter().dispute, None);
    }
}
