//! Rows of members, shops and products.

use domain::account::{Attributes, Member};
use domain::catalog::{Product, Shop};
use domain::id::{AccountId, MemberId, ProductId, ShopId};

use crate::cells::Cells;

/// The columns of [`member`].
macro_rules! member_columns {
    () => {
        "id, account_id, name, role"
    };
}
pub(crate) use member_columns;

pub(crate) fn member<C: Cells>(cells: &mut C) -> Result<Member, C::Error> {
    Ok(Member {
        id: cells.id(MemberId::new)?,
        account: cells.id(AccountId::new)?,
        name: cells.take()?,
        role: cells.code()?,
    })
}

/// The columns of [`shop`].
macro_rules! shop_columns {
    () => {
        "id, seller_id, name, model"
    };
}
pub(crate) use shop_columns;

pub(crate) fn shop<C: Cells>(cells: &mut C) -> Result<Shop, C::Error> {
    Ok(Shop {
        id: cells.id(ShopId::new)?,
        seller: cells.id(AccountId::new)?,
        name: cells.take()?,
        model: cells.code()?,
    })
}

/// The columns of [`product`].
macro_rules! product_columns {
    () => {
        "id, seller_id, sku, title, price, published_at, attributes"
    };
}
pub(crate) use product_columns;

pub(crate) fn product<C: Cells>(cells: &mut C) -> Result<Product, C::Error> {
    Ok(Product {
        id: cells.id(ProductId::new)?,
        seller: cells.id(AccountId::new)?,
        sku: cells.take()?,
        title: cells.take()?,
        price: cells.take()?,
        published_at: cells.optional_time()?,
        attributes: Attributes::from_json_object(cells.take()?),
    })
}
