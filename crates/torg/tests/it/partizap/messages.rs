//! History, sending, reading, typing (Partizap contract §4.6, §5.1, §5.2, §5.4, §7.5, §7.8, §7.16).

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_PRODUCT, PRODUCT, SELLER, Server};

use super::person::{Person, answer_of};

async fn begin(person: &Person<'_>) -> i64 {
    let answer = person.write_about(PRODUCT.get(), "Начало").await;
    answer.body["data"]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn texts_are_trimmed_counted_in_characters_and_kept_as_they_are() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let id = begin(&buyer).await;
    let path = format!("/vendor/conversations/{id}/messages");
    let longest = "🚗".repeat(2000);
    let accepted: [(&str, String, &str); 7] = [
        ("§7.5 trimmed", "\u{3000} Да\u{a0}\n".to_owned(), "Да"),
        ("§7.5 line breaks", "а\r\nб\n\tв".to_owned(), "а\nб\n\tв"),
        ("§7.5 plain text", "<b>&amp; https://a.example".to_owned(), "<b>&amp; https://a.example"),
        ("§8.8 2000 characters", "я".repeat(2000), &"я".repeat(2000)),
        ("§8.8 2000 emoji", longest.clone(), &longest),
        ("§7.5 trimmed before it is counted", format!("  {longest} "), &longest),
        ("one character", "а".to_owned(), "а"),
    ];
    for (case, text, kept) in accepted {
        let answer = buyer.post(&path, json!({"text": text})).await;
        assert_eq!(answer.status, 201, "{case}: {}", answer.body);
        assert_eq!(answer.body["data"]["text"], kept, "{case}");
    }
    let stored = buyer.walk(&format!("{path}?limit=100")).await.len();
    let refused: [(&str, Value); 12] = [
        ("§8.8 2001 characters", json!({"text": "я".repeat(2001)})),
        ("§8.8 2001 emoji", json!({"text": "🚗".repeat(2001)})),
        ("§8.8 white space", json!({"text": " \n\u{3000}"})),
        ("empty", json!({"text": ""})),
        ("absent", json!({})),
        ("null", json!({"text": null})),
        ("§7.5 a number", json!({"text": 5})),
        ("§7.5 a list", json!({"text": ["a"]})),
        ("§7.5 NUL", json!({"text": "a\u{0}"})),
        ("§7.5 a control character", json!({"text": "a\u{7}b"})),
        ("§7.5 a lone carriage return", json!({"text": "a\rb"})),
        ("the alias is checked, too", json!({"message": " "})),
    ];
    for (case, body) in refused {
        buyer.post(&path, body).await.assert_invalid(&["text"], case);
    }
    assert_eq!(buyer.walk(&format!("{path}?limit=100")).await.len(), stored);

    // §5.2: the other name, when `text` is absent; §7.19: unknown fields; §7.16: two posts are two messages.
    for body in [
        json!({"message": "Через псевдоним"}),
        json!({"text": null, "message": "Через псевдоним"}),
        json!({"text": "Через псевдоним", "message": 5, "reply_to": 7}),
    ] {
        let answer = buyer.post(&path, body).await;
        assert_eq!(answer.body["data"]["text"], "Через псевдоним", "{}", answer.body);
    }
    // §7.19: of duplicate keys the last one wins.
    let twice = buyer
        .request(Method::POST, &path)
        .header("Content-Type", "application/json")
        .body(r#"{"text": "первый", "text": "второй"}"#);
    assert_eq!(answer_of(twice).await.body["data"]["text"], "второй");
}

#[tokio::test]
async fn the_history_goes_back_from_the_newest_and_visits_everything_once() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let id = begin(&buyer).await;
    let path = format!("/vendor/conversations/{id}/messages");
    for index in 0..30 {
        buyer.say(id, &format!("вопрос {index}")).await;
        seller.say(id, &format!("ответ {index}")).await;
    }
    // §5.1: 50 by default, newest first.
    let first = seller.get(&path).await;
    let rows = first.body["data"].as_array().unwrap();
    assert_eq!(rows.len(), 50);
    let numbers: Vec<_> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|newer, older| newer > older));
    assert_eq!(rows[0]["text"], "ответ 29");

    // §8.3: every row once, also while new ones arrive.
    let cursor = first.body["meta"]["next_cursor"].as_str().unwrap();
    buyer.say(id, "вдруг").await;
    let rest = seller.get(&format!("{path}?cursor={cursor}")).await;
    let rest = rest.body["data"].as_array().unwrap();
    assert_eq!(rest.len(), 11);
    assert_eq!(rest.last().unwrap()["text"], "Начало");
    assert!(rest[0]["id"].as_i64() < numbers.last().copied());
    for limit in [1, 7, 62, 100] {
        let walked = seller.walk(&format!("{path}?limit={limit}")).await;
        assert_eq!(walked.len(), 62, "limit {limit}");
    }
}

