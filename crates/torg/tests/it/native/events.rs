//! The log of an account.

use domain::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{OTHER_BUYER, OTHER_SELLER, Server};

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
    let beyond = seller.get("/events?after=1000000").await;
    let beyond = beyond.problem(StatusCode::CONFLICT, "position-ahead");
    assert_eq!(beyond["go_on_after"], after);
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
    let nothing =
        json!({"events": [], "next_after": 0, "has_more": false, "oldest": 1, "newest": 0});
    assert_eq!(empty, nothing);
    for (query, path) in [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1.5", "after"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("chat=x", "chat"),
        ("kind=message", "kind"),
        ("kind=message.created,", "kind"),
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

#[tokio::test]
async fn filters_choose_and_do_not_break_the_sequence() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let other = Client::of(&server, OTHER_BUYER).await;
    let other_chat = other.product_chat().await;
    for number in 0..3 {
        buyer.say(chat, &number.to_string()).await;
        other.say(other_chat, "нет").await;
    }
    seller.say(chat, "ответ").await;
    buyer.get(&format!("/chats/{chat}/messages")).await.ok();
    let newest = seller.get("/events").await.ok()["newest"].as_i64().unwrap();

    // One by one, however much lies between them.
    let (mut after, mut texts) = (0, Vec::new());
    loop {
        let query = format!("after={after}&limit=1&kind=message.created&chat={chat}");
        let page = seller.get(&format!("/events?{query}")).await.ok();
        for event in page["events"].as_array().unwrap() {
            assert_eq!(event["sequence"], page["next_after"]);
            texts.push(event["message"]["text"].as_str().unwrap().to_owned());
        }
        after = page["next_after"].as_i64().unwrap();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((texts, after), (["0", "1", "2", "ответ"].map(str::to_owned).to_vec(), newest));

    for query in ["kind=chat.opened&kind=chat.delivered", "kind=chat.opened,chat.delivered"] {
        let page = seller.get(&format!("/events?{query}")).await.ok();
        assert_eq!(kinds(&page), ["chat.opened", "chat.opened", "chat.delivered"]);
    }
    // A chat of others and none at all.
    let foreign = buyer.get(&format!("/events?chat={other_chat}")).await.text;
    assert_eq!(foreign, buyer.get("/events?chat=987654321").await.text);
    assert!(foreign.starts_with("{\"events\":[],"));
}

#[tokio::test]
async fn what_a_filter_leaves_out_is_not_delivered() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    buyer.say(chat, "вопрос").await;
    seller.get("/events?kind=chat.opened").await.ok();
    let seen = buyer.get(&format!("/chats/{chat}")).await.ok();
    assert_eq!(seen["seller_position"]["delivered_up_to"], Value::Null);
}

#[tokio::test]
async fn old_entries_are_forgotten_and_whoever_missed_them_is_told() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    buyer.say(chat, "давно").await;
    server.clock().advance(SignedDuration::from_hours(20 * 24));
    buyer.say(chat, "недавно").await;
    server.clock().advance(SignedDuration::from_hours(11 * 24));

    let started = std::time::Instant::now();
    let kept = loop {
        let kept = seller.get("/events").await.ok();
        if kept["oldest"] == 3 {
            break kept;
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{kept}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(kept["events"][0]["message"]["text"], "недавно");
    for after in [0, 1] {
        let path = format!("/events?after={after}");
        let stream = seller.refused_stream(&format!("?after={after}"), None).await;
        for answer in [seller.get(&path).await, stream] {
            let problem = answer.problem(StatusCode::GONE, "log-trimmed");
            assert_eq!((&problem["oldest"], &problem["go_on_after"]), (&json!(3), &json!(2)));
        }
    }
    assert_eq!(seller.get("/events?after=2").await.ok()["events"][0]["sequence"], 3);

    // Also when nothing is left.
    let newest = seller.get("/events").await.ok()["newest"].as_i64().unwrap();
    server.clock().advance(SignedDuration::from_hours(31 * 24));
    let started = std::time::Instant::now();
    while seller.get("/events").await.ok()["oldest"] != newest + 1 {
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let empty = seller.get("/events").await.ok();
    assert_eq!((&empty["next_after"], &empty["has_more"]), (&json!(newest), &json!(false)));
    let problem = seller.get(&format!("/events?after={}", newest - 1)).await;
    assert_eq!(problem.problem(StatusCode::GONE, "log-trimmed")["go_on_after"], newest);
    buyer.say(chat, "снова").await;
    let next = seller.get(&format!("/events?after={newest}")).await.ok();
    assert_eq!(next["events"][0]["sequence"], newest + 1);
}

#[tokio::test]
async fn a_log_may_be_kept_for_ever() {
    let server = Server::start_with(|settings| settings.events.retention_days = 0).await;
    let buyer = Client::buyer(&server).await;
    buyer.product_chat().await;
    server.clock().advance(SignedDuration::from_hours(24 * 3650));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(buyer.get("/events?after=0").await.ok()["events"][0]["sequence"], 1);
}
