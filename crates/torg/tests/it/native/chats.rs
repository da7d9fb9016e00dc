//! Opening, listing and looking at chats.

use domain::catalog::Model;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{
    BUYER, OTHER_BUYER, OTHER_PRODUCT, OTHER_SELLER, PRODUCT, SELLER, Server, UNPUBLISHED_PRODUCT,
};

use super::client::Client;

fn ids(list: &Value) -> Vec<i64> {
    list["chats"].as_array().unwrap().iter().map(|chat| chat["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn there_is_one_chat_for_each_seller_buyer_and_context() {
    let server = Server::start().await;
    let order = server.order(Model::Fbs).await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let cases = [
        (json!({"context": {"type": "product", "id": PRODUCT.get()}}), "product", false),
        (json!({"context": {"type": "order", "id": order.id.get()}}), "order", true),
        (json!({"context": {"type": "return", "id": order.return_id.get()}}), "return", true),
        (json!({"context": {"type": "none"}, "seller_id": SELLER.get()}), "none", false),
    ];
    let mut seen = Vec::new();
    for (request, kind, seller_may) in cases {
        let first = buyer.post("/chats", request.clone()).await;
        assert_eq!(first.status, 201, "{}", first.text);
        let first = first.ok();
        assert_eq!(first["created"], true);
        assert_eq!(first["chat"]["context"]["type"], kind);
        assert_eq!(first["chat"]["side"], "buyer");
        let again = buyer.post("/chats", request.clone()).await;
        assert_eq!(again.status, 200);
        assert_eq!(again.body["chat"]["id"], first["chat"]["id"]);
        if seller_may {
            let by_seller = seller.post("/chats", request).await;
            assert_eq!(by_seller.status, 200, "{}", by_seller.text);
            assert_eq!(by_seller.body["chat"]["id"], first["chat"]["id"]);
            assert_eq!(by_seller.body["chat"]["side"], "seller");
        }
        seen.push(first["chat"]["id"].as_i64().unwrap());
    }
    // A posting is another name for its order.
    let posting = json!({"context": {"type": "posting", "number": order.posting}});
    assert_eq!(buyer.post("/chats", posting).await.ok()["chat"]["id"], seen[1]);
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn parallel_openings_make_one_chat() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let request = json!({"context": {"type": "product", "id": PRODUCT.get()}});
    let (a, b, c) = tokio::join!(
        buyer.post("/chats", request.clone()),
        buyer.post("/chats", request.clone()),
        buyer.post("/chats", request.clone())
    );
    let mut statuses = [a.status, b.status, c.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 201]);
    assert_eq!(a.body["chat"]["id"], b.body["chat"]["id"]);
    assert_eq!(b.body["chat"]["id"], c.body["chat"]["id"]);
}

#[tokio::test]
async fn what_is_absent_and_what_is_foreign_look_the_same() {
    let server = Server::start().await;
    let order = server.order(Model::Fbs).await;
    let stranger = Client::of(&server, OTHER_SELLER).await;
    let chat = Client::buyer(&server).await.order_chat(&order).await;

    let open = |context: Value| stranger.post("/chats", json!({"context": context}));
    let pairs = [
        (
            json!({"type": "order", "id": order.id.get()}),
            json!({"type": "order", "id": 1}),
            "order-not-found",
        ),
        (
            json!({"type": "return", "id": order.return_id.get()}),
            json!({"type": "return", "id": 1}),
            "return-not-found",
        ),
        (
            json!({"type": "posting", "number": order.posting}),
            json!({"type": "posting", "number": "1-1"}),
            "posting-not-found",
        ),
        (
            json!({"type": "product", "id": UNPUBLISHED_PRODUCT.get()}),
            json!({"type": "product", "id": 1}),
            "product-not-found",
        ),
    ];
    for (foreign, absent, slug) in pairs {
        let (foreign, absent) = (open(foreign).await, open(absent).await);
        assert_eq!(foreign.text, absent.text);
        foreign.problem(StatusCode::NOT_FOUND, slug);
    }

    for suffix in ["", "/messages"] {
        let foreign = stranger.get(&format!("/chats/{chat}{suffix}")).await;
        for absent in ["999999", "0", "-1", "9007199254740992", "99999999999999999999", "x", "%ff"]
        {
            let absent = stranger.get(&format!("/chats/{absent}{suffix}")).await;
            assert_eq!(foreign.text, absent.text);
        }
        foreign.problem(StatusCode::NOT_FOUND, "chat-not-found");
    }
    for (suffix, body) in
        [("/messages", json!({"text": "x"})), ("/read", json!({})), ("/hide", json!({}))]
    {
        let foreign = stranger.post(&format!("/chats/{chat}{suffix}"), body.clone()).await;
        let absent = stranger.post(&format!("/chats/999999{suffix}"), body).await;
        assert_eq!(foreign.text, absent.text);
        foreign.problem(StatusCode::NOT_FOUND, "chat-not-found");
    }
}

#[tokio::test]
async fn a_chat_needs_a_context_that_names_something() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let cases = [
        (json!({}), "context"),
        (json!({"context": {}}), "context.type"),
        (json!({"context": {"type": "basket"}}), "context.type"),
        (json!({"context": {"type": "order"}}), "context.id"),
        (json!({"context": {"type": "order", "id": "7"}}), "context.id"),
        (json!({"context": {"type": "order", "id": 0}}), "context.id"),
        (json!({"context": {"type": "order", "id": 9_007_199_254_740_992_i64}}), "context.id"),
        (json!({"context": {"type": "posting"}}), "context.number"),
        (json!({"context": {"type": "none"}}), "seller_id"),
        (json!({"context": {"type": "none"}, "seller_id": 1, "buyer_id": 2}), "seller_id"),
        (
            json!({"context": {"type": "none"}, "seller_id": 1, "message": {"text": 7}}),
            "message.text",
        ),
    ];
    for (request, path) in cases {
        buyer.post("/chats", request).await.invalid_at(path);
    }
    assert_eq!(ids(&buyer.get("/chats").await.ok()), Vec::<i64>::new());
}

