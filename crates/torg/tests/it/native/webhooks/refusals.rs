//! What is refused about webhooks, each with a problem of its own.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Reply, Server};

use super::{make, path, wanted, willing};
use crate::native::client::{Answer, Client};

const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// What is wanted, with another value for one member.
fn with(wanted: &Value, member: &str, value: Value) -> Value {
    let mut wanted = wanted.clone();
    wanted[member] = value;
    wanted
}

#[tokio::test]
async fn formats_and_types_are_named_where_one_is_not_known() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let good = wanted(&willing().await);
    let problem = seller.post("/webhooks", with(&good, "format", json!("xml"))).await;
    let problem = problem.problem(INVALID, "unknown-format");
    assert_eq!(problem["known_formats"], json!(["native", "ozon", "yandex-market"]));

    let types = json!(["message.created", "message.sent"]);
    let problem = seller.post("/webhooks", with(&good, "types", types)).await;
    let problem = problem.problem(INVALID, "unknown-type");
    assert_eq!(problem["given"], "message.sent");
    let known = problem["known_types"].as_array().unwrap();
    assert!(known.contains(&json!("message.created")) && known.contains(&json!("webhook.failing")));
    // Each format has types of its own.
    let native =
        with(&with(&good, "format", json!("yandex-market")), "types", json!(["chat.opened"]));
    let problem = seller.post("/webhooks", native).await.problem(INVALID, "unknown-type");
    let known =
        ["CHAT_CREATED", "CHAT_MESSAGE_SENT", "CHAT_ARBITRAGE_STARTED", "CHAT_ARBITRAGE_FINISHED"];
    assert_eq!(problem["known_types"], json!(known));

    let repeated = with(&good, "types", json!(["chat.opened", "chat.opened"]));
    assert_eq!(seller.post("/webhooks", repeated).await.ok()["types"], json!(["chat.opened"]));
}

#[tokio::test]
async fn a_format_is_known_while_its_face_is_switched_on() {
    let server = Server::start_with(|settings| settings.yandex_market.enabled = false).await;
    let seller = Client::seller(&server).await;
    let good = wanted(&willing().await);
    let problem = seller.post("/webhooks", with(&good, "format", json!("yandex-market"))).await;
    let problem = problem.problem(INVALID, "unknown-format");
    assert_eq!(problem["known_formats"], json!(["native", "ozon"]));
}

#[tokio::test]
async fn members_are_checked() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let good = wanted(&willing().await);
    for (member, value) in [
        ("format", Value::Null),
        ("name", Value::Null),
        ("name", json!("")),
        ("name", json!("я".repeat(256))),
        ("url", Value::Null),
        ("url", json!(7)),
        ("url", json!("ftp://shop.example/")),
        ("url", json!("/hook")),
        ("url", json!(format!("https://shop.example/{}", "x".repeat(2000)))),
        ("exact_url", json!("yes")),
        ("types", json!("chat.opened")),
    ] {
        seller.post("/webhooks", with(&good, member, value)).await.invalid_at(member);
    }
    for url in [
        "https://user:secret@shop.example/",
        "https://user@shop.example/",
        "https://bad host/",
        // 2000 characters, and more bytes.
        &format!("https://shop.example/{}", "я".repeat(1979)),
    ] {
        let answer = seller.post("/webhooks", with(&good, "url", json!(url))).await;
        answer.problem(INVALID, "bad-url");
    }
    let made = seller.post("/webhooks", good).await.ok();
    for body in [json!({}), json!({"from_sequence": 0}), json!({"from_sequence": "1"})] {
        seller.post(&path(&made, "/replay"), body).await.invalid_at("from_sequence");
    }
    let change = seller.request(Method::PATCH, &path(&made, "")).json(&json!({"url": "x"}));
    Answer::of(change).await.invalid_at("url");
}

