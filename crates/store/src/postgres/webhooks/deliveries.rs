//! The delivery log of all webhooks.

use std::slice;

use deadpool_postgres::GenericClient;
use domain::Timestamp;
use domain::id::{AccountId, WebhookId};
use engine::store::{Delivery, StoreError};

use crate::cells::{Cells as _, millisecond, number};
use crate::codes::Code as _;
use crate::postgres::database::{Database, execute};
use crate::rows::webhooks::{delivery, delivery_columns};

/// So many deliveries are forgotten by one statement.
const FORGOTTEN_AT_ONCE: i64 = 1000;

pub(in crate::postgres) const PAGE: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM deliveries WHERE account_id = $1 AND webhook_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
);
pub(in crate::postgres) const OLDEST: &str = "SELECT id, at FROM deliveries ORDER BY id LIMIT $1";

const ADD: &str = "INSERT INTO deliveries (account_id, webhook_id, sequence, kind, attempt, at, duration_ms, status, \
    outcome, reason, response) SELECT $1, * FROM unnest($2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[], \
    $6::BIGINT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::TEXT[], $11::TEXT[])";
const FORGET: &str = "DELETE FROM deliveries WHERE id = ANY($1)";
const FORGET_OF_WEBHOOK: &str = "DELETE FROM deliveries WHERE id IN \
    (SELECT id FROM deliveries WHERE account_id = $1 AND webhook_id = $2 ORDER BY id LIMIT $3)";

/// Adds an attempt.
pub(super) async fn add_one(
    db: &Database,
    account: AccountId,
    delivery: &Delivery,
) -> Result<(), StoreError> {
    db.transaction(async |transaction| add(transaction, account, slice::from_ref(delivery)).await)
        .await
}

/// Adds attempts.
pub(super) async fn add(
    client: &impl GenericClient,
    account: AccountId,
    deliveries: &[Delivery],
) -> Result<(), StoreError> {
    fn column<'d, T>(deliveries: &'d [Delivery], cell: impl Fn(&'d Delivery) -> T) -> Vec<T> {
        deliveries.iter().map(cell).collect()
    }
    if deliveries.is_empty() {
        return Ok(());
    }
    execute(
        client,
        ADD,
        &[
            &account.get(),
            &column(deliveries, |delivery| delivery.webhook.get()),
            &column(deliveries, |delivery| delivery.sequence),
            &column(deliveries, |delivery| delivery.kind.as_str()),
            &column(deliveries, |delivery| i64::from(delivery.attempt)),
            &column(deliveries, |delivery| millisecond(delivery.at)),
            &column(deliveries, |delivery| delivery.duration_ms),
            &column(deliveries, |delivery| delivery.status.map(i64::from)),
            &column(deliveries, |delivery| delivery.outcome.code()),
            &column(deliveries, |delivery| delivery.reason.as_str()),
            &column(deliveries, |delivery| delivery.response.as_str()),
        ],
    )
    .await?;
    Ok(())
}

/// The attempts to push to a webhook, newest first.
pub(super) async fn page(
    db: &Database,
    account: AccountId,
    webhook: WebhookId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let before = before.unwrap_or(i64::MAX);
    db.query(PAGE, &[&account.get(), &webhook.get(), &before, &number(limit)], delivery).await
}

/// Forgets all attempts of one webhook.
pub(super) async fn forget_of_webhook(
    db: &Database,
    account: AccountId,
    webhook: WebhookId,
) -> Result<(), StoreError> {
    while 0 < db
        .execute(FORGET_OF_WEBHOOK, &[&account.get(), &webhook.get(), &FORGOTTEN_AT_ONCE])
        .await?
    {}
    Ok(())
}

/// Forgets the attempts that were made before `before`. One behind a younger one stays until that one goes.
pub(super) async fn forget(db: &Database, before: Timestamp) -> Result<(), StoreError> {
    loop {
        let mut oldest = db
            .query(OLDEST, &[&FORGOTTEN_AT_ONCE], |cells| {
                Ok((cells.take::<i64>()?, cells.take::<i64>()?))
            })
            .await?;
        let old = oldest.iter().take_while(|(_, at)| *at < millisecond(before)).count();
        oldest.truncate(old);
        if oldest.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = oldest.into_iter().map(|(id, _)| id).collect();
        db.execute(FORGET, &[&ids]).await?;
    }
}
