//! Facts, one by one.

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{BUYER, SELLER, Server, email_of};

use super::client::Client;

const LARGEST: i64 = 9_007_199_254_740_991;

/// A body of each kind that holds only what must be there.
fn smallest() -> Vec<(&'static str, Value)> {
    let at = "2026-11-21T09:00:00+03:00";
    vec![
        ("accounts", json!({"display_name": "Н", "created_at": at})),
        ("members", json!({"account_id": SELLER.get(), "name": "О"})),
        ("shops", json!({"seller_id": SELLER.get(), "name": "М", "model": "dbs"})),
        ("products", json!({"seller_id": SELLER.get(), "title": "Т", "price": 0})),
        ("orders", json!({"seller_id": SELLER.get(), "buyer_id": BUYER.get(), "created_at": at})),
        ("returns", json!({"order_id": 5000, "created_at": at})),
    ]
}

#[tokio::test]
async fn the_marketplace_can_tell_everything_in_any_order_and_any_number_of_times() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let at = "2026-11-21T09:00:00.000Z";
    let calls = [
        ("returns/7001", json!({"order_id": 7000, "created_at": at})),
        ("postings/7000-1", json!({"order_id": 7000, "paid_at": at})),
        (
            "orders/7000",
            json!({
                "seller_id": 501, "buyer_id": 502, "shop_id": 503, "number": "7000", "created_at": at,
                "items": [{"product_id": 504, "quantity": 2}, {"product_id": 505}],
            }),
        ),
        (
            "products/504",
            json!({
                "seller_id": 501, "sku": "A-1", "title": "Фара", "price": 100, "published_at": at,
                "attributes": {"steering": "left"},
            }),
        ),
        ("shops/503", json!({"seller_id": 501, "name": "Склад", "model": "express"})),
        ("members/506", json!({"account_id": 501, "name": "Олег", "role": "supervisor"})),
        (
            "accounts/501",
            json!({
                "kind": "company", "display_name": "Магазин", "avatar_url": "https://example.test/a.png",
                "city_id": 2, "rating": "4.85", "reviews_count": 10, "products_count": 3,
                "created_at": "2020-01-01T03:00:00.1239+03:00", "email": "shop@example.test",
                "email_verified": true, "phone": "+79991234567", "attributes": {"metro": {"id": 1}},
            }),
        ),
        ("accounts/502", json!({"display_name": "Покупатель", "created_at": at})),
    ];
    for _ in 0..2 {
        for (path, body) in &calls {
            let answer = host.put(&format!("/host/{path}"), body.clone()).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        }
    }
    let buyer = Client::of(&server, domain::id::AccountId::new(502).unwrap()).await;
    let context = json!({"type": "return", "id": 7001});
    let opened = buyer.post("/chats", json!({"context": context})).await.ok();
    let chat = &opened["chat"];
    let seller = &chat["seller"];
    assert_eq!(seller["kind"], "company");
    assert_eq!(seller["rating"], "4.85");
    assert_eq!(seller["created_at"], "2020-01-01T00:00:00.123Z", "no finer than a millisecond");
    let order = &chat["context"]["order"];
    assert_eq!((&order["model"], &order["shop_id"]), (&json!("express"), &json!(503)));
    assert_eq!(
        order["items"],
        json!([{"product_id": 504, "quantity": 2}, {"product_id": 505, "quantity": 1}])
    );
    assert_eq!(order["postings"][0]["number"], "7000-1");
    assert_eq!(chat["context"]["product"]["attributes"], json!({"steering": "left"}));
}

