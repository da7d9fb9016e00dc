//! How far each webhook has come, and who holds it.

use domain::Timestamp;
use domain::id::{AccountId, ChatId, WebhookId};
use engine::store::{LeasedWebhook, ProgressChange, Webhook, WebhookHealth, WebhookProgress};
use rusqlite::{Connection, OptionalExtension, Result, ToSql, named_params, params};

use super::{deliveries, subscriptions};
use crate::cells::{millisecond, optional_millisecond};
use crate::rows::webhooks::{progress, progress_columns, waiting_push, waiting_push_columns};
use crate::sqlite::cells::SqliteCells;

pub(in crate::sqlite) const PROGRESS: &str = concat!(
    "SELECT ",
    progress_columns!(),
    " FROM webhook_progress WHERE account_id = ?1 AND webhook_id = ?2"
);
pub(in crate::sqlite) const WAITING: &str = concat!(
    "SELECT ",
    waiting_push_columns!(),
    " FROM waiting_pushes WHERE account_id = ?1 AND webhook_id = ?2 ORDER BY sequence"
);

const BEGIN: &str = "INSERT INTO webhook_progress (account_id, webhook_id, revision, position, failing_since, \
    was_reached, has_alarmed, pinged_at, counted_since, attempts, answered_200, holder, held_until) \
    VALUES (:account, :webhook, 1, :position, :failing_since, :was_reached, :has_alarmed, :pinged_at, \
    :counted_since, :attempts, :answered_200, NULL, 0)";
const BEGIN_ANEW: &str = "UPDATE webhook_progress SET revision = revision + 1, failing_since = :failing_since, \
    was_reached = :was_reached, has_alarmed = :has_alarmed, pinged_at = :pinged_at, counted_since = :counted_since, \
    attempts = :attempts, answered_200 = :answered_200 WHERE account_id = :account AND webhook_id = :webhook";
const SAVE: &str = "UPDATE webhook_progress SET failing_since = :failing_since, was_reached = :was_reached, \
    has_alarmed = :has_alarmed, pinged_at = :pinged_at, counted_since = :counted_since, attempts = :attempts, \
    answered_200 = :answered_200, position = :position \
    WHERE account_id = :account AND webhook_id = :webhook AND revision = :revision AND holder = :holder";
const LEASE: &str = "UPDATE webhook_progress SET holder = ?3, held_until = ?5 \
    WHERE account_id = ?1 AND webhook_id = ?2 AND (holder IS NULL OR holder = ?3 OR held_until <= ?4) \
    RETURNING revision";

/// Puts a new webhook behind the entry `position`.
pub(super) fn begin(db: &Connection, webhook: &Webhook, position: i64) -> Result<()> {
    let health = WebhookHealth::unknown(webhook.created_at);
    let fixed = named_params! { ":position": position };
    write(db, BEGIN, webhook.account, webhook.id, health, fixed)?;
    Ok(())
}

/// Forgets how the receiver did.
pub(super) fn begin_anew(
    db: &Connection,
    account: AccountId,
    id: WebhookId,
    now: Timestamp,
) -> Result<()> {
    write(db, BEGIN_ANEW, account, id, WebhookHealth::unknown(now), &[])?;
    Ok(())
}

/// Writes how a receiver does, and what else the statement names; answers how many rows it wrote.
fn write(
    db: &Connection,
    sql: &str,
    account: AccountId,
    id: WebhookId,
    health: WebhookHealth,
    fixed: &[(&str, &dyn ToSql)],
) -> Result<usize> {
    let mutable = named_params! {
        ":account": account.get(),
        ":webhook": id.get(),
        ":failing_since": optional_millisecond(health.failing_since),
        ":was_reached": health.was_reached,
        ":has_alarmed": health.has_alarmed,
        ":pinged_at": millisecond(health.pinged_at),
        ":counted_since": millisecond(health.counted_since),
        ":attempts": health.attempts,
        ":answered_200": health.answered_200,
    };
    db.prepare_cached(sql)?.execute(&*[mutable, fixed].concat())
}

/// Lets what waits be attempted at `now`, as if for the first time.
pub(super) fn attempt_at_once(
    db: &Connection,
    account: AccountId,
    id: WebhookId,
    now: Timestamp,
) -> Result<()> {
    db.prepare_cached(
        "UPDATE waiting_pushes SET attempts = 0, next_attempt_at = ?3 WHERE account_id = ?1 AND webhook_id = ?2",
    )?
    .execute([account.get(), id.get(), millisecond(now)])?;
    Ok(())
}

