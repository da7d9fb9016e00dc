//! Chats: rows, and the lists of them.

use std::collections::BTreeSet;

use domain::chat::{Chat, ChatKey, Side};
use domain::id::{ChatId, MessageId, OrderId};
use engine::store::{ActivityPosition, ActivityQuery, AgeQuery};
use rusqlite::{Connection, OptionalExtension, Result, Row, ToSql, named_params, params};
use uuid::Uuid;

use super::cells::SqliteCells;
use crate::cells::{Cells as _, millisecond, number, optional_millisecond};
use crate::codes::{Code, context_id};
use crate::ranges::{self, ActivityRange, AgeRanges, Cell, ContextRanges};
use crate::rows::chats::{self as rows, chat_columns};

macro_rules! select_chat {
    ($where:literal) => {
        concat!("SELECT ", chat_columns!(), " FROM chats WHERE ", $where)
    };
}

pub(super) const BY_ID: &str = select_chat!("id = ?1");
pub(super) const BY_PUBLIC_ID: &str = select_chat!("public_id = ?1");
pub(super) const BY_KEY: &str =
    select_chat!("seller_id = ?1 AND buyer_id = ?2 AND context_kind = ?3 AND context_id = ?4");

/// One chat.
pub(super) fn by_id(db: &Connection, id: ChatId) -> Result<Option<Chat>> {
    db.prepare_cached(BY_ID)?.query_row([id.get()], chat).optional()
}

/// One chat by its UUID.
pub(super) fn by_public_id(db: &Connection, id: Uuid) -> Result<Option<Chat>> {
    db.prepare_cached(BY_PUBLIC_ID)?.query_row([id.into_bytes()], chat).optional()
}

/// Answered by the index alone.
pub(super) const ID_BY_PUBLIC_ID: &str = "SELECT id FROM chats WHERE public_id = ?1";

/// The id of one chat by its UUID.
pub(super) fn id_by_public_id(db: &Connection, id: Uuid) -> Result<Option<ChatId>> {
    db.prepare_cached(ID_BY_PUBLIC_ID)?
        .query_row([id.into_bytes()], |row| SqliteCells::of(row).id(ChatId::new))
        .optional()
}

/// The chat of a key.
pub(super) fn by_key(db: &Connection, key: &ChatKey) -> Result<Option<Chat>> {
    let kind = key.context.kind().code();
    let key = params![key.seller.get(), key.buyer.get(), kind, context_id(key.context)];
    db.prepare_cached(BY_KEY)?.query_row(key, chat).optional()
}

fn chat(row: &Row<'_>) -> Result<Chat> {
    rows::chat(&mut SqliteCells::of(row))
}

pub(super) const INSERT: &str = "INSERT INTO chats (
    id, public_id, seller_id, buyer_id, context_kind, context_id, order_id, created_at,
    state, turn, last_message_id, last_message_at, last_buyer_message_at, waiting_since, blocked_by_buyer,
    seller_read_up_to, seller_delivered_up_to, seller_received, seller_unread, seller_first_unread, seller_hidden,
    buyer_read_up_to, buyer_delivered_up_to, buyer_received, buyer_unread, buyer_first_unread, buyer_hidden,
    is_over, is_dispute, phase, seller_has_unread, buyer_has_unread
) VALUES (
    :id, :public_id, :seller, :buyer, :context_kind, :context_id, :order, :created_at,
    :state, :turn, :last_message, :last_message_at, :last_buyer_message_at, :waiting_since, :blocked_by_buyer,
    :seller_read, :seller_delivered, :seller_received, :seller_unread, :seller_first_unread, :seller_hidden,
    :buyer_read, :buyer_delivered, :buyer_received, :buyer_unread, :buyer_first_unread, :buyer_hidden,
    :is_over, :is_dispute, :phase, :seller_has_unread, :buyer_has_unread
)";

/// Stores a new chat.
pub(super) fn insert(db: &Connection, chat: &Chat) -> Result<()> {
    write(
        db,
        INSERT,
        chat,
        named_params! {
            ":public_id": chat.public_id.into_bytes(),
            ":seller": chat.seller.account.get(),
            ":buyer": chat.buyer.account.get(),
            ":context_kind": chat.context.kind().code(),
            ":context_id": context_id(chat.context),
            ":order": chat.order.map(OrderId::get),
            ":created_at": millisecond(chat.created_at),
        },
    )
}

