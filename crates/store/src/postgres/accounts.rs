//! Accounts, and the passwords of those who sign in.

use domain::account::Account;
use domain::id::AccountId;
use engine::store::{FactConflict, StoreError};

use super::database::{Database, unbuilt};

pub(super) async fn create_account(
    _db: &Database,
    _account: Account,
    _password_hash: &str,
) -> Result<Result<Account, FactConflict>, StoreError> {
    unbuilt()
}

pub(super) async fn replace_account(
    _db: &Database,
    _before: &Account,
    _after: &Account,
) -> Result<Result<bool, FactConflict>, StoreError> {
    unbuilt()
}

pub(super) async fn by_ids(_db: &Database, _ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
    unbuilt()
}

pub(super) async fn by_email(
    _db: &Database,
    _email: &str,
) -> Result<Option<(Account, Option<String>)>, StoreError> {
    unbuilt()
}

pub(super) async fn put_password(
    _db: &Database,
    _account: AccountId,
    _hash: &str,
) -> Result<(), StoreError> {
    unbuilt()
}

pub(super) async fn password(
    _db: &Database,
    _account: AccountId,
) -> Result<Option<String>, StoreError> {
    unbuilt()
}
