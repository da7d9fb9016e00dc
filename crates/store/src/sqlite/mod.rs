//! The store in a single SQLite file.
//!
//! One thread writes, several connections read. A commit is on the disk before it is answered (write-ahead log,
//! `synchronous=FULL`). Another process may open the same file for a moment, as the command line does to make a key.

mod access;
mod accounts;
mod batch;
mod cells;
mod chats;
mod checkpoint;
mod connections;
mod error;
mod facts;
mod log;
mod messages;
mod migrate;
mod orders;
#[cfg(test)]
mod plans;
mod readers;
mod search;
mod search_index;
mod webhooks;
mod writer;

use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

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
use rusqlite::Connection;
use uuid::Uuid;

use checkpoint::{Checkpointer, Due, LogIsLong};
use connections::{DatabaseFile, open_for_reading, open_for_writing};
use error::store_error;
use readers::{Readers, pages_of};
use search_index::Indexer;
use writer::{Writer, lock};

/// Bounds of the number of reading connections; between them, one for each core.
const READERS: std::ops::RangeInclusive<usize> = 4..=32;

/// At so many accounts is looked in one round of forgetting.
const FORGET_ACCOUNTS: usize = 500;
/// So many entries of a log are forgotten in one transaction.
const FORGET_ENTRIES: usize = 500;

/// Everything in one SQLite file, and the index for search in another one beside it, which can be made anew.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    followers: Mutex<Option<Followers>>,
}

/// The threads that follow the commits.
struct Followers {
    checkpointer: Checkpointer,
    indexer: Indexer,
}

impl SqliteStore {
    /// Opens the database in `file`, makes it if it does not exist, and brings it to the schema of this program. Blocks
    /// for as long as that takes. The folder must exist.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        migrate::check_sqlite()?;
        let file = file.as_ref();
        let writer = open_for_writing(file).map_err(|e| store_error(&e))?;
        let held = DatabaseFile::open(file)?;
        // From here on it is let go before the file, whatever fails below.
        let mut writer = writer;
        migrate::migrate(&mut writer)?;
        let index = search_index::open(file)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let readers = (0..cores.clamp(*READERS.start(), *READERS.end()))
            .map(|_| open_for_reading(file))
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(|e| store_error(&e))?;
        let log_is_long = LogIsLong::default();
        let followers = follow(&mut writer, index, file, &held, &log_is_long)?;
        let writer = Writer::start(writer, held.clone(), log_is_long).map_err(|e| no_thread(&e))?;
        let readers = Readers::new(readers, held, writer.writing()?);
        Ok(Self { writer, readers, followers: Mutex::new(Some(followers)) })
    }
}

/// Starts the threads that follow the commits of `writer`. They end when it is closed.
fn follow(
    writer: &mut Connection,
    index: Connection,
    file: &Path,
    held: &DatabaseFile,
    log_is_long: &LogIsLong,
) -> Result<Followers, StoreError> {
    // Room for one: while a thread works, one more round may wait. The index has a first one at once, to catch up.
    let (checkpoint, checkpoint_due) = sync_channel(1);
    let (message, message_due) = sync_channel(1);
    ring(&message);
    let mut due = Due::default();
    let commits = move |_: &mut _, pages| {
        ring(&message);
        if due.is_now(pages) {
            ring(&checkpoint);
        }
        Ok(())
    };
    writer.wal_hook(Some(commits)).map_err(|e| store_error(&e))?;
    let own = open_for_writing(file).map_err(|e| store_error(&e))?;
    let source = open_for_reading(file).map_err(|e| store_error(&e))?;
    Ok(Followers {
        checkpointer: Checkpointer::start(own, held.clone(), checkpoint_due, log_is_long.clone())
            .map_err(|e| no_thread(&e))?,
        indexer: Indexer::start(index, source, held.clone(), message_due)
            .map_err(|e| no_thread(&e))?,
    })
}

fn ring(bell: &SyncSender<()>) {
    match bell.try_send(()) {
        // It will come anyway, or it is gone.
        Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
    }
}

