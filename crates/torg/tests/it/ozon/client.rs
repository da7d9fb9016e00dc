//! An Ozon client: two headers, JSON there and back.

use dialect_ozon::AUDIENCE;
use domain::chat::Chat;
use domain::commands::{Draft, Subject};
use domain::id::AccountId;
use domain::text::Text;
use engine::access::Caller;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::{BUYER, SELLER, Server};

/// A server without a rate limit: the clock of a test stands still, and with it the limit's second.
pub(crate) async fn market() -> Server {
    Server::start_with(|settings| settings.ozon.requests_per_second = 0).await
}

/// A seller's program.
pub(crate) struct Client<'a> {
    server: &'a Server,
    pub(crate) id: String,
    pub(crate) api_key: String,
}

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl<'a> Client<'a> {
    /// A client of [`SELLER`].
    pub(crate) async fn new(server: &'a Server) -> Self {
        Self::of(server, SELLER).await
    }

    pub(crate) async fn of(server: &'a Server, account: AccountId) -> Self {
        let api_key = server.key(account, AUDIENCE).await;
        Self { server, id: account.to_string(), api_key }
    }

    pub(crate) fn with_key(server: &'a Server, account: AccountId, api_key: String) -> Self {
        Self { server, id: account.to_string(), api_key }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.server
            .http()
            .request(method, format!("{}{path}", self.server.url()))
            .header("Client-Id", &self.id)
            .header("Api-Key", &self.api_key)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_raw(path, body.to_string()).await
    }

    pub(crate) async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, path).header("Content-Type", "application/json");
        ask(request.body(body)).await
    }

    /// Starts the chat of a posting and answers its id.
    pub(crate) async fn start(&self, posting: &str) -> String {
        let answer = self.post("/v1/chat/start", &json!({"posting_number": posting})).await;
        answer.succeeded()["result"]["chat_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, chat: &str, text: &str) -> Answer {
        self.post("/v1/chat/send/message", &json!({"chat_id": chat, "text": text})).await
    }

    pub(crate) async fn send_file(&self, chat: &str, name: &str, bytes: &[u8]) -> Answer {
        let content = data_encoding::BASE64.encode(bytes);
        let body = json!({"chat_id": chat, "base64_content": content, "name": name});
        self.post("/v1/chat/send/file", &body).await
    }

    /// The whole history, the oldest message first.
    pub(crate) async fn history(&self, chat: &str) -> Vec<Value> {
        let body = json!({
            "chat_id": chat, "direction": "Forward", "from_message_id": 1, "limit": 1000,
        });
        let answer = self.post("/v3/chat/history", &body).await;
        answer.succeeded()["messages"].as_array().unwrap().clone()
    }

    /// The texts of the whole history.
    pub(crate) async fn texts(&self, chat: &str) -> Vec<String> {
        let messages = self.history(chat).await;
        messages.iter().map(|message| message["data"][0].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn list(&self, body: &Value) -> Value {
        self.post("/v3/chat/list", body).await.succeeded().clone()
    }
}

/// Sends a request whose answer must be JSON of the right type.
pub(crate) async fn ask(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    // Strict clients parse nothing else (Ozon contract §2).
    assert_eq!(headers["content-type"], "application/json", "{status} {bytes:?}");
    let body = serde_json::from_slice(&bytes).unwrap();
    Answer { status, headers, body }
}

impl Answer {
    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.body);
        &self.body
    }

    /// The answer is exactly this error (Ozon contract §3).
    #[track_caller]
    pub(crate) fn failed(&self, status: u16, code: i32, message: &str) {
        self.failed_in(status, code, message, "");
    }

    /// The same, with the name of a case.
    #[track_caller]
    pub(crate) fn failed_in(&self, status: u16, code: i32, message: &str, case: &str) {
        let expected = json!({"code": code, "message": message, "details": []});
        assert_eq!((self.status, &self.body), (status, &expected), "{case}");
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(HeaderValue::to_str).map(Result::unwrap)
    }
}

/// [`BUYER`] opens a chat with [`SELLER`], or finds it, and writes in it.
pub(crate) async fn ask_as_buyer(server: &Server, subject: Subject, text: &str) -> Chat {
    let text = Text::new(text, &server.engine().policy().text).unwrap();
    open_as_buyer(server, subject, Some(Draft::text(text))).await
}

/// [`BUYER`] opens a chat with [`SELLER`], or finds it.
pub(crate) async fn open_as_buyer(
    server: &Server,
    subject: Subject,
    first_message: Option<Draft>,
) -> Chat {
    let buyer = Caller::account_holder(BUYER);
    server.engine().open_chat(&buyer, subject, first_message).await.unwrap().chat
}

/// How many entries the log of `account` has: unchanged when nothing happened.
pub(crate) async fn log_length(server: &Server, account: AccountId) -> i64 {
    let caller = Caller::account_holder(account);
    server.engine().events(&caller, 0, 1).await.unwrap().newest
}

/// What Ozon knows of a seller.
pub(crate) async fn put_standing(server: &Server, account: AccountId, ozon: &Value) {
    let mut account = server.engine().account(account).await.unwrap();
    let attributes = json!({"ozon": ozon, "partizap": {"anything": [1]}});
    account.attributes = domain::account::Attributes::from_json_object(attributes.to_string());
    server.put(vec![domain::catalog::Fact::Account(Box::new(account), None)]).await;
}

pub(crate) const UNKNOWN_CHAT: &str = "00000000-0000-4000-8000-000000000000";
