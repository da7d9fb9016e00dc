//! Rows of orders, with what belongs to them, and of returns.

use domain::catalog::{Model, Order, OrderItem, Posting, Return};
use domain::id::{AccountId, OrderId, ProductId, ReturnId, ShopId};

use crate::cells::Cells;

/// The columns of [`order`], and where they come from.
macro_rules! order_columns_and_tables {
    () => {
        "orders.id, orders.seller_id, orders.buyer_id, orders.shop_id, orders.number, orders.created_at, shops.model \
         FROM orders LEFT JOIN shops ON shops.id = orders.shop_id"
    };
}
pub(crate) use order_columns_and_tables;

/// An order without its items, and how it is fulfilled.
pub(crate) fn order<C: Cells>(cells: &mut C) -> Result<(Order, Model), C::Error> {
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

/// The columns of [`item`].
macro_rules! item_columns {
    () => {
        "order_id, product_id, quantity"
    };
}
pub(crate) use item_columns;

/// An item, and of which order it is.
pub(crate) fn item<C: Cells>(cells: &mut C) -> Result<(OrderId, OrderItem), C::Error> {
    let order = cells.id(OrderId::new)?;
    Ok((order, OrderItem { product: cells.id(ProductId::new)?, quantity: cells.number()? }))
}

/// The columns of [`posting`].
macro_rules! posting_columns {
    () => {
        "number, order_id, paid_at, delivered_at, cancelled_at"
    };
}
pub(crate) use posting_columns;

pub(crate) fn posting<C: Cells>(cells: &mut C) -> Result<Posting, C::Error> {
    Ok(Posting {
        number: cells.take()?,
        order: cells.id(OrderId::new)?,
        paid_at: cells.optional_time()?,
        delivered_at: cells.optional_time()?,
        cancelled_at: cells.optional_time()?,
    })
}

/// The columns of [`returned`].
macro_rules! return_columns {
    () => {
        "id, order_id, created_at"
    };
}
pub(crate) use return_columns;

pub(crate) fn returned<C: Cells>(cells: &mut C) -> Result<Return, C::Error> {
    Ok(Return {
        id: cells.id(ReturnId::new)?,
        order: cells.id(OrderId::new)?,
        created_at: cells.time()?,
    })
}
