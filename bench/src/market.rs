//! A server in this process, with one small and one big seller.

use anyhow::Context as _;
use domain::account::{Account, Attributes};
use domain::catalog::{Fact, Product};
use domain::chat::Chat;
use domain::commands::{Draft, Subject};
use domain::id::{AccountId, ProductId};
use domain::text::Text;
use engine::Engine;
use engine::access::{Caller, Host};
use engine::sessions;
use futures_util::future::try_join_all;
use torg::faces::new_secret;
use torg::server::{Server, Surroundings};
use torg::settings::{self, Settings, Sources};

/// Chats of the small seller.
pub(crate) const FEW: i64 = 10;
/// Chats of the big seller: every buyer has asked about every product.
pub(crate) const MANY: i64 = BUYERS * PRODUCTS;
const BUYERS: i64 = 1000;
const PRODUCTS: i64 = 50;
/// Messages in the one long chat of the small seller: one page.
pub(crate) const SHORT: i64 = 50;
/// Messages in the one long chat of the big seller.
pub(crate) const LONG: i64 = 20_000;
/// So many commands wait for the commit at once while the market is built.
const AT_ONCE: usize = 1024;

/// The password of both sellers.
pub(crate) const PASSWORD: &str = "bench";

/// A running server and its two sellers.
pub(crate) struct Market {
    server: Server,
    /// Of the small seller, with [`SHORT`] messages.
    pub(crate) short_chat: Chat,
    /// Of the big seller, with [`LONG`] messages.
    pub(crate) long_chat: Chat,
    _data: tempfile::TempDir,
}

impl Market {
    pub(crate) async fn build() -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut settings = settings::load(&Sources::default())?;
        settings.listen = "127.0.0.1:0".parse()?;
        settings.data_dir = data.path().to_owned();
        lift_limits(&mut settings);
        let server = Server::start(&settings, Surroundings::of_this_machine()).await?;
        fill(server.engine()).await?;
        let short_chat = talk(server.engine(), few_product()?, SHORT).await?;
        let long_chat = talk(server.engine(), many_product(0)?, LONG).await?;
        Ok(Self { server, short_chat, long_chat, _data: data })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await
    }

    /// A fresh key of `account` for one face.
    pub(crate) async fn key(&self, account: AccountId, audience: &str) -> anyhow::Result<String> {
        let engine = self.server.engine();
        let secret = new_secret(audience, engine.random()).context("a face without keys")?;
        engine.put_key(&engine.new_key(Some(account), audience, "bench", &secret)).await??;
        Ok(secret)
    }
}

/// Everybody asks everything once.
async fn fill(engine: &Engine) -> anyhow::Result<()> {
    let password_hash = sessions::hash_password(PASSWORD.to_owned()).await?;
    let mut facts = vec![
        account(few()?, Some("few@bench.test"), &password_hash, engine.now()),
        account(many()?, Some("many@bench.test"), &password_hash, engine.now()),
    ];
    for index in 0..BUYERS {
        facts.push(account(buyer(index)?, None, &password_hash, engine.now()));
    }
    facts.push(product(few_product()?, few()?, engine.now()));
    for index in 0..PRODUCTS {
        facts.push(product(many_product(index)?, many()?, engine.now()));
    }
    for stored in engine.put_facts(Host::operator(), facts).await? {
        stored?;
    }
    let mut questions: Vec<(i64, ProductId)> = Vec::new();
    for index in 0..FEW {
        questions.push((index, few_product()?));
    }
    for index in 0..PRODUCTS {
        let product = many_product(index)?;
        questions.extend((0..BUYERS).map(|buyer| (buyer, product)));
    }
    for questions in questions.chunks(AT_ONCE) {
        try_join_all(questions.iter().map(|&(buyer, product)| ask(engine, buyer, product))).await?;
    }
    Ok(())
}

/// Lets a buyer ask about a product, and answers the chat.
async fn ask(engine: &Engine, index: i64, product: ProductId) -> anyhow::Result<Chat> {
    let caller = Caller::account_holder(buyer(index)?);
    let draft = Some(Draft::text(question(engine)?));
    Ok(engine.open_chat(&caller, Subject::Product(product, None), draft).await?.chat)
}

/// Lets the first buyer go on asking about a product until the chat has so many messages.
async fn talk(engine: &Engine, product: ProductId, messages: i64) -> anyhow::Result<Chat> {
    let chat = ask(engine, 0, product).await?;
    let caller = Caller::account_holder(buyer(0)?);
    let text = question(engine)?;
    // Two were said before.
    let numbers: Vec<i64> = (2..messages).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        let posts = numbers
            .iter()
            .map(|_| engine.post_message(&caller, chat.id, Draft::text(text.clone())));
        try_join_all(posts).await?;
    }
    Ok(chat)
}

fn question(engine: &Engine) -> anyhow::Result<Text> {
    Text::new("Здравствуйте! Ещё в наличии?", &engine.policy().text)
        .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
}

fn lift_limits(settings: &mut Settings) {
    const NO_BOUND: u32 = 1_000_000;
    settings.native.requests_per_minute = 0;
    settings.ozon.requests_per_second = 0;
    settings.yandex_market.requests_per_hour.get_chats = NO_BOUND;
    settings.yandex_market.requests_per_hour.get_chat_history = NO_BOUND;
    settings.partizap.limits.reads_per_minute = NO_BOUND;
    settings.partizap.secure_cookies = false;
}

/// The seller with [`FEW`] chats.
pub(crate) fn few() -> anyhow::Result<AccountId> {
    AccountId::new(1).context("an id")
}

/// The seller with [`MANY`] chats.
pub(crate) fn many() -> anyhow::Result<AccountId> {
    AccountId::new(2).context("an id")
}

fn buyer(index: i64) -> anyhow::Result<AccountId> {
    AccountId::new(1000 + index).context("an id")
}

fn few_product() -> anyhow::Result<ProductId> {
    ProductId::new(1).context("an id")
}

fn many_product(index: i64) -> anyhow::Result<ProductId> {
    ProductId::new(1000 + index).context("an id")
}

fn account(
    id: AccountId,
    email: Option<&str>,
    password_hash: &str,
    now: domain::Timestamp,
) -> Fact {
    let account = Account {
        email: email.map(str::to_owned),
        email_verified: true,
        ..Account::new(id, "Somebody".to_owned(), now)
    };
    Fact::Account(Box::new(account), Some(password_hash.to_owned()))
}

fn product(id: ProductId, seller: AccountId, now: domain::Timestamp) -> Fact {
    Fact::Product(Box::new(Product {
        id,
        seller,
        sku: None,
        title: "Lamp".to_owned(),
        price: 100,
        published_at: Some(now),
        attributes: Attributes::default(),
    }))
}