#[tokio::test]
async fn marks_only_go_forward_and_look_the_same_to_both() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let id = begin(&buyer).await;
    let path = format!("/vendor/conversations/{id}");
    // §7.8: a send carries both as false.
    let sent = buyer.post(&format!("{path}/messages"), json!({"text": "Ау"})).await;
    assert_eq!(sent.body["data"]["is_read"], false);
    assert_eq!(sent.body["data"]["is_delivered"], false);
    let message = sent.body["data"]["id"].as_i64().unwrap();
    let marks = async |person: &Person| {
        let answer = person.get(&format!("{path}/messages/search?q=Ау")).await;
        let row = &answer.body["data"][0];
        (row["is_delivered"].as_bool().unwrap(), row["is_read"].as_bool().unwrap())
    };
    // The sender's own fetching delivers nothing, and neither does a search.
    buyer.get(&format!("{path}/messages")).await;
    buyer.get("/vendor/conversations").await;
    assert_eq!((marks(&buyer).await, marks(&seller).await), ((false, false), (false, false)));

    // The recipient fetches the list: delivered, in this very answer too.
    let listed = seller.get("/vendor/conversations").await;
    assert_eq!(listed.body["data"][0]["last_message"]["is_delivered"], true);
    assert_eq!((marks(&buyer).await, marks(&seller).await), ((true, false), (true, false)));

    // §5.4: only reading reads; up to a message, then everything; never back.
    let next = buyer.say(id, "Ещё").await;
    let read = seller.post(&format!("{path}/read"), json!({"message_id": message})).await;
    assert_eq!(read.body, json!({"data": {"unread_count": 1}}));
    assert_eq!(marks(&buyer).await, (true, true));
    let rows = buyer.get(&format!("{path}/messages")).await;
    assert_eq!(rows.body["data"][0]["id"].as_i64(), Some(next));
    assert_eq!(rows.body["data"][0]["is_read"], false);
    for body in [json!({"message_id": next}), json!({"message_id": message}), json!({})] {
        let read = seller.post(&format!("{path}/read"), body).await;
        assert_eq!(read.body, json!({"data": {"unread_count": 0}}));
    }
    let rows = buyer.get(&format!("{path}/messages")).await;
    assert_eq!(rows.body["data"][0]["is_read"], true);
    assert_eq!(rows.body["data"][0]["is_delivered"], true);
}

#[tokio::test]
async fn history_and_one_conversation_deliver_as_the_list_does() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let id = begin(&buyer).await;
    let path = format!("/vendor/conversations/{id}");
    for fetched in [path.clone(), format!("{path}/messages"), "/vendor/conversations".to_owned()] {
        buyer.say(id, "Ау").await;
        let rows = buyer.get(&format!("{path}/messages?limit=1")).await;
        assert_eq!(rows.body["data"][0]["is_delivered"], false, "{fetched}");
        seller.get(&fetched).await;
        let rows = buyer.get(&format!("{path}/messages?limit=1")).await;
        assert_eq!(rows.body["data"][0]["is_delivered"], true, "{fetched}");
    }
}

#[tokio::test]
async fn reading_takes_three_methods_an_optional_body_and_own_messages_only() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let id = begin(&buyer).await;
    let elsewhere = buyer.write_about(OTHER_PRODUCT.get(), "Другое").await;
    let foreign = elsewhere.body["data"]["last_message"]["id"].as_i64().unwrap();
    let path = format!("/vendor/conversations/{id}/read");
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        buyer.say(id, "Ау").await;
        let answer = answer_of(seller.request(method.clone(), &path)).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({"data": {"unread_count": 0}})));
        for body in ["{}", "null", r#"{"message_id": null}"#] {
            let request = seller
                .request(method.clone(), &path)
                .header("Content-Type", "application/json")
                .body(body);
            assert_eq!(answer_of(request).await.status, 200, "{method} {body}");
        }
    }
    buyer.say(id, "Ау").await;
    let wrong = [
        json!(foreign),
        json!(domain::id::LARGEST_ID),
        json!(0),
        json!(-1),
        json!("5"),
        json!(1.5),
    ];
    for message in wrong {
        let answer = seller.post(&path, json!({"message_id": message})).await;
        answer.assert_invalid(&["message_id"], &format!("§5.4 {message}"));
    }
    assert_eq!(seller.unread_total().await, 1);
}

#[tokio::test]
async fn typing_is_answered_literally_and_leaves_no_trace() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let id = begin(&buyer).await;
    let path = format!("/vendor/conversations/{id}");
    let before = buyer.get(&path).await.body;
    // §4.6: all are answered, however many come within two seconds; a body is ignored, whatever it is.
    for _ in 0..5 {
        let answer = buyer.post_nothing(&format!("{path}/typing")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, json!({"data": {"message": "Typing indicator sent"}}));
    }
    let request = buyer.request(Method::POST, &format!("{path}/typing")).body("{nonsense");
    assert_eq!(answer_of(request).await.status, 200);
    assert_eq!(buyer.get(&path).await.body, before);
}
