//! Pages and their tokens (§5, rows 18 to 24).

use dialect_yandex_market::AUDIENCE;
use domain::catalog::Model;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_SELLER, SELLER};

use super::{Cabinet, send};

fn token(result: &Value) -> Option<String> {
    Some(result["paging"].get("nextPageToken")?.as_str().unwrap().to_owned())
}

fn ids(result: &Value, list: &str, id: &str) -> Vec<i64> {
    result[list].as_array().unwrap().iter().map(|item| item[id].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn pages_of_chats_cover_all_once_and_the_last_has_no_token() {
    let cabinet = Cabinet::open().await;
    let mut chats = Vec::new();
    for _ in 0..12 {
        chats.push(cabinet.order_chat(Model::Fbs).await);
    }
    // The default is 10.
    let first = cabinet.post("/chats", json!({})).await.result();
    assert_eq!(ids(&first, "chats", "chatId"), chats[..10]);
    // Row 24: exactly as many as are left means no token.
    let all = cabinet.post("/chats?limit=12", json!({})).await.result();
    assert_eq!((ids(&all, "chats", "chatId"), &all["paging"]), (chats.clone(), &json!({})));

    // Row 19: what moves while a client pages neither repeats nor hides. A changed limit is fine.
    let mut seen = ids(&first, "chats", "chatId");
    cabinet.say(BUYER, chats[0], "Где заказ?").await;
    let late = cabinet.order_chat(Model::Fbs).await;
    let next = token(&first).unwrap();
    let second =
        cabinet.post(&format!("/chats?limit=2&pageToken={next}"), json!({})).await.result();
    seen.extend(ids(&second, "chats", "chatId"));
    let next = token(&second).unwrap();
    let third = cabinet.post(&format!("/chats?page_token={next}"), json!({})).await.result();
    seen.extend(ids(&third, "chats", "chatId"));
    chats.push(late);
    assert_eq!(seen, chats);
    assert_eq!(token(&third), None);
}

#[tokio::test]
async fn pages_of_messages_cover_all_once_and_later_ones_come_last() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let mut messages = Vec::new();
    for index in 0..51 {
        messages.push(cabinet.say(BUYER, chat, &format!("{index}")).await);
    }
    assert!(messages.is_sorted());
    let path = format!("/chats/history?chatId={chat}");
    // The default is 50.
    let first = cabinet.post(&path, json!({})).await.result();
    assert_eq!(ids(&first, "messages", "messageId"), messages[..50]);
    let all = cabinet.post(&format!("{path}&limit=51"), json!({})).await.result();
    assert_eq!((ids(&all, "messages", "messageId"), token(&all)), (messages.clone(), None));

    let next = token(&first).unwrap();
    messages.push(cabinet.say(SELLER, chat, "поздно").await); // Row 20.
    let second =
        cabinet.post(&format!("{path}&limit=1&pageToken={next}"), json!({})).await.result();
    assert_eq!(ids(&second, "messages", "messageId"), messages[50..51]);
    let next = token(&second).unwrap();
    let third = cabinet.post(&format!("{path}&pageToken={next}"), json!({})).await.result();
    assert_eq!(
        (ids(&third, "messages", "messageId"), token(&third)),
        (messages[51..].to_vec(), None)
    );
    // A token can be used again.
    let again = cabinet.post(&format!("{path}&pageToken={next}"), json!({})).await.result();
    assert_eq!(ids(&again, "messages", "messageId"), messages[51..]);
}

#[tokio::test]
async fn limits_are_bounded_and_not_cut() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let history = format!("/chats/history?chatId={chat}&");
    for (path, max) in [("/chats?", 20), (history.as_str(), 100)] {
        let too_large = |value: i64| {
            format!("Parameter limit must be less than or equal to {max} (rejected value: {value})")
        };
        let too_small = |value: i64| {
            format!("limit must be greater than or equal to 1 (rejected value: {value})")
        };
        for (limit, refusal) in [
            ("1".to_owned(), None),
            (max.to_string(), None),
            ((max + 1).to_string(), Some(too_large(max + 1))),
            ("2147483647".to_owned(), Some(too_large(2_147_483_647))),
            ("2147483648".to_owned(), Some("Type mismatch: '2147483648'".to_owned())),
            ("0".to_owned(), Some(too_small(0))),
            ("-1".to_owned(), Some(too_small(-1))),
            ("x".to_owned(), Some("Type mismatch: 'x'".to_owned())),
            ("1.5".to_owned(), Some("Type mismatch: '1.5'".to_owned())),
            (String::new(), Some("Type mismatch: ''".to_owned())),
        ] {
            let reply = cabinet.post(&format!("{path}limit={limit}"), json!({})).await;
            match refusal {
                None => assert_eq!(reply.status, 200, "{limit}: {}", reply.text),
                Some(message) => reply.is_error(400, "BAD_REQUEST", &message),
            }
        }
    }
}

