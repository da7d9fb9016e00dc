//! What the marketplace pushes. Accounts and orders have files of their own; members, shops and products are here.
//!
//! A call may bring thousands of facts: those of a kind are written by one statement. All who push write in the same
//! order, kind after kind and by rising id, so that nobody waits for somebody who waits for him.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use domain::account::{Account, Member};
use domain::catalog::{Fact, Order, Posting, Product, Return, Shop};
use domain::id::{AccountId, MemberId, OrderId, ProductId, ReturnId, ShopId};
use engine::store::{FactConflict, StoreError};

use super::database::{Database, execute, lock_writers_of};
use super::{accounts, orders};
use crate::cells::{number, optional_millisecond};
use crate::codes::Code as _;
use crate::rows::facts::{
    member as member_row, member_columns, product, product_columns, shop, shop_columns,
};

/// Facts by kind: every account in the order of the call, and of everything else the last of each id.
#[derive(Default)]
struct ByKind<'f> {
    accounts: Vec<(&'f Account, Option<&'f str>)>,
    members: BTreeMap<MemberId, &'f Member>,
    shops: BTreeMap<ShopId, &'f Shop>,
    products: BTreeMap<ProductId, &'f Product>,
    orders: BTreeMap<OrderId, &'f Order>,
    postings: BTreeMap<&'f str, &'f Posting>,
    returns: BTreeMap<ReturnId, &'f Return>,
}

impl<'f> ByKind<'f> {
    fn of(facts: &'f [Fact]) -> Self {
        let mut kinds = Self::default();
        for fact in facts {
            match fact {
                Fact::Account(account, hash) => kinds.accounts.push((account, hash.as_deref())),
                Fact::Member(member) => drop(kinds.members.insert(member.id, member)),
                Fact::Shop(shop) => drop(kinds.shops.insert(shop.id, shop)),
                Fact::Product(product) => drop(kinds.products.insert(product.id, product)),
                Fact::Order(order) => drop(kinds.orders.insert(order.id, order)),
                Fact::Posting(posting) => drop(kinds.postings.insert(&posting.number, posting)),
                Fact::Return(returned) => drop(kinds.returns.insert(returned.id, returned)),
            }
        }
        kinds
    }
}

/// Stores `facts`, newer over older.
pub(super) async fn put(
    db: &Database,
    facts: &[Fact],
) -> Result<Vec<Result<(), FactConflict>>, StoreError> {
    let kinds = ByKind::of(facts);
    let stored = db
        .transaction(async |transaction| {
            if !kinds.accounts.is_empty() {
                lock_writers_of(transaction, "accounts").await?;
            }
            let stored = accounts::put(transaction, &kinds.accounts).await?;
            put_members(transaction, kinds.members.values()).await?;
            put_shops(transaction, kinds.shops.values()).await?;
            put_products(transaction, kinds.products.values()).await?;
            orders::put_orders(transaction, kinds.orders.values()).await?;
            orders::put_postings(transaction, kinds.postings.values()).await?;
            orders::put_returns(transaction, kinds.returns.values()).await?;
            Ok(stored)
        })
        .await?;
    let mut stored = stored.into_iter();
    let outcomes = facts.iter().map(|fact| match fact {
        Fact::Account(..) => stored.next().unwrap_or(Ok(())),
        Fact::Member(_)
        | Fact::Shop(_)
        | Fact::Product(_)
        | Fact::Order(_)
        | Fact::Posting(_)
        | Fact::Return(_) => Ok(()),
    });
    Ok(outcomes.collect())
}

