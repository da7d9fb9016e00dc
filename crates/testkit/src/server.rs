//! The server of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::SignedDuration;
use domain::catalog::{Fact, Model, Order, OrderItem, Posting, Return};
use domain::chat::Chat;
use domain::commands::Draft;
use domain::id::{AccountId, ChatId, OrderId, ReturnId};
use domain::message::Message;
use domain::text::Text;
use engine::access::{Caller, Host};
use engine::clock::{Clock as _, ManualClock};
use engine::random::SystemRandom;
use engine::store::ApiKey;
use engine::{Engine, sessions};
use torg::faces::{HOST_AUDIENCE, new_secret};
use torg::server::Surroundings;
use torg::settings::{self, Settings, Sources};
use webhooks::Webhooks;

use crate::http::http_client;
use crate::market::{self, BUYER, PASSWORD, PRODUCT, PlacedOrder, SELLER, START, shop_of};
use crate::store_place::StorePlace;

/// A running server with the market in it. It stops when it is dropped.
pub struct Server {
    running: torg::server::Server,
    url: String,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
    next_order: AtomicI64,
    _store: StorePlace,
    _data: tempfile::TempDir,
}

impl Server {
    /// Starts a server with the settings of the contracts.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server with settings that `change` has changed.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let store = StorePlace::new();
        let data = tempfile::tempdir().unwrap();
        let mut settings = settings::load(&Sources::default()).unwrap();
        settings.listen = "127.0.0.1:0".parse().unwrap();
        settings.data_dir = data.path().to_owned();
        settings.store = store.setting().to_owned().try_into().unwrap();
        // The receivers of tests listen on this machine.
        settings.webhooks.allow_private_addresses = true;
        change(&mut settings);

        let clock = Arc::new(ManualClock::starting_at(START.parse().unwrap()));
        let surroundings =
            Surroundings { clock: Arc::clone(&clock) as Arc<_>, random: Arc::new(SystemRandom) };
        let running = torg::server::Server::start(&settings, surroundings).await.unwrap();
        let this = Self {
            url: format!("http://{}", running.address()),
            running,
            clock,
            http: http_client(),
            next_order: AtomicI64::new(1),
            _store: store,
            _data: data,
        };
        let password_hash = sessions::hash_password(PASSWORD.to_owned()).await.unwrap();
        this.put(market::facts(&password_hash)).await;
        this
    }

    /// Where the server listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that follows no redirects and keeps no cookies.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The server's clock. It stands still until the test moves it.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The engine, by the rules of the native API.
    pub fn engine(&self) -> &Engine {
        self.running.engine()
    }

    /// The webhooks of all accounts.
    pub fn webhooks(&self) -> &Webhooks {
        self.running.webhooks()
    }

    /// Pushes facts, all of which must be accepted.
    pub async fn put(&self, facts: Vec<Fact>) {
        for stored in self.engine().put_facts(Host::operator(), facts).await.unwrap() {
            stored.unwrap();
        }
    }

    /// Places an order of [`BUYER`] at the shop of [`SELLER`] with this model: one piece of [`PRODUCT`] in one posting,
    /// which was paid an hour ago and is not delivered, and a return.
    pub async fn order(&self, model: Model) -> PlacedOrder {
        self.order_of(BUYER, model).await
    }

    /// Like [`Self::order`], for another buyer.
    pub async fn order_of(&self, buyer: AccountId, model: Model) -> PlacedOrder {
        let index = self.next_order.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        let number = format!("47873153-{index:04}");
        let placed = PlacedOrder {
            id: OrderId::new(489_120_000 + index).unwrap(),
            posting: format!("{number}-1"),
            return_id: ReturnId::new(77_003_000 + index).unwrap(),
            number,
        };
        let order = Order {
            id: placed.id,
            seller: SELLER,
            buyer,
            shop: Some(shop_of(model)),
            number: Some(placed.number.clone()),
            created_at: now - SignedDuration::from_hours(2),
            items: vec![OrderItem { product: PRODUCT, quantity: 1 }],
        };
        let returned = Return { id: placed.return_id, order: placed.id, created_at: now };
        self.put(vec![Fact::Order(Box::new(order)), Fact::Return(returned)]).await;
        self.posting(Posting {
            number: placed.posting.clone(),
            order: placed.id,
            paid_at: Some(now - SignedDuration::from_hours(1)),
            delivered_at: None,
            cancelled_at: None,
        })
        .await;
        placed
    }

    /// Pushes a posting, for instance one that has been delivered meanwhile.
    pub async fn posting(&self, posting: Posting) {
        self.put(vec![Fact::Posting(posting)]).await;
    }

    /// Makes a key of `account` for the face `audience` that may read and write, and answers its text.
    pub async fn key(&self, account: AccountId, audience: &str) -> String {
        self.key_with(account, audience, |_| {}).await
    }

    /// Like [`Self::key`], with a key that `change` has changed.
    pub async fn key_with(
        &self,
        account: AccountId,
        audience: &str,
        change: impl FnOnce(&mut ApiKey),
    ) -> String {
        self.make_key(Some(account), audience, change).await
    }

    /// Makes a key of the marketplace's backend and answers its text.
    pub async fn host_key(&self) -> String {
        self.make_key(None, HOST_AUDIENCE, |_| {}).await
    }

    async fn make_key(
        &self,
        account: Option<AccountId>,
        audience: &str,
        change: impl FnOnce(&mut ApiKey),
    ) -> String {
        let engine = self.engine();
        let secret = new_secret(audience, engine.random()).unwrap();
        let mut key = engine.new_key(account, audience, "test", &secret);
        change(&mut key);
        engine.put_key(&key).await.unwrap().unwrap();
        secret
    }

    /// Lets `account` write `text` in a chat, by the rules of the native API.
    pub async fn say(&self, account: AccountId, chat: ChatId, text: &str) -> Message {
        let text = Text::new(text, &self.engine().policy().text).unwrap();
        let caller = Caller::account_holder(account);
        self.engine().post_message(&caller, chat, Draft::text(text)).await.unwrap().message
    }

    /// One chat, as `account` sees it.
    pub async fn chat(&self, account: AccountId, chat: ChatId) -> Chat {
        self.engine().chat(&Caller::account_holder(account), chat).await.unwrap()
    }

    /// Finishes what was accepted, and stops.
    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

#[cfg(test)]
mod tests {
    use domain::chat::Side;
    use domain::commands::Subject;

    use super::*;

    #[tokio::test]
    async fn the_market_trades() {
        let server = Server::start().await;
        let order = server.order(Model::Fbs).await;
        let seller = Caller::account_holder(SELLER);
        let opened = server
            .engine()
            .open_chat(&seller, Subject::Posting(order.posting), None)
            .await
            .unwrap();
        assert!(opened.created);
        let message = server.say(BUYER, opened.chat.id, "Здравствуйте!").await;
        let chat = server.chat(SELLER, opened.chat.id).await;
        assert_eq!(chat.last_message.map(|last| last.id), Some(message.id));
        assert_eq!(chat.seat(Side::Seller).marks.unread, 1);
        server.stop().await;
    }
}
