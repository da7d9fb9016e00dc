//! Making, looking at, changing, deleting.

use domain::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_SELLER, Reply, SELLER, Server};

use super::{make, path, wanted, willing};
use crate::native::client::{Answer, Client};

async fn patch(client: &Client<'_>, path: &str, body: Value) -> Answer {
    Answer::of(client.request(Method::PATCH, path).json(&body)).await
}

#[tokio::test]
async fn a_webhook_is_made_shown_changed_and_deleted() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let receiver = willing().await;
    Client::buyer(&server).await.product_chat().await;
    let made = make(&seller, &receiver).await;
    // It begins with what happens from now on.
    let expected = json!({
        "id": made["id"],
        "format": "native",
        "url": format!("{}/hook", receiver.url()),
        "exact_url": false,
        "name": "CRM",
        "types": [],
        "state": "active",
        "created_at": "2026-11-21T10:00:00.000Z",
        "previous_secret_until": null,
        "position": 1,
        "newest": 1,
        "lag": 0,
        "waiting": 0,
        "failing_since": null,
        "failing_sequence": null,
        "last_delivery": null,
    });
    let mut shown = made.clone();
    let secret = shown.as_object_mut().unwrap().remove("secret").unwrap();
    assert_eq!(shown, expected);
    assert!(secret.as_str().unwrap().starts_with("whsec_"));

    let listed = seller.get("/webhooks").await;
    assert!(!listed.text.contains("whsec_"), "a secret is shown once");
    assert_eq!(listed.ok(), json!({"webhooks": [expected]}));
    assert_eq!(seller.get(&path(&made, "")).await.ok(), expected);

    let other = format!("{}/other", receiver.url());
    let change =
        json!({"url": other, "name": "Склад", "types": ["message.created", "chat.closed"]});
    let changed = patch(&seller, &path(&made, ""), change).await.ok();
    assert_eq!((&changed["url"], &changed["name"]), (&json!(other), &json!("Склад")));
    assert_eq!(changed["types"], json!(["message.created", "chat.closed"]));
    let nothing = patch(&seller, &path(&made, ""), json!({})).await.ok();
    assert_eq!(nothing, changed);
    let all = patch(&seller, &path(&made, ""), json!({"types": [], "exact_url": true})).await.ok();
    assert_eq!((&all["types"], &all["exact_url"]), (&json!([]), &json!(true)));

    assert_eq!(seller.delete(&path(&made, "")).await.status, 204);
    let gone = seller.delete(&path(&made, "")).await;
    gone.problem(StatusCode::NOT_FOUND, "webhook-not-found");
    assert_eq!(seller.get("/webhooks").await.ok(), json!({"webhooks": []}));
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn webhooks_of_others_do_not_exist() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let stranger = Client::of(&server, OTHER_SELLER).await;
    let receiver = willing().await;
    let made = make(&seller, &receiver).await;
    let calls = [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::POST, "/rotate-secret"),
        (Method::POST, "/ping"),
        (Method::POST, "/pause"),
        (Method::POST, "/resume"),
        (Method::POST, "/replay"),
        (Method::GET, "/deliveries"),
    ];
    for (method, deed) in calls {
        let call = async |id: &str| {
            let request = stranger.request(method.clone(), &format!("/webhooks/{id}{deed}"));
            Answer::of(request.json(&json!({"from_sequence": 1}))).await
        };
        let foreign = call(&made["id"].to_string()).await;
        for absent in ["999", "0", "-1", "x", "99999999999999999999"] {
            assert_eq!(call(absent).await.text, foreign.text, "{method} {deed} {absent}");
        }
        foreign.problem(StatusCode::NOT_FOUND, "webhook-not-found");
    }
    assert_eq!(stranger.get("/webhooks").await.ok(), json!({"webhooks": []}));
    assert_eq!(seller.get(&path(&made, "")).await.ok()["state"], "active");
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn the_marketplace_makes_lists_and_deletes_webhooks_of_any_account() {
    let server = Server::start().await;
    let (host, seller) = (Client::host(&server).await, Client::seller(&server).await);
    let receiver = willing().await;
    let of_seller = format!("/host/accounts/{SELLER}/webhooks");
    let answer = host.post(&of_seller, wanted(&receiver)).await;
    assert_eq!(answer.status, 201);
    let mut made = answer.ok();
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    assert_eq!(seller.get("/webhooks").await.ok(), json!({"webhooks": [made]}));
    assert_eq!(host.get(&of_seller).await.ok(), json!({"webhooks": [made]}));

    let of_buyer = format!("/host/accounts/{BUYER}/webhooks/{}", made["id"]);
    host.delete(&of_buyer).await.problem(StatusCode::NOT_FOUND, "webhook-not-found");
    assert_eq!(host.delete(&format!("{of_seller}/{}", made["id"])).await.status, 204);
    assert_eq!(seller.get("/webhooks").await.ok(), json!({"webhooks": []}));

    let of_nobody = "/host/accounts/999/webhooks";
    host.get(of_nobody).await.problem(StatusCode::NOT_FOUND, "account-not-found");
    let answer = host.post(of_nobody, wanted(&receiver)).await;
    answer.problem(StatusCode::NOT_FOUND, "account-not-found");
    let answer = seller.post(&of_seller, wanted(&receiver)).await;
    answer.problem(StatusCode::FORBIDDEN, "wrong-kind-of-key");
}

