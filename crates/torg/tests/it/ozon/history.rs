//! `/v3/chat/history` (Ozon contract §7.5, §11.5 to §11.8).

use domain::SignedDuration;
use domain::catalog::Model;
use domain::commands::Subject;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_BUYER, Server};

use super::client::{Client, UNKNOWN_CHAT, ask_as_buyer, market};

/// A chat of seven messages and their ids, the oldest first. Between two ids there is room.
async fn seven_messages(server: &Server) -> (String, Vec<i64>) {
    let order = server.order(Model::Fbs).await;
    let chat = ask_as_buyer(server, Subject::Order(order.id), "1").await;
    let mut ids = vec![server.chat(BUYER, chat.id).await.last_message.unwrap().id.get()];
    for text in ["2", "3", "4", "5", "6", "7"] {
        server.clock().advance(SignedDuration::from_secs(1));
        ids.push(server.say(BUYER, chat.id, text).await.id.get());
    }
    (chat.public_id.to_string(), ids)
}

/// Which messages the answer holds (1 for the oldest of the chat), and `has_next`.
async fn ask_history(
    client: &Client<'_>,
    chat: &str,
    ids: &[i64],
    mut body: Value,
) -> (Vec<usize>, bool) {
    body["chat_id"] = json!(chat);
    let answer = client.post("/v3/chat/history", &body).await;
    let messages = answer.succeeded()["messages"].as_array().unwrap();
    let numbers = messages
        .iter()
        .map(|message| 1 + ids.iter().position(|&id| message["message_id"] == id).unwrap());
    (numbers.collect(), answer.body["has_next"].as_bool().unwrap())
}

#[tokio::test]
async fn pages_begin_with_the_given_message_in_both_directions() {
    let server = market().await;
    let client = Client::new(&server).await;
    let (chat, ids) = seven_messages(&server).await;
    let (third, between) = (ids[2], ids[2] + 1);
    let rows: Vec<(&str, Value, Vec<usize>, bool)> = vec![
        ("§11.5 without a position from the newest", json!({}), vec![7, 6, 5, 4, 3, 2, 1], false),
        ("§11.5 Backward is the default", json!({"from_message_id": third}), vec![3, 2, 1], false),
        (
            "§11.5 Backward",
            json!({"direction": "Backward", "from_message_id": third, "limit": 2}),
            vec![3, 2],
            true,
        ),
        (
            "§11.5 Forward",
            json!({"direction": "Forward", "from_message_id": third, "limit": 2}),
            vec![3, 4],
            true,
        ),
        (
            "§11.5 Forward to the end",
            json!({"direction": "Forward", "from_message_id": third}),
            vec![3, 4, 5, 6, 7],
            false,
        ),
        (
            "§11.5 a position between two, Backward",
            json!({"from_message_id": between}),
            vec![3, 2, 1],
            false,
        ),
        (
            "§11.5 a position between two, Forward",
            json!({"direction": "Forward", "from_message_id": between, "limit": 1}),
            vec![4],
            true,
        ),
        (
            "§11.5 before all, Forward",
            json!({"direction": "Forward", "from_message_id": 1, "limit": 7}),
            vec![1, 2, 3, 4, 5, 6, 7],
            false,
        ),
        ("§11.5 before all, Backward", json!({"from_message_id": 1}), vec![], false),
        (
            "§11.5 beyond all, Backward",
            json!({"from_message_id": u64::MAX, "limit": 1}),
            vec![7],
            true,
        ),
        (
            "§11.5 beyond all, Forward",
            json!({"direction": "Forward", "from_message_id": u64::MAX}),
            vec![],
            false,
        ),
        (
            "§11.14 beyond 2^53 as text",
            json!({"from_message_id": "9007199254740993", "limit": 1}),
            vec![7],
            true,
        ),
        (
            "§12 the position as text",
            json!({"from_message_id": third.to_string(), "limit": 1}),
            vec![3],
            true,
        ),
        (
            "§11.6 exactly the rest",
            json!({"from_message_id": third, "limit": 3}),
            vec![3, 2, 1],
            false,
        ),
        (
            "§11.6 one less than the rest",
            json!({"from_message_id": third, "limit": 2}),
            vec![3, 2],
            true,
        ),
    ];
    for (case, body, numbers, has_next) in rows {
        assert_eq!(ask_history(&client, &chat, &ids, body).await, (numbers, has_next), "{case}");
    }
}

