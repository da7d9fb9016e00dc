//! Chats: rows, and the lists of them.

use domain::chat::Chat;
use domain::id::ChatId;
use engine::store::{ActivityQuery, AgeQuery, StoreError};
use uuid::Uuid;

use super::database::{Database, unbuilt};
use crate::rows::chats::{chat, chat_columns};

macro_rules! select_chat {
    ($where:literal) => {
        concat!("SELECT ", chat_columns!(), " FROM chats WHERE ", $where)
    };
}

pub(super) const BY_IDS: &str = select_chat!("id = ANY($1)");
pub(super) const BY_PUBLIC_ID: &str = select_chat!("public_id = $1");

/// One chat.
pub(super) async fn by_id(db: &Database, id: ChatId) -> Result<Option<Chat>, StoreError> {
    db.query_one(BY_IDS, &[&[id.get()].as_slice()], chat).await
}

/// Chats by id.
pub(super) async fn by_ids(db: &Database, ids: &[ChatId]) -> Result<Vec<Chat>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    db.query(BY_IDS, &[&ids], chat).await
}

/// One chat by its UUID.
pub(super) async fn by_public_id(db: &Database, id: Uuid) -> Result<Option<Chat>, StoreError> {
    db.query_one(BY_PUBLIC_ID, &[&id], chat).await
}

pub(super) async fn by_activity(
    _db: &Database,
    _query: &ActivityQuery,
) -> Result<Vec<Chat>, StoreError> {
    unbuilt()
}

pub(super) async fn by_age(_db: &Database, _query: &AgeQuery) -> Result<Vec<Chat>, StoreError> {
    unbuilt()
}