#[tokio::test]
async fn a_ping_says_what_came_of_it_and_stands_in_the_delivery_log() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let receiver = willing().await;
    let made = make(&seller, &receiver).await;
    let answers = [
        (Reply::text(200, "text/plain", "рад"), "accepted", json!(null), json!(200), "рад"),
        (Reply::status(500), "failed", json!("the receiver failed"), json!(500), ""),
        (Reply::status(404), "failed", json!("the receiver refused it"), json!(404), ""),
        (
            Reply::Answer {
                status: 302,
                headers: vec![("location", receiver.url().to_owned())],
                body: String::new(),
            },
            "failed",
            json!("a redirect, which is not followed"),
            json!(302),
            "",
        ),
        (Reply::Break, "failed", json!("the connection broke"), json!(null), ""),
    ];
    let mut shown = Vec::new();
    for (reply, outcome, reason, status, response) in answers {
        receiver.reply(reply);
        let mut ping = seller.post(&path(&made, "/ping"), json!({})).await.ok();
        assert!(ping["duration_ms"].is_i64(), "{ping}");
        let expected = json!({
            "at": "2026-11-21T10:00:00.000Z",
            "type": "webhook.ping",
            "sequence": null,
            "attempt": 1,
            "outcome": outcome,
            "reason": reason,
            "status": status,
            "duration_ms": ping["duration_ms"],
            "response": response,
        });
        assert_eq!(ping, expected);
        shown.insert(0, ping.take());
        let arrived = receiver.next().await;
        let told = json!({"kind": "webhook.ping", "webhook_id": made["id"], "at": "2026-11-21T10:00:00.000Z"});
        assert_eq!((arrived.json(), arrived.path.as_str()), (told, "/hook"));
    }
    receiver.is_left_alone().await;
    let log = seller.get(&path(&made, "/deliveries")).await.ok();
    assert_eq!(log, json!({"deliveries": shown, "next_cursor": null}));
    assert_eq!(seller.get(&path(&made, "")).await.ok()["last_delivery"], shown[0]);
    // No ping makes a webhook of this format fail.
    assert_eq!(seller.get(&path(&made, "")).await.ok()["failing_since"], Value::Null);
}

#[tokio::test]
async fn the_delivery_log_is_read_page_by_page() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let receiver = willing().await;
    let (made, other) = (make(&seller, &receiver).await, make(&seller, &receiver).await);
    for number in 0..5 {
        receiver.reply(Reply::text(200, "text/plain", &number.to_string()));
        server.clock().advance(SignedDuration::from_secs(1));
        for webhook in [&made, &other] {
            seller.post(&path(webhook, "/ping"), json!({})).await.ok();
        }
    }
    let log = path(&made, "/deliveries");
    let (mut query, mut responses, mut lengths) = ("?limit=2".to_owned(), Vec::new(), Vec::new());
    let mut cursors = Vec::new();
    loop {
        let page = seller.get(&format!("{log}{query}")).await.ok();
        let deliveries = page["deliveries"].as_array().unwrap();
        lengths.push(deliveries.len());
        responses.extend(deliveries.iter().map(|one| one["response"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        cursors.push(cursor.to_owned());
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!((lengths, responses.concat()), (vec![2, 2, 1], "43210".to_owned()));
    let whole = seller.get(&format!("{log}?limit=5")).await.ok();
    assert_eq!(whole["next_cursor"], Value::Null, "no page is empty");

    let elsewhere = format!("{}?cursor={}", path(&other, "/deliveries"), cursors[0]);
    seller.get(&elsewhere).await.invalid_at("cursor");
    seller.get(&format!("{log}?cursor=x")).await.invalid_at("cursor");
    for limit in ["0", "101", "x"] {
        seller.get(&format!("{log}?limit={limit}")).await.invalid_at("limit");
    }
    seller.get(&format!("{log}?limit=100")).await.ok();
}

#[tokio::test]
async fn long_answers_are_kept_in_part() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let receiver = willing().await;
    let made = make(&seller, &receiver).await;
    for (length, kept) in [(1024, 1024), (1025, 1024), (100_000, 1024)] {
        receiver.reply(Reply::text(500, "text/plain", &"x".repeat(length)));
        let ping = seller.post(&path(&made, "/ping"), json!({})).await.ok();
        assert_eq!(ping["response"].as_str().unwrap().len(), kept);
    }
}
