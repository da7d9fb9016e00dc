//! The webhooks themselves.

use deadpool_postgres::{GenericClient, Transaction};
use domain::Timestamp;
use domain::id::{AccountId, WebhookId};
use engine::store::{NotStored, ResumeFrom, StoreError, UrlUse, Webhook, WebhookState};

use super::progress;
use crate::cells::{Cells, millisecond, number};
use crate::codes::Code as _;
use crate::postgres::database::{Database, Parameters, execute, query};
use crate::rows::webhooks::{webhook, webhook_columns};

macro_rules! select_webhook {
    ($rest:literal) => {
        concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE ", $rest)
    };
}

pub(in crate::postgres) const OF_ACCOUNT: &str = select_webhook!("account_id = $1 ORDER BY id");
pub(in crate::postgres) const BY_ID: &str = select_webhook!("id = $1 AND account_id = $2");
const BY_ID_LOCKED: &str = select_webhook!("id = $1 AND account_id = $2 FOR UPDATE");
pub(in crate::postgres) const WITH_URL: &str =
    "SELECT id FROM webhooks WHERE account_id = $1 AND format = $2 AND url = $3 LIMIT 1";
pub(in crate::postgres) const COUNT: &str = "SELECT count(*) FROM webhooks WHERE account_id = $1";

/// Nobody else creates a webhook of the account, or changes an URL of one, until the transaction ends.
const LOCK_ACCOUNT: &str = "SELECT newest FROM lock_accounts(ARRAY[$1::BIGINT])";
const INSERT: &str = "INSERT INTO webhooks (account_id, format, url, url_is_exact, name, types, secret, \
    previous_secret, previous_secret_until, state, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
const UPDATE: &str = "UPDATE webhooks SET format = $2, url = $3, url_is_exact = $4, name = $5, types = $6, \
    secret = $7, previous_secret = $8, previous_secret_until = $9, state = $10, created_at = $11 \
    WHERE account_id = $1 AND id = $12 RETURNING id";

/// Stores a new webhook that begins at the end of the log, unless there are `webhooks_max` already, or its URL is taken.
pub(super) async fn create(
    db: &Database,
    webhook: &Webhook,
    webhooks_max: usize,
    url_use: UrlUse,
) -> Result<Result<Webhook, NotStored>, StoreError> {
    let account = webhook.account;
    db.transaction(async |transaction| {
        let newest = lock_account(transaction, account).await?;
        let counted = query(transaction, COUNT, &[&account.get()], Cells::take::<i64>).await?;
        if counted.iter().any(|count| number(webhooks_max) <= *count) {
            return Ok(Err(NotStored::TooMany));
        }
        if url_use == UrlUse::Sole && is_url_taken(transaction, webhook).await? {
            return Ok(Err(NotStored::UrlTaken));
        }
        let Some(id) = write(transaction, INSERT, webhook, &[]).await? else {
            return Err(StoreError::Failed("a new webhook has no id".to_owned()));
        };
        let webhook = Webhook { id, ..webhook.clone() };
        progress::begin(transaction, &webhook, newest).await?;
        Ok(Ok(webhook))
    })
    .await
}

/// Locks the row of an account, and answers the newest sequence of its log.
async fn lock_account(
    transaction: &Transaction<'_>,
    account: AccountId,
) -> Result<i64, StoreError> {
    let mut newest = query(transaction, LOCK_ACCOUNT, &[&account.get()], Cells::take).await?;
    Ok(newest.pop().unwrap_or(0))
}

/// The webhooks of an account.
pub(super) async fn of_account(
    db: &Database,
    account: AccountId,
) -> Result<Vec<Webhook>, StoreError> {
    db.query(OF_ACCOUNT, &[&account.get()], webhook).await
}

/// One webhook.
pub(super) async fn by_id(
    client: &impl GenericClient,
    account: AccountId,
    id: WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    Ok(query(client, BY_ID, &[&id.get(), &account.get()], webhook).await?.pop())
}

/// One webhook, which nobody else changes until the transaction ends.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    Ok(query(transaction, BY_ID_LOCKED, &[&id.get(), &account.get()], webhook).await?.pop())
}

