//! The demo marketplace: who is there, what is on sale, what was bought.

use domain::account::{Account, AccountKind, Attributes, Member, MemberRole};
use domain::catalog::{Fact, Model, Order, OrderItem, Posting, Product, Return, Shop};
use domain::id::{AccountId, MemberId, OrderId, ProductId, ReturnId, ShopId};
use domain::{SignedDuration, Timestamp};

/// The password of everybody on the demo marketplace.
pub(super) const PASSWORD: &str = "demo";
/// How many buyers there are.
pub(super) const BUYERS: i64 = 40;
/// Every seller has so many products.
const PRODUCTS_A_SELLER: i64 = 12;
/// Every shop has so many orders.
const ORDERS_A_SHOP: i64 = 24;
/// The seller with many chats.
pub(super) const BIG_SELLER: i64 = 60_770_009;
/// So many buyers have written to the big seller, about each of so many products.
pub(super) const BIG_SELLER_BUYERS: i64 = 1000;
/// See [`BIG_SELLER_BUYERS`].
pub(super) const BIG_SELLER_PRODUCTS: i64 = 50;

/// A seller of the demo, with the models of its shops.
pub(super) struct DemoSeller {
    pub(super) id: i64,
    name: &'static str,
    email: &'static str,
    goods: &'static [(&'static str, i64)],
    models: &'static [Model],
}

/// The first is the one whose credentials are printed, the second the stranger to it.
pub(super) const SELLERS: [DemoSeller; 3] = [
    DemoSeller {
        id: 60_770_001,
        name: "Невский Разбор",
        email: "seller@demo.test",
        goods: &[
            ("Генератор BMW E46 M54", 7500),
            ("Фара передняя левая Camry XV50", 12_300),
            ("Стартер Audi A4 B6", 5400),
            ("Радиатор охлаждения Focus II", 3900),
            ("Тормозные колодки передние Octavia A7", 2100),
            ("Масляный фильтр Mann W712", 640),
        ],
        models: &[Model::Fbs, Model::Fbo, Model::Express, Model::Rfbs],
    },
    DemoSeller {
        id: 60_770_002,
        name: "Чехлы и Точка",
        email: "other-seller@demo.test",
        goods: &[
            ("Чехол для iPhone 15, силиконовый", 790),
            ("Защитное стекло Galaxy S24", 450),
            ("Кабель USB-C, 2 м", 590),
            ("Зарядное устройство 65 Вт", 2490),
        ],
        models: &[Model::Fbs, Model::Dbs],
    },
    DemoSeller {
        id: 60_770_003,
        name: "Дом у Волги",
        email: "third-seller@demo.test",
        goods: &[
            ("Плед из мериноса, серый", 4990),
            ("Набор ножей, 5 предметов", 3290),
            ("Лампа настольная «Маяк»", 2750),
            ("Чайник заварочный, 800 мл", 1190),
        ],
        models: &[Model::Fbo, Model::Laas],
    },
];

const NAMES: [&str; 20] = [
    "Анна К.",
    "Пётр",
    "Мария С.",
    "Иван",
    "Ольга",
    "Дмитрий В.",
    "Екатерина",
    "Сергей П.",
    "Наталья",
    "Алексей",
    "Юлия М.",
    "Артём",
    "Светлана",
    "Михаил",
    "Ксения Р.",
    "Андрей",
    "Татьяна",
    "Никита Л.",
    "Вера",
    "Григорий",
];

/// An order that was placed, for telling chats about it.
pub(super) struct DemoOrder {
    pub(super) id: OrderId,
    pub(super) number: String,
    pub(super) posting: String,
    pub(super) seller: AccountId,
    pub(super) buyer: AccountId,
    pub(super) model: Model,
    pub(super) placed_at: Timestamp,
    pub(super) return_id: Option<ReturnId>,
}