/// Stores what has become of a chat. SQLite rewrites every index with a column that a statement names, whether its
/// value is new or not, so only groups of columns with a change are named.
pub(super) fn update(db: &Connection, before: &Chat, after: &Chat) -> Result<()> {
    let groups = [
        (
            before.last_message != after.last_message,
            "last_message_id = :last_message, last_message_at = :last_message_at",
        ),
        (
            before.state != after.state,
            "state = :state, is_over = :is_over, is_dispute = :is_dispute",
        ),
        (before.phase() != after.phase(), "phase = :phase"),
        (before.seller.hidden != after.seller.hidden, "seller_hidden = :seller_hidden"),
        (before.buyer.hidden != after.buyer.hidden, "buyer_hidden = :buyer_hidden"),
        (
            before.seller.marks.has_unread() != after.seller.marks.has_unread(),
            "seller_has_unread = :seller_has_unread",
        ),
        (
            before.buyer.marks.has_unread() != after.buyer.marks.has_unread(),
            "buyer_has_unread = :buyer_has_unread",
        ),
    ];
    let mut sql = String::from(UPDATE);
    for (has_changed, columns) in groups {
        if has_changed {
            sql.push_str(", ");
            sql.push_str(columns);
        }
    }
    sql.push_str(" WHERE id = :id");
    write(db, &sql, after, &[])
}

/// The columns that are in no index.
const UPDATE: &str = "UPDATE chats SET turn = :turn, last_buyer_message_at = :last_buyer_message_at, \
    waiting_since = :waiting_since, blocked_by_buyer = :blocked_by_buyer, \
    seller_read_up_to = :seller_read, seller_delivered_up_to = :seller_delivered, \
    seller_received = :seller_received, seller_unread = :seller_unread, seller_first_unread = :seller_first_unread, \
    buyer_read_up_to = :buyer_read, buyer_delivered_up_to = :buyer_delivered, \
    buyer_received = :buyer_received, buyer_unread = :buyer_unread, buyer_first_unread = :buyer_first_unread";

