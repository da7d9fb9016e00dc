//! Who comes in: keys of programs, sessions of people, and the secrets of this installation.

use domain::account::Account;
use domain::id::{AccountId, MemberId};
use engine::store::{ApiKey, KeyConflict, Session};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::accounts;
use super::cells::SqliteCells;
use crate::cells::{millisecond, optional_millisecond};
use crate::rows::access::{key, key_columns, session, session_columns, spaced};

const PUT_KEY: &str = "INSERT INTO api_keys (id, account_id, member_id, name, audience, secret_hash, can_read, \
    can_write, shops, allowed_addresses, created_at, expires_at, revoked_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
    ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, member_id = excluded.member_id, \
    name = excluded.name, audience = excluded.audience, secret_hash = excluded.secret_hash, \
    can_read = excluded.can_read, can_write = excluded.can_write, shops = excluded.shops, \
    allowed_addresses = excluded.allowed_addresses, created_at = excluded.created_at, \
    expires_at = excluded.expires_at, revoked_at = excluded.revoked_at";

/// Stores a key. Whoever is connected with the one that it replaces has to look again.
pub(super) fn put_key(
    db: &Connection,
    key: &ApiKey,
) -> Result<std::result::Result<(), KeyConflict>> {
    let taken = db
        .prepare_cached("SELECT 1 FROM api_keys WHERE secret_hash = ?1 AND id <> ?2")?
        .exists(params![key.secret_hash, key.id.into_bytes()])?;
    if taken {
        return Ok(Err(KeyConflict::SecretTaken));
    }
    let former: Option<Option<i64>> = db
        .prepare_cached("SELECT account_id FROM api_keys WHERE id = ?1")?
        .query_row([key.id.into_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(former) = former.flatten() {
        move_credentials(db, former)?;
    }
    db.prepare_cached(PUT_KEY)?.execute(params![
        key.id.into_bytes(),
        key.account.map(AccountId::get),
        key.member.map(MemberId::get),
        key.name,
        key.audience,
        key.secret_hash,
        key.can_read,
        key.can_write,
        key.shops.as_deref().map(spaced),
        spaced(&key.allowed_addresses),
        millisecond(key.created_at),
        optional_millisecond(key.expires_at),
        optional_millisecond(key.revoked_at),
    ])?;
    Ok(Ok(()))
}

pub(super) const KEY_BY_HASH: &str =
    concat!("SELECT ", key_columns!(), " FROM api_keys WHERE secret_hash = ?1");
pub(super) const KEYS_OF_ACCOUNT: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys WHERE account_id IS ?1 ORDER BY created_at, id"
);

/// The key with a secret, and its account.
pub(super) fn key_by_hash(
    db: &Connection,
    secret_hash: [u8; 32],
) -> Result<Option<(ApiKey, Option<Account>)>> {
    let key = db
        .prepare_cached(KEY_BY_HASH)?
        .query_row([secret_hash], |row| key(&mut SqliteCells::of(row)))
        .optional()?;
    let Some(key) = key else { return Ok(None) };
    let account = accounts::accounts(db, key.account.as_slice())?.pop();
    Ok(Some((key, account)))
}

/// The keys of an account, or of the marketplace.
pub(super) fn keys_of(db: &Connection, account: Option<AccountId>) -> Result<Vec<ApiKey>> {
    db.prepare_cached(KEYS_OF_ACCOUNT)?
        .query_map([account.map(AccountId::get)], |row| key(&mut SqliteCells::of(row)))?
        .collect()
}

const PUT_SESSION: &str = "INSERT INTO sessions (id, account_id, token_hash, ip_address, user_agent, created_at, \
    last_activity, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
    ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, token_hash = excluded.token_hash, \
    ip_address = excluded.ip_address, user_agent = excluded.user_agent, created_at = excluded.created_at, \
    last_activity = excluded.last_activity, expires_at = excluded.expires_at";

/// Stores a session, and sweeps out those that are over. Whoever is connected with the one that it replaces has to look
/// again.
pub(super) fn put_session(db: &Connection, session: &Session) -> Result<()> {
    let former: Option<i64> = db
        .prepare_cached("SELECT account_id FROM sessions WHERE id = ?1")?
        .query_row([&session.id], |row| row.get(0))
        .optional()?;
    if let Some(former) = former {
        move_credentials(db, former)?;
    }
    db.prepare_cached("DELETE FROM sessions WHERE account_id = ?1 AND expires_at <= ?2")?
        .execute(params![session.account.get(), millisecond(session.created_at)])?;
    db.prepare_cached(PUT_SESSION)?.execute(params![
        session.id,
        session.account.get(),
        session.token_hash,
        session.ip_address,
        session.user_agent,
        millisecond(session.created_at),
        millisecond(session.last_activity),
        millisecond(session.expires_at),
    ])?;
    Ok(())
}

/// Notes the use of a session, if it still runs.
pub(super) fn renew_session(db: &Connection, session: &Session) -> Result<bool> {
    let renewed = db
        .prepare_cached(
            "UPDATE sessions SET ip_address = ?4, user_agent = ?5, last_activity = ?6, expires_at = ?7 \
             WHERE id = ?1 AND account_id = ?2 AND token_hash = ?3",
        )?
        .execute(params![
            session.id,
            session.account.get(),
            session.token_hash,
            session.ip_address,
            session.user_agent,
            millisecond(session.last_activity),
            millisecond(session.expires_at),
        ])?;
    Ok(0 < renewed)
}

pub(super) const SESSION_BY_HASH: &str =
    concat!("SELECT ", session_columns!(), " FROM sessions WHERE token_hash = ?1");
pub(super) const SESSIONS_OF_ACCOUNT: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions WHERE account_id = ?1 ORDER BY last_activity DESC, id DESC"
);