/// A product, for telling chats about it.
pub(super) struct DemoProduct {
    pub(super) id: ProductId,
    pub(super) seller: AccountId,
    pub(super) title: &'static str,
}

/// Everything that the marketplace's backend would have pushed.
#[derive(Default)]
pub(super) struct DemoMarket {
    pub(super) facts: Vec<Fact>,
    pub(super) orders: Vec<DemoOrder>,
    pub(super) products: Vec<DemoProduct>,
}

/// The buyer with this number, counted from 0 and round again.
pub(super) fn buyer(index: i64) -> Option<AccountId> {
    AccountId::new(1001 + index.rem_euclid(BUYERS))
}

impl DemoMarket {
    /// The marketplace as it is at `now`.
    pub(super) fn at(now: Timestamp, password_hash: &str) -> Option<Self> {
        let mut market = Self::default();
        for index in 0..BUYERS {
            let name = NAMES[usize::try_from(index).ok()? % NAMES.len()];
            let email = format!("buyer{}@demo.test", index + 1);
            market.add_account(
                buyer(index)?,
                name,
                AccountKind::Private,
                &email,
                now,
                password_hash,
            );
        }
        for seller in &SELLERS {
            market.add_seller(seller, now, password_hash)?;
        }
        Some(market)
    }

    /// The postings alone.
    pub(super) fn postings(&self) -> Vec<Fact> {
        self.facts.iter().filter(|fact| matches!(fact, Fact::Posting(_))).cloned().collect()
    }

    fn add_account(
        &mut self,
        id: AccountId,
        name: &str,
        kind: AccountKind,
        email: &str,
        now: Timestamp,
        password_hash: &str,
    ) {
        let sells = kind == AccountKind::Company;
        let account = Account {
            kind,
            city_id: Some(2),
            rating: sells.then(|| "4.85".to_owned()),
            reviews_count: if sells { 127 } else { 0 },
            products_count: if sells { PRODUCTS_A_SELLER } else { 0 },
            email: Some(email.to_owned()),
            email_verified: true,
            ..Account::new(id, name.to_owned(), now - SignedDuration::from_hours(24 * 300))
        };
        self.facts.push(Fact::Account(Box::new(account), Some(password_hash.to_owned())));
    }

    fn add_seller(
        &mut self,
        seller: &DemoSeller,
        now: Timestamp,
        password_hash: &str,
    ) -> Option<()> {
        let id = AccountId::new(seller.id)?;
        self.add_account(id, seller.name, AccountKind::Company, seller.email, now, password_hash);
        for (number, role) in
            (1..).zip([MemberRole::Supervisor, MemberRole::Operator, MemberRole::Operator])
        {
            let member = MemberId::new(seller.id * 10 + number)?;
            let name = format!("Оператор {number}");
            self.facts.push(Fact::Member(Member { id: member, account: id, name, role }));
        }
        let first_product = self.products.len();
        for number in 0..PRODUCTS_A_SELLER {
            let (title, price) = seller.goods[usize::try_from(number).ok()? % seller.goods.len()];
            let product = ProductId::new(seller.id % 1000 * 1000 + number + 1)?;
            self.products.push(DemoProduct { id: product, seller: id, title });
            self.facts.push(Fact::Product(Box::new(Product {
                id: product,
                seller: id,
                sku: Some(format!("{}{:04}", seller.id % 1000, number + 1)),
                title: title.to_owned(),
                price: price + number * 10,
                published_at: Some(now - SignedDuration::from_hours(24 * 60)),
                attributes: Attributes::from_json_object(
                    r#"{"steering":"left","city_id":2,"region_id":78,"images":[]}"#.to_owned(),
                ),
            })));
        }
        for (number, &model) in (1..).zip(seller.models) {
            let shop = ShopId::new(48_700_000 + seller.id % 1000 * 100 + number)?;
            let name = format!("{} · {model:?}", seller.name);
            self.facts.push(Fact::Shop(Shop { id: shop, seller: id, name, model }));
            for index in 0..ORDERS_A_SHOP {
                self.add_order(id, shop, model, index, first_product, now)?;
            }
        }
        Some(())
    }

