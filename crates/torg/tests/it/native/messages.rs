//! Sending, history, reading, search.

use domain::catalog::Model;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_BUYER, Server};

use super::client::Client;

fn texts(list: &Value) -> Vec<&str> {
    let messages = list["messages"].as_array().unwrap();
    messages.iter().map(|message| message["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_shown_to_both_sides_as_it_was_written() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let text = " Здравствуйте!\r\n\tЕсть 🚗? <b>&amp;</b> \u{7}";
    let answer = buyer.post(&format!("/chats/{chat}/messages"), json!({"text": text})).await;
    assert_eq!(answer.status, 201);
    let sent = answer.ok();
    assert_eq!(sent["text"], text);
    assert_eq!(sent["chat_id"], chat);
    assert_eq!(sent["created_at"], "2026-11-21T10:00:00.000Z");
    assert_eq!(
        sent["author"],
        json!({"role": "buyer", "account_id": BUYER.get(), "member_id": null})
    );
    assert_eq!((&sent["read"], &sent["delivered"]), (&json!(false), &json!(false)));
    let seen = seller.get(&format!("/chats/{chat}/messages")).await.ok();
    assert_eq!(seen["messages"][0]["text"], text);
    assert_eq!(seen["messages"][0]["id"], sent["id"]);
    assert_eq!(seen["has_more"], false);
}

#[tokio::test]
async fn the_longest_text_is_accepted_and_one_character_more_is_not() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let longest = "🚗".repeat(4096);
    assert_eq!(buyer.post(&path, json!({"text": longest})).await.ok()["text"], longest);
    // Written in escapes, the same text takes twelve bytes a character.
    let escaped = format!("{{\"text\": \"{}\"}}", "\\ud83d\\ude97".repeat(4096));
    let answer = buyer.post_bytes(&path, "application/json", escaped.into_bytes()).await;
    assert_eq!(answer.ok()["text"], longest);
    let problem = buyer.post(&path, json!({"text": "я".repeat(4097)})).await;
    let problem = problem.problem(StatusCode::UNPROCESSABLE_ENTITY, "text-too-long");
    assert_eq!((&problem["length"], &problem["limit"]), (&json!(4097), &json!(4096)));
}

#[tokio::test]
async fn history_goes_both_ways() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(buyer.say(chat, &number.to_string()).await["id"].as_i64().unwrap());
    }
    assert!(ids.is_sorted());
    let cases = [
        (String::new(), vec!["5", "4", "3", "2", "1"], false),
        ("?limit=2".to_owned(), vec!["5", "4"], true),
        (format!("?before={}&limit=2", ids[3]), vec!["3", "2"], true),
        (format!("?before={}", ids[0]), vec![], false),
        ("?before=1".to_owned(), vec![], false),
        ("?after=0&limit=2".to_owned(), vec!["1", "2"], true),
        (format!("?after={}", ids[2]), vec!["4", "5"], false),
        (format!("?after={}", ids[4]), vec![], false),
        ("?after=9007199254740991".to_owned(), vec![], false),
        ("?limit=200".to_owned(), vec!["5", "4", "3", "2", "1"], false),
    ];
    for (query, expected, has_more) in cases {
        let page = buyer.get(&format!("/chats/{chat}/messages{query}")).await.ok();
        assert_eq!(texts(&page), expected, "{query}");
        assert_eq!(page["has_more"], has_more, "{query}");
    }
    for (query, path) in [
        ("?after=1&before=2", "before"),
        ("?limit=0", "limit"),
        ("?limit=201", "limit"),
        ("?limit=ten", "limit"),
        ("?after=-1", "after"),
        ("?before=0", "before"),
        ("?after=9007199254740992", "after"),
        ("?after=99999999999999999999", "after"),
    ] {
        buyer.get(&format!("/chats/{chat}/messages{query}")).await.invalid_at(path);
    }
}

#[tokio::test]
async fn reading_moves_forward_only() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        ids.push(buyer.say(chat, &number.to_string()).await["id"].as_i64().unwrap());
    }
    assert_eq!(
        seller.get("/unread").await.ok(),
        json!({"total": 3, "as_seller": 3, "as_buyer": 0, "hidden": 0})
    );
    let path = format!("/chats/{chat}/read");
    for (up_to, unread) in [(ids[1], 1), (ids[0], 1), (ids[2], 0)] {
        let answer = seller.post(&path, json!({"up_to": up_to})).await.ok();
        assert_eq!(answer, json!({"unread": unread}));
    }
    assert_eq!(seller.get("/unread").await.ok()["total"], 0);
    let read = buyer.get(&format!("/chats/{chat}/messages")).await.ok();
    assert!(read["messages"].as_array().unwrap().iter().all(|message| message["read"] == true));

    buyer.say(chat, "4").await;
    let everything = seller.post_bytes(&path, "application/json", Vec::new()).await;
    assert_eq!(everything.ok(), json!({"unread": 0}), "no body at all means everything");
    seller.post(&path, json!({"up_to": 0})).await.invalid_at("up_to");
}

