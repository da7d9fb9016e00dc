//! The people, the goods and the first words of every case.

use std::sync::Arc;

use domain::account::{Account, AccountKind, Attributes};
use domain::attachment::File;
use domain::batch::{Batch, Submission};
use domain::catalog::{Fact, Model, Order, OrderItem, Product, Shop};
use domain::chat::{ActingAs, Actor, Chat, Side};
use domain::commands::{Answer, Command, Draft, OpenChat, PostMessage, Subject};
use domain::id::{AccountId, ChatId, MemberId, MessageId, OrderId, ProductId, ShopId};
use domain::message::Message;
use domain::policy::{FileRules, Policy, SellerRules, TextRules};
use domain::text::Text;
use domain::{SignedDuration, Timestamp};
use engine::store::{CommandError, MessageQuery, MessageRange, Store};
use store::postgres::PostgresStore;
use store::sqlite::SqliteStore;
use uuid::Uuid;

/// A store as every case sees it.
pub(crate) type Opened = Arc<dyn Store>;

/// A place where one store lives, empty at first and gone when it is dropped.
pub(crate) enum Place {
    /// A folder of its own.
    Sqlite(tempfile::TempDir),
    /// A schema of its own.
    Postgres(local_services::Schema),
}

impl Place {
    /// Opens the store, again and again if need be.
    pub(crate) async fn open(&self) -> Opened {
        match self {
            Self::Sqlite(folder) => {
                Arc::new(SqliteStore::open(folder.path().join("torg.sqlite")).unwrap())
            }
            Self::Postgres(schema) => Arc::new(PostgresStore::open(schema.url()).await.unwrap()),
        }
    }
}

/// A place for a store on SQLite.
pub(crate) fn sqlite() -> Place {
    Place::Sqlite(tempfile::tempdir().unwrap())
}

/// A place for a store on PostgreSQL.
pub(crate) fn postgres() -> Place {
    Place::Postgres(local_services::fresh_schema().unwrap())
}

pub(crate) fn account(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

pub(crate) fn seller() -> AccountId {
    account(1)
}

pub(crate) fn buyer() -> AccountId {
    account(2)
}

pub(crate) fn stranger() -> AccountId {
    account(3)
}

pub(crate) fn chat_id(id: i64) -> ChatId {
    ChatId::new(id).unwrap()
}

pub(crate) fn message_id(id: i64) -> MessageId {
    MessageId::new(id).unwrap()
}

pub(crate) fn order_id(id: i64) -> OrderId {
    OrderId::new(id).unwrap()
}

/// A time, in seconds after the beginning of every case.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000).unwrap() + SignedDuration::from_secs(second)
}

/// Rules that allow everything.
pub(crate) fn policy() -> Arc<Policy> {
    Arc::new(Policy {
        text: TextRules {
            chars_max: 1000,
            tidied: false,
            blank_allowed: true,
            control_characters_refused: false,
        },
        files: FileRules { bytes_max: 1000, per_message_max: 10, pictures_only: false },
        seller: SellerRules { opens_other_chat: true, ..SellerRules::UNBOUND },
    })
}

pub(crate) fn actor(account: AccountId) -> Actor {
    Actor { account, member: MemberId::new(77), acting_as: ActingAs::EitherSide }
}

