//! The words in which each API tells of a database that is away, or went away at the wrong moment.

use std::sync::Arc;

use domain::catalog::Model;
use local_services::StopMode;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use testkit::{BUYER, PRODUCT, SELLER, Server};

use super::ambiguous_commit::Scene;
use super::pair::blocking;
use super::postgres_proxy::Break;
use crate::native::client::Client;
use crate::ozon;
use crate::partizap::person::Person;

/// Somebody who sells through every API.
struct Seller<'s> {
    server: &'s Server,
    native: Client<'s>,
    ozon: ozon::client::Client<'s>,
    yandex_key: String,
    partizap: Person<'s>,
    /// About an order; Ozon calls it by another name.
    chat: i64,
    ozon_chat: String,
    /// About a product.
    conversation: i64,
}

impl<'s> Seller<'s> {
    /// With two chats in which the buyer has written.
    async fn of(server: &'s Server) -> Self {
        let order = server.order(Model::Fbs).await;
        let buyer = Client::buyer(server).await;
        let chat = buyer.order_chat(&order).await;
        buyer.say(chat, "begun").await;
        let ozon = ozon::client::Client::new(server).await;
        let ozon_chat = ozon.start(&order.posting).await;
        let begun = Person::sign_in(server, BUYER).await.write_about(PRODUCT.get(), "begun").await;
        Self {
            server,
            native: Client::seller(server).await,
            ozon,
            yandex_key: server.key(SELLER, dialect_yandex_market::AUDIENCE).await,
            partizap: Person::sign_in(server, SELLER).await,
            chat,
            ozon_chat,
            conversation: begun.body["data"]["id"].as_i64().unwrap(),
        }
    }

    fn send_by_native(&self) -> RequestBuilder {
        let path = format!("/chats/{}/messages", self.chat);
        self.native.request(Method::POST, &path).json(&json!({"text": "Native"}))
    }

    fn send_by_ozon(&self) -> RequestBuilder {
        let body = json!({"chat_id": self.ozon_chat, "text": "Ozon"});
        self.ozon.request(Method::POST, "/v1/chat/send/message").json(&body)
    }

    fn send_by_yandex(&self) -> RequestBuilder {
        let path = format!("/v2/businesses/{SELLER}/chats/message?chatId={}", self.chat);
        let request = self.server.http().post(format!("{}{path}", self.server.url()));
        request.header("Api-Key", &self.yandex_key).json(&json!({"message": "Yandex Market"}))
    }

    fn send_by_partizap(&self) -> RequestBuilder {
        let path = format!("/vendor/conversations/{}/messages", self.conversation);
        self.partizap.request(Method::POST, &path).json(&json!({"text": "Partizap"}))
    }
}

/// No wire but the native one knows idempotency keys. Each has words for this, and none says that nothing happened, or
/// when to repeat it.
#[tokio::test(flavor = "multi_thread")]
async fn every_api_says_that_it_does_not_know_what_became_of_a_message() {
    let scene = Scene::start().await;
    let seller = Seller::of(&scene.server).await;
    let sends = [
        ("Native", seller.send_by_native(), "Without a key, read the chat first"),
        ("Ozon", seller.send_by_ozon(), "it is unknown whether the request was carried out"),
        ("Yandex Market", seller.send_by_yandex(), "Look before you repeat it"),
        ("Partizap", seller.send_by_partizap(), "look before you try again"),
    ];
    for (api, request, words) in sends {
        scene.proxy.break_next(Break::AfterCommit, 1);
        let answer = request.send().await.unwrap();
        assert_eq!(scene.proxy.disarm(), 0, "{api}: a connection was broken");
        assert_eq!(answer.status(), 500, "{api}");
        assert!(!answer.headers().contains_key("retry-after"), "{api}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(words), "{api}: {text}");
        let stored =
            [scene.texts(seller.chat).await, scene.texts(seller.conversation).await].concat();
        assert_eq!(stored.iter().filter(|text| *text == api).count(), 1, "{api}: {stored:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgresql_is_away_every_api_says_when_to_come_back() {
    let scene = Scene::start().await;
    let seller = Seller::of(&scene.server).await;
    let requests = || {
        let read = json!({"chat_id": seller.ozon_chat, "limit": 10});
        let native = |path: &str| seller.native.request(Method::GET, path);
        [
            ("native, send", seller.send_by_native()),
            ("native, read", native("/chats")),
            ("native, stream", native("/events/stream")),
            (
                "native, upload",
                seller.native.request(Method::POST, "/attachments?name=a").body("a"),
            ),
            ("Ozon, send", seller.send_by_ozon()),
            ("Ozon, read", seller.ozon.request(Method::POST, "/v3/chat/history").json(&read)),
            ("Yandex Market, send", seller.send_by_yandex()),
            ("Partizap, send", seller.send_by_partizap()),
            ("Partizap, read", seller.partizap.request(Method::GET, "/vendor/conversations")),
        ]
    };
    let postgres = Arc::clone(&scene.postgres);
    blocking(move || postgres.stop(StopMode::Immediate).unwrap()).await;
    for (request, send) in requests() {
        let answer = send.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        assert_eq!(status, 503, "{request}: {text}");
        let seconds = headers.get("retry-after").unwrap_or_else(|| panic!("{request}: no time"));
        assert!(0 < seconds.to_str().unwrap().parse::<u32>().unwrap(), "{request}");
        assert!(!text.contains("postgres"), "{request}: {text}");
    }
    let postgres = Arc::clone(&scene.postgres);
    blocking(move || postgres.start_again().unwrap()).await;
    for (request, send) in requests() {
        let answer = send.send().await.unwrap();
        assert!(answer.status().is_success(), "{request}: {}", answer.text().await.unwrap());
    }
    let stored = [scene.texts(seller.chat).await, scene.texts(seller.conversation).await].concat();
    for text in ["Native", "Ozon", "Yandex Market", "Partizap"] {
        assert_eq!(stored.iter().filter(|stored| *stored == text).count(), 1, "{stored:?}");
    }
}
