//! How far each webhook has come.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use domain::Timestamp;
use domain::id::{AccountId, ChatId, WebhookId};
use engine::store::{
    ProgressChange, StoreError, WaitingPush, Webhook, WebhookHealth, WebhookProgress,
};

use super::{deliveries, subscriptions};
use crate::cells::{millisecond, optional_millisecond};
use crate::postgres::database::{Database, Parameters, execute, query};
use crate::rows::webhooks::{progress, progress_columns, waiting_push, waiting_push_columns};

pub(in crate::postgres) const PROGRESS: &str = concat!(
    "SELECT ",
    progress_columns!(),
    " FROM webhook_progress WHERE account_id = $1 AND webhook_id = $2"
);
pub(in crate::postgres) const WAITING: &str = concat!(
    "SELECT ",
    waiting_push_columns!(),
    " FROM waiting_pushes WHERE account_id = $1 AND webhook_id = $2 ORDER BY sequence"
);

const BEGIN: &str = "INSERT INTO webhook_progress (account_id, webhook_id, revision, failing_since, was_reached, \
    has_alarmed, pinged_at, counted_since, attempts, answered_200, position, holder, held_until) \
    VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, NULL, 0)";
const BEGIN_ANEW: &str = "UPDATE webhook_progress SET revision = revision + 1, failing_since = $3, \
    was_reached = $4, has_alarmed = $5, pinged_at = $6, counted_since = $7, attempts = $8, answered_200 = $9 \
    WHERE account_id = $1 AND webhook_id = $2";
const SAVE: &str = "UPDATE webhook_progress SET failing_since = $3, was_reached = $4, has_alarmed = $5, \
    pinged_at = $6, counted_since = $7, attempts = $8, answered_200 = $9, position = $10 \
    WHERE account_id = $1 AND webhook_id = $2 AND revision = $11 AND holder = $12";

/// Puts a new webhook behind the entry `position`.
pub(super) async fn begin(
    transaction: &Transaction<'_>,
    webhook: &Webhook,
    position: i64,
) -> Result<(), StoreError> {
    let health = WebhookHealth::unknown(webhook.created_at);
    write(transaction, BEGIN, webhook.account, webhook.id, health, &[&position]).await?;
    Ok(())
}

/// Forgets how the receiver did.
pub(super) async fn begin_anew(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
    now: Timestamp,
) -> Result<(), StoreError> {
    write(transaction, BEGIN_ANEW, account, id, WebhookHealth::unknown(now), &[]).await?;
    Ok(())
}

/// Writes how a receiver does, and what else the statement has parameters for behind those; answers how many rows it
/// wrote.
async fn write(
    transaction: &Transaction<'_>,
    sql: &str,
    account: AccountId,
    id: WebhookId,
    health: WebhookHealth,
    fixed: &Parameters<'_>,
) -> Result<u64, StoreError> {
    let mutable: &Parameters<'_> = &[
        &account.get(),
        &id.get(),
        &optional_millisecond(health.failing_since),
        &health.was_reached,
        &health.has_alarmed,
        &millisecond(health.pinged_at),
        &millisecond(health.counted_since),
        &i64::from(health.attempts),
        &i64::from(health.answered_200),
    ];
    execute(transaction, sql, &[mutable, fixed].concat()).await
}

/// Lets what waits be attempted at `now`, as if for the first time.
pub(super) async fn attempt_at_once(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE waiting_pushes SET attempts = 0, next_attempt_at = $3 \
        WHERE account_id = $1 AND webhook_id = $2";
    execute(transaction, sql, &[&account.get(), &id.get(), &millisecond(now)]).await?;
    Ok(())
}

/// Puts a webhook behind the entry `position`, with nothing waiting; whether there is such a webhook.
pub(super) async fn move_to(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
    position: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE webhook_progress SET revision = revision + 1, position = $3 \
        WHERE account_id = $1 AND webhook_id = $2";
    let moved = execute(transaction, sql, &[&account.get(), &id.get(), &position]).await?;
    forget_waiting(transaction, account, id).await?;
    Ok(0 < moved)
}

