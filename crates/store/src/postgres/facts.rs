//! What the marketplace pushes. Accounts and orders have files of their own; members, shops and products are here.

use domain::account::Member;
use domain::catalog::{Fact, Product, Shop};
use domain::id::{AccountId, MemberId, ProductId, ShopId};
use engine::store::{FactConflict, StoreError};

use super::database::{Database, unbuilt};

pub(super) async fn put(
    _db: &Database,
    _facts: &[Fact],
) -> Result<Vec<Result<(), FactConflict>>, StoreError> {
    unbuilt()
}

pub(super) async fn member(_db: &Database, _id: MemberId) -> Result<Option<Member>, StoreError> {
    unbuilt()
}

pub(super) async fn shops(_db: &Database, _ids: &[ShopId]) -> Result<Vec<Shop>, StoreError> {
    unbuilt()
}

pub(super) async fn shops_of(
    _db: &Database,
    _seller: AccountId,
    _after: Option<ShopId>,
    _limit: usize,
) -> Result<Vec<Shop>, StoreError> {
    unbuilt()
}

pub(super) async fn products(
    _db: &Database,
    _ids: &[ProductId],
) -> Result<Vec<Product>, StoreError> {
    unbuilt()
}
