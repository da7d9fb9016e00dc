//! What a chat is about.

use domain::catalog::{OrderFacts, Posting, Product, Return};
use domain::chat::{Chat, Context};
use engine::related::Related;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::names::ModelName;
use crate::values::Time;

/// What a chat is about, with the facts that are known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContextView {
    #[serde(rename = "type")]
    kind: ContextName,
    /// The id of the product, order or return.
    id: Option<i64>,
    /// The product, or the first one of the order.
    product: Option<ProductView>,
    /// The order, also of a return.
    order: Option<OrderView>,
    #[serde(rename = "return")]
    returned: Option<ReturnView>,
}

/// The kinds of contexts.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContextName {
    Product,
    Order,
    Return,
    None,
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductView {
    id: i64,
    sku: Option<String>,
    title: String,
    /// Whole units of the marketplace's currency.
    price: i64,
    /// Whether it is on sale.
    published: bool,
    /// What only one marketplace knows of.
    #[schema(value_type = Object)]
    attributes: Option<Box<RawValue>>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderView {
    id: i64,
    number: Option<String>,
    shop_id: Option<i64>,
    /// How it is fulfilled.
    model: ModelName,
    created_at: Time,
    items: Vec<OrderItemView>,
    postings: Vec<PostingView>,
}

/// A line of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderItemView {
    product_id: i64,
    quantity: i64,
}

/// A parcel of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostingView {
    number: String,
    paid_at: Option<Time>,
    delivered_at: Option<Time>,
    cancelled_at: Option<Time>,
}

/// A return.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReturnView {
    id: i64,
    created_at: Time,
}

impl ContextView {
    pub(super) fn of(chat: &Chat, related: &Related) -> Self {
        let (kind, id, returned) = match chat.context {
            Context::None => (ContextName::None, None, None),
            Context::Product(id) => (ContextName::Product, Some(id.get()), None),
            Context::Order(id) => (ContextName::Order, Some(id.get()), None),
            Context::Return(id) => {
                (ContextName::Return, Some(id.get()), related.returns.get(&id).map(ReturnView::of))
            }
        };
        Self {
            kind,
            id,
            product: related.product_of(chat).map(ProductView::of),
            order: related.order_of(chat).map(OrderView::of),
            returned,
        }
    }
}

impl ProductView {
    fn of(product: &Product) -> Self {
        Self {
            id: product.id.get(),
            sku: product.sku.clone(),
            title: product.title.clone(),
            price: product.price,
            published: product.published_at.is_some(),
            attributes: RawValue::from_string(product.attributes.as_json().to_owned()).ok(),
        }
    }
}

impl OrderView {
    fn of(facts: &OrderFacts) -> Self {
        let order = &facts.order;
        let items = order
            .items
            .iter()
            .map(|item| OrderItemView { product_id: item.product.get(), quantity: item.quantity });
        Self {
            id: order.id.get(),
            number: order.number.clone(),
            shop_id: order.shop.map(domain::id::ShopId::get),
            model: facts.model.into(),
            created_at: Time(order.created_at),
            items: items.collect(),
            postings: facts.postings.iter().map(PostingView::of).collect(),
        }
    }
}

impl PostingView {
    fn of(posting: &Posting) -> Self {
        Self {
            number: posting.number.clone(),
            paid_at: Time::of(posting.paid_at),
            delivered_at: Time::of(posting.delivered_at),
            cancelled_at: Time::of(posting.cancelled_at),
        }
    }
}

impl ReturnView {
    fn of(found: &Return) -> Self {
        Self { id: found.id.get(), created_at: Time(found.created_at) }
    }
}
