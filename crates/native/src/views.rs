//! Chats, messages, events and webhooks as this API shows them.

mod context;
mod event;
mod message;
mod webhook;

use domain::account::Account;
use domain::chat::{Chat, Seat, Side};
use domain::id::{AccountId, MessageId};
use domain::permission::Permission;
use engine::related::Related;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::context::ContextView;
pub(crate) use self::event::{EventView, ShownEvent};
pub(crate) use self::message::{AttachmentView, MessageView};
pub(crate) use self::webhook::{DeliveryView, WebhookView};
use crate::names::{AccountKindName, SideName, StateName, TurnName};
use crate::problem::Problem;
use crate::refusal::refused;
use crate::values::Time;

/// Who sits on a side of a chat: what everybody may see. Only the id is there while the marketplace has told no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Card {
    pub(crate) id: i64,
    pub(crate) kind: Option<AccountKindName>,
    pub(crate) display_name: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) city_id: Option<i64>,
    /// A decimal number as text, for instance `4.85`.
    pub(crate) rating: Option<String>,
    pub(crate) reviews_count: i64,
    pub(crate) products_count: i64,
    /// Since when the account exists.
    pub(crate) created_at: Option<Time>,
}

/// How far one side has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PositionView {
    /// The newest message that this side has read.
    read_up_to: Option<i64>,
    /// The newest message that reached a client of this side.
    delivered_up_to: Option<i64>,
}

/// What everybody who may see a chat sees of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatFacts {
    pub(crate) id: i64,
    /// The chat's name on wires that speak of UUIDs.
    uuid: String,
    seller: Card,
    buyer: Card,
    context: ContextView,
    state: StateName,
    /// Who is to write next.
    turn: TurnName,
    created_at: Time,
    /// Since when the buyer waits for the seller.
    waiting_since: Option<Time>,
    /// Whether the buyer wants to hear no more from the seller here.
    blocked_by_buyer: bool,
    /// How far the seller has come.
    seller_position: PositionView,
    /// How far the buyer has come.
    buyer_position: PositionView,
}

/// A chat as one of its sides sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatView {
    #[serde(flatten)]
    facts: ChatFacts,
    /// Your side.
    side: SideName,
    /// How many messages you have not read.
    unread: i64,
    /// Whether you have put the chat out of your sight.
    hidden: bool,
    last_message: Option<MessageView>,
    can_send: CanSend,
}

/// Whether you may write now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CanSend {
    allowed: bool,
    /// The last moment at which you may, if nothing else happens; null without an end.
    until: Option<Time>,
    /// The problem that a message would meet.
    reason: Option<Problem>,
}

impl Card {
    pub(crate) fn of_account(account: &Account) -> Self {
        Self {
            id: account.id.get(),
            kind: Some(account.kind.into()),
            display_name: Some(account.display_name.clone()),
            avatar_url: account.avatar_url.clone(),
            city_id: account.city_id,
            rating: account.rating.clone(),
            reviews_count: account.reviews_count,
            products_count: account.products_count,
            created_at: Some(Time(account.created_at)),
        }
    }

    fn of(id: AccountId, related: &Related) -> Self {
        related.accounts.get(&id).map_or_else(|| Self::unknown(id), Self::of_account)
    }

    fn unknown(id: AccountId) -> Self {
        Self {
            id: id.get(),
            kind: None,
            display_name: None,
            avatar_url: None,
            city_id: None,
            rating: None,
            reviews_count: 0,
            products_count: 0,
            created_at: None,
        }
    }
}

impl ChatFacts {
    pub(crate) fn of(chat: &Chat, related: &Related) -> Self {
        Self {
            id: chat.id.get(),
            uuid: chat.public_id.to_string(),
            seller: Card::of(chat.seller.account, related),
            buyer: Card::of(chat.buyer.account, related),
            context: ContextView::of(chat, related),
            state: chat.state.into(),
            turn: chat.turn.into(),
            created_at: Time(chat.created_at),
            waiting_since: Time::of(chat.waiting_since),
            blocked_by_buyer: chat.blocked_by_buyer,
            seller_position: PositionView::of(&chat.seller),
            buyer_position: PositionView::of(&chat.buyer),
        }
    }
}

impl ChatView {
    /// The chat as `side` sees it, which has this `permission` to write.
    pub(crate) fn of(
        chat: &Chat,
        side: Side,
        related: &Related,
        last_message: Option<MessageView>,
        permission: Permission,
    ) -> Self {
        let seat = chat.seat(side);
        Self {
            facts: ChatFacts::of(chat, related),
            side: side.into(),
            unread: seat.marks.unread,
            hidden: seat.hidden,
            last_message,
            can_send: permission.into(),
        }
    }
}

impl From<Permission> for CanSend {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Allowed { until } => {
                Self { allowed: true, until: Time::of(until), reason: None }
            }
            Permission::Denied(refusal) => {
                Self { allowed: false, until: None, reason: Some(refused(&refusal)) }
            }
        }
    }
}

impl PositionView {
    fn of(seat: &Seat) -> Self {
        Self {
            read_up_to: seat.marks.read_up_to.map(MessageId::get),
            delivered_up_to: seat.marks.delivered_up_to.map(MessageId::get),
        }
    }
}
