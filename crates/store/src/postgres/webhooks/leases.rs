//! Who holds which webhook.

use std::time::Duration;

use domain::id::{AccountId, WebhookId};
use engine::store::{LeasedWebhook, StoreError};

use crate::cells::Cells as _;
use crate::postgres::database::{Database, query};
use crate::rows::webhooks::{webhook, webhook_columns};

/// The condition that a webhook is pushed to, in one of the formats `$2`. The state is written out, so that PostgreSQL
/// takes the index of active ones.
macro_rules! is_pushed_to {
    () => {
        "webhooks.state = 1 AND webhooks.format = ANY($2) AND NOT EXISTS \
         (SELECT 1 FROM accounts WHERE accounts.id = webhooks.account_id AND NOT accounts.is_active)"
    };
}

/// The time by the clock of the database, which all servers share.
macro_rules! now {
    () => {
        "(extract(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"
    };
}

macro_rules! answer_leased {
    () => {
        concat!(
            "SELECT ",
            webhook_columns!(),
            ", revision FROM webhooks JOIN leased ON leased.leased_id = webhooks.id"
        )
    };
}

pub(in crate::postgres) const RENEW: &str = concat!(
    "WITH leased AS (UPDATE webhook_progress SET held_until = ",
    now!(),
    " + $3 FROM webhooks WHERE holder = $1 AND webhooks.id = webhook_progress.webhook_id \
     AND webhooks.account_id = webhook_progress.account_id AND ",
    is_pushed_to!(),
    " RETURNING webhook_id AS leased_id, revision) ",
    answer_leased!()
);
/// Both rows are locked: a webhook that is switched off at this moment is not taken as it stood before. What somebody
/// else is about to take or to change is left to him.
pub(in crate::postgres) const TAKE: &str = concat!(
    "WITH free AS (SELECT progress.account_id, progress.webhook_id FROM webhooks JOIN webhook_progress AS progress \
     ON progress.account_id = webhooks.account_id AND progress.webhook_id = webhooks.id WHERE ",
    is_pushed_to!(),
    " AND holder IS DISTINCT FROM $1 AND (holder IS NULL OR held_until <= ",
    now!(),
    ") FOR UPDATE OF webhooks, progress SKIP LOCKED), \
     leased AS (UPDATE webhook_progress AS progress SET holder = $1, held_until = ",
    now!(),
    " + $3 FROM free WHERE progress.account_id = free.account_id AND progress.webhook_id = free.webhook_id \
     RETURNING progress.webhook_id AS leased_id, revision) ",
    answer_leased!()
);

/// Renews the active webhooks in `formats` that `holder` holds, and takes those that nobody does. Only for one of its
/// own does it wait, while somebody saves how far that one has come.
pub(super) async fn lease(
    db: &Database,
    holder: &str,
    formats: &[&str],
    term: Duration,
) -> Result<Vec<LeasedWebhook>, StoreError> {
    /// Longer than any server lives; the sum with the time of day still is a number.
    const LONGEST_MS: i64 = i64::MAX / 2;
    let term = i64::try_from(term.as_millis()).unwrap_or(LONGEST_MS).min(LONGEST_MS);
    let mut leased = Vec::new();
    db.transaction(async |transaction| {
        for sql in [RENEW, TAKE] {
            let found = query(transaction, sql, &[&holder, &formats, &term], |cells| {
                Ok(LeasedWebhook { webhook: webhook(cells)?, revision: cells.take()? })
            })
            .await?;
            leased.extend(found);
        }
        Ok(())
    })
    .await?;
    leased.sort_unstable_by_key(|leased| leased.webhook.id);
    Ok(leased)
}

/// Gives a webhook back.
pub(super) async fn release(
    db: &Database,
    holder: &str,
    account: AccountId,
    id: WebhookId,
) -> Result<(), StoreError> {
    let sql = "UPDATE webhook_progress SET holder = NULL \
        WHERE account_id = $1 AND webhook_id = $2 AND holder = $3";
    db.execute(sql, &[&account.get(), &id.get(), &holder]).await?;
    Ok(())
}
