//! Chats and messages as this API shows them.

use domain::account::Account;
use domain::attachment::Attachment;
use domain::catalog::{OrderFacts, Posting, Product, Return};
use domain::chat::{Chat, Context, Seat, Side};
use domain::id::{AccountId, MessageId};
use domain::message::Message;
use domain::permission::Permission;
use engine::Engine;
use engine::queries::Related;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::names::{AccountKindName, ModelName, RoleName, SideName, StateName, TurnName};
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

/// What a chat is about, with the facts that are known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContextView {
    #[serde(rename = "type")]
    kind: ContextName,
    /// The id of the product, order or return.
    id: Option<i64>,
    /// The product, or the first one of the order.
    product: Option<ProductView>,
    /// The order, also of a return.
    order: Option<OrderView>,
    #[serde(rename = "return")]
    returned: Option<ReturnView>,
}

/// The kinds of contexts.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContextName {
    Product,
    Order,
    Return,
    None,
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductView {
    id: i64,
    sku: Option<String>,
    title: String,
    /// Whole units of the marketplace's currency.
    price: i64,
    /// Whether it is on sale.
    published: bool,
    /// What only one marketplace knows of.
    #[schema(value_type = Object)]
    attributes: Option<Box<RawValue>>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderView {
    id: i64,
    number: Option<String>,
    shop_id: Option<i64>,
    /// How it is fulfilled.
    model: ModelName,
    created_at: Time,
    items: Vec<OrderItemView>,
    postings: Vec<PostingView>,
}

/// A line of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderItemView {
    product_id: i64,
    quantity: i64,
}

/// A parcel of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostingView {
    number: String,
    paid_at: Option<Time>,
    delivered_at: Option<Time>,
    cancelled_at: Option<Time>,
}

/// A return.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReturnView {
    id: i64,
    created_at: Time,
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

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageView {
    /// Rises in the order in which messages were accepted.
    pub(crate) id: i64,
    pub(crate) chat_id: i64,
    author: AuthorView,
    text: Option<String>,
    attachments: Vec<AttachmentView>,
    created_at: Time,
    /// Whether it was read: your own by the other side, any other by you.
    read: bool,
    /// Whether it reached a client: your own one of the other side, any other one of yours.
    delivered: bool,
}

/// Who wrote a message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuthorView {
    role: RoleName,
    /// Null for the marketplace's own people and automatic lines.
    account_id: Option<i64>,
    /// The person who typed it, where that is known; only on your own side.
    member_id: Option<i64>,
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttachmentView {
    id: i64,
    name: String,
    /// Found from the bytes.
    media_type: String,
    bytes: u64,
    is_picture: bool,
    width: Option<u32>,
    height: Option<u32>,
    /// Works without a key, for at least six days. Whoever has it can read the file.
    url: String,
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

impl ContextView {
    fn of(chat: &Chat, related: &Related) -> Self {
        let (kind, id, returned) = match chat.context {
            Context::None => (ContextName::None, None, None),
            Context::Product(id) => (ContextName::Product, Some(id.get()), None),
            Context::Order(id) => (ContextName::Order, Some(id.get()), None),
            Context::Return(id) => {
                (ContextName::Return, Some(id.get()), related.returns.get(&id).map(ReturnView::of))
            }
        };
        Self {
            kind,
            id,
            product: related.product_of(chat).map(ProductView::of),
            order: related.order_of(chat).map(OrderView::of),
            returned,
        }
    }
}

impl ProductView {
    fn of(product: &Product) -> Self {
        Self {
            id: product.id.get(),
            sku: product.sku.clone(),
            title: product.title.clone(),
            price: product.price,
            published: product.published_at.is_some(),
            attributes: RawValue::from_string(product.attributes.as_json().to_owned()).ok(),
        }
    }
}

impl OrderView {
    fn of(facts: &OrderFacts) -> Self {
        let order = &facts.order;
        let items = order
            .items
            .iter()
            .map(|item| OrderItemView { product_id: item.product.get(), quantity: item.quantity });
        Self {
            id: order.id.get(),
            number: order.number.clone(),
            shop_id: order.shop.map(domain::id::ShopId::get),
            model: facts.model.into(),
            created_at: Time(order.created_at),
            items: items.collect(),
            postings: facts.postings.iter().map(PostingView::of).collect(),
        }
    }
}

impl PostingView {
    fn of(posting: &Posting) -> Self {
        Self {
            number: posting.number.clone(),
            paid_at: Time::of(posting.paid_at),
            delivered_at: Time::of(posting.delivered_at),
            cancelled_at: Time::of(posting.cancelled_at),
        }
    }
}

impl ReturnView {
    fn of(found: &Return) -> Self {
        Self { id: found.id.get(), created_at: Time(found.created_at) }
    }
}

impl MessageView {
    /// The message as `viewer` sees it; links to files are made for the viewer's account.
    pub(crate) fn of(engine: &Engine, chat: &Chat, viewer: Side, message: &Message) -> Self {
        let account = chat.seat(viewer).account;
        let mut view = Self::with_links_for(engine, account, message);
        view.read = chat.is_read(message, viewer);
        view.delivered = chat.is_delivered(message, viewer);
        if message.author.account != account {
            view.author.member_id = None;
        }
        view
    }

    /// The message as the marketplace sees it: read and delivered where every side but its author has read and
    /// received it.
    pub(crate) fn for_host(engine: &Engine, chat: &Chat, message: &Message) -> Self {
        let mut view = Self::with_links_for(engine, AccountId::MARKETPLACE, message);
        let mut recipients = [Side::Seller, Side::Buyer]
            .into_iter()
            .filter(|side| message.author.role.side() != Some(*side))
            .map(|side| chat.seat(side).marks);
        view.read = recipients.clone().all(|marks| marks.has_read(message.id));
        view.delivered = recipients.all(|marks| marks.has_received(message.id));
        view
    }

    fn with_links_for(engine: &Engine, account: AccountId, message: &Message) -> Self {
        let attachments =
            message.attachments.iter().map(|file| AttachmentView::of(engine, account, file));
        let author = &message.author;
        Self {
            id: message.id.get(),
            chat_id: message.chat.get(),
            author: AuthorView {
                role: author.role.into(),
                account_id: author.role.side().map(|_| author.account.get()),
                member_id: author.member.map(domain::id::MemberId::get),
            },
            text: message.text.clone(),
            attachments: attachments.collect(),
            created_at: Time(message.created_at),
            read: false,
            delivered: false,
        }
    }
}

impl AttachmentView {
    pub(crate) fn of(engine: &Engine, account: AccountId, attachment: &Attachment) -> Self {
        let file = &attachment.file;
        Self {
            id: attachment.id.get(),
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            bytes: file.bytes,
            is_picture: file.is_picture,
            width: file.pixels.map(|(width, _)| width),
            height: file.pixels.map(|(_, height)| height),
            url: engine.link(attachment, account),
        }
    }
}