    /// Orders of every stage: just placed, paid, on the way, delivered now and long ago, cancelled, being returned.
    fn add_order(
        &mut self,
        seller: AccountId,
        shop: ShopId,
        model: Model,
        index: i64,
        first_product: usize,
        now: Timestamp,
    ) -> Option<()> {
        let hours = SignedDuration::from_hours;
        let serial = shop.get() % 1000 * 100 + index;
        let id = OrderId::new(489_000_000 + serial)?;
        let (paid, delivered, cancelled) = match index % 6 {
            0 => (Some(1), None, None),
            1 => (Some(30), None, None),
            2 => (Some(100), Some(20), None),
            3 => (Some(24 * 12), Some(24 * 9), None),
            4 => (Some(60), None, Some(50)),
            _ => (None, None, None),
        };
        let ago = |hours_ago: Option<i64>| hours_ago.map(|ago| now - hours(ago));
        let placed_at = ago(paid).unwrap_or(now) - SignedDuration::from_mins(40);
        let buyer = buyer(serial * 7 + serial / 100)?;
        let number = format!("{}-{:04}", 47_873_000 + shop.get() % 1000, index + 1);
        let posting = format!("{number}-1");
        let product =
            &self.products[first_product + usize::try_from(index % PRODUCTS_A_SELLER).ok()?];
        let order = Order {
            id,
            seller,
            buyer,
            shop: Some(shop),
            number: Some(number.clone()),
            created_at: placed_at,
            items: vec![OrderItem { product: product.id, quantity: 1 + index % 2 }],
        };
        let parcel = Posting {
            number: posting.clone(),
            order: id,
            paid_at: ago(paid),
            delivered_at: ago(delivered),
            cancelled_at: ago(cancelled),
        };
        self.facts.extend([Fact::Order(Box::new(order)), Fact::Posting(parcel)]);
        let return_id = if delivered.is_some() { ReturnId::new(77_000_000 + serial) } else { None };
        if let Some(return_id) = return_id {
            let returned = Return { id: return_id, order: id, created_at: now - hours(10) };
            self.facts.push(Fact::Return(returned));
        }
        self.orders.push(DemoOrder {
            id,
            number,
            posting,
            seller,
            buyer,
            model,
            placed_at,
            return_id,
        });
        Some(())
    }
}

/// The facts around the big seller.
pub(super) fn big_seller_facts(now: Timestamp, password_hash: &str) -> Option<Vec<Fact>> {
    let mut market = DemoMarket::default();
    let seller = AccountId::new(BIG_SELLER)?;
    let company = AccountKind::Company;
    market.add_account(
        seller,
        "Очень Большой Магазин",
        company,
        "big-seller@demo.test",
        now,
        password_hash,
    );
    for index in 0..BIG_SELLER_BUYERS {
        let name = NAMES[usize::try_from(index).ok()? % NAMES.len()];
        let email = format!("big-buyer{}@demo.test", index + 1);
        market.add_account(
            big_buyer(index)?,
            name,
            AccountKind::Private,
            &email,
            now,
            password_hash,
        );
    }
    for index in 0..BIG_SELLER_PRODUCTS {
        market.facts.push(Fact::Product(Box::new(Product {
            id: big_product(index)?,
            seller,
            sku: None,
            title: format!("Товар № {}", index + 1),
            price: 1000 + index,
            published_at: Some(now),
            attributes: Attributes::default(),
        })));
    }
    Some(market.facts)
}

/// A buyer of the big seller, counted from 0.
pub(super) fn big_buyer(index: i64) -> Option<AccountId> {
    AccountId::new(200_001 + index)
}

/// A product of the big seller, counted from 0.
pub(super) fn big_product(index: i64) -> Option<ProductId> {
    ProductId::new(900_001 + index)
}
