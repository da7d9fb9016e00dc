//! How chats are written, any number of them at once.

use std::sync::LazyLock;

use domain::chat::Chat;
use domain::id::{MessageId, OrderId};
use engine::store::ActivityPosition;

use super::columns::Columns;
use crate::cells::{millisecond, optional_millisecond};
use crate::codes::{Code as _, context_id};

/// What a column of a chat's row is, besides a whole number.
#[derive(PartialEq)]
enum Kind {
    /// By which the row is found.
    Key,
    /// Written once.
    Fixed,
    /// Written again and again.
    Mutable,
    /// The same, 1 for true and 0 for false.
    Flag,
}

use Kind::{Fixed, Flag, Key, Mutable};

/// The columns in the order of [`cells`]. The UUID comes beside them.
const COLUMNS: [(&str, Kind); 31] = [
    ("seller_id", Key),
    ("id", Key),
    ("buyer_id", Fixed),
    ("context_kind", Fixed),
    ("context_id", Fixed),
    ("order_id", Fixed),
    ("created_at", Fixed),
    ("state", Mutable),
    ("turn", Mutable),
    ("last_message_id", Mutable),
    ("last_message_at", Mutable),
    ("last_buyer_message_at", Mutable),
    ("waiting_since", Mutable),
    ("blocked_by_buyer", Flag),
    ("seller_read_up_to", Mutable),
    ("seller_delivered_up_to", Mutable),
    ("seller_received", Mutable),
    ("seller_unread", Mutable),
    ("seller_first_unread", Mutable),
    ("seller_hidden", Flag),
    ("buyer_read_up_to", Mutable),
    ("buyer_delivered_up_to", Mutable),
    ("buyer_received", Mutable),
    ("buyer_unread", Mutable),
    ("buyer_first_unread", Mutable),
    ("buyer_hidden", Flag),
    ("is_over", Flag),
    ("is_dispute", Flag),
    ("phase", Mutable),
    ("seller_has_unread", Flag),
    ("buyer_has_unread", Flag),
];

/// Rows of chats, with all columns but the UUID.
pub(super) type ChatColumns = Columns<{ COLUMNS.len() }>;

/// The cells of a chat's row.
pub(super) fn cells(chat: &Chat) -> [Option<i64>; COLUMNS.len()] {
    let (seller, buyer) = (&chat.seller.marks, &chat.buyer.marks);
    let flag = |value: bool| Some(i64::from(value));
    let message = |id: Option<MessageId>| id.map(MessageId::get);
    [
        Some(chat.seller.account.get()),
        Some(chat.id.get()),
        Some(chat.buyer.account.get()),
        Some(chat.context.kind().code()),
        Some(context_id(chat.context)),
        chat.order.map(OrderId::get),
        Some(millisecond(chat.created_at)),
        Some(chat.state.code()),
        Some(chat.turn.code()),
        Some(ActivityPosition::of(chat).last_message),
        chat.last_message.map(|last| millisecond(last.at)),
        optional_millisecond(chat.last_buyer_message_at),
        optional_millisecond(chat.waiting_since),
        flag(chat.blocked_by_buyer),
        message(seller.read_up_to),
        message(seller.delivered_up_to),
        Some(seller.received),
        Some(seller.unread),
        message(seller.first_unread),
        flag(chat.seller.hidden),
        message(buyer.read_up_to),
        message(buyer.delivered_up_to),
        Some(buyer.received),
        Some(buyer.unread),
        message(buyer.first_unread),
        flag(chat.buyer.hidden),
        flag(chat.state.is_over()),
        flag(chat.state.is_dispute()),
        Some(chat.phase().code()),
        flag(seller.has_unread()),
        flag(buyer.has_unread()),
    ]
}

/// Stores new chats. The last parameter is the array of their UUIDs.
pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let (names, values): (Vec<_>, Vec<_>) =
        COLUMNS.iter().map(|(name, kind)| (*name, value(name, kind))).unzip();
    format!(
        "INSERT INTO chats ({}, public_id) SELECT {}, new.public_id FROM unnest({}, ${}::uuid[]) AS new ({}, public_id)",
        names.join(", "),
        values.join(", "),
        arrays(),
        COLUMNS.len() + 1,
        names.join(", "),
    )
});

/// Stores what has become of chats, each of which is in one row only.
pub(in crate::postgres) static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let changes: Vec<_> = COLUMNS
        .iter()
        .filter(|(_, kind)| matches!(kind, Mutable | Flag))
        .map(|(name, kind)| format!("{name} = {}", value(name, kind)))
        .collect();
    let keys: Vec<_> = COLUMNS
        .iter()
        .filter(|(_, kind)| *kind == Key)
        .map(|(name, _)| format!("chats.{name} = new.{name}"))
        .collect();
    let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
    format!(
        "UPDATE chats SET {} FROM unnest({}) AS new ({}) WHERE {}",
        changes.join(", "),
        arrays(),
        names.join(", "),
        keys.join(" AND "),
    )
});

fn value(name: &str, kind: &Kind) -> String {
    match kind {
        Key | Fixed | Mutable => format!("new.{name}"),
        Flag => format!("new.{name} <> 0"),
    }
}

fn arrays() -> String {
    let arrays: Vec<_> = (1..=COLUMNS.len()).map(|index| format!("${index}::bigint[]")).collect();
    arrays.join(", ")
}
