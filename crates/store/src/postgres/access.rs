//! Who comes in: keys of programs, sessions of people, and the secrets of this installation.

use domain::id::AccountId;
use engine::store::{ApiKey, KeyConflict, Session, StoreError};

use super::database::{Database, unbuilt};

pub(super) async fn put_key(
    _db: &Database,
    _key: &ApiKey,
) -> Result<Result<(), KeyConflict>, StoreError> {
    unbuilt()
}

pub(super) async fn key_by_hash(
    _db: &Database,
    _hash: &[u8; 32],
) -> Result<Option<ApiKey>, StoreError> {
    unbuilt()
}

pub(super) async fn keys_of(
    _db: &Database,
    _account: Option<AccountId>,
) -> Result<Vec<ApiKey>, StoreError> {
    unbuilt()
}

pub(super) async fn put_session(_db: &Database, _session: &Session) -> Result<(), StoreError> {
    unbuilt()
}

pub(super) async fn renew_session(_db: &Database, _session: &Session) -> Result<bool, StoreError> {
    unbuilt()
}

pub(super) async fn session_by_hash(
    _db: &Database,
    _hash: &[u8; 32],
) -> Result<Option<Session>, StoreError> {
    unbuilt()
}

pub(super) async fn sessions_of(
    _db: &Database,
    _account: AccountId,
) -> Result<Vec<Session>, StoreError> {
    unbuilt()
}

pub(super) async fn delete_session(
    _db: &Database,
    _account: AccountId,
    _id: &str,
) -> Result<bool, StoreError> {
    unbuilt()
}

pub(super) async fn delete_other_sessions(
    _db: &Database,
    _account: AccountId,
    _kept: &str,
) -> Result<(), StoreError> {
    unbuilt()
}

pub(super) async fn secret(
    _db: &Database,
    _name: &str,
    _fresh: [u8; 32],
) -> Result<[u8; 32], StoreError> {
    unbuilt()
}