#[tokio::test]
async fn row_23_a_token_works_only_where_it_was_made() {
    let cabinet = Cabinet::open().await;
    let (chat, other) =
        (cabinet.order_chat(Model::Fbs).await, cabinet.order_chat(Model::Fbs).await);
    for chat in [chat, other] {
        cabinet.say(BUYER, chat, "раз").await;
        cabinet.say(BUYER, chat, "два").await;
    }
    let filter = json!({"types": ["CHAT"]});
    let of_chats = token(&cabinet.post("/chats?limit=1", filter.clone()).await.result()).unwrap();
    let history = |chat: i64, rest: &str| format!("/chats/history?chatId={chat}{rest}");
    let of_history =
        token(&cabinet.post(&history(chat, "&limit=1"), json!({})).await.result()).unwrap();
    assert!(of_chats.len() <= 512 && of_history.len() <= 512);
    assert!(of_chats.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));

    let changed = format!("{}A", &of_chats[..of_chats.len() - 1]);
    let wrong = [
        ("another filter", format!("/chats?pageToken={of_chats}"), json!({})),
        ("another method", format!("/chats?pageToken={of_history}"), json!({})),
        ("another method", history(chat, &format!("&pageToken={of_chats}")), json!({})),
        ("another chat", history(other, &format!("&pageToken={of_history}")), json!({})),
        ("changed", format!("/chats?pageToken={changed}B"), filter.clone()),
        ("cut", format!("/chats?pageToken={}", &of_chats[1..]), filter.clone()),
        ("made up", "/chats?pageToken=eyJuZXh0SWQiOjIwODE3MzkxfQ==".into(), filter.clone()),
        ("a number", "/chats?pageToken=2".into(), filter.clone()),
        ("huge", format!("/chats?pageToken={}", "A".repeat(5000)), filter.clone()),
        ("not ASCII", "/chats?page_token=%00%D1%84".into(), filter.clone()),
        ("not UTF-8", "/chats?pageToken=%ff".into(), filter.clone()),
    ];
    for (fault, path, body) in wrong {
        let reply = cabinet.post(&path, body).await;
        eprintln!("{fault}");
        reply.is_error(400, "BAD_REQUEST", "Bad page token");
    }
    let stranger = cabinet.server.key(OTHER_SELLER, AUDIENCE).await;
    let path = format!("/v2/businesses/{OTHER_SELLER}/chats?pageToken={of_chats}");
    let reply = send(cabinet.bare("POST", &path).header("Api-Key", stranger).json(&filter)).await;
    reply.is_error(400, "BAD_REQUEST", "Bad page token");

    // The same filter in other words, another limit, another spelling of the path.
    let same = json!({"types": ["CHAT", "CHAT"], "statuses": null});
    let reply = cabinet.post(&format!("/chats.json?limit=20&pageToken={of_chats}"), same).await;
    assert_eq!(ids(&reply.result(), "chats", "chatId"), [other]);
}

#[tokio::test]
async fn the_newer_name_of_the_token_wins_and_an_empty_one_is_none() {
    let cabinet = Cabinet::open().await;
    let (first, second) =
        (cabinet.order_chat(Model::Fbs).await, cabinet.order_chat(Model::Fbs).await);
    let page = cabinet.post("/chats?limit=1", json!({})).await.result();
    let next = token(&page).unwrap();
    for (query, expected) in [
        (format!("pageToken={next}&page_token=x"), vec![second]),
        ("pageToken=".to_owned(), vec![first, second]),
        ("page_token=".to_owned(), vec![first, second]),
        (format!("pageToken=&page_token={next}"), vec![first, second]),
    ] {
        let result = cabinet.post(&format!("/chats?{query}"), json!({})).await.result();
        assert_eq!(ids(&result, "chats", "chatId"), expected, "{query}");
    }
}
