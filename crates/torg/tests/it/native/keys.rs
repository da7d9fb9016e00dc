//! Keys, passwords and sessions that the marketplace makes.

use domain::SignedDuration;
use engine::sessions::{Browser, csrf_token};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{BUYER, PASSWORD, SELLER, Server, email_of};

use super::client::Client;

fn new_key(audience: &str) -> Value {
    json!({"name": "интеграция", "audience": audience, "scopes": ["chats:read", "chats:write"]})
}

#[tokio::test]
async fn a_key_is_made_shown_once_listed_and_revoked() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let path = format!("/host/accounts/{SELLER}/keys");
    let answer = host.post(&path, new_key("native")).await;
    assert_eq!(answer.status, 201);
    let made = answer.ok();
    assert!(made["secret"].as_str().unwrap().starts_with("torg_"));
    let client = Client { server: &server, key: made["secret"].as_str().unwrap().to_owned() };
    assert_eq!(client.get("/me").await.ok()["key"]["id"], made["id"]);

    let listed = host.get(&path).await;
    assert!(!listed.text.contains(&client.key));
    let listed = listed.ok();
    assert_eq!(listed["keys"][0]["name"], "интеграция");
    assert_eq!(listed["keys"][0]["scopes"], json!(["chats:read", "chats:write"]));
    assert_eq!(listed["keys"][0]["revoked_at"], Value::Null);

    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(host.delete(&one).await.status, 204);
    }
    client.get("/me").await.problem(StatusCode::UNAUTHORIZED, "key-revoked");
    let revoked = host.get(&path).await.ok();
    assert_eq!(revoked["keys"][0]["revoked_at"], "2026-11-21T10:00:00.000Z");
    for absent in ["x", "00000000-0000-4000-8000-000000000000"] {
        let answer = host.delete(&format!("{path}/{absent}")).await;
        answer.problem(StatusCode::NOT_FOUND, "key-not-found");
    }
    let foreign = one.replace(&SELLER.to_string(), &BUYER.to_string());
    host.delete(&foreign).await.problem(StatusCode::NOT_FOUND, "key-not-found");
}

#[tokio::test]
async fn keys_are_made_for_every_face_and_secrets_can_be_brought() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let path = format!("/host/accounts/{SELLER}/keys");
    for audience in [
        native::AUDIENCE,
        dialect_ozon::AUDIENCE,
        dialect_yandex_market::AUDIENCE,
        dialect_yandex_market::OAUTH_AUDIENCE,
    ] {
        let mut request = new_key(audience);
        request["allowed_addresses"] = json!(["203.0.113.9", "::1"]);
        request["expires_at"] = json!("2027-01-01T00:00:00Z");
        let made = host.post(&path, request).await.ok();
        assert_eq!(made["audience"], audience);
        assert_eq!(made["shops"], Value::Null);
        assert_eq!(made["expires_at"], "2027-01-01T00:00:00.000Z");
    }
    let mut own = new_key("native");
    own["secret"] = json!("a-secret-of-16-c");
    assert_eq!(host.post(&path, own.clone()).await.ok()["secret"], "a-secret-of-16-c");
    for audience in [native::AUDIENCE, dialect_ozon::AUDIENCE] {
        own["audience"] = json!(audience);
        let taken = host.post(&path, own.clone()).await;
        taken.problem(StatusCode::CONFLICT, "secret-taken");
    }
}