/// The cells of one column of `rows`.
pub(super) fn column<'f, R: 'f, T>(
    rows: impl Iterator<Item = &'f &'f R> + Clone,
    cell: impl Fn(&'f R) -> T,
) -> Vec<T> {
    rows.map(|row| cell(row)).collect()
}

pub(super) const MEMBER: &str =
    concat!("SELECT ", member_columns!(), " FROM members WHERE id = $1");

/// One member.
pub(super) async fn member(db: &Database, id: MemberId) -> Result<Option<Member>, StoreError> {
    db.query_one(MEMBER, &[&id.get()], member_row).await
}

const PUT_MEMBERS: &str = "INSERT INTO members (id, account_id, name, role) \
    SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::TEXT[], $4::BIGINT[]) ON CONFLICT (id) DO UPDATE \
    SET account_id = excluded.account_id, name = excluded.name, role = excluded.role";

async fn put_members<'f>(
    transaction: &Transaction<'_>,
    members: impl ExactSizeIterator<Item = &'f &'f Member> + Clone,
) -> Result<(), StoreError> {
    if members.len() == 0 {
        return Ok(());
    }
    execute(
        transaction,
        PUT_MEMBERS,
        &[
            &column(members.clone(), |member| member.id.get()),
            &column(members.clone(), |member| member.account.get()),
            &column(members.clone(), |member| member.name.as_str()),
            &column(members, |member| member.role.code()),
        ],
    )
    .await?;
    Ok(())
}

pub(super) const SHOPS: &str =
    concat!("SELECT ", shop_columns!(), " FROM shops WHERE id = ANY($1)");
pub(super) const SHOPS_OF_SELLER: &str = concat!(
    "SELECT ",
    shop_columns!(),
    " FROM shops WHERE seller_id = $1 AND id > $2 ORDER BY id LIMIT $3"
);

/// Shops by id.
pub(super) async fn shops(db: &Database, ids: &[ShopId]) -> Result<Vec<Shop>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.get()).collect();
    db.query(SHOPS, &[&ids], shop).await
}

/// Shops of a seller, by rising id.
pub(super) async fn shops_of(
    db: &Database,
    seller: AccountId,
    after: Option<ShopId>,
    limit: usize,
) -> Result<Vec<Shop>, StoreError> {
    let after = after.map_or(0, ShopId::get);
    db.query(SHOPS_OF_SELLER, &[&seller.get(), &after, &number(limit)], shop).await
}

const PUT_SHOPS: &str = "INSERT INTO shops (id, seller_id, name, model) \
    SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::TEXT[], $4::BIGINT[]) ON CONFLICT (id) DO UPDATE \
    SET seller_id = excluded.seller_id, name = excluded.name, model = excluded.model";

async fn put_shops<'f>(
    transaction: &Transaction<'_>,
    shops: impl ExactSizeIterator<Item = &'f &'f Shop> + Clone,
) -> Result<(), StoreError> {
    if shops.len() == 0 {
        return Ok(());
    }
    execute(
        transaction,
        PUT_SHOPS,
        &[
            &column(shops.clone(), |shop| shop.id.get()),
            &column(shops.clone(), |shop| shop.seller.get()),
            &column(shops.clone(), |shop| shop.name.as_str()),
            &column(shops, |shop| shop.model.code()),
        ],
    )
    .await?;
    Ok(())
}

pub(super) const PRODUCTS: &str =
    concat!("SELECT ", product_columns!(), " FROM products WHERE id = ANY($1)");

/// Products by id.
pub(super) async fn products(db: &Database, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.get()).collect();
    db.query(PRODUCTS, &[&ids], product).await
}

const PUT_PRODUCTS: &str = "INSERT INTO products (id, seller_id, sku, title, price, published_at, attributes) \
    SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::BIGINT[], \
    $7::TEXT[]) ON CONFLICT (id) DO UPDATE SET seller_id = excluded.seller_id, sku = excluded.sku, \
    title = excluded.title, price = excluded.price, published_at = excluded.published_at, \
    attributes = excluded.attributes";

async fn put_products<'f>(
    transaction: &Transaction<'_>,
    products: impl ExactSizeIterator<Item = &'f &'f Product> + Clone,
) -> Result<(), StoreError> {
    if products.len() == 0 {
        return Ok(());
    }
    execute(
        transaction,
        PUT_PRODUCTS,
        &[
            &column(products.clone(), |product| product.id.get()),
            &column(products.clone(), |product| product.seller.get()),
            &column(products.clone(), |product| product.sku.as_deref()),
            &column(products.clone(), |product| product.title.as_str()),
            &column(products.clone(), |product| product.price),
            &column(products.clone(), |product| optional_millisecond(product.published_at)),
            &column(products, |product| product.attributes.as_json()),
        ],
    )
    .await?;
    Ok(())
}
