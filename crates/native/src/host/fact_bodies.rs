//! The facts of a marketplace as they stand in bodies. A fact replaces what was known of the same thing as a whole.

use domain::Timestamp;
use domain::account::{Account, Member};
use domain::catalog::{Fact, Order, OrderItem, Posting, Product, Return, Shop};
use domain::id::{AccountId, MemberId, OrderId, ProductId, ReturnId, ShopId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::names::{AccountKindName, MemberRoleName, ModelName};
use crate::problem::Problem;
use crate::values::{
    Attributes, Count, Decimal, Email, Id, Name, Number, ParticipantId, PasswordHash, Phone,
    Quantity, Sku, Time, Title, Url,
};

/// Lines of an order.
const ITEMS_MAX: usize = 1000;

/// An account. The id stands in the path, or in bulk as `id`.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AccountFact {
    kind: Option<AccountKindName>,
    display_name: Name,
    avatar_url: Option<Url>,
    city_id: Option<Id>,
    /// A decimal number as text, for instance `4.85`.
    rating: Option<Decimal>,
    reviews_count: Option<Count>,
    products_count: Option<Count>,
    /// Since when the account exists.
    created_at: Time,
    /// For signing in; unique over accounts.
    email: Option<Email>,
    email_verified: Option<bool>,
    phone: Option<Phone>,
    /// An account that is not active can neither sign in nor use a key. True unless said otherwise.
    is_active: Option<bool>,
    is_admin: Option<bool>,
    attributes: Option<Attributes>,
    /// The hash of the password as PHC text (`$argon2id$…`); without it the password stays what it is.
    password_hash: Option<PasswordHash>,
}

/// A person who works for an account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MemberFact {
    account_id: ParticipantId,
    name: Name,
    /// Operator unless said otherwise.
    role: Option<MemberRoleName>,
}

/// A storefront of an account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ShopFact {
    seller_id: ParticipantId,
    name: Name,
    model: ModelName,
}

/// Something on sale.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ProductFact {
    seller_id: ParticipantId,
    sku: Option<Sku>,
    title: Title,
    /// Whole units of the marketplace's currency.
    price: Count,
    /// Since when it is on sale; null takes it off sale.
    published_at: Option<Time>,
    attributes: Option<Attributes>,
}

/// A purchase.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct OrderFact {
    seller_id: ParticipantId,
    buyer_id: ParticipantId,
    shop_id: Option<Id>,
    /// The number that people see.
    number: Option<Number>,
    created_at: Time,
    #[schema(max_items = 1000)]
    items: Option<Vec<OrderItemFact>>,
}

/// A line of an order.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct OrderItemFact {
    product_id: Id,
    /// 1 unless said otherwise.
    quantity: Option<Quantity>,
}

/// A parcel of an order. The number stands in the path, or in bulk as `number`.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PostingFact {
    order_id: Id,
    paid_at: Option<Time>,
    delivered_at: Option<Time>,
    cancelled_at: Option<Time>,
}

/// A return of an order.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ReturnFact {
    order_id: Id,
    created_at: Time,
}

/// A body that is the fact of the thing with this id.
pub(crate) trait FactBody: serde::de::DeserializeOwned {
    /// The fact.
    fn into_fact(self, id: Id) -> Result<Fact, Problem>;
}

/// An id that was checked already.
fn checked<T>(path: &str, id: Id, new: impl Fn(i64) -> Option<T>) -> Result<T, Problem> {
    new(id.get()).ok_or_else(|| Problem::invalid(path, "is out of range"))
}

fn account(path: &str, id: ParticipantId) -> Result<AccountId, Problem> {
    AccountId::new(id.get()).ok_or_else(|| Problem::invalid(path, "is out of range"))
}

fn time(time: Option<Time>) -> Option<Timestamp> {
    time.map(|Time(time)| time)
}

fn attributes(attributes: Option<Attributes>) -> domain::account::Attributes {
    attributes.unwrap_or_default().0
}

