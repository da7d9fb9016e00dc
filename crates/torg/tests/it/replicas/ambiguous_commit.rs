//! The connection to PostgreSQL breaks while a message is stored: before, at, and after the COMMIT.

use std::sync::Arc;

use local_services::{Durability, Postgres};
use serde_json::json;
use testkit::Server;

use super::pair::blocking;
use super::postgres_proxy::{Break, PostgresProxy};
use crate::native::client::{Answer, Client};

/// A server behind a connection that breaks when it is told to.
pub(super) struct Scene {
    pub(super) server: Server,
    pub(super) proxy: PostgresProxy,
    pub(super) postgres: Arc<Postgres>,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let postgres = blocking(|| Postgres::start(Durability::Process).unwrap()).await;
        let proxy = PostgresProxy::to(postgres.port()).await;
        let direct = format!("127.0.0.1:{}", postgres.port());
        let url = postgres.url().replace(&direct, &proxy.address().to_string());
        let server = Server::start_with(|settings| {
            settings.store = url.try_into().unwrap();
            settings.ozon.requests_per_second = 0;
        })
        .await;
        Self { server, proxy, postgres: Arc::new(postgres) }
    }

    /// The texts of a chat, as its buyer sees them.
    pub(super) async fn texts(&self, chat: i64) -> Vec<String> {
        let buyer = Client::buyer(&self.server).await;
        let messages = buyer.get(&format!("/chats/{chat}/messages?after=0")).await.ok();
        let messages = messages["messages"].as_array().unwrap().iter();
        messages.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    }
}

fn assert_unknown(answer: Answer) {
    let problem = answer.problem(reqwest::StatusCode::INTERNAL_SERVER_ERROR, "outcome-unknown");
    let advice = problem["detail"].as_str().unwrap();
    assert!(
        advice.contains("same Idempotency-Key") && advice.contains("read the chat"),
        "{advice}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_without_an_answer_is_there_once() {
    let scene = Scene::start().await;
    let buyer = Client::buyer(&scene.server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");

    scene.proxy.break_next(Break::AfterCommit, 1);
    assert_unknown(buyer.post_once(&path, "k", json!({"text": "with a key"})).await);
    assert_eq!(scene.proxy.disarm(), 0, "a connection was broken");
    assert_eq!(scene.texts(chat).await, ["with a key"]);
    let again = buyer.post_once(&path, "k", json!({"text": "with a key"})).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(buyer.get(&path).await.ok()["messages"][0]["id"], again.body["id"]);

    scene.proxy.break_next(Break::AfterCommit, 1);
    assert_unknown(buyer.post(&path, json!({"text": "without a key"})).await);
    assert_eq!(scene.texts(chat).await, ["with a key", "without a key"]);
    buyer.say(chat, "and on").await;
    assert_eq!(scene.texts(chat).await, ["with a key", "without a key", "and on"]);
}

/// The COMMIT is sent right behind the changes, so that from inside the server this looks like the case above.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_committed_is_not_there_and_nobody_says_that_it_is() {
    let scene = Scene::start().await;
    let buyer = Client::buyer(&scene.server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");

    scene.proxy.break_next(Break::BeforeCommit, 1);
    assert_unknown(buyer.post(&path, json!({"text": "without a key"})).await);
    assert_eq!(scene.proxy.disarm(), 0, "a connection was broken");
    assert!(scene.texts(chat).await.is_empty());

    scene.proxy.break_next(Break::BeforeCommit, 1);
    assert_unknown(buyer.post_once(&path, "k", json!({"text": "with a key"})).await);
    assert!(scene.texts(chat).await.is_empty());
    let again = buyer.post_once(&path, "k", json!({"text": "with a key"})).await;
    assert_eq!(again.status, 201);
    assert_eq!(scene.texts(chat).await, ["with a key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_before_anything_is_written_is_replaced_and_where_none_holds_nothing_is_written()
 {
    let scene = Scene::start().await;
    let buyer = Client::buyer(&scene.server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");

    scene.proxy.break_next(Break::BeforeLock, 2);
    buyer.say(chat, "one after the other").await;
    assert_eq!(scene.proxy.disarm(), 0, "connections were broken");
    assert_eq!(scene.texts(chat).await, ["one after the other"]);

    scene.proxy.break_next(Break::BeforeLock, usize::MAX);
    let refused = buyer.post(&path, json!({"text": "never"})).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.problem(reqwest::StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    scene.proxy.disarm();
    buyer.say(chat, "now").await;
    assert_eq!(scene.texts(chat).await, ["one after the other", "now"]);
}
