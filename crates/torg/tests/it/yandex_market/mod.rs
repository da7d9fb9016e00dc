//! The Yandex Market wire, as its clients see it. "§" and "row" refer to the contract of that wire.

mod access;
mod bad_input;
mod create_chat;
mod files;
mod filters;
mod history;
mod limits;
mod neighbours;
mod notifications;
mod order_of_checks;
mod pages;
mod reading;
mod routes;
mod sending;
mod statuses;

use dialect_yandex_market::AUDIENCE;
use domain::catalog::Model;
use domain::chat::Chat;
use domain::commands::{Draft, Subject};
use domain::id::{AccountId, ChatId};
use domain::text::Text;
use engine::access::{Caller, Host};
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, SELLER, Server};
use torg::settings::Settings;

/// A seller's program: the cabinet of [`SELLER`] and a key that may do everything.
struct Cabinet {
    server: Server,
    key: String,
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Cabinet {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let server = Server::start_with(change).await;
        let key = server.key(SELLER, AUDIENCE).await;
        Self { server, key }
    }

    /// A request for a path below the cabinet, such as `/chats?limit=1`, with the key.
    fn request(&self, verb: &str, path: &str) -> reqwest::RequestBuilder {
        self.bare(verb, &format!("/v2/businesses/{SELLER}{path}")).header("Api-Key", &self.key)
    }

    /// A request for any path, without credentials.
    fn bare(&self, verb: &str, path: &str) -> reqwest::RequestBuilder {
        let verb = verb.parse().unwrap();
        self.server.http().request(verb, format!("{}{path}", self.server.url()))
    }

    async fn get(&self, path: &str) -> Reply {
        send(self.request("GET", path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        send(self.request("POST", path).json(&body)).await
    }

    /// createChat about an order or a return; answers the chat's number.
    async fn create(&self, kind: &str, id: i64) -> i64 {
        let reply = self.post("/chats/new", json!({"context": {"type": kind, "id": id}})).await;
        reply.result()["chatId"].as_i64().unwrap()
    }

    /// A fresh chat about an order of this model.
    async fn order_chat(&self, model: Model) -> i64 {
        let order = self.server.order(model).await;
        self.create("ORDER", order.id.get()).await
    }

    /// A chat about a product, which [`BUYER`] opens with `text`.
    async fn direct_chat(&self, text: &str) -> i64 {
        let text = Text::new(text, &self.server.engine().policy().text).unwrap();
        let buyer = Caller::account_holder(BUYER);
        let subject = Subject::Product(PRODUCT, None);
        let opened =
            self.server.engine().open_chat(&buyer, subject, Some(Draft::text(text))).await.unwrap();
        opened.chat.id.get()
    }

    async fn say(&self, author: AccountId, chat: i64, text: &str) -> i64 {
        self.server.say(author, chat_id(chat), text).await.id.get()
    }

    /// The chat, as getChat shows it.
    async fn info(&self, chat: i64) -> Value {
        self.get(&format!("/chat?chatId={chat}")).await.result()
    }

    /// The messages of a chat, as the first page of getChatHistory shows them.
    async fn messages(&self, chat: i64) -> Vec<Value> {
        let reply = self.post(&format!("/chats/history?chatId={chat}"), json!({})).await;
        reply.result()["messages"].as_array().unwrap().clone()
    }

    async fn texts(&self, chat: i64) -> Vec<String> {
        let messages = self.messages(chat).await;
        messages
            .iter()
            .map(|message| message["message"].as_str().unwrap_or("-").to_owned())
            .collect()
    }

    /// Closes a chat, as the marketplace.
    async fn close(&self, chat: i64) {
        let close = domain::commands::Steering::Close;
        let host = Host::operator();
        self.server.engine().steer_chat(host, chat_id(chat), close).await.unwrap();
    }

    async fn stored_chat(&self, chat: i64) -> Chat {
        self.server.chat(SELLER, chat_id(chat)).await
    }
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The result of a success.
    #[track_caller]
    fn result(&self) -> Value {
        let body = self.json();
        assert_eq!((self.status, &body["status"]), (200, &json!("OK")), "{body}");
        body["result"].clone()
    }

    /// Asserts an error answer, whole.
    #[track_caller]
    fn is_error(&self, status: u16, code: &str, message: &str) {
        let expected = json!({"status": "ERROR", "errors": [{"code": code, "message": message}]});
        assert_eq!((self.status, self.json()), (status, expected));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }

    /// Asserts a 400 with a message that begins like this.
    #[track_caller]
    fn is_bad_request(&self, message: &str) {
        let body = self.json();
        assert_eq!(
            (self.status, &body["errors"][0]["code"]),
            (400, &json!("BAD_REQUEST")),
            "{body}"
        );
        let told = body["errors"][0]["message"].as_str().unwrap();
        assert!(told.starts_with(message), "{told}");
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn remaining(&self) -> Option<u32> {
        self.header("X-RateLimit-Resource-Remaining").map(|text| text.parse().unwrap())
    }
}

async fn send(request: reqwest::RequestBuilder) -> Reply {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Reply { status, headers, text: answer.text().await.unwrap() }
}

fn chat_id(number: i64) -> ChatId {
    ChatId::new(number).unwrap()
}
