//! The webhooks themselves.

use domain::Timestamp;
use domain::id::{AccountId, WebhookId};
use engine::store::{NotStored, ResumeFrom, UrlUse, Webhook, WebhookState};
use rusqlite::{Connection, Error, OptionalExtension, Result, Row, ToSql, named_params, params};

use super::progress;
use crate::cells::{millisecond, number};
use crate::codes::Code as _;
use crate::rows::webhooks::{webhook, webhook_columns};
use crate::sqlite::cells::SqliteCells;
use crate::sqlite::log;

macro_rules! select_webhook {
    ($rest:literal) => {
        concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE ", $rest)
    };
}

pub(in crate::sqlite) const OF_ACCOUNT: &str = select_webhook!("account_id = ?1 ORDER BY id");
pub(in crate::sqlite) const BY_ID: &str = select_webhook!("id = ?1 AND account_id = ?2");
/// The state is written out, so that SQLite takes the index of active ones.
pub(in crate::sqlite) const ACTIVE: &str = select_webhook!(
    "state = 1 AND id > 0 AND NOT EXISTS \
     (SELECT 1 FROM accounts WHERE accounts.id = webhooks.account_id AND NOT is_active) ORDER BY id"
);
pub(in crate::sqlite) const WITH_URL: &str =
    "SELECT 1 FROM webhooks WHERE account_id = ?1 AND format = ?2 AND url = ?3";

const COUNT: &str = "SELECT count(*) FROM webhooks WHERE account_id = ?1";
const INSERT: &str = "INSERT INTO webhooks (account_id, format, url, url_is_exact, name, types, secret, \
    previous_secret, previous_secret_until, state, created_at) \
    VALUES (:account, :format, :url, :url_is_exact, :name, :types, :secret, \
    :previous_secret, :previous_secret_until, :state, :created_at)";
const UPDATE: &str = "UPDATE webhooks SET format = :format, url = :url, url_is_exact = :url_is_exact, name = :name, \
    types = :types, secret = :secret, previous_secret = :previous_secret, \
    previous_secret_until = :previous_secret_until, state = :state, created_at = :created_at \
    WHERE id = :id AND account_id = :account";

/// Stores a new webhook that begins at the end of the log, unless there are `webhooks_max` already, or its URL is taken.
pub(super) fn create(
    db: &Connection,
    webhook: Webhook,
    webhooks_max: usize,
    url_use: UrlUse,
) -> Result<Result<Webhook, NotStored>> {
    let account = webhook.account;
    let count: i64 = db.prepare_cached(COUNT)?.query_row([account.get()], |row| row.get(0))?;
    if number(webhooks_max) <= count {
        return Ok(Err(NotStored::TooMany));
    }
    if url_use == UrlUse::Sole && is_url_taken(db, &webhook)? {
        return Ok(Err(NotStored::UrlTaken));
    }
    write(db, INSERT, &webhook, &[])?;
    let row = db.last_insert_rowid();
    let id = WebhookId::new(row).ok_or(Error::IntegralValueOutOfRange(0, row))?;
    let webhook = Webhook { id, ..webhook };
    progress::begin(db, &webhook, log::newest(db, account)?)?;
    Ok(Ok(webhook))
}

/// The webhooks of an account.
pub(super) fn of_account(db: &Connection, account: AccountId) -> Result<Vec<Webhook>> {
    db.prepare_cached(OF_ACCOUNT)?.query_map([account.get()], row)?.collect()
}

/// One webhook.
pub(super) fn by_id(db: &Connection, account: AccountId, id: WebhookId) -> Result<Option<Webhook>> {
    db.prepare_cached(BY_ID)?.query_row([id.get(), account.get()], row).optional()
}

/// All webhooks that are pushed to: active ones, unless their account is out of use.
pub(super) fn active(db: &Connection) -> Result<Vec<Webhook>> {
    db.prepare_cached(ACTIVE)?.query_map([], row)?.collect()
}

/// Stores `after` if `before` stands there, unless its URL is new and taken.
pub(super) fn replace(
    db: &Connection,
    before: &Webhook,
    after: &Webhook,
    url_use: UrlUse,
) -> Result<Result<(), NotStored>> {
    if by_id(db, before.account, before.id)?.as_ref() != Some(before) {
        return Ok(Err(NotStored::Outdated));
    }
    if url_use == UrlUse::Sole && after.url != before.url && is_url_taken(db, after)? {
        return Ok(Err(NotStored::UrlTaken));
    }
    update(db, after)?;
    Ok(Ok(()))
}

/// Makes a webhook active, with a new health.
pub(super) fn switch_on(
    db: &Connection,
    before: Webhook,
    from: ResumeFrom,
    now: Timestamp,
) -> Result<bool> {
    let (account, id) = (before.account, before.id);
    if by_id(db, account, id)?.as_ref() != Some(&before) {
        return Ok(false);
    }
    update(db, &Webhook { state: WebhookState::Active, ..before })?;
    progress::begin_anew(db, account, id, now)?;
    match from {
        ResumeFrom::Position => progress::attempt_at_once(db, account, id, now)?,
        ResumeFrom::Newest => {
            progress::move_to(db, account, id, log::newest(db, account)?)?;
        }
    }
    Ok(true)
}

/// Switches a webhook off.
pub(super) fn switch_off(db: &Connection, account: AccountId, id: WebhookId) -> Result<()> {
    db.prepare_cached("UPDATE webhooks SET state = ?3 WHERE id = ?1 AND account_id = ?2")?
        .execute(params![id.get(), account.get(), WebhookState::SwitchedOff.code()])?;
    Ok(())
}

/// Forgets a webhook, except what was delivered to it; whether there was one.
pub(super) fn delete(db: &Connection, account: AccountId, id: WebhookId) -> Result<bool> {
    let deleted = db
        .prepare_cached("DELETE FROM webhooks WHERE id = ?1 AND account_id = ?2")?
        .execute([id.get(), account.get()])?;
    if deleted == 0 {
        return Ok(false);
    }
    progress::delete(db, account, id)?;
    Ok(true)
}

/// Whether a webhook of the same account and format has the URL of `webhook`, which is not stored.
fn is_url_taken(db: &Connection, webhook: &Webhook) -> Result<bool> {
    let taken = params![webhook.account.get(), webhook.format, webhook.url];
    db.prepare_cached(WITH_URL)?.exists(taken)
}

fn update(db: &Connection, webhook: &Webhook) -> Result<()> {
    write(db, UPDATE, webhook, named_params! { ":id": webhook.id.get() })
}

fn write(
    db: &Connection,
    sql: &str,
    webhook: &Webhook,
    fixed: &[(&str, &dyn ToSql)],
) -> Result<()> {
    let (previous, until) =
        webhook.previous_secret.map(|(secret, until)| (secret, millisecond(until))).unzip();
    let mutable = named_params! {
        ":account": webhook.account.get(),
        ":format": webhook.format,
        ":url": webhook.url,
        ":url_is_exact": webhook.url_is_exact,
        ":name": webhook.name,
        ":types": webhook.types.join(" "),
        ":secret": webhook.secret,
        ":previous_secret": previous,
        ":previous_secret_until": until,
        ":state": webhook.state.code(),
        ":created_at": millisecond(webhook.created_at),
    };
    db.prepare_cached(sql)?.execute(&*[mutable, fixed].concat())?;
    Ok(())
}

fn row(row: &Row<'_>) -> Result<Webhook> {
    webhook(&mut SqliteCells::of(row))
}
