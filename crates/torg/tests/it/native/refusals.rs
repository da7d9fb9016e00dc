//! Every refusal of the domain has its own words here.

use domain::SignedDuration;
use domain::catalog::{Model, Posting};
use engine::clock::Clock as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::Server;
use torg::settings::ModelName;

use super::client::Client;

#[tokio::test]
async fn texts_that_cannot_be_sent() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let cases = [
        (json!({}), "nothing-to-send"),
        (json!({"text": null, "attachment_ids": []}), "nothing-to-send"),
        (json!({"text": ""}), "text-empty"),
        (json!({"text": " \n\u{3000}"}), "text-empty"),
        (json!({"text": "a\u{0}b"}), "text-has-forbidden-character"),
    ];
    for (body, slug) in cases {
        let problem = buyer.post(&path, body).await;
        problem.problem(StatusCode::UNPROCESSABLE_ENTITY, slug);
    }
    let problem = buyer.post(&path, json!({"text": "a\u{0}b"})).await;
    assert_eq!(problem.body["character"], "U+0000");
    let list = buyer.get(&path).await.ok();
    assert_eq!(list["messages"], json!([]), "what is refused is not stored");
}

/// What `can_send` says and what a message meets are the same problem.
#[track_caller]
fn same_reason(chat: &Value, refused: &Value) {
    assert_eq!(chat["can_send"]["allowed"], false);
    assert_eq!(&chat["can_send"]["reason"], refused);
}

#[tokio::test]
async fn a_closed_chat_refuses_the_seller_and_opens_for_the_buyer() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let chat = buyer.product_chat().await;
    let closed = host.post(&format!("/host/chats/{chat}/close"), json!({})).await.ok();
    assert_eq!(closed["state"], "closed");
    let path = format!("/chats/{chat}/messages");
    let refused = seller.post(&path, json!({"text": "x"})).await;
    let refused = refused.problem(StatusCode::CONFLICT, "chat-closed");
    same_reason(&seller.get(&format!("/chats/{chat}")).await.ok(), &refused);
    let turn = host.post(&format!("/host/chats/{chat}/turn"), json!({"turn": "buyer"})).await;
    turn.problem(StatusCode::CONFLICT, "chat-closed");
    buyer.say(chat, "ещё вопрос").await;
    assert_eq!(seller.get(&format!("/chats/{chat}")).await.ok()["state"], "open");
}

#[tokio::test]
async fn a_blocked_seller_is_told_so_and_only_the_buyer_blocks() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/block");
    let refused = seller.put(&path, json!({})).await;
    refused.problem(StatusCode::FORBIDDEN, "only-the-buyer-blocks");
    for _ in 0..2 {
        assert_eq!(buyer.put(&path, json!({})).await.status, 204);
    }
    let refused = seller.post(&format!("/chats/{chat}/messages"), json!({"text": "x"})).await;
    let refused = refused.problem(StatusCode::CONFLICT, "blocked-by-buyer");
    same_reason(&seller.get(&format!("/chats/{chat}")).await.ok(), &refused);
    for _ in 0..2 {
        assert_eq!(buyer.delete(&path).await.status, 204);
    }
    seller.say(chat, "спасибо").await;
}

#[tokio::test]
async fn a_decided_dispute_refuses_both() {
    let server = Server::start().await;
    let order = server.order(Model::Fbs).await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let started = host.post("/host/disputes", json!({"order_id": order.id.get()})).await;
    assert_eq!(started.status, 201);
    let chat = started.body["id"].as_i64().unwrap();
    let again = host.post("/host/disputes", json!({"chat_id": chat})).await;
    again.problem(StatusCode::CONFLICT, "already-disputed");
    for call in ["close", "reopen"] {
        let refused = host.post(&format!("/host/chats/{chat}/{call}"), json!({})).await;
        refused.problem(StatusCode::CONFLICT, "state-set-by-dispute");
    }
    seller.say(chat, "Всё отправлено").await;
    let ended = host.post(&format!("/host/chats/{chat}/dispute/end"), json!({})).await.ok();
    assert_eq!(ended["state"], "settled");
    let again = host.post(&format!("/host/chats/{chat}/dispute/end"), json!({})).await;
    again.problem(StatusCode::CONFLICT, "not-disputed");
    for client in [&seller, &buyer] {
        let refused = client.post(&format!("/chats/{chat}/messages"), json!({"text": "x"})).await;
        let refused = refused.problem(StatusCode::CONFLICT, "dispute-ended");
        same_reason(&client.get(&format!("/chats/{chat}")).await.ok(), &refused);
    }
    let turn = host.post(&format!("/host/chats/{chat}/turn"), json!({"turn": "buyer"})).await;
    turn.problem(StatusCode::CONFLICT, "dispute-ended");
}

