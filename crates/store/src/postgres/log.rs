//! The log of each account, and the totals that are kept beside its sequence.

use domain::Timestamp;
use domain::id::AccountId;
use engine::store::{LogPage, Pulse, StoreError, UnreadTotals};

use super::database::{Database, unbuilt};

pub(super) async fn page(
    _db: &Database,
    _account: AccountId,
    _after: i64,
    _limit: usize,
) -> Result<LogPage, StoreError> {
    unbuilt()
}

pub(super) async fn pulses(
    _db: &Database,
    _accounts: &[AccountId],
) -> Result<Vec<Pulse>, StoreError> {
    unbuilt()
}

pub(super) async fn unread(
    _db: &Database,
    _account: AccountId,
) -> Result<UnreadTotals, StoreError> {
    unbuilt()
}

pub(super) async fn forget(
    _db: &Database,
    _before: Timestamp,
    _after: Option<AccountId>,
) -> Result<Option<AccountId>, StoreError> {
    unbuilt()
}
