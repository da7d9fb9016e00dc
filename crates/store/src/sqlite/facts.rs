//! What the marketplace pushes. Accounts and orders have files of their own; members, shops and products are here.

use domain::account::Member;
use domain::catalog::{Fact, Product, Shop};
use domain::id::{AccountId, MemberId, ProductId, ShopId};
use engine::store::FactConflict;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::accounts::put_account;
use super::cells::{SqliteCells, distinct};
use super::orders::{put_order, put_posting, put_return};
use crate::cells::{number, optional_millisecond};
use crate::codes::Code as _;
use crate::rows::facts::{
    member as member_row, member_columns, product, product_columns, shop, shop_columns,
};

/// Stores `facts`, newer over older.
pub(super) fn put(db: &Connection, facts: &[Fact]) -> Result<Vec<Result<(), FactConflict>>> {
    facts
        .iter()
        .map(|fact| {
            match fact {
                Fact::Account(account, hash) => {
                    return put_account(db, account, hash.as_deref());
                }
                Fact::Member(member) => put_member(db, member)?,
                Fact::Shop(shop) => put_shop(db, shop)?,
                Fact::Product(product) => put_product(db, product)?,
                Fact::Order(order) => put_order(db, order)?,
                Fact::Posting(posting) => put_posting(db, posting)?,
                Fact::Return(returned) => put_return(db, returned)?,
            }
            Ok(Ok(()))
        })
        .collect()
}

const MEMBER: &str = concat!("SELECT ", member_columns!(), " FROM members WHERE id = ?1");

/// One member.
pub(super) fn member(db: &Connection, id: MemberId) -> Result<Option<Member>> {
    db.prepare_cached(MEMBER)?
        .query_row([id.get()], |row| member_row(&mut SqliteCells::of(row)))
        .optional()
}

fn put_member(db: &Connection, member: &Member) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO members (id, account_id, name, role) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE \
         SET account_id = excluded.account_id, name = excluded.name, role = excluded.role",
    )?
    .execute(params![
        member.id.get(),
        member.account.get(),
        member.name,
        member.role.code()
    ])?;
    Ok(())
}

const SHOP: &str = concat!("SELECT ", shop_columns!(), " FROM shops WHERE id = ?1");
pub(super) const SHOPS_OF_SELLER: &str = concat!(
    "SELECT ",
    shop_columns!(),
    " FROM shops WHERE seller_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
);

/// Shops by id.
pub(super) fn shops(db: &Connection, ids: &[ShopId]) -> Result<Vec<Shop>> {
    let mut statement = db.prepare_cached(SHOP)?;
    let found = distinct(ids)
        .into_iter()
        .map(|id| statement.query_row([id.get()], |row| shop(&mut SqliteCells::of(row))));
    found.filter_map(|shop| shop.optional().transpose()).collect()
}

/// Shops of a seller, by rising id.
pub(super) fn shops_of(
    db: &Connection,
    seller: AccountId,
    after: Option<ShopId>,
    limit: usize,
) -> Result<Vec<Shop>> {
    db.prepare_cached(SHOPS_OF_SELLER)?
        .query_map(params![seller.get(), after.map_or(0, ShopId::get), number(limit)], |row| {
            shop(&mut SqliteCells::of(row))
        })?
        .collect()
}

fn put_shop(db: &Connection, shop: &Shop) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO shops (id, seller_id, name, model) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE \
         SET seller_id = excluded.seller_id, name = excluded.name, model = excluded.model",
    )?
    .execute(params![shop.id.get(), shop.seller.get(), shop.name, shop.model.code()])?;
    Ok(())
}

const PRODUCT: &str = concat!("SELECT ", product_columns!(), " FROM products WHERE id = ?1");

/// Products by id.
pub(super) fn products(db: &Connection, ids: &[ProductId]) -> Result<Vec<Product>> {
    let mut statement = db.prepare_cached(PRODUCT)?;
    let found = distinct(ids)
        .into_iter()
        .map(|id| statement.query_row([id.get()], |row| product(&mut SqliteCells::of(row))));
    found.filter_map(|product| product.optional().transpose()).collect()
}

fn put_product(db: &Connection, product: &Product) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO products (id, seller_id, sku, title, price, published_at, attributes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET seller_id = excluded.seller_id, \
         sku = excluded.sku, title = excluded.title, price = excluded.price, published_at = excluded.published_at, \
         attributes = excluded.attributes",
    )?
    .execute(params![
        product.id.get(),
        product.seller.get(),
        product.sku,
        product.title,
        product.price,
        optional_millisecond(product.published_at),
        product.attributes.as_json(),
    ])?;
    Ok(())
}
