//! The store in PostgreSQL, for any number of servers at the same time.
//!
//! A commit is on the disk, or acknowledged by the quorum, before it is answered. Whoever writes in chats holds the
//! accounts of their sellers and buyers locked meanwhile (`account_state`), one by one by rising id: that one lock orders
//! what happens in the chats, in the logs and with the idempotency keys of these accounts, over all servers.

mod access;
mod accounts;
mod batch;
mod cells;
mod chats;
mod connections;
mod database;
mod error;
mod facts;
mod gathering;
mod indexer;
mod log;
mod messages;
mod migrate;
mod orders;
#[cfg(test)]
mod plans;
mod search;
mod search_index;
#[cfg(test)]
mod search_tests;
mod units;
mod webhooks;

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Timestamp;
use domain::account::{Account, Member};
use domain::attachment::Attachment;
use domain::batch::Batch;
use domain::catalog::{Fact, OrderFacts, Product, Return, Shop};
use domain::chat::Chat;
use domain::id::{
    AccountId, AttachmentId, ChatId, MemberId, MessageId, OrderId, ProductId, ReturnId, ShopId,
};
use domain::message::Message;
use engine::store::{
    ActivityQuery, AgeQuery, ApiKey, Committed, FactConflict, KeyConflict, LogPage, MessageQuery,
    Pulse, SearchQuery, Session, Store, StoreError, UnreadTotals,
};
use uuid::Uuid;

use crate::cells::Cells;

use access::KeysByHash;
use accounts::AccountsById;
pub(crate) use cells::PostgresCells;
use chats::{ChatsById, ChatsByPublicId};
pub(crate) use database::{Database, execute, query};
pub(crate) use error::store_error;
use gathering::{Gathering, Lookup as _};
use indexer::Indexer;
use log::{LogPages, Stretch};
use messages::{MessagesById, MessagesInChats};
use units::Leases;

/// So many connections a server opens at most.
const CONNECTIONS_MAX: usize = 24;

/// Pages of a log that are longer have a statement of their own.
const SHARED_ENTRIES_MAX: usize = 100;

/// Everything in one PostgreSQL database.
pub struct PostgresStore {
    db: Arc<Database>,
    indexer: Indexer,
    keys: Gathering<KeysByHash>,
    accounts: Gathering<AccountsById>,
    chats: Gathering<ChatsById>,
    chats_by_public_id: Gathering<ChatsByPublicId>,
    messages: Gathering<MessagesById>,
    messages_in_chats: Gathering<MessagesInChats>,
    log_pages: Gathering<LogPages>,
    leases: Gathering<Leases>,
}

impl PostgresStore {
    /// How many batches a server commits side by side: while one waits for the disk, others are decided.
    pub const COMMITTERS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    /// Opens the database at `url` (`postgres://user:password@host:port/database`, with the parameters that libpq knows)
    /// and brings it to the schema of this program; of several servers that start at once, one does. The database must
    /// exist.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let db = Arc::new(open_database(url).await?);
        require_whole(&db).await?;
        let indexer = Indexer::start(Arc::clone(&db));
        Ok(Self {
            indexer,
            keys: Gathering::start(&db),
            accounts: Gathering::start(&db),
            chats: Gathering::start(&db),
            chats_by_public_id: Gathering::start(&db),
            messages: Gathering::start(&db),
            messages_in_chats: Gathering::start(&db),
            log_pages: Gathering::start(&db),
            leases: Gathering::start(&db),
            db,
        })
    }
}

/// What is wrong with `url` as the address of a database, if anything is; nobody is called. It quotes names of options only.
pub fn check_url(url: &str) -> Result<(), String> {
    connections::config(url).map(drop).map_err(|error| error::in_words(&error))
}

/// Opens the database at `url` and brings it to the schema of this program.
pub(crate) async fn open_database(url: &str) -> Result<Database, StoreError> {
    let db = Database::new(connections::pool(url, CONNECTIONS_MAX)?);
    migrate::migrate(&db).await?;
    Ok(db)
}