#[tokio::test]
async fn a_walk_by_the_last_id_of_each_page_meets_every_message() {
    let server = market().await;
    let client = Client::new(&server).await;
    let (chat, ids) = seven_messages(&server).await;
    for (direction, from, mut expected) in [
        ("Forward", ids[0], vec![1, 2, 3, 4, 5, 6, 7]),
        ("Backward", ids[6], vec![7, 6, 5, 4, 3, 2, 1]),
    ] {
        let (mut from, mut met) = (from, vec![]);
        loop {
            let body = json!({"direction": direction, "from_message_id": from, "limit": 3});
            let (numbers, has_next) = ask_history(&client, &chat, &ids, body).await;
            from = ids[numbers[numbers.len() - 1] - 1];
            let repeated = usize::from(!met.is_empty());
            met.extend_from_slice(&numbers[repeated..]);
            if !has_next {
                break;
            }
        }
        assert_eq!(met, std::mem::take(&mut expected), "{direction}");
    }
}

#[tokio::test]
async fn a_filter_keeps_only_the_messages_it_names() {
    let server = market().await;
    let client = Client::new(&server).await;
    let (chat, ids) = seven_messages(&server).await;
    let other_order = server.order_of(OTHER_BUYER, Model::Fbs).await;
    let other = client.start(&other_order.posting).await;
    client.send(&other, "x").await.succeeded();
    let elsewhere = client.history(&other).await[0]["message_id"].clone();
    let text = |id: i64| json!(id.to_string());
    let rows: Vec<(&str, Value, Vec<usize>, bool)> = vec![
        (
            "texts, Backward",
            json!({"filter": {"message_ids": [text(ids[1]), text(ids[4])]}}),
            vec![5, 2],
            false,
        ),
        (
            "numbers, Forward without a position",
            json!({"direction": "Forward", "filter": {"message_ids": [ids[4], ids[1]]}}),
            vec![2, 5],
            false,
        ),
        (
            "unknown ids are skipped",
            json!({"filter": {"message_ids": [1, ids[1], ids[1] + 1, 0, u64::MAX, "9007199254740993"]}}),
            vec![2],
            false,
        ),
        (
            "a message of another chat",
            json!({"filter": {"message_ids": [elsewhere, ids[0]]}}),
            vec![1],
            false,
        ),
        ("only unknown ids", json!({"filter": {"message_ids": [1]}}), vec![], false),
        (
            "repeated ids",
            json!({"filter": {"message_ids": [ids[1], text(ids[1])]}}),
            vec![2],
            false,
        ),
        (
            "then the limit",
            json!({"limit": 2, "filter": {"message_ids": [ids[0], ids[2], ids[6]]}}),
            vec![7, 3],
            true,
        ),
        (
            "exactly the limit",
            json!({"limit": 3, "filter": {"message_ids": [ids[0], ids[2], ids[6]]}}),
            vec![7, 3, 1],
            false,
        ),
        (
            "with a position, Backward",
            json!({"from_message_id": ids[2], "filter": {"message_ids": [ids[0], ids[2], ids[6]]}}),
            vec![3, 1],
            false,
        ),
        (
            "with a position, Forward",
            json!({"direction": "Forward", "from_message_id": ids[2], "limit": 1, "filter": {"message_ids": [ids[0], ids[2], ids[6]]}}),
            vec![3],
            true,
        ),
        (
            "an empty list is no filter",
            json!({"limit": 1, "filter": {"message_ids": []}}),
            vec![7],
            true,
        ),
    ];
    for (case, body, numbers, has_next) in rows {
        assert_eq!(
            ask_history(&client, &chat, &ids, body).await,
            (numbers, has_next),
            "§11.7 {case}"
        );
    }

    let body =
        |count: usize| json!({"chat_id": chat, "filter": {"message_ids": vec![ids[0]; count]}});
    client.post("/v3/chat/history", &body(1000)).await.succeeded();
    let refused = "Request validation error: invalid ChatHistoryRequest.Filter.MessageIds: value must contain no more than 1000 item(s)";
    client.post("/v3/chat/history", &body(1001)).await.failed(400, 3, refused);
}

