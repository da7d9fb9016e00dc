//! A client of the native API.

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, SELLER, Server};

/// A server's address with a key.
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Server,
    pub(crate) key: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(headers["content-type"], "application/problem+json", "{text}");
            assert_eq!(body["status"], status.as_u16(), "{text}");
        }
        Self { status: status.as_u16(), headers, text, body }
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.body
    }

    /// Asserts a problem of this status and kind, and answers its body.
    #[track_caller]
    pub(crate) fn problem(self, status: StatusCode, slug: &str) -> Value {
        assert_eq!(self.status, status.as_u16(), "{}", self.text);
        assert_eq!(self.body["type"], format!("/problems/{slug}"), "{}", self.text);
        for member in ["title", "detail"] {
            assert!(!self.body[member].as_str().unwrap().is_empty());
        }
        self.body
    }

    /// Asserts that one thing is wrong with a request, and answers its message.
    #[track_caller]
    pub(crate) fn invalid_at(self, path: &str) -> String {
        let body = self.problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
        assert_eq!(body["errors"][0]["path"], path, "{body}");
        body["errors"][0]["message"].as_str().unwrap().to_owned()
    }
}

impl<'a> Client<'a> {
    pub(crate) async fn seller(server: &'a Server) -> Self {
        Self { server, key: server.key(SELLER, native::AUDIENCE).await }
    }

    pub(crate) async fn buyer(server: &'a Server) -> Self {
        Self { server, key: server.key(BUYER, native::AUDIENCE).await }
    }

    pub(crate) async fn of(server: &'a Server, account: domain::id::AccountId) -> Self {
        Self { server, key: server.key(account, native::AUDIENCE).await }
    }

    pub(crate) async fn host(server: &'a Server) -> Self {
        Self { server, key: server.host_key().await }
    }

    /// A request with this client's key to a path below `/api/v1`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.server.url());
        self.server.http().request(method, url).bearer_auth(&self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// Posts bytes as they are.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", content_type);
        Answer::of(request.body(bytes)).await
    }

    /// Posts with an idempotency key.
    pub(crate) async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        let name = HeaderName::from_static("idempotency-key");
        Answer::of(self.request(Method::POST, path).header(name, key).json(&body)).await
    }

    /// Opens a chat about the market's product, as its buyer, and answers its id.
    pub(crate) async fn product_chat(&self) -> i64 {
        let context = json!({"type": "product", "id": PRODUCT.get()});
        let opened = self.post("/chats", json!({"context": context})).await.ok();
        opened["chat"]["id"].as_i64().unwrap()
    }

    /// Opens the chat about an order and answers its id.
    pub(crate) async fn order_chat(&self, order: &testkit::PlacedOrder) -> i64 {
        let context = json!({"type": "order", "id": order.id.get()});
        let opened = self.post("/chats", json!({"context": context})).await.ok();
        opened["chat"]["id"].as_i64().unwrap()
    }

    /// Writes a text and answers the message.
    pub(crate) async fn say(&self, chat: i64, text: &str) -> Value {
        self.post(&format!("/chats/{chat}/messages"), json!({"text": text})).await.ok()
    }
}
