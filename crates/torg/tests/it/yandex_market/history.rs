//! getChatHistory from a message on (§7.4, rows 20 to 22).

use domain::catalog::Model;
use serde_json::{Value, json};
use testkit::BUYER;

use super::Cabinet;

fn texts(result: &Value) -> Vec<&str> {
    let messages = result["messages"].as_array().unwrap();
    messages.iter().map(|message| message["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn messages_are_read_from_a_message_on_inclusive() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let mut ids = Vec::new();
    for text in ["один", "два", "три"] {
        ids.push(cabinet.say(BUYER, chat, text).await);
    }
    let path = format!("/chats/history?chatId={chat}");
    for (from, expected) in [
        (json!(ids[0]), vec!["один", "два", "три"]),
        (json!(ids[1]), vec!["два", "три"]),
        // Row 21: a number of no message is a bound.
        (json!(1), vec!["один", "два", "три"]),
        (json!(ids[1] + 1), vec!["три"]),
        (json!(ids[2] + 1), vec![]),
        (json!(i64::MAX), vec![]),
        (json!(null), vec!["один", "два", "три"]),
    ] {
        let reply = cabinet.post(&path, json!({"messageIdFrom": from})).await;
        assert_eq!(texts(&reply.result()), expected, "{from}");
    }
    for (from, message) in [
        (json!(0), "messageIdFrom must be greater than or equal to 1 (rejected value: 0)"),
        (json!(-5), "messageIdFrom must be greater than or equal to 1 (rejected value: -5)"),
        (json!("1"), "Illegal input at 'messageIdFrom'"),
        (json!(1.5), "Illegal input at 'messageIdFrom'"),
        (json!(u64::MAX), "Illegal input at 'messageIdFrom'"),
        (json!([1]), "Illegal input at 'messageIdFrom'"),
    ] {
        let reply = cabinet.post(&path, json!({"messageIdFrom": from})).await;
        reply.is_error(400, "BAD_REQUEST", message);
    }
}

#[tokio::test]
async fn row_22_of_token_and_message_the_later_wins() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let mut ids = Vec::new();
    for text in ["один", "два", "три", "четыре"] {
        ids.push(cabinet.say(BUYER, chat, text).await);
    }
    let first = cabinet.post(&format!("/chats/history?chatId={chat}&limit=2"), json!({})).await;
    let token = first.result()["paging"]["nextPageToken"].as_str().unwrap().to_owned();
    let path = format!("/chats/history?chatId={chat}&pageToken={token}");
    for (from, expected) in [
        (ids[0], vec!["три", "четыре"]),
        (ids[2], vec!["три", "четыре"]),
        (ids[3], vec!["четыре"]),
        (ids[3] + 1, vec![]),
    ] {
        let reply = cabinet.post(&path, json!({"messageIdFrom": from})).await;
        assert_eq!(texts(&reply.result()), expected);
    }
    // A client that repeats the position with each token pages on.
    let path = format!("/chats/history?chatId={chat}&limit=1");
    let body = json!({"messageIdFrom": ids[1]});
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let result = cabinet.post(&format!("{path}&pageToken={next}"), body.clone()).await.result();
        seen.extend(texts(&result).into_iter().map(str::to_owned));
        match result["paging"].get("nextPageToken") {
            Some(token) => next = token.as_str().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["два", "три", "четыре"]);
}

#[tokio::test]
async fn rows_16_and_17_message_ids_rise_and_are_exact_in_javascript() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let ids = [cabinet.say(BUYER, chat, "раз").await, cabinet.say(BUYER, chat, "два").await];
    assert!(ids[0] < ids[1] && ids[1] < 1 << 53);
    assert_eq!(ids[0].to_string().len(), 16);
}

#[tokio::test]
async fn reading_the_history_is_possible_in_a_finished_chat() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.say(BUYER, chat, "Спасибо").await;
    cabinet.close(chat).await;
    assert_eq!(cabinet.texts(chat).await, ["Спасибо"]);
}