/// Puts a webhook behind the entry `position`, with nothing waiting; whether there is such a webhook.
pub(super) fn move_to(
    db: &Connection,
    account: AccountId,
    id: WebhookId,
    position: i64,
) -> Result<bool> {
    forget_waiting(db, account, id)?;
    let moved = db
        .prepare_cached(
            "UPDATE webhook_progress SET revision = revision + 1, position = ?3 \
             WHERE account_id = ?1 AND webhook_id = ?2",
        )?
        .execute([account.get(), id.get(), position])?;
    Ok(0 < moved)
}

/// Forgets how far a webhook has come.
pub(super) fn delete(db: &Connection, account: AccountId, id: WebhookId) -> Result<()> {
    forget_waiting(db, account, id)?;
    db.prepare_cached("DELETE FROM webhook_progress WHERE account_id = ?1 AND webhook_id = ?2")?
        .execute([account.get(), id.get()])?;
    Ok(())
}

fn forget_waiting(db: &Connection, account: AccountId, id: WebhookId) -> Result<()> {
    db.prepare_cached("DELETE FROM waiting_pushes WHERE account_id = ?1 AND webhook_id = ?2")?
        .execute([account.get(), id.get()])?;
    Ok(())
}

/// How far a webhook has come.
pub(super) fn of(
    db: &Connection,
    account: AccountId,
    id: WebhookId,
) -> Result<Option<WebhookProgress>> {
    let found = db
        .prepare_cached(PROGRESS)?
        .query_row([account.get(), id.get()], |row| progress(&mut SqliteCells::of(row)))
        .optional()?;
    let Some(progress) = found else { return Ok(None) };
    let waiting = db
        .prepare_cached(WAITING)?
        .query_map([account.get(), id.get()], |row| waiting_push(&mut SqliteCells::of(row)))?
        .collect::<Result<_>>()?;
    Ok(Some(WebhookProgress { waiting, ..progress }))
}

/// Takes the active webhooks in `formats` that nobody holds at `now`, and renews those that `holder` holds.
pub(super) fn lease(
    db: &Connection,
    holder: &str,
    formats: &[String],
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<LeasedWebhook>> {
    let mut take = db.prepare_cached(LEASE)?;
    let mut leased = Vec::new();
    for webhook in subscriptions::active(db)? {
        if !formats.contains(&webhook.format) {
            continue;
        }
        let (account, id) = (webhook.account.get(), webhook.id.get());
        let taken = params![account, id, holder, millisecond(now), millisecond(until)];
        let revision = take.query_row(taken, |row| row.get(0)).optional()?;
        leased.extend(revision.map(|revision| LeasedWebhook { webhook, revision }));
    }
    Ok(leased)
}

/// Gives a webhook back.
pub(super) fn release(
    db: &Connection,
    holder: &str,
    account: AccountId,
    id: WebhookId,
) -> Result<()> {
    db.prepare_cached(
        "UPDATE webhook_progress SET holder = NULL WHERE account_id = ?1 AND webhook_id = ?2 AND holder = ?3",
    )?
    .execute(params![account.get(), id.get(), holder])?;
    Ok(())
}

/// Saves what has come of some pushes, if `holder` still holds the webhook and it is what it was.
pub(super) fn save(db: &Connection, holder: &str, change: &ProgressChange) -> Result<bool> {
    let (account, id) = (change.account, change.webhook);
    let fixed = named_params! {
        ":position": change.position,
        ":revision": change.revision,
        ":holder": holder,
    };
    let saved = write(db, SAVE, account, id, change.health, fixed)?;
    if saved == 0 {
        return Ok(false);
    }
    let mut settle = db.prepare_cached(
        "DELETE FROM waiting_pushes WHERE account_id = ?1 AND webhook_id = ?2 AND sequence = ?3",
    )?;
    for sequence in &change.settled {
        settle.execute([account.get(), id.get(), *sequence])?;
    }
    let mut wait = db.prepare_cached(
        "INSERT INTO waiting_pushes (account_id, webhook_id, sequence, chat_id, attempts, next_attempt_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (account_id, webhook_id, sequence) DO UPDATE SET \
         attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at",
    )?;
    for push in &change.waiting {
        wait.execute(params![
            account.get(),
            id.get(),
            push.sequence,
            push.chat.map(ChatId::get),
            push.attempts,
            millisecond(push.next_attempt_at),
        ])?;
    }
    for delivery in &change.deliveries {
        deliveries::add(db, account, delivery)?;
    }
    if change.switches_off {
        subscriptions::switch_off(db, account, id)?;
        db.prepare_cached(
            "UPDATE webhook_progress SET holder = NULL, revision = revision + 1 \
             WHERE account_id = ?1 AND webhook_id = ?2",
        )?
        .execute([account.get(), id.get()])?;
    }
    Ok(true)
}
