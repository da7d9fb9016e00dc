//! Accounts, and the passwords of those who sign in.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::{GenericClient, Transaction};
use domain::account::Account;
use domain::id::AccountId;
use engine::store::{FIRST_OWN_ACCOUNT, FactConflict, StoreError};

use super::access::move_credentials;
use super::database::{Database, execute, is_storable, lock_writers_of, query};
use super::gathering::Lookup;
use crate::cells::{Cells, millisecond};
use crate::codes::Code as _;
use crate::rows::accounts::{account as account_row, account_columns, folded};

pub(super) const ACCOUNTS: &str =
    concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ANY($1)");
pub(super) const ACCOUNT_BY_EMAIL: &str =
    concat!("SELECT ", account_columns!(), " FROM accounts WHERE email_folded = $1");

/// Accounts by their ids.
pub(super) struct AccountsById;

impl Lookup for AccountsById {
    type Key = AccountId;
    type Found = Account;

    async fn look_up(
        db: &Database,
        ids: &[AccountId],
    ) -> Result<Vec<(AccountId, Account)>, StoreError> {
        let found = accounts(&db.connection().await?, ids).await?;
        Ok(found.into_iter().map(|account| (account.id, account)).collect())
    }
}

async fn accounts(
    client: &impl GenericClient,
    ids: &[AccountId],
) -> Result<Vec<Account>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.get()).collect();
    query(client, ACCOUNTS, &[&ids], |cells| Ok(account_row(cells)?.0)).await
}

/// The account that signs in with `email`, and its password's hash.
pub(super) async fn by_email(
    db: &Database,
    email: &str,
) -> Result<Option<(Account, Option<String>)>, StoreError> {
    if !is_storable(email) {
        return Ok(None);
    }
    db.query_one(ACCOUNT_BY_EMAIL, &[&folded(email)], account_row).await
}

/// Stores an account under a new id.
pub(super) async fn create_account(
    db: &Database,
    account: Account,
    password_hash: &str,
) -> Result<Result<Account, FactConflict>, StoreError> {
    db.transaction(async |transaction| {
        lock_writers_of(transaction, "accounts").await?;
        let account = Account { id: next_id(transaction).await?, ..account };
        let stored = put(transaction, &[(&account, Some(password_hash))]).await?;
        Ok(stored.into_iter().collect::<Result<(), _>>().map(|()| account))
    })
    .await
}

/// An id that nobody has. The caller holds the lock of those who write accounts.
async fn next_id(transaction: &Transaction<'_>) -> Result<AccountId, StoreError> {
    const NEXT: &str = "SELECT setval('account_ids', greatest(nextval('account_ids'), $1))";
    loop {
        let given_out =
            query(transaction, NEXT, &[&FIRST_OWN_ACCOUNT], |cells| cells.id(AccountId::new))
                .await?;
        // The marketplace may have chosen one of these ids all the same.
        for id in given_out {
            if accounts(transaction, &[id]).await?.is_empty() {
                return Ok(id);
            }
        }
    }
}

/// Stores `after`, unless the account is not `before` any more.
pub(super) async fn replace_account(
    db: &Database,
    before: &Account,
    after: &Account,
) -> Result<Result<bool, FactConflict>, StoreError> {
    db.transaction(async |transaction| {
        lock_writers_of(transaction, "accounts").await?;
        if accounts(transaction, &[before.id]).await?.first() != Some(before) {
            return Ok(Ok(false));
        }
        let stored = put(transaction, &[(after, None)]).await?;
        Ok(stored.into_iter().collect::<Result<(), _>>().map(|()| true))
    })
    .await
}

/// What of an account decides what may be written: its address in lower case, and whether it is in use.
struct Standing {
    email: Option<String>,
    is_active: bool,
}

pub(super) const STANDINGS: &str = "SELECT id, email_folded, is_active FROM accounts WHERE id = ANY($1) \
    UNION SELECT id, email_folded, is_active FROM accounts WHERE email_folded = ANY($2)";
/// One address may go from one account to another in the same call: whoever gives one up does so first.
const GIVE_UP_EMAILS: &str = "UPDATE accounts SET email_folded = NULL WHERE id = ANY($1)";
const PUT: &str = "INSERT INTO accounts (id, kind, display_name, avatar_url, city_id, rating, reviews_count, \
    products_count, created_at, email, email_verified, phone, is_active, is_admin, attributes, email_folded, \
    password_hash) SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], \
    $6::TEXT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::TEXT[], $11::BOOLEAN[], $12::TEXT[], \
    $13::BOOLEAN[], $14::BOOLEAN[], $15::TEXT[], $16::TEXT[], $17::TEXT[]) \
    ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, display_name = excluded.display_name, \
    avatar_url = excluded.avatar_url, city_id = excluded.city_id, rating = excluded.rating, \
    reviews_count = excluded.reviews_count, products_count = excluded.products_count, \
    created_at = excluded.created_at, email = excluded.email, email_verified = excluded.email_verified, \
    phone = excluded.phone, is_active = excluded.is_active, is_admin = excluded.is_admin, \
    attributes = excluded.attributes, email_folded = excluded.email_folded, \
    password_hash = coalesce(excluded.password_hash, accounts.password_hash)";