fn no_thread(failure: &std::io::Error) -> StoreError {
    StoreError::Failed(failure.to_string())
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: Batch) -> Committed {
        let commands = batch.submissions.len();
        let commit = move |connection: &mut Connection| batch::commit(connection, &batch);
        let committed = match commands {
            1 => self.writer.run_here(commit).await,
            _ => self.writer.run(commit).await,
        };
        match committed {
            Ok(committed) => committed,
            Err(failure) => Committed::failed(commands, &failure),
        }
    }

    async fn put_facts(
        &self,
        facts: Vec<Fact>,
    ) -> Result<Vec<Result<(), FactConflict>>, StoreError> {
        self.writer.transaction(move |db| facts::put(db, &facts)).await
    }

    async fn create_account(
        &self,
        account: Account,
        password_hash: String,
    ) -> Result<Result<Account, FactConflict>, StoreError> {
        self.writer
            .transaction(move |db| accounts::create_account(db, account, &password_hash))
            .await
    }

    async fn replace_account(
        &self,
        before: Account,
        after: Account,
    ) -> Result<Result<bool, FactConflict>, StoreError> {
        self.writer.transaction(move |db| accounts::replace_account(db, &before, &after)).await
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        self.readers.read_pages(1, move |db| chats::by_id(db, id)).await
    }

    async fn chats(&self, ids: &[ChatId]) -> Result<Vec<Chat>, StoreError> {
        let ids = cells::distinct(ids);
        self.readers
            .read_pages(ids.len(), move |db| {
                let found = ids.into_iter().map(|id| chats::by_id(db, id));
                found.filter_map(Result::transpose).collect()
            })
            .await
    }

    async fn chat_by_public_id(&self, id: Uuid) -> Result<Option<Chat>, StoreError> {
        self.readers.read_pages(1, move |db| chats::by_public_id(db, id)).await
    }

    async fn chat_id_by_public_id(&self, id: Uuid) -> Result<Option<ChatId>, StoreError> {
        self.readers.read_pages(1, move |db| chats::id_by_public_id(db, id)).await
    }

    async fn chats_by_activity(&self, query: &ActivityQuery) -> Result<Vec<Chat>, StoreError> {
        let query = query.clone();
        self.readers.read_pages(query.limit, move |db| chats::by_activity(db, &query)).await
    }

    async fn chats_by_age(&self, query: &AgeQuery) -> Result<Vec<Chat>, StoreError> {
        let query = query.clone();
        self.readers.read(move |db| chats::by_age(db, &query)).await
    }

    async fn messages(&self, query: &MessageQuery) -> Result<Vec<Message>, StoreError> {
        let query = *query;
        self.readers.read_pages(pages_of(query.limit), move |db| messages::page(db, &query)).await
    }

    async fn messages_by_id(
        &self,
        ids: &[(ChatId, MessageId)],
    ) -> Result<Vec<Message>, StoreError> {
        let ids = cells::distinct(ids);
        self.readers
            .read_pages(ids.len(), move |db| {
                let found = ids.into_iter().map(|(chat, id)| messages::by_id(db, chat, id));
                found.filter_map(Result::transpose).collect()
            })
            .await
    }

    async fn messages_in_chats(
        &self,
        ids: &[(ChatId, MessageId)],
    ) -> Result<Vec<(Chat, Message)>, StoreError> {
        let ids = cells::distinct(ids);
        self.readers
            .read_pages(2 * ids.len(), move |db| {
                let found = ids.into_iter().map(|(chat, id)| messages::in_chat(db, chat, id));
                found.filter_map(Result::transpose).collect()
            })
            .await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Message>, StoreError> {
        let query = query.clone();
        self.readers.read(move |db| search::messages_with(db, &query)).await
    }

    async fn unread(&self, account: AccountId) -> Result<UnreadTotals, StoreError> {
        self.readers.read_pages(1, move |db| log::unread(db, account)).await
    }

    async fn log(
        &self,
        account: AccountId,
        after: i64,
        limit: usize,
    ) -> Result<LogPage, StoreError> {
        self.readers
            .read_pages(pages_of(limit), move |db| log::page(db, account, after, limit))
            .await
    }

    async fn pulses(&self, accounts: &[AccountId]) -> Result<Vec<Pulse>, StoreError> {
        let accounts = accounts.to_vec();
        self.readers
            .read_pages(accounts.len(), move |db| {
                let pulse = |account| {
                    let newest = log::newest(db, account)?;
                    let credentials = access::credential_revision(db, account)?;
                    Ok(Pulse { account, newest, credentials })
                };
                accounts.into_iter().map(pulse).collect()
            })
            .await
    }

    async fn forget_log(
        &self,
        before: Timestamp,
        after: Option<AccountId>,
    ) -> Result<Option<AccountId>, StoreError> {
        let (old, go_on) = self
            .readers
            .read(move |db| log::with_old_entries(db, before, after, FORGET_ACCOUNTS))
            .await?;
        for account in old {
            // Short transactions: sends wait for each.
            let forget = move |db: &Connection| log::forget(db, account, before, FORGET_ENTRIES);
            while self.writer.transaction(forget).await? == FORGET_ENTRIES {}
        }
        Ok(go_on)
    }

    async fn attachment(&self, id: AttachmentId) -> Result<Option<Attachment>, StoreError> {
        self.readers.read_pages(1, move |db| messages::attachment_by_id(db, id)).await
    }

    async fn attachment_in_chat(
        &self,
        id: AttachmentId,
    ) -> Result<Option<(Attachment, Option<Chat>)>, StoreError> {
        self.readers.read_pages(1, move |db| messages::attachment_in_chat(db, id)).await
    }

    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        let ids = ids.to_vec();
        self.readers.read_pages(ids.len(), move |db| accounts::accounts(db, &ids)).await
    }

    async fn account_by_email(
        &self,
        email: &str,
    ) -> Result<Option<(Account, Option<String>)>, StoreError> {
        let email = email.to_owned();
        self.readers.read_pages(1, move |db| accounts::account_by_email(db, &email)).await
    }

    async fn put_password(
        &self,
        account: AccountId,
        password_hash: String,
    ) -> Result<(), StoreError> {
        self.writer.transaction(move |db| accounts::put_password(db, account, &password_hash)).await
    }

    async fn password(&self, account: AccountId) -> Result<Option<String>, StoreError> {
        self.readers.read_pages(1, move |db| accounts::password(db, account)).await
    }

    async fn member(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        self.readers.read_pages(1, move |db| facts::member(db, id)).await
    }

    async fn shops(&self, ids: &[ShopId]) -> Result<Vec<Shop>, StoreError> {
        let ids = ids.to_vec();
        self.readers.read_pages(ids.len(), move |db| facts::shops(db, &ids)).await
    }

    async fn shops_of(
        &self,
        seller: AccountId,
        after: Option<ShopId>,
        limit: usize,
    ) -> Result<Vec<Shop>, StoreError> {
        self.readers
            .read_pages(pages_of(limit), move |db| facts::shops_of(db, seller, after, limit))
            .await
    }

    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        let ids = ids.to_vec();
        self.readers.read_pages(ids.len(), move |db| facts::products(db, &ids)).await
    }

    async fn orders(&self, ids: &[OrderId]) -> Result<Vec<OrderFacts>, StoreError> {
        let ids = ids.to_vec();
        self.readers.read_pages(ids.len(), move |db| orders::orders(db, &ids)).await
    }

    async fn order_by_posting(&self, number: &str) -> Result<Option<OrderFacts>, StoreError> {
        let number = number.to_owned();
        self.readers
            .read_pages(1, move |db| match orders::order_of_posting(db, &number)? {
                Some(order) => orders::order(db, order),
                None => Ok(None),
            })
            .await
    }

    async fn returns(&self, ids: &[ReturnId]) -> Result<Vec<Return>, StoreError> {
        let ids = ids.to_vec();
        self.readers.read_pages(ids.len(), move |db| orders::returns(db, &ids)).await
    }

    async fn put_key(&self, key: &ApiKey) -> Result<Result<(), KeyConflict>, StoreError> {
        let key = key.clone();
        self.writer.transaction(move |db| access::put_key(db, &key)).await
    }

    async fn key_by_hash(
        &self,
        secret_hash: &[u8; 32],
    ) -> Result<Option<(ApiKey, Option<Account>)>, StoreError> {
        let secret_hash = *secret_hash;
        self.readers.read_pages(2, move |db| access::key_by_hash(db, secret_hash)).await
    }

    async fn keys_of(&self, account: Option<AccountId>) -> Result<Vec<ApiKey>, StoreError> {
        self.readers.read(move |db| access::keys_of(db, account)).await
    }

    async fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        let session = session.clone();
        self.writer.transaction(move |db| access::put_session(db, &session)).await
    }

    async fn renew_session(&self, session: &Session) -> Result<bool, StoreError> {
        let session = session.clone();
        self.writer.transaction(move |db| access::renew_session(db, &session)).await
    }

    async fn session_by_hash(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let token_hash = *token_hash;
        self.readers.read_pages(1, move |db| access::session_by_hash(db, token_hash)).await
    }

    async fn sessions_of(&self, account: AccountId) -> Result<Vec<Session>, StoreError> {
        self.readers.read(move |db| access::sessions_of(db, account)).await
    }

    async fn delete_session(&self, account: AccountId, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer.transaction(move |db| access::delete_session(db, account, &id)).await
    }

    async fn delete_other_sessions(
        &self,
        account: AccountId,
        kept: &str,
    ) -> Result<(), StoreError> {
        let kept = kept.to_owned();
        self.writer.transaction(move |db| access::delete_other_sessions(db, account, &kept)).await
    }

    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let name = name.to_owned();
        self.writer.transaction(move |db| access::secret(db, &name, fresh)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.finish().await;
        let (writer, followers) = (self.writer.take(), lock(&self.followers).take());
        let finish = move || {
            if let Some(writer) = writer {
                writer.finish();
            }
            if let Some(Followers { checkpointer, indexer }) = followers {
                let last = checkpointer.finish();
                indexer.finish();
                drop(last);
            }
        };
        tokio::task::spawn_blocking(finish)
            .await
            .map_err(|failure| StoreError::Failed(failure.to_string()))
    }
}