impl FactBody for AccountFact {
    fn into_fact(self, id: Id) -> Result<Fact, Problem> {
        let id = checked("id", id, AccountId::new)?;
        if id == AccountId::MARKETPLACE {
            return Err(Problem::invalid("id", "is the marketplace's own; choose a smaller one"));
        }
        if let Some(hash) = &self.password_hash {
            super::sign_in::check_password_hash(hash)?;
        }
        let account = Account {
            id,
            kind: self.kind.unwrap_or(AccountKindName::Private).into(),
            display_name: self.display_name.into_string(),
            avatar_url: self.avatar_url.map(Url::into_string),
            city_id: self.city_id.map(Id::get),
            rating: self.rating.map(Decimal::into_string),
            reviews_count: self.reviews_count.map_or(0, Count::get),
            products_count: self.products_count.map_or(0, Count::get),
            created_at: self.created_at.0,
            email: self.email.map(Email::into_string),
            email_verified: self.email_verified.unwrap_or(false),
            phone: self.phone.map(Phone::into_string),
            is_active: self.is_active.unwrap_or(true),
            is_admin: self.is_admin.unwrap_or(false),
            attributes: attributes(self.attributes),
        };
        let hash = self.password_hash.map(PasswordHash::into_string);
        Ok(Fact::Account(Box::new(account), hash))
    }
}

impl FactBody for MemberFact {
    fn into_fact(self, id: Id) -> Result<Fact, Problem> {
        Ok(Fact::Member(Member {
            id: checked("id", id, MemberId::new)?,
            account: account("account_id", self.account_id)?,
            name: self.name.into_string(),
            role: self.role.unwrap_or(MemberRoleName::Operator).into(),
        }))
    }
}

impl FactBody for ShopFact {
    fn into_fact(self, id: Id) -> Result<Fact, Problem> {
        Ok(Fact::Shop(Shop {
            id: checked("id", id, ShopId::new)?,
            seller: account("seller_id", self.seller_id)?,
            name: self.name.into_string(),
            model: self.model.into(),
        }))
    }
}

impl FactBody for ProductFact {
    fn into_fact(self, id: Id) -> Result<Fact, Problem> {
        Ok(Fact::Product(Box::new(Product {
            id: checked("id", id, ProductId::new)?,
            seller: account("seller_id", self.seller_id)?,
            sku: self.sku.map(Sku::into_string),
            title: self.title.into_string(),
            price: self.price.get(),
            published_at: time(self.published_at),
            attributes: attributes(self.attributes),
        })))
    }
}

impl FactBody for OrderFact {
    fn into_fact(self, id: Id) -> Result<Fact, Problem> {
        let items = self.items.unwrap_or_default();
        if ITEMS_MAX < items.len() {
            return Err(Problem::invalid("items", format!("holds more than {ITEMS_MAX} lines")));
        }
        let items = items.into_iter().map(|item| {
            let product = checked("items.product_id", item.product_id, ProductId::new)?;
            Ok(OrderItem { product, quantity: item.quantity.map_or(1, Quantity::get) })
        });
        let seller = account("seller_id", self.seller_id)?;
        let buyer = account("buyer_id", self.buyer_id)?;
        if seller == buyer {
            return Err(Problem::invalid(
                "buyer_id",
                "is the seller; nobody chats with themselves",
            ));
        }
        Ok(Fact::Order(Box::new(Order {
            id: checked("id", id, OrderId::new)?,
            seller,
            buyer,
            shop: self.shop_id.and_then(|id| ShopId::new(id.get())),
            number: self.number.map(Number::into_string),
            created_at: self.created_at.0,
            items: items.collect::<Result<_, Problem>>()?,
        })))
    }
}

impl PostingFact {
    /// The fact of the posting with this number.
    pub(crate) fn into_fact(self, number: Number) -> Result<Fact, Problem> {
        Ok(Fact::Posting(Posting {
            number: number.into_string(),
            order: checked("order_id", self.order_id, OrderId::new)?,
            paid_at: time(self.paid_at),
            delivered_at: time(self.delivered_at),
            cancelled_at: time(self.cancelled_at),
        }))
    }
}

impl FactBody for ReturnFact {
    fn into_fact(self, id: Id) -> Result<Fact, Problem> {
        Ok(Fact::Return(Return {
            id: checked("id", id, ReturnId::new)?,
            order: checked("order_id", self.order_id, OrderId::new)?,
            created_at: self.created_at.0,
        }))
    }
}