#[tokio::test]
async fn a_chat_shows_everything_around_it() {
    let server = Server::start().await;
    let order = server.order(Model::Rfbs).await;
    let buyer = Client::buyer(&server).await;
    let context = json!({"type": "return", "id": order.return_id.get()});
    let opened =
        buyer.post("/chats", json!({"context": context, "message": {"text": "Не работает"}}));
    let opened = opened.await.ok();
    let id = opened["chat"]["id"].as_i64().unwrap();
    assert_eq!(opened["message"]["text"], "Не работает");

    let chat = Client::seller(&server).await.get(&format!("/chats/{id}")).await.ok();
    assert_eq!(chat["side"], "seller");
    assert_eq!(chat["state"], "open");
    assert_eq!(chat["turn"], "seller");
    assert_eq!(chat["waiting_since"], "2026-11-21T10:00:00.000Z");
    assert_eq!(chat["unread"], 1);
    assert_eq!(chat["last_message"]["text"], "Не работает");
    assert_eq!(chat["seller"]["display_name"], "Невский Разбор");
    assert_eq!(chat["buyer"]["display_name"], "Анна К.");
    assert_eq!(chat["can_send"], json!({"allowed": true, "until": null, "reason": null}));
    let context = &chat["context"];
    assert_eq!(context["type"], "return");
    assert_eq!(context["id"], order.return_id.get());
    assert_eq!(context["return"]["id"], order.return_id.get());
    assert_eq!(context["order"]["number"], order.number);
    assert_eq!(context["order"]["model"], "rfbs");
    assert_eq!(context["order"]["postings"][0]["paid_at"], "2026-11-21T09:00:00.000Z");
    assert_eq!(context["product"]["sku"], "sku-88");
    // Looking at it has delivered it, and read nothing.
    let after = buyer.get(&format!("/chats/{id}")).await.ok();
    assert_eq!(after["seller_position"]["delivered_up_to"], after["last_message"]["id"]);
    assert_eq!(after["seller_position"]["read_up_to"], Value::Null);
    assert_eq!(after["last_message"]["delivered"], true);
    assert_eq!(after["last_message"]["read"], false);
    assert_eq!(after["unread"], 0);
}

