//! The copy, in PostgreSQL.

use std::pin::pin;

use bytes::Bytes;
use deadpool_postgres::Object;
use domain::message::Role;
use engine::store::StoreError;
use futures_util::SinkExt as _;
use tokio_postgres::types::ToSql;

use super::TransferError;
use super::source::{GivenIds, Page, ROWS_AT_ONCE};
use super::tables::{Column, Kind, Table};
use crate::cells::{Cells, number};
use crate::codes::Code as _;
use crate::postgres::{Database, execute, query, store_error};

/// The copy, and how far it has come.
pub(super) struct Target {
    connection: Object,
}

/// To whom the database belongs.
pub(super) enum Standing {
    /// It is empty, or holds a part of this copy.
    Ours,
    /// It holds all of it.
    Complete,
    /// It holds something else.
    Foreign,
}

/// How far the copy of a table has come.
pub(super) struct Copied {
    pub(super) last_key: Option<String>,
    pub(super) rows: i64,
    pub(super) is_complete: bool,
}

/// One row for the whole transfer, and one for each table that was begun.
const MADE: &str = "
    CREATE TABLE IF NOT EXISTS transfer (source BYTEA NOT NULL, is_complete BOOLEAN NOT NULL);
    CREATE TABLE IF NOT EXISTS transferred_tables (
        name        TEXT PRIMARY KEY,
        last_key    TEXT,
        rows        BIGINT NOT NULL,
        is_complete BOOLEAN NOT NULL
    );";
/// Whole tables are read here, and that takes its time: nothing of what helps a server's short statements.
const SESSION: &str = "RESET ALL; SET synchronous_commit = on";

impl Target {
    pub(super) async fn connect(db: &Database) -> Result<Self, TransferError> {
        let connection = db.connection().await?;
        let target = Self { connection };
        target.batch(SESSION).await?;
        Ok(target)
    }

    /// To whom the database belongs; the transfer from `source` is noted if it is nobody's.
    pub(super) async fn standing(&mut self, source: &[u8; 32]) -> Result<Standing, TransferError> {
        self.batch(MADE).await?;
        let noted = self
            .query("SELECT source, is_complete FROM transfer", |cells| {
                Ok((cells.bytes_32()?, cells.take::<bool>()?))
            })
            .await?;
        if let Some((noted, is_complete)) = noted.first() {
            return Ok(match (noted == source, is_complete) {
                (true, false) => Standing::Ours,
                (true, true) => Standing::Complete,
                (false, _) => Standing::Foreign,
            });
        }
        let in_use = "SELECT EXISTS (SELECT 1 FROM secrets) OR EXISTS (SELECT 1 FROM accounts)";
        if self.query(in_use, Cells::take::<bool>).await? != [false] {
            self.batch("DROP TABLE transferred_tables; DROP TABLE transfer").await?;
            return Ok(Standing::Foreign);
        }
        let note = "INSERT INTO transfer (source, is_complete) VALUES ($1, FALSE)";
        execute(&self.connection, note, &[&source.as_slice()]).await?;
        Ok(Standing::Ours)
    }

    /// The columns of a table.
    pub(super) async fn columns(&self, table: &Table) -> Result<Vec<Column>, TransferError> {
        let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns \
            WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";
        let columns = query(&self.connection, sql, &[&table.name], |cells| {
            let name: String = cells.take()?;
            let data_type: String = cells.take()?;
            let kind = Kind::of_type(&data_type).ok_or_else(|| {
                StoreError::Failed(format!("nobody knows how to copy {name} of type {data_type}"))
            })?;
            Ok(Column { name, kind })
        })
        .await?;
        Ok(columns)
    }

    /// How far the copy of a table has come.
    pub(super) async fn copied(&self, table: &Table) -> Result<Copied, TransferError> {
        let sql = "SELECT last_key, rows, is_complete FROM transferred_tables WHERE name = $1";
        let noted = query(&self.connection, sql, &[&table.name], |cells| {
            Ok(Copied { last_key: cells.take()?, rows: cells.take()?, is_complete: cells.take()? })
        })
        .await?;
        let nothing = Copied { last_key: None, rows: 0, is_complete: false };
        Ok(noted.into_iter().next().unwrap_or(nothing))
    }