#[tokio::test]
async fn private_addresses_are_refused_unless_they_are_allowed() {
    let server =
        Server::start_with(|settings| settings.webhooks.allow_private_addresses = false).await;
    let seller = Client::seller(&server).await;
    let receiver = willing().await;
    for url in [
        receiver.url(),
        "http://127.1/",
        "http://2130706433/",
        "http://10.0.0.1/hook",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
    ] {
        for format in ["native", "ozon", "yandex-market"] {
            let body = json!({"format": format, "name": "x", "url": url});
            let problem = seller.post("/webhooks", body).await;
            problem.problem(INVALID, "private-address");
        }
    }
    // A name that leads to such an address is found out when it is called.
    let port = receiver.url().rsplit(':').next().unwrap();
    let by_name =
        json!({"format": "native", "name": "x", "url": format!("http://localhost:{port}/")});
    let made = seller.post("/webhooks", by_name.clone()).await.ok();
    let ping = seller.post(&path(&made, "/ping"), json!({})).await.ok();
    assert_eq!(ping["outcome"], "failed");
    assert_eq!(
        (&ping["reason"], &ping["status"]),
        (&json!("the address is not allowed"), &Value::Null)
    );
    let confirmed = with(&by_name, "format", json!("yandex-market"));
    seller.post("/webhooks", confirmed).await.problem(INVALID, "not-confirmed");
    let change = seller.request(Method::PATCH, &path(&made, ""));
    let change = Answer::of(change.json(&json!({"url": receiver.url()}))).await;
    change.problem(INVALID, "private-address");
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_webhooks() {
    let server = Server::start_with(|settings| settings.webhooks.webhooks_per_account = 2).await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let receiver = willing().await;
    let made = make(&seller, &receiver).await;
    make(&seller, &receiver).await;
    let problem = seller.post("/webhooks", wanted(&receiver)).await;
    let problem = problem.problem(StatusCode::CONFLICT, "too-many-webhooks");
    assert_eq!(problem["limit"], 2);
    make(&buyer, &receiver).await;
    seller.delete(&path(&made, "")).await;
    make(&seller, &receiver).await;
}

#[tokio::test]
async fn a_receiver_that_does_not_confirm_is_shown_with_its_answer() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let receiver = willing().await;
    receiver.reply(Reply::text(200, "text/plain", "что это?"));
    let body = json!({"format": "yandex-market", "name": "x", "url": receiver.url()});
    let problem = seller.post("/webhooks", body).await.problem(INVALID, "not-confirmed");
    assert_eq!(problem["ping"]["type"], "PING");
    assert_eq!(problem["ping"]["reason"], "CANT_GET_RESPONSE/UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(problem["ping"]["response"], "что это?");
    assert!(problem["detail"].as_str().unwrap().contains("UNSUPPORTED_MEDIA_TYPE"));
    assert_eq!(seller.get("/webhooks").await.ok(), json!({"webhooks": []}));
}

#[tokio::test]
async fn a_replay_stays_within_the_log() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let made = make(&seller, &willing().await).await;
    let chat = buyer.product_chat().await;
    buyer.say(chat, "вопрос").await;
    let replay = path(&made, "/replay");
    let problem = seller.post(&replay, json!({"from_sequence": 4})).await;
    assert_eq!(problem.problem(INVALID, "not-happened-yet")["newest"], 2);
    // The one behind the newest: what came before is skipped.
    seller.post(&replay, json!({"from_sequence": 3})).await.ok();
    assert_eq!(seller.get(&path(&made, "")).await.ok()["lag"], 0);
}

#[tokio::test]
async fn a_replay_begins_with_what_is_kept() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let receiver = willing().await;
    let made = make(&seller, &receiver).await;
    let chat = buyer.product_chat().await;
    super::wait(&server, 31 * 24 * 3600);
    buyer.say(chat, "вопрос").await;
    for _ in 0..2 {
        receiver.next().await;
    }
    let log = async || seller.get("/events").await.ok();
    while log().await["oldest"] != 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let replay = path(&made, "/replay");
    let problem = seller.post(&replay, json!({"from_sequence": 1})).await;
    assert_eq!(problem.problem(StatusCode::GONE, "log-trimmed")["oldest"], 2);
    seller.post(&replay, json!({"from_sequence": 2})).await.ok();
    assert_eq!(receiver.next().await.json()["message"]["text"], "вопрос");
}
