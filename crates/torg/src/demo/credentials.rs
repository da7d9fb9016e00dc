//! What a client needs to talk to the demo, as `--info` writes it.

use anyhow::Context as _;
use domain::SignedDuration;
use domain::catalog::Model;
use domain::chat::{Chat, Context};
use domain::id::{AccountId, ProductId};
use engine::Engine;
use engine::access::Caller;
use engine::queries::AgeFilter;
use engine::random::SeededRandom;
use serde::Serialize;
use uuid::Uuid;

use super::has_account;
use super::market::{BIG_SELLER, DemoMarket, DemoOrder, PASSWORD, SELLERS, buyer};
use crate::faces::{HOST_AUDIENCE, NATIVE_AUDIENCE, new_secret};

/// The demo makes fewer chats than this about any one thing.
const CHATS_ABOUT_ONE_THING_MAX: usize = 100;

/// Addresses and credentials of one demo.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Credentials {
    /// Where the server listens.
    pub(super) base_url: String,
    pub(super) ozon: Ozon,
    pub(super) yandex_market: YandexMarket,
    pub(super) partizap: Partizap,
    pub(super) native: Native,
    /// A stranger to the seller above.
    pub(super) other_seller: SellerKeys,
    /// The seller with 50,000 chats, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) big_seller: Option<SellerKeys>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Ozon {
    pub(super) base_url: String,
    pub(super) client_id: String,
    pub(super) api_key: String,
    /// An FBS posting, inside its window, without a chat.
    pub(super) posting_number: String,
    /// An FBO posting without a chat.
    pub(super) fbo_posting_number: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct YandexMarket {
    pub(super) base_url: String,
    pub(super) business_id: i64,
    pub(super) api_key: String,
    /// An order without a chat.
    pub(super) order_id: i64,
    /// A return without a chat.
    pub(super) return_id: i64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Partizap {
    pub(super) base_url: String,
    pub(super) buyer: Person,
    pub(super) seller: Person,
    /// A product about which the buyer has not asked yet.
    pub(super) product_id: i64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Person {
    pub(super) email: String,
    pub(super) password: String,
    pub(super) user_id: i64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Native {
    pub(super) base_url: String,
    pub(super) host_key: String,
    pub(super) seller_key: String,
    pub(super) buyer_key: String,
    pub(super) seller_id: i64,
    pub(super) buyer_id: i64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct SellerKeys {
    pub(super) client_id: String,
    pub(super) ozon_api_key: String,
    pub(super) business_id: i64,
    pub(super) yandex_api_key: String,
    pub(super) native_key: String,
}

/// Makes the keys of the demo's accounts.
pub(super) async fn make(engine: &Engine, base_url: &str) -> anyhow::Result<Credentials> {
    let seller = AccountId::new(SELLERS[0].id).context("a seller")?;
    let other = AccountId::new(SELLERS[1].id).context("a seller")?;
    let buyer = buyer(0).context("a buyer")?;
    // Ids and numbers are the same whenever the marketplace is made.
    let market = DemoMarket::at(engine.now(), "").context("the demo's ids are too large")?;
    let untouched = Untouched { engine, market: &market, seller };
    let fbs = untouched.order(Model::Fbs, Stage::Paid, 0).await?;
    let fbs_for_yandex = untouched.order(Model::Fbs, Stage::Paid, 1).await?;
    let fbo = untouched.order(Model::Fbo, Stage::Paid, 0).await?;
    let returned = untouched.order(Model::Fbs, Stage::Returned, 0).await?;
    let product = untouched.product(buyer).await?;

    Ok(Credentials {
        base_url: base_url.to_owned(),
        ozon: Ozon {
            base_url: format!("{base_url}/ozon"),
            client_id: seller.to_string(),
            api_key: key(engine, Some(seller), dialect_ozon::AUDIENCE).await?,
            posting_number: fbs.posting.clone(),
            fbo_posting_number: fbo.posting.clone(),
        },
        yandex_market: YandexMarket {
            base_url: format!("{base_url}/yandex-market"),
            business_id: seller.get(),
            api_key: key(engine, Some(seller), dialect_yandex_market::AUDIENCE).await?,
            order_id: fbs_for_yandex.id.get(),
            return_id: returned.return_id.context("a return")?.get(),
        },
        partizap: Partizap {
            base_url: format!("{base_url}/partizap"),
            buyer: person("buyer1@demo.test", buyer),
            seller: person("seller@demo.test", seller),
            product_id: product.get(),
        },
        native: Native {
            base_url: base_url.to_owned(),
            host_key: key(engine, None, HOST_AUDIENCE).await?,
            seller_key: key(engine, Some(seller), NATIVE_AUDIENCE).await?,
            buyer_key: key(engine, Some(buyer), NATIVE_AUDIENCE).await?,
            seller_id: seller.get(),
            buyer_id: buyer.get(),
        },
        other_seller: seller_keys(engine, other).await?,
        big_seller: match AccountId::new(BIG_SELLER) {
            Some(id) if has_account(engine, id).await? => Some(seller_keys(engine, id).await?),
            Some(_) | None => None,
        },
    })
}

async fn seller_keys(engine: &Engine, seller: AccountId) -> anyhow::Result<SellerKeys> {
    Ok(SellerKeys {
        client_id: seller.to_string(),
        ozon_api_key: key(engine, Some(seller), dialect_ozon::AUDIENCE).await?,
        business_id: seller.get(),
        yandex_api_key: key(engine, Some(seller), dialect_yandex_market::AUDIENCE).await?,
        native_key: key(engine, Some(seller), NATIVE_AUDIENCE).await?,
    })
}

fn person(email: &str, account: AccountId) -> Person {
    Person { email: email.to_owned(), password: PASSWORD.to_owned(), user_id: account.get() }
}

/// Makes a key that may read and write, and answers its text. It is the same in every demo, so that what is written
/// about the demo can be pasted.
async fn key(
    engine: &Engine,
    account: Option<AccountId>,
    audience: &str,
) -> anyhow::Result<String> {
    let seed = account.map_or(0, |account| account.get().unsigned_abs());
    let secret = new_secret(audience, &SeededRandom::new(seed)).context("a face without keys")?;
    let mut key = engine.new_key(account, audience, "demo", &secret);
    let mut id = [0; 16];
    id.copy_from_slice(&key.secret_hash[..16]);
    key.id = Uuid::from_bytes(id);
    engine.put_key(&key).await??;
    Ok(secret)
}

/// How far an order has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Paid lately, not delivered.
    Paid,
    /// Delivered, and being returned.
    Returned,
}

/// Looks for things that nobody has talked about. A folder that was used for long may have none left; then the last
/// fitting one must do.
struct Untouched<'a> {
    engine: &'a Engine,
    market: &'a DemoMarket,
    seller: AccountId,
}

impl<'a> Untouched<'a> {
    /// A product of the seller about which `buyer` has not asked yet.
    async fn product(&self, buyer: AccountId) -> anyhow::Result<ProductId> {
        let mut last = None;
        for product in self.market.products.iter().filter(|product| product.seller == self.seller) {
            last = Some(product.id);
            let chats = self.chats_about(vec![Context::Product(product.id)]).await?;
            if chats.iter().all(|chat| chat.buyer.account != buyer) {
                break;
            }
        }
        last.context("the demo's seller has no product")
    }

    /// The `index`th order of this model and stage without a chat.
    async fn order(
        &self,
        model: Model,
        stage: Stage,
        index: usize,
    ) -> anyhow::Result<&'a DemoOrder> {
        let mut left = index;
        let mut last = None;
        for order in &self.market.orders {
            if order.seller != self.seller
                || order.model != model
                || !stage.fits(self.engine, order)
            {
                continue;
            }
            last = Some(order);
            let mut contexts = vec![Context::Order(order.id)];
            contexts.extend(order.return_id.map(Context::Return));
            if self.chats_about(contexts).await?.is_empty() {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
        }
        last.context("the demo's seller has no such order")
    }

    /// The seller's chats about one of these things.
    async fn chats_about(&self, contexts: Vec<Context>) -> anyhow::Result<Vec<Chat>> {
        let caller = Caller::account_holder(self.seller);
        let filter = AgeFilter { contexts: Some(contexts), ..AgeFilter::default() };
        Ok(self.engine.chats_by_age(&caller, filter, None, CHATS_ABOUT_ONE_THING_MAX).await?.items)
    }
}

impl Stage {
    fn fits(self, engine: &Engine, order: &DemoOrder) -> bool {
        match self {
            Self::Returned => order.return_id.is_some(),
            Self::Paid => {
                // Orders are placed shortly before they are paid.
                let age = engine.now().duration_since(order.placed_at);
                let lately = SignedDuration::from_hours(1)..SignedDuration::from_hours(48);
                order.return_id.is_none() && lately.contains(&age)
            }
        }
    }
}
