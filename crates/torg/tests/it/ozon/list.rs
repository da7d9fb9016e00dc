//! `/v3/chat/list` (Ozon contract §7.4, §11.8 to §11.11).

use std::collections::BTreeSet;

use domain::SignedDuration;
use domain::catalog::Model;
use domain::commands::{Steering, Subject};
use engine::access::{Caller, Host};
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_SELLER, Server};

use super::client::{Client, ask_as_buyer, market, open_as_buyer};

/// Makes chats of which some have messages, and answers their ids in the order of the list.
async fn make_chats(server: &Server, with_messages: usize, empty: usize) -> Vec<String> {
    let mut expected = Vec::new();
    for _ in 0..empty {
        let order = server.order(Model::Fbs).await;
        expected.push(open_as_buyer(server, Subject::Order(order.id), None).await);
        server.clock().advance(SignedDuration::from_secs(1));
    }
    for _ in 0..with_messages {
        let order = server.order(Model::Fbs).await;
        expected.push(ask_as_buyer(server, Subject::Order(order.id), "Вопрос").await);
        server.clock().advance(SignedDuration::from_secs(1));
    }
    expected.iter().rev().map(|chat| chat.public_id.to_string()).collect()
}

fn ids(list: &Value) -> Vec<String> {
    let rows = list["chats"].as_array().unwrap();
    rows.iter().map(|row| row["chat"]["chat_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_row_tells_everything_of_a_chat() {
    let server = market().await;
    let client = Client::new(&server).await;
    let nothing = json!({"chats": [], "total_unread_count": 0, "cursor": "", "has_next": false});
    assert_eq!(client.list(&json!({})).await, nothing);

    let order = server.order(Model::Fbs).await;
    let empty = client.start(&order.posting).await;
    let mut row = json!({
        "chat": {
            "chat_id": empty,
            "chat_status": "OPENED",
            "chat_type": "BUYER_SELLER",
            "created_at": "2026-11-21T10:00:00.000000Z",
        },
        "first_unread_message_id": 0,
        "last_message_id": 0,
        "unread_count": 0,
    });
    let list = client.list(&json!({})).await;
    assert_eq!(
        list,
        json!({"chats": [row], "total_unread_count": 0, "cursor": "", "has_next": false})
    );

    server.clock().advance(SignedDuration::from_millis(1_234));
    let chat = ask_as_buyer(&server, Subject::Order(order.id), "1").await;
    let second = server.say(BUYER, chat.id, "2").await.id.get();
    let first = client.history(&empty).await[0]["message_id"].as_i64().unwrap();
    row["first_unread_message_id"] = json!(first);
    row["last_message_id"] = json!(second);
    row["unread_count"] = json!(2);
    assert_eq!(client.list(&json!({})).await["chats"], json!([row]));
}

#[tokio::test]
async fn the_newest_activity_comes_first_and_empty_chats_come_last() {
    let server = market().await;
    let client = Client::new(&server).await;
    let mut expected = make_chats(&server, 3, 3).await;
    assert_eq!(ids(&client.list(&json!({})).await), expected);
    // The oldest one jumps to the top.
    let oldest = expected.remove(2);
    client.send(&oldest, "Ответ").await.succeeded();
    expected.insert(0, oldest);
    assert_eq!(ids(&client.list(&json!({})).await), expected);
}

#[tokio::test]
async fn a_walk_by_cursor_meets_every_chat_once() {
    let server = market().await;
    let client = Client::new(&server).await;
    let expected = make_chats(&server, 5, 4).await;
    for limit in [1, 2, 3, 4, 8, 9, 10] {
        let (mut met, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = client.list(&json!({"limit": limit, "cursor": cursor})).await;
            let rows = ids(&page);
            assert!(!rows.is_empty() && rows.len() <= limit);
            met.extend(rows);
            page["cursor"].as_str().unwrap().clone_into(&mut cursor);
            assert_eq!(page["has_next"], !cursor.is_empty());
            assert_eq!(page["total_unread_count"], 5);
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(met, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn a_chat_that_jumps_to_the_top_meanwhile_disturbs_no_walk() {
    let server = market().await;
    let client = Client::new(&server).await;
    let expected = make_chats(&server, 6, 0).await;
    let first = client.list(&json!({"limit": 2})).await;
    client.send(&expected[4], "Ответ").await.succeeded();
    let second = client.list(&json!({"limit": 10, "cursor": first["cursor"]})).await;
    let walked: Vec<_> = [ids(&first), ids(&second)].concat();
    assert_eq!(walked.len(), walked.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(walked, [&expected[..4], &expected[5..]].concat());
    assert_eq!(ids(&client.list(&json!({})).await)[0], expected[4]);
}

#[tokio::test]
async fn the_filter_may_change_between_pages() {
    let server = market().await;
    let client = Client::new(&server).await;
    let expected = make_chats(&server, 2, 2).await;
    let cursor = client.list(&json!({"limit": 1})).await["cursor"].clone();
    let unread = client.list(&json!({"cursor": cursor, "filter": {"unread_only": true}})).await;
    assert_eq!(ids(&unread), expected[1..2]);
}

#[tokio::test]
async fn a_cursor_is_opaque_and_belongs_to_its_seller() {
    let server = market().await;
    let client = Client::new(&server).await;
    make_chats(&server, 3, 0).await;
    let cursor = client.list(&json!({"limit": 1})).await["cursor"].as_str().unwrap().to_owned();
    let refused = "Request validation error: invalid ChatListRequest.Cursor: value must come from a previous answer";
    let changed = [&cursor[1..], &cursor[..1]].concat();
    for malformed in ["100000000121", "0", "нет", "\u{0}", " ", &changed, &"A".repeat(100_000)] {
        client.post("/v3/chat/list", &json!({"cursor": malformed})).await.failed(400, 3, refused);
    }
    let stranger = Client::of(&server, OTHER_SELLER).await;
    stranger.post("/v3/chat/list", &json!({"cursor": cursor})).await.failed(400, 3, refused);
}

#[tokio::test]
async fn the_limit_is_1_to_100_and_30_by_default() {
    let server = market().await;
    let client = Client::new(&server).await;
    make_chats(&server, 0, 32).await;
    for (limit, rows) in [
        (json!(1), 1),
        (json!(30), 30),
        (json!(100), 32),
        (json!("31"), 31),
        (json!(0), 30),
        (json!(null), 30),
    ] {
        assert_eq!(ids(&client.list(&json!({"limit": limit})).await).len(), rows, "{limit}");
    }
    assert_eq!(ids(&client.list(&json!({})).await).len(), 30);
    let refused = "Request validation error: invalid ChatListRequest.Limit: value must be inside range [1, 100]";
    let beyond = json!(18_446_744_073_709_551_615_u64);
    for limit in [
        json!(101),
        json!(1000),
        json!(-1),
        json!("-1"),
        json!(i64::MIN),
        beyond,
        json!("99999999999999999999"),
    ] {
        client.post("/v3/chat/list", &json!({"limit": limit})).await.failed_in(
            400,
            3,
            refused,
            &limit.to_string(),
        );
    }
}

#[tokio::test]
async fn chats_are_filtered_by_status_however_it_is_spelt() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let disputed = server.order(Model::Fbs).await;
    let settled = server.order(Model::Fbs).await;
    let expected = make_chats(&server, 1, 0).await;
    let (open, engine) = (expected[0].clone(), server.engine());
    let closed = open_as_buyer(&server, Subject::Order(order.id), None).await;
    engine.steer_chat(Host::operator(), closed.id, Steering::Close).await.unwrap();
    let disputed = engine.start_order_dispute(Host::operator(), disputed.id).await.unwrap().chat;
    let settled = engine.start_order_dispute(Host::operator(), settled.id).await.unwrap().chat;
    engine.end_dispute(Host::operator(), settled.id).await.unwrap();
    let name = |chat: &domain::chat::Chat| chat.public_id.to_string();
    let all: BTreeSet<_> = [open.clone(), name(&closed), name(&disputed), name(&settled)].into();
    let opened: BTreeSet<_> = [open, name(&disputed)].into();
    let over: BTreeSet<_> = [name(&closed), name(&settled)].into();

    for (spelling, expected) in [
        ("All", &all),
        ("ALL", &all),
        ("all", &all),
        ("", &all),
        ("Opened", &opened),
        ("OPENED", &opened),
        ("opened", &opened),
        ("Closed", &over),
        ("CLOSED", &over),
    ] {
        let list = client.list(&json!({"filter": {"chat_status": spelling}})).await;
        assert_eq!(ids(&list).into_iter().collect::<BTreeSet<_>>(), *expected, "{spelling}");
        for row in list["chats"].as_array().unwrap() {
            let status = if over.contains(row["chat"]["chat_id"].as_str().unwrap()) {
                "CLOSED"
            } else {
                "OPENED"
            };
            assert_eq!(row["chat"]["chat_status"], status);
        }
    }
    let refused = "Request validation error: invalid ChatListRequest.Filter.ChatStatus: value must be in list [All Opened Closed]";
    for unknown in ["Open", "UNSPECIFIED", " ALL", "Аll"] {
        let body = json!({"filter": {"chat_status": unknown}});
        client.post("/v3/chat/list", &body).await.failed_in(400, 3, refused, unknown);
    }
}

#[tokio::test]
async fn unread_only_and_the_total_do_not_depend_on_each_other() {
    let server = market().await;
    let client = Client::new(&server).await;
    let expected = make_chats(&server, 3, 2).await;
    let body = json!({"chat_id": expected[1], "from_message_id": u64::MAX});
    client.post("/v2/chat/read", &body).await.succeeded();
    let list = client.list(&json!({"filter": {"unread_only": true}, "limit": 1})).await;
    assert_eq!(ids(&list), expected[..1]);
    assert_eq!((&list["total_unread_count"], &list["has_next"]), (&json!(2), &json!(true)));
    let list =
        client.list(&json!({"filter": {"unread_only": true, "chat_status": "CLOSED"}})).await;
    assert_eq!((ids(&list).len(), &list["total_unread_count"]), (0, &json!(2)));
    let list = client.list(&json!({"filter": {"unread_only": false}})).await;
    assert_eq!(ids(&list), expected);
}

#[tokio::test]
async fn chats_put_out_of_sight_elsewhere_are_listed_and_counted() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = ask_as_buyer(&server, Subject::Order(order.id), "Вопрос").await;
    server.engine().hide_chat(&Caller::account_holder(testkit::SELLER), chat.id).await.unwrap();
    let list = client.list(&json!({})).await;
    assert_eq!((ids(&list).len(), &list["total_unread_count"]), (1, &json!(1)));
}

#[tokio::test]
async fn chats_in_which_the_seller_buys_are_not_here() {
    let server = market().await;
    let order = server.order(Model::Fbs).await;
    ask_as_buyer(&server, Subject::Order(order.id), "Вопрос").await;
    let buyer = Client::of(&server, BUYER).await;
    let list = buyer.list(&json!({})).await;
    assert_eq!(
        list,
        json!({"chats": [], "total_unread_count": 0, "cursor": "", "has_next": false})
    );
}
