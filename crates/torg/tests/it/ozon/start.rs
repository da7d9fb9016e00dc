//! `/v1/chat/start` (Ozon contract §7.1, §11.1).

use domain::SignedDuration;
use domain::catalog::{Fact, Model, Posting};
use domain::commands::{Steering, Subject};
use engine::access::Host;
use engine::clock::Clock as _;
use serde_json::json;
use testkit::{OTHER_BUYER, SELLER};
use uuid::Uuid;

use super::client::{Client, ask_as_buyer, log_length, market, open_as_buyer};

#[tokio::test]
async fn the_first_start_makes_a_chat_and_further_ones_find_it() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let answer = client.post("/v1/chat/start", &json!({"posting_number": order.posting})).await;
    let chat = answer.succeeded()["result"]["chat_id"].as_str().unwrap();
    assert_eq!(answer.body, json!({"result": {"chat_id": chat}}));
    assert_eq!(Uuid::parse_str(chat).unwrap().hyphenated().to_string(), chat);

    let after_first = log_length(&server, SELLER).await;
    assert_eq!(client.start(&order.posting).await, chat);
    assert_eq!(log_length(&server, SELLER).await, after_first);

    // Chats belong to orders, not to postings.
    let now = server.clock().now();
    let second = Posting {
        number: format!("{}-2", order.number),
        order: order.id,
        paid_at: Some(now),
        delivered_at: None,
        cancelled_at: None,
    };
    server.put(vec![Fact::Posting(second.clone())]).await;
    assert_eq!(client.start(&second.number).await, chat);

    let other = server.order_of(OTHER_BUYER, Model::Fbs).await;
    assert_ne!(client.start(&other.posting).await, chat);
    let listed = client.list(&json!({})).await;
    assert_eq!(listed["chats"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_open_chat_is_found_outside_the_window_too() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Rfbs).await;
    let chat = client.start(&order.posting).await;
    server.clock().advance(SignedDuration::from_hours(1000));
    assert_eq!(client.start(&order.posting).await, chat);
}

#[tokio::test]
async fn a_closed_chat_reopens_while_the_window_is_open() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    let id = open_as_buyer(&server, Subject::Order(order.id), None).await.id;
    let status = async || client.list(&json!({})).await["chats"][0]["chat"]["chat_status"].clone();

    server.engine().steer_chat(Host::operator(), id, Steering::Close).await.unwrap();
    assert_eq!(status().await, "CLOSED");
    assert_eq!(client.start(&order.posting).await, chat);
    assert_eq!(status().await, "OPENED");

    server.engine().steer_chat(Host::operator(), id, Steering::Close).await.unwrap();
    server.clock().advance(SignedDuration::from_hours(72));
    let before = log_length(&server, SELLER).await;
    let answer = client.post("/v1/chat/start", &json!({"posting_number": order.posting})).await;
    answer.failed(403, 7, "access period has expired");
    assert_eq!(status().await, "CLOSED");
    assert_eq!(log_length(&server, SELLER).await, before);
}

#[tokio::test]
async fn on_fbo_only_the_buyer_begins() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbo).await;
    let before = log_length(&server, SELLER).await;
    let answer = client.post("/v1/chat/start", &json!({"posting_number": order.posting})).await;
    answer.failed(403, 7, "actions with this chat not permitted");
    assert_eq!(log_length(&server, SELLER).await, before);

    let opened = ask_as_buyer(&server, Subject::Order(order.id), "Где заказ?").await;
    assert_eq!(client.start(&order.posting).await, opened.public_id.to_string());
}

#[tokio::test]
async fn an_unknown_posting_is_not_found() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    for unknown in
        ["1", &order.number, &order.id.to_string(), " ", &"9".repeat(100_000), "%", "заказ"]
    {
        let answer = client.post("/v1/chat/start", &json!({"posting_number": unknown})).await;
        answer.failed(404, 5, "posting not found");
    }
    for empty in [json!({"posting_number": ""}), json!({"posting_number": null})] {
        let rule = "Request validation error: invalid ChatStartRequest.PostingNumber: value length must be at least 1 runes";
        client.post("/v1/chat/start", &empty).await.failed(400, 3, rule);
    }
}

#[tokio::test]
async fn parallel_starts_give_one_chat() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let starts = std::iter::repeat_with(|| client.start(&order.posting)).take(16);
    let chats = join_all(starts).await;
    assert!(chats.iter().all(|chat| *chat == chats[0]), "{chats:?}");
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}
