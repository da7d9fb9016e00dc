//! Keys, scopes and quotas.

use domain::SignedDuration;
use engine::clock::Clock as _;
use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::{BUYER, OTHER_BUYER, SELLER, Server};

use super::client::{Answer, Client};

async fn get_with(server: &Server, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = server.http().get(format!("{}/api/v1{path}", server.url()));
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    Answer::of(request).await
}

#[tokio::test]
async fn without_a_key_that_works_nothing_is_told() {
    let server = Server::start().await;
    for path in ["/chats", "/me", "/events", "/host/chats/1"] {
        let answer = get_with(&server, path, None).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answer.problem(StatusCode::UNAUTHORIZED, "key-missing");
        for wrong in ["Basic abc", "Bearer", "Bearer "] {
            let answer = get_with(&server, path, Some(wrong)).await;
            answer.problem(StatusCode::UNAUTHORIZED, "key-missing");
        }
        let answer = get_with(&server, path, Some("Bearer torg_nonsense")).await;
        answer.problem(StatusCode::UNAUTHORIZED, "key-unknown");
        let ozon = server.key(SELLER, dialect_ozon::AUDIENCE).await;
        let answer = get_with(&server, path, Some(&format!("Bearer {ozon}"))).await;
        answer.problem(StatusCode::UNAUTHORIZED, "key-unknown");
    }
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let server = Server::start().await;
    let key = server.key(SELLER, native::AUDIENCE).await;
    get_with(&server, "/me", Some(&format!("bEARER {key}"))).await.ok();
}

#[tokio::test]
async fn a_key_of_the_other_half_is_told_where_it_works() {
    let server = Server::start().await;
    let (seller, host) = (Client::seller(&server).await, Client::host(&server).await);
    seller.get("/host/chats/1").await.problem(StatusCode::FORBIDDEN, "wrong-kind-of-key");
    host.get("/chats").await.problem(StatusCode::FORBIDDEN, "wrong-kind-of-key");
}

#[tokio::test]
async fn keys_that_work_no_more_say_why() {
    let server = Server::start().await;
    let now = server.clock().now();
    let expired = server
        .key_with(SELLER, native::AUDIENCE, |key| {
            key.expires_at = Some(now + SignedDuration::from_secs(60));
        })
        .await;
    let revoked = server.key_with(SELLER, native::AUDIENCE, |key| key.revoked_at = Some(now)).await;
    let elsewhere = server
        .key_with(SELLER, native::AUDIENCE, |key| {
            key.allowed_addresses = vec!["203.0.113.9".parse().unwrap()];
        })
        .await;
    let of_shops =
        server.key_with(SELLER, native::AUDIENCE, |key| key.shops = Some(Vec::new())).await;
    Client { server: &server, key: expired.clone() }.get("/me").await.ok();
    server.clock().advance(SignedDuration::from_secs(60));
    for (key, status, slug) in [
        (expired, StatusCode::UNAUTHORIZED, "key-expired"),
        (revoked, StatusCode::UNAUTHORIZED, "key-revoked"),
        (elsewhere, StatusCode::FORBIDDEN, "address-not-allowed"),
        (of_shops, StatusCode::FORBIDDEN, "key-bound-to-shops"),
    ] {
        Client { server: &server, key }.get("/me").await.problem(status, slug);
    }
}

#[tokio::test]
async fn an_inactive_account_can_do_nothing() {
    let server = Server::start().await;
    let (buyer, host) = (Client::buyer(&server).await, Client::host(&server).await);
    let account = json!({"display_name": "Анна К.", "created_at": "2026-01-01T00:00:00Z", "is_active": false});
    assert_eq!(host.put(&format!("/host/accounts/{BUYER}"), account).await.status, 204);
    buyer.get("/chats").await.problem(StatusCode::FORBIDDEN, "account-inactive");
}

