//! `/v2/chat/read` (Ozon contract §7.6, §11.12).

use domain::SignedDuration;
use domain::catalog::Model;
use domain::commands::Subject;
use serde_json::{Value, json};
use testkit::{BUYER, SELLER};

use super::client::{Answer, Client, ask_as_buyer, log_length, market};

async fn read(client: &Client<'_>, chat: &str, up_to: Value) -> Answer {
    client.post("/v2/chat/read", &json!({"chat_id": chat, "from_message_id": up_to})).await
}

#[tokio::test]
async fn reading_marks_everything_up_to_the_position() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let opened = ask_as_buyer(&server, Subject::Order(order.id), "1").await;
    let chat = opened.public_id.to_string();
    let mut ids = vec![opened_message(&client, &chat).await];
    for text in ["2", "3", "4"] {
        server.clock().advance(SignedDuration::from_secs(1));
        ids.push(server.say(BUYER, opened.id, text).await.id.get());
    }
    // The row's position, what stays unread, and the first of it.
    let rows = [
        ("before all", json!(1), 4, ids[0]),
        ("the first", json!(ids[0]), 3, ids[1]),
        ("again: repeating is harmless", json!(ids[0]), 3, ids[1]),
        ("between two: no message has this id", json!(ids[1] + 1), 2, ids[2]),
        ("back: reading never un-reads", json!(ids[0]), 2, ids[2]),
        ("as text", json!(ids[2].to_string()), 1, ids[3]),
        ("beyond the last", json!(u64::MAX), 0, 0),
        ("far beyond the last, as text", json!("18446744073709551615"), 0, 0),
    ];
    for (case, position, unread, first) in rows {
        let answer = read(&client, &chat, position).await;
        assert_eq!(answer.succeeded(), &json!({"unread_count": unread}), "{case}");
        let list = client.list(&json!({})).await;
        assert_eq!(list["chats"][0]["unread_count"], unread, "{case}");
        assert_eq!(list["chats"][0]["first_unread_message_id"], first, "{case}");
        assert_eq!(list["total_unread_count"], unread, "{case}");
    }
    let messages = client.history(&chat).await;
    assert!(messages.iter().all(|message| message["is_read"] == true));
}

async fn opened_message(client: &Client<'_>, chat: &str) -> i64 {
    client.history(chat).await[0]["message_id"].as_i64().unwrap()
}

#[tokio::test]
async fn only_messages_of_others_are_unread() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let opened = ask_as_buyer(&server, Subject::Order(order.id), "1").await;
    let chat = opened.public_id.to_string();
    let first = opened_message(&client, &chat).await;
    // Neither sending nor fetching reads.
    client.send(&chat, "2").await.succeeded();
    client.history(&chat).await;
    server.say(BUYER, opened.id, "3").await;
    let row = client.list(&json!({})).await["chats"][0].clone();
    assert_eq!((&row["unread_count"], &row["first_unread_message_id"]), (&json!(2), &json!(first)));
    let answer = read(&client, &chat, json!(first)).await;
    assert_eq!(answer.succeeded(), &json!({"unread_count": 1}));
}

#[tokio::test]
async fn the_position_is_required() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = ask_as_buyer(&server, Subject::Order(order.id), "1").await.public_id.to_string();
    let before = log_length(&server, SELLER).await;
    for unset in [json!(null), json!(""), json!(0), json!("0")] {
        read(&client, &chat, unset).await.failed(400, 3, "message_id is empty");
    }
    let answer = client.post("/v2/chat/read", &json!({"chat_id": chat})).await;
    answer.failed(400, 3, "message_id is empty");
    assert_eq!(log_length(&server, SELLER).await, before);
}

#[tokio::test]
async fn windows_do_not_bind_reading() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbo).await;
    let opened = ask_as_buyer(&server, Subject::Order(order.id), "1").await;
    server.clock().advance(SignedDuration::from_hours(1000));
    let host = engine::access::Host::operator();
    server.engine().steer_chat(host, opened.id, domain::commands::Steering::Close).await.unwrap();
    let answer = read(&client, &opened.public_id.to_string(), json!(u64::MAX)).await;
    assert_eq!(answer.succeeded(), &json!({"unread_count": 0}));
}

#[tokio::test]
async fn an_empty_chat_has_nothing_to_read() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    assert_eq!(read(&client, &chat, json!(5)).await.succeeded(), &json!({"unread_count": 0}));
}