#[tokio::test]
async fn a_product_chat_cannot_become_a_dispute() {
    let server = Server::start().await;
    let chat = Client::buyer(&server).await.product_chat().await;
    let refused =
        Client::host(&server).await.post("/host/disputes", json!({"chat_id": chat})).await;
    refused.problem(StatusCode::CONFLICT, "nothing-to-dispute");
}

#[tokio::test]
async fn windows_that_are_over_say_when_they_ended() {
    let server = Server::start_with(|settings| {
        let seller = &mut settings.native.seller;
        seller.opens_order_chats = vec![ModelName::Fbs];
        seller.opening_window_hours = 1;
        seller.reply_window_hours = 48;
    })
    .await;
    let order = server.order(Model::Fbs).await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);

    // The posting was paid an hour ago.
    server.clock().advance(SignedDuration::from_millis(1));
    let open = json!({"context": {"type": "order", "id": order.id.get()}});
    let refused = seller.post("/chats", open).await;
    let refused = refused.problem(StatusCode::CONFLICT, "opening-window-closed");
    assert_eq!(refused["closed_at"], "2026-11-21T10:00:00.000Z");
    let fbo = server.order(Model::Fbo).await;
    let open = json!({"context": {"type": "order", "id": fbo.id.get()}});
    let refused = seller.post("/chats", open).await;
    let refused = refused.problem(StatusCode::FORBIDDEN, "opening-not-allowed");
    assert_eq!((&refused["model"], &refused["allowed_models"]), (&json!("fbo"), &json!(["fbs"])));

    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}");
    let refused = seller.post(&format!("{path}/messages"), json!({"text": "x"})).await;
    let refused = refused.problem(StatusCode::CONFLICT, "window-closed");
    assert_eq!(refused["closed_at"], Value::Null, "nobody has asked yet");
    buyer.say(chat, "вопрос").await;
    let open = seller.get(&path).await.ok();
    let until = "2026-11-23T10:00:00.001Z";
    assert_eq!(open["can_send"], json!({"allowed": true, "until": until, "reason": null}));
    server.clock().advance(SignedDuration::from_hours(48));
    assert_eq!(seller.post(&format!("{path}/messages"), json!({"text": "x"})).await.status, 201);
    server.clock().advance(SignedDuration::from_millis(1));
    let refused = seller.post(&format!("{path}/messages"), json!({"text": "x"})).await;
    let refused = refused.problem(StatusCode::CONFLICT, "window-closed");
    assert_eq!(refused["closed_at"], until);
    same_reason(&seller.get(&path).await.ok(), &refused);
}

#[tokio::test]
async fn after_a_delivery_the_seller_writes_unasked_for_a_while() {
    let server = Server::start_with(|settings| {
        settings.native.seller.reply_window_hours = 48;
        settings.native.seller.delivery_window_hours = 72;
    })
    .await;
    let order = server.order(Model::Fbo).await;
    let seller = Client::seller(&server).await;
    let open = json!({"context": {"type": "order", "id": order.id.get()}});
    let opened = seller.post("/chats", open).await.ok();
    let path = format!("/chats/{}", opened["chat"]["id"]);
    let unbound = json!({"allowed": true, "until": null, "reason": null});
    assert_eq!(opened["chat"]["can_send"], unbound, "not delivered yet");

    let delivered_at = server.clock().now();
    server
        .posting(Posting {
            number: order.posting,
            order: order.id,
            paid_at: Some(delivered_at),
            delivered_at: Some(delivered_at),
            cancelled_at: None,
        })
        .await;
    let until = "2026-11-24T10:00:00.000Z";
    let bound = json!({"allowed": true, "until": until, "reason": null});
    assert_eq!(seller.get(&path).await.ok()["can_send"], bound);
    server.clock().advance(SignedDuration::from_hours(72) + SignedDuration::from_millis(1));
    let refused = seller.post(&format!("{path}/messages"), json!({"text": "x"})).await;
    let refused = refused.problem(StatusCode::CONFLICT, "window-closed");
    assert_eq!(refused["closed_at"], until);
}
