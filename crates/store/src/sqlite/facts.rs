//! What the marketplace pushes: accounts, members, shops, products, orders, postings, returns.

use std::collections::HashSet;

use domain::account::{Account, Attributes, Member};
use domain::catalog::{Fact, Model, Order, OrderFacts, OrderItem, Posting, Product, Return, Shop};
use domain::id::{AccountId, MemberId, OrderId, ProductId, ReturnId, ShopId};
use engine::store::{FIRST_OWN_ACCOUNT, FactConflict};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::rows::{Cells, millisecond, number, optional_millisecond};
use crate::codes::Code;

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

macro_rules! select_account {
    ($where:literal) => {
        concat!(
            "SELECT id, kind, display_name, avatar_url, city_id, rating, reviews_count, products_count, created_at, \
             email, email_verified, phone, is_active, is_admin, attributes, password_hash FROM accounts WHERE ",
            $where
        )
    };
}

pub(super) const ACCOUNT: &str = select_account!("id = ?1");
pub(super) const ACCOUNT_BY_EMAIL: &str = select_account!("email_folded = ?1");

/// Accounts by id.
pub(super) fn accounts(db: &Connection, ids: &[AccountId]) -> Result<Vec<Account>> {
    let mut statement = db.prepare_cached(ACCOUNT)?;
    let found = distinct(ids).into_iter().map(|id| statement.query_row([id.get()], account));
    let found = found.filter_map(|account| account.optional().transpose());
    found.map(|account| account.map(|(account, _)| account)).collect()
}

/// The account that signs in with `email`, and its password's hash.
pub(super) fn account_by_email(
    db: &Connection,
    email: &str,
) -> Result<Option<(Account, Option<String>)>> {
    db.prepare_cached(ACCOUNT_BY_EMAIL)?.query_row([email.to_lowercase()], account).optional()
}

