//! Accounts, and the passwords of those who sign in.

use domain::account::Account;
use domain::id::AccountId;
use engine::store::{FIRST_OWN_ACCOUNT, FactConflict};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::access::move_credentials;
use super::cells::{SqliteCells, distinct};
use crate::cells::millisecond;
use crate::codes::Code as _;
use crate::rows::accounts::{account, account_columns, folded};

pub(super) const ACCOUNT: &str =
    concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?1");
pub(super) const ACCOUNT_BY_EMAIL: &str =
    concat!("SELECT ", account_columns!(), " FROM accounts WHERE email_folded = ?1");

/// Accounts by id.
pub(super) fn accounts(db: &Connection, ids: &[AccountId]) -> Result<Vec<Account>> {
    let mut statement = db.prepare_cached(ACCOUNT)?;
    let found = distinct(ids)
        .into_iter()
        .map(|id| statement.query_row([id.get()], |row| account(&mut SqliteCells::of(row))));
    let found = found.filter_map(|account| account.optional().transpose());
    found.map(|account| account.map(|(account, _)| account)).collect()
}

/// The account that signs in with `email`, and its password's hash.
pub(super) fn account_by_email(
    db: &Connection,
    email: &str,
) -> Result<Option<(Account, Option<String>)>> {
    db.prepare_cached(ACCOUNT_BY_EMAIL)?
        .query_row([folded(email)], |row| account(&mut SqliteCells::of(row)))
        .optional()
}

/// Whether an account exists and is active.
pub(super) fn is_active(db: &Connection, id: AccountId) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM accounts WHERE id = ?1 AND is_active")?.exists([id.get()])
}

const PUT_ACCOUNT: &str = "INSERT INTO accounts (id, kind, display_name, avatar_url, city_id, rating, reviews_count, \
    products_count, created_at, email, email_verified, phone, is_active, is_admin, attributes, email_folded, \
    password_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
    ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, display_name = excluded.display_name, \
    avatar_url = excluded.avatar_url, city_id = excluded.city_id, rating = excluded.rating, \
    reviews_count = excluded.reviews_count, products_count = excluded.products_count, \
    created_at = excluded.created_at, email = excluded.email, email_verified = excluded.email_verified, \
    phone = excluded.phone, is_active = excluded.is_active, is_admin = excluded.is_admin, \
    attributes = excluded.attributes, email_folded = excluded.email_folded, \
    password_hash = coalesce(excluded.password_hash, password_hash)";

/// Stores an account. Without a `password_hash` the stored one stays.
pub(super) fn put_account(
    db: &Connection,
    account: &Account,
    password_hash: Option<&str>,
) -> Result<Result<(), FactConflict>> {
    let email_folded = account.email.as_deref().map(folded);
    let taken = db
        .prepare_cached("SELECT 1 FROM accounts WHERE email_folded = ?1 AND id <> ?2")?
        .exists(params![email_folded, account.id.get()])?;
    if taken {
        return Ok(Err(FactConflict::EmailTaken));
    }
    let was_active: Option<bool> = db
        .prepare_cached("SELECT is_active FROM accounts WHERE id = ?1")?
        .query_row([account.id.get()], |row| row.get(0))
        .optional()?;
    if was_active.is_some_and(|was_active| was_active != account.is_active) {
        move_credentials(db, account.id.get())?;
    }
    db.prepare_cached(PUT_ACCOUNT)?.execute(params![
        account.id.get(),
        account.kind.code(),
        account.display_name,
        account.avatar_url,
        account.city_id,
        account.rating,
        account.reviews_count,
        account.products_count,
        millisecond(account.created_at),
        account.email,
        account.email_verified,
        account.phone,
        account.is_active,
        account.is_admin,
        account.attributes.as_json(),
        email_folded,
        password_hash,
    ])?;
    Ok(Ok(()))
}

/// Stores an account under a new id.
pub(super) fn create_account(
    db: &Connection,
    account: Account,
    password_hash: &str,
) -> Result<Result<Account, FactConflict>> {
    let last: i64 = db.query_row("SELECT account FROM last_ids", [], |row| row.get(0))?;
    let mut id = last.max(FIRST_OWN_ACCOUNT - 1) + 1;
    // The marketplace may have chosen one of these ids all the same.
    while db.prepare_cached("SELECT 1 FROM accounts WHERE id = ?1")?.exists([id])? {
        id += 1;
    }
    let id = AccountId::new(id).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, id))?;
    let account = Account { id, ..account };
    if let Err(conflict) = put_account(db, &account, Some(password_hash))? {
        return Ok(Err(conflict));
    }
    db.execute("UPDATE last_ids SET account = ?1", [id.get()])?;
    Ok(Ok(account))
}

/// Stores `after`, unless the account is not `before` any more.
pub(super) fn replace_account(
    db: &Connection,
    before: &Account,
    after: &Account,
) -> Result<Result<bool, FactConflict>> {
    if accounts(db, &[before.id])?.first() != Some(before) {
        return Ok(Ok(false));
    }
    Ok(put_account(db, after, None)?.map(|()| true))
}

/// Replaces a password's hash.
pub(super) fn put_password(db: &Connection, account: AccountId, hash: &str) -> Result<()> {
    db.prepare_cached("UPDATE accounts SET password_hash = ?2 WHERE id = ?1")?
        .execute(params![account.get(), hash])?;
    Ok(())
}

/// A password's hash.
pub(super) fn password(db: &Connection, account: AccountId) -> Result<Option<String>> {
    let hash = db
        .prepare_cached("SELECT password_hash FROM accounts WHERE id = ?1")?
        .query_row([account.get()], |row| row.get(0))
        .optional()?;
    Ok(hash.flatten())
}
