//! The smallest client for each face.

use domain::id::AccountId;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{BUYER, PASSWORD, SELLER, Server, email_of};
use torg::faces::NATIVE_AUDIENCE;

pub(super) struct Clients {
    http: reqwest::Client,
    url: String,
    ozon_key: String,
    yandex_key: String,
    pub(super) seller_key: String,
    pub(super) buyer_key: String,
    seller_session: Session,
    buyer_session: Session,
}

/// The two cookies of a browser that is signed in at Partizap.
struct Session {
    cookies: String,
    csrf: String,
}

impl Clients {
    pub(super) async fn of(server: &Server) -> Self {
        Self {
            http: server.http().clone(),
            url: server.url().to_owned(),
            ozon_key: server.key(SELLER, dialect_ozon::AUDIENCE).await,
            yandex_key: server.key(SELLER, dialect_yandex_market::AUDIENCE).await,
            seller_key: server.key(SELLER, NATIVE_AUDIENCE).await,
            buyer_key: server.key(BUYER, NATIVE_AUDIENCE).await,
            seller_session: Session::begin(server, SELLER).await,
            buyer_session: Session::begin(server, BUYER).await,
        }
    }

    pub(super) async fn try_ozon(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("Client-Id", SELLER.to_string())
            .header("Api-Key", &self.ozon_key)
            .json(&body);
        answer(request).await
    }

    pub(super) async fn ozon(&self, path: &str, body: Value) -> Value {
        succeeded(self.try_ozon(path, body).await)
    }

    pub(super) async fn try_yandex(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let url = format!("{}/v2/businesses/{SELLER}{path}", self.url);
        let request =
            self.http.request(method.parse().unwrap(), url).header("Api-Key", &self.yandex_key);
        answer(with_body(request, body)).await
    }

    pub(super) async fn yandex(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        succeeded(self.try_yandex(method, path, body).await)
    }

    pub(super) async fn try_partizap(
        &self,
        account: AccountId,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let session = if account == SELLER { &self.seller_session } else { &self.buyer_session };
        let request = self
            .http
            .request(method.parse().unwrap(), format!("{}/api{path}", self.url))
            .header("Cookie", &session.cookies)
            .header("X-CSRF-TOKEN", &session.csrf);
        answer(with_body(request, body)).await
    }

    pub(super) async fn partizap(
        &self,
        account: AccountId,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Value {
        succeeded(self.try_partizap(account, method, path, body).await)
    }

    pub(super) async fn try_native(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let url = format!("{}/api/v1{path}", self.url);
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(key);
        answer(with_body(request, body)).await
    }

    pub(super) async fn native(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Value {
        succeeded(self.try_native(key, method, path, body).await)
    }
}

impl Session {
    async fn begin(server: &Server, account: AccountId) -> Self {
        let body = json!({"email": email_of(account), "password": PASSWORD});
        let answer = server
            .http()
            .post(format!("{}/api/auth/login", server.url()))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let cookies: Vec<String> = answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
            .collect();
        let csrf = cookies
            .iter()
            .find_map(|cookie| cookie.strip_prefix("CSRF_TOKEN="))
            .unwrap()
            .to_owned();
        Self { cookies: cookies.join("; "), csrf }
    }
}

fn with_body(request: RequestBuilder, body: Option<Value>) -> RequestBuilder {
    match body {
        Some(body) => request.json(&body),
        None => request,
    }
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn succeeded((status, body): (StatusCode, Value)) -> Value {
    assert!(status.is_success(), "{status}: {body}");
    body
}