pub(crate) fn account_facts(id: AccountId) -> Account {
    Account {
        id,
        kind: AccountKind::Company,
        display_name: format!("Account {id}"),
        avatar_url: Some("https://example.org/a.png".to_owned()),
        city_id: Some(77),
        rating: Some("4.85".to_owned()),
        reviews_count: 12,
        products_count: 3,
        created_at: at(-1000),
        email: Some(format!("Person{id}@Example.org")),
        email_verified: true,
        phone: Some("+79991234567".to_owned()),
        is_active: true,
        is_admin: false,
        attributes: Attributes::from_json_object(r#"{"a":1}"#.to_owned()),
    }
}

pub(crate) fn order(id: i64, seller: AccountId, buyer: AccountId, shop: Option<i64>) -> Order {
    Order {
        id: order_id(id),
        seller,
        buyer,
        shop: shop.and_then(ShopId::new),
        number: Some(format!("0052-{id}")),
        created_at: at(-500),
        items: vec![
            OrderItem { product: ProductId::new(9).unwrap(), quantity: 2 },
            OrderItem { product: ProductId::new(4).unwrap(), quantity: 1 },
        ],
    }
}

pub(crate) fn product(id: i64, seller: AccountId) -> Product {
    Product {
        id: ProductId::new(id).unwrap(),
        seller,
        sku: Some(format!("SKU-{id}")),
        title: "Фара левая".to_owned(),
        price: 4500,
        published_at: Some(at(-900)),
        attributes: Attributes::default(),
    }
}

pub(crate) fn shop(id: i64, seller: AccountId, model: Model) -> Shop {
    Shop { id: ShopId::new(id).unwrap(), seller, name: format!("Shop {id}"), model }
}

/// Lets the seller, the buyer and the stranger exist.
pub(crate) async fn people(store: &dyn Store) {
    let people = [seller(), buyer(), stranger()];
    let facts = people.map(|id| Fact::Account(Box::new(account_facts(id)), None));
    put(store, facts.to_vec()).await;
}

pub(crate) async fn put(store: &dyn Store, facts: Vec<Fact>) {
    for stored in store.put_facts(facts).await.unwrap() {
        stored.unwrap();
    }
}

pub(crate) fn batch(commands: impl IntoIterator<Item = Command>, now: Timestamp) -> Batch {
    let policy = policy();
    let submissions = commands
        .into_iter()
        .map(|command| Submission { command, policy: Arc::clone(&policy) })
        .collect();
    Batch { submissions, now }
}

/// Runs one command.
pub(crate) async fn run(
    store: &dyn Store,
    command: Command,
    now: Timestamp,
) -> Result<Answer, CommandError> {
    let mut answers = store.commit(batch([command], now)).await.answers;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// The command to open the chat about nothing in particular between `actor` and `other`.
pub(crate) fn open(who: AccountId, as_side: Side, other: AccountId, name: u128) -> Command {
    open_about(who, Subject::Account { other, as_side }, name)
}

pub(crate) fn open_about(who: AccountId, subject: Subject, name: u128) -> Command {
    Command::OpenChat(OpenChat {
        actor: actor(who),
        subject,
        public_id: Uuid::from_u128(name),
        first_message: None,
    })
}

pub(crate) fn draft(text: &str) -> Draft {
    Draft::text(Text::new(text, &policy().text).unwrap())
}

/// The command to write.
pub(crate) fn post(who: AccountId, chat: ChatId, text: &str) -> Command {
    post_draft(who, chat, draft(text))
}

pub(crate) fn post_draft(who: AccountId, chat: ChatId, draft: Draft) -> Command {
    Command::PostMessage(PostMessage { actor: actor(who), chat, draft })
}

pub(crate) fn opened(answer: Result<Answer, CommandError>) -> (Chat, bool) {
    match answer {
        Ok(Answer::Opened { chat, created, .. }) => (*chat, created),
        other => panic!("not opened: {other:?}"),
    }
}

pub(crate) fn posted(answer: Result<Answer, CommandError>) -> (Message, bool) {
    match answer {
        Ok(Answer::Posted { message, replayed, .. }) => (*message, replayed),
        other => panic!("not posted: {other:?}"),
    }
}

/// The people, and the chat of seller and buyer about nothing in particular.
pub(crate) async fn a_chat(store: &dyn Store) -> ChatId {
    people(store).await;
    opened(run(store, open(buyer(), Side::Buyer, seller(), 1), at(0)).await).0.id
}

/// Writes one text.
pub(crate) async fn say(
    store: &dyn Store,
    who: AccountId,
    chat: ChatId,
    text: &str,
    second: i64,
) -> Message {
    posted(run(store, post(who, chat, text), at(second)).await).0
}

/// A whole history, old to new.
pub(crate) async fn history(store: &dyn Store, chat: ChatId) -> Vec<Message> {
    let range = MessageRange::Forward(None);
    store.messages(&MessageQuery { chat, range, limit: 1_000_000 }).await.unwrap()
}

/// A file that may be attached to a message.
pub(crate) fn picture(name: &str) -> File {
    File {
        name: name.to_owned(),
        media_type: "image/png".to_owned(),
        bytes: 17,
        hash: [7; 32],
        is_picture: true,
        pixels: Some((640, 480)),
    }
}
