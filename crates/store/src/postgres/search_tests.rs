//! Search in accounts with more messages than the cases for every store make: rows are written straight into the
//! tables.

use std::time::Duration;

use domain::id::{AccountId, ChatId, MessageId};
use engine::store::{SearchQuery, Store};
use local_services::{Durability, Postgres, Schema, StopMode};

use super::database::Database;
use super::search_index::{Round, Rounds, words};
use super::{PostgresStore, connections, migrate, search};
use crate::cells::Cells;
use crate::substring::fold;

/// A chat of seller 1 with buyer 2, which is most of the market, one of theirs that is short, and one of others.
const CHATS: &str = "INSERT INTO chats SELECT id, gen_random_uuid(), seller, 2, 1, id, NULL, 1, 1, 0, 1, 0, NULL, NULL, \
    FALSE, NULL, NULL, 0, 0, NULL, FALSE, NULL, NULL, 0, 0, NULL, FALSE, FALSE, FALSE, 3, FALSE, FALSE \
    FROM (VALUES (1, 1), (2, 1), (3, 3)) AS new (id, seller)";
const CHAT_OF: fn(i64) -> i64 = |message| match message % 100 {
    7 => 2,
    8 => 3,
    _ => 1,
};
const MESSAGES: i64 = 12_000;

/// What `message` says: "на" and "ан" stand in all, "анна" in none but a few, "генератор" in one of a thousand.
fn text(message: i64) -> String {
    match message % 1_000 {
        500 => format!("На складе генератор {message}"),
        501 if message < 3_000 => format!("Анна {message}"),
        _ => format!("банка, она на {message}"),
    }
}

struct Market {
    db: Database,
    url: String,
    /// Goes with the market.
    _schema: Option<Schema>,
}

impl Market {
    async fn open() -> Self {
        let schema = local_services::fresh_schema().unwrap();
        let market = Self::at(schema.url()).await;
        Self { _schema: Some(schema), ..market }
    }

    async fn at(url: &str) -> Self {
        let db = Database::new(connections::pool(url, 4).unwrap());
        migrate::migrate(&db).await.unwrap();
        db.execute(CHATS, &[]).await.unwrap();
        Self { db, url: url.to_owned(), _schema: None }
    }

    /// Lets messages with these ids be sent.
    async fn say(&self, messages: std::ops::RangeInclusive<i64>) {
        let ids: Vec<i64> = messages.collect();
        let chats: Vec<i64> = ids.iter().copied().map(CHAT_OF).collect();
        let texts: Vec<String> = ids.iter().copied().map(text).collect();
        let sql = "WITH new AS (SELECT CASE chat WHEN 3 THEN 3 ELSE 1 END AS seller, chat, id, text \
            FROM unnest($1::BIGINT[], $2::BIGINT[], $3::TEXT[]) AS new (id, chat, text)), \
            queued AS (INSERT INTO unindexed_messages (seller_id, buyer_id, chat_id, message_id) \
                SELECT seller, 2, chat, id FROM new) \
            INSERT INTO messages SELECT seller, chat, id, 1, 2, NULL, text, 0, NULL, 0, 0, 0 FROM new";
        self.db.execute(sql, &[&ids, &chats, &texts]).await.unwrap();
    }

    /// Works off the queue, so many rows at a time.
    async fn index(&self, rows_at_a_time: i64) {
        let mut rounds = Rounds::default();
        loop {
            let round = self
                .db
                .transaction(async |transaction| rounds.go(transaction, rows_at_a_time, &[]).await);
            if round.await.unwrap() == Round::Done(0) {
                break;
            }
        }
    }