#[tokio::test]
async fn scopes_bind_reading_and_writing() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let reader = Client {
        server: &server,
        key: server.key_with(BUYER, native::AUDIENCE, |key| key.can_write = false).await,
    };
    let writer = Client {
        server: &server,
        key: server.key_with(BUYER, native::AUDIENCE, |key| key.can_read = false).await,
    };
    let calls_that_write = [
        (Method::POST, "/chats".to_owned()),
        (Method::POST, format!("/chats/{chat}/messages")),
        (Method::PATCH, format!("/chats/{chat}/messages/1")),
        (Method::POST, format!("/chats/{chat}/read")),
        (Method::POST, format!("/chats/{chat}/hide")),
        (Method::POST, format!("/chats/{chat}/typing")),
        (Method::PUT, format!("/chats/{chat}/block")),
        (Method::DELETE, format!("/chats/{chat}/block")),
        (Method::POST, "/attachments".to_owned()),
        (Method::POST, "/webhooks".to_owned()),
        (Method::PATCH, "/webhooks/1".to_owned()),
        (Method::DELETE, "/webhooks/1".to_owned()),
        (Method::POST, "/webhooks/1/rotate-secret".to_owned()),
        (Method::POST, "/webhooks/1/ping".to_owned()),
        (Method::POST, "/webhooks/1/pause".to_owned()),
        (Method::POST, "/webhooks/1/resume".to_owned()),
        (Method::POST, "/webhooks/1/replay".to_owned()),
    ];
    for (method, path) in calls_that_write {
        let problem = Answer::of(reader.request(method, &path)).await;
        let problem = problem.problem(StatusCode::FORBIDDEN, "scope-missing");
        assert_eq!(problem["required_scope"], "chats:write", "{path}");
    }
    let chat_path = format!("/chats/{chat}");
    for path in ["/chats", &chat_path, "/events", "/unread", "/search?q=aa", "/webhooks"] {
        let problem = writer.get(path).await.problem(StatusCode::FORBIDDEN, "scope-missing");
        assert_eq!(problem["required_scope"], "chats:read", "{path}");
        reader.get(path).await.ok();
    }
    writer.say(chat, "слепая запись").await;
    // Whoever names a URL can read there.
    for (method, path) in [(Method::POST, "/webhooks"), (Method::PATCH, "/webhooks/1")] {
        let problem = Answer::of(writer.request(method, path)).await;
        let problem = problem.problem(StatusCode::FORBIDDEN, "scope-missing");
        assert_eq!(problem["required_scope"], "chats:read");
    }
}

#[tokio::test]
async fn every_answer_tells_what_is_left_of_the_quota() {
    let server = Server::start_with(|settings| settings.native.requests_per_minute = 3).await;
    let seller = Client::seller(&server).await;
    for remaining in ["2", "1"] {
        let answer = seller.get("/me").await;
        assert_eq!(answer.headers["ratelimit-limit"], "3");
        assert_eq!(answer.headers["ratelimit-remaining"], remaining);
        assert_eq!(answer.headers["ratelimit-reset"], "60");
    }
    let absent = seller.get("/nothing-here").await;
    assert_eq!(absent.headers["ratelimit-remaining"], "0");
    absent.problem(StatusCode::NOT_FOUND, "no-such-path");

    server.clock().advance(SignedDuration::from_millis(30_500));
    let refused = seller.get("/me").await;
    assert_eq!(refused.headers["retry-after"], "30");
    assert_eq!(refused.problem(StatusCode::TOO_MANY_REQUESTS, "too-many-requests")["limit"], 3);
    // Another key has a quota of its own.
    Client::of(&server, OTHER_BUYER).await.get("/me").await.ok();
    server.clock().advance(SignedDuration::from_secs(30));
    seller.get("/me").await.ok();
}

#[tokio::test]
async fn requests_without_a_key_have_a_quota_too() {
    let server = Server::start_with(|settings| settings.native.requests_per_minute = 2).await;
    for _ in 0..2 {
        let answer = get_with(&server, "/me", Some("Bearer guess")).await;
        assert!(answer.headers.contains_key("ratelimit-remaining"));
        answer.problem(StatusCode::UNAUTHORIZED, "key-unknown");
    }
    let answer = get_with(&server, "/me", Some("Bearer another-guess")).await;
    answer.problem(StatusCode::TOO_MANY_REQUESTS, "too-many-requests");
    Client::seller(&server).await.get("/me").await.ok();
}

#[tokio::test]
async fn me_tells_whose_key_it_is() {
    let server = Server::start().await;
    let me = Client::seller(&server).await.get("/me").await.ok();
    assert_eq!(me["account"]["id"], SELLER.get());
    assert_eq!(me["account"]["display_name"], "Невский Разбор");
    assert_eq!(me["account"]["created_at"], "2026-11-21T10:00:00.000Z");
    assert_eq!(me["key"]["scopes"], json!(["chats:read", "chats:write"]));
    assert!(me["account"].get("email").is_none());
}
