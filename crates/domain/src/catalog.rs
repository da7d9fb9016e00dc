//! What chats are about: shops, products, orders, postings, returns. The marketplace pushes these facts; Torg owns
//! none.

use crate::Timestamp;
use crate::account::Attributes;
use crate::id::{AccountId, OrderId, ProductId, ReturnId, ShopId};

/// Who stores, packs and delivers an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// The marketplace stores and delivers (Ozon FBO, Yandex Market FBY).
    Fbo,
    /// The seller stores, the marketplace delivers.
    Fbs,
    /// Ozon's rFBS: the seller stores and delivers.
    Rfbs,
    /// Yandex Market's DBS: the seller stores and delivers.
    Dbs,
    /// Delivery within hours from the seller's store.
    Express,
    /// The marketplace only carries parcels.
    Laas,
}

impl Model {
    /// Every model.
    pub const ALL: [Self; 6] =
        [Self::Fbo, Self::Fbs, Self::Rfbs, Self::Dbs, Self::Express, Self::Laas];
}

/// A storefront of an account, with one fulfilment model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// Chosen by the marketplace.
    pub id: ShopId,
    /// Whose shop it is.
    pub seller: AccountId,
    /// Shown to people.
    pub name: String,
    /// How its orders are fulfilled.
    pub model: Model,
}

/// Something on sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Chosen by the marketplace.
    pub id: ProductId,
    /// Who sells it.
    pub seller: AccountId,
    /// The stock keeping unit; the id as text where the marketplace has no other.
    pub sku: Option<String>,
    /// Title of the listing.
    pub title: String,
    /// Whole units of the marketplace's currency (roubles).
    pub price: i64,
    /// Since when it is on sale; none when it is not.
    pub published_at: Option<Timestamp>,
    /// What only one marketplace knows of (pictures, geography, fit).
    pub attributes: Attributes,
}

/// A purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Chosen by the marketplace.
    pub id: OrderId,
    /// Who sold.
    pub seller: AccountId,
    /// Who bought.
    pub buyer: AccountId,
    /// Through which shop.
    pub shop: Option<ShopId>,
    /// The number that people see; Ozon's `order_number`.
    pub number: Option<String>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// What was bought, in the order's own sequence.
    pub items: Vec<OrderItem>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderItem {
    /// What was bought.
    pub product: ProductId,
    /// How many pieces, at least 1.
    pub quantity: i64,
}

/// A parcel of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Unique on the marketplace, for instance `47873153-0052-1`.
    pub number: String,
    /// The order it belongs to.
    pub order: OrderId,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// When the buyer received it.
    pub delivered_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
}

/// A return of an order, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// Chosen by the marketplace.
    pub id: ReturnId,
    /// What is returned.
    pub order: OrderId,
    /// When the buyer asked for it.
    pub created_at: Timestamp,
}

/// What the rules know of an order: the order, its fulfilment model and its postings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFacts {
    /// The order.
    pub order: Order,
    /// The model of the order's shop; [`Model::Fbs`] while the shop is unknown.
    pub model: Model,
    /// Its parcels.
    pub postings: Vec<Posting>,
}

/// One fact that the marketplace pushes. Facts may come in any order and any number of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An account, with its password's hash (PHC text) when the person signs in at Torg.
    Account(Box<crate::account::Account>, Option<String>),
    /// A member of an account.
    Member(crate::account::Member),
    /// A shop.
    Shop(Shop),
    /// A product.
    Product(Box<Product>),
    /// An order.
    Order(Box<Order>),
    /// A posting.
    Posting(Posting),
    /// A return.
    Return(Return),
}