#[tokio::test]
async fn a_conditional_send_shows_what_was_not_seen() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let first = buyer.post(&path, json!({"text": "1", "if_last_message_id": 0})).await.ok();
    let second = buyer.say(chat, "2").await;

    let body = json!({"text": "ответ", "if_last_message_id": first["id"]});
    let problem = seller.post(&path, body).await;
    let problem = problem.problem(StatusCode::CONFLICT, "last-message-changed");
    assert_eq!(problem["last_message_id"], second["id"]);
    assert_eq!(texts(&problem), ["2"]);
    assert_eq!(problem["has_more"], false);
    let problem = seller.post(&path, json!({"text": "ответ", "if_last_message_id": 0})).await;
    assert_eq!(texts(&problem.problem(StatusCode::CONFLICT, "last-message-changed")), ["1", "2"]);
    let body = json!({"text": "ответ", "if_last_message_id": second["id"]});
    assert_eq!(seller.post(&path, body).await.status, 201);
}

#[tokio::test]
async fn what_a_conditional_send_shows_is_bounded() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    for number in 0..51 {
        buyer.say(chat, &number.to_string()).await;
    }
    let body = json!({"text": "x", "if_last_message_id": 0});
    let problem = buyer.post(&format!("/chats/{chat}/messages"), body).await;
    let problem = problem.problem(StatusCode::CONFLICT, "last-message-changed");
    assert_eq!(texts(&problem).len(), 50);
    assert_eq!(problem["has_more"], true);
}

#[tokio::test]
async fn search_finds_text_in_ones_own_chats_only() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let other = buyer.order_chat(&server.order(Model::Fbs).await).await;
    buyer.say(chat, "Нужен ГЕНЕРАТОР на 100%").await;
    seller.say(other, "генератор отправлен").await;
    let stranger = Client::of(&server, OTHER_BUYER).await;

    let found = |client: &Client<'_>, query: &str| {
        let request = client.request(reqwest::Method::GET, &format!("/search?{query}"));
        async move { super::client::Answer::of(request).await.ok() }
    };
    let needle = "q=%D0%B3%D0%B5%D0%BD%D0%B5%D1%80"; // генер
    assert_eq!(
        texts(&found(&buyer, needle).await),
        ["генератор отправлен", "Нужен ГЕНЕРАТОР на 100%"]
    );
    assert_eq!(texts(&found(&seller, "q=0%25").await), ["Нужен ГЕНЕРАТОР на 100%"]);
    assert_eq!(
        texts(&found(&buyer, &format!("{needle}&chat_id={other}")).await),
        ["генератор отправлен"]
    );
    let page = found(&buyer, &format!("{needle}&limit=1")).await;
    assert_eq!(page["has_more"], true);
    let before = page["messages"][0]["id"].as_i64().unwrap();
    assert_eq!(
        texts(&found(&buyer, &format!("{needle}&before={before}")).await),
        ["Нужен ГЕНЕРАТОР на 100%"]
    );
    assert_eq!(texts(&found(&stranger, needle).await), Vec::<&str>::new());
    stranger
        .get(&format!("/search?{needle}&chat_id={chat}"))
        .await
        .problem(StatusCode::NOT_FOUND, "chat-not-found");
    for query in ["", "q=", "q=%D0%B3", &format!("q={}", "a".repeat(201))] {
        buyer.get(&format!("/search?{query}")).await.invalid_at("q");
    }
}

#[tokio::test]
async fn who_typed_for_the_seller_is_the_sellers_business() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let host = Client::host(&server).await;
    let member = json!({"account_id": testkit::SELLER.get(), "name": "Ольга"});
    host.put("/host/members/5", member).await.ok();
    let key = server
        .key_with(testkit::SELLER, native::AUDIENCE, |key| {
            key.member = domain::id::MemberId::new(5);
        })
        .await;
    let operator = Client { server: &server, key };
    let chat = buyer.product_chat().await;
    assert_eq!(operator.say(chat, "Да").await["author"]["member_id"], 5);
    let path = format!("/chats/{chat}/messages");
    assert_eq!(operator.get(&path).await.ok()["messages"][0]["author"]["member_id"], 5);
    let seen = buyer.get(&path).await.ok();
    assert_eq!(seen["messages"][0]["author"]["member_id"], Value::Null);
}