fn account(row: &Row<'_>) -> Result<(Account, Option<String>)> {
    let mut cells = Cells::of(row);
    let account = Account {
        id: cells.id(AccountId::new)?,
        kind: cells.code()?,
        display_name: cells.take()?,
        avatar_url: cells.take()?,
        city_id: cells.take()?,
        rating: cells.take()?,
        reviews_count: cells.take()?,
        products_count: cells.take()?,
        created_at: cells.time()?,
        email: cells.take()?,
        email_verified: cells.take()?,
        phone: cells.take()?,
        is_active: cells.take()?,
        is_admin: cells.take()?,
        attributes: Attributes::from_json_object(cells.take()?),
    };
    Ok((account, cells.take()?))
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
fn put_account(
    db: &Connection,
    account: &Account,
    password_hash: Option<&str>,
) -> Result<Result<(), FactConflict>> {
    let email_folded = account.email.as_deref().map(str::to_lowercase);
    let taken = db
        .prepare_cached("SELECT 1 FROM accounts WHERE email_folded = ?1 AND id <> ?2")?
        .exists(params![email_folded, account.id.get()])?;
    if taken {
        return Ok(Err(FactConflict::EmailTaken));
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

/// One member.
pub(super) fn member(db: &Connection, id: MemberId) -> Result<Option<Member>> {
    db.prepare_cached("SELECT id, account_id, name, role FROM members WHERE id = ?1")?
        .query_row([id.get()], |row| {
            let mut cells = Cells::of(row);
            Ok(Member {
                id: cells.id(MemberId::new)?,
                account: cells.id(AccountId::new)?,
                name: cells.take()?,
                role: cells.code()?,
            })
        })
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

const SHOP: &str = "SELECT id, seller_id, name, model FROM shops WHERE id = ?1";
pub(super) const SHOPS_OF_SELLER: &str = "SELECT id, seller_id, name, model FROM shops \
    WHERE seller_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

/// Shops by id.
pub(super) fn shops(db: &Connection, ids: &[ShopId]) -> Result<Vec<Shop>> {
    let mut statement = db.prepare_cached(SHOP)?;
    let found = distinct(ids).into_iter().map(|id| statement.query_row([id.get()], shop));
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
        .query_map(params![seller.get(), after.map_or(0, ShopId::get), number(limit)], shop)?
        .collect()
}

fn shop(row: &Row<'_>) -> Result<Shop> {
    let mut cells = Cells::of(row);
    Ok(Shop {
        id: cells.id(ShopId::new)?,
        seller: cells.id(AccountId::new)?,
        name: cells.take()?,
        model: cells.code()?,
    })
}

fn put_shop(db: &Connection, shop: &Shop) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO shops (id, seller_id, name, model) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE \
         SET seller_id = excluded.seller_id, name = excluded.name, model = excluded.model",
    )?
    .execute(params![shop.id.get(), shop.seller.get(), shop.name, shop.model.code()])?;
    Ok(())
}

const PRODUCT: &str =
    "SELECT id, seller_id, sku, title, price, published_at, attributes FROM products WHERE id = ?1";

/// Products by id.
pub(super) fn products(db: &Connection, ids: &[ProductId]) -> Result<Vec<Product>> {
    let mut statement = db.prepare_cached(PRODUCT)?;
    let found = distinct(ids).into_iter().map(|id| {
        statement.query_row([id.get()], |row| {
            let mut cells = Cells::of(row);
            Ok(Product {
                id: cells.id(ProductId::new)?,
                seller: cells.id(AccountId::new)?,
                sku: cells.take()?,
                title: cells.take()?,
                price: cells.take()?,
                published_at: cells.optional_time()?,
                attributes: Attributes::from_json_object(cells.take()?),
            })
        })
    });
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

const ORDER: &str = "SELECT orders.id, orders.seller_id, orders.buyer_id, orders.shop_id, orders.number, \
    orders.created_at, shops.model FROM orders LEFT JOIN shops ON shops.id = orders.shop_id WHERE orders.id = ?1";
const ITEMS: &str =
    "SELECT product_id, quantity FROM order_items WHERE order_id = ?1 ORDER BY position";
pub(super) const POSTINGS: &str = "SELECT number, order_id, paid_at, delivered_at, cancelled_at FROM postings \
    WHERE order_id = ?1 ORDER BY number";

/// An order with its model and its postings.
pub(super) fn order(db: &Connection, id: OrderId) -> Result<Option<OrderFacts>> {
    let found = db.prepare_cached(ORDER)?.query_row([id.get()], order_and_model).optional()?;
    let Some((order, model)) = found else { return Ok(None) };
    let items = db
        .prepare_cached(ITEMS)?
        .query_map([id.get()], |row| {
            let mut cells = Cells::of(row);
            Ok(OrderItem { product: cells.id(ProductId::new)?, quantity: cells.take()? })
        })?
        .collect::<Result<_>>()?;
    let postings =
        db.prepare_cached(POSTINGS)?.query_map([id.get()], posting)?.collect::<Result<_>>()?;
    Ok(Some(OrderFacts { order: Order { items, ..order }, model, postings }))
}

fn order_and_model(row: &Row<'_>) -> Result<(Order, Model)> {
    let mut cells = Cells::of(row);
    let order = Order {
        id: cells.id(OrderId::new)?,
        seller: cells.id(AccountId::new)?,
        buyer: cells.id(AccountId::new)?,
        shop: cells.optional_id(ShopId::new)?,
        number: cells.take()?,
        created_at: cells.time()?,
        items: Vec::new(),
    };
    Ok((order, cells.optional_code()?.unwrap_or(Model::Fbs)))
}

fn posting(row: &Row<'_>) -> Result<Posting> {
    let mut cells = Cells::of(row);
    Ok(Posting {
        number: cells.take()?,
        order: cells.id(OrderId::new)?,
        paid_at: cells.optional_time()?,
        delivered_at: cells.optional_time()?,
        cancelled_at: cells.optional_time()?,
    })
}

/// Orders by id.
pub(super) fn orders(db: &Connection, ids: &[OrderId]) -> Result<Vec<OrderFacts>> {
    distinct(ids).into_iter().filter_map(|id| order(db, id).transpose()).collect()
}

/// The id of the order of a posting.
pub(super) fn order_of_posting(db: &Connection, number: &str) -> Result<Option<OrderId>> {
    db.prepare_cached("SELECT order_id FROM postings WHERE number = ?1")?
        .query_row([number], |row| Cells::of(row).id(OrderId::new))
        .optional()
}

fn put_order(db: &Connection, order: &Order) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO orders (id, seller_id, buyer_id, shop_id, number, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (id) DO UPDATE SET seller_id = excluded.seller_id, buyer_id = excluded.buyer_id, \
         shop_id = excluded.shop_id, number = excluded.number, created_at = excluded.created_at",
    )?
    .execute(params![
        order.id.get(),
        order.seller.get(),
        order.buyer.get(),
        order.shop.map(ShopId::get),
        order.number,
        millisecond(order.created_at),
    ])?;
    db.prepare_cached("DELETE FROM order_items WHERE order_id = ?1")?.execute([order.id.get()])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO order_items (order_id, position, product_id, quantity) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (position, item) in order.items.iter().enumerate() {
        let position = number(position);
        insert.execute([order.id.get(), position, item.product.get(), item.quantity])?;
    }
    Ok(())
}

fn put_posting(db: &Connection, posting: &Posting) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO postings (number, order_id, paid_at, delivered_at, cancelled_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (number) DO UPDATE SET order_id = excluded.order_id, paid_at = excluded.paid_at, \
         delivered_at = excluded.delivered_at, cancelled_at = excluded.cancelled_at",
    )?
    .execute(params![
        posting.number,
        posting.order.get(),
        optional_millisecond(posting.paid_at),
        optional_millisecond(posting.delivered_at),
        optional_millisecond(posting.cancelled_at),
    ])?;
    Ok(())
}

/// Returns by id.
pub(super) fn returns(db: &Connection, ids: &[ReturnId]) -> Result<Vec<Return>> {
    let mut statement =
        db.prepare_cached("SELECT id, order_id, created_at FROM returns WHERE id = ?1")?;
    let found = distinct(ids).into_iter().map(|id| {
        statement.query_row([id.get()], |row| {
            let mut cells = Cells::of(row);
            Ok(Return {
                id: cells.id(ReturnId::new)?,
                order: cells.id(OrderId::new)?,
                created_at: cells.time()?,
            })
        })
    });
    found.filter_map(|returned| returned.optional().transpose()).collect()
}

fn put_return(db: &Connection, returned: &Return) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO returns (id, order_id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
         SET order_id = excluded.order_id, created_at = excluded.created_at",
    )?
    .execute([returned.id.get(), returned.order.get(), millisecond(returned.created_at)])?;
    Ok(())
}

/// `ids` without repetitions.
pub(super) fn distinct<T: Copy + Eq + std::hash::Hash>(ids: &[T]) -> HashSet<T> {
    ids.iter().copied().collect()
}
