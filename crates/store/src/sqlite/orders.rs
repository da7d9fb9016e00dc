//! Orders with their items and postings, and what is returned of them.

use domain::catalog::{Model, Order, OrderFacts, OrderItem, Posting, Return};
use domain::id::{AccountId, OrderId, ProductId, ReturnId, ShopId};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::cells::{SqliteCells, distinct};
use crate::cells::{Cells as _, millisecond, number, optional_millisecond};

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
            let mut cells = SqliteCells::of(row);
            Ok(OrderItem { product: cells.id(ProductId::new)?, quantity: cells.number()? })
        })?
        .collect::<Result<_>>()?;
    let postings =
        db.prepare_cached(POSTINGS)?.query_map([id.get()], posting)?.collect::<Result<_>>()?;
    Ok(Some(OrderFacts { order: Order { items, ..order }, model, postings }))
}

fn order_and_model(row: &Row<'_>) -> Result<(Order, Model)> {
    let mut cells = SqliteCells::of(row);
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
    let mut cells = SqliteCells::of(row);
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
        .query_row([number], |row| SqliteCells::of(row).id(OrderId::new))
        .optional()
}

/// Stores an order with its items, newer over older.
pub(super) fn put_order(db: &Connection, order: &Order) -> Result<()> {
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

/// Stores a posting, newer over older.
pub(super) fn put_posting(db: &Connection, posting: &Posting) -> Result<()> {
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
            let mut cells = SqliteCells::of(row);
            Ok(Return {
                id: cells.id(ReturnId::new)?,
                order: cells.id(OrderId::new)?,
                created_at: cells.time()?,
            })
        })
    });
    found.filter_map(|returned| returned.optional().transpose()).collect()
}

/// Stores a return, newer over older.
pub(super) fn put_return(db: &Connection, returned: &Return) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO returns (id, order_id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
         SET order_id = excluded.order_id, created_at = excluded.created_at",
    )?
    .execute([returned.id.get(), returned.order.get(), millisecond(returned.created_at)])?;
    Ok(())
}
