//! The market of every test: two sellers, two buyers, a shop for each model, three products.

use domain::Timestamp;
use domain::account::{Account, AccountKind, Attributes};
use domain::catalog::{Fact, Model, Product, Shop};
use domain::id::{AccountId, OrderId, ProductId, ReturnId, ShopId};

/// Where the clock of every test begins.
pub const START: &str = "2026-11-21T10:00:00Z";
/// Sells through all faces.
pub const SELLER: AccountId = account(60_770_001);
/// A stranger to [`SELLER`].
pub const OTHER_SELLER: AccountId = account(60_770_002);
/// Buys.
pub const BUYER: AccountId = account(42);
/// A stranger to [`BUYER`].
pub const OTHER_BUYER: AccountId = account(43);
/// The password of all four.
pub const PASSWORD: &str = "correct horse";
/// On sale at [`SELLER`]; sku `sku-88`, 7500 roubles.
pub const PRODUCT: ProductId = product(88);
/// Not on sale, at [`SELLER`].
pub const UNPUBLISHED_PRODUCT: ProductId = product(89);
/// On sale at [`OTHER_SELLER`].
pub const OTHER_PRODUCT: ProductId = product(90);

/// An order that was placed for a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// Its id.
    pub id: OrderId,
    /// Its number, such as `47873153-0001`.
    pub number: String,
    /// The number of its only posting, such as `47873153-0001-1`.
    pub posting: String,
    /// Its return.
    pub return_id: ReturnId,
}

const fn account(id: i64) -> AccountId {
    match AccountId::new(id) {
        Some(id) => id,
        None => panic!("an id is positive"),
    }
}

const fn product(id: i64) -> ProductId {
    match ProductId::new(id) {
        Some(id) => id,
        None => panic!("an id is positive"),
    }
}

/// The address with which an account of the market signs in.
pub fn email_of(account: AccountId) -> String {
    format!("account-{account}@example.test")
}

/// The shop of [`SELLER`] with this model.
pub fn shop_of(model: Model) -> ShopId {
    let index = Model::ALL.iter().position(|&known| known == model).unwrap();
    ShopId::new(48_712_230 + i64::try_from(index).unwrap()).unwrap()
}

pub(crate) fn facts(password_hash: &str) -> Vec<Fact> {
    let start: Timestamp = START.parse().unwrap();
    let people = [
        (SELLER, "Невский Разбор", AccountKind::Company),
        (OTHER_SELLER, "Чужой Магазин", AccountKind::Company),
        (BUYER, "Анна К.", AccountKind::Private),
        (OTHER_BUYER, "Пётр", AccountKind::Private),
    ];
    let accounts = people.map(|(id, name, kind)| {
        let account = Account {
            kind,
            city_id: Some(2),
            email: Some(email_of(id)),
            email_verified: true,
            ..Account::new(id, name.to_owned(), start)
        };
        Fact::Account(Box::new(account), Some(password_hash.to_owned()))
    });
    let shops = Model::ALL.map(|model| {
        Fact::Shop(Shop {
            id: shop_of(model),
            seller: SELLER,
            name: format!("Магазин {model:?}"),
            model,
        })
    });
    let products = [
        (PRODUCT, SELLER, true),
        (UNPUBLISHED_PRODUCT, SELLER, false),
        (OTHER_PRODUCT, OTHER_SELLER, true),
    ]
    .map(|(id, seller, on_sale)| {
        Fact::Product(Box::new(Product {
            id,
            seller,
            sku: Some(format!("sku-{id}")),
            title: "Генератор BMW E46 M54".to_owned(),
            price: 7500,
            published_at: on_sale.then_some(start),
            attributes: Attributes::default(),
        }))
    });
    accounts.into_iter().chain(shops).chain(products).collect()
}
