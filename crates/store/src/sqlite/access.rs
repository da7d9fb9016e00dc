//! Who comes in: keys of programs, sessions of people, and the secrets of this installation.

use std::net::IpAddr;

use domain::id::{AccountId, MemberId, ShopId};
use engine::store::{ApiKey, KeyConflict, Session};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Result, Row, params};

use super::cells::SqliteCells;
use crate::cells::{Cells as _, millisecond, optional_millisecond};

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

macro_rules! select_key {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, member_id, name, audience, secret_hash, can_read, can_write, shops, \
             allowed_addresses, created_at, expires_at, revoked_at FROM api_keys WHERE ",
            $rest
        )
    };
}

pub(super) const KEY_BY_HASH: &str = select_key!("secret_hash = ?1");
pub(super) const KEYS_OF_ACCOUNT: &str = select_key!("account_id IS ?1 ORDER BY created_at, id");

/// The key with a secret.
pub(super) fn key_by_hash(db: &Connection, secret_hash: [u8; 32]) -> Result<Option<ApiKey>> {
    db.prepare_cached(KEY_BY_HASH)?.query_row([secret_hash], key).optional()
}

/// The keys of an account, or of the marketplace.
pub(super) fn keys_of(db: &Connection, account: Option<AccountId>) -> Result<Vec<ApiKey>> {
    db.prepare_cached(KEYS_OF_ACCOUNT)?.query_map([account.map(AccountId::get)], key)?.collect()
}

fn key(row: &Row<'_>) -> Result<ApiKey> {
    let mut cells = SqliteCells::of(row);
    Ok(ApiKey {
        id: cells.uuid()?,
        account: cells.optional_id(AccountId::new)?,
        member: cells.optional_id(MemberId::new)?,
        name: cells.take()?,
        audience: cells.take()?,
        secret_hash: cells.bytes_32()?,
        can_read: cells.take()?,
        can_write: cells.take()?,
        shops: cells
            .take::<Option<String>>()?
            .map(|shops| unspaced(&shops, |shop| ShopId::new(shop.parse().ok()?)))
            .transpose()?,
        allowed_addresses: unspaced(&cells.take::<String>()?, |address| {
            address.parse::<IpAddr>().ok()
        })?,
        created_at: cells.time()?,
        expires_at: cells.optional_time()?,
        revoked_at: cells.optional_time()?,
    })
}

fn spaced<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn unspaced<T>(text: &str, parse: fn(&str) -> Option<T>) -> Result<Vec<T>> {
    let broken = || Error::FromSqlConversionFailure(0, Type::Text, "a broken list".into());
    text.split_whitespace().map(|value| parse(value).ok_or_else(broken)).collect()
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

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, token_hash, ip_address, user_agent, created_at, last_activity, expires_at \
             FROM sessions WHERE ",
            $rest
        )
    };
}

pub(super) const SESSION_BY_HASH: &str = select_session!("token_hash = ?1");
pub(super) const SESSIONS_OF_ACCOUNT: &str =
    select_session!("account_id = ?1 ORDER BY last_activity DESC, id DESC");

/// The session with a cookie.
pub(super) fn session_by_hash(db: &Connection, token_hash: [u8; 32]) -> Result<Option<Session>> {
    db.prepare_cached(SESSION_BY_HASH)?.query_row([token_hash], session).optional()
}

/// The sessions of an account.
pub(super) fn sessions_of(db: &Connection, account: AccountId) -> Result<Vec<Session>> {
    db.prepare_cached(SESSIONS_OF_ACCOUNT)?.query_map([account.get()], session)?.collect()
}

fn session(row: &Row<'_>) -> Result<Session> {
    let mut cells = SqliteCells::of(row);
    Ok(Session {
        id: cells.take()?,
        account: cells.id(AccountId::new)?,
        token_hash: cells.bytes_32()?,
        ip_address: cells.take()?,
        user_agent: cells.take()?,
        created_at: cells.time()?,
        last_activity: cells.time()?,
        expires_at: cells.time()?,
    })
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
