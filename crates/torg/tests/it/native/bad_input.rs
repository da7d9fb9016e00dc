//! Requests that make no sense get problems, cost little, and leave nothing behind.

use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::Server;

use super::client::{Answer, Client};

#[tokio::test]
async fn what_is_not_json_is_told_from_json_that_is_wrong() {
    let server = Server::start().await;
    let (buyer, host) = (Client::buyer(&server).await, Client::host(&server).await);
    let chat = buyer.product_chat().await;
    let nested = |opening: &str| opening.repeat(10_000).into_bytes();
    let broken: Vec<Vec<u8>> = vec![
        b"{".to_vec(),
        b"{\"text\": \"\xff\"}".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"text\": \"x\"} {}".to_vec(),
        b"{text: 1}".to_vec(),
        nested("["),
        nested("{\"a\":"),
    ];
    let paths = [
        (&buyer, format!("/chats/{chat}/messages")),
        (&buyer, "/chats".to_owned()),
        (&host, format!("/host/chats/{chat}/messages")),
        (&host, "/host/disputes".to_owned()),
    ];
    for (client, path) in &paths {
        for bytes in &broken {
            let answer = client.post_bytes(path, "application/json", bytes.clone()).await;
            answer.problem(StatusCode::BAD_REQUEST, "malformed-json");
        }
        for other in ["[]", "[\"x\"]", "7", "\"x\"", "null"] {
            client.post_bytes(path, "application/json", other.into()).await.invalid_at("");
        }
    }
    let path = &paths[0].1;
    let half_a_character = b"{\"text\": \"\\ud800\"}".to_vec();
    let answer = buyer.post_bytes(path, "application/json", half_a_character).await;
    answer.problem(StatusCode::BAD_REQUEST, "malformed-json");
    let list = buyer.get(&format!("/chats/{chat}/messages")).await.ok();
    assert_eq!(list["messages"], json!([]));
}

#[tokio::test]
async fn types_are_checked_with_their_places_and_unknown_members_are_ignored() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    for (body, place) in [
        (json!({"text": 7}), "text"),
        (json!({"text": ["x"]}), "text"),
        (json!({"text": "x", "attachment_ids": 7}), "attachment_ids"),
        (json!({"text": "x", "attachment_ids": [1, "2"]}), "attachment_ids[1]"),
        (json!({"text": "x", "attachment_ids": [1, 0]}), "attachment_ids[1]"),
        (json!({"text": "x", "if_last_message_id": -1}), "if_last_message_id"),
        (json!({"text": "x", "if_last_message_id": 1e300}), "if_last_message_id"),
        (json!({"text": "x", "client_key": 7}), "client_key"),
    ] {
        buyer.post(&path, body).await.invalid_at(place);
    }
    let twice = br#"{"text": "x", "text": "y"}"#.to_vec();
    let answer = buyer.post_bytes(&path, "application/json", twice).await;
    assert_eq!(answer.invalid_at("text"), "is given twice");
    for wrong in [json!("7"), json!(7.0), json!(-1), json!(9_007_199_254_740_992_i64)] {
        let answer = buyer.post(&path, json!({"text": "x", "if_last_message_id": wrong})).await;
        let message = answer.invalid_at("if_last_message_id");
        let wanted = "expected a whole number from 0 to 9007199254740991";
        assert!(message.ends_with(wanted), "{message}");
    }
    let body =
        json!({"text": "x", "client_key": null, "if_last_message_id": null, "new": {"a": []}});
    assert_eq!(buyer.post(&path, body).await.status, 201);
}

#[tokio::test]
async fn a_huge_body_is_refused_and_read_no_further_than_needed() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let body = format!("{{\"text\": \"{}\"}}", "x".repeat(1 << 20));
    let path = format!("/chats/{chat}/messages");
    let answer = buyer.post_bytes(&path, "application/json", body.into_bytes()).await;
    let problem = answer.problem(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
    assert!(problem["limit"].as_u64().unwrap() < 1 << 20);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    for path in ["", "/", "/chat", "/chats/", "/chats/1/2/3", "/host", "/host/", "/host/facts/1"] {
        let answer = buyer.get(path).await;
        answer.problem(StatusCode::NOT_FOUND, "no-such-path");
    }
    for (method, path) in
        [(Method::DELETE, "/chats"), (Method::PATCH, "/chats/1"), (Method::PUT, "/host/facts")]
    {
        let answer = Answer::of(buyer.request(method, path)).await;
        assert!(answer.headers.contains_key("allow"));
        answer.problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    }
}

#[tokio::test]
async fn queries_are_read_with_care() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    for (query, place) in [
        ("status=maybe", "status"),
        ("unread=1", "unread"),
        ("unread=", "unread"),
        ("side=left", "side"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1e2", "limit"),
        ("limit=", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("hidden=yes", "hidden"),
    ] {
        buyer.get(&format!("/chats?{query}")).await.invalid_at(place);
    }
    let twice = buyer.get("/chats?limit=1&limit=2").await;
    assert_eq!(twice.invalid_at("limit"), "is given twice");
    for number in ["", "1e2", "ten", "99999999999999999999"] {
        let answer = buyer.get(&format!("/chats?limit={number}")).await;
        assert_eq!(answer.invalid_at("limit"), "must be a whole number");
    }
    buyer.get("/chats?limit=100&unknown=%ff&&x").await.ok();
}