#[tokio::test]
async fn a_fact_replaces_the_one_before_as_a_whole() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let body = json!({"seller_id": SELLER.get(), "title": "Другое", "price": 1});
    host.put(&format!("/host/products/{}", testkit::PRODUCT), body).await.ok();
    let product = buyer.get(&format!("/chats/{chat}")).await.ok()["context"]["product"].clone();
    assert_eq!(product["title"], "Другое");
    assert_eq!((&product["sku"], &product["published"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn ids_go_from_one_to_the_largest_that_javascript_holds() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    for (kind, body) in smallest() {
        // The largest account id is the marketplace's own.
        let largest = if kind == "accounts" { LARGEST - 1 } else { LARGEST };
        for id in [1, largest] {
            let answer = host.put(&format!("/host/{kind}/{id}"), body.clone()).await;
            assert_eq!(answer.status, 204, "{kind}/{id} {}", answer.text);
        }
        for id in ["0", "-1", "9007199254740992", "99999999999999999999", "x", "1.0", "%ff"] {
            host.put(&format!("/host/{kind}/{id}"), body.clone()).await.invalid_at("id");
        }
    }
    let (_, account) = smallest().swap_remove(0);
    host.put(&format!("/host/accounts/{LARGEST}"), account).await.invalid_at("id");
    let posting = json!({"order_id": 5000});
    host.put(&format!("/host/postings/{}", "1".repeat(100)), posting.clone()).await.ok();
    for number in ["1".repeat(101), "%00".to_owned(), "a%0Ab".to_owned()] {
        host.put(&format!("/host/postings/{number}"), posting.clone()).await.invalid_at("number");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_fact_is_named_with_its_place() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let wrong = [
        ("accounts", "display_name", json!("")),
        ("accounts", "display_name", json!("я".repeat(256))),
        ("accounts", "display_name", json!("a\u{0}b")),
        ("accounts", "display_name", json!(7)),
        ("accounts", "display_name", json!(null)),
        ("accounts", "kind", json!("robot")),
        ("accounts", "created_at", json!("yesterday")),
        ("accounts", "created_at", json!("2026-11-21")),
        ("accounts", "created_at", json!("2026-11-21T10:00:00")),
        ("accounts", "created_at", json!("1969-12-31T23:59:59Z")),
        ("accounts", "created_at", json!(1_700_000_000)),
        ("accounts", "reviews_count", json!(-1)),
        ("accounts", "city_id", json!(0)),
        ("accounts", "attributes", json!([])),
        ("accounts", "attributes", json!("{}")),
        ("accounts", "attributes", json!({"a": "x".repeat(16 << 10)})),
        ("accounts", "attributes", json!({"a": {"b": "\u{0}"}})),
        ("accounts", "password_hash", json!("not a hash")),
        (
            "accounts",
            "password_hash",
            json!("$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA"),
        ),
        ("accounts", "email", json!("a".repeat(255))),
        ("accounts", "email", json!("anna.example.test")),
        ("accounts", "email", json!("anna@")),
        ("accounts", "rating", json!("4,85")),
        ("accounts", "rating", json!(".5")),
        ("accounts", "rating", json!("high")),
        ("accounts", "avatar_url", json!("javascript:alert(1)")),
        ("accounts", "avatar_url", json!("/a.png")),
        ("accounts", "avatar_url", json!("https:///a.png")),
        ("accounts", "is_active", json!("yes")),
        ("members", "account_id", json!(0)),
        ("members", "role", json!("boss")),
        ("shops", "model", json!("fby")),
        ("shops", "seller_id", json!("7")),
        ("products", "price", json!(1.5)),
        ("products", "title", json!("t".repeat(501))),
        ("products", "sku", json!("s".repeat(101))),
        ("members", "account_id", json!(LARGEST)),
        ("shops", "seller_id", json!(LARGEST)),
        ("products", "seller_id", json!(LARGEST)),
        ("orders", "seller_id", json!(LARGEST)),
        ("orders", "buyer_id", json!(LARGEST)),
        ("orders", "buyer_id", json!(SELLER.get())),
        ("orders", "items", json!({})),
        ("returns", "order_id", json!(LARGEST + 1)),
    ];
    let bodies = smallest();
    for (kind, member, value) in wrong {
        let (_, body) = bodies.iter().find(|(known, _)| *known == kind).unwrap();
        let mut body = body.clone();
        body[member] = value;
        host.put(&format!("/host/{kind}/777"), body).await.invalid_at(member);
    }
    for (kind, body) in bodies {
        for member in body.as_object().unwrap().keys() {
            let mut body = body.clone();
            body.as_object_mut().unwrap().remove(member);
            let message = host.put(&format!("/host/{kind}/777"), body).await.invalid_at(member);
            assert_eq!(message, "is missing");
        }
    }
    let at = "2026-11-21T09:00:00Z";
    let order = json!({
        "seller_id": 1, "buyer_id": 2, "created_at": at,
        "items": [{"product_id": 1}, {"product_id": 1, "quantity": 0}],
    });
    host.put("/host/orders/777", order).await.invalid_at("items[1].quantity");
    let items = |count: usize| vec![json!({"product_id": 1}); count];
    let order =
        |count| json!({"seller_id": 1, "buyer_id": 2, "created_at": at, "items": items(count)});
    host.put("/host/orders/777", order(1000)).await.ok();
    host.put("/host/orders/777", order(1001)).await.invalid_at("items");
}

#[tokio::test]
async fn an_email_address_belongs_to_one_account() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let body = json!({
        "display_name": "Двойник", "created_at": "2026-11-21T09:00:00Z",
        "email": email_of(BUYER).to_uppercase(),
    });
    let refused = host.put("/host/accounts/900", body).await;
    refused.problem(StatusCode::CONFLICT, "email-taken");
    let keys = host.get("/host/accounts/900/keys").await;
    keys.problem(StatusCode::NOT_FOUND, "account-not-found");
}
