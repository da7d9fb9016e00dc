//! Orders with their items and postings, and what is returned of them.

use domain::catalog::{OrderFacts, Return};
use domain::id::{OrderId, ReturnId};
use engine::store::StoreError;

use super::database::{Database, unbuilt};

pub(super) async fn orders(
    _db: &Database,
    _ids: &[OrderId],
) -> Result<Vec<OrderFacts>, StoreError> {
    unbuilt()
}

pub(super) async fn order_by_posting(
    _db: &Database,
    _number: &str,
) -> Result<Option<OrderFacts>, StoreError> {
    unbuilt()
}

pub(super) async fn returns(_db: &Database, _ids: &[ReturnId]) -> Result<Vec<Return>, StoreError> {
    unbuilt()
}

/// The orders of postings, by the postings' numbers.
pub(super) async fn orders_of_postings(
    _db: &Database,
    _numbers: &[&str],
) -> Result<Vec<(String, OrderId)>, StoreError> {
    unbuilt()
}
