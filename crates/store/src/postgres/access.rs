//! Who comes in: keys of programs, sessions of people, and the secrets of this installation.

use deadpool_postgres::Transaction;
use domain::account::Account;
use domain::id::{AccountId, MemberId};
use engine::store::{ApiKey, KeyConflict, Session, StoreError};

use super::database::{Database, Parameters, execute, is_storable, lock_writers_of, query};
use super::gathering::Lookup;
use crate::cells::{Cells, millisecond, optional_millisecond};
use crate::rows::access::{key, key_columns, session, session_columns, spaced};
use crate::rows::accounts::{account, account_columns};

const SECRET_OF_ANOTHER: &str = "SELECT id FROM api_keys WHERE secret_hash = $1 AND id <> $2";
const ACCOUNT_OF_KEY: &str = "SELECT account_id FROM api_keys WHERE id = $1";
const PUT_KEY: &str = "INSERT INTO api_keys (id, account_id, member_id, name, audience, secret_hash, can_read, \
    can_write, shops, allowed_addresses, created_at, expires_at, revoked_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
    ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, member_id = excluded.member_id, \
    name = excluded.name, audience = excluded.audience, secret_hash = excluded.secret_hash, \
    can_read = excluded.can_read, can_write = excluded.can_write, shops = excluded.shops, \
    allowed_addresses = excluded.allowed_addresses, created_at = excluded.created_at, \
    expires_at = excluded.expires_at, revoked_at = excluded.revoked_at";

/// Stores a key. Whoever is connected with the one that it replaces has to look again.
pub(super) async fn put_key(
    db: &Database,
    key: &ApiKey,
) -> Result<Result<(), KeyConflict>, StoreError> {
    let secret_hash = key.secret_hash.as_slice();
    db.transaction(async |transaction| {
        lock_writers_of(transaction, "api_keys").await?;
        let taken: &Parameters<'_> = &[&secret_hash, &key.id];
        if !query(transaction, SECRET_OF_ANOTHER, taken, Cells::uuid).await?.is_empty() {
            return Ok(Err(KeyConflict::SecretTaken));
        }
        let former = query(transaction, ACCOUNT_OF_KEY, &[&key.id], |cells| {
            cells.optional_id(AccountId::new)
        })
        .await?;
        execute(
            transaction,
            PUT_KEY,
            &[
                &key.id,
                &key.account.map(AccountId::get),
                &key.member.map(MemberId::get),
                &key.name,
                &key.audience,
                &secret_hash,
                &key.can_read,
                &key.can_write,
                &key.shops.as_deref().map(spaced),
                &spaced(&key.allowed_addresses),
                &millisecond(key.created_at),
                &optional_millisecond(key.expires_at),
                &optional_millisecond(key.revoked_at),
            ],
        )
        .await?;
        move_credentials(transaction, former.into_iter().flatten().collect()).await?;
        Ok(Ok(()))
    })
    .await
}

/// With the account of each, and whether there is one.
pub(super) const KEYS_BY_HASH: &str = concat!(
    "SELECT keys.*, accounts.id IS NOT NULL, accounts.* FROM (SELECT ",
    key_columns!(),
    " FROM api_keys WHERE secret_hash = ANY($1)) AS keys LEFT JOIN LATERAL (SELECT ",
    account_columns!(),
    " FROM accounts WHERE id = keys.account_id) AS accounts ON TRUE"
);
pub(super) const KEYS_OF_ACCOUNT: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys WHERE account_id = $1 ORDER BY created_at, id"
);
/// Ordered by the account as well, of which PostgreSQL would not see otherwise that it is always the same.
pub(super) const KEYS_OF_MARKETPLACE: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys WHERE account_id IS NULL ORDER BY account_id, created_at, id"
);

/// Keys by the hashes of their secrets, with their accounts.
pub(super) struct KeysByHash;

impl Lookup for KeysByHash {
    type Key = [u8; 32];
    type Found = (ApiKey, Option<Account>);

    async fn look_up(
        db: &Database,
        hashes: &[[u8; 32]],
    ) -> Result<Vec<([u8; 32], Self::Found)>, StoreError> {
        let hashes: Vec<_> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
        db.query(KEYS_BY_HASH, &[&hashes], |cells| {
            let key = key(cells)?;
            let is_known: bool = cells.take()?;
            let account = if is_known { Some(account(cells)?.0) } else { None };
            Ok((key.secret_hash, (key, account)))
        })
        .await
    }
}

/// The keys of an account, or of the marketplace.
pub(super) async fn keys_of(
    db: &Database,
    account: Option<AccountId>,
) -> Result<Vec<ApiKey>, StoreError> {
    match account {
        Some(account) => db.query(KEYS_OF_ACCOUNT, &[&account.get()], key).await,
        None => db.query(KEYS_OF_MARKETPLACE, &[], key).await,
    }
}

/// Whoever stores a session of this name at the same time waits until this transaction ends.
const LOCK_SESSION: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
const ACCOUNT_OF_SESSION: &str = "SELECT account_id FROM sessions WHERE id = $1 FOR UPDATE";
/// One that is used just now, or forgotten by somebody else, is left alone.
const FORGET_SESSIONS: &str = "DELETE FROM sessions WHERE id IN \
    (SELECT id FROM sessions WHERE account_id = $1 AND expires_at <= $2 FOR UPDATE SKIP LOCKED)";
