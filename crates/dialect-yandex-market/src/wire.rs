//! What the wire's answers look like (contract §6). Fields without a value are left out, never null.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::attachment::Attachment;
use domain::chat::{Chat, Context, ContextKind, Phase};
use domain::message::{Message, Role};
use engine::related::Related;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::times::date_time;

/// `{"status": "OK", "result": …}`; without the result where a method returns nothing (contract §3.1).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer<T> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<T>,
}

impl<T> Answer<T> {
    pub(crate) fn of(result: T) -> Self {
        Self { status: "OK", result: Some(result) }
    }
}

impl Answer<()> {
    pub(crate) const EMPTY: Self = Self { status: "OK", result: None };
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Whether a chat is an ordinary one or a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ChatType {
    Chat,
    Arbitrage,
}

impl ChatType {
    fn of(chat: &Chat) -> Self {
        if chat.state.is_dispute() { Self::Arbitrage } else { Self::Chat }
    }
}

/// Whom a chat waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ChatStatus {
    New,
    WaitingForCustomer,
    WaitingForPartner,
    WaitingForArbiter,
    WaitingForMarket,
    Finished,
}

impl ChatStatus {
    fn of(phase: Phase) -> Self {
        match phase {
            Phase::New => Self::New,
            Phase::WaitingForBuyer => Self::WaitingForCustomer,
            Phase::WaitingForSeller => Self::WaitingForPartner,
            Phase::WaitingForArbiter => Self::WaitingForArbiter,
            Phase::WaitingForMarket => Self::WaitingForMarket,
            Phase::Over => Self::Finished,
        }
    }

    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::New => Phase::New,
            Self::WaitingForCustomer => Phase::WaitingForBuyer,
            Self::WaitingForPartner => Phase::WaitingForSeller,
            Self::WaitingForArbiter => Phase::WaitingForArbiter,
            Self::WaitingForMarket => Phase::WaitingForMarket,
            Self::Finished => Phase::Over,
        }
    }
}

/// What a chat is about. Chats about goods, and about nothing in particular, are `DIRECT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ContextType {
    Order,
    Return,
    Direct,
}

impl ContextType {
    fn of(context: Context) -> Self {
        match context {
            Context::Order(_) => Self::Order,
            Context::Return(_) => Self::Return,
            Context::Product(_) | Context::None => Self::Direct,
        }
    }

    pub(crate) fn kinds(self) -> &'static [ContextKind] {
        match self {
            Self::Order => &[ContextKind::Order],
            Self::Return => &[ContextKind::Return],
            Self::Direct => &[ContextKind::None, ContextKind::Product],
        }
    }
}

/// A chat (contract §6.5).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChatInfo {
    chat_id: i64,
    /// Deprecated, and still read by older clients (contract §9 row 28).
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<i64>,
    context: FullContext,
    r#type: ChatType,
    status: ChatStatus,
    created_at: String,
    updated_at: String,
}

impl ChatInfo {
    pub(crate) fn of(chat: &Chat, related: &Related, offset: Offset) -> Self {
        let context = FullContext::of(chat, related);
        Self {
            chat_id: chat.id.get(),
            order_id: context.order_id,
            context,
            r#type: ChatType::of(chat),
            status: ChatStatus::of(chat.phase()),
            created_at: date_time(chat.created_at, offset),
            updated_at: date_time(chat.active_at(), offset),
        }
    }
}

/// What a chat is about, and with whom (contract §6.3).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FullContext {
    r#type: ContextType,
    customer: Customer,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_id: Option<i64>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    public_id: String,
}

impl FullContext {
    pub(crate) fn of(chat: &Chat, related: &Related) -> Self {
        let buyer = chat.buyer.account;
        let name = related.accounts.get(&buyer).map(|account| account.display_name.clone());
        Self {
            r#type: ContextType::of(chat.context),
            // An empty name breaks clients (contract §6.4).
            customer: Customer {
                name: name.filter(|name| !name.is_empty()),
                public_id: buyer.to_string(),
            },
            campaign_id: related.order_of(chat).and_then(|facts| Some(facts.order.shop?.get())),
            order_id: chat.order.map(domain::id::OrderId::get),
            return_id: match chat.context {
                Context::Return(id) => Some(id.get()),
                Context::Order(_) | Context::Product(_) | Context::None => None,
            },
        }
    }

    /// The deprecated sibling of the context (contract §9 row 28).
    pub(crate) fn order_id(&self) -> Option<i64> {
        self.order_id
    }
}

/// A message (contract §6.6).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageInfo {
    message_id: i64,
    created_at: String,
    sender: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Never empty: that breaks clients (contract §6.6).
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Vec<Payload>>,
}

impl MessageInfo {
    /// `link` gives the address of a file.
    pub(crate) fn of(
        message: Message,
        offset: Offset,
        link: impl Fn(&Attachment) -> String,
    ) -> Self {
        let payload = message.attachments.iter().map(|attachment| Payload {
            name: attachment.file.name.clone(),
            // The wire has 32 bits; larger files came through other doors.
            size: i32::try_from(attachment.file.bytes).unwrap_or(i32::MAX),
            url: link(attachment),
        });
        let payload: Vec<_> = payload.collect();
        Self {
            message_id: message.id.get(),
            created_at: date_time(message.created_at, offset),
            sender: sender(message.author.role),
            payload: (!payload.is_empty()).then_some(payload),
            message: message.text,
        }
    }
}

/// The arbiter has no word of its own on this wire (contract §9 row 15).
fn sender(role: Role) -> &'static str {
    match role {
        Role::Seller => "PARTNER",
        Role::Buyer => "CUSTOMER",
        Role::Market => "MARKET",
        Role::Support | Role::Arbiter => "SUPPORT",
    }
}

/// A file of a message (contract §6.7).
#[derive(Clone, Debug, Serialize)]
struct Payload {
    name: String,
    size: i32,
    url: String,
}

/// Where the next page begins (contract §6.8).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paging {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page_token: Option<String>,
}
