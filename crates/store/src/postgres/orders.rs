//! Orders with their items and postings, and what is returned of them.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use domain::catalog::{Order, OrderFacts, OrderItem, Posting, Return};
use domain::id::{OrderId, ReturnId, ShopId};
use engine::store::StoreError;

use super::database::{Database, Parameters, execute, is_storable, query};
use super::facts::column;
use crate::cells::{Cells as _, millisecond, number, optional_millisecond};
use crate::rows::orders::{
    item, item_columns, order, order_columns_and_tables, posting, posting_columns, return_columns,
    returned,
};

pub(super) const ORDERS: &str =
    concat!("SELECT ", order_columns_and_tables!(), " WHERE orders.id = ANY($1)");
pub(super) const ITEMS: &str = concat!(
    "SELECT ",
    item_columns!(),
    " FROM order_items WHERE order_id = ANY($1) ORDER BY order_id, position"
);
pub(super) const POSTINGS: &str = concat!(
    "SELECT ",
    posting_columns!(),
    " FROM postings WHERE order_id = ANY($1) ORDER BY order_id, number"
);

/// Orders by id, each with its model and its postings.
pub(super) async fn orders(db: &Database, ids: &[OrderId]) -> Result<Vec<OrderFacts>, StoreError> {
    db.snapshot(async |transaction| orders_of(transaction, ids).await).await
}

async fn orders_of(
    transaction: &Transaction<'_>,
    ids: &[OrderId],
) -> Result<Vec<OrderFacts>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.get()).collect();
    let ids: &Parameters<'_> = &[&ids];
    let (orders, items, postings) = futures_util::try_join!(
        query(transaction, ORDERS, ids, order),
        query(transaction, ITEMS, ids, item),
        query(transaction, POSTINGS, ids, posting),
    )?;
    let mut items_of: HashMap<OrderId, Vec<OrderItem>> = HashMap::new();
    for (order, item) in items {
        items_of.entry(order).or_default().push(item);
    }
    let mut postings_of: HashMap<OrderId, Vec<Posting>> = HashMap::new();
    for posting in postings {
        postings_of.entry(posting.order).or_default().push(posting);
    }
    let complete = orders.into_iter().map(|(order, model)| {
        let items = items_of.remove(&order.id).unwrap_or_default();
        let postings = postings_of.remove(&order.id).unwrap_or_default();
        OrderFacts { order: Order { items, ..order }, model, postings }
    });
    Ok(complete.collect())
}

/// The order of a posting.
pub(super) async fn order_by_posting(
    db: &Database,
    number: &str,
) -> Result<Option<OrderFacts>, StoreError> {
    match &*orders_of_postings(db, &[number]).await? {
        [] => Ok(None),
        [(_, order), ..] => Ok(orders(db, &[*order]).await?.pop()),
    }
}

pub(super) const ORDERS_OF_POSTINGS: &str =
    "SELECT number, order_id FROM postings WHERE number = ANY($1)";

/// The orders of postings, by the postings' numbers.
pub(super) async fn orders_of_postings(
    db: &Database,
    numbers: &[&str],
) -> Result<Vec<(String, OrderId)>, StoreError> {
    let numbers: Vec<_> = numbers.iter().filter(|number| is_storable(number)).collect();
    db.query(ORDERS_OF_POSTINGS, &[&numbers], |cells| Ok((cells.take()?, cells.id(OrderId::new)?)))
        .await
}

const PUT_ORDERS: &str = "INSERT INTO orders (id, seller_id, buyer_id, shop_id, number, created_at) \
    SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::BIGINT[]) \
    ON CONFLICT (id) DO UPDATE SET seller_id = excluded.seller_id, buyer_id = excluded.buyer_id, \
    shop_id = excluded.shop_id, number = excluded.number, created_at = excluded.created_at";
