//! Orders with their items and postings, and what is returned of them.

use domain::catalog::{Order, OrderFacts, Posting, Return};
use domain::id::{OrderId, ReturnId, ShopId};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::cells::{SqliteCells, distinct};
use crate::cells::{Cells as _, millisecond, number, optional_millisecond};
use crate::rows::orders::{
    item, item_columns, order as order_row, order_columns_and_tables, posting, posting_columns,
    return_columns, returned,
};

const ORDER: &str = concat!("SELECT ", order_columns_and_tables!(), " WHERE orders.id = ?1");
const ITEMS: &str =
    concat!("SELECT ", item_columns!(), " FROM order_items WHERE order_id = ?1 ORDER BY position");
pub(super) const POSTINGS: &str =
    concat!("SELECT ", posting_columns!(), " FROM postings WHERE order_id = ?1 ORDER BY number");
const RETURN: &str = concat!("SELECT ", return_columns!(), " FROM returns WHERE id = ?1");

/// An order with its model and its postings.
pub(super) fn order(db: &Connection, id: OrderId) -> Result<Option<OrderFacts>> {
    let found = db
        .prepare_cached(ORDER)?
        .query_row([id.get()], |row| order_row(&mut SqliteCells::of(row)))
        .optional()?;
    let Some((order, model)) = found else { return Ok(None) };
    let items = db
        .prepare_cached(ITEMS)?
        .query_map([id.get()], |row| Ok(item(&mut SqliteCells::of(row))?.1))?
        .collect::<Result<_>>()?;
    let postings = db
        .prepare_cached(POSTINGS)?
        .query_map([id.get()], |row| posting(&mut SqliteCells::of(row)))?
        .collect::<Result<_>>()?;
    Ok(Some(OrderFacts { order: Order { items, ..order }, model, postings }))
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
    let mut statement = db.prepare_cached(RETURN)?;
    let found = distinct(ids)
        .into_iter()
        .map(|id| statement.query_row([id.get()], |row| returned(&mut SqliteCells::of(row))));
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
