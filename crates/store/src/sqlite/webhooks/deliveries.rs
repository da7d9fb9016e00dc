//! The delivery log of all webhooks.

use domain::Timestamp;
use domain::id::{AccountId, WebhookId};
use engine::store::Delivery;
use rusqlite::{Connection, Result, params};

use crate::cells::{millisecond, number};
use crate::codes::Code as _;
use crate::rows::webhooks::{delivery, delivery_columns};
use crate::sqlite::cells::SqliteCells;

pub(in crate::sqlite) const PAGE: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM deliveries WHERE account_id = ?1 AND webhook_id = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
);
pub(in crate::sqlite) const OF_WEBHOOK: &str =
    "SELECT id FROM deliveries WHERE account_id = ?1 AND webhook_id = ?2 LIMIT ?3";
pub(in crate::sqlite) const OLDEST: &str =
    "SELECT id, at FROM deliveries WHERE id > 0 ORDER BY id LIMIT ?1";

const ADD: &str = "INSERT INTO deliveries (account_id, webhook_id, sequence, kind, attempt, at, duration_ms, status, \
    outcome, reason, response) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// Adds an attempt.
pub(super) fn add(db: &Connection, account: AccountId, delivery: &Delivery) -> Result<()> {
    db.prepare_cached(ADD)?.execute(params![
        account.get(),
        delivery.webhook.get(),
        delivery.sequence,
        delivery.kind,
        delivery.attempt,
        millisecond(delivery.at),
        delivery.duration_ms,
        delivery.status,
        delivery.outcome.code(),
        delivery.reason,
        delivery.response,
    ])?;
    Ok(())
}

/// The attempts to push to a webhook, newest first.
pub(super) fn page(
    db: &Connection,
    account: AccountId,
    webhook: WebhookId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Delivery>> {
    let before = before.unwrap_or(i64::MAX);
    db.prepare_cached(PAGE)?
        .query_map([account.get(), webhook.get(), before, number(limit)], |row| {
            delivery(&mut SqliteCells::of(row))
        })?
        .collect()
}

/// Forgets some attempts of one webhook, at most `limit`, and answers how many.
pub(super) fn forget_of_webhook(
    db: &Connection,
    account: AccountId,
    webhook: WebhookId,
    limit: usize,
) -> Result<usize> {
    let ids = db
        .prepare_cached(OF_WEBHOOK)?
        .query_map([account.get(), webhook.get(), number(limit)], |row| row.get(0))?
        .collect::<Result<Vec<i64>>>()?;
    let mut delete = db.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?;
    for id in &ids {
        delete.execute([id])?;
    }
    Ok(ids.len())
}

/// Forgets the oldest attempts that were made before `before`, at most `limit`, and answers how many. One behind a
/// younger one stays until that one goes.
pub(super) fn forget(db: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let oldest = db
        .prepare_cached(OLDEST)?
        .query_map([number(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, i64)>>>()?;
    let last = oldest.iter().take_while(|(_, at)| *at < millisecond(before)).last();
    let Some((last, _)) = last else { return Ok(0) };
    db.prepare_cached("DELETE FROM deliveries WHERE id <= ?1")?.execute([last])
}
