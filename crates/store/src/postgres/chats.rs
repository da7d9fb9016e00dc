//! Chats: rows, and the lists of them.

use domain::chat::{Chat, Side};
use domain::id::{ChatId, ShopId};
use engine::store::{ActivityPosition, ActivityQuery, AgeQuery, StoreError};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::database::Database;
use super::gathering::Lookup;
use crate::cells::number;
use crate::ranges::{self, ActivityRange, AgeRanges, Cell, ContextRanges};
use crate::rows::chats::{chat, chat_columns};

macro_rules! select_chat {
    ($where:literal) => {
        concat!("SELECT ", chat_columns!(), " FROM chats WHERE ", $where)
    };
}

pub(super) const BY_IDS: &str = select_chat!("id = ANY($1)");
pub(super) const BY_PUBLIC_IDS: &str = select_chat!("public_id = ANY($1)");

/// Chats by their ids.
pub(super) struct ChatsById;

impl Lookup for ChatsById {
    type Key = ChatId;
    type Found = Chat;

    async fn look_up(db: &Database, ids: &[ChatId]) -> Result<Vec<(ChatId, Chat)>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        let found = db.query(BY_IDS, &[&ids], chat).await?;
        Ok(found.into_iter().map(|chat| (chat.id, chat)).collect())
    }
}

/// Chats by their UUIDs.
pub(super) struct ChatsByPublicId;

impl Lookup for ChatsByPublicId {
    type Key = Uuid;
    type Found = Chat;

    async fn look_up(db: &Database, ids: &[Uuid]) -> Result<Vec<(Uuid, Chat)>, StoreError> {
        db.query(BY_PUBLIC_IDS, &[&ids], |cells| {
            let chat = chat(cells)?;
            // Whoever looks for a chat by this name mostly writes in it next.
            db.remember(&chat);
            Ok((chat.public_id, chat))
        })
        .await
    }
}

/// Chats by newest message, in one statement.
pub(super) async fn by_activity(
    db: &Database,
    query: &ActivityQuery,
) -> Result<Vec<Chat>, StoreError> {
    let after = query.after.unwrap_or(ActivityPosition { last_message: i64::MAX, chat: i64::MAX });
    let (account, limit) = (query.account.get(), number(query.limit));
    db.query(
        &select_by_activity(query),
        &[&account, &after.last_message, &after.chat, &limit],
        chat,
    )
    .await
}

/// The statement with the ranges of `query`, which the server merges while it reads them. Its parameters are the account,
/// the two halves of the position and the limit.
pub(super) fn select_by_activity(query: &ActivityQuery) -> String {
    let columns = chat_columns!();
    let range = |ActivityRange { side, hidden, is_over, has_unread }: ActivityRange| {
        let side = match side {
            Side::Seller => "seller",
            Side::Buyer => "buyer",
        };
        format!(
            "(SELECT {columns} FROM chats WHERE {side}_id = $1 AND {side}_hidden = {hidden} AND is_over = {is_over} \
             AND {side}_has_unread = {has_unread} AND (last_message_id, id) < ($2, $3) \
             ORDER BY last_message_id DESC, id DESC LIMIT $4)"
        )
    };
    let ranges: Vec<String> = ranges::by_activity(query).into_iter().map(range).collect();
    let ranges = ranges.join(" UNION ALL ");
    format!(
        "SELECT {columns} FROM ({ranges}) AS chats ORDER BY last_message_id DESC, id DESC LIMIT $4"
    )
}