const PUT_SESSION: &str = "INSERT INTO sessions (id, account_id, token_hash, ip_address, user_agent, created_at, \
    last_activity, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, token_hash = excluded.token_hash, \
    ip_address = excluded.ip_address, user_agent = excluded.user_agent, created_at = excluded.created_at, \
    last_activity = excluded.last_activity, expires_at = excluded.expires_at";

/// Stores a session, and sweeps out those that are over. Whoever is connected with the one that it replaces has to look
/// again.
pub(super) async fn put_session(db: &Database, session: &Session) -> Result<(), StoreError> {
    let account = session.account.get();
    let created_at = millisecond(session.created_at);
    db.transaction(async |transaction| {
        execute(transaction, LOCK_SESSION, &[&session.id]).await?;
        let former = query(transaction, ACCOUNT_OF_SESSION, &[&session.id], |cells| {
            cells.id(AccountId::new)
        })
        .await?;
        execute(transaction, FORGET_SESSIONS, &[&account, &created_at]).await?;
        execute(
            transaction,
            PUT_SESSION,
            &[
                &session.id,
                &account,
                &session.token_hash.as_slice(),
                &session.ip_address,
                &session.user_agent,
                &created_at,
                &millisecond(session.last_activity),
                &millisecond(session.expires_at),
            ],
        )
        .await?;
        move_credentials(transaction, former).await
    })
    .await
}

const RENEW_SESSION: &str = "UPDATE sessions SET ip_address = $4, user_agent = $5, last_activity = $6, \
    expires_at = $7 WHERE id = $1 AND account_id = $2 AND token_hash = $3";

/// Notes the use of a session, if it still runs.
pub(super) async fn renew_session(db: &Database, session: &Session) -> Result<bool, StoreError> {
    let renewed = db
        .execute(
            RENEW_SESSION,
            &[
                &session.id,
                &session.account.get(),
                &session.token_hash.as_slice(),
                &session.ip_address,
                &session.user_agent,
                &millisecond(session.last_activity),
                &millisecond(session.expires_at),
            ],
        )
        .await?;
    Ok(0 < renewed)
}

pub(super) const SESSION_BY_HASH: &str =
    concat!("SELECT ", session_columns!(), " FROM sessions WHERE token_hash = $1");
pub(super) const SESSIONS_OF_ACCOUNT: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions WHERE account_id = $1 ORDER BY last_activity DESC, id DESC"
);

/// The session with a cookie.
pub(super) async fn session_by_hash(
    db: &Database,
    hash: &[u8; 32],
) -> Result<Option<Session>, StoreError> {
    db.query_one(SESSION_BY_HASH, &[&hash.as_slice()], session).await
}

/// The sessions of an account.
pub(super) async fn sessions_of(
    db: &Database,
    account: AccountId,
) -> Result<Vec<Session>, StoreError> {
    db.query(SESSIONS_OF_ACCOUNT, &[&account.get()], session).await
}

/// Ends a session; whether there was one.
pub(super) async fn delete_session(
    db: &Database,
    account: AccountId,
    id: &str,
) -> Result<bool, StoreError> {
    if !is_storable(id) {
        return Ok(false);
    }
    delete_sessions(db, "DELETE FROM sessions WHERE account_id = $1 AND id = $2", account, id).await
}

/// Ends all sessions of an account but one.
pub(super) async fn delete_other_sessions(
    db: &Database,
    account: AccountId,
    kept: &str,
) -> Result<(), StoreError> {
    let others = "DELETE FROM sessions WHERE account_id = $1 AND id <> $2";
    delete_sessions(db, others, account, kept).await?;
    Ok(())
}

async fn delete_sessions(
    db: &Database,
    sql: &str,
    account: AccountId,
    id: &str,
) -> Result<bool, StoreError> {
    db.transaction(async |transaction| {
        let deleted = execute(transaction, sql, &[&account.get(), &id]).await?;
        if 0 < deleted {
            move_credentials(transaction, vec![account]).await?;
        }
        Ok(0 < deleted)
    })
    .await
}

const MOVE_CREDENTIALS: &str = "INSERT INTO credential_revisions (account_id, revision) \
    SELECT account, 1 FROM unnest($1::BIGINT[]) AS account \
    ON CONFLICT (account_id) DO UPDATE SET revision = credential_revisions.revision + 1";

/// Notes that credentials of `accounts` were changed. The last rows that a transaction locks for credentials, and by
/// rising id, so that nobody waits for somebody who waits for him.
pub(super) async fn move_credentials(
    transaction: &Transaction<'_>,
    mut accounts: Vec<AccountId>,
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    accounts.sort_unstable();
    accounts.dedup();
    let accounts: Vec<_> = accounts.into_iter().map(AccountId::get).collect();
    execute(transaction, MOVE_CREDENTIALS, &[&accounts]).await?;
    Ok(())
}

/// A secret, which is `fresh` from now on if it was none before. Whoever asks at the same time waits for the first one.
pub(super) async fn secret(
    db: &Database,
    name: &str,
    fresh: [u8; 32],
) -> Result<[u8; 32], StoreError> {
    let made = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    db.execute(made, &[&name, &fresh.as_slice()]).await?;
    let found = "SELECT value FROM secrets WHERE name = $1";
    let secret = db.query_one(found, &[&name], Cells::bytes_32).await?;
    secret.ok_or_else(|| StoreError::Failed(format!("the secret {name} is gone")))
}