const FORGET_ITEMS: &str = "DELETE FROM order_items WHERE order_id = ANY($1)";
const PUT_ITEMS: &str = "INSERT INTO order_items (order_id, position, product_id, quantity) \
    SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[])";

/// Stores orders with their items, newer over older. The rows of the orders, which are locked by then, guard those of
/// the items.
pub(super) async fn put_orders<'f>(
    transaction: &Transaction<'_>,
    orders: impl ExactSizeIterator<Item = &'f &'f Order> + Clone,
) -> Result<(), StoreError> {
    if orders.len() == 0 {
        return Ok(());
    }
    let ids = column(orders.clone(), |order| order.id.get());
    execute(
        transaction,
        PUT_ORDERS,
        &[
            &ids,
            &column(orders.clone(), |order| order.seller.get()),
            &column(orders.clone(), |order| order.buyer.get()),
            &column(orders.clone(), |order| order.shop.map(ShopId::get)),
            &column(orders.clone(), |order| order.number.as_deref()),
            &column(orders.clone(), |order| millisecond(order.created_at)),
        ],
    )
    .await?;
    execute(transaction, FORGET_ITEMS, &[&ids]).await?;
    let [mut order_ids, mut positions, mut products, mut quantities] = [const { Vec::new() }; 4];
    for order in orders {
        for (position, item) in order.items.iter().enumerate() {
            order_ids.push(order.id.get());
            positions.push(number(position));
            products.push(item.product.get());
            quantities.push(item.quantity);
        }
    }
    execute(transaction, PUT_ITEMS, &[&order_ids, &positions, &products, &quantities]).await?;
    Ok(())
}

const PUT_POSTINGS: &str = "INSERT INTO postings (number, order_id, paid_at, delivered_at, cancelled_at) \
    SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[]) \
    ON CONFLICT (number) DO UPDATE SET order_id = excluded.order_id, paid_at = excluded.paid_at, \
    delivered_at = excluded.delivered_at, cancelled_at = excluded.cancelled_at";

/// Stores postings, newer over older.
pub(super) async fn put_postings<'f>(
    transaction: &Transaction<'_>,
    postings: impl ExactSizeIterator<Item = &'f &'f Posting> + Clone,
) -> Result<(), StoreError> {
    if postings.len() == 0 {
        return Ok(());
    }
    execute(
        transaction,
        PUT_POSTINGS,
        &[
            &column(postings.clone(), |posting| posting.number.as_str()),
            &column(postings.clone(), |posting| posting.order.get()),
            &column(postings.clone(), |posting| optional_millisecond(posting.paid_at)),
            &column(postings.clone(), |posting| optional_millisecond(posting.delivered_at)),
            &column(postings, |posting| optional_millisecond(posting.cancelled_at)),
        ],
    )
    .await?;
    Ok(())
}

pub(super) const RETURNS: &str =
    concat!("SELECT ", return_columns!(), " FROM returns WHERE id = ANY($1)");

/// Returns by id.
pub(super) async fn returns(db: &Database, ids: &[ReturnId]) -> Result<Vec<Return>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.get()).collect();
    db.query(RETURNS, &[&ids], returned).await
}

const PUT_RETURNS: &str = "INSERT INTO returns (id, order_id, created_at) \
    SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) ON CONFLICT (id) DO UPDATE \
    SET order_id = excluded.order_id, created_at = excluded.created_at";

/// Stores returns, newer over older.
pub(super) async fn put_returns<'f>(
    transaction: &Transaction<'_>,
    returns: impl ExactSizeIterator<Item = &'f &'f Return> + Clone,
) -> Result<(), StoreError> {
    if returns.len() == 0 {
        return Ok(());
    }
    execute(
        transaction,
        PUT_RETURNS,
        &[
            &column(returns.clone(), |returned| returned.id.get()),
            &column(returns.clone(), |returned| returned.order.get()),
            &column(returns, |returned| millisecond(returned.created_at)),
        ],
    )
    .await?;
    Ok(())
}