/// Stores accounts as if one after the other, and says of each what was wrong with it. Without a password's hash the
/// stored one stays. The caller holds the lock of those who write accounts, so that nobody takes an address meanwhile.
pub(super) async fn put(
    transaction: &Transaction<'_>,
    accounts: &[(&Account, Option<&str>)],
) -> Result<Vec<Result<(), FactConflict>>, StoreError> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let mut standings = standings(transaction, accounts).await?;
    let mut holders: HashMap<String, AccountId> = standings
        .iter()
        .filter_map(|(&id, standing)| Some((standing.email.clone()?, id)))
        .collect();
    let mut accepted: BTreeMap<AccountId, (&Account, Option<&str>)> = BTreeMap::new();
    let mut giving_up = Vec::new();
    let mut switched = Vec::new();
    let mut outcomes = Vec::with_capacity(accounts.len());
    for &(account, password_hash) in accounts {
        let email = account.email.as_deref().map(folded);
        let holder = email.as_ref().and_then(|email| holders.get(email));
        if holder.is_some_and(|&holder| holder != account.id) {
            outcomes.push(Err(FactConflict::EmailTaken));
            continue;
        }
        let standing = Standing { email: email.clone(), is_active: account.is_active };
        if let Some(former) = standings.insert(account.id, standing) {
            if former.is_active != account.is_active {
                switched.push(account.id);
            }
            if let Some(given_up) = former.email.filter(|former| Some(former) != email.as_ref()) {
                holders.remove(&given_up);
                giving_up.push(account.id.get());
            }
        }
        holders.extend(email.map(|email| (email, account.id)));
        let former_hash = accepted.get(&account.id).and_then(|(_, hash)| *hash);
        accepted.insert(account.id, (account, password_hash.or(former_hash)));
        outcomes.push(Ok(()));
    }
    if !giving_up.is_empty() {
        execute(transaction, GIVE_UP_EMAILS, &[&giving_up]).await?;
    }
    write(transaction, &accepted.into_values().collect::<Vec<_>>()).await?;
    move_credentials(transaction, switched).await?;
    Ok(outcomes)
}

/// How the accounts stand that `accounts` replace, or whose addresses they want.
async fn standings(
    transaction: &Transaction<'_>,
    accounts: &[(&Account, Option<&str>)],
) -> Result<HashMap<AccountId, Standing>, StoreError> {
    let ids: Vec<_> = accounts.iter().map(|(account, _)| account.id.get()).collect();
    let emails: Vec<_> =
        accounts.iter().filter_map(|(account, _)| account.email.as_deref()).map(folded).collect();
    let found = query(transaction, STANDINGS, &[&ids, &emails], |cells| {
        let id = cells.id(AccountId::new)?;
        Ok((id, Standing { email: cells.take()?, is_active: cells.take()? }))
    })
    .await?;
    Ok(found.into_iter().collect())
}

/// Writes accounts, of which no two have the same id.
async fn write(
    transaction: &Transaction<'_>,
    accounts: &[(&Account, Option<&str>)],
) -> Result<(), StoreError> {
    fn column<'a, T>(
        accounts: &[(&'a Account, Option<&str>)],
        cell: impl Fn(&'a Account) -> T,
    ) -> Vec<T> {
        accounts.iter().map(|(account, _)| cell(account)).collect()
    }
    let hashes: Vec<_> = accounts.iter().map(|(_, hash)| *hash).collect();
    execute(
        transaction,
        PUT,
        &[
            &column(accounts, |account| account.id.get()),
            &column(accounts, |account| account.kind.code()),
            &column(accounts, |account| account.display_name.as_str()),
            &column(accounts, |account| account.avatar_url.as_deref()),
            &column(accounts, |account| account.city_id),
            &column(accounts, |account| account.rating.as_deref()),
            &column(accounts, |account| account.reviews_count),
            &column(accounts, |account| account.products_count),
            &column(accounts, |account| millisecond(account.created_at)),
            &column(accounts, |account| account.email.as_deref()),
            &column(accounts, |account| account.email_verified),
            &column(accounts, |account| account.phone.as_deref()),
            &column(accounts, |account| account.is_active),
            &column(accounts, |account| account.is_admin),
            &column(accounts, |account| account.attributes.as_json()),
            &column(accounts, |account| account.email.as_deref().map(folded)),
            &hashes,
        ],
    )
    .await?;
    Ok(())
}

/// Replaces a password's hash.
pub(super) async fn put_password(
    db: &Database,
    account: AccountId,
    hash: &str,
) -> Result<(), StoreError> {
    db.execute("UPDATE accounts SET password_hash = $2 WHERE id = $1", &[&account.get(), &hash])
        .await?;
    Ok(())
}

/// A password's hash.
pub(super) async fn password(
    db: &Database,
    account: AccountId,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT password_hash FROM accounts WHERE id = $1";
    Ok(db.query_one(sql, &[&account.get()], Cells::take).await?.flatten())
}