fn write(db: &Connection, sql: &str, chat: &Chat, fixed: &[(&str, &dyn ToSql)]) -> Result<()> {
    let (seller, buyer) = (&chat.seller.marks, &chat.buyer.marks);
    let mutable = named_params! {
        ":id": chat.id.get(),
        ":state": chat.state.code(),
        ":turn": chat.turn.code(),
        ":last_message": ActivityPosition::of(chat).last_message,
        ":last_message_at": chat.last_message.map(|last| millisecond(last.at)),
        ":last_buyer_message_at": optional_millisecond(chat.last_buyer_message_at),
        ":waiting_since": optional_millisecond(chat.waiting_since),
        ":blocked_by_buyer": chat.blocked_by_buyer,
        ":seller_read": seller.read_up_to.map(MessageId::get),
        ":seller_delivered": seller.delivered_up_to.map(MessageId::get),
        ":seller_received": seller.received,
        ":seller_unread": seller.unread,
        ":seller_first_unread": seller.first_unread.map(MessageId::get),
        ":seller_hidden": chat.seller.hidden,
        ":buyer_read": buyer.read_up_to.map(MessageId::get),
        ":buyer_delivered": buyer.delivered_up_to.map(MessageId::get),
        ":buyer_received": buyer.received,
        ":buyer_unread": buyer.unread,
        ":buyer_first_unread": buyer.first_unread.map(MessageId::get),
        ":buyer_hidden": chat.buyer.hidden,
        ":is_over": chat.state.is_over(),
        ":is_dispute": chat.state.is_dispute(),
        ":phase": chat.phase().code(),
        ":seller_has_unread": seller.has_unread(),
        ":buyer_has_unread": buyer.has_unread(),
    };
    let mut statement = db.prepare_cached(sql)?;
    for (name, value) in mutable.iter().chain(fixed) {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    statement.raw_execute()?;
    Ok(())
}

macro_rules! select_activity {
    ($side:literal, $position:literal) => {
        concat!(
            "SELECT last_message_id, id FROM chats WHERE ",
            $side,
            "_id = ?1 AND ",
            $side,
            "_hidden = ?2 AND is_over = ?3 AND ",
            $side,
            "_has_unread = ?4 AND ",
            $position,
            " ORDER BY last_message_id DESC, id DESC LIMIT ?7"
        )
    };
    ($side:literal) => {
        [
            select_activity!($side, "(last_message_id, id) < (?5, ?6)"),
            select_activity!($side, "last_message_id = ?5 AND id < ?6"),
        ]
    };
}

// Each in two forms. SQLite begins a comparison of pairs at the first half of the position and skips what the second
// half rules out: nothing, since a message is the newest of one chat only, but all earlier pages among the chats
// without a message, which are the end of the list. So these have a form of their own.
pub(super) const SELLER_ACTIVITY: [&str; 2] = select_activity!("seller");
pub(super) const BUYER_ACTIVITY: [&str; 2] = select_activity!("buyer");

/// Chats by newest message: each range is read no further than the limit, then they are merged.
pub(super) fn by_activity(db: &Connection, query: &ActivityQuery) -> Result<Vec<Chat>> {
    let mut positions: BTreeSet<ActivityPosition> = BTreeSet::new();
    let after = query.after.unwrap_or(ActivityPosition { last_message: i64::MAX, chat: i64::MAX });
    for ActivityRange { side, hidden, is_over, has_unread } in ranges::by_activity(query) {
        let [from_position, without_message] = match side {
            Side::Seller => SELLER_ACTIVITY,
            Side::Buyer => BUYER_ACTIVITY,
        };
        let sql = if after.last_message == 0 { without_message } else { from_position };
        let mut range = db.prepare_cached(sql)?;
        let bounds = params![
            query.account.get(),
            hidden,
            is_over,
            has_unread,
            after.last_message,
            after.chat,
            number(query.limit)
        ];
        let found = range.query_map(bounds, |row| {
            Ok(ActivityPosition { last_message: row.get(0)?, chat: row.get(1)? })
        })?;
        for position in found {
            positions.insert(position?);
        }
    }
    let ids = positions.into_iter().rev().take(query.limit).map(|position| position.chat);
    by_ids(db, ids)
}

macro_rules! select_age {
    ($index:literal, $where:literal) => {
        concat!(
            "SELECT id FROM chats INDEXED BY ",
            $index,
            " WHERE seller_id = ?1 AND id > ?2 AND ",
            $where,
            " AND (?4 IS NULL OR order_id IS NULL OR EXISTS (SELECT 1 FROM orders WHERE orders.id = chats.order_id \
             AND orders.shop_id IN (SELECT value FROM json_each(?4)))) ORDER BY id LIMIT ?3"
        )
    };
}

/// All chats of a seller.
pub(super) const AGE: &str = select_age!("chats_of_seller_by_age", "TRUE");
/// The chats of a seller with one value of each facet.
pub(super) const AGE_OF_CELL: &str = select_age!(
    "chats_of_seller_by_facets",
    "is_dispute = ?5 AND context_kind = ?6 AND phase = ?7"
);
/// The chats of a seller about one thing; the facets are filters while they are read.
pub(super) const AGE_OF_CONTEXT: &str = select_age!(
    "chats_of_seller_by_context",
    "context_kind = ?5 AND context_id = ?6 AND is_dispute IN (?7, ?8) AND (?9 >> phase) & 1"
);

/// A seller's chats by rising id: each range is read no further than the limit, then they are merged.
pub(super) fn by_age(db: &Connection, query: &AgeQuery) -> Result<Vec<Chat>> {
    let shops = query.shops.as_ref().map(|shops| {
        let ids: Vec<String> = shops.iter().map(ToString::to_string).collect();
        format!("[{}]", ids.join(","))
    });
    let seller = query.seller.get();
    let after = query.after.map_or(0, ChatId::get);
    let limit = number(query.limit);

    let mut ids: BTreeSet<i64> = BTreeSet::new();
    match ranges::by_age(query) {
        AgeRanges::Whole => {
            let mut range = db.prepare_cached(AGE)?;
            collect(&mut ids, range.query(params![seller, after, limit, shops])?)?;
        }
        AgeRanges::Cells(cells) => {
            let mut range = db.prepare_cached(AGE_OF_CELL)?;
            for Cell { dispute, kind, phase } in cells {
                let bounds = params![seller, after, limit, shops, dispute, kind, phase];
                collect(&mut ids, range.query(bounds)?)?;
            }
        }
        AgeRanges::Contexts(ContextRanges { contexts, disputes, phases }) => {
            let phases = phases.iter().fold(0_i64, |bits, phase| bits | 1 << phase);
            let (first, last) = (disputes.first(), disputes.last());
            let mut range = db.prepare_cached(AGE_OF_CONTEXT)?;
            for (kind, number) in contexts {
                let bounds =
                    params![seller, after, limit, shops, kind, number, first, last, phases];
                collect(&mut ids, range.query(bounds)?)?;
            }
        }
    }
    by_ids(db, ids.into_iter().take(query.limit))
}

fn collect(ids: &mut BTreeSet<i64>, mut rows: rusqlite::Rows<'_>) -> Result<()> {
    while let Some(row) = rows.next()? {
        ids.insert(row.get(0)?);
    }
    Ok(())
}

fn by_ids(db: &Connection, ids: impl Iterator<Item = i64>) -> Result<Vec<Chat>> {
    let mut statement = db.prepare_cached(BY_ID)?;
    ids.map(|id| statement.query_row([id], chat)).collect()
}