    /// Adds a page to a table, in one transaction with the note that it is there.
    pub(super) async fn copy(
        &mut self,
        table: &Table,
        columns: &[Column],
        copied: Copied,
        page: Page,
    ) -> Result<Copied, TransferError> {
        let copied = Copied {
            is_complete: page.rows < ROWS_AT_ONCE,
            rows: copied.rows + number(page.rows),
            last_key: page.last_key,
        };
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let copy = format!("COPY {} ({}) FROM STDIN", table.name, names.join(", "));
        let transaction = self.connection.transaction().await.map_err(failed)?;
        {
            let mut sink = pin!(transaction.copy_in::<_, Bytes>(&copy).await.map_err(failed)?);
            sink.send(page.text.into()).await.map_err(failed)?;
            sink.finish().await.map_err(failed)?;
        }
        execute(
            &transaction,
            "INSERT INTO transferred_tables (name, last_key, rows, is_complete) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET last_key = excluded.last_key, rows = excluded.rows, \
             is_complete = excluded.is_complete",
            &[&table.name, &copied.last_key, &copied.rows, &copied.is_complete],
        )
        .await?;
        transaction.commit().await.map_err(failed)?;
        Ok(copied)
    }

    /// Lets ids go on where they stopped, and queues all messages for the index for search.
    pub(super) async fn finish_copy(&mut self, ids: &GivenIds) -> Result<(), TransferError> {
        let transaction = self.connection.transaction().await.map_err(failed)?;
        // The counters of reserve_ids keep the last id as their next value; that of accounts is an ordinary one.
        let counters = [
            ("chat_ids", ids.last.chat, false),
            ("message_ids", ids.last.message, false),
            ("attachment_ids", ids.last.attachment, false),
            ("account_ids", ids.account, true),
        ];
        for (counter, last, is_used) in counters.into_iter().filter(|(_, last, _)| 0 < *last) {
            let sql = "SELECT setval($1::text::regclass, $2, $3)";
            let parameters: [&(dyn ToSql + Sync); 3] = [&counter, &last, &is_used];
            query(&transaction, sql, &parameters, Cells::take::<i64>).await?;
        }
        for table in ["webhooks", "deliveries"] {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest(max(id), 1)) FROM {table}"
            );
            query(&transaction, &sql, &[], Cells::take::<i64>).await?;
        }
        // Nobody looks for the marketplace's automatic lines.
        let queue = format!(
            "DELETE FROM unindexed_messages; \
             INSERT INTO unindexed_messages (seller_id, buyer_id, chat_id, message_id) \
             SELECT chats.seller_id, chats.buyer_id, chats.id, messages.id FROM messages \
             JOIN chats ON chats.seller_id = messages.seller_id AND chats.id = messages.chat_id \
             WHERE messages.text IS NOT NULL AND messages.author_role <> {}; \
             ANALYZE",
            Role::Market.code()
        );
        transaction.batch_execute(&queue).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(())
    }

    /// Notes that nothing is left to do: servers may use the copy.
    pub(super) async fn complete(&self) -> Result<(), TransferError> {
        self.batch("UPDATE transfer SET is_complete = TRUE; DROP TABLE transferred_tables").await
    }

    /// What a query answers in its only row, all whole numbers.
    pub(super) async fn numbers(&self, sql: &str, count: usize) -> Result<Vec<i64>, TransferError> {
        let rows = self
            .query(sql, |cells| {
                (0..count).map(|_| Ok(cells.take::<Option<i64>>()?.unwrap_or_default())).collect()
            })
            .await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    async fn query<T>(
        &self,
        sql: &str,
        row: impl Fn(&mut crate::postgres::PostgresCells) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, TransferError> {
        Ok(query(&self.connection, sql, &[], row).await?)
    }

    async fn batch(&self, sql: &str) -> Result<(), TransferError> {
        self.connection.batch_execute(sql).await.map_err(failed)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failed(error: tokio_postgres::Error) -> TransferError {
    TransferError::Store(store_error(&error))
}