#[tokio::test]
async fn what_is_asked_must_be_within_bounds() {
    let server = market().await;
    let client = Client::new(&server).await;
    let (chat, ids) = seven_messages(&server).await;
    let limit = "Limit: value must be inside range [1, 1000]";
    let direction = "Direction: value must be in list [Forward Backward]";
    let from = "FromMessageId: value must be greater than 0";
    let rows = [
        (json!({"limit": 1001}), limit),
        (json!({"limit": -1}), limit),
        (json!({"limit": "1001"}), limit),
        (json!({"limit": u64::MAX}), limit),
        (json!({"direction": "backward"}), direction),
        (json!({"direction": "forward", "from_message_id": ids[0]}), direction),
        (json!({"direction": "FORWARD", "from_message_id": ids[0]}), direction),
        (json!({"direction": "Forward"}), from),
        (json!({"direction": "Forward", "from_message_id": null}), from),
        (json!({"direction": "Forward", "from_message_id": 0}), from),
        (json!({"direction": "Forward", "from_message_id": ""}), from),
        (json!({"direction": "Forward", "filter": {"message_ids": []}}), from),
        (json!({"from_message_id": "x"}), "FromMessageId: value must be an integer"),
        (json!({"from_message_id": 1.5}), "FromMessageId: value must be an integer"),
        (json!({"from_message_id": -5}), "FromMessageId: value is out of range"),
    ];
    for (mut body, problem) in rows {
        body["chat_id"] = json!(chat);
        let message = format!("Request validation error: invalid ChatHistoryRequest.{problem}");
        client.post("/v3/chat/history", &body).await.failed_in(400, 3, &message, &body.to_string());
    }
    for accepted in [json!(1), json!(1000), json!("1000"), json!(0), json!(null)] {
        let body = json!({"chat_id": chat, "limit": accepted});
        client.post("/v3/chat/history", &body).await.succeeded();
    }
    let answer = client.post("/v3/chat/history", &json!({"chat_id": UNKNOWN_CHAT})).await;
    answer.failed(404, 5, "chat not found");
}

#[tokio::test]
async fn a_page_has_50_messages_by_default_and_1000_at_most() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = ask_as_buyer(&server, Subject::Order(order.id), "x").await;
    for _ in 0..50 {
        server.say(BUYER, chat.id, "x").await;
    }
    let chat = chat.public_id.to_string();
    let page = async |limit: Value| {
        let answer =
            client.post("/v3/chat/history", &json!({"chat_id": chat, "limit": limit})).await;
        (
            answer.succeeded()["messages"].as_array().unwrap().len(),
            answer.body["has_next"].as_bool().unwrap(),
        )
    };
    assert_eq!(page(json!(null)).await, (50, true));
    assert_eq!(page(json!(51)).await, (51, false));
    assert_eq!(page(json!(1000)).await, (51, false));
}

#[tokio::test]
async fn an_empty_chat_has_an_empty_history() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    let answer = client.post("/v3/chat/history", &json!({"chat_id": chat})).await;
    assert_eq!(answer.succeeded(), &json!({"has_next": false, "messages": []}));
}

#[tokio::test]
async fn is_read_tells_of_the_other_side_for_each_message() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let opened = ask_as_buyer(&server, Subject::Order(order.id), "incoming").await;
    let chat = opened.public_id.to_string();
    client.send(&chat, "outgoing").await.succeeded();
    let is_read = async || {
        let messages = client.history(&chat).await;
        [messages[0]["is_read"].clone(), messages[1]["is_read"].clone()]
    };
    assert_eq!(is_read().await, [false, false]);
    let incoming = client.history(&chat).await[0]["message_id"].clone();
    let read = json!({"chat_id": chat, "from_message_id": incoming});
    client.post("/v2/chat/read", &read).await.succeeded();
    assert_eq!(is_read().await, [true, false]);
    let buyer = engine::access::Caller::account_holder(BUYER);
    server.engine().mark_read(&buyer, opened.id, None).await.unwrap();
    assert_eq!(is_read().await, [true, true]);
}