/// Refuses a database that [`crate::transfer`] has not finished.
async fn require_whole(db: &Database) -> Result<(), StoreError> {
    let is_copy = "SELECT to_regclass('transfer') IS NOT NULL";
    if db.query_one(is_copy, &[], Cells::take).await? != Some(true) {
        return Ok(());
    }
    let is_half = "SELECT EXISTS (SELECT 1 FROM transfer WHERE NOT is_complete)";
    if db.query_one(is_half, &[], Cells::take).await? == Some(false) {
        return Ok(());
    }
    let reason =
        "the transfer from SQLite was interrupted; run 'torg migrate-store' again to finish it";
    Err(StoreError::Failed(reason.to_owned()))
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, batch: Batch) -> Committed {
        Box::pin(batch::commit(&self.db, batch)).await
    }

    async fn put_facts(
        &self,
        facts: Vec<Fact>,
    ) -> Result<Vec<Result<(), FactConflict>>, StoreError> {
        facts::put(&self.db, &facts).await
    }

    async fn create_account(
        &self,
        account: Account,
        password_hash: String,
    ) -> Result<Result<Account, FactConflict>, StoreError> {
        accounts::create_account(&self.db, account, &password_hash).await
    }

    async fn replace_account(
        &self,
        before: Account,
        after: Account,
    ) -> Result<Result<bool, FactConflict>, StoreError> {
        accounts::replace_account(&self.db, &before, &after).await
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        self.chats.get(id).await
    }

    async fn chats(&self, ids: &[ChatId]) -> Result<Vec<Chat>, StoreError> {
        self.chats.get_all(ids).await
    }

    async fn chat_by_public_id(&self, id: Uuid) -> Result<Option<Chat>, StoreError> {
        self.chats_by_public_id.get(id).await
    }

    async fn chat_id_by_public_id(&self, id: Uuid) -> Result<Option<ChatId>, StoreError> {
        // With all of the chat: a batch has to know who sells in it, which is remembered from here.
        Ok(self.chats_by_public_id.get(id).await?.map(|chat| chat.id))
    }

    async fn chats_by_activity(&self, query: &ActivityQuery) -> Result<Vec<Chat>, StoreError> {
        chats::by_activity(&self.db, query).await
    }

    async fn chats_by_age(&self, query: &AgeQuery) -> Result<Vec<Chat>, StoreError> {
        chats::by_age(&self.db, query).await
    }

    async fn messages(&self, query: &MessageQuery) -> Result<Vec<Message>, StoreError> {
        messages::page(&self.db, query).await
    }

    async fn messages_by_id(
        &self,
        ids: &[(ChatId, MessageId)],
    ) -> Result<Vec<Message>, StoreError> {
        self.messages.get_all(ids).await
    }

    async fn messages_in_chats(
        &self,
        ids: &[(ChatId, MessageId)],
    ) -> Result<Vec<(Chat, Message)>, StoreError> {
        self.messages_in_chats.get_all(ids).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Message>, StoreError> {
        search::messages_with(&self.db, query).await
    }

    async fn unread(&self, account: AccountId) -> Result<UnreadTotals, StoreError> {
        log::unread(&self.db, account).await
    }

    async fn log(
        &self,
        account: AccountId,
        after: i64,
        limit: usize,
    ) -> Result<LogPage, StoreError> {
        let stretch = Stretch { account, after, limit };
        let page = if limit <= SHARED_ENTRIES_MAX {
            self.log_pages.get(stretch).await?
        } else {
            LogPages::look_up(&self.db, &[stretch]).await?.pop().map(|(_, page)| page)
        };
        page.ok_or_else(|| StoreError::Failed("a log was not answered".to_owned()))
    }

    async fn pulses(&self, accounts: &[AccountId]) -> Result<Vec<Pulse>, StoreError> {
        log::pulses(&self.db, accounts).await
    }

    async fn forget_log(
        &self,
        before: Timestamp,
        after: Option<AccountId>,
    ) -> Result<Option<AccountId>, StoreError> {
        log::forget(&self.db, before, after).await
    }

    async fn attachment(&self, id: AttachmentId) -> Result<Option<Attachment>, StoreError> {
        messages::attachment_by_id(&self.db, id).await
    }

    async fn attachment_in_chat(
        &self,
        id: AttachmentId,
    ) -> Result<Option<(Attachment, Option<Chat>)>, StoreError> {
        messages::attachment_in_chat(&self.db, id).await
    }

    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        self.accounts.get_all(ids).await
    }

    async fn account_by_email(
        &self,
        email: &str,
    ) -> Result<Option<(Account, Option<String>)>, StoreError> {
        accounts::by_email(&self.db, email).await
    }

    async fn put_password(
        &self,
        account: AccountId,
        password_hash: String,
    ) -> Result<(), StoreError> {
        accounts::put_password(&self.db, account, &password_hash).await
    }

    async fn password(&self, account: AccountId) -> Result<Option<String>, StoreError> {
        accounts::password(&self.db, account).await
    }

    async fn member(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        facts::member(&self.db, id).await
    }

    async fn shops(&self, ids: &[ShopId]) -> Result<Vec<Shop>, StoreError> {
        facts::shops(&self.db, ids).await
    }

    async fn shops_of(
        &self,
        seller: AccountId,
        after: Option<ShopId>,
        limit: usize,
    ) -> Result<Vec<Shop>, StoreError> {
        facts::shops_of(&self.db, seller, after, limit).await
    }

    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        facts::products(&self.db, ids).await
    }

    async fn orders(&self, ids: &[OrderId]) -> Result<Vec<OrderFacts>, StoreError> {
        orders::orders(&self.db, ids).await
    }

    async fn order_by_posting(&self, number: &str) -> Result<Option<OrderFacts>, StoreError> {
        orders::order_by_posting(&self.db, number).await
    }

    async fn returns(&self, ids: &[ReturnId]) -> Result<Vec<Return>, StoreError> {
        orders::returns(&self.db, ids).await
    }

    async fn put_key(&self, key: &ApiKey) -> Result<Result<(), KeyConflict>, StoreError> {
        access::put_key(&self.db, key).await
    }

    async fn key_by_hash(
        &self,
        secret_hash: &[u8; 32],
    ) -> Result<Option<(ApiKey, Option<Account>)>, StoreError> {
        self.keys.get(*secret_hash).await
    }

    async fn keys_of(&self, account: Option<AccountId>) -> Result<Vec<ApiKey>, StoreError> {
        access::keys_of(&self.db, account).await
    }

    async fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        access::put_session(&self.db, session).await
    }

    async fn renew_session(&self, session: &Session) -> Result<bool, StoreError> {
        access::renew_session(&self.db, session).await
    }

    async fn session_by_hash(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        access::session_by_hash(&self.db, token_hash).await
    }

    async fn sessions_of(&self, account: AccountId) -> Result<Vec<Session>, StoreError> {
        access::sessions_of(&self.db, account).await
    }

    async fn delete_session(&self, account: AccountId, id: &str) -> Result<bool, StoreError> {
        access::delete_session(&self.db, account, id).await
    }

    async fn delete_other_sessions(
        &self,
        account: AccountId,
        kept: &str,
    ) -> Result<(), StoreError> {
        access::delete_other_sessions(&self.db, account, kept).await
    }

    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        access::secret(&self.db, name, fresh).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.indexer.stop();
        self.db.close().await;
        Ok(())
    }
}