/// Stores `after` if `before` stands there, unless its URL is new and taken.
pub(super) async fn replace(
    db: &Database,
    before: &Webhook,
    after: &Webhook,
    url_use: UrlUse,
) -> Result<Result<(), NotStored>, StoreError> {
    let wants_sole_url = url_use == UrlUse::Sole && after.url != before.url;
    db.transaction(async |transaction| {
        // Also where the URL may be shared: somebody else may want it for himself at the same time.
        if after.url != before.url || after.format != before.format {
            lock_account(transaction, before.account).await?;
        }
        if lock(transaction, before.account, before.id).await?.as_ref() != Some(before) {
            return Ok(Err(NotStored::Outdated));
        }
        if wants_sole_url && is_url_taken(transaction, after).await? {
            return Ok(Err(NotStored::UrlTaken));
        }
        update(transaction, after).await?;
        Ok(Ok(()))
    })
    .await
}

/// Makes a webhook active, with a new health.
pub(super) async fn switch_on(
    db: &Database,
    before: &Webhook,
    from: ResumeFrom,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (account, id) = (before.account, before.id);
    db.transaction(async |transaction| {
        let newest = match from {
            ResumeFrom::Position => None,
            ResumeFrom::Newest => Some(lock_account(transaction, account).await?),
        };
        if lock(transaction, account, id).await?.as_ref() != Some(before) {
            return Ok(false);
        }
        let after = Webhook { state: WebhookState::Active, ..before.clone() };
        update(transaction, &after).await?;
        progress::begin_anew(transaction, account, id, now).await?;
        match newest {
            None => progress::attempt_at_once(transaction, account, id, now).await?,
            Some(newest) => {
                progress::move_to(transaction, account, id, newest).await?;
            }
        }
        Ok(true)
    })
    .await
}

/// Switches a webhook off. The caller has locked it.
pub(super) async fn switch_off(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: WebhookId,
) -> Result<(), StoreError> {
    let sql = "UPDATE webhooks SET state = $3 WHERE id = $1 AND account_id = $2";
    let state = WebhookState::SwitchedOff.code();
    execute(transaction, sql, &[&id.get(), &account.get(), &state]).await?;
    Ok(())
}

/// Forgets a webhook, except what was delivered to it; whether there was one.
pub(super) async fn delete(
    db: &Database,
    account: AccountId,
    id: WebhookId,
) -> Result<bool, StoreError> {
    db.transaction(async |transaction| {
        let sql = "DELETE FROM webhooks WHERE id = $1 AND account_id = $2";
        if execute(transaction, sql, &[&id.get(), &account.get()]).await? == 0 {
            return Ok(false);
        }
        progress::delete(transaction, account, id).await?;
        Ok(true)
    })
    .await
}

/// Whether a webhook of the same account and format has the URL of `webhook`, which is not stored.
async fn is_url_taken(
    transaction: &Transaction<'_>,
    webhook: &Webhook,
) -> Result<bool, StoreError> {
    let parameters: &Parameters<'_> = &[&webhook.account.get(), &webhook.format, &webhook.url];
    let taken = query(transaction, WITH_URL, parameters, |cells| cells.id(WebhookId::new)).await?;
    Ok(!taken.is_empty())
}

async fn update(transaction: &Transaction<'_>, webhook: &Webhook) -> Result<(), StoreError> {
    write(transaction, UPDATE, webhook, &[&webhook.id.get()]).await?;
    Ok(())
}

/// Writes a webhook, and answers its id. `fixed` are the parameters behind those of the columns.
async fn write(
    transaction: &Transaction<'_>,
    sql: &str,
    webhook: &Webhook,
    fixed: &Parameters<'_>,
) -> Result<Option<WebhookId>, StoreError> {
    let (previous, until) = webhook
        .previous_secret
        .map(|(secret, until)| (secret.to_vec(), millisecond(until)))
        .unzip();
    let mutable: &Parameters<'_> = &[
        &webhook.account.get(),
        &webhook.format,
        &webhook.url,
        &webhook.url_is_exact,
        &webhook.name,
        &webhook.types.join(" "),
        &webhook.secret.as_slice(),
        &previous,
        &until,
        &webhook.state.code(),
        &millisecond(webhook.created_at),
    ];
    let mut written =
        query(transaction, sql, &[mutable, fixed].concat(), |cells| cells.id(WebhookId::new))
            .await?;
    Ok(written.pop())
}