/// Each request used to look for the secret before it stored its key; all but one then met the database's own check.
#[tokio::test]
async fn of_keys_brought_at_the_same_moment_one_gets_the_secret() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let path = format!("/host/accounts/{SELLER}/keys");
    let mut request = new_key("native");
    request["secret"] = json!("a-secret-of-16-c");
    let requests = (0..8).map(|_| host.post(&path, request.clone()));
    let mut made = 0;
    for answer in futures_util::future::join_all(requests).await {
        if answer.status == 201 {
            made += 1;
        } else {
            answer.problem(StatusCode::CONFLICT, "secret-taken");
        }
    }
    assert_eq!(made, 1);
    assert_eq!(host.get(&path).await.ok()["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_for_a_member_of_its_account() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let member = json!({"account_id": SELLER.get(), "name": "Ольга"});
    host.put("/host/members/5", member).await.ok();
    let mut request = new_key("native");
    request["member_id"] = json!(5);
    let own = host.post(&format!("/host/accounts/{SELLER}/keys"), request.clone()).await.ok();
    assert_eq!(own["member_id"], 5);
    host.post(&format!("/host/accounts/{BUYER}/keys"), request.clone())
        .await
        .invalid_at("member_id");
    request["member_id"] = json!(6);
    host.post(&format!("/host/accounts/{SELLER}/keys"), request).await.invalid_at("member_id");
}

#[tokio::test]
async fn only_a_wire_that_knows_shops_has_keys_that_are_bound_to_them() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let path = format!("/host/accounts/{SELLER}/keys");
    for (audience, shops) in [
        (native::AUDIENCE, json!([1, 2])),
        (dialect_ozon::AUDIENCE, json!([1, 2])),
        (dialect_ozon::AUDIENCE, json!([])),
        (dialect_yandex_market::AUDIENCE, json!([1, 2])),
    ] {
        let mut request = new_key(audience);
        request["shops"] = shops;
        host.post(&path, request).await.invalid_at("shops");
    }
    assert_eq!(host.get(&path).await.ok()["keys"], json!([]));

    let mut request = new_key(dialect_yandex_market::OAUTH_AUDIENCE);
    request["shops"] = json!([1, 2]);
    assert_eq!(host.post(&path, request).await.ok()["shops"], json!([1, 2]));
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_named() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let path = format!("/host/accounts/{SELLER}/keys");
    let wrong = [
        ("name", json!("")),
        ("audience", json!("host")),
        ("audience", json!("other")),
        ("scopes", json!([])),
        ("scopes[0]", json!(["chats:admin"])),
        ("expires_at", json!("tomorrow")),
        ("shops", json!([1])),
        ("allowed_addresses[0]", json!(["localhost"])),
        ("allowed_addresses", json!(vec!["::1"; 101])),
        ("secret", json!("short")),
        ("secret", json!("ключ, которого нет в заголовках")),
        ("secret", json!("a secret with spaces")),
        ("secret", json!("no;cookie;holds;this")),
        ("secret", json!("s".repeat(256))),
        ("member_id", json!(0)),
    ];
    for (place, value) in wrong {
        let member = place.trim_end_matches("[0]");
        let mut request = new_key("native");
        request[member] = value;
        host.post(&path, request).await.invalid_at(place);
    }
    assert_eq!(host.get(&path).await.ok()["keys"], json!([]));
    let absent = host.post("/host/accounts/999/keys", new_key("native")).await;
    absent.problem(StatusCode::NOT_FOUND, "account-not-found");
}

#[tokio::test]
async fn a_password_or_its_hash_can_be_set() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let path = format!("/host/accounts/{BUYER}/password");
    let signs_in = |password: &'static str| {
        let engine = server.engine();
        async move {
            let found = engine.sign_in(&email_of(BUYER), password.to_owned()).await.unwrap();
            found.is_some()
        }
    };
    assert!(signs_in(PASSWORD).await);
    assert_eq!(host.put(&path, json!({"password": "новый пароль"})).await.status, 204);
    assert!(signs_in("новый пароль").await && !signs_in(PASSWORD).await);
    let hash = engine::sessions::hash_password("третий".to_owned()).await.unwrap();
    assert_eq!(host.put(&path, json!({"password_hash": hash})).await.status, 204);
    assert!(signs_in("третий").await);

    for (body, place) in [
        (json!({}), "password"),
        (json!({"password": "a", "password_hash": hash}), "password"),
        (json!({"password": ""}), "password"),
        (json!({"password": "p".repeat(1025)}), "password"),
        (json!({"password_hash": "$2b$12$abcdefghijklmnopqrstuv"}), "password_hash"),
    ] {
        host.put(&path, body).await.invalid_at(place);
    }
    let absent = host.put("/host/accounts/999/password", json!({"password": "a"})).await;
    absent.problem(StatusCode::NOT_FOUND, "account-not-found");
}

#[tokio::test]
async fn browser_sessions_begin_and_end() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let path = format!("/host/accounts/{BUYER}/sessions");
    let made = host.post(&path, json!({"user_agent": "Test/1", "ip_address": "203.0.113.9"})).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["csrf_token"], csrf_token(token));
    assert_eq!(made["expires_at"], "2026-12-21T10:00:00.000Z");
    let browser = Browser::default();
    let (_, account) = server.engine().session(token, &browser).await.unwrap().unwrap();
    assert_eq!(account.id, BUYER);

    let own = json!({"token": "brought-by-the-host", "expires_at": "2026-11-21T11:00:00Z"});
    let own = host.post(&path, own).await.ok();
    assert_eq!(own["token"], "brought-by-the-host");
    assert_eq!(host.get(&path).await.ok()["sessions"].as_array().unwrap().len(), 2);
    server.clock().advance(SignedDuration::from_hours(1));
    assert!(server.engine().session("brought-by-the-host", &browser).await.unwrap().is_none());

    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(host.delete(&one).await.status, 204);
    host.delete(&one).await.problem(StatusCode::NOT_FOUND, "session-not-found");
    assert!(server.engine().session(token, &browser).await.unwrap().is_none());
    host.post(&path, json!({"token": "short"})).await.invalid_at("token");
    let absent = host.post("/host/accounts/999/sessions", json!({})).await;
    absent.problem(StatusCode::NOT_FOUND, "account-not-found");
}
