//! Facts in bulk.

use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::{SELLER, Server};

use super::client::{Answer, Client};

const NDJSON: &str = "application/x-ndjson";

async fn push(host: &Client<'_>, lines: &[String]) -> Answer {
    host.post_bytes("/host/facts", NDJSON, lines.join("\n").into_bytes()).await
}

fn product(id: i64) -> String {
    json!({"type": "product", "id": id, "seller_id": SELLER.get(), "title": "Т", "price": 1,
        "published_at": "2026-11-21T09:00:00Z"})
    .to_string()
}

async fn is_on_sale(server: &Server, id: i64) -> bool {
    let context = json!({"type": "product", "id": id});
    Client::buyer(server).await.post("/chats", json!({"context": context})).await.status == 201
}

#[tokio::test]
async fn good_lines_are_kept_and_the_others_are_named() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let at = "2026-11-21T09:00:00Z";
    let lines = [
        product(9001),
        String::new(),
        "{broken".to_owned(),
        json!({"type": "product", "id": 9002}).to_string(),
        json!({"type": "basket", "id": 1}).to_string(),
        json!({"id": 1}).to_string(),
        "[]".to_owned(),
        json!({"type": "order", "id": 0}).to_string(),
        json!({"type": "posting", "order_id": 1}).to_string(),
        json!({"type": "posting", "number": "9-1", "order_id": 1}).to_string() + "\r",
        json!({"type": "account", "id": 9003, "display_name": "A", "created_at": at, "email": "a@example.test"}).to_string(),
        json!({"type": "account", "id": 9004, "display_name": "B", "created_at": at, "email": "A@example.test"}).to_string(),
        json!({"type": "member", "id": 1, "account_id": 9003, "name": "М"}).to_string(),
        json!({"type": "shop", "id": 1, "seller_id": 9003, "name": "М", "model": "fbo"}).to_string(),
        json!({"type": "return", "id": 1, "order_id": 1, "created_at": at}).to_string(),
        "[".repeat(10_000),
        product(9005),
    ];
    let report = push(&host, &lines).await.ok();
    assert_eq!(report["lines"], 16, "the empty line does not count");
    assert_eq!((&report["stored"], &report["refused_count"]), (&json!(7), &json!(9)));
    let mut refused: Vec<_> = report["refused"].as_array().unwrap().iter().collect();
    refused.sort_by_key(|refused| refused["line"].as_i64());
    let places: Vec<_> = refused
        .iter()
        .map(|refused| (refused["line"].as_i64().unwrap(), refused["errors"][0]["path"].as_str()))
        .collect();
    let expected = [
        (3, None),
        (4, Some("seller_id")),
        (5, Some("type")),
        (6, Some("type")),
        (7, Some("")),
        (8, Some("id")),
        (9, Some("number")),
        (12, None),
        (16, None),
    ];
    assert_eq!(places, expected);
    assert!(refused.iter().all(|refused| !refused["reason"].as_str().unwrap().is_empty()));
    assert!(is_on_sale(&server, 9001).await && is_on_sale(&server, 9005).await);
}