#[tokio::test]
async fn lists_filter_and_page_by_activity() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let mut chats = Vec::new();
    for _ in 0..5 {
        let order = server.order(Model::Fbs).await;
        let chat = buyer.order_chat(&order).await;
        buyer.say(chat, "вопрос").await;
        chats.push(chat);
    }
    let empty = buyer.product_chat().await;
    chats.reverse();

    let all = ids(&seller.get("/chats").await.ok());
    assert_eq!(all[..5], chats[..]);
    assert_eq!(all[5], empty, "chats without a message come last");

    let mut paged = Vec::new();
    let mut path = "/chats?limit=2".to_owned();
    loop {
        let page = seller.get(&path).await.ok();
        paged.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/chats?limit=2&cursor={cursor}");
    }
    assert_eq!(paged, all);

    seller.post(&format!("/chats/{}/read", chats[0]), json!({})).await.ok();
    seller.post(&format!("/chats/{}/hide", chats[1]), json!({})).await.ok();
    let host = Client::host(&server).await;
    host.post(&format!("/host/chats/{}/close", chats[2]), json!({})).await.ok();
    let listed = |query: &'static str| {
        let seller = &seller;
        async move { ids(&seller.get(&format!("/chats?{query}")).await.ok()) }
    };
    assert_eq!(listed("unread=true").await, [chats[2], chats[3], chats[4]]);
    assert_eq!(listed("unread=true&hidden=true").await, chats[1..]);
    assert_eq!(listed("status=closed").await, [chats[2]]);
    assert_eq!(listed("status=open&unread=true").await, [chats[3], chats[4]]);
    assert_eq!(listed("side=buyer").await, Vec::<i64>::new());
    assert_eq!(listed("side=seller&status=closed").await, [chats[2]]);
}

#[tokio::test]
async fn a_cursor_works_for_its_own_list_only() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    for _ in 0..2 {
        buyer.order_chat(&server.order(Model::Fbs).await).await;
    }
    let page = seller.get("/chats?limit=1").await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    seller.get(&format!("/chats?cursor={cursor}")).await.ok();
    for path in [
        format!("/chats?unread=true&cursor={cursor}"),
        format!("/chats?status=open&cursor={cursor}"),
        format!("/chats?cursor={cursor}A"),
        "/chats?cursor=AAAA".to_owned(),
        "/chats?cursor=%D1%8F".to_owned(),
        "/chats?cursor=".to_owned(),
    ] {
        seller.get(&path).await.invalid_at("cursor");
    }
    buyer.get(&format!("/chats?cursor={cursor}")).await.invalid_at("cursor");
}

#[tokio::test]
async fn hiding_lasts_until_the_next_message_and_concerns_one_side() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/hide");
    assert_eq!(seller.post(&path, json!({})).await.status, 204);
    assert_eq!(seller.post(&path, json!({})).await.status, 204, "repeating is harmless");
    assert_eq!(ids(&seller.get("/chats").await.ok()), Vec::<i64>::new());
    assert_eq!(ids(&buyer.get("/chats").await.ok()), [chat]);
    assert_eq!(seller.get(&format!("/chats/{chat}")).await.ok()["hidden"], true);
    buyer.say(chat, "ау").await;
    assert_eq!(ids(&seller.get("/chats").await.ok()), [chat]);
}

#[tokio::test]
async fn the_same_account_may_sell_in_one_chat_and_buy_in_another() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    Client::buyer(&server).await.product_chat().await;
    let context = json!({"type": "product", "id": OTHER_PRODUCT.get()});
    seller.post("/chats", json!({"context": context})).await.ok();
    for (side, product) in [("seller", PRODUCT), ("buyer", OTHER_PRODUCT)] {
        let list = seller.get(&format!("/chats?side={side}")).await.ok();
        assert_eq!(ids(&list).len(), 1);
        assert_eq!(list["chats"][0]["side"], side);
        assert_eq!(list["chats"][0]["context"]["id"], product.get());
    }
}

#[tokio::test]
async fn a_seller_does_not_begin_chats_about_products_or_nothing() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    for request in [
        json!({"context": {"type": "product", "id": PRODUCT.get()}, "buyer_id": OTHER_BUYER.get()}),
        json!({"context": {"type": "none"}, "buyer_id": BUYER.get()}),
    ] {
        let problem = seller.post("/chats", request).await;
        problem.problem(StatusCode::FORBIDDEN, "opening-not-allowed");
    }
    let own = json!({"context": {"type": "product", "id": PRODUCT.get()}});
    seller.post("/chats", own).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "own-product");
}