/// A seller's chats by rising id, in one statement.
pub(super) async fn by_age(db: &Database, query: &AgeQuery) -> Result<Vec<Chat>, StoreError> {
    let ranges = ranges::by_age(query);
    let (seller, after) = (query.seller.get(), query.after.map_or(0, ChatId::get));
    let limit = number(query.limit);
    let sql = select_by_age(&ranges, query.shops.is_some());
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&seller, &after, &limit];
    let shops: Option<Vec<i64>> =
        query.shops.as_ref().map(|shops| shops.iter().copied().map(ShopId::get).collect());
    if let Some(shops) = &shops {
        parameters.push(shops);
    }
    match &ranges {
        AgeRanges::Whole => db.query(&sql, &parameters, chat).await,
        AgeRanges::Cells(cells) => {
            let disputes: Vec<bool> = cells.iter().map(|&Cell { dispute, .. }| dispute).collect();
            let kinds: Vec<i64> = cells.iter().map(|&Cell { kind, .. }| kind).collect();
            let phases: Vec<i64> = cells.iter().map(|&Cell { phase, .. }| phase).collect();
            parameters.extend([&disputes as &(dyn ToSql + Sync), &kinds, &phases]);
            db.query(&sql, &parameters, chat).await
        }
        AgeRanges::Contexts(ContextRanges { contexts, disputes, phases }) => {
            let (kinds, numbers): (Vec<i64>, Vec<i64>) = contexts.iter().copied().unzip();
            parameters.extend([&kinds as &(dyn ToSql + Sync), &numbers, disputes, phases]);
            db.query(&sql, &parameters, chat).await
        }
    }
}

/// The statement for `ranges`. Its parameters are the seller, the last chat before the page, the limit, the shops if
/// there are any, and the columns of the ranges.
///
/// A range of an index that ends with the id could be written as equations and `ORDER BY id`; but the planner would take
/// any index with the id in it, and walk past all that is not wanted, whenever its statistics say that this is little.
/// Each range is written so that no index but the one for it has the order.
pub(super) fn select_by_age(ranges: &AgeRanges, of_shops: bool) -> String {
    let columns = chat_columns!();
    let (shops, next) = if of_shops { (OF_SHOPS, 5) } else { ("", 4) };
    let (arrays, range) = match ranges {
        AgeRanges::Whole => {
            return format!(
                "SELECT {columns} FROM chats WHERE (seller_id, id) > ($1, $2) AND seller_id <= $1{shops} \
                 ORDER BY seller_id, id LIMIT $3"
            );
        }
        AgeRanges::Cells(_) => (
            format!(
                "unnest(${next}::BOOLEAN[], ${}::BIGINT[], ${}::BIGINT[]) AS cell (dispute, kind, phase)",
                next + 1,
                next + 2
            ),
            format!(
                "is_dispute = cell.dispute AND context_kind = cell.kind AND (phase, id) > (cell.phase, $2) \
                 AND phase <= cell.phase{shops} ORDER BY phase, id"
            ),
        ),
        AgeRanges::Contexts(_) => (
            format!("unnest(${next}::BIGINT[], ${}::BIGINT[]) AS context (kind, id)", next + 1),
            format!(
                "context_kind = context.kind AND (context_id, id) > (context.id, $2) AND context_id <= context.id \
                 AND is_dispute = ANY(${}) AND phase = ANY(${}){shops} ORDER BY context_id, id",
                next + 2,
                next + 3
            ),
        ),
    };
    // The ids come from the indexes alone; whole chats are read for those of the page, each as the first from its id on:
    // again, no index but that of the key has the order.
    format!(
        "SELECT {columns} FROM (SELECT found FROM {arrays} CROSS JOIN LATERAL \
         (SELECT id AS found FROM chats WHERE seller_id = $1 AND {range} LIMIT $3) AS range ORDER BY found LIMIT $3) AS page \
         CROSS JOIN LATERAL (SELECT {columns} FROM chats WHERE seller_id = $1 AND id >= found ORDER BY id LIMIT 1) AS chats \
         ORDER BY found"
    )
}

/// Only chats about orders of the shops in `$4`, and chats about no order.
const OF_SHOPS: &str = " AND (order_id IS NULL OR \
    (SELECT orders.shop_id = ANY($4) FROM orders WHERE orders.id = order_id))";