    /// Waits until so many rows are left in the queue, which an indexer works off.
    async fn wait_for_queue(&self, left: i64) {
        while left < self.count("SELECT count(*) FROM unindexed_messages").await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn count(&self, sql: &str) -> i64 {
        self.db.query_one(sql, &[], Cells::take).await.unwrap().unwrap()
    }

    async fn found(&self, query: &SearchQuery) -> Vec<i64> {
        let found = search::messages_with(&self.db, query).await.unwrap();
        found.iter().map(|message| message.id.get()).collect()
    }
}

fn query(account: i64, needle: &str) -> SearchQuery {
    let account = AccountId::new(account).unwrap();
    SearchQuery { account, chat: None, needle: needle.to_owned(), before: None, limit: 20 }
}

fn naive(query: &SearchQuery) -> Vec<i64> {
    let holds = |message: &i64| {
        let chat = CHAT_OF(*message);
        query.chat.map_or(query.account.get() == 2 || chat != 3, |wanted| wanted.get() == chat)
            && fold(&text(*message)).contains(&fold(&query.needle))
    };
    let newest = query.before.map_or(MESSAGES, |before| before.get() - 1);
    (1..=newest).rev().filter(holds).take(query.limit).collect()
}

#[test]
fn words_stay_what_they_are() {
    // They stand in databases.
    assert_eq!(words(1, "на").into_iter().collect::<Vec<_>>(), [1_667_286_915]);
    assert_eq!(words(2, "нана").len(), 2);
    assert!(words(1, "на").is_disjoint(&words(2, "на")));
    assert!(words(1, "н").is_empty());
}

#[tokio::test]
async fn what_is_frequent_is_found_like_what_is_rare() {
    let market = Market::open().await;
    market.say(1..=10_000).await;
    market.index(1_000).await;
    // The rest waits to be indexed.
    market.say(10_001..=MESSAGES).await;
    for waiting in [true, false] {
        for account in [1, 2] {
            for needle in ["на", "генер", "АННА", "банка, она на 7", "нана", "на 11", "5"]
            {
                for chat in [None, ChatId::new(1), ChatId::new(2)] {
                    for before in [None, MessageId::new(9_000), MessageId::new(300)] {
                        let query = SearchQuery { chat, before, ..query(account, needle) };
                        let expected = if needle == "5" { Vec::new() } else { naive(&query) };
                        assert_eq!(market.found(&query).await, expected, "{waiting} {query:?}");
                    }
                }
            }
        }
        market.index(700).await;
        assert_eq!(market.count("SELECT count(*) FROM unindexed_messages").await, 0);
    }
    let rows = market.count("SELECT count(*) FROM message_index").await;
    assert_eq!(rows, 2 * MESSAGES);
    // Only the first messages of each of three accounts are without words.
    let without = "SELECT max(n) FROM (SELECT count(*) AS n FROM message_index WHERE words IS NULL GROUP BY account_id) n";
    assert_eq!(market.count(without).await, 256);
}

#[tokio::test]
async fn a_replaced_text_replaces_the_words() {
    let market = Market::open().await;
    market.say(1..=2_000).await;
    market.index(500).await;
    for message in [10, 1_990] {
        let edit = "WITH edited AS (UPDATE messages SET text = 'Зеркало' WHERE id = $1 RETURNING *) \
            INSERT INTO unindexed_messages (seller_id, buyer_id, chat_id, message_id) \
            SELECT seller_id, 2, chat_id, id FROM edited";
        market.db.execute(edit, &[&message]).await.unwrap();
        let old = format!("на {message}");
        for _ in ["at once", "later"] {
            assert!(!market.found(&query(1, &old)).await.contains(&message));
            assert!(market.found(&query(1, "еркал")).await.contains(&message));
            market.index(500).await;
        }
    }
    assert_eq!(market.found(&query(2, "зеркало")).await, [1_990, 10]);
    assert_eq!(market.count("SELECT count(*) FROM message_index").await, 4_000);
}

#[tokio::test]
async fn a_message_that_the_index_refuses_is_found_and_holds_up_no_other() {
    let market = Market::open().await;
    let refusal = "ALTER TABLE message_index ADD CONSTRAINT refusal CHECK (message_id <> 3)";
    market.db.execute(refusal, &[]).await.unwrap();
    market.say(1..=20).await;
    let store = PostgresStore::open(&market.url).await.unwrap();
    market.wait_for_queue(1).await;
    let found = store.search(&query(1, "она на")).await.unwrap();
    let found: Vec<_> = found.iter().map(|message| message.id.get()).collect();
    assert_eq!(found, [20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 7, 6, 5, 4, 3, 2, 1]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn one_indexer_works_at_a_time() {
    let market = Market::open().await;
    market.say(1..=10).await;
    let (mut one, mut other) = (Rounds::default(), Rounds::default());
    market
        .db
        .transaction(async |transaction| {
            assert_eq!(one.go(transaction, 5, &[]).await?, Round::Done(5));
            let other = market
                .db
                .transaction(async |other_transaction| other.go(other_transaction, 5, &[]).await);
            assert_eq!(other.await?, Round::OfAnother);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(market.count("SELECT count(*) FROM unindexed_messages").await, 5);
    market.index(5).await;
    assert_eq!(market.found(&query(1, "банка")).await.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_indexer_goes_on_when_the_database_is_back() {
    let server = tokio::task::block_in_place(|| Postgres::start(Durability::Process)).unwrap();
    let market = Market::at(&server.url()).await;
    let store = PostgresStore::open(&market.url).await.unwrap();
    market.say(1..=10).await;
    market.wait_for_queue(0).await;
    tokio::task::block_in_place(|| server.stop(StopMode::Immediate)).unwrap();
    // So that it has come to nothing at least once.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    tokio::task::block_in_place(|| server.start_again()).unwrap();
    let market = Market { db: Database::new(connections::pool(&market.url, 4).unwrap()), ..market };
    market.say(11..=20).await;
    market.wait_for_queue(0).await;
    let found = store.search(&query(1, "она на 1")).await.unwrap();
    let found: Vec<_> = found.iter().map(|message| message.id.get()).collect();
    assert_eq!(found, [19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1]);
    store.close().await.unwrap();
}