/// The session with a cookie.
pub(super) fn session_by_hash(db: &Connection, token_hash: [u8; 32]) -> Result<Option<Session>> {
    db.prepare_cached(SESSION_BY_HASH)?
        .query_row([token_hash], |row| session(&mut SqliteCells::of(row)))
        .optional()
}

/// The sessions of an account.
pub(super) fn sessions_of(db: &Connection, account: AccountId) -> Result<Vec<Session>> {
    db.prepare_cached(SESSIONS_OF_ACCOUNT)?
        .query_map([account.get()], |row| session(&mut SqliteCells::of(row)))?
        .collect()
}

/// Ends a session; whether there was one.
pub(super) fn delete_session(db: &Connection, account: AccountId, id: &str) -> Result<bool> {
    let deleted = db
        .prepare_cached("DELETE FROM sessions WHERE id = ?1 AND account_id = ?2")?
        .execute(params![id, account.get()])?;
    if 0 < deleted {
        move_credentials(db, account.get())?;
    }
    Ok(0 < deleted)
}

/// Ends all sessions of an account but one.
pub(super) fn delete_other_sessions(db: &Connection, account: AccountId, kept: &str) -> Result<()> {
    let deleted = db
        .prepare_cached("DELETE FROM sessions WHERE account_id = ?1 AND id <> ?2")?
        .execute(params![account.get(), kept])?;
    if 0 < deleted {
        move_credentials(db, account.get())?;
    }
    Ok(())
}

pub(super) const CREDENTIAL_REVISION: &str =
    "SELECT revision FROM credential_revisions WHERE account_id = ?1";

/// How often the credentials of an account were changed.
pub(super) fn credential_revision(db: &Connection, account: AccountId) -> Result<i64> {
    let revision = db
        .prepare_cached(CREDENTIAL_REVISION)?
        .query_row([account.get()], |row| row.get(0))
        .optional()?;
    Ok(revision.unwrap_or(0))
}

/// Notes that credentials of `account` were changed.
pub(super) fn move_credentials(db: &Connection, account: i64) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO credential_revisions (account_id, revision) VALUES (?1, 1) \
         ON CONFLICT (account_id) DO UPDATE SET revision = revision + 1",
    )?
    .execute([account])?;
    Ok(())
}

/// A secret, which is `fresh` from now on if it was none before.
pub(super) fn secret(db: &Connection, name: &str, fresh: [u8; 32]) -> Result<[u8; 32]> {
    db.prepare_cached("INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![name, fresh])?;
    db.prepare_cached("SELECT value FROM secrets WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
}