#[tokio::test]
async fn keys_and_sessions_come_along_and_may_come_again() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let key = |account: i64, secret: &str| {
        json!({"type": "key", "account_id": account, "name": "CRM", "audience": "native",
            "scopes": ["chats:read"], "secret": secret})
        .to_string()
    };
    let session = json!({"type": "session", "account_id": 9100, "token": "a-cookie-of-the-marketplace-itself"});
    let account = json!({"type": "account", "id": 9100, "display_name": "A", "created_at": "2026-11-21T09:00:00Z"});
    let lines = [
        account.to_string(),
        key(9100, "a-key-that-the-crm-has-used-for-years"),
        session.to_string(),
        key(9199, "a-key-of-an-account-that-nobody-knows"),
        json!({"type": "key", "account_id": 9100, "name": "CRM", "audience": "native", "scopes": ["chats:read"]})
            .to_string(),
        json!({"type": "session", "account_id": 9100}).to_string(),
        key(SELLER.get(), "a-key-that-the-crm-has-used-for-years"),
    ];
    for push_number in 1..=2 {
        let report = push(&host, &lines).await.ok();
        assert_eq!(
            (&report["stored"], &report["refused_count"]),
            (&json!(3), &json!(4)),
            "push {push_number}"
        );
        let refused = report["refused"].as_array().unwrap();
        let numbers: Vec<_> =
            refused.iter().map(|refused| refused["line"].as_i64().unwrap()).collect();
        assert_eq!(numbers, [4, 5, 6, 7], "push {push_number}: {refused:?}");
    }
    let keys = host.get("/host/accounts/9100/keys").await.ok();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "the same key again is the same key");
    let sessions = host.get("/host/accounts/9100/sessions").await.ok();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);

    let used = server.http().get(format!("{}/api/v1/me", server.url()));
    let used = used.bearer_auth("a-key-that-the-crm-has-used-for-years").send().await.unwrap();
    assert_eq!(used.status(), StatusCode::OK);

    let id = keys["keys"][0]["id"].as_str().unwrap();
    host.delete(&format!("/host/accounts/9100/keys/{id}")).await.ok();
    push(&host, &lines).await.ok();
    let keys = host.get("/host/accounts/9100/keys").await.ok();
    assert!(keys["keys"][0]["revoked_at"].is_string(), "what was revoked stays so: {keys}");
}

#[tokio::test]
async fn thousands_of_lines_are_stored_in_pieces() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let lines: Vec<_> = (10_001..=11_501).map(product).collect();
    let report = push(&host, &lines).await.ok();
    assert_eq!(report, json!({"lines": 1501, "stored": 1501, "refused_count": 0, "refused": []}));
    assert!(is_on_sale(&server, 11_501).await);
}

#[tokio::test]
async fn the_report_shows_a_thousand_refused_lines_and_counts_all() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let report = push(&host, &vec!["{}".to_owned(); 1001]).await.ok();
    assert_eq!((&report["refused_count"], &report["stored"]), (&json!(1001), &json!(0)));
    assert_eq!(report["refused"].as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn a_line_has_a_bound_and_its_neighbours_do_not_suffer() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let padded = |id: i64, length: usize| {
        let line = product(id);
        let padding = " ".repeat(length - line.len());
        line + &padding
    };
    let limit = 256 << 10;
    let lines =
        [product(1), padded(2, limit), padded(3, limit + 1), padded(4, 3 * limit), product(5)];
    let report = push(&host, &lines).await.ok();
    assert_eq!(report["stored"], 3);
    let refused: Vec<_> =
        report["refused"].as_array().unwrap().iter().map(|line| line["line"].clone()).collect();
    assert_eq!(refused, [3, 4]);
}

#[tokio::test]
async fn an_empty_body_is_an_empty_report() {
    let server = Server::start().await;
    let report = push(&Client::host(&server).await, &[]).await.ok();
    assert_eq!(report, json!({"lines": 0, "stored": 0, "refused_count": 0, "refused": []}));
}

#[tokio::test]
async fn a_body_beyond_the_bound_stops_and_says_what_is_kept() {
    let server = Server::start().await;
    let settings = native::Settings { bulk_bytes_max: 10_000, ..native::Settings::default() };
    let routes = native::router(server.engine(), server.webhooks(), settings);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/host/facts", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let host = Client::host(&server).await;
    let push =
        |body: String| Answer::of(server.http().post(&url).bearer_auth(&host.key).body(body));

    let line = product(1);
    let fitting = line.clone() + &"\n".repeat(10_000 - line.len());
    assert_eq!(push(fitting.clone()).await.ok()["stored"], 1);
    let problem = push(fitting + "\n").await;
    let problem = problem.problem(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
    assert_eq!(problem["limit"], 10_000);
    assert!(problem["report"]["stored"].is_u64(), "{problem}");
}

#[tokio::test]
async fn only_the_marketplace_pushes_facts() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let answer = seller.post_bytes("/host/facts", NDJSON, product(1).into_bytes()).await;
    answer.problem(StatusCode::FORBIDDEN, "wrong-kind-of-key");
    let anonymous =
        server.http().request(Method::POST, format!("{}/api/v1/host/facts", server.url()));
    Answer::of(anonymous).await.problem(StatusCode::UNAUTHORIZED, "key-missing");
    assert!(!is_on_sale(&server, 1).await);
}
