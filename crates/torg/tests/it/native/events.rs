//! The log of an account.

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{OTHER_SELLER, Server};

use super::client::Client;

fn kinds(list: &Value) -> Vec<&str> {
    let events = list["events"].as_array().unwrap();
    events.iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn both_sides_read_the_same_story_from_logs_of_their_own() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let chat = buyer.product_chat().await;
    let message = buyer.say(chat, "вопрос").await;
    seller.post(&format!("/chats/{chat}/read"), json!({})).await.ok();
    seller.say(chat, "ответ").await;
    seller.post(&format!("/chats/{chat}/hide"), json!({})).await;
    buyer.put(&format!("/chats/{chat}/block"), json!({})).await;
    buyer.delete(&format!("/chats/{chat}/block")).await;
    host.post(&format!("/host/chats/{chat}/turn"), json!({"turn": "market"})).await.ok();
    host.post(&format!("/host/chats/{chat}/close"), json!({})).await.ok();
    host.post(&format!("/host/chats/{chat}/reopen"), json!({})).await.ok();

    let common = [
        "chat.opened",
        "message.created",
        "chat.read",
        "message.created",
        "chat.blocked",
        "chat.unblocked",
        "chat.turn_changed",
        "chat.closed",
        "chat.reopened",
    ];
    let of_seller = seller.get("/events").await.ok();
    let mut with_hiding = common.to_vec();
    with_hiding.insert(4, "chat.hidden");
    assert_eq!(kinds(&of_seller), with_hiding);
    let of_buyer = buyer.get("/events").await.ok();
    assert_eq!(kinds(&of_buyer), common);

    let sequences: Vec<_> = (1..=10).map(Value::from).collect();
    let events = of_seller["events"].as_array().unwrap();
    assert_eq!(events.iter().map(|event| event["sequence"].clone()).collect::<Vec<_>>(), sequences);
    assert_eq!((&of_seller["next_after"], &of_seller["newest"]), (&json!(10), &json!(10)));
    let created = &events[1];
    assert_eq!(created["message"]["text"], "вопрос");
    assert_eq!(created["message"]["id"], message["id"]);
    assert_eq!((&created["chat_id"], &created["side"]), (&json!(chat), &json!("buyer")));
    assert_eq!(created["at"], "2026-11-21T10:00:00.000Z");
    let read = &events[2];
    assert_eq!((&read["side"], &read["message_id"]), (&json!("seller"), &message["id"]));
    assert_eq!(read["message"], Value::Null);
}

#[tokio::test]
async fn a_reader_that_goes_on_misses_nothing_and_sees_nothing_twice() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    for number in 0..7 {
        buyer.say(chat, &number.to_string()).await;
    }
    let (mut after, mut texts) = (0, Vec::new());
    loop {
        let page = seller.get(&format!("/events?after={after}&limit=3")).await.ok();
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 3);
        for event in events {
            assert_eq!(event["sequence"], after + 1);
            after += 1;
            texts.extend(event["message"]["text"].as_str().map(str::to_owned));
        }
        assert_eq!(page["next_after"], after);
        if page["newest"] == after {
            break;
        }
    }
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6"]);
    let beyond = seller.get("/events?after=1000000").await.ok();
    assert_eq!((kinds(&beyond).len(), &beyond["next_after"]), (0, &json!(1_000_000)));
}

#[tokio::test]
async fn what_the_log_hands_over_counts_as_delivered() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let message = buyer.say(chat, "вопрос").await;
    seller.get("/events").await.ok();
    let seen = buyer.get(&format!("/chats/{chat}")).await.ok();
    assert_eq!(seen["seller_position"]["delivered_up_to"], message["id"]);
    let news = buyer.get("/events?after=2").await.ok();
    assert_eq!(kinds(&news), ["chat.delivered"]);
}

#[tokio::test]
async fn logs_of_others_are_out_of_reach_and_positions_are_checked() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    buyer.say(chat, "вопрос").await;
    let stranger = Client::of(&server, OTHER_SELLER).await;
    let empty = stranger.get("/events").await.ok();
    assert_eq!(empty, json!({"events": [], "next_after": 0, "newest": 0}));
    for (query, path) in [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1.5", "after"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
    ] {
        buyer.get(&format!("/events?{query}")).await.invalid_at(path);
    }
    buyer.get("/events?limit=500").await.ok();
    Client::host(&server)
        .await
        .get("/events")
        .await
        .problem(StatusCode::FORBIDDEN, "wrong-kind-of-key");
}