/// Forgets how far a webhook has come.
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM webhook_progress WHERE account_id = $1 AND webhook_id = $2";
    execute(transaction, sql, &[&account.get(), &id.get()]).await?;
    forget_waiting(transaction, account, id).await
}

/// Forgets what waits. Whoever adds to it holds the row of the webhook's progress, as the caller does.
async fn forget_waiting(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM waiting_pushes WHERE account_id = $1 AND webhook_id = $2";
    execute(transaction, sql, &[&account.get(), &id.get()]).await?;
    Ok(())
}

/// How far a webhook has come.
pub(super) async fn of(
    snapshot: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
) -> Result<Option<WebhookProgress>, StoreError> {
    let which: &Parameters<'_> = &[&account.get(), &id.get()];
    let Some(progress) = query(snapshot, PROGRESS, which, progress).await?.pop() else {
        return Ok(None);
    };
    let waiting = query(snapshot, WAITING, which, waiting_push).await?;
    Ok(Some(WebhookProgress { waiting, ..progress }))
}

const SETTLE: &str = "DELETE FROM waiting_pushes \
    WHERE account_id = $1 AND webhook_id = $2 AND sequence = ANY($3)";
const WAIT: &str = "INSERT INTO waiting_pushes (account_id, webhook_id, sequence, chat_id, attempts, \
    next_attempt_at) SELECT $1, $2, * FROM unnest($3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[]) \
    ON CONFLICT (account_id, webhook_id, sequence) DO UPDATE SET attempts = excluded.attempts, \
    next_attempt_at = excluded.next_attempt_at";

/// Saves what has come of some pushes, if `holder` still holds the webhook and it is what it was.
pub(super) async fn save(
    db: &Database,
    holder: &str,
    change: &ProgressChange,
) -> Result<bool, StoreError> {
    let (account, id) = (change.account, change.webhook);
    db.transaction(async |transaction| {
        if change.switches_off {
            subscriptions::lock(transaction, account, id).await?;
        }
        let fixed: &Parameters<'_> = &[&change.position, &change.revision, &holder];
        if write(transaction, SAVE, account, id, change.health, fixed).await? == 0 {
            return Ok(false);
        }
        if !change.settled.is_empty() {
            execute(transaction, SETTLE, &[&account.get(), &id.get(), &change.settled]).await?;
        }
        wait(transaction, account, id, &change.waiting).await?;
        deliveries::add(transaction, account, &change.deliveries).await?;
        if change.switches_off {
            subscriptions::switch_off(transaction, account, id).await?;
            let sql = "UPDATE webhook_progress SET holder = NULL, revision = revision + 1 \
                WHERE account_id = $1 AND webhook_id = $2";
            execute(transaction, sql, &[&account.get(), &id.get()]).await?;
        }
        Ok(true)
    })
    .await
}

/// Lets entries wait, or wait otherwise than before.
async fn wait(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
    pushes: &[WaitingPush],
) -> Result<(), StoreError> {
    // Of one entry the last counts.
    let pushes: BTreeMap<_, _> = pushes.iter().map(|push| (push.sequence, push)).collect();
    if pushes.is_empty() {
        return Ok(());
    }
    let sequences: Vec<_> = pushes.keys().copied().collect();
    let chats: Vec<_> = pushes.values().map(|push| push.chat.map(ChatId::get)).collect();
    let attempts: Vec<_> = pushes.values().map(|push| i64::from(push.attempts)).collect();
    let times: Vec<_> = pushes.values().map(|push| millisecond(push.next_attempt_at)).collect();
    let parameters: &Parameters<'_> =
        &[&account.get(), &id.get(), &sequences, &chats, &attempts, &times];
    execute(transaction, WAIT, parameters).await?;
    Ok(())
}
