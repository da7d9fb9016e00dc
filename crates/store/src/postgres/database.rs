//! The database as the queries see it: statements that stay prepared, rows that are made into what they mean.

use deadpool_postgres::{GenericClient, Object, Pool, Transaction};
use domain::chat::Chat;
use domain::id::{AccountId, ChatId, OrderId};
use engine::store::StoreError;
use moka::sync::Cache;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::cells::{PostgresCells, decode};
use super::connections;
use super::error::{commit_error, store_error};
use crate::cells::Cells as _;

/// So many chats are remembered with who sells and buys in them.
const PARTIES_KEPT: u64 = 500_000;

/// So many searches are on their way at the same time. They are the longest reads, and must leave connections to commits
/// and to everybody else.
const SEARCHES_MAX: usize = 8;

/// What a statement is given.
pub(crate) type Parameters<'p> = [&'p (dyn ToSql + Sync)];

/// The database, and what is remembered of it.
pub(crate) struct Database {
    pool: Pool,
    parties: Cache<ChatId, Parties>,
    unindexed: Notify,
    searches: Semaphore,
}

/// Who sells and who buys in a chat, and on which order. That never changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parties {
    pub(super) seller: AccountId,
    pub(super) buyer: AccountId,
    pub(super) order: Option<OrderId>,
}

impl Parties {
    /// Those of `chat`.
    pub(super) fn of(chat: &Chat) -> Self {
        Self { seller: chat.seller.account, buyer: chat.buyer.account, order: chat.order }
    }
}

impl Database {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            parties: Cache::new(PARTIES_KEPT),
            unindexed: Notify::new(),
            searches: Semaphore::new(SEARCHES_MAX),
        }
    }

    /// A connection of one's own.
    pub(crate) async fn connection(&self) -> Result<Object, StoreError> {
        connections::lend(&self.pool).await
    }

    /// What one statement answers, row by row.
    pub(super) async fn query<T>(
        &self,
        sql: &str,
        parameters: &Parameters<'_>,
        row: impl Fn(&mut PostgresCells) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        query(&self.connection().await?, sql, parameters, row).await
    }

    /// What one statement answers in its only row, if there is one.
    pub(super) async fn query_one<T>(
        &self,
        sql: &str,
        parameters: &Parameters<'_>,
        row: impl Fn(&mut PostgresCells) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.query(sql, parameters, row).await?.pop())
    }

    /// Runs one statement that writes, and answers how many rows it touched. It is durable when this returns.
    pub(super) async fn execute(
        &self,
        sql: &str,
        parameters: &Parameters<'_>,
    ) -> Result<u64, StoreError> {
        let connection = self.connection().await?;
        let statement =
            connection.prepare_cached(sql).await.map_err(|error| store_error(&error))?;
        connection.execute(&statement, parameters).await.map_err(|error| commit_error(&error))
    }

    /// Runs `work` in one transaction. It is durable when this returns; when `work` fails, nothing is stored.
    pub(super) async fn transaction<T>(
        &self,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await.map_err(|error| store_error(&error))?;
        let answer = work(&transaction).await?;
        transaction.commit().await.map_err(|error| commit_error(&error))?;
        Ok(answer)
    }

    /// Runs `work`, which only reads, on one state of the database.
    pub(super) async fn snapshot<T>(
        &self,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await
            .map_err(|error| store_error(&error))?;
        let answer = work(&transaction).await?;
        transaction.commit().await.map_err(|error| store_error(&error))?;
        Ok(answer)
    }

    /// Waits until not too many others search, as long as for a connection. The turn lasts until it is dropped.
    pub(super) async fn turn_to_search(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        match timeout(connections::CONNECTION_WAIT, self.searches.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                Err(StoreError::Unavailable("too many others search at the same time".to_owned()))
            }
        }
    }

    /// Says that messages wait to be indexed for search. To be rung after every commit that queued some; a bell that is
    /// not heard, or rung on another server, delays the index by a second and nothing else.
    pub(super) fn ring_indexer(&self) {
        self.unindexed.notify_one();
    }

    /// Waits until somebody has rung since the last time.
    pub(super) async fn indexer_rung(&self) {
        self.unindexed.notified().await;
    }

    /// Who sells and who buys in `chats`; chats that do not exist are left out.
    pub(super) async fn parties(
        &self,
        chats: impl IntoIterator<Item = ChatId>,
    ) -> Result<Vec<(ChatId, Parties)>, StoreError> {
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        for chat in chats {
            match self.parties.get(&chat) {
                Some(parties) => found.push((chat, parties)),
                None => unknown.push(chat.get()),
            }
        }
        if !unknown.is_empty() {
            let sql = "SELECT id, seller_id, buyer_id, order_id FROM chats WHERE id = ANY($1)";
            let read = self
                .query(sql, &[&unknown], |cells| {
                    let chat = cells.id(ChatId::new)?;
                    let parties = Parties {
                        seller: cells.id(AccountId::new)?,
                        buyer: cells.id(AccountId::new)?,
                        order: cells.optional_id(OrderId::new)?,
                    };
                    Ok((chat, parties))
                })
                .await?;
            for (chat, parties) in read {
                self.parties.insert(chat, parties);
                found.push((chat, parties));
            }
        }
        Ok(found)
    }

    /// Remembers who sells and buys in a chat that was just begun.
    pub(super) fn remember(&self, chat: &Chat) {
        self.parties.insert(chat.id, Parties::of(chat));
    }

    /// Who sells in `chat`, which leads the keys of everything in it; none when the chat does not exist.
    pub(super) async fn seller_of(&self, chat: ChatId) -> Result<Option<AccountId>, StoreError> {
        Ok(self.parties([chat]).await?.first().map(|(_, parties)| parties.seller))
    }

    /// Gives no connection any more, and waits for those that are lent.
    pub(super) async fn close(&self) {
        /// How often is looked whether all connections are back.
        const LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(10);
        self.pool.close();
        while self.pool.status().size != 0 {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// What one statement answers on `client`, row by row.
pub(crate) async fn query<T>(
    client: &impl GenericClient,
    sql: &str,
    parameters: &Parameters<'_>,
    row: impl Fn(&mut PostgresCells) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    decode(rows(client, sql, parameters).await?, row)
}

async fn rows(
    client: &impl GenericClient,
    sql: &str,
    parameters: &Parameters<'_>,
) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await.map_err(|error| store_error(&error))?;
    client.query(&statement, parameters).await.map_err(|error| store_error(&error))
}

/// Runs one statement that writes on `client`, and answers how many rows it touched.
pub(crate) async fn execute(
    client: &impl GenericClient,
    sql: &str,
    parameters: &Parameters<'_>,
) -> Result<u64, StoreError> {
    let statement = client.prepare_cached(sql).await.map_err(|error| store_error(&error))?;
    client.execute(&statement, parameters).await.map_err(|error| store_error(&error))
}

/// Lets nobody else who takes this lock write `table` until the transaction ends: what was looked up to decide a change
/// is still so when it is written. Readers, and those who write without it, do not wait.
pub(super) async fn lock_writers_of(
    transaction: &Transaction<'_>,
    table: &str,
) -> Result<(), StoreError> {
    let sql = "SELECT pg_advisory_xact_lock($1::TEXT::REGCLASS::OID::BIGINT)";
    execute(transaction, sql, &[&table]).await?;
    Ok(())
}

/// Whether a text can stand in a row. None with U+0000 can, so that nothing is called by such a text: faces and the
/// domain refuse it where it would be stored, but may look for it.
pub(super) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}
